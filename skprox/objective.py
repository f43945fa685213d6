"""The data term: the only place that multiplies X."""

from dataclasses import dataclass
from functools import reduce

import numpy as np
from scipy import sparse
from sklearn.utils import gen_batches

from skprox import losses, storage


@dataclass(frozen=True)
class Point:
    """Coefficients of one output, with the objective there: intercept, value, gradient in the coefficients."""

    coef: np.ndarray
    intercept: float
    value: float
    gradient: np.ndarray


class PoissonObjective:
    """sum_i weight_i (mu_i - y_i eta_i),  eta = log(exposure) + intercept + X coef,  mu = exp(eta)

    One for each output, the counts y; they share X, weights and exposure, and each pass over X. All are
    functions of the coefficients alone: the intercept is always at its minimum for them (at 0 without
    `fit_intercept`), where the weighted sum of mu is that of y. What is left,
    total * log(sum weight exposure exp(X coef)) - moments.coef + constant, can't overflow.

    Nothing in here has an entry for each row of X but counts, weights and exposure: linear predictors are
    formed for a chunk of rows at a time, and forgotten.

    Parameters
    ----------
    X : ndarray or CSR or CSC matrix of shape (n_samples, n_features)
    counts : ndarray of shape (n_outputs, n_samples)
    weight : ndarray of shape (n_samples,)
        Non-negative, with sum one.
    offset : ndarray of shape (n_samples,)
        Logarithm of the exposure.
    fit_intercept : bool
    n_threads : int
        Number of blocks of rows that a pass over X is cut into.
    map : callable
        Runs a function over the blocks, like the builtin.

    Attributes
    ----------
    total : ndarray of shape (n_outputs,)
        The weighted mean of the counts.
    scale : ndarray of shape (n_outputs,)
        What the Hessian of each output is a multiple of: `total`, or 1 without an intercept.
    moments : ndarray of shape (n_outputs, n_features)
        The weighted means of the counts times each column.
    null : list of Point
        Where all coefficients are 0, for each output.
    spread : ndarray of shape (n_outputs, n_features)
        Standard deviation of each column (root mean square without an intercept), weighted by counts and
        exposure half and half; 0 for a constant column. The move in log rate that a coefficient of one makes.
    """

    def __init__(self, X, counts, weight, offset, fit_intercept, n_threads=1, map=map):
        self.X, self.profiled, self.map = storage.prepare(X), fit_intercept, map
        self.blocks = storage.blocks(self.X, n_threads)
        with np.errstate(divide="ignore"):
            self.log_mass = np.log(weight) + offset
        self._measure(counts, weight, offset)

    def evaluate(self, coefs, outputs, columns=None):
        """The objectives of `outputs` at `coefs`, a row each. One pass over X.

        Returns their values, intercepts, and gradients in the coefficients at `columns` (None is all),
        outside of which the coefficients must be zero.
        """
        support = np.flatnonzero(coefs.any(axis=0)) if columns is None else columns
        slopes = self._slopes(coefs, support)

        def task(rows):
            chunk = storage.cut(self.X, rows, columns)
            top, mass = self._masses(rows, chunk if columns is not None else storage.cut(self.X, rows, support), slopes)
            return top, *_double(mass.sum(axis=1), mass @ chunk)

        width = self.X.shape[1] if columns is None else len(columns)
        top, mass, pulled = self._reduce(_add_scaled, task, width, len(coefs))
        total, moments = self.total[outputs], self.moments[outputs]
        against = np.einsum("kj,kj->k", moments[:, support], coefs[:, support]) - self.constant[outputs]
        moments = moments if columns is None else moments[:, columns]
        with np.errstate(all="ignore"):  # infinite where coefficients overflow
            if self.profiled:
                log_mass = top + np.log(mass)
                values = total * log_mass - against
                return values, np.log(total) - log_mass, pulled * (total / mass)[:, None] - moments
            scale = np.exp(top)
            return scale * mass - against, np.zeros(len(coefs)), pulled * scale[:, None] - moments

    def hessian(self, point, columns, rows=slice(None)):
        """Second derivative in the coefficients `columns`, over `scale`: some rows of that matrix. One pass over them.

        So scaled it is the covariance of the columns under the rates, and the same for all outputs.
        """
        support = np.flatnonzero(point.coef)
        slopes = self._slopes(point.coef[None], support)[0]
        center = self.center[columns].astype(self.X.dtype)

        def task(where):
            mass = np.exp(storage.cut(self.X, where, support) @ slopes + self.log_mass[where] + point.intercept)
            root = np.sqrt(mass)
            chunk = storage.cut(self.X, where, columns)
            if sparse.issparse(chunk) and storage.density(chunk) > storage.DENSE:
                chunk = chunk.toarray()
            if sparse.issparse(chunk):
                chunk = sparse.diags_array(root) @ chunk
                second = (chunk.T[rows] @ chunk).toarray()
            else:
                chunk = chunk - center
                chunk *= root[:, None]
                second = (chunk if rows == slice(None) else chunk[:, rows]).T @ chunk
            return _double(mass.sum(), chunk.T @ root, second)

        mass, first, second = self._reduce(_add, task, len(columns), 1)
        if self.profiled:
            second -= np.outer(first[rows], first / mass)
            second /= mass
        flat = ~self.spread[:, columns].any(axis=0)
        second[flat[rows]] = second[:, flat] = 0.0
        return second

    def factor(self, point, columns):
        """Rows, one for each of `columns`, whose products with each other are `hessian`. One pass over the columns."""
        support = np.flatnonzero(point.coef)
        slopes = self._slopes(point.coef[None], support)[0]
        everything = slice(0, self.X.shape[0])
        mass = np.exp(storage.cut(self.X, everything, support) @ slopes + self.log_mass + point.intercept)
        rows = storage.cut(self.X, everything, columns)
        rows = (rows.toarray() if sparse.issparse(rows) else rows).T.astype(np.float64)
        if self.profiled:
            rows -= (rows @ mass / mass.sum())[:, None]
            mass = mass / mass.sum()
        rows *= np.sqrt(mass)
        rows[~self.spread[:, columns].any(axis=0)] = 0.0
        return rows

    def divergence(self, coefs, points, outputs):
        """value(coef) - value(point) - gradient(point).(coef - point.coef), without cancellation. One pass over X."""
        bases = np.array([point.coef for point in points])
        support = np.flatnonzero((coefs != 0).any(axis=0) | bases.any(axis=0))
        slopes, moves = self._slopes(bases, support), self._slopes(coefs - bases, support)
        total, shift = self.total[outputs], np.zeros(len(coefs))
        if self.profiled:
            means = np.array([point.gradient for point in points])[:, support] + self.moments[outputs][:, support]
            shift = np.einsum("kj,kj->k", moves, means) / total

        def task(rows):
            chunk = storage.cut(self.X, rows, support)
            top, mass = self._masses(rows, chunk, slopes)
            return top, *_double(mass.sum(axis=1), losses.mean_excess(mass, _predict(chunk, moves), shift))

        top, mass, excess = self._reduce(_add_scaled, task, len(support), 2 * len(coefs))
        return total * np.log1p(excess / mass) if self.profiled else np.exp(top) * excess

    def reach(self, moves):
        """Largest change in log rate that moves of the coefficients make, where that of the intercept is left out."""
        support = np.flatnonzero(moves.any(axis=0))
        slopes = self._slopes(moves, support)

        def task(rows):
            change = _predict(storage.cut(self.X, rows, support), slopes)[:, self.log_mass[rows] > -np.inf]
            return np.array([change.max(axis=1, initial=-np.inf), -change.min(axis=1, initial=np.inf)])

        with np.errstate(invalid="ignore"):
            highest, lowest = self._reduce(np.maximum, task, len(support), len(moves))
            reach = highest + lowest if self.profiled else np.maximum(highest, lowest)
        return np.where(np.isnan(reach), np.inf, reach)  # of moves that overflow

    def rounding(self, output):
        """Size of the rounding errors to expect in the gradient: it is a difference of two sums."""
        scale = np.abs(self.moments[output]) + np.abs(self.null[output].gradient + self.moments[output])
        return 4 * np.finfo(self.X.dtype).eps * scale

    def _measure(self, counts, weight, offset):
        """Set the attributes that don't depend on coefficients. Two passes over X."""
        n_features = self.X.shape[1]
        heaviest = float(self.log_mass.max())
        masses = np.vstack([weight * counts, np.exp(self.log_mass - heaviest)])
        sums = masses.sum(axis=1, dtype=np.float64)

        def task(rows):
            return _double(masses[:, rows] @ storage.cut(self.X, rows, None))

        (first,) = self._reduce(_add, task, n_features, len(sums))
        self.total, self.moments, means = sums[:-1], first[:-1], first[-1] / sums[-1]
        self.scale = self.total if self.profiled else np.ones(len(counts))
        log_mass = heaviest + np.log(sums[-1])
        self.constant = -(counts @ (weight * offset)).astype(np.float64)
        if self.profiled:
            self.constant += self.total - self.total * np.log(self.total)
            values, intercepts = self.total * log_mass + self.constant, np.log(self.total) - log_mass
            gradients = np.outer(self.total, means) - self.moments
        else:
            values, intercepts = np.exp(log_mass) + self.constant, np.zeros(len(counts))
            gradients = np.exp(log_mass) * means - self.moments
        points = zip(intercepts, values, gradients, strict=True)
        self.null = [Point(np.zeros(n_features), *point) for point in points]
        self.center = means if self.profiled and not sparse.issparse(self.X) else np.zeros(n_features)
        self.spread = self._measure_spread(masses, sums, means)

    def _measure_spread(self, masses, sums, means):
        n_features, dtype = self.X.shape[1], self.X.dtype
        center = self.center.astype(dtype)

        def task(rows):
            chunk = storage.cut(self.X, rows, None)
            if sparse.issparse(chunk):
                chunk = chunk.copy()
                chunk.data *= chunk.data
            else:
                chunk = chunk - center
                chunk *= chunk
            return _double(masses[:, rows] @ chunk)

        with np.errstate(over="ignore", invalid="ignore"):  # not finite where squares overflow
            (squares,) = self._reduce(_add, task, n_features, len(sums))
            squares /= sums[:, None]
            squares = (squares[:-1] + squares[-1]) / 2
            if not self.profiled:
                return np.sqrt(squares)
            mean = (self.moments / self.total[:, None] + means) / 2
            squares -= (mean - self.center) ** 2
            # constant up to rounding: without a difference of sums, that of the center alone
            noise = 4 * np.finfo(dtype).eps
            flat = squares < (noise if sparse.issparse(self.X) else noise**2) * mean**2
            return np.sqrt(np.where(flat, 0.0, squares))

    def _slopes(self, coefs, support):
        with np.errstate(over="ignore"):
            return coefs[:, support].astype(self.X.dtype)

    def _masses(self, rows, chunk, slopes):
        """weight * exposure * exp(chunk @ slopes), over exp(top) for the largest of each row of slopes."""
        masses = _predict(chunk, slopes)
        with np.errstate(over="ignore", invalid="ignore"):
            masses += self.log_mass[rows]
            top = np.maximum(masses.max(axis=1), np.finfo(masses.dtype).min)
            masses -= top[:, None]
            return top.astype(np.float64), np.exp(masses, out=masses)

    def _reduce(self, merge, task, n_columns, n_problems):
        """What `merge` makes of task(rows) over chunks of rows, each cut to so many columns for so many problems."""
        size = storage.chunk_rows(self.X, n_columns, n_problems)

        def run(block):
            batches = gen_batches(block.stop - block.start, size)
            return reduce(merge, (task(slice(block.start + b.start, block.start + b.stop)) for b in batches))

        return reduce(merge, self.map(run, self.blocks))


def _predict(chunk, slopes):
    """slopes @ chunk.T, with the rows of X along the memory."""
    with np.errstate(over="ignore", invalid="ignore"):  # not finite where coefficients overflow
        return np.ascontiguousarray(slopes @ chunk.T)


def _double(*arrays):
    return [np.asarray(array, dtype=np.float64) for array in arrays]


def _add(first, second):
    for a, b in zip(first, second, strict=True):
        a += b
    return first


def _add_scaled(first, second):
    """Sums of what is given over exp(top), where top comes first, in the same form."""
    top = np.maximum(first[0], second[0])
    for part in (first, second):
        scale = np.exp(part[0] - top)
        if (scale != 1.0).any():
            for array in part[1:]:
                array *= scale.reshape(-1, *[1] * (array.ndim - 1))
    _add(first[1:], second[1:])
    return top, *first[1:]
