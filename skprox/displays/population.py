"""Which groups matter to which outputs."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skprox._compat import _validate_style_kwargs, check_matplotlib_support
from skprox.displays._shared import COLORS, MUTED, check_choice, open_axes, shorten, split_pipeline
from skprox.groups import group_norms
from skprox.latent import model_apart
from skprox.outputs import output_titles

KINDS = "norm", "selection"
MOST_TICKS = 40  # names along each side


class PopulationDisplay:
    """Which groups matter to which outputs of a fitted model: a heat map with a row per output, a column per group.

    Colours are the Euclidean norms of the coefficients of each group, or say just whether the group is selected (has a
    coefficient other than 0). Grey is not selected. Along the top stands how many outputs select each group.

    Norms depend on the scales of columns, and say nothing of how well an output is predicted.

    Make one with `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    norms : ndarray of shape (n_outputs, n_groups)
        Norm of each group's coefficients, for each output.
    outputs : list
        Names of the outputs, or their numbers.
    groups : list
        Names of the groups.

    Attributes
    ----------
    im_ : matplotlib AxesImage
        The heat map.
    counts_axis_ : matplotlib SecondaryAxis
        The axis of numbers of outputs.
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    GroupImportanceDisplay : The groups of one output.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skprox import GroupLassoPoisson, PopulationDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(500, 3)), columns=["speed", "position", "time"])
    >>> y = pd.DataFrame(rng.poisson(np.exp(0.5 * X[["speed", "position"]])), columns=["n1", "n2"])
    >>> model = GroupLassoPoisson(alpha=0.1).fit(X, y)
    >>> display = PopulationDisplay.from_estimator(model, kind="selection")
    >>> display.outputs, display.groups
    (['n1', 'n2'], ['speed', 'position', 'time'])
    >>> display.norms > 0
    array([[ True, False, False],
           [False,  True, False]])
    """

    def __init__(self, *, norms, outputs, groups):
        self.norms = norms
        self.outputs = outputs
        self.groups = groups

    @classmethod
    def from_estimator(cls, estimator, *, kind="norm", ax=None, im_kwargs=None):
        """Draw the groups of all outputs of a fitted model.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator of skprox, or a pipeline that ends with one.
        kind, ax, im_kwargs
            As in `plot`.

        Returns
        -------
        PopulationDisplay
            The display.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        check_choice("kind", kind, KINDS)
        check_is_fitted(estimator)
        _, model = split_pipeline(estimator)
        if not hasattr(model, "groups_"):
            raise TypeError(
                f"{type(model).__name__} has no groups_; give an estimator of skprox, or a pipeline with one."
            )
        coefs, groups = model_apart(model)
        norms = group_norms(np.atleast_2d(coefs).astype(np.float64), groups)
        display = cls(norms=norms, outputs=list(output_titles(model)), groups=list(model.groups_))
        return display.plot(ax, kind=kind, im_kwargs=im_kwargs)

    def plot(self, ax=None, *, kind="norm", im_kwargs=None):
        """Draw the heat map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure, as large as the names need.
        kind : {"norm", "selection"}, default="norm"
            Euclidean norms, or whether groups are selected.
        im_kwargs : dict, default=None
            Passed on to matplotlib's `imshow`.

        Returns
        -------
        PopulationDisplay
            Itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        check_choice("kind", kind, KINDS)
        from matplotlib import colormaps
        from matplotlib.colors import ListedColormap

        norms = np.asarray(self.norms)
        n_outputs, n_groups = norms.shape
        width, height = 2.6 + 0.25 * min(n_groups, MOST_TICKS), 2.2 + 0.2 * min(n_outputs, MOST_TICKS)
        ax = open_axes(ax, figsize=(max(width, 4.8), max(height, 3.4)))
        colors = colormaps["viridis"] if kind == "norm" else ListedColormap([COLORS[0]])
        style = {"cmap": colors.with_extremes(bad=MUTED), "aspect": "auto", "interpolation": "nearest"}
        style |= {"vmin": 0, "vmax": norms.max() or 1.0} if kind == "norm" else {}
        style = _validate_style_kwargs(style, im_kwargs or {})
        self.im_ = ax.imshow(np.ma.masked_equal(norms if kind == "norm" else norms > 0, 0), **style)
        if kind == "norm":
            label = "norm of the coefficients\n(grey: not selected)"
            ax.figure.colorbar(self.im_, ax=ax, label=label)
        ax.set_yticks(*_ticks(self.outputs))
        ax.set_ylabel("output")
        places, names = _ticks(self.groups)
        ax.set_xticks(places, names, rotation=90 if max(map(len, names)) * len(names) > 40 else 0)
        ax.set_xlabel("group" if kind == "norm" else "group (grey: not selected)")
        self.counts_axis_ = ax.secondary_xaxis("top")
        self.counts_axis_.set_xticks(places, [str(n) for n in np.count_nonzero(norms, axis=0)[places]])
        self.counts_axis_.set_xlabel("number of outputs that select the group")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _ticks(names):
    """Places and names, evenly spaced where there are too many for all."""
    places = np.unique(np.linspace(0, len(names) - 1, min(len(names), MOST_TICKS)).astype(int))
    return places, [shorten(names[k], 24) for k in places]
