"""How sure a fit is, and how counts vary around it."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from skprox._compat import StrOptions, validate_params
from skprox._typing import CountsLike, MatrixLike, RowsLike
from skprox.base import name_arguments
from skprox.columns import column_names, listing
from skprox.distributions import check_dispersion, counts_around
from skprox.fitted import open_rows
from skprox.information import Information, expected
from skprox.joint import informations, stacked
from skprox.latent import model_apart, ridge_of_sums
from skprox.outputs import output_titles
from skprox.patterns import pattern_of
from skprox.validation import check_exposure, need_exposure, refuse_dask, warn

KIND = {"kind": [StrOptions({"model", "quasi", "sandwich"})]}


class InferenceMixin:
    """Covariances, dispersions and distributions of the estimators."""

    @name_arguments
    @validate_params(KIND, prefer_skip_nested_validation=True)
    def covariance(
        self,
        X: MatrixLike,
        y: CountsLike | None = None,
        sample_weight: RowsLike | None = None,
        exposure: RowsLike | None = None,
        *,
        kind: str = "model",
        clusters: RowsLike | None = None,
    ) -> np.ndarray:
        """Covariance of the estimated intercept and coefficients, for models without an L1 penalty.

        With z_i = (1, x_i), the means mu_i that the model expects, their variances v_i = mu_i + omega mu_i^2 for the
        `overdispersion_` omega, r_j the ridge strengths (0 for the intercept) and
        H = sum_i w_i mu_i^2 / v_i z_i z_i' + sum_i w_i diag(r), the expected Hessian of the problem times sum_i w_i:

        - "model": H^-1, the inverse of the Fisher information where nothing is penalised. With a ridge penalty it
          is the covariance of the normal approximation to the posterior under the prior that the penalty
          stands for, and so covers the bias that shrinkage makes as well [1]_.
        - "quasi": phi H^-1 with the `dispersion` phi: quasi-Poisson where omega is 0. It holds where the variance of
          counts is in proportion to v_i [2]_.
        - "sandwich": H^-1 S H^-1 with S = sum_i w_i s_i s_i', s_i = (y_i - mu_i) mu_i / v_i z_i less its mean. It holds
          however counts vary around their means, as long as rows are independent [3]_ (HC0). Given `clusters`,
          rows of one cluster may depend on each other, as bins of a trial or years of a policy do: S is
          M / (M - 1) (N - 1) / (N - p) sum_c s_c s_c', where s_c = sum_{i in c} w_i s_i, M is the number of clusters,
          N that of rows, and p that of coefficients, intercept included [4]_.

        An overdispersion that was estimated counts as known: its estimate does not depend on the others, when there are
        many rows. A weight counts as that many rows. Where weights are something else, ``kind="sandwich"`` with
        ``clusters=np.arange(n_samples)`` takes each row as one, whatever its weight. Standard errors are the roots of
        the diagonal.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The covariates that the model was fitted to.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            The counts that it was fitted to. Not needed for ``kind="model"``.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights that it was fitted with.
        exposure : float or array-like of shape (n_samples,), default=None
            The exposure that it was fitted with.
        kind : {"model", "quasi", "sandwich"}, default="model"
            The formula.
        clusters : array-like of shape (n_samples,), default=None
            Labels of the rows that belong together, numbers or strings, for the sandwich. A few dozen clusters or
            more are needed for it to be trusted.

        Returns
        -------
        pandas.DataFrame
            A row and a column for the intercept (where there is one) and for each column of X. For a 2-D target the
            rows have two levels, output and term. 0 for columns that an infinite strength, or bounds of 0, removed.

        Raises
        ------
        ValueError
            Where a coefficient has an L1 penalty, or is at one of its `bounds`: estimates that may be exactly 0, or at
            a bound, are not normal. Where all are within their bounds, these change nothing.
        numpy.linalg.LinAlgError
            Where columns depend on each other, and no ridge penalty tells them apart.

        References
        ----------
        .. [1] Wood (2017), "Generalized Additive Models: An Introduction with R", 2nd edition, section 6.10.
        .. [2] McCullagh and Nelder (1989), "Generalized Linear Models", 2nd edition, section 6.2.3.
        .. [3] White (1980), "A Heteroskedasticity-Consistent Covariance Matrix Estimator and a Direct Test for
           Heteroskedasticity", Econometrica 48(4).
        .. [4] Cameron and Miller (2015), "A Practitioner's Guide to Cluster-Robust Inference", Journal of Human
           Resources 50(2).

        Examples
        --------
        >>> import numpy as np
        >>> from skprox import PoissonGLMRegressor
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(500, 2))
        >>> y = rng.poisson(np.exp(0.5 + 0.3 * X[:, 0]))
        >>> model = PoissonGLMRegressor(alpha=0).fit(X, y)
        >>> np.sqrt(np.diag(model.covariance(X))).round(3)
        array([0.037, 0.037, 0.038])
        """
        check_is_fitted(self)
        for reason in filter(None, self._reasons()):
            raise ValueError(f"There is no covariance: {reason}")
        covariances = self._covariances("covariance", X, y, sample_weight, exposure, kind, clusters, errors="raise")
        terms = ["intercept"] * self.fit_intercept + column_names(self)
        tables = [pd.DataFrame(each, index=terms, columns=terms) for each in covariances]
        if np.ndim(self.coef_) == 1:
            return tables[0]
        index = pd.MultiIndex.from_product([self._output_index(), terms], names=["output", "term"])
        return pd.concat(tables).set_axis(index)

    @name_arguments
    def dispersion(
        self, X: MatrixLike, y: CountsLike, *, sample_weight: RowsLike | None = None, exposure: RowsLike | None = None
    ) -> float | np.ndarray:
        """Pearson's dispersion: how much more counts vary around their means than the model says.

        phi = sum_i w_i (y_i - mu_i)^2 / v_i / (sum_i w_i - df), with variances v_i = mu_i + `overdispersion_` * mu_i^2,
        mu_i for a model of Poisson counts. It is about 1 where counts vary as the model says, and the ratio of
        their variance to v_i where that is constant [1]_.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The covariates that the model was fitted to.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The counts that it was fitted to.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights that it was fitted with. A weight counts as that many rows.
        exposure : float or array-like of shape (n_samples,), default=None
            The exposure that it was fitted with.

        Returns
        -------
        float or ndarray of shape (n_outputs,)
            The dispersion.

        Notes
        -----
        df = tr((H + P)^-1 H) in the intercept and the coefficients that no penalty holds at 0, and no bound at itself,
        with H the Hessian of the loss and P that of the penalty: the number of coefficients where nothing is penalised,
        the number of those other than 0 for the lasso, and less for ridge and group lasso, whose norms have a curvature
        of strength / norm across the direction of a group's coefficients.

        References
        ----------
        .. [1] McCullagh and Nelder (1989), "Generalized Linear Models", 2nd edition, section 6.2.4.

        Examples
        --------
        >>> import numpy as np
        >>> from skprox import PoissonGLMRegressor
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(2000, 2))
        >>> y = 3 * rng.poisson(np.exp(0.5 + 0.3 * X[:, 0]))
        >>> round(PoissonGLMRegressor(alpha=0).fit(X, y).dispersion(X, y), 1)
        3.1
        """
        check_is_fitted(self)
        design, _ = self._open_rows("dispersion", X, y, sample_weight, exposure)
        found = [each.dispersion for each in self._informations(design)]
        return found[0] if np.ndim(self.coef_) == 1 else np.array(found)

    @name_arguments
    def predict_distribution(
        self, X: MatrixLike, exposure: RowsLike | None = None, *, dispersion: RowsLike | None = None
    ) -> Any:
        """Distribution of the count of each row around its mean, as a frozen distribution of `scipy.stats`.

        Its methods give what forecasts need: ``interval(0.9)``, ``ppf``, ``pmf``, ``sf``, ``rvs``. The coefficients
        count as known: with few rows intervals are somewhat too short.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The covariates.
        exposure : float or array-like of shape (n_samples,), default=None
            The exposure of each row; None is 1, and an error where the model was fitted with exposure.
        dispersion : float or array-like of shape (n_outputs,), default=None
            The ratio of the variance of a count to its mean, 1 or more, such as the `dispersion` of the rows of the
            fit. None is Poisson, or what the model's `overdispersion_` says. An error beside that.

        Returns
        -------
        scipy.stats.rv_frozen
            A distribution of shape (n_samples,) or (n_samples, n_outputs), whose mean is
            ``predict(X, exposure)``: Poisson, or the negative binomial distribution with a variance of
            dispersion * mean, known as NB1 [1]_. Of a model with an `overdispersion_` other than 0 the negative
            binomial distribution with a variance of mean + `overdispersion_` * mean^2, NB2.

        References
        ----------
        .. [1] Cameron and Trivedi (2013), "Regression Analysis of Count Data", 2nd edition, section 3.3.

        Examples
        --------
        >>> import numpy as np
        >>> from skprox import PoissonGLMRegressor
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(2000, 2))
        >>> y = rng.negative_binomial(np.exp(0.5 + 0.3 * X[:, 0]), 1 / 2)
        >>> model = PoissonGLMRegressor(alpha=0).fit(X, y)
        >>> counts = model.predict_distribution(X[:3], dispersion=model.dispersion(X, y))
        >>> counts.interval(0.9)
        (array([0., 0., 0.]), array([6., 6., 5.]))
        """
        check_is_fitted(self)
        if dispersion is not None:
            dispersion = check_dispersion(dispersion, None if np.ndim(self.coef_) == 1 else output_titles(self))
            if np.any(self.overdispersion_):
                raise ValueError(
                    f"This {type(self).__name__} has an overdispersion_, by which its counts vary: leave dispersion "
                    "out, which is for models of Poisson counts (overdispersion=0)."
                )
        need_exposure(self, exposure, "predict_distribution")
        refuse_dask("predict_distribution", X, exposure)
        X = self._check_covariates(X)
        means = self._expect(X, check_exposure(exposure, X)).astype(np.float64)
        if np.any(self.overdispersion_):
            return counts_around(means, self.overdispersion_ * means)
        return counts_around(means, None if dispersion is None else dispersion - 1)

    def _coefs(self):
        """In double precision, shape (n_outputs, n_features)."""
        return np.atleast_2d(self.coef_).astype(np.float64)

    def _apart(self):
        """Coefficients that groups share none of, of the same kind, and the positions of each group's."""
        coefs, groups = model_apart(self)
        return np.atleast_2d(coefs).astype(np.float64), groups

    def _positions_apart(self):
        """Position of the column of each of these; None where columns have one each."""
        return np.concatenate(list(self.groups_.values())) if hasattr(self, "latent_coef_") else None

    def _strengths_of_columns(self):
        """`_strengths` of `coef_`, where its penalty is ridge if groups share columns."""
        columns = self._positions_apart()
        return self._strengths if columns is None else ridge_of_sums(self._strengths, columns)

    def _output_index(self):
        return pd.Index(output_titles(self), tupleize_cols=False)

    def _has_l1(self):
        """Whether each output (or all, if they have the same strengths) has an L1 penalty."""
        norm, l1, _, lower, upper = self._strengths.transpose(1, 0, 2)
        return (np.isfinite(norm) & (norm + l1 > 0) & (lower < upper)).any(axis=1)

    def _reasons(self):
        """Why the estimates of each output are not normal, or None."""
        coefs, (norm, *_, lower, upper) = self._coefs(), self._strengths_of_columns().transpose(1, 0, 2)
        at_bound = np.isfinite(norm) & (lower < upper) & ((coefs <= lower) | (coefs >= upper))
        of_l1 = (
            f"this {type(self).__name__} has an L1 penalty, and estimates that may be exactly 0 are not normal. Test "
            "the groups by skprox.multi_split_test, or refit those that were selected without a penalty (alpha is 0 "
            "for these and infinite for others) to other rows than the ones that selected them."
        )
        of_bounds = (
            f"this {type(self).__name__} has coefficients at one of their bounds, where estimates are not normal, nor "
            "are those beside them. Refit without bounds, or look at fits to samples of the rows, as of "
            "sklearn.utils.resample."
        )
        has_l1 = np.broadcast_to(self._has_l1(), len(coefs))
        return [of_l1 if a else of_bounds if b else None for a, b in zip(has_l1, at_bound.any(axis=1), strict=True)]

    def _open_rows(self, name, X, y, sample_weight, exposure, clusters=None):
        """The rows with the counts expected of them, and their clusters, or None."""
        need_exposure(self, exposure, name)
        design, clusters = open_rows(self, X, y, sample_weight, exposure, clusters)
        return expected(design, self.coef_, self.intercept_), clusters

    def _informations(self, design):
        """What the rows tell about each output, one after the other."""
        from skprox.penalties import Penalty

        coefs, strengths, singles = self._coefs(), self._strengths_of_columns(), np.arange(self.n_features_in_)[:, None]
        of_parts, has_l1 = getattr(self, "_slopes", self._strengths), self._has_l1()
        if getattr(self, "relaxed_", False):  # fitted without the penalty that has selected, within the same bounds
            strengths, has_l1 = np.repeat(strengths, len(coefs) // len(strengths), axis=0), np.zeros_like(has_l1)
            strengths[:, 0], strengths[:, 1:3] = np.where(coefs == 0, np.inf, 0.0), 0.0
            in_parts = np.zeros(len(coefs), dtype=bool)
        else:  # of norms that share columns there is no formula for the sums
            in_parts = np.broadcast_to(has_l1 | (self._positions_apart() is None), len(coefs))
        parts, groups = self._apart()
        norms = pattern_of(self).norms(groups, self.n_features_in_)
        if self._factors is not None:
            if has_l1.any():
                yield from self._informations_of_all(design, parts, norms, of_parts)
                return
            strengths, of_parts = (_over(self._factors, each) for each in (strengths, of_parts))
        for k, omega in enumerate(np.atleast_1d(self.overdispersion_)):
            if in_parts[k]:
                penalty = Penalty.from_columns(norms, of_parts[k % len(of_parts)])
                terms = parts[k], penalty, self.fit_intercept, self._positions_apart()
            else:
                penalty = Penalty.from_columns(singles, strengths[k % len(strengths)])
                terms = coefs[k], penalty, self.fit_intercept, None
            yield Information(design, k, *terms, omega)

    def _informations_of_all(self, design, parts, norms, strengths):
        """The same where a penalty ties the outputs together."""
        from skprox.penalties import Penalty

        by_column = np.broadcast_to(strengths, (len(parts), *strengths.shape[1:])).swapaxes(0, 1)
        penalty = Penalty.from_columns(stacked(norms, *parts.shape), by_column.reshape(len(by_column), -1))
        terms = parts, penalty, self.fit_intercept, self._factors, self._positions_apart(), self.overdispersion_
        return informations(design, *terms)

    def _covariances(self, name, X, y, sample_weight, exposure, kind, clusters, errors="warn"):
        """A covariance for each output, of NaN, with a warning, where there is none."""
        if kind != "model" and y is None:
            raise ValueError(f"{name}(kind={kind!r}) needs y, the counts that the model was fitted to.")
        if kind != "sandwich" and clusters is not None:
            raise ValueError(f"clusters are for kind='sandwich', which adds up the scores of each; got kind={kind!r}.")
        design, clusters = self._open_rows(name, X, y, sample_weight, exposure, clusters)
        refusals, size = self._reasons(), design.shape[1] + self.fit_intercept
        found, reasons = [], {}
        for k, information in enumerate(self._informations(design)):
            try:
                if refusals[k]:
                    raise np.linalg.LinAlgError(refusals[k])
                found.append(information.covariance(kind, clusters))
            except np.linalg.LinAlgError as error:
                if errors == "raise":
                    raise
                found.append(np.full((size, size), np.nan))
                reasons.setdefault(str(error), []).append(output_titles(self)[k])
        for reason, outputs in reasons.items():
            of = f" for outputs {listing(outputs)}" if len(outputs) < len(found) else ""
            warn(f"{name} gives NaN{of}: {reason}")
        return found


def _over(factors, strengths):
    """Strengths against single data terms, in the form of `Penalty.by_column`, from those against multiples of them."""
    out = np.repeat(strengths, len(factors) // len(strengths), axis=0)
    out[:, :3] /= factors[:, None, None]
    return out
