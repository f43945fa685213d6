import numpy as np
import pytest
from scipy.optimize import approx_fprime

from skprox.objective import PoissonObjective


def build(X, storage, intercept, n_blocks=1, dtype=float):
    rng = np.random.default_rng(1)
    n = len(X)
    y, weight, offset = rng.poisson(2.0, size=n), rng.uniform(size=n), rng.normal(size=n)
    arrays = [a.astype(dtype) for a in (y, weight / weight.sum(), offset)]
    return PoissonObjective(storage(X.astype(dtype)), *arrays, intercept, n_blocks)


@pytest.fixture
def X(rng):
    return rng.normal(size=(60, 5)) * (rng.uniform(size=(60, 5)) < 0.5) + 0.1


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("n_blocks", [1, 3])
def test_derivatives(X, rng, storage, intercept, n_blocks):
    objective = build(X, storage, intercept, n_blocks)
    coef = 0.3 * rng.normal(size=5)
    point = objective.at(coef)
    gradient = approx_fprime(coef, lambda c: objective.value(objective.at(c)), 1e-7)
    np.testing.assert_allclose(objective.gradient(point), gradient, atol=1e-6)

    hessian = approx_fprime(coef, lambda c: objective.gradient(objective.at(c)).copy(), 1e-7)
    columns = np.array([3, 0, 4])
    np.testing.assert_allclose(objective.hessian(point, columns), hessian[np.ix_(columns, columns)], atol=1e-6)


@pytest.mark.parametrize("intercept", [True, False])
def test_spread(X, storage, intercept):
    objective = build(X, storage, intercept)
    weight = objective.weight * np.exp(objective.offset)
    weight = objective.weight * objective.y + weight * objective.total / weight.sum()
    center = weight @ X / weight.sum() if intercept else 0
    np.testing.assert_allclose(objective.spread, np.sqrt(weight @ (X - center) ** 2 / weight.sum()))


def test_points_in_between_need_no_product(X, rng, storage):
    objective = build(X, storage, True)
    start, end = objective.at(rng.normal(size=5)), objective.at(rng.normal(size=5))
    for step in (0.25, 1.5):
        between = objective.between(start, end, step)
        direct = objective.at(start.coef + step * (end.coef - start.coef))
        np.testing.assert_allclose(between.eta, direct.eta, atol=1e-12)
        assert objective.value(between) == pytest.approx(objective.value(direct))


def test_float32_is_kept(X, rng, storage):
    objective = build(X, storage, True, dtype=np.float32)
    point = objective.at(rng.normal(size=5))
    assert point.eta.dtype == point.mu.dtype == objective.X.dtype == np.float32


def test_constant_columns_are_flat(X, storage):
    """The intercept stands for them, whatever their size."""
    X[:, 2] = 1e3
    objective = build(X, storage, True)
    null = objective.at(np.zeros(5))
    assert objective.spread[2] == 0
    assert not objective.hessian(null, np.arange(5))[2].any()


@pytest.mark.parametrize("n_blocks", [1, 4])
def test_blocks_are_views(X, storage, n_blocks):
    objective = build(X, storage, True, n_blocks)
    whole = getattr(objective.X, "data", None) if not isinstance(objective.X, np.ndarray) else objective.X
    for _, block in objective.blocks:
        part = block if isinstance(block, np.ndarray) else block.data
        assert np.shares_memory(part, whole)
