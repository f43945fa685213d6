"""Coefficients or norms of groups against strength."""

from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_scalar

from skprox._compat import _validate_style_kwargs, check_matplotlib_support
from skprox.base import name_arguments
from skprox.displays._shared import (
    COLORS,
    MUTED,
    check_choice,
    chosen_ratio,
    followed,
    label_ends,
    open_axes,
    path_apart,
    refuse_rows,
    shorten,
    split_pipeline,
    strength_axis,
    take_output,
)
from skprox.groups import group_norms
from skprox.latent import apart
from skprox.path import regularization_path
from skprox.validation import need_exposure

KINDS = "norm", "coef"
DASHES = "-", "--", "-.", ":"


class RegularizationPathDisplay:
    """Coefficients, or norms of groups, against the strength of the penalty.

    Where groups share columns, these are the parts of the coefficients that each group has alone.

    The strongest penalty is at the left. Read from the left, groups enter as it falls; read from the
    right, they leave as it rises, the uninformative ones first. The groups that are largest at the right
    edge have a colour, and their names beside it; all others are grey.

    Make one with `from_path` or `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    alphas : ndarray of shape (n_alphas,)
        The strengths, in descending order.
    coefs : ndarray of shape (n_alphas, n_features) or (n_alphas, n_outputs, n_features)
        Coefficients at each strength.
    groups : dict
        Name of a group to the positions of its columns.
    alpha : float, default=None
        A strength to mark: the chosen one.
    output_names : array-like of shape (n_outputs,), default=None
        Names of the outputs of a 2-D target.

    Attributes
    ----------
    lines_ : list of matplotlib Line2D
        A line for each group, in the order of `groups`; for ``kind="coef"`` one for each column.
    labels_ : list of matplotlib Annotation
        The names beside the lines, the lowest first.
    alpha_line_ : matplotlib Line2D or None
        The mark at `alpha`.
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    regularization_path : Computes the models.
    DevianceCurveDisplay : Held-out deviance against strength.

    Examples
    --------
    >>> import numpy as np
    >>> from skprox import GroupLassoPoisson, RegularizationPathDisplay, regularization_path
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 6))
    >>> y = rng.poisson(np.exp(0.5 + X[:, :2] @ [0.4, -0.2]))
    >>> model = GroupLassoPoisson(groups=["a", "a", "b", "b", "c", "c"])
    >>> path = regularization_path(model, X, y)
    >>> display = RegularizationPathDisplay.from_path(path, alpha=0.05)
    >>> [label.get_text() for label in display.labels_]
    ['b', 'c', 'a']
    """

    def __init__(self, *, alphas, coefs, groups, alpha=None, output_names=None):
        self.alphas = alphas
        self.coefs = coefs
        self.groups = groups
        self.alpha = alpha
        self.output_names = output_names

    @classmethod
    def from_path(cls, path, *, alpha=None, kind="norm", output=None, max_groups=10, ax=None, line_kwargs=None):
        """Draw a path that `regularization_path` returned.

        Parameters
        ----------
        path : RegularizationPath
            The models.
        alpha : float, default=None
            A strength to mark: the chosen one.
        kind, output, max_groups, ax, line_kwargs
            As in `plot`.

        Returns
        -------
        RegularizationPathDisplay
            The display.
        """
        check_matplotlib_support(f"{cls.__name__}.from_path")
        coefs, groups = apart(path.coefs, path.groups, path.latent_coefs)
        display = cls(alphas=path.alphas, coefs=coefs, groups=groups, alpha=alpha, output_names=path.output_names)
        return display.plot(ax, kind=kind, output=output, max_groups=max_groups, line_kwargs=line_kwargs)

    @classmethod
    @name_arguments
    def from_estimator(
        cls,
        estimator,
        X=None,
        y=None,
        *,
        alphas=None,
        n_alphas=100,
        alpha_min_ratio=1e-2,
        sample_weight=None,
        exposure=None,
        alpha=None,
        kind="norm",
        output=None,
        max_groups=10,
        ax=None,
        line_kwargs=None,
    ):
        """Compute a path by `regularization_path` and draw it.

        Parameters
        ----------
        estimator : estimator
            A `PoissonGLMRegressor` or a `GroupLassoPoisson`, or a pipeline that ends with one; it need not be
            fitted and is not changed. The transformers of a pipeline are fitted to all rows. Or, without X
            and y, a fitted `PoissonGLMRegressorCV` or `GroupLassoPoissonCV` (or a pipeline that ends with
            one), whose own path is drawn, with `alpha_` marked.
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), default=None
            The covariates.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            The counts.
        alphas, n_alphas, alpha_min_ratio, sample_weight, exposure
            As in `regularization_path`.
        alpha : float, default=None
            A strength to mark: the chosen one.
        kind, output, max_groups, ax, line_kwargs
            As in `plot`.

        Returns
        -------
        RegularizationPathDisplay
            The display.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        check_choice("kind", kind, KINDS)
        style = {"kind": kind, "output": output, "max_groups": max_groups, "line_kwargs": line_kwargs}
        transformers, model = split_pipeline(estimator)
        refuse_rows(cls, model, X, y)
        if X is None:
            if not hasattr(model, "coef_path_"):
                raise ValueError(
                    f"{type(model).__name__} holds no path (coef_path_). Fit an estimator with CV in its name, or "
                    "give X and y to one without."
                )
            ratio = chosen_ratio(model)
            alphas = model.alphas_ if model.alphas_.ndim == 1 else model.alphas_[ratio]
            alpha = model.alpha_ if alpha is None else alpha
            done, (coefs, groups) = followed(model), path_apart(model)
            display = cls(
                alphas=alphas[done],
                coefs=coefs[done],
                groups=groups,
                alpha=alpha,
                output_names=getattr(model, "output_names_", None),
            )
            return display.plot(ax, **style)
        need_exposure(model, exposure, "its path")
        if transformers is not None:
            X = clone(transformers).fit_transform(X, y)
        path = regularization_path(
            model,
            X,
            y,
            alphas=alphas,
            n_alphas=n_alphas,
            alpha_min_ratio=alpha_min_ratio,
            sample_weight=sample_weight,
            exposure=exposure,
        )
        return cls.from_path(path, alpha=alpha, ax=ax, **style)

    def plot(self, ax=None, *, kind="norm", output=None, max_groups=10, line_kwargs=None):
        """Draw the path.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure. Names stand to the right of the axes: in a figure of
            your own leave room, by ``layout="constrained"`` for example.
        kind : {"norm", "coef"}, default="norm"
            Euclidean norms of the coefficients of groups, or the coefficients, those of a group in one
            colour, with its name beside the largest.
        output : str or int, default=None
            Which output of a 2-D target to draw: its name, or its number.
        max_groups : int, default=10
            How many groups have a colour and a name: those that are largest at the weakest strength.
        line_kwargs : dict, default=None
            Passed on to matplotlib's `plot` for the lines that have a colour.

        Returns
        -------
        RegularizationPathDisplay
            Itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        check_choice("kind", kind, KINDS)
        check_scalar(max_groups, "max_groups", Integral, min_val=1)
        coefs = take_output(np.asarray(self.coefs), output, self.output_names, axis=1, ndim=2)
        columns = list(self.groups.values())
        norms = group_norms(coefs, self.groups)
        curves = coefs if kind == "coef" else norms
        members = columns if kind == "coef" else np.arange(len(columns))[:, None]
        size = np.array([np.abs(curves[-1, group]).max() for group in members])
        # of equals, such as groups that are 0 at the end, those that were larger on the way
        ranking = np.lexsort([-norms.max(axis=0), -size])
        named, others = ranking[:max_groups], ranking[max_groups:]

        n_names = len(named) + (len(others) > 0)
        ax = open_axes(ax, figsize=(6.4, max(4.8, 1 + 0.17 * n_names)))
        lines = [None] * curves.shape[1]

        def draw(groups, style):
            for g, own in zip(groups, style, strict=True):
                for j in members[g]:
                    (lines[j],) = ax.plot(self.alphas, curves[:, j], **own)

        draw(others, [{"color": MUTED, "linewidth": 0.8, "zorder": 1}] * len(others))
        colors = [COLORS[k % len(COLORS)] for k in range(len(named))]
        dashes = [DASHES[k // len(COLORS) % len(DASHES)] for k in range(len(named))]
        marker = "" if len(self.alphas) > 1 else "o"
        defaults = [{"color": c, "linestyle": d, "marker": marker} for c, d in zip(colors, dashes, strict=True)]
        draw(named, [_validate_style_kwargs(own, line_kwargs or {}) for own in defaults])
        self.lines_ = lines

        strength_axis(ax, margin=0.0 if self.alpha is None or self.alphas[-1] < self.alpha < self.alphas[0] else 0.03)
        if kind == "norm":
            ax.set_ylim(bottom=0)
            ax.set_ylabel("Euclidean norm of a group's coefficients")
        else:
            ax.axhline(0, color="0.4", linewidth=0.8, zorder=0)
            ax.set_ylabel("coefficient (log rate for a unit of its column)")
        self.alpha_line_ = None
        if self.alpha is not None:
            label = f"alpha = {self.alpha:.3g}"
            self.alpha_line_ = ax.axvline(self.alpha, color="0.3", linewidth=1, linestyle=":", label=label)
            ax.legend(handles=[self.alpha_line_], loc="upper left", fontsize="small")

        ends = [members[g][np.argmax(np.abs(curves[-1, members[g]]))] for g in named]
        names = list(self.groups)
        heights, texts = [curves[-1, j] for j in ends], [shorten(names[g]) for g in named]
        colors = [lines[j].get_color() for j in ends]
        if len(others):
            heights.append(np.median(np.concatenate([curves[-1, members[g]] for g in others])))
            texts.append(f"{len(others)} other{'s' * (len(others) > 1)}")
            colors.append("0.5")
        self.labels_ = label_ends(ax, self.alphas[-1], heights, texts, colors)
        self.ax_, self.figure_ = ax, ax.figure
        return self
