import numpy as np
import pytest
from scipy.optimize import minimize

from skprox import prox
from skprox.penalties import Penalty


def shrink(point, step, strength, ridge=0.0):
    """Proximal map of groups of one at one step size."""
    penalty = Penalty.from_groups(np.arange(3)[:, None], strength, ridge)
    return penalty.prox(np.array(point, dtype=float), np.full(3, 1 / step))


def test_prox_closed_forms():
    np.testing.assert_allclose(shrink([1, 2, 3], 1.0, 0.5), [0.5, 1.5, 2.5])
    np.testing.assert_allclose(shrink([1, -2, 3], 2.0, 0.0, np.array([0.5, 1, 2])), [0.5, -2 / 3, 0.6])
    np.testing.assert_allclose(shrink([1, -2, 3], 1.5, 0.25, 0.25), [0.4545, -1.1818, 1.9091], atol=5e-5)
    assert not shrink([0.1, -0.2, 0.3], 1.0, np.inf).any()


@pytest.mark.parametrize("spread", [0, 1, 6])
@pytest.mark.parametrize("strength", [0.0, 0.1, 0.5])
def test_group_step_minimises(rng, spread, strength):
    """Curvatures that differ by up to twelve orders of magnitude."""
    pull, curvature, out = rng.normal(size=5), 10.0 ** rng.uniform(-spread, spread, size=5), np.empty(5)
    prox.group_step(pull, curvature, strength, out)
    norm = np.linalg.norm(out)
    assert norm > 0
    np.testing.assert_allclose(curvature * out + strength * out / norm, pull, atol=1e-12)


def test_group_step_is_zero_up_to_the_threshold(rng):
    pull, out = rng.normal(size=4), np.empty(4)
    prox.group_step(pull, np.ones(4), 1.001 * np.linalg.norm(pull), out)
    assert not out.any()
    prox.group_step(pull, np.ones(4), 0.999 * np.linalg.norm(pull), out)
    np.testing.assert_allclose(out, 0.001 * pull, rtol=1e-9)


def test_group_step_agrees_with_nelder_mead(rng):
    pull, curvature, out = np.array([1.0, -2.0, 0.5]), np.array([0.5, 3.0, 10.0]), np.empty(3)
    prox.group_step(pull, curvature, 0.7, out)
    best = minimize(
        lambda u: curvature @ u**2 / 2 - pull @ u + 0.7 * np.linalg.norm(u),
        np.ones(3),
        method="Nelder-Mead",
        options={"xatol": 1e-10, "fatol": 1e-14, "maxiter": 10_000},
    )
    np.testing.assert_allclose(out, best.x, atol=1e-6)
