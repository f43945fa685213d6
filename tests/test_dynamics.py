import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from scipy.stats import expon, halfnorm
from sklearn.exceptions import ConvergenceWarning

from skprox.dynamics import simulate_sparsification

matplotlib.use("agg")

QUANTITIES = ["weights_left", "one_norm", "feature_benefit", "total_squared_deviation", "relative_variance", "gap"]


def simulate_weights(w, alpha, step):
    """Every weight on its own: a row a step of time, the quantities, and the gap by its law."""
    w, rows, time = np.sort(w)[::-1], [], 0.0
    law = (w[0] - w[1]) / w[0]
    while True:
        gap = (w[0] - w[1]) / w[0] if len(w) > 1 else 1.0
        rows.append([time, len(w), w.sum(), 1 - w @ w, len(w) * w.var(), w.var() / w.mean() ** 2, gap, law])
        if len(w) == 1:
            return np.array(rows)
        law += step * alpha * law / w[0]
        w = w + step * ((1 - w @ w) * w - alpha)
        w, time = w[w > 0], time + step


def quantiles(distribution, size):
    """Weights without chance, of a squared norm of 0.81."""
    weights = distribution.ppf((np.arange(size) + 0.5) / size)
    return 0.9 * weights / np.linalg.norm(weights)


@pytest.mark.parametrize("step", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("initial", [0.05 * np.arange(1, 12), np.random.default_rng(0).normal(0, 0.05, 300) ** 2])
def test_agrees_with_all_weights_simulated(initial, step):
    result = simulate_sparsification(initial, alpha=2e-3, step=step)
    wanted = simulate_weights(initial, 2e-3, step)
    wanted = wanted[np.isin(wanted[:, 0].round(6), result.time.round(6))].T
    np.testing.assert_allclose(result.time, wanted[0])
    assert result.weights_left[-1] == 1
    for name, values in zip(QUANTITIES, wanted[1:], strict=False):
        np.testing.assert_allclose(getattr(result, name), values, rtol=1e-9, atol=1e-13, err_msg=name)
    np.testing.assert_allclose(result.theory["gap"], wanted[-1], rtol=1e-9)


def test_norm_and_number_have_closed_forms_where_the_tail_is_exponential():
    """An exponential tail stays one when it is shifted: the relative variance is 1 at all times."""
    result = simulate_sparsification(quantiles(expon, 100_000), alpha=1e-5)
    settled = (result.time > 20) & (result.weights_left > 100)
    assert settled.sum() > 100
    start = np.argmax(settled)
    norm = 1 / (1 / result.one_norm[start] + 1e-5 * (result.time - result.time[start]))
    np.testing.assert_allclose(result.one_norm[settled], norm[settled], rtol=0.03)
    np.testing.assert_allclose(result.weights_left[settled], 2 * norm[settled] ** 2, rtol=0.06)
    np.testing.assert_allclose(result.feature_benefit[settled], 1e-5 * norm[settled], rtol=0.03)


def test_theory_of_normal_weights():
    result = simulate_sparsification(quantiles(halfnorm, 100_000), alpha=1e-5)
    settled = (result.time > 20) & (result.weights_left > 200)
    for name in ("relative_variance", "total_squared_deviation"):
        np.testing.assert_allclose(getattr(result, name)[settled], result.theory[name][settled], rtol=0.02)
    for name, factor in [("weights_left", 3), ("one_norm", 1.5), ("feature_benefit", 1.5)]:
        ratio = getattr(result, name)[settled] / result.theory[name][settled]
        assert (ratio < factor).all()
        assert (ratio > 1 / factor).all()


def test_theory_follows_its_formulas():
    result = simulate_sparsification(100, alpha=1e-2, random_state=0)
    scale = 1 / np.sqrt(100) + 1e-2 * result.time
    np.testing.assert_allclose(result.theory["weights_left"], np.maximum(1 / scale**2, 1))
    np.testing.assert_allclose(result.theory["one_norm"], np.maximum(1 / scale, 1))
    np.testing.assert_allclose(result.theory["feature_benefit"], 1e-2 * np.maximum(1 / scale, 1))
    np.testing.assert_allclose(result.theory["relative_variance"][0], np.pi / 2 - 1)


def test_bounds_hold():
    result = simulate_sparsification(2000, alpha=1e-4, random_state=1)
    low, high = result.relative_variance_bounds.T
    assert (low <= result.relative_variance * (1 + 1e-12)).all()
    assert (result.relative_variance <= high * (1 + 1e-12)).all()
    many = result.weights_left > 100
    assert (high[many] < 1.1 * low[many]).all()


def test_last_weight_is_where_benefit_and_penalty_balance():
    result = simulate_sparsification(500, alpha=1e-3, random_state=0)
    largest = max(np.roots([1, 0, -1, 1e-3]).real)
    assert result.weights_left[-1] == 1
    assert result.one_norm[-1] == pytest.approx(largest, abs=1e-5)
    assert result.total_squared_deviation[-1] == result.relative_variance[-1] == 0
    assert result.gap[-1] == 1


def test_time_is_recorded_sparsely():
    result = simulate_sparsification(random_state=0)
    assert result.weights_left[[0, -1]].tolist() == [100_000, 1]
    assert 1e5 < result.time[-1] < 2e5
    assert len(result.time) < 300
    assert (np.diff(result.time) > 0).all()


def test_initial_weights_have_any_order_and_stay():
    given = np.array([0.1, 0.5, 0.2])
    result = simulate_sparsification(given, alpha=1e-2)
    np.testing.assert_array_equal(given, [0.1, 0.5, 0.2])
    np.testing.assert_array_equal(result.one_norm, simulate_sparsification([0.5, 0.2, 0.1], alpha=1e-2).one_norm)
    drawn = [simulate_sparsification(50, alpha=1e-2, random_state=seed).one_norm[0] for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("alpha", [1.0, 1e300])
def test_strong_penalties_leave_no_weight(alpha):
    result = simulate_sparsification([0.01, 0.02, 0.03], alpha=alpha)
    assert result.weights_left[-1] == result.one_norm[-1] == 0
    assert result.feature_benefit[-1] == 1
    assert np.isfinite(result.to_frame().to_numpy()).all()


def test_max_iter_bounds_the_steps():
    with pytest.warns(ConvergenceWarning, match="weights are left after max_iter=7 steps; raise") as record:
        result = simulate_sparsification(100, max_iter=7, random_state=0)
    assert record[0].filename == __file__
    assert result.time[-1] == 3.5


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (1, "'weights' parameter"),
        ([0.5], r"two or more; got shape \(1,\)"),
        ([[0.5, 0.2]], r"two or more; got shape \(1, 2\)"),
        ([0.5, 0.0], "weights must be positive; the least is 0. Leave out"),
        ([0.5, -0.1], "weights must be positive; the least is -0.1"),
        ([0.5, np.nan], "weights contains NaN"),
        ([0.3, 0.5, 0.5], "two largest weights must differ by 1e-09 of their size"),
        ([1.7, 0.5], r"sum to less than 1 \+ 1 / step = 3, .*; got 3.14"),
    ],
)
def test_bad_weights(weights, message):
    with pytest.raises(ValueError, match=message):
        simulate_sparsification(weights)


@pytest.mark.parametrize("bad", [{"alpha": 0.0}, {"alpha": -1.0}, {"step": 1.0}, {"step": 0.0}, {"max_iter": 0}])
def test_bad_parameters(bad):
    with pytest.raises(ValueError, match=f"'{next(iter(bad))}' parameter"):
        simulate_sparsification(10, **bad)


def test_importing_compiles_nothing():
    code = "import sys, skprox.dynamics; print([m for m in ('numba', 'matplotlib') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_to_frame_has_all():
    result = simulate_sparsification(50, alpha=1e-2, random_state=0)
    frame = result.to_frame()
    assert frame.index.name == "time"
    pairs = [name for quantity in QUANTITIES for name in (quantity, f"{quantity}_theory")]
    assert list(frame) == [*pairs, "relative_variance_low", "relative_variance_high"]
    np.testing.assert_array_equal(frame["gap"], result.gap)
    np.testing.assert_array_equal(frame["gap_theory"], result.theory["gap"])


def test_plot_draws_theory_dashed():
    import matplotlib.pyplot as plt

    result = simulate_sparsification(50, alpha=1e-2, random_state=0)
    ax = result.plot()
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--", "-", "--"]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), result.weights_left[1:])
    np.testing.assert_array_equal(ax.lines[3].get_ydata(), result.theory["one_norm"][1:])
    _, mine = plt.subplots()
    assert result.plot(ax=mine) is mine
    plt.close("all")
