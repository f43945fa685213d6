"""What rows tell about the coefficients of one output: covariances, degrees of freedom, dispersion."""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from scipy import sparse
from sklearn.utils import gen_batches
from sklearn.utils.extmath import safe_sparse_dot

from skprox.designs import add

CLUSTER_ENTRIES = 2**24  # of the sums over clusters that are not complete, in a pass


class Information:
    """Second derivatives of the objective, times the sum of weights, in the intercept and the coefficients in play.

    Those of the loss are the ones expected of the model.

    In play are coefficients at which the penalty has derivatives: no kink holds them at zero, nor a bound.

    Parameters
    ----------
    design : Design
        The rows, with `weight` and, for each output, `means`, the counts expected; `counts` for a dispersion or a
        sandwich, and `clusters`, the number of the cluster of each row, for that of clusters.
    output : int
        Which of the outputs.
    coef : ndarray of shape (n_features,)
        Its coefficients, in double precision.
    penalty : Penalty
    fit_intercept : bool
    columns : ndarray of int, default=None
        Position in X of the column of each coefficient, where columns repeat.
    overdispersion : float
    """

    def __init__(self, design, output, coef, penalty, fit_intercept, columns=None, overdispersion=0.0):
        self.design, self.coef, self.penalty = design, coef, penalty
        self.first = 0 if fit_intercept else 1  # of the terms, the intercept and the coefficients
        _, self.diagonal, self.radial = penalty.expansion(coef)
        played = np.isfinite(self.diagonal)
        self.played = np.flatnonzero(played)
        if columns is not None or not played.all():
            columns = self.played if columns is None else columns[self.played]
        self.view = _View(output, overdispersion, columns)

    @cached_property
    def degrees_of_freedom(self):
        """tr(hessian^-1 fisher), over the directions that rows or the penalty tell about."""
        scale, values, vectors, told = scaled_eigen(self.hessian)
        vectors = vectors[:, told] / scale[:, None]
        return float(((vectors.T @ self.fisher) * vectors.T).sum(axis=1) @ (1 / values[told]))

    @cached_property
    def dispersion(self):
        """Pearson's statistic by its degrees of freedom."""
        if not self.size > self.degrees_of_freedom:
            raise ValueError(
                f"There is no dispersion: {self.size:g} rows (the sum of sample_weight, as a weight counts as that "
                f"many rows) are no more than the {self.degrees_of_freedom:.3g} degrees of freedom of the model. Give "
                "weights that count rows, or fit to more rows, or with a stronger penalty."
            )
        (statistic,) = self.design.reduce(add, self.view.pearson, 0, 1)
        return float(statistic / (self.size - self.degrees_of_freedom))

    def covariance(self, kind, clusters=None):
        """Covariance of all terms, 0 for those that are not in play."""
        found = self.inverse
        if kind == "quasi":
            found = found * self.dispersion
        elif kind == "sandwich":
            spread = self._spread_of_rows() if clusters is None else self._spread_of_clusters(clusters)
            found = found @ spread[self.first :, self.first :] @ found
            rounding = 100 * np.finfo(np.float64).eps * np.diag(self.inverse)
            known = np.diag(found) <= rounding  # as of constant columns under ridge, of which no score tells
            found[known] = found[:, known] = 0.0
        n_features, n_played = len(self.coef), len(self.played)
        back = np.zeros((1 + n_features, 1 + n_played))  # to all terms, and to an intercept where columns are 0
        back[0, 0], back[0, 1:], back[1 + self.played, 1 + np.arange(n_played)] = 1.0, -self.center, 1.0
        back = back[self.first :, self.first :]
        return back @ found @ back.T

    @property
    def size(self):
        return self._sums[0]

    @cached_property
    def center(self):
        """The means of columns: those far from zero cost digits. Sparse columns stay as they are."""
        _, mass, first = self._sums
        return np.zeros(len(first)) if self.first or not self.design.is_dense else first / mass

    @cached_property
    def _sums(self):
        """Those of the weights, of the masses, and of masses times columns."""
        view = self.view

        def task(rows):
            masses = view.masses(rows)
            return [np.array(each) for each in (rows["weight"].sum(), masses.sum(), view.times(masses, rows))]

        return self.design.reduce(add, task, len(self.played), 1)

    @cached_property
    def fisher(self):
        fisher = self._gram(self.view.masses)
        rounding = (4 * np.finfo(self.design.dtype).eps * self.center) ** 2 * self._sums[1]
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

    def _gram(self, weigh):
        """sum_i weigh_i z_i z_i' with z_i = (1, x_i - center)."""
        view, center, n_features = self.view, self.center, len(self.played)

        def task(rows):
            gram = np.empty((1 + n_features, 1 + n_features))
            each, chunk = weigh(rows)[:, None], view.less(rows, center)
            weighted = chunk.multiply(each) if sparse.issparse(chunk) else chunk * each
            gram[0, 0], gram[0, 1:] = each.sum(), np.ravel(weighted.sum(axis=0))
            gram[1:, 0] = gram[0, 1:]
            gram[1:, 1:] = safe_sparse_dot(chunk.T, weighted, dense_output=True)
            return (gram,)

        return self.design.reduce(add, task, 2 * n_features, 1)[0]

    @cached_property
    def _mean_score(self):
        """The mean of the s_i."""
        view = self.view

        def task(rows):
            scores = view.scores(rows)
            return [np.array(scores.sum()), view.times(scores, rows)]

        total, first = self.design.reduce(add, task, len(self.played), 1)
        return np.r_[total, first - total * self.center] / self.size

    def _spread_of_rows(self):
        """sum_i w_i s_i s_i', with the s_i less their mean."""
        return self._gram(self.view.squared_scores) - self.size * np.outer(self._mean_score, self._mean_score)

    def _spread_of_clusters(self, clusters):
        """The same for sums over clusters, times a correction for few clusters and rows."""
        n_terms, n_clusters, n_rows = len(self.played) + 1 - self.first, clusters.n_used, clusters.n_rows
        if not n_rows > n_terms:
            raise ValueError(
                f"A sandwich of clusters needs more rows than coefficients; got {n_rows} rows of positive weight for "
                f"{n_terms} (the intercept included). Fit to more rows, or take kind='model'."
            )
        sizes, spread = clusters.sizes, np.zeros((1 + len(self.played),) * 2)
        for block in gen_batches(len(sizes), max(1, CLUSTER_ENTRIES // len(spread))):
            task = partial(_sums_of_clusters, self.view, self.center, self._mean_score, sizes, block)
            parts, complete = self.design.reduce(partial(_merge, sizes), task, 2 * len(spread), 1)
            spread += _settle(sizes, _together(parts), complete)[1]
        return spread * (n_clusters / (n_clusters - 1) * (n_rows - 1) / (n_rows - n_terms))


@dataclass(frozen=True)
class _View:
    """What tasks look at: one output, of an overdispersion, and some columns, None for all."""

    output: int
    omega: float
    columns: np.ndarray | None

    def masses(self, rows):
        """Second derivatives of the loss in the linear predictor, those expected, times the weights."""
        means = rows["means"][self.output]
        return rows["weight"] * means / (1 + self.omega * means)

    def scores(self, rows):
        """First derivatives of the log-likelihood, times the weights."""
        means = rows["means"][self.output]
        return rows["weight"] * (rows["counts"][self.output] - means) / (1 + self.omega * means)

    def squared_scores(self, rows):
        """Their squares, times the weights but once."""
        return self.scores(rows) ** 2 / np.where(rows["weight"] > 0, rows["weight"], 1.0)

    def pearson(self, rows):
        """Sum of weight times square of what is left of the counts, over their variance."""
        counts, means, weight = rows["counts"][self.output], rows["means"][self.output], rows["weight"]
        seen = (weight > 0) & (means > 0)  # a mean that underflows to 0 expects its count of 0
        variance = means[seen] * (1 + self.omega * means[seen])
        return (np.array(weight[seen] @ ((counts[seen] - means[seen]) ** 2 / variance)),)

    def times(self, values, rows):
        chunk = rows.cut(self.columns)
        return rows.weighted_sums(values.astype(chunk.dtype)[None], chunk)[0].astype(np.float64)

    def less(self, rows, center):
        """The columns in double precision, dense ones less the center."""
        chunk = rows.cut(self.columns)
        return chunk.astype(np.float64) if sparse.issparse(chunk) else chunk - center


@dataclass(frozen=True)
class Clusters:
    """Rows that belong together.

    Attributes
    ----------
    sizes : ndarray of shape (n_clusters,)
        Number of rows of each cluster.
    n_used : int
        How many clusters have a row of positive weight.
    n_rows : int
        Number of these rows.
    """

    sizes: np.ndarray
    n_used: int
    n_rows: int


def expected(design, coefs, intercepts):
    """The design with the `means` that a model expects, of shape (n_outputs, n_samples), in double precision."""
    coefs, intercepts = np.atleast_2d(coefs).astype(np.float64), np.atleast_1d(intercepts)
    support = np.flatnonzero(coefs.any(axis=0))
    support = None if len(support) == coefs.shape[1] else support
    slopes = coefs if support is None else coefs[:, support]

    def recipe(rows):
        rates = np.exp((rows.cut(support) @ slopes.T).T + intercepts[:, None])
        return {"means": rates * rows["exposure"]}

    return design.keep(recipe, max(1, slopes.shape[1]))


def scaled_eigen(matrix):
    """Eigenvalues and eigenvectors of a matrix divided by the roots of its diagonal, which of them exceed rounding.

    Returns these roots first.
    """
    scale = np.sqrt(np.diag(matrix))
    scale[scale == 0] = 1.0
    values, vectors = np.linalg.eigh(matrix / np.outer(scale, scale))
    return scale, values, vectors, values > 10 * len(values) * np.finfo(np.float64).eps


def _sums_of_clusters(view, center, mean, sizes, block, rows):
    """Sums of the s_i less their mean over clusters with numbers in a block, and the spread of those in full."""
    mine = np.flatnonzero((rows["clusters"] >= block.start) & (rows["clusters"] < block.stop))
    numbers, where = np.unique(rows["clusters"][mine], return_inverse=True)
    member = sparse.csr_array((np.ones(len(mine)), (where, np.arange(len(mine)))), shape=(len(numbers), len(mine)))
    scores, chunk = view.scores(rows)[mine], view.less(rows, center)[mine]
    part = member * scores @ chunk
    sums = np.column_stack([member @ scores, part.toarray() if sparse.issparse(part) else part])
    sums -= np.outer(member @ rows["weight"][mine], mean)
    return _settle(sizes, [numbers, member @ np.ones(len(mine)), sums], 0.0)


def _settle(sizes, part, spread):
    """Sums of scores by cluster: those that are complete add to the spread, the others remain.

    A part has the numbers of clusters, how many rows of each its sums are of, and these.
    """
    numbers, n_rows, sums = part
    done = n_rows == sizes[numbers]
    return [[each[~done] for each in part]], spread + sums[done].T @ sums[done]


def _merge(sizes, first, second):
    """Parts are added up once they are twice as large as when they last were, so that it takes little each time."""
    (parts, spread), (others, other) = first, second
    parts, spread = parts + others, spread + other
    if sum(len(each[0]) for each in parts[1:]) > len(parts[0][0]):
        return _settle(sizes, _together(parts), spread)
    return parts, spread


def _together(parts):
    numbers, n_rows, sums = (np.concatenate(each) for each in zip(*parts, strict=True))
    which, where = np.unique(numbers, return_inverse=True)
    same = sparse.csr_array((np.ones(len(where)), (where, np.arange(len(where)))), shape=(len(which), len(where)))
    return [which, same @ n_rows, same @ sums]
