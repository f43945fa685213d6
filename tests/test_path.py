import numpy as np
import pandas as pd
import pytest
from oracles import Oracle
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import PoissonRegressor

from skprox import (
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    PoissonGLMRegressor,
    PoissonGLMRegressorCV,
    mcfadden_scorer,
    regularization_path,
)

TOL = 1e-6  # the default, which every model of a path must meet
LABELS = np.repeat(["a", "b", "c", "d", "e"], [3, 1, 4, 2, 2])
GROUPS = [np.flatnonzero(name == LABELS) for name in "abcde"]
WEIGHTS = {"a": 1.0, "b": 0.5, "c": 2.0, "d": 3.0, "e": 0.3}
FREE = {"a": 1.0, "b": 0.0, "c": 2.0, "d": 0.0, "e": 1.0}
COLUMN_WEIGHTS = np.where(np.isin(LABELS, ["b", "d"]), 0.0, np.linspace(0.5, 2, 12))

# an estimator, the groups of its penalty, and their strengths and ridges where alpha is 1
CASES = {
    "lasso": (PoissonGLMRegressor(l1_ratio=1), range(12), np.ones(12), 0.0),
    "elastic net": (PoissonGLMRegressor(l1_ratio=0.5), range(12), np.full(12, 0.5), 0.5),
    "lasso with free columns": (
        PoissonGLMRegressor(l1_ratio=1, penalty_weights=COLUMN_WEIGHTS),
        range(12),
        COLUMN_WEIGHTS,
        0.0,
    ),
    "elastic net with free columns": (
        PoissonGLMRegressor(l1_ratio=0.3, penalty_weights=COLUMN_WEIGHTS),
        range(12),
        0.3 * COLUMN_WEIGHTS,
        0.7 * COLUMN_WEIGHTS,
    ),
    "group lasso": (GroupLassoPoisson(groups=LABELS), GROUPS, np.sqrt([3, 1, 4, 2, 2]), 0.0),
    "group lasso with weights": (
        GroupLassoPoisson(groups=LABELS, group_weights=WEIGHTS),
        GROUPS,
        np.array(list(WEIGHTS.values())),
        0.0,
    ),
    "group lasso with free groups": (
        GroupLassoPoisson(groups=LABELS, group_weights=FREE),
        GROUPS,
        np.array(list(FREE.values())),
        0.0,
    ),
    "no intercept": (PoissonGLMRegressor(l1_ratio=1, fit_intercept=False), range(12), np.ones(12), 0.0),
    "group lasso without intercept": (
        GroupLassoPoisson(groups=LABELS, group_weights=FREE, fit_intercept=False),
        GROUPS,
        np.array(list(FREE.values())),
        0.0,
    ),
}


@pytest.fixture
def data(rng):
    """Columns of some correlation, and counts that a few of them drive."""
    X = rng.normal(size=(200, 12)) + 0.7 * rng.normal(size=(200, 1))
    return X, rng.poisson(np.exp(0.5 + X[:, [0, 2, 5, 9]] @ [0.3, -0.2, 0.2, 0.1]))


@pytest.fixture
def of_rows(rng):
    """Weights, some of them zero, and exposures."""
    return {
        "sample_weight": rng.uniform(size=200) * (np.arange(200) % 9 > 0),
        "exposure": rng.uniform(0.2, 5, size=200),
    }


def oracle_of(case, X, y, alpha, sample_weight=None, exposure=None):
    model, groups, strength, ridge = CASES[case] if isinstance(case, str) else case
    ridge = alpha * np.asarray(ridge)
    return Oracle(X, y, groups, alpha * strength, ridge, sample_weight, exposure, model.fit_intercept)


def assert_optimal(oracle, coef, intercept, tol=TOL):
    """By its certificate. Next to the critical strength that of the null model is no more than rounding."""
    coef = np.asarray(coef, dtype=float)
    assert oracle.distance(coef, float(intercept)) <= 1.01 * tol * oracle.distance(*oracle.null()) + 1e-13


def assert_path(path, case, X, y, tol=TOL, **of_rows):
    assert path.coefs.shape == (len(path.alphas), X.shape[1])
    assert path.intercepts.shape == path.optimality.shape == path.n_iter.shape == path.alphas.shape
    assert (path.optimality <= tol).all()
    for alpha, coef, intercept in zip(path.alphas, path.coefs, path.intercepts, strict=True):
        assert_optimal(oracle_of(case, X, y, alpha, **of_rows), coef, intercept, tol)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("weighted", [False, True])
def test_every_model_is_optimal(data, of_rows, case, weighted):
    """Of several batches of strengths."""
    extra = of_rows if weighted else {}
    path = regularization_path(CASES[case][0], *data, n_alphas=20, **extra)
    assert len(path.alphas) == 20
    assert_path(path, case, *data, **extra)


@pytest.mark.parametrize("case", CASES)
def test_models_equal_separate_fits(data, of_rows, case):
    model = CASES[case][0]
    path = regularization_path(model, *data, n_alphas=6, alpha_min_ratio=1e-3, **of_rows)
    for k, alpha in enumerate(path.alphas):
        single = clone(model).set_params(alpha=alpha, tol=1e-10).fit(*data, **of_rows)
        np.testing.assert_allclose(path.coefs[k], single.coef_, atol=1e-5)
        assert path.intercepts[k] == pytest.approx(single.intercept_, abs=1e-5)
        oracle = oracle_of(case, *data, alpha, **of_rows)
        assert oracle.value(path.coefs[k], path.intercepts[k]) == pytest.approx(single.objective_, rel=1e-8)
        assert path.deviance_explained[k] == pytest.approx(single.score(*data, **of_rows), abs=1e-6)
        for g, columns in enumerate(path.groups.values()):
            assert path.group_norms[k, g] == pytest.approx(np.linalg.norm(path.coefs[k, columns]), rel=1e-12)


@pytest.mark.parametrize("solver", ["fista", "newton"])
@pytest.mark.parametrize("case", ["elastic net", "group lasso with free groups"])
def test_solvers_agree(data, of_rows, case, solver):
    model = clone(CASES[case][0]).set_params(solver=solver, tol=1e-9)
    path = regularization_path(model, *data, n_alphas=5, **of_rows)
    assert_path(path, case, *data, tol=1e-9, **of_rows)
    auto = regularization_path(model.set_params(solver="auto"), *data, n_alphas=5, **of_rows)
    np.testing.assert_allclose(path.coefs, auto.coefs, atol=1e-7)
    np.testing.assert_array_equal(path.coefs == 0, auto.coefs == 0)


# ---- the grid of strengths


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", [case for case in CASES if "free" not in case and "without" not in case])
def test_grid_starts_where_the_first_group_enters(data, of_rows, case, weighted):
    """Where all are penalised, that is at the largest gradient of the null model, by its strength."""
    extra = of_rows if weighted else {}
    model = CASES[case][0]
    path = regularization_path(model, *data, n_alphas=7, alpha_min_ratio=0.02, **extra)
    oracle = oracle_of(case, *data, 1.0, **extra)
    gradient = oracle.gradient(*oracle.null())[0]
    norms = np.array([np.linalg.norm(gradient[g]) for g in oracle.groups])
    top = (norms / oracle.strength).max()
    np.testing.assert_allclose(path.alphas, top * 0.02 ** (np.arange(7) / 6), rtol=1e-12)
    assert not path.coefs[0].any()
    assert path.intercepts[0] == pytest.approx(oracle.null()[1], abs=1e-12)
    below = regularization_path(model, *data, alphas=[0.99 * top], **extra)
    assert np.count_nonzero(below.group_norms) == np.count_nonzero(
        below.coefs[0][oracle.groups[np.argmax(norms / oracle.strength)]].any()
    )


@pytest.mark.parametrize("case", [case for case in CASES if "free" in case or "without" in case])
def test_grid_starts_at_the_fit_of_free_columns(data, rng, case):
    """By the optimality conditions of the others, at that fit by scikit-learn."""
    X, y = data
    model, groups, strength, _ = CASES[case]
    weight = rng.uniform(size=200)
    free = np.concatenate([np.atleast_1d(g) for g, s in zip(groups, strength, strict=True) if s == 0])
    peer = PoissonRegressor(alpha=0, fit_intercept=model.fit_intercept, tol=1e-12, max_iter=10_000)
    peer.fit(X[:, free], y, sample_weight=weight)
    gradient = (weight * (peer.predict(X[:, free]) - y)) @ X / weight.sum()
    top = max(np.linalg.norm(gradient[g]) / s for g, s in zip(groups, strength, strict=True) if s > 0)
    path = regularization_path(model, X, y, n_alphas=4, sample_weight=weight)
    assert path.alphas[0] == pytest.approx(top, rel=1e-5)
    assert path.alphas[-1] == pytest.approx(path.alphas[0] * 1e-2)
    held = np.setdiff1d(np.arange(12), free)
    assert not path.coefs[0, held].any()
    np.testing.assert_allclose(path.coefs[0, free], peer.coef_, atol=1e-5)
    assert path.intercepts[0] == pytest.approx(peer.intercept_, abs=1e-5)
    assert regularization_path(model, X, y, alphas=[0.99 * top], sample_weight=weight).coefs[0, held].any()


def test_infinite_weights_remove_columns(data):
    """And leave the critical strength to the others."""
    X, y = data
    weights = np.where(np.arange(12) % 3 == 0, np.inf, 1.0)
    path = regularization_path(PoissonGLMRegressor(l1_ratio=1, penalty_weights=weights), X, y, n_alphas=5)
    part = regularization_path(PoissonGLMRegressor(l1_ratio=1), X[:, weights == 1], y, n_alphas=5)
    np.testing.assert_allclose(path.alphas, part.alphas, rtol=1e-12)
    np.testing.assert_allclose(path.coefs[:, weights == 1], part.coefs, atol=1e-5)
    assert not path.coefs[:, weights > 1].any()


def test_strengths_come_out_in_descending_order(data):
    model = PoissonGLMRegressor(l1_ratio=1)
    path = regularization_path(model, *data, alphas=[0.02, 0.5, 0.01, 0.1, 0.1])
    assert path.alphas.tolist() == [0.5, 0.1, 0.1, 0.02, 0.01]
    assert_path(path, "lasso", *data)
    assert regularization_path(model, *data, n_alphas=1).alphas.shape == (1,)


def test_ridge_along_given_strengths(data):
    path = regularization_path(PoissonGLMRegressor(l1_ratio=0, tol=1e-9), *data, alphas=[10, 1, 0.1, 1e-3])
    for alpha, coef in zip(path.alphas, path.coefs, strict=True):
        peer = PoissonRegressor(alpha=alpha, tol=1e-12, max_iter=10_000).fit(*data)
        np.testing.assert_allclose(coef, peer.coef_, atol=1e-6)


def test_strengths_above_the_critical_one(data):
    path = regularization_path(PoissonGLMRegressor(l1_ratio=1), *data, alphas=[1e6, 10.0])
    assert not path.coefs.any()
    assert (path.optimality == 0).all()


# ---- targets, storages, shapes


def test_populations(data, of_rows):
    """As many paths as outputs, on the same strengths: from the largest critical one of all."""
    X, y = data
    Y = np.column_stack([y, np.random.default_rng(3).permutation(y), 3 * y])
    model = GroupLassoPoisson(groups=LABELS, group_weights=FREE)
    path = regularization_path(model, X, Y, n_alphas=5, **of_rows)
    assert path.coefs.shape == (5, 3, 12)
    assert path.group_norms.shape == (5, 3, 5)
    for name in ("intercepts", "deviance_explained", "optimality", "n_iter"):
        assert getattr(path, name).shape == (5, 3)
    tops = []
    for k in range(3):
        single = regularization_path(model, X, Y[:, k], alphas=path.alphas, **of_rows)
        tops.append(regularization_path(model, X, Y[:, k], n_alphas=1, **of_rows).alphas[0])
        for name in ("coefs", "intercepts", "group_norms", "deviance_explained"):
            np.testing.assert_allclose(getattr(path, name)[:, k], getattr(single, name), atol=1e-5, err_msg=name)
        for alpha, coef, intercept in zip(path.alphas, path.coefs[:, k], path.intercepts[:, k], strict=True):
            assert_optimal(oracle_of("group lasso with free groups", X, Y[:, k], alpha, **of_rows), coef, intercept)
    assert path.alphas[0] == pytest.approx(max(tops), rel=1e-6)
    assert len(set(np.round(tops, 6))) == 3
    frame = path.to_frame()
    assert frame.index.names == ["alpha", "output"]
    assert frame.loc[(path.alphas[3], 2), "intercept"] == path.intercepts[3, 2]
    assert frame.loc[(path.alphas[3], 2), "c"] == path.group_norms[3, 2, 2]


def test_optimality_of_each_output(data):
    """By the definition of the certificate, where there is something left to do."""
    X, y = data
    Y = np.column_stack([y, 3 * y[::-1]])
    path = regularization_path(PoissonGLMRegressor(l1_ratio=1, tol=0.05, solver="fista"), X, Y, alphas=[0.05, 0.01])
    assert (path.optimality > 1e-4).any(axis=0).all()
    for i, k in np.ndindex(2, 2):
        oracle = oracle_of("lasso", X, Y[:, k], path.alphas[i])
        assert path.optimality[i, k] == pytest.approx(oracle.certificate(path.coefs[i, k], path.intercepts[i, k]))


def test_patterns_of_each_output(data):
    X, y = data
    weights = np.array([np.ones(12), COLUMN_WEIGHTS])
    path = regularization_path(
        PoissonGLMRegressor(l1_ratio=1, penalty_weights=weights), X, np.column_stack([y, y]), n_alphas=4
    )
    for k, case in enumerate(["lasso", "lasso with free columns"]):
        for alpha, coef, intercept in zip(path.alphas, path.coefs[:, k], path.intercepts[:, k], strict=True):
            assert_optimal(oracle_of(case, X, y, alpha), coef, intercept)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_jobs", [None, 3])
def test_storages_and_types(data, of_rows, storage, dtype, n_jobs, monkeypatch):
    monkeypatch.setattr("skprox.parallel.ENTRIES_A_THREAD", 100)
    X, y = data
    X = (X * (np.abs(X) > 0.8)).astype(dtype)
    tol = TOL if dtype == np.float64 else 1e-4
    model = GroupLassoPoisson(groups=LABELS, tol=tol, n_jobs=n_jobs)
    path = regularization_path(model, storage(X), y, n_alphas=5, **of_rows)
    assert path.coefs.dtype == dtype
    for alpha, coef, intercept in zip(path.alphas, path.coefs, path.intercepts, strict=True):
        oracle = oracle_of("group lasso", X, y, alpha, **of_rows)
        assert (
            oracle.distance(coef, intercept) <= 1.01 * tol * oracle.distance(*oracle.null()) + 10 * np.finfo(dtype).eps
        )
    single = GroupLassoPoisson(groups=LABELS, alpha=path.alphas[-1], tol=tol).fit(X.astype(float), y, **of_rows)
    np.testing.assert_allclose(path.coefs[-1], single.coef_, atol=10 * tol)
    assert path.deviance_explained[-1] == pytest.approx(single.score(X, y, **of_rows), abs=10 * tol)


@pytest.mark.parametrize("penalty", ["lasso", "group lasso"])
def test_more_columns_than_rows(rng, penalty):
    X = rng.normal(size=(60, 300))
    y = rng.poisson(np.exp(0.5 + X[:, [3, 70, 200]] @ [0.6, -0.5, 0.4]))
    labels = np.repeat(range(100), 3)
    case = {
        "lasso": (PoissonGLMRegressor(l1_ratio=1), range(300), np.ones(300), 0.0),
        "group lasso": (GroupLassoPoisson(groups=labels), np.arange(300).reshape(100, 3), np.full(100, 3**0.5), 0.0),
    }[penalty]
    path = regularization_path(case[0], X, y, n_alphas=30)
    assert_path(path, case, X, y)
    assert np.count_nonzero(path.coefs[-1]) > 20
    single = clone(case[0]).set_params(alpha=path.alphas[15], tol=1e-9).fit(X, y)
    np.testing.assert_allclose(path.coefs[15], single.coef_, atol=1e-5)


@pytest.mark.parametrize("solver", ["auto", "fista"])
def test_columns_that_are_alike_and_strengths_far_apart(rng, solver):
    X = rng.normal(size=(150, 1)) + 0.3 * rng.normal(size=(150, 250))
    X *= np.where(np.arange(250) % 2, 1, -1)
    y = rng.poisson(np.exp(0.5 + X[:, :8] @ [0.5, 0.3, 0.4, 0.6, -0.3, 0.3, 0.5, 0.5]))
    case = PoissonGLMRegressor(l1_ratio=1, solver=solver), range(250), np.ones(250), 0.0
    oracle = oracle_of(case, X, y, 0.0)
    top = oracle.distance(*oracle.null())
    path = regularization_path(case[0], X, y, alphas=top * np.array([0.95, 0.8, 0.3, 0.05, 0.01]))
    assert_path(path, case, X, y)
    single = PoissonGLMRegressor(alpha=path.alphas[-1], l1_ratio=1, tol=1e-9).fit(X, y)
    oracle = oracle_of(case, X, y, path.alphas[-1])
    assert oracle.value(path.coefs[-1], path.intercepts[-1]) == pytest.approx(single.objective_, abs=1e-8)


@pytest.mark.parametrize("solver", ["auto", "newton", "fista"])
def test_columns_that_the_strong_rule_drops(rng, solver):
    """Each block has a column near the sum of the others: as they come in its gradient outruns alpha."""
    blocks = rng.normal(size=(400, 12, 10))
    blocks[:, :, 9] = blocks[:, :, :9].sum(axis=2) / 3 + 0.7 * blocks[:, :, 9]
    X = blocks.reshape(400, 120)
    y = rng.poisson(np.exp(1 + X @ np.tile([0.1] * 9 + [-0.2], 12)))
    case = PoissonGLMRegressor(l1_ratio=1, solver=solver), range(120), np.ones(120), 0.0
    path = regularization_path(case[0], X, y, n_alphas=16, alpha_min_ratio=0.03)
    assert_path(path, case, X, y)
    dropped = 0
    for k in range(1, 16):
        oracle = oracle_of(case, X, y, path.alphas[k - 1])
        pull = np.abs(oracle.gradient(path.coefs[k - 1], path.intercepts[k - 1])[0])
        dropped += np.count_nonzero((pull < 2 * path.alphas[k] - path.alphas[k - 1]) & (path.coefs[k] != 0))
    assert dropped > 0  # or this is no test


# ---- what comes back


def test_frames_name_groups(spikes):
    X, y, _ = spikes
    path = regularization_path(GroupLassoPoisson(), X, y, n_alphas=4)
    assert {name: columns.tolist() for name, columns in path.groups.items()} == {"f1": [0, 1, 2, 3, 4], "f2": [5, 6]}
    assert list(path.feature_names) == ["f1__0", "f1__1", "f1__2", "f1__3", "f1__4", "f2__0", "f2__1"]
    frame = path.to_frame()
    assert frame.columns.tolist() == ["f1", "f2", "intercept", "deviance_explained", "optimality", "n_iter"]
    assert frame.index.name == "alpha"
    np.testing.assert_array_equal(frame.index, path.alphas)
    np.testing.assert_allclose(frame["f1"], np.linalg.norm(path.coefs[:, :5], axis=1))
    np.testing.assert_allclose(frame["f2"], np.linalg.norm(path.coefs[:, 5:], axis=1))
    np.testing.assert_array_equal(frame["intercept"], path.intercepts)
    np.testing.assert_array_equal(frame["n_iter"], path.n_iter)
    by_name = {"f1": 0, "f2": 1}
    free = regularization_path(GroupLassoPoisson(group_weights=by_name), X, y, n_alphas=2)
    assert free.to_frame()["f1"].min() > 0
    assert free.to_frame()["f2"].iloc[0] == 0


def test_the_estimator_is_left_alone(data):
    """Fitted or not; and its own alpha plays no part."""
    fitted = GroupLassoPoisson(groups=LABELS, alpha=0.3, warm_start=True).fit(*data)
    before, coef = dict(vars(fitted)), fitted.coef_.copy()
    path = regularization_path(fitted, *data, n_alphas=3)
    assert vars(fitted).keys() == before.keys()
    assert all(vars(fitted)[name] is before[name] for name in before)
    np.testing.assert_array_equal(fitted.coef_, coef)
    unfitted = GroupLassoPoisson(groups=LABELS)
    other = regularization_path(unfitted, *data, n_alphas=3)
    assert "n_features_in_" not in vars(unfitted)
    np.testing.assert_allclose(path.coefs, other.coefs, rtol=1e-9)


def test_nothing_to_explain(data):
    """Counts that are all the same leave no deviance: D² is 1, as that of `score`."""
    X, _ = data
    path = regularization_path(PoissonGLMRegressor(l1_ratio=1), X, np.full(200, 3), alphas=[1.0, 0.1])
    assert not path.coefs.any()
    assert path.deviance_explained.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("count", [1.0, 3.7, 1e5])
def test_nothing_to_explain_but_rounding(data, rng, count, dtype):
    X, alike, exposure = data[0].astype(dtype), np.full(200, count), rng.lognormal(sigma=2, size=200)
    both = {"sample_weight": rng.uniform(size=200), "exposure": exposure}
    for y, of_rows in [
        (alike, {}),
        (alike, {"sample_weight": both["sample_weight"]}),
        (count * exposure, both),
        (np.outer(exposure, [count, 2 * count]), both),
    ]:
        path = regularization_path(GroupLassoPoisson(groups=LABELS), X, y, alphas=[count, count / 10], **of_rows)
        assert (path.deviance_explained == 1).all()
        model = PoissonGLMRegressor(alpha=0.1).fit(X, y, **of_rows)
        assert model.score(X, y, **of_rows) == 1
        assert mcfadden_scorer(model, X, y, **of_rows) == pytest.approx(0, abs=1e-7)
        assert PoissonGLMRegressorCV(alphas=[count]).fit(X, y, **of_rows).score(X, y, **of_rows) == 1
        model.intercept_ += 0.1
        assert model.score(X, y, **of_rows) == 0


def test_deviance_of_large_float32_counts(rng):
    """Sums of counts times their logarithms cancel: all but a millionth of them here."""
    X = rng.normal(size=(500, 3))
    y = rng.poisson(np.exp(12 + 0.01 * X[:, 0]))
    model = PoissonGLMRegressor(l1_ratio=1, tol=1e-4)
    double = regularization_path(model, X, y, n_alphas=3)
    single = regularization_path(model, X.astype(np.float32), y, alphas=double.alphas)
    np.testing.assert_allclose(single.deviance_explained, double.deviance_explained, atol=5e-3)


# ---- errors and warnings


@pytest.mark.parametrize("alpha", [[0.1] * 12, dict.fromkeys("abcde", 0.1), pd.Series(0.1, index=list("abcde"))])
def test_strengths_with_a_structure(data, alpha):
    with pytest.raises(ValueError, match=r"(?s)varies alpha as one number.*penalty_weights"):
        regularization_path(GroupLassoPoisson(groups=LABELS, alpha=alpha), *data)


@pytest.mark.parametrize("ratio", [0, [0.0] + [1.0] * 11])
def test_no_grid_for_a_ridge(data, ratio):
    """Nothing is ever zero there; given strengths will do."""
    model = PoissonGLMRegressor(l1_ratio=ratio)
    with pytest.raises(ValueError, match=r"grid of alphas needs an L1 penalty.*give alphas"):
        regularization_path(model, *data)
    case = model, range(12), np.ones(12) * ratio, 1 - np.ones(12) * ratio
    assert_path(regularization_path(model, *data, alphas=[0.3, 0.03]), case, *data)


@pytest.mark.parametrize("weights", [0.0, np.inf])
def test_no_grid_where_nothing_is_penalised(data, weights):
    """Or all is removed: there is no critical strength, but given strengths will do."""
    model = PoissonGLMRegressor(l1_ratio=1, penalty_weights=weights)
    with pytest.raises(ValueError, match="alphas"):
        regularization_path(model, *data)
    path = regularization_path(model, *data, alphas=[0.3, 0.03])
    oracle = Oracle(*data, range(12), 0.0)
    for coef, intercept in zip(path.coefs, path.intercepts, strict=True):
        if weights:
            assert not coef.any()
        else:
            assert_optimal(oracle, coef, intercept)


@pytest.mark.parametrize(
    ("alphas", "message"),
    [
        ([0.1, 0.0], r"alphas must be a sequence of positive numbers; got shape \(2,\), least 0"),
        ([0.1, -1.0], r"alphas must be .*least -1"),
        ([[0.1, 0.2]], r"alphas must be .*got shape \(1, 2\)"),
        ([0.1, np.nan], "Input alphas contains NaN"),
        ([0.1, np.inf], "Input alphas contains infinity"),
        ([], r"alphas must be a sequence of positive numbers; got shape \(0,\)"),
        (0.1, "'alphas' parameter of regularization_path must be"),
        (["strong"], "could not convert string to float"),
    ],
)
def test_bad_strengths(data, alphas, message):
    with pytest.raises(ValueError, match=message):
        regularization_path(PoissonGLMRegressor(l1_ratio=1), *data, alphas=alphas)


@pytest.mark.parametrize(
    ("name", "value"), [("n_alphas", 0), ("n_alphas", 2.5), ("alpha_min_ratio", 0), ("alpha_min_ratio", 1.5)]
)
def test_bad_grids(data, name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter of regularization_path must be"):
        regularization_path(PoissonGLMRegressor(l1_ratio=1), *data, **{name: value})


def test_bad_rows_and_parameters(data):
    X, y = data
    with pytest.raises(ValueError, match=r"'tol' parameter of .* must be"):
        regularization_path(PoissonGLMRegressor(tol=0), X, y)
    with pytest.raises(ValueError, match="y must hold counts, which are not negative"):
        regularization_path(PoissonGLMRegressor(l1_ratio=1), X, -1.0 - y)
    with pytest.raises(ValueError, match=r"exposure has shape \(3,\)"):
        regularization_path(PoissonGLMRegressor(l1_ratio=1), X, y, exposure=np.ones(3))
    with pytest.raises(ValueError, match=r"(?s)penalty_weights.*must be"):
        regularization_path(PoissonGLMRegressor(l1_ratio=1, penalty_weights=-1), X, y)


@pytest.mark.parametrize("solver", ["newton", "fista", "auto"])
def test_models_that_do_not_converge(data, solver):
    """One warning for all of them, at the line of the call."""
    model = PoissonGLMRegressor(l1_ratio=1, max_iter=1, tol=1e-9, solver=solver)
    with pytest.warns(ConvergenceWarning) as caught:
        path = regularization_path(model, *data, n_alphas=6)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    short = np.count_nonzero(path.optimality > 1e-9)
    assert short > 0
    message = str(caught[0].message)
    assert message.startswith(f"{short} of 6 models stopped with a certificate above tol=1.0e-09, at worst")
    assert f"the strongest at alpha={path.alphas[path.optimality > 1e-9].max():.3g}" in message
    assert "raise max_iter" in message
    assert np.isfinite(path.coefs).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_remedy_for_rounding_is_named(data, dtype):
    X, y = data
    model = GroupLassoPoisson(groups=LABELS, max_iter=1, tol=1e-9)
    with pytest.warns(ConvergenceWarning, match=r"To remedy it, .* or keep to larger alphas") as caught:
        regularization_path(model, X.astype(dtype), y, alphas=[0.01])
    assert ("pass float64" in str(caught[0].message)) == (dtype == np.float32)


def test_warnings_point_to_the_call(data):
    with pytest.warns(UserWarning, match="X has no names of columns") as caught:
        regularization_path(GroupLassoPoisson(), *data, alphas=[0.1])
    assert caught[0].filename == __file__


def test_an_estimator_that_cross_validates_is_told_what_to_do(data):
    with pytest.raises(TypeError, match=r"got GroupLassoPoissonCV.*the one without CV in its name"):
        regularization_path(GroupLassoPoissonCV(), *data)


def test_a_path_says_what_it_is(data):
    path = regularization_path(GroupLassoPoisson(groups=LABELS), *data, alphas=[0.1, 0.01])
    assert repr(path) == "<RegularizationPath: 2 models, alpha 0.1 to 0.01>"


def test_a_pipeline_is_told_what_to_do(data):
    from sklearn.pipeline import make_pipeline

    with pytest.raises(TypeError, match=r"got Pipeline.* Of a pipeline give the last step"):
        regularization_path(make_pipeline(PoissonGLMRegressor(l1_ratio=1)), *data)


@pytest.mark.parametrize("factors", [(1e80, 1.0), (1e-80, 1.0), (1.0, 1e100), (1.0, 1e-80)])
def test_units_do_not_matter(rng, factors):
    """Of columns and of counts, as far as squares of both can be computed."""
    X = rng.normal(size=(100, 5))
    y = rng.poisson(np.exp(0.3 + 0.4 * X[:, 0]))
    model = PoissonGLMRegressor(l1_ratio=1)
    wanted = regularization_path(model, X, y, n_alphas=3)
    path = regularization_path(model, factors[0] * X, factors[1] * y, n_alphas=3)
    np.testing.assert_allclose(path.coefs * factors[0], wanted.coefs, rtol=1e-6)
    assert path.optimality.max() <= 1e-6


def test_a_wide_group_with_exposures_over_decades(rng):
    """Where rounding of a float32 factor pulls along directions without curvature."""
    X, exposure = rng.normal(size=(100, 120)), 10.0 ** rng.uniform(-3, 3, size=100)
    y = rng.poisson(np.exp(0.25 * X[:, :36].sum(axis=1)))
    model = GroupLassoPoisson(groups=["g"] * 120)
    path = regularization_path(model, X, y, n_alphas=10, exposure=exposure)
    assert path.optimality.max() <= 1e-6
    oracle = Oracle(X, y, [range(120)], path.alphas[-1] * np.sqrt(120), exposure=exposure)
    assert oracle.distance(path.coefs[-1], path.intercepts[-1]) <= 2e-6 * oracle.distance(*oracle.null())


def test_groups_named_like_what_a_frame_adds(rng):
    X = rng.normal(size=(50, 3))
    model = GroupLassoPoisson(groups=["intercept", "intercept", "n_iter"])
    path = regularization_path(model, X, rng.poisson(2.0, size=50), n_alphas=2)
    frame = path.to_frame()
    assert list(frame) == ["intercept", "n_iter", "intercept", "deviance_explained", "optimality", "n_iter"]
    np.testing.assert_array_equal(frame.iloc[:, :2], path.group_norms)
    assert path == path


def test_a_line_a_strength(rng, capsys):
    X = rng.normal(size=(50, 3))
    path = regularization_path(PoissonGLMRegressor(l1_ratio=1, verbose=1), X, rng.poisson(2.0, size=50), n_alphas=4)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"alpha {alpha:.4g}" for alpha in path.alphas]
    n_groups = [int(line.split(", ")[-1].removesuffix(" groups")) for line in lines]
    assert n_groups == (path.coefs != 0).sum(axis=1).tolist()
