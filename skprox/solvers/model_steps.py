"""Compiled steps of a model problem, a quadratic plus a penalty: in the cache and in lockstep the same."""

from math import inf

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
def sweep(rows, length, factored, values, vectors, starts, slope, state, coef, p, groups, scale, tol, n_sweeps):
    """Minimise over each of `groups` in turn, at most `n_sweeps` times: without a norm over each coefficient.

    `rows[k]` is block k on the diagonal of the Hessian, as far as `length`. Each group has as many columns in it as in
    the others, one block after the other; these parts of the group have eigenvalues `values`, and eigenvectors
    ``vectors[starts[g]:]``. Stops where no move changes its own gradient by more than `tol` scales, and returns the
    largest such change.

    What is kept up to date is `state`: the gradient of the quadratic in the columns of each block or, where `rows[0]`
    is a factor of the Hessian, its sum with the moves so far as weights: the gradient is slope + rows[0] @ state[0].
    """
    n_blocks, work, largest, zero = rows.shape[0], np.empty((5, coef.size)), 0.0, state.dtype.type(0)
    force, moves, linear, curvature, step = work[0], work[1], work[2], work[3], work[4]
    for _ in range(n_sweeps):
        largest = 0.0
        for g in groups:
            start, stop, strength = p.indptr[g], p.indptr[g + 1], p.groups[STRENGTH, g]
            size = 1 if n_blocks == 1 and strength == 0.0 and p.groups[MIXED, g] > 0.0 else stop - start
            for first in range(start, stop, size):
                place, width = (first, size) if n_blocks == 1 else (first // n_blocks, size // n_blocks)
                for k in range(n_blocks):
                    for a in range(width):
                        if factored:
                            product = zero
                            for j in range(length):
                                product += rows[0, place + a, j] * state[0, j]
                            force[first + a] = slope[first + a] + product
                        else:
                            force[first + k * width + a] = state[k, place + a]
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
                    here = first + k * width
                    if size > 1:
                        steepest = np.max(values[here : here + width])
                    for a in range(here, here + width):
                        if moves[a] != 0.0:
                            largest = max(largest, abs(moves[a]) * steepest / scale[a])
                            coef[a] += moves[a]
                    for a in range(0, width - 1, 2):  # two at a time: memory is the bound
                        move, other = state.dtype.type(moves[here + a]), state.dtype.type(moves[here + a + 1])
                        if move != 0.0 or other != 0.0:
                            for j in range(length):
                                state[k, j] += move * rows[k, place + a, j] + other * rows[k, place + a + 1, j]
                    move = state.dtype.type(moves[here + width - 1])
                    if width % 2 == 1 and move != 0.0:
                        for j in range(length):
                            state[k, j] += move * rows[k, place + width - 1, j]
        if largest <= tol:
            break
    return largest


@njit
def search(rows, places, gradient, coef, step, image, p, n_groups):
    """Go along Newton's step, in place, as far as the objective falls. True if it was cut short.

    `image` is the Hessian times the step, and `places[k]` tells which coefficients the columns of block `rows[k]` are.
    """
    n, n_blocks, work = p.indptr[n_groups], rows.shape[0], np.empty((2, coef.size))
    moved, change = work[0], work[1]
    kink, before = first_kink(coef, step, p, n_groups), value(coef, p, n_groups)
    for length in (1.0, 0.5, 0.25, 0.1, kink, kink / 10):
        advance(coef, step, length, p, n_groups, moved)
        for a in range(n):
            change[a] = length * image[a]
        for k in range(n_blocks):
            for i in range(n // n_blocks):
                short = moved[places[k, i]] - (coef[places[k, i]] + length * step[places[k, i]])
                if short != 0.0:
                    for j in range(n // n_blocks):
                        change[places[k, j]] += short * rows[k, i, j]
        decrease = value(moved, p, n_groups) - before
        for a in range(n):
            decrease += (moved[a] - coef[a]) * (gradient[a] + change[a] / 2)
        if decrease <= 2.2e-16 * before:  # near the optimum it drowns in rounding
            for a in range(n):
                coef[a] = moved[a]
                gradient[a] += change[a]
            return length < 1.0
    return False


@njit(fastmath=FAST)
def split(rows, columns, ends, moves, slope, diagonal, direction, inverse_curvature, right, radial, tangential):
    """Split the right-hand side of Newton's step, -(slope + rows @ moves) on some columns, by each group's `direction`.

    It goes into `right`, its radial part into `radial`, its tangential part times the inverse curvature into
    `tangential`. Coefficients of infinite `diagonal` have no part in it. Returns tangential @ rows. Rows are read once.
    """
    image = np.zeros(rows.shape[1], rows.dtype)
    for g in range(ends.size - 1):
        radial[g] = 0.0
        for a in range(ends[g], ends[g + 1]):
            right[a] = 0.0
            if diagonal[a] < inf:
                row, product = rows[columns[a]], rows.dtype.type(0)
                for i in range(row.size):
                    product += row[i] * moves[i]
                right[a] = -(slope[a] + product)
                radial[g] += right[a] * direction[a]
        for a in range(ends[g], ends[g + 1]):
            tangential[a] = inverse_curvature[a] * (right[a] - direction[a] * radial[g])
            row, move = rows[columns[a]], tangential[a]
            for i in range(row.size):
                image[i] += move * row[i]
    return image


@njit(fastmath=FAST)
def products(rows, columns, vector):
    """rows[columns] @ vector"""
    out = np.empty(columns.size, rows.dtype)
    for a in range(columns.size):
        row, product = rows[columns[a]], rows.dtype.type(0)
        for i in range(row.size):
            product += row[i] * vector[i]
        out[a] = product
    return out
