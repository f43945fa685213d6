"""Spline bases in which a norm means smoothness, and signs mean shape."""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import BSpline
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import SplineTransformer
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from skprox._compat import Interval, StrOptions, _check_feature_names_in, _fit_context
from skprox._typing import MatrixLike, RowsLike
from skprox.base import DocLinkMixin
from skprox.preprocessing._bounds import check_within
from skprox.validation import FLOATS, check_weight

TIED = 1e-8  # of the range: knots that are nearer to each other are one
SEEN = 1e-6  # root mean square over the rows, beside coefficients of one: below it a spline counts as zero on all rows


class _SplineTransformer(DocLinkMixin, TransformerMixin, BaseEstimator):
    """Columns that are combinations of the B-splines of each feature: subclasses say which."""

    _parameter_constraints = {
        "n_knots": [Interval(Integral, 2, None, closed="left")],
        "degree": [Interval(Integral, 1, None, closed="left")],
        "knots": [StrOptions({"quantile", "uniform"}), "array-like"],
        "extrapolation": [StrOptions({"error", "constant", "linear"})],
    }

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: MatrixLike, y: Any = None, sample_weight: RowsLike | None = None) -> Self:
        """Learn the knots of each feature, and the columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The features.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; None is 1. Rows of weight 0 don't matter.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        X = validate_data(self, X, dtype=FLOATS).astype(np.float64, copy=False)
        weight = check_weight(sample_weight, X)
        X, weight = X[weight > 0], weight[weight > 0]
        knots = self._find_knots(X, weight)
        self.bounds_ = knots[[0, -1]]
        check_within(self, X)
        self.bsplines_ = []
        for x, places in zip(self._rescale(X).T, self._rescale(knots).T, strict=True):
            splines = self._b_splines(places)
            combination = self._combine(splines, x, weight / weight.sum())
            self.bsplines_.append(BSpline(splines.t, splines.c @ combination, splines.k))
        self.n_splines_ = np.array([spline.c.shape[1] for spline in self.bsplines_])
        return self

    def transform(self, X: MatrixLike) -> np.ndarray:
        """Evaluate the splines.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The features.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out)
            The splines of the first feature, then those of the second, and so on.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=FLOATS, reset=False)
        check_within(self, X)
        columns = np.empty((len(X), self.n_splines_.sum()), dtype=X.dtype)
        parts = np.split(columns, np.cumsum(self.n_splines_)[:-1], axis=1)
        for x, spline, part in zip(self._rescale(X.astype(np.float64)).T, self.bsplines_, parts, strict=True):
            part[:] = self._evaluate(spline, x)
        return columns

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Names of the columns: ``x_sp_0``, ``x_sp_1``, ... for a feature ``x``.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features. None is `feature_names_in_`, or else ``x0``, ``x1``, ...

        Returns
        -------
        ndarray of str
            The names.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        counts = zip(names, self.n_splines_, strict=True)
        return np.array([f"{name}_sp_{k}" for name, count in counts for k in range(count)], dtype=object)

    def _find_knots(self, X, weight):
        """Knots of shape (n_knots, n_features), quantiles among them with ties."""
        if isinstance(self.knots, str):
            steps = SplineTransformer(self.n_knots, degree=0, knots=self.knots).fit(X, sample_weight=weight)
            return np.column_stack([spline.t for spline in steps.bsplines_])
        knots = check_array(self.knots, dtype=np.float64, input_name="knots")
        if len(knots) < 2 or knots.shape[1] != X.shape[1]:
            raise ValueError(
                f"knots has shape {knots.shape}; expected 2 or more rows, and a column for each of the {X.shape[1]} "
                "features."
            )
        if not (np.diff(knots, axis=0) > 0).all():
            j = np.argmin(np.diff(knots, axis=0).min(axis=0))
            raise ValueError(f"knots must ascend in each column; got {knots[:, j].tolist()} in column {j}.")
        return knots

    def _rescale(self, X):
        """X with the bounds of each feature at 0 and 1."""
        low, high = self.bounds_
        return (X - low) / np.where(high > low, high - low, 1)

    def _b_splines(self, knots):
        """All B-splines of a feature, which add up to one."""
        inner = np.unique(knots[(knots > TIED) & (knots < 1 - TIED)])
        knots = np.r_[0, inner[np.diff(inner, prepend=0) > TIED], 1]
        if self.extrapolation == "periodic":
            n = len(knots) - 1
            at = np.arange(-self.degree, n + self.degree + 1)
            return BSpline(knots[at % n] + at // n, np.eye(n)[np.arange(n + self.degree) % n], self.degree)
        return BSpline(np.pad(knots, self.degree, mode="edge"), np.eye(len(knots) + self.degree - 1), self.degree)

    def _evaluate(self, spline, x):
        """The values of splines at each of `x`, on the scale of their knots."""
        if self.extrapolation == "periodic":
            return spline(x % 1)
        if self.extrapolation == "continue":
            return spline(x)
        nearest = np.clip(x, 0, 1)
        columns = spline(nearest)
        if self.extrapolation == "linear":
            beyond = x != nearest
            columns[beyond] += (x - nearest)[beyond, None] * spline.derivative()(nearest[beyond])
        return columns

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class SmoothSplineTransformer(_SplineTransformer):
    """Splines of each feature whose coefficients are as small as the effect is small and smooth.

    The columns of a feature x are combinations of B-splines, turned so that the effect f(x) = sum_k beta_k column_k(x)
    has::

        ||beta||^2 = mean of f^2 over the rows of fit + smoothing * integral from 0 to 1 of f^(m)(u)^2 du

    where m is `penalty_order` and u = (x - lower) / (upper - lower). Ridge on these columns, `PoissonGLMRegressor`, is
    a penalized spline [1]_. A group lasso, `GroupLassoPoisson`, is the sparse additive model of [2]_: it selects
    features and keeps their effects smooth at once.

    Each column has mean zero over the rows of `fit`. The columns are ordered from smooth to rough: with m = 2, the
    first is a straight line, and the later ones bend ever more. Up to their sign and a factor they don't depend
    on `smoothing`, which tells how much smaller the rough ones are.

    Parameters
    ----------
    n_knots : int, default=10
        Number of knots of each feature, those at the bounds included; at least 2. Not used where `knots` is an array.
    smoothing : float, default=1.0
        How much roughness counts beside size. 0 looks at size alone; towards infinity, what is left is
        polynomials of a degree below `penalty_order`, with 2 straight lines. Best tuned on a logarithmic scale.
    penalty_order : int, default=2
        Order m of the derivative whose square is the roughness; at most `degree`.
    degree : int, default=3
        Degree of the splines, at least 1.
    knots : {"quantile", "uniform"} or array-like of shape (n_knots, n_features), default="quantile"
        Where the knots are: at quantiles of each feature, evenly spread, or as given. Ties, as of a feature with
        few distinct values, are one knot.
    extrapolation : {"error", "constant", "linear", "continue", "periodic"}, default="constant"
        What to do with values beyond the bounds, which are the first and the last knot, as in
        `sklearn.preprocessing.SplineTransformer`:

        - "error": raise a ValueError.
        - "constant": take the values of the columns at the bound.
        - "linear": continue the columns with the slope that they have at the bound.
        - "continue": continue the polynomials.
        - "periodic": repeat the columns, with the distance between the bounds as their period. Give
          the knots that make a period, such as ``np.linspace(0, 24, 9)[:, None]`` for hours.

    Attributes
    ----------
    bounds_ : ndarray of shape (2, n_features)
        Lower and upper bound of each feature.
    bsplines_ : list of scipy.interpolate.BSpline
        The columns of each feature as functions of u.
    n_splines_ : ndarray of int of shape (n_features,)
        Number of columns of each feature: the number of its knots + `degree` - 2, with "periodic" the number of its
        knots - 2, or the number of its distinct values - 1, whichever is less.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, where all are strings.

    See Also
    --------
    MonotoneSplineTransformer : Splines for effects that only rise or only fall.
    sklearn.preprocessing.SplineTransformer : Plain B-splines.

    Notes
    -----
    Only norms of all columns of a feature have this meaning: penalize them together, as one group or by ridge of one
    strength, never by the L1 norm of single ones. They are in one group by the default rule of `GroupLassoPoisson`.

    Functions that are zero on all rows of `fit` have no column. A feature that is constant has one column of zeros.

    References
    ----------
    .. [1] Eilers and Marx (1996), "Flexible smoothing with B-splines and penalties", Statistical Science 11(2).
    .. [2] Meier, van de Geer and Buehlmann (2009), "High-dimensional additive modeling", Annals of Statistics 37(6B).
    .. [3] Demmler and Reinsch (1975), "Oscillation matrices with spline smoothing", Numerische Mathematik 24, for the
       functions that are orthogonal in both parts of the norm.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skprox import SmoothSplineTransformer
    >>> X = pd.DataFrame({"age": np.linspace(20, 60, 81)})
    >>> splines = SmoothSplineTransformer(n_knots=3).set_output(transform="pandas")
    >>> splines.fit_transform(X).iloc[[0, 20, 80]].round(3)
        age_sp_0  age_sp_1  age_sp_2  age_sp_3
    0     -1.711     0.088    -0.028     0.015
    20    -0.855    -0.010     0.013    -0.006
    80     1.711     0.088     0.028     0.015
    """

    _parameter_constraints = {
        **_SplineTransformer._parameter_constraints,
        "smoothing": [Interval(Real, 0, None, closed="left")],
        "penalty_order": [Interval(Integral, 1, None, closed="left")],
        "extrapolation": [StrOptions({"error", "constant", "linear", "continue", "periodic"})],
    }

    def __init__(
        self,
        n_knots: int = 10,
        *,
        smoothing: float = 1.0,
        penalty_order: int = 2,
        degree: int = 3,
        knots: str | ArrayLike = "quantile",
        extrapolation: str = "constant",
    ) -> None:
        self.n_knots = n_knots
        self.smoothing = smoothing
        self.penalty_order = penalty_order
        self.degree = degree
        self.knots = knots
        self.extrapolation = extrapolation

    def _combine(self, splines, x, weight):
        """Centred functions, orthonormal in the norm of the class, and orthogonal in both of its parts."""
        if self.penalty_order > self.degree:
            raise ValueError(
                f"penalty_order must be at most the degree of the splines; got penalty_order={self.penalty_order} and "
                f"degree={self.degree}."
            )
        values = self._evaluate(splines, x)
        means = weight @ values
        # without the last one, which is what a constant lacks of the others
        values = np.linalg.qr(np.sqrt(weight)[:, None] * (values - means)[:, :-1], mode="r")
        slopes = _root_of_integral(splines, self.penalty_order)[:, :-1]
        _, sizes, turn = np.linalg.svd(values)
        n_seen = np.sum(sizes > SEEN)
        if n_seen == 0:  # a constant feature
            return np.zeros((len(means), 1))
        turn, unseen = turn[:n_seen].T / sizes[:n_seen], turn[n_seen:].T
        turn -= unseen @ np.linalg.lstsq(slopes @ unseen, slopes @ turn, rcond=None)[0]  # as smooth as values allow
        turn = turn @ np.linalg.svd(slopes @ turn)[2][::-1].T  # from smooth to rough
        both = np.vstack([values @ turn, np.sqrt(self.smoothing) * slopes @ turn])
        lengths = np.linalg.norm(both, axis=0)
        turn = (
            turn / lengths @ np.linalg.inv(np.linalg.qr(both / lengths, mode="r"))
        )  # of rounding errors, near identity
        turn = np.pad(turn, [(0, 1), (0, 0)]) - means[:-1] @ turn  # centred, as B-splines add up to one
        return turn * np.where(turn[-1] < 0, -1, 1)


def _root_of_integral(splines, order):
    """A matrix whose product with b has for its squared norm the integral of the squared derivative of splines @ b."""
    knots = splines.t[splines.k : -splines.k]
    nodes, weights = np.polynomial.legendre.leggauss(splines.k - order + 1)  # exact for its pieces
    widths = np.diff(knots)[:, None]
    at, weights = knots[:-1, None] + widths * (nodes + 1) / 2, widths * weights / 2
    return np.sqrt(weights.reshape(-1, 1)) * splines.derivative(order)(at.ravel())


class MonotoneSplineTransformer(_SplineTransformer):
    """Splines that all rise, so that effects of non-negative coefficients rise as well.

    The columns of a feature are I-splines [1]_: integrals of splines that are positive, scaled to go from 0 at
    the lower bound of the feature to 1 at the upper one. A model whose coefficients of these columns are not negative
    has an effect that never falls.

    Parameters
    ----------
    n_knots : int, default=10
        Number of knots of each feature, those at the bounds included; at least 2. Not used where `knots` is an array.
    increasing : bool, default=True
        False turns the columns around, to fall from 1 to 0: effects of non-negative coefficients never rise.
    degree : int, default=3
        Degree of the splines, at least 1. With 1 effects are piecewise linear.
    knots : {"quantile", "uniform"} or array-like of shape (n_knots, n_features), default="quantile"
        Where the knots are: at quantiles of each feature, evenly spread, or as given. Ties, as of a feature with
        few distinct values, are one knot.
    extrapolation : {"error", "constant", "linear"}, default="constant"
        What to do with values beyond the bounds, which are the first and the last knot, as in
        `sklearn.preprocessing.SplineTransformer`:

        - "error": raise a ValueError.
        - "constant": take the values of the columns at the bound.
        - "linear": continue the columns with the slope that they have at the bound.

    Attributes
    ----------
    bounds_ : ndarray of shape (2, n_features)
        Lower and upper bound of each feature.
    bsplines_ : list of scipy.interpolate.BSpline
        The columns of each feature as functions of u = (x - lower) / (upper - lower).
    n_splines_ : ndarray of int of shape (n_features,)
        Number of columns of each feature: the number of its knots + `degree` - 2.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, where all are strings.

    See Also
    --------
    SmoothSplineTransformer : Splines for effects that are smooth.

    Notes
    -----
    Up to degree 2, every monotone spline has non-negative coefficients; of cubic ones some have not.

    References
    ----------
    .. [1] Ramsay (1988), "Monotone regression splines in action", Statistical Science 3(4).

    Examples
    --------
    >>> import pandas as pd
    >>> from skprox import MonotoneSplineTransformer
    >>> X = pd.DataFrame({"age": [0.0, 1.0, 2.0, 3.0, 4.0]})
    >>> MonotoneSplineTransformer(n_knots=3, degree=2).set_output(transform="pandas").fit_transform(X)
       age_sp_0  age_sp_1  age_sp_2
    0      0.00     0.000      0.00
    1      0.75     0.125      0.00
    2      1.00     0.500      0.00
    3      1.00     0.875      0.25
    4      1.00     1.000      1.00
    """

    _parameter_constraints = {**_SplineTransformer._parameter_constraints, "increasing": ["boolean"]}

    def __init__(
        self,
        n_knots: int = 10,
        *,
        increasing: bool = True,
        degree: int = 3,
        knots: str | ArrayLike = "quantile",
        extrapolation: str = "constant",
    ) -> None:
        self.n_knots = n_knots
        self.increasing = increasing
        self.degree = degree
        self.knots = knots
        self.extrapolation = extrapolation

    def _combine(self, splines, x, weight):
        """Sums of all B-splines from one of them to the last, or to the first."""
        n = splines.c.shape[1]
        return np.tri(n)[:, 1:] if self.increasing else 1 - np.tri(n)[:, 1:]
