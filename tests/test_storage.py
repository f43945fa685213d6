import numpy as np
import pytest
from scipy import sparse

from skprox import PoissonGLMRegressor, storage
from skprox.objectives.poisson import PoissonObjective
from skprox.storage import chunk_rows, cut, prepare

COLUMNS = {
    "all": None,
    "all, one by one": [0, 1, 2, 3, 4, 5],
    "backwards": [5, 4, 3, 2, 1, 0],
    "some": [1, 2, 5],
    "in any order": [4, 0, 3],
    "one": [3],
    "none": [],
}


@pytest.fixture
def dense(rng):
    X = rng.normal(size=(30, 6)) * (rng.uniform(size=(30, 6)) < 0.4)
    X[10:14] = X[:, 4] = 0  # empty rows, and an empty column
    return X


def parts(X):
    """The arrays that X consists of."""
    return [X] if isinstance(X, np.ndarray) else [X.data, X.indices, X.indptr]


def freeze(X):
    for array in parts(X):
        array.setflags(write=False)
    return X


def disordered(X):
    """The same entries as COO, in no order and some in two parts."""
    order = np.random.default_rng(2).permutation(2 * X.nnz)
    coo = X.tocoo()
    data, row, column = np.r_[0.25 * coo.data, 0.75 * coo.data], np.tile(coo.row, 2), np.tile(coo.col, 2)
    return data[order], row[order], column[order]


def compress(data, major, minor, n_major):
    """Compressed arrays in the order given, duplicates and all."""
    order = np.argsort(major, kind="stable")
    return data[order], minor[order], np.r_[0, np.cumsum(np.bincount(major, minlength=n_major))]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("rows", [(0, 30), (0, 7), (11, 13), (20, 30), (5, 6), (9, 9)])
def test_cut(dense, storage, rows, columns, dtype):
    X, rows, columns = prepare(storage(dense.astype(dtype))), slice(*rows), COLUMNS[columns]
    part = cut(X, rows, None if columns is None else np.array(columns, dtype=int))
    assert part.dtype == dtype
    assert sparse.issparse(part) == sparse.issparse(X)
    wanted = dense.astype(dtype)[rows] if columns is None else dense.astype(dtype)[rows][:, columns]
    assert part.shape == wanted.shape
    np.testing.assert_array_equal(part.toarray() if sparse.issparse(part) else part, wanted)
    right, left = np.arange(1.0, part.shape[1] + 1), np.arange(1.0, part.shape[0] + 1)
    np.testing.assert_allclose(part @ right, wanted @ right, rtol=1e-6)
    np.testing.assert_allclose(left @ part, left @ wanted, rtol=1e-6)


@pytest.mark.parametrize(
    "stride",
    [lambda X: X.repeat(2, 0)[::2], lambda X: X.repeat(2, 1)[:, ::2], lambda X: X[::-1, ::-1].copy()[::-1, ::-1]],
)
def test_cut_of_arrays_with_gaps(dense, stride):
    X = stride(dense)
    for columns in COLUMNS.values():
        wanted = dense[3:17] if columns is None else dense[3:17][:, columns]
        got = cut(prepare(X), slice(3, 17), None if columns is None else np.array(columns, dtype=int))
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_cut_with_wide_positions(dense, index):
    for make in (sparse.csr_array, sparse.csc_array):
        X = make(dense)
        X.indices, X.indptr = X.indices.astype(index), X.indptr.astype(index)
        np.testing.assert_array_equal(
            cut(prepare(X), slice(3, 17), np.array([4, 0, 3])).toarray(), dense[3:17][:, [4, 0, 3]]
        )


def test_views_where_there_can_be(dense, storage):
    """Rows of arrays and of CSR, and a CSC matrix as a whole, are not copied."""
    X = storage(dense)
    prepared = prepare(X)
    for ours, theirs in zip(parts(prepared), parts(X), strict=True):
        assert np.shares_memory(ours, theirs)
    whole = cut(prepared, slice(0, 30), None)
    for ours, theirs in zip(parts(whole), parts(X), strict=True):
        assert np.shares_memory(ours, theirs)
    if not sparse.issparse(X) or X.format == "csr":
        rows = cut(prepared, slice(5, 20), None)
        for ours, theirs in list(zip(parts(rows), parts(X), strict=True))[:2]:
            assert np.shares_memory(ours, theirs)
    if not sparse.issparse(X):
        assert np.shares_memory(cut(prepared, slice(5, 20), np.arange(6)), X)


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_array, sparse.csr_matrix, sparse.csc_matrix])
def test_entries_out_of_order(dense, kind):
    """Duplicates are summed and positions sorted, in a copy."""
    data, row, column = disordered(sparse.csr_array(dense))
    by_row = kind(dense).format == "csr"
    arrays = compress(data, row, column, 30) if by_row else compress(data, column, row, 6)
    X = kind(arrays, shape=(30, 6))
    before = [array.copy() for array in parts(X)]
    prepared = prepare(freeze(X))
    for array, wanted in zip(parts(X), before, strict=True):
        np.testing.assert_array_equal(array, wanted)
    assert prepared.nnz == np.count_nonzero(dense)
    assert prepared.has_canonical_format
    for rows in (slice(0, 30), slice(4, 19)):
        np.testing.assert_allclose(cut(prepared, rows, None).toarray(), dense[rows])
        np.testing.assert_allclose(cut(prepared, rows, np.array([5, 0])).toarray(), dense[rows][:, [5, 0]])


def test_entries_out_of_order_without_duplicates(dense):
    for kind, arrays in [(sparse.csr_array, dense), (sparse.csc_array, dense.T)]:
        sorted_ = sparse.csr_array(arrays)
        order = np.concatenate(
            [np.arange(a, b)[::-1] for a, b in zip(sorted_.indptr, sorted_.indptr[1:], strict=False)]
        )
        X = kind((sorted_.data[order], sorted_.indices[order], sorted_.indptr), shape=(30, 6))
        part = cut(prepare(freeze(X)), slice(4, 19), np.array([5, 0]))
        np.testing.assert_array_equal(part.toarray(), dense[4:19][:, [5, 0]])


def test_read_only_arrays(dense, storage, rng):
    """As joblib hands them to its workers. They are not written to either."""
    X, counts = freeze(storage(dense)), rng.poisson(2.0, size=(2, 30)).astype(float)
    np.testing.assert_array_equal(
        np.asarray(cut(prepare(X), slice(2, 9), np.array([3, 1])) @ np.eye(2)), dense[2:9][:, [3, 1]]
    )
    rows = counts, np.full((1, 30), 1 / 30), np.zeros(30)
    for array in rows:
        array.setflags(write=False)
    coefs = 0.1 * rng.normal(size=(2, 6))
    frozen, free = PoissonObjective(X, *rows, True, 2), PoissonObjective(dense.copy(), *rows, True)
    for got, wanted in zip(frozen.evaluate(coefs, [0, 1]), free.evaluate(coefs, [0, 1]), strict=True):
        np.testing.assert_allclose(got, wanted)
    columns = np.array([5, 1])
    np.testing.assert_allclose(
        frozen.hessian(frozen.null[0], 0, columns), free.hessian(free.null[0], 0, columns), atol=1e-15
    )
    np.testing.assert_allclose(
        frozen.bregman_divergence(coefs, frozen.null, [0, 1]), free.bregman_divergence(coefs, free.null, [0, 1])
    )


def test_memory_maps(dense, tmp_path):
    """CSC matrices go through compiled code, which must take what joblib maps from a file."""
    for make in (sparse.csr_array, sparse.csc_array):
        X = make(dense)
        for name in ("data", "indices", "indptr"):
            np.save(tmp_path / name, getattr(X, name))
            setattr(X, name, np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
        np.testing.assert_array_equal(cut(prepare(X), slice(2, 9), np.array([3, 1])).toarray(), dense[2:9][:, [3, 1]])


def test_chunks_have_rows(storage):
    """Of a matrix of zeros, of one with many columns, and of one cut to none."""
    for X in (np.zeros((5, 4)), np.zeros((2, 10**6))):
        for n_columns in (0, 1, 4):
            for n_problems in (1, 10**7):
                assert chunk_rows(prepare(storage(X)), 2**20, n_columns, n_problems) >= 1


def test_small_sparse_matrices_become_arrays(rng, monkeypatch):
    """Where they are small or dense; float32 becomes double where that stays in the cache."""
    monkeypatch.setattr(storage, "CACHED", 1000)
    monkeypatch.setattr(storage, "DENSE_ENTRIES", 100)
    X = rng.normal(size=(20, 30)).astype(np.float32)
    few = X * (rng.uniform(size=X.shape) < 0.05)
    for to_sparse in (sparse.csr_matrix, sparse.csc_array):
        for given, is_array, dtype in [
            (X, True, np.float64),
            (few, False, np.float64),
            (few[:5, :20], True, np.float64),
            (np.tile(X, (3, 1)), False, np.float32),
        ]:
            found = storage.in_cache(to_sparse(given))
            assert isinstance(found, np.ndarray) == is_array
            assert found.dtype == dtype
            np.testing.assert_array_equal(found if is_array else found.toarray(), given)


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_array])
def test_fits_leave_sparse_matrices_as_they_are(kind):
    rng = np.random.default_rng(0)
    X = kind(sparse.random(20_000, 40, density=0.02, format="csr", random_state=1))
    before, y = X.copy(), rng.poisson(np.exp(X[:, [0]].toarray().ravel()))
    model = PoissonGLMRegressor(alpha=1e-7, l1_ratio=0.5).fit(X, y)
    assert np.count_nonzero(model.coef_) == 40
    assert (before != X).nnz == 0
