"""Factors of Newton's matrices and extrapolated steps, against dense solves."""

import numpy as np
import pytest

from skprox.penalties import Penalty
from skprox.solvers.anderson import Anderson
from skprox.solvers.factors import Cholesky, Factor, WideFactor


@pytest.fixture
def hessian(rng):
    A = rng.normal(size=(100, 60))
    return A.T @ A


@pytest.mark.parametrize(("gone", "new"), [([], []), ([3, 17], []), ([], [55]), ([0, 41], [52, 59])])
def test_a_factor_solves_on_columns_nearby(hessian, rng, gone, new):
    bend = rng.uniform(size=60)
    factor = Factor(hessian, np.arange(50), bend, 1e-16)
    inside = np.union1d(np.setdiff1d(np.arange(50), gone), new).astype(int)
    right = rng.normal(size=len(inside))
    assert factor.is_near(inside, bend)
    wanted = np.linalg.solve(hessian[np.ix_(inside, inside)] + np.diag(bend[inside]), right)
    np.testing.assert_allclose(factor.solve(inside, right), wanted, atol=1e-10)


def test_a_factor_knows_what_is_far(hessian):
    factor = Factor(hessian, np.arange(50), np.zeros(60), 1e-16)
    assert not factor.is_near(np.arange(10, 60), np.zeros(60))
    assert not factor.is_near(np.arange(50), np.ones(60))


def test_columns_that_come_twice(hessian):
    """A column that is a copy of one that is kept has no unique solution, but a finite one."""
    hessian[55], hessian[:, 55] = hessian[3], hessian[:, 3]
    hessian[55, 55] = hessian[3, 3]
    inside = np.append(np.arange(50), 55)
    step = Factor(hessian, np.arange(50), np.zeros(60), 1e-16).solve(inside, hessian[inside, 3])
    np.testing.assert_allclose(hessian[np.ix_(inside, inside)] @ step, hessian[inside, 3], rtol=1e-5, atol=1e-5)


def test_singular_matrices_are_lifted(rng):
    A = rng.normal(size=(3, 6))
    assert np.isfinite(Cholesky(A.T @ A, 1e-16).solve(rng.normal(size=6))).all()
    assert np.isfinite(Cholesky(np.zeros((2, 2)), 1e-16).solve(np.ones(2))).all()


def test_matrices_that_are_not_a_number_do_not_hang():
    assert np.isnan(Cholesky(np.full((2, 2), np.nan), 1e-16).solve(np.ones(2))).all()


def test_newtons_matrix_of_more_columns_than_rows(rng):
    """R R' + strength / ||u|| (I - v v') in groups of several sizes, written out."""
    sizes, n = [3, 1, 4, 2], 6
    rows, coef = rng.normal(size=(sum(sizes), n)), rng.normal(size=sum(sizes))
    strength = np.array([1.0, 0.3, 2.0, 0.5])
    penalty = Penalty.from_groups(np.split(np.arange(10), np.cumsum(sizes)[:-1]), strength, 0.0)
    groups = np.array([0, 2, 3])
    columns = penalty.columns(groups)
    matrix = rows[columns] @ rows[columns].T
    for g, at in zip(groups, [slice(0, 3), slice(3, 7), slice(7, 9)], strict=True):
        u = coef[penalty.columns(np.array([g]))]
        norm = np.linalg.norm(u)
        matrix[at, at] += strength[g] / norm * (np.eye(len(u)) - np.outer(u, u) / norm**2)
    slope, moves, diagonal = rng.normal(size=9), rng.normal(size=n), np.where(np.arange(9) < 3, np.inf, 1.0)
    step, image = WideFactor(rows, penalty, coef, groups).solve(rows, slope, moves, diagonal)
    right = np.where(np.isinf(diagonal), 0.0, -(slope + rows[columns] @ moves))
    np.testing.assert_allclose(matrix @ step, right, atol=1e-7)
    np.testing.assert_allclose(image, rows[columns].T @ step, atol=1e-7)


def test_newtons_matrix_under_next_to_no_strength(rng):
    """Where the curvature of the norm is less than the least number."""
    penalty = Penalty.from_groups([np.arange(3)], np.array([5e-324]), 0.0)
    with np.errstate(over="ignore", invalid="ignore", divide="raise"):
        WideFactor(rng.normal(size=(3, 2)), penalty, np.full(3, 10.0), np.array([0]))


@pytest.mark.parametrize(("inside", "near"), [(range(20), True), (range(1, 21), True), (range(10), False)])
def test_newtons_matrix_does_for_nearly_the_same_groups(rng, inside, near):
    penalty = Penalty.from_groups([np.array([j]) for j in range(30)], np.ones(30), 0.0)
    factor = WideFactor(rng.normal(size=(30, 5)), penalty, rng.normal(size=30), np.arange(20))
    assert factor.is_near(np.isin(np.arange(30), inside)) == near


def test_extrapolation_of_a_linear_iteration_is_exact(rng):
    """Three directions contract; with the steps from four points their limit is known."""
    rates, limit = np.array([0.9, 0.5, -0.3]), rng.normal(size=3)
    point, past = rng.normal(size=3), Anderson()
    for _ in range(4):
        end = limit + rates * (point - limit)
        (point,) = past.extrapolate(end - point, end - point, end)
    np.testing.assert_allclose(point, limit, atol=1e-6)


def test_extrapolation_starts_anew_where_the_support_changes():
    past = Anderson()
    past.extrapolate(np.array([1.0, 0.0]), np.array([1.0, 0.0]), np.array([1.0, 0.0]))
    end = np.array([1.5, 1.0])
    (point,) = past.extrapolate(end, end, end)
    assert point.tolist() == end.tolist()
