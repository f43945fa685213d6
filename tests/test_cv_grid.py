"""Grids of strengths that hold the minimum, and what says so where they don't."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.model_selection import GridSearchCV, KFold

from skprox import (
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    PoissonGLMRegressor,
    PoissonGLMRegressorCV,
    poisson_deviance_scorer,
)

FOLDS = KFold(3, shuffle=True, random_state=0)


@pytest.fixture
def alike(rng):
    """Counts that follow small differences of columns, which strong penalties can't see."""
    common = rng.normal(size=(600, 1))
    X = np.hstack([common, common + 0.03 * rng.normal(size=(600, 3))])
    return X, rng.poisson(np.exp(0.5 + 0.3 * X[:, 0] + X[:, 1:] @ [9.0, -9.0, 0.0]))


@pytest.fixture
def noise(rng):
    return rng.normal(size=(300, 3)), rng.poisson(1.0, size=300)


@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_array])
@pytest.mark.usefixtures("server", "sparse_stays")
@pytest.mark.parametrize(
    ("model", "single"),
    [
        (PoissonGLMRegressorCV(alphas=9, cv=FOLDS, tol=1e-8), PoissonGLMRegressor(l1_ratio=1, tol=1e-9)),
        (
            GroupLassoPoissonCV(alphas=9, cv=FOLDS, groups=[0, 1, 1, 2], tol=1e-8),
            GroupLassoPoisson(groups=[0, 1, 1, 2], tol=1e-9),
        ),
    ],
)
def test_the_default_grid_goes_on_while_deviance_falls(alike, storage, model, single):
    """And what stands beyond its first end is what a search finds there."""
    X, y = alike
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(storage(X), y)
    alphas, means = model.alphas_, model.deviance_path_.mean(axis=1)
    assert 9 < len(alphas) == len(means) == len(model.coef_path_) <= 17
    assert alphas[-1] >= 0.9999e-4 * alphas[0]
    np.testing.assert_allclose(alphas[1:] / alphas[:-1], 0.01 ** (1 / 8))
    assert model.alpha_ < 0.01 * alphas[0]
    search = GridSearchCV(single, {"alpha": alphas}, cv=FOLDS, scoring=poisson_deviance_scorer).fit(X, y)
    np.testing.assert_allclose(means, -search.cv_results_["mean_test_score"], rtol=1e-6)
    assert model.alpha_ == search.best_params_["alpha"]
    np.testing.assert_allclose(model.coef_, search.best_estimator_.coef_, atol=1e-4)


def test_float32_and_outputs_go_on(alike):
    X, y = alike
    Y = np.column_stack([y, y[::-1]])
    model = PoissonGLMRegressorCV(alphas=9, cv=FOLDS, tol=1e-5).fit(X.astype(np.float32), Y)
    assert model.coef_path_.shape == (len(model.alphas_), 2, 4)
    assert len(model.alphas_) > 9
    double = PoissonGLMRegressorCV(alphas=model.alphas_, cv=FOLDS).fit(X, Y)
    np.testing.assert_allclose(model.deviance_path_, double.deviance_path_, rtol=1e-4)


def test_the_default_grid_ends_where_deviance_does_not_fall(noise):
    X, y = noise
    model = PoissonGLMRegressorCV(cv=FOLDS).fit(X, y)
    assert len(model.alphas_) == 100
    assert model.alphas_[-1] == pytest.approx(0.01 * model.alphas_[0])
    assert model.deviance_path_.mean(axis=1).argmin() < 50


def test_a_ratio_keeps_the_grid(alike):
    with pytest.warns(UserWarning, match="still falls at the weakest strength"):
        model = PoissonGLMRegressorCV(alphas=9, alpha_min_ratio=0.01, cv=FOLDS).fit(*alike)
    assert len(model.alphas_) == 9
    assert len(PoissonGLMRegressorCV(alphas=1, cv=FOLDS).fit(*alike).alphas_) == 1


def test_several_ratios_go_on_together(alike):
    model = PoissonGLMRegressorCV(alphas=9, l1_ratio=[0.5, 1.0], cv=FOLDS).fit(*alike)
    assert model.alphas_.shape == model.deviance_path_.shape[:2] == (2, model.alphas_.shape[1])
    assert model.alphas_.shape[1] > 9
    assert np.isfinite(model.deviance_path_).all()
    for alphas, deviance, ratio in zip(model.alphas_, model.deviance_path_, [0.5, 1.0], strict=True):
        alone = PoissonGLMRegressorCV(alphas=alphas, l1_ratio=ratio, cv=FOLDS).fit(*alike)
        np.testing.assert_allclose(deviance, alone.deviance_path_, rtol=1e-5)


def test_a_minimum_beyond_the_grid(alike):
    """At either end, unless that is the model without covariates."""
    model = GroupLassoPoissonCV(groups=list("abcd"), cv=FOLDS)
    with pytest.warns(UserWarning, match=r"GroupLassoPoissonCV still falls at the weakest strength, alpha=0.05, where"):
        model.set_params(alphas=[0.2, 0.1, 0.05]).fit(*alike)
    with pytest.warns(UserWarning, match=r"Poisson\w+CV chose the strongest of alphas, 1e-08, .* begin above it"):
        PoissonGLMRegressorCV(alphas=[1e-8, 1e-9], l1_ratio=0.0, cv=FOLDS).fit(*noise_of_many_columns())
    with pytest.warns(UserWarning, match="selects nothing") as caught:
        PoissonGLMRegressorCV(alphas=[10, 1e-8], cv=FOLDS).fit(*noise_of_many_columns())
    assert len(caught) == 1


def noise_of_many_columns():
    rng = np.random.default_rng(0)
    return rng.normal(size=(120, 40)), rng.poisson(1.0, size=120)


def test_a_fit_that_is_empty_names_the_critical_strength(alike):
    X, y = alike
    for model in (PoissonGLMRegressor(alpha=7.0, l1_ratio=0.5), GroupLassoPoisson(alpha=7.0, groups=[0, 1, 1, 2])):
        with pytest.warns(UserWarning, match=r"selects nothing at alpha=7: from alpha_max_=(\S+) on") as caught:
            model.fit(X, y)
        assert f"alpha_max_={model.alpha_max_:.3g} on" in str(caught[0].message)
        assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match=r"are 0 unless the strengths are less than (\S+) times as large") as caught:
        PoissonGLMRegressor(alpha=[7.0, 7.0, 8.0, np.inf], l1_ratio=1).fit(X, y)
    factor = float(str(caught[0].message).split("less than ")[1].split(" ")[0])
    weaker = PoissonGLMRegressor(alpha=[7.0 * factor, 7.0 * factor, 8.0 * factor, np.inf], l1_ratio=1)
    with pytest.warns(UserWarning, match="selects nothing"):
        weaker.set_params(alpha=np.multiply(weaker.alpha, 1.01)).fit(X, y)
    assert weaker.set_params(alpha=np.multiply(weaker.alpha, 0.98)).fit(X, y).coef_.any()


def test_outputs_that_are_empty(alike, rng):
    X, y = alike
    Y = np.column_stack([10 * y, y, 2 * y])
    model = GroupLassoPoisson(alpha=0.01, groups=list("abcd"))
    levels = model.fit(X, Y).alpha_max_
    assert levels[1:].max() < 0.5 * levels[0]
    pattern = r"nothing at alpha=\S+ for 2 of 3 outputs, first of them 1: from alpha_max_=(\S+) to (\S+) on"
    with pytest.warns(UserWarning, match=pattern) as caught:
        model.set_params(alpha=0.5 * levels[0]).fit(X, Y)
    assert f"alpha_max_={levels[1:].min():.3g} to {levels[1:].max():.3g} on" in str(caught[0].message)


def test_cross_validation_that_chooses_nothing(noise):
    with pytest.warns(UserWarning, match="PoissonGLMRegressorCV selects nothing at .* No weaker strength of the grid"):
        model = PoissonGLMRegressorCV(cv=FOLDS).fit(*noise)
    assert not model.coef_.any()
    with pytest.warns(UserWarning, match="by one standard error: see selection='min'"):
        PoissonGLMRegressorCV(cv=FOLDS, selection="1se").fit(*noise)


def test_empty_fits_that_are_no_mistake(alike):
    """Where no strength would select anything, where all was removed, and candidates of a search."""
    X, y = alike
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GroupLassoPoisson(groups=list("abcd")).fit(np.ones((600, 4)), y)
        PoissonGLMRegressor(alpha=np.inf).fit(X, y)
        PoissonGLMRegressor(alpha=1e9).fit(X, y)
        search = GridSearchCV(GroupLassoPoisson(groups=list("abcd")), {"alpha": [5.0, 0.01]}, cv=FOLDS).fit(X, y)
        assert search.best_params_ == {"alpha": 0.01}
    with pytest.warns(UserWarning, match="selects nothing at alpha=5"):
        search.set_params(param_grid={"alpha": [5.0, 6.0]}).fit(X, y)
