"""Proximal Newton descents in compiled steps, for designs in the cache.

A step is a function of the arrays of a `Descent`, and returns what it wants next of the data. `descend` serves the
wants of one descent after another along a path, with no Python in between. Arrays are few, and looked at by their
elements: what numba makes of slices takes LLVM many times as long to compile.
"""

from math import inf, log, sqrt
from typing import NamedTuple

import numpy as np

from skprox._jit import inner, njit
from skprox.prox import group_step, residual_of_group
from skprox.solvers.passes import FAST, ROWS, masses, sums

# What a step may want: to minimise the model, the objective at the trial, a Hessian, more columns of it, the gradient
# in the columns outside of it, or nothing.
MINIMISE, EVALUATE, HESSIAN, EXTEND, CHECK, DONE = range(6)

CAPACITY = 256  # columns of a model
STALL = 5  # steps in a row whose predicted decrease is no more than rounding can hide
NEEDED = 0.6  # share of its strength that the gradient of a group outside has for a new Hessian to include it
INNER = 0.05  # share of what is left to do that a step may leave undone
LIFT = 1e-11  # of a diagonal, relative to it: of a semi-definite matrix it hides what is rounding
# Of the model problem: sweeps between Newton steps, at first and at most, of these, and rounds of both.
SWEEPS, MOST_SWEEPS, NEWTON_STEPS, ROUNDS = 2, 256, 10, 10

STATE = np.dtype(
    [(name, "f8") for name in ("value", "intercept", "residual", "rate", "step", "penalty", "predicted", "rounding")]
    + [(name, "f8") for name in ("trial_value", "trial_intercept", "null", "scale")]
    + [(name, "i8") for name in ("n_groups", "n_columns", "n_iter", "idle", "fresh", "accepted")]
)
# Rows of `Descent.features`: the point and the trial, with the gradients there; of the objective the weighted sums of
# counts times columns, where columns are centered, which are constant, the gradient of the null model, and the scale
# and the rounding of gradients; ridge at a strength of one, and at this one; the unit of the KKT residual.
COEF, GRADIENT, TRIAL, AFTER, MOMENTS, CENTER, FLAT, NULL, SCALE, NOISE, RIDGE_AT_ONE, RIDGE, UNIT, SUMS = range(14)
# Rows of `Descent.groups`: strength at one and at this one, the KKT residual, and whether a group is in the model.
STRENGTH_AT_ONE, STRENGTH, RESIDUAL, INSIDE = range(4)
# Rows of `Descent.local`, in the order of the model's columns: where a step starts and ends, with the gradients of the
# quadratic; ridge, unit and rounding over the scale of the Hessian; the eigenvalues of diagonal blocks; and work.
HERE, START, END, SLOPE, L_RIDGE, L_UNIT, L_NOISE, VALUES, MOVED, STEP, IMAGE, CHANGE, RIGHT, TARGET = range(14)
# Rows of `Descent.layout`: the model's groups and columns, where each group's columns start, and each eigenbasis; work;
# and 0, 1, 2, ...
GROUPS, COLUMNS, FIRST, BASIS, FREE, IDENTITY = range(6)


class Objective(NamedTuple):
    """One output of a `PoissonObjective`: `XT` has the columns of X along the memory."""

    XT: np.ndarray
    log_mass: np.ndarray
    profiled: bool
    total: float
    scale: float
    constant: float


class Descent(NamedTuple):
    """All that a descent knows, with its model: a Hessian on some groups, group after group.

    `indices` and `indptr` are those of the penalty, `vectors` the eigenbases of the diagonal blocks of `hessian`, and
    `matrix` is work.
    """

    state: np.ndarray
    features: np.ndarray
    groups: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    local: np.ndarray
    layout: np.ndarray
    vectors: np.ndarray
    hessian: np.ndarray
    matrix: np.ndarray


def new_descent(objective, certificate, output):
    """A descent of one output of an objective, and of the penalty and the certificate at a strength of one."""
    penalty, n_features = certificate.penalty, objective.shape[1]
    n_groups, capacity = len(penalty.strength), min(n_features, CAPACITY)
    features, groups = np.zeros((14, n_features)), np.zeros((4, n_groups))
    features[MOMENTS], features[CENTER] = objective.moments[output], objective.center
    features[FLAT], features[NULL] = objective.spread[output] == 0, objective.null[output].gradient
    features[SCALE], features[NOISE] = certificate.move, certificate.rounding
    features[RIDGE_AT_ONE], groups[STRENGTH_AT_ONE] = penalty.ridge, penalty.strength
    return Descent(
        np.zeros(1, STATE).view(np.recarray),  # whose fields are attributes without numba, too
        features,
        groups,
        penalty.indices,
        penalty.indptr,
        np.empty((14, capacity)),
        np.zeros((6, max(n_features, n_groups) + 1), dtype=np.int64),
        np.empty(capacity * min(int(penalty.sizes.max()), capacity)),
        np.empty((capacity, capacity)),
        np.empty((capacity, capacity)),
    )


# ---- the model problem


@inner(fastmath=FAST)
def covariance(XT, mass, total, profiled, d, old, chunk):
    """The Hessian over its scale, for the columns of the model from `old` on.

    It is the covariance of the columns under `mass`, their second moment without an intercept.
    """
    n_columns, size, out = d.state[0].n_columns, chunk.shape[1], d.hessian
    first, root = np.zeros(n_columns), np.empty(size)
    second = np.zeros((n_columns - old, n_columns))
    for a in range(old, n_columns):
        for b in range(n_columns):
            out[a, b] = 0.0
    for start in range(0, mass.size, size):
        stop = min(mass.size, start + size)
        for i in range(stop - start):
            root[i] = sqrt(mass[start + i] / total)
        for k in range(n_columns):
            j = d.layout[COLUMNS, k]
            x, c, row, s = XT[j, start:stop], d.features[CENTER, j], chunk[k], 0.0
            for i in range(x.size):
                v = (x[i] - c) * root[i]
                s += v * root[i]
                row[i] = v
            for i in range(x.size, size):
                row[i] = 0.0
            first[k] += s
        np.dot(chunk[old:n_columns], chunk[:n_columns].T, second)
        for a in range(old, n_columns):
            for b in range(n_columns):
                out[a, b] += second[a - old, b]
    for a in range(old, n_columns):
        constant = d.features[FLAT, d.layout[COLUMNS, a]] > 0.0
        for b in range(n_columns):
            if profiled:
                out[a, b] -= first[a] * first[b]
            if constant or d.features[FLAT, d.layout[COLUMNS, b]] > 0.0:
                out[a, b] = 0.0
            if b < old:
                out[b, a] = out[a, b]


@inner
def rotate(matrix, vectors, start, size):
    """Eigenvalues on the diagonal of the first rows of `matrix`, eigenvectors in the columns of vectors[start:].

    By cyclic Jacobi rotations, in place.
    """
    for i in range(size):
        for j in range(size):
            vectors[start + i * size + j] = 1.0 if i == j else 0.0
    for _ in range(20):
        off, diagonal = 0.0, 0.0
        for i in range(size):
            diagonal += matrix[i, i] ** 2
            for j in range(i):
                off += matrix[i, j] ** 2
        if off <= 1e-30 * diagonal:
            break
        for p in range(size - 1):
            for q in range(p + 1, size):
                if matrix[p, q] == 0.0:
                    continue
                theta = (matrix[q, q] - matrix[p, p]) / (2.0 * matrix[p, q])
                t = (1.0 if theta >= 0 else -1.0) / (abs(theta) + sqrt(theta * theta + 1.0))
                c = 1.0 / sqrt(t * t + 1.0)
                s = t * c
                for i in range(size):
                    x, y = matrix[i, p], matrix[i, q]
                    matrix[i, p], matrix[i, q] = c * x - s * y, s * x + c * y
                for i in range(size):
                    x, y = matrix[p, i], matrix[q, i]
                    matrix[p, i], matrix[q, i] = c * x - s * y, s * x + c * y
                for i in range(size):
                    x, y = vectors[start + i * size + p], vectors[start + i * size + q]
                    vectors[start + i * size + p], vectors[start + i * size + q] = c * x - s * y, s * x + c * y


@inner
def add_eigenbases(d, old):
    """Eigenbases of the diagonal blocks of the model's groups from `old` on."""
    for g in range(old, d.state[0].n_groups):
        first, size = d.layout[FIRST, g], d.layout[FIRST, g + 1] - d.layout[FIRST, g]
        d.layout[BASIS, g + 1] = d.layout[BASIS, g] + size * size
        for a in range(size):
            for b in range(size):
                d.matrix[a, b] = d.hessian[first + a, first + b]
        rotate(d.matrix, d.vectors, d.layout[BASIS, g], size)
        largest = 0.0
        for a in range(size):
            largest = max(largest, d.matrix[a, a])
        # rounding pulls along directions without curvature, which must not be free in a group that is held
        held = size > 1 and d.groups[STRENGTH, d.layout[GROUPS, g]] > 0.0
        noise = size * 2.2e-16 * largest
        for a in range(size):
            value = d.matrix[a, a]
            d.local[VALUES, first + a] = value if value > noise else noise if held else 0.0


@inner(fastmath=FAST)
def factorise(a, n):
    """Lower Cholesky factor in place, with the reciprocals of its diagonal. False if the matrix is not positive."""
    for i in range(n):
        row = a[i]
        for j in range(i):
            other, s = a[j], row[j]
            for k in range(j):
                s -= row[k] * other[k]
            row[j] = s * other[j]
        s = row[i]
        for k in range(i):
            s -= row[k] * row[k]
        if not s > 0.0:
            return False
        row[i] = 1.0 / sqrt(s)
    return True


@inner(fastmath=FAST)
def solve(a, n, b):
    """Solve in place with what `factorise` made."""
    for i in range(n):
        row, s = a[i], b[i]
        for k in range(i):
            s -= row[k] * b[k]
        b[i] = s * row[i]
    for i in range(n - 1, -1, -1):
        row = a[i]
        b[i] *= row[i]
        s = b[i]
        for k in range(i):
            b[k] -= s * row[k]


@inner(fastmath=FAST)
def times(rows, move, n, out):
    """Write the first rows of a symmetric matrix times `move` into `out`."""
    for i in range(n):
        out[i] = 0.0
    for j in range(n):
        if move[j] != 0.0:
            row, m = rows[j], move[j]
            for i in range(n):
                out[i] += m * row[i]


@inner
def penalty_value(d, which, scale):
    """The penalty over `scale`, at a row of `local`, of which ridge is over the scale of the Hessian."""
    out, ridge = 0.0, d.state[0].scale / scale
    for g in range(d.state[0].n_groups):
        squares = 0.0
        for a in range(d.layout[FIRST, g], d.layout[FIRST, g + 1]):
            squares += d.local[which, a] ** 2
            out += ridge * d.local[L_RIDGE, a] * d.local[which, a] ** 2 / 2
        if squares > 0.0:
            out += d.groups[STRENGTH, d.layout[GROUPS, g]] / scale * sqrt(squares)
    return out


@inner(fastmath=FAST)
def sweep(d, tol):
    """Minimise over each group of the model in turn, from END with the gradient SLOPE. The largest move, in units."""
    n_columns, local, scale, largest = d.state[0].n_columns, d.local, d.state[0].scale, 0.0
    slope = local[SLOPE]
    for g in range(d.state[0].n_groups):
        first, size = d.layout[FIRST, g], d.layout[FIRST, g + 1] - d.layout[FIRST, g]
        strength = d.groups[STRENGTH, d.layout[GROUPS, g]] / scale
        if size == 1:
            value, here = local[VALUES, first], local[END, first]
            pulled, target = value * here - slope[first], 0.0
            excess, denominator = abs(pulled) - strength, value + local[L_RIDGE, first]
            if excess > 0.0 and denominator > 0.0:
                target = excess / denominator if pulled > 0.0 else -excess / denominator
            local[MOVED, first] = target - here
        else:
            basis = d.layout[BASIS, g]
            for b in range(size):
                toward, place = 0.0, 0.0
                for a in range(size):
                    v = d.vectors[basis + a * size + b]
                    toward -= v * slope[first + a]
                    place += v * local[END, first + a]
                local[RIGHT, b] = toward + local[VALUES, first + b] * place
                local[CHANGE, b] = local[VALUES, first + b] + local[L_RIDGE, first]
            group_step(local[RIGHT, :size], local[CHANGE, :size], strength, local[TARGET, :size])
            for a in range(size):
                move = -local[END, first + a]
                for b in range(size):
                    move += d.vectors[basis + a * size + b] * local[TARGET, b]
                local[MOVED, first + a] = move
        steepest = 0.0
        for a in range(first, first + size):
            steepest = max(steepest, local[VALUES, a])
        for a in range(first, first + size):
            move = local[MOVED, a]
            if move != 0.0:
                largest = max(largest, abs(move) * steepest / local[L_UNIT, a])
                local[END, a] += move
                row = d.hessian[a]
                for i in range(n_columns):
                    slope[i] += move * row[i]
    return largest


@inner
def newton_step(d):
    """Newton's step from END over the groups that are not zero, as far as the objective falls. True if cut short.

    A group that would go past zero stops there, where its norm has a kink.
    """
    s, local, free, scale = d.state[0], d.local, d.layout[FREE], d.state[0].scale
    n_columns, lift, n_free, done = s.n_columns, LIFT, 0, False
    for _ in range(8):
        n_free = 0
        for g in range(s.n_groups):
            first, last = d.layout[FIRST, g], d.layout[FIRST, g + 1]
            strength, squares = d.groups[STRENGTH, d.layout[GROUPS, g]] / scale, 0.0
            for a in range(first, last):
                squares += local[END, a] ** 2
                local[STEP, a] = 0.0
            if squares == 0.0 and strength > 0.0:
                continue
            slope, begin = strength / sqrt(squares) if squares > 0.0 else 0.0, n_free
            for a in range(first, last):
                free[n_free] = a
                local[RIGHT, n_free] = -(local[SLOPE, a] + (slope + local[L_RIDGE, a]) * local[END, a])
                for k in range(n_free + 1):
                    d.matrix[n_free, k] = d.hessian[a, free[k]]
                if last - first > 1 and squares > 0.0:
                    for k in range(begin, n_free + 1):
                        d.matrix[n_free, k] -= slope / squares * local[END, a] * local[END, free[k]]
                    d.matrix[n_free, n_free] += slope
                diagonal = (d.matrix[n_free, n_free] + local[L_RIDGE, a]) * (1.0 + lift)
                d.matrix[n_free, n_free] = diagonal if diagonal > 0.0 else 1.0
                n_free += 1
        if n_free == 0:
            return False
        done = factorise(d.matrix, n_free)
        if done:
            break
        lift *= 100
    if not done:
        return False
    solve(d.matrix, n_free, local[RIGHT])
    for i in range(n_free):
        local[STEP, free[i]] = local[RIGHT, i]
    times(d.hessian, local[STEP], n_columns, local[IMAGE])
    kink, passing, before = 1.0, False, penalty_value(d, END, scale)
    for g in range(s.n_groups):
        squares, toward = 0.0, 0.0
        for a in range(d.layout[FIRST, g], d.layout[FIRST, g + 1]):
            squares += local[END, a] ** 2
            toward += local[END, a] * local[STEP, a]
        if squares > 0.0 and squares + toward < 0.0 and d.groups[STRENGTH, d.layout[GROUPS, g]] > 0.0:
            passing, kink = True, min(kink, squares / -toward)
    length = 1.0
    for trial in range(6):
        if trial > 0:
            length = (
                0.5 if trial == 1 else 0.25 if trial == 2 else 0.1 if trial == 3 else kink if trial == 4 else kink / 10
            )
        for a in range(n_columns):
            local[MOVED, a] = local[END, a] + length * local[STEP, a]
            local[CHANGE, a] = length * local[IMAGE, a]
        if passing:
            for g in range(s.n_groups):
                squares, toward = 0.0, 0.0
                for a in range(d.layout[FIRST, g], d.layout[FIRST, g + 1]):
                    squares += local[END, a] ** 2
                    toward += local[END, a] * local[STEP, a]
                gone = squares + toward < 0.0 and squares * (1 - 1e-14) + length * toward <= 0.0
                if gone and d.groups[STRENGTH, d.layout[GROUPS, g]] > 0.0:
                    for a in range(d.layout[FIRST, g], d.layout[FIRST, g + 1]):
                        local[MOVED, a] = 0.0
            for a in range(n_columns):
                local[TARGET, a] = local[MOVED, a] - local[END, a]
            times(d.hessian, local[TARGET], n_columns, local[CHANGE])
        fall = penalty_value(d, MOVED, scale) - before
        for a in range(n_columns):
            fall += (local[MOVED, a] - local[END, a]) * (local[SLOPE, a] + local[CHANGE, a] / 2)
        if fall <= 2.2e-16 * before:
            for a in range(n_columns):
                local[END, a] = local[MOVED, a]
                local[SLOPE, a] += local[CHANGE, a]
            return length < 1.0
    return False


@inner
def model_residual(d, coef, gradient):
    """The largest KKT residual of the model problem, at two rows of `local`."""
    local, largest = d.local, 0.0
    for g in range(d.state[0].n_groups):
        strength = d.groups[STRENGTH, d.layout[GROUPS, g]] / d.state[0].scale
        residual = residual_of_group(
            local[coef], local[gradient], d.layout[IDENTITY], d.layout[FIRST, g], d.layout[FIRST, g + 1], strength,
            local[L_RIDGE], local[L_NOISE], local[L_UNIT],
        )  # fmt: skip
        largest = max(largest, residual)
    return largest


@inner
def minimise(d, tol):
    """Minimise SLOPE.u + 1/2 u.hessian u + penalty in place, from END with the quadratic's gradient there.

    Sweeps of block coordinate descent find which groups are zero, Newton steps go the rest of the way. There are more
    sweeps where all Newton steps end at kinks, each at one group that is to be zero.
    """
    n_sweeps = SWEEPS
    for _ in range(ROUNDS):
        for _ in range(n_sweeps):
            if sweep(d, tol) <= tol:
                break
        if model_residual(d, END, SLOPE) <= tol:
            break
        cut = True
        for _ in range(NEWTON_STEPS):
            cut = newton_step(d)
            if not cut:
                break
        if cut:
            n_sweeps = min(4 * n_sweeps, MOST_SWEEPS)


# ---- the steps


@inner
def kkt_residuals(d, coef, gradient, unit):
    """Write the KKT residual of each group at two rows of `features` in a third's units. Returns the largest."""
    features, largest = d.features, 0.0
    for g in range(d.groups.shape[1]):
        d.groups[RESIDUAL, g] = residual_of_group(
            features[coef], features[gradient], d.indices, d.indptr[g], d.indptr[g + 1], d.groups[STRENGTH, g],
            features[RIDGE], features[NOISE], features[unit],
        )  # fmt: skip
        largest = max(largest, d.groups[RESIDUAL, g])
    return largest


@inner
def begin(d, alpha):
    """Start at a strength, from the point where the descent is."""
    s, features = d.state[0], d.features
    for g in range(d.groups.shape[1]):
        at_one = d.groups[STRENGTH_AT_ONE, g]
        d.groups[STRENGTH, g] = at_one * alpha if at_one > 0.0 else 0.0
    for j in range(features.shape[1]):
        features[RIDGE, j] = features[RIDGE_AT_ONE, j] * alpha
        features[TRIAL, j], features[UNIT, j] = 0.0, 1.0
    s.null = kkt_residuals(d, TRIAL, NULL, UNIT)
    s.null = s.null if s.null > 0.0 else 1.0
    for j in range(features.shape[1]):
        features[UNIT, j] = min(features[SCALE, j], s.null)
    s.n_iter, s.idle, s.rate, s.fresh = 0, 0, 1.0, 0


@inner
def belongs(d, g, tol, needed):
    """Whether a group is to be in the model: not zero, or with a gradient that asks for it."""
    squares, slopes = 0.0, 0.0
    for k in range(d.indptr[g], d.indptr[g + 1]):
        squares += d.features[COEF, d.indices[k]] ** 2
        slopes += d.features[GRADIENT, d.indices[k]] ** 2
    strength = d.groups[STRENGTH, g]
    return squares > 0.0 or strength == 0.0 or d.groups[RESIDUAL, g] > tol / 2 or sqrt(slopes) >= needed * strength


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
    for g in range(d.groups.shape[1]):
        if d.groups[INSIDE, g] == 0.0 and belongs(d, g, tol, NEEDED):
            if s.n_columns + d.indptr[g + 1] - d.indptr[g] > d.hessian.shape[0]:
                return False
            d.groups[INSIDE, g] = 1.0
            d.layout[GROUPS, s.n_groups] = g
            for k in range(d.indptr[g], d.indptr[g + 1]):
                d.layout[COLUMNS, s.n_columns] = d.indices[k]
                s.n_columns += 1
            s.n_groups += 1
            d.layout[FIRST, s.n_groups] = s.n_columns
    return True


@inner
def propose(d, tol):
    """Minimise the model: that is the trial."""
    s, local, features = d.state[0], d.local, d.features
    for a in range(s.n_columns):
        j = d.layout[COLUMNS, a]
        local[HERE, a] = local[END, a] = features[COEF, j]
        local[START, a] = features[GRADIENT, j]
        local[SLOPE, a], local[L_RIDGE, a] = features[GRADIENT, j] / s.scale, features[RIDGE, j] / s.scale
        local[L_UNIT, a], local[L_NOISE, a] = features[UNIT, j] / s.scale, features[NOISE, j] / s.scale
    minimise(d, INNER * max(s.residual, tol))
    s.penalty = penalty_value(d, HERE, 1.0)
    s.predicted, size = penalty_value(d, END, 1.0) - s.penalty, s.penalty
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
    penalty = penalty_value(d, MOVED, 1.0) - s.penalty
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
    XT, log_mass, profiled, total, scale, constant = objective
    n_features, n = XT.shape
    s, features = d.state[0], d.features
    mass, trial_mass, at_hessian = np.empty(n), np.empty(n), np.empty(n)
    work, some, chunk = np.empty(ROWS), np.empty(n_features, np.int64), np.empty((d.hessian.shape[0], ROWS))
    hessian_sum, level, trial_level, wants, n_some = 1.0, 0.0, 0.0, EVALUATE, n_features
    s.scale, s.value = scale, inf
    for j in range(n_features):
        features[TRIAL, j], some[j] = coefs[0, j], j
    for a in range(d.layout.shape[1]):
        d.layout[IDENTITY, a] = a
    for which in range(alphas.size):
        if which > 0:
            begin(d, alphas[which])
            wants = check(d, tol, max_iter)
        while wants != DONE:
            if wants == MINIMISE:
                wants = propose(d, tol)
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
                    cost = n * n_columns / (2.5 * (8 * n + 40 * n_columns))
                    wants = receive(d, total, tol, max_iter, cost)
                if s.accepted == 1:
                    mass, trial_mass, level = trial_mass, mass, trial_level
            elif wants == CHECK:
                n_some = 0
                for g in range(d.groups.shape[1]):
                    if d.groups[INSIDE, g] == 0.0:
                        for k in range(d.indptr[g], d.indptr[g + 1]):
                            some[n_some] = d.indices[k]
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
                    old_groups, old, hessian_sum = 0, 0, scale / level
                    for i in range(n):
                        at_hessian[i] = mass[i]
                if not choose(d, tol, wants == HESSIAN):
                    return which
                covariance(XT, at_hessian, hessian_sum, profiled, d, old, chunk)
                add_eigenbases(d, old_groups)
                s.fresh = 1 if old == 0 else 0
                wants = MINIMISE
        for j in range(n_features):
            coefs[which, j], features[TRIAL, j] = features[COEF, j], 1.0
        out[which, 0], out[which, 1], out[which, 2] = s.value, s.intercept, s.residual
        out[which, 3], out[which, 4] = kkt_residuals(d, COEF, GRADIENT, TRIAL) / s.null, s.n_iter
    return alphas.size
