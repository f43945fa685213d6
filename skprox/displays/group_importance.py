"""How much each group matters."""

from collections.abc import Iterable
from numbers import Integral
from typing import Any, Self

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp
from sklearn.utils import check_consistent_length, check_scalar
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted

from skprox._compat import _validate_style_kwargs, check_matplotlib_support
from skprox._typing import CountsLike, MatrixLike, Options, RowsLike
from skprox.base import name_arguments
from skprox.columns import check_columns
from skprox.displays._shared import COLORS, check_choice, name_deviance, open_axes, shorten, split_pipeline, take_output
from skprox.groups import group_norms
from skprox.latent import model_apart
from skprox.metrics import mean_deviance
from skprox.outputs import check_outputs, find_output
from skprox.validation import check_counts, check_exposure, check_rates, check_weight, need_exposure, refuse_dask

KINDS = "norm", "deviance"


class GroupImportanceDisplay:
    """How much each group matters to a fitted model: a bar a group, the largest on top.

    Either the Euclidean norm of the group's coefficients, which depends on the scales of its columns; or what
    the model loses without it: the rise in mean deviance over given rows when the coefficients of the
    group are set to zero, with the others as they are: Poisson deviance, or negative binomial where the model has an
    `overdispersion_`. The intercept is set to its best value for these rows,
    with and without the group (if the model has one)::

        exp(b) = sum_i w_i y_i / sum_i w_i exposure_i exp(x_i.beta)

    which is the formula for Poisson counts.

    A model fitted anew without the group would lose less: other groups would stand in for it.

    Make one with `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    importances : ndarray of shape (n_groups,)
        Norm or rise in deviance of each group.
    groups : list
        Names of the groups.
    kind : {"norm", "deviance"}
        What `importances` are.
    overdispersion : float, default=0.0
        That of the model: 0 is Poisson, and other deviances are called negative binomial.

    Attributes
    ----------
    bar_ : matplotlib BarContainer
        The bars, the largest first.
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    PopulationDisplay : The groups of all outputs of a 2-D target.
    sklearn.inspection.permutation_importance : For models of any form, by input feature.

    Examples
    --------
    >>> import numpy as np
    >>> from skprox import GroupImportanceDisplay, GroupLassoPoisson
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 6))
    >>> y = rng.poisson(np.exp(0.5 + X[:, :2] @ [0.4, -0.2]))
    >>> model = GroupLassoPoisson(alpha=0.05, groups=["a", "a", "b", "b", "c", "c"]).fit(X, y)
    >>> display = GroupImportanceDisplay.from_estimator(model, X, y, kind="deviance")
    >>> dict(zip(display.groups, display.importances.round(2).tolist()))
    {'a': 0.28, 'b': 0.0, 'c': 0.01}
    """

    def __init__(
        self, *, importances: np.ndarray, groups: Iterable[Any], kind: str, overdispersion: float = 0.0
    ) -> None:
        self.importances = importances
        self.groups = groups
        self.kind = kind
        self.overdispersion = overdispersion

    @classmethod
    @name_arguments
    def from_estimator(
        cls,
        estimator: Any,
        X: MatrixLike | None = None,
        y: CountsLike | None = None,
        *,
        kind: str = "norm",
        sample_weight: RowsLike | None = None,
        exposure: RowsLike | None = None,
        output: Any = None,
        max_groups: int = 20,
        ax: Any = None,
        bar_kwargs: Options | None = None,
    ) -> Self:
        """Compute the importance of each group of a fitted model and draw it.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator of skprox, or a pipeline that ends with one.
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), default=None
            Rows as the estimator takes them: those of the fit, or others. Needed for ``kind="deviance"``.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Their counts. Needed for ``kind="deviance"``.
        kind : {"norm", "deviance"}, default="norm"
            Euclidean norm of the group's coefficients, or rise in mean deviance without the group.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; None is 1.
        exposure : float or array-like of shape (n_samples,), default=None
            The exposure of each row, for `kind="deviance"`; None is 1, and an error where the model was fitted
            with exposure.
        output : str or int, default=None
            Which output of a 2-D target to show: its name, or its number.
        max_groups, ax, bar_kwargs
            As in `plot`.

        Returns
        -------
        GroupImportanceDisplay
            The display.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        check_choice("kind", kind, KINDS)
        check_is_fitted(estimator)
        transformers, model = split_pipeline(estimator)
        if not hasattr(model, "groups_"):
            raise TypeError(
                f"{type(model).__name__} has no groups_; give an estimator of skprox, or a pipeline with one."
            )
        names = getattr(model, "output_names_", None)
        coef, groups = model_apart(model)
        coef = take_output(coef, output, names, axis=0, ndim=1).astype(np.float64)
        position = find_output(names, np.size(model.intercept_), output)
        overdispersion = np.ravel(getattr(model, "overdispersion_", 0.0))  # of which ProxSGDRegressor has none
        overdispersion = float(overdispersion[position % overdispersion.size])
        if kind == "norm":
            importances = group_norms(coef, groups)
        else:
            if X is None or y is None:
                raise ValueError("kind='deviance' needs X and y: the rows over which deviance is measured.")
            if getattr(model, "loss", "poisson") != "poisson":
                raise ValueError(f"kind='deviance' is for models of counts; {model} has loss={model.loss!r}.")
            need_exposure(model, exposure, "kind='deviance'")
            refuse_dask("kind='deviance'", X, y, sample_weight, exposure)
            X = X if transformers is None else transformers.transform(X)
            check_outputs(model, y)
            terms = [coef[group] for group in groups.values()]
            importances = _rises_in_deviance(model, terms, X, y, sample_weight, exposure, position, overdispersion)
        display = cls(importances=importances, groups=list(model.groups_), kind=kind, overdispersion=overdispersion)
        return display.plot(ax, max_groups=max_groups, bar_kwargs=bar_kwargs)

    def plot(self, ax: Any = None, *, max_groups: int = 20, bar_kwargs: Options | None = None) -> Self:
        """Draw the bars.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure, as high as the bars need.
        max_groups : int, default=20
            How many groups to show, the largest. A line below says how many are left out.
        bar_kwargs : dict, default=None
            Passed on to matplotlib's `barh`.

        Returns
        -------
        GroupImportanceDisplay
            Itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        check_scalar(max_groups, "max_groups", Integral, min_val=1)
        importances = np.asarray(self.importances)
        ranking = np.argsort(-importances, kind="stable")
        shown, others = ranking[:max_groups], importances[ranking[max_groups:]]
        ax = open_axes(ax, figsize=(6.4, 1.4 + 0.26 * len(shown)))
        style = _validate_style_kwargs({"color": COLORS[0]}, bar_kwargs or {})
        self.bar_ = ax.barh(np.arange(len(shown)), importances[shown], **style)
        ax.bar_label(self.bar_, fmt="%.3g", padding=3, fontsize="small")
        ax.margins(x=0.2)
        ax.set_yticks(np.arange(len(shown)), [shorten(self.groups[g]) for g in shown])
        ax.set_ylim(len(shown) - 0.4, -0.6)
        ax.axvline(0, color="0.4", linewidth=0.8)
        if self.kind == "norm":
            label = "Euclidean norm of the group's coefficients"
        else:
            label = f"rise in mean {name_deviance(self.overdispersion)} without the group"
        if len(others):
            label += f"\n({len(others)} more: at most {others[0]:.3g}, {(others == 0).sum()} of them 0)"
        ax.set_xlabel(label)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _rises_in_deviance(model, terms, X, y, sample_weight, exposure, output, omega):
    """`terms` are the coefficients of each group."""
    X = check_columns(model, X, reset=False, dtype=np.float64)
    counts = check_counts(y, np.float64)
    check_consistent_length(X, counts.T)
    if len(counts) != np.size(model.intercept_):
        raise ValueError(f"y has shape {np.shape(y)}, but the model has {np.size(model.intercept_)} outputs.")
    counts = counts[output]
    weight, log_exposure = check_weight(sample_weight, X), np.log(check_exposure(exposure, X))
    check_rates(counts[None] @ weight, counts.dtype)

    def deviance(eta):
        eta = eta + log_exposure
        if model.fit_intercept:
            eta += _best_intercept(counts, eta, weight, omega)
        return mean_deviance(counts[:, None], np.exp(eta)[:, None], weight, omega)[0]

    eta = safe_sparse_dot(X, np.atleast_2d(model.coef_)[output].astype(np.float64))
    whole = deviance(eta)
    rises = np.zeros(len(terms))
    for g, (columns, term) in enumerate(zip(model.groups_.values(), terms, strict=True)):
        if term.any():
            rises[g] = deviance(eta - safe_sparse_dot(X[:, columns], term)) - whole
    return rises


def _best_intercept(counts, eta, weight, omega):
    """What added to eta makes the counts the most likely."""
    log_total = np.log(weight @ counts)
    if omega == 0:
        return log_total - logsumexp(eta, b=weight)

    def slope(intercept):
        small = np.exp(-np.clip(eta + intercept, -700, 700))
        return weight @ ((1 - counts * small) / (small + omega))

    # the weighted sum of (1 + omega y) mu / (1 + omega mu) is to be that of the counts, and mu is never less than that
    low = log_total - logsumexp(eta, b=weight * (1 + omega * counts))
    high = low + 1
    while slope(high) < 0:
        high += high - low
    return brentq(slope, low - 1e-9, high)
