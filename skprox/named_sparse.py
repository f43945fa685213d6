"""Sparse matrices whose columns have names."""

import numpy as np
from scipy import sparse


class NamedCSR(sparse.csr_array):
    """A CSR array that knows what its columns are called: `column_names`, strings.

    Rows and columns that are taken from it keep their names. All else that is computed from it has none, since
    what a column then holds may be something else.
    """

    column_names = None

    def __getitem__(self, key):
        part = super().__getitem__(key)
        columns = key[1] if isinstance(key, tuple) and len(key) > 1 else ...
        if self.column_names is not None and isinstance(part, NamedCSR) and part.ndim == 2:
            names = self.column_names[columns]
            part.column_names = names if np.shape(names) == part.shape[1:] else None
        return part


def name_columns(X, names):
    """A NamedCSR that shares the entries of X."""
    X = NamedCSR(X)
    X.column_names = np.asarray(names, dtype=object)
    return X


def names_of(X):
    """The names of the columns of a NamedCSR; None of anything else."""
    return getattr(X, "column_names", None) if isinstance(X, NamedCSR) else None
