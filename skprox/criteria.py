"""Degrees of freedom of penalised models: how many free coefficients they are worth."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.special import gammaln

from skprox.information import Information


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
    penalties : list of Penalty
    fit_intercept : bool
    """

    X: object
    weight: np.ndarray
    exposure: np.ndarray
    penalties: list
    fit_intercept: bool

    @classmethod
    def of(cls, data, penalties, fit_intercept):
        if data.X is None:
            return cls(None, None, None, penalties, fit_intercept)
        weight, exposure = (data.arrays[name].astype(np.float64) for name in ("weight", "exposure"))
        return cls(data.X, weight, exposure, penalties, fit_intercept)

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
            may_enter = penalty.can_enter
            n = np.count_nonzero(may_enter)
            m = np.array([np.count_nonzero(penalty.norms(coef)[may_enter]) for coef in coefs[:, k].astype(np.float64)])
            out[:, k] = gammaln(n + 1) - gammaln(m + 1) - gammaln(n - m + 1)
        return out

    def _degrees_of_freedom(self, penalty, coef, intercept):
        """tr((H + P)^-1 H) of what is in play: H is the Hessian of the data term, P the curvature of the penalty."""
        coef = coef.astype(np.float64)
        selected, (_, diagonal, radial) = np.flatnonzero(coef), penalty.expansion(coef)
        means = self.exposure * np.exp(self.X[:, selected] @ coef[selected] + intercept)
        played = np.flatnonzero(np.isfinite(diagonal))
        if len(played) > self.X.shape[0] and diagonal[played].all() and not radial.any():
            masses, diagonal = self.weight * means, diagonal[played]
            return self.fit_intercept + _trace_by_rows(self.X[:, played], masses, diagonal, self.fit_intercept)
        weight = self.weight.astype(np.float64)
        return Information(self.X, weight, means, coef, penalty, self.fit_intercept).degrees_of_freedom


def _trace_by_rows(X, masses, ridge, fit_intercept):
    """That trace, less the intercept, where all of more columns than rows have ridge: of a matrix of as many rows."""
    X = X.toarray() if sparse.issparse(X) else X
    X = (X - (masses @ X / masses.sum() if fit_intercept else 0.0)) * np.sqrt(masses)[:, None]
    values = np.maximum(np.linalg.eigvalsh((X / ridge) @ X.T), 0.0)
    return (values / (1 + values)).sum()
