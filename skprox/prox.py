"""Compiled steps for sums of Euclidean norms of groups of coefficients.

Groups are given as ``indices`` and ``indptr``, as in a CSR matrix: group g holds the positions
``indices[indptr[g]:indptr[g + 1]]``.
"""

from math import sqrt

import numpy as np

from skprox._jit import njit


@njit
def group_step(pull, curvature, strength, out):
    """Write argmin_u  1/2 sum_j curvature_j u_j^2 - pull.u + strength ||u||_2  into `out`.

    The minimiser is zero when ||pull|| <= strength. Otherwise its norm t is the root of
    sum_j (pull_j / (curvature_j t + strength))^2 = 1; the inverse square root of the left-hand
    side is concave and increasing in t, so that Newton's iteration from the left never passes the
    root (the secular equation of trust regions: Moré and Sorensen, 1983).
    """
    if strength == 0.0:
        for j in range(pull.size):
            out[j] = pull[j] / curvature[j] if curvature[j] > 0.0 else 0.0
        return
    squares, steepest = 0.0, 0.0
    for j in range(pull.size):
        squares += pull[j] * pull[j]
        steepest = max(steepest, curvature[j])
    norm = sqrt(squares)
    if not norm > strength or steepest <= 0.0:
        out[:] = 0.0
        return
    t = (norm - strength) / steepest
    if pull.size > 1:
        for _ in range(100):
            value, slope = 0.0, 0.0
            for j in range(pull.size):
                bend = curvature[j] * t + strength
                part = (pull[j] / bend) ** 2
                value += part
                slope += part * curvature[j] / bend
            move = value * (sqrt(value) - 1.0) / slope if slope > 0.0 else 0.0
            if not move > 1e-15 * t:
                break
            t += move
    for j in range(pull.size):
        out[j] = pull[j] * t / (curvature[j] * t + strength)


@njit
def prox(point, curvature, indices, indptr, strength, ridge):
    """argmin_u  1/2 sum_j curvature_j (u_j - point_j)^2 + sum_g strength_g ||u_g|| + 1/2 sum_j ridge_j u_j^2."""
    out = point.copy()
    for g in range(strength.size):
        members = indices[indptr[g] : indptr[g + 1]]
        pull, bend = point[members] * curvature[members], curvature[members] + ridge[members]
        step = np.empty_like(pull)
        group_step(pull, bend, strength[g], step)
        out[members] = step
    return out


@njit
def group_norms(coef, indices, indptr):
    """||coef_g||_2, a number a group."""
    out = np.empty(indptr.size - 1)
    for g in range(indptr.size - 1):
        squares = 0.0
        for k in range(indptr[g], indptr[g + 1]):
            squares += coef[indices[k]] ** 2
        out[g] = sqrt(squares)
    return out


@njit
def residual_of_group(coef, gradient, indices, start, stop, strength, ridge, rounding, unit):
    """Distance of -gradient to the subdifferential at `coef`, for the group indices[start:stop].

    Each entry of the residual counts as far as it exceeds its `rounding`, in its own `unit`; those of
    a group at zero in the unit along its gradient. Entries of infinite unit do not count.
    """
    squares, scaled, stretched, norm, longest, steep = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(start, stop):
        norm += coef[indices[k]] ** 2
        steep += gradient[indices[k]] ** 2
    norm, steep = sqrt(norm), sqrt(steep)
    if norm == 0.0 and steep <= strength:  # most groups of a sparse model
        return 0.0
    slope = strength / norm if norm > 0.0 else 0.0
    for k in range(start, stop):
        j = indices[k]
        residual = abs(gradient[j] + (ridge[j] + slope) * coef[j]) - rounding[j]
        if not residual <= 0.0 and unit[j] < np.inf:
            longest = max(longest, unit[j])
    for k in range(start, stop):
        j = indices[k]
        residual = abs(gradient[j] + (ridge[j] + slope) * coef[j]) - rounding[j]
        if not residual <= 0.0 and unit[j] < np.inf:
            squares += residual**2
            scaled += (residual / unit[j]) ** 2
            stretched += (residual * (unit[j] / longest)) ** 2  # squares of units may be out of range
    if norm > 0.0 or strength == 0.0:
        return sqrt(scaled)
    excess = sqrt(squares) - strength
    return excess * sqrt(squares / stretched) / longest if excess > 0.0 else 0.0


@njit
def violation(coef, gradient, indices, indptr, strength, ridge, rounding, unit):
    """The distance of `residual_of_group`, a number for each group."""
    out = np.zeros(strength.size)
    for g in range(strength.size):
        norm, steep = 0.0, 0.0
        for k in range(indptr[g], indptr[g + 1]):
            norm += coef[indices[k]] ** 2
            steep += gradient[indices[k]] ** 2
        if norm == 0.0 and sqrt(steep) <= strength[g]:  # most groups of a sparse model: a call takes longer
            continue
        out[g] = residual_of_group(
            coef, gradient, indices, indptr[g], indptr[g + 1], strength[g], ridge, rounding, unit
        )
    return out
