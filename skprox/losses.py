"""Compiled kernels of the Poisson loss."""

from math import expm1, inf

import numpy as np

from skprox._jit import njit


@njit
def exp_excess(d):
    """exp(d) - 1 - d without cancellation."""
    if abs(d) < 1e-3:
        return d * d * (0.5 + d * (1 / 6 + d * (1 / 24 + d / 120)))
    return expm1(d) - d if d < 709.0 else inf


@njit
def mean_excess(weight, moves, shift):
    """sum_i weight[k, i] * exp_excess(moves[k, i] - shift[k]) for each k."""
    out = np.zeros(moves.shape[0])
    for k in range(moves.shape[0]):
        for i in range(moves.shape[1]):
            if weight[k, i] > 0.0:
                out[k] += weight[k, i] * exp_excess(moves[k, i] - shift[k])
    return out
