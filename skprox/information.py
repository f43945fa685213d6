"""What rows tell about the coefficients of one output: covariances, degrees of freedom, dispersion."""

from functools import cached_property

import numpy as np
from scipy import sparse
from sklearn.utils import gen_batches
from sklearn.utils.extmath import safe_sparse_dot

CHUNK_ROWS = 4096  # of X, copied in float64


class Information:
    """Second derivatives of the objective, times the sum of weights, in the intercept and the coefficients in play.

    Those of the loss are the ones expected of the model.

    In play are coefficients at which the penalty has derivatives: no kink holds them at zero, nor a bound.

    Parameters
    ----------
    X : {ndarray, CSR or CSC matrix} of shape (n_samples, n_features)
    weight, means : ndarray of shape (n_samples,)
        The weight of each row, and the count expected of it, in double precision.
    coef : ndarray of shape (n_features,)
        The coefficients, in double precision.
    penalty : Penalty
    fit_intercept : bool
    columns : ndarray of int, default=None
        Position in X of the column of each coefficient, where columns repeat.
    overdispersion : float
    """

    def __init__(self, X, weight, means, coef, penalty, fit_intercept, columns=None, overdispersion=0.0):
        self.weight, self.means, self.size = weight, means, weight.sum()
        self.share = 1 / (1 + overdispersion * means)  # of the mean in the variance
        self.coef, self.penalty = coef, penalty
        self.first = 0 if fit_intercept else 1  # of the terms, the intercept and the coefficients
        _, self.diagonal, self.radial = penalty.expansion(coef)
        played = np.isfinite(self.diagonal)
        self.played = np.flatnonzero(played)
        if columns is not None or not played.all():
            X = X[:, self.played if columns is None else columns[self.played]]
        self.X = X.tocsr() if sparse.issparse(X) else X  # rows are cut out of it

    @cached_property
    def degrees_of_freedom(self):
        """tr(hessian^-1 fisher), over the directions that rows or the penalty tell about."""
        scale, values, vectors, told = scaled_eigen(self.hessian)
        vectors = vectors[:, told] / scale[:, None]
        return float(((vectors.T @ self.fisher) * vectors.T).sum(axis=1) @ (1 / values[told]))

    def dispersion(self, counts):
        """Pearson's statistic by its degrees of freedom."""
        if not self.size > self.degrees_of_freedom:
            raise ValueError(
                f"There is no dispersion: {self.size:g} rows (the sum of sample_weight, as a weight counts as that "
                f"many rows) are no more than the {self.degrees_of_freedom:.3g} degrees of freedom of the model. Give "
                "weights that count rows, or fit to more rows, or with a stronger penalty."
            )
        seen = (self.weight > 0) & (self.means > 0)  # a mean that underflows to 0 expects its count of 0
        squares = (counts[seen] - self.means[seen]) ** 2 / self.means[seen] * self.share[seen]
        return float(self.weight[seen] @ squares / (self.size - self.degrees_of_freedom))

    def covariance(self, kind, counts=None, clusters=None):
        """Covariance of all terms, 0 for those that are not in play; `clusters` is the number of that of each row."""
        found = self.inverse
        if kind == "quasi":
            found = found * self.dispersion(counts)
        elif kind == "sandwich":
            scores = self.weight * (counts - self.means) * self.share
            spread = self._spread_of_rows(scores) if clusters is None else self._spread_of_clusters(scores, clusters)
            found = found @ spread[self.first :, self.first :] @ found
            rounding = 100 * np.finfo(np.float64).eps * np.diag(self.inverse)
            known = np.diag(found) <= rounding  # as of constant columns under ridge, of which no score tells
            found[known] = found[:, known] = 0.0
        n_features, n_played = len(self.coef), len(self.played)
        back = np.zeros((1 + n_features, 1 + n_played))  # to all terms, and to an intercept where columns are 0
        back[0, 0], back[0, 1:], back[1 + self.played, 1 + np.arange(n_played)] = 1.0, -self.center, 1.0
        back = back[self.first :, self.first :]
        return back @ found @ back.T

    @cached_property
    def center(self):
        """The means of columns: those far from zero cost digits. Sparse columns stay as they are."""
        if self.first or sparse.issparse(self.X):
            return np.zeros(self.X.shape[1])
        masses = self.weight * self.means * self.share
        return masses.astype(self.X.dtype) @ self.X / masses.sum()

    @cached_property
    def fisher(self):
        masses = self.weight * self.means * self.share
        fisher = _gram(self.X, masses, self.center)
        rounding = (4 * np.finfo(self.X.dtype).eps * self.center) ** 2 * masses.sum()
        flat = 1 + np.flatnonzero(np.diag(fisher)[1:] <= rounding)
        fisher[flat] = fisher[:, flat] = 0.0
        return fisher[self.first :, self.first :]

    @cached_property
    def hessian(self):
        curvature = np.diag(np.r_[0.0, self.diagonal[self.played]])
        for start, stop in self.penalty.curved(self.radial):
            group = self.penalty.arrays.indices[start:stop]
            group = group[self.radial[group] != 0]
            places = 1 + np.searchsorted(self.played, group)
            curvature[np.ix_(places, places)] -= np.outer(self.radial[group], self.radial[group])
        return self.fisher + self.size * curvature[self.first :, self.first :]

    @cached_property
    def inverse(self):
        scale, values, vectors, told = scaled_eigen(self.hessian)
        if not told.all():
            raise np.linalg.LinAlgError(
                "There is no covariance: some columns of X are constant, or sums of multiples of others, so that the "
                "counts do not tell their coefficients. Leave such columns out (as by drop='first' of OneHotEncoder, "
                "or include_bias=False of SplineTransformer), or fit with a ridge penalty."
            )
        vectors = vectors / scale[:, None]
        return (vectors / values) @ vectors.T

    def _spread_of_rows(self, scores):
        """sum_i w_i s_i s_i', with the s_i less their mean."""
        weight = np.where(self.weight > 0, self.weight, 1.0)
        mean = self._mean(scores)
        return _gram(self.X, scores**2 / weight, self.center) - self.size * np.outer(mean, mean)

    def _spread_of_clusters(self, scores, clusters):
        """The same for sums over clusters, times a correction for few clusters and rows."""
        masses, n_terms = np.bincount(clusters, self.weight), self.X.shape[1] + 1 - self.first
        n_clusters, n_rows = np.count_nonzero(masses), np.count_nonzero(self.weight)
        if not n_rows > n_terms:
            raise ValueError(
                f"A sandwich of clusters needs more rows than coefficients; got {n_rows} rows of positive weight for "
                f"{n_terms} (the intercept included). Fit to more rows, or take kind='model'."
            )
        mean, spread = self._mean(scores), np.zeros((1 + self.X.shape[1],) * 2)
        order, starts = np.argsort(clusters, kind="stable"), np.cumsum(np.r_[0, np.bincount(clusters)])
        for block in gen_batches(len(masses), CHUNK_ROWS):
            sums, rows = -np.outer(masses[block], mean), order[starts[block.start] : starts[block.stop]]
            for batch in gen_batches(len(rows), CHUNK_ROWS):
                mine = rows[batch]
                where = clusters[mine] - block.start, np.arange(len(mine))
                member = sparse.csr_array((scores[mine], where), shape=(len(sums), len(mine)))
                part = member @ _less(self.X[mine], self.center)
                sums[:, 0] += member.sum(axis=1)
                sums[:, 1:] += part.toarray() if sparse.issparse(part) else part
            spread += sums.T @ sums
        return spread * (n_clusters / (n_clusters - 1) * (n_rows - 1) / (n_rows - n_terms))

    def _mean(self, scores):
        """The mean of the s_i."""
        total = scores.sum()
        return np.r_[total, scores.astype(self.X.dtype) @ self.X - total * self.center] / self.size


def scaled_eigen(matrix):
    """Eigenvalues and eigenvectors of a matrix divided by the roots of its diagonal, which of them exceed rounding.

    Returns these roots first.
    """
    scale = np.sqrt(np.diag(matrix))
    scale[scale == 0] = 1.0
    values, vectors = np.linalg.eigh(matrix / np.outer(scale, scale))
    return scale, values, vectors, values > 10 * len(values) * np.finfo(np.float64).eps


def _less(rows, center):
    """Rows in double precision, dense ones less the center."""
    return rows.astype(np.float64) if sparse.issparse(rows) else rows - center


def _gram(X, weight, center):
    """sum_i weight_i z_i z_i' with z_i = (1, x_i - center)."""
    from skprox.designs import add
    from skprox.designs.memory import Design  # which imports numba

    design, n_features = Design(X, arrays={"weight": weight}), X.shape[1]

    def task(rows):
        gram = np.empty((1 + n_features, 1 + n_features))
        each, chunk = rows["weight"][:, None], _less(rows.cut(), center)
        weighted = chunk.multiply(each) if sparse.issparse(chunk) else chunk * each
        gram[0, 0], gram[0, 1:] = each.sum(), np.ravel(weighted.sum(axis=0))
        gram[1:, 1:] = safe_sparse_dot(chunk.T, weighted, dense_output=True)
        return (gram,)

    (gram,) = design.reduce(add, task, 2 * n_features, 1)
    gram[1:, 0] = gram[0, 1:]
    return gram
