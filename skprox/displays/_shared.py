"""What the displays share: axes, colours, labels, and the way into pipelines."""

import numpy as np
from sklearn.isotonic import isotonic_regression
from sklearn.pipeline import Pipeline

from skprox.cv import GroupLassoPoissonCV, PoissonGLMRegressorCV
from skprox.latent import apart
from skprox.outputs import find_output

# Okabe and Ito (2008), told apart in all common forms of colour blindness, without the yellow, too pale on white
COLORS = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"
MUTED = "0.8"


def open_axes(ax, figsize=None):
    """`ax`, or the axes of a new figure that makes room for labels."""
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=figsize, layout="constrained")[1] if ax is None else ax


def strength_axis(ax, margin=0.0):
    """Strengths on a log scale, the strongest at the left, so that groups enter from left to right.

    What is marked at an end of them needs a `margin`, or the frame would hide it.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.set_xscale("log")
    ax.margins(x=margin)
    least, most = sorted(ax.get_xlim())
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if most < 300 * least else (1,)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())
    if not ax.xaxis_inverted():
        ax.invert_xaxis()
    ax.set_xlabel("strength alpha (log scale, weaker to the right)")


def label_ends(ax, x, heights, texts, colors):
    """Write each text to the right of the point (x, height) at the right edge of `ax`, none over another."""
    import matplotlib.pyplot as plt

    size = 0.85 * plt.rcParams["font.size"]
    step = 1.35 * size / 72 * ax.figure.dpi / ax.get_window_extent().height  # a line of text, as a share of the axes
    ends = (ax.transData + ax.transAxes.inverted()).transform([(x, height) for height in heights])[:, 1]
    order, steps = np.argsort(ends, kind="stable"), step * np.arange(len(ends))
    # the nearest places that are a step or more apart, inside the axes
    places = steps + isotonic_regression(ends[order] - steps, y_min=0, y_max=max(1 - steps[-1], 0))
    return [
        ax.annotate(
            texts[k],
            xy=(x, heights[k]),
            xytext=(1.03, place),
            textcoords="axes fraction",
            va="center",
            color=colors[k],
            fontsize=size,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colors[k], "linewidth": 0.7, "relpos": (0, 0.5), "shrinkB": 0},
        )
        for k, place in zip(order, places, strict=True)
    ]


def shorten(name, most=32):
    """A name that fits beside a picture: of a long one the start and the end, which tell it from its like."""
    name = str(name)
    return literal(name if len(name) <= most else f"{name[: most // 2]}…{name[1 - most // 2 :]}")


def literal(name):
    """A name as it is: matplotlib takes what stands between dollars for a formula."""
    return str(name).replace("$", r"\$")


def split_pipeline(estimator):
    """The transformers before the last step (None where there are none), and the last step."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    if not isinstance(estimator, Pipeline):
        return None, estimator
    return estimator[:-1] if len(estimator) > 1 else None, estimator[-1]


def refuse_rows(display, model, X, y):
    """An estimator that cross-validates is drawn by what it found in the rows of its fit."""
    if isinstance(model, PoissonGLMRegressorCV | GroupLassoPoissonCV) and not (X is None and y is None):
        raise TypeError(
            f"{type(model).__name__} computes its own path when it is fitted: leave X and y out, as in "
            f"{display.__name__}.from_estimator(estimator) with the fitted estimator."
        )


def chosen_ratio(estimator):
    """Where the arrays of a cross-validated estimator have the chosen `l1_ratio_`: ``...`` if there is but one."""
    if np.ndim(estimator.deviance_path_) == 2:
        return ...
    return int(np.argmin(np.abs(np.asarray(estimator.l1_ratio) - estimator.l1_ratio_)))


def followed(estimator):
    """Which strengths the chosen path of a cross-validated estimator has: all, unless a callback stopped it."""
    return np.isfinite(estimator.coef_path_).all(axis=tuple(range(1, estimator.coef_path_.ndim)))


def path_apart(estimator):
    """Coefficients along the path of a cross-validated estimator that groups share none of, and each group's."""
    return apart(estimator.coef_path_, estimator.groups_, getattr(estimator, "latent_coef_path_", None))


def take_output(array, output, names, axis, ndim):
    """What belongs to one output of an `array` that has `ndim` axes, and one more where the target is 2-D."""
    found = find_output(names, array.shape[axis] if array.ndim > ndim else 1, output)
    return array.take(found, axis=axis) if array.ndim > ndim else array


def name_deviance(overdispersion):
    return "negative binomial deviance" if np.any(overdispersion) else "Poisson deviance"


def check_choice(name, value, choices):
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}.")
