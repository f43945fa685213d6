"""Fit random hard problems, and check the optimality conditions of each in float64.

    python benchmarks/fuzz.py --first 1 --last 33334 --jobs 8       100,002 problems
    python benchmarks/fuzz.py --first 1 --seconds 60                as many as fit into a minute
    python benchmarks/fuzz.py --seeds 12,3004215                    some of them again

Each seed stands for three problems, of `make`, `make_harder` and `make_structured` in hard.py. A line is printed for
each that falls short: by an exception, by a warning other than a ConvergenceWarning, by coefficients that are not
finite, by more than two seconds, or, without a ConvergenceWarning, by a KKT residual above 2e-6 (1e-4 in float32) of
that of the null model, or by an intercept as far from where it is best.
A table of all follows. The exit code is 1 if a problem fell short, 0 if none did.
"""

import argparse
import itertools
import sys
import time

import numpy as np
import pandas as pd
import scipy.sparse as sp
from hard import make, make_harder, make_structured
from joblib import Parallel, delayed
from scipy.optimize import brentq
from sklearn.exceptions import ConvergenceWarning

SECONDS = 2.0  # that a fit may take
LARGEST = 1e100  # of means: products of these do not overflow, and terms of 1e100 or of 1 / overdispersion stay so
RESIDUALS = {np.dtype(np.float64): 2e-6, np.dtype(np.float32): 1e-4}
FAMILIES = {"plain": make, "harder": make_harder, "structured": make_structured}
FOREIGN = "selects nothing", "gives rates"  # warnings of what was asked for, and strengths are random


def relative_residual(problem, model):
    """The largest KKT residual beyond rounding, as a share of the null model's, of each output or of all jointly.

    Rounding is the larger of that here and at the null model. The residual of an intercept is a share of the second
    derivative: the move that it asks for.
    """
    X = np.asarray(problem.X.toarray() if sp.issparse(problem.X) else problem.X, dtype=np.float64)
    coef = model.coef_
    if problem.parts is not None:
        X, coef = X[:, problem.parts], np.concatenate(list(model.latent_coef_.values()), axis=-1)
    ones, y, omega = np.ones(len(X)), problem.y.reshape(len(X), -1), problem.overdispersion
    weight = ones if problem.sample_weight is None else problem.sample_weight
    exposure = (ones if problem.exposure is None else problem.exposure)[:, None]
    weight = (weight / weight.sum())[:, None]
    coef = coef.astype(np.float64).reshape(-1, X.shape[1]).T
    with np.errstate(all="ignore"):
        means = np.where(weight > 0, np.minimum(exposure * np.exp(X @ coef + model.intercept_), LARGEST), 0.0)
    null = null_means(problem, y, weight, exposure)
    curvature = means * (1 + omega * y) / (1 + omega * means) / (1 + omega * means)
    of_terms = np.finfo(float).eps * curvature * (np.abs(X) @ np.abs(coef) + np.abs(model.intercept_))
    of_counts = np.finfo(problem.dtype).eps * np.maximum(*((m + y) / (1 + omega * m) for m in (means, null)))
    each = 16 * weight * (of_counts + of_terms)
    rounding = np.abs(X).T @ (each * problem.factors)
    slopes = np.abs((weight * (means - y) / (1 + omega * means)).sum(axis=0)) - each.sum(axis=0)
    of_intercepts = (slopes / (weight * curvature).sum(axis=0)).max() if model.fit_intercept else 0.0

    def residual(means, coef, outputs):
        terms = weight * (means - y) / (1 + omega * means) * problem.factors
        exact = X.T.astype(np.longdouble) @ terms[:, outputs]  # a sum in double precision rounds more
        gradient = exact.astype(float)
        return kkt_residual(problem, gradient, coef[:, outputs], rounding[:, outputs])

    outputs = np.arange(y.shape[1])
    outputs = outputs[None] if problem.joint else outputs[:, None]
    at_null = [residual(null, 0 * coef, each) for each in outputs]
    at_end = [residual(means, coef, each) for each in outputs]
    shares = [end / null if null > 0 else 0.0 for end, null in zip(at_end, at_null, strict=True)]
    return max(of_intercepts, *shares)


def null_means(problem, y, weight, exposure):
    """Means without coefficients, of an intercept under which the residuals of each output have the sum 0."""
    if not problem.model.fit_intercept:
        return exposure * np.ones(y.shape[1])
    rates = (weight * y).sum(axis=0) / (weight * exposure).sum()
    for k, omega in enumerate(np.broadcast_to(problem.overdispersion, y.shape[1])):

        def slope(intercept, k=k, omega=omega):
            means = exposure[:, 0] * np.exp(intercept)
            return weight[:, 0] @ ((means - y[:, k]) / (1 + omega * means))

        if omega > 0:
            rates[k] = np.exp(brentq(slope, np.log(rates[k]) - 50, np.log(rates[k]) + 50, xtol=1e-12))
    return exposure * rates


def kkt_residual(problem, gradient, coef, rounding):
    """Largest distance of -gradient to the subdifferential of the penalty, less the rounding of the gradient.

    Arrays have a column for each output whose coefficients are penalised together. Of groups that are 0 the Euclidean
    distance, of others the largest of their coefficients.
    """
    gradient, largest = gradient + problem.ridge[:, None] * coef, 0.0
    bounds = (-np.inf, np.inf) if problem.model.bounds is None else problem.model.bounds
    low, high = np.array(np.broadcast_to(bounds, (len(coef), 2)), dtype=float).T[..., None]
    low, high = np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)
    for label, strength in enumerate(problem.norms):
        group = problem.labels == label
        beta, pull, l1 = coef[group], gradient[group], np.broadcast_to(problem.l1[group][:, None], coef[group].shape)
        norm = np.linalg.norm(beta)
        if norm > 0:
            pull = pull + slope(problem.model.penalty, strength, norm) * beta / norm
        at_zero = np.sign(pull) * np.maximum(np.abs(pull) - l1, 0)
        pull = np.where(beta == 0, at_zero, pull + np.where(beta == 0, 0.0, l1) * np.sign(beta))
        near = 1e-6 * np.abs(beta)  # bounds are rounded to the precision of X
        pull = np.where(beta - near <= low[group], np.minimum(pull, 0), pull)
        pull = np.where(beta + near >= high[group], np.maximum(pull, 0), pull)
        away = np.maximum(np.abs(pull) - rounding[group], 0)
        largest = max(largest, away.max() if norm > 0 else np.linalg.norm(away) - strength)
    return largest


def slope(penalty, strength, norm):
    """Derivative of the penalty of a norm, of MCP with gamma 3 and of SCAD with gamma 4."""
    if penalty == "mcp":
        return max(strength - norm / 3, 0.0)
    if penalty == "scad" and norm > strength:
        return max(4 * strength - norm, 0.0) / 3
    return strength


def check(seed, family):
    """What there is to say of a problem: its traits, what falls short or None, how long it took."""
    problem = FAMILIES[family](seed)
    row = problem.traits() | {"what": f"{seed} {family}: {problem}", "short": None, "warned": False}
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
        if not residual <= RESIDUALS[problem.dtype]:
            return row | {"short": f"residual {residual:.1e}, said to be {np.max(model.optimality_):.1e}"}
    if seconds > SECONDS:
        row["short"] = f"{seconds:.1f} s, {np.max(model.n_iter_)} steps{', warned' if row['warned'] else ''}"
    return row


def summary(rows):
    """A table of all that was drawn, by each of its traits."""
    frame, tables = pd.DataFrame(rows).drop(columns="what"), {}
    frame["all"], frame["short"] = "", frame["short"].notna()
    frame = frame.reindex(columns=[*frame.columns.union(["seconds", "residual"], sort=False)])
    for trait in ("all", "columns", "penalty", "storage", "type", "loss", "counts", "weights"):
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
    tasks = (delayed(check)(seed, family) for seed in seeds for family in FAMILIES)
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
