"""Proximal Newton steps on a working set of groups."""

import numpy as np

from skprox.solvers.quadratic import minimise_quadratic
from skprox.solvers.result import Result

WORKING_GROUPS = 100  # groups that may enter at once, where fewer are in play
STALL = 20  # steps without progress after which rounding is in the way


def newton(objective, penalty, certificate, start, tol, max_iter, monitor, max_columns=np.inf):
    """Minimise objective + penalty by proximal Newton steps from the point `start`.

    Each step minimises the second-order expansion plus the penalty over the groups that are not zero
    and those furthest from optimal (Lee, Sun and Saunders, 2014), then goes along it as far as the
    objective falls. Stops early, above `tol`, where more than `max_columns` columns are needed.
    """
    point = best = start
    lowest, since = np.inf, 0
    for n_iter in range(1, max_iter + 1):
        gradient = objective.gradient(point)
        distance = certificate(point.coef, gradient)
        optimality = distance.max(initial=0.0)
        monitor(n_iter, point, optimality)
        since = 0 if optimality < 0.9 * lowest else since + 1
        if optimality < lowest:
            lowest, best = optimality, point
        if optimality <= tol or since >= STALL:
            break
        groups = _working_set(penalty.norms(point.coef), distance, tol)
        columns = penalty.columns(groups)
        if len(columns) > max_columns:
            break
        model = penalty.restrict(groups)
        candidate = minimise_quadratic(
            objective.hessian(point, columns),
            gradient[columns],
            point.coef[columns],
            model,
            certificate.scale * 1e-2 * max(optimality, tol) + certificate.rounding[groups],
        )
        target = point.coef.copy()
        target[columns] = candidate
        following = _line_search(objective, penalty, point, objective.at(target))
        if following is None:
            break
        point = following
    return Result(best, n_iter, lowest)


def _working_set(norms, distance, tol):
    """Groups in play, and those that violate optimality most: at most as many again."""
    inside = norms > 0
    room = max(WORKING_GROUPS, inside.sum())
    outside = np.flatnonzero(~inside & (distance > tol / 2))
    outside = outside[np.argsort(-distance[outside])[:room]]
    return np.union1d(np.flatnonzero(inside), outside)


def _line_search(objective, penalty, start, end):
    """First point from `end` back to `start`, by halves, where the objective falls enough; None if none does."""
    slope = objective.gradient(start) @ (end.coef - start.coef)
    before = penalty.value(start.coef)
    promise = slope + penalty.value(end.coef) - before
    slack = 1e-14 * (abs(before) + abs(objective.value(start)))
    step, point = 1.0, end
    while step > 1e-12:
        fall = step * slope + objective.divergence(point, start) + penalty.value(point.coef) - before
        if fall <= 1e-4 * step * promise + slack:
            return point
        step /= 2
        point = objective.between(start, end, step)
    return None
