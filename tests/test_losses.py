import numpy as np
import pytest

from skprox import losses


def exact_excess(d):
    """exp(d) - 1 - d in extended precision, by its series where that would cancel."""
    d = np.asarray(d, dtype=np.longdouble)
    series, term = np.zeros_like(d), d * d / 2
    for k in range(3, 40):
        series += term
        term = term * d / k
    return np.where(np.abs(d) < 1, series, np.exp(d) - 1 - d)


@pytest.mark.parametrize("sign", [-1, 1])
def test_excess_has_no_cancellation(sign):
    """On both sides of every branch, down to moves whose square is next to nothing."""
    moves = sign * np.concatenate([np.geomspace(1e-150, 700, 500), [1e-3, np.nextafter(1e-3, 0), 0.0]])
    got = np.array([losses.exp_excess(d) for d in moves])
    np.testing.assert_allclose(got, exact_excess(moves).astype(float), rtol=1e-12)


def test_excess_at_the_ends():
    assert losses.exp_excess(0.0) == 0
    assert np.isfinite(losses.exp_excess(708.9))
    assert losses.exp_excess(710.0) == losses.exp_excess(1e300) == losses.exp_excess(np.inf) == np.inf
    assert losses.exp_excess(-1e300) == 1e300


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("size", [3.0, 1e-1, 1e-3, 1e-5, 1e-9])
def test_mean_excess(rng, size, dtype):
    """Its value is of the order of size**2, and as exact."""
    weight = rng.uniform(size=(3, 200)).astype(dtype)
    weight[:, :20] = 0
    moves, shift = (size * rng.normal(size=(3, 200))).astype(dtype), size * rng.normal(size=3)
    wanted = (weight.astype(np.longdouble) * exact_excess(moves.astype(np.longdouble) - shift[:, None])).sum(axis=1)
    got = losses.mean_excess(weight, moves, shift)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, wanted.astype(float), rtol=1e-9)


def test_rows_without_weight_do_not_count(rng):
    """Whatever would become of them: infinity times zero is no number."""
    weight, moves = rng.uniform(size=(2, 50)), rng.normal(size=(2, 50))
    weight[:, ::5] = 0
    far = np.where(weight == 0, 1e6, moves)
    far[0, 0], far[1, 0] = np.inf, np.nan
    np.testing.assert_array_equal(
        losses.mean_excess(weight, far, np.zeros(2)), losses.mean_excess(weight, moves, np.zeros(2))
    )


def test_mean_excess_of_a_leap_is_infinite_not_nan(rng):
    """In the row that leaps, and in no other."""
    weight, moves = rng.uniform(size=(3, 50)), rng.normal(size=(3, 50))
    moves[1, 7], moves[2, 7] = 1e4, -1e4
    got = losses.mean_excess(weight, moves, np.zeros(3))
    assert got[1] == np.inf
    assert np.isfinite(got[[0, 2]]).all()
