import importlib

import numpy as np
import pytest
from oracles import Oracle, assert_solves
from scipy.sparse import csc_array, csr_array
from sklearn.linear_model import PoissonRegressor

from skprox import PoissonGLMRegressor
from skprox.objectives.poisson import PoissonObjective
from skprox.penalties import Penalty
from skprox.solvers import Certificate, implicit

newton = importlib.import_module("skprox.solvers.newton")

TOL = 1e-8


@pytest.fixture(autouse=True)
def products(monkeypatch, lockstep, sparse_stays):
    """Products of Hessians and vectors, also for few columns; counted."""
    monkeypatch.setattr(newton, "EXPLICIT_COLUMNS", 5)
    count, times = [0], implicit.ImplicitModel.times

    def count_and_do(self, move):
        count[0] += 1
        return times(self, move)

    monkeypatch.setattr(implicit.ImplicitModel, "times", count_and_do)
    return count


@pytest.mark.parametrize("storage", [np.asarray, np.asfortranarray, csr_array, csc_array])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("shape", [(200, 30), (40, 120)])
def test_ridge(rng, storage, intercept, shape, products):
    """With strengths of their own, one infinite and one zero, weights and exposure, for two outputs."""
    X = rng.normal(size=shape) * (rng.uniform(size=shape) < 0.5)
    Y = rng.poisson(np.exp(0.3 + X[:, :2] @ rng.normal(size=(2, 2)) / 2))
    alpha, of_rows = rng.uniform(0.01, 0.1, size=shape[1]), {"sample_weight": rng.uniform(1, 2, size=shape[0])}
    alpha[3], alpha[4] = 0.0, np.inf
    of_rows["exposure"] = rng.uniform(1, 2, size=shape[0])
    model = PoissonGLMRegressor(alpha=alpha, fit_intercept=intercept, tol=TOL).fit(storage(X), Y, **of_rows)
    assert products[0] > 0
    assert (model.coef_[:, 4] == 0).all()
    ridge, X = np.delete(alpha, 4), np.delete(X, 4, axis=1)
    for k in range(2):
        oracle = Oracle(
            X, Y[:, k], range(len(ridge)), 0.0, ridge, of_rows["sample_weight"], of_rows["exposure"], intercept
        )
        assert oracle.certificate(np.delete(model.coef_[k], 4), model.intercept_[k]) <= 2 * TOL


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_step_with_the_hessian_of_another_point(rng, elsewhere):
    """The minimiser of gradient.(u - coef) + 1/2 (u - coef).hessian (u - coef) + ridge/2 |u|^2, from any start."""
    groups, counts = np.arange(8), rng.poisson(2.0, size=(1, 50)).astype(float)
    objective = PoissonObjective(rng.normal(size=(50, 8)), counts, np.full((1, 50), 1 / 50), np.zeros(50), True)
    penalty, null = Penalty.from_groups(groups[:, None], np.zeros(8), 0.1), objective.null[0]
    model = implicit.ImplicitModel(null, 0, penalty)
    model.include(groups, newton._WorkingSet.of(objective, penalty, groups, []))
    gradient, coef = rng.normal(size=(2, 8))
    start = coef + elsewhere * rng.normal(size=8)
    end, slope = model.minimise(gradient, coef, start, Certificate.of(objective, penalty, 0), TOL)
    there = gradient + objective.hessian(null, 0, groups) @ (end - coef)
    np.testing.assert_allclose(slope, there, atol=1e-12)
    np.testing.assert_allclose(there + 0.1 * end, 0.0, atol=1e-6)


def test_agrees_with_scikit_learn(rng, products):
    X = rng.normal(size=(100, 700))
    y = rng.poisson(np.exp(0.3 * X[:, 0]))
    model, peer = PoissonGLMRegressor(tol=TOL).fit(X, y), PoissonRegressor(tol=1e-9, max_iter=10_000).fit(X, y)
    assert products[0] == 0
    np.testing.assert_allclose(model.coef_, peer.coef_, atol=1e-6)


def test_a_hessian_where_products_take_too_many(rng, monkeypatch, products):
    """Next to dependent columns under a weak penalty."""
    monkeypatch.setattr(implicit, "PRODUCTS", 1)
    X = rng.normal(size=(300, 1)) + 1e-3 * rng.normal(size=(300, 20))
    y = rng.poisson(np.exp(0.5 * X[:, 0]))
    model = PoissonGLMRegressor(alpha=1e-8, tol=TOL).fit(X, y)
    assert 0 < products[0] < 10
    assert model.n_iter_ < 20
    assert_solves(model, Oracle(X, y, range(20), 0.0, 1e-8), 2 * TOL)


def test_products_alone_where_a_hessian_is_too_large(rng, monkeypatch, products):
    monkeypatch.setattr(implicit, "PRODUCTS", 2)
    monkeypatch.setattr("skprox.solvers.STAGES", ((newton.newton, 300, 100),))
    X = rng.normal(size=(300, 1)) + 0.1 * rng.normal(size=(300, 20))
    y = rng.poisson(np.exp(0.5 * X[:, 0]))
    model = PoissonGLMRegressor(alpha=1e-4).fit(X, y)
    assert products[0] > 10
    assert_solves(model, Oracle(X, y, range(20), 0.0, 1e-4), 2e-6)


@pytest.mark.parametrize("to_array", [np.ascontiguousarray, np.asfortranarray])
@pytest.mark.parametrize("intercept", [True, False])
def test_few_rows(rng, intercept, to_array, products):
    """A system of as many equations as rows: no product is needed."""
    X = rng.normal(size=(40, 120)) + 2.0 * (np.arange(120) == 5)
    X[:, 7] = 3.0
    Y = rng.poisson(np.exp(0.3 + X[:, :2] @ rng.normal(size=(2, 2)) / 2))
    weight, exposure = np.where(np.arange(40) % 7 == 3, 0.0, rng.uniform(1, 2, size=40)), rng.uniform(1, 2, size=40)
    alpha = rng.uniform(1e-3, 0.1, size=120)
    model = PoissonGLMRegressor(alpha=alpha, fit_intercept=intercept, tol=TOL)
    model.fit(to_array(X), Y, sample_weight=weight, exposure=exposure)
    assert products[0] == 0
    for k in range(2):
        oracle = Oracle(X, Y[:, k], range(120), 0.0, alpha, weight, exposure, intercept)
        assert_solves(model, oracle, 2 * TOL, output=k)
