"""
Claims: a tariff with relativities
==================================

An actuary prices motor policies: which covariates matter for the frequency of claims, what is the relativity of each
level with its interval, and does the tariff tell good risks from bad ones?
"""

# %%
# A portfolio
# -----------
# Policies that are insured for parts of a year, simulated so that the truth is known. The frequency falls and rises
# again with the driver's age, rises with the power of the car, and differs between areas. The colour of the car, and a
# score that somebody sells, have no effect. The second half of the policies is kept for the tariff's test.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer

from skprox import (
    DevianceCurveDisplay,
    GroupEffectDisplay,
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    make_grouped_column_transformer,
)
from skprox.metrics import cohen_r2

rng = np.random.default_rng(0)
n = 60_000
X = pd.DataFrame({"age": rng.uniform(18, 85, n), "power": rng.uniform(40, 250, n)})
X["area"] = rng.choice(["city", "suburb", "country"], n, p=[0.3, 0.4, 0.3])
X["colour"] = rng.choice(["black", "blue", "red", "silver", "white"], n)
X["score"] = rng.uniform(0, 100, n)
years = rng.uniform(0.1, 1, n)
young = np.exp(-(X["age"] - 18) / 8)
old = np.clip(X["age"] - 70, 0, None) / 25
area = X["area"].map({"city": 0.35, "suburb": 0.0, "country": -0.2})
truth = 0.07 * np.exp(1.2 * young + old + 0.003 * (X["power"] - 100) + area)
claims = rng.poisson(years * truth)
train, test = np.arange(n) < n // 2, np.arange(n) >= n // 2
print(
    f"{claims.sum()} claims in {years.sum():.0f} years, {claims.sum() / years.sum():.3f} a year"
)

# %%
# Which covariates matter
# -----------------------
# Effects are small beside the noise of single claims, so the strength of least deviance is taken, not that of one
# standard error; `relax` lets a fit without shrinkage of what is selected stand for it.

covariates = make_grouped_column_transformer(
    (SplineTransformer(5, include_bias=False), ["age", "power", "score"]),
    (OneHotEncoder(drop="first"), ["area", "colour"]),
)
columns = covariates.fit_transform(X[train])
selection = GroupLassoPoissonCV(relax=True).fit(
    columns, claims[train], exposure=years[train]
)
kept = selection.selected_groups_
print("selected:", kept)
DevianceCurveDisplay.from_estimator(selection)
plt.show()

# %%
# Relativities with intervals
# ---------------------------
# The rows that selected make effects look surer than they are. So what was selected is refitted, without a penalty, to
# the second half of the policies. An infinite strength removes the others.

alpha = {name: 0 if name in kept else np.inf for name in selection.groups_}
tariff = make_pipeline(covariates, GroupLassoPoisson(alpha=alpha))
exposure = years[test]
tariff.fit(X[test], claims[test], grouplassopoisson__exposure=exposure)
last, columns = tariff[-1], tariff[:-1].transform(X[test])
print(f"dispersion: {last.dispersion(columns, claims[test], exposure=exposure):.2f}")
print(last.group_tests(columns, claims[test], exposure=exposure).round(4))

covariance = last.covariance(columns, exposure=exposure)
fig, axes = plt.subplots(1, 2, figsize=(8, 3.5), layout="constrained")
for ax, name, reference in zip(axes, ["age", "power"], [45, 100], strict=True):
    display = GroupEffectDisplay.from_estimator(
        tariff, X[test], name, reference=reference, covariance=covariance, ax=ax
    )
    ax.set_ylim(0, 4)
axes[0].set(xlabel="age in years", ylabel="relativity, 1 = 45 years")
axes[1].set(xlabel="power in kW", ylabel="relativity, 1 = 100 kW")
plt.show()

display = GroupEffectDisplay.from_estimator(
    tariff, X[test], "area", reference="suburb", covariance=covariance
)
display.ax_.set_ylabel("relativity, 1 = suburb")
plt.show()
print(display.to_frame().round(2))
print("truth:", np.exp([-0.2, 0, 0.35]).round(2))

# %%
# Does it tell good risks from bad ones?
# --------------------------------------
# The selected covariates, fitted to the first half, rank the policies of the second half in ten classes of equal
# exposure.

first = make_pipeline(covariates, GroupLassoPoisson(alpha=alpha))
first.fit(X[train], claims[train], grouplassopoisson__exposure=years[train])
rate = first.predict(X[test], exposure=1)
ranks = np.argsort(np.argsort(rate))
risk = pd.Series(np.cumsum(exposure[np.argsort(rate)])[ranks] / exposure.sum())
classes = np.minimum((10 * risk).astype(int), 9) + 1
table = (
    pd.DataFrame(
        {"years": exposure, "claims": claims[test], "expected": rate * exposure}
    )
    .groupby(classes.to_numpy())
    .sum()
)
table.index.name = "class"
print(table.round(0).astype(int))
score = cohen_r2(claims[test], rate * exposure)
best = cohen_r2(claims[test], truth[test] * exposure)
print(f"D² on policies not seen: {score:.3f}; with the true frequencies {best:.3f}")

fig, ax = plt.subplots(figsize=(6, 3.8), layout="constrained")
ax.plot(table.index, table["claims"] / table["years"], "o", label="claims")
ax.plot(table.index, table["expected"] / table["years"], "-", label="expected")
ax.set(xlabel="class of risk, a tenth of the exposure each", ylabel="claims a year")
ax.set(xticks=table.index, ylim=(0, None))
ax.legend()
fig.savefig("claims.png", dpi=120)
plt.show()

# %%
# The score and the colour are out, and the true relativities of the areas lie within the intervals. Claims follow the
# expected frequencies from the first class to the last, which has four times the frequency of the first. A D² of a few
# per cent is all there is to explain in single claims: the true frequencies do not do much better.
