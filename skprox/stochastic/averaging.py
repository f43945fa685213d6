"""Compiled averages of coefficients that were not touched, but for shrinking, in many steps.

Step s has the entries ``history[s]``: the running sum of what is owed (see `skprox.stochastic.shrink`), and
over the steps that are averaged those of 1 / scale and owed / scale.
"""

import numpy as np

from skprox._jit import njit
from skprox.stochastic.shrink import group_norm, group_product

OWED, SPANS, MOMENTS = range(3)


@njit
def add_missed(columns, start, stop, now, coef, received, strength, total, last, history):
    """Add what ``columns[start:stop]`` were after each step since ``last``, and up to `now`, to the total."""
    owed, spans, moments = history[now, OWED], history[now, SPANS], history[now, MOMENTS]
    for k in range(start, stop):
        j = columns[k]
        value, since = coef[j], last[j]
        last[j] = now
        if value != 0.0:
            size, credit = abs(value), strength[j] * history[since, OWED]
            if received.size > 0:
                credit = -received[j] * np.sign(value)
            if strength[j] * owed < credit + size:
                added = (size + credit) * (spans - history[since, SPANS])
                added -= strength[j] * (moments - history[since, MOMENTS])
            else:
                added = _sum_of_norms(size, credit, strength[j], since, now, history)
            total[j] += added * np.sign(value)


@njit
def add_missed_groups(
    columns, start, stop, now, coef, received, strength, total, last, history, members, starts, group_of
):
    """The same for the groups of ``columns[start:stop]``."""
    for k in range(start, stop):
        g = group_of[columns[k]]
        size = group_norm(g, coef, members, starts) if last[g] < now else 0.0
        if size > 0.0:
            credit = strength[g] * history[last[g], OWED]
            if received.size > 0:
                credit = -group_product(g, received, coef, members, starts) / size
            factor = _sum_of_norms(size, credit, strength[g], last[g], now, history) / size
            for m in range(starts[g], starts[g + 1]):
                total[members[m]] += factor * coef[members[m]]
        last[g] = now


@njit
def _sum_of_norms(size, credit, strength, since, now, history):
    """Sum of max(0, size - max(0, strength * owed - credit)) / scale over the steps from since + 1 to now.

    The norm stays while its credit lasts, then falls, and then is zero: each spell is a difference of running sums.
    """
    falls, ends = since + 1, now + 1
    if strength * history[falls, OWED] < credit:
        falls = _first(history, credit / strength, falls, ends)
    if strength * history[now, OWED] >= credit + size:
        ends = _first(history, (credit + size) / strength, falls, ends)
    total = size * (history[falls - 1, SPANS] - history[since, SPANS])
    total += (size + credit) * (history[ends - 1, SPANS] - history[falls - 1, SPANS])
    return total - strength * (history[ends - 1, MOMENTS] - history[falls - 1, MOMENTS])


@njit
def _first(history, owed, low, high):
    """The first step from `low` on at which so much is owed, or `high`.

    Rates change slowly, so that it is near to where it would be if all were as the first.
    """
    before = history[low - 1, OWED]
    guess = low - 1 + int(max(1.0, min((owed - before) / (history[low, OWED] - before), high - low)))
    stride = 1
    while guess < high and history[guess, OWED] < owed:
        low = guess + 1
        guess += stride
        stride *= 2
    high = min(high, guess)
    while low < high:
        middle = (low + high) // 2
        if history[middle, OWED] < owed:
            low = middle + 1
        else:
            high = middle
    return low
