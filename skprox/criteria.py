"""Degrees of freedom of penalised models: how many free coefficients they are worth."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.special import gammaln

from skprox import joint
from skprox.information import Information, expected


@dataclass(frozen=True, eq=False)
class Sample:
    """The rows that models along a path were fitted to, and the penalties of each output at a strength of one.

    Attributes
    ----------
    design : Design or None
        The rows, with `weight`, with sum one, and `exposure`. None once they are forgotten.
    penalties : list of Penalty
    fit_intercept : bool
    overdispersion : ndarray of shape (n_outputs,)
    columns : ndarray of int or None
        Position in X of the column of each coefficient, where columns repeat.
    factors : ndarray of shape (n_outputs,), or None
        Those on the data terms of outputs that are one model, with one penalty.
    """

    design: object
    penalties: list
    fit_intercept: bool
    overdispersion: np.ndarray
    columns: np.ndarray | None = None
    factors: np.ndarray | None = None

    @classmethod
    def of(cls, data, penalties, fit_intercept, overdispersion):
        return cls(data.weighted, penalties, fit_intercept, overdispersion, data.columns.repeats, data.factors)

    def without_rows(self):
        return replace(self, design=None)

    def degrees_of_freedom(self, alphas, coefs, intercepts):
        """Of the models at each of `alphas`: shape (n_alphas, n_outputs)."""
        if self.factors is not None:
            ways = zip(alphas, coefs.astype(np.float64), intercepts, strict=True)
            return np.array([self._of_one_model(self.penalties[0].scaled(alpha), *way) for alpha, *way in ways])
        df = np.empty(intercepts.shape)
        for a, k in np.ndindex(df.shape):
            penalty, omega = self.penalties[k].scaled(alphas[a]), self.overdispersion[k]
            df[a, k] = self._degrees_of_freedom(penalty, coefs[a, k], intercepts[a, k], omega)
        return df

    def log_numbers_of_models(self, coefs):
        """Logarithm of how many sets of penalised groups are as large as the selected one: (n_alphas, n_outputs).

        Of one model of all outputs, the same share for each.
        """
        if self.factors is not None:
            whole = replace(self, factors=None).log_numbers_of_models(coefs.reshape(len(coefs), 1, -1))
            return np.repeat(whole, coefs.shape[1], axis=1) / coefs.shape[1]
        out = np.empty(coefs.shape[:2])
        for k, penalty in enumerate(self.penalties):
            may_enter = penalty.can_enter
            n = np.count_nonzero(may_enter)
            m = np.array([np.count_nonzero(penalty.norms(coef)[may_enter]) for coef in coefs[:, k].astype(np.float64)])
            out[:, k] = gammaln(n + 1) - gammaln(m + 1) - gammaln(n - m + 1)
        return out

    def _of_one_model(self, penalty, coefs, intercepts):
        terms = penalty, self.fit_intercept, self.factors, self.columns, self.overdispersion
        found = joint.informations(self._expected(coefs, intercepts), coefs, *terms)
        return [each.degrees_of_freedom for each in found]

    def _degrees_of_freedom(self, penalty, coef, intercept, omega):
        """tr((H + P)^-1 H) of what is in play: H is the Hessian of the data term, P the curvature of the penalty."""
        coef = coef.astype(np.float64)
        design, (_, diagonal, radial) = self._expected(coef[None], intercept[None]), penalty.expansion(coef)
        played = np.flatnonzero(np.isfinite(diagonal))
        is_wide = len(played) > design.shape[0] and design.holds_rows
        if is_wide and diagonal[played].all() and not radial.any():
            rows, diagonal = design.rows, diagonal[played]
            means = rows["means"][0]
            masses = rows["weight"] * means / (1 + omega * means)
            X = rows.cut(played if self.columns is None else self.columns[played])
            return self.fit_intercept + _trace_by_rows(X, masses, diagonal, self.fit_intercept)
        return Information(design, 0, coef, penalty, self.fit_intercept, self.columns, omega).degrees_of_freedom

    def _expected(self, coefs, intercepts):
        """The rows with the counts that some coefficients expect."""
        if self.columns is not None:
            sums = np.zeros((len(coefs), self.design.shape[1]))
            np.add.at(sums, (slice(None), self.columns), coefs)
            coefs = sums
        return expected(self.design, coefs, intercepts)


def _trace_by_rows(X, masses, ridge, fit_intercept):
    """That trace, less the intercept, where all of more columns than rows have ridge: of a matrix of as many rows."""
    X = X.toarray() if sparse.issparse(X) else X
    X = (X - (masses @ X / masses.sum() if fit_intercept else 0.0)) * np.sqrt(masses)[:, None]
    values = np.maximum(np.linalg.eigvalsh((X / ridge) @ X.T), 0.0)
    return (values / (1 + values)).sum()
