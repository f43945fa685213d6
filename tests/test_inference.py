"""Covariances against statsmodels, refits and formulas; the table of groups against plain numpy."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer

from skprox import GroupLassoPoisson, PoissonGLMRegressor

TOL = 1e-12


@pytest.fixture
def trips(rng):
    """Counts that vary more than Poisson counts, of rows that count several times."""
    X = rng.normal(size=(300, 3)) + rng.normal(size=(300, 1))
    X[:, 1] += 3
    weight, exposure = rng.integers(1, 4, size=300).astype(float), rng.uniform(0.5, 2, size=300)
    y = rng.poisson(exposure * np.exp(0.3 * X[:, 0]) * rng.gamma(2, 0.5, size=300))
    return X, y, weight, exposure


def statsmodels(X, y, weight, exposure, kind):
    model = sm.GLM(y, X, family=sm.families.Poisson(), freq_weights=weight, exposure=exposure)
    start = model.fit(tol=1e-14).params  # its weights lag a step behind
    return model.fit(start_params=start, cov_type={"model": "nonrobust", "sandwich": "HC0"}[kind]).cov_params()


@pytest.mark.parametrize("kind", ["model", "sandwich"])
@pytest.mark.parametrize("given", [(), ("weight",), ("exposure",), ("weight", "exposure")])
def test_unpenalised_covariance_is_that_of_statsmodels(trips, storage, kind, given):
    X, y, weight, exposure = trips
    weight, exposure = weight if "weight" in given else None, exposure if "exposure" in given else None
    model = PoissonGLMRegressor(alpha=0, tol=TOL).fit(storage(X), y, weight, exposure)
    found = model.covariance(storage(X), y, weight, exposure, kind=kind)
    np.testing.assert_allclose(found, statsmodels(sm.add_constant(X), y, weight, exposure, kind), rtol=1e-6)
    assert list(found) == list(found.index) == ["intercept", "x0", "x1", "x2"]


@pytest.mark.parametrize("kind", ["model", "sandwich"])
def test_without_intercept(trips, kind):
    X, y, weight, exposure = trips
    model = PoissonGLMRegressor(alpha=0, fit_intercept=False, tol=TOL).fit(X, y, weight, exposure)
    found = model.covariance(X, y, weight, exposure, kind=kind)
    np.testing.assert_allclose(found, statsmodels(X, y, weight, exposure, kind), rtol=1e-6)
    assert list(found) == ["x0", "x1", "x2"]


@pytest.mark.parametrize("kind", ["model", "sandwich"])
def test_columns_far_from_zero_and_in_float32(trips, kind):
    """The standard errors of slopes do not depend on where a column starts."""
    X, y, *_ = trips
    wanted = np.diag(statsmodels(sm.add_constant(X), y, None, None, kind))[1:]
    model = PoissonGLMRegressor(alpha=0, tol=1e-9).fit(X + 1e6, y)
    np.testing.assert_allclose(np.diag(model.covariance(X + 1e6, y, kind=kind))[1:], wanted, rtol=1e-5)
    single = X.astype(np.float32)
    found = PoissonGLMRegressor(alpha=0).fit(single, y).covariance(single, y, kind=kind)
    np.testing.assert_allclose(np.diag(found)[1:], wanted, rtol=1e-3)
    assert (found.dtypes == np.float64).all()


RIDGES = {
    "PoissonGLMRegressor": (PoissonGLMRegressor(alpha=[0.1, 0, 0.4], tol=TOL), [0.1, 0, 0.4]),
    "level and pattern": (PoissonGLMRegressor(alpha=0.1, penalty_weights=[1, 0, 4], tol=TOL), [0.1, 0, 0.4]),
    "GroupLassoPoisson": (GroupLassoPoisson(alpha=0, groups=[0, 0, 1], tol=TOL), [0, 0, 0]),
}


@pytest.mark.parametrize("case", RIDGES)
def test_ridge_is_the_inverse_of_the_hessian(trips, case):
    X, y, weight, exposure = trips
    model, ridge = clone(RIDGES[case][0]).fit(X, y, weight, exposure), RIDGES[case][1]
    Z = np.column_stack([np.ones(len(X)), X])
    means = exposure * np.exp(Z @ [model.intercept_, *model.coef_])
    hessian = (Z * (weight * means)[:, None]).T @ Z + weight.sum() * np.diag([0, *ridge])
    np.testing.assert_allclose(model.covariance(X, None, weight, exposure), np.linalg.inv(hessian), rtol=1e-8)


@pytest.mark.parametrize("alpha", [0, 0.2])
def test_sandwich_is_the_infinitesimal_jackknife(trips, alpha):
    """The sum over rows of squared derivatives of the estimates in the rows' weights."""
    X, y, _, exposure = (array[:40] for array in trips)
    model = PoissonGLMRegressor(alpha=alpha, tol=TOL).fit(X, y, exposure=exposure)
    step, moves = 1e-4, []
    for i in range(40):
        ends = []
        for sign in (1, -1):
            weight = np.ones(40)
            weight[i] += sign * step
            moved = clone(model).fit(X, y, weight, exposure)
            ends.append(np.r_[moved.intercept_, moved.coef_])
        moves.append((ends[0] - ends[1]) / (2 * step))
    found = model.covariance(X, y, exposure=exposure, kind="sandwich")
    np.testing.assert_allclose(found, np.transpose(moves) @ moves, rtol=1e-4, atol=1e-7)


def test_covariance_covers_what_it_says(rng):
    """Standard errors are the spread of estimates over repeated samples, where counts are Poisson and where not."""
    X = rng.normal(size=(400, 2))
    rate = np.exp(0.5 + X @ [0.4, 0.0])
    for kind, noise in {"model": lambda: 1.0, "sandwich": lambda: rng.gamma(1.0, 1.0, size=400)}.items():
        fits = []
        for _ in range(300):
            y = rng.poisson(rate * noise())
            model = PoissonGLMRegressor(alpha=0).fit(X, y)
            errors = np.sqrt(np.diag(model.covariance(X, y, kind=kind)))
            fits.append([model.intercept_, *model.coef_, *errors])
        fits = np.array(fits)
        np.testing.assert_allclose(fits[:, 3:].mean(axis=0), fits[:, :3].std(axis=0), rtol=0.15)


def test_columns_that_are_removed(trips):
    X, y, weight, exposure = trips
    model = PoissonGLMRegressor(alpha=[0, np.inf, 0.1], tol=TOL).fit(X, y, weight, exposure)
    kept = PoissonGLMRegressor(alpha=[0, 0.1], tol=TOL).fit(X[:, [0, 2]], y, weight, exposure)
    for kind in ("model", "sandwich"):
        found = model.covariance(X, y, weight, exposure, kind=kind)
        wanted = kept.covariance(X[:, [0, 2]], y, weight, exposure, kind=kind)
        others = ["intercept", "x0", "x2"]
        np.testing.assert_allclose(found.loc[others, others], wanted, rtol=1e-8)
        assert not found["x1"].any()
        assert not found.loc["x1"].any()


@pytest.mark.parametrize("kind", ["model", "sandwich"])
@pytest.mark.parametrize("alpha", [0.1, [[0, 0.1, 0.2], [0.3, 0, np.inf]]])
def test_each_output_has_its_own(trips, kind, alpha):
    X, y, weight, exposure = trips
    X, Y = pd.DataFrame(X, columns=["a", "b", "c"]), np.column_stack([y, y[::-1]])
    found = PoissonGLMRegressor(alpha=alpha, tol=TOL).fit(X, Y, weight, exposure)
    tables = found.covariance(X, Y, weight, exposure, kind=kind), found.summary(X, weight, exposure)
    assert [table.index.names for table in tables] == [["output", "term"], ["output", "group"]]
    for k in range(2):
        single = PoissonGLMRegressor(alpha=alpha if alpha == 0.1 else alpha[k], tol=TOL)
        single.fit(X, Y[:, k], weight, exposure)
        wanted = single.covariance(X, Y[:, k], weight, exposure, kind=kind), single.summary(X, weight, exposure)
        for table, one in zip(tables, wanted, strict=True):
            pd.testing.assert_frame_equal(table.loc[k], one, check_names=False, rtol=1e-6)
            assert list(table.loc[k].index) == list(one.index)


def test_names_of_terms(spikes):
    X, y, _ = spikes
    model = PoissonGLMRegressor(alpha=0.1).fit(X, y)
    assert list(model.covariance(X)) == ["intercept", *(f"f1__{j}" for j in range(5)), "f2__0", "f2__1"]


def test_what_has_no_covariance(trips):
    X, y, _, exposure = trips
    for model in (GroupLassoPoisson(groups=[0, 0, 1]), PoissonGLMRegressor(l1_ratio=[0, 0, 0.1])):
        with pytest.raises(ValueError, match=f"needs a model without an L1 penalty, but this {type(model).__name__}"):
            model.fit(X, y).covariance(X)
    model = PoissonGLMRegressor(alpha=0).fit(X, y)
    with pytest.raises(ValueError, match=r"covariance\(kind='sandwich'\) needs y"):
        model.covariance(X, kind="sandwich")
    with pytest.raises(ValueError, match=r"y has shape \(10,\), but predictions have shape \(300,\)"):
        model.covariance(X, y[:10], kind="sandwich")
    with pytest.raises(ValueError, match="'kind' parameter"):
        model.covariance(X, kind="HC0")
    model.fit(X, y, exposure=exposure)
    with pytest.raises(ValueError, match="fitted with exposure, so that covariance needs exposure as well"):
        model.covariance(X)
    with pytest.raises(ValueError, match="fitted with exposure, so that summary of standard errors needs exposure"):
        model.summary(X)


@pytest.mark.parametrize("column", ["a constant", "a sum of others", "zeros"])
def test_columns_that_depend_on_each_other(trips, storage, column):
    X, y, *_ = trips
    X = np.column_stack([X, {"a constant": np.ones(300), "a sum of others": X[:, 0] + X[:, 1], "zeros": 0 * y}[column]])
    X = storage(X)
    model = PoissonGLMRegressor(alpha=0).fit(X, y)
    with pytest.raises(np.linalg.LinAlgError, match=r"some columns of X are constant, or sums .* or fit with a ridge"):
        model.covariance(X)
    assert model.summary(X)["std_error"].isna().all()
    assert np.isfinite(PoissonGLMRegressor(alpha=0.1).fit(X, y).covariance(X)).all(axis=None)


# ---- summary


def shares(X, coef, groups, weight):
    """From the covariance matrix of what each group adds to the linear predictor."""
    parts = np.column_stack([X[:, group] @ coef[group] for group in groups])
    covariance = np.cov(parts.T, aweights=weight)
    return covariance.sum(axis=0) / covariance.sum()


def test_summary_of_groups(trips, storage):
    X, y, weight, exposure = trips
    X = np.column_stack([X, 0.5 * X[:, 0] + np.random.default_rng(1).normal(size=300)])
    groups = {"a": [0, 1], "b": [2], ("c", 1): [3]}
    alpha = {"a": 0.01, "b": np.inf, ("c", 1): 0.02}
    model = GroupLassoPoisson(alpha=alpha, groups=groups).fit(storage(X), y, weight, exposure)
    table = model.summary(storage(X), weight)
    assert list(table.index) == list(groups)
    assert table.index.name == "group"
    assert list(table["size"]) == [2, 1, 1]
    assert list(table["selected"]) == [True, False, True]
    np.testing.assert_allclose(table["norm"], list(model.group_norms_.values()))
    np.testing.assert_allclose(table["strength"], [0.01 * 2**0.5, np.inf, 0.02])
    np.testing.assert_allclose(table["share"], shares(X, model.coef_, list(groups.values()), weight), atol=1e-12)
    assert table["share"].sum() == pytest.approx(1)
    assert "std_error" not in table
    pd.testing.assert_frame_equal(model.summary(), table[["size", "norm", "strength", "selected"]])
    assert (model.fit(storage(X[:, ::-1]), y).set_params(alpha=99).summary()["strength"] != 99).all()


def test_shares_of_groups_that_work_against_each_other(rng):
    x = rng.normal(size=500)
    X = np.column_stack([x, x + 0.5 * rng.normal(size=500)])
    y = rng.poisson(np.exp(X @ [1.0, -0.5]))
    model = PoissonGLMRegressor(alpha=0).fit(X, y)
    found = model.summary(X)["share"]
    np.testing.assert_allclose(found, shares(X, model.coef_, [[0], [1]], np.ones(500)))
    assert found.iloc[1] < 0
    assert (PoissonGLMRegressor(alpha=np.inf).fit(X, y).summary(X)["share"] == 0).all()


def test_strengths_that_differ_within_a_group(spikes):
    X, y, _ = spikes
    alpha = {"f1": [0.1, 0.2, 0.3, 0.4, 0.5], "f2": 0.5}
    model = PoissonGLMRegressor(alpha=alpha, l1_ratio={"f1": 0.5, "f2": 1}, penalty_weights=2).fit(X, y)
    np.testing.assert_allclose(model.summary()["strength"], [0.6, 1.0])


def test_standard_errors_of_norms(spikes):
    X, y, _ = spikes
    model = PoissonGLMRegressor(alpha=0.01).fit(X, y)
    covariance = model.covariance(X)
    wanted = []
    for group in model.groups_.values():
        names, coef = [model.feature_names_in_[j] for j in group], model.coef_[group]
        slope = [(np.linalg.norm(coef + h) - np.linalg.norm(coef - h)) / 2e-6 for h in 1e-6 * np.eye(len(coef))]
        wanted.append(np.sqrt(slope @ covariance.loc[names, names].to_numpy() @ slope))
    np.testing.assert_allclose(model.summary(X)["std_error"], wanted, rtol=1e-6)
    singles = PoissonGLMRegressor(alpha=0.01, groups=list(range(7))).fit(X, y)
    np.testing.assert_allclose(singles.summary(X)["std_error"], np.sqrt(np.diag(covariance))[1:], rtol=1e-6)
    removed = PoissonGLMRegressor(alpha={"f1": 0.01, "f2": np.inf}).fit(X, y).summary(X)
    assert list(removed["std_error"].isna()) == [False, True]


def test_summary_behind_a_transformer(rng):
    X = pd.DataFrame(rng.uniform(size=(200, 2)), columns=["hour", "temp"])
    splines = SplineTransformer(include_bias=False).set_output(transform="pandas")
    model = make_pipeline(splines, GroupLassoPoisson(alpha=0.01)).fit(X, rng.poisson(np.exp(np.sin(6 * X["hour"]))))
    table = model[-1].summary(model[:-1].transform(X))
    assert list(table.index) == ["hour", "temp"]
    assert table.loc["hour", "share"] > 0.9
