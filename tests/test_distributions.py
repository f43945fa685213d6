"""Distributions around predictions, against sums over their probabilities and counts that were held out."""

import numpy as np
import pytest
from scipy import stats

from skprox import GroupLassoPoissonCV, PoissonGLMRegressor


@pytest.fixture
def rates(rng):
    X = rng.normal(size=(20_000, 3))
    return X, rng.uniform(0.5, 2, size=20_000), np.exp(1.5 + X @ [0.5, -0.3, 0.0])


def test_means_and_variances(rates, storage):
    X, exposure, rate = rates
    y = stats.poisson.rvs(exposure * rate, random_state=0)
    model = PoissonGLMRegressor(alpha=0.01).fit(X, y, exposure=exposure)
    X, exposure = X[:50], exposure[:50]
    means = model.predict(X, exposure)
    for dispersion, wanted in [(None, 1), (1, 1), (1.7, 1.7), (np.float32(4), 4)]:
        found = model.predict_distribution(storage(X), exposure, dispersion=dispersion)
        counts = np.arange(2000)[:, None]
        mean = counts.T @ found.pmf(counts)
        np.testing.assert_allclose(mean[0], means, rtol=1e-6)
        np.testing.assert_allclose(((counts - means) ** 2 * found.pmf(counts)).sum(axis=0), wanted * means, rtol=1e-5)
        np.testing.assert_allclose([found.mean(), found.var()], [means, wanted * means], rtol=1e-6)
    one = model.predict_distribution(X, exposure, dispersion=1)
    np.testing.assert_allclose(one.pmf(counts), stats.poisson(means).pmf(counts), atol=1e-7)
    assert one.interval(0.9)[0].shape == (50,)


@pytest.mark.parametrize("spread", [1.0, 3.0])
def test_intervals_cover_counts_held_out(rates, spread):
    """As many as promised, where a count that lies on an end counts in part."""
    X, exposure, rate = rates
    rng, means = np.random.default_rng(1), exposure * rate
    y = rng.poisson(means) if spread == 1 else rng.negative_binomial(means / (spread - 1), 1 / spread)
    fit, held = slice(10_000), slice(10_000, None)
    model = PoissonGLMRegressor(alpha=0).fit(X[fit], y[fit], exposure=exposure[fit])
    dispersion = model.dispersion(X[fit], y[fit], exposure=exposure[fit])
    assert dispersion == pytest.approx(spread, rel=0.1)
    found = model.predict_distribution(X[held], exposure[held], dispersion=max(dispersion, 1))
    for level in (0.5, 0.8, 0.9, 0.95):
        tail = (1 - level) / 2
        below, up_to = found.cdf(y[held] - 1), found.cdf(y[held])
        place = below + (up_to - below) * rng.uniform(size=10_000)  # uniform, if the distribution is the right one
        assert ((place > tail) & (place < 1 - tail)).mean() == pytest.approx(level, abs=0.02)
        low, high = found.interval(level)
        assert ((low <= y[held]) & (y[held] <= high)).mean() >= level - 0.02
    if spread > 1:
        low, high = model.predict_distribution(X[held], exposure[held]).interval(0.9)
        assert ((low <= y[held]) & (y[held] <= high)).mean() < 0.8


def test_outputs_and_cross_validation(rates):
    X, _, rate = rates
    Y = np.column_stack([stats.poisson.rvs(rate, random_state=k) for k in range(3)])
    model = GroupLassoPoissonCV(alphas=5, cv=2, groups=[0, 0, 1]).fit(X, Y)
    found = model.predict_distribution(X[:7], dispersion=[1, 2.0, 5.0])
    assert found.rvs(random_state=0).shape == (7, 3)
    means = model.predict(X[:7])
    np.testing.assert_allclose(found.var(), means * [1, 2, 5], rtol=1e-6)
    for k, dispersion in enumerate([1, 2.0, 5.0]):
        single = PoissonGLMRegressor(alpha=0).fit(X, Y[:, k])
        single.coef_, single.intercept_ = model.coef_[k], model.intercept_[k]
        alone = single.predict_distribution(X[:7], dispersion=dispersion)
        np.testing.assert_allclose(found.pmf(np.full((7, 1), 3))[:, k], alone.pmf(3))


def test_means_that_underflow_and_single_precision(rng):
    X = rng.normal(size=(100, 1)).astype(np.float32)
    model = PoissonGLMRegressor(alpha=0).fit(X, rng.poisson(np.exp(X[:, 0])))
    assert model.predict_distribution(X).mean().dtype == np.float64
    far = np.float32([[-1e30]])
    for dispersion in (None, 2):
        low, high = model.predict_distribution(far, dispersion=dispersion).interval(0.9)
        assert (low, high) == (0, 0)


def test_bad_dispersions(rates):
    X, exposure, rate = rates
    y = stats.poisson.rvs(rate, random_state=0)
    one, two = PoissonGLMRegressor().fit(X, y), PoissonGLMRegressor().fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match=r"at least 1; got 0\.9\. .* pass np\.maximum\(dispersion, 1\)"):
        one.predict_distribution(X, dispersion=0.9)
    with pytest.raises(ValueError, match=r"at least 1; got 0\.5 for output 1\."):
        two.predict_distribution(X, dispersion=[2, 0.5])
    with pytest.raises(ValueError, match=r"dispersion must be a number; got shape \(2,\)"):
        one.predict_distribution(X, dispersion=[2, 2])
    with pytest.raises(ValueError, match=r"an array of shape \(2,\) with one for each output; got shape \(3,\)"):
        two.predict_distribution(X, dispersion=[2, 2, 2])
    with pytest.raises(ValueError, match="dispersion contains NaN"):
        one.predict_distribution(X, dispersion=np.nan)
    with pytest.raises(ValueError, match=r"could not convert string to float: .*estimate"):
        one.predict_distribution(X, dispersion="estimate")
    one.fit(X, y, exposure=exposure)
    with pytest.raises(ValueError, match="fitted with exposure, so that predict_distribution needs exposure as well"):
        one.predict_distribution(X)
