"""Linear models learned a few rows at a time, with penalties that leave exact zeros."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array, check_random_state
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted

from skprox._compat import Interval, StrOptions, _fit_context
from skprox._typing import CountsLike, Groups, MatrixLike, RandomState, RowsLike, Strengths
from skprox.base import DocLinkMixin, ExposureMixin, name_arguments
from skprox.columns import Columns, check_columns, column_names, labels_of
from skprox.groups import find_columns, group_of_column, warn_without_names
from skprox.metrics import cohen_r2
from skprox.patterns import ROUNDING, check_bounds, check_ratios
from skprox.stochastic import Sample, State
from skprox.strengths import bounds_by_column, per_group
from skprox.validation import (
    FLOATS,
    check_counts,
    check_exposure,
    check_rates,
    check_weight,
    need_exposure,
    warn,
    warn_of_rates,
)

LEAST_RATE = 1e-6  # below which an adaptive rate is not divided any more


class ProxSGDRegressor(ExposureMixin, DocLinkMixin, RegressorMixin, BaseEstimator):
    """Sparse linear or Poisson regression by stochastic proximal gradient steps.

    Over the intercept b and the coefficients beta::

        minimise  sum_i w_i loss_i / sum_i w_i
                  + alpha ( rho sum_g omega_g ||beta_g||_2 + (1 - rho) / 2 ||beta||_2^2 )

    within    lower <= beta <= upper

    with w the sample weights, rho the `l1_ratio`, omega the `group_weights`, and lower and upper the `bounds`, infinite
    unless told otherwise. Without `groups` each column is a group of its own, and the penalty is the elastic net, by
    default the lasso. With an `l2_ratio` kappa it is that of `GroupLassoPoisson`, the sparse-group lasso::

        alpha ( (1 - rho - kappa) sum_g omega_g ||beta_g||_2 + rho ||beta||_1 + kappa / 2 ||beta||_2^2 )

    With eta_i = b + x_i.beta the losses are

    - "squared_error": (y_i - eta_i)^2 / 2, so that at ``l1_ratio=1`` this is the objective of
      `sklearn.linear_model.Lasso`;
    - "poisson": mu_i - y_i log(mu_i), where mu_i = exposure_i exp(eta_i), the objective of
      `PoissonGLMRegressor` and `GroupLassoPoisson`.

    Each step takes the gradient g of the mean loss of `batch_size` rows at its learning rate r, and then
    applies the penalty in the way of `l1_update`.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}, default="squared_error"
        The loss.
    alpha : float, default=1e-4
        Strength of the penalty.
    l1_ratio : float, default=1.0
        Share of the norms in the penalty: 1 is the lasso or group lasso, 0 ridge. The ridge part is applied
        by its proximal map: after each step the coefficients are divided by 1 + r alpha (1 - rho). With an `l2_ratio`
        it is the share of the L1 norm within groups instead.
    l2_ratio : float, default=None
        Share of half the sum of squares, as in `GroupLassoPoisson`, beside which `l1_ratio` is the share of the L1 norm
        and what both leave that of the norms: 0 and an `l1_ratio` between 0 and 1 are the sparse-group lasso. Only with
        `groups`, and not with ``l1_update="cumulative"``. None is no L1 norm within groups.
    bounds : tuple, array-like of shape (n_features, 2) or dict, default=None
        Lower and upper bounds of the coefficients, in any of the forms of `PoissonGLMRegressor`. They hold 0, and those
        of columns in a group of several are 0 or infinite, unless its norm is not penalised. Steps end at bounds. Not
        with ``l1_update="cumulative"``.
    groups : str, int, callable, dict or array-like, default=None
        Which columns stay or go together, in any of the forms of `GroupLassoPoisson`: "auto" groups the
        columns of a DataFrame by their names. None is each column on its own.
    group_weights : {"sqrt_size"}, float, array-like, dict or Series, default="sqrt_size"
        Factors omega on the norms, in any of the forms of `GroupLassoPoisson`. "sqrt_size" is the square
        root of the number of columns of a group, 1 without `groups`. With a weight of 0 the norm of a group
        is not penalised.
    l1_update : {"clipping", "cumulative", "naive"}, default="clipping"
        How a step at rate r applies the norms, with lambda_g = alpha rho omega_g:

        - "clipping": the proximal map. Coefficients move towards zero by r lambda, and stop there; groups
          have their norm shrunk by as much.
        - "cumulative": each coefficient is clipped by all the penalty that it could have received since
          learning began, less what it has received [1]_: beta_j > 0 becomes max(0, beta_j - (u + q_j)) and
          beta_j < 0 becomes min(0, beta_j + (u - q_j)), with u = lambda sum_t r_t, and q_j the sum of all such
          changes of beta_j so far. The noise of single rows matters less, and more coefficients are
          zero. For a group, q counts as far as it lies along the group's coefficients.
        - "naive": the subgradient lambda sign(beta), or lambda_g beta_g / ||beta_g||_2, is added to g.
          Coefficients cross zero, but are never exactly zero. This is what automatic differentiation
          of the objective does.
    fit_intercept : bool, default=True
        Whether to fit an intercept, which is not penalised. Without one it is 0.
    learning_rate : {"invscaling", "constant", "adaptive"}, default="invscaling"
        The rate r of step t = 1, 2, ...:

        - "invscaling": eta0 / t^power_t.
        - "constant": eta0.
        - "adaptive": eta0, divided by 5 each time that `n_iter_no_change` epochs bring no improvement, down
          to 1e-6. `partial_fit` keeps the rate as it is.
    eta0 : float, default=0.01
        The initial rate. No row alone makes learning diverge where it is below 1 / ||x||^2, with the 1 of the
        intercept counted in, and for the Poisson loss below 1 / (mu ||x||^2).
    power_t : float, default=0.25
        The exponent of "invscaling".
    batch_size : int, default=1
        Number of rows a step. A last batch with fewer takes a step that is shorter in proportion.
    max_iter : int, default=1000
        Upper bound on the number of epochs, passes over the rows, of `fit`.
    tol : float, default=1e-3
        An epoch brings an improvement where it lowers the objective by more than `tol` below the best so far.
        The objective takes the loss of each row before it is learned from. After `n_iter_no_change` epochs
        without improvement `fit` stops, or goes on with a lower rate. None is to do `max_iter` epochs.
    n_iter_no_change : int, default=5
        Number of epochs without improvement to wait for.
    early_stopping : bool, default=False
        Whether to hold rows out, and take their mean loss in place of the objective.
    validation_fraction : float, default=0.1
        Share of the rows to hold out.
    average : bool or int, default=False
        Whether `coef_` and `intercept_` are averages over steps; an integer is the first step that counts.
        A coefficient that is zero in the end but was not in all these steps has an average other than zero.
    shuffle : bool, default=True
        Whether to take the rows in a new random order in each epoch.
    random_state : int, RandomState instance or None, default=None
        What orders rows and picks the held-out ones. Give an integer for results that repeat.
    verbose : int, default=0
        Whether to print a line an epoch.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients.
    intercept_ : float
        Intercept.
    n_iter_ : int
        Number of epochs of `fit`; 1 after `partial_fit`.
    t_ : int
        Number of steps so far.
    groups_ : dict
        Name of a group to the positions of its columns. Only with `groups`.
    has_exposure_ : bool
        Whether rows came with exposure. If so, `score` needs it too, and `predict` warns without it.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str
        Names of the columns of X, where all are strings. Those of a MultiIndex are joined by ``__``.

    See Also
    --------
    PoissonGLMRegressor : The exact solution for counts.
    GroupLassoPoisson : The exact solution for counts and groups.
    sklearn.linear_model.Lasso : The exact solution for the squared error.
    sklearn.linear_model.SGDRegressor : More losses, with cumulative penalties only.

    Notes
    -----
    Learning starts at the null model: coefficients of 0, and the intercept that fits best with these, of the
    first chunk in `partial_fit`. Scale the columns alike beforehand: one rate serves all. Where steps are
    so long that learning diverges, a `ConvergenceWarning` names a rate that is safe, and `fit` leaves the
    null model.

    On a CSR matrix the cost of a step follows the non-zeros of its rows: a coefficient catches up with the
    penalty of all steps it missed when its column is seen, and at the end of each epoch, with the result
    that is had by going through all columns in each step; averages do so too. For groups it follows the sizes
    of the groups seen. With ``l1_update="naive"``, bounds, or an L1 norm within groups, all coefficients are changed in
    each step.

    With a ridge part, u and q of "cumulative" are divided by 1 + r alpha (1 - rho) in each step, too, as the
    coefficients are.

    References
    ----------
    .. [1] Tsuruoka, Tsujii and Ananiadou (2009), "Stochastic Gradient Descent Training for L1-regularized
       Log-linear Models with Cumulative Penalty", ACL-IJCNLP.

    Examples
    --------
    >>> import numpy as np
    >>> from skprox import ProxSGDRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(1000, 5))
    >>> y = X @ [2.0, -1.0, 0.0, 0.0, 0.0] + 0.1 * rng.normal(size=1000)
    >>> ProxSGDRegressor(alpha=0.1, random_state=0).fit(X, y).coef_.round(2)
    array([ 1.9, -0.9,  0. ,  0. ,  0. ])

    A stream of chunks:

    >>> chunks = ((X[i : i + 100], y[i : i + 100]) for i in range(0, 1000, 100))
    >>> ProxSGDRegressor(alpha=0.1, eta0=0.02, random_state=0).partial_fit(chunks).coef_.round(1)
    array([ 1.9, -0.9,  0. ,  0. ,  0. ])
    """

    __metadata_request__partial_fit = {"exposure": True}

    _parameter_constraints = {
        "loss": [StrOptions({"squared_error", "poisson"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "l2_ratio": [Interval(Real, 0, 1, closed="both"), None],
        "bounds": ["array-like", dict, None],
        "groups": [str, Integral, dict, callable, "array-like", None],
        "group_weights": [StrOptions({"sqrt_size"}), Interval(Real, 0, None, closed="left"), "array-like", dict],
        "l1_update": [StrOptions({"clipping", "cumulative", "naive"})],
        "fit_intercept": ["boolean"],
        "learning_rate": [StrOptions({"invscaling", "constant", "adaptive"})],
        "eta0": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left"), None],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "average": ["boolean", Interval(Integral, 0, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        loss: str = "squared_error",
        *,
        alpha: float = 1e-4,
        l1_ratio: float = 1.0,
        l2_ratio: float | None = None,
        bounds: Any = None,
        groups: Groups | None = None,
        group_weights: Strengths = "sqrt_size",
        l1_update: str = "clipping",
        fit_intercept: bool = True,
        learning_rate: str = "invscaling",
        eta0: float = 0.01,
        power_t: float = 0.25,
        batch_size: int = 1,
        max_iter: int = 1000,
        tol: float | None = 1e-3,
        n_iter_no_change: int = 5,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        average: bool | int = False,
        shuffle: bool = True,
        random_state: RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.loss = loss
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.l2_ratio = l2_ratio
        self.bounds = bounds
        self.groups = groups
        self.group_weights = group_weights
        self.l1_update = l1_update
        self.fit_intercept = fit_intercept
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.average = average
        self.shuffle = shuffle
        self.random_state = random_state
        self.verbose = verbose

    @name_arguments
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: MatrixLike, y: CountsLike, sample_weight: RowsLike | None = None, exposure: RowsLike | None = None
    ) -> Self:
        """Learn from the beginning, by passes over all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The covariates. C order and CSR, float64 and float32 are used as they are.
        y : array-like of shape (n_samples,)
            The target; for the Poisson loss counts, or any non-negative numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; None is 1. Rows of weight 0 are left out.
        exposure : float or array-like of shape (n_samples,), default=None
            The time, area or number at risk behind each count; None is 1. For the Poisson loss only.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        sample = self._check_rows(X, y, sample_weight, exposure, first=True)
        self.has_exposure_ = exposure is not None
        if self.loss == "poisson":
            weight = sample.weight / sample.weight.sum(dtype=np.float64)
            check_rates(sample.target[None] @ weight, sample.target.dtype)
        rng, rows, held_out = check_random_state(self.random_state), np.flatnonzero(sample.weight), None
        if self.early_stopping:
            rows, held_out = train_test_split(rows, test_size=self.validation_fraction, random_state=rng)
            held_out = sample.take(held_out)
        seen = len(rows), sample.weight[rows].sum(dtype=np.float64)
        learner = self._learner(sample, *seen)
        state = null = State.null(sample, self.loss, self.fit_intercept, self.eta0)

        best, stalled = np.inf, 0
        for n_iter in range(1, self.max_iter + 1):
            state, loss = learner.epoch(state, rng.permutation(rows) if self.shuffle else rows)
            if not np.isfinite(loss):
                break
            coef, intercept = state.answer()
            if held_out is None:
                objective = loss + learner.penalty_of(coef)
            else:
                objective = held_out.mean_loss(self.loss, coef, intercept)
            if self.verbose:
                print(f"epoch {n_iter}: objective {objective:.10g}, {np.count_nonzero(coef)} coefficients")
            improves = self.tol is None or objective < best - self.tol
            best, stalled = min(best, objective), 0 if improves else stalled + 1
            if stalled == self.n_iter_no_change:
                if self.learning_rate != "adaptive" or state.rate <= LEAST_RATE:
                    break
                state, stalled = replace(state, rate=state.rate / 5), 0

        if sample.is_far_off(self.loss, loss, *null.answer()):
            self._warn_of_divergence(sample, f"in epoch {n_iter}, and the model is left without covariates")
            state = null
        elif self.tol is not None and stalled < self.n_iter_no_change:
            warn(
                f"{type(self).__name__} still improved by more than tol={self.tol:g} within max_iter={self.max_iter} "
                "epochs. Raise max_iter, tol or eta0.",
                ConvergenceWarning,
            )
        return self._unpack(state, rng, *seen, n_iter)

    @name_arguments
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: MatrixLike | Iterable[Any],
        y: CountsLike | None = None,
        sample_weight: RowsLike | None = None,
        exposure: RowsLike | None = None,
    ) -> Self:
        """Learn from one more chunk of rows, or from a stream of chunks, by one pass.

        Goes on from where the last call, or `fit`, has come to. `max_iter`, `tol` and `early_stopping` do not
        count. Where a chunk makes learning diverge, a warning says so, and the model stays as it was before.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), or iterable
            The covariates, or an iterable (a list or a generator, say) of chunks, each a tuple ``(X, y)``,
            ``(X, y, sample_weight)`` or ``(X, y, sample_weight, exposure)``. Of a generator only one chunk need be
            in memory at a time.
        y : array-like of shape (n_samples,)
            The target; None with chunks.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; None is 1. Weights count relative to their mean over all rows so far.
        exposure : float or array-like of shape (n_samples,), default=None
            The exposure of each row; None is 1. For the Poisson loss only.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        may_be_chunks = y is None and isinstance(X, Iterable) and not hasattr(X, "shape")
        if not (may_be_chunks or isinstance(X, Iterator)):
            return self._learn_chunk(X, y, sample_weight, exposure)
        if any(each is not None for each in (y, sample_weight, exposure)):
            raise ValueError("X is an iterator of chunks: y, sample_weight and exposure go into these, as tuples.")
        n_chunks = 0
        for n_chunks, chunk in enumerate(X, 1):
            if not (isinstance(chunk, tuple) and 2 <= len(chunk) <= 4):
                raise TypeError(
                    f"X is a {type(X).__name__} without y, so that each of its chunks must be a tuple (X, y), "
                    f"(X, y, sample_weight) or (X, y, sample_weight, exposure); chunk {n_chunks} is a "
                    f"{type(chunk).__name__}" + (f" of {len(chunk)}." if isinstance(chunk, tuple) else ".")
                )
            self._learn_chunk(*chunk)
        if n_chunks == 0:
            raise ValueError(
                "X is a list or an iterator without chunks. A generator can be used only once: make a new one."
            )
        return self

    @name_arguments
    def predict(self, X: MatrixLike, exposure: RowsLike | None = None) -> np.ndarray:
        """Expected targets.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The covariates.
        exposure : float or array-like of shape (n_samples,), default=None
            The exposure of each row; None is 1, with a warning where the model was fitted with exposure. For
            the Poisson loss only.

        Returns
        -------
        ndarray of shape (n_samples,)
            intercept + X coef, and exposure * exp(intercept + X coef) for the Poisson loss.
        """
        check_is_fitted(self)
        warn_of_rates(self, exposure)
        X = check_columns(self, X, reset=False)
        eta = safe_sparse_dot(X, self.coef_) + self.intercept_
        exposure = self._check_exposure(exposure, X)
        return eta if self.loss == "squared_error" else exposure * np.exp(eta)

    @name_arguments
    def score(
        self, X: MatrixLike, y: CountsLike, sample_weight: RowsLike | None = None, exposure: RowsLike | None = None
    ) -> float:
        """Share of the loss of the null model that the model explains: R², or D² of the Poisson deviance.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The covariates.
        y : array-like of shape (n_samples,)
            The target.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; None is 1.
        exposure : float or array-like of shape (n_samples,), default=None
            The exposure of each row; None is 1, and an error where the model was fitted with exposure. For the
            Poisson loss only.

        Returns
        -------
        float
            The score: at best 1, 0 for a model that knows the mean (mean rate) of these rows. It equals
            `sklearn.metrics.r2_score`, and for the Poisson loss the score of `PoissonGLMRegressor`.
        """
        need_exposure(self, exposure, "score")
        means = self.predict(X, exposure)
        if self.loss == "squared_error":
            return float(r2_score(y, means, sample_weight=sample_weight))
        return cohen_r2(y, means, sample_weight=sample_weight, exposure=exposure)

    def split_coef(self) -> dict[Hashable, np.ndarray]:
        """The coefficients of each group; only with `groups`.

        Returns
        -------
        dict
            Name of a group to an array of shape (size,).
        """
        check_is_fitted(self)
        if not hasattr(self, "groups_"):
            raise ValueError("split_coef needs groups, and this model was fitted without: set the parameter groups.")
        return {group: self.coef_[columns] for group, columns in self.groups_.items()}

    def _check_rows(self, X, y, sample_weight, exposure, first):
        """A sample, and on the first one the groups of its columns and what their norms weigh."""
        labels = labels_of(X)
        dtype = FLOATS if first else self.coef_.dtype
        X, y = check_columns(self, X, y, reset=first, accept_sparse="csr", order="C", dtype=dtype, y_numeric=True)
        if self.loss == "poisson":
            target = check_counts(y, X.dtype)[0]
        else:
            target = check_array(y, ensure_2d=False, dtype=X.dtype, input_name="y")
        weight, exposure = check_weight(sample_weight, X), self._check_exposure(exposure, X)
        if weight.max() > np.finfo(weight.dtype).max / len(weight):
            raise ValueError("sample_weight adds up to infinity. Scale it down: only ratios of weights matter.")
        if first:
            self._find_penalty(labels, X.dtype.type)
        return Sample(X, target, weight, np.log(exposure))

    def _check_exposure(self, exposure, X):
        if exposure is not None and self.loss != "poisson":
            raise ValueError(f"exposure is for loss='poisson'; got it with loss={self.loss!r}. Leave it out.")
        return check_exposure(exposure, X)

    def _find_penalty(self, labels, dtype):
        """Set groups, the weights of their norms, and bounds, which stay as they are from chunk to chunk."""
        vars(self).pop("groups_", None)
        self._norm_weights, self._bounds = 1.0, None
        if self.l2_ratio is not None or self.bounds is not None:
            self._check_update()
        elif self.groups is None and isinstance(self.group_weights, str):
            return
        if self.groups is None:
            columns = Columns.single(column_names(self), labels)
        else:
            warn_without_names(self)
            columns = find_columns(self, labels)
            self.groups_ = columns.groups
        if isinstance(self.group_weights, str):
            self._norm_weights = np.sqrt([len(group) for group in columns.groups.values()])
        else:
            self._norm_weights = per_group("group_weights", self.group_weights, columns)[0]
            if np.isinf(self._norm_weights).any():
                raise ValueError("group_weights must be finite. To do without columns, leave them out of X.")
        norms, l1, ridge = self._ratios()
        if self.l2_ratio is not None:
            check_ratios(np.array([[l1]]), np.array([[ridge]]), columns, None)
        if self.bounds is not None:
            self._bounds = bounds_by_column(self.bounds, columns, dtype)
            strengths = self.alpha * norms * self._norm_weights
            check_bounds(self._bounds, strengths[None], group_of_column(columns.groups), columns, 1)

    def _check_update(self):
        if self.l2_ratio is not None and self.groups is None:
            raise ValueError(
                "l2_ratio is for groups, beside whose norms there may be an L1 norm; without groups l1_ratio says what "
                "share is ridge. Leave it out, or give groups."
            )
        if self.l1_update == "cumulative":
            name = "bounds" if self.l2_ratio is None else "l2_ratio"
            raise ValueError(
                f"{name} does not go with l1_update='cumulative', which is a rule for norms alone. Take "
                "l1_update='clipping'."
            )

    def _ratios(self):
        """Shares of the norms, of an L1 norm beside those of groups, and of the squares."""
        if self.l2_ratio is None:
            return self.l1_ratio, 0.0, 1 - self.l1_ratio
        norms = 1 - (self.l1_ratio + self.l2_ratio)
        return (0.0 if norms < ROUNDING else norms), self.l1_ratio, self.l2_ratio

    def _learner(self, sample, n_rows, weight):
        """The problem, with weights relative to the mean of those seen."""
        # numba takes as long to import as all else: not before there is something to learn
        from skprox.stochastic.learner import Learner

        norms, l1, ridge = self._ratios()
        return Learner(
            sample._replace(weight=(sample.weight * (n_rows / weight)).astype(sample.weight.dtype)),
            loss=self.loss,
            strength=self.alpha * norms * self._norm_weights,
            ridge=self.alpha * ridge,
            l1=self.alpha * l1,
            bounds=self._bounds,
            groups=list(self.groups_.values()) if hasattr(self, "groups_") else None,
            update=self.l1_update,
            power_t=self.power_t if self.learning_rate == "invscaling" else 0,
            batch_size=self.batch_size,
            average=self.average,
            fit_intercept=self.fit_intercept,
        )

    def _learn_chunk(self, X, y, sample_weight=None, exposure=None):
        first = not hasattr(self, "_state")
        sample = self._check_rows(X, y, sample_weight, exposure, first)
        self.has_exposure_ = exposure is not None or (not first and self.has_exposure_)
        null = State.null(sample, self.loss, self.fit_intercept, self.eta0)
        if first:
            state = null
            rng, n_rows, weight = check_random_state(self.random_state), 0, 0.0
        else:
            state, rng, n_rows, weight = self._state
            if self.learning_rate != "adaptive":
                state = replace(state, rate=self.eta0)
        rows = np.flatnonzero(sample.weight)
        n_rows, weight = n_rows + len(rows), weight + sample.weight.sum(dtype=np.float64)
        learner = self._learner(sample, n_rows, weight)
        after, loss = learner.epoch(state, rng.permutation(rows) if self.shuffle else rows)
        # where what is to be learnt has changed, the model before is far off as well, and learns it
        if not np.isfinite(loss) or all(sample.is_far_off(self.loss, loss, *model.answer()) for model in (null, state)):
            self._warn_of_divergence(sample, "in this chunk, and the model is left as it was before")
        else:
            state = after
        return self._unpack(state, rng, n_rows, weight, n_iter=1)

    def _unpack(self, state, rng, n_rows, weight, n_iter):
        """Set the fitted attributes, and keep what `partial_fit` goes on from."""
        self._state = state, rng, n_rows, weight
        self.coef_, self.intercept_ = state.answer()
        if self._bounds is not None:  # averages round
            self.coef_ = np.clip(self.coef_, *self._bounds.T.astype(self.coef_.dtype))
        self.n_iter_, self.t_ = n_iter, state.n_steps
        return self

    def _warn_of_divergence(self, sample, outcome):
        warn(
            f"{type(self).__name__} diverged {outcome}. Lower eta0={self.eta0:g} (no row alone makes learning diverge "
            f"at a rate of {sample.safe_rate(self.loss, self.fit_intercept):.1g}), or bring the columns of X to like "
            "scales, with StandardScaler say.",
            ConvergenceWarning,
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
