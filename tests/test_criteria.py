"""Degrees of freedom by refits of counts that change a little, and criteria by statsmodels and by hand."""

import pickle

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import sparse
from scipy.special import comb
from scipy.stats import poisson
from sklearn.base import clone

from skprox import GroupLassoPoisson, PoissonGLMRegressor, StabilitySelection, regularization_path

LABELS = np.repeat(["a", "b", "c", "d"], [3, 1, 2, 2])
GROUP_LASSO = GroupLassoPoisson(groups=LABELS)
CASES = {
    "lasso": PoissonGLMRegressor(l1_ratio=1),
    "elastic net": PoissonGLMRegressor(l1_ratio=0.3),
    "ridge": PoissonGLMRegressor(l1_ratio=0),
    "free columns": PoissonGLMRegressor(l1_ratio=0.5, penalty_weights=[0, 0, 1, 1, 1, 2, 1, 1]),
    "group lasso": GROUP_LASSO,
    "free group": GroupLassoPoisson(groups=LABELS, group_weights={"a": 1, "b": 0, "c": 1, "d": np.inf}),
    "no intercept": GroupLassoPoisson(groups=LABELS, fit_intercept=False),
}


@pytest.fixture
def data(rng):
    X = rng.normal(size=(40, 8)) + 0.5 * rng.normal(size=(40, 1))
    return X, rng.poisson(np.exp(1 + X[:, [0, 3, 4]] @ [0.4, -0.3, 0.3])) + 0.1


@pytest.fixture
def of_rows(rng):
    return {"sample_weight": rng.uniform(0.5, 3, size=40), "exposure": rng.uniform(0.5, 2, size=40)}


def by_refits(model, X, y, sample_weight=None, exposure=None):
    """sum_i mu_i d eta_i / d y_i, what the trace stands for, by central differences."""
    extra = {"sample_weight": sample_weight, "exposure": exposure}
    model = clone(model).set_params(tol=1e-12)
    means, df, step = model.fit(X, y, **extra).predict(X, exposure=exposure), 0.0, 1e-4
    for i in range(len(y)):
        moved = np.outer([1, -1], np.where(np.arange(len(y)) == i, step, 0.0)) + y
        up, down = (clone(model).fit(X, each, **extra).predict(X, exposure=exposure)[i] for each in moved)
        df += means[i] * (np.log(up) - np.log(down)) / (2 * step)
    return df


@pytest.mark.filterwarnings("ignore:.*with a certificate")  # of 1e-12
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("weighted", [False, True])
def test_degrees_of_freedom_are_those_of_refits(data, of_rows, case, weighted):
    extra = of_rows if weighted else {}
    model = clone(CASES[case]).set_params(tol=1e-10)
    path = regularization_path(model, *data, alphas=[0.15, 0.03], **extra)
    wanted = [by_refits(clone(model).set_params(alpha=alpha), *data, **extra) for alpha in path.alphas]
    np.testing.assert_allclose(path.degrees_of_freedom, wanted, rtol=1e-4)


def test_the_lasso_counts_its_coefficients(data):
    path = regularization_path(CASES["lasso"], *data, n_alphas=15)
    np.testing.assert_allclose(path.degrees_of_freedom, 1 + (path.coefs != 0).sum(axis=1))


def test_a_group_counts_for_less_than_its_size(data):
    path = regularization_path(GROUP_LASSO, *data, n_alphas=15)
    sizes = (path.group_norms > 0) @ [3, 1, 2, 2]
    n_groups = (path.group_norms > 0).sum(axis=1)
    inside = path.group_norms[:, [0, 2, 3]].any(axis=1)
    df = path.degrees_of_freedom
    assert inside.sum() > 5
    assert (df[inside] < 1 + sizes[inside] - 1e-3).all()
    assert (df >= 1 + n_groups - 1e-9).all()


@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_array])
def test_ridge_of_more_columns_than_rows(rng, storage):
    """By the formula itself, of intercept and all columns at once."""
    X = rng.normal(size=(30, 50)) * (rng.uniform(size=(30, 50)) < 0.5)
    y = rng.poisson(np.exp(1 + X[:, 0]))
    path = regularization_path(PoissonGLMRegressor(l1_ratio=0, tol=1e-9), storage(X), y, alphas=[0.3, 0.05])
    for k, alpha in enumerate(path.alphas):
        Z = np.column_stack([np.ones(30), X])
        means = np.exp(Z @ np.r_[path.intercepts[k], path.coefs[k]])
        H = Z.T @ (Z * means[:, None]) / 30
        wanted = np.trace(np.linalg.solve(H + np.diag(np.r_[0, np.full(50, alpha)]), H))
        assert path.degrees_of_freedom[k] == pytest.approx(wanted, rel=1e-6)


def test_columns_that_say_nothing_new_do_not_count(data):
    X, y = data
    X = np.column_stack([X[:, :3], X[:, 0] + X[:, 1], np.full(40, 7e8), X[:, 3], X[:, 3]])
    model = PoissonGLMRegressor(l1_ratio=1, penalty_weights=[0] * 5 + [1, 1])
    for rows in (X, sparse.csr_array(X)):
        path = regularization_path(model, rows, y, alphas=[1e4, 0.01])
        np.testing.assert_allclose(path.degrees_of_freedom, [4, 5], rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_criteria_are_those_of_statsmodels(data, of_rows, weighted):
    """Where nothing is penalised but a column that is out."""
    X, y = data
    y, extra = np.floor(y), of_rows if weighted else {}
    model = PoissonGLMRegressor(l1_ratio=1, penalty_weights=[0] * 7 + [1], tol=1e-10)
    path = regularization_path(model, X, y, alphas=[1e6], **extra)
    peer = sm.GLM(
        y,
        sm.add_constant(X[:, :7]),
        sm.families.Poisson(),
        exposure=extra.get("exposure"),
        freq_weights=extra.get("sample_weight"),
    ).fit(tol=1e-12)
    n = extra.get("sample_weight", np.ones(40)).sum()
    assert path.degrees_of_freedom[0] == pytest.approx(8)
    assert path.n_samples == pytest.approx(n)
    assert path.log_likelihood[0] == pytest.approx(peer.llf)
    assert path.deviance[0] == pytest.approx(peer.deviance)
    assert path.information_criterion("aic")[0] == pytest.approx(peer.aic)
    assert path.information_criterion("bic")[0] == pytest.approx(-2 * peer.llf + np.log(n) * 8)
    assert path.information_criterion("ebic")[0] == path.information_criterion("bic")[0]
    assert path.information_criterion("gcv")[0] == pytest.approx(n * peer.deviance / (n - 8) ** 2)
    if not weighted:
        assert path.information_criterion("bic")[0] == pytest.approx(peer.bic_llf)


@pytest.mark.parametrize("case", ["lasso", "group lasso", "free group"])
def test_criteria_by_hand(data, case):
    X, y = data
    y = np.floor(y)
    path = regularization_path(CASES[case], X, y, n_alphas=50)
    df = path.degrees_of_freedom
    loglik = [poisson.logpmf(y, np.exp(b + X @ c)).sum() for b, c in zip(path.intercepts, path.coefs, strict=True)]
    sets = {"lasso": 8, "group lasso": 4, "free group": 2}[case]
    units = {"lasso": path.coefs, "group lasso": path.group_norms, "free group": path.group_norms[:, [0, 2]]}[case]
    n_in = np.count_nonzero(units, axis=1)
    assert (comb(sets, n_in) > 1).any()
    np.testing.assert_allclose(path.information_criterion("aic"), 2 * df - 2 * np.array(loglik))
    bic = np.log(40) * df - 2 * np.array(loglik)
    np.testing.assert_allclose(path.information_criterion("bic"), bic)
    np.testing.assert_allclose(path.information_criterion("ebic"), bic + 2 * np.log(comb(sets, n_in)))


def test_the_criterion_finds_what_has_an_effect(rng):
    X = rng.normal(size=(400, 30))
    y = rng.poisson(np.exp(0.5 + X[:, :2] @ [0.5, -0.4]))
    path = regularization_path(PoissonGLMRegressor(l1_ratio=1), X, y)
    sizes = {kind: np.count_nonzero(path.coefs[path.best(kind)]) for kind in ("ebic", "bic", "aic", "gcv")}
    assert sizes["ebic"] == 2
    assert sizes["ebic"] <= sizes["bic"] <= sizes["aic"]
    assert isinstance(path.best("bic"), int)
    for kind in sizes:
        assert path.best(kind) == np.argmin(path.information_criterion(kind))


@pytest.mark.parametrize("seed", range(12))
def test_gcv_of_saturated_models_is_infinite(seed):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(12, 12)), rng.poisson(3.0, size=12)
    path = regularization_path(PoissonGLMRegressor(l1_ratio=1), X, y, alphas=[1, 1e-7])
    assert np.isinf(path.information_criterion("gcv")).tolist() == [False, True]


def test_outputs_are_on_their_own(data, rng):
    X, y = data
    Y = np.column_stack([y, rng.permutation(y), 3 * y])
    together = regularization_path(GROUP_LASSO, X, Y, n_alphas=8)
    assert together.degrees_of_freedom.shape == (8, 3)
    for k in range(3):
        alone = regularization_path(GROUP_LASSO, X, Y[:, k], alphas=together.alphas)
        np.testing.assert_allclose(together.degrees_of_freedom[:, k], alone.degrees_of_freedom, rtol=1e-4)
        for kind in ("aic", "bic", "ebic", "gcv"):
            criteria = together.information_criterion(kind)
            np.testing.assert_allclose(criteria[:, k], alone.information_criterion(kind), rtol=1e-4)
    np.testing.assert_array_equal(together.best("bic"), np.argmin(together.information_criterion("bic"), axis=0))


@pytest.mark.parametrize("storage", [np.asfortranarray, sparse.csr_array, sparse.csc_array, np.float32])
def test_storages_and_precisions(data, storage):
    X, y = data
    alphas = [0.1, 0.02]
    wanted = regularization_path(GROUP_LASSO, X, y, alphas=alphas).information_criterion("bic")
    path = regularization_path(GROUP_LASSO, storage(X), y, alphas=alphas)
    np.testing.assert_allclose(path.information_criterion("bic"), wanted, rtol=1e-4)


def test_columns_without_an_entry(rng, sparse_stays):
    """They are left out of the fit, but not of the path."""
    X = sparse.random(60, 400, density=0.003, random_state=rng, format="csr")
    y = rng.poisson(2.0, size=60)
    lasso = PoissonGLMRegressor(l1_ratio=1)
    path = regularization_path(lasso, X, y, n_alphas=5)
    dense = regularization_path(lasso, X.toarray(), y, alphas=path.alphas)
    np.testing.assert_allclose(path.information_criterion("ebic"), dense.information_criterion("ebic"), rtol=1e-6)


def test_the_end_of_a_path_is_no_minimum(data):
    path = regularization_path(GROUP_LASSO, *data, alpha_min_ratio=0.5)
    with pytest.warns(UserWarning, match=r"The least aic is at the end of the path, alpha=.*smaller alpha_min_ratio"):
        assert path.best("aic") == 99
    X, y = data
    path = regularization_path(GROUP_LASSO, X, np.column_stack([y, y]), alpha_min_ratio=0.5)
    with pytest.warns(UserWarning, match="The least aic of 2 of 2 outputs is at the end"):
        assert path.best("aic").tolist() == [99, 99]


def test_a_single_strength_is_the_best(data):
    assert regularization_path(GROUP_LASSO, *data, alphas=[0.1]).best("bic") == 0


def test_unknown_criteria(data):
    path = regularization_path(GROUP_LASSO, *data, n_alphas=2)
    for function in (path.information_criterion, path.best):
        with pytest.raises(ValueError, match=r"The 'kind' parameter .* must be a str among"):
            function("hqic")


def test_rows_are_not_pickled(data):
    path = regularization_path(GROUP_LASSO, *data, n_alphas=4)
    other = pickle.loads(pickle.dumps(path))
    np.testing.assert_array_equal(other.log_likelihood, path.log_likelihood)
    with pytest.raises(AttributeError, match="degrees_of_freedom are computed from the rows of the fit"):
        other.information_criterion("bic")
    df = path.degrees_of_freedom
    other = pickle.loads(pickle.dumps(path))
    np.testing.assert_array_equal(other.degrees_of_freedom, df)
    np.testing.assert_array_equal(other.information_criterion("ebic"), path.information_criterion("ebic"))


def test_selectors_keep_no_rows(data):
    selector = StabilitySelection(GROUP_LASSO, n_resamples=2, n_alphas=3, alpha_min_ratio=0.5, random_state=0)
    with pytest.raises(AttributeError, match="as is path_ of StabilitySelection"):
        selector.fit(*data).path_.best("bic")
