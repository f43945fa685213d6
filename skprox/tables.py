"""Tables of the columns and the groups of a fitted model."""

from numbers import Real

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.utils.validation import check_is_fitted

from skprox._compat import Interval, validate_params
from skprox._typing import CountsLike, MatrixLike, RowsLike
from skprox.base import name_arguments
from skprox.columns import column_names, listing
from skprox.designs import add
from skprox.fitted import open_rows
from skprox.groups import group_norms
from skprox.inference import KIND, InferenceMixin
from skprox.information import scaled_eigen
from skprox.validation import warn

LEVEL = {"level": [Interval(Real, 0, 1, closed="neither")]}


class TablesMixin(InferenceMixin):
    """Tables of the estimators, with what `InferenceMixin` says of their fit."""

    @name_arguments
    def summary(self, X: MatrixLike | None = None, sample_weight: RowsLike | None = None) -> pd.DataFrame:
        """Table of the groups.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), default=None
            The covariates that the model was fitted to, or others. Without them, the table leaves out `share`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; None is 1.

        Returns
        -------
        pandas.DataFrame
            A row a group, or an output and a group for a 2-D target, with the columns

            - `size`: number of columns of the group;
            - `norm`: Euclidean norm of its coefficients, the absolute value in a group of one; where groups share
              columns, here and below of its `latent_coef_`;
            - `strength`: of its penalty, `alpha` times `group_weights`, or with ratios the sum of the factors of the
              norm, of the L1 norm and of the squares; of a PoissonGLMRegressor `alpha` times `penalty_weights`, the
              mean over the group's columns;
            - `selected`: whether a coefficient is other than 0;
            - `share`: of the variance of the linear predictor eta = X coef over the rows,
              cov(X_g coef_g, eta) / var(eta). Shares sum to one. That of a group that others work against
              may be negative, and all are 0 where eta is constant.

        See Also
        --------
        group_tests : Which groups the counts tell from 0.

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
        coefs, groups = self._apart()
        norms = group_norms(coefs, groups)
        strengths = np.broadcast_to(self._strengths[:, :3].sum(axis=1), coefs.shape)
        table = {
            "size": np.broadcast_to([len(group) for group in groups.values()], norms.shape),
            "norm": norms,
            "strength": np.array([strengths[:, group].mean(axis=1) for group in groups.values()]).T,
            "selected": norms > 0,
        }
        if X is not None:
            design, _ = open_rows(self, X, sample_weight=sample_weight)
            sums, members = self._coefs(), list(self.groups_.values())
            terms = [[coef[group] for group in groups.values()] for coef in coefs]
            pairs = zip(sums, terms, strict=True)
            table["share"] = np.array([_shares(design, coef, members, each) for coef, each in pairs])
        return self._table(table, self.groups_, "group")

    @name_arguments
    @validate_params(KIND | LEVEL, prefer_skip_nested_validation=True)
    def coef_table(
        self,
        X: MatrixLike | None = None,
        y: CountsLike | None = None,
        *,
        sample_weight: RowsLike | None = None,
        exposure: RowsLike | None = None,
        kind: str = "model",
        clusters: RowsLike | None = None,
        level: float = 0.95,
    ) -> pd.DataFrame:
        """Table of the coefficients, with their standard errors and intervals where X is given.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), default=None
            The covariates that the model was fitted to. Without them, the table has the coefficients alone.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            The counts that it was fitted to. Not needed for ``kind="model"``.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights that it was fitted with.
        exposure : float or array-like of shape (n_samples,), default=None
            The exposure that it was fitted with.
        kind : {"model", "quasi", "sandwich"}, default="model"
            The formula of the `covariance` V.
        clusters : array-like of shape (n_samples,), default=None
            Labels of the rows that belong together, for the sandwich.
        level : float, default=0.95
            Share of samples in which an interval covers what it estimates.

        Returns
        -------
        pandas.DataFrame
            A row a column of X, or an output and a column for a 2-D target. The intercept has none (`covariance`
            has its standard error). With the columns

            - `group`: name of the group of the column, where groups share columns a tuple of names;
            - `coef`: the coefficient, in units of log rate for a unit of the column;
            - `rate_ratio`: exp(coef), the factor on the rate for a unit of the column;

            and given X

            - `std_error`: sqrt(V_jj), 0 for a column that an infinite strength, or bounds of 0, removed;
            - `z`: coef / std_error;
            - `p_value`: of a coefficient of 0, 2 (1 - Phi(abs(z))) with the normal distribution Phi;
            - `rate_ratio_low`, `rate_ratio_high`: exp(coef -+ q std_error), q the quantile of Phi at (1 + level) / 2.

            The last five are NaN, with a warning, where there is no covariance: under an L1 penalty, where a
            coefficient is at one of its `bounds`, and where columns depend on each other.

        See Also
        --------
        group_tests : Tests of all columns of a group at once.
        GroupEffectDisplay : Rate ratios of one covariate against a value chosen, with bands.

        Notes
        -----
        Ridge shrinks coefficients, and standard errors of ``kind="model"`` make up for this on average over the
        coefficients [1]_.

        References
        ----------
        .. [1] Wood (2017), "Generalized Additive Models: An Introduction with R", 2nd edition, section 6.10.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from skprox import PoissonGLMRegressor
        >>> rng = np.random.default_rng(0)
        >>> X = pd.DataFrame(rng.normal(size=(500, 2)), columns=["dose", "age"])
        >>> y = rng.poisson(np.exp(0.5 + 0.3 * X["dose"]))
        >>> table = PoissonGLMRegressor(alpha=0).fit(X, y).coef_table(X)
        >>> table[["rate_ratio", "rate_ratio_low", "rate_ratio_high"]].round(2)  # doctest: +NORMALIZE_WHITESPACE
                rate_ratio  rate_ratio_low  rate_ratio_high
        column
        dose          1.32            1.22             1.42
        age           0.98            0.91             1.05
        """
        check_is_fitted(self)
        coefs, names = self._coefs(), np.empty(self.n_features_in_, dtype=object)
        for group, members in self.groups_.items():
            for j in members:
                names[j] = (*(names[j] or ()), group) if hasattr(self, "latent_coef_") else group
        table = {"group": np.broadcast_to(names, coefs.shape), "coef": coefs, "rate_ratio": np.exp(coefs)}
        if X is not None:
            rows = X, y, sample_weight, exposure
            variances = [np.diag(each) for each in self._covariances("coef_table", *rows, kind, clusters)]
            error = np.sqrt(np.array(variances)[:, -coefs.shape[1] :])
            z = np.divide(coefs, error, out=np.full(coefs.shape, np.nan), where=error != 0)
            half = stats.norm.isf((1 - level) / 2) * error
            table |= {"std_error": error, "z": z, "p_value": 2 * stats.norm.sf(np.abs(z))}
            with np.errstate(over="ignore"):  # of columns that the counts tell next to nothing of
                table |= {"rate_ratio_low": np.exp(coefs - half), "rate_ratio_high": np.exp(coefs + half)}
        elif any(each is not None for each in (y, sample_weight, exposure, clusters)) or kind != "model":
            raise ValueError("coef_table needs X, too, where y, weights, exposure, clusters or a kind are given.")
        return self._table(table, column_names(self), "column")

    @name_arguments
    @validate_params(KIND, prefer_skip_nested_validation=True)
    def group_tests(
        self,
        X: MatrixLike,
        y: CountsLike | None = None,
        *,
        sample_weight: RowsLike | None = None,
        exposure: RowsLike | None = None,
        kind: str = "model",
        clusters: RowsLike | None = None,
    ) -> pd.DataFrame:
        """Wald tests of the groups: whether the counts tell their coefficients from 0, all at once.

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
            The formula of the `covariance` V.
        clusters : array-like of shape (n_samples,), default=None
            Labels of the rows that belong together, for the sandwich.

        Returns
        -------
        pandas.DataFrame
            A row a group, or an output and a group for a 2-D target, with the columns

            - `df`: number of columns of the group, without those that an infinite strength, or bounds of 0, removed;
            - `statistic`: coef_g' V_g^-1 coef_g [1]_;
            - `p_value`: the probability that chi-square with `df` degrees of freedom exceeds it.

            The last two are NaN, with a warning, where there is no covariance: under an L1 penalty, where a coefficient
            is at one of its `bounds`, where columns depend on each other (indicators of all levels do: drop one), and
            where there are fewer clusters than columns in a group.

        See Also
        --------
        coef_table : The same column by column.

        Notes
        -----
        Under a ridge penalty tests of ``kind="model"`` are conservative: V makes room for the bias of coefficients
        that are not 0.

        References
        ----------
        .. [1] Wald (1943), "Tests of Statistical Hypotheses Concerning Several Parameters When the Number of
           Observations is Large", Transactions of the American Mathematical Society 54(3).

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from skprox import GroupLassoPoisson
        >>> rng = np.random.default_rng(0)
        >>> X = pd.DataFrame(rng.normal(size=(500, 3)), columns=["a__0", "a__1", "b__0"])
        >>> y = rng.poisson(np.exp(X["a__0"] / 2))
        >>> GroupLassoPoisson(alpha=0).fit(X, y).group_tests(X).round(2)  # doctest: +NORMALIZE_WHITESPACE
               df  statistic  p_value
        group
        a       2      89.06     0.00
        b       1       0.69     0.41
        """
        check_is_fitted(self)
        coefs, groups = self._coefs(), list(self.groups_.values())
        covariances = self._covariances("group_tests", X, y, sample_weight, exposure, kind, clusters)
        norm, *_, lower, upper = self._strengths_of_columns().transpose(1, 0, 2)
        kept = np.broadcast_to(np.isfinite(norm) & (lower < upper), coefs.shape)
        df, statistic = np.zeros((len(coefs), len(groups)), dtype=int), np.full((len(coefs), len(groups)), np.nan)
        singular = set()
        for k, covariance in enumerate(covariances):
            covariance = covariance[-coefs.shape[1] :, -coefs.shape[1] :]
            for g, group in enumerate(groups):
                group = group[kept[k, group]]
                df[k, g] = len(group)
                if len(group) and np.isfinite(covariance[group[0], group[0]]):
                    statistic[k, g] = _wald(coefs[k, group], covariance[np.ix_(group, group)])
                    singular |= {g} if np.isnan(statistic[k, g]) else set()
        if singular:
            names = listing(name for g, name in enumerate(self.groups_) if g in singular)
            warn(
                f"group_tests gives NaN for {names}: the sandwich covariance of their columns is singular. Either rows "
                "or clusters are fewer than columns: take more and smaller clusters. Or columns depend on each other, "
                "as indicators of all levels do: drop a level, as OneHotEncoder(drop='first') does. Or kind='quasi'."
            )
        return self._table(
            {"df": df, "statistic": statistic, "p_value": stats.chi2.sf(statistic, df)}, self.groups_, "group"
        )

    def _table(self, columns, labels, name):
        """A frame from arrays of shape (n_outputs, n_labels)."""
        index = pd.Index(labels, tupleize_cols=False, name=name)
        if np.ndim(self.coef_) == 2:
            index = pd.MultiIndex.from_product([self._output_index(), index], names=["output", name])
        return pd.DataFrame({title: values.ravel() for title, values in columns.items()}, index=index)


def _wald(coef, covariance):
    """coef' covariance^-1 coef, NaN where that is singular."""
    scale, values, vectors, told = scaled_eigen(covariance)
    return np.sum((vectors.T @ (coef / scale)) ** 2 / values) if told.all() else np.nan


def _shares(design, coef, groups, terms):
    """Share of each group in the variance of X coef: a pass over X for its mean, and one for the covariances.

    `terms` are the coefficients of each of the groups, whose sum is `coef`.
    """
    coef = coef.astype(design.dtype)

    def mean(rows):
        return [np.array([rows["weight"].sum(), rows["weight"] @ (rows.cut() @ coef)], dtype=np.float64)]

    ((total, predicted),) = design.reduce(add, mean, len(coef), 1)
    center = predicted / total

    def add_up(rows):
        chunk = rows.cut()
        masses = (rows["weight"] * (chunk @ coef - center))[None]
        return [rows.weighted_sums(masses, chunk)[0].astype(np.float64)]

    (sums,) = design.reduce(add, add_up, len(coef), 1)
    parts = np.array([term @ sums[group] for term, group in zip(terms, groups, strict=True)])
    total = parts.sum()
    return parts / total if total > 0 else np.zeros(len(groups))
