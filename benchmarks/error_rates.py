"""Familywise error and power of `multi_split_test`, beside `StabilitySelection`, on simulated counts.

    python benchmarks/error_rates.py [n_simulations] [n_jobs]

Of each design there are counts without any effect, and counts that three groups drive. A row tells how often any group
without effect is kept at a level of 0.05, and which share of those with one is found; of StabilitySelection with a
bound of 1 on the expected number of groups kept in error, as with 0.05 it finds next to nothing.
"""

import sys
import warnings

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.preprocessing import SplineTransformer

from skprox import (
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    PoissonGLMRegressor,
    PoissonGLMRegressorCV,
    StabilitySelection,
    multi_split_test,
)

LEVEL = 0.05
DESIGNS = "independent", "correlated 0.8", "splines"
METHODS = "multi_split_test", "StabilitySelection"


def simulate(design, has_effects, rng):
    """A frame of 200 rows and 30 columns (10 splines of 6), counts, and which groups have an effect."""
    if design == "splines":
        features = rng.uniform(size=(200, 10))
        columns = SplineTransformer(5, include_bias=False).fit_transform(features)
        names = [f"x{j}_sp_{k}" for j in range(10) for k in range(columns.shape[1] // 10)]
        effects = np.sin(6 * features[:, 0]), 2 * np.abs(features[:, 1] - 0.5) * 2, features[:, 2] * 1.5
        log_rate = 0.7 * sum(effect - effect.mean() for effect in effects)
        groups = [f"x{j}" for j in range(10)]
    else:
        share = 0.8 if design == "correlated 0.8" else 0.0
        columns = np.sqrt(1 - share) * rng.normal(size=(200, 30)) + np.sqrt(share) * rng.normal(size=(200, 1))
        names = groups = [f"x{j}" for j in range(30)]
        log_rate = columns[:, :3] @ [0.4, -0.4, 0.3]
    y = rng.poisson(np.exp(0.5 + has_effects * log_rate))
    return pd.DataFrame(columns, columns=names), y, np.isin(groups, ["x0", "x1", "x2"]) & has_effects


def run(design, has_effects, seed):
    """Whether each method keeps a group without effect, and which share of the others it finds."""
    X, y, effective = simulate(design, has_effects, np.random.default_rng(seed))
    if design == "splines":
        plain, tuned = GroupLassoPoisson(n_jobs=1), GroupLassoPoissonCV(alphas=20, n_jobs=1)
    else:
        plain, tuned = PoissonGLMRegressor(l1_ratio=1, n_jobs=1), PoissonGLMRegressorCV(alphas=20, n_jobs=1)
    warnings.simplefilter("ignore")
    p_values = multi_split_test(tuned, X, y, random_state=seed)["p_value"].to_numpy()
    selector = StabilitySelection(plain, n_resamples=50, n_alphas=20, max_errors=1, random_state=seed).fit(X, y)
    kept = p_values <= LEVEL, np.isin(list(selector.groups_), selector.selected_groups_)
    return [(each[~effective].any(), each[effective].mean() if has_effects else np.nan) for each in kept]


def main(n_simulations=200, n_jobs=1):
    print(f"{'design':15} {'effects':8} {'method':20} {'any error':>10} {'power':>6}")
    for design in DESIGNS:
        for has_effects in (False, True):
            jobs = (delayed(run)(design, has_effects, seed) for seed in range(n_simulations))
            rates = np.mean(Parallel(n_jobs=n_jobs)(jobs), axis=0)
            for method, (error, power) in zip(METHODS, rates, strict=True):
                print(f"{design:15} {has_effects * 3:<8} {method:20} {error:10.3f} {power:6.2f}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
