"""P-values of groups of columns after selection: select on one half of the rows, test on the other, many times."""

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.model_selection import ShuffleSplit
from sklearn.utils import check_array
from sklearn.utils.parallel import Parallel, delayed

from skprox._compat import Interval, StrOptions, validate_parameters, validate_params
from skprox._typing import CountsLike, MatrixLike, RandomState, RowsLike
from skprox.base import name_arguments
from skprox.groups import group_of_column
from skprox.halves import check_selects, draw, groups_by_key, take
from skprox.model import CountModel, check_data
from skprox.poisson import PoissonGLMRegressor
from skprox.validation import check_exposure, check_weight, refuse_dask, sparse_floats, warn

SINGULAR = 1e-10  # eigenvalues of what scaled columns tell, below which they don't
LEAST_SHARE = 0.05  # of the splits, whose p-values are looked at: gamma_min of the paper


@name_arguments
@validate_params(
    {
        "estimator": "no_validation",
        "n_splits": [Interval(Integral, 1, None, closed="left")],
        "kind": [StrOptions({"model", "quasi"})],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    },
    prefer_skip_nested_validation=False,
)
def multi_split_test(
    estimator: Any,
    X: MatrixLike,
    y: CountsLike,
    *,
    n_splits: int = 50,
    kind: str = "quasi",
    sample_weight: RowsLike | None = None,
    exposure: RowsLike | None = None,
    random_state: RandomState | None = None,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """P-values of the groups of a penalised model, adjusted for selection and for their number.

    Each of `n_splits` random splits selects groups on one half of the rows and tests them on the other, by a fit
    without a penalty: rows that have selected a group don't test it. With m groups selected in split b, those have
    p_g(b) = min(1, m times the p-value of the Wald test of their coefficients), and all others have 1. The
    splits are put together by quantiles [1]_::

        p_value = min(1, (1 - log 0.05) min_{k >= 0.05 n_splits} p_g(k) n_splits / k)

    where p_g(k) is the k-th smallest over the splits. Keeping the groups with a p-value of at most 0.05 keeps any
    without effect with a probability of at most 0.05, as far as the selections hold all groups that have one.

    Parameters
    ----------
    estimator : PoissonGLMRegressor, GroupLassoPoisson, or one of these with CV in its name
        What selects: the groups with a coefficient other than 0 after its fit to a half of the rows, with an L1
        penalty. One that cross-validates finds the strength in each half. It is not changed.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        The covariates.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The counts. P-values are adjusted for the groups of all outputs together.
    n_splits : int, default=50
        Number of splits. With more of them, the p-values depend less on how the dice fall.
    kind : {"model", "quasi"}, default="quasi"
        The covariance of the estimates in the tests: "model" takes the variance of counts to equal their mean (or
        what the `overdispersion` of the estimator says, which each half is given or estimates), "quasi" to be
        Pearson's phi times that, with an F distribution for the statistic.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row, which counts as that many rows; None is 1. Rows of weight 0 are left out.
    exposure : float or array-like of shape (n_samples,), default=None
        The exposure of each row; None is 1.
    random_state : int, RandomState instance or None, default=None
        Draws the splits. Pass an int for the same p-values at every call, whatever `n_jobs`.
    n_jobs : int, default=None
        Number of splits at the same time, by joblib. None is 1 unless in a `joblib.parallel_config`, -1 is all
        processors. The estimator's own `n_jobs` are threads of each.

    Returns
    -------
    pandas.DataFrame
        A row a group, or an output and a group for a 2-D target, in the order of `groups_`, with the columns

        - `p_value`: of the hypothesis that all coefficients of the group are 0, adjusted as above;
        - `selection_probability`: share of the splits that select the group.

    Raises
    ------
    TypeError, ValueError
        Where the estimator can't select, or X, y and what comes with them are not as its `fit` takes them.

    See Also
    --------
    StabilitySelection : Groups that most halves select, with a bound on the number of those kept in error.

    Notes
    -----
    A group of columns without an L1 penalty is in every selection, and so is adjusted for and tested. In a
    `PoissonGLMRegressor` the columns of a group that are selected stand for it.

    Where selections miss a group that has an effect, others that are correlated with it may take its place, and are
    then found to have one: what is tested is the effect of a group beside the others selected. ``selection="min"``
    of the estimators that cross-validate misses less than "1se".

    Rows are taken to be independent, given their columns: halves of rows that share causes, as neighbours in time do,
    select the same errors. Lags of the counts as a group that is not penalised (`LagTransformer`) are a remedy.

    Columns that are sums of multiples of others in the test half are not told apart there: they count as far as they
    say something of their own. Splits that select more columns than a third of the rows that test can't test
    them: p-values there are 1, and a warning says so.

    References
    ----------
    .. [1] Meinshausen, Meier and Bühlmann (2009), "p-Values for High-Dimensional Regression", Journal of the
       American Statistical Association 104(488).

    Examples
    --------
    >>> import numpy as np
    >>> from skprox import GroupLassoPoissonCV, multi_split_test
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 10))
    >>> y = rng.poisson(np.exp(0.5 + X[:, :3] @ [0.3, -0.2, 0.2]))
    >>> model = GroupLassoPoissonCV(groups=np.repeat(list("abcde"), 2), alphas=20)
    >>> table = multi_split_test(model, X, y, n_splits=20, random_state=0)
    >>> table.index[table["p_value"] <= 0.05].tolist()
    ['a', 'b']
    """
    refuse_dask("multi_split_test", X, y, sample_weight, exposure)
    _check_estimator(estimator)
    estimator = clone(estimator)
    validate_parameters(estimator)
    X = sparse_floats(X)  # once for all halves
    data = check_data(estimator, X, y, sample_weight, exposure)
    design, columns, n_outputs = data.X, data.columns, data.n_outputs
    y = check_array(y, ensure_2d=False, input_name="y")
    weight, exposure = check_weight(sample_weight, design), check_exposure(exposure, design)
    X = X if hasattr(X, "columns") else design
    estimator.set_params(groups=groups_by_key(X, columns))
    group_of = group_of_column(columns.groups)

    n_half = np.count_nonzero(weight) // 2
    splits = ShuffleSplit(n_splits, train_size=n_half, random_state=random_state)
    of_splits = Parallel(n_jobs=n_jobs)(
        delayed(_split)(estimator, X, design, y, columns.outputs, weight, exposure, group_of, *halves, kind)
        for halves in draw(splits, weight)
    )
    p_values, selected, too_many = (np.array(each) for each in zip(*of_splits, strict=True))
    if too_many.any():
        warn(
            f"In {np.count_nonzero(too_many)} of {n_splits} splits, more columns were selected than a third of the "
            "rows that test them: p-values there are 1. Let the estimator select fewer, as by a larger alpha, or "
            'selection="1se" where it cross-validates.'
        )
    index = pd.Index(columns.groups, tupleize_cols=False, name="group")
    if n_outputs:
        outputs = pd.Index(columns.output_titles(n_outputs), tupleize_cols=False)
        index = pd.MultiIndex.from_product([outputs, index], names=["output", "group"])
    table = {"p_value": aggregate(p_values), "selection_probability": selected.mean(axis=0)}
    return pd.DataFrame({name: values.ravel() for name, values in table.items()}, index=index)


def aggregate(p_values):
    """One p-value for each along the first axis, of which any may depend on any (Theorem 3.2 of the paper)."""
    n = len(p_values)
    ranks = np.arange(1, n + 1).reshape(-1, *[1] * (p_values.ndim - 1))
    scaled = np.sort(p_values, axis=0) * n / ranks
    return np.minimum(1.0, (1 - np.log(LEAST_SHARE)) * scaled[int(np.ceil(LEAST_SHARE * n)) - 1 :].min(axis=0))


def _check_estimator(estimator):
    if not isinstance(estimator, CountModel):
        raise TypeError(
            "estimator must be a PoissonGLMRegressor, a GroupLassoPoisson, or one of these with CV in its name; got "
            f"{type(estimator).__name__}. Of a pipeline give the last step, and X as the steps before it transform it."
        )
    check_selects(estimator)
    if getattr(estimator, "overlap", "error") == "latent":
        raise ValueError(
            f"estimator {estimator} has overlap='latent', whose groups share columns: a test of one would be one of "
            "others, too. Give it groups that share none, as groups='auto' does, and overlap='error'."
        )
    cv = getattr(estimator, "cv", None)
    if isinstance(cv, Iterator) or not (cv is None or isinstance(cv, Integral) or hasattr(cv, "split")):
        raise ValueError(
            f"cv of estimator {estimator} must be a number of folds or a splitter: positions of rows are not the same "
            "in halves of them."
        )


def _split(estimator, X, design, y, outputs, weight, exposure, group_of, first, second, kind):
    """Adjusted p-values and which groups are selected, both of shape (n_outputs, n_groups); and if too many are."""
    X, counts, weights, exposures = take(X, y, weight, exposure, first)
    if outputs is not None:  # by which strengths may be given
        counts = pd.DataFrame(counts, columns=outputs)
    model = clone(estimator).fit(X, counts, sample_weight=weights, exposure=exposures)
    selections = [np.flatnonzero(coef) for coef in np.atleast_2d(model.coef_)]
    selected = np.zeros((len(selections), len(estimator.groups)), dtype=bool)
    for k, columns in enumerate(selections):
        selected[k, group_of[columns]] = True

    design, weight, exposure = design[second], weight[second].astype(np.float64), exposure[second]
    counts, too_many = y[second].reshape(len(second), -1), False
    p_values, omegas = np.ones(selected.shape), np.broadcast_to(estimator.overdispersion, len(selections))
    for k, columns in enumerate(selections):
        if 3 * len(columns) > len(second):
            too_many = True
        elif len(columns) and counts[:, k].any():
            rows = design[:, columns].toarray() if issparse(design) else design[:, columns]
            rows = rows.astype(np.float64)
            groups, of_columns = np.unique(group_of[columns], return_inverse=True)
            p_values[k, groups] = _wald_tests(
                rows, counts[:, k], weight, exposure, of_columns, estimator.fit_intercept, kind, omegas[k]
            )
    return np.where(selected, np.minimum(1.0, p_values * selected.sum()), 1.0), selected, too_many


def _wald_tests(X, y, weight, exposure, group_of, fit_intercept, kind, overdispersion):
    """P-value of each group of columns in the fit without a penalty: that its coefficients are 0.

    Tested are the sums of them that the rows tell, whether or not these tell all other coefficients apart.
    """
    model = PoissonGLMRegressor(alpha=0, overdispersion=overdispersion, fit_intercept=fit_intercept, n_jobs=1)
    means = model.fit(X, y, sample_weight=weight, exposure=exposure).predict(X, exposure=exposure)
    share = 1 / (1 + model.overdispersion_ * means)  # of the mean in the variance
    masses = weight * means * share
    if fit_intercept:
        X = X - masses @ X / masses.sum()
    hessian = X.T @ (X * masses[:, None])
    scale = np.sqrt(np.diag(hessian))
    scale[scale == 0] = 1.0
    values, vectors = np.linalg.eigh(hessian / np.outer(scale, scale))
    told = values > SINGULAR
    untold, covariance = vectors[:, ~told], (vectors[:, told] / values[told]) @ vectors[:, told].T
    scores = weight * (y - means) * share
    coef = model.coef_ * scale + covariance @ (scores @ X / scale)  # beyond the tolerance of the fit
    n_free = weight.sum() - np.count_nonzero(told) - fit_intercept
    phi = weight @ ((y - means) ** 2 / means * share) / n_free
    p_values = []
    for g in range(group_of.max() + 1):
        mine = np.flatnonzero(group_of == g)
        across, sizes, _ = np.linalg.svd(untold[mine])
        sums = across[:, np.count_nonzero(sizes > np.sqrt(SINGULAR)) :]
        estimates, df = coef[mine] @ sums, sums.shape[1]
        statistic = estimates @ np.linalg.solve(sums.T @ covariance[np.ix_(mine, mine)] @ sums, estimates)
        if df == 0:
            p_values.append(1.0)
        elif kind == "quasi":
            p_values.append(stats.f.sf(statistic / df / phi, df, n_free))
        else:
            p_values.append(stats.chi2.sf(statistic, df))
    return np.array(p_values)
