"""One model of all outputs: by stacked problems, and by the conditions of the optimum."""

import pickle

import numpy as np
import pandas as pd
import pytest
from oracles import Norms, Oracle
from scipy import sparse
from scipy.linalg import block_diag
from sklearn.base import clone
from sklearn.metrics import d2_tweedie_score, mean_poisson_deviance
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
MEMBERS = [*map(np.array, GROUPS.values())]
P, K, TOL = 10, 3, 1e-9
RATIOS = [{}, {"l1_ratio": 0.3}, {"l2_ratio": 0.4}, {"l1_ratio": 0.2, "l2_ratio": 0.3}]
FACTORS = np.array([0.5, 1.0, 3.0])


@pytest.fixture
def data(rng):
    X = rng.normal(size=(300, P))
    X[:, 4] += X[:, 0]
    weight, exposure = rng.uniform(0.5, 2, size=300), rng.uniform(0.5, 2, size=300)
    coefs = np.zeros((K, P))
    coefs[:, [0, 1, 2, 7]] = rng.normal(scale=0.3, size=(K, 4))
    Y = rng.poisson(exposure[:, None] * np.exp([-0.5, 0.3, 1.0] + X @ coefs.T))
    return X, Y, {"sample_weight": weight, "exposure": exposure}


def joint(alpha=0.02, kind=GroupLassoPoisson, **params):
    groups = {"groups": GROUPS} if kind is GroupLassoPoisson else {}
    return kind(**{"alpha": alpha, "multi_output": "joint", "tol": TOL, **groups, **params})


def over_outputs(members):
    return [np.concatenate([k * P + group for k in range(K)]) for group in members]


def norms_of_groups(alpha, l1_ratio=0.0, l2_ratio=0.0, weights=None):
    """The penalty of the documentation, on the coefficients of all outputs, output after output."""
    weights = np.sqrt([K * len(group) for group in MEMBERS]) if weights is None else np.asarray(weights)
    ones, free = np.ones(K * P), np.full(K * P, np.inf)
    strength = alpha * (1 - l1_ratio - l2_ratio) * weights
    return Norms(over_outputs(MEMBERS), strength, alpha * l2_ratio * ones, alpha * l1_ratio * ones, -free, free)


def norms_of_columns(alpha, l1_ratio=0.0, weights=1.0):
    weights = weights * np.ones(P)
    ridge, free = np.tile(alpha * (1 - l1_ratio) * weights, K), np.full(K * P, np.inf)
    return Norms(over_outputs(np.arange(P)[:, None]), alpha * l1_ratio * weights, ridge, np.zeros(K * P), -free, free)


def assert_optimal(
    case, X, Y, coefs, intercepts, rows=None, factors=None, objective=None, tol=1e-8, fit_intercept=True
):
    rows, factors, coefs = rows or {}, np.ones(K) if factors is None else factors, np.asarray(coefs, dtype=float)
    oracles = [Oracle(X, y, [], [], weight=rows.get("sample_weight"), exposure=rows.get("exposure")) for y in Y.T]
    found = [o.gradient(coef, b) for o, coef, b in zip(oracles, coefs, intercepts, strict=True)]
    gradient = np.concatenate([factor * slopes for factor, (slopes, _) in zip(factors, found, strict=True)])
    slopes = [slope for _, slope in found] if fit_intercept else [0.0]
    assert max(case.distance(coefs.ravel(), gradient), *np.abs(slopes)) <= tol
    if objective is not None:
        values = [o.value(coef, b) for o, coef, b in zip(oracles, coefs, intercepts, strict=True)]
        np.testing.assert_allclose(objective, factors @ values + case.value(coefs.ravel()), rtol=1e-10)


@pytest.mark.parametrize("factors", [None, FACTORS])
@pytest.mark.parametrize("solver", ["auto", "newton", "fista"])
@pytest.mark.parametrize("ratios", RATIOS)
def test_conditions_of_the_optimum(data, ratios, solver, factors):
    X, Y, rows = data
    model = joint(0.3, solver=solver, output_weights=factors, **ratios).fit(X, Y, **rows)
    case = norms_of_groups(0.3, **ratios)
    assert_optimal(case, X, Y, model.coef_, model.intercept_, rows, factors, model.objective_)
    zero = [not model.coef_[:, group].any() for group in MEMBERS]
    assert 0 < sum(zero) < len(zero)
    assert [name for name, out in zip(GROUPS, zero, strict=True) if not out] == model.selected_groups_
    assert model.optimality_ <= TOL
    assert np.ndim(model.objective_) == np.ndim(model.n_iter_) == np.ndim(model.alpha_max_) == 0
    assert model.coef_.shape == (K, P)
    assert model.intercept_.shape == (K,)
    np.testing.assert_allclose(
        np.transpose(list(model.group_norms_.values())), [[np.linalg.norm(c[g]) for g in MEMBERS] for c in model.coef_]
    )


@pytest.mark.parametrize("solver", ["newton", "fista"])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_elastic_net_of_columns(data, l1_ratio, solver):
    X, Y, rows = data
    weights = np.linspace(0.5, 2.0, P)
    params = {"l1_ratio": l1_ratio, "penalty_weights": weights, "output_weights": FACTORS, "solver": solver}
    model = joint(0.15, PoissonGLMRegressor, **params).fit(X, Y, **rows)
    case = norms_of_columns(0.15, l1_ratio, weights)
    assert_optimal(case, X, Y, model.coef_, model.intercept_, rows, FACTORS, model.objective_)
    assert (model.coef_.any(axis=0) == model.coef_.all(axis=0)).all()
    assert model.coef_.any(axis=0).all() == (l1_ratio < 1)


@pytest.mark.parametrize("ratios", RATIOS)
def test_the_stacked_problem(data, ratios):
    """A block of rows for each output, and a column without penalty in place of each intercept."""
    X, Y, rows = data
    model = joint(0.3, output_weights=FACTORS, **ratios).fit(X, Y, **rows)
    design = np.hstack([block_diag(*[X] * K), np.kron(np.eye(K), np.ones((len(X), 1)))])
    groups = dict(zip(GROUPS, over_outputs(MEMBERS), strict=True)) | {"intercepts": K * P + np.arange(K)}
    alpha = dict.fromkeys(GROUPS, 0.3 / FACTORS.sum()) | {"intercepts": 0.0}
    weight = np.concatenate([factor * rows["sample_weight"] for factor in FACTORS])
    stacked = GroupLassoPoisson(alpha=alpha, groups=groups, fit_intercept=False, tol=TOL, **ratios)
    stacked.fit(design, Y.T.ravel(), sample_weight=weight, exposure=np.tile(rows["exposure"], K))
    np.testing.assert_allclose(model.objective_, FACTORS.sum() * stacked.objective_, rtol=1e-9)
    np.testing.assert_allclose(model.coef_.ravel(), stacked.coef_[: K * P], atol=1e-6)
    np.testing.assert_allclose(model.intercept_, stacked.coef_[K * P :], atol=1e-6)


@pytest.mark.parametrize("ratios", RATIOS)
def test_the_critical_strength(data, ratios):
    X, Y, rows = data
    critical = joint(1.0, output_weights=FACTORS, **ratios).fit(X, Y, **rows).alpha_max_
    assert isinstance(critical, float)
    below = joint(0.999 * critical, output_weights=FACTORS, **ratios).fit(X, Y, **rows)
    assert below.coef_.any()
    if not ratios:
        centred = rows["sample_weight"] @ Y / (rows["sample_weight"] @ rows["exposure"]) * rows["exposure"][:, None] - Y
        gradient = (rows["sample_weight"] / rows["sample_weight"].sum() * X.T) @ (centred * FACTORS)
        by_hand = [np.linalg.norm(gradient[group]) / np.sqrt(K * len(group)) for group in MEMBERS]
        np.testing.assert_allclose(critical, max(by_hand), rtol=1e-10)
    with pytest.warns(UserWarning, match=r"selects nothing at alpha=.*: from alpha_max_=.* on all coefficients are 0"):
        above = joint((1 + 1e-9) * critical, output_weights=FACTORS, **ratios).fit(X, Y, **rows)
    assert not above.coef_.any()


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@pytest.mark.parametrize("kind", [GroupLassoPoisson, PoissonGLMRegressor])
def test_one_output_is_separate(data, kind):
    X, Y, rows = data
    params = {"l1_ratio": 0.4, "kind": kind}
    for y in (Y[:, 1], Y[:, [1]]):
        model = joint(0.05, **params).fit(X, y, **rows)
        separate = joint(0.05, **params, multi_output="separate").fit(X, y, **rows)
        np.testing.assert_array_equal(model.coef_, separate.coef_)
        np.testing.assert_array_equal(model.intercept_, separate.intercept_)
        assert model.coef_.shape == separate.coef_.shape
        assert model.objective_ == np.squeeze(separate.objective_)


def test_a_factor_on_one_output_divides_the_strength(data):
    X, Y, rows = data
    model = joint(0.05, output_weights=[2.5]).fit(X, Y[:, 1], **rows)
    separate = joint(0.05 / 2.5, multi_output="separate").fit(X, Y[:, 1], **rows)
    assert model.coef_.shape == (P,)
    assert isinstance(model.intercept_, float)
    np.testing.assert_allclose(model.coef_, separate.coef_, atol=1e-8)
    np.testing.assert_allclose(model.objective_, 2.5 * separate.objective_, rtol=1e-10)


def test_without_norms_outputs_are_separate(data):
    X, Y, rows = data
    model = joint(0.3, PoissonGLMRegressor, output_weights=FACTORS).fit(X, Y, **rows)
    for k, factor in enumerate(FACTORS):
        alone = PoissonGLMRegressor(alpha=0.3 / factor, tol=TOL).fit(X, Y[:, k], **rows)
        np.testing.assert_allclose(model.coef_[k], alone.coef_, atol=1e-8)
        covariances = model.covariance(X, **rows).loc[k], alone.covariance(X, **rows)
        np.testing.assert_allclose(*covariances, atol=1e-10)


def test_ridge_of_many_columns(rng):
    """More than the Hessian is made for: by products with vectors."""
    X = rng.normal(size=(150, 700))
    Y = rng.poisson(np.exp(0.1 * X[:, :K]))
    model = joint(0.3, PoissonGLMRegressor, output_weights=FACTORS).fit(X, Y)
    for k, factor in enumerate(FACTORS):
        alone = PoissonGLMRegressor(alpha=0.3 / factor, tol=TOL).fit(X, Y[:, k])
        np.testing.assert_allclose(model.coef_[k], alone.coef_, atol=1e-7)


def test_balanced_is_one_by_the_mean_count(data):
    X, Y, rows = data
    means = np.average(Y, axis=0, weights=rows["sample_weight"])
    balanced, given = (joint(output_weights=w).fit(X, Y, **rows) for w in ("balanced", 1 / means))
    np.testing.assert_allclose(balanced.objective_, given.objective_, rtol=1e-12)
    np.testing.assert_allclose(balanced.coef_, given.coef_, atol=1e-10)


def test_factors_by_name(data):
    X, Y, rows = data
    Y = pd.DataFrame(Y, columns=["u", "v", "w"])
    by_name = {"w": FACTORS[2], "u": FACTORS[0], "v": FACTORS[1]}
    models = [joint(output_weights=w).fit(X, Y, **rows) for w in (FACTORS, by_name, pd.Series(by_name))]
    for model in models[1:]:
        np.testing.assert_array_equal(models[0].coef_, model.coef_)


def test_strengths_by_group(data):
    X, Y, rows = data
    alpha, weights = np.array([0.02, 0.0, 0.05, 0.03]), np.array([1.0, 2.0, np.inf, 0.5])
    model = joint(dict(zip(GROUPS, alpha, strict=True)), group_weights=weights, l1_ratio=0.2).fit(X, Y, **rows)
    assert not model.coef_[:, GROUPS["c"]].any()
    assert model.coef_[:, 1].all()
    assert not hasattr(model, "alpha_max_")
    keep = np.setdiff1d(np.arange(P), GROUPS["c"])
    case = norms_of_groups(0.0)
    l1 = np.zeros(P)
    for g, members in enumerate(MEMBERS):
        l1[members] = 0.2 * alpha[g]
    case.strength, case.l1 = 0.8 * alpha * np.where(np.isinf(weights), 0.0, weights), np.tile(l1, K)
    case.lower = np.where(np.tile(np.isin(np.arange(P), keep), K), -np.inf, 0.0)
    case.upper = -case.lower
    assert_optimal(case, X, Y, model.coef_, model.intercept_, rows, objective=model.objective_)


def test_without_an_intercept(data):
    X, Y, rows = data
    model = joint(0.05, fit_intercept=False).fit(X, Y, **rows)
    case = norms_of_groups(0.05)
    assert_optimal(case, X, Y, model.coef_, np.zeros(K), rows, None, model.objective_, fit_intercept=False)
    np.testing.assert_array_equal(model.intercept_, 0.0)


@pytest.mark.parametrize("solver", ["newton", "fista"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_storages(data, storage, solver, dtype):
    X, Y, rows = data
    X = np.where(np.abs(X) > 0.5, X, 0.0).astype(dtype)
    X[:, 8] = 0.0
    tol = TOL if dtype == np.float64 else 1e-4
    model = joint(0.05, solver=solver, tol=tol).fit(storage(X), Y, **rows)
    assert model.coef_.dtype == dtype
    assert not model.coef_[:, 8].any()
    assert_optimal(norms_of_groups(0.05), X, Y, model.coef_, model.intercept_, rows, tol=10 * tol)


def test_few_columns_of_many_hold_something(rng, sparse_stays):
    X = sparse.csc_array(sparse.random(200, 400, density=0.3, random_state=rng))
    X.data[:] = rng.normal(size=X.nnz)
    wide = sparse.csc_array((200, 1000))
    wide = sparse.hstack([wide, X, wide]).tocsr()
    Y = rng.poisson(np.exp(0.3 + 0.5 * X[:, [0, 1]].toarray() @ rng.normal(size=(2, K))))
    models = [joint(0.3, PoissonGLMRegressor, l1_ratio=0.9).fit(each, Y) for each in (X, wide)]
    np.testing.assert_allclose(models[0].coef_, models[1].coef_[:, 1000:1400], atol=1e-8)
    assert models[0].coef_.any()
    assert not models[1].coef_[:, :1000].any()


def test_columns_that_depend_on_each_other(data):
    """More columns than rows, duplicates, constants and scales that differ."""
    X, Y, _ = data
    X, Y = np.hstack([X, X[:, :5], 100 * X[:, 5:], np.ones((300, 1)), X**2])[:25], Y[:25]
    model = GroupLassoPoisson(alpha=0.05, groups=np.arange(31) // 3, multi_output="joint", tol=1e-8).fit(X, Y)
    assert model.optimality_ <= 1e-8
    assert np.isfinite(model.coef_).all()


def test_warm_start(data):
    X, Y, rows = data
    model = joint(0.03, warm_start=True).fit(X, Y, **rows)
    n_iter, objective = model.n_iter_, model.objective_
    model.fit(X, Y, **rows)
    assert model.n_iter_ == 1 < n_iter
    np.testing.assert_allclose(model.objective_, objective, rtol=1e-12)
    assert model.set_params(multi_output="separate").fit(X, Y, **rows).n_iter_.shape == (K,)


def test_verbose_names_no_output(data, capsys):
    X, Y, rows = data
    joint(verbose=1).fit(X, Y, **rows)
    assert "all outputs, iteration 1: objective" in capsys.readouterr().out
    regularization_path(joint(verbose=1), X, Y, n_alphas=3, **rows)
    assert capsys.readouterr().out.count("alpha") == 3


@pytest.mark.parametrize("kind", [GroupLassoPoisson, PoissonGLMRegressor])
def test_paths(data, kind):
    X, Y, rows = data
    estimator = joint(1.0, kind, l1_ratio=0.6, output_weights=FACTORS)
    path = regularization_path(estimator, X, Y, n_alphas=8, **rows)
    of = norms_of_groups if kind is GroupLassoPoisson else norms_of_columns
    for alpha, coefs, intercepts in zip(path.alphas, path.coefs, path.intercepts, strict=True):
        assert_optimal(of(alpha, 0.6), X, Y, coefs, intercepts, rows, FACTORS)
    assert path.coefs.shape == (8, K, P)
    assert path.optimality.shape == path.n_iter.shape == path.deviance.shape == (8, K)
    assert not path.coefs[0].any()
    if kind is GroupLassoPoisson:
        assert path.coefs[1].any()
    np.testing.assert_allclose(path.alphas[0], estimator.fit(X, Y, **rows).alpha_max_)
    means = rows["exposure"][:, None] * np.exp(path.intercepts[5] + X @ path.coefs[5].T)
    for k in range(K):
        rates, weight = Y[:, k] / rows["exposure"], rows["sample_weight"] * rows["exposure"]
        d2 = d2_tweedie_score(rates, means[:, k] / rows["exposure"], sample_weight=weight, power=1)
        np.testing.assert_allclose(path.deviance_explained[5, k], d2, rtol=1e-9)
    assert path.to_frame().shape[0] == 8 * K


@pytest.mark.parametrize("ratios", RATIOS)
def test_degrees_of_freedom(data, ratios):
    """The blocks of tr((H + P)^-1 H) of all outputs as one dense problem."""
    X, Y, rows = data
    path = regularization_path(joint(output_weights=FACTORS, **ratios), X, Y, n_alphas=6, **rows)
    weight, Z = rows["sample_weight"] / rows["sample_weight"].sum(), np.c_[np.ones(len(X)), X]
    for a, alpha in enumerate(path.alphas):
        case, coefs = norms_of_groups(alpha, **ratios), path.coefs[a]
        means = rows["exposure"][:, None] * np.exp(path.intercepts[a] + X @ coefs.T)
        fisher = block_diag(*[f * (Z.T * weight * mean) @ Z for f, mean in zip(FACTORS, means.T, strict=True)])
        where = np.arange(K * (P + 1)).reshape(K, -1)[:, 1:].ravel()  # of coefficients among all terms
        penalty, coef = np.zeros_like(fisher), coefs.ravel()
        penalty[where, where] = case.ridge
        for group, strength in zip(case.groups, case.strength, strict=True):
            v, norm = coef[group], np.linalg.norm(coef[group])
            if norm > 0:
                curvature = strength / norm * (np.eye(len(v)) - np.outer(v, v) / norm**2)
                penalty[np.ix_(where[group], where[group])] += curvature
        played = np.ones(K * (P + 1), dtype=bool)
        played[where] = coef != 0
        shares = np.zeros(K * (P + 1))
        fisher, penalty = (each[np.ix_(played, played)] for each in (fisher, penalty))
        shares[played] = np.diag(np.linalg.solve(fisher + penalty, fisher))
        np.testing.assert_allclose(path.degrees_of_freedom[a], shares.reshape(K, -1).sum(axis=1), rtol=1e-6)
    model = joint(path.alphas[3], output_weights=FACTORS, **ratios).fit(X, Y, **rows)
    means, n = model.predict(X, exposure=rows["exposure"]), rows["sample_weight"].sum()
    pearson = rows["sample_weight"] @ ((Y - means) ** 2 / means) / (n - path.degrees_of_freedom[3])
    np.testing.assert_allclose(model.dispersion(X, Y, **rows), pearson, rtol=1e-5)


def test_one_strength_by_information_criteria(data):
    X, Y, rows = data
    path = regularization_path(joint(), X, Y, n_alphas=10, **rows)
    for kind in ("aic", "bic", "ebic", "gcv"):
        best = path.best(kind)
        assert isinstance(best, int)
        assert best == path.information_criterion(kind).sum(axis=1).argmin()
    extra = path.information_criterion("ebic") - path.information_criterion("bic")
    selected = np.count_nonzero(path.group_norms.any(axis=1), axis=1)
    sets = np.array([1, 4, 6, 4, 1])[selected]  # of so many groups of the four
    np.testing.assert_allclose(extra.sum(axis=1), 2 * np.log(sets), atol=1e-12)


def test_cross_validation(data):
    """Held-out deviances by single fits and scikit-learn, their mean over outputs weighted by the factors."""
    X, Y, rows = data
    alphas, folds = np.geomspace(0.2, 0.01, 4), KFold(3)
    params = {"groups": GROUPS, "multi_output": "joint", "output_weights": "balanced", "tol": TOL}
    model = GroupLassoPoissonCV(alphas=alphas, cv=folds, **params).fit(X, Y, **rows)
    weight, exposure = rows["sample_weight"], rows["exposure"]
    factors = 1 / np.average(Y, axis=0, weights=weight)
    params["output_weights"] = factors
    for i, alpha in enumerate(alphas):
        for fold, (train, test) in enumerate(folds.split(X)):
            part = GroupLassoPoisson(alpha=alpha, **params)
            part.fit(X[train], Y[train], sample_weight=weight[train], exposure=exposure[train])
            means = part.predict(X[test], exposure=exposure[test])
            pairs = zip(Y[test].T, means.T, strict=True)
            deviance = [mean_poisson_deviance(*pair, sample_weight=weight[test]) for pair in pairs]
            np.testing.assert_allclose(model.deviance_path_[i, fold], np.average(deviance, weights=factors), rtol=1e-6)
    chosen = GroupLassoPoisson(alpha=model.alpha_, **params).fit(X, Y, **rows)
    np.testing.assert_allclose(model.coef_, chosen.coef_, atol=1e-7)
    np.testing.assert_allclose(model.objective_, chosen.objective_, rtol=1e-9)
    assert model.coef_path_.shape == (4, K, P)
    assert np.ndim(model.alpha_max_) == 0


@pytest.mark.parametrize("kind", [GroupLassoPoissonCV, PoissonGLMRegressorCV])
def test_relaxed_cross_validation(data, kind):
    X, Y, _ = data
    groups = {"groups": GROUPS} if kind is GroupLassoPoissonCV else {"l1_ratio": 1.0}
    model = kind(alphas=10, relax=True, multi_output="joint", tol=TOL, **groups).fit(X, Y)
    selected = np.flatnonzero(model.coef_.any(axis=0))
    assert np.isfinite(model.relaxed_deviance_path_).any()
    assert model.relaxed_
    for k in range(K):
        free = PoissonGLMRegressor(alpha=0, tol=TOL).fit(X[:, selected], Y[:, k])
        np.testing.assert_allclose(model.coef_[k, selected], free.coef_, atol=1e-6)


def test_grids_that_are_chosen(data):
    X, Y, rows = data
    model = PoissonGLMRegressorCV(alphas=30, l1_ratio=[0.5, 1.0], multi_output="joint", cv=3, selection="1se")
    model.fit(X, Y, **rows)
    assert model.alphas_.shape[0] == 2
    for ratio, alphas in zip([0.5, 1.0], model.alphas_, strict=True):
        critical = joint(1.0, PoissonGLMRegressor, l1_ratio=ratio).fit(X, Y, **rows).alpha_max_
        np.testing.assert_allclose(alphas[0], critical)


def test_stability_selection(data, rng):
    X, Y, rows = data
    Y = pd.DataFrame(Y, columns=["u", "v", "w"])
    X = np.hstack([X, rng.normal(size=(300, 20))])
    groups = {**GROUPS, **{f"n{j}": [10 + 2 * j, 11 + 2 * j] for j in range(10)}}
    model = joint(1.0, groups=groups, output_weights=dict(zip("wvu", FACTORS[::-1], strict=True)), tol=1e-6)
    selectors = [
        StabilitySelection(each, n_resamples=10, n_alphas=5, max_errors=2, random_state=0).fit(X, Y, **rows)
        for each in (model, clone(model).set_params(output_weights=FACTORS))
    ]
    np.testing.assert_array_equal(selectors[0].stability_path_, selectors[1].stability_path_)
    assert set(selectors[0].selected_groups_) <= {"a", "b", "c"}
    assert "b" in selectors[0].selected_groups_ or "a" in selectors[0].selected_groups_


def test_multi_split_test(data):
    X, Y, rows = data
    table = multi_split_test(joint(0.1), X, Y, n_splits=6, random_state=0, **rows)
    assert table["p_value"].min() < 0.05


def test_parameters_are_parameters(data):
    X, Y, rows = data
    model = joint(output_weights="balanced").fit(X, Y, **rows)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X, exposure=1.0), model.predict(X, exposure=1.0))
    assert clone(model).get_params()["output_weights"] == "balanced"
    grid = {"multi_output": ["joint"], "output_weights": [None, "balanced"], "alpha": [0.01, 0.1]}
    search = GridSearchCV(joint(), grid, cv=2).fit(X, Y)
    assert search.best_params_["multi_output"] == "joint"
    frame = model.summary(X)
    assert frame.shape[0] == K * len(GROUPS)
    np.testing.assert_allclose(frame["strength"].unstack("group")[list(GROUPS)].iloc[0], 0.02 * np.sqrt([9, 3, 12, 6]))


def test_a_shared_support_is_found_where_single_outputs_say_little(rng):
    n_outputs, support = 12, [3, 8, 11]
    X = rng.normal(size=(150, 40))
    coefs = np.zeros((n_outputs, 40))
    coefs[:, support] = rng.choice([-0.15, 0.15], size=(n_outputs, 3))
    Y = rng.poisson(np.exp(X @ coefs.T))
    estimator = PoissonGLMRegressor(l1_ratio=1.0)
    together, apart = (
        regularization_path(clone(estimator).set_params(multi_output=kind), X, Y) for kind in ("joint", "separate")
    )

    def fewest_errors(selected):
        truth = np.isin(np.arange(40), support)
        return (selected != truth).sum(axis=-1).min(axis=0)

    assert fewest_errors((together.coefs != 0).any(axis=1)) == 0
    assert np.mean(fewest_errors(apart.coefs != 0)) > 1


FRAME = pd.DataFrame(np.arange(1.0, 13.0).reshape(3, 4), columns=list(GROUPS))


@pytest.mark.parametrize("kind", [GroupLassoPoisson, GroupLassoPoissonCV])
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"multi_output": "both"}, "multi_output"),
        ({"output_weights": "even"}, "output_weights"),
        ({"multi_output": "separate", "output_weights": [1, 1, 1]}, "output_weights are for multi_output='joint'"),
        ({"multi_output": "separate", "output_weights": "balanced"}, "Leave them out, or give each output its own"),
        ({"output_weights": [1, 2]}, r"shape \(3,\), a factor for each output; got shape \(2,\)"),
        ({"output_weights": [[1, 2, 3]]}, r"shape \(3,\).*got shape \(1, 3\)"),
        ({"output_weights": [1, 0, 3]}, "positive and finite; got 0 for output 1. To leave an output out"),
        ({"output_weights": [1, np.nan, 3]}, "positive and finite; got nan for output 1"),
        ({"output_weights": [1, 2, np.inf]}, "positive and finite; got inf for output 2"),
        ({"output_weights": {0: 1, 1: 2}}, r"an entry for each output, \[0, 1, 2\]; got \[0, 1\]"),
        ({"output_weights": ["a", "b", "c"]}, "output_weights must be numeric"),
        ({"group_weights": FRAME}, "group_weights differs between outputs, but with multi_output='joint' they share"),
        ({"l1_ratio": FRAME / 20}, "l1_ratio differs between outputs"),
    ],
)
def test_bad_parameters(data, kind, params, message):
    X, Y, _ = data
    with pytest.raises((ValueError, TypeError), match=message):
        kind(groups=GROUPS, **{"multi_output": "joint"} | params).fit(X, Y)


@pytest.mark.parametrize("params", [{"alpha": FRAME}, {"alpha": FRAME.to_numpy()}])
def test_strengths_of_outputs_must_agree(data, params):
    X, Y, _ = data
    with pytest.raises(ValueError, match=r"alpha differs between outputs.*Give each group or column one number"):
        joint(**params).fit(X, Y)
    same = joint(np.tile([0.1, 0.02, 0.03, 0.04], (3, 1))).fit(X, Y)
    np.testing.assert_array_equal(same.coef_, joint([0.1, 0.02, 0.03, 0.04]).fit(X, Y).coef_)
    columns = np.tile(np.linspace(0.1, 1, P), (3, 1))
    with pytest.raises(ValueError, match="penalty_weights differs between outputs"):
        joint(0.1, PoissonGLMRegressor, penalty_weights=columns * [[1], [2], [3]]).fit(X, Y)


def test_groups_that_share_columns(data):
    """As with repeated columns."""
    X, Y, rows = data
    groups = {"a": [0, 1, 2], "b": [2, 3, 4], "c": [0, 5, 6, 7, 8, 9]}
    positions, sizes = np.concatenate(list(groups.values())), [3, 3, 6]
    labels = np.repeat(list(groups), sizes).tolist()
    params = {"output_weights": FACTORS, "l1_ratio": 0.1}
    latent = joint(0.2, groups=groups, overlap="latent", **params).fit(X, Y, **rows)
    repeated = joint(0.2, groups=labels, **params).fit(X[:, positions], Y, **rows)
    np.testing.assert_allclose(latent.objective_, repeated.objective_, rtol=1e-9)
    np.testing.assert_allclose(latent.alpha_max_, repeated.alpha_max_, rtol=1e-10)
    parts = np.hstack([latent.latent_coef_[name] for name in groups])
    assert parts.shape == (K, 12)
    np.testing.assert_allclose(parts, repeated.coef_, atol=1e-5)
    np.testing.assert_allclose(
        latent.dispersion(X, Y, **rows), repeated.dispersion(X[:, positions], Y, **rows), rtol=1e-4
    )
    coefs = np.zeros((K, P))
    np.add.at(coefs.T, positions, parts.T)
    np.testing.assert_allclose(latent.coef_, coefs, atol=1e-12)
    estimator = latent.set_params(tol=1e-6)
    path = regularization_path(estimator, X, Y, n_alphas=4, **rows)
    other = regularization_path(repeated.set_params(tol=1e-6), X[:, positions], Y, n_alphas=4, **rows)
    np.testing.assert_allclose(path.deviance, other.deviance, rtol=1e-5)
    np.testing.assert_allclose(path.degrees_of_freedom, other.degrees_of_freedom, rtol=1e-2)


def test_concave_norms(data):
    """A stationary point: the group lasso whose strengths are the slopes of the penalty there."""
    X, Y, rows = data
    model = joint(0.25, penalty="mcp", gamma=3.0, output_weights=FACTORS).fit(X, Y, **rows)
    levels = 0.25 * np.sqrt([K * len(group) for group in MEMBERS])
    slopes = [max(s - np.linalg.norm(model.coef_[:, g]) / 3, 0.0) for s, g in zip(levels, MEMBERS, strict=True)]
    assert 0 < np.count_nonzero(np.array(slopes) < levels) < len(MEMBERS)
    case = norms_of_groups(1.0, weights=slopes)
    assert_optimal(case, X, Y, model.coef_, model.intercept_, rows, FACTORS, tol=1e-7)


def test_overdispersed_counts(data):
    X, Y, rows = data
    omega = np.array([0.5, 0.0, 0.1])
    model = joint(0.1, overdispersion=omega, output_weights=FACTORS).fit(X, Y, **rows)
    means, weight = model.predict(X, exposure=rows["exposure"]), rows["sample_weight"] / rows["sample_weight"].sum()
    slopes = weight[:, None] * (means - Y) / (1 + omega * means)
    np.testing.assert_allclose(slopes.sum(axis=0), 0.0, atol=1e-8)
    gradient = (FACTORS * slopes).T @ X
    assert norms_of_groups(0.1).distance(model.coef_.ravel(), gradient.ravel()) <= 1e-7


@pytest.mark.parametrize("ratios", RATIOS)
@pytest.mark.parametrize("solver", ["newton", "fista"])
def test_bounds(data, ratios, solver):
    X, Y, rows = data
    model = joint(0.1, bounds=(0, None), solver=solver, output_weights=FACTORS, **ratios).fit(X, Y, **rows)
    case = norms_of_groups(0.1, **ratios)
    case.lower = np.zeros(K * P)
    assert (model.coef_ >= 0).all()
    assert 0 < np.count_nonzero(model.coef_) < K * P
    assert_optimal(case, X, Y, model.coef_, model.intercept_, rows, FACTORS, model.objective_)
    with pytest.raises(ValueError, match="must be 0 or infinite"):
        joint(0.1, PoissonGLMRegressor, l1_ratio=1, bounds=(-0.1, 0.1)).fit(X, Y)
