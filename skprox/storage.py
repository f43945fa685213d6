"""How a design is stored, and how rows and columns are cut out of it.

Everything else multiplies what `cut` returns, an array or a sparse matrix, with ``@``.
"""

import numpy as np
from scipy import sparse
from sklearn.utils import gen_even_slices

from skprox._jit import njit

CACHED = 2**21  # entries of X up to which it stays in the cache, in double precision
DENSE_ENTRIES, DENSE_PART = 2**17, 0.1  # of a sparse X, or that share of it stored: as an array it is faster
POSITIONS = 2**17  # of entries at once, of which NumPy makes long integers
CHUNK_BYTES = 2**23  # of a dense chunk, and of what is computed from it: they stay in the cache
CHUNK_PART = 16  # of X are the chunks of all threads together at most
CHUNK_ROWS = 1024  # at least, so that products are worth their overhead
SMALL_PART = 10  # of a tall X is up to a tenth of it: a copy to work with is worth the memory
WIDE_PART = 2  # of a wide X, up to half
COLUMN_ENTRIES = 32  # of a sparse chunk, on average
DENSE = 0.05  # density above which products of the columns of a sparse matrix are faster of a dense copy


def in_cache(X):
    """A small X in double precision, and a sparse one as an array, if these make work faster or more precise."""
    n_entries = X.nnz if sparse.issparse(X) else X.size
    if sparse.issparse(X) and X.shape[0] * X.shape[1] <= min(CACHED, max(DENSE_ENTRIES, n_entries / DENSE_PART)):
        X = X.toarray()
    return X.astype(np.float64, copy=False) if n_entries <= CACHED else X


def prepare(X):
    """X in a form that `cut` can take: a sparse array in order and without duplicates."""
    if not sparse.issparse(X):
        return X
    X = {"csr": sparse.csr_array, "csc": sparse.csc_array}[X.format](X)
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def occupied(X):
    """Positions of the columns with an entry, the first if there is none; None where most of them have one."""
    return few(have_entries(X)) if sparse.issparse(X) else None


def have_entries(X):
    """Whether each column of a sparse X has an entry."""
    if X.format == "csc":
        return np.diff(X.indptr) > 0
    seen = np.zeros(X.shape[1], dtype=bool)
    for start in range(0, X.nnz, POSITIONS):
        seen[X.indices[start : start + POSITIONS]] = True
    return seen


def few(seen):
    """Positions of the columns that are seen, the first if none is; None where most are."""
    where = np.flatnonzero(seen)
    where = where if len(where) else np.zeros(1, dtype=int)
    return where if 2 * len(where) < len(seen) else None


def repeat(X, columns):
    """X, and positions of its columns, which may repeat: these columns, and None, where they stay in the cache."""
    if columns is None or sparse.issparse(X) or X.shape[0] * len(columns) > CACHED:
        return X, columns
    return X[:, columns], None


def chunk_bytes(X, n_threads):
    """Memory that each thread may take for what it works on at once."""
    size = X.data.nbytes + X.indices.nbytes if sparse.issparse(X) else X.nbytes
    return min(CHUNK_BYTES, size // (CHUNK_PART * n_threads))


def copied_columns(X, n_columns):
    """How many columns `cut` copies of a chunk that is to have all of X: none of CSR."""
    return 0 if sparse.issparse(X) and X.format == "csr" else n_columns


def chunk_rows(X, n_bytes, n_columns, n_problems):
    """How many rows of X, cut to so many columns, and as many linear predictors take `n_bytes`.

    Few large chunks are faster: a product of 300,000 x 3,000 sparse entries takes 17 ms in chunks of 75,000 rows, 31 in
    those of 10,000.
    """
    least, width = max(CHUNK_ROWS, _worthwhile_rows(X)), n_columns
    if density(X) < DENSE:
        width = 2 * int(n_columns * density(X))
    return max(least, n_bytes // (X.dtype.itemsize * (width + 2 * n_problems)))


def blocks(X, n_threads):
    """Slices of rows, one a thread, or fewer."""
    return list(gen_even_slices(X.shape[0], max(1, min(n_threads, X.shape[0] // _worthwhile_rows(X)))))


def _worthwhile_rows(X):
    """As many as a column has some entries in, so that it is worth looking up, and worth its part of a gradient."""
    return 1 + (COLUMN_ENTRIES * X.shape[0] * X.shape[1] // max(X.nnz, 1) if sparse.issparse(X) else 0)


def density(X):
    """Share of the entries that are stored."""
    return X.nnz / max(X.shape[0] * X.shape[1], 1) if sparse.issparse(X) else 1.0


def cut(X, rows, columns):
    """X[rows][:, columns] for a slice and an array of positions (None is all): views where there can be."""
    if columns is not None and len(columns) == X.shape[1] and (columns[1:] > columns[:-1]).all():
        columns = None
    if not sparse.issparse(X):
        if columns is None:
            return X[rows]
        if X.flags.c_contiguous:
            return X[rows].take(columns, axis=1)
        return X.T[columns, rows].T
    whole = rows == slice(0, X.shape[0])
    if X.format == "csr":
        block = X if whole else _sparse(type(X), (rows.stop - rows.start, X.shape[1]), *_csr_rows(X, rows))
        return block if columns is None else block[:, columns]
    if whole:
        return X if columns is None else X[:, columns]
    columns = np.arange(X.shape[1]) if columns is None else columns
    parts = _csc_rows(X.data, X.indices, X.indptr, columns, rows.start, rows.stop)
    return _sparse(type(X), (rows.stop - rows.start, len(columns)), *parts)


def gather(X, columns, unites_rows=True):
    """X[:, columns] for many products with few columns: a copy where they are a small part of X.

    Returns a matrix, the positions of the columns in it (None is all), and the positions of its rows in X (None
    is all). Of a sparse matrix come the rows with an entry, where they are few and `unites_rows` says that one will do
    for all others, and an empty one in the end.
    """
    by_entry = sparse.issparse(X) and X.format == "csc"  # where cuts of columns are cheap, and copies are sorted by row
    share = np.diff(X.indptr)[columns].sum() / max(1, X.nnz) if by_entry else len(columns) / X.shape[1]
    if (SMALL_PART if X.shape[0] > X.shape[1] else WIDE_PART) * share > 1:
        return X, columns, None
    if not sparse.issparse(X):
        return cut(X, slice(0, X.shape[0]), columns), None, None
    part = X[:, columns]
    if not unites_rows:
        return part, None, None
    rows = np.unique(part.indices) if part.format == "csc" else np.flatnonzero(np.diff(part.indptr))
    if SMALL_PART * len(rows) > X.shape[0]:
        return part, None, None
    part = part[rows]
    part.resize(len(rows) + 1, len(columns))
    return part, None, rows


def weighted_sums(masses, chunk):
    """masses @ chunk, without the copy of a sparse chunk that scipy makes to transpose it."""
    if not sparse.issparse(chunk):
        return masses @ chunk
    kind = sparse.csc_array if chunk.format == "csr" else sparse.csr_array
    return (_sparse(kind, chunk.shape[::-1], chunk.data, chunk.indices, chunk.indptr) @ masses.T).T


def _sparse(kind, shape, data, indices, indptr):
    """A matrix from its parts, which scipy's constructor would check, and copy where they are parts of others."""
    block = kind(shape, dtype=data.dtype)
    block.data, block.indices, block.indptr = data, indices, indptr
    return block


def _csr_rows(X, rows):
    start, stop = X.indptr[rows.start], X.indptr[rows.stop]
    return X.data[start:stop], X.indices[start:stop], X.indptr[rows.start : rows.stop + 1] - start


@njit
def _csc_rows(data, indices, indptr, columns, first, last):
    """The parts of a CSC matrix of some columns and the rows from `first` to `last`."""
    starts = np.empty(columns.size, dtype=np.int64)
    ends = np.empty(columns.size + 1, dtype=indptr.dtype)
    ends[0] = 0
    for c in range(columns.size):
        start, stop = indptr[columns[c]], indptr[columns[c] + 1]
        within = indices[start:stop]
        starts[c] = start + np.searchsorted(within, first)
        ends[c + 1] = ends[c] + start + np.searchsorted(within, last) - starts[c]
    values = np.empty(ends[-1], dtype=data.dtype)
    where = np.empty(ends[-1], dtype=indices.dtype)
    for c in range(columns.size):
        for k in range(ends[c + 1] - ends[c]):
            values[ends[c] + k] = data[starts[c] + k]
            where[ends[c] + k] = indices[starts[c] + k] - first
    return values, where, ends
