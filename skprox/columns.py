"""The columns of X: what they are called, and what those of later rows are checked against.

A column has a name, a string, and where a pandas frame calls none of its columns by a string, a label: a
number, a bool, a timestamp, a tuple. Labels 0, 1, 2, ... are those of a frame that was given none: its columns
have no names, as those of an array.
"""

from copy import copy
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral, Real

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

from skprox._compat import _check_feature_names_in, _safe_indexing
from skprox.latent import fold, slots, split
from skprox.named_sparse import names_of
from skprox.validation import FLOATS, refuse_dask, sparse_floats

NAMELESS = "tmp_col_name_"  # ColumnTransformer of scikit-learn 1.9, where a step in a Pipeline gives no names


@dataclass(frozen=True)
class Columns:
    """Names of the columns of a design, and how they fall into groups.

    Attributes
    ----------
    names : list of str
    groups : dict
        Name of a group to the positions of its columns, ascending.
    labels : pandas.Index or None
        The labels of the columns, a MultiIndex where they have several levels.
    outputs : pandas.Index or None
        The names of the outputs of the target that comes with the design.
    overlap : bool
        Whether groups may share columns, and so have a coefficient each for these: see `parts`.
    """

    names: list
    groups: dict
    labels: object = None
    outputs: object = None
    overlap: bool = False

    @classmethod
    def single(cls, names, labels=None):
        """Each column a group of its own."""
        return cls(names, dict(zip(names, np.arange(len(names))[:, None], strict=True)), labels)

    @property
    def titles(self):
        """What the user calls the columns."""
        return self.names if self.labels is None else list(self.labels)

    def output_titles(self, n_outputs):
        """What the user calls the outputs."""
        return list(range(n_outputs) if self.outputs is None else self.outputs)

    @cached_property
    def repeats(self):
        """Position of the column of each coefficient, where groups have their own; None where columns have one each."""
        return np.concatenate(list(self.groups.values())) if self.overlap else None

    @cached_property
    def parts(self):
        """What the problem has for columns: these, or where groups may share them those of group after group."""
        if not self.overlap:
            return self
        titles = self.titles
        names = [f"{titles[j]} in {group!r}" for group, members in self.groups.items() for j in members]
        return Columns(names, slots(self.groups), outputs=self.outputs)

    def fold(self, coefs):
        """Coefficients of the columns, along the last axis, from those of `parts`."""
        return fold(coefs, self.groups, len(self.names)) if self.overlap else coefs

    def split(self, coefs):
        """The coefficients of `parts` by group; None where groups share no columns."""
        return split(coefs, self.groups) if self.overlap else None

    def members(self, key):
        """Positions of the columns of a group, or else of one column, in an array; None where there is neither."""
        try:
            found = self._groups.get(label_key(key))
        except TypeError:  # not hashable
            return None
        position = self.position(key) if found is None else None
        return found if position is None else np.array([position])

    def position(self, label):
        """Position of the column of a label or a name, or at an integer unless numbers are labels; None without one."""
        try:
            place = self._places.get(label_key(label))
        except TypeError:  # not hashable
            return None
        counts = place is None and isinstance(label, Integral) and not isinstance(label, bool)
        return label if counts and not self.is_numbered and 0 <= label < len(self.names) else place

    @cached_property
    def is_numbered(self):
        """Whether numbers are labels of columns, so that integers are no positions."""
        labels = [] if self.labels is None else self.labels
        return any(isinstance(label, Real) and not isinstance(label, bool | np.bool_) for label in labels)

    @cached_property
    def _groups(self):
        return {label_key(group): members for group, members in self.groups.items()}

    @cached_property
    def _places(self):
        labels = [] if self.labels is None else self.labels
        return {label_key(label): j for called in (self.names, labels) for j, label in enumerate(called)}


def label_key(label):
    """What to look a label up by: numbers are alike when they are equal, but True is not 1; and NaN is NaN."""
    if isinstance(label, str):
        return label
    if isinstance(label, tuple):
        return tuple(map(label_key, label))
    if isinstance(label, bool | np.bool_):
        return bool, bool(label)
    if isinstance(label, np.datetime64 | np.timedelta64):
        return pd.Index([label])[0]
    return np.nan if isinstance(label, Real) and label != label else label


def labels_of(X):
    """The labels of the columns of a frame that calls none by a string, as a pandas.Index. Tuples are levels."""
    columns = getattr(X, "columns", None)
    if isinstance(columns, pd.MultiIndex):  # to build it anew takes longer than to predict a row
        return columns
    if not isinstance(columns, pd.Index) or any(isinstance(label, str) for label in columns):
        return None
    if {type(label) for label in columns} == {tuple} and len(set(map(len, columns))) == 1:
        return pd.MultiIndex.from_tuples(columns)
    return columns


def label_columns(X):
    """X with plain names in place of levels, and the labels of its columns.

    scikit-learn checks the names of columns between `fit` and `predict` when they are strings, so a
    MultiIndex ``("f1", "a")`` becomes ``"f1__a"``. The data are not copied.
    """
    labels = labels_of(X)
    return (X.set_axis(_plain(labels), axis=1) if isinstance(labels, pd.MultiIndex) else X), labels


def check_labels(estimator, X, *, reset):
    """Keep the labels of X, or check them against those that were kept, as scikit-learn does with names.

    Names of sparse columns, which scikit-learn does not know, are checked as well. Returns X with plain names in
    place of levels.
    """
    X, labels = label_columns(X)
    given = None if isinstance(labels, pd.MultiIndex) else labels
    if reset:
        estimator._labels_in = None if given is None else given.to_numpy()
        return X
    names, fitted = names_of(X), _labels_in(estimator)
    named = X if names is None else _empty_frame(names)
    if _are_positions(fitted) and _are_positions(given):
        if names is not None:
            _check_names(estimator, named)
        return X
    if hasattr(estimator, "feature_names_in_"):
        return X
    if given is not None and fitted is not None and _are_same(given, fitted):
        return X
    stand_in = copy(estimator)  # with labels as names, which scikit-learn checks
    if fitted is not None:
        stand_in.feature_names_in_ = np.array(_plain(fitted), dtype=object)
    _check_names(stand_in, named if given is None else _empty_frame(_plain(given)))
    return X


def without_names(estimator):
    """The estimator, or a copy without names of columns that takes those of X as they are: they have been checked."""
    if not hasattr(estimator, "feature_names_in_"):
        return estimator
    nameless = copy(estimator)
    del nameless.feature_names_in_
    return nameless


def check_columns(estimator, X, *y, reset=True, accept_sparse=("csr", "csc"), dtype=FLOATS, **params):
    """`validate_data` of scikit-learn for X (and y), with all labels, sparse columns, and a way out for text."""
    refuse_dask(type(estimator).__name__, X)
    X = sparse_floats(check_labels(estimator, X, reset=reset))
    names = names_of(X)
    judge = estimator if reset or names is None else without_names(estimator)
    try:
        checked = validate_data(judge, X, *y, reset=reset, accept_sparse=accept_sparse, dtype=dtype, **params)
    except ValueError as error:
        text = _columns_of_text(X)
        if not text:
            raise
        raise ValueError(
            f"{error}\nColumns of X hold text: {listing(text)}. Put transformers before the estimator in a pipeline: "
            "make_grouped_column_transformer((OneHotEncoder(), [...])) keeps what each column becomes in one group."
        ) from error
    if reset and names is not None:
        estimator.feature_names_in_ = names
    return checked


def has_names(estimator):
    """Whether the columns that it was fitted to have names, or labels that serve as such."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        return not _are_positions(_labels_in(estimator))
    return not all(name.startswith(NAMELESS) for name in names)


def column_names(estimator):
    """Names of the columns that it was fitted to."""
    labels = _labels_in(estimator)
    return list(_check_feature_names_in(estimator)) if _are_positions(labels) else _plain(labels)


def listing(names):
    """Names for an error message."""
    names = [repr(name) for name in names]
    return "[" + ", ".join(names[:10]) + (f", ... ({len(names)} in all)]" if len(names) > 10 else "]")


def _check_names(estimator, named):
    """The check of scikit-learn of the names of columns, not of what they hold."""
    validate_data(estimator, named, reset=False, skip_check_array=True, ensure_2d=False)


def _empty_frame(names):
    return pd.DataFrame(np.empty((0, len(names))), columns=names)


def _labels_in(estimator):
    labels = getattr(estimator, "_labels_in", None)
    return None if labels is None else pd.Index(labels, tupleize_cols=False)


def _plain(labels):
    return ["__".join(map(str, label)) if isinstance(label, tuple) else str(label) for label in labels]


def _are_positions(labels):
    """Whether there are no labels but 0, 1, 2, ..."""
    return labels is None or _are_same(labels, pd.RangeIndex(len(labels)))


def _are_same(labels, others):
    if all(isinstance(each.dtype, np.dtype) and each.dtype.kind in "iuf" for each in (labels, others)):
        return labels.equals(others)
    return list(map(label_key, labels)) == list(map(label_key, others))


def _columns_of_text(X):
    """Names or positions of the columns that hold a string which is no number."""
    names = [] if issparse(X) else getattr(X, "columns", None)
    if names is None:
        X = np.asarray(X, dtype=getattr(X, "dtype", object))
        names = range(X.shape[1]) if X.ndim == 2 else []
    values = [np.asarray(_safe_indexing(X, j, axis=1)) for j in range(len(names))]
    maybe = [(name, column) for name, column in zip(names, values, strict=True) if column.dtype.kind in "OUT"]
    return [name for name, column in maybe if any(map(_is_text, column))]


def _is_text(value):
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return True
    return False
