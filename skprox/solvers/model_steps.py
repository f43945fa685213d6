"""Compiled steps of a model problem, a quadratic plus a penalty: in the cache and in lockstep the same."""

import numpy as np

from skprox._jit import FAST, njit
from skprox.prox import (
    L1,
    LOWER,
    MIXED,
    RIDGE,
    STRENGTH,
    UPPER,
    advance,
    first_kink,
    moves_of_group,
    step_of_one,
    value,
)


@njit(fastmath=FAST)
def sweep(rows, factored, values, vectors, starts, slope, state, coef, p, groups, scale, tol, n_sweeps):
    """Minimise over each of `groups` in turn, at most `n_sweeps` times: without a norm over each coefficient.

    `rows[k]` is block k on the diagonal of the Hessian, of whose columns each group has as many as of the others, one
    block after the other. Its blocks in turn have eigenvalues `values`, and eigenvectors ``vectors[starts[g]:]``.

    Stops where no move changes its own gradient by more than `tol` scales, and returns the largest such change. What is
    kept up to date is `state`: the gradient of the quadratic in the columns of each block or, where `rows[0]` is a
    factor of the Hessian, its sum with the moves so far as weights: the gradient is slope + rows[0] @ state.
    """
    n_blocks, work, largest = rows.shape[0], np.empty((5, coef.size)), 0.0
    force, moves, linear, curvature, step = work[0], work[1], work[2], work[3], work[4]
    for _ in range(n_sweeps):
        largest = 0.0
        for g in groups:
            start, stop, strength = p.indptr[g], p.indptr[g + 1], p.groups[STRENGTH, g]
            single = n_blocks == 1 and strength == 0.0 and p.groups[MIXED, g] > 0.0
            size = 1 if single else stop - start
            for first in range(start, stop, size):
                place, width = (first, size) if n_blocks == 1 else (first // n_blocks, size // n_blocks)
                for k in range(n_blocks):
                    here, slopes = first + k * width, state[k]
                    for a in range(width):
                        if factored:
                            row, product = rows[k, place + a], 0.0
                            for j in range(slopes.size):
                                product += row[j] * slopes[j]
                            force[here + a] = slope[here + a] + product
                        else:
                            force[here + a] = slopes[place + a]
                steepest = 0.0
                if size == 1:
                    steepest = values[first] if stop == start + 1 else rows[0, first, first]
                    l1, ridge = strength + p.columns[L1, first], p.columns[RIDGE, first]
                    lower, upper = p.columns[LOWER, first], p.columns[UPPER, first]
                    linear_term = steepest * coef[first] - force[first]
                    moves[first] = step_of_one(linear_term, steepest, l1, ridge, lower, upper) - coef[first]
                else:
                    basis = starts[g]
                    moves_of_group(p, g, force, coef, values, vectors, basis, linear, curvature, step, moves, width)
                for k in range(n_blocks):
                    here, slopes = first + k * width, state[k]
                    if size > 1:
                        steepest = values[here]
                        for a in range(here + 1, here + width):
                            steepest = max(steepest, values[a])
                    for a in range(here, here + width):
                        if moves[a] != 0.0:
                            largest = max(largest, abs(moves[a]) * steepest / scale[a])
                            coef[a] += moves[a]
                    for a in range(0, width - 1, 2):  # two at a time: memory is the bound
                        move, other_move = moves[here + a], moves[here + a + 1]
                        if move != 0.0 or other_move != 0.0:
                            row, other = rows[k, place + a], rows[k, place + a + 1]
                            for j in range(slopes.size):
                                slopes[j] += move * row[j] + other_move * other[j]
                    move = moves[here + width - 1]
                    if width % 2 == 1 and move != 0.0:
                        row = rows[k, place + width - 1]
                        for j in range(slopes.size):
                            slopes[j] += move * row[j]
        if largest <= tol:
            break
    return largest


@njit
def search(rows, places, gradient, coef, step, image, p, n_groups):
    """Go along Newton's step, in place, as far as the objective falls. True if it was cut short.

    `image` is the Hessian times the step, and `places[k]` tells which coefficients the columns of block `rows[k]` are.
    """
    moved, change = np.empty(coef.size), np.empty(coef.size)
    kink, before = first_kink(coef, step, p, n_groups), value(coef, p, n_groups)
    for length in (1.0, 0.5, 0.25, 0.1, kink, kink / 10):
        advance(coef, step, length, p, n_groups, moved)
        for a in range(coef.size):
            change[a] = length * image[a]
        for k in range(places.shape[0]):
            for i in range(places.shape[1]):
                a = places[k, i]
                short = moved[a] - (coef[a] + length * step[a])
                if short != 0.0:
                    for j in range(places.shape[1]):
                        change[places[k, j]] += short * rows[k, i, j]
        decrease = value(moved, p, n_groups) - before
        for a in range(coef.size):
            decrease += (moved[a] - coef[a]) * (gradient[a] + change[a] / 2)
        if decrease <= 2.2e-16 * before:  # near the optimum it drowns in rounding
            for a in range(coef.size):
                coef[a] = moved[a]
                gradient[a] += change[a]
            return length < 1.0
    return False
