"""
Two kinds of riders: one model of two responses
===============================================

Bikes in Washington D.C. are rented by registered riders and by casual ones. Both see the same clock, weather and
calendar, so they are two outputs of one model: a 2-D target. What drives the one kind and not the other?
"""

# %%
# Data
# ----
# Rentals of each hour, by kind of rider. Every fourth week is held out. A covariate of pure noise shows whether the
# selection can be trusted.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, SplineTransformer

from skprox import (
    GroupEffectDisplay,
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    RegularizationPathDisplay,
)
from skprox.datasets import load_bike_rentals
from skprox.metrics import cohen_r2

X = load_bike_rentals(as_frame=True).frame
rain = "light rain/snow"
X["weathersit"] = X["weathersit"].replace("heavy rain/snow", rain)  # one such hour
X["temp"] = 47 * X["temp"] - 8  # °C
X["noise"] = np.random.default_rng(0).uniform(size=len(X))
riders = X[["casual", "registered"]]
week = X["day"] // 7
held_out = week % 4 == 3
train, counts = X[~held_out], riders[~held_out]
print(riders[held_out].sum().to_string())

# %%
# Covariates to columns
# ---------------------
# The hour is a circle, once for working days and once for days off; further covariates have splines or indicators.


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
        ("holiday", "passthrough", ["holiday"]),
    ]
).set_output(transform="pandas")

# %%
# One model of both
# -----------------
# Casual riders rent a fifth of the bikes, so that their log-likelihood, and with it the strength that suits them, is
# smaller. A frame of weights, with a row for each output and a column for each group, puts strengths in proportion to
# the mean count and, as usual, to the square root of the size of the group. Their level is chosen by cross-validation
# over whole weeks.

columns = covariates.fit_transform(train)
sizes = GroupLassoPoisson().fit(columns, counts).summary()["size"].unstack(sort=False)
weights = np.sqrt(sizes).mul(counts.mean(), axis=0)
folds = list(GroupKFold(5).split(train, groups=week[~held_out]))
group_lasso = GroupLassoPoissonCV(
    group_weights=weights, alphas=30, cv=folds, selection="1se"
)
model = make_pipeline(covariates, group_lasso).fit(train, counts)
last = model[-1]
print(last.summary()["norm"].unstack("output", sort=False).round(3))
predicted = model.predict(X[held_out])
scores = cohen_r2(riders[held_out], predicted, multioutput="raw_values")
for kind, score in zip(riders, scores, strict=True):
    print(f"{kind}: D² = {score:.3f} on the weeks held out")

# %%
# Each output has coefficients and a certificate of its own, and is the same as if it were fitted alone.

for kind, coef, optimality in zip(riders, last.coef_, last.optimality_, strict=True):
    alone = GroupLassoPoisson(alpha=last.alpha_, group_weights=weights.loc[kind])
    difference = np.abs(coef - alone.fit(columns, counts[kind]).coef_).max()
    print(f"{kind}: certificate {optimality:.0e}, {difference:.0e} from its own fit")

# %%
# What drives whom
# ----------------
# Above, the covariates of both as they enter; below, what the hour and the temperature do to both rates.

fig, axes = plt.subplots(2, 2, figsize=(8, 7), layout="constrained")
for ax, kind in zip(axes[0], riders, strict=True):
    RegularizationPathDisplay.from_estimator(model, output=kind, ax=ax)
    ax.set(title=f"{kind} riders", xlabel="strength (weaker to the right)")
    ax.set_ylabel("norm of the coefficients")
for kind, color in [("casual", "C0"), ("registered", "C1")]:
    for working, day, style in [(1, "working day", "-"), (0, "day off", "--")]:
        kwargs = {"color": color, "ls": style, "label": f"{kind}, {day}", "marker": ""}
        GroupEffectDisplay.from_estimator(
            model,
            train,
            "hr",
            output=kind,
            at={"workingday": working},
            ax=axes[1, 0],
            line_kwargs=kwargs,
        )
    GroupEffectDisplay.from_estimator(
        model,
        train,
        "temp",
        output=kind,
        reference=15,
        ax=axes[1, 1],
        line_kwargs={"color": color, "label": kind},
    )
axes[1, 0].set(title="The hour", xlabel="hour of the day", xticks=range(0, 25, 6))
axes[1, 0].set(ylabel="rate / geometric mean", ylim=(-0.1, 7))
axes[1, 0].legend(fontsize="x-small", loc="upper left")
axes[1, 1].set(title="Casual riders mind the cold", xlabel="temperature, °C")
axes[1, 1].set(ylabel="rate, 1 = that at 15 °C", ylim=(0, None))
axes[1, 1].legend(loc="upper left")
fig.savefig("population.png", dpi=120)
plt.show()

# %%
# Registered riders commute on working days, casual ones ride in the afternoon. Temperature, humidity and the season
# mean more to casual riders. The noise is dropped for both.
