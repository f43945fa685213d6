"""The model problem of compiled descents: a Hessian on some groups, and the penalty."""

from math import inf, sqrt

from skprox._jit import FAST, inner
from skprox.prox import (
    L1,
    LOWER,
    MIXED,
    RIDGE,
    STRENGTH,
    UPPER,
    advance,
    expansion,
    first_kink,
    moves_of_group,
    residuals,
    step_of_one,
    value,
)
from skprox.solvers.descent import (
    BASIS,
    CHANGE,
    DIAGONAL,
    END,
    FREE,
    IMAGE,
    L_NOISE,
    L_RESIDUAL_SCALE,
    MOVED,
    PENALTY_SLOPE,
    RADIAL,
    RIGHT,
    SLOPE,
    STEP,
    TARGET,
    VALUES,
)

LIFT = 1e-11  # of a diagonal, relative to it: of a semi-definite matrix it hides what is rounding
# Sweeps between Newton steps, at first and at most, of these, and rounds of both.
SWEEPS, MOST_SWEEPS, NEWTON_STEPS, ROUNDS = 2, 256, 10, 10


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
        first, size = d.model.indptr[g], d.model.indptr[g + 1] - d.model.indptr[g]
        d.layout[BASIS, g + 1] = d.layout[BASIS, g] + size * size
        for a in range(size):
            for b in range(size):
                d.matrix[a, b] = d.hessian[first + a, first + b]
        rotate(d.matrix, d.vectors, d.layout[BASIS, g], size)
        largest = 0.0
        for a in range(size):
            largest = max(largest, d.matrix[a, a])
        # rounding asks for moves along directions without curvature, which must not be free in a group that is held
        has_kink = size > 1 and d.model.groups[STRENGTH, g] > 0.0
        noise = size * 2.2e-16 * largest
        for a in range(size):
            value = d.matrix[a, a]
            d.local[VALUES, first + a] = value if value > noise else noise if has_kink else 0.0


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


@inner(fastmath=FAST)
def sweep(d, tol):
    """Minimise over each group of the model in turn, without a norm over each coefficient. The largest move, in units.

    From END with the gradient SLOPE.
    """
    n_columns, local, largest, p = d.state[0].n_columns, d.local, 0.0, d.model
    slope, end, values, moves = local[SLOPE], local[END], local[VALUES], local[MOVED]
    linear, curvature, step = local[RIGHT], local[CHANGE], local[TARGET]
    for g in range(d.state[0].n_groups):
        start, stop, strength = p.indptr[g], p.indptr[g + 1], p.groups[STRENGTH, g]
        size = 1 if strength == 0.0 and p.groups[MIXED, g] > 0.0 else stop - start
        for first in range(start, stop, size):
            if size == 1:
                steepest = values[first] if stop == start + 1 else d.hessian[first, first]
                l1, ridge = strength + p.columns[L1, first], p.columns[RIDGE, first]
                lower, upper = p.columns[LOWER, first], p.columns[UPPER, first]
                linear_term = steepest * end[first] - slope[first]
                moves[first] = step_of_one(linear_term, steepest, l1, ridge, lower, upper) - end[first]
            else:
                moves_of_group(
                    p, g, slope, end, values, d.vectors, d.layout[BASIS, g], linear, curvature, step, moves, 1
                )
                steepest = 0.0
                for a in range(first, stop):
                    steepest = max(steepest, values[a])
            for a in range(first, first + size):
                move = moves[a]
                if move != 0.0:
                    largest = max(largest, abs(move) * steepest / local[L_RESIDUAL_SCALE, a])
                    end[a] += move
                    row = d.hessian[a]
                    for i in range(n_columns):
                        slope[i] += move * row[i]
    return largest


@inner
def newton_step(d):
    """Newton's step from END where the penalty is smooth, as far as the objective falls. True if cut short."""
    s, local, free, p = d.state[0], d.local, d.layout[FREE], d.model
    n_columns, lift, n_free, done = s.n_columns, LIFT, 0, False
    expansion(local[END], p, s.n_groups, local[PENALTY_SLOPE], local[DIAGONAL], local[RADIAL])
    for _ in range(8):
        n_free = 0
        for g in range(s.n_groups):
            begin = n_free
            for a in range(p.indptr[g], p.indptr[g + 1]):
                local[STEP, a] = 0.0
                if local[DIAGONAL, a] == inf:
                    continue
                free[n_free] = a
                local[RIGHT, n_free] = -(local[SLOPE, a] + local[PENALTY_SLOPE, a])
                for k in range(n_free + 1):
                    d.matrix[n_free, k] = d.hessian[a, free[k]]
                if local[RADIAL, a] != 0.0:
                    for k in range(begin, n_free + 1):
                        d.matrix[n_free, k] -= local[RADIAL, a] * local[RADIAL, free[k]]
                diagonal = (d.matrix[n_free, n_free] + local[DIAGONAL, a]) * (1.0 + lift)
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
    kink, before = first_kink(local[END], local[STEP], p, s.n_groups), value(local[END], p, s.n_groups)
    length = 1.0
    for trial in range(6):
        if trial > 0:
            length = (
                0.5 if trial == 1 else 0.25 if trial == 2 else 0.1 if trial == 3 else kink if trial == 4 else kink / 10
            )
        advance(local[END], local[STEP], length, p, s.n_groups, local[MOVED])
        for a in range(n_columns):
            local[CHANGE, a] = length * local[IMAGE, a]
        if kink < 1.0:
            for a in range(n_columns):
                local[TARGET, a] = local[MOVED, a] - local[END, a]
            times(d.hessian, local[TARGET], n_columns, local[CHANGE])
        decrease = value(local[MOVED], p, s.n_groups) - before
        for a in range(n_columns):
            decrease += (local[MOVED, a] - local[END, a]) * (local[SLOPE, a] + local[CHANGE, a] / 2)
        if decrease <= 2.2e-16 * before:
            for a in range(n_columns):
                local[END, a] = local[MOVED, a]
                local[SLOPE, a] += local[CHANGE, a]
            return length < 1.0
    return False


@inner
def model_residual(d, coef, gradient):
    """The largest KKT residual of the model problem, at two rows of `local`."""
    local, n_groups = d.local, d.state[0].n_groups
    return residuals(
        local[coef], local[gradient], d.model, n_groups, local[L_NOISE], local[L_RESIDUAL_SCALE], local[TARGET]
    )


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
            d.state[0].n_newton += 1
            if not cut:
                break
        if cut:
            n_sweeps = min(4 * n_sweeps, MOST_SWEEPS)
