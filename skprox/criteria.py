"""Degrees of freedom of penalised models: how many free coefficients they are worth."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.special import gammaln

from skprox.inference import _gram


@dataclass(frozen=True, eq=False)
class Sample:
    """The rows that models along a path were fitted to, and the penalties of each output at a strength of one.

    Attributes
    ----------
    X : ndarray or CSR or CSC matrix of shape (n_samples, n_features), or None
        None once the rows are forgotten.
    weight : ndarray of shape (n_samples,)
        With sum one.
    exposure : ndarray of shape (n_samples,)
    penalties : list of GroupElasticNet
    fit_intercept : bool
    """

    X: object
    weight: np.ndarray
    exposure: np.ndarray
    penalties: list
    fit_intercept: bool

    def without_rows(self):
        return replace(self, X=None, weight=None, exposure=None)

    def degrees_of_freedom(self, alphas, coefs, intercepts):
        """Of the models at each of `alphas`: shape (n_alphas, n_outputs)."""
        df = np.empty(intercepts.shape)
        for a, k in np.ndindex(df.shape):
            df[a, k] = self._degrees_of_freedom(self.penalties[k].scaled(alphas[a]), coefs[a, k], intercepts[a, k])
        return df

    def log_numbers_of_models(self, coefs):
        """Logarithm of how many sets of penalised groups are as large as the selected one: (n_alphas, n_outputs)."""
        out = np.empty(coefs.shape[:2])
        for k, penalty in enumerate(self.penalties):
            may_enter = (penalty.strength > 0) & np.isfinite(penalty.strength)
            n = np.count_nonzero(may_enter)
            m = np.array([np.count_nonzero(penalty.norms(coef)[may_enter]) for coef in coefs[:, k].astype(np.float64)])
            out[:, k] = gammaln(n + 1) - gammaln(m + 1) - gammaln(n - m + 1)
        return out

    def _degrees_of_freedom(self, penalty, coef, intercept):
        """tr((H + P)^-1 H) with the Hessian H of the data term and the curvature P of the penalty, of what is in play.

        The intercept is one of them; all others are meant about their means under the rates.
        """
        coef = coef.astype(np.float64)
        groups = np.flatnonzero((penalty.norms(coef) > 0) | (penalty.strength == 0))
        columns, penalty = penalty.columns(groups), penalty.restrict(groups)
        X, coef = self.X[:, columns], coef[columns]
        masses = self.weight * self.exposure * np.exp(X @ coef + intercept)
        if len(columns) > X.shape[0] and not penalty.strength.any() and penalty.ridge.all():
            return self.fit_intercept + _trace_by_rows(X, masses, penalty.ridge, self.fit_intercept)
        hessian, flat = _hessian(X, masses, self.fit_intercept)
        hessian[flat] = hessian[:, flat] = 0.0
        return self.fit_intercept + _trace(hessian, _curvature(penalty, coef))


def _hessian(X, masses, fit_intercept):
    """Second derivative of the data term in the coefficients, the intercept following, and which columns are flat."""
    center = masses @ X / masses.sum() if fit_intercept else np.zeros(X.shape[1])
    shift = np.zeros_like(center) if sparse.issparse(X) else center
    gram = _gram(X, masses, shift)
    hessian, first = gram[1:, 1:], gram[0, 1:]
    noise = (4 * np.finfo(X.dtype).eps) ** (1 if sparse.issparse(X) else 2) * masses.sum() * center**2
    if fit_intercept:
        hessian = hessian - np.outer(first, first / gram[0, 0])
    return hessian, np.diag(hessian) <= noise


def _curvature(penalty, coef):
    """Second derivative of the penalty where it has one: (I - u u') strength / norm in a group of direction u."""
    curvature = np.diag(penalty.ridge)
    norms = penalty.norms(coef)
    for g in np.flatnonzero(penalty.strength * norms):
        members = penalty.indices[penalty.indptr[g] : penalty.indptr[g + 1]]
        direction = coef[members] / norms[g]
        across = np.eye(len(members)) - np.outer(direction, direction)
        curvature[np.ix_(members, members)] += penalty.strength[g] / norms[g] * across
    return curvature


def _trace(hessian, curvature):
    """tr((H + P)^+ H): of directions that neither knows, none count."""
    total = hessian + curvature
    scale = np.sqrt(np.diag(total))
    scale = np.outer(scale, scale)
    scale[scale == 0] = 1.0
    values, vectors = np.linalg.eigh(total / scale)
    kept = values > 10 * len(values) * np.finfo(np.float64).eps
    vectors = vectors[:, kept]
    return np.einsum("ik,ij,jk->k", vectors, hessian / scale, vectors, optimize=True) @ (1 / values[kept])


def _trace_by_rows(X, masses, ridge, fit_intercept):
    """The same of more columns than rows that all have a ridge penalty, from a matrix of as many rows."""
    X = X.toarray() if sparse.issparse(X) else X
    X = (X - (masses @ X / masses.sum() if fit_intercept else 0.0)) * np.sqrt(masses)[:, None]
    values = np.maximum(np.linalg.eigvalsh((X / ridge) @ X.T), 0.0)
    return (values / (1 + values)).sum()
