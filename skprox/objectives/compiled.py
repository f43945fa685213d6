"""Compiled passes of the Poisson loss, for a dense X in the cache.

The weighted rates at some coefficients are `level` times `mass`, which has an entry a row.
"""

from math import exp, inf, log, log1p, sqrt
from typing import NamedTuple

import numpy as np

from skprox._jit import FAST, inner
from skprox.losses import exp_excess
from skprox.objectives.passes import ROWS, exp_in_place, predict, sums

# Rows of `Compiled.features`: weighted means of counts times columns, where columns are centered, which do nothing.
XY, CENTER, FLAT = range(3)


class Compiled(NamedTuple):
    """One output of a `PoissonObjective`: `XT` has the columns of X along the memory."""

    XT: np.ndarray
    log_mass: np.ndarray
    features: np.ndarray
    profiled: bool
    total: float
    scale: float
    constant: float


@inner
def evaluate(objective, coef, support, work, mass):
    """Write the mass at `coef`. Returns value, intercept and level there."""
    XT, log_mass, features, profiled, total, _, constant = objective
    top, mass_sum = masses(XT, coef, log_mass, support, work, mass)
    against = -constant
    for j in range(coef.size):
        against += features[XY, j] * coef[j]
    if profiled:
        log_sum = top + log(mass_sum)
        return total * log_sum - against, log(total) - log_sum, total / mass_sum
    return exp(top) * mass_sum - against, 0.0, exp(top)


@inner
def value_size(objective, value, first, second):
    """The size of what values at points with these intercepts are sums of."""
    return abs(value) + objective.total * (1 + abs(first) + abs(second))


@inner
def gradient(objective, mass, level, columns, n_columns, out):
    """Write the gradient in the first so many of `columns`, at these positions of `out`."""
    features = objective.features
    sums(objective.XT, mass, columns, n_columns, out)
    for k in range(n_columns):
        j = columns[k]
        out[j] = 0.0 if features[FLAT, j] > 0.0 else level * out[j] - features[XY, j]


@inner(fastmath=FAST)
def hessian(objective, mass, level, columns, n_columns, old, out, chunk):
    """Write the Hessian over its scale, for the first so many of `columns`, from `old` on.

    It is the covariance of the columns under the rates, their second moment without an intercept.
    """
    XT, _, features, profiled, _, scale, _ = objective
    size, total = chunk.shape[1], scale / level
    first, root = np.zeros(n_columns), np.empty(size)
    second = np.zeros((n_columns - old, n_columns))
    for a in range(old, n_columns):
        for b in range(n_columns):
            out[a, b] = 0.0
    for start in range(0, mass.size, size):
        stop = min(mass.size, start + size)
        for i in range(stop - start):
            root[i] = sqrt(mass[start + i] / total)
        for k in range(n_columns):
            j = columns[k]
            x, c, row, s = XT[j, start:stop], features[CENTER, j], chunk[k], 0.0
            for i in range(x.size):
                v = (x[i] - c) * root[i]
                s += v * root[i]
                row[i] = v
            for i in range(x.size, size):
                row[i] = 0.0
            first[k] += s
        np.dot(chunk[old:n_columns], chunk[:n_columns].T, second)
        for a in range(old, n_columns):
            for b in range(n_columns):
                out[a, b] += second[a - old, b]
    for a in range(old, n_columns):
        constant = features[FLAT, columns[a]] > 0.0
        for b in range(n_columns):
            if profiled:
                out[a, b] -= first[a] * first[b]
            if constant or features[FLAT, columns[b]] > 0.0:
                out[a, b] = 0.0
            if b < old:
                out[b, a] = out[a, b]


@inner
def hessian_times(objective, mass, level, move, change, out):
    """Write the Hessian over its scale times `move` into `out`; `change` is work."""
    XT, _, features, profiled, _, scale, _ = objective
    shift, mass_sum = 0.0, 0.0
    np.dot(move, XT, change)
    if profiled:
        for i in range(mass.size):
            shift += mass[i] * change[i]
            mass_sum += mass[i]
        shift /= mass_sum
    for i in range(mass.size):
        change[i] = mass[i] * (change[i] - shift)
    np.dot(XT, change, out)
    for j in range(out.size):
        out[j] = 0.0 if features[FLAT, j] > 0.0 else level / scale * out[j]


@inner
def bregman_divergence(objective, mass, level, slopes, move, nothing, support, change):
    """value(coef + move) - value(coef) - slopes.move, without cancellation, at a point with these slopes."""
    XT, _, features, profiled, total, _, _ = objective
    shift, excess = 0.0, 0.0
    if profiled:
        for j in range(move.size):
            shift += move[j] * (slopes[j] + features[XY, j]) / total
    predict(XT, move, nothing, support, change)
    for i in range(mass.size):
        if mass[i] > 0.0:
            excess += mass[i] * exp_excess(change[i] - shift)
    return total * log1p(level * excess / total) if profiled else level * excess


@inner(fastmath=FAST)
def masses(XT, coef, log_mass, support, work, mass):
    """Write weight * exposure * exp(x.coef) over exp(top) into `mass`. Returns the largest, top, and the sum."""
    predict(XT, coef, log_mass, support, mass)
    top, total = -inf, 0.0
    for i in range(mass.size):
        top = max(top, mass[i])
    for start in range(0, mass.size, ROWS):
        eta = mass[start : min(mass.size, start + ROWS)]
        for i in range(eta.size):
            eta[i] -= top
        exp_in_place(eta, work)
        for i in range(eta.size):
            total += eta[i]
    return top, total
