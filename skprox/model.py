"""What a fitted model of counts does, and how it is filled from results."""

from collections.abc import Hashable
from dataclasses import replace
from itertools import compress
from numbers import Real

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted

from skprox._typing import CountsLike, MatrixLike, RowsLike
from skprox.base import DocLinkMixin, ExposureMixin, name_arguments
from skprox.callbacks import CallbackSupportMixin
from skprox.columns import check_columns, labels_of
from skprox.engine import Data
from skprox.groups import find_columns, group_norms, warn_without_names
from skprox.joint import is_joint, output_factors
from skprox.metrics import cohen_r2
from skprox.outputs import check_outputs, output_labels, output_titles
from skprox.patterns import pattern_of
from skprox.tables import TablesMixin
from skprox.validation import check_exposure, check_rows, is_candidate, is_dask, need_exposure, warn, warn_of_rates


def check_data(model, X, y, sample_weight, exposure):
    """Checked rows. Sets what a model keeps of them: names, and whether there was exposure."""
    if is_dask(X, y, sample_weight, exposure):
        from skprox.designs import dask

        data = dask.check_data(model, X, y, sample_weight, exposure)
    else:
        labels, outputs = labels_of(X), output_labels(y)
        X, y = check_columns(model, X, y, multi_output=True)
        arrays, n_samples, means = check_rows(X, y, sample_weight, exposure, outputs)
        columns, n_outputs = replace(find_columns(model, labels), outputs=outputs), y.shape[1] if y.ndim == 2 else None
        data = Data(X, arrays, columns, n_outputs, n_samples, output_factors(model, means, columns, n_outputs))
    model.has_exposure_ = exposure is not None
    vars(model).pop("output_names_", None)
    if data.columns.outputs is not None:
        model.output_names_ = data.columns.outputs.to_numpy(dtype=object)
    if pattern_of(model).of_groups:
        warn_without_names(model)
    return data


class CountModel(CallbackSupportMixin, TablesMixin, ExposureMixin, DocLinkMixin, RegressorMixin, BaseEstimator):
    """A fitted model: what all estimators share but `fit`."""

    coef_: np.ndarray
    intercept_: float | np.ndarray
    n_iter_: int | np.ndarray
    groups_: dict[Hashable, np.ndarray]
    selected_groups_: list[Hashable]

    @name_arguments
    def predict(self, X: MatrixLike, exposure: RowsLike | None = None) -> np.ndarray | pd.DataFrame:
        """Expected counts.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The covariates.
        exposure : float or array-like of shape (n_samples,), default=None
            The exposure of each row; None is 1, with a warning where the model was fitted with exposure.

        Returns
        -------
        ndarray or DataFrame of shape (n_samples,) or (n_samples, n_outputs)
            exposure * exp(intercept + X coef). A DataFrame with the index of X and the names of the outputs, where X
            is a pandas DataFrame and the outputs have names. Lazy arrays and frames of Dask, where X is one.
        """
        check_is_fitted(self)
        warn_of_rates(self, exposure)
        if is_dask(X, exposure):
            from skprox.designs import dask

            return dask.predict(self, X, exposure)
        rows = self._check_covariates(X)
        means = self._expect(rows, check_exposure(exposure, rows))
        if not isinstance(X, pd.DataFrame) or not hasattr(self, "output_names_"):
            return means
        return pd.DataFrame(means, index=X.index, columns=pd.Index(list(self.output_names_)))

    @name_arguments
    def score(
        self, X: MatrixLike, y: CountsLike, sample_weight: RowsLike | None = None, exposure: RowsLike | None = None
    ) -> float:
        """D², the share of the deviance of `y` that the model explains.

        1 - deviance(y, predict(X, exposure)) / deviance(y, exposure * sum(w y) / sum(w exposure)):
        at best 1, 0 for a model that knows the mean rate of these rows, and lower for a worse one. The deviance is
        that of Poisson counts, and of negative binomial ones with the model's `overdispersion_` where that is not 0:
        a measure of its own for each overdispersion, so that `poisson_deviance_scorer` is what compares models of
        several, or `log_likelihood_scorer`.
        Several outputs are averaged. Equal to `sklearn.metrics.d2_tweedie_score` with ``power=1``
        where there is no exposure. Of counts that are all alike, or in proportion to exposure, it is 1 for a
        model that expects exactly these, and 0 for any other.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The covariates.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The counts.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; None is 1.
        exposure : float or array-like of shape (n_samples,), default=None
            The exposure of each row; None is 1, and an error where the model was fitted with exposure.

        Returns
        -------
        float
            The score.
        """
        need_exposure(self, exposure, "score")
        check_outputs(self, y)
        rows = {"sample_weight": sample_weight, "exposure": exposure}
        return cohen_r2(y, self.predict(X, exposure), **rows, overdispersion=self.overdispersion_)

    def split_coef(self) -> dict[Hashable, np.ndarray]:
        """The coefficients of each group.

        Returns
        -------
        dict
            Name of a group to an array of shape (size,), or (n_outputs, size) for a 2-D target. Where groups share
            columns, the sums over groups: the part of the group alone is in `latent_coef_`.
        """
        check_is_fitted(self)
        return {group: self.coef_[..., columns] for group, columns in self.groups_.items()}

    def _check_covariates(self, X):
        return check_columns(self, X, reset=False)

    def _expect(self, X, exposure):
        rates = np.exp(safe_sparse_dot(X, self.coef_.T) + self.intercept_).astype(X.dtype, copy=False)
        return (rates.T * exposure).T

    def _unpack(self, results, objective, penalties, patterns, data):
        """Set the fitted attributes.

        `patterns` are the penalties where alpha is one, or none where it is not a number.
        """
        columns, n_outputs = data.columns, data.n_outputs
        dtype, parts = objective.dtype, objective.expand(np.array([result.point.coef for result in results]))

        def shape(values, several):
            return np.array(values) if several else values[0]

        each = n_outputs and not is_joint(self)  # of the outputs is a problem
        self.n_iter_ = shape([result.n_iter for result in results], each)
        fits = zip(results, penalties, parts, strict=True)
        self.objective_ = shape([result.point.value + penalty.value(part) for result, penalty, part in fits], each)
        self.optimality_ = shape([result.optimality for result in results], each)
        self._strengths = self._by_output(penalties, n_outputs)
        vars(self).pop("_slopes", None)
        if penalties[0].is_concave:  # the strengths of the lasso that touches the penalty at the coefficients
            lassos = [penalty.at(part) for penalty, part in zip(penalties, parts, strict=True)]
            self._slopes = self._by_output(lassos, n_outputs)
        parts, intercepts = parts.reshape(n_outputs or 1, -1), np.hstack([result.point.intercept for result in results])
        self.overdispersion_ = shape(objective.omega[: len(parts)].tolist(), n_outputs)
        self.coef_ = shape([coef.astype(dtype) for coef in columns.fold(parts)], n_outputs)
        self.intercept_ = shape(intercepts.tolist(), n_outputs)
        vars(self).pop("latent_coef_", None)
        if columns.overlap:
            self.latent_coef_ = columns.split(shape([part.astype(dtype) for part in parts], n_outputs))
        self.groups_ = columns.groups
        norms = group_norms(parts, columns.parts.groups)
        self.group_norms_ = dict(zip(columns.groups, norms.T if n_outputs else norms[0], strict=True))
        self.selected_groups_ = list(compress(columns.groups, norms.any(axis=0)))
        self._factors = data.factors
        vars(self).pop("alpha_max_", None)
        if patterns and all(pattern.kinked.all() for pattern in patterns):
            inner = [pattern.on(objective.occupied) for pattern in patterns]
            nulls = zip(inner, objective.null, objective.rounding, strict=False)  # those of folds come after
            self.alpha_max_ = shape([p.alpha_max(null.gradient, rounding) for p, null, rounding in nulls], each)

    def _by_output(self, penalties, n_outputs):
        """Strengths in the form of `Penalty.by_column` for each output, or once where they are the same for all."""
        strengths = np.hstack([penalty.by_column() for penalty in penalties])
        strengths = strengths.reshape(len(strengths), n_outputs or 1, -1).swapaxes(0, 1)
        return strengths[:1] if (strengths == strengths[0]).all() else strengths

    def _warn_above_tol(self, results):
        above = [k for k, result in enumerate(results) if not result.residual <= self.tol]
        if above:
            worst = max(results[k].residual for k in above)
            first = output_titles(self)[above[0]]
            where = f" for {len(above)} of {len(results)} outputs, first of them {first}" if len(results) > 1 else ""
            n_iter = max(result.n_iter for result in results)
            remedies = ["raise max_iter or tol" if n_iter >= self.max_iter else "raise tol"]
            remedies += ["bring the columns of X to like scales"]
            remedies += ["raise gamma"] * (self.penalty != "lasso")
            remedies += ["pass float64"] * (self.coef_.dtype == np.float32)
            remedies += ["try solver='auto'"] * (self.solver != "auto")
            warn(
                f"{type(self).__name__} stopped after {n_iter} iterations with a certificate of {worst:.1e}, "
                f"above tol={self.tol:.1e}{where}. To remedy it, {', or '.join(remedies)}.",
                ConvergenceWarning,
            )

    def _warn_of_empty(self, alpha, penalties, objective):
        """Say so where an L1 penalty leaves nothing of what a weaker one would keep."""
        selects = self.coef_.reshape(len(penalties), -1).any(axis=1)
        if selects.all():
            return
        nulls = zip(penalties, objective.null, objective.rounding, strict=False)  # those of folds come after
        factors = np.array([penalty.alpha_max(null.gradient, rounding) for penalty, null, rounding in nulls])
        empty = np.flatnonzero((factors > 0) & ~selects)
        if len(empty) == 0 or is_candidate():
            return
        first = output_titles(self)[empty[0]]
        which = f" for {len(empty)} of {len(factors)} outputs, first of them {first}" if len(factors) > 1 else ""
        levels = factors[empty] * (alpha if isinstance(alpha, Real) else 1.0)
        level = " to ".join(dict.fromkeys(f"{each:.3g}" for each in (levels.min(), levels.max())))
        if isinstance(alpha, Real):
            what = f" at alpha={alpha:.3g}{which}: from alpha_max_={level} on all coefficients are 0."
        else:
            what = f"{which}: all coefficients are 0 unless the strengths are less than {level} times as large."
        warn(f"{type(self).__name__} selects nothing{what} {self._advice()}")

    def _advice(self):
        return "Give a weaker one, or let cross-validation choose, as the estimators with CV in their name do."

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        # multi_output stays False: scikit-learn's check of it fits negative targets, positive_only or not
        tags.target_tags.positive_only = True
        return tags
