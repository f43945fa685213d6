"""Compiled descents along a path, for an objective in the cache, with no Python in between."""

from math import inf

import numpy as np

from skprox._jit import ZERO, inner, njit
from skprox.objectives.compiled import evaluate, gradient, hessian, hessian_times, value_size
from skprox.objectives.passes import ROWS
from skprox.prox import RIDGE, stays_on_pieces
from skprox.solvers.decisions import ENOUGH, INNER
from skprox.solvers.descent import (
    AFTER,
    COEF,
    COLUMNS,
    CURVATURE,
    END,
    FREE,
    GRADIENT,
    IMAGE,
    INSIDE,
    PIECE,
    RIGHT,
    SLOPE,
    STEP,
    TRIAL,
    VALUES,
    WORK,
)
from skprox.solvers.implicit import COLUMNS_A_PRODUCT, PRODUCTS
from skprox.solvers.model_problem import add_eigenbases, minimise, model_residual
from skprox.solvers.steps import (
    CHECK,
    DONE,
    EVALUATE,
    HESSIAN,
    MINIMISE,
    arrive,
    begin,
    check,
    choose,
    depart,
    foresee,
    kkt_residuals,
    receive,
    touch,
    touch_again,
)

AHEAD = 0.02  # share of a KKT residual under a concave penalty that may be left of it in a model
MOST_NEWTON = 500  # Newton steps of model problems at a strength: beyond, scales differ too much for these


@inner
def conjugate(objective, mass, level, d, tol, change):
    """Minimise SLOPE.u + 1/2 u.hessian u + ridge in place, from END with the quadratic's gradient there.

    By conjugate gradients (Hestenes and Stiefel, 1952), preconditioned with the objective's own curvatures. The
    Hessian is known by its products with vectors, which take `change` to work with.
    """
    s, local, features, ridge = d.state[0], d.local, d.features, d.model.columns[RIDGE]
    n_columns, before = s.n_columns, 0.0
    for a in range(n_columns):
        metric = ridge[a] + features[CURVATURE, d.layout[COLUMNS, a]] / s.scale
        local[VALUES, a] = metric if metric > 0.0 else 1.0
    for n_products in range(PRODUCTS + n_columns // COLUMNS_A_PRODUCT + 1):
        size, curvature = 0.0, 0.0
        for a in range(n_columns):
            local[RIGHT, a] = -(local[SLOPE, a] + ridge[a] * local[END, a])
            size += local[RIGHT, a] ** 2 / local[VALUES, a]
        if size == 0.0 or model_residual(d, END, SLOPE) <= tol:
            break
        for a in range(n_columns):
            onward = size / before * local[STEP, a] if n_products > 0 else 0.0
            local[STEP, a] = local[RIGHT, a] / local[VALUES, a] + onward
            features[TRIAL, d.layout[COLUMNS, a]] = local[STEP, a]
        hessian_times(objective, mass, level, features[TRIAL], change, features[WORK])
        for a in range(n_columns):
            local[IMAGE, a] = features[WORK, d.layout[COLUMNS, a]]
            curvature += local[STEP, a] * (local[IMAGE, a] + ridge[a] * local[STEP, a])
        length, before = size / curvature, size
        if not 0.0 < length < inf:
            break
        for a in range(n_columns):
            local[END, a] += length * local[STEP, a]
            local[SLOPE, a] += length * local[IMAGE, a]


@njit
def descend(objective, d, alphas, tol, max_iter, coefs, out):
    """A descent at each of `alphas` in turn, from `coefs[0]` on; under a concave penalty each from its own of `coefs`.

    Writes coefficients into `coefs`, and a row of `out` for each: value, intercept, largest KKT residual in units, the
    same as a share of the null model's, number of steps. Returns how many it did: a model may get too many columns, or
    take too many steps.
    """
    n_features, n = d.features.shape[1], objective.log_mass.size
    s, features = d.state[0], d.features
    mass, trial_mass, at_hessian = np.empty(n), np.empty(n), np.empty(n)
    work, some, chunk = np.empty(ROWS), np.empty(n_features, np.int64), np.empty((d.hessian.shape[1], ROWS))
    hessian_level, level, trial_level, wants, n_some = 1.0, 0.0, 0.0, EVALUATE, n_features
    s.scale, s.value = objective.scale, inf
    for j in range(n_features):
        features[TRIAL, j], some[j] = coefs[0, j], j
    for which in range(alphas.size):
        goal = tol
        if s.bent > 0.0:
            s.value, wants = inf, EVALUATE
            for j in range(n_features):
                features[TRIAL, j], some[j] = coefs[which, j], j
        elif which > 0:
            begin(d, alphas[which])
            wants = check(d, goal, max_iter)
        while wants != DONE:
            if wants == MINIMISE:
                depart(d)
                if s.implicit == 1:  # twice as much undone takes as many steps: 23 products, not 29, of 1000 x 1500
                    conjugate(objective, mass, level, d, 2 * INNER * max(s.residual, goal), trial_mass)
                else:
                    minimise(d, INNER * max(s.residual, goal))
                    if s.n_newton > MOST_NEWTON:
                        return which
                wants = arrive(d)
            elif wants == EVALUATE:
                trial = features[TRIAL]
                s.trial_value, s.trial_intercept, trial_level = evaluate(
                    objective, trial, d.layout[FREE], work, trial_mass
                )
                if s.value == inf:
                    gradient(objective, trial_mass, trial_level, some, n_features, features[GRADIENT])
                    s.value, s.intercept, s.accepted = s.trial_value, s.trial_intercept, 1
                    for j in range(n_features):
                        features[COEF, j] = features[TRIAL, j]
                    begin(d, alphas[which])
                    if s.bent > 0.0:
                        touch(d, alphas[which])
                    wants = check(d, goal, max_iter)
                else:
                    gradient(objective, trial_mass, trial_level, d.layout[COLUMNS], s.n_columns, features[AFTER])
                    size = value_size(objective, s.trial_value, s.intercept, s.trial_intercept)
                    passes = n * s.n_columns / (2.5 * (8 * n + 40 * s.n_columns))
                    wants = receive(d, size, goal, max_iter, 0.0 if s.implicit == 1 else passes)
                if s.accepted == 1:
                    mass, trial_mass, level = trial_mass, mass, trial_level
            elif wants == CHECK:
                n_some = ZERO
                for g in range(d.groups.shape[1]):
                    if d.groups[INSIDE, g] == 0.0:
                        for k in range(d.penalty.indptr[g], d.penalty.indptr[g + 1]):
                            some[n_some] = d.penalty.indices[k]
                            n_some += 1
                gradient(objective, mass, level, some, n_some, features[GRADIENT])
                wants = check(d, goal, max_iter)
            else:
                old_groups, old = s.n_groups, s.n_columns
                if wants == HESSIAN:
                    old_groups, old, hessian_level = 0, 0, level
                    for i in range(n):
                        at_hessian[i] = mass[i]
                if not choose(d, goal, wants == HESSIAN):
                    return which
                if s.implicit == 0:
                    columns = d.layout[COLUMNS]
                    hessian(objective, at_hessian, hessian_level, columns, s.n_columns, old, d.hessian[0], chunk)
                    add_eigenbases(d, old_groups)
                s.taken_here = 1 if old == 0 else 0
                wants = MINIMISE
            if wants == DONE and s.bent > 0.0:
                rounding = 8.9e-16 * value_size(objective, s.value, s.intercept, s.intercept)
                if touch_again(d, tol, max_iter, rounding):
                    if stays_on_pieces(d.penalty, d.groups.shape[1], d.groups[PIECE]):
                        goal, wants = max(tol / 2, ENOUGH * s.residual), foresee(d, AHEAD * s.residual)
                    else:
                        goal = tol / 2
                        wants = check(d, goal, max_iter)
        for j in range(n_features):
            coefs[which, j], features[TRIAL, j] = features[COEF, j], 1.0
        out[which, 0], out[which, 1], out[which, 2] = s.value, s.intercept, s.residual
        out[which, 3], out[which, 4] = kkt_residuals(d, COEF, GRADIENT, TRIAL) / s.null, s.n_iter
    return alphas.size
