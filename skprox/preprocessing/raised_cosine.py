"""Raised cosine bumps."""

from math import log1p, pi
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from skprox._compat import Interval, StrOptions, _check_feature_names_in, _fit_context
from skprox._typing import MatrixLike
from skprox.base import DocLinkMixin
from skprox.preprocessing._bounds import check_within
from skprox.validation import FLOATS


class RaisedCosineTransformer(DocLinkMixin, TransformerMixin, BaseEstimator):
    """Raised cosine bumps of each feature, as models of neurons use them.

    Column k of a feature x is::

        (1 + cos(pi clip((v - p_k) / (width d), -1, 1))) / 2

    where v is the feature rescaled so that its bounds are at 0 and 1, p_k is the peak of the bump,
    and d the distance between peaks. With ``spacing="linear"`` the peaks are spread evenly from the lower to the
    upper bound, on the scale of the feature: v = u = (x - lower) / (upper - lower). With ``spacing="log"``
    they are so on a logarithmic scale, v = log(1 + stretch u) / log(1 + stretch), narrow at the lower bound
    and wide at the upper one, where the last bump has come down to zero [1]_ [2]_.

    Parameters
    ----------
    n_basis : int, default=8
        Number of bumps for each feature, 2 or more.
    spacing : {"linear", "log"}, default="linear"
        Scale on which the bumps are spread evenly.
    width : float, default=2.0
        Distance from the peak of a bump to where it is zero, in distances between peaks; at least 1.
        Where twice the width is an integer, the bumps add up to a constant away from the bounds.
    stretch : float, default=50.0
        How far the logarithmic scale is from the linear one, which is its limit at 0: the upper bound lies
        1 + stretch times as far from the origin of the logarithm as the lower bound. Not used with
        ``spacing="linear"``.
    bounds : array-like of shape (2,) or (2, n_features), default=None
        Lower and upper bound of all features, or of each. None is the least and the largest value that
        `fit` meets.
    extrapolation : {"error", "constant", "linear", "continue", "periodic"}, default="constant"
        What to do with values beyond the bounds, as in `sklearn.preprocessing.SplineTransformer`:

        - "error": raise a ValueError.
        - "constant": take the values of the columns at the bound.
        - "linear": continue the columns with the slope that they have at the bound.
        - "continue": continue the bumps as they are, so that far from the bounds all columns are 0.
        - "periodic": repeat the columns, with the distance between the bounds as their period. The
          peaks are then at lower + k (upper - lower) / n_basis. This takes ``spacing="linear"``, and
          ``n_basis >= 2 * width``, or a bump would meet itself. Give the bounds that make a period, such
          as ``bounds=(0, 24)`` for hours.

    Attributes
    ----------
    bounds_ : ndarray of shape (2, n_features)
        Lower and upper bound of each feature.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, where all are strings.

    See Also
    --------
    sklearn.preprocessing.SplineTransformer : The same with B-splines.
    LagTransformer : Takes bumps as a basis for filters.

    Notes
    -----
    These are the columns of ``RaisedCosineLinearEval`` and ``RaisedCosineLogEval`` of NeMoS, whose
    ``time_scaling`` is `stretch`, at the same bounds. In the form of [2]_, cos(a log(t + c) - phi_k) with t = x -
    lower, the offset c is (upper - lower) / stretch.

    References
    ----------
    .. [1] Pillow, Paninski, Uzzell, Simoncelli and Chichilnisky (2005), "Prediction and decoding of retinal
       ganglion cell responses with a probabilistic spiking model", Journal of Neuroscience 25(47).
    .. [2] Pillow, Shlens, Paninski, Sher, Litke, Chichilnisky and Simoncelli (2008), "Spatio-temporal
       correlations and visual signalling in a complete neuronal population", Nature 454.

    Examples
    --------
    >>> import pandas as pd
    >>> from skprox import RaisedCosineTransformer
    >>> X = pd.DataFrame({"position": [0.0, 1.0, 2.0, 4.0]})
    >>> RaisedCosineTransformer(n_basis=3).set_output(transform="pandas").fit_transform(X).round(2)
       position_rc_0  position_rc_1  position_rc_2
    0           1.00           0.50           0.00
    1           0.85           0.85           0.15
    2           0.50           1.00           0.50
    3           0.00           0.50           1.00
    """

    _parameter_constraints = {
        "n_basis": [Interval(Integral, 2, None, closed="left")],
        "spacing": [StrOptions({"linear", "log"})],
        "width": [Interval(Real, 1, None, closed="left")],
        "stretch": [Interval(Real, 0, None, closed="neither")],
        "bounds": ["array-like", None],
        "extrapolation": [StrOptions({"error", "constant", "linear", "continue", "periodic"})],
    }

    def __init__(
        self,
        n_basis: int = 8,
        *,
        spacing: str = "linear",
        width: float = 2.0,
        stretch: float = 50.0,
        bounds: ArrayLike | None = None,
        extrapolation: str = "constant",
    ) -> None:
        self.n_basis = n_basis
        self.spacing = spacing
        self.width = width
        self.stretch = stretch
        self.bounds = bounds
        self.extrapolation = extrapolation

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: MatrixLike, y: Any = None) -> Self:
        """Learn the bounds of each feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The features.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        X = validate_data(self, X, dtype=FLOATS)
        if self.extrapolation == "periodic" and self.spacing == "log":
            raise ValueError("extrapolation='periodic' takes spacing='linear': on a logarithmic scale the ends differ.")
        if self.extrapolation == "periodic" and self.n_basis < 2 * self.width:
            raise ValueError(
                f"extrapolation='periodic' takes n_basis >= 2 * width, or a bump meets itself; got n_basis="
                f"{self.n_basis} and width={self.width}."
            )
        self.bounds_ = np.array([X.min(axis=0), X.max(axis=0)]) if self.bounds is None else self._check_bounds()
        return self

    def transform(self, X: MatrixLike) -> np.ndarray:
        """Evaluate the bumps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The features.

        Returns
        -------
        ndarray of shape (n_samples, n_features * n_basis)
            The bumps of the first feature, then those of the second, and so on.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=FLOATS, reset=False)
        check_within(self, X)
        low, high = self.bounds_.astype(X.dtype)
        nearest, span = np.clip(X, low, high), np.where(high > low, high - low, 1)
        inside = self.extrapolation in ("constant", "linear")
        u = ((nearest if inside else X) - low) / span
        columns = self._bumps(u)
        if self.extrapolation == "linear":
            columns += ((X - nearest) / span)[..., None] * self._slopes(u)
        return columns.reshape(len(X), -1)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Names of the columns: ``x_rc_0``, ``x_rc_1``, ... for a feature ``x``.

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
        return np.array([f"{name}_rc_{k}" for name in names for k in range(self.n_basis)], dtype=object)

    def _check_bounds(self):
        bounds = check_array(self.bounds, ensure_2d=False, dtype=np.float64, input_name="bounds")
        if bounds.shape not in ((2,), (2, self.n_features_in_)):
            raise ValueError(
                f"bounds has shape {bounds.shape}; expected (2,), or (2, {self.n_features_in_}): the lower bounds of "
                "the features, then the upper ones."
            )
        if not (bounds[0] < bounds[1]).all():
            raise ValueError(f"Each lower bound must be less than the upper one; got bounds={self.bounds!r}.")
        return np.broadcast_to(bounds.reshape(2, -1), (2, self.n_features_in_)).copy()

    def _spacing_of_peaks(self):
        if self.spacing == "log":
            return 1 / (self.n_basis + float(self.width) - 1)  # one more bump would start to rise at 1
        return 1 / (self.n_basis - (self.extrapolation != "periodic"))

    def _phases(self, u):
        """Angles of the cosines, 0 at the peaks; an axis of bumps comes last."""
        if self.spacing == "log":
            with np.errstate(divide="ignore"):  # at -1 / stretch and below, where all bumps have ended
                u = np.log1p(np.maximum(float(self.stretch) * u, -1)) / log1p(self.stretch)
        between = self._spacing_of_peaks()
        away = u[..., None] - between * np.arange(self.n_basis, dtype=u.dtype)
        if self.extrapolation == "periodic":
            away -= np.round(away)
        return np.clip(pi / (between * float(self.width)) * away, -pi, pi)

    def _bumps(self, u):
        return (1 + np.cos(self._phases(u))) / 2

    def _slopes(self, u):
        """Derivatives of the bumps by u."""
        slopes = np.sin(self._phases(u)) * (-pi / (2 * self._spacing_of_peaks() * float(self.width)))
        if self.spacing == "log":
            slopes *= (self.stretch / (log1p(self.stretch) * (1 + float(self.stretch) * u)))[..., None]
        return slopes

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
