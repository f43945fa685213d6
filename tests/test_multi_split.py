"""P-values after selection, against statsmodels on the same halves, and error rates by simulation."""

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import statsmodels.api as sm
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import KFold, ShuffleSplit

from skprox import (
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    PoissonGLMRegressor,
    PoissonGLMRegressorCV,
    ProxSGDRegressor,
    multi_split_test,
)
from skprox.multi_split import aggregate

COLUMNS = [f"{group}_sp_{j}" for group, size in zip("abcd", [2, 1, 3, 2], strict=True) for j in range(size)]
GROUPS = {"a": [0, 1], "b": [2], "c": [3, 4, 5], "d": [6, 7]}
LASSO, GROUP_LASSO = PoissonGLMRegressor(alpha=0.1, l1_ratio=1), GroupLassoPoisson(alpha=0.07)
SMALL = {"n_splits": 6, "random_state": 0}


@pytest.fixture
def data(rng):
    X = pd.DataFrame(rng.normal(size=(151, 8)), columns=COLUMNS)
    return X, rng.poisson(np.exp(0.5 + X.to_numpy()[:, [0, 1, 3, 5]] @ [0.3, -0.3, 0.2, 0.2]))


@pytest.fixture
def of_rows(rng):
    """Weights, some of them zero, and exposures."""
    return {
        "sample_weight": rng.uniform(0.5, 2, size=151) * (np.arange(151) % 10 > 0),
        "exposure": rng.uniform(0.5, 2, size=151),
    }


def halves(weight, n_splits=6, random_state=0):
    rows = np.flatnonzero(weight)
    splits = ShuffleSplit(n_splits, train_size=len(rows) // 2, random_state=random_state)
    return [(np.sort(rows[first]), np.sort(rows[second])) for first, second in splits.split(rows)]


def by_statsmodels(model, X, Y, kind, sample_weight=None, exposure=None):
    """Adjusted p-values and selections of each split: shape (n_splits, n_outputs, n_groups) both."""
    X, n = X.to_numpy(), len(X)
    weight = np.ones(n) if sample_weight is None else sample_weight
    exposure, counts = np.ones(n) if exposure is None else exposure, np.asarray(Y).reshape(n, -1)
    p_values, selected = np.ones((2, 6, counts.shape[1], 4))
    for b, (first, second) in enumerate(halves(weight)):
        for k, y in enumerate(counts.T):
            fit = clone(model).set_params(groups=GROUPS)
            fit.fit(X[first], y[first], sample_weight=weight[first], exposure=exposure[first])
            inside = np.flatnonzero(fit.coef_)
            selected[b, k] = [fit.coef_[columns].any() for columns in GROUPS.values()]
            if len(inside) == 0:
                continue
            rows = np.column_stack([np.ones(len(second)), X[second][:, inside]])
            test = sm.GLM(
                y[second], rows, sm.families.Poisson(), exposure=exposure[second], freq_weights=weight[second]
            ).fit(tol=1e-12, scale="X2" if kind == "quasi" else None)
            for g, columns in enumerate(GROUPS.values()):
                contrasts = np.eye(len(inside) + 1)[1:][np.isin(inside, columns)]
                if len(contrasts):
                    p_values[b, k, g] = test.wald_test(contrasts, use_f=kind == "quasi", scalar=True).pvalue
    n_selected = selected.sum(axis=(1, 2), keepdims=True)
    return np.where(selected, np.minimum(1, p_values * n_selected), 1.0), selected.astype(bool)


def by_quantiles(p_values):
    """The definition of the paper, over a fine grid of gamma."""
    gammas = np.linspace(0.05, 1, 20_000)
    least = np.min(np.quantile(p_values, gammas, method="inverted_cdf") / gammas)
    return min(1, (1 - np.log(0.05)) * min(1, least))


@pytest.mark.parametrize("model", [LASSO, GROUP_LASSO])
@pytest.mark.parametrize("kind", ["model", "quasi"])
@pytest.mark.parametrize("weighted", [False, True])
def test_p_values_are_those_of_statsmodels(data, of_rows, model, kind, weighted):
    extra = of_rows if weighted else {}
    table = multi_split_test(model, *data, kind=kind, **SMALL, **extra)
    p_values, selected = by_statsmodels(model, *data, kind, **extra)
    assert list(table.index) == list(GROUPS)
    assert 0 < selected.mean() < 1
    np.testing.assert_array_equal(table["selection_probability"], selected.mean(axis=(0, 1)))
    np.testing.assert_allclose(table["p_value"], aggregate(p_values[:, 0]), rtol=1e-5)
    assert table["p_value"].min() < 0.05


def test_outputs_are_adjusted_for_together(data, rng):
    X, y = data
    Y = np.column_stack([y, rng.permutation(y), 3 * y])
    table = multi_split_test(GROUP_LASSO, X, Y, **SMALL)
    p_values, selected = by_statsmodels(GROUP_LASSO, X, Y, "quasi")
    assert table.index.names == ["output", "group"]
    assert table.index.tolist() == [(k, g) for k in range(3) for g in GROUPS]
    np.testing.assert_allclose(table["p_value"], aggregate(p_values).ravel(), rtol=1e-5)
    np.testing.assert_array_equal(table["selection_probability"], selected.mean(axis=0).ravel())


@pytest.mark.parametrize("n", [1, 7, 20, 50])
def test_splits_are_put_together_by_quantiles(rng, n):
    for scale in (1, 0.1, 0.01):
        p_values = np.minimum(1, scale * rng.uniform(size=n) ** 2)
        assert aggregate(p_values[:, None])[0] == pytest.approx(by_quantiles(p_values), rel=1e-3)


def test_p_values_of_splits_that_are_alike_or_not_keep_their_level(rng):
    shared, own = rng.uniform(size=(1, 20_000)), rng.uniform(size=(50, 20_000))
    for p_values in (np.repeat(shared, 50, axis=0), own, np.where(rng.uniform(size=own.shape) < 0.5, shared, own)):
        assert (aggregate(p_values) <= 0.05).mean() <= 0.05


def test_what_is_never_selected_has_one(data):
    X, y = data
    table = multi_split_test(GroupLassoPoisson(alpha=1e3), X, y, **SMALL)
    assert (table["p_value"] == 1).all()
    assert (table["selection_probability"] == 0).all()


def test_groups_without_a_penalty_are_always_in(data):
    weights = {"a": 1.0, "b": 0.0, "c": np.inf, "d": 1.0}
    table = multi_split_test(GroupLassoPoisson(alpha=0.05, group_weights=weights), *data, **SMALL)
    assert table["selection_probability"].loc[["b", "c"]].tolist() == [1, 0]
    assert table["p_value"]["c"] == 1


@pytest.mark.parametrize(
    "model",
    [
        GroupLassoPoissonCV(alphas=8, cv=3),
        PoissonGLMRegressorCV(alphas=8, l1_ratio=[0.5, 1], cv=KFold(3, shuffle=True, random_state=0)),
    ],
)
def test_estimators_that_cross_validate(data, model):
    table = multi_split_test(model, *data, **SMALL)
    assert table["p_value"]["a"] < 0.05
    again = multi_split_test(model, *data, **SMALL)
    pd.testing.assert_frame_equal(table, again)


def test_columns_that_are_not_told_apart_have_no_effect_of_their_own(data):
    """All that a and its copy say, the other says as well; c and d are what they are without the copy."""
    X, y = data
    twice = pd.concat([X, X[["a_sp_0", "a_sp_1"]].set_axis(["e_sp_0", "e_sp_1"], axis=1)], axis=1)
    model = PoissonGLMRegressor(alpha=1e-3, l1_ratio=1e-3)  # which has all in, and copies alike
    table, alone = (multi_split_test(model, each, y, kind="model", **SMALL) for each in (twice, X))
    assert table["selection_probability"].min() == 1
    assert alone["p_value"]["a"] < 0.01
    assert table["p_value"][["a", "e"]].tolist() == [1, 1]
    assert table["p_value"]["c"] == pytest.approx(alone["p_value"]["c"] * 5 / 4, rel=1e-4)


@pytest.mark.parametrize("groups_of", [str, lambda name: name[0]])
def test_levels_without_a_count_in_a_half(rng, groups_of):
    """Their coefficients have no finite optimum."""
    level = rng.integers(8, size=160)
    X = pd.get_dummies(level, prefix="level", dtype=float).add_prefix("l__")
    X["m"] = rng.normal(size=160)
    y = np.where(level == 3, 0, rng.poisson(np.exp(0.3 + X["m"])))
    table = multi_split_test(GroupLassoPoisson(alpha=0.02, groups=groups_of), X, y, **SMALL)
    assert table["p_value"].between(0, 1).all()
    assert table["p_value"]["m"] < 1e-3


@pytest.mark.parametrize("outputs", [1, 2])
def test_halves_without_a_positive_count(data, outputs):
    X, y = data
    rare = np.where(np.arange(151) == 7, 5, 0)
    Y = rare if outputs == 1 else np.column_stack([y, rare])
    for model in (GROUP_LASSO, GroupLassoPoisson(alpha=0.1, group_weights={"a": 0, "b": 1, "c": 1, "d": 1})):
        table = multi_split_test(model, X, Y, **SMALL)
        assert (table["p_value"].to_numpy()[-4:] == 1).all()


def test_selections_too_large_to_test(rng):
    X, y = rng.normal(size=(60, 40)), rng.poisson(2.0, size=60)
    model = PoissonGLMRegressor(alpha=1e-3, l1_ratio=1)
    with pytest.warns(UserWarning, match=r"In 6 of 6 splits, more columns were selected than a third of the rows"):
        table = multi_split_test(model, X, y, **SMALL)
    assert (table["p_value"] == 1).all()
    assert table["selection_probability"].mean() > 0.3


@pytest.mark.slow
def test_random_state(data):
    tables = {}
    for seed in (0, 1):
        for n_jobs, backend in [(None, "loky"), (2, "loky"), (2, "threading")]:
            with joblib.parallel_config(backend):
                tables[seed, n_jobs, backend] = multi_split_test(
                    GROUP_LASSO, *data, n_splits=6, random_state=seed, n_jobs=n_jobs
                )
    for (seed, *_), table in tables.items():
        pd.testing.assert_frame_equal(table, tables[seed, None, "loky"], rtol=1e-6)
    assert (tables[0, None, "loky"]["p_value"] != tables[1, None, "loky"]["p_value"]).any()


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, sparse.csc_array, sparse.coo_array, pl.from_pandas])
def test_forms_of_rows(data, form):
    X, y = data
    model = clone(GROUP_LASSO).set_params(groups=GROUPS)
    wanted = multi_split_test(GROUP_LASSO, X, y, **SMALL)
    pd.testing.assert_frame_equal(multi_split_test(model, form(X), y.tolist(), **SMALL), wanted, rtol=1e-5)


def test_single_precision(data):
    X, y = data
    wanted = multi_split_test(GROUP_LASSO, X, y, **SMALL)
    table = multi_split_test(GROUP_LASSO, X.astype(np.float32), y.astype(np.float32), **SMALL)
    pd.testing.assert_frame_equal(table, wanted, rtol=1e-3)


def test_columns_with_levels_and_strengths_by_name(data):
    X, y = data
    levels = X.set_axis(pd.MultiIndex.from_tuples([tuple(name.split("_sp_")) for name in COLUMNS]), axis=1)
    weights = {"a": 1, "b": 2, ("c", "0"): 1, "c__1": 1, "c__2": 2, "d": 1}
    model = PoissonGLMRegressor(alpha=0.1, l1_ratio=1, penalty_weights=weights)
    plain = PoissonGLMRegressor(alpha=0.1, l1_ratio=1, penalty_weights=[1, 1, 2, 1, 1, 2, 1, 1])
    tables = multi_split_test(model, levels, y, **SMALL), multi_split_test(plain, X, y, **SMALL)
    pd.testing.assert_frame_equal(*tables)


def test_one_warning_of_columns_without_names(data):
    X, y = data
    with pytest.warns(UserWarning, match="X has no names of columns") as caught:
        multi_split_test(GROUP_LASSO, X.to_numpy(), y, **SMALL)
    assert len(caught) == 1


def test_the_estimator_is_left_alone(data):
    model = GroupLassoPoisson(alpha=0.1)
    multi_split_test(model, *data, n_splits=2)
    assert not hasattr(model, "coef_")
    assert model.groups == "auto"


@pytest.mark.parametrize(
    ("estimator", "params", "error", "message"),
    [
        (ProxSGDRegressor(), {}, TypeError, r"estimator must be a PoissonGLMRegressor.*; got ProxSGDRegressor"),
        (PoissonGLMRegressor(), {}, ValueError, "l1_ratio=0: a ridge penalty, which selects nothing"),
        (GroupLassoPoissonCV(cv=[([0], [1])]), {}, ValueError, "must be a number of folds or a splitter"),
        (GroupLassoPoissonCV(cv=iter([])), {}, ValueError, "must be a number of folds or a splitter"),
        (GROUP_LASSO, {"n_splits": 0}, ValueError, "n_splits"),
        (GROUP_LASSO, {"kind": "sandwich"}, ValueError, "kind"),
        (GroupLassoPoisson(tol=-1), {}, ValueError, "tol"),
        (GROUP_LASSO, {"sample_weight": np.arange(151) == 3}, ValueError, "need at least 2 of positive sample_weight"),
        (GROUP_LASSO, {"exposure": -1}, ValueError, "exposure must be positive"),
        (GROUP_LASSO, {"offset": 1}, TypeError, r"multi_split_test\(\) got .* Pass exposure=np.exp"),
    ],
)
def test_bad_input(data, estimator, params, error, message):
    with pytest.raises(error, match=message):
        multi_split_test(estimator, *data, **params)


def test_negative_counts(data):
    X, y = data
    with pytest.raises(ValueError, match="y must hold counts"):
        multi_split_test(GROUP_LASSO, X, y - 100)


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_errors_are_no_more_frequent_than_the_level(correlation):
    """Of twenty groups without effect, and of eighteen beside two that have one and are found."""
    for effects in ([0.0, 0.0], [0.6, -0.6]):
        errors = 0
        for seed in range(40):
            rng = np.random.default_rng(seed)
            X = np.sqrt(1 - correlation) * rng.normal(size=(200, 20))
            X += np.sqrt(correlation) * rng.normal(size=(200, 1))
            y = rng.poisson(np.exp(0.5 + X[:, :2] @ effects))
            model = PoissonGLMRegressorCV(alphas=10, cv=3)
            found = multi_split_test(model, X, y, n_splits=20, kind="model", random_state=seed)["p_value"] <= 0.05
            errors += found[2 if any(effects) else 0 :].any()
        assert errors <= 5  # of 40 at a level of 0.05: more with a probability of 0.014
