"""The model problem of compiled descents: a Hessian on some groups, and the penalty."""

from math import inf, sqrt

from skprox._jit import FAST, ZERO, inner
from skprox.prox import (
    STRENGTH,
    expansion,
    residuals,
)
from skprox.solvers.descent import (
    BASIS,
    DIAGONAL,
    END,
    FREE,
    IMAGE,
    L_NOISE,
    L_RESIDUAL_SCALE,
    ORDER,
    PENALTY_SLOPE,
    RADIAL,
    RESIDUALS,
    RIGHT,
    SLOPE,
    STEP,
    VALUES,
)
from skprox.solvers.model_steps import search, sweep

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
                d.matrix[a, b] = d.hessian[0, first + a, first + b]
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


@inner
def newton_step(d):
    """Newton's step from END where the penalty is smooth, as far as the objective falls. True if cut short."""
    s, local, free, p = d.state[0], d.local, d.layout[FREE], d.model
    n_columns, lift, n_free, done = s.n_columns, LIFT, ZERO, False
    expansion(local[END], p, s.n_groups, local[PENALTY_SLOPE], local[DIAGONAL], local[RADIAL])
    for _ in range(8):
        n_free = ZERO
        for g in range(s.n_groups):
            begin = n_free
            for a in range(p.indptr[g], p.indptr[g + 1]):
                local[STEP, a] = 0.0
                if local[DIAGONAL, a] == inf:
                    continue
                free[n_free] = a
                local[RIGHT, n_free] = -(local[SLOPE, a] + local[PENALTY_SLOPE, a])
                for k in range(n_free + 1):
                    d.matrix[n_free, k] = d.hessian[0, a, free[k]]
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
    times(d.hessian[0], local[STEP], n_columns, local[IMAGE])
    places = d.layout[ORDER : ORDER + 1]
    return search(d.hessian, places, local[SLOPE], local[END], local[STEP], local[IMAGE], p, s.n_groups)


@inner
def model_residual(d, coef, gradient):
    """The largest KKT residual of the model problem, at two rows of `local`."""
    local, n_groups = d.local, d.state[0].n_groups
    return residuals(
        local[coef], local[gradient], d.model, n_groups, local[L_NOISE], local[L_RESIDUAL_SCALE], local[RESIDUALS]
    )


@inner
def minimise(d, tol):
    """Minimise SLOPE.u + 1/2 u.hessian u + penalty in place, from END with the quadratic's gradient there.

    Sweeps of block coordinate descent find which groups are zero, Newton steps go the rest of the way. There are more
    sweeps where all Newton steps end at kinks, each at one group that is to be zero.
    """
    local, n_columns, n_sweeps = d.local, d.state[0].n_columns, SWEEPS + ZERO
    values, starts, groups = local[VALUES], d.layout[BASIS], d.layout[ORDER, : d.state[0].n_groups]
    slope, state, end, scale = local[SLOPE], local[SLOPE : SLOPE + 1], local[END], local[L_RESIDUAL_SCALE]
    for _ in range(ROUNDS):
        sweep(
            d.hessian,
            n_columns,
            False,
            values,
            d.vectors,
            starts,
            slope,
            state,
            end,
            d.model,
            groups,
            scale,
            tol,
            n_sweeps,
        )
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
