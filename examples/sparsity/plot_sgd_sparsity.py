"""
Stochastic gradients: three ways to apply an L1 penalty
=======================================================

A lasso whose penalty is differentiated like the rest of the objective, as automatic differentiation
does, has small coefficients that are never zero. The cure is to apply the penalty after each step
instead, and to stop at zero. How many zeros then last depends on the noise of the gradient: with all
rows in each step clipping finds exactly those of the exact solution, with one row a step the noise
pushes coefficients away from zero again and again, and cumulative penalties (Tsuruoka, Tsujii and
Ananiadou, 2009) hold them there.
"""

# %%
# Data
# ----
# One hundred rows of ten uniform columns. The first four coefficients are 10, 10, -10 and -10, the others zero.

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, SGDRegressor

from skprox import ProxSGDRegressor

rng = np.random.RandomState(5)
X = rng.rand(100, 10).astype(np.float32).astype(np.float64)
true = np.array([10, 10, -10, -10, 0, 0, 0, 0, 0, 0])
y = X @ true
alpha, updates = 0.05, ["naive", "clipping", "cumulative"]
exact = Lasso(alpha=alpha, fit_intercept=False, tol=1e-12).fit(X, y).coef_

# %%
# Three ways to apply the penalty
# -------------------------------
# All three see the same rows in the same order, all hundred in each step or one in each, at a constant rate. Every
# epoch is a call of `partial_fit`, and its coefficients are kept.

ways = {"100 rows a step": (100, 0.2, 1000), "1 row a step": (1, 0.02, 1000)}
paths = {}
for way, (batch_size, rate, epochs) in ways.items():
    for update in updates:
        model = ProxSGDRegressor(
            alpha=alpha,
            l1_update=update,
            fit_intercept=False,
            learning_rate="constant",
            eta0=rate,
            batch_size=batch_size,
            random_state=0,
        )
        paths[way, update] = np.array(
            [model.partial_fit(X, y).coef_ for _ in range(epochs)]
        )

# %%
# Beside the exact solution
# -------------------------
# scikit-learn's `SGDRegressor` has cumulative penalties, too.

with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    peer = SGDRegressor(
        penalty="l1",
        alpha=alpha,
        fit_intercept=False,
        learning_rate="constant",
        eta0=0.02,
        max_iter=1000,
        tol=None,
    )
    peer.set_params(random_state=0).fit(X, y)

table = pd.DataFrame(
    {("", "exact lasso"): exact} | {key: path[-1] for key, path in paths.items()}
)
table["1 row a step", "SGDRegressor"] = peer.coef_
table.index += 1
table.columns.names = [None, "coefficient"]
print(
    table.to_string(float_format=lambda value: "0" if value == 0 else f"{value:.5f}"),
    "\n",
)

others = true == 0
summary = pd.DataFrame(
    {
        "zeros among the last six": (table[others.tolist()] == 0).sum(),
        "largest of the last six": abs(table[others.tolist()]).max(),
        "distance to the exact lasso": np.sqrt(((table.T - exact) ** 2).sum(axis=1)),
    }
)
print(summary.to_string(float_format="{:.1e}".format))

# %%
# Pictures
# --------
# On the left the largest of the six coefficients that should be zero; the line ends where all are exactly zero. On the
# right how many of them are.

fig, axes = plt.subplots(2, 2, figsize=(8, 6.5), layout="constrained", sharex=True)
shown = np.unique(np.geomspace(1, 1000, 120).astype(int)) - 1
styles = {
    "cumulative": {"color": "tab:green", "lw": 5, "alpha": 0.5},
    "naive": {"color": "tab:red", "lw": 2.5},
    "clipping": {"color": "tab:blue", "lw": 1.2},
}
for (left, right), way in zip(axes, ways, strict=True):
    for update, style in styles.items():
        path = paths[way, update][shown][:, others]
        largest = abs(path).max(axis=1)
        left.plot(
            shown + 1, np.where(largest > 0, largest, np.nan), label=update, **style
        )
        right.plot(shown + 1, (path == 0).sum(axis=1), label=update, **style)
    left.set(
        xscale="log",
        yscale="log",
        ylabel="largest |coefficient| of six",
        title=f"{way}: how large",
    )
    right.set(
        ylabel="exact zeros of six", ylim=(-0.3, 6.3), title=f"{way}: how many zeros"
    )
    right.yaxis.set_major_locator(MaxNLocator(integer=True))
for ax in axes[1]:
    ax.set(xlabel="epoch")
axes[0, 0].legend(loc="lower left", title="l1_update")

fig.savefig("sgd_sparsity.png", dpi=120)
print("\nfigures: sgd_sparsity.png")
plt.show()

# %%
# A derivative of the penalty never gives zeros; clipping does with all rows in a step, and cumulative penalties do
# with a single row.
