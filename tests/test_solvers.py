import ast
import importlib
import inspect
import signal
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from oracles import Oracle, assert_solves
from scipy.sparse import csc_array, csr_array
from sklearn.base import clone
from sklearn.linear_model import PoissonRegressor
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer

import skprox.solvers
from skprox import GroupLassoPoisson, PoissonGLMRegressor, regularization_path
from skprox.objectives.poisson import PoissonObjective
from skprox.penalties import Penalty
from skprox.solvers import fista, newton, quadratic, result
from skprox.solvers.quadratic import QuadraticModel

TOL = 1e-8


def spline_problem(rng, log_rate=1.0):
    """Two covariates that are nearly the same, splines that add up to one: rank deficient, and nearly more so."""
    Z = rng.uniform(size=(2000, 4))
    Z[:, 1] = Z[:, 0] + 1e-3 * rng.normal(size=2000)
    X = SplineTransformer(n_knots=10, knots="quantile").fit_transform(Z)
    return X, rng.poisson(np.exp(log_rate + np.sin(6 * Z[:, 0]) + Z[:, 2] ** 2)), np.repeat(range(4), 12)


def gaussian_problem(rng, n, p, log_rate=0.3):
    X = rng.normal(size=(n, p))
    return X, rng.poisson(np.exp(log_rate + X[:, :3] @ [0.4, -0.5, 0.3])), np.repeat(range(p // 5), 5)


def scaled(problem, rng, decades):
    X, y, labels = problem
    return X * 10.0 ** rng.uniform(-decades, decades, size=X.shape[1]), y, labels


def duplicated(problem):
    X, y, labels = problem
    return np.hstack([X, X, np.ones((len(X), 5))]), y, np.concatenate([labels, labels + 100, np.full(5, 999)])


def one_hot_problem(rng):
    """Cells with thousands of counts and cells with none, in columns of all scales."""
    cell = rng.integers(0, 40, size=1000)
    rates = np.exp(rng.uniform(-5, 9, size=40))
    return np.eye(40)[cell] * 10.0 ** rng.uniform(-3, 3, size=40), rng.poisson(rates[cell]), np.repeat(range(8), 5)


PROBLEMS = {
    "plain": lambda rng: gaussian_problem(rng, 300, 30),
    "splines": spline_problem,
    "splines, thousands of counts": lambda rng: spline_problem(rng, 8.0),
    "scales 1e-3 to 1e3": lambda rng: scaled(gaussian_problem(rng, 300, 30), rng, 3),
    "more columns than rows": lambda rng: gaussian_problem(rng, 80, 200),
    "one-hot cells": one_hot_problem,
    "duplicate and constant columns": lambda rng: duplicated(gaussian_problem(rng, 200, 20)),
}
PENALTIES = {
    "lasso": lambda labels: (PoissonGLMRegressor(l1_ratio=1.0), np.arange(len(labels)), 1.0, 0.0),
    "elastic net": lambda labels: (PoissonGLMRegressor(l1_ratio=0.5), np.arange(len(labels)), 0.5, 0.5),
    "ridge": lambda labels: (PoissonGLMRegressor(l1_ratio=0.0), np.arange(len(labels)), 0.0, 1.0),
    "group lasso": lambda labels: (
        GroupLassoPoisson(groups=labels),
        [np.flatnonzero(labels == g) for g in dict.fromkeys(labels)],
        np.sqrt(np.bincount(labels)[list(dict.fromkeys(labels))]),
        0.0,
    ),
}


@pytest.mark.parametrize("fraction", [0.3, 1e-2, 1e-4])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_auto_converges(server, problem, penalty, fraction, rng):
    """Strengths from strong to weak, as a share of the one at which all coefficients are zero."""
    X, y, labels = PROBLEMS[problem](rng)
    model, groups, strength, ridge = PENALTIES[penalty](labels)
    oracle = Oracle(X, y, groups, 0.0)
    alpha = fraction * np.abs(oracle.gradient(*oracle.null())[0]).max()
    model.set_params(alpha=alpha, tol=TOL).fit(X, y)
    assert_solves(model, Oracle(X, y, groups, alpha * strength, alpha * ridge), 2 * TOL)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_solvers_agree(problem, penalty, rng):
    X, y, labels = PROBLEMS[problem](rng)
    model, groups, *_ = PENALTIES[penalty](labels)
    oracle = Oracle(X, y, groups, 0.0)
    model.set_params(alpha=0.05 * np.abs(oracle.gradient(*oracle.null())[0]).max(), tol=TOL)
    values, patterns = [], []
    for solver in ("fista", "newton"):
        model.set_params(solver=solver).fit(X, y)
        values.append(model.objective_)
        patterns.append(model.selected_groups_)
    assert values[0] == pytest.approx(values[1], rel=1e-10)
    if problem != "duplicate and constant columns":  # where the solution is not unique
        assert patterns[0] == patterns[1]


@pytest.mark.parametrize("problem", [p for p in PROBLEMS if p != "more columns than rows"])
def test_unpenalised(server, problem, rng):
    X, y, _ = PROBLEMS[problem](rng)
    model = PoissonGLMRegressor(alpha=0, tol=TOL).fit(X, y)
    assert_solves(model, Oracle(X, y, range(X.shape[1]), 0.0), 2 * TOL)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("solver", ["fista", "newton"])
def test_polynomials_of_a_trend(server, rng, solver, intercept):
    """Powers of a year: large means, tiny spread, nearly dependent."""
    year = rng.uniform(0, 3, size=400)
    X = PolynomialFeatures(4, include_bias=False).fit_transform(year[:, None])
    y = rng.poisson(np.exp(4 + 0.3 * year))
    model = PoissonGLMRegressor(alpha=1e-3, l1_ratio=0.5, solver=solver, fit_intercept=intercept, tol=TOL).fit(X, y)
    assert_solves(model, Oracle(X, y, range(4), 5e-4, 5e-4, intercept=intercept), 2 * TOL)


@pytest.mark.parametrize("solver", ["fista", "newton"])
@pytest.mark.parametrize("scales", [[1e8, 1], [1e3, 1e-3], [1, 1e-8]])
def test_no_scale_hides_a_column(server, rng, solver, scales):
    """At the default tol, where the gradient of one column is next to nothing beside that of the other."""
    Z = rng.normal(size=(2000, 2))
    y = rng.poisson(np.exp(1 + Z @ [0.3, 0.3]))
    model = PoissonGLMRegressor(alpha=0, solver=solver).fit(Z * scales, y)
    peer = PoissonRegressor(alpha=0, tol=1e-12).fit(Z, y)
    np.testing.assert_allclose(model.coef_ * scales, peer.coef_, rtol=1e-5)
    oracle = Oracle(Z, y, range(2), 0.0)
    assert model.objective_ == pytest.approx(oracle.value(peer.coef_, peer.intercept_), rel=1e-9)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("unit", [1e-40, 1e-20, 1e20, 1e140])
def test_wide_groups_in_any_unit(server, rng, unit):
    """Squares of the columns leave the range of float32, which would hold a factor of the Hessian."""
    X, groups = rng.normal(size=(60, 200)), np.arange(200).reshape(25, 8)
    y = rng.poisson(np.exp(0.3 * X[:, :4].sum(axis=1)))
    model = GroupLassoPoisson(alpha=0.05 * unit, groups=np.arange(200) // 8).fit(X * unit, y)
    oracle = Oracle(X, y, groups, 0.05 * np.sqrt(8))
    assert oracle.certificate(model.coef_ * unit, model.intercept_) <= 2e-6


@pytest.mark.filterwarnings("ignore:.*stopped with a certificate")
def test_steps_that_rounding_ends_on_some_groups_go_on_with_others(server, rng):
    """At a tol that not all processors' rounding allows."""
    X, groups = rng.normal(size=(100, 400)), np.arange(400).reshape(100, 4)
    y = rng.poisson(0.03, size=100) + (np.arange(100) == 0)
    model = GroupLassoPoisson(groups=np.arange(400) // 4, fit_intercept=False, tol=1e-8)
    path = regularization_path(model, X, y, n_alphas=40, alpha_min_ratio=1e-3)
    for alpha, coef in zip(path.alphas[1:], path.coefs[1:], strict=True):
        assert Oracle(X, y, groups, 2 * alpha, intercept=False).certificate(coef, 0.0) <= 1e-6


def test_counts_next_to_an_outlier_fall_as_far_as_they_have_to(server):
    """Log rates over thousands, in steps that do not go by what is next to nothing already."""
    X = np.array([[1, 0], [0.99, 1], [0.97, -1], [-10, 0.5], [-20, 2], [-5, 1]])
    y = np.array([1e6, 3, 2, 1, 1, 2])
    model = PoissonGLMRegressor(alpha=1e-3, l1_ratio=1).fit(X, y)
    oracle = Oracle(X, y, np.arange(2)[:, None], 1e-3)
    assert np.ptp(X @ model.coef_) > 7000
    assert oracle.certificate(model.coef_, model.intercept_) <= 3e-6
    assert model.n_iter_ <= 60


@pytest.mark.filterwarnings("error")
def test_auto_goes_on_where_newton_ends_far_off(
    server,
):
    """With exposures over eighteen decades its inner steps don't."""
    X, rng = np.random.default_rng(0).normal(size=(100, 400)), np.random.default_rng(1)
    exposure = 10.0 ** rng.uniform(-15, 3, 100)
    y = rng.poisson(np.exp(0.3 * X[:, :8].sum(axis=1)))
    model = GroupLassoPoisson(alpha=1e-3, groups=np.arange(400) // 8).fit(X, y, exposure=exposure)
    oracle = Oracle(X, y, np.arange(400).reshape(50, 8), 1e-3 * np.sqrt(8), exposure=exposure)
    assert oracle.certificate(model.coef_, model.intercept_) <= 3e-6


@pytest.mark.parametrize("solver", ["fista", "newton"])
@pytest.mark.parametrize("scale", [1e7, 1e9, 1e12])
def test_a_column_of_large_numbers_in_a_group(server, rng, solver, scale):
    """Its coefficient is too small to count in the norm of the group, which is that of the others."""
    Z = rng.normal(size=(300, 4))
    y = rng.poisson(np.exp(Z @ [0.3, 0.3, 0.1, 0.0]))
    scales = np.array([1, scale, 1, 1])
    model = GroupLassoPoisson(alpha=0.05, groups=["a", "a", "b", "b"], solver=solver, tol=1e-8)
    model.fit(Z * scales, y)
    oracle = Oracle(Z, y, [[0], [1], [2, 3]], 0.05 * np.sqrt([2, 0, 2]))
    assert oracle.certificate(model.coef_ * scales, model.intercept_) <= 1e-7


@pytest.mark.parametrize("solver", ["fista", "newton"])
def test_null_model_far_away(rng, solver):
    """Without an intercept exposure may put the null model a factor of a million from the counts."""
    x = rng.normal(size=500)
    y = rng.poisson(2 * np.exp(0.3 * x))
    exposure = np.full(500, 1e6)
    column = PoissonGLMRegressor(alpha=0, fit_intercept=False, solver=solver)
    column.fit(np.column_stack([np.ones(500), x]), y, exposure=exposure)
    intercept = PoissonGLMRegressor(alpha=0, tol=1e-10).fit(x[:, None], y, exposure=exposure)
    np.testing.assert_allclose(column.coef_, [intercept.intercept_, intercept.coef_[0]], rtol=2e-5)
    assert column.objective_ == pytest.approx(intercept.objective_, rel=1e-9)


@pytest.mark.parametrize("solver", ["fista", "newton", "auto"])
@pytest.mark.parametrize("intercept", [True, False])
def test_warm_start_far_from_the_optimum(rng, solver, intercept):
    X, y, _ = gaussian_problem(rng, 200, 10)
    model = PoissonGLMRegressor(alpha=0.01, fit_intercept=intercept, solver=solver, warm_start=True, tol=TOL)
    model.fit(X, y).fit(1e5 * X, y)
    assert_solves(model, Oracle(1e5 * X, y, range(10), 0.0, 0.01, intercept=intercept), 2 * TOL)


@pytest.mark.parametrize("solver", ["fista", "newton"])
def test_a_cell_that_takes_over(solver):
    """The Hessian of the null model sends the rate of one row past all others, where no curvature is left."""
    X, y, exposure = np.zeros((20, 1)), np.full(20, 3400.0), np.ones(20)
    X[7], y[7], exposure[7] = 1.4, 1e6, 1e-2
    model = PoissonGLMRegressor(alpha=14, l1_ratio=1, solver=solver, tol=TOL).fit(X, y, exposure=exposure)
    assert_solves(model, Oracle(X, y, [0], 14.0, exposure=exposure), 2 * TOL)


def test_float32_columns_with_large_means(server, rng):
    year = rng.integers(1998, 2003, size=(500, 1))
    y = rng.poisson(np.exp(0.3 * (year[:, 0] - 2000)))
    double = PoissonGLMRegressor(alpha=0).fit(year.astype(np.float64), y)
    single = PoissonGLMRegressor(alpha=0).fit(year.astype(np.float32), y)
    np.testing.assert_allclose(single.coef_, double.coef_, rtol=1e-3)


def test_separated_zeros_end_in_a_finite_model(server, rng):
    """Without a penalty the coefficient of a column that marks zeros only has no finite optimum."""
    X = rng.normal(size=(200, 3))
    y = rng.poisson(2.0, size=200)
    X[:, 2] = np.where(rng.uniform(size=200) < 0.3, 1.0, 0.0)
    y[X[:, 2] == 1] = 0
    for solver in ("fista", "newton"):
        model = PoissonGLMRegressor(alpha=0, solver=solver).fit(X, y)
        assert np.isfinite(model.coef_).all()
        assert model.coef_[2] < -5
        assert model.predict(X[X[:, 2] == 1]).max() < 1e-2


def test_more_unpenalised_columns_than_rows_end_in_a_finite_model(server, rng):
    X, y, _ = gaussian_problem(rng, 40, 100)
    model = PoissonGLMRegressor(alpha=0).fit(X, y)
    assert np.isfinite(model.coef_).all()
    assert model.score(X, y) > 0.999


@pytest.fixture
def in_time():
    """Stops what does not end."""

    def ring(*args):
        raise TimeoutError("still at it after 20 seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("to_storage", [np.asarray, csr_array, csc_array])
@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_float32_columns_far_from_zero(server, rng, to_storage, ratio):
    X, y = (rng.normal(size=(200, 15)) + 100).astype(np.float32), rng.poisson(2.0, size=200)
    model = PoissonGLMRegressor(alpha=0.01, l1_ratio=ratio)
    double = clone(model).fit(X.astype(np.float64), y)
    np.testing.assert_allclose(model.fit(to_storage(X), y).coef_, double.coef_, atol=1e-3)


@pytest.mark.parametrize("to_storage", [np.asarray, csr_array])
@pytest.mark.parametrize("alpha", [0.0, 1e-3])
@pytest.mark.parametrize(
    ("n_columns", "size", "mean"), [(15, 1, 1e3), (15, 3, 1e3), (100, 3, 1e3), (100, 3, 1e4), (100, 3, 1e8)]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_hessians_that_are_mostly_rounding(to_storage, alpha, n_columns, size, mean, in_time):
    """In float32, next to means like these, and for few counts and many columns, they curve downwards here and there.

    That ends in a finite model.
    """
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X = (rng.normal(size=(40, n_columns)) + mean * rng.normal(size=n_columns)).astype(np.float32)
        model = GroupLassoPoisson(alpha=alpha, groups=np.arange(n_columns) // size, max_iter=30, n_jobs=1)
        model.fit(to_storage(X), np.repeat([1, 0], [5, 35]))
        assert np.isfinite(model.coef_).all()
        assert np.isfinite([model.intercept_, model.objective_, model.optimality_]).all()


@pytest.mark.parametrize("shape", [(20, 40), (300, 40)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("free", [0, 3])
def test_groups_of_columns_of_all_scales(shape, dtype, free):
    """Wide or tall, with groups that are not penalised or without: no scale within a group hides a column."""
    tol = 1e-6 if dtype == np.float64 else 1e-4
    for seed in range(8):
        rng = np.random.default_rng(seed)
        Z, scales = rng.normal(size=shape), 10.0 ** rng.uniform(-2, 2, size=40)
        X = (Z * scales).astype(dtype)
        y = rng.poisson(np.exp(0.3 + Z[:, :3] @ [0.4, -0.5, 0.3])) + (np.arange(len(X)) == 0)
        weights = np.where(np.arange(10) < free, 0.0, 2.0)
        groups = np.arange(40).reshape(10, 4)
        oracle = Oracle(X, y, groups, 0.0)
        alpha = 1e-4 * np.abs(oracle.gradient(*oracle.null())[0]).max()
        model = GroupLassoPoisson(alpha=alpha, groups=np.arange(40) // 4, group_weights=list(weights), tol=tol).fit(
            X, y
        )
        assert Oracle(X, y, groups, alpha * weights).certificate(model.coef_, model.intercept_) <= 3 * tol


def test_an_outlier_without_weight_slows_nothing(rng):
    X, y, _ = gaussian_problem(rng, 500, 5)
    weight = np.repeat([0.0, 1.0], [1, 499])
    model = PoissonGLMRegressor(alpha=0.01, l1_ratio=0.5, solver="newton").fit(X, y, sample_weight=weight)
    X[0] = 1e6
    far = PoissonGLMRegressor(alpha=0.01, l1_ratio=0.5, solver="newton", max_iter=100).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(far.coef_, model.coef_, atol=1e-6)
    assert far.n_iter_ <= model.n_iter_ + 1


def test_auto_stays_with_newton_next_to_a_perfect_fit():
    """With several hundred columns in play, where gradients alone take thousands of steps."""
    rng = np.random.default_rng(0)
    X, groups = rng.normal(size=(200, 800)), np.arange(800).reshape(200, 4)
    y = rng.poisson(np.exp(0.2 * X[:, :20].sum(axis=1)))
    null = Oracle(X, y, groups, 0.0)
    alpha = 1e-4 * np.abs(null.gradient(*null.null())[0]).max()
    model = GroupLassoPoisson(alpha=alpha, groups=np.arange(800) // 4).fit(X, y)
    assert Oracle(X, y, groups, 2 * alpha).certificate(model.coef_, model.intercept_) <= 2e-6
    assert np.count_nonzero(model.coef_) > 300
    assert model.n_iter_ < 100


def test_auto_leaves_hessians_that_grow_too_large(lockstep, rng, monkeypatch):
    X, y, _ = gaussian_problem(rng, 300, 50)
    monkeypatch.setattr(skprox.solvers, "STAGES", ((newton, 300, 10), (fista, np.inf, np.inf)))
    model = PoissonGLMRegressor(alpha=0.01, tol=TOL).fit(X, y)
    assert_solves(model, Oracle(X, y, range(50), 0.0, 0.01), 2 * TOL)
    assert model.n_iter_ > 10  # so fista finished it


@pytest.mark.parametrize("stages", [(1, 1), (1, 2)])
def test_auto_goes_on_where_a_stage_ended(lockstep, rng, monkeypatch, stages):
    """Several problems at once, each with its own number of steps."""
    X, y, _ = gaussian_problem(rng, 200, 20)
    steps = tuple((newton, n, np.inf) for n in stages)
    monkeypatch.setattr(skprox.solvers, "STAGES", (*steps, (fista, np.inf, np.inf)))
    model = PoissonGLMRegressor(alpha=0.001, l1_ratio=0.5, tol=1e-11)
    model.fit(X, np.column_stack([y, np.ones(200), 5 * y[::-1]]))
    for k, counts in [(0, y), (2, 5 * y[::-1])]:
        assert_solves(model, Oracle(X, counts, range(20), 0.0005, 0.0005), 2e-11, output=k)
        assert model.n_iter_[k] > sum(stages)
    assert not model.coef_[1].any()
    assert model.n_iter_[1] == 1  # the null model explains all there is


def test_steps_that_a_stage_does_not_take_are_not_counted(lockstep, rng, monkeypatch):
    X, y, _ = gaussian_problem(rng, 300, 20)
    monkeypatch.setattr(skprox.solvers, "STAGES", ((newton, 300, 1), (fista, np.inf, np.inf)))
    for max_iter in (1, 3, 1000):
        auto, alone = (
            PoissonGLMRegressor(alpha=0.01, solver=solver, max_iter=max_iter) for solver in ("auto", "fista")
        )
        with pytest.warns(match="stopped after") if max_iter < 1000 else nullcontext():
            np.testing.assert_array_equal(auto.fit(X, y).coef_, alone.fit(X, y).coef_)
        assert auto.n_iter_ == alone.n_iter_ == min(auto.n_iter_, max_iter)
        assert auto.coef_.any()


def test_a_column_above_tol_comes_in_before_many_below(in_time):
    """Copies of a column rank before it by their pull, and are as many as may come in at once."""
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(np.column_stack([np.ones(1000), rng.normal(size=(1000, 3))]))[0] * np.sqrt(1000)
    active, copied, small = Q[:, 1:].T
    y = rng.poisson(np.exp(0.5 * active + 0.01 * copied + 0.4 * small))
    X = np.column_stack([np.tile(copied[:, None], 150), 1e-3 * small, active])
    tol, weights = 1e-3, np.append(np.full(151, 1e3), 0.01)
    model = PoissonGLMRegressor(alpha=1.0, l1_ratio=1.0, penalty_weights=weights, tol=tol, warm_start=True).fit(X, y)
    oracle = Oracle(X, y, range(152), weights)
    pull, total = np.abs(oracle.gradient(model.coef_, model.intercept_)[0]), y.mean()
    null = oracle.distance(*oracle.null())
    weights[:150] = pull[0] - 0.75 * tol * min(total, null)
    weights[150] = pull[150] - 1.9 * tol * min(1e-3 * total, null)
    model.set_params(penalty_weights=weights).fit(X, y)
    assert model.coef_[150] != 0


def test_threads_do_not_change_the_answer(rng, monkeypatch):
    """Problems of a batch run beside each other, in an order that changes from run to run."""
    monkeypatch.setattr("skprox.parallel.ENTRIES_A_THREAD", 1)
    X = rng.normal(size=(200, 600))
    y = rng.poisson(np.exp(0.1 * X[:, :20].sum(axis=1)))
    for model in (GroupLassoPoisson(groups=np.arange(600) // 5), PoissonGLMRegressor(l1_ratio=1)):
        model.set_params(n_jobs=2, tol=1e-8)
        first, second = (regularization_path(model, X, y, n_alphas=20) for _ in range(2))
        np.testing.assert_array_equal(first.n_iter, second.n_iter)
        np.testing.assert_allclose(first.coefs, second.coefs, atol=1e-10)  # products depend on where arrays start


@pytest.mark.filterwarnings("error")
def test_free_groups_of_one_output_alone():
    """They can't go by a factor of the Hessian, which on wide data is what the other output would take."""
    rng = np.random.default_rng(4)
    X = rng.normal(size=(60, 400))
    Y = np.column_stack([rng.poisson(np.exp(X[:, :3] @ [0.5, 0.3, -0.4])) for _ in range(2)])
    weights = np.full((2, 100), 2.0)
    weights[1, :10] = 0.0
    model = GroupLassoPoisson(alpha=0.02, groups=np.arange(400) // 4, group_weights=weights).fit(X, Y)
    for k in range(2):
        oracle = Oracle(X, Y[:, k], np.arange(400).reshape(100, 4), 0.02 * weights[k])
        assert oracle.certificate(model.coef_[k], model.intercept_[k]) <= 2e-6


def test_few_hessians_at_a_time(lockstep, rng, monkeypatch):
    """Of outputs whose Hessians would not fit in memory together a few go first, to the same end."""
    X, y, _ = gaussian_problem(rng, 200, 20)
    Y = np.column_stack([y, y[::-1], rng.permutation(y)])
    model = PoissonGLMRegressor(alpha=0.01, tol=TOL)
    together = clone(model).fit(X, Y)
    module, together_at_most = importlib.import_module("skprox.solvers.newton"), []
    propose = module._propose

    def watched(objective, active, tol):
        together_at_most.append(len({descent.problem.output for descent in active}))
        propose(objective, active, tol)

    monkeypatch.setattr(module, "HESSIANS", 2 * 20**2)
    monkeypatch.setattr(module, "_propose", watched)
    alone = clone(model).fit(X, Y)
    assert max(together_at_most) == 2
    np.testing.assert_allclose(alone.coef_, together.coef_, atol=1e-7)
    for k, counts in enumerate(Y.T):
        assert_solves(alone, Oracle(X, counts, range(20), 0.0, 0.01), 2 * TOL, output=k)


def test_fista_ends_where_rounding_is_in_the_way(rng, monkeypatch):
    """At the best point that it met, and long before `max_iter`."""
    monkeypatch.setattr(importlib.import_module("skprox.solvers.fista"), "PATIENCE", 50)
    X = (rng.normal(size=(200, 5)) + 3).astype(np.float32)
    counts, weights = rng.poisson(2.0, size=(1, 200)).astype(np.float32), np.full((1, 200), 1 / 200, dtype=np.float32)
    objective = PoissonObjective(X, counts, weights, np.zeros(200, np.float32), True, dtype=np.dtype(np.float64))
    penalty = Penalty.from_groups(np.arange(5)[:, None], np.full(5, 1e-3), np.zeros(5))
    certificate = result.Certificate.of(objective, penalty, 0)
    exact, certificates = replace(certificate, rounding=np.zeros(5)), []
    problem = result.Problem(0, exact, objective.null[0])
    (found,), _ = skprox.solvers.solve(
        objective, [problem], "fista", 1e-12, 100_000, lambda *state: certificates.append(state[3])
    )
    assert found.stalled
    assert found.n_iter == len(certificates) < 5000
    assert found.residual == min(certificates) < 1e-4


def test_every_loop_is_bounded(rng):
    X, y, _ = spline_problem(rng)
    for solver in ("fista", "newton", "auto"):
        with pytest.warns(
            match=r"stopped after 2 iterations with a certificate of .* above tol=1.0e-12.*raise max_iter"
        ):
            model = PoissonGLMRegressor(alpha=1e-3, solver=solver, max_iter=2, tol=1e-12).fit(X, y)
        assert model.n_iter_ == 2


class Quadratic:
    """A working set of all columns, and an objective whose Hessian is the same everywhere."""

    def __init__(self, matrix):
        self.matrix, self.objective = matrix, self

    def restrict(self, point):
        return point

    def find(self, columns):
        return columns

    def hessian(self, point, output, columns, rows=slice(None)):
        return self.matrix[np.ix_(columns[rows], columns)]


@pytest.mark.parametrize("order", [[range(6)], [[4, 1], [0, 1, 5], [2, 3]], [[2], [0, 4]]])
@pytest.mark.parametrize("strength", [0.0, 0.1, 1.0])
def test_quadratic_model_is_minimised(rng, order, strength):
    """The inner problem of a Newton step, singular and with groups of several sizes, by its optimality conditions.

    The groups come in all at once or a few at a time, and some not at all.
    """
    from skprox.penalties import Penalty

    A = rng.normal(size=(6, 12))
    matrix, gradient, coef = A.T @ A, A.T @ rng.normal(size=6), rng.normal(size=12)
    sizes = np.array([1, 1, 3, 1, 4, 2])
    groups = np.split(rng.permutation(12), np.cumsum(sizes)[:-1])
    penalty = Penalty.from_groups(
        groups, np.full(6, strength), 0.1 * np.arange(6).repeat(sizes)[np.argsort(np.concatenate(groups))]
    )
    model = QuadraticModel(None, 0, penalty, 12, float, factored=False)
    for more in order:
        model.include(np.array(more), Quadratic(matrix))
    columns = model.columns
    assert sorted(columns) == sorted(np.concatenate([groups[g] for g in np.unique(np.concatenate(order))]))
    certificate = result.Certificate(penalty, np.zeros(12), np.ones(12)).restrict(model.groups)
    start = np.zeros(len(columns)) if strength else coef[columns]
    best, slope = model.minimise(gradient[columns], coef[columns], start, certificate, 1e-10)
    wanted = gradient[columns] + matrix[np.ix_(columns, columns)] @ (best - coef[columns])
    np.testing.assert_allclose(slope, wanted, atol=1e-12)
    full = np.zeros(12)
    full[columns] = best
    everywhere = np.zeros(12)
    everywhere[columns] = wanted
    assert penalty.kkt_residuals(full, everywhere)[model.groups].max() < 1e-10


@pytest.mark.parametrize("held", [0.0, 0.1])
def test_model_problems_fall_where_curvature_is_rounding(rng, held):
    """From large coefficients along directions of a free group in which columns are all but the same."""
    rows = rng.normal(size=(40, 5))
    rows[:, :3] = 100 + 1e-6 * rows[:, :3]
    penalty = Penalty.from_groups([np.arange(3), np.arange(3, 5)], np.array([0.0, held]), 0.0)
    model = QuadraticModel(None, 0, penalty, 5, float, factored=False)
    model.include(np.arange(2), Quadratic(rows.T @ rows / 40))
    coef, gradient = np.array([1e8, -1e8, 0.0, 0.3, -0.4]), np.array([0.0, 0.0, 0.0, 0.1, 0.5])
    certificate = result.Certificate(penalty, np.zeros(5), np.ones(5))
    best, slope = model.minimise(gradient, coef, coef, certificate, 1e-6)
    change = gradient @ (best - coef) + ((rows @ (best - coef)) ** 2).mean() / 2
    assert change + penalty.value(best) - penalty.value(coef) < -0.05
    assert certificate(best, slope).max() < 1e-6


def test_solvers_know_neither_loss_nor_penalty_nor_storage():
    for module in (skprox.solvers, fista, newton, quadratic, result):
        source = inspect.getsource(inspect.getmodule(module) or module)
        names = {
            alias.name if isinstance(node, ast.Import) else f"{node.module}.{alias.name}"
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        assert not [name for name in names if any(k in name for k in ("losses", "penalties", "objective", "sparse"))]


def test_scales_that_differ_within_groups(server, rng):
    """By twelve decades, with more columns than rows: some hundred steps were not enough of factors in float32."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(20, 120)) * 10.0 ** rng.uniform(-6, 6, size=120)
        y = rng.poisson(2.0, size=20)
        model = GroupLassoPoisson(alpha=1e-3, groups=np.arange(120) // 3).fit(X, y)
        assert model.n_iter_ < 100
        oracle = Oracle(X, y, np.arange(120).reshape(40, 3), 1e-3 * np.sqrt(3))
        assert oracle.certificate(model.coef_, model.intercept_) <= 2e-6


@pytest.mark.filterwarnings("ignore:.*with a certificate")
def test_splines_of_a_few_counts_without_penalty(server, rng):
    """Most of the basis sees no count: rates fall to nothing there, however far the linear predictor has to go."""
    X = SplineTransformer(n_knots=20).fit_transform(rng.uniform(size=(800, 2)))
    y = np.zeros(800)
    y[rng.integers(0, 800, size=12)] = 1.0
    model = PoissonGLMRegressor(alpha=0).fit(X, y, exposure=np.exp(3 * rng.normal(size=800)))
    assert model.n_iter_ < 150
    assert model.optimality_ < 1e-5


@pytest.mark.filterwarnings("ignore:.*with a certificate")
@pytest.mark.parametrize("size", [1.0, 1e3, 1e5])
def test_certificate_in_float32_is_that_of_the_coefficients(server, rng, size):
    """Those that are returned: by the rounding of large ones alone they are off."""
    X = (rng.normal(size=(60, 3)) / size + [0, 0, 1]).astype(np.float32)
    X[:, 1] = X[:, 0] + (1e-4 * rng.normal(size=60) / size).astype(np.float32)
    y = rng.poisson(2.0, size=60)
    model = PoissonGLMRegressor(alpha=0, tol=1e-9).fit(X, y)
    oracle = Oracle(X.astype(float), y, range(3), 0.0)
    residual, null = oracle.gradient(model.coef_.astype(float), model.intercept_)[0], oracle.gradient(*oracle.null())[0]
    sizes = oracle.weight @ (np.abs(X.astype(float)) * (y + y.mean())[:, None])
    beyond = np.abs(residual) - 4 * np.finfo(np.float32).eps * sizes
    assert model.optimality_ == pytest.approx(max(beyond.max(), 0) / np.abs(null).max(), rel=0.1, abs=1e-7)
