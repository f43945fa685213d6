import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import gammaln
from scipy.stats import poisson
from sklearn.metrics import d2_tweedie_score, r2_score

from skprox.metrics import cohen_r2, mcfadden_r2


@pytest.fixture
def fit(rng):
    """Counts, means, weights and exposure."""
    exposure, weight = rng.uniform(0.5, 2, size=60), rng.integers(0, 4, size=60)
    means = exposure * np.exp(rng.normal(size=60))
    return rng.poisson(means), means, weight, exposure


def log_likelihood(y, means, weight):
    return weight @ poisson.logpmf(y, means)


def test_mcfadden_is_a_ratio_of_log_likelihoods(fit):
    y, means, weight, exposure = fit
    null = exposure * (weight @ y) / (weight @ exposure)
    wanted = 1 - log_likelihood(y, means, weight) / log_likelihood(y, null, weight)
    assert mcfadden_r2(y, means, sample_weight=weight, exposure=exposure) == pytest.approx(wanted, rel=1e-12)
    assert mcfadden_r2(y, exposure * 2.5, exposure=exposure, null_rate=2.5) == pytest.approx(0, abs=1e-12)


def test_cohen_is_a_share_of_the_deviance(fit):
    y, means, weight, exposure = fit
    assert cohen_r2(y, means) == pytest.approx(d2_tweedie_score(y, means, power=1), rel=1e-12)
    weighted = d2_tweedie_score(y, means, power=1, sample_weight=weight)
    assert cohen_r2(y, means, sample_weight=weight) == pytest.approx(weighted, rel=1e-12)
    best = poisson.logpmf(y, np.where(y > 0, y, 1e-300))  # the saturated model
    null = exposure * (weight @ y) / (weight @ exposure)
    losses = [weight @ best - log_likelihood(y, each, weight) for each in (means, null)]
    wanted = 1 - losses[0] / losses[1]
    assert cohen_r2(y, means, sample_weight=weight, exposure=exposure) == pytest.approx(wanted, rel=1e-12)
    assert cohen_r2(y, y) == 1


@pytest.mark.parametrize("score", [cohen_r2, mcfadden_r2])
def test_float32_predictions_of_large_counts(rng, score):
    """Deviances are small differences of large numbers, which float32 would hide."""
    means = np.exp(14 + 2e-3 * rng.normal(size=200)).astype(np.float32)
    y = rng.poisson(means.astype(float))
    assert score(y, means) == pytest.approx(score(y, means.astype(float)), rel=1e-12)


def test_agrees_with_statsmodels(rng):
    X, exposure = sm.add_constant(rng.normal(size=(200, 2))), rng.uniform(0.5, 2, size=200)
    y = rng.poisson(exposure * np.exp(X @ [0.5, 0.3, 0.0]))
    for offset in (None, exposure):
        result = sm.GLM(y, X, family=sm.families.Poisson(), exposure=offset).fit(tol=1e-12)
        mcfadden = mcfadden_r2(y, result.fittedvalues, exposure=offset)
        assert mcfadden == pytest.approx(1 - result.llf / result.llnull, rel=1e-8)
        cohen = cohen_r2(y, result.fittedvalues, exposure=offset)
        assert cohen == pytest.approx(1 - result.deviance / result.null_deviance, rel=1e-8)
    assert mcfadden_r2(y, np.full(200, y.mean())) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("score", [mcfadden_r2, cohen_r2])
def test_null_model_of_the_training_rows(fit, score):
    """Of rows that were held out, the null model knows the mean rate of others."""
    y, means, _, exposure = fit
    rate = y[:40].sum() / exposure[:40].sum()
    held_out = y[40:], means[40:]
    own = score(*held_out, exposure=exposure[40:])
    trained = score(*held_out, exposure=exposure[40:], null_rate=rate)
    assert trained > own  # no rate does better on the held-out rows than their own
    null = exposure[40:] * rate
    assert score(y[40:], null, exposure=exposure[40:], null_rate=rate) == pytest.approx(0, abs=1e-12)
    assert score(y[40:], null, exposure=exposure[40:]) < 0


@pytest.mark.parametrize("score", [mcfadden_r2, cohen_r2])
def test_many_outputs(fit, score):
    y, means, weight, exposure = fit
    Y, M = np.column_stack([y, y[::-1]]), np.column_stack([means, means])
    options = {"sample_weight": weight, "exposure": exposure}
    each = score(Y, M, multioutput="raw_values", **options)
    for k in range(2):
        assert each[k] == pytest.approx(score(Y[:, k], means, **options), rel=1e-12)
        assert score(Y, M, null_rate=[2, 3], multioutput="raw_values", **options)[k] == pytest.approx(
            score(Y[:, k], means, null_rate=2 + k, **options), rel=1e-12
        )
    assert score(Y, M, **options) == pytest.approx(each.mean())


@pytest.mark.parametrize("score", [mcfadden_r2, cohen_r2])
def test_limits(score):
    assert score([0, 1, 2], [1, np.inf, 1]) == -np.inf
    assert score([0, 1, 2], [1, 0, 1]) == -np.inf
    assert score([0, 1, 2], [0, 0, 2], sample_weight=[1, 0, 1]) > 0
    assert score([0, 0], [0, 0]) == 1
    assert score([0, 0], [0, 0.1]) == 0
    assert score([0, 3], [1, 2], exposure=2) == score([0, 3], [1, 2])


@pytest.mark.parametrize("count", [1e-30, 1e-3, 1.0, 3.0, 3.7, 1e6, 1e12, 1e30])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_counts_that_are_all_alike_or_in_proportion_to_exposure(rng, count, dtype):
    """The null model leaves nothing to explain, whatever its rounding: 1 or 0, as r2_score has it."""
    for n in [1, 2, 10, 30, 1000]:
        exposure = rng.lognormal(sigma=3, size=n).astype(dtype)
        for y, options in [
            (np.full(n, count, dtype), {}),
            (np.full(n, count, dtype), {"exposure": 2.3}),
            (np.full(n, count, dtype), {"null_rate": float(dtype(count)) * (1 + 1e-15)}),
            ((count * exposure.astype(float)).astype(dtype), {"exposure": exposure}),
        ]:
            weight = rng.uniform(0.1, 3, size=n)
            means = y * rng.uniform(0.5, 0.9, size=n).astype(dtype)
            for y_pred, wanted in [
                (y, r2_score([1, 1], [1, 1])),
                (y * (1 + 1e-15), 1),
                (means, r2_score([1, 1], [1, 2])),
            ]:
                assert cohen_r2(y, y_pred, **options) == wanted
                assert cohen_r2(y, y_pred, sample_weight=weight, **options) == wanted


@pytest.mark.parametrize("count", [0.3, 1.0, 3.0, 3.7, 1e6])
def test_mcfadden_of_counts_that_are_all_alike(rng, count):
    """Negative by as much as the model is worse."""
    y, weight, means = np.full(50, count), rng.uniform(0.1, 3, size=50), count * rng.uniform(0.5, 1.5, size=50)

    def loss(mu):
        return weight @ (mu - y * np.log(mu) + gammaln(y + 1))

    wanted = 1 - loss(means) / loss(y)
    assert wanted < 0
    assert mcfadden_r2(y, means, sample_weight=weight) == pytest.approx(wanted, rel=1e-8)
    assert mcfadden_r2(y, y, sample_weight=weight) == pytest.approx(0, abs=1e-8)


def test_counts_that_are_nearly_alike(rng):
    """What differs by more than rounding is explained."""
    y = 1e6 * (1 + 1e-5 * rng.normal(size=100))
    assert cohen_r2(y, y) == 1
    assert cohen_r2(y, (y + y.mean()) / 2) == pytest.approx(0.75, abs=1e-4)
    y[:] = 0
    y[3] = 1e-9
    assert cohen_r2(y, y / 2 + 5e-12) > 0.5


@pytest.mark.parametrize("score", [mcfadden_r2, cohen_r2])
@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([0, -1], [1, 1]), {}, "y must hold counts, which are not negative; got -1 in row 1"),
        (([0, 1], [1, -1]), {}, "y_pred must hold expected counts, which are not negative; got -1 in row 1"),
        (([0, 1], [np.nan, 1]), {}, "y_pred must hold expected counts, which are not negative; got nan in row 0"),
        (([0, 1], [1, 1, 1]), {}, r"y has shape \(2,\), but predictions have shape \(3,\)"),
        (
            ([0, 1], [1, 1]),
            {"null_rate": 0},
            "null_rate must be a positive number, or one for each of 1 outputs; got 0",
        ),
        (([0, 1], [1, 1]), {"null_rate": "mean"}, "null_rate must be a positive number, .* got 'mean'"),
        (([0, 1], [1, 1]), {"null_rate": [1, 2]}, r"null_rate must be a positive number, .* got \[1, 2\]"),
        (([0, 1], [1, 1]), {"exposure": [1, 0]}, "exposure must be positive; got 0 in row 1"),
        (([0, 1], [1, 1]), {"exposure": -1}, "exposure must be positive; got -1"),
        (([0, 1], [1, 1]), {"sample_weight": [0, 0]}, "sample_weight is 0 for every row|Sample weights must contain"),
        (([0, 1], [1, 1]), {"multioutput": "mean"}, "'multioutput' parameter"),
    ],
)
def test_bad_input(score, arguments, options, message):
    with pytest.raises(ValueError, match=message):
        score(*arguments, **options)
