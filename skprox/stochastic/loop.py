"""The compiled loop of stochastic proximal learning."""

from math import exp, inf
from typing import NamedTuple

import numpy as np

from skprox._jit import njit
from skprox.stochastic.averaging import MOMENTS, OWED, SPANS, add_missed, add_missed_groups
from skprox.stochastic.prefetch import prefetch
from skprox.stochastic.shrink import (
    clip_cumulative,
    clip_cumulative_and_dot,
    clip_to,
    keep_sides,
    shrink_groups,
    soften,
    soften_and_dot,
    subtract_subgradient,
)

SQUARED_ERROR, POISSON = range(2)
NAIVE, CLIPPING, CUMULATIVE = range(3)
FARTHEST = 100.0  # no sane step moves the log rate of its own row by as much
AHEAD = 4  # rows between that one which is learned from and that one which is brought into the cache
LARGEST_SCALE = 1e6  # coefficients of larger ones are brought back to scale: float32 holds their squares


class Rows(NamedTuple):
    """What is learned from, in the order of learning: row `order[k]` of X has `target[k]` and so on.

    X is a C-ordered array, or empty beside the parts of a CSR matrix. `weight` is relative to its mean so far,
    `offset` is the log exposure, and `length` the squared norm of each row, the 1 of the intercept included, for
    the Poisson loss, 0 for the other. Positions here and below are unsigned in compiled code.
    """

    order: np.ndarray
    X: np.ndarray
    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    offset: np.ndarray
    length: np.ndarray


class Penalty(NamedTuple):
    """sum_g strength[g] ||beta[g]||_2 + sum_j l1[j] |beta[j]| + ridge / 2 ||beta||_2^2  where  lower <= beta <= upper

    `update` is how norms are applied. Group g holds the coefficients ``members[starts[g]:starts[g + 1]]``, and
    `group_of` is the group of each. All three are empty where each coefficient is a group of its own. `heads` has one
    column of each group. `l1` is empty where there is none, and so are bounds: with either, no coefficient can wait
    until its column is seen.
    """

    strength: np.ndarray
    ridge: float
    members: np.ndarray
    starts: np.ndarray
    group_of: np.ndarray
    heads: np.ndarray
    update: int
    l1: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


class Schedule(NamedTuple):
    """Step t is at rate / t**power_t; steps from `average` on are averaged, none where it is 0."""

    power_t: float
    batch_size: int
    average: int
    fit_intercept: bool


class Model(NamedTuple):
    """What learning changes in place.

    `received` and `paid` are those of `skprox.stochastic.shrink`, `total` sums the iterates that are averaged. In
    lazy learning groups are shrunk when a column of theirs is seen, and `last` is the step up to which they are in
    the total, of those that `history` holds. What there is no need for is empty.
    """

    coef: np.ndarray
    received: np.ndarray
    paid: np.ndarray
    total: np.ndarray
    last: np.ndarray
    history: np.ndarray


@njit
def learn(rows, loss, penalty, schedule, model, lazy, rate, n_steps, intercept, owed):
    """One pass over the rows, which changes `model` in place.

    `rate` is that of step 1, `n_steps` the number of steps before, and `owed` what cumulative shrinking has
    come to.

    Returns the mean loss of the rows, each as it was met, the intercept, the sum of those intercepts that are
    averaged, and `owed`. The mean is infinite where learning diverged, and stopped.
    """
    order, X, data, indices, indptr, target, weight, offset, length = rows
    strength, ridge, members, starts, group_of, heads, update, l1, lower, upper = penalty
    power_t, batch_size, average, fit_intercept = schedule
    coef, received, paid, total, last, history = model
    X_flat = X.reshape(X.size)
    dense, grouped = indptr.size == 0, members.size > 0
    slopes = np.empty(min(batch_size, order.size))
    scale, now, loss_total, intercept_total = 1.0, 0, 0.0, 0.0
    for first in range(0, order.size, batch_size):
        size = min(batch_size, order.size - first)
        n_steps += 1
        step = rate * size / batch_size  # a small last batch takes a short one, so that all rows count the same
        if power_t != 0.0:
            step /= n_steps**power_t

        slope_total = 0.0
        for k in range(first, first + size):
            i = order[k]
            next_row = order[min(k + AHEAD, order.size - 1)]
            if dense:
                prefetch(X_flat, next_row * coef.size)
                eta = _dense_dot(X, i, coef)
            else:
                prefetch(data, indptr[next_row])
                prefetch(indices, indptr[next_row])
                begin, end = indptr[i], indptr[i + 1]
                if not lazy:
                    eta = _sparse_dot(data, indices, begin, end, coef)
                elif grouped:
                    if average > 0:
                        add_missed_groups(
                            indices, begin, end, now, coef, received, strength, total, last, history,
                            members, starts, group_of,
                        )  # fmt: skip
                    shrink_groups(indices, begin, end, coef, received, strength, owed, paid, members, starts, group_of)
                    eta = _sparse_dot(data, indices, begin, end, coef)
                else:
                    if average > 0:
                        add_missed(indices, begin, end, now, coef, received, strength, total, last, history)
                    if update == CUMULATIVE:
                        eta = clip_cumulative_and_dot(data, indices, begin, end, coef, strength, owed, received)
                    else:
                        eta = soften_and_dot(data, indices, begin, end, coef, strength, owed, paid)
            value, slope = _evaluate(loss, target[k], eta / scale + intercept + offset[k])
            slope *= weight[k] / size
            if not abs(step * slope * length[k]) < FARTHEST:  # where slopes overflow this is NaN
                return inf, intercept, intercept_total, owed
            loss_total += weight[k] * value
            slope_total += slope
            slopes[k - first] = slope

        if update == NAIVE:
            subtract_subgradient(coef, strength, l1, members, starts, step * scale)
        for k in range(first, first + size):
            i, factor = order[k], -step * scale * slopes[k - first]
            if dense:
                _dense_add(X, i, factor, coef)
            else:
                _sparse_add(data, indices, indptr[i], indptr[i + 1], factor, coef)
        if fit_intercept:
            intercept -= step * slope_total

        now += 1
        owed += step * scale
        if not lazy and update != NAIVE:
            if grouped:
                if l1.size > 0:
                    soften(coef, l1, step * scale)
                if lower.size > 0:
                    keep_sides(coef, lower, upper)
                shrink_groups(heads, 0, heads.size, coef, received, strength, owed, paid, members, starts, group_of)
            elif update == CUMULATIVE:
                clip_cumulative(coef, received, strength, owed)
            else:
                soften(coef, strength, step * scale)
        scale *= 1.0 + step * ridge
        if lower.size > 0:
            clip_to(coef, lower, upper, scale)
        if average > 0:
            share = 1.0 / scale if n_steps >= average else 0.0
            intercept_total += intercept if n_steps >= average else 0.0
            if lazy:
                history[now, OWED] = owed
                history[now, SPANS] = history[now - 1, SPANS] + share
                history[now, MOMENTS] = history[now - 1, MOMENTS] + share * owed
            else:
                for j in range(coef.size):
                    total[j] += share * coef[j]

        if scale > LARGEST_SCALE or first + size == order.size:  # all catch up, and are brought back to scale
            if lazy and grouped:
                if average > 0:
                    add_missed_groups(
                        heads, 0, heads.size, now, coef, received, strength, total, last, history,
                        members, starts, group_of,
                    )  # fmt: skip
                shrink_groups(heads, 0, heads.size, coef, received, strength, owed, paid, members, starts, group_of)
            elif lazy:
                if average > 0:
                    add_missed(heads, 0, heads.size, now, coef, received, strength, total, last, history)
                if update == CUMULATIVE:
                    clip_cumulative(coef, received, strength, owed)
                else:
                    soften_and_dot(coef, heads, 0, heads.size, coef, strength, owed, paid)
            coef /= scale
            if lower.size > 0:  # rounding
                clip_to(coef, lower, upper, 1.0)
            received /= scale
            owed = owed / scale if update == CUMULATIVE else 0.0
            paid[:] = owed
            last[:] = 0
            if history.size > 0:
                history[0, OWED] = owed
            scale, now = 1.0, 0
    return loss_total / order.size, intercept, intercept_total, owed


@njit
def _evaluate(loss, target, eta):
    """The loss of a row and its derivative."""
    if loss == POISSON:
        mean = exp(eta)
        return mean - target * eta, mean - target
    return 0.5 * (eta - target) ** 2, eta - target


@njit(fastmath={"reassoc", "contract"})  # to vectorise the sum
def _dense_dot(X, i, coef):
    total = 0.0
    for j in range(coef.size):
        total += X[i, j] * coef[j]
    return total


@njit
def _dense_add(X, i, factor, coef):
    factor = coef.dtype.type(factor)
    for j in range(coef.size):
        coef[j] += factor * X[i, j]


@njit
def _sparse_dot(data, indices, start, stop, coef):
    total = 0.0
    for k in range(start, stop):
        total += data[k] * coef[indices[k]]
    return total


@njit
def _sparse_add(data, indices, start, stop, factor, coef):
    for k in range(start, stop):
        coef[indices[k]] += factor * data[k]
