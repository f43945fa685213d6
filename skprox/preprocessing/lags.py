"""Features at earlier rows."""

from numbers import Integral, Real
from typing import Any, Self
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import check_array, gen_batches
from sklearn.utils.validation import check_is_fitted, validate_data

from skprox._compat import HasMethods, Interval, _check_feature_names_in, _fit_context, _safe_indexing
from skprox._typing import MatrixLike
from skprox.base import DocLinkMixin
from skprox.columns import listing
from skprox.validation import FLOATS, warn

BATCH = 2**20  # entries of lagged columns that are held at a time


class LagTransformer(DocLinkMixin, TransformerMixin, BaseEstimator):
    """Features at earlier rows: histories, and filters over them.

    Rows are in the order of time, evenly spaced. Column l of a feature x is its value l rows before,
    for each lag l from `min_lag` to `max_lag`. With a `basis` of functions b_k of the lag, column k is instead::

        sum_l b_k(l) x(t - l)

    so that a linear model of these columns is a filter over the lags, smooth and of few coefficients, as the
    post-spike and stimulus filters of [1]_. No column depends on later rows.

    Parameters
    ----------
    max_lag : int, default=10
        The largest lag, in rows.
    min_lag : int, default=0
        The smallest lag: 0 takes the row itself. The history of the response (give the counts as a
        feature) takes 1, or the model would be told what it predicts.
    basis : transformer, default=None
        What turns a column of lags into columns of basis functions, such as a `RaisedCosineTransformer` with
        ``spacing="log"``. It is cloned and fitted to the lags from `min_lag` to
        `max_lag`. None has a column for each lag.
    epoch : str or int, default=None
        Name or position of a feature that tells stretches of time without a gap: trials, sessions, days. It
        may hold words, and has no columns in the output. No lag crosses from one row to the next where
        it changes, so the rows of one epoch stand together, in the order of time. None is one stretch.
    fill_value : float, default=0.0
        What stands for values before the first row of an epoch. With NaN, columns that look back that far are NaN, and
        `transform` does not warn of them.

    Attributes
    ----------
    lags_ : ndarray of shape (max_lag - min_lag + 1,)
        The lags, ascending.
    basis_ : transformer
        The fitted basis, where there is one: ``basis_.transform(lags_[:, None])`` has the values of its functions,
        whose product with the coefficients of a feature is its filter.
    features_ : ndarray of int
        Positions of the features that have columns in the output: all but that of epochs.
    n_features_in_ : int
        Number of features, that of epochs included.
    feature_names_in_ : ndarray of str
        Names of the features, where all are strings.

    See Also
    --------
    RaisedCosineTransformer : A basis for the lags.

    Notes
    -----
    A transformer can't drop rows. To leave out the first rows of each epoch, give them a `sample_weight` of 0 in the
    fit of the model, or drop the rows that are NaN (``fill_value=np.nan``) before the model sees them.

    Epochs are a feature, and not an argument of `transform`, so that they are cut with the rows in
    cross-validation and there in each `predict` of a pipeline. Splits should take whole epochs, as `GroupKFold` does:
    where rows inside one are left out, those on both sides look like neighbours.

    At the start of the rows given to `transform` all history is missing. So pass whole epochs to `predict`, too, or all
    rows from the first one of `fit` on. Where these are others than those of `fit`, and no epoch that it did not see,
    `transform` warns. To score or predict rows that follow those of `fit`, make the columns of all rows before
    these are split: no column depends on later rows.

    References
    ----------
    .. [1] Pillow, Shlens, Paninski, Sher, Litke, Chichilnisky and Simoncelli (2008), "Spatio-temporal
       correlations and visual signalling in a complete neuronal population", Nature 454.

    Examples
    --------
    >>> import pandas as pd
    >>> from skprox import LagTransformer
    >>> X = pd.DataFrame({"speed": [1.0, 2.0, 3.0, 4.0], "trial": ["a", "a", "a", "b"]})
    >>> LagTransformer(max_lag=2, epoch="trial").set_output(transform="pandas").fit_transform(X)
       speed_lag_0  speed_lag_1  speed_lag_2
    0          1.0          0.0          0.0
    1          2.0          1.0          0.0
    2          3.0          2.0          1.0
    3          4.0          0.0          0.0
    """

    _parameter_constraints = {
        "max_lag": [Interval(Integral, 0, None, closed="left")],
        "min_lag": [Interval(Integral, 0, None, closed="left")],
        "basis": [HasMethods(["fit", "transform", "get_feature_names_out"]), None],
        "epoch": [str, Integral, None],
        "fill_value": ["nan", Interval(Real, None, None, closed="neither")],
    }

    def __init__(
        self, max_lag: int = 10, *, min_lag: int = 0, basis: Any = None, epoch: Any = None, fill_value: float = 0.0
    ) -> None:
        self.max_lag = max_lag
        self.min_lag = min_lag
        self.basis = basis
        self.epoch = epoch
        self.fill_value = fill_value

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: MatrixLike, y: Any = None) -> Self:
        """Learn the names of the features, and evaluate the basis.

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
        if self.min_lag > self.max_lag:
            raise ValueError(f"min_lag must be at most max_lag; got min_lag={self.min_lag}, max_lag={self.max_lag}.")
        self._known = {}
        X, first, labels = self._split_epochs(X, reset=True)
        for label, rows in _stretches(X, first, labels):
            self._known.setdefault(label, []).append(_telling_checksums(rows))
        self._warn_of_scattered_epochs(len(X))
        self.features_ = np.delete(np.arange(self.n_features_in_), [] if self.epoch is None else self._find_epoch())
        self.lags_ = np.arange(self.min_lag, self.max_lag + 1)
        vars(self).pop("basis_", None)
        if self.basis is not None:
            self.basis_ = clone(self.basis).fit(self.lags_[:, None])
        return self

    def transform(self, X: MatrixLike) -> np.ndarray:
        """Look back from each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The features, in the order of time.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out)
            The lags (or filters) of the first feature, then those of the second, and so on.
        """
        check_is_fitted(self)
        X, first, labels = self._split_epochs(X, reset=False)
        self._warn_of_lost_history(X, first, labels)
        basis = None
        if self.basis is not None:
            basis = check_array(self.basis_.transform(self.lags_[:, None]), dtype=X.dtype)
        width = len(self.lags_) if basis is None else basis.shape[1]
        columns = np.empty((*X.shape, width), dtype=X.dtype)
        for rows in gen_batches(len(X), max(1, BATCH // (X.shape[1] * len(self.lags_)))):
            earlier = np.arange(rows.start, rows.stop)[:, None] - self.lags_
            known = earlier >= first[rows, None]
            lagged = np.where(known[:, None], X[np.where(known, earlier, 0)].swapaxes(1, 2), self.fill_value)
            columns[rows] = lagged if basis is None else lagged @ basis
        return columns.reshape(len(X), -1)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Names of the columns: ``x_lag_0``, ``x_lag_1``, ..., or as the basis names those of a feature ``x``.

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
        names = _check_feature_names_in(self, input_features)[self.features_]
        if self.basis is not None:
            return np.concatenate([self.basis_.get_feature_names_out([name]) for name in names])
        return np.array([f"{name}_lag_{lag}" for name in names for lag in self.lags_], dtype=object)

    def _split_epochs(self, X, reset):
        """The features to look back at, and for each row the first one of its epoch, and the label of that."""
        if self.epoch is None:
            X = validate_data(self, X, dtype=FLOATS, reset=reset)
            return X, np.zeros(len(X), dtype=int), np.full(len(X), None)
        if not hasattr(X, "columns"):
            X = check_array(X, dtype=None, ensure_all_finite=False)
        validate_data(self, X, reset=reset, skip_check_array=True)
        position = self._find_epoch()
        if self.n_features_in_ == 1:
            raise ValueError(f"X has no column but epoch={self.epoch!r}: there is no feature to look back at.")
        labels = np.asarray(_safe_indexing(X, position, axis=1))
        if pd.isna(labels).any():
            raise ValueError(f"epoch={self.epoch!r}: the label is missing in row {np.argmax(pd.isna(labels))} of X.")
        features = np.delete(np.arange(self.n_features_in_), position)
        X = check_array(_safe_indexing(X, features, axis=1), dtype=FLOATS, estimator=self, input_name="X")
        opens = np.append(True, labels[1:] != labels[:-1])
        return X, np.maximum.accumulate(np.where(opens, np.arange(len(X)), 0)), labels

    def _warn_of_scattered_epochs(self, n_rows):
        """Say so where epochs alternate from row to row, as series that are sorted by time alone."""
        label, stretches = max(self._known.items(), key=lambda item: len(item[1]))
        if self.max_lag == 0 or len(stretches) == 1 or 2 * sum(map(len, self._known.values())) <= n_rows:
            return
        warn(
            f"epoch={self.epoch!r}: the rows of one epoch are not next to each other in X. {label!r} begins "
            f"{len(stretches)} times, and no lag crosses from one stretch to another, so that most history is lost. "
            "Sort X by epoch, and within each by time."
        )

    def _warn_of_lost_history(self, X, first, labels):
        """Say so where rows inside of an epoch of `fit` come without those before them."""
        if self.max_lag == 0 or np.isnan(self.fill_value):
            return
        for label, rows in _stretches(X, first, labels):
            known, checksums = self._known.get(label), _checksums(rows)
            if known is None or any(_begin_alike(checksums, each) for each in known):
                continue
            what = "X" if self.epoch is None else f"Epoch {label!r} of X"
            warn(
                f"{what} is not known to begin with the rows that this LagTransformer was fitted to, so that in its "
                f"first {self.max_lag} rows lags that look back further are fill_value={self.fill_value:g}. Pass the "
                "rows before, from the first one of fit on, and take the last predictions; or make the lags of all "
                "rows before these are split. With fill_value=np.nan such lags are NaN."
            )
            return

    def _find_epoch(self):
        """Position of the feature that tells epochs."""
        names = list(getattr(self, "feature_names_in_", []))
        if isinstance(self.epoch, str) and self.epoch not in names:
            has = f"Its columns are {listing(names)}." if names else "Its columns have no names: give a position."
            raise ValueError(f"epoch={self.epoch!r} is not a column of X. {has}")
        if isinstance(self.epoch, str):
            return names.index(self.epoch)
        if not 0 <= self.epoch < self.n_features_in_:
            raise ValueError(f"epoch={self.epoch} is not a position in the {self.n_features_in_} columns of X.")
        return self.epoch

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _stretches(X, first, labels):
    """The label, as text, and the rows of each stretch of an epoch."""
    starts = np.flatnonzero(first == np.arange(len(X)))
    return zip(map(str, labels[starts]), np.split(X, starts[1:]), strict=True)


def _checksums(rows):
    """Of the first row, the first two, four, eight, ..."""
    found, stops = [0], 2 ** np.arange(len(rows).bit_length())
    for start, stop in zip([0, *stops], stops, strict=False):
        found.append(crc32(np.ascontiguousarray(rows[start:stop]), found[-1]))
    return found[1:]


def _telling_checksums(rows):
    """The same, but None of rows that are all alike, as a few counts of 0, unless they are all that there are."""
    found, alike = _checksums(rows), np.append((rows != rows[0]).any(axis=1), True).argmax()
    n_alike = min(int(alike).bit_length(), len(found) - 1)
    return [None] * n_alike + found[n_alike:]


def _begin_alike(checksums, others):
    last = min(len(checksums), len(others)) - 1
    return checksums[last] == others[last]
