import numba
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from threadpoolctl import threadpool_limits

threadpool_limits(1, user_api="blas")  # workers of pytest-xdist share the cores: a quarter less time

STORAGES = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "CSR": sparse.csr_array,
    "CSC": sparse.csc_array,
    "CSR matrix": sparse.csr_matrix,
}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def sparse_stays(monkeypatch):
    """Small sparse matrices are not made arrays."""
    monkeypatch.setattr("skprox.storage.DENSE_ENTRIES", 0)
    monkeypatch.setattr("skprox.storage.DENSE_PART", np.inf)


@pytest.fixture(params=STORAGES)
def storage(request, sparse_stays):
    """What makes one of the storages of an array."""
    return STORAGES[request.param]


@pytest.fixture(scope="session")
def spikes():
    """Two groups of features, as in the texts on strengths that follow the structure, and two neurons."""
    rng = np.random.default_rng(123)
    f1, f2 = 0.5 * rng.normal(size=(500, 5)), 0.5 * rng.normal(size=(500, 2))
    rate = np.exp(f1 @ rng.uniform(size=5) + f2 @ rng.uniform(size=2) + 1.0)
    y = rng.poisson(rate)
    X = pd.concat({"f1": pd.DataFrame(f1), "f2": pd.DataFrame(f2)}, axis=1)
    return X, y, np.column_stack([y, 2 * y])


@pytest.fixture
def compiled():
    """For tests of what is compiled, where coverage is measured without."""
    if numba.config.DISABLE_JIT:
        pytest.skip("NUMBA_DISABLE_JIT")


@pytest.fixture
def lockstep(monkeypatch):
    """No compiled descents: small X is served as others are."""
    monkeypatch.setattr("skprox.solvers.in_memory.holds", lambda objective: False)


@pytest.fixture(params=["in memory", "lockstep"])
def server(request):
    """All that serves small X, one after the other."""
    if request.param == "lockstep":
        request.getfixturevalue("lockstep")
