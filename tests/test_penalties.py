import numpy as np
import pytest

from skprox.penalties import GroupElasticNet

GROUPS = [np.array([4, 0]), np.array([1, 2, 5]), np.array([3])]


@pytest.fixture(params=[(1.0, 0.0), (0.5, 2.0), (0.0, 1.0), (0.0, 0.0)])
def penalty(request):
    strength, ridge = request.param
    return GroupElasticNet.from_groups(GROUPS, strength * np.array([1.0, 0.4, 0.1]), ridge * np.arange(6.0))


def test_value_is_its_formula(penalty, rng):
    coef = rng.normal(size=6)
    norms = [np.linalg.norm(coef[g]) for g in GROUPS]
    assert penalty.value(coef) == pytest.approx(penalty.strength @ norms + sum(penalty.ridge * coef**2) / 2)


def test_prox_solves_its_own_problem(penalty, rng):
    """Three-point inequality of a strongly convex minimum, in a metric that differs within groups."""
    for _ in range(10):
        point, curvature = rng.normal(size=6), rng.uniform(0.1, 10, size=6)
        best = penalty.prox(point.copy(), curvature)

        def gap(u, point=point, curvature=curvature):
            return curvature @ (u - point) ** 2 / 2 + penalty.value(u)

        for _ in range(100):
            u = best + 1e-3 * rng.normal(size=6)
            assert gap(u) >= gap(best) + curvature @ (u - best) ** 2 / 2 - 1e-12


def test_violation_is_zero_at_a_proximal_point(penalty, rng):
    """curvature * (point - prox) is a subgradient of the penalty there; nothing further off is."""
    point, curvature = rng.normal(size=6), rng.uniform(0.1, 10, size=6)
    best = penalty.prox(point, curvature)
    gradient = curvature * (best - point)
    np.testing.assert_allclose(penalty.violation(best, gradient), 0, atol=1e-10)
    nudge = np.zeros(6)
    nudge[GROUPS[1]] = [0.0, 3.0, 4.0]
    moved = penalty.violation(best, gradient + nudge)
    assert moved[1] > 4
    np.testing.assert_allclose(moved[[0, 2]], 0, atol=1e-10)


def test_violation_in_units(penalty, rng):
    """Of each residual counts what exceeds its rounding, in its unit; without either, it is the plain distance."""
    coef, gradient = rng.normal(size=6), rng.normal(size=6)
    coef[GROUPS[0]] = 0
    unit, rounding = rng.uniform(1, 2, size=6), rng.uniform(0, 0.1, size=6)
    got = penalty.violation(coef, gradient, rounding, unit)
    for g, columns in enumerate(GROUPS):
        residual, norm = gradient + penalty.ridge * coef, np.linalg.norm(coef[columns])
        residual = (residual + penalty.strength[g] * coef / norm if norm > 0 else residual)[columns]
        residual = np.maximum(np.abs(residual) - rounding[columns], 0)
        if norm > 0 or penalty.strength[g] == 0:
            wanted = np.linalg.norm(residual / unit[columns])
        else:
            length = np.linalg.norm(residual)
            wanted = max(length - penalty.strength[g], 0) * length / np.linalg.norm(residual * unit[columns])
        assert got[g] == pytest.approx(wanted)
    assert penalty.violation(coef, gradient, rounding, np.full(6, np.inf)).tolist() == [0, 0, 0]


def test_infinite_strength_holds_at_zero(rng):
    penalty = GroupElasticNet.from_groups(GROUPS, np.array([np.inf, 1.0, 0.0]), np.zeros(6))
    coef = penalty.prox(rng.normal(size=6), np.ones(6))
    assert not coef[GROUPS[0]].any()
    assert np.isfinite(penalty.value(coef))
    assert penalty.violation(np.zeros(6), 1e9 * np.ones(6))[0] == 0
    assert penalty.feasible(np.ones(6)).tolist() == [0, 1, 1, 1, 0, 1]


def test_restriction_keeps_value_and_violation(penalty, rng):
    coef, gradient = rng.normal(size=6), rng.normal(size=6)
    groups = np.array([0, 2])
    columns = penalty.columns(groups)
    part = penalty.restrict(groups)
    np.testing.assert_array_equal(columns, [4, 0, 3])
    np.testing.assert_allclose(
        part.violation(coef[columns], gradient[columns]), penalty.violation(coef, gradient)[groups]
    )


def test_critical_factor(rng):
    gradient = rng.normal(size=6)
    penalty = GroupElasticNet.from_groups(GROUPS, np.array([1.0, 0.4, 0.1]), np.zeros(6))
    factor = penalty.critical(gradient, np.full(6, 1e-3))
    for times, zero in [(1.0001, True), (0.9999, False)]:
        scaled = GroupElasticNet.from_groups(GROUPS, times * factor * penalty.strength, penalty.ridge)
        assert bool(scaled.violation(np.zeros(6), gradient).max() == 0) is zero


def test_critical_factor_of_no_more_than_rounding(rng):
    gradient = 1e-17 * rng.normal(size=6)
    gradient[3] = 0.1  # in the last group
    penalty = GroupElasticNet.from_groups(GROUPS, np.array([1.0, 0.4, 0.1]), np.zeros(6))
    assert penalty.critical(gradient, np.full(6, 1e-15)) == 1.0
    assert penalty.critical(gradient, np.full(6, 0.2)) == 0
