"""Compiled descents, for dense designs in the cache: outputs and folds over threads, no Python in between."""

import numpy as np

from skprox._jit import is_kept
from skprox.solvers import compiled_path
from skprox.solvers.accelerated import accelerate
from skprox.solvers.descent import GRADIENT, is_implicit, new_descent
from skprox.solvers.fista import PATIENCE
from skprox.solvers.result import Result

COLUMNS = 300  # of X, at most
MAX_ITER = 40  # steps of a descent: what takes more is left to those that know what to do


def holds(objective):
    """Whether X stays in the cache, and what is compiled for it, for twenty seconds, does so on disk."""
    return objective.is_in_cache and is_kept(compiled_path.descend)


def serves(objective, penalties, solver, max_iter):
    """Whether compiled paths are faster than products of many vectors with X."""
    if solver == "fista" or max_iter < MAX_ITER or not holds(objective):
        return False
    return objective.shape[1] <= COLUMNS or all(is_implicit(objective, penalty) for penalty in penalties)


def descend(objective, certificates, outputs, starts, alphas, tol):
    """Results of Newton descents of `outputs` at each of its `alphas`: None where one fell short of `tol`.

    `certificates` are those of the penalties at a strength of one, `starts` the points to start from: one for each
    output, or under a concave penalty for each strength.
    """
    problems = [objective.compiled(output) for output in outputs]

    def run(task):
        certificate, output, points, alphas, problem = task
        coefs, out = np.empty((len(alphas), objective.shape[1])), np.empty((len(alphas), 5))
        for k, start in enumerate(points):
            coefs[k] = start.coef
        descent = new_descent(objective, certificate, output)
        n_done = compiled_path.descend(problem, descent, alphas, tol, MAX_ITER, coefs, out)
        results = [None] * len(alphas)
        for k, (value, intercept, residual, optimality, n_iter) in enumerate(out[:n_done].tolist()):
            if residual <= tol:
                point = type(start)(coefs[k], intercept, value, None)
                results[k] = Result(point, max(1, int(n_iter)), optimality, residual, False)
        return results

    return list(objective.map(run, zip(certificates, outputs, starts, alphas, problems, strict=True)))


def fista(objective, problems, tol, max_iter):
    """Results of FISTA for each of `problems`."""
    noise = np.sqrt(np.finfo(np.float64).eps)

    def run(task):
        problem, arrays = task
        output, certificate, coef, out = problem.output, problem.certificate, problem.start.coef.copy(), np.empty(5)
        metric = objective.curvature[output].copy()
        metric[metric <= 0] = metric.max(initial=0.0) or 1.0  # constant columns never need to move
        descent = new_descent(objective, certificate, output)
        stalled = accelerate(arrays, descent, metric, tol, max_iter, PATIENCE, noise, coef, out)
        value, intercept, residual, optimality, n_iter = out.tolist()
        point = type(problem.start)(coef, intercept, value, descent.features[GRADIENT].copy())
        return Result(point, int(n_iter), optimality, residual, stalled)

    arrays = [objective.compiled(problem.output) for problem in problems]
    return list(objective.map(run, zip(problems, arrays, strict=True)))
