"""The steps of `skprox.solvers.fista` in one compiled loop, for dense designs in the cache."""

from math import sqrt

import numpy as np

from skprox._jit import njit
from skprox.objectives.compiled import bregman_divergence, evaluate, gradient
from skprox.objectives.passes import ROWS
from skprox.prox import LOWER, UPPER, clip, prox
from skprox.solvers.descent import AFTER, COEF, FREE, GRADIENT, RESIDUAL_SCALE, TRIAL
from skprox.solvers.steps import begin, kkt_residuals

LAST = AFTER  # row of `features` that here holds where the step before led to


@njit
def accelerate(objective, d, metric, tol, max_iter, patience, noise, coef, out):
    """FISTA from `coef` on, which becomes the point of the best certificate.

    Writes value, intercept, largest KKT residual in units, the same as a share of the null model's, and the number of
    steps into `out`. Returns whether rounding seems to be in the way.
    """
    n_features, n = d.features.shape[1], objective.log_mass.size
    features, columns, work, support = d.features, np.arange(n_features), np.empty(ROWS), d.layout[FREE]
    mass, change, nothing, move = np.empty(n), np.empty(n), np.zeros(n), np.empty(n_features)
    for j in range(n_features):
        features[COEF, j] = features[LAST, j] = coef[j]
    begin(d, 1.0)
    _, _, level = evaluate(objective, features[COEF], support, work, mass)
    gradient(objective, mass, level, columns, n_features, features[GRADIENT])
    residual = kkt_residuals(d, COEF, GRADIENT, RESIDUAL_SCALE)
    best, best_at, n_iter, scale, momentum, stalls = residual, 0, 0, 1.0, 1.0, False
    while residual > tol and n_iter < max_iter and not stalls:
        n_iter += 1
        while True:
            for j in range(n_features):
                move[j] = scale * metric[j]
                features[TRIAL, j] = features[COEF, j] - features[GRADIENT, j] / move[j]
            features[TRIAL] = prox(features[TRIAL], move, d.penalty)
            bound = 0.0
            for j in range(n_features):
                move[j] = features[TRIAL, j] - features[COEF, j]
                bound += scale * metric[j] * move[j] ** 2 / 2
            above = bregman_divergence(objective, mass, level, features[GRADIENT], move, nothing, support, change)
            if above <= bound or scale > 1e15:
                break
            scale *= 2.0
        uphill = 0.0
        for j in range(n_features):
            uphill += metric[j] * move[j] * (features[TRIAL, j] - features[LAST, j])
        momentum = 1.0 if uphill < 0.0 else momentum
        grown = (1 + sqrt(1 + 4 * momentum**2)) / 2
        for j in range(n_features):
            step = features[TRIAL, j] - features[LAST, j]
            ahead = features[TRIAL, j] + (momentum - 1) / grown * step
            features[COEF, j] = clip(ahead, d.penalty.columns[LOWER, j], d.penalty.columns[UPPER, j])
            features[LAST, j] = features[TRIAL, j]
        momentum, scale = grown, 0.9 * scale
        _, _, level = evaluate(objective, features[COEF], support, work, mass)
        gradient(objective, mass, level, columns, n_features, features[GRADIENT])
        residual = kkt_residuals(d, COEF, GRADIENT, RESIDUAL_SCALE)
        if residual < best:
            best, best_at = residual, n_iter
            for j in range(n_features):
                coef[j] = features[COEF, j]
        stalls = best < noise and n_iter - best_at > max(patience, best_at)
    for j in range(n_features):
        features[COEF, j], features[TRIAL, j] = coef[j], 1.0
    out[0], out[1], level = evaluate(objective, features[COEF], support, work, mass)
    gradient(objective, mass, level, columns, n_features, features[GRADIENT])
    out[2] = kkt_residuals(d, COEF, GRADIENT, RESIDUAL_SCALE)
    out[3] = kkt_residuals(d, COEF, GRADIENT, TRIAL) / d.state[0].null
    out[4] = n_iter
    return stalls
