"""Bounds of coefficients: by scipy, by glum, and by the conditions of the optimum."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from glum import GeneralizedLinearRegressor
from oracles import Norms, Oracle
from scipy import sparse
from scipy.optimize import brentq, minimize
from sklearn.base import clone
from sklearn.metrics import mean_poisson_deviance
from sklearn.model_selection import GridSearchCV, KFold

from skprox import (
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    PoissonGLMRegressor,
    PoissonGLMRegressorCV,
    StabilitySelection,
    multi_split_test,
    regularization_path,
)

GROUPS = {"a": [0, 4, 5], "b": [1], "c": [2, 3, 7, 9], "d": [6, 8]}
TOL = 1e-9
ONE_SIDED = [[0, np.inf], [-np.inf, 0], [0, np.inf], [-np.inf, np.inf], [0, np.inf]] * 2
BOXES = [[-0.1, 0.2], [0, 0.3], [-0.05, 0.05], [-np.inf, 0.1], [0, 0]] * 2


@pytest.fixture
def data(rng):
    X = rng.normal(size=(300, 10))
    X[:, 4] += X[:, 0]
    weight, exposure = rng.uniform(0.5, 2, size=300), rng.uniform(0.5, 2, size=300)
    y = rng.poisson(exposure * np.exp(0.3 + X[:, [0, 1, 2, 7]] @ [0.4, -0.2, 0.3, -0.3]))
    return X, y, {"sample_weight": weight, "exposure": exposure}


def by_scipy(X, y, alpha, l1_ratio, bounds, sample_weight=None, exposure=None):
    """Intercept, coefficients and objective of an elastic net, the coefficients as differences of two parts."""
    p, ridge, l1 = X.shape[1], alpha * (1 - l1_ratio), alpha * l1_ratio
    oracle = Oracle(X, y, [], [], ridge, weight=sample_weight, exposure=exposure)

    def value(parts):
        b, coef = parts[0], parts[1 : 1 + p] - parts[1 + p :]
        gradient, slope = oracle.gradient(coef, b)
        gradient = gradient + ridge * coef
        return oracle.value(coef, b) + l1 * parts[1:].sum(), np.r_[slope, gradient + l1, l1 - gradient]

    lower, upper = np.transpose(bounds)
    limits = [(None, None), *zip(np.zeros(p), upper, strict=True), *zip(np.zeros(p), -lower, strict=True)]
    options = {"maxiter": 100_000, "maxfun": 1_000_000, "ftol": 0, "gtol": 1e-11, "maxcor": 30}
    found = minimize(value, np.zeros(1 + 2 * p), jac=True, method="L-BFGS-B", bounds=limits, options=options)
    return found.x[0], found.x[1 : 1 + p] - found.x[1 + p :], found.fun


def norms(bounds, strength=0.0, l1=0.0, ridge=0.0, groups=None, p=10):
    """The penalty of the documentation, from numbers."""
    groups = np.arange(p)[:, None] if groups is None else list(map(np.array, groups))
    strength = np.broadcast_to(strength, len(groups))
    return Norms(list(groups), strength, ridge * np.ones(p), l1 * np.ones(p), *np.transpose(bounds).astype(float))


def assert_optimal(case, X, y, coef, intercept, rows, objective=None, tol=1e-7):
    oracle = Oracle(X, y, [], [], weight=rows.get("sample_weight"), exposure=rows.get("exposure"))
    gradient, slope = oracle.gradient(coef, float(intercept))
    assert case.value(coef) < np.inf
    assert case.distance(coef, gradient) <= tol
    assert abs(slope) <= tol
    if objective is not None:
        assert objective == pytest.approx(oracle.value(coef, float(intercept)) + case.value(coef), rel=1e-9)


@pytest.mark.parametrize("solver", ["newton", "fista"])
@pytest.mark.parametrize("bounds", [ONE_SIDED, BOXES, [[0, np.inf]] * 10], ids=["one-sided", "boxes", "nonnegative"])
@pytest.mark.parametrize("penalty", [(0.0, 0.0), (0.05, 0.0), (0.05, 1.0), (0.05, 0.4)])
def test_elastic_nets_are_those_of_scipy(data, penalty, bounds, solver, server):
    X, y, rows = data
    alpha, l1_ratio = penalty
    model = PoissonGLMRegressor(alpha=alpha, l1_ratio=l1_ratio, bounds=bounds, tol=TOL, solver=solver).fit(X, y, **rows)
    b, coef, objective = by_scipy(X, y, alpha, l1_ratio, bounds, **rows)
    assert model.objective_ == pytest.approx(objective, rel=1e-9)
    np.testing.assert_allclose(np.r_[model.intercept_, model.coef_], np.r_[b, coef], atol=2e-5)
    case = norms(bounds, l1=alpha * l1_ratio, ridge=alpha * (1 - l1_ratio))
    assert_optimal(case, X, y, model.coef_, model.intercept_, rows, model.objective_)
    assert 0 < np.count_nonzero((model.coef_ == case.lower) | (model.coef_ == case.upper)) < 10


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_elastic_nets_are_those_of_glum(data, l1_ratio):
    X, y, rows = data
    lower, upper = np.transpose(BOXES)
    model = PoissonGLMRegressor(alpha=0.05, l1_ratio=l1_ratio, bounds=BOXES, tol=TOL)
    model.fit(X, y, sample_weight=rows["sample_weight"])
    other = GeneralizedLinearRegressor(
        family="poisson",
        alpha=0.05,
        l1_ratio=l1_ratio,
        lower_bounds=lower,
        upper_bounds=upper,
        gradient_tol=1e-10,
        max_iter=1000,
    )
    other.fit(X, y, sample_weight=rows["sample_weight"])
    np.testing.assert_allclose(model.coef_, other.coef_, atol=1e-6)
    assert model.intercept_ == pytest.approx(other.intercept_, abs=1e-6)


GROUP_CASES = {
    "group lasso": ({}, ONE_SIDED),
    "sparse group lasso": ({"l1_ratio": 0.4}, ONE_SIDED),
    "group elastic net": ({"l2_ratio": 0.3, "l1_ratio": 0.2}, [[0, np.inf]] * 10),
    "a side of one column": ({}, [[-np.inf, np.inf]] * 2 + [[-np.inf, 0]] + [[-np.inf, np.inf]] * 7),
    "no norm": ({"group_weights": 0.0}, BOXES),
    "L1 norm alone": ({"group_weights": 0.0, "l1_ratio": 0.5}, BOXES),
    "ridge": ({"l2_ratio": 1.0}, BOXES),
    "box of a group of one": ({}, [[-np.inf, np.inf], [-0.05, 0.05]] + [[-np.inf, np.inf]] * 8),
}


@pytest.mark.parametrize("solver", ["newton", "fista"])
@pytest.mark.parametrize("name", GROUP_CASES)
def test_groups_by_the_conditions_of_the_optimum(data, name, solver, server):
    X, y, rows = data
    params, bounds = GROUP_CASES[name]
    model = GroupLassoPoisson(alpha=0.03, groups=GROUPS, bounds=bounds, tol=TOL, solver=solver).set_params(**params)
    model.fit(X, y, **rows)
    l1_ratio, l2_ratio = params.get("l1_ratio", 0.0), params.get("l2_ratio", 0.0)
    weights = np.sqrt([3, 1, 4, 2]) if "group_weights" not in params else np.zeros(4)
    strength = 0.03 * (1 - l1_ratio - l2_ratio) * weights
    case = norms(bounds, strength, 0.03 * l1_ratio, 0.03 * l2_ratio, GROUPS.values())
    assert_optimal(case, X, y, model.coef_, model.intercept_, rows, model.objective_)
    assert 0 < np.count_nonzero((model.coef_ == case.lower) | (model.coef_ == case.upper)) < 10


@pytest.mark.parametrize("estimator", [PoissonGLMRegressor(l1_ratio=0.5), GroupLassoPoisson(groups=GROUPS)])
def test_storages(data, storage, estimator):
    X, y, rows = data
    X = np.where(np.abs(X) > 0.5, X, 0)
    model = clone(estimator).set_params(alpha=0.03, bounds=ONE_SIDED, tol=TOL).fit(storage(X), y, **rows)
    if hasattr(model, "group_weights"):
        case = norms(ONE_SIDED, 0.03 * np.sqrt([3, 1, 4, 2]), groups=GROUPS.values())
    else:
        case = norms(ONE_SIDED, l1=0.015, ridge=0.015)
    assert_optimal(case, X, y, model.coef_, model.intercept_, rows, model.objective_)
    single = clone(model).set_params(tol=1e-5).fit(storage(X.astype(np.float32)), y, **rows)
    assert single.coef_.dtype == np.float32
    np.testing.assert_allclose(single.coef_, model.coef_, atol=1e-4)


@pytest.mark.parametrize("solver", ["newton", "fista"])
def test_single_precision_is_within_bounds_and_at_them(data, solver, server):
    """0.1 has a neighbour in single precision that is larger: coefficients end at the one that is not."""
    X, y, rows = data
    model = PoissonGLMRegressor(alpha=0.001, bounds=(-0.1, 0.1), solver=solver, tol=1e-5)
    model.fit(X.astype(np.float32), y, **rows)
    assert np.abs(model.coef_.astype(float)).max() <= 0.1
    at = np.float32(0.1) if float(np.float32(0.1)) <= 0.1 else np.nextafter(np.float32(0.1), np.float32(0))
    assert np.count_nonzero(np.abs(model.coef_) == at) > 2
    assert model.optimality_ <= 1e-5


@pytest.mark.parametrize("seed", [0, 2, 9])
@pytest.mark.parametrize("bounds", [(-0.05, 0.1), (-0.03, 0.07), (-0.013, 0.011)])
def test_whole_steps_end_at_bounds(seed, bounds, server):
    """Not a rounding beside them: more columns than rows, near pairs, and no penalty."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 100))
    X[:, 1::2] = X[:, ::2] + 1e-3 * X[:, 1::2]
    y = rng.poisson(np.exp(0.3 + X[:, :3] @ [0.3, -0.2, 0.2]))
    model = GroupLassoPoisson(groups=np.repeat(range(10), 10), group_weights=0.0, bounds=bounds, tol=1e-8).fit(X, y)
    case = norms([bounds] * 100, p=100)
    assert_optimal(case, X, y, model.coef_, model.intercept_, {}, tol=1e-6)
    near = np.isclose(model.coef_, bounds[0], atol=1e-12) | np.isclose(model.coef_, bounds[1], atol=1e-12)
    np.testing.assert_array_equal(near, (model.coef_ == case.lower) | (model.coef_ == case.upper))


def test_many_bounds_without_a_penalty_take_few_steps(rng, lockstep):
    """More columns than rows, of one sign: most end at zero, hundreds of them one after the other."""
    X = np.abs(rng.normal(size=(300, 600)))
    effects = rng.normal(size=600) * (rng.uniform(size=600) < 0.3)
    y = rng.poisson(np.exp(0.3 + 0.7 * (X @ effects) / (X @ effects).std()))
    model = GroupLassoPoisson(
        groups=np.repeat(range(100), 6), group_weights=0.0, bounds=(0, None), tol=1e-8, solver="newton", max_iter=40
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y)
    assert_optimal(norms([[0, np.inf]] * 600, p=600), X, y, model.coef_, model.intercept_, {}, tol=1e-6)


@pytest.mark.parametrize("form", ["array", "sparse"])
def test_more_columns_than_rows(rng, form, sparse_stays):
    X = rng.normal(size=(80, 500)) * (rng.uniform(size=(80, 500)) < 0.3)
    y = rng.poisson(np.exp(0.3 + X[:, :4] @ [0.5, -0.5, 0.4, 0.3]))
    for alpha, l1_ratio in [(0.1, 0.0), (0.02, 1.0)]:
        model = PoissonGLMRegressor(alpha=alpha, l1_ratio=l1_ratio, bounds=(0, None), tol=TOL)
        model.fit(sparse.csr_array(X) if form == "sparse" else X, y)
        case = norms([[0, np.inf]] * 500, l1=alpha * l1_ratio, ridge=alpha * (1 - l1_ratio), p=500)
        assert_optimal(case, X, y, model.coef_, model.intercept_, {}, model.objective_)
        assert 0 < np.count_nonzero(model.coef_) < 300


@pytest.mark.parametrize("estimator", [PoissonGLMRegressor, GroupLassoPoisson])
def test_forms(data, estimator):
    X, y, rows = data
    X = pd.DataFrame(X, columns=list("abcdefghij"))
    groups = {"first": ["a", "b", "c"], "second": ["d", "e"], **{name: [name] for name in "fghij"}}
    model = estimator(alpha=0.01, groups=groups, tol=TOL)
    wanted = np.tile([-np.inf, np.inf], (10, 1))
    wanted[:3], wanted[3:5], wanted[7] = [0, np.inf], [[-np.inf, 0], [0, np.inf]], [-0.1, 0.2]
    by_array = clone(model).set_params(bounds=wanted).fit(X, y, **rows)
    assert (by_array.coef_ >= wanted[:, 0]).all()
    assert (by_array.coef_ <= wanted[:, 1]).all()
    assert by_array.coef_[1] == 0
    assert by_array.coef_[7] == -0.1
    by_name = {"first": (0, None), "second": [[None, 0], [0, None]], "h": [-0.1, 0.2], "i": None}
    by_column = {"a": (0, np.inf), "b": (0, None), "c": [0, None], "d": (None, 0), "e": (0, None), "h": (-0.1, 0.2)}
    nones = [[None if np.isinf(each) else each for each in pair] for pair in wanted]
    for bounds in (by_name, by_column, pd.Series(by_column), nones, wanted.astype(object)):
        np.testing.assert_array_equal(clone(model).set_params(bounds=bounds).fit(X, y, **rows).coef_, by_array.coef_)
    pair = clone(model).set_params(bounds=(0, None)).fit(X, y, **rows)
    same = clone(model).set_params(bounds=[[0, np.inf]] * 10).fit(X, y, **rows)
    np.testing.assert_array_equal(pair.coef_, same.coef_)
    free = clone(model).fit(X, y, **rows)
    for bounds in ((None, None), {}, {"first": None}):
        np.testing.assert_allclose(
            clone(model).set_params(bounds=bounds).fit(X, y, **rows).coef_, free.coef_, atol=1e-7
        )


def test_names_with_levels(data):
    X, y, _ = data
    X = pd.concat({"f": pd.DataFrame(X[:, :4]), "g": pd.DataFrame(X[:, 4:])}, axis=1)
    model = GroupLassoPoisson(alpha=0.01, bounds={"f": (0, None), ("g", 0): (None, 0)}, tol=TOL).fit(X, y)
    assert (model.coef_[:4] >= 0).all()
    assert model.coef_[4] <= 0
    free = clone(model).set_params(bounds=None).fit(X, y)
    assert (free.coef_[:4] < 0).any()
    assert free.coef_[4] > 0


@pytest.mark.parametrize("ratios", [(0.0, 0.0), (0.5, 0.0), (0.2, 0.3)])
def test_critical_strength(data, ratios):
    """One root a group, of what no bound holds of the gradient."""
    X, y, rows = data
    gradient, _ = (oracle := Oracle(X, y, [], [], **named(rows))).gradient(*oracle.null())
    lower, upper = np.transpose(ONE_SIDED)
    pulls = np.where(gradient > 0, gradient * (lower < 0), -gradient * (upper > 0))
    roots = []
    for members, size in zip(GROUPS.values(), [3, 1, 4, 2], strict=True):

        def excess(alpha, part, size):
            return np.linalg.norm(np.maximum(part - alpha * ratios[0], 0)) - alpha * (1 - sum(ratios)) * np.sqrt(size)

        roots.append(brentq(excess, 0, 1e3, (pulls[members], size), xtol=1e-14) if pulls[members].any() else 0.0)
    model = GroupLassoPoisson(groups=GROUPS, l1_ratio=ratios[0], l2_ratio=ratios[1], bounds=ONE_SIDED)
    with pytest.warns(UserWarning, match="selects nothing"):
        model.set_params(alpha=max(roots) * 1.001).fit(X, y, **rows)
    assert not model.coef_.any()
    assert model.alpha_max_ == pytest.approx(max(roots), rel=1e-10)
    assert model.set_params(alpha=max(roots) * 0.999).fit(X, y, **rows).coef_.any()
    path = regularization_path(model, X, y, n_alphas=3, **rows)
    assert path.alphas[0] == pytest.approx(max(roots), rel=1e-10)

    model = PoissonGLMRegressor(alpha=0.01, l1_ratio=0.5, bounds=ONE_SIDED).fit(X, y, **rows)
    assert model.alpha_max_ == pytest.approx(2 * pulls.max(), rel=1e-10)


def named(rows):
    return {"weight": rows["sample_weight"], "exposure": rows["exposure"]}


def test_nothing_can_enter(data):
    """Where bounds hold all coefficients any strength does."""
    X, y, rows = data
    gradient, _ = (oracle := Oracle(X, y, [], [], **named(rows))).gradient(*oracle.null())
    bounds = np.where(gradient[:, None] < 0, [-1, 0], [0, 1])
    model = PoissonGLMRegressor(alpha=0.1, l1_ratio=1, bounds=bounds).fit(X, y, **rows)
    assert model.alpha_max_ == 0
    assert not model.coef_.any()
    assert not PoissonGLMRegressor(alpha=0, bounds=bounds).fit(X, y, **rows).coef_.any()
    path = regularization_path(model, X, y, n_alphas=5, **rows)
    assert not path.coefs.any()


def test_infinite_strengths_and_bounds_of_zero_remove(data):
    X, y, rows = data
    bounds = np.array(ONE_SIDED)
    bounds[6] = 0, 0
    model = GroupLassoPoisson(alpha=[0.02, np.inf, 0.02, 0.0], groups=GROUPS, bounds=bounds, tol=TOL).fit(X, y, **rows)
    case = norms(bounds, [0.02 * np.sqrt(3), 0, 0.04, 0], groups=GROUPS.values())
    case.lower[1] = case.upper[1] = 0
    assert_optimal(case, X, y, model.coef_, model.intercept_, rows)
    assert model.coef_[1] == model.coef_[6] == 0
    kept = np.delete(np.arange(10), [2, 6])
    model = PoissonGLMRegressor(alpha=0.01, bounds={2: (0, 0), 6: (0, 0)}, tol=TOL).fit(X, y, **rows)
    without = PoissonGLMRegressor(alpha=0.01, tol=TOL).fit(X[:, kept], y, **rows)
    np.testing.assert_allclose(model.coef_[kept], without.coef_, atol=1e-8)
    lasso = PoissonGLMRegressor(alpha=0.01, l1_ratio=[1] * 9 + [0], bounds={9: (0, 0)}).fit(X, y, **rows)
    nine = PoissonGLMRegressor(alpha=0.01, l1_ratio=1).fit(X[:, :9], y, **rows)
    assert lasso.alpha_max_ == pytest.approx(nine.alpha_max_, rel=1e-12)


def test_outputs(data):
    X, y, rows = data
    Y = np.column_stack([y, y[::-1]])
    model = GroupLassoPoisson(alpha=0.02, groups=GROUPS, l1_ratio=0.2, bounds=ONE_SIDED, tol=TOL).fit(X, Y, **rows)
    case = norms(ONE_SIDED, 0.016 * np.sqrt([3, 1, 4, 2]), 0.004, groups=GROUPS.values())
    for k in range(2):
        assert_optimal(case, X, Y[:, k], model.coef_[k], model.intercept_[k], rows, model.objective_[k])
    table = model.set_params(alpha=np.array([[0.02] * 4, [0.0, np.inf, 0.1, 0.02]])).fit(X, Y, **rows)
    case = norms(ONE_SIDED, 0.8 * np.array([0, 0, 0.2, 0.02 * np.sqrt(2)]), groups=GROUPS.values())
    for members, alpha in zip(GROUPS.values(), [0.0, 0.0, 0.1, 0.02], strict=True):
        case.l1[members] = 0.2 * alpha
    case.upper[1] = 0.0
    case.lower[1] = 0.0
    assert_optimal(case, X, Y[:, 1], table.coef_[1], table.intercept_[1], rows)


def test_without_an_intercept(data):
    X, y, rows = data
    model = PoissonGLMRegressor(alpha=0.02, bounds=ONE_SIDED, fit_intercept=False, tol=TOL).fit(X, y, **rows)
    gradient, _ = Oracle(X, y, [], [], **named(rows)).gradient(model.coef_, 0.0)
    assert norms(ONE_SIDED, ridge=0.02).distance(model.coef_, gradient) <= 1e-7


@pytest.mark.parametrize("form", ["array", "sparse"])
def test_paths(data, form, server, sparse_stays):
    X, y, rows = data
    X = np.where(np.abs(X) > 0.5, X, 0)
    model = GroupLassoPoisson(groups=GROUPS, l1_ratio=0.3, bounds=ONE_SIDED, tol=TOL)
    path = regularization_path(model, sparse.csr_array(X) if form == "sparse" else X, y, n_alphas=6, **rows)
    for alpha, coef, intercept in zip(path.alphas, path.coefs, path.intercepts, strict=True):
        case = norms(ONE_SIDED, 0.7 * alpha * np.sqrt([3, 1, 4, 2]), 0.3 * alpha, groups=GROUPS.values())
        assert_optimal(case, X, y, coef, intercept, rows)
    assert path.coefs[-1].any()


@pytest.mark.parametrize(
    "estimator",
    [PoissonGLMRegressorCV(l1_ratio=0.7, bounds=(0, None)), GroupLassoPoissonCV(groups=GROUPS, bounds=ONE_SIDED)],
)
def test_cross_validation(data, estimator):
    X, y, rows = data
    alphas = [0.1, 0.03, 0.01]
    model = clone(estimator).set_params(alphas=alphas, cv=3, tol=TOL).fit(X, y, **rows)
    single = GroupLassoPoisson(groups=GROUPS) if hasattr(model, "group_weights") else PoissonGLMRegressor(l1_ratio=0.7)
    single.set_params(bounds=model.bounds, tol=TOL)
    for a, alpha in enumerate(alphas):
        for k, (train, test) in enumerate(KFold(3).split(X)):
            weight, exposure = rows.values()
            fitted = clone(single).set_params(alpha=alpha)
            fitted.fit(X[train], y[train], sample_weight=weight[train], exposure=exposure[train])
            means = fitted.predict(X[test], exposure=exposure[test])
            deviance = mean_poisson_deviance(y[test], means, sample_weight=weight[test])
            assert model.deviance_path_[a, k] == pytest.approx(deviance, rel=1e-6)
    lower, upper = np.transpose(np.broadcast_to(np.array(model.bounds, dtype=object), (10, 2)))
    assert (model.coef_ >= lower).all()
    assert all(high is None or c <= high for c, high in zip(model.coef_, upper, strict=True))
    np.testing.assert_allclose(
        clone(single).set_params(alpha=model.alpha_).fit(X, y, **rows).coef_, model.coef_, atol=1e-6
    )


@pytest.mark.parametrize("grouped", [False, True])
def test_relaxing_keeps_bounds(data, grouped, server):
    """Without the penalty on what is selected the model is scipy's, within the same bounds."""
    X, y, rows = data
    bounds = np.array(ONE_SIDED)
    bounds[2] = 0, (np.inf if grouped else 0.2)
    common = {"alphas": [0.05 if grouped else 0.3], "cv": 3, "relax": True, "bounds": bounds, "tol": TOL}
    model = GroupLassoPoissonCV(groups=GROUPS, **common) if grouped else PoissonGLMRegressorCV(l1_ratio=1, **common)
    model.fit(X, y, **rows)
    assert model.relaxed_
    inside = np.zeros(10, dtype=bool)
    strong = model.coef_path_[0]
    for members in GROUPS.values() if grouped else np.arange(10)[:, None]:
        inside[members] = strong[members].any()
    held = np.where(inside[:, None], bounds, 0.0)
    b, coef, objective = by_scipy(X, y, 0.0, 0.0, held, **rows)
    np.testing.assert_allclose(np.r_[model.intercept_, model.coef_], np.r_[b, coef], atol=1e-5)
    assert model.objective_ == pytest.approx(objective, rel=1e-9)
    assert grouped or model.coef_[2] == 0.2


def test_stability_selection_and_tests_of_halves(rng):
    X = pd.DataFrame(rng.normal(size=(300, 8)), columns=list("abcdefgh"))
    y = rng.poisson(np.exp(0.3 + X[["a", "b"]] @ [0.5, -0.5]))
    model = PoissonGLMRegressor(l1_ratio=1, bounds={"a": (0, None), "b": (0, None), "h": (0, 0)})
    selector = StabilitySelection(model, n_resamples=10, random_state=0).fit(X, y)
    assert selector.selection_probabilities_["a"] == 1
    assert selector.selection_probabilities_["b"] < 0.5
    assert selector.selection_probabilities_["h"] == 0
    by_position = clone(model).set_params(bounds=[(0, None)] * 2 + [(None, None)] * 5 + [(0, 0)])
    same = StabilitySelection(by_position, n_resamples=10, random_state=0).fit(X, y)
    np.testing.assert_array_equal(same.stability_path_, selector.stability_path_)
    wide = sparse.csr_array(np.insert(X.to_numpy(), [2, 5], 0, axis=1))  # columns without an entry
    bounds = np.insert(np.array(by_position.bounds, dtype=object), [2, 5], None, axis=0)
    found = StabilitySelection(clone(model).set_params(bounds=bounds), n_resamples=10, random_state=0).fit(wide, y)
    np.testing.assert_allclose(np.delete(found.stability_path_, [2, 6], axis=1), selector.stability_path_)
    without = StabilitySelection(PoissonGLMRegressor(l1_ratio=1), n_resamples=10, random_state=0).fit(X, y)
    assert without.selection_probabilities_["b"] == 1
    shut = PoissonGLMRegressor(l1_ratio=[1] * 7 + [0], bounds={"h": (0, 0)})  # neither free nor in play
    assert StabilitySelection(shut, n_resamples=4, random_state=0).fit(X, y).selection_probabilities_["h"] == 0
    table = multi_split_test(clone(model).set_params(alpha=0.05), X, y, n_splits=10, random_state=0)
    assert table["p_value"]["a"] < 0.05
    assert table["selection_probability"]["b"] == 0


def test_tables_refuse_coefficients_at_bounds(data):
    """Within them the fit is the one without bounds, and so are its errors."""
    X, y, rows = data
    weights = {"sample_weight": rows["sample_weight"], "exposure": rows["exposure"]}
    free = PoissonGLMRegressor(alpha=0.0, tol=TOL).fit(X, y, **rows)
    wide = clone(free).set_params(bounds=(-5, 5)).fit(X, y, **rows)
    np.testing.assert_allclose(wide.covariance(X, y, **weights), free.covariance(X, y, **weights), rtol=1e-6)
    pd.testing.assert_frame_equal(wide.coef_table(X, **weights), free.coef_table(X, **weights), rtol=1e-6)
    tight = clone(free).set_params(bounds=(0, None)).fit(X, y, **rows)
    message = "at one of their bounds, where estimates are not normal.*Refit without bounds"
    with pytest.raises(ValueError, match=f"There is no covariance: .*{message}"):
        tight.covariance(X, y, **weights)
    with pytest.warns(UserWarning, match=f"coef_table gives NaN: .*{message}"):
        table = tight.coef_table(X, **weights)
    assert table["std_error"].isna().all()
    np.testing.assert_array_equal(table["coef"], tight.coef_)
    with pytest.warns(UserWarning, match="group_tests gives NaN"):
        assert tight.group_tests(X, **weights)["p_value"].isna().all()
    with pytest.raises(ValueError, match="L1 penalty"):
        clone(tight).set_params(alpha=0.01, l1_ratio=1).fit(X, y, **rows).covariance(X, y, **weights)


def test_tables_of_some_outputs_and_of_removed_columns(data):
    X, y, _ = data
    Y = np.column_stack([y, y[::-1]])
    bounds = np.tile([-np.inf, np.inf], (10, 1))
    bounds[0], bounds[3] = (-np.inf, 0.2), (0, 0)
    model = PoissonGLMRegressor(
        alpha=0.0, groups={"x": [0, 3], "y": list(range(1, 3)), "z": list(range(4, 10))}, tol=TOL
    )
    model.set_params(bounds=bounds).fit(X, Y)
    assert model.coef_[0, 0] == 0.2 != model.coef_[1, 0]
    with pytest.warns(UserWarning, match=r"coef_table gives NaN for outputs \[0\]: .*bounds"):
        table = model.coef_table(X)
    assert table["std_error"].loc[0].isna().all()
    kept = np.delete(np.arange(10), 3)
    other = PoissonGLMRegressor(alpha=0.0, tol=TOL).fit(X[:, kept], Y[:, 1])
    found = table["std_error"].loc[1].to_numpy()
    np.testing.assert_allclose(found[kept], other.coef_table(X[:, kept])["std_error"], rtol=1e-5)
    assert found[3] == 0
    with pytest.warns(UserWarning, match=r"outputs \[0\]"):
        tests = model.group_tests(X)
    assert tests["df"].loc[1].tolist() == [1, 2, 6]
    z = model.coef_[1, 0] / found[0]
    assert tests["statistic"].loc[(1, "x")] == pytest.approx(z**2, rel=1e-6)


def test_degrees_of_freedom(rng):
    """By how much expected counts follow the counts, sum_i d mu_i / d y_i: coefficients at a bound do not."""
    X = rng.normal(size=(30, 6))
    y = 1.0 + rng.poisson(np.exp(0.5 + X[:, [0, 1, 2]] @ [0.5, -0.3, 0.2]))
    for model in (
        PoissonGLMRegressor(alpha=0.1, bounds=[(None, 0.2), (0, None), *[(None, None)] * 4], tol=1e-12),
        GroupLassoPoisson(alpha=0.05, groups=list("aabbcc"), bounds=[(None, None), (0, None)] * 3, tol=1e-12),
    ):
        freedom, step = 0.0, 1e-4
        for i, row in enumerate(np.eye(30)):
            up, down = (clone(model).fit(X, y + s * step * row).predict(X)[i] for s in (1, -1))
            freedom += (up - down) / (2 * step)
        means = model.fit(X, y).predict(X)
        assert model.coef_[1] == 0 != model.coef_[0]
        assert model.dispersion(X, y) == pytest.approx(np.sum((y - means) ** 2 / means) / (30 - freedom), rel=1e-5)
        path = regularization_path(model, X, y, alphas=[model.alpha])
        assert path.degrees_of_freedom[0] == pytest.approx(freedom, rel=1e-5)


@pytest.mark.parametrize("solver", ["newton", "fista"])
def test_negative_binomial_counts(data, solver):
    """By scipy, on the formula."""
    X, y, rows = data
    lower, upper = np.transpose(BOXES)
    weight, omega = rows["sample_weight"] / rows["sample_weight"].sum(), 0.5

    def value(parts):
        eta = np.log(rows["exposure"]) + parts[0] + X @ parts[1:]
        slopes = weight * ((y * omega + 1) / (1 + omega * np.exp(eta)) * np.exp(eta) - y)
        data_term = weight @ ((y + 1 / omega) * np.log1p(omega * np.exp(eta)) - y * eta)
        return data_term + 0.01 * parts[1:] @ parts[1:] / 2, np.r_[slopes.sum(), slopes @ X + 0.01 * parts[1:]]

    limits, options = [(None, None), *BOXES], {"ftol": 0, "gtol": 1e-11, "maxiter": 10_000}
    found = minimize(value, np.zeros(11), jac=True, method="L-BFGS-B", bounds=limits, options=options)
    model = PoissonGLMRegressor(alpha=0.01, overdispersion=omega, bounds=BOXES, solver=solver, tol=TOL)
    model.fit(X, y, **rows)
    np.testing.assert_allclose(np.r_[model.intercept_, model.coef_], found.x, atol=1e-6)
    assert model.objective_ == pytest.approx(found.fun, rel=1e-9)
    assert np.count_nonzero((model.coef_ == lower) | (model.coef_ == upper)) > 2


def test_latent_groups_have_no_bounds(data):
    X, y, _ = data
    groups = {"a": [0, 1, 2], "b": list(range(2, 10))}
    for estimator in (GroupLassoPoisson, GroupLassoPoissonCV):
        with pytest.raises(ValueError, match=r"bounds do not go with overlap='latent'.*share no columns"):
            estimator(groups=groups, overlap="latent", bounds=(0, None)).fit(X, y)


def test_warm_start_from_outside(data):
    X, y, rows = data
    model = PoissonGLMRegressor(alpha=0.01, warm_start=True, tol=TOL).fit(X, y, **rows)
    model.set_params(bounds=BOXES).fit(X, y, **rows)
    assert_optimal(norms(BOXES, ridge=0.01), X, y, model.coef_, model.intercept_, rows)


def test_search_pickle_and_clone(data):
    X, y, _ = data
    model = GroupLassoPoisson(alpha=0.02, groups=GROUPS)
    search = GridSearchCV(model, {"bounds": [None, (0, None), {"a": (0, None)}]}, cv=2).fit(X, y)
    best = search.best_estimator_
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(best)).predict(X), search.predict(X))
    np.testing.assert_array_equal(clone(best).fit(X, y).coef_, best.coef_)
    given = {"a": [0, None]}
    clone(model).set_params(bounds=given).fit(X, y)
    assert given == {"a": [0, None]}


ESTIMATORS = [
    PoissonGLMRegressor(groups=GROUPS),
    GroupLassoPoisson(groups=GROUPS),
    PoissonGLMRegressorCV(groups=GROUPS),
    GroupLassoPoissonCV(groups=GROUPS),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
@pytest.mark.parametrize(
    ("bounds", "error", "message"),
    [
        ((0.1, None), ValueError, r"bounds must hold 0.*got \(0.1, inf\) for column 'x0'.*lower bound of at most 0"),
        ({"c": (None, -1)}, ValueError, r"bounds must hold 0.*got \(-inf, -1\) for column 'x2'"),
        ((1, -1), ValueError, "bounds must hold 0"),
        ((np.nan, 1), ValueError, r"bounds must hold 0.*got \(nan, 1\)"),
        (
            [0, 1, 2],
            ValueError,
            r"a pair of a lower and an upper bound, such as \(0, None\), or of shape \(10, 2\).*\(3,",
        ),
        (np.zeros((2, 10)), ValueError, r"got shape \(2, 10\)"),
        ({"c": [(0, None)] * 3}, ValueError, r"bounds for 'c' must be a pair.*shape \(4, 2\).*got shape \(3, 2\)"),
        ({"b": 0}, ValueError, r"bounds for 'b' must be a pair.*got shape \(\)"),
        ({"b": ("low", "high")}, TypeError, "bounds for 'b' must be numeric"),
        ({"q": (0, None)}, ValueError, r"bounds has entries for \[\'q\'\], which are neither groups nor columns"),
        ({"a": (0, None), 4: (0, 1)}, ValueError, r"bounds covers more than once the columns \['x4'\].*at most once"),
        (pd.DataFrame(np.zeros((10, 2))), TypeError, "bounds must not be a DataFrame; give a dict"),
        ("positive", ValueError, "'bounds' parameter"),
        (0.0, ValueError, "'bounds' parameter"),
    ],
)
def test_errors(data, estimator, bounds, error, message):
    X, y, _ = data
    with pytest.raises(error, match=message):
        clone(estimator).set_params(bounds=bounds).fit(X, y)


@pytest.mark.parametrize("estimator", [ESTIMATORS[1], ESTIMATORS[3]])
def test_norms_of_several_columns_have_bounds_of_zero(data, estimator):
    """As their proximal map has no closed form else."""
    X, y, _ = data
    message = r"must be 0 or infinite; got \(-1, inf\) for column 'x4' of group 'a'.*group_weights.*a group of its own"
    with pytest.raises(ValueError, match=message):
        clone(estimator).set_params(bounds={4: (-1, None)}).fit(X, y)
    for params in ({"group_weights": [0, 1, 1, 1]}, {"l1_ratio": [0.5, 0, 0, 0], "l2_ratio": [0.5, 0, 0, 0]}):
        model = clone(estimator).set_params(bounds={0: (-1, 0.01)}, **params)
        if hasattr(model, "alphas"):
            model.set_params(alphas=[0.01])
        assert model.fit(X, y).coef_[0] == 0.01
