"""Negative binomial counts, against statsmodels, scipy and the definition in plain numpy."""

import pickle

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from oracles import Norms
from scipy import sparse, stats
from scipy.optimize import minimize, minimize_scalar
from sklearn.base import clone
from sklearn.ensemble import BaggingRegressor
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit

from skprox import (
    DevianceCurveDisplay,
    GroupImportanceDisplay,
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    PoissonGLMRegressor,
    PoissonGLMRegressorCV,
    StabilitySelection,
    log_likelihood_scorer,
    mcfadden_scorer,
    multi_split_test,
    poisson_deviance_scorer,
    regularization_path,
)
from skprox.halves import draw as halves
from skprox.metrics import cohen_r2, mcfadden_r2, mean_deviance, saturated
from skprox.objectives.negative_binomial import NegativeBinomialObjective
from skprox.objectives.poisson import PoissonObjective

TOL = 1e-9
GROUPS = list("aabbbc")


def draw(rng, means, overdispersion):
    return rng.negative_binomial(1 / overdispersion, 1 / (1 + overdispersion * means)).astype(float)


@pytest.fixture(scope="module")
def claims():
    """Covariates, counts of overdispersion 0.5, weights that count rows, exposures."""
    rng = np.random.default_rng(3)
    X, exposure = rng.normal(size=(600, 6)) + 0.5, rng.uniform(0.5, 2, size=600)
    y = draw(rng, exposure * np.exp(0.5 + X @ [0.4, -0.3, 0.2, 0, 0, 0]), 0.5)
    return X, y, rng.integers(1, 4, size=600), exposure


def family(overdispersion):
    return sm.families.NegativeBinomial(alpha=overdispersion)


def gradient(model, X, y, weight, exposure, overdispersion):
    """Of the data term in coefficients and intercept, by the definition."""
    X = np.asarray(X.todense() if sparse.issparse(X) else X, dtype=float)
    means = exposure * np.exp(X @ model.coef_.astype(float) + model.intercept_)
    residual = weight * (means - y) / (1 + overdispersion * means) / weight.sum()
    return residual @ X, residual.sum()


def loss(y, means, weight, overdispersion):
    """The data term, with logarithms of means."""
    o = overdispersion
    return np.average((y + 1 / o) * np.log1p(o * means) - y * np.log(means), weights=weight)


# ---- fixed


@pytest.mark.parametrize("overdispersion", [1e-3, 0.5, 20.0])
def test_without_a_penalty_it_is_the_glm_of_statsmodels(claims, overdispersion, storage):
    X, y, weight, exposure = claims
    rows = {"sample_weight": weight, "exposure": exposure}
    model = PoissonGLMRegressor(alpha=0, overdispersion=overdispersion, tol=TOL).fit(storage(X), y, **rows)
    glm = sm.GLM(
        y, sm.add_constant(X), family=family(overdispersion), offset=np.log(exposure), freq_weights=weight
    ).fit(tol=1e-12, maxiter=1000)
    np.testing.assert_allclose(np.r_[model.intercept_, model.coef_], glm.params, atol=1e-7)
    np.testing.assert_allclose(np.sqrt(np.diag(model.covariance(X, **rows))), glm.bse, rtol=1e-6)
    phi = model.dispersion(X, y, **rows)
    assert phi == pytest.approx(glm.pearson_chi2 / glm.df_resid, rel=1e-6)
    np.testing.assert_allclose(
        np.sqrt(np.diag(model.covariance(X, y, kind="quasi", **rows))), glm.bse * np.sqrt(phi), rtol=1e-6
    )
    table, tests = model.coef_table(X, **rows), model.group_tests(X, **rows)
    np.testing.assert_allclose(table["p_value"], glm.pvalues[1:], rtol=1e-5)
    np.testing.assert_allclose(tests["statistic"], glm.tvalues[1:] ** 2, rtol=1e-5)
    rate = np.average(y, weights=weight) / np.average(exposure, weights=weight)
    null = glm.family.deviance(y, exposure * rate, freq_weights=weight)
    assert model.score(X, y, **rows) == pytest.approx(1 - glm.deviance / null, rel=1e-9)
    assert model.overdispersion_ == overdispersion


def test_sandwich(claims):
    """By its formula, with rows that count as often as their weights say."""
    X, y, weight, exposure = claims
    model = PoissonGLMRegressor(alpha=0, overdispersion=0.5, tol=TOL).fit(X, y, sample_weight=weight, exposure=exposure)
    Z, means = sm.add_constant(X), model.predict(X, exposure)
    share = 1 / (1 + 0.5 * means)
    inverse = np.linalg.inv(Z.T @ (Z * (weight * means * share)[:, None]))
    scores = ((y - means) * share)[:, None] * Z
    wanted = inverse @ (scores.T @ (scores * weight[:, None])) @ inverse
    found = model.covariance(X, y, weight, exposure, kind="sandwich")
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-12)


PENALISED = {
    "ridge": (PoissonGLMRegressor(alpha=0.05), {"ridge": 0.05}),
    "lasso": (PoissonGLMRegressor(alpha=0.05, l1_ratio=1), {"l1": 0.05}),
    "elastic net": (PoissonGLMRegressor(alpha=0.05, l1_ratio=0.5), {"l1": 0.025, "ridge": 0.025}),
    "group lasso": (GroupLassoPoisson(alpha=0.03, groups=GROUPS), {"strength": 0.03}),
    "sparse group lasso": (
        GroupLassoPoisson(alpha=0.04, groups=GROUPS, l1_ratio=0.5),
        {"strength": 0.02, "l1": 0.02},
    ),
}


def oracle(strength=0.0, ridge=0.0, l1=0.0):
    groups = [np.array([0, 1]), np.array([2, 3, 4]), np.array([5])]
    sizes = np.sqrt([len(group) for group in groups])
    return Norms(
        groups, strength * sizes, *(each * np.ones(6) for each in (ridge, l1)), *np.full((2, 6), np.inf) * [[-1], [1]]
    )


@pytest.mark.parametrize("solver", ["newton", "fista"])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("name", PENALISED)
def test_penalised_fits_meet_their_conditions(claims, name, intercept, solver):
    X, y, weight, exposure = claims
    model, penalty = clone(PENALISED[name][0]), oracle(**PENALISED[name][1])
    for overdispersion in (1e-9, 0.7, 50.0):
        model.set_params(overdispersion=overdispersion, solver=solver, fit_intercept=intercept, tol=1e-8)
        model.fit(X, y, sample_weight=weight, exposure=exposure)
        slopes, slope = gradient(model, X, y, weight, exposure, overdispersion)
        assert penalty.distance(model.coef_, slopes) <= 1e-7
        assert abs(slope) <= 1e-11 or not intercept
        value = loss(y, model.predict(X, exposure), weight, overdispersion) + penalty.value(model.coef_)
        assert model.objective_ == pytest.approx(value, rel=1e-6 if overdispersion < 1e-8 else 1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_storages_and_precisions_agree(claims, storage, dtype):
    X, y, weight, exposure = claims
    X = np.where(np.abs(X) > 1, X, 0)
    model = GroupLassoPoisson(alpha=0.01, groups=GROUPS, overdispersion=0.5, tol=1e-6)
    wanted = clone(model).set_params(tol=1e-10).fit(X, y, sample_weight=weight, exposure=exposure)
    model.fit(storage(X.astype(dtype)), y, sample_weight=weight, exposure=exposure)
    assert model.coef_.dtype == dtype
    np.testing.assert_allclose(model.coef_, wanted.coef_, atol=1e-5)
    assert model.score(storage(X.astype(dtype)), y, weight, exposure) == pytest.approx(
        wanted.score(X, y, weight, exposure), abs=1e-5
    )


def test_wide_and_sparse(rng, sparse_stays):
    """Factors of Hessians, products with them, working sets, and rows that hold nothing in these."""
    X = sparse.csr_array(sparse.random(200, 1500, density=0.01, random_state=rng, data_rvs=rng.standard_normal))
    y = draw(rng, np.exp(0.5 + X[:, :20] @ np.ones(20)), 0.5)
    for model in (
        GroupLassoPoisson(alpha=0.02, groups=np.repeat(np.arange(500), 3), overdispersion=0.5, tol=1e-7),
        PoissonGLMRegressor(alpha=0.02, l1_ratio=1, overdispersion=0.5, tol=1e-7),
        PoissonGLMRegressor(alpha=0.02, overdispersion=0.5, tol=1e-7),
    ):
        model.fit(X, y)
        slopes, slope = gradient(model, X, y, np.ones(200), 1.0, 0.5)
        ridge, lasso = isinstance(model, PoissonGLMRegressor) and model.l1_ratio == 0, hasattr(model, "penalty_weights")
        groups = list(np.arange(1500).reshape(-1, 1 if lasso else 3))
        strength = 0.0 if ridge else 0.02 * np.sqrt(len(groups[0]))
        bounds = np.full((2, 1500), np.inf) * [[-1], [1]]
        penalty = Norms(groups, np.full(len(groups), strength), np.full(1500, 0.02 * ridge), np.zeros(1500), *bounds)
        assert penalty.distance(model.coef_, slopes) <= 1e-7
        assert abs(slope) <= 1e-10
        assert np.count_nonzero(model.coef_) > 0


@pytest.mark.parametrize("name", PENALISED)
def test_little_overdispersion_is_poisson(claims, name):
    X, y, weight, exposure = claims
    model = clone(PENALISED[name][0]).set_params(tol=TOL)
    poisson = clone(model).fit(X, y, sample_weight=weight, exposure=exposure)
    for overdispersion in (1e-8, 1e-12, 1e-300, 5e-324):
        model.set_params(overdispersion=overdispersion).fit(X, y, sample_weight=weight, exposure=exposure)
        np.testing.assert_allclose(model.coef_, poisson.coef_, atol=1e-6)
        assert model.intercept_ == pytest.approx(poisson.intercept_, abs=1e-6)
        assert model.objective_ == pytest.approx(poisson.objective_, rel=1e-6)
        rows = X, y, weight, exposure
        assert model.score(*rows) == pytest.approx(poisson.score(*rows), abs=1e-6)


@pytest.mark.parametrize("overdispersion", [1e6, 1e12])
def test_huge_overdispersion(claims, overdispersion):
    """The loss per 1 / overdispersion no longer changes: counts of gamma distribution, but for rows without any."""
    X, y, _, exposure = claims
    y = y + 1
    model = PoissonGLMRegressor(alpha=0, overdispersion=overdispersion, tol=1e-8).fit(X, y, exposure=exposure)
    gamma = sm.GLM(y, sm.add_constant(X), family=sm.families.Gamma(sm.families.links.Log()), offset=np.log(exposure))
    np.testing.assert_allclose(np.r_[model.intercept_, model.coef_], gamma.fit(tol=1e-12).params, atol=2e-6)


# ---- estimated


def test_estimates_are_those_of_statsmodels(claims):
    X, y, weight, exposure = claims
    model = PoissonGLMRegressor(alpha=0, overdispersion="estimate", tol=TOL)
    model.fit(X, y, sample_weight=weight, exposure=exposure)
    rows = np.repeat(np.arange(len(y)), weight)
    wanted = sm.NegativeBinomial(y[rows], sm.add_constant(X)[rows], offset=np.log(exposure)[rows]).fit(
        method="newton", maxiter=500, disp=0
    )
    np.testing.assert_allclose(np.r_[model.intercept_, model.coef_, model.overdispersion_], wanted.params, atol=1e-6)
    likelihood = weight.sum() * log_likelihood_scorer(model, X, y, sample_weight=weight, exposure=exposure)
    assert likelihood == pytest.approx(wanted.llf, rel=1e-9)


@pytest.mark.parametrize("name", PENALISED)
def test_penalised_fits_and_estimates_fit_each_other(claims, name):
    X, y, weight, exposure = claims
    model = clone(PENALISED[name][0]).set_params(overdispersion="estimate", tol=1e-8)
    model.fit(X, y, sample_weight=weight, exposure=exposure)
    means = model.predict(X, exposure)

    def loss_of(log_o):
        o = np.exp(log_o)
        return -weight @ stats.nbinom(1 / o, 1 / (1 + o * means)).logpmf(y)

    best = np.exp(minimize_scalar(loss_of, bounds=(-5, 5), method="bounded", options={"xatol": 1e-9}).x)
    assert model.overdispersion_ == pytest.approx(best, rel=1e-5)
    given = clone(model).set_params(overdispersion=model.overdispersion_)
    given.fit(X, y, sample_weight=weight, exposure=exposure)
    np.testing.assert_allclose(model.coef_, given.coef_, atol=1e-7)


def test_counts_that_vary_less_than_poisson_ones(claims, rng):
    X = claims[0]
    y = rng.binomial(10, 0.3 / (1 + np.exp(-X[:, 0])))
    model = PoissonGLMRegressor(alpha=0.01, overdispersion="estimate", tol=TOL).fit(X, y)
    poisson = PoissonGLMRegressor(alpha=0.01, tol=TOL).fit(X, y)
    assert model.overdispersion_ == 0
    np.testing.assert_allclose(model.coef_, poisson.coef_, atol=1e-8)
    assert model.score(X, y) == pytest.approx(poisson.score(X, y), abs=1e-12)
    assert model.predict_distribution(X).dist.name == "poisson"


@pytest.mark.parametrize("overdispersion", [0.5, "estimate"])
def test_counts_all_alike(claims, overdispersion):
    X, y = claims[0], np.full(600, 3)
    model = PoissonGLMRegressor(alpha=0.01, overdispersion=overdispersion).fit(X, y)
    np.testing.assert_allclose(model.coef_, 0, atol=1e-12)
    assert model.intercept_ == pytest.approx(np.log(3))
    assert model.score(X, y) == 1
    assert model.overdispersion_ == (0 if overdispersion == "estimate" else 0.5)


def test_estimates_in_single_precision(claims):
    X, y, weight, exposure = claims
    for model in (
        GroupLassoPoisson(alpha=0.01, groups=GROUPS, overdispersion="estimate", tol=1e-5),
        GroupLassoPoissonCV(alphas=[0.1, 0.01], cv=KFold(2), groups=GROUPS, overdispersion="estimate", tol=1e-5),
    ):
        wanted = clone(model).fit(X, y, sample_weight=weight, exposure=exposure)
        model.fit(X.astype(np.float32), y.astype(np.float32), sample_weight=weight, exposure=exposure)
        assert model.overdispersion_ == pytest.approx(wanted.overdispersion_, rel=1e-3)
        np.testing.assert_allclose(model.coef_, wanted.coef_, atol=1e-4)


def test_groups_that_share_columns(claims):
    """The problem with repeated columns."""
    X, y, weight, exposure = claims
    groups = {"a": [0, 1, 2], "b": [2, 3], "c": [3, 4, 5]}
    where = np.concatenate(list(groups.values()))
    model = GroupLassoPoisson(alpha=0.02, groups=groups, overlap="latent", overdispersion="estimate", tol=1e-8)
    repeated = GroupLassoPoisson(alpha=0.02, groups=[*"aaabbccc"], overdispersion="estimate", tol=1e-8)
    model.fit(X, y, sample_weight=weight, exposure=exposure)
    repeated.fit(X[:, where], y, sample_weight=weight, exposure=exposure)
    np.testing.assert_allclose(model.coef_, np.bincount(where, repeated.coef_), atol=1e-6)
    assert model.overdispersion_ == pytest.approx(repeated.overdispersion_, rel=1e-6)
    assert model.objective_ == pytest.approx(repeated.objective_, rel=1e-9)


def test_a_single_positive_count(claims):
    """The likelihood of a geometric trial: its estimate is where scipy finds it."""
    X, y = np.ones((600, 1)), np.zeros(600)
    y[7] = 40
    model = PoissonGLMRegressor(alpha=1, overdispersion="estimate").fit(X, y)
    mean = y.mean()

    def loss_of(log_o):
        o = np.exp(log_o)
        return -stats.nbinom(1 / o, 1 / (1 + o * mean)).logpmf(y).sum()

    best = minimize_scalar(loss_of, bounds=(0, 20), method="bounded", options={"xatol": 1e-8}).x
    assert np.log(model.overdispersion_) == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize("overdispersion", [1e-4, 1e-7])
def test_small_estimates_of_large_counts(rng, overdispersion):
    """Where an expansion takes the place of differences of psi."""
    means = np.exp(rng.normal(np.log(1 / overdispersion), 0.3, size=3000))
    y = draw(rng, means, overdispersion)
    model = PoissonGLMRegressor(alpha=0, overdispersion="estimate", tol=1e-8).fit(np.log(means)[:, None], y)

    fitted = model.predict(np.log(means)[:, None])
    o = model.overdispersion_
    # what is left of the score in first order: sum of ((y - mu)^2 - y) / (1 + o mu)^2, about 0 at the estimate
    squares = ((y - fitted) ** 2 - fitted - o * fitted**2) / (1 + o * fitted) ** 2
    assert abs(squares.sum()) <= 0.2 * np.sqrt((squares**2).sum())
    assert o == pytest.approx(overdispersion, rel=0.2)


def test_each_output_has_its_own(claims, rng):
    X, y, weight, exposure = claims
    Y = np.column_stack([y, rng.poisson(exposure), 3 * y])
    for overdispersion in ([0.5, 0.0, 2.0], "estimate"):
        model = GroupLassoPoisson(alpha=0.02, groups=GROUPS, overdispersion=overdispersion, tol=1e-8)
        model.fit(X, Y, sample_weight=weight, exposure=exposure)
        assert model.overdispersion_.shape == (3,)
        for k in range(3):
            each = overdispersion if isinstance(overdispersion, str) else overdispersion[k]
            single = (
                clone(model).set_params(overdispersion=each).fit(X, Y[:, k], sample_weight=weight, exposure=exposure)
            )
            np.testing.assert_allclose(model.coef_[k], single.coef_, atol=1e-7)
            assert model.overdispersion_[k] == pytest.approx(single.overdispersion_, rel=1e-6)
    lows, highs = model.predict_distribution(X, exposure).interval(0.9)
    assert lows.shape == highs.shape == Y.shape
    variances = model.predict_distribution(X, exposure).var()
    means = model.predict(X, exposure)
    np.testing.assert_allclose(variances, means + model.overdispersion_ * means**2, rtol=1e-6)
    assert model.dispersion(X, Y, sample_weight=weight, exposure=exposure).shape == (3,)
    frame = pd.DataFrame(Y, columns=["one", "two", "three"])
    with pytest.raises(ValueError, match=r"must be 0 or more; got -1 for output 'two'"):
        model.set_params(overdispersion=[1, -1, 0]).fit(X, frame)


# ---- what follows from a fit


def test_distribution_and_its_coverage(claims):
    rng = np.random.default_rng(5)
    X, exposure = rng.normal(size=(12_000, 3)), rng.uniform(0.5, 2, size=12_000)
    y = draw(rng, exposure * np.exp(1.0 + X @ [0.4, -0.3, 0.0]), 0.6)
    fit, held = slice(6000), slice(6000, None)
    for model in (
        PoissonGLMRegressor(alpha=0.001, overdispersion="estimate"),
        GroupLassoPoissonCV(groups=[0, 1, 2], overdispersion="estimate", alphas=20, cv=3),
    ):
        model.fit(X[fit], y[fit], exposure=exposure[fit])
        assert model.overdispersion_ == pytest.approx(0.6, rel=0.1)
        counts = model.predict_distribution(X[held], exposure[held])
        means = model.predict(X[held], exposure[held])
        np.testing.assert_allclose(counts.mean(), means, rtol=1e-9)
        np.testing.assert_allclose(counts.var(), means + model.overdispersion_ * means**2, rtol=1e-9)
        for level in (0.5, 0.8, 0.9, 0.95):
            low, high = counts.ppf((1 - level) / 2), counts.ppf((1 + level) / 2)
            # a count on an end counts in part, by the probability of that end that belongs inside
            below, above = counts.cdf(low) - (1 - level) / 2, (1 + level) / 2 - counts.cdf(high - 1)
            inside = ((y[held] > low) & (y[held] < high)).astype(float)
            on_low, on_high = y[held] == low, y[held] == high
            inside += np.where(on_low & on_high, level / counts.pmf(low), 0)
            inside += np.where(on_low & ~on_high, below / counts.pmf(low), 0)
            inside += np.where(on_high & ~on_low, above / counts.pmf(high), 0)
            assert inside.mean() == pytest.approx(level, abs=0.02)


def test_dispersion_beside_it_is_refused(claims):
    X, y, *_ = claims
    model = PoissonGLMRegressor(overdispersion=0.5).fit(X, y)
    with pytest.raises(ValueError, match="has an overdispersion_, by which its counts vary: leave dispersion out"):
        model.predict_distribution(X, dispersion=2.0)


def test_scores_and_metrics(claims):
    X, y, weight, exposure = claims
    rows = {"sample_weight": weight, "exposure": exposure}
    model = PoissonGLMRegressor(alpha=0.01, overdispersion=0.5).fit(X, y, **rows)
    means, poisson = model.predict(X, exposure), PoissonGLMRegressor(alpha=0.01).fit(X, y, **rows)
    rate = weight @ y / (weight @ exposure)

    def likelihood(means):
        return weight @ stats.nbinom(2, 1 / (1 + 0.5 * means)).logpmf(y) / weight.sum()

    deviances = [family(0.5).deviance(y, each, freq_weights=weight) for each in (means, exposure * rate)]
    assert cohen_r2(y, means, **rows, overdispersion=0.5) == pytest.approx(1 - deviances[0] / deviances[1])
    assert model.score(X, y, **rows) == cohen_r2(y, means, **rows, overdispersion=0.5)
    wanted = 1 - likelihood(means) / likelihood(exposure * rate)
    assert mcfadden_r2(y, means, **rows, overdispersion=0.5) == pytest.approx(wanted)
    assert mcfadden_scorer(model, X, y, **rows) == pytest.approx(wanted)
    assert log_likelihood_scorer(model, X, y, **rows) == pytest.approx(likelihood(means))
    assert log_likelihood_scorer(poisson, X, y, **rows) == pytest.approx(
        weight @ stats.poisson(poisson.predict(X, exposure)).logpmf(y) / weight.sum()
    )
    of_means = sm.families.Poisson().deviance(y, means, freq_weights=weight) / weight.sum()
    assert poisson_deviance_scorer(model, X, y, **rows) == pytest.approx(-of_means)
    for bad in (-1, np.nan, [0.5, 0.5], "estimate"):
        with pytest.raises(ValueError, match="overdispersion must be a number of at least 0, or one for each of 1"):
            cohen_r2(y, means, overdispersion=bad)


@pytest.mark.parametrize("overdispersion", [1e-14, 1e-9, 1e-4, 0.3, 1e4, 1e9])
def test_deviances_and_likelihoods_to_the_last_digits(overdispersion):
    """Against the same with more digits than double precision has, or where nothing cancels."""
    y, means = np.array([0, 1, 2, 7, 40, 1e5]), np.array([0.5, 1.001, 2, 3, 60.0, 1.1e5])
    o, long, mu = np.longdouble(overdispersion), y.astype(np.longdouble), means.astype(np.longdouble)
    log_ratio = np.log1p(o * (long - mu) / (1 + o * mu))
    wanted = 2 * (np.where(y > 0, long * np.log(np.maximum(long, 1) / mu), 0) - (long + 1 / o) * log_ratio)
    if np.finfo(np.longdouble).eps > 1e-18:
        pytest.skip("long double is no longer than double here")
    found = np.array(
        [mean_deviance(*np.array([[[a]], [[b]]]), np.ones(1), overdispersion)[0] for a, b in zip(y, means, strict=True)]
    )
    slack = 20 * np.finfo(np.longdouble).eps * (long + 1 / o)  # of the formula above
    o = overdispersion
    likely = stats.nbinom(1 / o, 1 / (1 + o * y)) if o > 1e-6 else stats.poisson(y)
    np.testing.assert_allclose(saturated(y, np.array(o)), likely.logpmf(y), rtol=1e-8 if o > 1e-6 else 1e-5, atol=1e-10)
    assert (np.abs(found - wanted) <= 1e-9 * np.abs(wanted) + slack.astype(float) + 1e-12).all()


def test_displays(claims):
    X, y, weight, exposure = claims
    rows = {"sample_weight": weight, "exposure": exposure}
    model = GroupLassoPoisson(alpha=0.01, groups=GROUPS, overdispersion=0.5).fit(X, y, **rows)
    display = GroupImportanceDisplay.from_estimator(model, X, y, kind="deviance", **rows)
    glm = family(0.5)

    def deviance(columns):
        """With the intercept refitted by statsmodels."""
        offset = X[:, columns] @ model.coef_[columns] + np.log(exposure)
        return sm.GLM(y, np.ones(600), family=glm, offset=offset, freq_weights=weight).fit(tol=1e-12).deviance

    whole = deviance(list(range(6)))
    wanted = {"a": deviance([2, 3, 4, 5]), "b": deviance([0, 1, 5]), "c": deviance([0, 1, 2, 3, 4])}
    found = dict(zip(display.groups, display.importances, strict=True))
    assert display.ax_.get_xlabel() == "rise in mean negative binomial deviance without the group"
    for group, value in wanted.items():
        assert found[group] == pytest.approx((value - whole) / weight.sum(), abs=1e-9)


# ---- paths and cross-validation


def test_paths(claims):
    X, y, weight, exposure = claims
    rows = {"sample_weight": weight, "exposure": exposure}
    model = GroupLassoPoisson(groups=GROUPS, overdispersion=0.5, tol=1e-8)
    path = regularization_path(model, X, y, n_alphas=12, **rows)
    assert path.overdispersion == 0.5
    single = clone(model).set_params(alpha=path.alphas[0] * 0.9999).fit(X, y, **rows)
    assert single.selected_groups_
    assert single.alpha_max_ == pytest.approx(path.alphas[0])
    assert not path.coefs[0].any()
    for k in (3, 11):
        single = clone(model).set_params(alpha=path.alphas[k]).fit(X, y, **rows)
        np.testing.assert_allclose(path.coefs[k], single.coef_, atol=1e-7)
        assert path.deviance_explained[k] == pytest.approx(single.score(X, y, **rows), abs=1e-9)
        means = single.predict(X, exposure)
        wanted = weight @ stats.nbinom(2, 1 / (1 + 0.5 * means)).logpmf(y)
        assert path.log_likelihood[k] == pytest.approx(wanted, rel=1e-9)
        assert path.deviance[k] == pytest.approx(family(0.5).deviance(y, means, freq_weights=weight), rel=1e-9)
    free = regularization_path(
        PoissonGLMRegressor(l1_ratio=1, overdispersion=0.5), X, y, alphas=[1e-9], sample_weight=weight
    )
    assert free.degrees_of_freedom[0] == pytest.approx(7, abs=1e-6)
    ridge = regularization_path(PoissonGLMRegressor(overdispersion=0.5), X, y, alphas=[0.1], **rows)
    Z = sm.add_constant(X)
    means = exposure * np.exp(Z @ np.r_[ridge.intercepts[0], ridge.coefs[0]])
    fisher = Z.T @ (Z * (weight / weight.sum() * means / (1 + 0.5 * means))[:, None])
    wanted = np.trace(np.linalg.solve(fisher + 0.1 * np.diag([0, *np.ones(6)]), fisher))
    assert ridge.degrees_of_freedom[0] == pytest.approx(wanted, rel=1e-6)


def test_estimates_are_held_along_a_path(claims):
    X, y, weight, exposure = claims
    rows = {"sample_weight": weight, "exposure": exposure}
    model = GroupLassoPoisson(groups=GROUPS, overdispersion="estimate", tol=1e-8)
    alphas = [0.1, 0.02, 0.004]
    path = regularization_path(model, X, y, alphas=alphas, **rows)
    middle = clone(model).set_params(alpha=0.02).fit(X, y, **rows)
    assert path.overdispersion == pytest.approx(middle.overdispersion_, rel=1e-6)
    np.testing.assert_allclose(path.coefs[1], middle.coef_, atol=1e-6)
    by_default = regularization_path(model, X, y, n_alphas=3, **rows)
    middle = clone(model).set_params(alpha=by_default.alphas[1]).fit(X, y, **rows)
    assert by_default.overdispersion == pytest.approx(middle.overdispersion_, rel=1e-5)
    assert middle.alpha_max_ == pytest.approx(by_default.alphas[0], rel=1e-5)
    options = {"n_resamples": 6, "alphas": np.geomspace(0.1, 0.003, 25), "random_state": 0, "max_errors": 3}
    selection = StabilitySelection(model, **options).fit(X, y, **rows)
    held = clone(model).set_params(overdispersion=selection.path_.overdispersion)
    given = StabilitySelection(held, **options).fit(X, y, **rows)
    np.testing.assert_array_equal(selection.stability_path_, given.stability_path_)
    Y = pd.DataFrame({"one": y, "two": 2 * y})
    StabilitySelection(model, n_resamples=2, alphas=alphas[:1], random_state=0).fit(X, Y, **rows)
    both = regularization_path(model, X, Y, alphas=alphas, **rows)
    assert both.overdispersion.shape == (2,)
    assert both.overdispersion[0] == pytest.approx(path.overdispersion, rel=1e-6)


@pytest.mark.parametrize("relax", [False, True])
def test_cross_validation(claims, relax):
    X, y, weight, exposure = claims
    rows = {"sample_weight": weight, "exposure": exposure}
    alphas = [0.1, 0.03, 0.01, 0.003]
    search = GroupLassoPoissonCV(
        groups=GROUPS, alphas=alphas, cv=KFold(3), overdispersion="estimate", relax=relax, tol=1e-8
    ).fit(X, y, **rows)
    plain = GroupLassoPoisson(groups=GROUPS, overdispersion="estimate", tol=1e-8)
    held = regularization_path(plain, X, y, alphas=alphas, **rows).overdispersion
    for k, (train, test) in enumerate(KFold(3).split(X)):
        for a, alpha in enumerate(alphas):
            fold = clone(plain).set_params(overdispersion=held, alpha=alpha)
            fold.fit(X[train], y[train], sample_weight=weight[train], exposure=exposure[train])
            wanted = family(held).deviance(y[test], fold.predict(X[test], exposure[test]), freq_weights=weight[test])
            assert search.deviance_path_[a, k] == pytest.approx(wanted / weight[test].sum(), rel=1e-6)
    if search.relaxed_:
        chosen = list(search.selected_groups_)
        alpha = {group: 0.0 if group in chosen else np.inf for group in "abc"}
        plain.set_params(alpha=alpha)
    else:
        plain.set_params(alpha=search.alpha_)
    plain.fit(X, y, **rows)
    np.testing.assert_allclose(search.coef_, plain.coef_, atol=1e-6)
    assert search.overdispersion_ == pytest.approx(plain.overdispersion_, rel=1e-5)
    assert search.objective_ == pytest.approx(plain.objective_, rel=1e-9)
    ax = DevianceCurveDisplay.from_estimator(search).plot().ax_
    assert ax.get_ylabel() == "mean held-out negative binomial deviance"


def test_cross_validation_of_outputs_at_given_values(claims):
    X, y, _, exposure = claims
    Y = np.column_stack([y, 2 * y])
    search = PoissonGLMRegressorCV(alphas=[0.1, 0.01], l1_ratio=[0.5, 1.0], cv=KFold(2), overdispersion=[0.5, 0.0])
    search.fit(X, Y, exposure=exposure)
    means = []
    for train, test in KFold(2).split(X):
        fold = PoissonGLMRegressor(alpha=0.01, l1_ratio=1, overdispersion=[0.5, 0.0])
        found = fold.fit(X[train], Y[train], exposure=exposure[train]).predict(X[test], exposure[test])
        first = family(0.5).deviance(Y[test, 0], found[:, 0])
        means.append((first + sm.families.Poisson().deviance(Y[test, 1], found[:, 1])) / 2 / len(test))
    np.testing.assert_allclose(search.deviance_path_[1, 1], means, rtol=1e-5)
    np.testing.assert_array_equal(search.overdispersion_, [0.5, 0.0])


def test_grid_search_finds_the_overdispersion(claims):
    X, y, *_ = claims
    grid = {"overdispersion": [0.0, 0.1, 0.5, 3.0]}
    search = GridSearchCV(PoissonGLMRegressor(alpha=0.01), grid, scoring=log_likelihood_scorer, cv=3).fit(X, y)
    assert search.best_params_["overdispersion"] == 0.5
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    assert again.overdispersion_ == 0.5
    np.testing.assert_array_equal(again.predict(X), search.predict(X))


def test_several_overdispersions_have_no_likelihood(claims):
    X, y, *_ = claims
    ensemble = BaggingRegressor(PoissonGLMRegressor(overdispersion="estimate"), n_estimators=2, random_state=0).fit(
        X, y
    )
    with pytest.raises(ValueError, match="log_likelihood_scorer needs one overdispersion_, but the models"):
        log_likelihood_scorer(ensemble, X, y)


def test_multi_split_tests_use_it(claims):
    """Of a single split: the Wald test of statsmodels in the half that tests."""
    X, y, *_ = claims
    model = PoissonGLMRegressor(alpha=0.02, l1_ratio=1, overdispersion=0.5, groups=list("abcdef"))
    table = multi_split_test(model, X, y, n_splits=1, kind="model", random_state=0)
    ((first, second),) = halves(ShuffleSplit(1, train_size=300, random_state=0), np.ones(600))
    chosen = np.flatnonzero(clone(model).fit(X[first], y[first]).coef_)
    glm = sm.GLM(y[second], sm.add_constant(X[second][:, chosen]), family=family(0.5)).fit(tol=1e-12)
    wanted = np.ones(6)
    wanted[chosen] = np.minimum(1, glm.pvalues[1:] * len(chosen))
    wanted = np.minimum(1, (1 - np.log(0.05)) * wanted)
    np.testing.assert_allclose(table["p_value"], wanted, rtol=1e-4)


# ---- bad input


@pytest.mark.parametrize(
    ("overdispersion", "message"),
    [
        (-1.0, "'overdispersion' parameter of .* must be"),
        (np.inf, "'overdispersion' parameter of .* must be"),
        (np.nan, "'overdispersion' parameter of .* must be"),
        ("poisson", "'overdispersion' parameter of .* must be"),
        (None, "'overdispersion' parameter of .* must be"),
        ([0.5, 0.5], r'overdispersion must be a number, "estimate"; got shape \(2,\)'),
    ],
)
def test_bad_values(claims, overdispersion, message):
    X, y, *_ = claims
    for model in (
        PoissonGLMRegressor(),
        GroupLassoPoisson(groups=GROUPS),
        PoissonGLMRegressorCV(),
        GroupLassoPoissonCV(),
    ):
        with pytest.raises(ValueError, match=message):
            model.set_params(overdispersion=overdispersion).fit(X, y)


def test_bad_values_by_output(claims):
    X, y, *_ = claims
    Y, model = np.column_stack([y, y]), PoissonGLMRegressor()
    for bad, message in [
        ([0.5], r"or an array of shape \(2,\), one for each output; got shape \(1,\)"),
        ([0.5, np.nan], "overdispersion contains NaN"),
        ([0.5, -2], "must be 0 or more; got -2 for output 1. 0 is Poisson"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.set_params(overdispersion=bad).fit(X, Y)


# ---- the objective


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("overdispersion", [0.0, 1e-10, 0.5, 1e3])
def test_objective(claims, overdispersion, intercept, storage, rng):
    """Gradients, Hessians, their factors and products, and divergences, by differences of values and gradients."""
    X, y, weight, exposure = claims
    X, Y = np.where(np.abs(X) > 0.3, X, 0), np.array([y, y + 1])
    rows = Y, (weight / weight.sum())[None], np.log(exposure)
    objective = NegativeBinomialObjective(storage(X), *rows, intercept, overdispersion=[overdispersion, 0.5])
    coefs, outputs, move = 0.3 * rng.normal(size=(2, 6)), np.arange(2), rng.normal(size=6)
    points = objective.points(coefs, outputs)
    o, point = max(overdispersion, 1e-12), points[0]
    means = exposure * np.exp(X @ coefs[0] + point.intercept)
    assert point.value == pytest.approx(loss(y, means, weight, o), rel=1e-4 if o < 1e-9 else 1e-12)
    residual = weight / weight.sum() * (means - y) / (1 + overdispersion * means)
    np.testing.assert_allclose(point.gradient, residual @ X, atol=1e-12)
    assert abs(residual.sum()) <= 1e-12 or not intercept
    if overdispersion == 0:
        poisson = PoissonObjective(storage(X), *rows, intercept).points(coefs, outputs)[0]
        assert point.value == pytest.approx(poisson.value, rel=1e-12)
        np.testing.assert_allclose(point.gradient, poisson.gradient, atol=1e-12)

    def gradient_at(coef):
        return objective.evaluate(coef[None], [0])[2][0]

    scale, columns = objective.scale[0], np.arange(6)
    hessian = scale * objective.hessian(point, 0, columns)
    differences = [(gradient_at(coefs[0] + 1e-5 * u) - gradient_at(coefs[0] - 1e-5 * u)) / 2e-5 for u in np.eye(6)]
    size = np.abs(hessian).max()
    np.testing.assert_allclose(hessian, differences, atol=1e-6 * size)
    factor = objective.factor(point, 0, columns)
    np.testing.assert_allclose(scale * factor @ factor.T, hessian, atol=1e-5 * size)
    product = scale * objective.hessian_times(point, objective.rates(point, 0), 0, move)
    np.testing.assert_allclose(product, hessian @ move, atol=1e-10 * size)
    far, near = (objective.bregman_divergence(coefs + step * move, points, outputs)[0] for step in (1.0, 1e-6))
    there = objective.points(coefs + move, outputs)[0]
    assert far == pytest.approx(there.value - point.value - point.gradient @ move, rel=1e-9)
    assert near == pytest.approx(1e-12 * move @ hessian @ move / 2, rel=1e-4)
    part = objective.restrict(np.array([4, 1]))
    coef = np.zeros(6)
    coef[[4, 1]] = 0.3, -0.2
    value, _, slopes = part.evaluate(coef[None, [4, 1]], [0])
    assert value[0] == pytest.approx(objective.evaluate(coef[None], [0])[0][0], rel=1e-12)
    np.testing.assert_allclose(slopes[0], gradient_at(coef)[[4, 1]], atol=1e-12)


def test_intercepts_far_away(rng):
    """Coefficients of which the intercept has to make up for a lot, from where nothing is known of it."""
    X = rng.normal(size=(50, 2)) * [1.0, 1e3]
    y, weights = rng.poisson(2.0, size=(1, 50)).astype(float), np.full((1, 50), 0.02)
    for overdispersion in (0.0, 1e-6, 1.0, 1e6):
        for coef in ([30.0, 0.0], [0.0, -1.0], [-200.0, 0.5]):
            objective = NegativeBinomialObjective(X, y, weights, np.zeros(50), True, overdispersion=[overdispersion])
            (value,), (intercept,), _ = objective.evaluate(np.array([coef]), [0])
            inverse = np.exp(-np.clip(X @ coef + intercept, -600, 600))
            slope = weights[0] @ ((1 - y[0] * inverse) / (inverse + overdispersion))
            assert np.isfinite(value)
            assert abs(slope) * (1 + overdispersion) <= 1e-9


def test_intercepts_from_where_all_means_are_rounding():
    """The row without a count set the intercept before, and that with one knows nothing of the way back."""
    X, y, weights = np.array([[0.0], [1.0]]), np.array([[1.0, 0.0]]), np.full((1, 2), 0.5)
    objective = NegativeBinomialObjective(X, y, weights, np.zeros(2), True, overdispersion=[0.5])
    _, (far,), _ = objective.evaluate(np.array([[80.0]]), [0])
    _, (near,), _ = objective.evaluate(np.array([[0.0]]), [0])
    assert far < -40
    assert near == pytest.approx(np.log(0.5), abs=1e-9)


def test_passes_for_an_intercept_end_at_its_rounding(monkeypatch, rng):
    """Where an intercept is so large that it can't be told to a millionth."""
    passes, slopes_at = [], NegativeBinomialObjective._slopes_at
    monkeypatch.setattr(NegativeBinomialObjective, "_slopes_at", lambda *each: [passes.append(1), slopes_at(*each)][1])
    X = 1 + 1e-12 * rng.normal(size=(15, 1))
    y, weights = rng.poisson(2.0, size=(1, 15)).astype(float), np.full((1, 15), 1 / 15)
    objective = NegativeBinomialObjective(X, y, weights, np.zeros(15), True, overdispersion=[6.0])
    for coef in 1e12 * rng.uniform(1, 2, size=20):
        passes.clear()
        objective.evaluate(np.array([[coef]]), [0])
        assert len(passes) <= 20


def test_coefficients_that_overflow():
    """A trial step may lead there: its value is not finite, and nothing warns."""
    X, y, weights = np.array([[1e3], [-1e3]]), np.array([[1.0, 3.0]]), np.full((1, 2), 0.5)
    objective = NegativeBinomialObjective(X, y, weights, np.zeros(2), True, overdispersion=[0.5])
    for coefs in ([[1e306]], [[1e306], [-1e306]], [[-1e306], [1e306]]):
        values, _, _ = objective.evaluate(np.array(coefs), np.zeros(len(coefs), dtype=int))
        assert not np.isfinite(values).any()


@pytest.mark.parametrize("intercept", [True, False])
def test_rounding(storage, intercept, rng):
    """Some units in the last place of the terms of a gradient, which are bounded by 1 / omega where means are large."""
    X, y, offset = rng.normal(size=(300, 4)), rng.poisson(1.0, size=(1, 300)).astype(float), 10 * rng.normal(size=300)
    weights, omega = np.full((1, 300), 1 / 300), np.array([1e-6, 0.7, 30.0])
    objective = NegativeBinomialObjective(
        storage(X), np.repeat(y, 3, 0), weights, offset, intercept, overdispersion=omega
    )
    for k in range(3):
        means = np.exp(offset + objective.null[k].intercept)
        sizes = weights[0] * (means + y[0]) / (1 + omega[k] * means) @ np.abs(X)
        np.testing.assert_allclose(objective.rounding[k], (4 + np.sqrt(300) / 2) * np.finfo(float).eps * sizes)


def test_single_precision_without_an_intercept(rng):
    """Large means at the null model, which gradients hardly depend on, are no reason to stop early."""
    X, y, exposure = np.ones((300, 1), dtype=np.float32), np.eye(300)[7], 10.0 ** rng.uniform(-4, 4, size=300)
    model = PoissonGLMRegressor(alpha=1e-5, l1_ratio=1, overdispersion=2.0, fit_intercept=False)
    model.fit(X, y, exposure=exposure)
    (slope,), _ = gradient(model, X, y, np.ones(300), exposure, 2.0)
    at_null = np.mean((exposure - y) / (1 + 2 * exposure))
    assert abs(slope + 1e-5 * np.sign(model.coef_[0])) <= 1e-5 * (at_null - 1e-5)


def test_columns_far_from_zero(rng):
    """The intercept makes up for their means, in digits that the slopes do not lose."""
    X, y = 100 + 1e-4 * rng.normal(size=(60, 3)), rng.poisson(2.0, size=60)
    model = PoissonGLMRegressor(alpha=1e-7, l1_ratio=0.5, overdispersion=0.5, tol=1e-8)
    centered = clone(model).fit(X - 100, y)
    model.fit(X, y)
    assert np.abs(model.coef_).max() > 100
    np.testing.assert_allclose(model.coef_, centered.coef_, rtol=1e-6)
    assert model.n_iter_ <= centered.n_iter_ + 2


# ---- beside other penalties and constraints


def test_bounds(claims):
    """As L-BFGS-B finds it."""
    X, y, weight, exposure = claims
    share = weight / weight.sum()

    def problem(terms):
        eta = np.log(exposure) + terms[0] + X @ terms[1:]
        means = np.exp(eta)
        residual = share * (means - y) / (1 + 0.5 * means)
        value = share @ ((y + 2) * np.log1p(0.5 * means) - y * eta) + 0.005 * terms[1:] @ terms[1:]
        return value, np.r_[residual.sum(), residual @ X + 0.01 * terms[1:]]

    wanted = minimize(
        problem,
        np.zeros(7),
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None)] + [(0, None)] * 6,
        options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 5000},
    )
    model = PoissonGLMRegressor(alpha=0.01, overdispersion=0.5, bounds=(0, None), tol=TOL)
    model.fit(X, y, sample_weight=weight, exposure=exposure)
    assert 0 < np.count_nonzero(model.coef_) < 6
    np.testing.assert_allclose(np.r_[model.intercept_, model.coef_], wanted.x, atol=1e-6)


def test_joint_outputs(claims):
    """The conditions of the optimum over all outputs, and an estimate for each."""
    X, y, weight, exposure = claims
    Y = np.column_stack([y, 2 * y[::-1]])
    model = PoissonGLMRegressor(alpha=0.02, l1_ratio=1, multi_output="joint", overdispersion="estimate", tol=1e-8)
    model.fit(X, Y, sample_weight=weight, exposure=exposure)
    means = model.predict(X, exposure)
    residual = weight[:, None] * (means - Y) / (1 + model.overdispersion_ * means) / weight.sum()
    slopes = residual.T @ X
    strength = 0.02
    norms = np.linalg.norm(model.coef_, axis=0)
    assert 0 < np.count_nonzero(norms) < 6
    inside = norms > 0
    left = np.linalg.norm(slopes + strength * model.coef_ / np.where(inside, norms, 1), axis=0)
    assert (left[inside] <= 1e-7).all()
    assert (np.linalg.norm(slopes, axis=0)[~inside] <= strength + 1e-7).all()
    np.testing.assert_allclose(residual.sum(axis=0), 0, atol=1e-9)
    for k, overdispersion in enumerate(model.overdispersion_):

        def loss_of(log_o, k=k):
            o = np.exp(log_o)
            return -weight @ stats.nbinom(1 / o, 1 / (1 + o * means[:, k])).logpmf(Y[:, k])

        best = minimize_scalar(loss_of, bounds=(-5, 5), method="bounded", options={"xatol": 1e-9}).x
        assert np.log(overdispersion) == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("penalty", ["mcp", "scad"])
def test_concave_penalties(claims, penalty):
    """Effects beyond the bend have the coefficients of a fit without a penalty of what is selected."""
    X, y, weight, exposure = claims
    model = PoissonGLMRegressor(alpha=0.02, l1_ratio=1, penalty=penalty, overdispersion=0.5, tol=TOL)
    model.fit(X, y, sample_weight=weight, exposure=exposure)
    chosen = np.flatnonzero(model.coef_)
    assert 0 < len(chosen) < 6
    assert (np.abs(model.coef_[chosen]) > 0.02 * (3 if penalty == "mcp" else 4)).all()
    free = PoissonGLMRegressor(alpha=0, overdispersion=0.5, tol=TOL)
    free.fit(X[:, chosen], y, sample_weight=weight, exposure=exposure)
    np.testing.assert_allclose(model.coef_[chosen], free.coef_, atol=1e-7)
