"""What a fitted model says beyond its coefficients: covariances, and a table of its groups."""

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.utils import gen_batches
from sklearn.utils._param_validation import StrOptions, validate_params
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted

from skprox.base import name_arguments
from skprox.columns import column_names
from skprox.groups import group_norms
from skprox.outputs import check_outputs, output_titles
from skprox.validation import check_counts_like, check_exposure, check_weight, need_exposure

CHUNK_ROWS = 4096  # of X, copied in float64


class InferenceMixin:
    """`summary` and `covariance` of the estimators."""

    @name_arguments
    def summary(self, X=None, sample_weight=None, exposure=None):
        """Table of the groups.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), default=None
            The covariates that the model was fitted to, or others. Without them, the table leaves out what
            depends on them, `share` and `std_error`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; None is 1.
        exposure : float or array-like of shape (n_samples,), default=None
            The exposure of each row; None is 1, and an error where the model was fitted with exposure. For
            `std_error` only.

        Returns
        -------
        pandas.DataFrame
            A row a group, or an output and a group for a 2-D target, with the columns

            - `size`: number of columns of the group;
            - `norm`: Euclidean norm of its coefficients, the absolute value in a group of one;
            - `strength`: of its penalty, `alpha` times `group_weights`; of a PoissonGLMRegressor
              `alpha` times `penalty_weights`, the mean over the group's columns;
            - `selected`: whether a coefficient is other than 0;
            - `share`: of the variance of the linear predictor eta = X coef over the rows,
              cov(X_g coef_g, eta) / var(eta). Shares sum to one. That of a group that others work against
              may be negative, and all are 0 where eta is constant;
            - `std_error`: standard error of `norm` by the delta method, sqrt(coef_g' V_g coef_g) / norm, with V
              the ``covariance(kind="model")``; sqrt(V_g) in a group of one. Only where the model has no
              L1 penalty. NaN where V does not exist, and for larger groups whose coefficients are all 0.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from skprox import GroupLassoPoisson
        >>> rng = np.random.default_rng(0)
        >>> X = pd.DataFrame(rng.normal(size=(500, 3)), columns=["a__0", "a__1", "b__0"])
        >>> y = rng.poisson(np.exp(X["a__0"] / 2))
        >>> GroupLassoPoisson(alpha=0.1).fit(X, y).summary(X).round(2)  # doctest: +NORMALIZE_WHITESPACE
               size  norm  strength  selected  share
        group
        a         2  0.29      0.14      True    1.0
        b         1  0.00      0.10     False    0.0
        """
        check_is_fitted(self)
        groups, coefs = list(self.groups_.values()), np.atleast_2d(self.coef_).astype(np.float64)
        norms = group_norms(coefs, self.groups_)
        strengths = np.broadcast_to(self._strengths.sum(axis=1), coefs.shape)
        table = {
            "size": np.broadcast_to([len(group) for group in groups], norms.shape),
            "norm": norms,
            "strength": np.array([strengths[:, group].mean(axis=1) for group in groups]).T,
            "selected": norms > 0,
        }
        if X is not None:
            X = self._check_covariates(X)
            weight = check_weight(sample_weight, X)
            table["share"] = np.array([_shares(X, weight, coef, groups) for coef in coefs])
            if not self._has_l1():
                need_exposure(self, exposure, "summary of standard errors")
                exposure = check_exposure(exposure, X)
                covariances = self._covariances(X, weight, exposure, errors="ignore")
                table["std_error"] = np.array(
                    [_norm_errors(*each, groups) for each in zip(coefs, covariances, strict=True)]
                )
        index = pd.Index(self.groups_, tupleize_cols=False, name="group")
        if np.ndim(self.coef_) == 2:
            index = pd.MultiIndex.from_product([self._output_index(), index], names=["output", "group"])
        return pd.DataFrame({name: values.ravel() for name, values in table.items()}, index=index)

    @name_arguments
    @validate_params({"kind": [StrOptions({"model", "sandwich"})]}, prefer_skip_nested_validation=True)
    def covariance(self, X, y=None, sample_weight=None, exposure=None, *, kind="model"):
        """Covariance of the estimated intercept and coefficients, for models without an L1 penalty.

        With z_i = (1, x_i), the means mu_i that the model expects, r_j the ridge strengths (0 for the intercept)
        and H = sum_i w_i mu_i z_i z_i' + sum_i w_i diag(r), the Hessian of the problem times sum_i w_i:

        - "model": H^-1, the inverse of the Fisher information where nothing is penalised. With a ridge penalty it
          is the covariance of the normal approximation to the posterior under the prior that the penalty
          stands for, and so covers the bias that shrinkage makes as well [1]_.
        - "sandwich": H^-1 S H^-1 with S = sum_i w_i s_i s_i', s_i = (y_i - mu_i) z_i less its mean. It holds where
          counts vary more, or less, than Poisson counts do [2]_ (HC0).

        A weight counts as that many rows. Standard errors are the roots of the diagonal.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The covariates that the model was fitted to.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            The counts that it was fitted to, for the sandwich.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights that it was fitted with.
        exposure : float or array-like of shape (n_samples,), default=None
            The exposure that it was fitted with.
        kind : {"model", "sandwich"}, default="model"
            The formula.

        Returns
        -------
        pandas.DataFrame
            A row and a column for the intercept (where there is one) and for each column of X. For a 2-D target the
            rows have two levels, output and term. 0 for columns that an infinite strength removed.

        Raises
        ------
        ValueError
            Where a coefficient has an L1 penalty: estimates that may be exactly 0 are not normal.
        numpy.linalg.LinAlgError
            Where columns depend on each other, and no ridge penalty tells them apart.

        References
        ----------
        .. [1] Wood (2017), "Generalized Additive Models: An Introduction with R", 2nd edition, section 6.10.
        .. [2] White (1980), "A Heteroskedasticity-Consistent Covariance Matrix Estimator and a Direct Test for
           Heteroskedasticity", Econometrica 48(4).

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
        if self._has_l1():
            raise ValueError(
                f"covariance needs a model without an L1 penalty, but this {type(self).__name__} has one: estimates "
                "that may be exactly 0 are not normal, and their covariance says little. Fit with alpha=0 "
                "(or l1_ratio=0 of PoissonGLMRegressor), or resample rows."
            )
        if kind == "sandwich" and y is None:
            raise ValueError("covariance(kind='sandwich') needs y, the counts that the model was fitted to.")
        need_exposure(self, exposure, "covariance")
        check_outputs(self, y)
        X = self._check_covariates(X)
        weight, exposure = check_weight(sample_weight, X), check_exposure(exposure, X)
        covariances = self._covariances(X, weight, exposure, y if kind == "sandwich" else None)
        terms = ["intercept"] * self.fit_intercept + column_names(self)
        tables = [pd.DataFrame(each, index=terms, columns=terms) for each in covariances]
        if np.ndim(self.coef_) == 1:
            return tables[0]
        return pd.concat(tables, keys=self._output_index(), names=["output", "term"])

    def _output_index(self):
        return pd.Index(output_titles(self), tupleize_cols=False)

    def _has_l1(self):
        strength = self._strengths[:, 0]
        return bool(((strength > 0) & np.isfinite(strength)).any())

    def _covariances(self, X, weight, exposure, y=None, errors="raise"):
        """A covariance for each output, the sandwich where `y` is given."""
        means = self._expect(X, exposure)
        residuals = [None] * (means.size // len(means))
        if y is not None:
            counts, means = check_counts_like(y, means)
            residuals = (counts - means).T.astype(np.float64)
        means, weight = means.reshape(len(means), -1).T.astype(np.float64), weight.astype(np.float64)
        strengths = np.broadcast_to(self._strengths, (len(means), *self._strengths.shape[1:]))
        out = []
        for (removed, ridge), mean, residual in zip(strengths, means, residuals, strict=True):
            try:
                each = _covariance(X, weight, mean, ridge, removed == 0, self.fit_intercept, residual)
            except np.linalg.LinAlgError:
                if errors == "raise":
                    raise
                each = np.full((X.shape[1] + self.fit_intercept,) * 2, np.nan)
            out.append(each)
        return out


def _covariance(X, weight, means, ridge, kept, fit_intercept, residuals):
    """Covariance of the intercept, if there is one, and of all coefficients, which are 0 where not `kept`."""
    n_features = X.shape[1]
    centered = fit_intercept and not sparse.issparse(X)
    masses = weight * means
    center = masses.astype(X.dtype) @ X / masses.sum() if centered else np.zeros(n_features)
    hessian = _gram(X, masses, center)
    hessian[np.diag_indices(1 + n_features)] += weight.sum() * np.r_[0.0, ridge]
    terms = np.flatnonzero(np.r_[fit_intercept, kept])
    inverse = _invert(hessian[np.ix_(terms, terms)])
    if residuals is not None:
        scores = weight * residuals
        first = np.r_[scores.sum(), scores.astype(X.dtype) @ X - scores.sum() * center][terms]
        second = _gram(X, scores * residuals, center)[np.ix_(terms, terms)]
        inverse = inverse @ (second - np.outer(first, first / weight.sum())) @ inverse
    covariance = np.zeros(hessian.shape)
    covariance[np.ix_(terms, terms)] = inverse
    back = np.eye(1 + n_features)  # to an intercept where columns are 0
    back[0, 1:] = -center
    return (back @ covariance @ back.T)[not fit_intercept :, not fit_intercept :]


def _gram(X, weight, center):
    """sum_i weight_i z_i z_i' with z_i = (1, x_i - center)."""
    n_features = X.shape[1]
    gram = np.zeros((1 + n_features, 1 + n_features))
    gram[0, 0] = weight.sum()
    for rows in gen_batches(X.shape[0], CHUNK_ROWS):
        each = weight[rows, None]
        if sparse.issparse(X):
            chunk = X[rows].astype(np.float64)
            weighted = chunk.multiply(each)
        else:
            chunk = X[rows] - center
            weighted = chunk * each
        gram[0, 1:] += np.ravel(weighted.sum(axis=0))
        gram[1:, 1:] += safe_sparse_dot(chunk.T, weighted, dense_output=True)
    gram[1:, 0] = gram[0, 1:]
    return gram


def _invert(hessian):
    scale = np.sqrt(np.diag(hessian))
    scale[scale == 0] = 1.0
    values, vectors = np.linalg.eigh(hessian / np.outer(scale, scale))
    if not (values > 10 * len(values) * np.finfo(np.float64).eps).all():
        raise np.linalg.LinAlgError(
            "There is no covariance: some columns of X are constant, or sums of multiples of others, so that the "
            "counts do not tell their coefficients. Leave such columns out (as by drop='first' of OneHotEncoder, or "
            "include_bias=False of SplineTransformer), or fit with a ridge penalty."
        )
    vectors /= scale[:, None]
    return (vectors / values) @ vectors.T


def _shares(X, weight, coef, groups):
    """Share of each group in the variance of X coef."""
    predictor = X @ coef.astype(X.dtype)
    pulled = (weight * (predictor - np.average(predictor, weights=weight))) @ X
    parts = np.array([coef[group] @ pulled[group] for group in groups])
    total = parts.sum()
    return parts / total if total > 0 else np.zeros(len(groups))


def _norm_errors(coef, covariance, groups):
    """Standard error of the norm of each group's coefficients."""
    covariance, errors = covariance[-len(coef) :, -len(coef) :], []
    for group in groups:
        norm = np.linalg.norm(coef[group])
        if len(group) > 1 and norm == 0:
            errors.append(np.nan)
            continue
        direction = coef[group] / norm if norm > 0 else np.ones(1)
        errors.append(np.sqrt(direction @ covariance[np.ix_(group, group)] @ direction))
    return errors
