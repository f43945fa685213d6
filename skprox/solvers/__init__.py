"""Solvers: they know an objective and a penalty by their methods only."""

from skprox.solvers.fista import fista
from skprox.solvers.newton import newton
from skprox.solvers.result import Certificate, Result

MAX_GRAM_COLUMNS = 4000  # beyond it, "auto" leaves Hessians (128 MB) for gradients


def solve(objective, penalty, null, start, *, solver, tol, max_iter, monitor):
    """Minimise objective + penalty from the point `start`; `null` is the point where all coefficients are 0."""
    certificate = Certificate.at_null(objective, penalty, null)
    if solver == "fista":
        return fista(objective, penalty, certificate, start, tol, max_iter, monitor)
    if solver == "newton":
        return newton(objective, penalty, certificate, start, tol, max_iter, monitor)
    result = newton(objective, penalty, certificate, start, tol, max_iter, monitor, MAX_GRAM_COLUMNS)
    if result.optimality <= tol or result.n_iter >= max_iter:
        return result
    rest = fista(objective, penalty, certificate, result.point, tol, max_iter - result.n_iter, monitor)
    return Result(rest.point, result.n_iter + rest.n_iter, rest.optimality)
