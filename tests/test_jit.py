"""Kernels are compiled, and kept on disk where they can be."""

import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numba
import pytest
from numba.core.caching import CacheImpl

import skprox._jit
from skprox._jit import njit

ADVICE = "can't be kept on disk.* NUMBA_CACHE_DIR"

EVERYTHING = """
import warnings
import numpy as np
from scipy import sparse
from skprox import GroupLassoPoisson, ProxSGDRegressor
from skprox.dynamics import simulate_sparsification

rng = np.random.default_rng(0)
X = rng.normal(size=(50, 4))
y = rng.poisson(np.exp(0.3 * X[:, 0]))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    results = [GroupLassoPoisson(alpha=0.01, groups=[0, 0, 1, 1]).fit(A, y).coef_ for A in VARIANTS]
    learner = ProxSGDRegressor(loss="poisson", alpha=0.01, max_iter=2, tol=None, random_state=0)
    results += [learner.fit(A, y).coef_ for A in VARIANTS]
    results += [simulate_sparsification(20, alpha=1e-2, random_state=0).gap]
print(*np.round(np.concatenate(results), 6))
print(*{str(w.message) for w in caught}, len(caught), {w.filename for w in caught})
"""


def run(code, **environment):
    environment = os.environ | environment | {"PYTHONPATH": str(Path(skprox.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_everything_runs_without_compilation():
    code = EVERYTHING.replace("VARIANTS", "(X, sparse.csr_array(X), sparse.csc_array(X))")
    plain, warned = run(code, NUMBA_DISABLE_JIT="1")
    assert warned == "0 set()"
    assert plain == run(code)[0]


@pytest.mark.slow
def test_everything_runs_without_a_place_for_the_cache():
    code = EVERYTHING.replace("VARIANTS", "(X, sparse.csr_array(X))")
    nowhere = "import numba.core.caching as caching; caching.CacheImpl._locator_classes = []\n"
    values, warned = run(nowhere + code)
    assert re.fullmatch(rf".*{ADVICE}.* 1 \{{'<string>'\}}", warned)
    assert values == run(code)[0]


@pytest.fixture
def cache(tmp_path, monkeypatch, compiled):
    """Where kernels are kept; nothing has been warned of yet."""
    monkeypatch.setattr(skprox._jit, "_warned", False)
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return tmp_path


def double(x):
    return 2 * x


def test_what_is_compiled_is_kept(cache):
    assert njit(double)(2) == 4
    assert list(cache.glob("*/*double*.nbi"))
    again = njit(fastmath=True)(double)
    assert again(2) == 4
    assert sum(again.stats.cache_hits.values()) == 1


def test_without_a_place_for_the_cache_there_is_one_warning(cache, monkeypatch):
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])
    with pytest.warns(UserWarning, match="no locator available.* NUMBA_CACHE_DIR") as caught:
        kernel = njit(double)
    assert caught[0].filename == __file__
    with warnings.catch_warnings(action="error"):
        assert kernel(2) == njit(double)(2) == 4


def test_a_place_that_is_lost_ends_nothing(cache):
    kernel = njit(double)
    shutil.rmtree(cache)
    cache.touch()
    with pytest.warns(UserWarning, match=ADVICE):
        assert kernel(2) == 4
    assert kernel(2.5) == 5


def test_kernels_have_a_cache_in_common():
    package = Path(skprox.__file__).parent
    own = {str(path.relative_to(package)) for path in package.rglob("*.py") if "numba.njit" in path.read_text("utf-8")}
    assert own == {"_jit.py"}
    assert not [path for path in package.rglob("*.py") if "from numba import" in path.read_text("utf-8")]


def test_the_cache_knows_of_all_files_that_kernels_are_made_of():
    """Each of them changes the stamp: files in folders do, and those that compile."""
    package = Path(skprox.__file__).parent
    kernels = [path for path in package.rglob("*.py") if "skprox._jit import" in path.read_text("utf-8")]
    for path in kernels:
        for module, names in re.findall(r"^from skprox\.(\w+) import ([\w, ]+)", path.read_text("utf-8"), re.M):
            if re.search(r"\b[A-Z]{2,}\b", names) and not module.startswith("_"):
                assert package / f"{module}.py" in kernels
