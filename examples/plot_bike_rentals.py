"""
Bike rentals: which covariates matter?
======================================

Rentals follow the hour, in one way on working days and in another on days off, and the weather. A group lasso finds
which covariates matter, and predicts weeks that it has not seen.
"""

# %%
# Data
# ----
# A row for each hour of 2011 in Washington D.C. Every fourth week is held out. A covariate of pure noise shows whether
# the selection can be trusted.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import PoissonRegressor
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, SplineTransformer

from skprox import (
    DevianceCurveDisplay,
    GroupEffectDisplay,
    GroupLassoPoissonCV,
    RegularizationPathDisplay,
)
from skprox.datasets import load_bike_rentals

X, y = load_bike_rentals(as_frame=True, return_X_y=True)
rain = "light rain/snow"
X["weathersit"] = X["weathersit"].replace("heavy rain/snow", rain)  # one such hour
X["noise"] = np.random.default_rng(0).uniform(size=len(X))
week = X["day"] // 7
held_out = week % 4 == 3
train, counts = X[~held_out], y[~held_out]
print(f"{len(X)} hours with {y.sum()} rentals; {held_out.sum()} hours are held out")

# %%
# Covariates to columns
# ---------------------
# The hour is a circle, once for working days and once for days off: its splines are multiplied by either. Names such as
# `working_hr_sp_0` tell the model which columns belong together.


def by_day(frame):
    hours, working = frame.drop(columns="workingday"), frame["workingday"]
    return np.hstack([hours.mul(working, axis=0), hours.mul(1 - working, axis=0)])


def names_by_day(_, names):
    return [f"{kind}_{name}" for kind in ("working", "off") for name in names[:-1]]


knots = np.linspace(0, 24, 13)[:, None]
circle = ColumnTransformer(
    [("hr", SplineTransformer(knots=knots, extrapolation="periodic"), ["hr"])],
    remainder="passthrough",
    verbose_feature_names_out=False,
)
hour = make_pipeline(
    circle, FunctionTransformer(by_day, feature_names_out=names_by_day)
)
splines = SplineTransformer(n_knots=6, include_bias=False)
levels = OneHotEncoder(drop="first", sparse_output=False)
covariates = ColumnTransformer(
    [
        ("hour", hour, ["hr", "workingday"]),
        ("numeric", splines, ["temp", "hum", "windspeed", "noise"]),
        ("mnth", levels, ["mnth"]),
        ("weathersit", levels, ["weathersit"]),
    ]
).set_output(transform="pandas")

# %%
# The model
# ---------
# The strength is chosen by cross-validation over whole weeks: the largest within one standard error of the best.

folds = list(GroupKFold(5).split(train, groups=week[~held_out]))
group_lasso = GroupLassoPoissonCV(alphas=30, cv=folds, selection="1se")
model = make_pipeline(covariates, group_lasso).fit(train, counts)
last = model[-1]
print(f"alpha {last.alpha_:.3g}, certificate {last.optimality_:.0e}")
print(last.summary(model[:-1].transform(train)).round(3))

# %%
# Weeks held out
# --------------
# Beside the ridge regression of scikit-learn on the same columns, tuned on the same folds.

ridge = GridSearchCV(
    make_pipeline(covariates, PoissonRegressor(solver="newton-cholesky")),
    {"poissonregressor__alpha": np.geomspace(1, 1e-4, 5)},
    cv=folds,
).fit(train, counts)
in_use = np.count_nonzero(last.coef_)
for name, fitted, used in [
    ("group lasso (skprox)", model, in_use),
    ("ridge (scikit-learn)", ridge, len(last.coef_)),
]:
    score = fitted.score(X[held_out], y[held_out])
    print(f"{name}: D² = {score:.3f} with {used} of {len(last.coef_)} columns")

# %%
# Pictures
# --------
# Deviance is held out by folds of weeks: dotted is its minimum, dashed the strength chosen, within one standard error.

fig, axes = plt.subplots(2, 2, figsize=(8, 7), layout="constrained")
RegularizationPathDisplay.from_estimator(model, ax=axes[0, 0])
axes[0, 0].set(title="Covariates enter", xlabel="strength (weaker to the right)")
DevianceCurveDisplay.from_estimator(model, ax=axes[0, 1])
axes[0, 1].set(xlabel="strength (weaker to the right)", title="Deviance held out")
axes[0, 1].get_legend().remove()

ax = axes[1, 0]
for working, name, color in [(1, "working day", "C0"), (0, "day off", "C1")]:
    kwargs = {"color": color, "label": name, "marker": ""}
    GroupEffectDisplay.from_estimator(
        model, train, "hr", at={"workingday": working}, ax=ax, line_kwargs=kwargs
    )
ax.set(title="The hour", xlabel="hour of the day", ylabel="rate / geometric mean")
ax.set(xticks=range(0, 25, 6), ylim=(-0.1, 4.8))
ax.legend(loc="upper left", ncols=2, fontsize="small")

ax = axes[1, 1]
unseen = week == 27
time = X["day"][unseen] + X["hr"][unseen] / 24
ax.plot(time, y[unseen], color="0.6", label="observed")
ax.plot(time, model.predict(X[unseen]), color="C2", label="predicted")
ax.set(title="A week held out", xlabel="day of the year", ylabel="bikes an hour")
ax.set_ylim(0, 1.35 * y[unseen].max())
ax.legend(loc="upper left", ncols=2)
fig.savefig("bike_rentals.png", dpi=120)
print("figures: bike_rentals.png")
plt.show()

# %%
# Commuters make two peaks on working days, and riders of days off one in the afternoon. The noise is dropped, and the
# model explains 86 % of the deviance of weeks that it has not seen; ridge, which keeps all columns, 87 %.
