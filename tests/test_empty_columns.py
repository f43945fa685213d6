"""Columns of sparse matrices without an entry: they cost nothing, and their coefficients are zero."""

import mmap
import sys
from copy import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, delayed
from scipy.sparse import csc_array, csr_array, csr_matrix
from sklearn.base import clone

from skprox import (
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    PoissonGLMRegressor,
    PoissonGLMRegressorCV,
    StabilitySelection,
    regularization_path,
    stability,
)
from skprox.objectives.poisson import PoissonObjective

FULL = np.array([3, 4, 11, 17, 18])
LABELS = np.arange(20) // 4  # the group of 3 has three empty columns, two groups have no others


@pytest.fixture
def data(rng):
    X = np.zeros((200, 20))
    X[:, FULL] = rng.normal(size=(200, 5)) * (rng.uniform(size=(200, 5)) < 0.5)
    return X, rng.poisson(np.exp(0.5 + 0.5 * X[:, 3] - 0.3 * X[:, 17]))


@pytest.fixture(params=[csr_array, csc_array, csr_matrix])
def storage(request, sparse_stays):
    return request.param


MODELS = {
    "lasso": PoissonGLMRegressor(alpha=0.03, l1_ratio=1.0, tol=1e-9),
    "ridge": PoissonGLMRegressor(alpha=np.linspace(0.0, 1.0, 20), tol=1e-9),
    "infinite": PoissonGLMRegressor(alpha=np.where(np.arange(20) == 4, np.inf, 0.1), l1_ratio=0.5, tol=1e-9),
    "group lasso": GroupLassoPoisson(alpha=0.02, groups=LABELS, tol=1e-9),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_are_those_of_a_dense_array(data, storage, name):
    X, y = data
    dense, model = MODELS[name].fit(X, y), MODELS[name].fit(X, y)
    dense = vars(dense).copy()
    model.fit(storage(X), y)
    np.testing.assert_allclose(model.coef_, dense["coef_"], atol=1e-8)
    assert not np.delete(model.coef_, FULL).any()
    assert model.objective_ == pytest.approx(dense["objective_"], rel=1e-12)
    assert model.selected_groups_ == dense["selected_groups_"]
    assert ("alpha_max_" in dense) == hasattr(model, "alpha_max_")
    assert getattr(model, "alpha_max_", 0) == pytest.approx(dense.get("alpha_max_", 0))
    np.testing.assert_allclose(model.summary(storage(X))["share"], model.summary(X)["share"], atol=1e-12)
    warm = model.set_params(warm_start=True).fit(storage(X), y)
    assert warm.n_iter_ == 1
    model.set_params(warm_start=False)


def test_paths_folds_and_halves(data, storage):
    X, y = data
    Y = np.c_[y, y[::-1]]
    paths = [regularization_path(MODELS["group lasso"], each, Y, n_alphas=5) for each in (X, storage(X))]
    np.testing.assert_allclose(paths[1].alphas, paths[0].alphas)
    assert paths[1].coefs.shape == (5, 2, 20)
    np.testing.assert_allclose(paths[1].coefs, paths[0].coefs, atol=1e-7)
    for kind, params in (PoissonGLMRegressorCV, {}), (GroupLassoPoissonCV, {"groups": LABELS}):
        models = [kind(alphas=5, tol=1e-9, **params).fit(each, y) for each in (X, storage(X))]
        assert models[0].alpha_ == pytest.approx(models[1].alpha_)
        for attribute in "coef_", "coef_path_", "deviance_path_":
            np.testing.assert_allclose(*(getattr(model, attribute) for model in models), atol=1e-7)
    selectors = [
        StabilitySelection(MODELS["group lasso"], n_resamples=4, random_state=0, max_errors=2).fit(each, y)
        for each in (X, storage(X))
    ]
    np.testing.assert_array_equal(selectors[0].stability_path_, selectors[1].stability_path_)


BY_COLUMN = np.r_[1.0:3.0:12j, np.zeros(4), 0.5, 1.0, np.inf, 2.0]
RATIOS = np.linspace(0.5, 1.0, 20)
PATTERNS = {
    "columns": PoissonGLMRegressor(l1_ratio=RATIOS, penalty_weights=BY_COLUMN, groups=LABELS, tol=1e-9),
    "single columns": PoissonGLMRegressor(l1_ratio=RATIOS, tol=1e-9),
    "groups": GroupLassoPoisson(groups=LABELS, group_weights=[2.0, np.inf, 1.0, 0.0, 0.5], tol=1e-9),
    "sizes": GroupLassoPoisson(groups=LABELS[::-1], tol=1e-9),
    "outputs": PoissonGLMRegressor(
        l1_ratio=[RATIOS, RATIOS[::-1]], penalty_weights=[BY_COLUMN, np.ones(20)], groups=LABELS, tol=1e-9
    ),
    "groups of outputs": GroupLassoPoisson(
        groups=LABELS, group_weights=[[2.0, np.inf, 1.0, 0.0, 0.5], [1.0, 2.0, 0.5, 3.0, 1.0]], tol=1e-9
    ),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_halves_take_the_others_alone(data, storage, name, monkeypatch):
    """With the strengths that these have among all columns: a group without any other may be free or removed."""
    X, y = data
    y = np.c_[y, y[::-1]] if "outputs" in name else y
    selector = StabilitySelection(PATTERNS[name], n_resamples=4, alphas=[0.02, 0.1, 0.2], random_state=0, max_errors=9)
    wanted = vars(clone(selector).fit(X, y))
    seen = []

    def follow(estimator, X, *args, **kwargs):
        seen.append(X.shape[1])
        return regularization_path(estimator, X, *args, **kwargs)

    monkeypatch.setattr(stability, "regularization_path", follow)
    for given in storage(X), pd.DataFrame.sparse.from_spmatrix(csr_array(X)):
        seen.clear()
        selector.fit(given, y)
        assert seen == [20, 5, 5, 5, 5]
        np.testing.assert_array_equal(selector.stability_path_, wanted["stability_path_"])
        assert list(selector.selection_probabilities_.values()) == list(wanted["selection_probabilities_"].values())
        assert len(selector.selected_groups_) == len(wanted["selected_groups_"]) > 0
        assert (selector.error_bound_, selector.alpha_min_) == (wanted["error_bound_"], wanted["alpha_min_"])
        assert list(map(list, selector.groups_.values())) == list(map(list, wanted["groups_"].values()))


@pytest.mark.slow
def test_models_come_back_from_workers(data):
    """And go there, where joblib looks at the memory that large arrays are in."""
    X, y = data
    model = PoissonGLMRegressorCV(alphas=5)
    (there,) = Parallel(n_jobs=2)([delayed(model.fit)(csr_array(X), y)])
    (back,) = Parallel(n_jobs=2, max_nbytes=8)([delayed(copy)(there)])
    here = model.fit(csr_array(X), y)  # on other numbers of threads, whose sums round otherwise
    np.testing.assert_allclose(back.coef_path_, here.coef_path_, atol=1e-7)


def test_they_are_left_out(data, storage):
    """Also of what paths keep: in memory as many entries are written as columns hold something."""
    X, y = data
    rows = y[None].astype(float), np.full((1, 200), 1 / 200), np.zeros(200)
    objective = PoissonObjective(storage(X), *rows, True)
    assert objective.shape == (200, 5)
    coefs = objective.expand(np.ones((7, 2, 5)))
    assert coefs.shape == (7, 2, 20)
    assert coefs.strides[-1] == max(coefs.strides)
    np.testing.assert_array_equal(np.flatnonzero(coefs[0, 0]), FULL)
    np.testing.assert_array_equal(objective.take(coefs), np.ones((7, 2, 5)))


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells which memory is in use")
def test_zeros_of_a_path_take_no_memory(rng):
    rows, columns = np.arange(1000), rng.choice(2**20, 1000, replace=False)
    X = csr_array((np.ones(1000), (rows, columns)), shape=(1000, 2**20))
    objective = PoissonObjective(X, np.ones((1, 1000)), np.full((1, 1000), 1e-3), np.zeros(1000), True)
    before = _resident()
    coefs = objective.expand(np.ones((100, 1000)))
    assert coefs.nbytes > 800e6
    assert _resident() - before < 50e6


def _resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


def test_a_column_of_too_large_values_is_named(data, storage):
    X, y = data
    X[0, 17] = 1e200
    with pytest.raises(ValueError, match="too large to be squared, in column 'x17'"):
        MODELS["lasso"].fit(storage(X), y)


@pytest.mark.parametrize("solver", ["newton", "fista"])
@pytest.mark.parametrize("n_columns", [1, 2, 20])
def test_no_entry_at_all(data, storage, solver, n_columns):
    """As a constant column: hashed texts that are all empty, a column of dummies that no row has."""
    X, y = storage((200, n_columns)), data[1]
    for model in PoissonGLMRegressor(alpha=0.1, l1_ratio=0.5), GroupLassoPoisson(groups=LABELS[:n_columns]):
        model.set_params(solver=solver).fit(X, y)
        np.testing.assert_array_equal(model.coef_, np.zeros(n_columns))
        assert model.intercept_ == pytest.approx(np.log(y.mean()))
        assert model.alpha_max_ == 0
        path = regularization_path(model, X, np.c_[y, y], n_alphas=3)
        np.testing.assert_array_equal(path.alphas, [1.0])
        assert path.coefs.shape == (1, 2, n_columns)
    assert PoissonGLMRegressorCV(alphas=3, solver=solver).fit(X, y).alpha_ == 1
    assert StabilitySelection(model, n_resamples=2).fit(X, y).selected_groups_ == []
