"""A ColumnTransformer whose columns are sparse and have names, in little more memory than these take."""

from copy import copy

import numpy as np
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, SplineTransformer, StandardScaler
from sklearn.utils import gen_batches

from skprox._compat import _num_samples, _safe_indexing
from skprox.named_sparse import name_columns
from skprox.preprocessing import MonotoneSplineTransformer, RaisedCosineTransformer, SmoothSplineTransformer

# What transforms each row for itself, and has no other way to do it in fit_transform.
BY_ROWS = (
    KBinsDiscretizer,
    MonotoneSplineTransformer,
    OneHotEncoder,
    RaisedCosineTransformer,
    SimpleImputer,
    SmoothSplineTransformer,
    SplineTransformer,
    StandardScaler,
)
BATCHES, BATCH_ROWS = 32, 2**14  # of rows that are transformed at once: at most so many, of at least so many rows


class SparseColumnTransformer(ColumnTransformer, auto_wrap_output_keys=None):
    """A ColumnTransformer whose output is a CSR array with names of its columns, whatever its transformers give.

    Transformers of scikit-learn take two to five times the memory of what they make, and all their parts side by side
    three times. Where all of them transform each row for itself, they are fitted to all rows, and transform a batch of
    rows at a time.
    """

    def fit(self, X, y=None, **params):
        with config_context(transform_output="default"):
            if not self._is_by_rows():
                return super().fit(X, y, **params)
            fitted = copy(self)
            steps = [(name, each if isinstance(each, str) else _Fit(each), at) for name, each, at in self.transformers]
            fitted.transformers = steps
            ColumnTransformer.fit_transform(fitted, X, y, **params)
        steps = fitted.transformers_
        fitted.sparse_output_ = any(isinstance(each, _Fit) and each.makes_sparse for _, each, _ in steps)
        steps = [(name, each.fitted if isinstance(each, _Fit) else each, at) for name, each, at in steps]
        fitted.transformers, fitted.transformers_ = self.transformers, steps
        vars(self).update(vars(fitted))
        return self

    def fit_transform(self, X, y=None, **params):
        if self._is_by_rows():
            return self.fit(X, y, **params).transform(X)
        with config_context(transform_output="default"):
            return self._name(super().fit_transform(X, y, **params))

    def transform(self, X, **params):
        with config_context(transform_output="default"):
            if not self._is_by_rows():
                return self._name(super().transform(X, **params))
            n_rows = _num_samples(X)
            transform = super().transform
            batches = gen_batches(max(1, n_rows), max(BATCH_ROWS, n_rows // BATCHES))
            return self._name(stacked(transform(_safe_indexing(X, rows), **params) for rows in batches))

    def _name(self, columns):
        return name_columns(sparse.csr_array(columns), self.get_feature_names_out())

    def _is_by_rows(self):
        return all(type(leaf) in BY_ROWS for _, each, _ in self.transformers for leaf in leaves(each, slice(None)))


class _Fit(BaseEstimator):
    """A transformer that is fitted, and leaves its columns empty."""

    def __init__(self, transformer):
        self.transformer = transformer

    def fit(self, X, y=None, **params):
        self.fitted = clone(self.transformer).fit(X, y, **params)
        first = self.fitted.transform(_safe_indexing(X, slice(0, 1)))
        self.n_columns, self.makes_sparse = first.shape[1], sparse.issparse(first)
        return self

    def transform(self, X):
        return sparse.csc_array((_num_samples(X), self.n_columns))

    def get_metadata_routing(self):
        return self.transformer.get_metadata_routing()


def stacked(blocks):
    """One CSR array of blocks of rows, of which one at a time is in memory beside it."""
    data, indices, indptr = None, np.empty(0, dtype=np.int32), np.zeros(1, dtype=np.int64)
    for block in map(sparse.csr_array, blocks):
        data = np.empty(0, dtype=block.dtype) if data is None else data
        for whole, part in ((data, block.data), (indices, block.indices), (indptr, block.indptr[1:] + len(data))):
            end = len(whole)
            whole.resize(end + len(part), refcheck=False)
            whole[end:] = part
    if len(data) <= np.iinfo(indices.dtype).max:
        indptr = indptr.astype(indices.dtype)
    return sparse.csr_array((data, indices, indptr), shape=(len(indptr) - 1, block.shape[1]))


def leaves(transformer, steps):
    """The transformers inside, of a pipeline those of a slice of its steps."""
    if isinstance(transformer, str):
        return []
    if isinstance(transformer, Pipeline):
        parts = [step for _, step in transformer.steps if not (step is None or step == "passthrough")][steps]
    elif isinstance(transformer, FeatureUnion):
        parts = [part for _, part in transformer.transformer_list]
    else:
        return [transformer]
    return [leaf for part in parts for leaf in leaves(part, steps)]
