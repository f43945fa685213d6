"""The rows of a design matrix: all that multiplies X is a task on chunks of rows, whose answers are merged."""

from functools import reduce

from scipy import sparse

from skprox import storage


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
    """

    def __init__(self, X, n_threads=1, map=map, chunk_bytes=None, columns=None):
        self.X, self.n_threads, self.map, self.columns = storage.prepare(X), n_threads, map, columns
        self.chunk_bytes = storage.chunk_bytes(self.X, n_threads) if chunk_bytes is None else chunk_bytes
        self.blocks = storage.blocks(self.X, n_threads)
        self.shape = X.shape[0], X.shape[1] if columns is None else len(columns)
        self.dtype, self.is_dense = X.dtype, not sparse.issparse(X)

    @property
    def whole(self):
        """The matrix, where its columns are all of X; else None."""
        return self.X if self.columns is None else None

    def restrict(self, columns, unites_rows):
        """The design of some of the columns, and which rows it has; None is all.

        Of a sparse matrix come the rows with an entry there, where they are few and the others may be united, and an
        empty one in the end.
        """
        columns = columns if self.columns is None else self.columns[columns]
        X, columns, rows = storage.gather(self.X, columns, unites_rows)
        return Design(X, self.n_threads, self.map, self.chunk_bytes, columns), rows

    def cut(self, rows, columns=None):
        """Rows of the matrix, at some positions among the columns of the design; None is all."""
        if self.columns is not None:
            columns = self.columns if columns is None else self.columns[columns]
        return storage.cut(self.X, rows, columns)

    def copied_columns(self):
        """How many columns `cut` copies of a chunk that is to have all of them."""
        return storage.copied_columns(self.X, self.shape[1]) if self.columns is None else self.shape[1]

    def reduce(self, merge, task, n_columns, n_problems):
        """What `merge` makes of task(rows) over chunks of rows, each cut to so many columns for so many problems."""
        size = storage.chunk_rows(self.X, self.chunk_bytes, n_columns, n_problems)

        def run(block):
            starts = range(block.start, block.stop, size)
            return reduce(merge, (task(slice(start, min(start + size, block.stop))) for start in starts))

        return run(*self.blocks) if len(self.blocks) == 1 else reduce(merge, self.map(run, self.blocks))


def add(first, second):
    """Sums of arrays, in place of the first."""
    for a, b in zip(first, second, strict=True):
        a += b
    return first
