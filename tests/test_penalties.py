from dataclasses import dataclass

import numpy as np
import pytest

from skprox.penalties import Penalty

GROUPS = [np.array([4, 0]), np.array([1, 2, 5]), np.array([3])]
LABEL = np.array([0, 1, 1, 2, 0, 1])
FREE = -np.inf, np.inf


@dataclass
class Case:
    """The numbers of a penalty, and its formula in plain numpy."""

    strength: np.ndarray
    ridge: np.ndarray
    l1: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    @property
    def penalty(self):
        return Penalty.from_groups(GROUPS, self.strength, self.ridge, self.l1, self.lower, self.upper)

    def value(self, u):
        if (u < self.lower).any() or (u > self.upper).any():
            return np.inf
        norms = np.array([np.linalg.norm(u[g]) for g in GROUPS])
        return self.strength @ norms + self.l1 @ np.abs(u) + self.ridge @ u**2 / 2


def case(strength=0.0, ridge=0.0, l1=0.0, lower=-np.inf, upper=np.inf):
    return Case(strength * np.array([1.0, 0.4, 0.1]), *(each * np.ones(6) for each in (ridge, l1, lower, upper)))


CASES = {
    "group lasso": case(1.0),
    "group elastic net": case(0.5, ridge=2.0),
    "uneven ridge": case(0.5, ridge=np.arange(6.0)),
    "ridge": case(ridge=np.arange(6.0)),
    "none": case(),
    "sparse group lasso": case(0.5, l1=0.3),
    "lasso": case(l1=np.arange(6.0) / 5),
    "of one sign": case(0.4, ridge=0.1, l1=0.1, lower=0.0),
    "signs": case(0.4, lower=[0, -np.inf, 0, 0, -np.inf, -np.inf], upper=[np.inf, 0, np.inf, 2, 0, np.inf]),
    "box": case(l1=0.1, ridge=0.5, lower=[-0.1, 0, -2, -0.5, -1, -0.2], upper=[0.5, 0.2, 0, 0.3, 0, 3]),
}
with_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@with_case
def test_value_is_its_formula(case, rng):
    coef = case.penalty.feasible(rng.normal(size=6))
    assert case.penalty.value(coef) == pytest.approx(case.value(coef))
    assert case.penalty.scaled(1.7).value(coef) == pytest.approx(1.7 * case.value(coef))


@with_case
def test_prox_solves_its_own_problem(case, rng):
    """Three-point inequality of a strongly convex minimum, in a metric that differs within groups."""
    for _ in range(20):
        point, curvature = rng.normal(size=6), rng.uniform(0.1, 10, size=6)
        best = case.penalty.prox(point.copy(), curvature)

        def gap(u, point=point, curvature=curvature):
            return curvature @ (u - point) ** 2 / 2 + case.value(u)

        for size in [1e-3, 1.0]:
            for _ in range(100):
                u = case.penalty.feasible(best + size * rng.normal(size=6))
                assert gap(u) >= gap(best) + curvature @ (u - best) ** 2 / 2 - 1e-12


@with_case
def test_violation_is_zero_at_a_proximal_point(case, rng):
    """curvature * (point - prox) is a subgradient of the penalty there; nothing further off is."""
    for _ in range(20):
        point, curvature = rng.normal(size=6), rng.uniform(0.1, 10, size=6)
        best = case.penalty.prox(point, curvature)
        gradient = curvature * (best - point)
        np.testing.assert_allclose(case.penalty.violation(best, gradient), 0, atol=1e-10)


@with_case
def test_violation_is_how_fast_the_penalty_and_the_gradient_can_fall(case, rng):
    """The distance to the subdifferential is the steepest descent of gradient.u + penalty(u): by directional slopes."""
    for _ in range(5):
        coef, gradient = case.penalty.feasible(np.round(rng.normal(size=6))), 2 * rng.normal(size=6)
        got = case.penalty.violation(coef, gradient)
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
        for g, factor in enumerate(case.penalty.entries(gradient)):
            if 0 < factor < np.inf:
                assert case.penalty.scaled(1.000001 * factor).violation(np.zeros(6), gradient)[g] == 0
                assert case.penalty.scaled(0.999999 * factor).violation(np.zeros(6), gradient)[g] > 0
            else:  # nothing holds it, or bounds hold it where it is
                at_any = case.penalty.scaled(1e-12).violation(np.zeros(6), gradient)[g]
                assert (at_any > 0) is (factor == np.inf) or not case.penalty.kinked[g]


@with_case
def test_expansion_by_differences(case, rng):
    for _ in range(20):
        coef = case.penalty.feasible(np.round(rng.normal(size=6)))
        slope, bend, radial = case.penalty.expansion(coef)
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
        coef = case.penalty.feasible(rng.normal(size=6))
        step = -2 * rng.uniform(size=6) * coef
        step[GROUPS[0]] = -1.5 * coef[GROUPS[0]]  # past zero
        first = case.penalty.first_kink(coef, step)
        there = case.penalty.advance(coef, step, 1.0)
        assert case.value(there) < np.inf
        if case.strength[0] > 0 and coef[GROUPS[0]].any():
            assert first <= 1 / 1.5 + 1e-12
            assert not there[GROUPS[0]].any()
        short = case.penalty.advance(coef, step, 0.999 * first)
        np.testing.assert_allclose(short, coef + 0.999 * first * step)
        assert (np.sign(short)[case.l1 > 0] == np.sign(coef)[case.l1 > 0]).all()


@with_case
def test_violation_in_units(case, rng):
    """Of each residual counts what exceeds its rounding, in its unit; without either, it is the plain distance."""
    coef, gradient = rng.normal(size=6), rng.normal(size=6)
    coef[GROUPS[0]] = 0
    coef = case.penalty.feasible(coef)
    unit, rounding = rng.uniform(1, 2, size=6), rng.uniform(0, 0.1, size=6)
    got = case.penalty.violation(coef, gradient, rounding, unit)
    for g, columns in enumerate(GROUPS):
        norm = np.linalg.norm(coef[columns])
        residual = gradient + case.ridge * coef + case.l1 * np.sign(coef)
        residual = residual + case.strength[g] * coef / norm if norm > 0 else residual
        residual = np.where(coef == 0, np.sign(residual) * np.maximum(np.abs(residual) - case.l1, 0), residual)
        residual[(coef == case.upper) & (residual < 0)] = residual[(coef == case.lower) & (residual > 0)] = 0
        residual = np.maximum(np.abs(residual) - rounding, 0)[columns]
        if norm > 0 or case.strength[g] == 0:
            wanted = np.linalg.norm(residual / unit[columns])
        else:
            length = np.linalg.norm(residual)
            wanted = max(length - case.strength[g], 0) * length / max(np.linalg.norm(residual * unit[columns]), 1e-300)
        assert got[g] == pytest.approx(wanted)
    assert case.penalty.violation(coef, gradient, rounding, np.full(6, np.inf)).tolist() == [0, 0, 0]


def test_infinite_strength_holds_at_zero(rng):
    penalty = Penalty.from_groups(GROUPS, np.array([np.inf, 1.0, 0.0]), 0.0, np.array([0, 0, np.inf, 0, 0, 0]))
    coef = penalty.prox(100 * rng.normal(size=6), np.ones(6))
    assert not coef[[0, 2, 4]].any()
    assert coef[[1, 3, 5]].all()
    assert np.isfinite(penalty.value(coef))
    gradient = 1e9 * np.array([1, 0, 1, 0, 1, 0])
    assert penalty.violation(np.zeros(6), gradient).tolist() == [0, 0, 0]
    assert penalty.feasible(np.ones(6)).tolist() == [0, 1, 0, 1, 0, 1]
    assert penalty.entries(gradient)[0] == 0


@with_case
def test_restriction_keeps_value_and_violation(case, rng):
    coef, gradient, penalty = case.penalty.feasible(rng.normal(size=6)), rng.normal(size=6), case.penalty
    groups = np.array([0, 2])
    columns = penalty.columns(groups)
    part, among = penalty.restrict(groups), penalty.on(np.array([0, 2, 3, 4]))
    np.testing.assert_array_equal(columns, [4, 0, 3])
    wanted = penalty.violation(coef, gradient)[groups]
    np.testing.assert_allclose(part.violation(coef[columns], gradient[columns]), wanted)
    some = np.array([0, 2, 3, 4])
    np.testing.assert_allclose(among.violation(coef[some], gradient[some])[[0, 2]], wanted)


@with_case
def test_held(case, rng):
    """What has a kink at zero stays there; the rest is as it was."""
    held = case.penalty.held()
    coef = held.prox(10 * rng.normal(size=6), np.ones(6))
    kink = (case.strength > 0)[LABEL] | (case.l1 > 0)
    assert not coef[kink].any()
    assert held.value(coef) == pytest.approx(case.value(coef))


def test_critical_factor(rng):
    gradient = rng.normal(size=6)
    penalty = case(1.0, l1=0.2).penalty
    factor = penalty.critical(gradient, np.full(6, 1e-3))
    for times, zero in [(1.0001, True), (0.9999, False)]:
        scaled = penalty.scaled(times * factor)
        assert bool(scaled.violation(np.zeros(6), gradient).max() == 0) is zero


def test_critical_factor_of_no_more_than_rounding(rng):
    gradient = 1e-17 * rng.normal(size=6)
    gradient[3] = 0.1  # in the last group
    penalty = case(1.0).penalty
    assert penalty.critical(gradient, np.full(6, 1e-15)) == 1.0
    assert penalty.critical(gradient, np.full(6, 0.2)) == 0
