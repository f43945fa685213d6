"""The engine knows neither a loss nor a penalty: one of each that no estimator has goes through all of it."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
from oracles import Norms, Oracle

import skprox
from skprox import engine
from skprox._jit import njit
from skprox.objectives import Point
from skprox.objectives.poisson import PoissonObjective
from skprox.objectives.stacked import StackedObjective
from skprox.penalties import Penalty
from skprox.solvers import Certificate, Problem, solve, solve_in_memory
from skprox.solvers import descent as descents
from skprox.solvers.descent import AFTER, COEF, COLUMNS, GRADIENT, TRIAL
from skprox.solvers.model_problem import add_eigenbases, minimise
from skprox.solvers.steps import (
    CHECK,
    DONE,
    EVALUATE,
    HESSIAN,
    MINIMISE,
    arrive,
    begin,
    check,
    choose,
    depart,
    receive,
)

TOL = 1e-9
P = 14
GROUPS = np.split(np.random.default_rng(5).permutation(P), [1, 5, 8, 12, 13])


def norms(strength=0.0, ridge=0.0, l1=0.0, lower=-np.inf, upper=np.inf):
    sizes = np.sqrt([len(g) for g in GROUPS])
    return Norms(GROUPS, strength * sizes, *(each * np.ones(P) for each in (ridge, l1, lower, upper)))


one_sided = np.where(np.arange(P) % 2, 0.0, -np.inf)
PENALTIES = {
    "sparse group lasso": norms(0.01, l1=0.02),
    "sparse group elastic net": norms(0.01, ridge=0.05, l1=0.02),
    "uneven": norms(0.02, ridge=np.arange(P) / 50, l1=np.arange(P) % 3 / 50),
    "group lasso of one sign": norms(0.02, lower=one_sided, upper=-one_sided[::-1]),
    "nonnegative ridge": norms(ridge=0.01, lower=0.0),
    "nonnegative": norms(lower=0.0),
    "lasso in a box": norms(l1=0.01, lower=-0.1, upper=0.2),
    "sparse group lasso of one sign": norms(0.01, l1=0.01, ridge=0.01, lower=one_sided),
    "box": norms(lower=-0.05, upper=0.05),
}


def build(case):
    return Penalty.from_groups(case.groups, case.strength, case.ridge, case.l1, case.lower, case.upper)


class Quadratic:
    """1/2 coef.second.coef - first_k.coef for each output k, in the form of an objective."""

    is_in_cache, is_short, occupied, dtype, precision, map = False, False, None, np.float64, np.dtype("f8"), map
    n_blocks = None

    def __init__(self, second, first):
        self.second, self.first, self.shape = second, first, (1000, len(second))
        self.count_index, self.scale = np.arange(len(first)), np.full(len(first), 3.0)  # any number will do
        self.column_sd = np.tile(np.sqrt(second.diagonal()), (len(first), 1))
        self.gradient_scale, self.curvature, self.rounding = (
            self.column_sd,
            self.column_sd**2,
            1e-15 * np.ones(first.shape),
        )
        self.null = [Point(np.zeros(len(second)), 0.0, 0.0, -each) for each in first]

    def evaluate(self, coefs, outputs):
        gradients = coefs @ self.second - self.first[outputs]
        return np.einsum("kj,kj->k", gradients - self.first[outputs], coefs) / 2, np.zeros(len(coefs)), gradients

    def value_size(self, output, value, *intercepts):
        return 1 + abs(value)

    def hessian(self, point, output, columns, rows=slice(None)):
        return self.second[np.ix_(columns[rows], columns)] / self.scale[output]

    def rates(self, point, output):
        return None

    def hessian_times(self, point, rates, output, move):
        return self.second @ move / self.scale[output]

    def bregman_divergence(self, coefs, points, outputs):
        moves = coefs - [point.coef for point in points]
        return np.einsum("kj,kj->k", moves @ self.second, moves) / 2

    def largest_change(self, points, moves, outputs, far):
        return np.zeros(len(moves))

    def restrict(self, columns):
        part = Quadratic(self.second[np.ix_(columns, columns)], self.first[:, columns])
        return part


@pytest.fixture
def quadratic(rng):
    rows = rng.normal(size=(40, P))
    rows[:, 3] = rows[:, 2] + 0.1 * rows[:, 3]
    return Quadratic(rows.T @ rows / 40, 0.3 * rng.normal(size=(3, P)))


@pytest.fixture
def counts(rng):
    X = rng.normal(size=(300, P))
    X[:, 3] = X[:, 2] + 0.1 * X[:, 3]
    y = rng.poisson(np.exp(0.3 + X @ (0.3 * rng.normal(size=(P, 3)) * (rng.uniform(size=(P, 1)) < 0.5))))
    return X, y.T.astype(float)


@pytest.mark.parametrize("solver", ["newton", "fista", "auto"])
@pytest.mark.parametrize("name", PENALTIES)
def test_any_penalty_of_any_objective(quadratic, name, solver):
    case, penalty = PENALTIES[name], build(PENALTIES[name])
    problems = [Problem(k, Certificate.of(quadratic, penalty, k), quadratic.null[k]) for k in range(3)]
    results, _ = solve(quadratic, problems, solver, TOL, 20_000)
    for k, result in enumerate(results):
        gradient = quadratic.second @ result.point.coef - quadratic.first[k]
        assert result.residual <= TOL
        assert case.value(result.point.coef) < np.inf
        assert case.distance(result.point.coef, gradient) <= 10 * TOL


def test_paths_are_extrapolated_along_lines():
    """Within bounds, as far as `REACH` goes; what is at zero stays there."""
    penalty = Penalty.from_groups(
        [np.array([j]) for j in range(3)], np.ones(3), 0.0, 0.0, -np.inf, [np.inf, np.inf, 4.5]
    )
    coefs = np.array([1.0, 2.0, 3.0]), np.array([2.0, 0.0, 4.0])
    assert engine._extrapolated(penalty, [4.0, 3.0], coefs, 1.0).tolist() == [4.0, 0.0, 4.5]
    assert engine._extrapolated(penalty, [4.0, 3.9], coefs, 3.8).tolist() == pytest.approx([3.0, 0.0, 4.5])
    assert engine._extrapolated(penalty, [4.0, 3.999], coefs, 3.0).tolist() == pytest.approx([10.0, 0.0, 4.5])
    assert engine._extrapolated(penalty, [4.0], coefs[:1], 3.0) is None
    assert engine._extrapolated(penalty, [4.0, 4.0], coefs, 3.0) is None


@pytest.mark.parametrize("name", PENALTIES)
def test_a_guess_may_be_anywhere(quadratic, rng, name):
    case, penalty = PENALTIES[name], build(PENALTIES[name])
    certificates = [Certificate.of(quadratic, penalty, k) for k in range(3)]
    guesses = [penalty.feasible(rng.normal(scale=scale, size=P)) for scale in (0.1, 10.0, 1e6)]
    problems = [Problem(k, certificates[k], quadratic.null[k], guesses[k]) for k in range(3)]
    for k, result in enumerate(solve(quadratic, problems, "newton", TOL, 1000)[0]):
        gradient = quadratic.second @ result.point.coef - quadratic.first[k]
        assert result.residual <= TOL
        assert case.distance(result.point.coef, gradient) <= 10 * TOL


@pytest.mark.parametrize("solver", ["newton", "fista"])
@pytest.mark.parametrize("name", PENALTIES)
def test_any_penalty_of_counts(counts, name, solver, server):
    X, y = counts
    weights, offset = np.full((1, len(X)), 1 / len(X)), np.zeros(len(X))
    objective, case = PoissonObjective(X, y, weights, offset, True), PENALTIES[name]
    problems, alphas = [build(case)] * 3, np.array([2.0, 1.0])
    found = solve_in_memory(objective, problems, range(3), objective.null, alphas, solver, TOL, 20_000)
    if found is None:
        problems = [Problem(k, Certificate.of(objective, build(case), k), objective.null[k]) for k in range(3)]
        results, _ = solve(objective, problems, solver, TOL, 20_000)
    else:
        results = [way[1] for way in found]
    for k, result in enumerate(results):
        oracle, coef = Oracle(X, y[k], [], []), result.point.coef
        gradient, slope = oracle.gradient(coef, result.point.intercept)
        assert result.residual <= TOL
        assert case.value(coef) < np.inf
        assert max(case.distance(coef, gradient), abs(slope)) <= 10 * TOL


@njit
def descend(second, first, d, tol):
    """Serves the wants of a descent of 1/2 coef.second.coef - first.coef."""
    s, features = d.state[0], d.features
    s.scale, s.value, s.intercept = 3.0, 0.0, 0.0
    features[GRADIENT, :] = -first
    begin(d, 1.0)
    wants = check(d, tol, 40)
    while wants != DONE:
        if wants == MINIMISE:
            depart(d)
            minimise(d, 0.05 * max(s.residual, tol))
            wants = arrive(d)
        elif wants == EVALUATE:
            features[AFTER] = np.dot(second, features[TRIAL]) - first
            s.trial_value, s.trial_intercept = np.dot(features[AFTER] - first, features[TRIAL]) / 2, 0.0
            wants = receive(d, 1 + abs(s.trial_value), tol, 40, 0.1)
        elif wants == CHECK:
            features[GRADIENT] = np.dot(second, features[COEF]) - first
            wants = check(d, tol, 40)
        else:
            old_groups, old = (0, 0) if wants == HESSIAN else (s.n_groups, s.n_columns)
            if not choose(d, tol, wants == HESSIAN):
                break
            for a in range(s.n_columns):
                for b in range(s.n_columns):
                    d.hessian[0, a, b] = second[d.layout[COLUMNS, a], d.layout[COLUMNS, b]] / s.scale
            add_eigenbases(d, old_groups)
            s.taken_here = 1 if old == 0 else 0
            wants = MINIMISE
    return s.residual


@pytest.mark.slow  # to compile for it
@pytest.mark.parametrize("name", PENALTIES)
def test_compiled_steps_of_any_objective(quadratic, name):
    case = PENALTIES[name]
    for k, first in enumerate(quadratic.first):
        descent = descents.new_descent(quadratic, Certificate.of(quadratic, build(case), k), k)
        assert descend(quadratic.second, first, descent, TOL) <= TOL
        coef = descent.features[COEF]
        assert case.value(coef) < np.inf
        assert case.distance(coef, quadratic.second @ coef - first) <= 10 * TOL


@pytest.mark.parametrize("solver", ["newton", "fista", "auto"])
@pytest.mark.parametrize("name", PENALTIES)
def test_groups_over_outputs(counts, name, solver):
    """The sum of several outputs as one objective, with groups of all coefficients of some columns."""
    X, y = counts
    weights, offset = np.full((1, len(X)), 1 / len(X)), np.zeros(len(X))
    factors = np.array([0.5, 1.0, 4.0])
    objective = StackedObjective(PoissonObjective(X, y, weights, offset, True), factors)
    one = PENALTIES[name]
    groups = [(P * np.arange(3)[:, None] + group).ravel() for group in GROUPS]
    case = Norms(groups, 3 * one.strength, *(np.tile(e, 3) for e in (one.ridge, one.l1, one.lower, one.upper)))
    problem = Problem(0, Certificate.of(objective, build(case), 0), objective.null[0])
    (result,), _ = solve(objective, [problem], solver, TOL, 20_000)
    coefs = result.point.coef.reshape(3, P)
    oracles = zip(factors, [Oracle(X, each, [], []) for each in y], coefs, result.point.intercept, strict=True)
    found = [(factor * oracle.gradient(c, b)[0], oracle.gradient(c, b)[1]) for factor, oracle, c, b in oracles]
    gradients, slopes = zip(*found, strict=True)
    assert result.residual <= TOL
    assert case.value(result.point.coef) < np.inf
    assert max(case.distance(result.point.coef, np.concatenate(gradients)), *np.abs(slopes)) <= 30 * TOL


def test_solvers_know_neither_losses_nor_penalties_by_name():
    """Of losses they import the compiled passes of what is in the cache, of penalties the compiled functions."""
    for path in (Path(skprox.__file__).parent / "solvers").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
        assert {node.module for node in imports if node.module.startswith("skprox")} <= {
            *(f"skprox.{name}" for name in ("_jit", "prox", "objectives.compiled", "objectives.passes")),
            *(f"skprox.solvers.{other.stem}" for other in path.parent.glob("*.py")),
            "skprox.solvers",
        }, path
        assert not re.search(r"poisson|np\.exp|log1p|logsumexp", text, re.IGNORECASE), path
        if path.stem not in ("model_problem", "quadratic"):  # they pass numbers on to compiled functions
            assert not re.search(r"penalty\.(strength|l1|lower|upper|groups\b)", text), path
