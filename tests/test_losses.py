import numpy as np
import pytest

from skprox import losses


@pytest.fixture
def problem(rng):
    eta, y = rng.normal(size=200), rng.poisson(2.0, size=200).astype(float)
    weight = rng.uniform(size=200)
    weight[:20] = 0
    return eta, y, weight / weight.sum()


def exact(eta, y, weight, profiled):
    """The loss in extended precision."""
    eta, weight = eta.astype(np.longdouble), weight.astype(np.longdouble)
    b = np.log(weight @ y / (weight @ np.exp(eta))) if profiled else 0
    return weight @ (np.exp(eta + b) - y * (eta + b))


@pytest.mark.parametrize("profiled", [True, False])
@pytest.mark.parametrize("shift", [0.0, 30.0])
def test_value(problem, profiled, shift):
    eta, y, weight = problem
    eta, mu = eta + shift, np.empty(200)
    b = losses.means(eta, weight, weight @ y, profiled, mu)
    assert losses.value(eta, mu, y, weight, b) == pytest.approx(float(exact(eta, y, weight, profiled)), rel=1e-13)
    if profiled:
        assert weight @ mu == pytest.approx(weight @ y, rel=1e-13)


def test_profiled_means_do_not_overflow(problem):
    eta, y, weight = problem
    mu = np.empty(200)
    b = losses.means(1e4 * eta, weight, weight @ y, True, mu)
    assert np.isfinite(b)
    assert np.isfinite(mu).all()


def test_rows_without_weight_do_not_count(problem):
    eta, y, weight = problem
    far = np.where(weight == 0, 1e6, eta)
    for profiled in (True, False):
        mu, mu_far = np.empty(200), np.empty(200)
        assert losses.means(far, weight, 1.0, profiled, mu_far) == losses.means(eta, weight, 1.0, profiled, mu)
        assert losses.value(far, mu_far, y, weight, 0.0) == losses.value(eta, mu, y, weight, 0.0)


@pytest.mark.parametrize("profiled", [True, False])
@pytest.mark.parametrize("size", [3.0, 1e-1, 1e-3, 1e-5])
def test_divergence_has_no_cancellation(problem, rng, profiled, size):
    """Loss less its expansion, against extended precision; its own value is of the order of size**2."""
    eta, y, weight = problem
    total, mu = weight @ y, np.empty(200)
    losses.means(eta, weight, total, profiled, mu)
    move = size * rng.normal(size=200)
    slope = (weight * (mu.astype(np.longdouble) - y)) @ move.astype(np.longdouble)
    moved = (eta.astype(np.longdouble) + move).astype(np.longdouble)
    wanted = exact(moved, y, weight, profiled) - exact(eta, y, weight, profiled) - slope
    got = losses.divergence(eta + move, eta, mu, weight, total, profiled)
    assert got == pytest.approx(float(wanted), rel=1e-6 if size < 1e-4 else 1e-9)


def test_divergence_of_a_leap_is_infinite_not_nan(problem):
    eta, y, weight = problem
    mu = np.empty(200)
    losses.means(eta, weight, weight @ y, False, mu)
    assert losses.divergence(eta + 1e4, eta, mu, weight, weight @ y, False) == np.inf
