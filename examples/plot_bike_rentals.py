"""
Which covariates drive bike rentals?
====================================

Hourly bike rentals in Washington D.C. in 2011. How many bikes are out depends on the hour, the
weather and the season, but not along straight lines: each numeric covariate goes through splines and
each categorical one through one-hot columns. A group lasso then keeps or drops each covariate as a
whole. Its strength is tuned by cross-validation over whole weeks, and the model is judged on weeks
that it has not seen, beside the ridge regression of scikit-learn on the same columns.
"""

# %%
# Data
# ----
# Every fourth week is held out. A covariate of pure noise shows whether the selection can be trusted.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import PoissonRegressor
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer

from skprox import GroupLassoPoisson, make_grouped_column_transformer, regularization_path
from skprox.datasets import load_bike_rentals

X, y = load_bike_rentals(as_frame=True, return_X_y=True)
X["weathersit"] = X["weathersit"].replace("heavy rain/snow", "light rain/snow")  # there is one such hour
X["noise"] = np.random.default_rng(0).uniform(size=len(X))
week = X["day"] // 7
held_out = week % 4 == 3
print(f"{len(X)} hours with {y.sum()} rentals; {held_out.sum()} hours in {week[held_out].nunique()} weeks are held out")

# %%
# Model
# -----
# One transformer for each covariate: its columns carry the covariate's name and so form a group.

hour = SplineTransformer(n_knots=13, knots=np.linspace(0, 24, 13)[:, None], extrapolation="periodic")
covariates = make_grouped_column_transformer(
    (hour, ["hr"]),
    (SplineTransformer(n_knots=6, include_bias=False), ["temp", "hum", "windspeed", "noise"]),
    (OneHotEncoder(drop="first", sparse_output=False), ["mnth", "weathersit", "workingday"]),
)
alphas = np.geomspace(10, 1e-2, 21)


def one_standard_error(results):
    """Position of the largest strength whose score is within a standard error of the best."""
    scores = results["mean_test_score"]
    best = np.argmax(scores)
    return np.argmax(scores >= scores[best] - results["std_test_score"][best] / np.sqrt(5))


search = GridSearchCV(
    make_pipeline(covariates, GroupLassoPoisson()),
    {"grouplassopoisson__alpha": alphas},
    cv=GroupKFold(5),
    refit=one_standard_error,
    n_jobs=2,
).fit(X[~held_out], y[~held_out], groups=week[~held_out])
model = search.best_estimator_[-1]
print(f"alpha = {model.alpha:.3g}, certificate {model.optimality_:.0e} after {model.n_iter_} steps\n")

# %%
# Which covariates stay
# ---------------------

table = pd.DataFrame({"columns": {g: len(c) for g, c in model.groups_.items()}, "norm": model.group_norms_})
table["stays"] = np.where(table["norm"] > 0, "yes", "no")
print(table.sort_values("norm", ascending=False).to_string(float_format="{:.3f}".format), "\n")

# %%
# Deviance explained on the held-out weeks
# ----------------------------------------

ridge = GridSearchCV(
    make_pipeline(covariates, PoissonRegressor(solver="newton-cholesky")),
    {"poissonregressor__alpha": np.geomspace(1, 1e-5, 11)},
    cv=GroupKFold(5),
    n_jobs=2,
).fit(X[~held_out], y[~held_out], groups=week[~held_out])
n_columns = len(model.coef_)
for name, fitted, used in [
    ("group lasso (skprox)", search.best_estimator_, np.count_nonzero(model.coef_)),
    ("ridge (scikit-learn)", ridge, n_columns),
]:
    print(f"{name}: D² = {fitted.score(X[held_out], y[held_out]):.3f} with {used} of {n_columns} columns")

# %%
# Pictures
# --------

path = regularization_path(model, search.best_estimator_[0].transform(X[~held_out]), y[~held_out], alphas=alphas)
norms = path.to_frame()[list(model.groups_)]
fig, axes = plt.subplots(2, 2, figsize=(11, 7.5), layout="constrained")

ax = axes[0, 0]
for group in norms:
    ax.plot(alphas, norms[group], label=group, ls="-" if model.group_norms_[group] > 0 else ":")
ax.axvline(model.alpha, color="k", lw=0.8, ls="--")
ax.set(xscale="log", xlabel="alpha", ylabel="norm of the coefficients", title="Covariates enter as the strength falls")
ax.legend(
    fontsize="small", title="dotted: dropped at the chosen alpha", title_fontsize="small", loc="center left", ncols=2
)

ax = axes[0, 1]
mean, std = search.cv_results_["mean_test_score"], search.cv_results_["std_test_score"]
ax.errorbar(alphas, mean, std / np.sqrt(5), marker="o", ms=4, capsize=2)
ax.axvline(model.alpha, color="k", lw=0.8, ls="--", label="largest alpha within 1 SE of the best")
ax.set(xscale="log", xlabel="alpha", ylabel="D², mean of 5 folds", title="Deviance explained on weeks left out")
ax.legend(loc="lower left")

ax = axes[1, 0]
typical = X[~held_out].iloc[[0]].assign(temp=0.5, hum=0.6, windspeed=0.2, mnth="June", weathersit="clear", workingday=1)
hours = np.linspace(0, 23.9, 240)
for temp, color in [(0.25, "tab:blue"), (0.5, "tab:orange"), (0.75, "tab:red")]:
    grid = pd.concat([typical] * len(hours)).assign(hr=hours, temp=temp)
    ax.plot(hours, search.predict(grid), color=color, label=f"{47 * temp - 8:.0f} °C")
ax.set(xlabel="hour of the day", ylabel="bikes an hour", title="Expected rentals, a clear working day in June")
ax.set(xticks=range(0, 25, 6), ylim=(0, None))
ax.legend()

ax = axes[1, 1]
some_week = held_out & (week == week[held_out].iloc[len(week[held_out]) // 2])
time = X.loc[some_week, "day"] + X.loc[some_week, "hr"] / 24
ax.plot(time, y[some_week], color="0.6", lw=1, label="observed")
ax.plot(time, search.predict(X[some_week]), color="tab:green", label="predicted")
ax.set(xlabel="day of the year", ylabel="bikes an hour", title="A week that the model has not seen", ylim=(0, None))
ax.legend()

fig.savefig("bike_rentals.png", dpi=120)
print("\nfigures: bike_rentals.png")
plt.show()
