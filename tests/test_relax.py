"""Relaxed fits of the estimators that cross-validate, against statsmodels on what each fold selects."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import sparse
from sklearn.base import clone
from sklearn.metrics import mean_poisson_deviance
from sklearn.model_selection import KFold

from skprox import (
    DevianceCurveDisplay,
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    PoissonGLMRegressor,
    PoissonGLMRegressorCV,
)

LABELS = np.repeat(["a", "b", "c", "d"], [3, 1, 2, 2])
ALPHAS = [0.4, 0.2, 0.1, 0.05]
CASES = {
    "lasso": PoissonGLMRegressorCV(alphas=ALPHAS, relax=True),
    "elastic net": PoissonGLMRegressorCV(alphas=ALPHAS, l1_ratio=0.5, relax=True),
    "group lasso": GroupLassoPoissonCV(alphas=ALPHAS, groups=LABELS, relax=True),
    "free group": GroupLassoPoissonCV(
        alphas=ALPHAS, groups=LABELS, group_weights={"a": 1, "b": 0, "c": 1, "d": 2}, relax=True
    ),
    "no intercept": GroupLassoPoissonCV(alphas=ALPHAS, groups=LABELS, fit_intercept=False, relax=True),
    "fista": GroupLassoPoissonCV(alphas=ALPHAS, groups=LABELS, solver="fista", relax=True),
}


@pytest.fixture
def data(rng):
    X = rng.normal(size=(180, 8))
    return X, rng.poisson(np.exp(0.5 + X[:, :2] @ [0.7, -0.5]))


@pytest.fixture
def of_rows(rng):
    return {"sample_weight": rng.uniform(0.5, 2, size=180), "exposure": rng.uniform(0.5, 2, size=180)}


def penalised(model, alpha):
    kind = GroupLassoPoisson if isinstance(model, GroupLassoPoissonCV) else PoissonGLMRegressor
    common = {name: value for name, value in model.get_params().items() if name in kind().get_params()}
    return kind(**common).set_params(alpha=alpha, tol=1e-8)


def refit(model, alpha, X, y, weight, exposure):
    """Coefficients of what is selected, and an intercept, by statsmodels."""
    coef = np.zeros(X.shape[1])
    inside = np.flatnonzero(penalised(model, alpha).fit(X, y, sample_weight=weight, exposure=exposure).coef_)
    columns = X[:, inside]
    if model.fit_intercept:
        columns = np.column_stack([np.ones(len(X)), columns])
    if not columns.size:
        return coef, 0.0
    glm = sm.GLM(y, columns, sm.families.Poisson(), exposure=exposure, freq_weights=weight).fit(tol=1e-12)
    coef[inside] = glm.params[model.fit_intercept :]
    return coef, glm.params[0] if model.fit_intercept else 0.0


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("weighted", [False, True])
def test_held_out_deviances_are_those_of_statsmodels(data, of_rows, server, case, weighted):
    X, y = data
    extra = of_rows if weighted else {}
    weight, exposure = (extra.get(name, np.ones(180)) for name in ("sample_weight", "exposure"))
    model = clone(CASES[case]).set_params(cv=3).fit(X, y, **extra)
    wanted = np.empty((4, 3))
    for a, alpha in enumerate(ALPHAS):
        for k, (train, test) in enumerate(KFold(3).split(X)):
            coef, b = refit(model, alpha, X[train], y[train], weight[train], exposure[train])
            means = exposure[test] * np.exp(X[test] @ coef + b)
            wanted[a, k] = mean_poisson_deviance(y[test], means, sample_weight=weight[test])
    np.testing.assert_allclose(model.relaxed_deviance_path_, wanted, rtol=1e-5)
    plain = clone(model).set_params(relax=False).fit(X, y, **extra)
    np.testing.assert_array_equal(model.deviance_path_, plain.deviance_path_)
    assert not plain.relaxed_
    assert not hasattr(plain, "relaxed_deviance_path_")
    least = [path.mean(axis=1).min() for path in (model.deviance_path_, model.relaxed_deviance_path_)]
    assert model.relaxed_ == (least[1] < least[0])


@pytest.mark.parametrize("case", ["lasso", "group lasso", "free group"])
def test_the_model_is_the_one_without_a_penalty(data, of_rows, case):
    X, y = data
    model = clone(CASES[case]).fit(X, y, **of_rows)
    assert model.relaxed_
    assert model.alpha_ == ALPHAS[model.relaxed_deviance_path_.mean(axis=1).argmin()]
    coef, b = refit(model, model.alpha_, X, y, *of_rows.values())
    np.testing.assert_allclose(model.coef_, coef, atol=1e-5)
    assert model.intercept_ == pytest.approx(b, abs=1e-5)
    assert 0 < np.count_nonzero(coef) < 8
    where = ALPHAS.index(model.alpha_)
    strong = penalised(model, model.alpha_).fit(X, y, **of_rows)
    np.testing.assert_allclose(model.coef_path_[where], strong.coef_, atol=1e-5)
    assert model.selected_groups_ == strong.selected_groups_
    eta = np.log(of_rows["exposure"]) + b + X @ coef
    assert model.objective_ == pytest.approx(np.average(np.exp(eta) - y * eta, weights=of_rows["sample_weight"]))
    assert model.optimality_ <= model.tol
    np.testing.assert_allclose(model.summary()["strength"], strong.summary()["strength"])
    with pytest.raises(ValueError, match=r"There is no covariance: .* has an L1 penalty"):
        model.covariance(X, y, **of_rows)


def test_relaxing_pays_where_few_effects_are_large(rng):
    X = rng.normal(size=(200, 40))
    y = rng.poisson(np.exp(0.3 + X[:, :2] @ [0.8, -0.6]))
    plain, relaxed = (PoissonGLMRegressorCV(alphas=40, relax=relax).fit(X, y) for relax in (False, True))
    assert relaxed.relaxed_
    assert np.flatnonzero(relaxed.coef_).tolist() == [0, 1]
    assert np.count_nonzero(plain.coef_) > 4
    new = rng.normal(size=(5000, 40))
    counts = rng.poisson(np.exp(0.3 + new[:, :2] @ [0.8, -0.6]))
    assert relaxed.score(new, counts) > plain.score(new, counts)


def test_the_rule_of_one_standard_error(data):
    X, y = data
    model = clone(CASES["group lasso"]).set_params(selection="1se", alphas=30).fit(X, y)
    assert model.relaxed_
    means = model.relaxed_deviance_path_.mean(axis=1)
    best = means.argmin()
    error = model.relaxed_deviance_path_[best].std(ddof=1) / np.sqrt(5)
    assert model.alpha_ == model.alphas_[np.argmax(means <= means[best] + error)]


def test_ratios_and_relaxation_are_chosen_together(data):
    X, y = data
    model = PoissonGLMRegressorCV(alphas=8, l1_ratio=[0.2, 1.0], relax=True).fit(X, y)
    assert model.relaxed_deviance_path_.shape == model.deviance_path_.shape == (2, 8, 5)
    for k, ratio in enumerate([0.2, 1.0]):
        alone = PoissonGLMRegressorCV(alphas=model.alphas_[k], l1_ratio=ratio, relax=True).fit(X, y)
        np.testing.assert_allclose(model.relaxed_deviance_path_[k], alone.relaxed_deviance_path_, rtol=1e-5)
    k, a = np.unravel_index(model.relaxed_deviance_path_.mean(axis=2).argmin(), (2, 8))
    assert model.relaxed_
    assert (model.l1_ratio_, model.alpha_) == ([0.2, 1.0][k], model.alphas_[k, a])


def test_outputs_select_on_their_own(data, rng):
    X, y = data
    Y = np.column_stack([y, rng.poisson(np.exp(0.2 + 0.8 * X[:, 4]))])
    model = GroupLassoPoissonCV(alphas=ALPHAS, groups=LABELS, relax=True).fit(X, Y)
    alone = [GroupLassoPoissonCV(alphas=ALPHAS, groups=LABELS, relax=True).fit(X, each) for each in Y.T]
    means = np.mean([each.relaxed_deviance_path_ for each in alone], axis=0)
    np.testing.assert_allclose(model.relaxed_deviance_path_, means, rtol=1e-5)
    assert model.relaxed_
    assert model.objective_.shape == (2,)
    for k in range(2):
        coef, _ = refit(model, model.alpha_, X, Y[:, k], np.ones(180), np.ones(180))
        np.testing.assert_allclose(model.coef_[k], coef, atol=1e-5)


def test_too_many_columns_are_not_relaxed(rng):
    """More than half as many as the rows of a fold."""
    X = rng.normal(size=(30, 60))
    y = rng.poisson(np.exp(0.5 + X[:, 0]))
    model = PoissonGLMRegressorCV(alphas=30, cv=3, relax=True).fit(X, y)
    missing = np.isnan(model.relaxed_deviance_path_)
    assert missing.any()
    assert not missing.all()
    assert np.isfinite(model.deviance_path_).all()
    assert np.isfinite(model.coef_).all()
    for a, alpha in enumerate(model.alphas_):
        for k, (train, _) in enumerate(KFold(3).split(X)):
            n_in = np.count_nonzero(penalised(model, alpha).fit(X[train], y[train]).coef_)
            if n_in > 10:
                assert missing[a, k]
        n_in = np.count_nonzero(model.coef_path_[a])
        if n_in > 15:
            assert missing[a].all()


def test_levels_without_a_count(rng):
    """Without a penalty their coefficients have no finite optimum."""
    level = rng.integers(6, size=300)
    X = pd.get_dummies(level, prefix="l_", dtype=float)
    y = np.where(level == 2, 0, rng.poisson(1 + level))
    model = GroupLassoPoissonCV(alphas=10, groups="prefix", relax=True).fit(X, y)
    assert np.isfinite(model.relaxed_deviance_path_).all()
    assert np.isfinite(model.coef_).all()


def test_nothing_to_select_is_not_relaxed(rng):
    X, y = rng.normal(size=(100, 5)), rng.poisson(2.0, size=100)
    model = PoissonGLMRegressorCV(alphas=[10.0, 5.0], relax=True).fit(X, y)
    assert not model.relaxed_
    np.testing.assert_array_equal(model.relaxed_deviance_path_, model.deviance_path_)


@pytest.mark.parametrize("form", [np.asfortranarray, sparse.csr_array, sparse.csc_array])
def test_storages(data, sparse_stays, form):
    X, y = data
    wanted, model = (clone(CASES["group lasso"]).fit(each, y) for each in (X, form(X)))
    np.testing.assert_allclose(model.relaxed_deviance_path_, wanted.relaxed_deviance_path_, rtol=1e-5)
    np.testing.assert_allclose(model.coef_, wanted.coef_, atol=1e-5)


def test_single_precision(data):
    X, y = data
    wanted, model = (clone(CASES["group lasso"]).fit(each, y) for each in (X, X.astype(np.float32)))
    assert model.coef_.dtype == np.float32
    np.testing.assert_allclose(model.relaxed_deviance_path_, wanted.relaxed_deviance_path_, rtol=1e-4)


def test_columns_without_an_entry(rng, sparse_stays):
    X = sparse.random(100, 800, density=0.008, random_state=rng, format="csr")
    y = rng.poisson(np.exp(0.5 + X[:, [0]].toarray().ravel() * 3))
    model = PoissonGLMRegressorCV(alphas=6, cv=3, relax=True).fit(X, y)
    dense = PoissonGLMRegressorCV(alphas=model.alphas_, cv=3, relax=True).fit(X.toarray(), y)
    np.testing.assert_allclose(model.relaxed_deviance_path_, dense.relaxed_deviance_path_, rtol=1e-4)


def test_a_second_fit_without_it_forgets(data):
    model = clone(CASES["lasso"]).fit(*data)
    model.set_params(relax=False).fit(*data)
    assert not model.relaxed_
    assert not hasattr(model, "relaxed_deviance_path_")


def test_relax_is_a_bool(data):
    with pytest.raises(ValueError, match="The 'relax' parameter"):
        GroupLassoPoissonCV(relax="both").fit(*data)


def test_the_curve_shown_is_the_one_chosen_from(data):
    pytest.importorskip("matplotlib")
    model = PoissonGLMRegressorCV(alphas=12, l1_ratio=[0.5, 1.0], relax=True).fit(*data)
    assert model.relaxed_
    display = DevianceCurveDisplay.from_estimator(model)
    chosen = model.l1_ratio.index(model.l1_ratio_)
    np.testing.assert_allclose(display.line_.get_ydata(), model.relaxed_deviance_path_[chosen].mean(axis=1))
    assert display.alpha_min_ == model.alpha_
    assert "relaxed" in display.line_.get_label()


def test_the_curve_leaves_out_what_is_not_relaxed(rng):
    pytest.importorskip("matplotlib")
    X = rng.normal(size=(40, 60))
    y = rng.poisson(np.exp(0.5 + X[:, 0]))
    model = PoissonGLMRegressorCV(alphas=30, alpha_min_ratio=1e-3, cv=3, relax=True).fit(X, y)
    assert model.relaxed_
    display = DevianceCurveDisplay.from_estimator(model)
    assert 1 < len(display.alphas) < 30
    assert np.isfinite(display.line_.get_ydata()).all()
    assert display.alpha_min_ == model.alpha_
