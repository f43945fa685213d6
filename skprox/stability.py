"""Stability selection: which groups of columns a model keeps, whatever half of the rows it sees."""

from itertools import chain
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.feature_selection import SelectorMixin
from sklearn.model_selection import ShuffleSplit
from sklearn.utils import check_array, get_tags, indexable
from sklearn.utils.metadata_routing import UNUSED, MetadataRouter, MethodMapping, process_routing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skprox._compat import HasMethods, Interval, _fit_context, _raise_for_params, _routing_enabled
from skprox._typing import CountsLike, MatrixLike, RandomState, RowsLike
from skprox.base import DocLinkMixin, name_arguments
from skprox.columns import Columns, check_columns, check_labels, labels_of, without_names
from skprox.groups import group_of_column, groups_in
from skprox.halves import check_selects, draw, groups_by_key, take
from skprox.joint import by_position
from skprox.latent import apart, kept
from skprox.named_sparse import name_columns, names_of
from skprox.names import gather
from skprox.outputs import output_labels
from skprox.path import regularization_path
from skprox.patterns import pattern_of
from skprox.strengths import bounds_by_column
from skprox.validation import check_exposure, check_weight, refuse_dask, sparse_floats, warn


class StabilitySelection(DocLinkMixin, SelectorMixin, MetaEstimatorMixin, BaseEstimator):
    """Keep the groups of columns that a penalised model selects in most halves of the rows.

    The probability that group g is selected at a strength alpha is estimated by the share of
    `n_resamples` halves of the rows in which it is::

        Pi_g(alpha) = #{halves in which beta_g(alpha) is not zero} / n_resamples

    and g is kept where the largest of these over the grid of strengths, max_alpha Pi_g(alpha), is at
    least `threshold` [1]_. The halves come in complementary pairs [2]_: each permutation of the rows
    gives two that share none, of floor(n / 2) rows each.

    Parameters
    ----------
    estimator : PoissonGLMRegressor or GroupLassoPoisson
        The model, with an L1 penalty: `PoissonGLMRegressor` needs an `l1_ratio` above 0. What is selected
        are its groups, a group being in where any of its coefficients (in any output of a 2-D target) is
        not 0. All of its parameters but `alpha` and `warm_start` count. It is not changed.
    n_resamples : int, default=100
        Number of halves. Even, as they come in pairs.
    threshold : float, default=0.75
        Share of the halves that must select a group for it to be kept, above 0.5 and at most 1.
    alphas : array-like of shape (n_alphas,), default=None
        The strengths, the same for all halves. None is `n_alphas` of them, evenly spaced in logarithm from
        the smallest at which all penalised coefficients are 0 (of all rows) down to
        `alpha_min_ratio` times that.
    n_alphas : int, default=30
        Number of strengths where `alphas` is None.
    alpha_min_ratio : float, default=0.1
        The smallest strength as a share of the largest where `alphas` is None. The weaker the strengths that
        count, the more groups are kept: all of them in the end, so bound them here or by `max_errors`.
    max_errors : float, default=None
        Upper bound on `error_bound_`: only the strengths down to the smallest one that meets it count.
        None is no bound: all strengths of the grid count.
    random_state : int, RandomState instance or None, default=None
        Draws the halves. Pass an int for the same selection at every call, whatever `n_jobs`.
    n_jobs : int, default=None
        Number of halves that are fitted at the same time, by joblib. None is 1 unless in a
        `joblib.parallel_config`, -1 is all processors. The estimator's own `n_jobs` are threads of each.

    Attributes
    ----------
    alphas_ : ndarray of shape (n_alphas,)
        The strengths, in descending order.
    stability_path_ : ndarray of shape (n_alphas, n_groups)
        Share of the halves in which each group is selected at each strength, in the order of `groups_`.
    alpha_min_ : float
        The smallest strength that counts: the last of `alphas_` but for `max_errors`, and infinity where none
        meets it.
    selection_probabilities_ : dict
        Name of a group to the largest of these shares, over the strengths that count.
    selected_groups_ : list
        Names of the groups that are kept.
    error_bound_ : float
        Bound on the expected number of groups that are kept in error. See Notes.
    path_ : RegularizationPath
        The models of all rows at the same strengths.
    groups_ : dict
        Name of a group to the positions of its columns.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str
        Names of the columns of X, where all are strings. Those of a MultiIndex are joined by ``__``.

    See Also
    --------
    regularization_path : The models of one set of rows along the strengths.
    sklearn.feature_selection.SelectFromModel : Keeps what one fit selects.

    Notes
    -----
    Of p groups that may be in or out, let q be the number that one half selects at any of the strengths that
    count, on average, and V the number that is kept in error. Then::

        E[V] <= q^2 / ((2 threshold - 1) p) = error_bound_

    Meinshausen and Bühlmann [1]_ prove this for groups without effect that are exchangeable, and a model
    that does better than chance. With complementary pairs [2]_ it holds without assumptions where V counts
    the groups kept that one half selects with a probability of at most q / p. q is estimated from the
    halves. The bound is of use where there are many groups: kept ones are in q, too, so that it can't be
    low where most of the groups have an effect. Groups that are not penalised are always kept, with a probability
    of 1, and those of infinite weight never; neither counts in p or q.

    ``overdispersion="estimate"`` of the estimator is estimated along the path of all rows, and held for the halves.

    Rows keep their weight and exposure. Those of weight 0 are left out before halves are drawn. A half in
    which an output has no positive count tells nothing of it, and selects nothing for it; a column that
    is constant in a half is not selected there, unless there is no intercept.

    Rows are taken to be independent, given their columns: halves of rows that share causes, as neighbours in time do,
    select the same errors. Lags of the counts as a group that is not penalised (`LagTransformer`) are a remedy.

    References
    ----------
    .. [1] Meinshausen and Bühlmann (2010), "Stability selection", Journal of the Royal Statistical
       Society B 72(4).
    .. [2] Shah and Samworth (2013), "Variable selection with error control: another look at stability
       selection", Journal of the Royal Statistical Society B 75(1).

    Examples
    --------
    >>> import numpy as np
    >>> from skprox import GroupLassoPoisson, StabilitySelection
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 40))
    >>> y = rng.poisson(np.exp(0.5 + X[:, :4] @ [0.3, -0.2, 0.2, 0.2]))
    >>> model = GroupLassoPoisson(groups=np.repeat(range(20), 2))
    >>> selector = StabilitySelection(model, n_resamples=50, max_errors=1, random_state=0).fit(X, y)
    >>> selector.selected_groups_
    [0, 1]
    >>> selector.transform(X).shape
    (400, 4)
    """

    _parameter_constraints = {
        "estimator": [HasMethods("fit")],
        "n_resamples": [Interval(Integral, 2, None, closed="left")],
        "threshold": [Interval(Real, 0.5, 1, closed="right")],
        "alphas": ["array-like", None],
        "n_alphas": [Interval(Integral, 1, None, closed="left")],
        "alpha_min_ratio": [Interval(Real, 0, 1, closed="neither")],
        "max_errors": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    # what comes with the rows is the estimator's to request
    __metadata_request__fit = {"sample_weight": UNUSED, "exposure": UNUSED}

    def __init__(
        self,
        estimator: Any,
        *,
        n_resamples: int = 100,
        threshold: float = 0.75,
        alphas: ArrayLike | None = None,
        n_alphas: int = 30,
        alpha_min_ratio: float = 0.1,
        max_errors: float | None = None,
        random_state: RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.n_resamples = n_resamples
        self.threshold = threshold
        self.alphas = alphas
        self.n_alphas = n_alphas
        self.alpha_min_ratio = alpha_min_ratio
        self.max_errors = max_errors
        self.random_state = random_state
        self.n_jobs = n_jobs

    @name_arguments
    @_fit_context(prefer_skip_nested_validation=False)  # the path validates the estimator
    def fit(
        self,
        X: MatrixLike,
        y: CountsLike,
        sample_weight: RowsLike | None = None,
        exposure: RowsLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Estimate the selection probabilities, and keep the stable groups.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The covariates.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The counts.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; None is 1.
        exposure : float or array-like of shape (n_samples,), default=None
            The exposure of each row; None is 1.
        **fit_params : dict
            Only with metadata routing, where the estimator must request what is passed (by its
            `set_fit_request`): weights and exposures by the names that it asks for them.

        Returns
        -------
        self : object
            The fitted selector.
        """
        _raise_for_params(fit_params, self, "fit")
        refuse_dask("StabilitySelection", X, y, sample_weight, exposure)
        self._check_parameters()
        given = {"sample_weight": sample_weight, "exposure": exposure}
        of_rows = {name: values for name, values in given.items() if values is not None}
        if _routing_enabled():
            of_rows = process_routing(self, "fit", **of_rows, **fit_params).estimator.fit
        X = sparse_floats(X)  # once for all halves
        path = regularization_path(
            self.estimator,
            X,
            y,
            alphas=self.alphas,
            n_alphas=self.n_alphas,
            alpha_min_ratio=self.alpha_min_ratio,
            **of_rows,
        )
        overlap = path.latent_coefs is not None
        columns = Columns(path.feature_names, path.groups, labels_of(X), output_labels(y), overlap)
        n_outputs = path.intercepts.shape[1] if path.intercepts.ndim == 2 else None
        free, in_play = _free_and_in_play(self.estimator, columns, n_outputs)
        checked = check_columns(self, X, skip_check_array=not (issparse(X) or hasattr(X, "sparse")))
        X = checked if issparse(checked) else X
        estimator, X, among = _on_occupied(self.estimator, X, columns, n_outputs)
        estimator.set_params(overdispersion=path.overdispersion)  # for all halves

        selections = np.array(self._select_in_halves(estimator, X, y, path, **of_rows))
        selections[..., free[among]] = True
        n_selected = np.logical_or.accumulate(selections, axis=1)[..., in_play[among]].sum(axis=2).mean(axis=0)
        bounds = n_selected**2 / ((2 * self.threshold - 1) * in_play.sum())
        counts = bounds <= (np.inf if self.max_errors is None else self.max_errors)

        self.alphas_, self.groups_, self.path_ = path.alphas, path.groups, path.without_rows()
        shares = selections.mean(axis=0)
        self.stability_path_ = np.zeros((len(free), len(shares))).T  # a page of memory for each group that has any
        self.stability_path_[:, free] = 1.0
        self.stability_path_[:, among] = shares
        self.alpha_min_ = float(np.min(path.alphas[counts], initial=np.inf))
        self.error_bound_ = float(np.max(bounds[counts], initial=0.0))
        if self.max_errors is None and self.error_bound_ >= in_play.sum():
            warn(
                f"Halves select so many groups at the weakest strengths that of {in_play.sum()} up to "
                f"{self.error_bound_:.3g} may be kept in error: the selection means little. Raise alpha_min_ratio, or "
                "set max_errors."
            )
        probabilities = free.astype(float)
        probabilities[among] = np.where(counts[:, None] | free[among], shares, 0.0).max(axis=0)
        self.selection_probabilities_ = dict(zip(path.groups, probabilities.tolist(), strict=True))
        self.selected_groups_ = [g for g, p in self.selection_probabilities_.items() if p >= self.threshold]
        return self

    def transform(self, X: MatrixLike) -> Any:
        """Keep the columns of the selected groups.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The covariates.

        Returns
        -------
        {ndarray, sparse matrix, DataFrame} of shape (n_samples, n_selected_features)
            The columns that `get_support` tells.
        """
        check_is_fitted(self)
        refuse_dask("StabilitySelection", X)
        X = sparse_floats(check_labels(self, X, reset=False))
        names = names_of(X)
        if names is None:
            return super().transform(X)
        return name_columns(super(StabilitySelection, without_names(self)).transform(X), names[self.get_support()])

    def get_metadata_routing(self) -> Any:
        """Get metadata routing of this object.

        Returns
        -------
        MetadataRouter
            The estimator's `fit` is given what it requests.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        return MetadataRouter(owner=self).add(estimator=self.estimator, method_mapping=mapping)

    def _get_support_mask(self):
        check_is_fitted(self)
        support = np.zeros(self.n_features_in_, dtype=bool)
        for group in self.selected_groups_:
            support[self.groups_[group]] = True
        return support

    def _check_parameters(self):
        if self.n_resamples % 2:
            raise ValueError(f"n_resamples must be even, as halves come in pairs; got {self.n_resamples}.")
        check_selects(self.estimator)

    def _select_in_halves(self, estimator, X, y, path, sample_weight=None, exposure=None):
        """Which groups each half of the rows selects at each strength: bool of shape (n_alphas, n_groups) each."""
        y = check_array(y, ensure_2d=False, input_name="y")
        dtype = path.coefs.dtype
        weight = check_weight(sample_weight, np.empty(len(y), dtype=dtype))
        exposure = check_exposure(exposure, weight)
        n_half = np.count_nonzero(weight) // 2
        pairs = ShuffleSplit(self.n_resamples // 2, train_size=n_half, test_size=n_half, random_state=self.random_state)
        return Parallel(n_jobs=self.n_jobs)(
            delayed(_select)(estimator, X, y, weight, exposure, half, path.alphas)
            for half in chain.from_iterable(draw(pairs, weight))
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.target_tags = inner.target_tags
        tags.input_tags.sparse = inner.input_tags.sparse
        return tags


def _free_and_in_play(estimator, columns, n_outputs):
    """Which groups are always in, by a column without an L1 penalty in some output, and which may be in or out."""
    patterns = pattern_of(estimator).penalties(1.0, columns, n_outputs)
    norm, l1, _, lower, upper = np.hstack([pattern.by_column() for pattern in patterns])
    strength = np.where((lower == 0) & (upper == 0), np.inf, norm + l1).reshape(-1, len(columns.parts.names))
    group_of, free, finite = group_of_column(columns.parts.groups), *np.zeros((2, len(columns.groups)), dtype=bool)
    free[group_of[(strength == 0).any(axis=0)]] = True
    finite[group_of[np.isfinite(strength).any(axis=0)]] = True
    in_play = ~free & finite
    if not in_play.any():
        raise ValueError(
            f"estimator {estimator} leaves nothing to select: each of its groups has infinite weights, or a column "
            "without an L1 penalty. Give some of them positive and finite weights, and ratios above 0."
        )
    return free, in_play


def _on_occupied(estimator, X, columns, n_outputs):
    """The estimator and X for the columns that hold something, and the places of their groups among all.

    Strengths are given by position: halves do not know the names of outputs.
    """
    from skprox import storage  # which imports numba

    X, estimator = indexable(X)[0], clone(estimator)
    estimator.set_params(output_weights=by_position(estimator.output_weights, columns, n_outputs))
    occupied = storage.occupied(X)
    pattern = pattern_of(estimator).arrays(columns, n_outputs)
    if estimator.bounds is not None:
        bounds = bounds_by_column(estimator.bounds, columns)
        estimator.set_params(bounds=bounds if occupied is None else bounds[occupied])
    if occupied is None:
        groups = groups_by_key(X, columns)
        return estimator.set_params(groups=groups, **_squeezed(pattern)), X, np.arange(len(groups))
    held, places = occupied, np.arange(len(occupied))
    if columns.overlap:
        held, places = kept(columns.repeats, occupied)
    members = gather(group_of_column(columns.parts.groups)[held].tolist())
    among, names = np.array(list(members)), list(columns.groups)
    where = among if pattern_of(estimator).of_groups else occupied
    pattern = _squeezed({name: values[:, where] for name, values in pattern.items()})
    groups = {names[g]: places[positions].tolist() for g, positions in members.items()}
    return estimator.set_params(groups=groups, **pattern), X[:, occupied], among


def _squeezed(pattern):
    return {name: values[0] if len(values) == 1 else values for name, values in pattern.items()}


def _select(estimator, X, y, weight, exposure, rows, alphas):
    """Which groups the models of some rows select at each of `alphas`: bool of shape (n_alphas, n_groups)."""
    X, y, weight, exposure = take(X, y, weight, exposure, rows)
    path = regularization_path(estimator, X, y, alphas=alphas, sample_weight=weight, exposure=exposure)
    return groups_in(*apart(path.coefs, path.groups, path.latent_coefs))
