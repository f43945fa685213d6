"""Proximal Newton descents in compiled steps, for designs in the cache.

A step is a function of the arrays of a `Descent`, and returns what it wants next of the data. `descend` serves the
wants of one descent after another along a path, with no Python in between.
"""

from math import inf, log

import numpy as np

from skprox._jit import inner, njit
from skprox.prox import append, entry_of_group, residuals, scale, value
from skprox.solvers.descent import (
    AFTER,
    COEF,
    COLUMNS,
    END,
    FLAT,
    FREE,
    GRADIENT,
    GROUPS,
    HERE,
    INSIDE,
    L_NOISE,
    L_UNIT,
    MOMENTS,
    MOVED,
    NOISE,
    NULL,
    RESIDUAL,
    SCALE,
    SLOPE,
    START,
    SUMS,
    TRIAL,
    UNIT,
)
from skprox.solvers.model_problem import add_eigenbases, conjugate, covariance, minimise, model_residual
from skprox.solvers.passes import ROWS, masses, sums

# What a step may want: to minimise the model, the objective at the trial, a Hessian, more columns of it, the gradient
# in the columns outside of it, or nothing.
MINIMISE, EVALUATE, HESSIAN, EXTEND, CHECK, DONE = range(6)

STALL = 5  # steps in a row whose predicted decrease is no more than rounding can hide
NEEDED = 0.6  # share of its strength that the gradient of a group outside has for a new Hessian to include it
INNER = 0.05  # share of what is left to do that a step may leave undone


@inner
def kkt_residuals(d, coef, gradient, unit):
    """Write the KKT residual of each group at two rows of `features` in a third's units. Returns the largest."""
    f = d.features
    return residuals(f[coef], f[gradient], d.penalty, d.groups.shape[1], f[NOISE], f[unit], d.groups[RESIDUAL])


@inner
def begin(d, alpha):
    """Start at a strength, from the point where the descent is."""
    s, features = d.state[0], d.features
    scale(d.at_one, alpha, d.penalty)
    for j in range(features.shape[1]):
        features[TRIAL, j], features[UNIT, j] = 0.0, 1.0
    s.null = kkt_residuals(d, TRIAL, NULL, UNIT)
    s.null = s.null if s.null > 0.0 else 1.0
    for j in range(features.shape[1]):
        features[UNIT, j] = min(features[SCALE, j], s.null)
    s.n_iter, s.idle, s.rate, s.fresh = 0, 0, 1.0, 0


@inner
def belongs(d, g, tol, needed):
    """Whether a group is to be in the model: not zero, or with a gradient that asks for it."""
    for k in range(d.penalty.indptr[g], d.penalty.indptr[g + 1]):
        if d.features[COEF, d.penalty.indices[k]] != 0.0:
            return True
    entry = entry_of_group(d.penalty, g, d.features[GRADIENT])
    return entry == inf or entry >= needed or d.groups[RESIDUAL, g] > tol / 2


@inner
def check(d, tol, max_iter):
    """Look at the KKT conditions, with a gradient over all columns."""
    s = d.state[0]
    s.residual = kkt_residuals(d, COEF, GRADIENT, UNIT)
    if s.residual <= tol or s.n_iter >= max_iter or s.idle >= STALL:
        return DONE
    for g in range(d.groups.shape[1]):
        if d.groups[INSIDE, g] == 0.0 and belongs(d, g, tol, inf):
            return EXTEND if s.n_columns > 0 else HESSIAN
    return MINIMISE


@inner
def choose(d, tol, anew):
    """The groups of a new model, or those that are to be appended. False where there is no room for them."""
    s = d.state[0]
    if anew:
        s.n_groups, s.n_columns = 0, 0
        for g in range(d.groups.shape[1]):
            d.groups[INSIDE, g] = 0.0
    indices, indptr = d.penalty.indices, d.penalty.indptr
    for g in range(d.groups.shape[1]):
        if d.groups[INSIDE, g] == 0.0 and belongs(d, g, tol, NEEDED):
            if s.n_columns + indptr[g + 1] - indptr[g] > d.local.shape[1]:
                return False
            d.groups[INSIDE, g] = 1.0
            d.layout[GROUPS, s.n_groups] = g
            append(d.penalty, g, s.n_columns, d.model, s.n_groups, s.scale)
            for k in range(indptr[g], indptr[g + 1]):
                d.layout[COLUMNS, s.n_columns] = indices[k]
                s.n_columns += 1
            s.n_groups += 1
    return True


@inner
def depart(d):
    """Start a step: the model problem at the point."""
    s, local, features = d.state[0], d.local, d.features
    for g in range(s.n_groups):
        append(d.penalty, d.layout[GROUPS, g], d.model.indptr[g], d.model, g, s.scale)
    for a in range(s.n_columns):
        j = d.layout[COLUMNS, a]
        local[HERE, a] = local[END, a] = features[COEF, j]
        local[START, a] = features[GRADIENT, j]
        local[SLOPE, a] = features[GRADIENT, j] / s.scale
        local[L_UNIT, a], local[L_NOISE, a] = features[UNIT, j] / s.scale, features[NOISE, j] / s.scale


@inner
def arrive(d):
    """Where the model is least is the trial."""
    s, local = d.state[0], d.local
    s.penalty = s.scale * value(local[HERE], d.model, s.n_groups)
    s.predicted, size = s.scale * value(local[END], d.model, s.n_groups) - s.penalty, s.penalty
    for a in range(s.n_columns):
        move = local[START, a] * (local[END, a] - local[HERE, a])
        s.predicted += move
        size += abs(move)
    s.rounding, s.step = 8.9e-16 * size, 1.0
    s.n_iter += 1
    return go(d)


@inner
def go(d):
    """The trial at the step's length."""
    for j in range(d.features.shape[1]):
        d.features[TRIAL, j] = d.features[COEF, j]
    for a in range(d.state[0].n_columns):
        here, end = d.local[HERE, a], d.local[END, a]
        d.local[MOVED, a] = here + d.state[0].step * (end - here)
        d.features[TRIAL, d.layout[COLUMNS, a]] = d.local[MOVED, a]
    return EVALUATE


@inner
def receive(d, total, tol, max_iter, cost):
    """Judge the trial by its value and the gradient AFTER in the model's columns."""
    s, local, features = d.state[0], d.local, d.features
    penalty = s.scale * value(local[MOVED], d.model, s.n_groups) - s.penalty
    fall = s.trial_value - s.value + penalty
    size = abs(s.trial_value) + total * (1 + abs(s.intercept) + abs(s.trial_intercept))
    if not s.step * abs(s.predicted) > 2.2e-13 * size:
        # values hide so small a decrease; slopes at both ends don't
        fall = penalty
        for a in range(s.n_columns):
            slopes = local[START, a] + features[AFTER, d.layout[COLUMNS, a]]
            fall += slopes * (local[MOVED, a] - local[HERE, a]) / 2
    s.accepted = 1 if fall <= 1e-4 * s.step * s.predicted + s.rounding else 0
    if s.accepted == 0:
        if s.fresh == 0:
            return HESSIAN
        s.step /= 2
        if s.step >= 1e-12:
            return go(d)
        s.idle = STALL
        return CHECK
    s.idle = 0 if s.predicted < -s.rounding else s.idle + 1
    s.value, s.intercept, s.fresh = s.trial_value, s.trial_intercept, 0
    for a in range(s.n_columns):
        j = d.layout[COLUMNS, a]
        features[COEF, j], features[GRADIENT, j] = features[TRIAL, j], features[AFTER, j]
        local[SLOPE, a] = features[AFTER, j] / s.scale
    before, s.residual = s.residual, model_residual(d, MOVED, SLOPE)
    s.rate = s.residual / before if s.step == 1.0 else 1.0
    if s.residual <= tol or s.n_iter >= max_iter or s.idle >= STALL:
        return CHECK
    if s.rate < 1.0 and log(s.residual / tol) / -log(s.rate) <= cost + 2 * min(1.0, cost):
        return MINIMISE
    return HESSIAN


@njit
def descend(objective, d, alphas, tol, max_iter, coefs, out):
    """A descent at each of `alphas` in turn, from `coefs[0]` on.

    Writes coefficients into `coefs`, and a row of `out` for each: value, intercept, largest KKT residual in units, the
    same as a share of the null model's, number of steps. Returns how many it did: a model may get too many columns.
    """
    XT, log_mass, profiled, total, unit, constant = objective
    n_features, n = XT.shape
    s, features = d.state[0], d.features
    mass, trial_mass, at_hessian = np.empty(n), np.empty(n), np.empty(n)
    work, some, chunk = np.empty(ROWS), np.empty(n_features, np.int64), np.empty((d.hessian.shape[0], ROWS))
    hessian_sum, level, trial_level, wants, n_some = 1.0, 0.0, 0.0, EVALUATE, n_features
    s.scale, s.value = unit, inf
    for j in range(n_features):
        features[TRIAL, j], some[j] = coefs[0, j], j
    for which in range(alphas.size):
        if which > 0:
            begin(d, alphas[which])
            wants = check(d, tol, max_iter)
        while wants != DONE:
            if wants == MINIMISE:
                depart(d)
                if s.implicit == 1:
                    conjugate(XT, mass, level, total, profiled, d, INNER * max(s.residual, tol), trial_mass)
                else:
                    minimise(d, INNER * max(s.residual, tol))
                wants = arrive(d)
            elif wants == EVALUATE:
                top, mass_sum = masses(XT, features[TRIAL], log_mass, d.layout[FREE], work, trial_mass)
                trial_level, against = total / mass_sum if profiled else np.exp(top), 0.0
                for j in range(n_features):
                    against += features[MOMENTS, j] * features[TRIAL, j]
                s.trial_value = (total * (top + log(mass_sum)) if profiled else trial_level * mass_sum) - against
                s.trial_value += constant
                s.trial_intercept = log(total) - top - log(mass_sum) if profiled else 0.0
                n_columns, first = s.n_columns, s.value == inf
                if first:
                    sums(XT, trial_mass, some, n_features, features[SUMS])
                else:
                    sums(XT, trial_mass, d.layout[COLUMNS], n_columns, features[SUMS])
                for k in range(n_features if first else n_columns):
                    j = k if first else d.layout[COLUMNS, k]
                    after = trial_level * features[SUMS, j] - features[MOMENTS, j]
                    features[AFTER, j] = 0.0 if features[FLAT, j] > 0.0 else after
                if first:
                    s.value, s.intercept, s.accepted = s.trial_value, s.trial_intercept, 1
                    for j in range(n_features):
                        features[COEF, j], features[GRADIENT, j] = features[TRIAL, j], features[AFTER, j]
                    begin(d, alphas[0])
                    wants = check(d, tol, max_iter)
                else:
                    cost = 0.0 if s.implicit == 1 else n * n_columns / (2.5 * (8 * n + 40 * n_columns))
                    wants = receive(d, total, tol, max_iter, cost)
                if s.accepted == 1:
                    mass, trial_mass, level = trial_mass, mass, trial_level
            elif wants == CHECK:
                n_some = 0
                for g in range(d.groups.shape[1]):
                    if d.groups[INSIDE, g] == 0.0:
                        for k in range(d.penalty.indptr[g], d.penalty.indptr[g + 1]):
                            some[n_some] = d.penalty.indices[k]
                            n_some += 1
                sums(XT, mass, some, n_some, features[SUMS])
                for k in range(n_some):
                    j = some[k]
                    slope = level * features[SUMS, j] - features[MOMENTS, j]
                    features[GRADIENT, j] = 0.0 if features[FLAT, j] > 0.0 else slope
                wants = check(d, tol, max_iter)
            else:
                old_groups, old = s.n_groups, s.n_columns
                if wants == HESSIAN:
                    old_groups, old, hessian_sum = 0, 0, unit / level
                    for i in range(n):
                        at_hessian[i] = mass[i]
                if not choose(d, tol, wants == HESSIAN):
                    return which
                if s.implicit == 0:
                    covariance(XT, at_hessian, hessian_sum, profiled, d, old, chunk)
                    add_eigenbases(d, old_groups)
                s.fresh = 1 if old == 0 else 0
                wants = MINIMISE
        for j in range(n_features):
            coefs[which, j], features[TRIAL, j] = features[COEF, j], 1.0
        out[which, 0], out[which, 1], out[which, 2] = s.value, s.intercept, s.residual
        out[which, 3], out[which, 4] = kkt_residuals(d, COEF, GRADIENT, TRIAL) / s.null, s.n_iter
    return alphas.size
