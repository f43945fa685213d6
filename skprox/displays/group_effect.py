"""The effect of one covariate, on its own scale."""

import warnings
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats
from scipy.sparse import issparse
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from skprox._compat import _validate_style_kwargs, check_matplotlib_support
from skprox._typing import MatrixLike, Options
from skprox.columns import Columns, column_names, labels_of, listing
from skprox.displays._shared import COLORS, literal, open_axes, shorten, split_pipeline, take_output
from skprox.inference import InferenceMixin
from skprox.validation import refuse_dask

FEW = 10  # distinct numbers are drawn as points, up to that many
MOST_MARKERS = 40  # that stand apart
MOST_TICKS = 25  # of categories
MOST_MARKS = 500  # of the rug


class GroupEffectDisplay:
    """What one covariate does to the rate, whatever columns a pipeline makes of it.

    Shown is exp(f(x) - r) against x, on the covariate's own scale: f is the model's log rate where the
    covariate is x and all others are held at one row, and r is its mean over the rows of X, or its value at
    `reference`. These are rate ratios: 2 is twice the rate at the reference. Where the covariate has columns of its
    own, splines or one-hot columns say, the row at which the others are held makes no difference. Where the
    pipeline multiplies it with others, the effect is the one at that row.

    A numeric covariate is a line, with a rug of the data below, and points where it has 10 distinct values
    or fewer. Categories are points: in their own order if they are an ordered pandas Categorical, otherwise
    by effect. Given the covariance of the coefficients, there is an interval at each value.

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
    intervals : ndarray of shape (2, n_values), default=None
        The lower and the upper end of an interval of each effect.
    level : float, default=None
        Share of samples in which such an interval covers the effect.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The effect.
    band_ : matplotlib PolyCollection or LineCollection, or None
        The intervals: a band along a line, a line through each point.
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

    A model without an L1 penalty has intervals:

    >>> model = make_pipeline(splines, GroupLassoPoisson(alpha=0)).fit(X, y)
    >>> covariance = model[-1].covariance(model[:-1].transform(X), y, kind="quasi")
    >>> display = GroupEffectDisplay.from_estimator(model, X, "position", reference=0.5, covariance=covariance)
    >>> list(display.to_frame())
    ['rate_ratio', 'rate_ratio_low', 'rate_ratio_high']
    """

    def __init__(
        self,
        *,
        values: np.ndarray,
        effects: np.ndarray,
        feature: Any,
        reference: Any = None,
        observed: np.ndarray | None = None,
        intervals: np.ndarray | None = None,
        level: float | None = None,
    ) -> None:
        self.values = values
        self.effects = effects
        self.feature = feature
        self.reference = reference
        self.observed = observed
        self.intervals = intervals
        self.level = level

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: MatrixLike,
        feature: Any,
        *,
        reference: Any = None,
        at: Mapping[Any, Any] | None = None,
        grid_resolution: int = 100,
        output: Any = None,
        covariance: ArrayLike | None = None,
        level: float = 0.95,
        ax: Any = None,
        line_kwargs: Options | None = None,
    ) -> Self:
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
        covariance : DataFrame, default=None
            What ``covariance(...)`` of the last step of the pipeline gives, for intervals of effects: with V that of
            the coefficients, d_x the columns that the last step sees at x less those at the reference (or less their
            mean over rows), and q the quantile of the normal distribution at (1 + level) / 2, they end at
            exp(f(x) - r -+ q sqrt(d_x' V d_x)). At the reference there is nothing to be unsure of.
        level : float, default=0.95
            Share of samples in which such an interval covers the effect at a value.
        ax, line_kwargs
            As in `plot`.

        Returns
        -------
        GroupEffectDisplay
            The display.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        check_scalar(grid_resolution, "grid_resolution", Integral, min_val=2)
        check_scalar(level, "level", Real, min_val=0, max_val=1, include_boundaries="neither")
        check_is_fitted(estimator)
        if covariance is not None:
            covariance = _of_coefficients(covariance, split_pipeline(estimator)[1], output)
        refuse_dask(cls.__name__, X)
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
        half = np.zeros(len(asked))
        if covariance is not None:
            columns = _columns_behind(estimator, given)
            columns -= np.average(columns[: len(values)], axis=0, weights=counts) if reference is None else columns[-1]
            half = stats.norm.isf((1 - level) / 2) * np.sqrt(((columns @ covariance) * columns).sum(axis=1))
        values, log_effects, half = asked[shown], log_rates[shown] - centre, half[shown]
        if not numeric:
            ordered = isinstance(values, pd.CategoricalIndex) and values.ordered
            order = np.argsort(values.codes if ordered else log_effects, kind="stable")
            values, log_effects, half = values[order], log_effects[order], half[order]
        with np.errstate(over="ignore"):  # of values that the counts tell nothing of
            intervals = None if covariance is None else np.exp([log_effects - half, log_effects + half])
        display = cls(
            values=values.to_numpy(),
            effects=np.exp(log_effects),
            feature=str(column),
            reference=reference,
            observed=_quantiles(frame[column]) if numeric else None,
            intervals=intervals,
            level=None if covariance is None else level,
        )
        return display.plot(ax, line_kwargs=line_kwargs)

    def to_frame(self) -> pd.DataFrame:
        """The effects as a table.

        Returns
        -------
        pandas.DataFrame
            A row a value of the covariate, with the columns `rate_ratio`, and where there are intervals
            `rate_ratio_low` and `rate_ratio_high`.
        """
        table = {"rate_ratio": self.effects}
        if self.intervals is not None:
            table |= dict(zip(("rate_ratio_low", "rate_ratio_high"), self.intervals, strict=True))
        return pd.DataFrame(table, index=pd.Index(self.values, name=self.feature))

    def plot(self, ax: Any = None, *, line_kwargs: Options | None = None) -> Self:
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
        self.band_, color = None, self.line_.get_color()
        if self.intervals is not None:
            ends = np.where(np.isfinite(self.intervals), self.intervals, np.nan)
            if points:
                self.band_ = ax.vlines(places, *ends, color=color, alpha=0.5, linewidth=1.5)
            else:
                self.band_ = ax.fill_between(places, *ends, color=color, alpha=0.2, linewidth=0)
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
        sure = "" if self.intervals is None else f", {100 * self.level:g}% intervals"
        ax.set_ylabel(f"effect on the rate{sure}\n(1 = {what})")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _find(frame, name, argument):
    """The column called so, or of that number."""
    position = Columns(list(frame.columns), {}, labels_of(frame)).position(name)
    if position is not None:
        return frame.columns[position]
    raise ValueError(f"{argument} names {name!r}, but the columns of X are {listing(frame.columns)}.")


def _of_coefficients(covariance, model, output):
    """Their part of what `covariance` of a model gives, for one output."""
    if not isinstance(model, InferenceMixin):
        raise TypeError(
            f"covariance is for pipelines whose last step is one of skprox's Poisson regressions; got {model!r}."
        )
    terms = ["intercept"] * model.fit_intercept + column_names(model)
    n_outputs = 1 if np.ndim(model.coef_) == 1 else len(model.coef_)
    if list(getattr(covariance, "columns", [])) != terms or len(covariance) != n_outputs * len(terms):
        raise ValueError(
            "covariance must be the DataFrame that covariance() of the last step gives for what it was fitted to, as "
            "model[-1].covariance(model[:-1].transform(X), y, kind='quasi'), with a row and a column for each of "
            f"{listing(terms)} (of each output)."
        )
    matrices = covariance.to_numpy(dtype=np.float64).reshape(-1, len(terms), len(terms))
    names = getattr(model, "output_names_", None)
    matrix = take_output(matrices if n_outputs > 1 else matrices[0], output, names, axis=0, ndim=2)
    return matrix[model.fit_intercept :, model.fit_intercept :]


def _columns_behind(estimator, rows):
    """What the last step of a pipeline sees of rows, a dense array in double precision."""
    steps, model = split_pipeline(estimator)
    columns = model._check_covariates(rows if steps is None else steps.transform(rows))
    return (columns.toarray() if issparse(columns) else columns).astype(np.float64)


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
