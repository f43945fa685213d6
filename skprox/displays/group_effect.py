"""The effect of one covariate, on its own scale."""

import warnings
from numbers import Integral, Real

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.utils import check_scalar
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._plotting import _validate_style_kwargs
from sklearn.utils.validation import check_is_fitted

from skprox.columns import Columns, labels_of, listing
from skprox.displays._shared import COLORS, literal, open_axes, shorten, split_pipeline, take_output

FEW = 10  # distinct numbers are drawn as points, up to that many
MOST_MARKERS = 40  # that stand apart
MOST_TICKS = 25  # of categories
MOST_MARKS = 500  # of the rug


class GroupEffectDisplay:
    """What one covariate does to the rate, whatever columns a pipeline makes of it.

    Shown is exp(f(x) - r) against x, on the covariate's own scale: f is the model's log rate where the
    covariate is x and all others are held at one row, and r is its mean over the rows of X, or its value at
    `reference`. 2 is twice the rate, 1 the rate at the reference. Where the covariate has columns of its
    own, splines or one-hot columns say, the row at which the others are held makes no difference. Where the
    pipeline multiplies it with others, the effect is the one at that row.

    A numeric covariate is a line, with a rug of the data below, and points where it has 10 distinct values
    or fewer. Categories are points: in their own order if they are an ordered pandas Categorical, otherwise
    by effect.

    Make one with `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    values : array-like of shape (n_values,)
        Values of the covariate.
    effects : ndarray of shape (n_values,)
        The effect at each.
    feature : str
        Name of the covariate.
    reference : object, default=None
        The value whose effect is 1; None is the mean of log effects over rows.
    observed : ndarray, default=None
        Values for the rug: quantiles of the data. None for categories.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The effect.
    rug_ : matplotlib Line2D or None
        The rug.
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    sklearn.inspection.PartialDependenceDisplay : For models of any form: averages of predictions.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import SplineTransformer
    >>> from skprox import GroupEffectDisplay, GroupLassoPoisson, make_grouped_column_transformer
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.uniform(size=(500, 2)), columns=["position", "speed"])
    >>> y = rng.poisson(np.exp(1 + np.sin(6 * X["position"])))
    >>> splines = make_grouped_column_transformer((SplineTransformer(include_bias=False), ["position", "speed"]))
    >>> model = make_pipeline(splines, GroupLassoPoisson(alpha=0.05)).fit(X, y)
    >>> display = GroupEffectDisplay.from_estimator(model, X, "position")
    >>> display.effects.shape
    (100,)
    """

    def __init__(self, *, values, effects, feature, reference=None, observed=None):
        self.values = values
        self.effects = effects
        self.feature = feature
        self.reference = reference
        self.observed = observed

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        feature,
        *,
        reference=None,
        at=None,
        grid_resolution=100,
        output=None,
        ax=None,
        line_kwargs=None,
    ):
        """Evaluate the effect of a covariate and draw it.

        Parameters
        ----------
        estimator : estimator
            A fitted pipeline that ends with one of skprox's estimators, or any fitted estimator whose
            predictions are exp of a linear predictor. What it predicts for a row must depend on that row
            alone, which it does not behind a `LagTransformer`.
        X : {array-like, DataFrame} of shape (n_samples, n_features)
            Rows as the estimator takes them, such as those of the fit. They say which values occur, how
            often, and which are typical.
        feature : str or int
            Name of the covariate, or the number of its column.
        reference : object, default=None
            A value of the covariate whose effect is 1. None makes the mean of log effects over the rows of
            X zero: 1 is then their geometric mean.
        at : dict, default=None
            Values at which to hold other covariates, by name (or number). Those that it doesn't give are held
            at the median, or where they are not numbers at the most frequent value. Only matters where the
            pipeline multiplies covariates.
        grid_resolution : int, default=100
            The most values that a numeric covariate is shown at one by one: all that occur. Where there are
            more, it is shown at so many on an even grid.
        output : str or int, default=None
            Which output of a 2-D target to show: its name, or its number.
        ax, line_kwargs
            As in `plot`.

        Returns
        -------
        GroupEffectDisplay
            The display.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        check_scalar(grid_resolution, "grid_resolution", Integral, min_val=2)
        check_is_fitted(estimator)
        if issparse(X):
            raise TypeError("X must be dense, with the covariates as they are before the transformers; got sparse.")
        frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X), columns=getattr(X, "columns", None))
        frame = frame.infer_objects()
        column = _find(frame, feature, "feature")
        held = {_find(frame, name, "at"): value for name, value in (at or {}).items()}
        if column in held:
            raise ValueError(f"at holds {column!r}, the feature to show; give others only.")
        numeric = _is_numeric(frame[column])
        codes, values = frame[column].factorize(sort=numeric)  # of missing values -1
        if len(values) == 0:
            raise ValueError(f"{column!r} has no values in X.")
        if numeric and reference is not None:
            check_scalar(reference, "reference", Real)
        elif reference is not None and reference not in values:
            raise ValueError(f"reference={reference!r} is no value of {column!r}, which has {listing(values)}.")

        # at all values that occur for their mean, on a grid to be drawn, and at the reference
        even = numeric and len(values) > grid_resolution
        grid = pd.Index(np.linspace(values[0], values[-1], grid_resolution)) if even else values[:0]
        last = values[:0] if reference is None else pd.Index([reference]) if numeric else values[values == reference]
        asked = values.append([grid, last])
        rows = pd.DataFrame(
            {name: asked if name == column else _hold(frame[name], held.get(name), len(asked)) for name in frame}
        )
        given = rows if hasattr(X, "columns") else rows.to_numpy()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "This .* was fitted with exposure; without it, predict gives rates")
            answers = [estimator.predict(given), estimator.predict(given[::-1])[::-1]]
        names = getattr(split_pipeline(estimator)[1], "output_names_", None)
        rates, others = (take_output(np.asarray(r, dtype=np.float64), output, names, axis=1, ndim=1) for r in answers)
        if not (np.isfinite(rates) & (rates > 0)).all():
            raise ValueError(f"The estimator predicts rates that are not positive and finite at values of {column!r}.")
        if not np.allclose(rates, others, rtol=1e-3, atol=0):
            raise ValueError(
                f"The rate at a value of {column!r} depends on other rows, as behind a LagTransformer: it has no "
                "effect alone. Look at the coefficients of the lags instead: split_coef() of the last step."
            )
        log_rates, counts = np.log(rates), np.bincount(codes[codes >= 0])
        centre = np.average(log_rates[: len(values)], weights=counts) if reference is None else log_rates[-1]
        shown = slice(len(values), len(values) + len(grid)) if even else slice(len(values))
        values, effects = asked[shown], np.exp(log_rates[shown] - centre)
        if not numeric:
            ordered = isinstance(values, pd.CategoricalIndex) and values.ordered
            order = np.argsort(values.codes if ordered else effects, kind="stable")
            values, effects = values[order], effects[order]
        display = cls(
            values=values.to_numpy(),
            effects=effects,
            feature=str(column),
            reference=reference,
            observed=_quantiles(frame[column]) if numeric else None,
        )
        return display.plot(ax, line_kwargs=line_kwargs)

    def plot(self, ax=None, *, line_kwargs=None):
        """Draw the effect.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.
        line_kwargs : dict, default=None
            Passed on to matplotlib's `plot` for the effect.

        Returns
        -------
        GroupEffectDisplay
            Itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        n_values, categories = len(self.values), self.observed is None
        ax = open_axes(ax)
        points = categories or n_values <= FEW
        large, small = "o." if points else (".", "")
        marker = large if n_values <= MOST_MARKERS else small
        style = {"color": COLORS[0], "linestyle": "" if points else "-", "marker": marker}
        style = _validate_style_kwargs(style, line_kwargs or {})
        places = np.arange(n_values) if categories else self.values
        ax.axhline(1, color="0.4", linewidth=0.8, linestyle=":", zorder=1)
        (self.line_,) = ax.plot(places, self.effects, **style)
        self.rug_, label = None, literal(self.feature)
        if categories:
            ticks = np.unique(np.linspace(0, n_values - 1, min(n_values, MOST_TICKS)).astype(int))
            names = [shorten(self.values[k], 24) for k in ticks]
            ax.set_xticks(ticks, names)
            letters = ax.get_window_extent().width / ax.figure.dpi * 72 / (0.5 * plt.rcParams["font.size"])
            if len(names) * (max(map(len, names)) + 0.5) > letters:
                ax.tick_params("x", rotation=90)
            ax.set_xlim(-0.5, n_values - 0.5)
            if len(ticks) < n_values:
                label += f" ({len(ticks)} of {n_values} are named)"
        else:
            below = ax.get_xaxis_transform()
            (self.rug_,) = ax.plot(
                self.observed, np.full(len(self.observed), 0.015), "|", color="0.3", alpha=0.3, transform=below
            )
            if points and np.diff(self.values, append=np.inf).min() > np.ptp(self.values) / (2 * FEW):
                ax.set_xticks(self.values)
        ax.set_xlabel(label)
        what = "geometric mean" if self.reference is None else literal(f"{self.feature} {self.reference}")
        ax.set_ylabel(f"effect on the rate\n(1 = {what})")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _find(frame, name, argument):
    """The column called so, or of that number."""
    position = Columns(list(frame.columns), {}, labels_of(frame)).position(name)
    if position is not None:
        return frame.columns[position]
    raise ValueError(f"{argument} names {name!r}, but the columns of X are {listing(frame.columns)}.")


def _is_numeric(series):
    return pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series)


def _hold(series, value, n):
    """A column that has one value throughout: that given, or else one that is typical and occurs."""
    if value is not None and _is_numeric(series):
        return np.full(n, value)
    if value is not None:
        where = np.flatnonzero(series == value)
        if len(where) == 0:
            raise ValueError(f"at[{series.name!r}]={value!r} is no value of it; it has {listing(series.unique())}.")
        where = where[0]
    elif _is_numeric(series):
        numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
        where = np.argsort(numbers)[(series.count() - 1) // 2]  # missing values come last
    else:
        codes, _ = series.factorize(use_na_sentinel=False)
        where = np.argmax(codes == np.bincount(codes).argmax())
    return series.array.take(np.full(n, where))


def _quantiles(series):
    data = np.sort(series.dropna().to_numpy(dtype=np.float64))
    return data[np.linspace(0, len(data) - 1, min(len(data), MOST_MARKS)).astype(int)]
