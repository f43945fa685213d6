"""Compiled descents, for dense designs in the cache: outputs and folds over threads, no Python in between."""

import numpy as np

from skprox._jit import is_kept
from skprox.solvers import steps
from skprox.solvers.accelerated import accelerate
from skprox.solvers.descent import GRADIENT, Objective, is_implicit, new_descent
from skprox.solvers.fista import PATIENCE
from skprox.solvers.result import Result
from skprox.storage import CACHED

COLUMNS = 300  # of X, at most
MAX_ITER = 40  # steps of a descent: what takes more is left to those that know what to do


def holds(objective):
    """Whether X is dense and stays in the cache, and what is compiled for it, for twenty seconds, does so on disk."""
    X = objective.X
    return isinstance(X, np.ndarray) and X.dtype == np.float64 and X.size <= CACHED and is_kept(steps.descend)


def serves(objective, penalties, solver, max_iter):
    """Whether compiled paths are faster than products of many vectors with X."""
    if solver == "fista" or max_iter < MAX_ITER or not holds(objective):
        return False
    return objective.shape[1] <= COLUMNS or all(is_implicit(objective, penalty) for penalty in penalties)


def descend(objective, certificates, outputs, starts, alphas, tol):
    """Results of Newton descents of `outputs` at each of `alphas`: None where one fell short of `tol`.

    `certificates` are those of the penalties at a strength of one, `starts` the points to start from.
    """
    XT = np.ascontiguousarray(objective.X.T)

    def run(task):
        certificate, output, start = task
        coefs, out = np.empty((len(alphas), XT.shape[0])), np.empty((len(alphas), 5))
        coefs[0] = start.coef
        descent, problem = new_descent(objective, certificate, output), _problem(objective, XT, output)
        n_done = steps.descend(problem, descent, alphas, tol, MAX_ITER, coefs, out)
        results = [None] * len(alphas)
        for k, (value, intercept, shortfall, optimality, n_iter) in enumerate(out[:n_done].tolist()):
            if shortfall <= tol:
                point = type(start)(coefs[k], intercept, value, None)
                results[k] = Result(point, max(1, int(n_iter)), optimality, shortfall, False)
        return results

    return list(objective.map(run, zip(certificates, outputs, starts, strict=True)))


def fista(objective, problems, tol, max_iter):
    """Results of FISTA for each of `problems`."""
    XT, noise = np.ascontiguousarray(objective.X.T), np.sqrt(np.finfo(np.float64).eps)

    def run(problem):
        output, certificate, coef, out = problem.output, problem.certificate, problem.start.coef.copy(), np.empty(5)
        metric = objective.total[output] * objective.spread[output] ** 2
        metric[metric <= 0] = metric.max(initial=0.0) or 1.0  # constant columns never need to move
        descent = new_descent(objective, certificate, output)
        arrays = _problem(objective, XT, output)
        stalled = accelerate(arrays, descent, metric, tol, max_iter, PATIENCE, noise, coef, out)
        value, intercept, shortfall, optimality, n_iter = out.tolist()
        point = type(problem.start)(coef, intercept, value, descent.features[GRADIENT].copy())
        return Result(point, int(n_iter), optimality, shortfall, stalled)

    return list(objective.map(run, problems))


def _problem(objective, XT, output):
    return Objective(
        XT,
        objective.log_mass[objective.weighting[output]],
        objective.profiled,
        objective.total[output],
        objective.scale[output],
        objective.constant[output],
    )
