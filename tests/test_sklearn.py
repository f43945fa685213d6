"""scikit-learn's own checks, and skprox inside its tools."""

import multiprocessing
import pickle
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    parametrize_with_checks,
)

from skprox import (
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    PoissonGLMRegressor,
    PoissonGLMRegressorCV,
    StabilitySelection,
    make_grouped_column_transformer,
    parallel,
)

ESTIMATORS = [
    PoissonGLMRegressor(),
    PoissonGLMRegressor(alpha=0.01, l1_ratio=0.5, solver="fista"),
    GroupLassoPoisson(),
    GroupLassoPoisson(alpha=0.01, solver="newton", n_jobs=2),
    PoissonGLMRegressorCV(alphas=3, cv=2),
    GroupLassoPoissonCV(alphas=3, cv=2),
]
SELECTORS = [
    StabilitySelection(PoissonGLMRegressor(l1_ratio=1), n_resamples=4, n_alphas=5),
    StabilitySelection(GroupLassoPoisson(), n_resamples=4, max_errors=1, n_alphas=5),
]


@pytest.mark.filterwarnings("ignore:X has no names of columns")
@parametrize_with_checks(ESTIMATORS)
def test_estimator_checks(estimator, check):
    check(estimator)


# halves of repeated rows are others than halves of rows with weights
WEIGHTS_ARE_NOT_REPEATS = {
    f"check_sample_weight_equivalence_on_{kind}_data": "halves of rows are drawn at random"
    for kind in ("dense", "sparse")
}


@pytest.mark.filterwarnings("ignore:X has no names of columns", "ignore:No features were selected")
@parametrize_with_checks(SELECTORS, expected_failed_checks=lambda _: WEIGHTS_ARE_NOT_REPEATS)
def test_selector_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:X has no names of columns", "ignore:No features were selected")
@pytest.mark.parametrize("estimator", [*ESTIMATORS[::2], *SELECTORS])
@pytest.mark.parametrize("check", [check_dataframe_column_names_consistency, check_param_validation])
def test_checks_that_are_not_run_by_default(estimator, check):
    check(type(estimator).__name__, clone(estimator))


@pytest.fixture
def behaviour(rng):
    """Position drives the counts, speed and arena do not."""
    X = pd.DataFrame(rng.uniform(size=(300, 2)), columns=["position", "speed"])
    X["arena"] = rng.choice(["round", "square", "open_field"], size=300)
    return X, rng.poisson(np.exp(1 + np.sin(6 * X["position"])))


@pytest.fixture
def pipeline():
    covariates = make_column_transformer(
        (SplineTransformer(include_bias=False), ["position", "speed"]), (OneHotEncoder(sparse_output=False), ["arena"])
    )
    return make_pipeline(covariates.set_output(transform="pandas"), GroupLassoPoisson(alpha=0.05))


def test_pipeline_finds_groups(behaviour, pipeline):
    model = pipeline.fit(*behaviour)[-1]
    assert list(model.groups_) == ["position", "speed", "onehotencoder"]
    assert model.selected_groups_ == ["position"]
    assert model.split_coef()["position"].shape == (6,)


def test_grid_search_over_knots(behaviour, pipeline):
    """The number of columns changes from candidate to candidate."""
    name = "columntransformer__splinetransformer__n_knots"
    search = GridSearchCV(pipeline, {name: [3, 5, 12], "grouplassopoisson__alpha": [0.01, 0.1]}, cv=3)
    search.fit(*behaviour)
    best = search.best_estimator_[-1]
    assert len(best.groups_["position"]) == search.best_params_[name] + 1
    assert search.best_score_ > 0.2


def test_grid_search_over_dicts(behaviour, pipeline):
    candidates = [
        0.05,
        {"position": 0.0, "speed": 1.0, "onehotencoder": np.inf},
        {"position": 9, "speed": 9, "onehotencoder": 9},
    ]
    search = GridSearchCV(pipeline, {"grouplassopoisson__alpha": candidates}, cv=3).fit(*behaviour)
    assert search.best_params_["grouplassopoisson__alpha"] in candidates[:2]
    scores = search.cv_results_["mean_test_score"]
    assert scores[2] == pytest.approx(0, abs=0.02)
    assert scores[1] > 0.2


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib_workers(behaviour, pipeline, backend, small_blocks):
    grid = {"grouplassopoisson__alpha": np.geomspace(0.01, 1, 4)}
    alone = GridSearchCV(pipeline, grid, cv=3).fit(*behaviour).cv_results_["mean_test_score"]
    with joblib.parallel_config(backend, n_jobs=2):
        together = GridSearchCV(pipeline.set_params(grouplassopoisson__n_jobs=2), grid, cv=3)
        np.testing.assert_allclose(together.fit(*behaviour).cv_results_["mean_test_score"], alone, rtol=1e-6)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(parallel, "ENTRIES_A_THREAD", 100)


def test_memory_mapped_data_in_workers(rng, tmp_path):
    X, y = rng.normal(size=(500, 5)), rng.poisson(2.0, size=500)
    for name, array in {"X": X, "y": y}.items():
        joblib.dump(array, tmp_path / name)
    X_map, y_map = (joblib.load(tmp_path / name, mmap_mode="r") for name in "Xy")
    models = joblib.Parallel(2)(joblib.delayed(PoissonGLMRegressor(alpha=a).fit)(X_map, y_map) for a in (0.1, 1.0))
    for a, model in zip((0.1, 1.0), models, strict=True):
        np.testing.assert_allclose(model.coef_, PoissonGLMRegressor(alpha=a).fit(X, y).coef_, rtol=1e-10)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere forks are unsafe, or there are none")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # Python 3.12 upwards
def test_fits_after_a_fork(behaviour, small_blocks):
    """Threads of the parent do not live in the child."""
    X, y = behaviour[0][["position", "speed"]].to_numpy(), behaviour[1]
    model = PoissonGLMRegressor(alpha=0.1, n_jobs=2).fit(X, y)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for child in pool.starmap(model.fit, [(X, y)] * 2):
            np.testing.assert_allclose(child.coef_, model.coef_, rtol=1e-10)


def test_cross_val_score_and_selection(behaviour, pipeline):
    assert cross_val_score(pipeline, *behaviour, cv=3).mean() > 0.2
    selector = make_pipeline(pipeline[0], SelectFromModel(GroupLassoPoisson(alpha=0.05)).set_output(transform="pandas"))
    names = list(selector.fit_transform(*behaviour))
    assert names
    assert all("__position_sp_" in name for name in names)
    model = PoissonGLMRegressor(alpha=0.1).fit(selector.transform(behaviour[0]), behaviour[1])
    assert list(model.groups_) == ["position"]


def test_exact_groups_inside_a_tuned_pipeline(behaviour):
    covariates = make_grouped_column_transformer(
        (SplineTransformer(include_bias=False), ["position", "speed"]), (OneHotEncoder(sparse_output=False), ["arena"])
    )
    model = make_pipeline(covariates, GroupLassoPoisson())
    grid = {"columntransformer__position__n_knots": [3, 9], "grouplassopoisson__alpha": [0.01, 0.05]}
    best = GridSearchCV(model, grid, cv=3).fit(*behaviour).best_estimator_[-1]
    assert list(best.groups_) == ["position", "speed", "arena"]


def by_skops(model, path):
    """Only our own classes need the user's trust."""
    data = skops.io.dumps(model)
    unknown = skops.io.get_untrusted_types(data=data)
    assert unknown == [f"skprox.poisson.{type(model).__name__}"]
    return skops.io.loads(data, trusted=unknown)


ROUNDTRIPS = {
    "pickle": lambda model, path: pickle.loads(pickle.dumps(model)),
    "joblib": lambda model, path: joblib.load(joblib.dump(model, path / "model")[0]),
    "skops": by_skops,
}


@pytest.mark.parametrize("roundtrip", ROUNDTRIPS)
def test_persistence(behaviour, pipeline, tmp_path, roundtrip):
    X, y = pipeline[0].fit_transform(behaviour[0]), behaviour[1]
    for alpha in (0.05, {"position": 0.01, "speed": 0.1, "onehotencoder": np.inf}):
        for Y in (y, np.column_stack([y, 2 * y])):
            model = GroupLassoPoisson(alpha=alpha).fit(X, Y)
            other = ROUNDTRIPS[roundtrip](model, tmp_path)
            np.testing.assert_array_equal(other.predict(X), model.predict(X))
            assert other.selected_groups_ == model.selected_groups_
            np.testing.assert_array_equal(clone(other).fit(X, Y).coef_, model.coef_)


def test_parameters_are_left_alone(behaviour, pipeline):
    """No form of a parameter is changed in fit, so that clone and set_params hold."""
    alpha, groups = (
        {"position": [0.1] * 6, "speed": 0.2, "arena": 1.0},
        {"position": "position", "speed": "speed", "arena": "arena"},
    )
    model = PoissonGLMRegressor(alpha=alpha, groups=groups, l1_ratio=pd.Series({"position": 1, "speed": 0, "arena": 1}))
    before = {name: repr(value) for name, value in model.get_params().items()}
    pipeline.set_params(grouplassopoisson=model).fit(*behaviour)
    assert {name: repr(value) for name, value in model.get_params().items()} == before
    assert model.alpha is alpha


def test_metadata_routing(behaviour, pipeline):
    X, y = behaviour
    exposure = np.linspace(0.5, 2, len(y))
    with config_context(enable_metadata_routing=True):
        model = GroupLassoPoisson(alpha=0.05).set_fit_request(exposure=True).set_score_request(exposure=True)
        routed = make_pipeline(pipeline[0], model).fit(X, y, exposure=exposure)
        direct = GroupLassoPoisson(alpha=0.05).fit(pipeline[0].fit_transform(X), y, exposure=exposure)
        np.testing.assert_array_equal(routed[-1].coef_, direct.coef_)
        wanted = direct.score(pipeline[0].transform(X), y, exposure=exposure)
        assert routed.score(X, y, exposure=exposure) == wanted
