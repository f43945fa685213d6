"""Fit random hard problems, and check the optimality conditions of each in float64.

    python benchmarks/fuzz.py --first 1 --last 50000 --jobs 8       100,000 problems
    python benchmarks/fuzz.py --first 1 --seconds 60                as many as fit into a minute
    python benchmarks/fuzz.py --seeds 12,3004215                    some of them again

Each seed stands for two problems, of `make` and of `make_harder` in hard.py. A line is printed for each that falls
short: by an exception, by a warning other than a ConvergenceWarning, by coefficients that are not finite, by more than
two seconds, or, without a ConvergenceWarning, by a KKT residual above 2e-6 (1e-4 in float32) of that of the null model.
A table of all follows. The exit code is 1 if a problem fell short, 0 if none did.
"""

import argparse
import itertools
import sys
import time

import numpy as np
import pandas as pd
import scipy.sparse as sp
from hard import make, make_harder
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning

SECONDS = 2.0  # that a fit may take
RESIDUALS = {np.dtype(np.float64): 2e-6, np.dtype(np.float32): 1e-4}
FOREIGN = "selects nothing", "gives rates"  # warnings of what was asked for, and strengths are random


def relative_residual(problem, model):
    """The largest KKT residual of all outputs beyond rounding, as a share of the null model's."""
    X = (problem.X.toarray() if sp.issparse(problem.X) else problem.X).astype(np.float64)
    ones, outputs = np.ones(len(X)), problem.y.reshape(len(X), -1).T
    weight = ones if problem.sample_weight is None else problem.sample_weight
    exposure = ones if problem.exposure is None else problem.exposure
    weight = weight / weight.sum()
    coefs = model.coef_.astype(np.float64).reshape(len(outputs), -1)
    intercepts = np.reshape(model.intercept_, -1)
    return max(
        _residual(problem, model, X, *each, weight, exposure) for each in zip(outputs, coefs, intercepts, strict=True)
    )


def _residual(problem, model, X, y, coef, intercept, weight, exposure):
    with np.errstate(all="ignore"):
        means = np.where(weight > 0, exposure * np.exp(X @ coef + intercept), 0.0)
    rate = (weight @ y) / (weight @ exposure) if model.fit_intercept else 1.0
    rounding = 16 * np.finfo(problem.X.dtype).eps * (np.abs(X).T @ (weight * (means + y)))

    def residual(means, coef):
        return kkt_residual(problem, X.T @ (weight * (means - y)), coef, rounding)

    at_null = residual(rate * exposure, np.zeros_like(coef))
    return residual(means, coef) / at_null if at_null > 0 else 0.0


def kkt_residual(problem, gradient, coef, rounding):
    """Largest distance of -gradient to the subdifferential of the penalty, less the rounding of the gradient.

    Of groups that are 0 the Euclidean distance, of others the largest of their columns.
    """
    gradient, largest = gradient + problem.ridge * coef, 0.0
    for label, strength in enumerate(problem.norms):
        group = problem.labels == label
        beta, pull, l1 = coef[group], gradient[group], problem.l1[group]
        norm = np.linalg.norm(beta)
        if norm > 0:
            pull = pull + strength * beta / norm
        away = np.where(beta == 0, np.abs(pull) - l1, np.abs(pull + np.where(beta == 0, 0.0, l1) * np.sign(beta)))
        away = np.maximum(away - rounding[group], 0)
        largest = max(largest, away.max() if norm > 0 else np.linalg.norm(away) - strength)
    return largest


def check(seed, harder):
    """What there is to say of a problem: its traits, what falls short or None, how long it took."""
    problem = (make_harder if harder else make)(seed)
    row = problem.traits() | {"what": f"{seed}{' harder' * harder}: {problem}", "short": None, "warned": False}
    try:
        model, caught, seconds = problem.fit()
        if seconds > SECONDS:  # something may have been compiled
            seconds = problem.fit()[2]
    except Exception as error:
        return row | {"short": f"{type(error).__name__}: {error}"}
    caught = [each for each in caught if not any(text in str(each.message) for text in FOREIGN)]
    others = [each for each in caught if not issubclass(each.category, ConvergenceWarning)]
    row |= {"warned": len(others) < len(caught), "seconds": seconds}
    if others:
        return row | {"short": f"warning: {others[0].message}"}
    if not (np.isfinite(model.coef_).all() and np.isfinite(model.intercept_).all()):
        return row | {"short": "not finite"}
    if not row["warned"]:
        row["residual"] = residual = relative_residual(problem, model)
        if not residual <= RESIDUALS[problem.X.dtype]:
            return row | {"short": f"residual {residual:.1e}, said to be {np.max(model.optimality_):.1e}"}
    if seconds > SECONDS:
        row["short"] = f"{seconds:.1f} s, {np.max(model.n_iter_)} steps{', warned' if row['warned'] else ''}"
    return row


def summary(rows):
    """A table of all that was drawn, by each of its traits."""
    frame, tables = pd.DataFrame(rows).drop(columns="what"), {}
    frame["all"], frame["short"] = "", frame["short"].notna()
    frame = frame.reindex(columns=[*frame.columns.union(["seconds", "residual"], sort=False)])
    for trait in ("all", "columns", "penalty", "storage", "type", "counts", "weights"):
        parts = frame.groupby(trait)
        tables[trait] = pd.DataFrame(
            {
                "problems": parts.size(),
                "short": parts["short"].sum(),
                "warned": parts["warned"].sum(),
                "median ms": 1e3 * parts["seconds"].median(),
                "longest s": parts["seconds"].max(),
                "worst residual": parts["residual"].max(),
            }
        )
    formats = {"median ms": "{:.1f}".format, "longest s": "{:.2f}".format, "worst residual": "{:.0e}".format}
    return pd.concat(tables).rename_axis(["", ""]).to_string(formatters=formats)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--last", type=int, help="the last seed; without an end")
    parser.add_argument("--seconds", type=float, default=np.inf, help="when to stop; never")
    parser.add_argument("--seeds", type=lambda text: [*map(int, text.split(","))], help="these instead of a range")
    parser.add_argument("--jobs", type=int, default=1, help="processes, whose fits may then take longer")
    options = parser.parse_args()
    if not (options.seeds or options.last or np.isfinite(options.seconds)):
        parser.error("say where to end, by --last, --seconds or --seeds")
    seeds, stop = itertools.count(options.first), time.perf_counter() + options.seconds
    if options.seeds or options.last:
        seeds = options.seeds or range(options.first, options.last + 1)
    seeds = itertools.takewhile(lambda seed: time.perf_counter() < stop, seeds)
    tasks = (delayed(check)(seed, harder) for seed in seeds for harder in (False, True))
    rows = []
    for row in Parallel(n_jobs=options.jobs, return_as="generator")(tasks):
        rows.append(row)
        if row["short"]:
            print(f"{row['what']}: {row['short']}"[:240], flush=True)
    print(summary(rows))
    n_short, n_warned = sum(row["short"] is not None for row in rows), sum(row["warned"] for row in rows)
    print(f"{len(rows)} problems, {n_short} fell short, {n_warned} ended with a ConvergenceWarning")
    return n_short > 0


if __name__ == "__main__":
    sys.exit(main())
