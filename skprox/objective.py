"""The data term: the only place that knows how X is stored and what is multiplied with it."""

import numpy as np
from numba import njit
from scipy import sparse
from sklearn.utils import gen_batches, gen_even_slices

from skprox import losses

SCRATCH_BYTES = 2**21  # a copy of some rows stays in the cache


class Point:
    """Coefficients with what the objective keeps for them: linear predictor, means, gradient."""

    def __init__(self, coef, eta, mu, intercept):
        self.coef, self.eta, self.mu, self.intercept = coef, eta, mu, intercept
        self.gradient = None


class PoissonObjective:
    """sum_i weight_i (mu_i - y_i eta_i),  eta = offset + intercept + X coef,  mu = exp(eta)

    A function of the coefficients alone: the intercept is always at its minimum for them (at 0
    without `fit_intercept`). Solvers see coefficients, gradients and Hessians; whatever has as many
    entries as X has rows stays in here and in `Point`.

    Parameters
    ----------
    X : ndarray or CSR or CSC matrix of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    weight : ndarray of shape (n_samples,)
        Non-negative, with sum one.
    offset : ndarray of shape (n_samples,)
    fit_intercept : bool
    n_blocks : int
        Number of blocks of rows that a pass over X is cut into.
    map : callable
        Runs a function over the blocks, like the builtin.

    Attributes
    ----------
    total : float
        The weighted mean of y.
    null : Point
        Where all coefficients are 0.
    spread : ndarray of shape (n_features,)
        Standard deviation of each column (root mean square without an intercept), 0 for a constant
        column: the move in log rate that a coefficient of one makes.
    """

    def __init__(self, X, y, weight, offset, fit_intercept, n_blocks=1, map=map):
        self.X, self.y, self.weight, self.offset = X, y, weight, offset
        self.profiled, self.map = fit_intercept, map
        self.blocks = [(rows, _rows_of(X, rows)) for rows in _cut(X, n_blocks)]
        self.total = float(weight.astype(np.float64) @ y)
        self.count_moments = self._pull(weight * y)
        self.null = self.at(np.zeros(X.shape[1]))
        self.spread = self._measure_spread()

    def at(self, coef):
        """The point with these coefficients. One pass over X."""
        if not coef.any():
            return self._point(coef, self.offset)
        slope = coef.astype(self.X.dtype)
        parts = self.map(lambda block: block[1] @ slope, self.blocks)
        return self._point(coef, np.concatenate(list(parts)) + self.offset)

    def between(self, start, end, step):
        """The point start + step * (end - start), without a pass over X; `step` may exceed 1."""
        coef = start.coef + step * (end.coef - start.coef)
        return self._point(coef, start.eta + start.eta.dtype.type(step) * (end.eta - start.eta))

    def _point(self, coef, eta):
        mu = np.empty_like(eta)
        intercept = losses.means(eta, self.weight, self.total, self.profiled, mu)
        return Point(coef, eta, mu, intercept)

    def value(self, point):
        return losses.value(point.eta, point.mu, self.y, self.weight, point.intercept)

    def gradient(self, point):
        """Derivative in the coefficients, kept in the point. One pass over X."""
        if point.gradient is None:
            point.gradient = self._pull(self.weight * (point.mu - self.y))
        return point.gradient

    def divergence(self, point, base):
        """value(point) - value(base) - gradient(base) . (point.coef - base.coef), without cancellation."""
        return losses.divergence(point.eta, base.eta, base.mu, self.weight, self.total, self.profiled)

    def reach(self, point, base):
        """Largest change in log rate between two points, where that of the intercept is left out."""
        change = point.eta - base.eta
        return float(np.ptp(change) if self.profiled else np.abs(change).max())

    def hessian(self, point, columns):
        """Second derivative in the coefficients `columns`, a dense matrix. One pass over them."""
        weight, center = self.weight * point.mu, np.zeros(len(columns))
        if self.profiled:
            center = ((self.gradient(point) + self.count_moments) / self.total)[columns]
        root, is_sparse = np.sqrt(weight), sparse.issparse(self.X)

        def moments(rows, X):
            X = X[:, columns]
            if is_sparse:
                X.data *= root[rows][
                    X.indices if X.format == "csc" else np.repeat(range(X.shape[0]), np.diff(X.indptr))
                ]
                return (X.T @ X).toarray()
            X -= center.astype(X.dtype)
            X *= root[rows, None]
            return X.T @ X

        out = self._sum_batches(moments, len(columns))
        if is_sparse:
            out -= weight.sum(dtype=np.float64) * np.outer(center, center)
        flat = self._flat(out.diagonal(), center)
        out[flat] = out[:, flat] = 0.0
        return out

    def _measure_spread(self):
        """Weighted by counts and exposure, half and half. One pass over X."""
        rate = self.total / (self.weight @ self.null.mu)
        weight = self.weight * (self.y + rate * self.null.mu) / 2
        means = self.count_moments + rate * (self.gradient(self.null) + self.count_moments)
        center = means / (2 * self.total) * self.profiled
        if sparse.issparse(self.X):
            by_row, out = self.X.format == "csr", np.zeros(len(center))
            _add_squares(self.X.data, self.X.indices, self.X.indptr, weight, by_row, out)
            out -= self.total * center**2
        else:

            def squares(rows, X):
                with np.errstate(over="ignore", invalid="ignore"):
                    return weight[rows] @ (X - center.astype(X.dtype)) ** 2

            out = self._sum_batches(squares, len(center))
        with np.errstate(over="ignore", invalid="ignore"):  # not finite where squares overflow
            return np.sqrt(np.where(self._flat(out, center), 0.0, out / self.total))

    def _flat(self, moments, center):
        """Columns that are constant up to rounding, so that the intercept stands for them."""
        noise = 4 * np.finfo(self.X.dtype).eps
        # without a difference of sums, rounding is that of the center alone
        return moments < self.total * (noise if sparse.issparse(self.X) else noise**2) * center**2

    def rounding(self, point):
        """Size of the rounding errors to expect in the gradient: it is a difference of two sums."""
        scale = np.abs(self.count_moments) + np.abs(self.gradient(point) + self.count_moments)
        return 4 * np.finfo(self.X.dtype).eps * scale

    def _pull(self, residual):
        """residual @ X"""
        parts = self.map(lambda block: residual[block[0]] @ block[1], self.blocks)
        return sum(np.asarray(part, dtype=np.float64) for part in parts)

    def _sum_batches(self, task, width):
        """Sum of task(rows, X[rows]) over all rows, a few at a time, so that copies stay small."""
        n_rows, n_columns = self.X.shape
        scratch, row_bytes = SCRATCH_BYTES, width * self.X.dtype.itemsize
        if sparse.issparse(self.X):  # a batch must be worth the dense result that it is added to
            scratch, row_bytes = max(scratch, 8 * width**2), 12 * self.X.nnz * width // (n_rows * n_columns)
        size = max(1, scratch // max(1, row_bytes))

        def run(block):
            rows, X = block
            batches = gen_batches(X.shape[0], X.shape[0] if _is_csc(X) else size)
            return sum(
                task(slice(rows.start + batch.start, rows.start + batch.stop), _rows_of(X, batch)).astype(np.float64)
                for batch in batches
            )

        return sum(self.map(run, self.blocks))


@njit(cache=True, nogil=True)
def _add_squares(data, indices, indptr, weight, by_row, out):
    """Add the weighted squares of a sparse matrix to `out`, column by column."""
    for major in range(indptr.size - 1):
        for k in range(indptr[major], indptr[major + 1]):
            row, column = (major, indices[k]) if by_row else (indices[k], major)
            out[column] += weight[row] * np.float64(data[k]) ** 2


def _cut(X, n_blocks):
    """Row slices of near-equal length; one for CSC, whose rows can't be told apart cheaply."""
    return gen_even_slices(X.shape[0], 1 if _is_csc(X) else min(n_blocks, X.shape[0]))


def _is_csc(X):
    return sparse.issparse(X) and X.format == "csc"


def _rows_of(X, rows):
    """X[rows], without a copy of what it holds."""
    if not sparse.issparse(X):
        return X[rows]
    if rows == slice(0, X.shape[0]):
        return X
    block = type(X)((rows.stop - rows.start, X.shape[1]), dtype=X.dtype)
    start, stop = X.indptr[rows.start], X.indptr[rows.stop]
    # set one by one: scipy's constructor copies a small part of a large array
    block.data, block.indices = X.data[start:stop], X.indices[start:stop]
    block.indptr = X.indptr[rows.start : rows.stop + 1] - start
    return block
