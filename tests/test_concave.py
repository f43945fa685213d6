"""MCP and SCAD: by the conditions of a stationary point, by other minimisers, and by what they are for."""

import pickle
from itertools import product

import numpy as np
import pytest
from oracles import Oracle
from scipy.integrate import quad
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from skprox import (
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    PoissonGLMRegressor,
    PoissonGLMRegressorCV,
    StabilitySelection,
    multi_split_test,
    regularization_path,
)
from skprox.penalties import Penalty

GROUPS = {"a": [0, 4, 5], "b": [1], "c": [2, 3, 7, 9], "d": [6, 8]}
SIZES = np.sqrt([3, 1, 4, 2])
TOL = 1e-9
KINDS = [("mcp", 3.0), ("scad", 4.0)]


def slope(kind, level, t, gamma):
    """P'(t) as the papers write it."""
    if kind == "mcp":
        return np.where(t <= gamma * level, level - t / gamma, 0.0)
    return np.where(t <= level, level, np.maximum(gamma * level - t, 0) / (gamma - 1))


def height(kind, level, t, gamma):
    """P(t) as the papers write it."""
    if kind == "mcp":
        return level * t - t**2 / (2 * gamma) if t <= gamma * level else gamma * level**2 / 2
    if t <= level:
        return level * t
    if t <= gamma * level:
        return (2 * gamma * level * t - t**2 - level**2) / (2 * (gamma - 1))
    return level**2 * (gamma + 1) / 2


class Concave:
    """sum_g P(||b_g||; level_g) + sum_j l1_j |b_j| + ridge_j b_j^2 / 2, with what data say."""

    def __init__(self, oracle, groups, level, kind, gamma, l1=0.0, ridge=0.0):
        self.oracle, self.groups = oracle, [np.atleast_1d(g) for g in groups]
        self.level = np.broadcast_to(level, len(self.groups))
        self.kind, self.gamma, p = kind, gamma, oracle.X.shape[1]
        self.l1, self.ridge = np.broadcast_to(l1, p), np.broadcast_to(ridge, p)

    def value(self, coef, b):
        heights = [
            height(self.kind, level, np.linalg.norm(coef[g]), self.gamma)
            for g, level in zip(self.groups, self.level, strict=True)
        ]
        return self.oracle.value(coef, b) + sum(heights) + self.l1 @ np.abs(coef) + self.ridge @ coef**2 / 2

    def distance(self, coef, b):
        """Of -gradient to the subdifferential, at worst."""
        gradient, at_b = self.oracle.gradient(coef, b)
        gradient = gradient + self.ridge * coef
        out = [abs(at_b) if self.oracle.intercept else 0.0]
        for g, level in zip(self.groups, self.level, strict=True):
            norm = np.linalg.norm(coef[g])
            rest = gradient[g] + self.l1[g] * np.sign(coef[g])
            if norm > 0:
                rest = rest + slope(self.kind, level, norm, self.gamma) * coef[g] / norm
            inner = np.sign(rest) * np.maximum(np.abs(rest) - self.l1[g], 0)
            rest = np.where(coef[g] == 0, inner, rest)
            out.append(np.linalg.norm(rest) if norm > 0 else max(np.linalg.norm(rest) - level, 0.0))
        return max(out)

    def descend(self, coef, b, n_sweeps=400):
        """Coordinate descent over groups, each to the closed form of its majorised problem, as grpreg does."""
        coef, start = coef.copy(), None
        for _ in range(n_sweeps):
            start = coef.copy()
            for g, level in zip(self.groups, self.level, strict=True):
                v, before = 1.1 / (self.gamma - 1) if self.kind == "scad" else 1.1 / self.gamma, self.value(coef, b)
                while True:
                    trial, z = coef.copy(), coef[g] - self.oracle.gradient(coef, b)[0][g] / v
                    trial[g] = self.threshold(z, level, v)
                    if self.value(trial, b) <= before + 1e-14:
                        break
                    v *= 2
                coef = trial
            mean = np.exp(self.oracle.offset + self.oracle.X @ coef)
            b = np.log(self.oracle.weight @ self.oracle.y / (self.oracle.weight @ mean)) if self.oracle.intercept else b
            if np.abs(coef - start).max() < 1e-13:
                break
        return coef, b

    def threshold(self, z, level, v):
        """argmin v/2 ||u - z||^2 + P(||u||): firm thresholding, for v above the curvature of P."""
        norm, gamma = np.linalg.norm(z), self.gamma
        soft = max(norm - level / v, 0.0)
        if self.kind == "mcp":
            size = norm if norm > gamma * level else soft / (1 - 1 / (v * gamma))
        elif norm <= level + level / v:
            size = soft
        else:
            shrunk = max(norm - gamma * level / (v * (gamma - 1)), 0.0) / (1 - 1 / (v * (gamma - 1)))
            size = norm if norm > gamma * level else shrunk
        return z * size / norm if norm > 0 else z


@pytest.fixture
def data(rng):
    X = rng.normal(size=(300, 10))
    X[:, 4] += X[:, 0]
    weight, exposure = rng.uniform(0.5, 2, size=300), rng.uniform(0.5, 2, size=300)
    y = rng.poisson(exposure * np.exp(0.6 + X[:, [0, 1, 2, 7]] @ [0.4, -0.2, 0.3, -0.3]))
    return X, y, {"sample_weight": weight, "exposure": exposure}


def oracle_of(X, y, rows, fit_intercept=True):
    return Oracle(
        X, y, [], [], weight=rows.get("sample_weight"), exposure=rows.get("exposure"), intercept=fit_intercept
    )


def assert_stationary(case, coef, b, objective=None, tol=1e-7):
    coef, b = np.asarray(coef, dtype=np.float64), float(b)
    assert case.distance(coef, b) <= tol * max(1, case.distance(*case.oracle.null()))
    if objective is not None:
        assert objective == pytest.approx(case.value(coef, b), rel=1e-9)


@pytest.mark.parametrize(("kind", "gamma"), KINDS)
@pytest.mark.parametrize("solver", ["newton", "fista"])
@pytest.mark.parametrize("alpha", [0.3, 0.1, 0.03, 0.01])
def test_groups_are_stationary(data, kind, gamma, solver, alpha, server):
    X, y, rows = data
    model = GroupLassoPoisson(alpha=alpha, groups=GROUPS, penalty=kind, solver=solver, tol=TOL).fit(X, y, **rows)
    case = Concave(oracle_of(X, y, rows), GROUPS.values(), alpha * SIZES, kind, gamma)
    assert_stationary(case, model.coef_, model.intercept_, model.objective_)
    assert model.optimality_ <= TOL


@pytest.mark.parametrize(("kind", "gamma"), KINDS)
@pytest.mark.parametrize("solver", ["newton", "fista"])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.6])
def test_columns_are_stationary(data, kind, gamma, solver, l1_ratio, server):
    X, y, rows = data
    weights = np.linspace(0.5, 1.5, 10)
    model = PoissonGLMRegressor(alpha=0.08, l1_ratio=l1_ratio, penalty=kind, penalty_weights=weights, solver=solver)
    model.set_params(tol=TOL).fit(X, y, **rows)
    strengths = 0.08 * weights
    case = Concave(
        oracle_of(X, y, rows), range(10), strengths * l1_ratio, kind, gamma, ridge=strengths * (1 - l1_ratio)
    )
    assert_stationary(case, model.coef_, model.intercept_, model.objective_)


@pytest.mark.parametrize(("kind", "gamma"), [("mcp", 1.5), ("mcp", 8.0), ("scad", 2.5), ("scad", 10.0)])
def test_sparse_groups_are_stationary(data, kind, gamma, server):
    """The L1 norm within groups stays as it is, in groups of one as well."""
    X, y, rows = data
    model = GroupLassoPoisson(alpha=0.05, groups=GROUPS, l1_ratio=0.3, l2_ratio=0.1, penalty=kind, gamma=gamma, tol=TOL)
    model.fit(X, y, **rows)
    case = Concave(oracle_of(X, y, rows), GROUPS.values(), 0.05 * 0.6 * SIZES, kind, gamma, 0.05 * 0.3, 0.05 * 0.1)
    assert_stationary(case, model.coef_, model.intercept_, model.objective_)


@pytest.mark.parametrize(("kind", "gamma"), KINDS)
def test_no_intercept_infinite_strengths_and_weights_of_zero(data, kind, gamma):
    X, y, rows = data
    model = GroupLassoPoisson(alpha=0.06, groups=GROUPS, penalty=kind, group_weights=[1, np.inf, 0, 1], tol=TOL)
    model.set_params(fit_intercept=False).fit(X, y, **rows)
    assert model.coef_[1] == 0
    assert model.coef_[GROUPS["c"]].all()
    case = Concave(oracle_of(X, y, rows, False), GROUPS.values(), np.multiply(0.06, [1, 1e9, 0, 1]), kind, gamma)
    assert_stationary(case, model.coef_, 0.0)


@pytest.mark.parametrize(("kind", "gamma"), KINDS)
@pytest.mark.parametrize("alpha", [0.15, 0.08, 0.04])
def test_no_worse_than_coordinate_descent(data, kind, gamma, alpha):
    X, y, rows = data
    model = GroupLassoPoisson(alpha=alpha, groups=GROUPS, penalty=kind, tol=TOL).fit(X, y, **rows)
    case = Concave(oracle_of(X, y, rows), GROUPS.values(), alpha * SIZES, kind, gamma)
    lasso = clone(model).set_params(penalty="lasso").fit(X, y, **rows)
    for start in (case.oracle.null(), (lasso.coef_, lasso.intercept_)):
        coef, b = case.descend(*start)
        assert case.distance(coef, b) <= 1e-6
        assert model.objective_ <= case.value(coef, b) + 1e-9


@pytest.mark.parametrize(("kind", "gamma"), KINDS)
def test_no_worse_than_other_minimisers_from_many_starts(data, kind, gamma, rng):
    """With the coefficients as differences of two non-negative parts, the penalty is smooth."""
    X, y, rows = data
    X = X[:, :5]
    model = PoissonGLMRegressor(alpha=0.08, l1_ratio=1, penalty=kind, tol=TOL).fit(X, y, **rows)
    case = Concave(oracle_of(X, y, rows), range(5), 0.08, kind, gamma)
    bounds = [(0, None)] * 10 + [(None, None)]

    def value(x):
        coef = x[:5] - x[5:10]
        gradient, at_b = case.oracle.gradient(coef, x[10])
        parts = np.r_[gradient, -gradient] + slope(kind, 0.08, x[:10], gamma)
        return case.oracle.value(coef, x[10]) + sum(height(kind, 0.08, t, gamma) for t in x[:10]), np.r_[parts, at_b]

    for _ in range(10):
        start = np.r_[rng.uniform(0, 0.5, size=10), rng.normal()]
        found = minimize(value, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-15})
        assert model.objective_ <= found.fun + 1e-8


@pytest.mark.parametrize(("kind", "gamma"), KINDS)
def test_large_effects_are_not_shrunken(data, kind, gamma):
    X, y, rows = data
    y = y + np.random.default_rng(1).poisson(np.exp(1 + X[:, 2]))
    model = PoissonGLMRegressor(alpha=0.05, l1_ratio=1, penalty=kind, gamma=gamma, tol=TOL).fit(X, y, **rows)
    groups = GroupLassoPoisson(alpha=0.05, groups=GROUPS, penalty=kind, gamma=gamma, tol=TOL).fit(X, y, **rows)
    large = PoissonGLMRegressor(alpha=0.02, l1_ratio=1, penalty=kind, tol=TOL, gamma=gamma).fit(X[:, [2]], y, **rows)
    free = PoissonGLMRegressor(alpha=0, tol=TOL).fit(X[:, [2]], y, **rows)
    assert abs(large.coef_[0]) > gamma * 0.02
    np.testing.assert_allclose(large.coef_, free.coef_, atol=1e-8)
    for fitted, norms, least in (
        (model, np.abs(model.coef_), np.full(10, 0.05)),
        (groups, np.array(list(groups.group_norms_.values())), 0.05 * SIZES),
    ):
        kept = norms > 0
        assert kept.any()
        if (norms[kept] > gamma * least[kept]).all():
            refit = PoissonGLMRegressor(alpha=np.where(fitted.coef_ != 0, 0.0, np.inf), tol=TOL).fit(X, y, **rows)
            np.testing.assert_allclose(fitted.coef_, refit.coef_, atol=1e-7)


@pytest.mark.parametrize("kind", ["mcp", "scad"])
def test_planted_support_is_refitted_without_shrinkage(rng, kind, server):
    X = rng.normal(size=(800, 40))
    y = rng.poisson(np.exp(0.5 + X[:, :4] @ [0.5, -0.5, 0.4, 0.4]))
    model = PoissonGLMRegressor(alpha=0.12, l1_ratio=1, penalty=kind, gamma=2.5, tol=TOL).fit(X, y)
    np.testing.assert_array_equal(np.flatnonzero(model.coef_), np.arange(4))
    assert (np.abs(model.coef_[:4]) > 2.5 * 0.12).all()
    free = PoissonGLMRegressor(alpha=0, tol=TOL).fit(X[:, :4], y)
    np.testing.assert_allclose(model.coef_[:4], free.coef_, atol=1e-7)
    groups = [f"g{j // 2}" for j in range(40)]
    model = GroupLassoPoisson(alpha=0.1, groups=groups, penalty=kind, gamma=2.5, tol=TOL).fit(X, y)
    assert model.selected_groups_ == ["g0", "g1"]
    np.testing.assert_allclose(model.coef_[:4], free.coef_, atol=1e-7)


@pytest.mark.parametrize("kind", ["mcp", "scad"])
def test_great_gamma_is_the_lasso(data, kind):
    X, y, rows = data
    for model in (
        GroupLassoPoisson(alpha=0.05, groups=GROUPS, tol=TOL),
        PoissonGLMRegressor(alpha=0.05, l1_ratio=1, tol=TOL),
    ):
        lasso = clone(model).fit(X, y, **rows)
        model.set_params(penalty=kind, gamma=1e9).fit(X, y, **rows)
        np.testing.assert_allclose(model.coef_, lasso.coef_, atol=1e-6)
        assert model.objective_ == pytest.approx(lasso.objective_, rel=1e-6)
        assert model.alpha_max_ == lasso.alpha_max_


@pytest.mark.parametrize("kind", ["mcp", "scad"])
def test_critical_strength(data, kind):
    X, y, rows = data
    model = GroupLassoPoisson(groups=GROUPS, penalty=kind)
    oracle = oracle_of(X, y, rows)
    gradient, _ = oracle.gradient(*oracle.null())
    critical = max(np.linalg.norm(gradient[g]) / s for g, s in zip(GROUPS.values(), SIZES, strict=True))
    with pytest.warns(UserWarning, match="selects nothing"):
        model.set_params(alpha=1.001 * critical).fit(X, y, **rows)
    assert model.alpha_max_ == pytest.approx(critical, rel=1e-10)
    assert not model.coef_.any()
    assert model.set_params(alpha=0.999 * critical).fit(X, y, **rows).coef_.any()


@pytest.mark.parametrize(("kind", "gamma"), KINDS)
def test_path(data, kind, gamma, server):
    X, y, rows = data
    Y = np.column_stack([y, y[::-1]])
    model = GroupLassoPoisson(groups=GROUPS, penalty=kind, tol=TOL)
    for target in (y, Y):
        path = regularization_path(model, X, target, n_alphas=8, **rows)
        assert (path.optimality <= TOL).all()
        for (a, alpha), k in product(enumerate(path.alphas), range(np.ndim(target))):
            pick = a if target is y else (a, k)
            case = Concave(oracle_of(X, Y[:, k], rows), GROUPS.values(), alpha * SIZES, kind, gamma)
            assert_stationary(case, path.coefs[pick], path.intercepts[pick])


def test_path_keeps_the_better_of_two_stationary_points(server):
    """With rare counts the loss bends less than the penalty, and what is reached depends on the start."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(400, 20)) + 2 * rng.normal(size=(400, 1))
    y = rng.poisson(0.15 * np.exp(X[:, :3] @ [0.6, -0.6, 0.4] - 0.3))
    model, oracle = PoissonGLMRegressor(l1_ratio=1, penalty="mcp", gamma=2.0, tol=1e-8), oracle_of(X, y, {})
    path = regularization_path(model, X, y, n_alphas=20, alpha_min_ratio=0.02)
    gains, before = [], oracle.null()
    for alpha, *point in zip(path.alphas, path.coefs, path.intercepts, strict=True):
        case = Concave(oracle, range(20), alpha, "mcp", 2.0)
        assert_stationary(case, *point)
        here = case.value(*point)
        assert here <= case.value(*before) + 1e-9  # what starts there goes down
        if alpha < path.alphas[0]:
            single = clone(model).set_params(alpha=alpha).fit(X, y)
            assert here <= single.objective_ + 1e-8
            gains.append(single.objective_ - here)
        before = point
    assert max(gains) > 1e-5


@pytest.mark.parametrize(("kind", "gamma"), KINDS)
def test_storages(data, kind, gamma, storage):
    X, y, rows = data
    X = np.where(np.abs(X) > 0.5, X, 0)
    model = GroupLassoPoisson(alpha=0.08, groups=GROUPS, penalty=kind, tol=TOL).fit(storage(X), y, **rows)
    case = Concave(oracle_of(X, y, rows), GROUPS.values(), 0.08 * SIZES, kind, gamma)
    assert_stationary(case, model.coef_, model.intercept_, model.objective_)
    single = clone(model).set_params(tol=1e-5).fit(storage(X.astype(np.float32)), y, **rows)
    assert single.coef_.dtype == np.float32
    assert single.optimality_ <= 1e-5
    np.testing.assert_allclose(single.coef_, model.coef_, atol=2e-4)


def test_by_output_and_by_group(data):
    X, y, rows = data
    Y, alpha = np.column_stack([y, y[::-1]]), np.array([[0.1, 0.05, 0.08, 0.2], [0.02, 0.03, 0.0, 0.05]])
    model = GroupLassoPoisson(alpha=alpha, groups=GROUPS, penalty="mcp", gamma=2.5, tol=TOL).fit(X, Y, **rows)
    for k in range(2):
        single = clone(model).set_params(alpha=alpha[k]).fit(X, Y[:, k], **rows)
        np.testing.assert_allclose(model.coef_[k], single.coef_, atol=1e-8)
        case = Concave(oracle_of(X, Y[:, k], rows), GROUPS.values(), alpha[k] * SIZES, "mcp", 2.5)
        assert_stationary(case, model.coef_[k], model.intercept_[k], model.objective_[k])
    named = clone(model).set_params(alpha=dict(zip(GROUPS, alpha[0], strict=True))).fit(X, y, **rows)
    np.testing.assert_allclose(named.coef_, model.coef_[0], atol=1e-8)


@pytest.mark.parametrize("relax", [False, True])
@pytest.mark.parametrize(
    "model",
    [
        GroupLassoPoissonCV(groups=GROUPS, penalty="scad", alphas=8, alpha_min_ratio=0.05, tol=1e-8),
        PoissonGLMRegressorCV(l1_ratio=[0.5, 1.0], penalty="mcp", alphas=8, alpha_min_ratio=0.05, tol=1e-8),
    ],
)
def test_cross_validation(data, model, relax, server):
    X, y, rows = data
    model = clone(model).set_params(relax=relax).fit(X, y, **rows)
    oracle, alpha = oracle_of(X, y, rows), model.alpha_
    if isinstance(model, GroupLassoPoissonCV):
        case, base = Concave(oracle, GROUPS.values(), alpha * SIZES, "scad", 4.0), GroupLassoPoisson(groups=GROUPS)
    else:
        ratio = model.l1_ratio_
        case = Concave(oracle, range(10), alpha * ratio, "mcp", 3.0, ridge=alpha * (1 - ratio))
        base = PoissonGLMRegressor(l1_ratio=ratio)
    if not model.relaxed_:
        assert_stationary(case, model.coef_, model.intercept_, model.objective_)
    base.set_params(penalty=model.penalty, tol=1e-8)
    alphas = model.alphas_ if model.alphas_.ndim == 1 else model.alphas_[[0.5, 1.0].index(ratio)]
    deviances = model.deviance_path_
    deviances = deviances if deviances.ndim == 2 else deviances[[0.5, 1.0].index(ratio)]
    path = regularization_path(base, X, y, alphas=alphas, **rows)
    np.testing.assert_allclose(model.coef_path_, path.coefs, atol=1e-6)
    test = np.arange(60)  # the first of five folds
    train = np.arange(60, 300)
    fold = regularization_path(base, X[train], y[train], alphas=alphas, **{k: v[train] for k, v in rows.items()})
    eta = np.log(rows["exposure"][test])[:, None] + fold.intercepts + X[test] @ fold.coefs.T
    counts = y[test, None]
    terms = np.exp(eta) - counts * eta + np.where(counts > 0, counts * np.log(np.maximum(counts, 1)) - counts, 0)
    np.testing.assert_allclose(
        deviances[:, 0], 2 * np.average(terms, axis=0, weights=rows["sample_weight"][test]), rtol=1e-6
    )


def test_grid_goes_on_from_where_it_was(rng):
    X = rng.normal(size=(200, 5))
    y = rng.poisson(np.exp(2 + X @ [0.3, 0.2, 0.1, 0.02, -0.02]))
    model = PoissonGLMRegressorCV(penalty="mcp", alphas=12, tol=TOL).fit(X, y)
    case = Concave(oracle_of(X, y, {}), range(5), model.alpha_, "mcp", 3.0)
    assert_stationary(case, model.coef_, model.intercept_, model.objective_)


def test_planted_support_beside_the_lasso(rng):
    """The lasso needs columns without effect to make up for what it shrinks."""
    X = rng.normal(size=(400, 40))
    y = rng.poisson(np.exp(0.8 + X[:, :4] @ [0.5, -0.5, 0.4, 0.4]))
    lasso = PoissonGLMRegressorCV(alphas=30).fit(X, y)
    for kind in ("mcp", "scad"):
        model = PoissonGLMRegressorCV(alphas=30, penalty=kind).fit(X, y)
        assert model.coef_[:4].all()
        assert np.count_nonzero(model.coef_) < np.count_nonzero(lasso.coef_)
        truth = np.r_[0.5, -0.5, 0.4, 0.4, np.zeros(36)]
        assert np.linalg.norm(model.coef_ - truth) < np.linalg.norm(lasso.coef_ - truth)


def test_degrees_of_freedom_and_tables_are_those_of_the_lasso_that_touches(data):
    """A column counts 1, and a group by the curvature P'(t) / t of its norm across it."""
    X, y, _ = data
    model = PoissonGLMRegressor(alpha=0.05, l1_ratio=1, penalty="mcp", tol=TOL).fit(X, y)
    kept = np.count_nonzero(model.coef_)
    means = model.predict(X)
    phi = ((y - means) ** 2 / means).sum() / (len(y) - kept - 1)
    assert model.dispersion(X, y) == pytest.approx(phi, rel=1e-8)
    np.testing.assert_allclose(model.summary()["strength"], 0.05)
    with pytest.warns(UserWarning, match="L1 penalty"):
        table = model.coef_table(X)
    assert table["std_error"].isna().all()
    with pytest.raises(ValueError, match="L1 penalty"):
        model.covariance(X)
    path = regularization_path(model, X, y, n_alphas=6)
    np.testing.assert_allclose(path.degrees_of_freedom, 1 + np.count_nonzero(path.coefs, axis=1), rtol=1e-9)
    assert path.best("bic") >= 0

    groups = regularization_path(GroupLassoPoisson(groups=GROUPS, penalty="scad", tol=TOL), X, y, alphas=[0.06])
    coef, b = groups.coefs[0], groups.intercepts[0]
    Z, played = np.column_stack([np.ones(300), X]), np.r_[True, coef != 0]
    mass = np.exp(b + X @ coef) / 300
    H, P = Z.T @ (Z * mass[:, None]), np.zeros((11, 11))
    for g, size in zip(GROUPS.values(), SIZES, strict=True):
        t = np.linalg.norm(coef[g])
        if t > 0:
            s = slope("scad", 0.06 * size, t, 4.0)
            where = 1 + np.array(g)
            P[np.ix_(where, where)] = s / t * (np.eye(len(g)) - np.outer(coef[g], coef[g]) / t**2)
    H, P = H[np.ix_(played, played)], P[np.ix_(played, played)]
    assert groups.degrees_of_freedom[0] == pytest.approx(np.trace(np.linalg.solve(H + P, H)), rel=1e-7)


def test_other_estimators_and_searches(data):
    X, y, rows = data
    model = GroupLassoPoisson(alpha=0.05, groups=GROUPS, penalty="mcp", gamma=2.0)
    stable = StabilitySelection(model, n_resamples=10, n_alphas=6, random_state=0).fit(X, y, **rows)
    lasso = StabilitySelection(clone(model).set_params(penalty="lasso", gamma=None), n_resamples=10, n_alphas=6)
    lasso.set_params(random_state=0).fit(X, y, **rows)
    np.testing.assert_allclose(stable.alphas_, lasso.alphas_)
    assert not np.array_equal(stable.path_.coefs, lasso.path_.coefs)
    table = multi_split_test(model, X, y, n_splits=4, random_state=0)
    assert table["p_value"].between(0, 1).all()
    search = GridSearchCV(model, {"penalty": ["mcp", "scad"], "gamma": [2.5, 5.0]}, cv=3).fit(X, y)
    assert set(search.best_params_) == {"penalty", "gamma"}
    assert clone(model).get_params()["gamma"] == 2.0
    fitted = pickle.loads(pickle.dumps(model.fit(X, y, **rows)))
    np.testing.assert_array_equal(fitted.predict(X, exposure=1), model.predict(X, exposure=1))
    assert fitted.dispersion(X, y, **rows) == model.dispersion(X, y, **rows)


@pytest.mark.parametrize(("kind", "gamma"), KINDS)
def test_joint_outputs(data, kind, gamma):
    """Norms of columns over outputs: stationary in the objective of all."""
    X, y, rows = data
    Y, joint = np.column_stack([y, y[::-1]]), {"multi_output": "joint", "penalty": kind, "tol": TOL}
    oracles = [oracle_of(X, Y[:, k], rows) for k in range(2)]
    for model, groups, levels in (
        (PoissonGLMRegressor(alpha=0.12, l1_ratio=1, **joint), [[j] for j in range(10)], np.full(10, 0.12)),
        (GroupLassoPoisson(alpha=0.16, groups=GROUPS, **joint), list(GROUPS.values()), 0.16 * SIZES * np.sqrt(2)),
    ):
        model.fit(X, Y, **rows)
        fits = zip(oracles, model.coef_, model.intercept_, strict=True)
        gradient = np.array([oracle.gradient(coef, b)[0] for oracle, coef, b in fits])
        for g, level in zip(groups, levels, strict=True):
            block, pull = model.coef_[:, g], gradient[:, g]
            norm = np.linalg.norm(block)
            if norm > 0:
                np.testing.assert_allclose(pull, -slope(kind, level, norm, gamma) * block / norm, atol=1e-8)
            else:
                assert np.linalg.norm(pull) <= level * (1 + 1e-9)
        assert 0 < np.count_nonzero(model.coef_) < model.coef_.size
        path = regularization_path(model, X, Y, n_alphas=4, **rows)
        assert (path.optimality <= TOL).all()


@pytest.mark.parametrize(("kind", "gamma"), KINDS)
def test_bounds(data, kind, gamma, server):
    X, y, rows = data
    model = PoissonGLMRegressor(alpha=0.05, l1_ratio=1, penalty=kind, bounds=(0, 0.35), tol=TOL).fit(X, y, **rows)
    gradient, _ = oracle_of(X, y, rows).gradient(model.coef_, model.intercept_)
    rest = gradient + slope(kind, 0.05, model.coef_, gamma)
    inside = (model.coef_ > 0) & (model.coef_ < 0.35)
    assert inside.any()
    np.testing.assert_allclose(rest[inside], 0, atol=1e-8)
    assert (rest[model.coef_ == 0] >= -1e-8).all()
    assert (rest[model.coef_ == 0.35] <= 1e-8).all()
    assert (model.coef_ >= 0).all()
    assert (model.coef_ <= 0.35).all()


def test_overdispersed_counts(data):
    X, y, rows = data
    model = PoissonGLMRegressor(alpha=0.05, l1_ratio=1, penalty="mcp", overdispersion=0.5, tol=TOL).fit(X, y, **rows)
    weight = rows["sample_weight"] / rows["sample_weight"].sum()
    means = model.predict(X, exposure=rows["exposure"])
    gradient = (weight * (means - y) / (1 + 0.5 * means)) @ X
    kept = model.coef_ != 0
    slopes = slope("mcp", 0.05, np.abs(model.coef_), 3.0)
    np.testing.assert_allclose(gradient[kept], -(slopes * np.sign(model.coef_))[kept], atol=1e-8)
    assert (np.abs(gradient[~kept]) <= 0.05 + 1e-9).all()


def test_groups_that_share_columns(data):
    """As with columns that are repeated."""
    X, y, rows = data
    groups = {"a": [0, 1, 2], "b": [2, 3, 4], "c": [5, 6], "d": [7, 8, 9]}
    latent = GroupLassoPoisson(alpha=0.05, groups=groups, overlap="latent", penalty="scad", tol=TOL).fit(X, y, **rows)
    repeated = np.concatenate(list(groups.values()))
    labels = np.repeat(list(groups), [len(members) for members in groups.values()]).tolist()
    other = GroupLassoPoisson(alpha=0.05, groups=labels, penalty="scad", tol=TOL).fit(X[:, repeated], y, **rows)
    assert latent.objective_ == pytest.approx(other.objective_, rel=1e-10)
    case = Concave(
        oracle_of(X[:, repeated], y, rows),
        [np.flatnonzero(np.array(labels) == g) for g in groups],
        0.05 * np.sqrt([3, 3, 2, 3]),
        "scad",
        4.0,
    )
    assert_stationary(case, np.concatenate(list(latent.latent_coef_.values())), latent.intercept_, latent.objective_)
    assert latent.dispersion(X, y, **rows) == pytest.approx(other.dispersion(X[:, repeated], y, **rows), rel=1e-7)


def test_where_a_fit_starts_does_not_matter(data):
    """Approximations start from the lasso's solution, whatever that has started from."""
    X, y, rows = data
    model = GroupLassoPoisson(alpha=0.01, groups=GROUPS, penalty="mcp", warm_start=True, tol=TOL).fit(X, y, **rows)
    model.set_params(alpha=0.1).fit(X, y, **rows)
    np.testing.assert_allclose(model.coef_, clone(model).fit(X, y, **rows).coef_, atol=1e-7)


def test_a_refit_forgets_the_penalty_before(data):
    X, y, rows = data
    model = GroupLassoPoisson(alpha=0.08, groups=GROUPS, penalty="mcp").fit(X, y, **rows)
    model.set_params(penalty="lasso").fit(X, y, **rows)
    assert model.dispersion(X, y, **rows) == clone(model).fit(X, y, **rows).dispersion(X, y, **rows)


def test_verbose(data, capsys):
    X, y, rows = data
    GroupLassoPoisson(alpha=0.05, groups=GROUPS, penalty="mcp", verbose=1).fit(X, y, **rows)
    assert "certificate" in capsys.readouterr().out
    regularization_path(GroupLassoPoisson(groups=GROUPS, penalty="mcp", verbose=1), X, y, n_alphas=4)
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_no_strength_and_no_effect(data):
    X, y, rows = data
    free = PoissonGLMRegressor(alpha=0, tol=TOL).fit(X, y, **rows)
    model = GroupLassoPoisson(alpha=0, groups=GROUPS, penalty="scad", tol=TOL).fit(X, y, **rows)
    np.testing.assert_allclose(model.coef_, free.coef_, atol=1e-8)


@pytest.mark.parametrize("kind", ["mcp", "scad"])
def test_more_columns_than_rows_and_columns_alike(rng, kind, server):
    X = rng.normal(size=(60, 90))
    X[:, 1], X[:, 2] = X[:, 0], 3.0
    y = rng.poisson(np.exp(1 + 0.5 * X[:, 0]))
    model = PoissonGLMRegressor(alpha=0.2, l1_ratio=1, penalty=kind, tol=1e-8).fit(X, y)
    case = Concave(oracle_of(X, y, {}), range(90), 0.2, kind, 3.0 if kind == "mcp" else 4.0)
    assert_stationary(case, model.coef_, model.intercept_, model.objective_)


def test_too_few_approximations_are_warned_of(data, monkeypatch, lockstep):
    X, y, rows = data
    monkeypatch.setattr("skprox.local_linear.LASSOS", 1)
    model = PoissonGLMRegressor(alpha=0.05, l1_ratio=1, penalty="mcp", gamma=1.5, tol=TOL)
    with pytest.warns(ConvergenceWarning, match="raise gamma"):
        model.fit(X, y, **rows)
    case = Concave(oracle_of(X, y, rows), range(10), 0.05, "mcp", 1.5)
    null = case.distance(*case.oracle.null())
    assert model.optimality_ == pytest.approx(case.distance(model.coef_, model.intercept_) / null, rel=1e-6)
    with pytest.warns(ConvergenceWarning, match="raise gamma"):
        regularization_path(model, X, y, n_alphas=5, **rows)


def test_errors(data):
    X, y, _ = data
    columns, groups = PoissonGLMRegressor(l1_ratio=1), GroupLassoPoisson(groups=GROUPS)
    for model in (columns, groups, PoissonGLMRegressorCV(), GroupLassoPoissonCV(groups=GROUPS)):
        for given, match in (
            ({"penalty": "bridge"}, "'penalty' parameter"),
            ({"penalty": "mcp", "gamma": 1.0}, "'gamma' parameter"),
            ({"penalty": "mcp", "gamma": "3"}, "'gamma' parameter"),
            ({"penalty": "scad", "gamma": 2.0}, r"gamma must be above 2 for penalty='scad'.*got 2.0"),
            ({"penalty": "lasso", "gamma": 3.0}, "gamma is the concavity.*got gamma=3.0.*Leave gamma out"),
        ):
            with pytest.raises(ValueError, match=match):
                clone(model).set_params(**given).fit(X, y)
    with pytest.raises(ValueError, match=r"penalty='mcp' is a penalty of norms.*l1_ratio above 0"):
        PoissonGLMRegressor(penalty="mcp").fit(X, y)
    with pytest.raises(ValueError, match="sum is below 1"):
        clone(groups).set_params(penalty="scad", l1_ratio=0.5, l2_ratio=0.5).fit(X, y)
    with pytest.raises(ValueError, match="above 2"):
        regularization_path(clone(groups).set_params(penalty="scad", gamma=1.5), X, y)


@pytest.mark.parametrize(("kind", "gamma"), KINDS)
def test_values_are_integrals_of_slopes(kind, gamma):
    from skprox.concave import ConcavePenalty, Concavity

    concavity = Concavity(gamma, 1 / gamma if kind == "mcp" else 1 / (gamma - 1))
    penalty = ConcavePenalty.above(Penalty.from_groups([[0, 1]], 0.7, 0.0), 0.7, concavity)
    for t in (0.0, 0.3, 0.69, 0.71, 1.5, 2.09, 2.11, 2.79, 2.81, 9.0):
        coef = t * np.array([0.6, -0.8])
        area, _ = quad(lambda u: slope(kind, 0.7, u, gamma), 0, t, points=sorted({min(0.7, t), min(0.7 * gamma, t)}))
        assert penalty.value(coef) == pytest.approx(area, abs=1e-9)
        assert penalty.slopes(coef)[0] == pytest.approx(slope(kind, 0.7, t, gamma), abs=1e-12)
        other = np.array([0.3, 0.9])
        lasso = penalty.at(coef)
        assert penalty.value(other) - penalty.value(coef) <= lasso.value(other) - lasso.value(coef) + 1e-12
    path = penalty.scaled(2.0)
    assert path.value(np.array([9.0, 0.0])) == pytest.approx(4 * penalty.value(np.array([9.0, 0.0])))
