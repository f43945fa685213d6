"""Compiled shrinking of coefficients by the penalty of one step, or of many at once.

Learning keeps ``coef = scale * beta``, where `scale` is the product of 1 + rate * ridge over the steps so
far, so that a ridge penalty costs nothing. A step then shrinks the norm of each group by
``strength * rate * scale``. `owed` is the running sum of rate * scale: a group whose columns were not seen
for many steps catches up with all of them by the difference to what it has `paid`.

`received` is the sum of all that cumulative shrinking has added to each coefficient, and is empty for the proximal
map. Group g holds the coefficients ``members[starts[g]:starts[g + 1]]``.
"""

from math import sqrt

import numpy as np

from skprox._jit import njit


@njit
def soften(coef, strength, step):
    """The soft threshold of all coefficients by ``strength * step``."""
    step = coef.dtype.type(step)
    for j in range(coef.size):
        most = strength[j] * step
        coef[j] -= max(-most, min(coef[j], most))


@njit
def clip_cumulative(coef, received, strength, owed):
    """Clip all coefficients by what they owe, less what they have received.

    Tsuruoka, Tsujii and Ananiadou (2009), section 3.2: a positive coefficient loses strength * owed + received, a
    negative one gains strength * owed - received, and both stop at zero.
    """
    owed, zero = coef.dtype.type(owed), coef.dtype.type(0)
    for j in range(coef.size):
        most = strength[j] * owed
        loss = max(min(received[j] - most, zero), min(coef[j], max(received[j] + most, zero)))
        coef[j] -= loss
        received[j] -= loss


@njit
def soften_and_dot(data, columns, start, stop, coef, strength, owed, paid):
    """Catch up with `soften` in the columns of a sparse row, and return its product with the coefficients."""
    total = 0.0
    for k in range(start, stop):
        j = columns[k]
        most = strength[j] * (owed - paid[j])
        value = coef[j]
        value -= max(-most, min(value, most))
        coef[j] = value
        paid[j] = owed
        total += data[k] * value
    return total


@njit
def clip_cumulative_and_dot(data, columns, start, stop, coef, strength, owed, received):
    """The same with `clip_cumulative`."""
    total = 0.0
    for k in range(start, stop):
        j = columns[k]
        most = strength[j] * owed
        value = coef[j]
        loss = max(min(received[j] - most, 0.0), min(value, max(received[j] + most, 0.0)))
        value -= loss
        coef[j] = value
        received[j] -= loss
        total += data[k] * value
    return total


@njit
def shrink_groups(columns, start, stop, coef, received, strength, owed, paid, members, starts, group_of):
    """Catch up with the shrinking of the groups of ``columns[start:stop]``.

    For cumulative shrinking, what a group has received counts as far as it lies along its coefficients.
    """
    for k in range(start, stop):
        g = group_of[columns[k]]
        if paid[g] == owed:
            continue
        squares, along = 0.0, 0.0
        for m in range(starts[g], starts[g + 1]):
            j = members[m]
            squares += coef[j] * coef[j]
            if received.size > 0:
                along += received[j] * coef[j]
        norm, due = sqrt(squares), strength[g] * (owed - paid[g])
        if received.size > 0 and norm > 0.0:
            due = max(strength[g] * owed + along / norm, 0.0)
        share = due / norm if due < norm else 1.0
        for m in range(starts[g], starts[g + 1]):
            j = members[m]
            loss = share * coef[j]
            coef[j] -= loss
            if received.size > 0:
                received[j] -= loss
        paid[g] = owed


@njit
def keep_sides(coef, lower, upper):
    """Zero for all coefficients that are beyond a bound of zero."""
    for j in range(coef.size):
        if (lower[j] == 0 and coef[j] < 0) or (upper[j] == 0 and coef[j] > 0):
            coef[j] = 0


@njit
def clip_to(coef, lower, upper, scale):
    """All coefficients clipped to their bounds times `scale`."""
    scale = coef.dtype.type(scale)
    for j in range(coef.size):
        coef[j] = max(lower[j] * scale, min(coef[j], upper[j] * scale))


@njit
def subtract_subgradient(coef, strength, l1, members, starts, step):
    """Take `step` times the subgradient of the norms, 0 at a norm of 0, from all coefficients.

    Each coefficient is a group where `members` is empty. Elsewhere there may be an L1 norm within groups.
    """
    if members.size == 0:
        for j in range(coef.size):
            coef[j] -= step * strength[j] * np.sign(coef[j])
    else:
        for g in range(strength.size):
            norm = group_norm(g, coef, members, starts)
            if norm > 0.0:
                for k in range(starts[g], starts[g + 1]):
                    j = members[k]
                    within = step * l1[j] * np.sign(coef[j]) if l1.size > 0 else 0.0
                    coef[j] *= 1.0 - step * strength[g] / norm
                    coef[j] -= within


@njit
def group_norm(g, coef, members, starts):
    return sqrt(group_product(g, coef, coef, members, starts))


@njit
def group_product(g, left, right, members, starts):
    product = 0.0
    for k in range(starts[g], starts[g + 1]):
        product += left[members[k]] * right[members[k]]
    return product
