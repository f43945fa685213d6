import numpy as np
import pytest
from oracles import Norms

from skprox.penalties import Penalty

GROUPS = [np.array([4, 0]), np.array([1, 2, 5]), np.array([3])]
LABEL = np.array([0, 1, 1, 2, 0, 1])


def case_of(strength=0.0, ridge=0.0, l1=0.0, lower=-np.inf, upper=np.inf):
    return Norms(
        GROUPS, strength * np.array([1.0, 0.4, 0.1]), *(each * np.ones(6) for each in (ridge, l1, lower, upper))
    )


def penalty(case):
    return Penalty.from_groups(case.groups, case.strength, case.ridge, case.l1, case.lower, case.upper)


CASES = {
    "group lasso": case_of(1.0),
    "group elastic net": case_of(0.5, ridge=2.0),
    "uneven ridge": case_of(0.5, ridge=np.arange(6.0)),
    "ridge": case_of(ridge=np.arange(6.0)),
    "none": case_of(),
    "sparse group lasso": case_of(0.5, l1=0.3),
    "lasso": case_of(l1=np.arange(6.0) / 5),
    "of one sign": case_of(0.4, ridge=0.1, l1=0.1, lower=0.0),
    "signs": case_of(0.4, lower=[0, -np.inf, 0, 0, -np.inf, -np.inf], upper=[np.inf, 0, np.inf, 2, 0, np.inf]),
    "box": case_of(l1=0.1, ridge=0.5, lower=[-0.1, 0, -2, -0.5, -1, -0.2], upper=[0.5, 0.2, 0, 0.3, 0, 3]),
}
with_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@with_case
def test_value_is_its_formula(case, rng):
    coef = penalty(case).feasible(rng.normal(size=6))
    assert penalty(case).value(coef) == pytest.approx(case.value(coef))
    assert penalty(case).scaled(1.7).value(coef) == pytest.approx(1.7 * case.value(coef))


def test_penalties_of_a_path_share_bounds():
    """What a strength does not change takes no memory for each, where columns are many."""
    lasso = penalty(case_of(1.0, lower=0.0))
    assert lasso.scaled(2.0).arrays.columns is lasso.arrays.columns


@with_case
def test_prox_solves_its_own_problem(case, rng):
    """Three-point inequality of a strongly convex minimum, in a metric that differs within groups."""
    for _ in range(10):
        point, curvature = rng.normal(size=6), rng.uniform(0.1, 10, size=6)
        best = penalty(case).prox(point.copy(), curvature)

        def gap(u, point=point, curvature=curvature):
            return curvature @ (u - point) ** 2 / 2 + case.value(u)

        for size in [1e-3, 1.0]:
            for _ in range(40):
                u = penalty(case).feasible(best + size * rng.normal(size=6))
                assert gap(u) >= gap(best) + curvature @ (u - best) ** 2 / 2 - 1e-12


@with_case
def test_violation_is_zero_at_a_proximal_point(case, rng):
    """curvature * (point - prox) is a subgradient of the penalty there; nothing further off is."""
    for _ in range(20):
        point, curvature = rng.normal(size=6), rng.uniform(0.1, 10, size=6)
        best = penalty(case).prox(point, curvature)
        gradient = curvature * (best - point)
        np.testing.assert_allclose(penalty(case).kkt_residuals(best, gradient), 0, atol=1e-10)


@with_case
def test_violation_is_how_fast_the_penalty_and_the_gradient_can_fall(case, rng):
    """The distance to the subdifferential is the steepest descent of gradient.u + penalty(u): by directional slopes."""
    for _ in range(5):
        coef, gradient = penalty(case).feasible(np.round(rng.normal(size=6))), 2 * rng.normal(size=6)
        got = penalty(case).kkt_residuals(coef, gradient)
        for g, members in enumerate(GROUPS):
            best = 0.0
            for way in (lambda d: -d, np.abs):
                for _ in range(150):
                    d = np.zeros(6)
                    d[members] = rng.normal(size=len(members)) * rng.integers(0, 2, size=len(members))
                    d = way(d) if d.any() else d
                    there = coef + 1e-7 * d / max(np.linalg.norm(d), 1e-9)
                    slope = (gradient @ (there - coef) + case.value(there) - case.value(coef)) / 1e-7
                    best = max(best, -slope)
            assert best <= got[g] + 1e-5
            assert best >= 0.6 * got[g] - 1e-5


@with_case
def test_entries_are_the_factors_at_which_groups_enter(case, rng):
    for _ in range(20):
        gradient = rng.normal(size=6)
        for g, factor in enumerate(penalty(case).entries(gradient)):
            if 0 < factor < np.inf:
                assert penalty(case).scaled(1.000001 * factor).kkt_residuals(np.zeros(6), gradient)[g] == 0
                assert penalty(case).scaled(0.999999 * factor).kkt_residuals(np.zeros(6), gradient)[g] > 0
            else:  # nothing holds it, or bounds hold it where it is
                at_any = penalty(case).scaled(1e-12).kkt_residuals(np.zeros(6), gradient)[g]
                assert (at_any > 0) is (factor == np.inf) or not penalty(case).kinked[g]


@with_case
def test_expansion_by_differences(case, rng):
    for _ in range(20):
        coef = penalty(case).feasible(np.round(rng.normal(size=6)))
        slope, bend, radial = penalty(case).expansion(coef)
        smooth = np.flatnonzero(bend < np.inf)
        hessian = np.diag(bend[smooth]) - np.where(
            LABEL[smooth][:, None] == LABEL[smooth], np.outer(radial[smooth], radial[smooth]), 0
        )
        eye = np.eye(6)[smooth]
        values = [[case.value(coef + 1e-4 * (a * i + b * j)) for i in eye for j in eye] for a, b in SIGNS]
        first = np.array([(case.value(coef + 1e-5 * i) - case.value(coef - 1e-5 * i)) / 2e-5 for i in eye])
        np.testing.assert_allclose(slope[smooth], first, atol=1e-6)
        second = (np.array(values).T @ [1, -1, -1, 1]).reshape(len(eye), len(eye)) / 4e-8
        np.testing.assert_allclose(hessian, second, atol=1e-5)


SIGNS = [(1, 1), (1, -1), (-1, 1), (-1, -1)]


@with_case
def test_steps_end_at_kinks_and_bounds(case, rng):
    for _ in range(50):
        coef = penalty(case).feasible(rng.normal(size=6))
        step = -2 * rng.uniform(size=6) * coef
        step[GROUPS[0]] = -1.5 * coef[GROUPS[0]]  # past zero
        first = penalty(case).first_kink(coef, step)
        there = penalty(case).advance(coef, step, 1.0)
        assert case.value(there) < np.inf
        if case.strength[0] > 0 and coef[GROUPS[0]].any():
            assert first <= 1 / 1.5 + 1e-12
            assert not there[GROUPS[0]].any()
        short = penalty(case).advance(coef, step, 0.999 * first)
        np.testing.assert_allclose(short, coef + 0.999 * first * step)
        assert (np.sign(short)[case.l1 > 0] == np.sign(coef)[case.l1 > 0]).all()


@with_case
def test_violation_in_units(case, rng):
    """Of each residual counts what exceeds its rounding, over its scale; without either, it is the plain distance."""
    coef, gradient = rng.normal(size=6), rng.normal(size=6)
    coef[GROUPS[0]] = 0
    coef = penalty(case).feasible(coef)
    scale, rounding = rng.uniform(1, 2, size=6), rng.uniform(0, 0.1, size=6)
    got = penalty(case).kkt_residuals(coef, gradient, rounding, scale)
    residuals = case.residual(coef, gradient)
    for g, columns in enumerate(GROUPS):
        norm = np.linalg.norm(coef[columns])
        residual = np.maximum(np.abs(residuals) - rounding, 0)[columns]
        if norm > 0 or case.strength[g] == 0:
            wanted = np.linalg.norm(residual / scale[columns])
        else:
            length = np.linalg.norm(residual)
            wanted = max(length - case.strength[g], 0) * length / max(np.linalg.norm(residual * scale[columns]), 1e-300)
        assert got[g] == pytest.approx(wanted)
    assert penalty(case).kkt_residuals(coef, gradient, rounding, np.full(6, np.inf)).tolist() == [0, 0, 0]


def test_infinite_strength_holds_at_zero(rng):
    held = Penalty.from_groups(GROUPS, np.array([np.inf, 1.0, 0.0]), 0.0, np.array([0, 0, np.inf, 0, 0, 0]))
    coef = held.prox(100 * rng.normal(size=6), np.ones(6))
    assert not coef[[0, 2, 4]].any()
    assert coef[[1, 3, 5]].all()
    assert np.isfinite(held.value(coef))
    gradient = 1e9 * np.array([1, 0, 1, 0, 1, 0])
    assert held.kkt_residuals(np.zeros(6), gradient).tolist() == [0, 0, 0]
    assert held.feasible(np.ones(6)).tolist() == [0, 1, 0, 1, 0, 1]
    assert held.entries(gradient)[0] == 0


@with_case
def test_restriction_keeps_value_and_violation(case, rng):
    coef, gradient, whole = penalty(case).feasible(rng.normal(size=6)), rng.normal(size=6), penalty(case)
    groups = np.array([0, 2])
    columns = whole.columns(groups)
    part, among = whole.restrict(groups), whole.on(np.array([0, 2, 3, 4]))
    np.testing.assert_array_equal(columns, [4, 0, 3])
    wanted = whole.kkt_residuals(coef, gradient)[groups]
    np.testing.assert_allclose(part.kkt_residuals(coef[columns], gradient[columns]), wanted)
    some = np.array([0, 2, 3, 4])
    np.testing.assert_allclose(among.kkt_residuals(coef[some], gradient[some])[[0, 2]], wanted)


@with_case
def test_held(case, rng):
    """What has a kink at zero stays there; the rest is as it was."""
    held = penalty(case).constrained_to_zero()
    coef = held.prox(10 * rng.normal(size=6), np.ones(6))
    kink = (case.strength > 0)[LABEL] | (case.l1 > 0)
    assert not coef[kink].any()
    assert held.value(coef) == pytest.approx(case.value(coef))


def test_critical_factor(rng):
    gradient = rng.normal(size=6)
    some = penalty(case_of(1.0, l1=0.2))
    factor = some.alpha_max(gradient, np.full(6, 1e-3))
    for times, zero in [(1.0001, True), (0.9999, False)]:
        scaled = some.scaled(times * factor)
        assert bool(scaled.kkt_residuals(np.zeros(6), gradient).max() == 0) is zero


def test_critical_factor_of_no_more_than_rounding(rng):
    gradient = 1e-17 * rng.normal(size=6)
    gradient[3] = 0.1  # in the last group
    some = penalty(case_of(1.0))
    assert some.alpha_max(gradient, np.full(6, 1e-15)) == 1.0
    assert some.alpha_max(gradient, np.full(6, 0.2)) == 0


@pytest.mark.parametrize("l1", [0.0, 0.1])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_infinite_coefficients_are_not_optimal(l1, value):
    penalty = Penalty.from_groups([np.arange(2)], np.ones(1), 0.0, l1)
    assert penalty.kkt_residuals(np.array([value, 0.0]), np.zeros(2)) == np.inf
