"""Solvers: they know an objective and a penalty by their methods only."""

from dataclasses import replace

from skprox.solvers.fista import fista
from skprox.solvers.newton import newton
from skprox.solvers.result import Certificate

MAX_GRAM_COLUMNS = 4000  # beyond it, "auto" leaves Hessians (128 MB) for gradients,
MAX_NEWTON_STEPS = 30  # and also where Newton's steps stay short, next to a perfect fit


def solve(objective, penalty, coef, solver, tol, max_iter, monitor):
    """Minimise objective + penalty from the coefficients `coef`, or from zero if that is better."""
    certificate = Certificate.of(objective, penalty)
    start = objective.at(penalty.feasible(coef)) if coef.any() else objective.null
    if not objective.value(start) + penalty.value(start.coef) <= objective.value(objective.null):
        start = objective.null
    if solver == "fista":
        return fista(objective, penalty, certificate, start, tol, max_iter, monitor)
    if solver == "newton":
        return newton(objective, penalty, certificate, start, tol, max_iter, monitor)
    n_steps = min(max_iter, MAX_NEWTON_STEPS)
    result = newton(objective, penalty, certificate, start, tol, n_steps, monitor, MAX_GRAM_COLUMNS)
    if result.shortfall <= tol or result.stalled or result.n_iter >= max_iter:
        return result
    rest = fista(objective, penalty, certificate, result.point, tol, max_iter - result.n_iter, monitor)
    return replace(rest, n_iter=result.n_iter + rest.n_iter)
