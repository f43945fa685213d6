"""Held-out deviance against strength."""

from collections.abc import Mapping
from itertools import cycle, product
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skprox._compat import _validate_style_kwargs, check_matplotlib_support
from skprox._typing import Options
from skprox.displays._shared import (
    COLORS,
    chosen_ratio,
    followed,
    name_deviance,
    open_axes,
    path_apart,
    refuse_rows,
    split_pipeline,
    strength_axis,
)
from skprox.groups import groups_in

MOST_COUNTS = 8  # numbers of groups along the top


class DevianceCurveDisplay:
    """Mean held-out deviance against the strength of the penalty, as cross-validation found it.

    A line joins the means over folds, a band around it shows one standard error (standard deviation over
    folds / sqrt(n_folds)) either way. Two strengths are marked: that of the least mean, and by the rule of
    one standard error [1]_ the largest whose mean is within one standard error of the least. The strongest
    penalty is at the left; along the top stand the numbers of groups that the models have selected. Where
    several values of `l1_ratio` were tried, grey lines are the means of those that were not chosen. Where the model
    is a relaxed one, the means are those of relaxed fits.

    Make one with `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    alphas : ndarray of shape (n_alphas,)
        The strengths, in descending order.
    deviance_path : ndarray of shape (n_alphas, n_folds)
        Mean deviance of the rows of each fold under models of the others.
    n_groups : ndarray of shape (n_alphas,)
        Number of groups selected at each strength.
    alpha : float, default=None
        The chosen strength.
    l1_ratio : float, default=None
        The chosen ratio, where there was a choice.
    others : dict, default=None
        The other ratios, each to its strengths and mean deviances.
    relaxed : bool, default=False
        Whether the deviances are those of fits without a penalty on what is selected.
    overdispersion : float or ndarray of shape (n_outputs,), default=0.0
        That of the model: 0 is Poisson, and other deviances are called negative binomial.

    Attributes
    ----------
    alpha_min_ : float
        The strength of the least mean deviance.
    alpha_1se_ : float
        The largest strength whose mean deviance is within one standard error of the least.
    line_ : matplotlib Line2D
        The mean.
    fill_between_ : matplotlib PolyCollection
        The standard error.
    alpha_lines_ : list of matplotlib Line2D
        The marks at `alpha_min_` and `alpha_1se_`.
    other_lines_ : list of matplotlib Line2D
        The means of `others`.
    groups_axis_ : matplotlib SecondaryAxis
        The axis of numbers of groups.
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    RegularizationPathDisplay : Norms of groups against strength.

    References
    ----------
    .. [1] Hastie, Tibshirani and Friedman (2009), "The Elements of Statistical Learning", section 7.10.

    Examples
    --------
    >>> import numpy as np
    >>> from skprox import DevianceCurveDisplay
    >>> deviances = np.array([[2.0, 2.2], [1.2, 1.4], [1.1, 1.3], [1.3, 1.3]])
    >>> display = DevianceCurveDisplay(
    ...     alphas=np.array([1, 0.3, 0.1, 0.03]), deviance_path=deviances, n_groups=np.array([0, 1, 2, 3])
    ... ).plot()
    >>> float(display.alpha_min_), float(display.alpha_1se_)
    (0.1, 0.3)
    """

    def __init__(
        self,
        *,
        alphas: np.ndarray,
        deviance_path: np.ndarray,
        n_groups: np.ndarray,
        alpha: float | None = None,
        l1_ratio: Any = None,
        others: Mapping[Any, Any] | None = None,
        relaxed: bool = False,
        overdispersion: float = 0.0,
    ) -> None:
        self.alphas = alphas
        self.deviance_path = deviance_path
        self.n_groups = n_groups
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.others = others
        self.relaxed = relaxed
        self.overdispersion = overdispersion

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: None = None,
        y: None = None,
        *,
        ax: Any = None,
        line_kwargs: Options | None = None,
        fill_between_kwargs: Options | None = None,
    ) -> Self:
        """Draw what cross-validation found.

        Parameters
        ----------
        estimator : estimator
            A fitted `PoissonGLMRegressorCV` or `GroupLassoPoissonCV`, or a pipeline that ends with one.
        X, y : None
            Left out: the deviances are those of the rows that the estimator was fitted to.
        ax, line_kwargs, fill_between_kwargs
            As in `plot`.

        Returns
        -------
        DevianceCurveDisplay
            The display.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        _, model = split_pipeline(estimator)
        refuse_rows(cls, model, X, y)
        check_is_fitted(estimator)
        if not hasattr(model, "deviance_path_"):
            raise TypeError(
                f"{type(model).__name__} holds no held-out deviances (deviance_path_): give a fitted "
                "PoissonGLMRegressorCV or GroupLassoPoissonCV."
            )
        ratio = chosen_ratio(model)
        relaxed = getattr(model, "relaxed_", False)
        deviances = model.relaxed_deviance_path_ if relaxed else model.deviance_path_
        alphas = np.broadcast_to(model.alphas_, deviances.shape[:-1])
        others = {}
        if ratio is not ...:
            others = {
                value: (alphas[k], deviances[k].mean(axis=1)) for k, value in enumerate(model.l1_ratio) if k != ratio
            }
        done = followed(model) & ~np.isnan(deviances[ratio]).any(axis=1)
        display = cls(
            alphas=alphas[ratio][done],
            deviance_path=deviances[ratio][done],
            n_groups=groups_in(*path_apart(model))[done].sum(axis=1),
            alpha=model.alpha_,
            l1_ratio=model.l1_ratio_ if others else None,
            others=others,
            relaxed=relaxed,
            overdispersion=getattr(model, "overdispersion_", 0.0),
        )
        return display.plot(ax, line_kwargs=line_kwargs, fill_between_kwargs=fill_between_kwargs)

    def plot(
        self, ax: Any = None, *, line_kwargs: Options | None = None, fill_between_kwargs: Options | None = None
    ) -> Self:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.
        line_kwargs : dict, default=None
            Passed on to matplotlib's `plot` for the mean.
        fill_between_kwargs : dict, default=None
            Passed on to matplotlib's `fill_between` for the standard error.

        Returns
        -------
        DevianceCurveDisplay
            Itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        alphas, deviances = np.asarray(self.alphas), np.asarray(self.deviance_path)
        mean, n_folds = deviances.mean(axis=1), deviances.shape[1]
        with np.errstate(invalid="ignore"):  # deviances may be infinite where a penalty is too weak
            error = deviances.std(axis=1, ddof=1) / np.sqrt(n_folds) if n_folds > 1 else np.zeros(len(mean))
        best = np.argmin(mean)
        simplest = np.argmax(mean <= mean[best] + error[best])
        self.alpha_min_, self.alpha_1se_ = alphas[best], alphas[simplest]

        ax = open_axes(ax)
        self.other_lines_ = []
        looks = cycle(product(("0.45", "0.7"), ("-", "--", "-.", ":")))
        for (other, curve), (grey, dash) in zip((self.others or {}).items(), looks, strict=False):
            label = f"mean, l1_ratio = {other:g}"
            self.other_lines_ += ax.plot(*curve, color=grey, linewidth=1, linestyle=dash, label=label)
        label = f"mean ± 1 SE over {n_folds} folds" + ", relaxed" * self.relaxed
        label += f", l1_ratio = {self.l1_ratio:g}" if self.others else ""
        style = _validate_style_kwargs({"color": COLORS[0], "marker": ".", "label": label}, line_kwargs or {})
        (self.line_,) = ax.plot(alphas, mean, **style)
        band = {"color": self.line_.get_color(), "alpha": 0.2, "linewidth": 0}
        band = _validate_style_kwargs(band, fill_between_kwargs or {})
        self.fill_between_ = ax.fill_between(alphas, mean - error, mean + error, **band)
        self.alpha_lines_ = []
        for what, k, dash in [("minimum", best, ":"), ("1 SE rule", simplest, "--")]:
            chosen = ", chosen" if self.alpha is not None and np.isclose(alphas[k], self.alpha, rtol=1e-9) else ""
            what_ends = "relaxed fits end" if self.relaxed else "the grid ends"
            n, end = self.n_groups[k], f", where {what_ends}" if k == len(alphas) - 1 > 0 else ""
            label = f"{what}: alpha = {alphas[k]:.3g}, {n} group{'' if n == 1 else 's'}{chosen}{end}"
            self.alpha_lines_.append(ax.axvline(alphas[k], color="0.2", linewidth=1.2, linestyle=dash, label=label))

        strength_axis(ax, margin=0.03)
        ax.set_ylabel(f"mean held-out {name_deviance(self.overdispersion)}")
        ax.legend(fontsize="small", framealpha=1)
        self.groups_axis_ = ax.secondary_xaxis("top")
        places = np.geomspace(alphas[0], alphas[-1], min(MOST_COUNTS, len(alphas)))
        near = np.unique(np.abs(np.log(alphas) - np.log(places)[:, None]).argmin(axis=1))
        self.groups_axis_.set_xticks(alphas[near], [str(n) for n in np.asarray(self.n_groups)[near]])
        self.groups_axis_.minorticks_off()
        self.groups_axis_.set_xlabel("number of selected groups")
        self.ax_, self.figure_ = ax, ax.figure
        return self
