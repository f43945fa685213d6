"""
Demand: a daily forecast with lags
==================================

How many bikes will be rented tomorrow? The past of the series, the calendar and the weather are candidates. A group
lasso picks among them, and the forecast comes with an interval.
"""

# %%
# Daily rentals
# -------------
# Rentals and weather of each day of 2011. Weather counts as known, as from a good forecast.

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import TimeSeriesSplit
from sklearn.preprocessing import OneHotEncoder, SplineTransformer

from skprox import (
    DevianceCurveDisplay,
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    LagTransformer,
)
from skprox.datasets import load_bike_rentals
from skprox.metrics import cohen_r2

hours = load_bike_rentals(as_frame=True).frame
days = hours.groupby("day").agg(
    {"bikers": "sum", "temp": "mean", "hum": "mean", "windspeed": "mean"}
    | {"weekday": "first", "holiday": "first", "hr": "count"}
)
days = days[days["hr"] > 12].reset_index()  # a few days have hardly any hours
days["log_rentals"] = np.log(days["bikers"])
rng = np.random.default_rng(0)
days["noise"] = rng.uniform(size=len(days))
print(f"{len(days)} days, {days['bikers'].mean():.0f} rentals a day")

# %%
# Columns of all days first
# -------------------------
# Lags look back over the border between training and test, which is no leak: yesterday is known today. So columns are
# made of all days, and split then. The first two weeks have no full past, and are left out.

splines = SplineTransformer(4, include_bias=False)
columns = ColumnTransformer(
    [
        ("past", LagTransformer(14, min_lag=1, fill_value=np.nan), ["log_rentals"]),
        ("weather", splines, ["temp", "hum", "windspeed", "noise"]),
        ("weekday", OneHotEncoder(sparse_output=False), ["weekday"]),
        ("holiday", "passthrough", ["holiday"]),
    ]
).set_output(transform="pandas")
X, y = columns.fit_transform(days)[14:], days["bikers"][14:]
train, test = X.index < 240, X.index >= 240
print(f"{train.sum()} days to learn from, {test.sum()} to forecast")

# %%
# Choose by time
# --------------
# Each fold forecasts days that come after those it has learned from.

folds = TimeSeriesSplit(5, test_size=25)
model = GroupLassoPoissonCV(alphas=40, cv=folds).fit(X[train], y[train])
print(model.summary(X[train]).round(3))
DevianceCurveDisplay.from_estimator(model)
plt.show()

# %%
# Forecasts one day ahead, with intervals
# ---------------------------------------
# As in use, the model is fitted anew every two weeks, at the strength that was chosen. Daily rentals vary far more than
# Poisson counts; their dispersion so far makes the intervals.

parts = []
for start in range(240, X.index[-1] + 1, 14):
    known = X.index < start
    ahead = X.index[(X.index >= start) & (X.index < start + 14)]
    now = GroupLassoPoisson(alpha=model.alpha_).fit(X[known], y[known])
    dispersion = now.dispersion(X[known], y[known])
    counts = now.predict_distribution(X.loc[ahead], dispersion=dispersion)
    low, high = counts.interval(0.9)
    part = {"forecast": counts.mean(), "low": low, "high": high}
    parts.append(pd.DataFrame(part, index=ahead))
forecast = pd.concat(parts)
low, high = forecast["low"], forecast["high"]
inside = ((low <= y[test]) & (y[test] <= high)).mean()
naive = days["bikers"].shift(7)[14:][test]  # as a week ago
print(
    f"dispersion {dispersion:.0f}; {inside:.0%} of the days lie in their 90 % interval"
)
for name, each in [("group lasso", forecast["forecast"]), ("as a week ago", naive)]:
    error = np.abs(each - y[test]).mean()
    print(f"{name}: D² {cohen_r2(y[test], each):.2f}, mean error {error:.0f} rentals")

fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
day = days["day"][14:][test]
ax.fill_between(day, low, high, color="C0", alpha=0.2, lw=0, label="90 % interval")
ax.plot(day, forecast["forecast"], color="C0", label="forecast")
ax.plot(day, y[test], "k.", ms=5, label="rentals")
ax.set(xlabel="day of the year", ylabel="rentals a day", ylim=(0, 8500))
ax.legend(loc="upper right", ncols=3)
fig.savefig("demand.png", dpi=120)
plt.show()

# %%
# The past and the weather make the forecast; weekday, holidays and noise are out. Its errors are less than two thirds
# of those of last week's rentals. The intervals of 90 % held 79 % of the days: autumn varied more than the days before
# it, and some days had hardly any rentals.
