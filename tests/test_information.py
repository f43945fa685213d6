"""Dispersions, against refits of counts that are moved a little."""

import numpy as np
import pytest
from scipy.sparse import csc_array, csr_array
from sklearn.base import clone

from skprox import GroupLassoPoisson, PoissonGLMRegressor

TOL = 1e-12
MODELS = {
    "ridge": PoissonGLMRegressor(alpha=[0.3, 0, 0.1, 0.1, 0, np.inf]),
    "lasso": PoissonGLMRegressor(alpha=0.05, l1_ratio=1),
    "elastic net": PoissonGLMRegressor(alpha=0.1, l1_ratio=[0, 0.5, 0.5, 0.9, 0.5, 0.5]),
    "group lasso": GroupLassoPoisson(alpha=0.1, groups=["a", "a", "a", "b", "b", "c"]),
    "group lasso with weights": GroupLassoPoisson(
        alpha=0.1, groups=["c", "a", "b", "a", "b", "a"], group_weights={"a": 1, "b": 2, "c": 0}
    ),
    "no intercept": GroupLassoPoisson(alpha=0.1, groups=["a", "a", "a", "b", "b", "c"], fit_intercept=False),
}


@pytest.mark.parametrize("name", MODELS)
def test_dispersion_counts_degrees_of_freedom(rng, name):
    """Their number is by how much expected counts follow the counts, sum_i d mu_i / d y_i."""
    X = rng.normal(size=(20, 6)) + 0.5 * rng.normal(size=(20, 1))
    exposure, weight = rng.uniform(0.5, 2, size=20), rng.uniform(0.5, 2, size=20)
    y = 1.0 + rng.poisson(exposure * np.exp(0.5 + X[:, :3] @ [0.5, -0.3, 0.2]))
    model, rows = clone(MODELS[name]).set_params(tol=TOL), {"sample_weight": weight, "exposure": exposure}
    freedom, step = 0.0, 1e-4
    for i, row in enumerate(np.eye(20)):
        up, down = (clone(model).fit(X, y + s * step * row, **rows).predict(X, exposure)[i] for s in (1, -1))
        freedom += (up - down) / (2 * step)
    means = model.fit(X, y, **rows).predict(X, exposure)
    wanted = np.sum(weight * (y - means) ** 2 / means) / (weight.sum() - freedom)
    for storage in (np.asarray, np.asfortranarray, csr_array, csc_array):
        assert model.dispersion(storage(X), y, **rows) == pytest.approx(wanted, rel=1e-5)


def test_dispersion_of_many_columns_that_are_held_at_zero(rng):
    X = csr_array(rng.normal(size=(60, 20_000)) * (rng.uniform(size=(60, 20_000)) < 0.02))
    y = rng.poisson(3, size=60)
    model = PoissonGLMRegressor(alpha=0.05, l1_ratio=1).fit(X, y)
    means, n_terms = model.predict(X), 1 + np.count_nonzero(model.coef_)
    assert 1 < n_terms < 60
    assert model.dispersion(X, y) == pytest.approx(np.sum((y - means) ** 2 / means) / (60 - n_terms))


def test_means_that_underflow(rng):
    X, y = np.r_[-800.0, rng.normal(size=50)][:, None], np.r_[0, rng.poisson(3, size=50)]
    model = PoissonGLMRegressor(alpha=0).fit(X[1:], y[1:])
    model.coef_ = np.ones(1)
    found = model.dispersion(X, y)
    means = np.exp(model.intercept_ + X[1:, 0])
    assert found == pytest.approx(np.sum((y[1:] - means) ** 2 / means) / 49)
