"""Covariances, tables and tests against statsmodels, refits and formulas; shares of groups against plain numpy."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer

from skprox import GroupLassoPoisson, GroupLassoPoissonCV, PoissonGLMRegressor, PoissonGLMRegressorCV

pytestmark = pytest.mark.filterwarnings("ignore:cov_type not fully supported")  # of statsmodels, with weights
TOL = 1e-12
CLUSTERS = np.random.default_rng(5).choice(list("abcdefghijklmnopqrstuvwxyz"), size=300)
KINDS = {
    "model": {"kind": "model"},
    "quasi": {"kind": "quasi"},
    "sandwich": {"kind": "sandwich"},
    "clusters": {"kind": "sandwich", "clusters": CLUSTERS},
}
FITS = {
    "model": {},
    "quasi": {"scale": "X2"},
    "sandwich": {"cov_type": "HC0"},
    "clusters": {"cov_type": "cluster", "cov_kwds": {"groups": pd.factorize(CLUSTERS)[0]}},
}


@pytest.fixture
def trips(rng):
    """Counts that vary more than Poisson counts, of rows that count several times."""
    X = rng.normal(size=(300, 3)) + rng.normal(size=(300, 1))
    X[:, 1] += 3
    weight, exposure = rng.integers(1, 4, size=300).astype(float), rng.uniform(0.5, 2, size=300)
    y = rng.poisson(exposure * np.exp(0.3 * X[:, 0]) * rng.gamma(2, 0.5, size=300))
    return X, y, weight, exposure


def statsmodels(X, y, kind, **rows):
    model = sm.GLM(y, X, family=sm.families.Poisson(), **rows)
    start = model.fit(tol=1e-14).params  # its weights lag a step behind
    return model.fit(start_params=start, **FITS[kind])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("given", [(), ("weight",), ("exposure",), ("weight", "exposure")])
def test_unpenalised_covariance_is_that_of_statsmodels(trips, storage, kind, given):
    X, y, weight, exposure = trips
    weight, exposure = weight if "weight" in given else None, exposure if "exposure" in given else None
    model = PoissonGLMRegressor(alpha=0, tol=TOL).fit(storage(X), y, weight, exposure)
    found = model.covariance(storage(X), y, weight, exposure, **KINDS[kind])
    wanted = statsmodels(sm.add_constant(X), y, kind, freq_weights=weight, exposure=exposure)
    np.testing.assert_allclose(found, wanted.cov_params(), rtol=1e-6)
    assert list(found) == list(found.index) == ["intercept", "x0", "x1", "x2"]


@pytest.mark.parametrize("kind", KINDS)
def test_without_intercept(trips, kind):
    X, y, weight, exposure = trips
    model = PoissonGLMRegressor(alpha=0, fit_intercept=False, tol=TOL).fit(X, y, weight, exposure)
    found = model.covariance(X, y, weight, exposure, **KINDS[kind])
    wanted = statsmodels(X, y, kind, freq_weights=weight, exposure=exposure)
    np.testing.assert_allclose(found, wanted.cov_params(), rtol=1e-6)
    assert list(found) == ["x0", "x1", "x2"]


@pytest.mark.parametrize("kind", KINDS)
def test_tables_are_those_of_statsmodels(trips, storage, kind):
    X, y, weight, exposure = trips
    rows = {"y": y, "sample_weight": weight, "exposure": exposure}
    model = GroupLassoPoisson(alpha=0, groups={"u": [0, 2], "v": [1]}, tol=TOL).fit(storage(X), **rows)
    wanted = statsmodels(sm.add_constant(X), y, kind, freq_weights=weight, exposure=exposure)
    table = model.coef_table(storage(X), **rows, **KINDS[kind], level=0.9)
    columns = ["group", "coef", "rate_ratio", "std_error", "z", "p_value", "rate_ratio_low", "rate_ratio_high"]
    assert list(table) == columns
    assert list(table["group"]) == ["u", "v", "u"]
    assert list(table.index) == ["x0", "x1", "x2"]
    for name, values in {"coef": wanted.params, "z": wanted.tvalues, "p_value": wanted.pvalues}.items():
        np.testing.assert_allclose(table[name], values[1:], rtol=1e-6)
    np.testing.assert_allclose(table["std_error"], wanted.bse[1:], rtol=1e-6)
    bounds = np.exp(np.column_stack([wanted.params, wanted.conf_int(0.1)]))[1:]
    np.testing.assert_allclose(table[["rate_ratio", "rate_ratio_low", "rate_ratio_high"]], bounds, rtol=1e-6)
    tests = model.group_tests(storage(X), **rows, **KINDS[kind])
    assert list(tests["df"]) == [2, 1]
    for (_, found), rows in zip(tests.iterrows(), ([1, 3], [2]), strict=True):
        test = wanted.wald_test(np.eye(4)[rows], use_f=False, scalar=True)
        np.testing.assert_allclose(found["statistic"], test.statistic, rtol=1e-6)
        np.testing.assert_allclose(found["p_value"], test.pvalue, rtol=1e-6)


def test_counts_of_an_exposure_are_rates_of_a_variance_in_inverse_proportion(trips):
    X, y, _, exposure = trips
    model = PoissonGLMRegressor(alpha=0, tol=TOL).fit(X, y, exposure=exposure)
    for kind, given in KINDS.items():
        wanted = statsmodels(sm.add_constant(X), y / exposure, kind, var_weights=exposure).cov_params()
        np.testing.assert_allclose(model.covariance(X, y, exposure=exposure, **given), wanted, rtol=1e-6)


def test_a_row_a_cluster_is_one_observation_whatever_its_weight(trips):
    X, y, weight, _ = trips
    model = PoissonGLMRegressor(alpha=0, tol=TOL).fit(X, y, weight)
    found = model.covariance(X, y, weight, kind="sandwich", clusters=np.arange(300))
    glm = sm.GLM(y, sm.add_constant(X), family=sm.families.Poisson(), var_weights=weight)
    wanted = glm.fit(start_params=glm.fit(tol=1e-14).params, cov_type="HC0").cov_params()
    np.testing.assert_allclose(found, wanted * 300 / 299 * 299 / 296, rtol=1e-6)
    again = model.covariance(X, y, weight / 1000, kind="sandwich", clusters=np.arange(300))
    np.testing.assert_allclose(found, again)


@pytest.mark.parametrize("kind", KINDS)
def test_columns_far_from_zero_and_in_float32(trips, kind):
    """The standard errors of slopes do not depend on where a column starts."""
    X, y, *_ = trips
    wanted = np.diag(statsmodels(sm.add_constant(X), y, kind).cov_params())[1:]
    model = PoissonGLMRegressor(alpha=0, tol=1e-9).fit(X + 1e6, y)
    np.testing.assert_allclose(np.diag(model.covariance(X + 1e6, y, **KINDS[kind]))[1:], wanted, rtol=1e-5)
    single = X.astype(np.float32)
    found = PoissonGLMRegressor(alpha=0).fit(single, y).covariance(single, y, **KINDS[kind])
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
@pytest.mark.parametrize("n_clusters", [None, 6])
def test_sandwich_is_the_infinitesimal_jackknife(trips, storage, alpha, n_clusters, monkeypatch):
    """The sum over rows, or clusters, of squared derivatives of the estimates in their weights."""
    monkeypatch.setattr("skprox.information.CLUSTER_ENTRIES", 8)  # two clusters in a pass
    monkeypatch.setattr("skprox.storage.CHUNK_ROWS", 4)
    X, y, _, exposure = (array[:40] for array in trips)
    model = PoissonGLMRegressor(alpha=alpha, tol=TOL).fit(X, y, exposure=exposure)
    clusters = np.arange(40) if n_clusters is None else np.random.default_rng(2).integers(n_clusters, size=40)
    step, moves = 1e-4, []
    for each in np.unique(clusters):
        ends = []
        for sign in (1, -1):
            moved = clone(model).fit(X, y, 1 + sign * step * (clusters == each), exposure)
            ends.append(np.r_[moved.intercept_, moved.coef_])
        moves.append((ends[0] - ends[1]) / (2 * step))
    wanted = np.transpose(moves) @ moves
    found = model.covariance(storage(X), y, exposure=exposure, kind="sandwich")
    if n_clusters:
        found = model.covariance(storage(X), y, exposure=exposure, kind="sandwich", clusters=clusters)
        wanted *= n_clusters / (n_clusters - 1) * 39 / 36
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-7)


@pytest.mark.slow
def test_covariance_covers_what_it_says(rng):
    """Standard errors are the spread of estimates over repeated samples, where counts are Poisson and where not."""
    X = rng.normal(size=(400, 2))
    rate = np.exp(0.5 + X @ [0.4, 0.0])
    trials = np.repeat(np.arange(80), 5)
    X[:, 1] = X[trials, 1]  # the same throughout a trial
    kinds = {
        "model": (lambda: rng.poisson(rate), {"kind": "model"}),
        "quasi": (lambda: rng.negative_binomial(rate / 2, 1 / 3), {"kind": "quasi"}),
        "sandwich": (lambda: rng.poisson(rate * rng.gamma(1.0, 1.0, size=400)), {"kind": "sandwich"}),
        "clusters": (
            lambda: rng.poisson(rate * rng.gamma(5.0, 0.2, size=80)[trials]),
            {"kind": "sandwich", "clusters": trials},
        ),
    }
    for draw, given in kinds.values():
        fits = []
        for _ in range(300):
            y = draw()
            model = PoissonGLMRegressor(alpha=0).fit(X, y)
            errors = np.sqrt(np.diag(model.covariance(X, y, **given)))
            fits.append([model.intercept_, *model.coef_, *errors])
        fits = np.array(fits)
        np.testing.assert_allclose(fits[:, 3:].mean(axis=0), fits[:, :3].std(axis=0), rtol=0.15)


def test_columns_that_are_removed(trips):
    X, y, weight, exposure = trips
    model = PoissonGLMRegressor(alpha=[0, np.inf, 0.1], tol=TOL).fit(X, y, weight, exposure)
    kept = PoissonGLMRegressor(alpha=[0, 0.1], tol=TOL).fit(X[:, [0, 2]], y, weight, exposure)
    for given in KINDS.values():
        found = model.covariance(X, y, weight, exposure, **given)
        wanted = kept.covariance(X[:, [0, 2]], y, weight, exposure, **given)
        others = ["intercept", "x0", "x2"]
        np.testing.assert_allclose(found.loc[others, others], wanted, rtol=1e-8)
        assert not found["x1"].any()
        assert not found.loc["x1"].any()
    table = model.coef_table(X, sample_weight=weight, exposure=exposure)
    assert table.loc["x1", ["coef", "std_error", "rate_ratio_low", "rate_ratio_high"]].tolist() == [0, 0, 1, 1]
    assert table.loc["x1", ["z", "p_value"]].isna().all()
    wanted = kept.coef_table(X[:, [0, 2]], sample_weight=weight, exposure=exposure)
    columns = list(table)[1:]
    np.testing.assert_allclose(table.loc[["x0", "x2"], columns].astype(float), wanted[columns], rtol=1e-8)
    model.set_params(groups=[0, 0, 1]).fit(X, y, weight, exposure)
    tests = model.group_tests(X, sample_weight=weight, exposure=exposure)
    assert list(tests["df"]) == [1, 1]
    np.testing.assert_allclose(tests["statistic"], wanted["z"] ** 2, rtol=1e-6)
    gone = PoissonGLMRegressor(alpha=[np.inf, np.inf, 0]).set_params(groups=[0, 0, 1]).fit(X, y)
    assert gone.group_tests(X).loc[0, "df"] == 0
    assert gone.group_tests(X).loc[0, ["statistic", "p_value"]].isna().all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("alpha", [0.1, [[0, 0.1, 0.2], [0.3, 0, np.inf]]])
def test_each_output_has_its_own(trips, kind, alpha):
    X, y, weight, exposure = trips
    X, Y = pd.DataFrame(X, columns=["a", "b", "c"]), np.column_stack([y, y[::-1]])
    rows = {"sample_weight": weight, "exposure": exposure}

    def tables(model, y):
        yield model.covariance(X, y, **rows, **KINDS[kind])
        yield model.summary(X, weight)
        yield model.coef_table(X, y, **rows, **KINDS[kind])
        yield model.group_tests(X, y, **rows, **KINDS[kind])

    both = PoissonGLMRegressor(alpha=alpha, tol=TOL).fit(X, Y, weight, exposure)
    found, dispersions = [*tables(both, Y)], both.dispersion(X, Y, **rows)
    names = ["term", "group", "column", "group"]
    assert [table.index.names for table in found] == [["output", name] for name in names]
    for k in range(2):
        single = PoissonGLMRegressor(alpha=alpha if alpha == 0.1 else alpha[k], tol=TOL)
        single.fit(X, Y[:, k], weight, exposure)
        np.testing.assert_allclose(dispersions[k], single.dispersion(X, Y[:, k], **rows))
        for table, one in zip(found, tables(single, Y[:, k]), strict=True):
            pd.testing.assert_frame_equal(table.loc[k], one, check_names=False, rtol=1e-6)
            assert list(table.loc[k].index) == list(one.index)


def test_names_of_terms(spikes):
    X, y, _ = spikes
    model = PoissonGLMRegressor(alpha=0.1).fit(X, y)
    assert list(model.covariance(X)) == ["intercept", *(f"f1__{j}" for j in range(5)), "f2__0", "f2__1"]


def test_what_has_no_covariance(trips):
    X, y, _, exposure = trips
    for model in (GroupLassoPoisson(groups=[0, 0, 1]), PoissonGLMRegressor(l1_ratio=[0, 0, 0.1])):
        with pytest.raises(
            ValueError, match=f"There is no covariance: this {type(model).__name__} has an L1 penalty, .* refit"
        ):
            model.fit(X, y).covariance(X)
    model = PoissonGLMRegressor(alpha=0).fit(X, y)
    with pytest.raises(ValueError, match="fitted with exposure, so that covariance needs exposure as well"):
        clone(model).fit(X, y, exposure=exposure).covariance(X)


@pytest.mark.parametrize("method", ["covariance", "coef_table", "group_tests"])
def test_bad_rows(trips, method):
    X, y, weight, exposure = trips
    model = PoissonGLMRegressor(alpha=0).fit(X, y)
    call = getattr(model, method)
    for kind in ("sandwich", "quasi"):
        with pytest.raises(ValueError, match=rf"{method}\(kind='{kind}'\) needs y"):
            call(X, kind=kind)
    for kind in KINDS:
        with pytest.raises(ValueError, match=r"y has shape \(10,\), but predictions have shape \(300,\)"):
            call(X, y[:10], **KINDS[kind])
    with pytest.raises(ValueError, match="'kind' parameter"):
        call(X, kind="HC0")
    for kind in ("model", "quasi"):
        with pytest.raises(ValueError, match=f"clusters are for kind='sandwich', .* got kind='{kind}'"):
            call(X, y, kind=kind, clusters=CLUSTERS)
    sandwich = {"kind": "sandwich", "sample_weight": weight}
    with pytest.raises(ValueError, match=r"clusters has shape \(10,\); expected \(300,\), a label for each row"):
        call(X, y, **sandwich, clusters=CLUSTERS[:10])
    with pytest.raises(ValueError, match="clusters has no label for row 3; give one for each row"):
        call(X, y, **sandwich, clusters=np.where(np.arange(300) == 3, np.nan, 1.0))
    one = np.where(weight > 1, "one", "other")
    with pytest.raises(ValueError, match=r"clusters must have two labels or more .* got \['one'"):
        call(X, y, kind="sandwich", sample_weight=np.where(weight > 1, weight, 0), clusters=one)
    model = PoissonGLMRegressor(alpha=0.1).fit(X[:4], y[:4] + 1)
    with pytest.raises(ValueError, match="needs more rows than coefficients; got 4 rows of positive weight for 4"):
        getattr(model, method)(X[:4], y[:4], kind="sandwich", clusters=CLUSTERS[:4])
    model.fit(X, y, exposure=exposure)
    with pytest.raises(ValueError, match=f"fitted with exposure, so that {method} needs exposure as well"):
        getattr(model, method)(X)


def test_bad_tables(trips):
    X, y, weight, exposure = trips
    model = PoissonGLMRegressor(alpha=0).fit(X, y)
    for given in ({"y": y}, {"sample_weight": weight}, {"exposure": exposure}, KINDS["quasi"]):
        with pytest.raises(ValueError, match="coef_table needs X, too"):
            model.coef_table(**given)
    with pytest.raises(ValueError, match="'level' parameter"):
        model.coef_table(X, level=95)
    with pytest.raises(ValueError, match=r"There is no dispersion: 1 rows \(the sum of .* no more than the 4 degrees"):
        model.dispersion(X, y, sample_weight=np.full(300, 1 / 300))
    with pytest.raises(ValueError, match=r"y has shape \(10,\), but predictions have shape \(300,\)"):
        model.dispersion(X, y[:10])
    with pytest.raises(ValueError, match="fitted with exposure, so that dispersion needs exposure"):
        model.fit(X, y, exposure=exposure).dispersion(X, y)


def test_tables_of_an_l1_penalty_are_empty_and_say_what_to_do(trips):
    X, y, *_ = trips
    for model in (
        GroupLassoPoisson(alpha=0.01, groups=[0, 0, 1]),
        PoissonGLMRegressor(alpha=0.1, l1_ratio=[0, 0, 0.1]),
        GroupLassoPoissonCV(alphas=3, cv=2, groups=[0, 0, 1]),
        PoissonGLMRegressorCV(alphas=3, cv=2),
    ):
        model.fit(X, y)
        reason = f"this {type(model).__name__} has an L1 penalty, .* skprox.multi_split_test, or refit those"
        with pytest.warns(UserWarning, match=f"coef_table gives NaN: {reason}"):
            table = model.coef_table(X, y, kind="quasi")
        pd.testing.assert_frame_equal(table[["group", "coef", "rate_ratio"]], model.coef_table())
        assert table.iloc[:, 3:].isna().all(axis=None)
        with pytest.warns(UserWarning, match=f"group_tests gives NaN: {reason}"):
            tests = model.group_tests(X)
        assert list(tests["df"]) == ([2, 1] if hasattr(model, "group_weights") else [1, 1, 1])
        assert tests[["statistic", "p_value"]].isna().all(axis=None)


def test_outputs_without_an_l1_penalty_have_theirs(trips):
    X, y, *_ = trips
    model = PoissonGLMRegressor(alpha=[[0.1, 0.1, 0.1], [0, 0, 0]], l1_ratio=1, tol=TOL)
    model.fit(X, np.column_stack([y, y[::-1]]))
    with pytest.warns(UserWarning, match=r"coef_table gives NaN for outputs \[0\]: this PoissonGLMRegressor"):
        table = model.coef_table(X)
    assert table.loc[0, "std_error"].isna().all()
    wanted = PoissonGLMRegressor(alpha=0, tol=TOL).fit(X, y[::-1]).coef_table(X)
    pd.testing.assert_frame_equal(table.loc[1], wanted, rtol=1e-6)


@pytest.mark.parametrize("column", ["a constant", "a sum of others", "zeros"])
def test_columns_that_depend_on_each_other(trips, storage, column):
    X, y, *_ = trips
    X = np.column_stack([X, {"a constant": np.ones(300), "a sum of others": X[:, 0] + X[:, 1], "zeros": 0 * y}[column]])
    X = storage(X)
    model = PoissonGLMRegressor(alpha=0).fit(X, y)
    with pytest.raises(np.linalg.LinAlgError, match=r"some columns of X are constant, or sums .* or fit with a ridge"):
        model.covariance(X)
    with pytest.warns(UserWarning, match="coef_table gives NaN: There is no covariance: some columns of X are const"):
        assert model.coef_table(X)["std_error"].isna().all()
    with pytest.warns(UserWarning, match="group_tests gives NaN: There is no covariance: some columns of X are const"):
        assert model.group_tests(X)["p_value"].isna().all()
    assert model.dispersion(X, y) == pytest.approx(
        PoissonGLMRegressor(alpha=0).fit(X[:, :3], y).dispersion(X[:, :3], y)
    )
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


def test_summary_behind_a_transformer(rng):
    X = pd.DataFrame(rng.uniform(size=(200, 2)), columns=["hour", "temp"])
    splines = SplineTransformer(include_bias=False).set_output(transform="pandas")
    model = make_pipeline(splines, GroupLassoPoisson(alpha=0.01)).fit(X, rng.poisson(np.exp(np.sin(6 * X["hour"]))))
    table = model[-1].summary(model[:-1].transform(X))
    assert list(table.index) == ["hour", "temp"]
    assert table.loc["hour", "share"] > 0.9


# ---- tables and tests


def test_more_columns_than_clusters(trips):
    X, y, *_ = trips
    model = GroupLassoPoisson(alpha=0, groups={"u": [0, 2], "v": [1]}).fit(X, y)
    clusters = np.arange(300) % 2
    with pytest.warns(UserWarning, match=r"gives NaN for \['u'\]: .* clusters are fewer .* drop a level.*'quasi'"):
        tests = model.group_tests(X, y, kind="sandwich", clusters=clusters)
    assert list(tests["statistic"].isna()) == [True, False]
    z = model.coef_table(X, y, kind="sandwich", clusters=clusters).loc["x1", "z"]
    assert tests.loc["v", "statistic"] == pytest.approx(z**2)


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0, 0.05])
def test_errors_of_the_first_kind(rng, alpha):
    """At most as many as promised; as many where nothing is penalised. Counts vary three times as much as Poisson."""
    X = rng.normal(size=(300, 5)) + rng.normal(size=(300, 1))
    rate = np.exp(0.5 + 0.3 * X[:, 0])
    p_values = []
    for _ in range(400):
        y = rng.negative_binomial(rate / 2, 1 / 3)
        model = PoissonGLMRegressor(alpha=alpha, groups=["x", "u", "u", "u", "v"]).fit(X, y)
        p_values.append(model.group_tests(X, y, kind="quasi")["p_value"].loc[["u", "v"]])
    rates = (np.array(p_values) < 0.1).mean(axis=0)
    assert (rates < 0.15).all()
    assert alpha or (rates > 0.06).all()


@pytest.mark.filterwarnings("error")
def test_columns_that_the_counts_tell_nothing_of():
    """Where they are 1 there are no counts: the estimate is as low as the solver got, its error without bounds."""
    X, y = np.repeat(np.eye(3), 50, axis=0)[:, 1:], np.repeat([3, 5, 0], 50)
    table = PoissonGLMRegressor(alpha=0, tol=1e-12).fit(X, y).coef_table(X)
    assert table.loc["x1", ["rate_ratio_low", "rate_ratio_high"]].tolist() == [0, np.inf]
    assert table.loc["x1", "p_value"] > 0.99
    assert table.loc["x0", "std_error"] == pytest.approx(np.sqrt(1 / 150 + 1 / 250))


def test_cross_validated_estimators_have_tables(trips):
    X, y, weight, exposure = trips
    rows = {"sample_weight": weight, "exposure": exposure}
    searched = PoissonGLMRegressorCV(alphas=[1e-3, 0.1], l1_ratio=0, cv=3, tol=TOL).fit(X, y, **rows)
    single = PoissonGLMRegressor(alpha=searched.alpha_, tol=TOL).fit(X, y, **rows)
    for given in KINDS.values():
        for method in ("coef_table", "group_tests"):
            found, wanted = (getattr(model, method)(X, y, **rows, **given) for model in (searched, single))
            pd.testing.assert_frame_equal(found, wanted, rtol=1e-6)
    assert searched.dispersion(X, y, **rows) == pytest.approx(single.dispersion(X, y, **rows))


def test_names_are_those_of_the_transformers(rng):
    X = pd.DataFrame({"temp": rng.uniform(size=300), "sky": rng.choice(["clear", "light rain"], size=300)})
    covariates = make_column_transformer(
        (SplineTransformer(n_knots=3, include_bias=False), ["temp"]),
        (OneHotEncoder(drop="first", sparse_output=False), ["sky"]),
        verbose_feature_names_out=False,
    )
    y = rng.poisson(np.exp(X["temp"]))
    model = make_pipeline(covariates.set_output(transform="pandas"), GroupLassoPoisson(alpha=0)).fit(X, y)
    table = model[-1].coef_table(model[:-1].transform(X))
    assert list(table.index) == [*(f"temp_sp_{j}" for j in range(4)), "sky_light rain"]
    assert list(table["group"]) == ["temp"] * 4 + ["sky_light rain"]
    assert list(model[-1].group_tests(model[:-1].transform(X)).index) == ["temp", "sky_light rain"]


def test_names_of_levels(spikes):
    X, _, Y = spikes
    table = PoissonGLMRegressor(alpha=0.1).fit(X, Y).coef_table(X)
    assert list(table.loc[1].index) == [*(f"f1__{j}" for j in range(5)), "f2__0", "f2__1"]
    assert list(table.loc[1, "group"]) == ["f1"] * 5 + ["f2"] * 2
    tuples = PoissonGLMRegressor(groups={("a", 1): list(range(7))}).fit(X, Y)
    assert list(tuples.coef_table().loc[0, "group"]) == [("a", 1)] * 7


@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_array])
def test_a_constant_column_under_ridge_has_nothing_to_be_unsure_of(storage):
    """Its coefficient is 0 whatever the counts."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(150, 3)), np.full((150, 2), [1.0, 0.7])])
    y, clusters = rng.poisson(np.exp(X[:, 0] / 2)), np.arange(150) % 30
    model = PoissonGLMRegressor(alpha=0.1, tol=1e-10).fit(storage(X), y)
    for options in ({}, {"clusters": clusters}):
        errors = model.coef_table(storage(X), y, kind="sandwich", **options)["std_error"].to_numpy()
        assert (errors[:3] > 0.01).all()
        assert errors[3:].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("kind", [PoissonGLMRegressorCV, GroupLassoPoissonCV])
def test_relaxed_models_count_what_they_have_selected(kind):
    """Their dispersion is that of the fit without a penalty, but its covariance is none of theirs."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 8))
    y = rng.poisson(np.exp(X[:, 0] - X[:, 1]))
    model = kind(groups=np.repeat(list("abcd"), 2), relax=True, cv=3, alphas=10).fit(X, y)
    assert model.relaxed_
    selected = np.flatnonzero(model.coef_)
    assert len(selected) < 8
    again = PoissonGLMRegressor(alpha=0).fit(X[:, selected], y)
    assert model.dispersion(X, y) == pytest.approx(again.dispersion(X[:, selected], y), rel=1e-4)
    with pytest.warns(UserWarning, match=r"coef_table gives NaN: .* skprox.multi_split_test"):
        assert model.coef_table(X)["std_error"].isna().all()
