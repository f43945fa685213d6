"""Groups that share columns: the problem is the one whose columns repeat, with a coefficient each."""

import pickle

import numpy as np
import pandas as pd
import pytest
from oracles import Norms, Oracle
from scipy.sparse import csc_array, csr_array
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV

from skprox import (
    DevianceCurveDisplay,
    GroupImportanceDisplay,
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    PoissonGLMRegressor,
    PopulationDisplay,
    ProxSGDRegressor,
    RegularizationPathDisplay,
    StabilitySelection,
    multi_split_test,
    regularization_path,
    storage,
)

GROUPS = {"a": [0, 1, 2], "b": [2, 3, 4, 5], "c": [5], "d": [6, 0], "e": [7, 8, 9, 1]}
REPEATS = np.array([j for members in GROUPS.values() for j in sorted(members)])
LABELS = np.repeat(list(GROUPS), [len(members) for members in GROUPS.values()])
SLOTS = [np.flatnonzero(name == LABELS) for name in GROUPS]
MASK = np.array([np.isin(np.arange(10), members) for members in GROUPS.values()])
TOL = 1e-10


@pytest.fixture
def data(rng):
    X = rng.normal(size=(300, 10))
    X[:, 4] += X[:, 0]
    rows = {"sample_weight": rng.uniform(0.5, 2, size=300), "exposure": rng.uniform(0.5, 2, size=300)}
    y = rng.poisson(rows["exposure"] * np.exp(0.3 + X[:, [0, 1, 2, 5]] @ [0.4, -0.2, 0.3, -0.3]))
    return X, y, rows


@pytest.fixture(params=["gathered", "repeated"])
def in_place(request, monkeypatch):
    """Small X is gathered, larger X is not copied."""
    if request.param == "repeated":
        monkeypatch.setattr(storage, "CACHED", 10)


def fold(parts):
    """Sums of the parts of each column, by definition."""
    parts = np.asarray(parts)
    return np.stack([parts[..., j == REPEATS].sum(axis=-1) for j in range(10)], axis=-1)


def joined(latent):
    assert list(latent) == list(GROUPS)
    return np.concatenate(list(latent.values()), axis=-1)


def plain(model):
    """The estimator of the problem with repeated columns."""
    return clone(model).set_params(groups=LABELS.tolist(), overlap="error")


MODELS = {
    "latent": {},
    "ratios": {"l1_ratio": 0.3, "l2_ratio": [0.0, 0.2, 0.1, 0.0, 0.4]},
    "weights": {"group_weights": [1.0, 0.5, 0.0, 2.0, np.inf]},
    "no intercept": {"fit_intercept": False},
}


@pytest.mark.parametrize("solver", ["auto", "fista"])
@pytest.mark.parametrize("name", MODELS)
def test_repeated_columns(data, name, solver, in_place):
    X, y, rows = data
    model = GroupLassoPoisson(alpha=0.05, groups=GROUPS, overlap="latent", tol=TOL, solver=solver, **MODELS[name])
    other = plain(model).fit(X[:, REPEATS], y, **rows)
    for groups in (GROUPS, MASK):
        model.set_params(groups=groups).fit(X, y, **rows)
        assert model.objective_ == pytest.approx(other.objective_, rel=1e-9)
        np.testing.assert_allclose(model.coef_, fold(other.coef_), atol=1e-7)
        np.testing.assert_allclose(model.coef_, fold(np.concatenate(list(model.latent_coef_.values()))), atol=1e-15)
        np.testing.assert_allclose([*model.group_norms_.values()], [*other.group_norms_.values()], atol=1e-6)
        assert len(model.selected_groups_) == len(other.selected_groups_)
        assert hasattr(model, "alpha_max_") == hasattr(other, "alpha_max_")
        if hasattr(model, "alpha_max_"):
            assert model.alpha_max_ == pytest.approx(other.alpha_max_, rel=1e-10)
    assert {name: members.tolist() for name, members in model.set_params(groups=GROUPS).fit(X, y).groups_.items()} == {
        name: sorted(members) for name, members in GROUPS.items()
    }


def test_conditions_of_the_optimum(data, in_place):
    X, y, rows = data
    model = GroupLassoPoisson(alpha=0.06, groups=GROUPS, overlap="latent", l1_ratio=0.2, l2_ratio=0.1, tol=TOL)
    model.fit(X, y, **rows)
    weights = np.sqrt([len(members) for members in GROUPS.values()])
    ends = np.full(14, np.inf)
    case = Norms(SLOTS, 0.06 * 0.7 * weights, np.full(14, 0.006), np.full(14, 0.012), -ends, ends)
    oracle = Oracle(X[:, REPEATS], y, [], [], weight=rows["sample_weight"], exposure=rows["exposure"])
    parts = joined(model.latent_coef_)
    gradient, slope = oracle.gradient(parts, model.intercept_)
    assert case.distance(parts, gradient) <= 1e-8
    assert abs(slope) <= 1e-10
    assert model.objective_ == pytest.approx(oracle.value(parts, model.intercept_) + case.value(parts), rel=1e-10)
    assert 0 < len(model.selected_groups_) < 5


def test_selected_columns_are_a_union_of_groups(rng):
    """Two groups that overlap have an effect: latent groups find both, where groups that zero out would lose one."""
    X = rng.normal(size=(800, 30))
    groups = {k: np.arange(4 * k, 4 * k + 6) for k in range(7)}
    y = rng.poisson(np.exp(0.2 + X[:, 4:14] @ np.tile([0.25, -0.25], 5)))
    model = GroupLassoPoisson(alpha=0.09, groups=groups, overlap="latent").fit(X, y)
    assert model.selected_groups_ == [1, 2]
    np.testing.assert_array_equal(np.flatnonzero(model.coef_), np.arange(4, 14))
    apart = GroupLassoPoisson(alpha=0.09, groups=np.minimum(np.arange(30) // 4, 6).tolist()).fit(X, y)
    assert np.count_nonzero(apart.coef_) > 10  # blocks of four hold columns without an effect


def test_groups_that_share_nothing_are_those_of_the_group_lasso(data):
    X, y, rows = data
    groups = {"u": [3, 0], "v": [1, 2], "w": [4, 5, 6, 7, 8, 9]}
    model = GroupLassoPoisson(alpha=0.05, groups=groups, tol=TOL).fit(X, y, **rows)
    latent = clone(model).set_params(overlap="latent").fit(X, y, **rows)
    np.testing.assert_allclose(latent.coef_, model.coef_, atol=1e-8)
    for name, part in latent.latent_coef_.items():
        np.testing.assert_array_equal(part, latent.split_coef()[name])
    assert not hasattr(model, "latent_coef_")
    assert not hasattr(latent.set_params(overlap="error").fit(X, y), "latent_coef_")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_storages(data, storage, in_place, dtype):
    X, y, rows = data
    X = np.where(np.abs(X) > 0.5, X, 0)
    model = GroupLassoPoisson(alpha=0.05, groups=GROUPS, overlap="latent", tol=TOL).fit(X, y, **rows)
    tol, atol = (TOL, 1e-7) if dtype == np.float64 else (1e-5, 1e-4)
    given = storage(X.astype(dtype))
    other = clone(model).set_params(tol=tol).fit(given, y, **rows)
    assert other.coef_.dtype == joined(other.latent_coef_).dtype == dtype
    np.testing.assert_allclose(other.coef_, model.coef_, atol=atol)
    np.testing.assert_allclose(joined(other.latent_coef_), joined(model.latent_coef_), atol=10 * atol)
    np.testing.assert_allclose(other.predict(given, exposure=1), model.predict(X, exposure=1), rtol=10 * atol)


@pytest.mark.parametrize("kind", [csr_array, csc_array])
def test_columns_without_an_entry(data, kind, sparse_stays):
    X, y, rows = data
    wide = np.zeros((300, 50))
    full = 4 * np.arange(10) + 3
    wide[:, full] = np.where(np.abs(X) > 0.5, X, 0)
    groups = {name: full[members].tolist() for name, members in GROUPS.items()}
    groups["a"].append(1)
    groups |= {"empty": [0, 2], "rest": np.setdiff1d(np.arange(50), [*full, 0, 1, 2]).tolist()}
    model = GroupLassoPoisson(alpha=0.03, groups=groups, overlap="latent", tol=TOL).fit(wide, y, **rows)
    other = clone(model).fit(kind(wide), y, **rows)
    np.testing.assert_allclose(other.coef_, model.coef_, atol=1e-7)
    assert other.coef_[1] == 0
    assert other.selected_groups_ == model.selected_groups_
    np.testing.assert_allclose([*other.group_norms_.values()], [*model.group_norms_.values()], atol=1e-6)
    select = StabilitySelection(model.set_params(tol=1e-6), n_resamples=4, n_alphas=4, random_state=0)
    shares = [clone(select).fit(each, y, **rows).stability_path_ for each in (wide, kind(wide))]
    np.testing.assert_array_equal(*shares)
    assert shares[0].any()
    assert not shares[0][:, 5].any()


def test_large_sparse_designs_work_on_few_columns(rng, sparse_stays):
    """Few of many columns are copied for the steps in between, by their place in X."""
    X = np.where(rng.uniform(size=(400, 600)) < 0.1, 1.0, 0.0)
    y = rng.poisson(np.exp(0.2 + X[:, :6] @ [0.8, -0.8, 0.8, 0.8, -0.6, 0.7]))
    groups = {k: np.arange(6 * k, min(6 * k + 9, 600)) for k in range(100)}
    repeats = np.concatenate(list(groups.values()))
    labels = np.repeat(np.arange(100), [len(members) for members in groups.values()])
    other = GroupLassoPoisson(alpha=0.02, groups=labels.tolist(), tol=1e-9).fit(X[:, repeats], y)
    for kind in (csr_array, csc_array):
        model = GroupLassoPoisson(alpha=0.02, groups=groups, overlap="latent", tol=1e-9).fit(kind(X), y)
        assert model.objective_ == pytest.approx(other.objective_, rel=1e-9)
        assert model.selected_groups_ == other.selected_groups_
        parts = np.concatenate(list(model.latent_coef_.values()))
        np.testing.assert_allclose(parts, other.coef_, atol=1e-6)


def test_outputs_and_strengths(data):
    X, y, rows = data
    Y = pd.DataFrame({"up": y, "down": y[::-1]})
    table = pd.DataFrame([[0.04, 0.05, 0.1, 0.02, 0.03], [0.0, 0.1, np.inf, 0.1, 0.1]], ["up", "down"], list(GROUPS))
    model = GroupLassoPoisson(alpha=table, groups=GROUPS, overlap="latent", tol=TOL).fit(X, Y, **rows)
    assert model.latent_coef_["b"].shape == (2, 4)
    assert model.group_norms_["b"].shape == (2,)
    for k, name in enumerate(Y):
        single = clone(model).set_params(alpha=dict(table.loc[name])).fit(X, Y[name], **rows)
        np.testing.assert_allclose(model.coef_[k], single.coef_, atol=1e-8)
        np.testing.assert_allclose(joined(model.latent_coef_)[k], joined(single.latent_coef_), atol=1e-7)
    assert not model.latent_coef_["c"][1].any()
    summary = model.summary(X)
    assert summary.loc[("up", "b"), "size"] == 4
    assert summary.loc[("up", "b"), "strength"] == pytest.approx(0.05 * 2)
    assert summary.loc[("up", "b"), "norm"] == pytest.approx(np.linalg.norm(model.latent_coef_["b"][0]))
    eta = X @ model.coef_[0]
    for name, members in GROUPS.items():
        share = np.cov(X[:, sorted(members)] @ model.latent_coef_[name][0], eta)[0, 1] / eta.var(ddof=1)
        assert summary.loc[("up", name), "share"] == pytest.approx(share, abs=1e-9)
    assert summary["share"].loc["up"].sum() == pytest.approx(1)
    assert list(model.coef_table()["group"].loc["up"])[:4] == [("a", "d"), ("a", "e"), ("a", "b"), ("b",)]
    PopulationDisplay.from_estimator(model)


def test_warm_start(data):
    X, y, _ = data
    model = GroupLassoPoisson(alpha=0.05, groups=GROUPS, overlap="latent", tol=TOL, warm_start=True).fit(X, y)
    first, n_iter = model.coef_, model.n_iter_
    assert n_iter > 1
    np.testing.assert_allclose(model.fit(X, y).coef_, first, atol=1e-8)
    assert model.n_iter_ == 1
    other = GroupLassoPoisson(alpha=0.05, tol=TOL, groups=np.arange(10).tolist()).fit(X, y)
    model.set_params(groups=np.arange(10).tolist(), overlap="error").fit(X, y)
    np.testing.assert_allclose(model.coef_, other.coef_, atol=1e-8)


def test_path(data, in_place):
    X, y, rows = data
    model = GroupLassoPoisson(groups=GROUPS, overlap="latent", l1_ratio=0.1, tol=TOL)
    for target in (y, np.column_stack([y, y[::-1]])):
        path = regularization_path(model, X, target, n_alphas=8, **rows)
        other = regularization_path(plain(model), X[:, REPEATS], target, n_alphas=8, **rows)
        np.testing.assert_allclose(path.alphas, other.alphas, rtol=1e-10)
        np.testing.assert_allclose(joined(path.latent_coefs), other.coefs, atol=1e-6)
        np.testing.assert_allclose(path.coefs, fold(other.coefs), atol=1e-6)
        np.testing.assert_allclose(path.group_norms, other.group_norms, atol=1e-6)
        np.testing.assert_allclose(path.deviance_explained, other.deviance_explained, atol=1e-10)
        np.testing.assert_allclose(path.degrees_of_freedom, other.degrees_of_freedom, rtol=1e-5)
        np.testing.assert_allclose(path.information_criterion("ebic"), other.information_criterion("ebic"), rtol=1e-6)
        assert list(path.to_frame())[:5] == list(GROUPS)
        assert path.feature_names == [f"x{j}" for j in range(10)]
        assert list(pickle.loads(pickle.dumps(path)).latent_coefs) == list(GROUPS)
    display = RegularizationPathDisplay.from_path(regularization_path(model, X, y, n_alphas=8))
    assert len(display.lines_) == 5
    assert len(display.plot(kind="coef").lines_) == 14


def test_cross_validation(data, in_place):
    X, y, rows = data
    search = GroupLassoPoissonCV(alphas=8, cv=3, groups=GROUPS, overlap="latent", tol=TOL).fit(X, y, **rows)
    other = plain(search).fit(X[:, REPEATS], y, **rows)
    np.testing.assert_allclose(search.deviance_path_, other.deviance_path_, atol=1e-8)
    assert search.alpha_ == pytest.approx(other.alpha_)
    np.testing.assert_allclose(joined(search.latent_coef_path_), other.coef_path_, atol=1e-6)
    np.testing.assert_allclose(search.coef_path_, fold(other.coef_path_), atol=1e-6)
    np.testing.assert_allclose(search.coef_, fold(other.coef_), atol=1e-6)
    np.testing.assert_allclose(joined(search.latent_coef_), other.coef_, atol=1e-6)
    assert search.dispersion(X, y, **rows) == pytest.approx(other.dispersion(X[:, REPEATS], y, **rows), rel=1e-6)
    counts = DevianceCurveDisplay.from_estimator(search).n_groups
    np.testing.assert_array_equal(counts, DevianceCurveDisplay.from_estimator(other).n_groups)
    assert len(RegularizationPathDisplay.from_estimator(search).lines_) == 5
    assert not hasattr(search.set_params(overlap="error", groups=LABELS[:10]).fit(X, y), "latent_coef_path_")


def test_callbacks_score_what_is_fitted_so_far(data):
    pytest.importorskip("sklearn.callback")
    from sklearn.callback import ScoringMonitor

    X, y, _ = data
    model, monitor = GroupLassoPoissonCV(alphas=3, cv=2, groups=GROUPS, overlap="latent"), ScoringMonitor(scoring="r2")
    model.set_callbacks(monitor).fit(X, y)
    path = regularization_path(GroupLassoPoisson(groups=GROUPS, overlap="latent"), X, y, alphas=model.alphas_)
    means = np.exp(X @ path.coefs.T + path.intercepts)
    wanted = [r2_score(y, each) for each in [model.predict(X), *means.T]]
    np.testing.assert_allclose(monitor.get_logs().data_as_pandas["r2"], wanted, rtol=1e-4, atol=1e-8)


def test_relaxed_fits_are_those_of_the_union(data, in_place):
    X, y, rows = data
    search = GroupLassoPoissonCV(alphas=[0.25, 0.2, 0.18], cv=3, groups=GROUPS, overlap="latent", relax=True, tol=TOL)
    search.fit(X, y, **rows)
    assert search.relaxed_
    selected = np.flatnonzero(search.coef_)
    assert 0 < len(selected) < 10
    free = PoissonGLMRegressor(alpha=0, tol=TOL).fit(X[:, selected], y, **rows)
    np.testing.assert_allclose(search.coef_[selected], free.coef_, atol=1e-6)
    np.testing.assert_allclose(search.coef_, fold(joined(search.latent_coef_)), atol=1e-12)
    assert search.dispersion(X, y, **rows) == pytest.approx(free.dispersion(X[:, selected], y, **rows), rel=1e-5)
    penalised = search.coef_path_[np.flatnonzero(search.alphas_ == search.alpha_)[0]]
    np.testing.assert_array_equal(np.flatnonzero(penalised), selected)


def test_relaxed_fits_count_columns_once(rng):
    """Half as many columns as rows may be refitted, however often they repeat."""
    X = rng.normal(size=(40, 12))
    y = rng.poisson(np.exp(0.5 + X[:, 0]))
    search = GroupLassoPoissonCV(alphas=[1e-3], cv=2, groups=1 - np.eye(3, 12), overlap="latent", relax=True)
    assert np.isnan(search.fit(X[:, :12], y).relaxed_deviance_path_).all()  # 12 columns of 20 rows
    search.set_params(groups=1 - np.eye(3, 8))
    assert np.isfinite(search.fit(X[:, :8], y).relaxed_deviance_path_).all()


def test_ridge_on_parts_is_ridge_on_sums(data):
    """The least of sum_g r_g v_g^2 for a given sum: strengths in series."""
    X, y, rows = data
    ridge = dict(zip(GROUPS, [0.1, 0.2, 0.3, np.inf, 0.05], strict=True))
    model = GroupLassoPoisson(alpha=ridge, groups=GROUPS, overlap="latent", l2_ratio=1, tol=TOL).fit(X, y, **rows)
    softness = np.zeros(10)
    for name, members in GROUPS.items():
        softness[members] += 1 / ridge[name]
    with np.errstate(divide="ignore"):
        other = PoissonGLMRegressor(alpha=1 / softness, tol=TOL).fit(X, y, **rows)
    np.testing.assert_allclose(model.coef_, other.coef_, atol=1e-8)
    assert model.coef_[6] == 0
    assert model.objective_ == pytest.approx(other.objective_, rel=1e-10)
    for kind in ("model", "quasi", "sandwich"):
        covariances = [each.covariance(X, y, **rows, kind=kind) for each in (model, other)]
        np.testing.assert_allclose(*covariances, rtol=1e-5, atol=1e-10)
    tests = model.group_tests(X, **rows)
    assert tests["df"].tolist() == [3, 4, 1, 1, 4]
    wald = other.coef_[5] ** 2 / other.covariance(X, **rows).loc["x5", "x5"]
    assert tests.loc["c", "statistic"] == pytest.approx(wald, rel=1e-5)


def test_selected_groups_can_be_refitted(data):
    X, y, _ = data
    strengths = dict(zip(GROUPS, [0, 0, np.inf, np.inf, np.inf], strict=True))
    model = GroupLassoPoisson(alpha=strengths, groups=GROUPS, overlap="latent", tol=TOL).fit(X, y)
    other = PoissonGLMRegressor(alpha=0, tol=TOL).fit(X[:, :6], y)
    np.testing.assert_allclose(model.coef_, np.r_[other.coef_, np.zeros(4)], atol=1e-7)
    errors = [each.coef_table(rows)["std_error"] for each, rows in ((model, X), (other, X[:, :6]))]
    np.testing.assert_allclose(errors[0][:6], errors[1], rtol=1e-6)
    assert (errors[0][6:] == 0).all()


def test_degrees_of_freedom(rng):
    """Their number is by how much expected counts follow the counts, sum_i d mu_i / d y_i."""
    X = rng.normal(size=(25, 10))
    y = 1.0 + rng.poisson(np.exp(0.5 + X[:, [0, 1, 2]] @ [0.5, -0.3, 0.2]))
    model = GroupLassoPoisson(alpha=0.1, groups=GROUPS, overlap="latent", tol=1e-12)
    freedom, step = 0.0, 1e-4
    for i, row in enumerate(np.eye(25)):
        up, down = (clone(model).fit(X, y + s * step * row).predict(X)[i] for s in (1, -1))
        freedom += (up - down) / (2 * step)
    means = model.fit(X, y).predict(X)
    assert len(model.selected_groups_) > 1
    assert model.dispersion(X, y) == pytest.approx(np.sum((y - means) ** 2 / means) / (25 - freedom), rel=1e-4)
    assert regularization_path(model, X, y, alphas=[0.1]).degrees_of_freedom[0] == pytest.approx(freedom, rel=1e-4)


def test_stability_selection(data):
    X, y, rows = data
    model = GroupLassoPoisson(groups=GROUPS, overlap="latent", group_weights=[1, 2, 1, 1, 0])
    selector = StabilitySelection(model, n_resamples=6, n_alphas=5, random_state=0).fit(X, y, **rows)
    other = StabilitySelection(plain(model), n_resamples=6, n_alphas=5, random_state=0).fit(X[:, REPEATS], y, **rows)
    np.testing.assert_array_equal(selector.stability_path_, other.stability_path_)
    assert selector.error_bound_ == other.error_bound_
    kept = {j for name in selector.selected_groups_ for j in GROUPS[name]}
    assert np.flatnonzero(selector.get_support()).tolist() == sorted(kept)
    assert kept >= {7, 8, 9, 1}


def test_importance_of_groups(data):
    X, y, _ = data
    model = GroupLassoPoisson(alpha=0.03, groups=GROUPS, overlap="latent").fit(X, y)
    norms = GroupImportanceDisplay.from_estimator(model).importances
    np.testing.assert_allclose(norms, [*model.group_norms_.values()])
    rises = GroupImportanceDisplay.from_estimator(model, X, y, kind="deviance").importances
    repeated = plain(model).fit(X[:, REPEATS], y)
    wanted = GroupImportanceDisplay.from_estimator(repeated, X[:, REPEATS], y, kind="deviance").importances
    np.testing.assert_allclose(rises, wanted, atol=1e-5)


def test_search_pickle_and_clone(data):
    X, y, _ = data
    model = GroupLassoPoisson(alpha=0.05, groups=MASK, overlap="latent")
    best = GridSearchCV(model, {"alpha": [0.03, 0.1], "l1_ratio": [0.0, 0.3]}, cv=2).fit(X, y).best_estimator_
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(best)).predict(X), best.predict(X))
    np.testing.assert_array_equal(clone(best).fit(X, y).coef_, best.coef_)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"overlap": "error"}, r"columns \['x0', 'x1', 'x2', 'x5'\] are in more than one group.*overlap='latent'"),
        ({"overlap": "sum"}, "'overlap' parameter"),
        ({"groups": {"a": [0, 1], "b": [1, 2]}}, "in no group; each column of X must be in one or more"),
        ({"groups": {"a": slice(None), "b": [1, 1]}}, r"groups\['b'\] names columns twice: \['x1'\]"),
        ({"groups": {"a": slice(None), "b": []}}, r"no column of X is in \['b'\]"),
        ({"group_weights": [1.0] * 10}, r"group_weights has shape \(10,\); for 5 groups"),
        ({"group_weights": {"a": 1, "b": 1, "c": 1, "d": 1}}, r"misses the columns \[\"x1 in 'e'\""),
        ({"group_weights": {"x0": 1, "b": 1}}, r"entries for \['x0'\], which are neither groups nor columns"),
    ],
)
def test_errors(data, params, message):
    X, y, _ = data
    X = pd.DataFrame(X, columns=[f"x{j}" for j in range(10)])
    for kind in (GroupLassoPoisson, GroupLassoPoissonCV):
        with pytest.raises(ValueError, match=message):
            kind(**{"groups": GROUPS, "overlap": "latent"} | params).fit(X, y)


def test_estimators_without_latent_groups_name_the_one_that_has_them(data):
    X, y, _ = data
    for model in (PoissonGLMRegressor(groups=GROUPS), ProxSGDRegressor(loss="poisson", groups=GROUPS)):
        with pytest.raises(ValueError, match="give GroupLassoPoisson overlap='latent'"):
            model.fit(X, y)


def test_what_can_not_be_tested(data):
    X, y, _ = data
    with pytest.raises(ValueError, match=r"overlap='latent', whose groups share columns.*groups='auto'"):
        multi_split_test(GroupLassoPoissonCV(groups=GROUPS, overlap="latent"), X, y)


def test_columns_too_large_to_be_squared_are_named(data):
    X, y, _ = data
    X[:, 2] = 1e200
    with pytest.raises(ValueError, match="too large to be squared, in column \"x2 in 'a'\""):
        GroupLassoPoisson(groups=GROUPS, overlap="latent").fit(X, y)
