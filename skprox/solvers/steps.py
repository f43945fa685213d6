"""Proximal Newton descents in compiled steps.

A step is a function of the arrays of a `Descent`, and returns what it wants next of the data. It knows no objective:
`skprox.solvers.compiled_path` serves the wants.
"""

from math import inf

from skprox._jit import ZERO, inner
from skprox.prox import (
    entries,
    gather,
    lower,
    residuals,
    scale,
    set_levels,
    set_strengths,
    stays_on_pieces,
    value,
)
from skprox.solvers.decisions import LEAST_STEP, STALL, decrease_of, is_accepted, needs_new_hessian
from skprox.solvers.descent import (
    AFTER,
    COEF,
    COLUMNS,
    END,
    ENTRY,
    FREE,
    GRADIENT,
    GRADIENT_SCALE,
    GROUPS,
    HERE,
    INSIDE,
    L_NOISE,
    L_RESIDUAL_SCALE,
    MOVED,
    NOISE,
    NULL,
    PIECE,
    RESIDUAL,
    RESIDUAL_SCALE,
    SLOPE,
    START,
    TRIAL,
    WANTED,
)
from skprox.solvers.model_problem import minimise, model_residual

# What a step may want: to minimise the model, the objective at the trial, a Hessian, more columns of it, the gradient
# in the columns outside of it, or nothing.
MINIMISE, EVALUATE, HESSIAN, EXTEND, CHECK, DONE = range(6)

LASSOS, MODELS = 40, 50  # with which a concave penalty is approximated, at a strength and within a model, at most
NEEDED = 0.6  # share of its strength that the gradient of a group outside has for a new Hessian to include it


@inner
def kkt_residuals(d, coef, gradient, scales):
    """Write the KKT residual of each group at two rows of `features`, over the scales in a third. The largest."""
    f = d.features
    return residuals(f[coef], f[gradient], d.penalty, d.groups.shape[1], f[NOISE], f[scales], d.groups[RESIDUAL])


@inner
def begin(d, alpha):
    """Start at a strength, from the point where the descent is."""
    s, features = d.state[0], d.features
    scale(d.at_one, alpha, d.penalty)
    for j in range(features.shape[1]):
        features[TRIAL, j], features[RESIDUAL_SCALE, j] = 0.0, 1.0
    s.null = kkt_residuals(d, TRIAL, NULL, RESIDUAL_SCALE)
    s.null = s.null if s.null > 0.0 else 1.0
    for j in range(features.shape[1]):
        features[RESIDUAL_SCALE, j] = min(features[GRADIENT_SCALE, j], s.null)
    s.n_iter, s.n_newton, s.n_stalled, s.rate, s.taken_here = 0, 0, 0, 1.0, 0


@inner
def want(d, tol, needed):
    """Mark the groups that are to be in the model: not zero, or with a gradient that asks for it."""
    entries(d.features[GRADIENT], d.penalty, d.groups.shape[1], d.groups[ENTRY])
    for g in range(d.groups.shape[1]):
        wanted = d.groups[ENTRY, g] >= needed or d.groups[RESIDUAL, g] > tol / 2
        for k in range(d.penalty.indptr[g], d.penalty.indptr[g + 1]):
            wanted = wanted or d.features[COEF, d.penalty.indices[k]] != 0.0
        d.groups[WANTED, g] = 1.0 if wanted else 0.0


@inner
def check(d, tol, max_iter):
    """Look at the KKT conditions, with a gradient over all columns."""
    s = d.state[0]
    s.residual = kkt_residuals(d, COEF, GRADIENT, RESIDUAL_SCALE)
    if s.residual <= tol or s.n_iter >= max_iter or s.n_stalled >= STALL:
        return DONE
    want(d, tol, inf)
    for g in range(d.groups.shape[1]):
        if d.groups[INSIDE, g] == 0.0 and d.groups[WANTED, g] > 0.0:
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
    want(d, tol, NEEDED)
    indices, indptr, old = d.penalty.indices, d.penalty.indptr, s.n_groups
    for g in range(d.groups.shape[1]):
        if d.groups[INSIDE, g] == 0.0 and d.groups[WANTED, g] > 0.0:
            if s.n_columns + indptr[g + 1] - indptr[g] > d.local.shape[1]:
                return False
            d.groups[INSIDE, g] = 1.0
            d.layout[GROUPS, s.n_groups] = g
            for k in range(indptr[g], indptr[g + 1]):
                d.layout[COLUMNS, s.n_columns] = indices[k]
                s.n_columns += 1
            s.n_groups += 1
    gather(d.penalty, d.layout[GROUPS], old, s.n_groups, d.model, s.scale)
    return True


@inner
def depart(d):
    """Start a step: the model problem at the point."""
    s, local, features = d.state[0], d.local, d.features
    gather(d.penalty, d.layout[GROUPS], ZERO, s.n_groups, d.model, s.scale)
    for a in range(s.n_columns):
        j = d.layout[COLUMNS, a]
        local[HERE, a] = local[END, a] = features[COEF, j]
        local[START, a] = features[GRADIENT, j]
        local[SLOPE, a] = features[GRADIENT, j] / s.scale
        local[L_RESIDUAL_SCALE, a], local[L_NOISE, a] = (
            features[RESIDUAL_SCALE, j] / s.scale,
            features[NOISE, j] / s.scale,
        )


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
    """The trial at the step's length: of a whole one the end itself, which may be at a bound."""
    for j in range(d.features.shape[1]):
        d.features[TRIAL, j] = d.features[COEF, j]
    step = d.state[0].step
    for a in range(d.state[0].n_columns):
        here, end = d.local[HERE, a], d.local[END, a]
        d.local[MOVED, a] = end if step == 1.0 else here + step * (end - here)
        d.features[TRIAL, d.layout[COLUMNS, a]] = d.local[MOVED, a]
    return EVALUATE


@inner
def receive(d, size, tol, max_iter, cost):
    """Judge the trial by its value, which rounds by its `size`, and the gradient AFTER in the model's columns.

    A new Hessian costs as much as `cost` steps.
    """
    s, local, features = d.state[0], d.local, d.features
    penalty = s.scale * value(local[MOVED], d.model, s.n_groups) - s.penalty
    slopes = 0.0
    for a in range(s.n_columns):
        slopes += (local[START, a] + features[AFTER, d.layout[COLUMNS, a]]) * (local[MOVED, a] - local[HERE, a])
    decrease = decrease_of(s.trial_value - s.value, slopes, penalty, s.step * s.predicted, 2.2e-16 * size)
    s.accepted = 1 if is_accepted(decrease, s.step * s.predicted, s.rounding) else 0
    if s.accepted == 0:
        if s.taken_here == 0:
            return HESSIAN
        s.step /= 2
        if s.step >= LEAST_STEP:
            return go(d)
        s.n_stalled = STALL
        return CHECK
    s.n_stalled = 0 if s.predicted < -s.rounding else s.n_stalled + 1
    s.value, s.intercept, s.taken_here = s.trial_value, s.trial_intercept, 0
    for a in range(s.n_columns):
        j = d.layout[COLUMNS, a]
        features[COEF, j], features[GRADIENT, j] = features[TRIAL, j], features[AFTER, j]
        local[SLOPE, a] = features[AFTER, j] / s.scale
    before, s.residual = s.residual, model_residual(d, MOVED, SLOPE)
    s.rate = s.residual / before if s.step == 1.0 else 1.0
    if s.residual <= tol or s.n_iter >= max_iter or s.n_stalled >= STALL:
        return CHECK
    return HESSIAN if needs_new_hessian(s.residual, tol, s.rate, cost) else MINIMISE


@inner
def touch(d, alpha):
    """Start with the lasso that touches a concave penalty where the descent is, at a strength that has begun."""
    s, n_groups = d.state[0], d.groups.shape[1]
    for g in range(n_groups):
        d.layout[FREE, g] = g
    set_levels(d.at_one, d.layout[FREE], n_groups, alpha, d.penalty)
    s.best, s.n_lassos = inf, 0
    lower(d.features[COEF], d.penalty, n_groups, s.gamma, s.bent)
    stays_on_pieces(d.penalty, n_groups, d.groups[PIECE])


@inner
def touch_again(d, tol, max_iter, rounding):
    """Go on to the lasso that touches a concave penalty where the last one led. False if nothing is left to do.

    Nor if the objective has risen, or there were too many.
    """
    s, n_groups = d.state[0], d.groups.shape[1]
    below = lower(d.features[COEF], d.penalty, n_groups, s.gamma, s.bent)
    here = s.value + value(d.features[COEF], d.penalty, n_groups) - below
    s.residual = kkt_residuals(d, COEF, GRADIENT, RESIDUAL_SCALE)
    if s.residual <= tol or s.n_iter >= max_iter or s.n_stalled >= STALL:
        return False
    if s.n_lassos >= LASSOS or not here <= s.best + rounding:
        return False
    s.best, s.n_lassos, s.n_newton, s.rate, s.taken_here = here, s.n_lassos + 1, 0, 1.0, 0
    return True


@inner
def foresee(d, tol):
    """Start a step, to where lassos that touch the penalty one after the other lead in the model. The last one stays.

    It has the slopes of the penalty at the minimum, as far as the model tells.
    """
    s, local = d.state[0], d.local
    depart(d)
    set_levels(d.penalty, d.layout[GROUPS], s.n_groups, 1.0 / s.scale, d.model)
    for _ in range(MODELS):
        minimise(d, tol)
        lower(local[END], d.model, s.n_groups, s.gamma * s.scale, s.bent / s.scale)
        if model_residual(d, END, SLOPE) <= tol:
            break
    set_strengths(d.model, d.layout[GROUPS], s.n_groups, s.scale, d.penalty)
    return arrive(d)
