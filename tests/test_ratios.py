"""GroupLassoPoisson with an L1 norm, squares, and norms of groups: by the conditions of the optimum."""

import pickle
from itertools import product

import numpy as np
import pandas as pd
import pytest
from oracles import Norms, Oracle
from scipy.optimize import brentq
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skprox import (
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    PoissonGLMRegressor,
    StabilitySelection,
    multi_split_test,
    regularization_path,
)

GROUPS = {"a": [0, 4, 5], "b": [1], "c": [2, 3, 7, 9], "d": [6, 8]}
TOL = 1e-9
SIZES = np.sqrt([3, 1, 4, 2])


@pytest.fixture
def data(rng):
    X = rng.normal(size=(300, 10))
    X[:, 4] += X[:, 0]
    weight, exposure = rng.uniform(0.5, 2, size=300), rng.uniform(0.5, 2, size=300)
    y = rng.poisson(exposure * np.exp(0.3 + X[:, [0, 1, 2, 7]] @ [0.4, -0.2, 0.3, -0.3]))
    return X, y, {"sample_weight": weight, "exposure": exposure}


def norms(alpha=1.0, l1_ratio=0.0, l2_ratio=0.0, weights=SIZES):
    """The penalty of the documentation, from numbers or from arrays by group."""
    alpha, l1_ratio, l2_ratio = (np.broadcast_to(each, 4) for each in (alpha, l1_ratio, l2_ratio))
    l1, ridge = np.empty((2, 10))
    for g, members in enumerate(GROUPS.values()):
        l1[members], ridge[members] = (alpha * l1_ratio)[g], (alpha * l2_ratio)[g]
    strength = alpha * (1 - l1_ratio - l2_ratio) * weights
    return Norms(list(map(np.array, GROUPS.values())), strength, ridge, l1, np.full(10, -np.inf), np.full(10, np.inf))


def assert_optimal(case, X, y, coef, intercept, rows, objective=None, tol=1e-7, fit_intercept=True):
    oracle = Oracle(X, y, [], [], weight=rows.get("sample_weight"), exposure=rows.get("exposure"))
    coef = np.asarray(coef, dtype=np.float64)
    gradient, slope = oracle.gradient(coef, float(intercept))
    assert case.distance(coef, gradient) <= tol
    assert not fit_intercept or abs(slope) <= tol
    if objective is not None:
        assert objective == pytest.approx(oracle.value(coef, float(intercept)) + case.value(coef), rel=1e-9)


@pytest.mark.parametrize("solver", ["newton", "fista"])
@pytest.mark.parametrize("ratios", [(0.5, 0.0), (0.0, 0.5), (0.3, 0.3), (1.0, 0.0), (0.0, 1.0), (0.7, 0.3)])
def test_conditions_of_the_optimum(data, ratios, solver, server):
    X, y, rows = data
    model = GroupLassoPoisson(alpha=0.06, groups=GROUPS, l1_ratio=ratios[0], l2_ratio=ratios[1], tol=TOL, solver=solver)
    model.fit(X, y, **rows)
    assert_optimal(norms(0.06, *ratios), X, y, model.coef_, model.intercept_, rows, model.objective_)
    if 0 < ratios[0] < 1:
        within = np.concatenate([model.coef_[members] for members in GROUPS.values() if model.coef_[members].any()])
        assert (within == 0).any()


def test_storages(data, storage):
    X, y, rows = data
    X = np.where(np.abs(X) > 0.5, X, 0)
    model = GroupLassoPoisson(alpha=0.05, groups=GROUPS, l1_ratio=0.4, l2_ratio=0.1, tol=TOL).fit(storage(X), y, **rows)
    assert_optimal(norms(0.05, 0.4, 0.1), X, y, model.coef_, model.intercept_, rows, model.objective_)
    single = clone(model).set_params(tol=1e-5).fit(storage(X.astype(np.float32)), y, **rows)
    assert single.coef_.dtype == np.float32
    np.testing.assert_allclose(single.coef_, model.coef_, atol=1e-4)


def test_no_intercept(data):
    X, y, rows = data
    model = GroupLassoPoisson(alpha=0.05, groups=GROUPS, l1_ratio=0.4, fit_intercept=False, tol=TOL).fit(X, y, **rows)
    assert_optimal(norms(0.05, 0.4), X, y, model.coef_, 0, rows, model.objective_, fit_intercept=False)


@pytest.mark.parametrize("ratio", ["l1_ratio", "l2_ratio"])
def test_whole_ratios_are_lasso_and_ridge(data, ratio):
    X, y, rows = data
    model = GroupLassoPoisson(alpha=0.05, groups=GROUPS, tol=1e-10).set_params(**{ratio: 1}).fit(X, y, **rows)
    other = PoissonGLMRegressor(alpha=0.05, l1_ratio=ratio == "l1_ratio", tol=1e-10).fit(X, y, **rows)
    np.testing.assert_allclose(model.coef_, other.coef_, atol=1e-8)
    assert model.objective_ == pytest.approx(other.objective_, rel=1e-12)
    assert model.dispersion(X, y, **rows) == pytest.approx(other.dispersion(X, y, **rows), rel=1e-7)
    np.testing.assert_allclose(model.summary()["strength"], 0.05)
    if ratio == "l1_ratio":
        assert model.alpha_max_ == pytest.approx(other.alpha_max_, rel=1e-12)
    else:
        assert not hasattr(model, "alpha_max_")
        np.testing.assert_allclose(
            model.covariance(X, sample_weight=rows["sample_weight"], exposure=rows["exposure"]),
            other.covariance(X, sample_weight=rows["sample_weight"], exposure=rows["exposure"]),
            rtol=1e-6,
            atol=1e-12,
        )


def test_by_group_and_output(data):
    X, y, rows = data
    Y, each = np.column_stack([y, y[::-1]]), {"a": 0.5, "b": 0, "c": 0.2, "d": 1}
    table = pd.DataFrame([[0.1, 0.2, 0.3, 0.0], [0.4, 0.5, 0.0, 0.0]], columns=list(GROUPS))
    model = GroupLassoPoisson(alpha=0.05, groups=GROUPS, l1_ratio=each, l2_ratio=table.to_numpy() / 2, tol=TOL)
    for given in (model, clone(model).set_params(l2_ratio=table / 2), clone(model).set_params(alpha=[0.05] * 4)):
        given.fit(X, Y, **rows)
        for k in range(2):
            case = norms(0.05, list(each.values()), table.to_numpy()[k] / 2)
            assert_optimal(case, X, Y[:, k], given.coef_[k], given.intercept_[k], rows, given.objective_[k])
    strengths = model.summary()["strength"].loc[1]
    rest = 1 - 0.5 - 0.2
    assert strengths["a"] == pytest.approx(0.05 * (rest * np.sqrt(3) + 0.5 + 0.2))


def test_infinite_strengths_and_weights_of_zero(data):
    X, y, rows = data
    model = GroupLassoPoisson(alpha=[0.05, np.inf, 0.05, 0.0], groups=GROUPS, l1_ratio=0.5, l2_ratio=0.5, tol=TOL)
    model.fit(X, y, **rows)
    assert model.coef_[1] == 0
    assert model.coef_[GROUPS["d"]].all()
    others = PoissonGLMRegressor(alpha=[0.05, np.inf, *[0.05] * 4, 0, 0.05, 0, 0.05], l1_ratio=0.5, tol=TOL)
    np.testing.assert_allclose(model.coef_, others.fit(X, y, **rows).coef_, atol=1e-7)
    model = GroupLassoPoisson(alpha=0.05, groups=GROUPS, l1_ratio=0.5, group_weights=[1, np.inf, 0, 1], tol=TOL)
    model.fit(X, y, **rows)
    assert model.coef_[1] == 0
    case = norms(0.05, [0.5, 0, 0.5, 0.5], weights=[1, 0, 0, 1])
    case.strength[1] = np.inf
    oracle = Oracle(X, y, [], [], weight=rows["sample_weight"], exposure=rows["exposure"])
    gradient, _ = oracle.gradient(model.coef_, model.intercept_)
    assert case.distance(model.coef_, gradient) <= 1e-7


@pytest.mark.parametrize("ratios", [(0.5, 0.0), (0.2, 0.3), (0.0, 0.7)])
def test_critical_strength(data, ratios):
    """One root a group: of the norm of what the L1 norm leaves of the gradient."""
    X, y, rows = data
    oracle = Oracle(X, y, [], [], weight=rows["sample_weight"], exposure=rows["exposure"])
    gradient, _ = oracle.gradient(*oracle.null())
    roots = []
    for members, weight in zip(GROUPS.values(), SIZES, strict=True):

        def excess(alpha, part, weight):
            return np.linalg.norm(np.maximum(part - alpha * ratios[0], 0)) - alpha * (1 - sum(ratios)) * weight

        roots.append(brentq(excess, 0, 1e3, (np.abs(gradient[members]), weight), xtol=1e-14))
    model = GroupLassoPoisson(alpha=max(roots) * 1.001, groups=GROUPS, l1_ratio=ratios[0], l2_ratio=ratios[1])
    with pytest.warns(UserWarning, match="selects nothing"):
        model.fit(X, y, **rows)
    assert not model.coef_.any()
    assert model.alpha_max_ == pytest.approx(max(roots), rel=1e-10)
    assert model.set_params(alpha=max(roots) * 0.999).fit(X, y, **rows).coef_.any()


def test_path(data):
    X, y, rows = data
    Y = np.column_stack([y, y[::-1]])
    model = GroupLassoPoisson(groups=GROUPS, l1_ratio=[0.5, 0.2, 0.4, 0], l2_ratio=[0, 0, 0.2, 0.1], tol=TOL)
    for target in (y, Y):
        path = regularization_path(model, X, target, n_alphas=6, **rows)
        for (a, alpha), k in product(enumerate(path.alphas), range(np.ndim(target))):
            pick = a if target is y else (a, k)
            case = norms(alpha, model.l1_ratio, model.l2_ratio)
            assert_optimal(case, X, y if k == 0 else y[::-1], path.coefs[pick], path.intercepts[pick], rows)
    free = clone(model).set_params(group_weights=[0, 1, 1, 1], l1_ratio=[0, 0.2, 0.4, 0.1])
    path = regularization_path(free, X, y, n_alphas=4, **rows)
    assert path.coefs[0, GROUPS["a"]].all()
    assert not path.coefs[0, [1, 2, 3, 6, 7, 8, 9]].any()


def test_degrees_of_freedom(rng):
    """Their number is by how much expected counts follow the counts, sum_i d mu_i / d y_i."""
    X = rng.normal(size=(20, 10)) + 0.5 * rng.normal(size=(20, 1))
    y = 1.0 + rng.poisson(np.exp(0.5 + X[:, [0, 1, 2]] @ [0.5, -0.3, 0.2]))
    model = GroupLassoPoisson(alpha=0.1, groups=GROUPS, l1_ratio=0.4, l2_ratio=0.1, tol=1e-12)
    freedom, step = 0.0, 1e-4
    for i, row in enumerate(np.eye(20)):
        up, down = (clone(model).fit(X, y + s * step * row).predict(X)[i] for s in (1, -1))
        freedom += (up - down) / (2 * step)
    means = model.fit(X, y).predict(X)
    assert any(0 < np.count_nonzero(model.coef_[members]) < len(members) for members in GROUPS.values())
    assert model.dispersion(X, y) == pytest.approx(np.sum((y - means) ** 2 / means) / (20 - freedom), rel=1e-5)
    path = regularization_path(model, X, y, alphas=[0.1])
    assert path.degrees_of_freedom[0] == pytest.approx(freedom, rel=1e-5)


def test_no_covariance_under_l1(data):
    X, y, _ = data
    model = GroupLassoPoisson(alpha=0.05, groups=GROUPS, group_weights=0, l1_ratio=0.5).fit(X, y)
    with pytest.raises(ValueError, match="has an L1 penalty"):
        model.covariance(X)


def test_cross_validation(data):
    X, y, rows = data
    params = {"groups": GROUPS, "l1_ratio": 0.4, "l2_ratio": {"a": 0.1, "b": 0, "c": 0.2, "d": 0.6}, "tol": TOL}
    search = GroupLassoPoissonCV(alphas=10, cv=3, **params).fit(X, y, **rows)
    case = norms(search.alpha_, 0.4, list(params["l2_ratio"].values()))
    assert_optimal(case, X, y, search.coef_, search.intercept_, rows, search.objective_)
    model = GroupLassoPoisson(alpha=search.alpha_, **params).fit(X, y, **rows)
    np.testing.assert_allclose(search.coef_, model.coef_, atol=1e-7)
    assert search.alpha_max_ == pytest.approx(model.alpha_max_)


def test_relaxed_fits_keep_zeros_within_groups(data):
    X, y, _ = data
    search = GroupLassoPoissonCV(alphas=[0.1, 0.08, 0.06], cv=3, groups=GROUPS, l1_ratio=0.6, relax=True, tol=TOL)
    search.fit(X, y)
    assert search.relaxed_
    penalised = search.coef_path_[np.flatnonzero(search.alphas_ == search.alpha_)[0]]
    selected = np.flatnonzero(penalised)
    np.testing.assert_array_equal(np.flatnonzero(search.coef_), selected)
    assert any(0 < np.count_nonzero(penalised[members]) < len(members) for members in GROUPS.values())
    free = PoissonGLMRegressor(alpha=0, tol=TOL).fit(X[:, selected], y)
    np.testing.assert_allclose(search.coef_[selected], free.coef_, atol=1e-7)
    means = search.predict(X)
    wanted = np.sum((y - means) ** 2 / means) / (len(y) - 1 - len(selected))
    assert search.dispersion(X, y) == pytest.approx(wanted)


def test_selection(data):
    X, y, _ = data
    each, table = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}, [0.1, 0.2, 0.3, 0.4]
    found = []
    for ratio in (each, table):
        model = GroupLassoPoisson(groups=GROUPS, l1_ratio=ratio, l2_ratio=0.2)
        found.append(StabilitySelection(model, n_resamples=4, n_alphas=4, random_state=0).fit(X, y).stability_path_)
    np.testing.assert_array_equal(*found)
    wide = np.c_[X, np.zeros((300, 3))]
    groups = GROUPS | {"e": [10, 12], "f": [11]}
    model = GroupLassoPoisson(groups=groups, l1_ratio=each | {"e": 0.5, "f": 0.6}, l2_ratio=0.2)
    with_empty = StabilitySelection(model, n_resamples=4, n_alphas=4, random_state=0).fit(wide, y).stability_path_
    np.testing.assert_array_equal(with_empty[:, :4], found[0])
    tests = multi_split_test(GroupLassoPoisson(alpha=0.08, groups=GROUPS, l1_ratio=0.5), X, y, n_splits=10)
    assert tests["p_value"]["c"] < 0.05


def test_search_pickle_and_clone(data):
    X, y, _ = data
    model = GroupLassoPoisson(alpha=0.05, groups=GROUPS)
    search = GridSearchCV(model, {"l1_ratio": [0.0, 0.5, 1.0], "l2_ratio": [0.0]}, cv=2).fit(X, y)
    best = search.best_estimator_
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(best)).predict(X), search.predict(X))
    np.testing.assert_array_equal(clone(best).fit(X, y).coef_, best.coef_)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"l1_ratio": 0.6, "l2_ratio": 0.5}, r"l1_ratio \+ l2_ratio must be at most 1.*got 1.1 for group 'a'.*smaller"),
        ({"l1_ratio": [0, 0, 0, 1], "l2_ratio": 0.2}, r"got 1.2 for group 'd'"),
        ({"l1_ratio": [0, 0, 0, 1.5]}, r"l1_ratio must be between 0 and 1; got 1.5 for group 'd'"),
        ({"l2_ratio": {"a": -1, "b": 0, "c": 0, "d": 0}}, r"l2_ratio must be between 0 and 1; got -1 for column"),
        ({"l2_ratio": 2}, r"'l2_ratio' parameter"),
        ({"l1_ratio": [0.5, 0.5]}, r"l1_ratio has shape \(2,\); for 4 groups"),
        ({"l1_ratio": dict.fromkeys(range(10), 0.5) | {4: 0.2}}, r"l1_ratio differs within group 'a'"),
    ],
)
def test_errors(data, params, message):
    X, y, _ = data
    for estimator in (GroupLassoPoisson(groups=GROUPS), GroupLassoPoissonCV(groups=GROUPS)):
        with pytest.raises(ValueError, match=message):
            estimator.set_params(**params).fit(X, y)


def test_ridge_has_no_grid_and_selects_nothing(data):
    X, y, _ = data
    model = GroupLassoPoisson(groups=GROUPS, l2_ratio=1)
    with pytest.raises(ValueError, match="an l2_ratio below 1"):
        regularization_path(model, X, y)
    for select in (lambda: StabilitySelection(model).fit(X, y), lambda: multi_split_test(model, X, y)):
        with pytest.raises(ValueError, match=r"l2_ratio=1: a ridge penalty, which selects nothing.*l2_ratio below 1"):
            select()
