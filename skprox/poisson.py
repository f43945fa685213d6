"""Poisson regression with an elastic net or a group lasso penalty."""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skprox._compat import Interval, StrOptions, _fit_context
from skprox._typing import CountsLike, Groups, MatrixLike, RowsLike, Strengths
from skprox.base import name_arguments
from skprox.callbacks import Tasks, with_callbacks
from skprox.engine import Settings, fit_each, open_objective
from skprox.joint import is_joint
from skprox.model import CountModel, check_data
from skprox.overdispersion import CONSTRAINTS, check_overdispersion, estimated, is_estimated
from skprox.patterns import pattern_of


class _Penalised(CountModel):
    """What the estimators at one strength share."""

    _parameter_constraints = {
        "alpha": [Interval(Real, 0, None, closed="both"), "array-like", dict],
        "penalty": [StrOptions({"lasso", "mcp", "scad"})],
        "gamma": [Interval(Real, 1, None, closed="neither"), None],
        "groups": [str, Integral, dict, callable, "array-like"],
        "overdispersion": CONSTRAINTS,
        "fit_intercept": ["boolean"],
        "solver": [StrOptions({"auto", "fista", "newton"})],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
        "multi_output": [StrOptions({"separate", "joint"})],
        "output_weights": [StrOptions({"balanced"}), "array-like", dict, None],
    }

    @name_arguments
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: MatrixLike, y: CountsLike, sample_weight: RowsLike | None = None, exposure: RowsLike | None = None
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The covariates. C and F order, CSR and CSC, float64 and float32 are used as they are.
            Dask arrays and frames stay where they are, as `y` and what else has an entry for each row may do: each
            pass over them is a task for each partition, of which arrays as large as the coefficients come back.
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
        data, pattern = check_data(self, X, y, sample_weight, exposure), pattern_of(self)
        problem = data.columns, data.n_outputs, data.dtype.type
        patterns = pattern.penalties(1.0, *problem) if isinstance(self.alpha, Real) else []
        if patterns and 0 < self.alpha < np.inf:
            penalties = [each.scaled(self.alpha) for each in patterns]
        else:
            penalties = pattern.penalties(self.alpha, *problem)
        overdispersion = check_overdispersion(self, data)
        with open_objective(data, self.fit_intercept, self.n_jobs, overdispersion) as objective:
            tasks = Tasks(self, None, X, y, sample_weight=sample_weight, exposure=exposure)
            inner, outputs = [penalty.on(objective.occupied) for penalty in penalties], range(len(penalties))
            monitor, settings = self._monitor(tasks), Settings.of(self)

            def fit(objective, starts, monitor=None):
                return fit_each(objective, inner, outputs, starts, settings, monitor)

            starts = self._starts(objective, inner)
            if is_estimated(self):
                objective, starts = estimated(objective, starts, fit, self.tol)
            results = fit(objective, starts, monitor)
            self._unpack(results, objective, penalties, patterns, data)
            self._warn_of_empty(self.alpha, inner, objective)
            tasks.end()
        self._warn_above_tol(results)
        return self

    def _starts(self, objective, penalties):
        """Points to start from: the last fit where it is wanted and better than zero."""
        shape = len(penalties), objective.n_all
        if not self.warm_start or not hasattr(self, "coef_"):
            return objective.null
        last, _ = self._apart()
        if last.size != np.prod(shape):
            return objective.null
        coefs = objective.take(last.reshape(shape))
        coefs = np.array([penalty.feasible(coef) for penalty, coef in zip(penalties, coefs, strict=True)])
        warm = objective.points(coefs, np.arange(len(coefs)))
        return [
            point if point.value + penalty.value(point.coef) <= null.value else null
            for point, penalty, null in zip(warm, penalties, objective.null, strict=True)
        ]

    def _monitor(self, tasks):
        """What is told of each step, or None where nobody asks."""
        if not (self.verbose or tasks.are_watched):
            return None
        names = getattr(self, "output_names_", None)

        def report(output, n_iter, value, residual, n_groups):
            which = "all outputs" if is_joint(self) else f"output {output if names is None else names[output]}"
            step = f"{which}, iteration {n_iter}"
            if self.verbose:
                print(f"{step}: objective {value:.10g}, certificate {residual:.2e}, {n_groups} groups")
            return tasks.report(step)

        return report


class PoissonGLMRegressor(_Penalised):
    """Poisson regression with an elastic net penalty that may differ from coefficient to coefficient.

    For each output on its own, over the intercept b and the coefficients beta::

        minimise  sum_i w_i (mu_i - y_i eta_i) / sum_i w_i
                  + sum_j alpha_j omega_j ( rho_j |beta_j| + (1 - rho_j) / 2 beta_j^2 )
        within    lower_j <= beta_j <= upper_j

    with eta_i = log(exposure_i) + b + x_i.beta and mu = exp(eta), w the sample weights, rho the
    `l1_ratio`, omega the `penalty_weights`, and lower and upper the `bounds`, infinite unless told otherwise. The
    intercept is neither penalised nor bounded. At the same strengths, without bounds, this is the objective of
    `sklearn.linear_model.PoissonRegressor` (``l1_ratio=0``).

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
    penalty : {"lasso", "mcp", "scad"}, default="lasso"
        The L1 part. With lambda_j = alpha_j omega_j rho_j it is ``sum_j P_j(|beta_j|)``, where P_j has the slope

        - "lasso": lambda_j everywhere;
        - "mcp": max(lambda_j - t / gamma, 0), the minimax concave penalty [4]_;
        - "scad": lambda_j up to t = lambda_j, then max(gamma lambda_j - t, 0) / (gamma - 1) [5]_.

        The last two are flat from t = gamma lambda_j on, and so leave large coefficients unshrunken. See the notes.
    gamma : float, default=None
        How soon "mcp" and "scad" level off, above 1 and 2: smaller values are further from the lasso. None is 3 for
        "mcp" and 4 for "scad". Not with "lasso".
    penalty_weights : float, array-like, dict, Series or DataFrame, default=None
        Factors on `alpha`, in the same forms. They hold the pattern of strengths while `alpha` is
        tuned as one number. None is 1 for all.
    bounds : tuple, array-like of shape (n_features, 2) or dict, default=None
        Lower and upper bounds of the coefficients, the same for all outputs: a pair for all of them, as ``(0, None)``
        where no effect may be negative; an array with a pair for each; or a dict (or pandas Series) from names of
        groups or columns to a pair, to an array with a pair for each column of the group, or to None. None is no
        bound, nor have columns one that a dict leaves out. Bounds hold 0.
    groups : str, int, callable, dict or array-like, default="auto"
        Which columns belong together, as in `GroupLassoPoisson`. Here groups only give names to
        strengths and coefficients.
    overdispersion : float, array-like of shape (n_outputs,) or "estimate", default=0.0
        By how much counts vary more than Poisson counts do: their variance is mu + overdispersion * mu^2, that of the
        negative binomial distribution (NB2). 0 is Poisson. "estimate" takes, for each output, the value under which
        the counts are the most likely; fits and estimates take turns until neither changes. See Notes.
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
        Upper bound on the number of steps; of each lasso where `penalty` is concave.
    warm_start : bool, default=False
        Whether to start from the coefficients of the last fit.
    n_jobs : int, default=None
        Number of threads for passes over X. None is as many as BLAS may use: all processors, and fewer
        in joblib's workers. -1 is all processors.
    verbose : int, default=0
        Whether to print a line a step, or in `regularization_path` a line a strength.
    multi_output : {"separate", "joint"}, default="separate"
        What a 2-D target is: "separate" is a model for each output on its own. "joint" is one model of all, where a
        covariate enters for all outputs or for none, as in the multi-task lasso [3]_: its L1 part is the norm of a
        column over all outputs, and it minimises::

            sum_k f_k + sum_j alpha_j omega_j ( rho_j ||beta_.j||_2 + (1 - rho_j) / 2 ||beta_.j||_2^2 )

        with the data term f_k of each output k, as above, times its factor in `output_weights`. Strengths are then
        the same for all outputs.
    output_weights : "balanced", array-like of shape (n_outputs,), dict or Series, default=None
        With ``multi_output="joint"``, factors on the data terms of the outputs, for each output or by its name:
        positive numbers, or "balanced" for 1 / mean count (by the sample weights), lest busy outputs decide alone.
        None is 1 for all.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Coefficients of the linear predictor, in units of log rate for a unit of the column.
    intercept_ : float or ndarray of shape (n_outputs,)
        Intercept, in double precision whatever that of X: it makes up for the rounding of the coefficients.
    n_iter_ : int or ndarray of shape (n_outputs,)
        Number of steps; of the last fit, where the overdispersion is estimated. Here and in the next three, "joint"
        outputs are one problem, with one number.
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
    overdispersion_ : float or ndarray of shape (n_outputs,)
        The overdispersion, as given or estimated; 0 is Poisson.
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
    strength of alpha sum(w) / sum(w e). That is so without an `overdispersion`.

    With an `overdispersion` o, mu_i - y_i eta_i above is (y_i + 1/o) log(1 + o mu_i) - y_i eta_i, the negative
    logarithm of the likelihood of negative binomial counts less what coefficients do not change, which is convex,
    too, and goes to that of Poisson counts as o goes to 0 [2]_. Rows of a large mean then weigh less. Each step finds
    the intercept by a few more passes over X, and small models have no compiled path: fits take about three times as
    long as Poisson fits where X is large, and up to thirty times where it stays in the cache. The estimate of o is that
    of maximum likelihood; it is too small where a model has nearly as many coefficients as rows, and 0 where counts
    vary no more than Poisson counts do: the model is then the Poisson one.

    With "mcp" and "scad" the problem is not convex. What is found is a stationary point: `fit` starts from the solution
    of the lasso, and solves one lasso after the other whose strengths are the slopes of the penalty at the solution
    before, each of which lowers the objective [6]_ [7]_. `objective_` and `optimality_` are those of the concave
    problem. Where the loss curves by less than 1 / gamma ("scad": 1 / (gamma - 1)) for a unit of a column, as with rare
    counts or columns of small scale, there may be several such points; a larger gamma, or columns of larger scale, has
    fewer. `alpha_max_` is that of the lasso, from which on coefficients of 0 are such a point. Along paths and in
    cross-validation each strength starts from the model before as well, and the better objective stays, so that a model
    there may be better than a single fit. Degrees of freedom are those of the last lasso, and tables have no standard
    errors, as under the lasso.

    References
    ----------
    .. [1] Friedman, Hastie and Tibshirani (2010), "Regularization Paths for Generalized Linear Models
       via Coordinate Descent", Journal of Statistical Software 33(1).
    .. [2] Hilbe (2011), "Negative Binomial Regression", 2nd edition, chapter 8.
    .. [3] Obozinski, Taskar and Jordan (2010), "Joint covariate selection and joint subspace selection for multiple
       classification problems", Statistics and Computing 20(2).
    .. [4] Zhang (2010), "Nearly unbiased variable selection under minimax concave penalty", Annals of Statistics 38(2).
    .. [5] Fan and Li (2001), "Variable Selection via Nonconcave Penalized Likelihood and its Oracle Properties",
       Journal of the American Statistical Association 96(456).
    .. [6] Zou and Li (2008), "One-step sparse estimates in nonconcave penalized likelihood models", Annals of
       Statistics 36(4).
    .. [7] Fan, Xue and Zou (2014), "Strong oracle optimality of folded concave penalized estimation", Annals of
       Statistics 42(3).

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
    >>> PoissonGLMRegressor(alpha=0.01, bounds={"f1": (0, None)}).fit(X, y).coef_[:3].round(1)
    array([0.5, 0. , 0. ])

    Effects that are selected, but shrunken less:

    >>> PoissonGLMRegressor(alpha=0.15, l1_ratio=1).fit(X, y).coef_.round(2)
    array([ 0.44, -0.21,  0.  ,  0.  ,  0.  ])
    >>> PoissonGLMRegressor(alpha=0.15, l1_ratio=1, penalty="mcp").fit(X, y).coef_.round(2)
    array([ 0.49, -0.24,  0.  ,  0.  ,  0.  ])
    """

    _parameter_constraints = _Penalised._parameter_constraints | {
        "l1_ratio": [Interval(Real, 0, 1, closed="both"), "array-like", dict],
        "penalty_weights": [Interval(Real, 0, None, closed="both"), "array-like", dict, None],
        "bounds": ["array-like", dict, None],
    }

    def __init__(
        self,
        *,
        alpha: Strengths = 1.0,
        l1_ratio: Strengths = 0.0,
        penalty: str = "lasso",
        gamma: float | None = None,
        penalty_weights: Strengths | None = None,
        bounds: Any = None,
        groups: Groups = "auto",
        overdispersion: float | str | ArrayLike = 0.0,
        fit_intercept: bool = True,
        solver: str = "auto",
        tol: float = 1e-6,
        max_iter: int = 10_000,
        warm_start: bool = False,
        n_jobs: int | None = None,
        verbose: int = 0,
        multi_output: str = "separate",
        output_weights: RowsLike | str | None = None,
    ) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.penalty = penalty
        self.gamma = gamma
        self.penalty_weights = penalty_weights
        self.bounds = bounds
        self.groups = groups
        self.overdispersion = overdispersion
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.multi_output = multi_output
        self.output_weights = output_weights


class GroupLassoPoisson(_Penalised):
    """Poisson regression that keeps or drops whole groups of columns.

    For each output on its own, over the intercept b and the coefficients beta::

        minimise  sum_i w_i (mu_i - y_i eta_i) / sum_i w_i
                  + sum_g alpha_g ( (1 - rho_g - kappa_g) omega_g ||beta_g||_2
                                    + rho_g ||beta_g||_1 + kappa_g / 2 ||beta_g||_2^2 )
        within    lower_j <= beta_j <= upper_j

    with eta_i = log(exposure_i) + b + x_i.beta and mu = exp(eta), w the sample weights, omega the
    `group_weights`, rho the `l1_ratio`, kappa the `l2_ratio`, and lower and upper the `bounds`, infinite unless
    told otherwise. The intercept is neither penalised nor bounded. Without ratios the penalty is that of Yuan and
    Lin [1]_, with an `l1_ratio` the sparse-group lasso [2]_.

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
        - "hierarchy", with ``overlap="latent"``: the groups of "auto" by name, where that of a product of features
          (``x z``, as `PolynomialFeatures` calls it) also holds the columns of all that it is made of. So products
          come with their features only: strong heredity [4]_. An `l1_ratio` may set some of these to 0 all the same.
    overlap : {"error", "latent"}, default="error"
        Whether groups may share columns, given as a dict, a mask or "hierarchy". With "latent" each group g has a
        part v_g of the coefficients of its columns, beta = sum_g v_g, and all terms of the penalty are of v_g in
        place of beta_g, so that the columns selected are a union of groups [3]_. `group_weights` of "sqrt_size" count
        shared columns in each group; strengths go by groups, and not by columns. X is not copied, unless it stays in
        the cache when it is repeated (2 million entries).
    group_weights : {"sqrt_size"}, float, array-like, dict, Series or DataFrame, default="sqrt_size"
        Factors on the norms, in the same forms. "sqrt_size" is the square root of the number of columns
        of a group. The norm of a group of weight 0 is not penalised; an infinite weight removes a group.
    l1_ratio : float, array-like, dict, Series or DataFrame, default=0.0
        Share of the L1 norm in the penalty, in the forms of `alpha`: above 0 single coefficients of the groups
        that stay may be 0, and 1 is the lasso. At most 1 together with `l2_ratio`.
    l2_ratio : float, array-like, dict, Series or DataFrame, default=0.0
        Share of half the sum of squares in the penalty, in the forms of `alpha`: above 0 columns that are alike
        share their effect, and 1 is ridge.
    penalty : {"lasso", "mcp", "scad"}, default="lasso"
        The norms' part. With lambda_g = alpha_g (1 - rho_g - kappa_g) omega_g it is sum_g P_g(||beta_g||_2), where P_g
        has the slope

        - "lasso": lambda_g everywhere;
        - "mcp": max(lambda_g - t / gamma, 0), the group MCP [6]_;
        - "scad": lambda_g up to t = lambda_g, then max(gamma lambda_g - t, 0) / (gamma - 1).

        The last two are flat from t = gamma lambda_g on, and so leave groups of large effect unshrunken. The L1 norm
        within groups and the squares stay as they are. See the notes.
    gamma : float, default=None
        How soon "mcp" and "scad" level off, above 1 and 2: smaller values are further from the lasso. None is 3 for
        "mcp" and 4 for "scad". Not with "lasso".
    bounds : tuple, array-like of shape (n_features, 2) or dict, default=None
        Lower and upper bounds of the coefficients, the same for all outputs: a pair for all of them, as ``(0, None)``
        where no effect may be negative; an array with a pair for each; or a dict (or pandas Series) from names of
        groups or columns to a pair, to an array with a pair for each column of the group, or to None. None is no
        bound, nor have columns one that a dict leaves out. Bounds hold 0. In a group of several columns whose norm
        is penalised they are 0 or infinite. Not with ``overlap="latent"``.
    overdispersion : float, array-like of shape (n_outputs,) or "estimate", default=0.0
        By how much counts vary more than Poisson counts do: their variance is mu + overdispersion * mu^2, that of the
        negative binomial distribution (NB2). 0 is Poisson. "estimate" takes, for each output, the value under which
        the counts are the most likely; fits and estimates take turns until neither changes. See Notes.
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
        Upper bound on the number of steps; of each lasso where `penalty` is concave.
    warm_start : bool, default=False
        Whether to start from the coefficients of the last fit, with ``overlap="latent"`` from `latent_coef_` where it
        has as many.
    n_jobs : int, default=None
        Number of threads for passes over X. None is as many as BLAS may use: all processors, and fewer
        in joblib's workers. -1 is all processors.
    verbose : int, default=0
        Whether to print a line a step, or in `regularization_path` a line a strength.
    multi_output : {"separate", "joint"}, default="separate"
        What a 2-D target is: "separate" is a model for each output on its own. "joint" is one model of all, where a
        group is its columns over all outputs, so that it enters for all outputs or for none [5]_. It minimises::

            sum_k f_k + sum_g alpha_g ( (1 - rho_g - kappa_g) omega_g ||beta_.g||_2
                                        + rho_g ||beta_.g||_1 + kappa_g / 2 ||beta_.g||_2^2 )

        with the data term f_k of each output k, as above, times its factor in `output_weights`, and norms of the
        coefficients of the group in all outputs. "sqrt_size" is then the square root of their number, the number of
        columns times that of outputs, and strengths are the same for all outputs.
    output_weights : "balanced", array-like of shape (n_outputs,), dict or Series, default=None
        With ``multi_output="joint"``, factors on the data terms of the outputs, for each output or by its name:
        positive numbers, or "balanced" for 1 / mean count (by the sample weights), lest busy outputs decide alone.
        None is 1 for all.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Coefficients of the linear predictor, in units of log rate for a unit of the column.
    latent_coef_ : dict
        Name of a group to its part v_g of them, of shape (size,) or (n_outputs, size). Only with ``overlap="latent"``.
        Where columns are in groups without a norm, or in the same groups, parts with the same sum may be as good.
    intercept_ : float or ndarray of shape (n_outputs,)
        Intercept, in double precision whatever that of X: it makes up for the rounding of the coefficients.
    n_iter_ : int or ndarray of shape (n_outputs,)
        Number of steps; of the last fit, where the overdispersion is estimated. Here and in the next three, "joint"
        outputs are one problem, with one number.
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
        Name of a group to the Euclidean norm of its coefficients (for each output), of v_g where groups share columns.
    selected_groups_ : list
        Names of the groups with such a coefficient other than 0 (in any output).
    overdispersion_ : float or ndarray of shape (n_outputs,)
        The overdispersion, as given or estimated; 0 is Poisson.
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

    Notes
    -----
    With "mcp" and "scad" the problem is not convex. What is found is a stationary point: `fit` starts from the solution
    of the lasso, and solves one lasso after the other whose strengths are the slopes of the penalty at the solution
    before, each of which lowers the objective [7]_ [8]_. `objective_` and `optimality_` are those of the concave
    problem. Where the loss curves by less than 1 / gamma ("scad": 1 / (gamma - 1)) for a unit of a group, as with rare
    counts or columns of small scale, there may be several such points; a larger gamma, or columns of larger scale, has
    fewer. `alpha_max_` is that of the lasso, from which on coefficients of 0 are such a point. Along paths and in
    cross-validation each strength starts from the model before as well, and the better objective stays, so that a model
    there may be better than a single fit. Degrees of freedom are those of the last lasso, and tables have no standard
    errors, as under the lasso.

    With an `overdispersion` o, mu_i - y_i eta_i above is (y_i + 1/o) log(1 + o mu_i) - y_i eta_i, as the Notes of
    `PoissonGLMRegressor` explain.

    References
    ----------
    .. [1] Yuan and Lin (2006), "Model selection and estimation in regression with grouped variables",
       Journal of the Royal Statistical Society B 68(1).
    .. [2] Simon, Friedman, Hastie and Tibshirani (2013), "A Sparse-Group Lasso", Journal of Computational and
       Graphical Statistics 22(2).
    .. [3] Jacob, Obozinski and Vert (2009), "Group lasso with overlap and graph lasso", Proceedings of the 26th
       International Conference on Machine Learning.
    .. [4] Lim and Hastie (2015), "Learning Interactions via Hierarchical Group-Lasso Regularization", Journal of
       Computational and Graphical Statistics 24(3).
    .. [5] Obozinski, Taskar and Jordan (2010), "Joint covariate selection and joint subspace selection for multiple
       classification problems", Statistics and Computing 20(2).
    .. [6] Breheny and Huang (2015), "Group descent algorithms for nonconvex penalized linear and logistic regression
       models with grouped predictors", Statistics and Computing 25(2).
    .. [7] Zou and Li (2008), "One-step sparse estimates in nonconcave penalized likelihood models", Annals of
       Statistics 36(4).
    .. [8] Fan, Xue and Zou (2014), "Strong oracle optimality of folded concave penalized estimation", Annals of
       Statistics 42(3).

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

    A product that comes with its features:

    >>> X = pd.DataFrame(rng.normal(size=(500, 3)), columns=["a", "b", "c"])
    >>> X["a b"], X["b c"] = X["a"] * X["b"], X["b"] * X["c"]
    >>> y = rng.poisson(np.exp(0.5 * X["a b"]))
    >>> model = GroupLassoPoisson(alpha=0.1, groups="hierarchy", overlap="latent").fit(X, y)
    >>> model.selected_groups_
    ['a b']
    >>> model.feature_names_in_[model.coef_ != 0].tolist()
    ['a', 'b', 'a b']
    """

    _parameter_constraints = _Penalised._parameter_constraints | {
        "group_weights": [
            StrOptions({"sqrt_size"}),
            Interval(Real, 0, None, closed="both"),
            "array-like",
            dict,
        ],
        "l1_ratio": [Interval(Real, 0, 1, closed="both"), "array-like", dict],
        "l2_ratio": [Interval(Real, 0, 1, closed="both"), "array-like", dict],
        "bounds": ["array-like", dict, None],
        "overlap": [StrOptions({"error", "latent"})],
    }

    def __init__(
        self,
        *,
        alpha: Strengths = 1.0,
        groups: Groups = "auto",
        overlap: str = "error",
        group_weights: Strengths = "sqrt_size",
        l1_ratio: Strengths = 0.0,
        l2_ratio: Strengths = 0.0,
        penalty: str = "lasso",
        gamma: float | None = None,
        bounds: Any = None,
        overdispersion: float | str | ArrayLike = 0.0,
        fit_intercept: bool = True,
        solver: str = "auto",
        tol: float = 1e-6,
        max_iter: int = 10_000,
        warm_start: bool = False,
        n_jobs: int | None = None,
        verbose: int = 0,
        multi_output: str = "separate",
        output_weights: RowsLike | str | None = None,
    ) -> None:
        self.alpha = alpha
        self.groups = groups
        self.overlap = overlap
        self.group_weights = group_weights
        self.l1_ratio = l1_ratio
        self.l2_ratio = l2_ratio
        self.penalty = penalty
        self.gamma = gamma
        self.bounds = bounds
        self.overdispersion = overdispersion
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.multi_output = multi_output
        self.output_weights = output_weights

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # at alpha=1 no group of standardised columns may stay
        return tags
