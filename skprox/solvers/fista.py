"""Accelerated proximal gradient steps in a diagonal metric, with adaptive restart."""

import numpy as np


def fista(objective, penalty, certificate, start, tol, max_iter, monitor):
    """Minimise objective + penalty by FISTA (Beck and Teboulle, 2009) from the point `start`.

    A step from z is the minimiser of the expansion of the objective at z, with a quadratic term of
    curvature L * d: d is the squared spread of each column, and L is doubled until the quadratic is
    above the objective, which is tested on the divergence itself and so holds to the last digit. L
    may sink again by a tenth a step. Momentum starts anew when it points uphill (O'Donoghue and
    Candès, 2015).
    """
    metric = objective.total * objective.spread**2
    metric[metric <= 0] = metric.max(initial=0.0) or 1.0  # constant columns: they never need to move
    scale, momentum = 1.0, 1.0
    current = ahead = start
    for n_iter in range(1, max_iter + 1):
        gradient = objective.gradient(ahead)
        shortfall = certificate(ahead.coef, gradient).max(initial=0.0)
        monitor(n_iter, ahead, shortfall)
        if shortfall <= tol:
            return certificate.result(ahead, gradient, n_iter)
        while True:
            curvature = scale * metric
            following = objective.at(penalty.prox(ahead.coef - gradient / curvature, curvature))
            move = following.coef - ahead.coef
            if objective.divergence(following, ahead) <= curvature @ move**2 / 2 or scale > 1e15:
                break
            scale *= 2.0
        scale *= 0.9
        if (curvature * move) @ (following.coef - current.coef) < 0:
            momentum = 1.0
        grown = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = objective.between(current, following, 1 + (momentum - 1) / grown)
        current, momentum = following, grown
    return certificate.result(current, objective.gradient(current), max_iter)
