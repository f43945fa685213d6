"""Solvers: they know an objective and a penalty by their methods only."""

from dataclasses import replace

from skprox.solvers.fista import fista
from skprox.solvers.newton import newton
from skprox.solvers.result import Certificate

# How many Newton steps "auto" takes, in total, while the Hessian has at most so many columns: beyond 4000 it
# leaves Hessians (128 MB) for gradients, and next to a perfect fit many short steps pay while they are cheap.
NEWTON_STAGES = ((30, 4000), (300, 300))


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
    n_iter, point = 0, start
    for n_steps, max_columns in NEWTON_STAGES:
        n_steps = min(n_steps, max_iter) - n_iter
        result = newton(objective, penalty, certificate, point, tol, n_steps, monitor, max_columns)
        n_iter, point = n_iter + result.n_iter, result.point
        if result.shortfall <= tol or result.stalled or n_iter >= max_iter:
            return replace(result, n_iter=n_iter)
    result = fista(objective, penalty, certificate, point, tol, max_iter - n_iter, monitor)
    return replace(result, n_iter=n_iter + result.n_iter)
