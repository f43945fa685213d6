"""Compiled functions of a penalty: nothing else knows what a norm is.

Groups are given as ``indices`` and ``indptr``, as in a CSR matrix: group g holds the positions
``indices[indptr[g]:indptr[g + 1]]``. Of arrays with room for more groups the first so many count.
"""

from math import inf, sqrt
from typing import NamedTuple

import numpy as np

from skprox._jit import FAST, inner, njit

# Rows of `Arrays.groups`: the strength of the norm, and whether anything but it and one ridge acts within the group. Of
# a concave penalty, what its slope adds to the strength at zero, and all else in the strength.
STRENGTH, MIXED, LEVEL, REST = range(4)
# Rows of `Arrays.columns`: for each coefficient.
L1, RIDGE, LOWER, UPPER = range(4)


class Arrays(NamedTuple):
    """sum_g strength_g ||u_g||_2 + sum_j l1_j |u_j| + 1/2 sum_j ridge_j u_j^2  where  lower <= u <= upper

    Bounds hold 0. Those of a group of several with a strength are 0 or infinite, and groups of one have no `l1`.
    """

    indices: np.ndarray
    indptr: np.ndarray
    groups: np.ndarray
    columns: np.ndarray


@njit
def group_step(linear, curvature, strength, out):
    """Write argmin_u  1/2 sum_j curvature_j u_j^2 - linear.u + strength ||u||_2  into `out`.

    The minimiser is zero when ||linear|| <= strength. Otherwise its norm t is the root of
    sum_j (pull_j / (curvature_j t + strength))^2 = 1; the inverse square root of the left-hand
    side is concave and increasing in t, so that Newton's iteration from the left never passes the
    root (the secular equation of trust regions: Moré and Sorensen, 1983).
    """
    if strength == 0.0:
        for j in range(linear.size):
            out[j] = linear[j] / curvature[j] if curvature[j] > 0.0 else 0.0
        return
    squares, steepest = 0.0, 0.0
    for j in range(linear.size):
        squares += linear[j] * linear[j]
        steepest = max(steepest, curvature[j])
    norm = sqrt(squares)
    if not norm > strength or steepest <= 0.0:
        out[:] = 0.0
        return
    t = (norm - strength) / steepest
    if linear.size > 1:
        for _ in range(100):
            value, slope = 0.0, 0.0
            for j in range(linear.size):
                denominator = curvature[j] * t + strength
                part = (linear[j] / denominator) ** 2
                value += part
                slope += part * curvature[j] / denominator
            move = value * (sqrt(value) - 1.0) / slope if slope > 0.0 else 0.0
            if not move > 1e-15 * t:
                break
            t += move
    for j in range(linear.size):
        out[j] = linear[j] * t / (curvature[j] * t + strength)


@inner
def clip(coef, lower, upper):
    return min(max(coef, lower), upper)


@inner
def step_of_one(linear, curvature, strength, ridge, lower, upper):
    """argmin_u  1/2 (curvature + ridge) u^2 - linear u + strength |u|  within bounds"""
    excess, denominator, target = abs(linear) - strength, curvature + ridge, 0.0
    if excess > 0.0 and denominator > 0.0:
        target = excess / denominator if linear > 0.0 else -excess / denominator
    return clip(target, lower, upper)


@inner
def linear_beyond(linear, l1, lower, upper):
    """What is left of the linear term at a coefficient at zero, beyond its `l1` and where a bound does not hold it."""
    rest = max(abs(linear) - l1, 0.0)
    if linear > 0.0:
        return rest if upper > 0.0 else 0.0
    return -rest if lower < 0.0 else 0.0


@inner(fastmath=FAST)
def step_of_group(p, g, linear, curvature, out):
    """Write argmin_u  1/2 sum_k curvature_k u_k^2 - linear.u + penalty(u)  for a group into `out`; overwrites others.

    In a diagonal metric what `l1` and bounds at zero leave of the linear term has the signs of the minimiser.
    """
    first, strength = p.indptr[g], p.groups[STRENGTH, g]
    for k in range(linear.size):
        j = p.indices[first + k]
        curvature[k] += p.columns[RIDGE, j]
        if p.groups[MIXED, g] > 0.0:
            linear[k] = linear_beyond(linear[k], p.columns[L1, j], p.columns[LOWER, j], p.columns[UPPER, j])
    group_step(linear, curvature, strength, out)
    if strength == 0.0:
        for k in range(linear.size):
            j = p.indices[first + k]
            out[k] = clip(out[k], p.columns[LOWER, j], p.columns[UPPER, j])


@inner(fastmath=FAST, inline="always")  # passing so many arrays takes as long as what is done with them
def moves_of_group(p, g, slope, coef, values, vectors, basis, linear, curvature, step, moves, width):
    """Write the moves of a group that minimise  slope.move + 1/2 move.block move + penalty(coef + move)  into `moves`.

    The block falls into blocks of size `width` on its diagonal, each with eigenvalues `values`, and eigenvectors in the
    columns of a square matrix, which lie one after the other in ``vectors[basis:]``. Exact where only the norm and
    one ridge act; else with the largest eigenvalue in place of each of them. The penalty has its coefficients in order,
    and `linear`, `curvature` and `step` are work.

    Without a norm the steps are the moves themselves, and none along directions whose curvature counts as zero: large
    coefficients there would lose more by going to zero than rounding hides.
    """
    first, size, held = p.indptr[g], p.indptr[g + 1] - p.indptr[g], p.groups[STRENGTH, g] > 0.0
    if p.groups[MIXED, g] > 0.0:
        for start in range(0, size, width):
            steepest = 0.0
            for a in range(start, start + width):
                steepest = max(steepest, values[first + a])
            for a in range(start, start + width):
                linear[a], curvature[a] = steepest * coef[first + a] - slope[first + a], steepest
        step_of_group(p, g, linear[:size], curvature[:size], step[:size])
        for a in range(size):
            moves[first + a] = step[a] - coef[first + a]
    else:
        for start in range(0, size, width):
            corner, here = basis + start * width, first + start
            for b in range(width):
                product, place = 0.0, 0.0
                for a in range(width):
                    v = vectors[corner + a * width + b]
                    product -= v * slope[here + a]
                    place += v * coef[here + a]
                linear[start + b] = product + place * (values[here + b] if held else -p.columns[RIDGE, first])
                curvature[start + b] = values[here + b] + p.columns[RIDGE, first]
        group_step(linear[:size], curvature[:size], p.groups[STRENGTH, g], step[:size])
        for start in range(0, size, width):
            corner, here = basis + start * width, first + start
            for a in range(width):
                move = -coef[here + a] if held else 0.0
                for b in range(width):
                    move += vectors[corner + a * width + b] * step[start + b]
                moves[here + a] = move


@njit
def prox(point, curvature, p):
    """argmin_u  1/2 sum_j curvature_j (u_j - point_j)^2 + penalty(u)"""
    out, longest = point.copy(), 1
    for g in range(p.indptr.size - 1):
        longest = max(longest, p.indptr[g + 1] - p.indptr[g])
    work = np.empty((3, longest))
    for g in range(p.indptr.size - 1):
        start, size = p.indptr[g], p.indptr[g + 1] - p.indptr[g]
        if size == 1:
            j = p.indices[start]
            linear, strength = point[j] * curvature[j], p.groups[STRENGTH, g]
            lower, upper = p.columns[LOWER, j], p.columns[UPPER, j]
            out[j] = step_of_one(linear, curvature[j], strength, p.columns[RIDGE, j], lower, upper)
            continue
        for k in range(size):
            j = p.indices[start + k]
            work[0, k], work[1, k] = point[j] * curvature[j], curvature[j]
        step_of_group(p, g, work[0, :size], work[1, :size], work[2, :size])
        for k in range(size):
            out[p.indices[start + k]] = work[2, k]
    return out


@njit
def value(coef, p, n_groups):
    """The penalty; of an infinite strength only where its group is not zero."""
    out = 0.0
    for g in range(n_groups):
        squares = 0.0
        for k in range(p.indptr[g], p.indptr[g + 1]):
            j = p.indices[k]
            squares += coef[j] ** 2
            out += p.columns[L1, j] * abs(coef[j]) + p.columns[RIDGE, j] * coef[j] ** 2 / 2
        if squares > 0.0:
            out += p.groups[STRENGTH, g] * sqrt(squares)
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


@inner
def residual_at(coef, slope, l1, lower, upper):
    """Size of the residual of one coefficient's optimality condition, `slope` being that of all else."""
    if coef != 0.0:
        slope += l1 if coef > 0.0 else -l1
    else:
        slope = max(slope - l1, 0.0) if slope > 0.0 else min(slope + l1, 0.0)
    if (coef >= upper and slope < 0.0) or (coef <= lower and slope > 0.0):
        return 0.0
    return abs(slope)


@njit
def residuals(coef, gradient, p, n_groups, rounding, scale, out):
    """Write the distance of -gradient to the subdifferential at `coef`, of each group, into `out`. Returns the largest.

    Each entry of the residual counts as far as it exceeds its `rounding`, over its own `scale`; those of
    a group at zero over the scale along its gradient. Entries of infinite scale do not count.
    """
    largest = 0.0
    for g in range(n_groups):
        strength, norm, steep, out[g] = p.groups[STRENGTH, g], 0.0, 0.0, 0.0
        for k in range(p.indptr[g], p.indptr[g + 1]):
            norm += coef[p.indices[k]] ** 2
            steep += gradient[p.indices[k]] ** 2
        norm, steep = sqrt(norm), sqrt(steep)
        if norm == 0.0 and steep <= strength:  # most groups of a sparse model
            continue
        if not norm < inf:  # infinity is no bound to be at
            largest = out[g] = inf
            continue
        of_norm, mixed = strength / norm if norm > 0.0 else 0.0, p.groups[MIXED, g] > 0.0
        squares, scaled, stretched, longest = 0.0, 0.0, 0.0, 0.0
        for stretching in range(2):
            for k in range(p.indptr[g], p.indptr[g + 1]):
                j = p.indices[k]
                residual = gradient[j] + (p.columns[RIDGE, j] + of_norm) * coef[j]
                if mixed:
                    l1, lower, upper = p.columns[L1, j], p.columns[LOWER, j], p.columns[UPPER, j]
                    residual = residual_at(coef[j], residual, l1, lower, upper)
                residual = abs(residual) - rounding[j]
                if residual <= 0.0 or scale[j] == inf:
                    continue
                if stretching == 1:
                    stretched += (residual * (scale[j] / longest)) ** 2  # squares of scales may be out of range
                else:
                    longest = max(longest, scale[j])
                    squares += residual**2
                    scaled += (residual / scale[j]) ** 2
            if norm > 0.0 or strength == 0.0:
                out[g] = sqrt(scaled)
                break
            excess = sqrt(squares) - strength
            if excess <= 0.0:
                break
            if stretching == 1:
                out[g] = excess * sqrt(squares / stretched) / longest
        largest = max(largest, out[g])
    return largest


@njit
def entries(gradient, p, n_groups, out):
    """Write the factor on the strengths above which each group at zero stays there; infinite where nothing holds it.

    With `l1` it is the root of a convex, decreasing function, which Newton's iteration from zero does not pass.
    """
    for g in range(n_groups):
        strength, squares, factor = p.groups[STRENGTH, g], 0.0, 0.0
        if p.groups[MIXED, g] == 0.0:
            for k in range(p.indptr[g], p.indptr[g + 1]):
                squares += gradient[p.indices[k]] ** 2
            out[g] = sqrt(squares) / strength if strength > 0.0 else inf
            continue
        for _ in range(100 if strength < inf else 0):
            squares, along = 0.0, 0.0
            for k in range(p.indptr[g], p.indptr[g + 1]):
                j = p.indices[k]
                l1, lower, upper = p.columns[L1, j], p.columns[LOWER, j], p.columns[UPPER, j]
                rest = abs(linear_beyond(-gradient[j], factor * l1, lower, upper))
                if rest > 0.0:
                    squares += rest**2
                    along += rest * l1
            norm = sqrt(squares)
            excess, slope = norm - factor * strength, strength + (along / norm if norm > 0.0 else 0.0)
            if not excess > 0.0:
                break
            before, factor = factor, factor + excess / slope if slope > 0.0 else inf
            if factor == inf or not factor > before:
                break
        out[g] = factor


@njit
def expansion(coef, p, n_groups, slope, diagonal, radial):
    """Write the derivative of the penalty, and its second derivative diagonal - radial radial' within each group.

    Where there is none, because of a kink or at a bound, `diagonal` is infinite.
    """
    for g in range(n_groups):
        strength, squares, of_norm = p.groups[STRENGTH, g], 0.0, 0.0
        size, mixed = p.indptr[g + 1] - p.indptr[g], p.groups[MIXED, g] > 0.0
        for k in range(p.indptr[g], p.indptr[g + 1]):
            squares += coef[p.indices[k]] ** 2
        if strength > 0.0:
            of_norm = strength / sqrt(squares) if squares > 0.0 else inf
        for k in range(p.indptr[g], p.indptr[g + 1]):
            j = p.indices[k]
            c, l1 = coef[j], p.columns[L1, j]
            at_bound = mixed and not p.columns[LOWER, j] < c < p.columns[UPPER, j]
            if of_norm == inf or at_bound or (l1 > 0.0 and c == 0.0):
                slope[j], diagonal[j], radial[j] = 0.0, inf, 0.0
                continue
            sign = 0.0 if c == 0.0 else 1.0 if c > 0.0 else -1.0
            slope[j] = (of_norm + p.columns[RIDGE, j]) * c + l1 * sign
            diagonal[j], radial[j] = p.columns[RIDGE, j], 0.0
            if size > 1 and of_norm > 0.0:
                diagonal[j] += of_norm
                radial[j] = c * sqrt(of_norm / squares)


@njit
def first_kink(coef, step, p, n_groups):
    """The share of a step, at most 1, after which the penalty has a kink or ends at a bound."""
    first = 1.0
    for g in range(n_groups):
        squares, product = 0.0, 0.0
        for k in range(p.indptr[g], p.indptr[g + 1]):
            j = p.indices[k]
            squares += coef[j] ** 2
            product += coef[j] * step[j]
            if p.columns[L1, j] > 0.0 and coef[j] * (coef[j] + step[j]) < 0.0:
                first = min(first, -coef[j] / step[j])
            if coef[j] + step[j] > p.columns[UPPER, j]:
                first = min(first, (p.columns[UPPER, j] - coef[j]) / step[j])
            if coef[j] + step[j] < p.columns[LOWER, j]:
                first = min(first, (p.columns[LOWER, j] - coef[j]) / step[j])
        if squares > 0.0 and squares + product < 0.0 and p.groups[STRENGTH, g] > 0.0:
            first = min(first, squares / -product)
    return first


@njit
def advance(coef, step, length, p, n_groups, out):
    """Write where a share of a step ends: what would go past zero, where the penalty has a kink, stops there.

    So does what would leave its bounds. A group would pass zero where its part along itself does.
    """
    for g in range(n_groups):
        squares, product = 0.0, 0.0
        for k in range(p.indptr[g], p.indptr[g + 1]):
            j = p.indices[k]
            squares += coef[j] ** 2
            product += coef[j] * step[j]
        passes = squares > 0.0 and squares + product < 0.0 and squares * (1 - 1e-14) + length * product <= 0.0
        to_zero = passes and p.groups[STRENGTH, g] > 0.0
        for k in range(p.indptr[g], p.indptr[g + 1]):
            j = p.indices[k]
            there = coef[j] + length * step[j]
            if to_zero or (p.columns[L1, j] > 0.0 and coef[j] * there < 0.0):
                there = 0.0
            out[j] = clip(there, p.columns[LOWER, j], p.columns[UPPER, j])


@inner
def scale(p, factor, out):
    """Write `factor` times the penalty into the arrays of `out`, which has the same groups."""
    for g in range(p.groups.shape[1]):
        out.groups[STRENGTH, g] = p.groups[STRENGTH, g] * factor if p.groups[STRENGTH, g] > 0.0 else 0.0
    for j in range(p.columns.shape[1]):
        out.columns[L1, j], out.columns[RIDGE, j] = p.columns[L1, j] * factor, p.columns[RIDGE, j] * factor


@inner
def gather(p, groups, start, stop, local, divisor):
    """Write some `groups` over `divisor`, from one place to another among them, as those of a penalty with room.

    Its coefficients are in their order.
    """
    for where in range(start, stop):
        g, a = groups[where], local.indptr[where]
        local.groups[STRENGTH, where], local.groups[MIXED, where] = p.groups[STRENGTH, g] / divisor, p.groups[MIXED, g]
        for k in range(p.indptr[g], p.indptr[g + 1]):
            j = p.indices[k]
            local.indices[a] = a
            local.columns[L1, a], local.columns[RIDGE, a] = p.columns[L1, j] / divisor, p.columns[RIDGE, j] / divisor
            local.columns[LOWER, a], local.columns[UPPER, a] = p.columns[LOWER, j], p.columns[UPPER, j]
            a += 1
        local.indptr[where + 1] = a


@njit
def lower(coef, p, n_groups, gamma, curvature):
    """Set the strengths to what a concave penalty has at `coef`: slopes of its norms, and the rest.

    In the norm t the slope is min(level, max(gamma * level - t, 0) * curvature). Returns how much the concave penalty
    is below the sum of these strengths times norms.
    """
    below = 0.0
    for g in range(n_groups):
        level, squares = p.groups[LEVEL, g], 0.0
        if level == 0.0:
            continue
        for k in range(p.indptr[g], p.indptr[g + 1]):
            squares += coef[p.indices[k]] ** 2
        norm = sqrt(squares)
        slope = min(level, max(gamma * level - norm, 0.0) * curvature)
        straight = gamma * level - level / curvature  # up to here the slope is the level
        if norm > straight:
            bent = min(norm, gamma * level) - straight
            below += slope * norm - level * straight - bent * (level + slope) / 2
        p.groups[STRENGTH, g] = p.groups[REST, g] + slope
    return below


@inner
def set_levels(p, where, n_groups, factor, out):
    """Write `factor` times the levels and rests of the groups `where` as those of the first groups of `out`."""
    for g in range(n_groups):
        out.groups[LEVEL, g] = factor * p.groups[LEVEL, where[g]]
        out.groups[REST, g] = factor * p.groups[REST, where[g]]


@inner
def set_strengths(p, where, n_groups, factor, out):
    """Write `factor` times the strengths of the first groups as those of the groups `where` of `out`."""
    for g in range(n_groups):
        out.groups[STRENGTH, where[g]] = factor * p.groups[STRENGTH, g]


@inner
def stays_on_pieces(p, n_groups, pieces):
    """Write which piece of a concave penalty each slope is of: straight, bent or flat. True if all are as before."""
    same = True
    for g in range(n_groups):
        slope, level = p.groups[STRENGTH, g] - p.groups[REST, g], p.groups[LEVEL, g]
        piece = 0.0 if slope >= level else 1.0 if slope > 0.0 else 2.0
        same = same and piece == pieces[g]
        pieces[g] = piece
    return same
