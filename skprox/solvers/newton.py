"""Proximal Newton steps on a working set of groups."""

import numpy as np

from skprox.solvers.quadratic import minimise_quadratic

WORKING_GROUPS = 100  # groups that may enter at once, where fewer are in play
FAR = 5.0  # largest change in log rate of a step
STALL = 5  # steps in a row that promise no more than rounding can hide


def newton(objective, penalty, certificate, start, tol, max_iter, monitor, max_columns=np.inf):
    """Minimise objective + penalty by proximal Newton steps from the point `start`.

    Each step minimises the second-order expansion plus the penalty over the groups that are not zero
    and those furthest from optimal (Lee, Sun and Saunders, 2014), then goes along it as far as the
    objective falls. Stops early, above `tol`, where more than `max_columns` columns are needed.
    """
    point = best = start
    lowest, idle = np.inf, 0
    for n_iter in range(1, max_iter + 1):
        gradient = objective.gradient(point)
        certified = certificate(point.coef, gradient)
        shortfall = certified.max(initial=0.0)
        monitor(n_iter, point, shortfall)
        if shortfall < lowest:
            lowest, best = shortfall, point
        if shortfall <= tol or idle >= STALL:
            break
        groups = _working_set(penalty.norms(point.coef), certified, tol)
        columns = penalty.columns(groups)
        if len(columns) > max_columns:
            break
        target = point.coef.copy()
        target[columns] = minimise_quadratic(
            objective.hessian(point, columns),
            gradient[columns],
            point.coef[columns],
            certificate.restrict(groups),
            1e-2 * max(shortfall, tol),
        )
        point, promising = _line_search(objective, penalty, point, objective.at(target))
        idle = 0 if promising else idle + 1
    stalled = idle >= STALL
    last = best if stalled else point
    return certificate.result(last, objective.gradient(last), n_iter, stalled)


def _working_set(norms, certified, tol):
    """Groups in play, and those furthest from optimal: at most as many again."""
    inside = norms > 0
    room = max(WORKING_GROUPS, inside.sum())
    outside = np.flatnonzero(~inside & (certified > tol / 2))
    outside = outside[np.argsort(-certified[outside])[:room]]
    return np.union1d(np.flatnonzero(inside), outside)


def _line_search(objective, penalty, start, end):
    """First point from `end` back to `start`, by halves, where the objective falls enough.

    Also returns whether the step promised more than rounding. Where a step would change rates by orders
    of magnitude its Hessian knows nothing of where it leads, and rates that vanish on the way would leave
    the next step without curvature: such steps are cut short from the outset.
    """
    slope = objective.gradient(start) @ (end.coef - start.coef)
    before = penalty.value(start.coef)
    promise = slope + penalty.value(end.coef) - before
    slack = 4 * np.finfo(float).eps * (before + np.abs(objective.gradient(start)) @ np.abs(end.coef - start.coef))
    step = min(1.0, FAR / max(objective.reach(start, end), FAR))
    for _ in range(40):
        point = end if step == 1.0 else objective.between(start, end, step)
        fall = step * slope + objective.divergence(point, start) + penalty.value(point.coef) - before
        if fall <= 1e-4 * step * promise + slack:
            return point, promise < -slack
        step /= 2
    return start, False
