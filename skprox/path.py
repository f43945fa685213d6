"""Regularization paths: one model for each of many strengths."""

from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral, Real
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array

from skprox._compat import Interval, StrOptions, validate_parameters, validate_params
from skprox._typing import CountsLike, MatrixLike, RowsLike
from skprox.base import name_arguments
from skprox.criteria import Sample
from skprox.designs import add
from skprox.engine import Settings, ignore, open_objective, solve_path, without_penalised
from skprox.groups import group_norms
from skprox.joint import by_output
from skprox.latent import apart
from skprox.metrics import saturated, share_explained, sum_of_deviances
from skprox.model import check_data
from skprox.overdispersion import check_overdispersion, held, is_estimated
from skprox.patterns import pattern_of
from skprox.poisson import GroupLassoPoisson, PoissonGLMRegressor
from skprox.validation import warn

SATURATED = 1e-8  # of n - df to n: up to 6e-10 in 40 models of 12 x 12 that fit each row


@dataclass(frozen=True, eq=False)
class RegularizationPath:
    """Models along a grid of strengths, strongest first, as `regularization_path` returns them.

    With a 2-D target all but `alphas` have an axis of outputs after that of strengths. Where outputs are one model
    (``multi_output="joint"``), `optimality` and `n_iter` are the same for all.

    Attributes
    ----------
    alphas : ndarray of shape (n_alphas,)
        The strengths, in descending order.
    coefs : ndarray of shape (n_alphas, n_features)
        Coefficients.
    intercepts : ndarray of shape (n_alphas,)
        Intercepts.
    deviance_explained : ndarray of shape (n_alphas,)
        Share of the deviance of the rows of the fit that the model explains: D² of `score`.
    optimality : ndarray of shape (n_alphas,)
        The certificate of each model, as in `optimality_`.
    n_iter : ndarray of shape (n_alphas,)
        Number of steps of each model.
    groups : dict
        Name of a group to the positions of its columns.
    feature_names : list of str
        Names of the columns.
    deviance : ndarray of shape (n_alphas,)
        Deviance of the rows of the fit, each as often as its weight says: Poisson, or negative binomial.
    log_likelihood : ndarray of shape (n_alphas,)
        Log-likelihood of these rows.
    n_samples : float
        Number of these rows: the sum of their weights.
    overdispersion : float or ndarray of shape (n_outputs,)
        The overdispersion of all models, as given or estimated; 0 is Poisson.
    output_names : ndarray of shape (n_outputs,) or None
        Names of the outputs, where y is a frame whose columns have labels.
    latent_coefs : dict or None
        Name of a group to its part of the coefficients, of shape (n_alphas, size), with ``overlap="latent"``.
    """

    alphas: np.ndarray
    coefs: np.ndarray
    intercepts: np.ndarray
    deviance_explained: np.ndarray
    optimality: np.ndarray
    n_iter: np.ndarray
    groups: dict
    feature_names: list
    deviance: np.ndarray
    log_likelihood: np.ndarray
    n_samples: float
    overdispersion: float | np.ndarray
    _sample: Sample
    output_names: np.ndarray | None = None
    latent_coefs: dict | None = None

    def __repr__(self):
        shape = " x ".join(map(str, self.intercepts.shape))
        return f"<RegularizationPath: {shape} models, alpha {self.alphas[0]:.3g} to {self.alphas[-1]:.3g}>"

    @cached_property
    def group_norms(self) -> np.ndarray:
        """Euclidean norms of the coefficients of each group: ndarray of shape (n_alphas, n_groups)."""
        return group_norms(*self._apart)

    @cached_property
    def _apart(self):
        """Coefficients that groups share none of, and the positions of each group's."""
        return apart(self.coefs, self.groups, self.latent_coefs)

    @cached_property
    def degrees_of_freedom(self) -> np.ndarray:
        """How many free coefficients each model is worth: ndarray of shape (n_alphas,).

        tr((H + P)^-1 H), with the Hessian H of the data term and the curvature P of the penalty, both in the
        intercept and the coefficients of what is in play: of groups that are selected or have no penalty. A
        coefficient without a penalty counts 1, one that the lasso selects 1 as well [1]_. Ridge penalties count for
        less, and so do groups of a group lasso: its norm is curved in all directions but one, so that a group counts
        for more than 1 and less than its size [2]_. A concave penalty counts as the lasso that touches it at the
        coefficients from above. Of outputs that are one model each has the trace of its own block.

        Computed from the rows of the fit when it is first asked for. A path keeps these for that purpose, but not
        when it is pickled.

        References
        ----------
        .. [1] Zou, Hastie and Tibshirani (2007), "On the 'degrees of freedom' of the lasso", Annals of Statistics
           35(5).
        .. [2] Vaiter, Deledalle, Fadili, Peyré and Dossal (2017), "The degrees of freedom of partly smooth
           regularizers", Annals of the Institute of Statistical Mathematics 69(4).
        """
        if self._sample.design is None:
            raise AttributeError(
                "degrees_of_freedom are computed from the rows of the fit, which this path has not kept: paths "
                "forget them when they are pickled, as is path_ of StabilitySelection. Ask for them before, of what "
                "regularization_path returns."
            )
        return self._by_output(self._sample.degrees_of_freedom, self.alphas)

    @validate_params({"kind": [StrOptions({"aic", "bic", "ebic", "gcv"})]}, prefer_skip_nested_validation=True)
    def information_criterion(self, kind: str) -> np.ndarray:
        """What each model is expected to lose on other rows, or against others in probability: less is better.

        With the log-likelihood l, the deviance D, the number of rows n (`n_samples`) and the degrees of freedom df:

        - "aic": -2 l + 2 df [1]_, for prediction;
        - "bic": -2 l + log(n) df [2]_, for finding what has an effect;
        - "ebic": that + 2 log C(p, k), the extended BIC with gamma = 1 [3]_, where C(p, k) is the
          number of sets of k groups of the p that may be in or out (of columns, in a PoissonGLMRegressor), and k of
          them are in. For many groups, of which few have an effect. Of K outputs that are one model each has 1 / K
          of that;
        - "gcv": n D / (n - df)^2, generalised cross-validation [4]_, also for prediction. Infinite where df is n
          or more, up to rounding.

        All but "gcv" take the variance of counts to be what the estimator's `overdispersion` says, their mean by
        default, and choose too weak a penalty where it is larger.

        Parameters
        ----------
        kind : {"aic", "bic", "ebic", "gcv"}
            Which one.

        Returns
        -------
        ndarray of shape (n_alphas,)
            The criterion of each model.

        References
        ----------
        .. [1] Akaike (1974), "A new look at the statistical model identification", IEEE Transactions on Automatic
           Control 19(6).
        .. [2] Schwarz (1978), "Estimating the dimension of a model", Annals of Statistics 6(2).
        .. [3] Chen and Chen (2008), "Extended Bayesian information criteria for model selection with large model
           spaces", Biometrika 95(3).
        .. [4] Craven and Wahba (1979), "Smoothing noisy data with spline functions", Numerische Mathematik 31.
        """
        n, df = self.n_samples, self.degrees_of_freedom
        if kind == "gcv":
            with np.errstate(divide="ignore"):
                return np.where(df < n * (1 - SATURATED), n * self.deviance / (n - df) ** 2, np.inf)
        criterion = -2 * self.log_likelihood + (2.0 if kind == "aic" else np.log(n)) * df
        if kind == "ebic":
            criterion += 2 * self._by_output(lambda coefs, intercepts: self._sample.log_numbers_of_models(coefs))
        return criterion

    def best(self, kind: str) -> int | np.ndarray:
        """The position of the model with the least `information_criterion`.

        A warning says so where that is the weakest strength, as a weaker one may then be better. Of one model of all
        outputs (``multi_output="joint"``) it is that with the least sum over outputs.

        Parameters
        ----------
        kind : {"aic", "bic", "ebic", "gcv"}
            The criterion.

        Returns
        -------
        int or ndarray of shape (n_outputs,)
            The position along the strengths, for each output of a 2-D target that has a model of its own.

        Examples
        --------
        >>> import numpy as np
        >>> from skprox import GroupLassoPoisson, regularization_path
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(500, 6))
        >>> y = rng.poisson(np.exp(0.5 + X[:, :2] @ [0.4, -0.2]))
        >>> path = regularization_path(GroupLassoPoisson(groups=["a", "a", "b", "b", "c", "c"]), X, y)
        >>> best = path.best("bic")
        >>> path.group_norms[best].round(2)
        array([0.32, 0.  , 0.  ])
        >>> float(path.degrees_of_freedom[best].round(2))
        2.76
        """
        criterion = self.information_criterion(kind)
        if self._sample.factors is not None:
            criterion = criterion.reshape(len(criterion), -1).sum(axis=1)
        best = np.argmin(criterion, axis=0)
        at_end = np.count_nonzero(best == len(self.alphas) - 1)
        if at_end and len(self.alphas) > 1:
            which = f" of {at_end} of {best.size} outputs" if best.ndim else ""
            warn(
                f"The least {kind}{which} is at the end of the path, alpha={self.alphas[-1]:.3g}: a weaker penalty "
                "may be better. Give regularization_path a smaller alpha_min_ratio, or smaller alphas."
            )
        return best if best.ndim else int(best)

    def _by_output(self, function, *args):
        """What a function makes of coefficients and intercepts by output, in the shape of these."""
        coefs, _ = self._apart
        if self.intercepts.ndim == 2:
            return function(*args, coefs, self.intercepts)
        return function(*args, coefs[:, None], self.intercepts[:, None])[:, 0]

    def without_rows(self) -> Self:
        """The same path without the rows of the fit, and so without `degrees_of_freedom`."""
        return replace(self, _sample=self._sample.without_rows())

    def __getstate__(self):
        return vars(self) | {"_sample": self._sample.without_rows()}

    def to_frame(self) -> pd.DataFrame:
        """The norms of the groups as a table.

        Returns
        -------
        pandas.DataFrame
            A row a strength (and output), a column a group, then `intercept`, `deviance_explained`,
            `optimality` and `n_iter`. The index is `alpha` (and `output`).
        """
        shape = self.intercepts.shape
        names = ["alpha", "output"][: len(shape)]
        outputs = map(range, shape[1:]) if self.output_names is None else [self.output_names]
        index = pd.MultiIndex.from_product([self.alphas, *outputs], names=names)
        frame = pd.DataFrame(self.group_norms.reshape(len(index), -1), index=index, columns=list(self.groups))
        if len(names) == 1:
            frame.index = index.get_level_values(0)
        names = "intercepts", "deviance_explained", "optimality", "n_iter"
        others = {name.removesuffix("s"): getattr(self, name).ravel() for name in names}
        return pd.concat([frame, pd.DataFrame(others, index=frame.index)], axis=1)


@name_arguments
@validate_params(
    {
        "estimator": "no_validation",
        "alphas": ["array-like", None],
        "n_alphas": [Interval(Integral, 1, None, closed="left")],
        "alpha_min_ratio": [Interval(Real, 0, 1, closed="neither")],
    },
    prefer_skip_nested_validation=False,
)
def regularization_path(
    estimator: PoissonGLMRegressor | GroupLassoPoisson,
    X: MatrixLike,
    y: CountsLike,
    *,
    alphas: ArrayLike | None = None,
    n_alphas: int = 100,
    alpha_min_ratio: float = 1e-2,
    sample_weight: RowsLike | None = None,
    exposure: RowsLike | None = None,
) -> RegularizationPath:
    """Fit an estimator at each of a grid of strengths.

    Several strengths are solved in lockstep, so that they share each pass over X; they start from the model
    before them. At first come in the groups whose gradient there exceeds the weakest of these strengths, the
    furthest first: down to the middle of the batch these are what the sequential strong rule [1]_ keeps, or more.
    The optimality conditions of all others are then checked in full, so that every model meets the `tol` of the
    estimator.

    Parameters
    ----------
    estimator : PoissonGLMRegressor or GroupLassoPoisson
        What to fit: all of its parameters but `alpha` and `warm_start` count. It is not changed.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        The covariates, Dask arrays and frames among them, as in `fit` of the estimator.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The counts.
    alphas : array-like of shape (n_alphas,), default=None
        The strengths, positive and finite. None is `n_alphas` of them, evenly spaced in logarithm from
        alpha_max (the smallest strength at which all penalised coefficients are 0, in all outputs)
        down to `alpha_min_ratio` times that; a single one, 1, where all are 0 whatever the strength.
    n_alphas : int, default=100
        Number of strengths where `alphas` is None.
    alpha_min_ratio : float, default=1e-2
        The smallest strength as a share of the largest where `alphas` is None.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row; None is 1.
    exposure : float or array-like of shape (n_samples,), default=None
        The exposure of each row; None is 1.

    Returns
    -------
    RegularizationPath
        The models, strongest penalty first.

    Notes
    -----
    ``overdispersion="estimate"`` of the estimator is estimated once, beside the fit at the geometric mean of the
    largest and the smallest strength (by default a tenth of the largest one), and held along the path. That is safe,
    as an overdispersion says how rows are weighed, and not what is estimated: with any of them coefficients tell the
    same means, if not with the same precision. Held, it lets deviances and likelihoods compare models by their means.
    On the null model it would take in what covariates explain; on the weakest penalty, which may fit noise, too little
    would be left of it. `PoissonGLMRegressor` and `GroupLassoPoisson` at one strength have an estimate of their own.

    References
    ----------
    .. [1] Tibshirani et al. (2012), "Strong rules for discarding predictors in lasso-type problems",
       Journal of the Royal Statistical Society B 74(2).

    Examples
    --------
    >>> import numpy as np
    >>> from skprox import GroupLassoPoisson, regularization_path
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 6))
    >>> y = rng.poisson(np.exp(0.5 + X[:, :2] @ [0.4, -0.2]))
    >>> model = GroupLassoPoisson(groups=["a", "a", "b", "b", "c", "c"])
    >>> path = regularization_path(model, X, y, n_alphas=3, alpha_min_ratio=0.1)
    >>> path.coefs.shape
    (3, 6)
    >>> path.to_frame()[["a", "b", "c"]].round(2).values.tolist()
    [[0.0, 0.0, 0.0], [0.28, 0.0, 0.0], [0.37, 0.01, 0.05]]
    """
    if not isinstance(estimator, PoissonGLMRegressor | GroupLassoPoisson):
        raise TypeError(
            f"estimator must be a PoissonGLMRegressor or a GroupLassoPoisson; got {type(estimator).__name__}. Of a "
            "pipeline give the last step, and X as the steps before it transform it; in place of an estimator that "
            "cross-validates, the one without CV in its name."
        )
    if not isinstance(estimator.alpha, Real):
        raise ValueError(
            f"A path varies alpha as one number, but alpha of {estimator} has a structure. Give the pattern of "
            "strengths as penalty_weights (group_weights of GroupLassoPoisson), which multiply alpha."
        )
    estimator = clone(estimator).set_params(warm_start=False)
    validate_parameters(estimator)
    data, settings = check_data(estimator, X, y, sample_weight, exposure), Settings.of(estimator)
    columns, n_outputs = data.columns, data.n_outputs
    penalties = patterns = pattern_of(estimator).penalties(1.0, columns, n_outputs, data.dtype.type)
    alphas = check_alphas(n_alphas if alphas is None else alphas, patterns)
    overdispersion = check_overdispersion(estimator, data)
    with open_objective(data, estimator.fit_intercept, estimator.n_jobs, overdispersion) as objective:
        patterns = [pattern.on(objective.occupied) for pattern in patterns]

        def begin(objective):
            starts = [without_penalised(objective, k, pattern, settings) for k, pattern in enumerate(patterns)]
            if isinstance(alphas, Integral):
                return starts, grid(objective, patterns, starts, alphas, alpha_min_ratio)
            return starts, alphas

        if is_estimated(estimator):
            objective = held(objective, patterns, lambda objective: begin(objective)[1], settings)
        starts, alphas = begin(objective)
        reports = [print_strength(pattern) if estimator.verbose else ignore for pattern in patterns]
        outputs = [[k] for k in range(len(patterns))]
        followed = solve_path(objective, outputs, patterns, [[s] for s in starts], alphas, settings, reports)
        outputs = [[result for (result,) in way] for way in followed]
        warn_of_shortfalls(outputs, alphas, estimator, data.dtype)
        if data.factors is not None:
            objective, outputs = objective.inner, by_output(objective, outputs[0])

    def collect(attribute, dtype=None):
        array = np.array([[attribute(result) for result in results] for results in zip(*outputs, strict=True)], dtype)
        return array if n_outputs else array[:, 0]

    # those of models without coefficients, and what others gain: no rounding where there is nothing to gain
    omega = objective.omega
    at_null, null, highest = _deviances(data, np.exp([point.intercept for point in objective.null]), omega)
    gains = np.array([point.value for point in objective.null]) - collect(lambda result: result.point.value)
    deviances = at_null - 2 * gains
    with np.errstate(over="ignore", invalid="ignore"):  # of weights whose sum is infinite
        deviance, log_likelihood = data.n_samples * deviances, data.n_samples * (highest - deviances / 2)
    parts = objective.expand(collect(lambda result: result.point.coef, data.dtype))
    return RegularizationPath(
        alphas=alphas,
        coefs=columns.fold(parts),
        intercepts=collect(lambda result: result.point.intercept),
        deviance_explained=share_explained(deviances, null, objective.total),
        optimality=collect(lambda result: result.optimality),
        n_iter=collect(lambda result: result.n_iter),
        groups=columns.groups,
        feature_names=columns.names,
        deviance=deviance,
        log_likelihood=log_likelihood,
        n_samples=data.n_samples,
        overdispersion=omega if n_outputs else float(omega[0]),
        _sample=Sample.of(data, penalties, estimator.fit_intercept, omega),
        output_names=None if columns.outputs is None else columns.outputs.to_numpy(dtype=object),
        latent_coefs=columns.split(parts),
    )


def _deviances(data, rates, omega):
    """Mean deviances of some rates and of the mean rate, and the largest mean log-likelihood."""

    def look(rows):
        weight = rows["weight"].astype(np.float64)
        return np.asarray(weight @ rows["exposure"]), rows["counts"] @ weight

    exposed, means = data.reduce(add, look)

    def task(rows):
        counts, weight, exposure = (rows[name].astype(np.float64) for name in ("counts", "weight", "exposure"))
        expected = [np.outer(exposure, each) for each in (rates, means / exposed)]
        deviances = [sum_of_deviances(counts.T, each, weight, omega) for each in expected]
        return *deviances, weight @ saturated(counts.T, omega)

    return data.reduce(add, task)


def check_alphas(alphas, patterns):
    """Strengths in descending order, or the number of them."""
    if not isinstance(alphas, Integral):
        alphas = check_array(
            alphas, ensure_2d=False, dtype=np.float64, input_name="alphas", ensure_min_samples=0, ensure_min_features=0
        )
        if alphas.ndim != 1 or alphas.size == 0 or not (alphas > 0).all():
            shape, least = alphas.shape, alphas.min(initial=np.inf)
            raise ValueError(f"alphas must be a sequence of positive numbers; got shape {shape}, least {least:g}.")
        return np.sort(alphas)[::-1]
    if any((pattern.norms(pattern.ridge)[~pattern.kinked] > 0).any() for pattern in patterns):
        raise ValueError(
            "A grid of alphas needs an L1 penalty on each column that has a ridge penalty; give alphas, or an l1_ratio "
            "above 0 (in a group lasso, an l2_ratio below 1)."
        )
    if not any(pattern.can_enter.any() for pattern in patterns):
        raise ValueError("A grid of alphas needs a group with a positive and finite weight; give alphas.")
    return alphas


def grid(objective, patterns, starts, n_alphas, alpha_min_ratio):
    """Strengths evenly spaced in logarithm, from alpha_max, the largest of all outputs; one where nothing can enter."""
    gradients = [start.gradient for start in starts]
    alpha_max = max(p.alpha_max(*each) for p, *each in zip(patterns, gradients, objective.rounding, strict=False))
    return alpha_max * np.geomspace(1.0, alpha_min_ratio, n_alphas) if alpha_max > 0 else np.ones(1)


def print_strength(pattern):
    """A function that prints a line a strength, of the first of the results there."""

    def report(alpha, results):
        point, penalty = results[0].point, pattern.scaled(alpha)
        print(
            f"alpha {alpha:.4g}: objective {point.value + penalty.value(point.coef):.10g}, "
            f"certificate {results[0].residual:.2e}, {np.count_nonzero(penalty.norms(point.coef))} groups"
        )

    return report


def warn_of_shortfalls(outputs, alphas, estimator, dtype):
    tol, gamma = estimator.tol, ", raise gamma" if estimator.penalty != "lasso" else ""
    short = [(result.residual, alpha) for results in outputs for result, alpha in zip(results, alphas, strict=True)]
    above = [alpha for residual, alpha in short if not residual <= tol]
    if above:
        precision = ", pass float64" if dtype == np.float32 else ""
        warn(
            f"{len(above)} of {len(short)} models stopped with a certificate above tol={tol:.1e}, at worst "
            f"{max(short)[0]:.1e}; the strongest at alpha={max(above):.3g}. To remedy it, raise max_iter or tol, bring "
            f"the columns of X to like scales{gamma}{precision}, or keep to larger alphas.",
            ConvergenceWarning,
        )
