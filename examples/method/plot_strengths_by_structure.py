"""
Strengths by group, column and output
=====================================

A neuron's spikes are counted in 500 bins, beside two groups of features: five of one kind, `f1`, and two of
another, `f2`. We may trust the groups differently, or single features within them, and so want a penalty of
its own for each: one number for all, one a group, one a column, or a mix. All are given as `alpha` and
`l1_ratio`, in the shape of the data.

The setting, data and strengths are those of a guide of the NeMoS project [1]_. It prints no
coefficients; NeMoS 0.2.8, run on these data at these strengths in double precision, gives the coefficients
printed here to all four decimals (the last group lasso is not in the guide).

.. [1] "Regularizing parameters with different strengths", how-to guide in the documentation of NeMoS,
   https://nemos.readthedocs.io
"""

# %%
# Data
# ----
# Columns with two levels are grouped by the first.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from skprox import GroupLassoPoisson, PoissonGLMRegressor

rng = check_random_state(123)
f1, f2 = 0.5 * rng.normal(size=(500, 5)), 0.5 * rng.normal(size=(500, 2))
truth = rng.uniform(size=7)
spikes = rng.poisson(np.exp(1.0 + f1 @ truth[:5] + f2 @ truth[5:]))
X = pd.concat({"f1": pd.DataFrame(f1), "f2": pd.DataFrame(f2)}, axis=1)
print(f"{len(X)} bins, {spikes.sum()} spikes")

# %%
# One number for all, per group or per column
# -------------------------------------------
# Ridge regression first. Each model has the same columns and differs in `alpha` alone.

ridge = {
    "0.1 for all": 0.1,
    "by group": {"f1": 0.1, "f2": 0.2},
    "by column": {"f1": [0.1, 0.3, 0.3, 0.1, 1.0], "f2": [0.2, 0.1]},
    "f1 one number, f2 by column": {"f1": 0.1, "f2": [0.2, 0.1]},
}
models = {
    ("ridge", name): PoissonGLMRegressor(alpha=alpha) for name, alpha in ridge.items()
}

# %%
# Lasso and elastic net: strengths and ratios each have a structure
# -----------------------------------------------------------------

models["lasso", "0.1 for all"] = PoissonGLMRegressor(alpha=0.1, l1_ratio=1)
models["elastic net", "1.0, half of it L1"] = PoissonGLMRegressor(
    alpha=1.0, l1_ratio=0.5
)
models["elastic net", "both by column"] = PoissonGLMRegressor(
    alpha=ridge["by column"],
    l1_ratio={"f1": [0.5, 0.3, 0.5, 0.5, 0.5], "f2": [0.5, 0.4]},
)

# %%
# Group lasso: one strength per group
# -----------------------------------
# A group stays or goes as a whole, so columns have no strengths of their own. `f2` is held back four times as hard
# as `f1`; at twelve times it goes.

models["group lasso", "f1 0.1, f2 0.4"] = GroupLassoPoisson(
    alpha={"f1": 0.1, "f2": 0.4}
)
models["group lasso", "f1 0.1, f2 1.2"] = GroupLassoPoisson(
    alpha={"f1": 0.1, "f2": 1.2}
)

table = pd.DataFrame(
    {
        name: pd.Series(model.fit(X, spikes).coef_, index=X.columns)
        for name, model in models.items()
    }
).T
print(
    pd.concat([table, pd.DataFrame([truth], index=[("truth", "")], columns=X.columns)])
    .round(4)
    .to_string()
)
print(f"largest certificate: {max(model.optimality_ for model in models.values()):.0e}")

# %%
# A population
# ------------
# A second neuron fires twice as often. Arrays for a 2-D target have a row an output, as `coef_`
# has: here the second neuron's strengths are twice the first one's. Counts and strengths that are both doubled leave
# the coefficients where they are, and add log 2 = 0.6931 to the intercept.

alpha = {"f1": [[0.1] * 5, [0.2] * 5], "f2": [[0.1] * 2, [0.2] * 2]}
population = PoissonGLMRegressor(alpha=alpha).fit(
    X, np.column_stack([spikes, 2 * spikes])
)
print(
    pd.DataFrame(
        population.coef_.round(4), index=["neuron 1", "neuron 2"], columns=X.columns
    ).to_string()
)
print(
    "intercepts:",
    population.intercept_.round(4),
    "difference:",
    np.diff(population.intercept_).round(4)[0],
)

# %%
# Pictures
# --------

labels = [f"{group}, {column}" for group, column in X.columns]
fig, axes = plt.subplots(3, 1, figsize=(8, 9), layout="constrained", sharex=True)
for ax, kinds in zip(
    axes, [["ridge"], ["lasso", "elastic net"], ["group lasso"]], strict=True
):
    fits = table.loc[kinds]
    ax.bar(labels, truth, color="0.88", label="truth")
    for offset, (name, coef) in zip(
        np.linspace(-0.25, 0.25, len(fits)), fits.iterrows(), strict=True
    ):
        ax.plot(
            np.arange(7) + offset,
            coef,
            "o",
            ms=6,
            label=" ".join(name if len(kinds) > 1 else name[1:]),
        )
    ax.axvline(4.5, color="0.5", lw=0.8, ls=":")
    ax.set(title=" and ".join(kinds), ylim=(-0.03, 1.05), ylabel="coefficient")
    ax.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
fig.savefig("strengths_by_structure.png", dpi=120)
plt.show()

# %%
# A larger strength takes more off its coefficients and leaves the others nearly as they are; L1 sets some of them to
# zero, and the group lasso, at twelve times the strength of the other group, all of `f2`.
