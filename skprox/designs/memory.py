"""Rows in memory."""

from copy import copy
from functools import reduce

import numpy as np
from scipy import sparse

from skprox import storage
from skprox.latent import kept


class Design:
    """A matrix in memory, dense or sparse, some columns of it, and threads to visit its rows on.

    Parameters
    ----------
    X : ndarray or CSR or CSC matrix
        The matrix.
    n_threads : int
        Number of blocks of rows, at most, that a visit is cut into.
    map : callable
        Runs a function over the blocks, like the builtin.
    chunk_bytes : int, default=None
        Memory that each thread may take for what it works on at once. None goes by the size of X.
    columns : ndarray of int, default=None
        Positions of its columns in X, which may repeat. None is all.
    arrays : dict, default=None
        Names to arrays with an entry for each row along their last axis.
    """

    holds_rows = True

    def __init__(self, X, n_threads=1, map=map, chunk_bytes=None, columns=None, arrays=None):
        self.X, self.n_threads, self.map, self.columns = storage.prepare(X), n_threads, map, columns
        self.arrays = {} if arrays is None else arrays
        self.chunk_bytes = storage.chunk_bytes(self.X, n_threads) if chunk_bytes is None else chunk_bytes
        self.blocks = storage.blocks(self.X, n_threads)
        self.shape = X.shape[0], X.shape[1] if columns is None else len(columns)
        self.dtype, self.is_dense = X.dtype, not sparse.issparse(X)

    @classmethod
    def of_occupied(cls, X, n_threads, map, arrays, repeats=None):
        """The design of some columns, which may repeat, and of these those with an entry, where others are many.

        `occupied` are their positions among all `n_all`, and `repeats` what are left of the columns.
        """
        X = storage.prepare(X)
        occupied, n_all = storage.occupied(X), X.shape[1] if repeats is None else len(repeats)
        if occupied is not None:
            X = X[:, occupied]
            if repeats is not None:
                occupied, repeats = kept(repeats, occupied)
        X, columns = storage.repeat(X, repeats)
        design = cls(X, n_threads, map, columns=columns, arrays=arrays)
        design.occupied, design.n_all, design.repeats = occupied, n_all, repeats
        return design

    @property
    def whole(self):
        """The matrix, where its columns are all of X; else None."""
        return self.X if self.columns is None else None

    @property
    def is_threaded(self):
        """Whether a visit runs on several threads."""
        return len(self.blocks) > 1

    @property
    def rows(self):
        """All rows as one chunk."""
        return Rows(self, slice(0, self.shape[0]))

    def keep(self, recipe, n_columns=0):
        """The design with more arrays: those that recipe(rows) returns, by name."""
        if n_columns == 0:
            made = recipe(self.rows)
        else:
            forms = recipe(Rows(self, slice(0, 1)))
            made = {name: np.empty((*form.shape[:-1], self.shape[0]), form.dtype) for name, form in forms.items()}

            def write(rows):
                for name, part in recipe(rows).items():
                    made[name][..., rows.where] = part

            self.reduce(lambda first, second: None, write, n_columns, 1)
        design = copy(self)
        design.arrays = self.arrays | made
        return design

    def restrict(self, columns, unite):
        """The design of some of the columns.

        Of a sparse matrix come the rows with an entry there, where they are few, and an empty one in the end for all
        others, with the arrays unite(rows) of these; all rows where that is None.
        """
        columns = columns if self.columns is None else self.columns[columns]
        X, columns, rows = storage.gather(self.X, columns, unite is not None)
        if rows is None:
            return self._like(X, columns, self.arrays)
        others = np.ones(self.shape[0], dtype=bool)
        others[rows] = False
        united = unite(Rows(self, others))
        arrays = {name: np.concatenate([self.arrays[name][..., rows], each], -1) for name, each in united.items()}
        return self._like(X, columns, arrays)

    def copied_columns(self):
        """How many columns `cut` copies of a chunk that is to have all of them."""
        return storage.copied_columns(self.X, self.shape[1]) if self.columns is None else self.shape[1]

    def _like(self, X, columns, arrays):
        return Design(X, self.n_threads, self.map, self.chunk_bytes, columns, arrays)

    def reduce(self, merge, task, n_columns, n_problems):
        """What `merge` makes of task(rows) over chunks of rows, each cut to so many columns for so many problems."""
        size = storage.chunk_rows(self.X, self.chunk_bytes, n_columns, n_problems)

        def run(block):
            starts = range(block.start, block.stop, size)
            return reduce(merge, (task(Rows(self, slice(at, min(at + size, block.stop)))) for at in starts))

        return run(*self.blocks) if len(self.blocks) == 1 else reduce(merge, self.map(run, self.blocks))


class Rows:
    """A chunk of the rows of a design: `rows[name]` are their entries of one of its arrays."""

    __slots__ = "design", "where"

    def __init__(self, design, where):
        self.design, self.where = design, where

    def __getitem__(self, name):
        return self.design.arrays[name][..., self.where]

    def cut(self, columns=None):
        """The matrix, at some positions among the columns of the design; None is all."""
        if self.design.columns is not None:
            columns = self.design.columns if columns is None else self.design.columns[columns]
        return storage.cut(self.design.X, self.where, columns)

    def weighted_sums(self, masses, chunk):
        """masses @ chunk, one by one on the threads where these don't share the rows."""
        if self.design.is_threaded or not sparse.issparse(chunk):
            return storage.weighted_sums(masses, chunk)
        return np.array(list(self.design.map(lambda mass: storage.weighted_sums(mass, chunk), masses)))
