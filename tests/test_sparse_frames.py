"""Sparse booleans and integers, of pandas and scipy, are taken as the numbers they are."""

import tracemalloc

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from skprox import (
    GroupEffectDisplay,
    GroupImportanceDisplay,
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    PoissonGLMRegressor,
    PoissonGLMRegressorCV,
    ProxSGDRegressor,
    StabilitySelection,
    poisson_deviance_scorer,
    regularization_path,
)
from skprox.model import check_data

RNG = np.random.default_rng(0)
TEXT = pd.DataFrame({"city": RNG.choice(list("abc"), 120), "kind": RNG.choice(list("xy"), 120)})
DENSE = pd.get_dummies(TEXT).astype(float)
Y = RNG.poisson(np.exp(DENSE["city_b"] + 0.5 * DENSE["kind_x"]))
DUMMIES = pd.get_dummies(TEXT, sparse=True)
SPARSE = {
    "booleans": DUMMIES,
    "int8": pd.get_dummies(TEXT, sparse=True, dtype="int8"),
    "uint64": pd.get_dummies(TEXT, sparse=True, dtype="uint64"),
    "float32": pd.get_dummies(TEXT, sparse=True, dtype="float32"),
    "booleans and floats": DUMMIES.astype({"city_a": pd.SparseDtype(float, 0), "kind_x": pd.SparseDtype(int)}),
    "stored zeros": DENSE.astype(pd.SparseDtype(float)),
    "fill values": DUMMIES.assign(
        city_a=pd.arrays.SparseArray(DENSE["city_a"] == 1, fill_value=True),
        kind_x=pd.arrays.SparseArray(DENSE["kind_x"].astype(int), fill_value=1),
    ),
    "CSR of booleans": sparse.csr_array(DENSE.to_numpy(dtype=bool)),
    "CSC of booleans": sparse.csc_matrix(DENSE.to_numpy(dtype=bool)),
    "COO of integers": sparse.coo_array(DENSE.to_numpy(dtype=int)),
}
GROUPS = [0, 0, 0, 1, 1]


@pytest.fixture(params=SPARSE)
def pair(request):
    """Something sparse, and the same as dense floats, with names where it has any."""
    X = SPARSE[request.param]
    return X, DENSE if hasattr(X, "columns") else DENSE.to_numpy()


def same(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "model",
    [
        GroupLassoPoisson(alpha=0.02, groups=GROUPS),
        PoissonGLMRegressor(alpha=0.02),
        GroupLassoPoissonCV(groups=GROUPS, cv=3, alphas=5),
        PoissonGLMRegressorCV(l1_ratio=0.9, cv=3, alphas=5),
        ProxSGDRegressor(loss="poisson", groups=GROUPS, max_iter=5, tol=None, random_state=0),
    ],
)
def test_estimators(model, pair):
    results = []
    for X in pair:
        model.fit(X, Y)
        names = getattr(model, "feature_names_in_", range(5))
        assert list(names) == list(getattr(X, "columns", range(5)))
        results.append([model.coef_, model.predict(X), model.score(X, Y), poisson_deviance_scorer(model, X, Y)])
    for found, wanted in zip(*results, strict=True):
        same(found, wanted)


def test_chunks(pair):
    learners = [ProxSGDRegressor(loss="poisson", random_state=0).partial_fit(X, Y).partial_fit(X, Y) for X in pair]
    same(learners[0].coef_, learners[1].coef_)


def test_what_a_model_says_of_the_rows(pair):
    X, dense = pair
    model = PoissonGLMRegressor(alpha=0.02).fit(X, Y)
    pd.testing.assert_frame_equal(model.summary(X), model.summary(dense))
    for kind in ("model", "sandwich"):
        pd.testing.assert_frame_equal(model.covariance(X, Y, kind=kind), model.covariance(dense, Y, kind=kind))
    displays = [GroupImportanceDisplay.from_estimator(model, each, Y, kind="deviance") for each in pair]
    plt.close("all")
    same(displays[0].importances, displays[1].importances)


def test_paths_searches_and_selection(pair):
    X, dense = pair
    model = GroupLassoPoisson(groups=GROUPS)
    same(regularization_path(model, X, Y, n_alphas=4).coefs, regularization_path(model, dense, Y, n_alphas=4).coefs)
    selector = StabilitySelection(model, n_resamples=4, n_alphas=5, random_state=0, max_errors=5)
    path = selector.fit(dense, Y).stability_path_
    same(selector.fit(X, Y).stability_path_, path)
    kept = selector.transform(X)
    same(kept.toarray(), selector.transform(dense))
    if hasattr(X, "tocsr"):
        X = X.tocsr()
    same(cross_val_score(model, X, Y, cv=3), cross_val_score(model, dense, Y, cv=3))
    search = GridSearchCV(make_pipeline("passthrough", model), {"grouplassopoisson__alpha": [0.01, 0.1]}, cv=3)
    same(search.fit(X, Y).best_score_, search.fit(dense, Y).best_score_)


def test_effects_of_frames():
    model = PoissonGLMRegressor(alpha=0.02).fit(DUMMIES, Y)
    drawn = [GroupEffectDisplay.from_estimator(model, X, "city_b") for X in (DUMMIES, DENSE)]
    plt.close("all")
    same(drawn[0].effects, drawn[1].effects)


@pytest.mark.filterwarnings("ignore:pandas.DataFrame with sparse columns")
def test_beside_dense_columns():
    """scikit-learn makes such a frame dense, and says so."""
    model = GroupLassoPoisson(alpha=0.02, groups=GROUPS)
    X, dense = DUMMIES.assign(kind_x=RNG.normal(size=120)), DENSE.copy()
    dense["kind_x"] = X["kind_x"]
    same(model.fit(X, Y).predict(X), model.fit(dense, Y).predict(dense))


def test_nothing_dense_is_made():
    X = pd.get_dummies(pd.Series(np.arange(20_000) % 300).astype(str), sparse=True)
    model = PoissonGLMRegressor()
    tracemalloc.start()
    check_data(model, X, np.ones(len(X)), None, None)
    model._check_covariates(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.size  # of one byte an entry


def test_missing_values_are_found():
    X = pd.DataFrame({"u": pd.arrays.SparseArray([1.0, np.nan])})
    with pytest.raises(ValueError, match="Input X contains NaN"):
        PoissonGLMRegressor().fit(X, [1, 2])
