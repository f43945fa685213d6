"""Poisson regression with an elastic net or a group lasso penalty."""

from contextlib import contextmanager
from dataclasses import replace
from itertools import compress
from numbers import Integral, Real

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import gen_batches
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted

from skprox import parallel
from skprox.base import DocLinkMixin, ExposureMixin, name_arguments
from skprox.callbacks import CallbackSupportMixin, Tasks, with_callbacks
from skprox.columns import check_columns, labels_of
from skprox.groups import find_columns, group_norms, warn_without_names
from skprox.metrics import cohen_r2
from skprox.outputs import check_outputs, output_labels, output_titles
from skprox.strengths import per_coefficient, per_group
from skprox.tables import TablesMixin
from skprox.validation import (
    check_exposure,
    check_rows,
    check_spread,
    is_candidate,
    need_exposure,
    warn,
    warn_of_rates,
)


class _PoissonRegression(CallbackSupportMixin, TablesMixin, ExposureMixin, DocLinkMixin, RegressorMixin, BaseEstimator):
    """What the estimators share: all but the penalty."""

    _parameter_constraints = {
        "alpha": [Interval(Real, 0, None, closed="both"), "array-like", dict],
        "groups": [str, Integral, dict, callable, "array-like"],
        "fit_intercept": ["boolean"],
        "solver": [StrOptions({"auto", "fista", "newton"})],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    @name_arguments
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, exposure=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The covariates. C and F order, CSR and CSC, float64 and float32 are used as they are.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Counts, or any non-negative numbers. Each column is a response of its own.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; None is 1.
        exposure : float or array-like of shape (n_samples,), default=None
            The time, area or number at risk behind each count; None is 1. A count with exposure e
            has mean e * exp(intercept + x.coef).

        Returns
        -------
        self : object
            The fitted estimator.
        """
        (design, counts, weight, offset), columns, n_outputs = self._check_rows(X, y, sample_weight, exposure)
        penalties = self._penalties(self.alpha, columns, n_outputs)
        patterns = self._penalties(1.0, columns, n_outputs) if isinstance(self.alpha, Real) else []
        with self._open((design, counts, weight[None], offset), columns) as objective:
            tasks = Tasks(self, None, X, y, sample_weight=sample_weight, exposure=exposure)
            results = self._solve(objective, [penalty.on(objective.occupied) for penalty in penalties], tasks)
            self._unpack(results, objective, penalties, patterns, columns, n_outputs)
            self._warn_of_empty(self.alpha, [p.on(objective.occupied) for p in penalties], objective)
            tasks.end()
        self._warn_of_shortfall(results)
        return self

    @name_arguments
    def predict(self, X, exposure=None):
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
            is a pandas DataFrame and the outputs have names.
        """
        check_is_fitted(self)
        warn_of_rates(self, exposure)
        rows = self._check_covariates(X)
        means = self._expect(rows, check_exposure(exposure, rows))
        if not isinstance(X, pd.DataFrame) or not hasattr(self, "output_names_"):
            return means
        return pd.DataFrame(means, index=X.index, columns=pd.Index(list(self.output_names_)))

    @name_arguments
    def score(self, X, y, sample_weight=None, exposure=None):
        """D², the share of the Poisson deviance of `y` that the model explains.

        1 - deviance(y, predict(X, exposure)) / deviance(y, exposure * sum(w y) / sum(w exposure)):
        at best 1, 0 for a model that knows the mean rate of these rows, and lower for a worse one.
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
        return cohen_r2(y, self.predict(X, exposure), sample_weight=sample_weight, exposure=exposure)

    def split_coef(self):
        """The coefficients of each group.

        Returns
        -------
        dict
            Name of a group to an array of shape (size,), or (n_outputs, size) for a 2-D target.
        """
        check_is_fitted(self)
        return {group: self.coef_[..., columns] for group, columns in self.groups_.items()}

    def _check_rows(self, X, y, sample_weight, exposure):
        """What an objective takes, the names and groups of the columns, and the number of outputs of a 2-D target."""
        labels, outputs = labels_of(X), output_labels(y)
        X, y = check_columns(self, X, y, multi_output=True)
        rows = X, *check_rows(X, y, sample_weight, exposure, outputs)
        self.has_exposure_ = exposure is not None
        vars(self).pop("output_names_", None)
        if outputs is not None:
            self.output_names_ = outputs.to_numpy(dtype=object)
        columns = replace(self._find_columns(labels), outputs=outputs)
        return rows, columns, None if y.ndim == 1 else y.shape[1]

    def _check_covariates(self, X):
        return check_columns(self, X, reset=False)

    def _expect(self, X, exposure):
        rates = np.exp(safe_sparse_dot(X, self.coef_.T) + self.intercept_).astype(X.dtype, copy=False)
        return (rates.T * exposure).T

    def _find_columns(self, labels):
        return find_columns(self, labels)

    @contextmanager
    def _open(self, rows, columns):
        """The objective of `rows`, with threads to evaluate it on."""
        # numba takes as long to import as all else: not before there is something to fit
        from skprox import storage
        from skprox.objectives.poisson import PoissonObjective

        X, dtype = storage.in_cache(rows[0]), rows[0].dtype
        rows = [X, *(each.astype(X.dtype, copy=False) for each in rows[1:])]
        size = X.nnz if issparse(X) else X.size
        n_outputs = len(rows[1]) * len(rows[2])
        with parallel.row_threads(self.n_jobs, size * n_outputs) as (n_threads, run):
            n_threads = min(n_threads, max(1, size // parallel.ENTRIES_A_THREAD))
            objective = PoissonObjective(*rows, self.fit_intercept, n_threads, run, dtype)
            check_spread(objective, columns.titles)
            yield objective

    def _solve(self, objective, penalties, tasks):
        from skprox.solvers import LOCKSTEP, Certificate, Problem, solve, solve_in_memory

        starts, outputs = self._starts(objective, penalties), range(len(penalties))
        if not (self.verbose or tasks.are_watched):
            found = solve_in_memory(
                objective, penalties, outputs, starts, np.ones(1), self.solver, self.tol, self.max_iter
            )
            if found is not None:
                return [result for (result,) in found]
        certificates = [Certificate.of(objective, penalty, k) for k, penalty in enumerate(penalties)]
        problems = [*map(Problem, outputs, certificates, starts)]
        results, watched = [], self.verbose or tasks.are_watched
        for batch in gen_batches(len(problems), LOCKSTEP):
            monitor = self._monitor(problems[batch], tasks) if watched else None
            results += solve(objective, problems[batch], self.solver, self.tol, self.max_iter, monitor)[0]
        return results

    def _starts(self, objective, penalties):
        """Points to start from: the last fit where it is wanted and better than zero."""
        shape = len(penalties), self.n_features_in_
        if not self.warm_start or not hasattr(self, "coef_") or self.coef_.size != np.prod(shape):
            return objective.null
        coefs = objective.take(self.coef_.reshape(shape).astype(np.float64))
        coefs = np.array([penalty.feasible(coef) for penalty, coef in zip(penalties, coefs, strict=True)])
        warm = objective.points(coefs, np.arange(len(coefs)))
        return [
            point if point.value + penalty.value(point.coef) <= null.value else null
            for point, penalty, null in zip(warm, penalties, objective.null, strict=True)
        ]

    def _monitor(self, problems, tasks):
        names = getattr(self, "output_names_", range(len(problems)))

        def report(k, n_iter, value, shortfall, n_groups):
            step = f"output {names[problems[k].output]}, iteration {n_iter}"
            if self.verbose:
                print(f"{step}: objective {value:.10g}, certificate {shortfall:.2e}, {n_groups} groups")
            return tasks.report(step)

        return report

    def _unpack(self, results, objective, penalties, patterns, columns, n_outputs):
        """Set the fitted attributes.

        `patterns` are the penalties where alpha is one, or none where it is not a number.
        """
        dtype, coefs = objective.dtype, objective.expand(np.array([result.point.coef for result in results]))

        def shape(values):
            return np.array(values) if n_outputs else values[0]

        self.coef_ = shape([coef.astype(dtype) for coef in coefs])
        self.intercept_ = shape([result.point.intercept for result in results])
        self.n_iter_ = shape([result.n_iter for result in results])
        fits = zip(results, penalties, coefs, strict=True)
        self.objective_ = shape([result.point.value + penalty.value(coef) for result, penalty, coef in fits])
        self.optimality_ = shape([result.optimality for result in results])
        self.groups_ = columns.groups
        norms = group_norms(coefs, columns.groups)
        self.group_norms_ = dict(zip(columns.groups, norms.T if n_outputs else norms[0], strict=True))
        self.selected_groups_ = list(compress(columns.groups, norms.any(axis=0)))
        strengths = np.array([penalty.by_column() for penalty in penalties])
        self._strengths = strengths[:1] if (strengths == strengths[0]).all() else strengths
        vars(self).pop("alpha_max_", None)
        if patterns and all(pattern.kinked.all() for pattern in patterns):
            inner = [pattern.on(objective.occupied) for pattern in patterns]
            nulls = zip(inner, objective.null, objective.rounding, strict=False)  # those of folds come after
            self.alpha_max_ = shape([p.critical(null.gradient, rounding) for p, null, rounding in nulls])

    def _warn_of_shortfall(self, results):
        above = [k for k, result in enumerate(results) if not result.shortfall <= self.tol]
        if above:
            worst = max(results[k].shortfall for k in above)
            first = output_titles(self)[above[0]]
            where = f" for {len(above)} of {len(results)} outputs, first of them {first}" if len(results) > 1 else ""
            n_iter = max(result.n_iter for result in results)
            remedies = ["raise max_iter or tol" if n_iter >= self.max_iter else "raise tol"]
            remedies += ["bring the columns of X to like scales"]
            remedies += ["pass float64"] * (self.coef_.dtype == np.float32)
            remedies += ["try solver='auto'"] * (self.solver != "auto")
            warn(
                f"{type(self).__name__} stopped after {n_iter} iterations with a certificate of {worst:.1e}, "
                f"above tol={self.tol:.1e}{where}. To remedy it, {', or '.join(remedies)}.",
                ConvergenceWarning,
            )

    def _warn_of_empty(self, alpha, penalties, objective):
        """Say so where an L1 penalty leaves nothing of what a weaker one would keep."""
        nulls = zip(penalties, objective.null, objective.rounding, strict=False)  # those of folds come after
        factors = np.array([penalty.critical(null.gradient, rounding) for penalty, null, rounding in nulls])
        empty = np.flatnonzero((factors > 0) & ~np.atleast_2d(self.coef_).any(axis=1))
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


class PoissonGLMRegressor(_PoissonRegression):
    """Poisson regression with an elastic net penalty that may differ from coefficient to coefficient.

    For each output on its own, over the intercept b and the coefficients beta::

        minimise  sum_i w_i (mu_i - y_i eta_i) / sum_i w_i
                  + sum_j alpha_j omega_j ( rho_j |beta_j| + (1 - rho_j) / 2 beta_j^2 )

    with eta_i = log(exposure_i) + b + x_i.beta and mu = exp(eta), w the sample weights, rho the
    `l1_ratio` and omega the `penalty_weights`. The intercept is not penalised. At the same strengths
    this is the objective of `sklearn.linear_model.PoissonRegressor` (``l1_ratio=0``).

    Parameters
    ----------
    alpha : float, array-like, dict, Series or DataFrame, default=1.0
        Strength of the penalty: a number; an array of shape (n_features,), or (n_outputs, n_features)
        for a 2-D target; or a dict (or pandas Series) from names of groups or columns to numbers or to
        arrays with an entry for each column of the group, that covers every column once; for a 2-D target also a
        DataFrame with a row for each output and a column for each group or column, by name. 0 is no penalty,
        infinity removes a column.
    l1_ratio : float, array-like, dict, Series or DataFrame, default=0.0
        Share of the L1 norm in the penalty, in the same forms: 0 is ridge, 1 the lasso.
    penalty_weights : float, array-like, dict, Series or DataFrame, default=None
        Factors on `alpha`, in the same forms. They hold the pattern of strengths while `alpha` is
        tuned as one number. None is 1 for all.
    groups : str, int, callable, dict or array-like, default="auto"
        Which columns belong together, as in `GroupLassoPoisson`. Here groups only give names to
        strengths and coefficients.
    fit_intercept : bool, default=True
        Whether to fit an intercept. Without one it is 0.
    solver : {"auto", "fista", "newton"}, default="auto"
        "newton" takes proximal Newton steps on a working set of groups, with the Hessian of its
        columns in memory. "fista" takes accelerated proximal gradient steps: more passes over X,
        but no Hessian. "auto" starts with "newton", and goes on with "fista" where the Hessian would
        have more than 16 million entries, and where 300 steps, or rounding, end "newton" far from the optimum.
    tol : float, default=1e-6
        Upper bound on `optimality_`, and on the change in log rate that one standard deviation of any
        column still asks for.
    max_iter : int, default=10000
        Upper bound on the number of steps.
    warm_start : bool, default=False
        Whether to start from the coefficients of the last fit.
    n_jobs : int, default=None
        Number of threads for passes over X. None is as many as BLAS may use: all processors, and fewer
        in joblib's workers. -1 is all processors.
    verbose : int, default=0
        Whether to print a line a step, or in `regularization_path` a line a strength.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Coefficients of the linear predictor, in units of log rate for a unit of the column.
    intercept_ : float or ndarray of shape (n_outputs,)
        Intercept, in double precision whatever that of X: it makes up for the rounding of the coefficients.
    n_iter_ : int or ndarray of shape (n_outputs,)
        Number of steps.
    objective_ : float or ndarray of shape (n_outputs,)
        The value of the objective above.
    optimality_ : float or ndarray of shape (n_outputs,)
        The certificate: the largest distance, over columns, of the negative gradient to the
        subdifferential of the penalty, less the rounding error of the gradient, as a share of the
        same distance at the null model (all coefficients 0). 0 is optimal.
    alpha_max_ : float or ndarray of shape (n_outputs,)
        The smallest `alpha` at which all coefficients are 0. Only where `alpha` is a number and each
        column has an L1 penalty.
    groups_ : dict
        Name of a group to the positions of its columns.
    group_norms_ : dict
        Name of a group to the Euclidean norm of its coefficients (for each output).
    selected_groups_ : list
        Names of the groups with a coefficient other than 0 (in any output).
    has_exposure_ : bool
        Whether `fit` was given exposure. If so, `score` needs it too, and `predict` warns without it.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str
        Names of the columns of X, where all are strings. Those of a MultiIndex are joined by ``__``.
    output_names_ : ndarray of shape (n_outputs,)
        Names of the outputs, where y is a frame whose columns have labels.

    See Also
    --------
    GroupLassoPoisson : Keeps or drops whole groups of columns.
    regularization_path : Models at many strengths.
    sklearn.linear_model.PoissonRegressor : One ridge penalty.

    Notes
    -----
    The intercept is profiled out exactly, exp(b) = sum(w y) / sum(w exposure exp(x.beta)), which
    leaves an objective that can't overflow [1]_.

    Counts with an exposure e have the same solution as rates y / e with sample weights w e at a
    strength of alpha sum(w) / sum(w e).

    References
    ----------
    .. [1] Friedman, Hastie and Tibshirani (2010), "Regularization Paths for Generalized Linear Models
       via Coordinate Descent", Journal of Statistical Software 33(1).

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skprox import PoissonGLMRegressor
    >>> rng = np.random.default_rng(0)
    >>> f1, f2 = rng.normal(size=(500, 3)), rng.normal(size=(500, 2))
    >>> y = rng.poisson(np.exp(1 + f1 @ [0.5, -0.3, 0.0]))
    >>> X = pd.concat({"f1": pd.DataFrame(f1), "f2": pd.DataFrame(f2)}, axis=1)
    >>> model = PoissonGLMRegressor(alpha={"f1": 0.01, "f2": [0.2, 0.5]}, l1_ratio=1).fit(X, y)
    >>> model.selected_groups_
    ['f1']
    """

    _parameter_constraints = _PoissonRegression._parameter_constraints | {
        "l1_ratio": [Interval(Real, 0, 1, closed="both"), "array-like", dict],
        "penalty_weights": [Interval(Real, 0, None, closed="both"), "array-like", dict, None],
    }

    def __init__(
        self,
        *,
        alpha=1.0,
        l1_ratio=0.0,
        penalty_weights=None,
        groups="auto",
        fit_intercept=True,
        solver="auto",
        tol=1e-6,
        max_iter=10_000,
        warm_start=False,
        n_jobs=None,
        verbose=0,
    ):
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.penalty_weights = penalty_weights
        self.groups = groups
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _penalties(self, alpha, columns, n_outputs):
        from skprox.penalties import Penalty

        weights, ratio = self._pattern(columns, n_outputs).values()
        total = _times(per_coefficient("alpha", alpha, columns, n_outputs), weights, "penalty_weights")
        removed, finite = np.isinf(total), np.where(np.isinf(total), 0.0, total)
        strength, ridge = np.where(removed, np.inf, finite * ratio), finite * (1 - ratio)
        singles = np.arange(len(columns.names)), np.arange(len(columns.names) + 1)
        return [Penalty.of(*singles, s, r) for s, r in zip(strength, ridge, strict=True)]

    def _norms(self):
        """Positions of the coefficients of each norm of the penalty."""
        return np.arange(self.n_features_in_)[:, None]

    def _pattern(self, columns, n_outputs):
        """The parameters that are the same whatever `alpha`, for each column: shape (n_outputs or 1, n_features)."""
        weights = 1.0 if self.penalty_weights is None else self.penalty_weights
        return {
            "penalty_weights": per_coefficient("penalty_weights", weights, columns, n_outputs),
            "l1_ratio": per_coefficient("l1_ratio", self.l1_ratio, columns, n_outputs, most=1.0),
        }


class GroupLassoPoisson(_PoissonRegression):
    """Poisson regression that keeps or drops whole groups of columns.

    For each output on its own, over the intercept b and the coefficients beta::

        minimise  sum_i w_i (mu_i - y_i eta_i) / sum_i w_i
                  + sum_g alpha_g omega_g ||beta_g||_2

    with eta_i = log(exposure_i) + b + x_i.beta and mu = exp(eta), w the sample weights and omega the
    `group_weights`. The intercept is not penalised. The penalty is that of Yuan and Lin [1]_.

    Parameters
    ----------
    alpha : float, array-like, dict, Series or DataFrame, default=1.0
        Strength of the penalty: a number; an array of shape (n_groups,), or (n_outputs, n_groups)
        for a 2-D target, in the order of `groups_` (or one with an entry for each column, the same
        within a group); or a dict (or pandas Series) from names of groups to numbers, that covers
        every column once; for a 2-D target also a DataFrame with a row for each output and a column for each group,
        by name. 0 is no penalty, infinity removes a group.
    groups : str, int, callable, dict or array-like, default="auto"
        Which columns belong together:

        - "auto": the top level of MultiIndex columns. Otherwise by name: the columns ``x_sp_0``,
          ``x_sp_1``, ... of a spline are a group, as are bumps (``x_rc_0``) and lags (``x_lag_0``), and
          all columns with one transformer's prefix (``cat__``), unless such columns or products of
          several features share it: then each feature, and each set of features multiplied, is a
          group. All other columns, and those passed through (``remainder__``), are groups of one. An
          array has no names to go by: a warning says so.
        - "prefix": all up to the last ``__`` of a name; "feature": the rest, without the marks of
          splines, bumps, lags and powers.
        - the number or name of a level of MultiIndex columns; a regular expression whose one capture
          is the name of the group; a callable from the name of a column to that of its group.
        - a dict from name of a group to its columns: names (or what a frame calls them by instead, as
          numbers), positions, or a regular expression; a list with a label for each column, or a Series
          of labels by column; a 0/1 mask of shape (n_groups, n_features).
    group_weights : {"sqrt_size"}, float, array-like, dict, Series or DataFrame, default="sqrt_size"
        Factors on `alpha`, in the same forms. "sqrt_size" is the square root of the number of columns
        of a group. A group of weight 0 is not penalised.
    fit_intercept : bool, default=True
        Whether to fit an intercept. Without one it is 0.
    solver : {"auto", "fista", "newton"}, default="auto"
        "newton" takes proximal Newton steps on a working set of groups, with the Hessian of its
        columns in memory. "fista" takes accelerated proximal gradient steps: more passes over X,
        but no Hessian. "auto" starts with "newton", and goes on with "fista" where the Hessian would
        have more than 16 million entries, and where 300 steps, or rounding, end "newton" far from the optimum.
    tol : float, default=1e-6
        Upper bound on `optimality_`, and on the change in log rate that one standard deviation of any
        column still asks for.
    max_iter : int, default=10000
        Upper bound on the number of steps.
    warm_start : bool, default=False
        Whether to start from the coefficients of the last fit.
    n_jobs : int, default=None
        Number of threads for passes over X. None is as many as BLAS may use: all processors, and fewer
        in joblib's workers. -1 is all processors.
    verbose : int, default=0
        Whether to print a line a step, or in `regularization_path` a line a strength.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Coefficients of the linear predictor, in units of log rate for a unit of the column.
    intercept_ : float or ndarray of shape (n_outputs,)
        Intercept, in double precision whatever that of X: it makes up for the rounding of the coefficients.
    n_iter_ : int or ndarray of shape (n_outputs,)
        Number of steps.
    objective_ : float or ndarray of shape (n_outputs,)
        The value of the objective above.
    optimality_ : float or ndarray of shape (n_outputs,)
        The certificate: the largest distance, over groups, of the negative gradient to the
        subdifferential of the penalty, less the rounding error of the gradient, as a share of the
        same distance at the null model (all coefficients 0). 0 is optimal.
    alpha_max_ : float or ndarray of shape (n_outputs,)
        The smallest `alpha` at which all coefficients are 0. Only where `alpha` is a number and all
        groups are penalised.
    groups_ : dict
        Name of a group to the positions of its columns.
    group_norms_ : dict
        Name of a group to the Euclidean norm of its coefficients (for each output).
    selected_groups_ : list
        Names of the groups with a coefficient other than 0 (in any output).
    has_exposure_ : bool
        Whether `fit` was given exposure. If so, `score` needs it too, and `predict` warns without it.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str
        Names of the columns of X, where all are strings. Those of a MultiIndex are joined by ``__``.
    output_names_ : ndarray of shape (n_outputs,)
        Names of the outputs, where y is a frame whose columns have labels.

    See Also
    --------
    PoissonGLMRegressor : Ridge, lasso and elastic net.
    regularization_path : Models at many strengths.
    groups_from_transformer : The exact groups behind a fitted transformer.
    make_grouped_column_transformer : Names columns so that the exact groups are found.

    References
    ----------
    .. [1] Yuan and Lin (2006), "Model selection and estimation in regression with grouped variables",
       Journal of the Royal Statistical Society B 68(1).

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.compose import make_column_transformer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import SplineTransformer
    >>> from skprox import GroupLassoPoisson
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.uniform(size=(500, 2)), columns=["position", "speed"])
    >>> y = rng.poisson(np.exp(1 + np.sin(6 * X["position"])))
    >>> splines = make_column_transformer((SplineTransformer(include_bias=False), ["position", "speed"]))
    >>> model = make_pipeline(splines.set_output(transform="pandas"), GroupLassoPoisson(alpha=0.05)).fit(X, y)
    >>> model[-1].selected_groups_
    ['position']
    """

    _parameter_constraints = _PoissonRegression._parameter_constraints | {
        "group_weights": [
            StrOptions({"sqrt_size"}),
            Interval(Real, 0, None, closed="both"),
            "array-like",
            dict,
        ],
    }

    def __init__(
        self,
        *,
        alpha=1.0,
        groups="auto",
        group_weights="sqrt_size",
        fit_intercept=True,
        solver="auto",
        tol=1e-6,
        max_iter=10_000,
        warm_start=False,
        n_jobs=None,
        verbose=0,
    ):
        self.alpha = alpha
        self.groups = groups
        self.group_weights = group_weights
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _find_columns(self, labels):
        warn_without_names(self)
        return super()._find_columns(labels)

    def _penalties(self, alpha, columns, n_outputs):
        from skprox.penalties import Penalty

        groups = list(columns.groups.values())
        (weights,) = self._pattern(columns, n_outputs).values()
        strength = _times(per_group("alpha", alpha, columns, n_outputs), weights, "group_weights")
        ridge = np.zeros(len(columns.names))
        return [Penalty.from_groups(groups, s, ridge) for s in strength]

    def _norms(self):
        """Positions of the coefficients of each norm of the penalty."""
        return list(self.groups_.values())

    def _pattern(self, columns, n_outputs):
        """The parameters that are the same whatever `alpha`, for each group: shape (n_outputs or 1, n_groups)."""
        if isinstance(self.group_weights, str):
            return {"group_weights": np.sqrt([[len(group) for group in columns.groups.values()]])}
        return {"group_weights": per_group("group_weights", self.group_weights, columns, n_outputs)}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # at alpha=1 no group of standardised columns may stay
        return tags


def _times(alpha, weights, name):
    if (np.isinf(alpha) & (weights == 0)).any() or ((alpha == 0) & np.isinf(weights)).any():
        raise ValueError(f"alpha times {name} is infinity times 0 somewhere; make one finite or the other positive.")
    return alpha * weights
