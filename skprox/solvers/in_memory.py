"""Paths of compiled descents, for dense designs in the cache: outputs and folds over threads, no Python in between."""

import numpy as np

from skprox.solvers import steps
from skprox.solvers.result import Result

ENTRIES = 2**21  # of X, at most: 16 MB
COLUMNS = 300  # of X, at most
MAX_ITER = 50  # steps of a descent: what takes more is left to those that know what to do


def serves(objective, solver, max_iter):
    """Whether X is such that compiled descents are faster than products of many vectors with it."""
    X = objective.X
    in_cache = isinstance(X, np.ndarray) and X.dtype == np.float64 and X.size <= ENTRIES and X.shape[1] <= COLUMNS
    return in_cache and solver != "fista" and max_iter >= MAX_ITER


def descend(objective, certificates, outputs, starts, alphas, tol):
    """Results of each of `outputs` at each of `alphas`: None where a descent fell short of `tol`.

    `certificates` are those of the penalties at a strength of one, `starts` the points to start from.
    """
    XT = np.ascontiguousarray(objective.X.T)

    def run(task):
        certificate, output, start = task
        problem = steps.Objective(
            XT,
            objective.log_mass[objective.weighting[output]],
            objective.profiled,
            objective.total[output],
            objective.scale[output],
            objective.constant[output],
        )
        coefs, out = np.empty((len(alphas), XT.shape[0])), np.empty((len(alphas), 5))
        coefs[0] = start.coef
        descent = steps.new_descent(objective, certificate, output)
        n_done = steps.descend(problem, descent, alphas, tol, MAX_ITER, coefs, out)
        results = [None] * len(alphas)
        for k, (value, intercept, shortfall, optimality, n_iter) in enumerate(out[:n_done].tolist()):
            if shortfall <= tol:
                point = type(start)(coefs[k], intercept, value, None)
                results[k] = Result(point, max(1, int(n_iter)), optimality, shortfall, False)
        return results

    return list(objective.map(run, zip(certificates, outputs, starts, strict=True)))
