"""Fit random hard problems, and check the optimality conditions of each in float64.

    python benchmarks/fuzz.py --first 1 --last 2000      a range of seeds
    python benchmarks/fuzz.py --first 1 --seconds 60     as many as fit into a minute
    python benchmarks/fuzz.py --seeds 12,3004215         some of them again

A line is printed for each problem that falls short: by an exception, by a warning other than a ConvergenceWarning, by
coefficients that are not finite, by more than two seconds, or, without a ConvergenceWarning, by a KKT residual above
2e-6 (1e-4 in float32) of that of the null model. The exit code is 1 if there is one, 0 if there is none.
"""

import argparse
import itertools
import sys
import time
import warnings
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import SplineTransformer

from skprox import GroupLassoPoisson, PoissonGLMRegressor

KINDS = "normal", "onehot", "spline", "dup", "const", "scales", "corr", "huge", "int", "sparse"
SECONDS = 2.0  # that a fit may take
RESIDUALS = {np.dtype(np.float64): 2e-6, np.dtype(np.float32): 1e-4}


class Problem(NamedTuple):
    kind: str
    model: object
    X: object
    y: np.ndarray
    sample_weight: np.ndarray | None
    exposure: np.ndarray | None

    def fit(self):
        """A fitted copy of the model, the warnings, and the seconds that it took."""
        start = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = clone(self.model).fit(self.X, self.y, sample_weight=self.sample_weight, exposure=self.exposure)
        return model, caught, time.perf_counter() - start

    def __str__(self):
        rows, columns = self.X.shape
        name, alpha = type(self.model).__name__, self.model.alpha
        fista = " fista" if self.model.solver == "fista" else ""
        return f"{self.kind} {self.X.dtype} {rows}x{columns} {name} alpha={alpha:.2g}{fista}"


def make(seed):
    """The problem of a seed. The order of what is drawn decides what it is."""
    rng = np.random.default_rng([seed, 99])
    n, p = int(rng.choice([3, 8, 20, 60, 200, 800, 3000])), int(rng.choice([1, 2, 5, 12, 40, 120]))
    kind = str(rng.choice(KINDS))
    X = make_columns(kind, rng, n, p)
    p = X.shape[1]
    eta = X @ (rng.normal(size=p) * (rng.uniform(size=p) < 0.3))
    eta = (eta - eta.mean()) / eta.std() * rng.uniform(0, 2) if eta.std() > 0 else 0 * eta
    y = rng.poisson(np.exp(np.clip(rng.choice([-4, -1, 0, 2, 6]) + eta, -50, 15))).astype(float)
    if not y.any():
        y[0] = 1.0
    weight = rng.choice([0.0, 1.0, 1e-3, 5.0], n) if rng.uniform() >= 0.5 else None
    if weight is not None and weight @ y == 0:
        weight = None
    exposure = np.exp(rng.normal(size=n) * rng.choice([0.5, 3])) if rng.uniform() >= 0.5 else None
    X = X.astype(rng.choice([np.float64, np.float64, np.float32]))
    if rng.uniform() < 0.3:
        X = (sp.csr_matrix if rng.uniform() < 0.5 else sp.csc_matrix)(X)
    elif rng.uniform() < 0.5:
        X = np.asfortranarray(X)
    return Problem(kind, make_model(rng, n, p, y), X, y, weight, exposure)


def make_columns(kind, rng, n, p):
    X = rng.normal(size=(n, p))
    if kind == "onehot":
        return np.eye(p)[rng.integers(0, p, n)]
    if kind == "spline":
        return SplineTransformer(n_knots=max(2, min(p, 20))).fit_transform(rng.uniform(size=(n, 2)))
    if kind == "dup":
        return X[:, rng.integers(0, max(1, p // 3), p)]
    if kind == "const":
        X[:, rng.integers(0, p)] = rng.choice([0, 1, 1e3, -0.1])
        return X
    if kind == "scales":
        return X * 10.0 ** rng.uniform(-6, 6, p)
    if kind == "corr":
        return X.mean(axis=1, keepdims=True) + 0.01 * X
    if kind == "huge":
        return X * rng.choice([1e-8, 1e5])
    if kind == "int":
        return rng.integers(-3, 4, (n, p)).astype(float)
    if kind == "sparse":
        return X * (rng.uniform(size=X.shape) < 0.05)
    return X


def make_model(rng, n, p, y):
    which, alpha = rng.integers(0, 3), float(10.0 ** rng.uniform(-6, 0.5) * max(y.mean(), 1e-3))
    intercept = bool(rng.uniform() < 0.85)
    if which == 0:
        ratio = float(rng.choice([0, 1, 0.5]))
        model = PoissonGLMRegressor(alpha=alpha, l1_ratio=ratio, fit_intercept=intercept)
    elif which == 1:
        groups = list(np.arange(p) // int(rng.choice([1, 2, 3, 7])))
        model = GroupLassoPoisson(alpha=alpha, groups=groups, fit_intercept=intercept)
    else:
        model = PoissonGLMRegressor(alpha=0.0 if n > p else alpha, fit_intercept=intercept)
    return model.set_params(solver="fista", max_iter=3000) if rng.uniform() < 0.1 else model


def relative_residual(problem, model):
    """The largest KKT residual beyond rounding, as a share of the null model's."""
    X = (problem.X.toarray() if sp.issparse(problem.X) else problem.X).astype(np.float64)
    ones = np.ones(len(X))
    weight = ones if problem.sample_weight is None else problem.sample_weight
    exposure = ones if problem.exposure is None else problem.exposure
    weight, coef = weight / weight.sum(), model.coef_.astype(np.float64)
    with np.errstate(all="ignore"):
        means = np.where(weight > 0, exposure * np.exp(X @ coef + float(model.intercept_)), 0.0)
    rate = (weight @ problem.y) / (weight @ exposure) if model.fit_intercept else 1.0
    rounding = 16 * np.finfo(problem.X.dtype).eps * (np.abs(X).T @ (weight * (means + problem.y)))

    def residual(means, coef):
        return kkt_residual(model, X.T @ (weight * (means - problem.y)), coef, rounding)

    at_null = residual(rate * exposure, np.zeros_like(coef))
    return residual(means, coef) / at_null if at_null > 0 else 0.0


def kkt_residual(model, gradient, coef, rounding):
    """Largest distance of -gradient to the subdifferential of the penalty, less the rounding of the gradient."""
    if not isinstance(model, GroupLassoPoisson):
        strength = model.alpha * model.l1_ratio
        gradient = gradient + model.alpha * (1 - model.l1_ratio) * coef
        at_zero = np.abs(gradient) - strength
        return np.max(np.where(coef == 0, at_zero, np.abs(gradient + strength * np.sign(coef))) - rounding, initial=0)
    largest = 0.0
    for group in model.groups_.values():
        strength, norm = model.alpha * np.sqrt(len(group)), np.linalg.norm(coef[group])
        direction = coef[group] / norm if norm else 0.0
        beyond = np.maximum(np.abs(gradient[group] + strength * direction) - rounding[group], 0)
        largest = max(largest, beyond.max() if norm else np.linalg.norm(beyond) - strength)
    return largest


def shortfall(problem):
    """What falls short, or None, and whether there was a ConvergenceWarning."""
    try:
        model, caught, seconds = problem.fit()
        if seconds > SECONDS:  # something may have been compiled
            seconds = problem.fit()[2]
    except Exception as error:
        return f"{type(error).__name__}: {error}", False
    caught = [each for each in caught if "selects nothing" not in str(each.message)]  # strengths are random
    others = [each for each in caught if not issubclass(each.category, ConvergenceWarning)]
    warned = len(others) < len(caught)
    if others:
        return f"warning: {others[0].message}", warned
    if not (np.isfinite(model.coef_).all() and np.isfinite(model.intercept_)):
        return "not finite", warned
    residual = relative_residual(problem, model)
    if not warned and not residual <= RESIDUALS[problem.X.dtype]:
        return f"residual {residual:.1e}, said to be {model.optimality_:.1e}", warned
    if seconds > SECONDS:
        return f"{seconds:.1f} s, {model.n_iter_} steps{', warned' if warned else ''}", warned
    return None, warned


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--last", type=int, help="the last seed; without an end")
    parser.add_argument("--seconds", type=float, default=np.inf, help="when to stop; never")
    parser.add_argument("--seeds", type=lambda text: [*map(int, text.split(","))], help="these instead of a range")
    options = parser.parse_args()
    if not (options.seeds or options.last or np.isfinite(options.seconds)):
        parser.error("say where to end, by --last, --seconds or --seeds")
    seeds, stop = itertools.count(options.first), time.perf_counter() + options.seconds
    if options.seeds or options.last:
        seeds = options.seeds or range(options.first, options.last + 1)
    n_problems = n_short = n_warned = 0
    for seed in seeds:
        if time.perf_counter() > stop:
            break
        problem = make(seed)
        found, warned = shortfall(problem)
        n_problems, n_short, n_warned = n_problems + 1, n_short + (found is not None), n_warned + warned
        if found is not None:
            print(f"{seed} {problem}: {found}"[:180], flush=True)
    print(f"{n_problems} problems, {n_short} fell short, {n_warned} ended with a ConvergenceWarning")
    return n_short > 0


if __name__ == "__main__":
    sys.exit(main())
