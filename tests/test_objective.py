from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import approx_fprime

import skprox.storage
from skprox import losses
from skprox.objectives.negative_binomial import NegativeBinomialObjective
from skprox.objectives.poisson import Point, PoissonObjective

OUTPUTS = [0, 1, 0]  # of the rows of coefficients that are evaluated at once


class Exact:
    """The formulas in extended precision, over the rows that have a weight."""

    def __init__(self, X, counts, weight, offset, intercept):
        rows = weight > 0
        self.X, self.weight, self.offset = (a[rows].astype(np.longdouble) for a in (X, weight, offset))
        self.counts, self.intercept = counts[:, rows].astype(np.longdouble), intercept

    def profile(self, coef, output):
        """The intercept for these coefficients, and the linear predictor with it."""
        eta, top = self.offset + self.X @ coef, (self.offset + self.X @ coef).max()
        total = self.weight @ self.counts[output]
        b = np.log(total) - top - np.log(self.weight @ np.exp(eta - top)) if self.intercept else np.longdouble(0)
        return b, eta + b

    def value(self, coef, output):
        eta = self.profile(coef, output)[1]
        return self.weight @ (np.exp(eta) - self.counts[output] * eta)

    def gradient(self, coef, output):
        return (self.weight * (np.exp(self.profile(coef, output)[1]) - self.counts[output])) @ self.X

    def hessian(self, coef, output):
        mass = self.weight * np.exp(self.profile(coef, output)[1])
        second = (self.X * mass[:, None]).T @ self.X
        return second - np.outer(mass @ self.X, mass @ self.X) / mass.sum() if self.intercept else second

    def evaluate(self, coefs, outputs):
        """As the method of that name."""
        rows = list(zip(coefs, outputs, strict=True))
        values, intercepts = [self.value(*row) for row in rows], [self.profile(*row)[0] for row in rows]
        return [np.array(a, dtype=float) for a in (values, intercepts, [self.gradient(*row) for row in rows])]


def make(X, to_storage, intercept=True, n_threads=1, dtype=float, weight=None):
    """An objective with two outputs, some rows without weight, and the same in extended precision."""
    rng, n = np.random.default_rng(1), len(X)
    if weight is None:
        weight = rng.uniform(size=n) * (np.arange(n) % 7 > 0)
    counts, offset = rng.poisson([[2.0], [5.0]], size=(2, n)), rng.normal(size=n)
    arrays = [a.astype(dtype) for a in (X, counts, weight / weight.sum(), offset)]
    X, counts, weight, offset = arrays
    objective = PoissonObjective(to_storage(X), counts, weight[None], offset, intercept, n_threads)
    return objective, Exact(*arrays, intercept)


def point_at(objective, coef, output):
    """What a solver stands on."""
    value, intercept, gradient = (answer[0] for answer in objective.evaluate(coef[None], [output]))
    return Point(coef, intercept, value, gradient)


@pytest.fixture
def X(rng):
    return rng.normal(size=(60, 5)) * (rng.uniform(size=(60, 5)) < 0.5) + 0.1


@pytest.fixture
def coefs(rng):
    return 0.4 * rng.normal(size=(3, 5))


@pytest.fixture(params=[1, 3])
def n_threads(request, monkeypatch):
    """The number of blocks; where there are several, each has several chunks too."""
    if request.param > 1:
        monkeypatch.setattr(skprox.storage, "CHUNK_BYTES", 16)
        monkeypatch.setattr(skprox.storage, "CHUNK_ROWS", 4)
    return request.param


@pytest.fixture(params=[True, False], ids=["intercept", "no intercept"])
def intercept(request):
    return request.param


def test_values_intercepts_and_gradients(X, coefs, storage, intercept, n_threads):
    objective, exact = make(X, storage, intercept, n_threads)
    for got, wanted in zip(objective.evaluate(coefs, OUTPUTS), exact.evaluate(coefs, OUTPUTS), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-11, atol=1e-13)


def test_hessians_where_rates_overflow_or_vanish_do_not_warn(X, storage, n_threads):
    objective, _ = make(X, storage, True, n_threads)
    (point,) = objective.points(np.ones((1, X.shape[1])), [0])
    for intercept in (1e4, -1e4):
        second = objective.hessian(replace(point, intercept=intercept), 0, np.arange(X.shape[1]))
        assert second.shape == (X.shape[1],) * 2


def test_gradient_is_the_slope_of_the_value(X, coefs, storage, intercept):
    objective, _ = make(X, storage, intercept)
    gradients = objective.evaluate(coefs, OUTPUTS)[2]
    for coef, output, gradient in zip(coefs, OUTPUTS, gradients, strict=True):
        slope = approx_fprime(coef, lambda c, k=output: objective.evaluate(c[None], [k])[0][0], 1e-7)
        np.testing.assert_allclose(gradient, slope, atol=1e-6)


@pytest.mark.parametrize("columns", [[3, 0, 4], [0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2]])
def test_evaluation_on_some_columns(X, coefs, storage, intercept, n_threads, columns):
    """Outside of which the coefficients are zero; the gradient comes in their order."""
    objective, exact = make(X, storage, intercept, n_threads)
    part = np.zeros_like(coefs)
    part[:, columns] = coefs[:, columns]
    restricted = objective.restrict(np.array(columns))
    assert restricted.shape == (60, len(columns))
    values, intercepts, gradients = restricted.evaluate(part[:, columns], OUTPUTS)
    wanted = exact.evaluate(part, OUTPUTS)
    np.testing.assert_allclose(values, wanted[0], rtol=1e-11)
    np.testing.assert_allclose(intercepts, wanted[1], rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(gradients, wanted[2][:, columns], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("weight", [np.ones(400), np.arange(400) % 3, (np.arange(400) < 12) * 1.0])
def test_rows_that_hold_nothing_become_one(rng, storage, intercept, n_threads, weight):
    """In the few columns that are looked at; others have entries there, and some rows no weight."""
    X = rng.normal(size=(400, 30)) * (rng.random((400, 30)) < 0.5)
    columns = np.array([4, 17, 20])
    X[:, columns] *= (np.arange(400) % 31 == 0)[:, None]
    objective, exact = make(X, storage, intercept, n_threads, weight=weight)
    part, coefs = objective.restrict(columns), np.zeros((3, 30))
    coefs[:, columns] = rng.normal(size=(3, 3))
    if not isinstance(objective.design.X, np.ndarray):
        assert len(part.design.X.data) == np.count_nonzero(X[:, columns])
        assert part.shape == (np.count_nonzero(X[:, columns].any(axis=1)) + 1, 3)
    got, wanted = part.evaluate(coefs[:, columns], OUTPUTS), exact.evaluate(coefs, OUTPUTS)
    np.testing.assert_allclose(got[0], wanted[0], rtol=1e-11)
    np.testing.assert_allclose(got[2], wanted[2][:, columns], rtol=1e-9, atol=1e-12)
    here = [point_at(part, coef, k) for coef, k in zip(coefs[:, columns], OUTPUTS, strict=True)]
    there = [point_at(objective, coef, k) for coef, k in zip(coefs, OUTPUTS, strict=True)]
    np.testing.assert_allclose(
        part.largest_change(here, coefs[:, columns], OUTPUTS, 5.0), objective.largest_change(there, coefs, OUTPUTS, 5.0)
    )
    hessian = part.hessian(point_at(part, coefs[1, columns], 1), 1, np.array([2, 0]))
    wanted = exact.hessian(coefs[1], 1)[np.ix_(columns[[2, 0]], columns[[2, 0]])] / objective.scale[1]
    np.testing.assert_allclose(hessian, wanted.astype(float), rtol=1e-9, atol=1e-12)


def test_several_weightings(X, coefs, rng, storage, intercept, n_threads):
    """Outputs are all counts under the first weights, then all under the second: as objectives of their own."""
    weights = rng.uniform(size=(2, 60)) * (np.arange(60) % [[5], [3]] > 0)
    weights /= weights.sum(axis=1, keepdims=True)
    counts, offset = rng.poisson([[2.0], [5.0]], size=(2, 60)).astype(float), rng.normal(size=60)
    both = PoissonObjective(storage(X), counts, weights, offset, intercept, n_threads)
    alone = [PoissonObjective(storage(X), counts, w[None], offset, intercept, n_threads) for w in weights]
    outputs, coefs = [3, 0, 2, 1], np.vstack([coefs, -coefs[:1]])
    points = [point_at(both, coef, output) for coef, output in zip(coefs, outputs, strict=True)]
    excess, reach = both.bregman_divergence(-coefs, points, outputs), both.largest_change(points, coefs, outputs, 5.0)
    for k, output in enumerate(outputs):
        one, which = alone[output // 2], output % 2
        exact = Exact(X, counts, weights[output // 2], offset, intercept)
        answer = [points[k].value, points[k].intercept, points[k].gradient]
        for got, wanted in zip(answer, exact.evaluate(coefs[[k]], [which]), strict=True):
            np.testing.assert_allclose(got, wanted[0], rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(both.column_sd[output], one.column_sd[which])
        np.testing.assert_allclose(both.null[output].gradient, one.null[which].gradient, atol=1e-14)
        np.testing.assert_allclose(excess[k], one.bregman_divergence(-coefs[[k]], [points[k]], [which])[0])
        np.testing.assert_allclose(reach[k], one.largest_change([points[k]], coefs[[k]], [which], 5.0)[0])
        hessian = exact.hessian(coefs[k], which) / both.scale[output]
        got = both.hessian(points[k], output, np.arange(5))
        np.testing.assert_allclose(got, hessian.astype(float), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("columns", [[3, 0, 4], [0, 1, 2, 3, 4]])
def test_hessian(X, coefs, storage, intercept, n_threads, columns):
    objective, exact = make(X, storage, intercept, n_threads)
    for output in (0, 1):
        coef = coefs[output] * [1, 0, 1, 1, 1]
        point = point_at(objective, coef, output)
        scale = exact.weight @ exact.counts[output] if intercept else 1.0
        assert objective.scale[output] == pytest.approx(float(scale))
        wanted = (exact.hessian(coef, output)[np.ix_(columns, columns)] / scale).astype(float)
        np.testing.assert_allclose(objective.hessian(point, output, np.array(columns)), wanted, rtol=1e-10, atol=1e-13)
        for rows in (slice(1, None), slice(0, 2), slice(2, 2)):
            got = objective.hessian(point, output, np.array(columns), rows)
            np.testing.assert_allclose(got, wanted[rows], rtol=1e-10, atol=1e-13)

        slopes = approx_fprime(coef, lambda c, k=output: objective.evaluate(c[None], [k])[2][0], 1e-7)
        np.testing.assert_allclose(objective.hessian(point, output, np.arange(5)), slopes / float(scale), atol=1e-5)


@pytest.mark.parametrize("size", [3.0, 1e-1, 1e-3, 1e-5])
def test_divergence_has_no_cancellation(X, coefs, rng, storage, intercept, n_threads, size):
    """Value less its expansion, against extended precision; it is of the order of size**2."""
    objective, exact = make(X, storage, intercept, n_threads)
    ends = coefs + size * rng.normal(size=coefs.shape)
    points = [point_at(objective, *row) for row in zip(coefs, OUTPUTS, strict=True)]
    got = objective.bregman_divergence(ends, points, OUTPUTS)
    for k, output in enumerate(OUTPUTS):
        move = ends[k].astype(np.longdouble) - coefs[k]
        slope = exact.gradient(coefs[k], output) @ move
        wanted = exact.value(ends[k], output) - exact.value(coefs[k], output) - slope
        np.testing.assert_allclose(got[k], float(wanted), rtol=1e-7 if size < 1e-4 else 1e-10)


@pytest.mark.parametrize("size", [1e-7, 1e-12])
def test_divergence_of_tiny_moves(X, coefs, rng, storage, intercept, size):
    """It is then half of move.Hessian move, however small."""
    objective, exact = make(X, storage, intercept)
    points = [point_at(objective, *row) for row in zip(coefs, OUTPUTS, strict=True)]
    ends = coefs + size * rng.normal(size=coefs.shape)
    got = objective.bregman_divergence(ends, points, OUTPUTS)
    for k, output in enumerate(OUTPUTS):
        move = (ends[k] - coefs[k]).astype(np.longdouble)
        np.testing.assert_allclose(got[k], float(move @ exact.hessian(coefs[k], output) @ move / 2), rtol=1e-5)


def test_divergence_from_and_to_zero(X, coefs, storage, intercept):
    """Of columns that are zero at one end only, and of no move at all."""
    objective, exact = make(X, storage, intercept)
    coefs = coefs * [[1, 1, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 1, 1]]
    ends = np.roll(coefs, 1, axis=0)
    points = [point_at(objective, *row) for row in zip(coefs, OUTPUTS, strict=True)]
    got = objective.bregman_divergence(ends, points, OUTPUTS)
    for k, output in enumerate(OUTPUTS):
        wanted = exact.value(ends[k], output) - exact.value(coefs[k], output)
        wanted -= exact.gradient(coefs[k], output) @ (ends[k] - coefs[k])
        np.testing.assert_allclose(got[k], float(wanted), rtol=1e-11)
    assert objective.bregman_divergence(coefs, points, OUTPUTS).tolist() == [0, 0, 0]


def test_reach(X, coefs, storage, intercept, n_threads):
    objective, _ = make(X, storage, intercept, n_threads, weight=np.ones(60))
    moves = coefs * [1, 0, 1, 1, 0]
    changes = X @ moves.T
    wanted = np.ptp(changes, axis=0) if intercept else np.abs(changes).max(axis=0)
    points = [objective.null[k] for k in OUTPUTS]
    np.testing.assert_allclose(objective.largest_change(points, moves, OUTPUTS, 5.0), wanted)
    assert objective.largest_change(points[:1], np.zeros((1, 5)), [0], 5.0).tolist() == [0]


def test_reach_where_rates_are_next_to_nothing(X, rng, storage, intercept, n_threads):
    """They fall as they like, with a count or without, and have some way to go before they matter."""
    X[:, 3] = (np.arange(60) >= 30) * rng.uniform(1, 2, size=60)
    objective, exact = make(X, storage, intercept, n_threads, weight=np.ones(60))
    down, moves = np.array([0.0, 0, 0, -30, 0]), np.array([[0.1, 0, 0, -5, 0], [0.1, 0, 0, 50, 0]])
    points = [point_at(objective, down, 0)] * 2
    rates = exact.weight * np.exp(exact.profile(down, 0)[1])
    least, changes = 1e-3 * (exact.weight @ exact.counts[0]) / 60, exact.X @ moves.T
    changes = changes - rates @ changes / rates.sum() if intercept else changes
    gap = np.maximum(np.log(least / rates), 0)
    assert (gap[30:] > 10).all()
    held = gap == 0
    for got, change in zip(objective.largest_change(points, moves, [0, 0], 5.0), changes.T, strict=True):
        highest, lowest = (change * 5 / (5 + gap)).max(), -change[held].min()
        assert got == pytest.approx(float(highest + lowest if intercept else max(highest, lowest)))


def test_totals_and_moments(X, storage, n_threads):
    objective, exact = make(X, storage, True, n_threads)
    masses = exact.counts * exact.weight
    np.testing.assert_allclose(objective.total, masses.sum(axis=1).astype(float))
    np.testing.assert_allclose(objective.Xy, (masses @ exact.X).astype(float), atol=1e-14)


def test_null_points(X, storage, intercept, n_threads):
    objective, exact = make(X, storage, intercept, n_threads)
    values, intercepts, gradients = exact.evaluate(np.zeros((2, 5)), [0, 1])
    for k in (0, 1):
        null = objective.null[k]
        assert not null.coef.any()
        assert null.value == pytest.approx(values[k])
        assert null.intercept == pytest.approx(intercepts[k])
        np.testing.assert_allclose(null.gradient, gradients[k], atol=1e-13)


def test_rounding(X, storage, intercept, n_threads):
    """Some units in the last place of the terms that the gradient is the sum of, which may cancel."""
    X -= X.mean(axis=0)
    objective, exact = make(X, storage, intercept, n_threads)
    for k in (0, 1):
        mu = np.exp(exact.profile(np.zeros(5), k)[1])
        sizes = (exact.weight * (exact.counts[k] + mu)) @ np.abs(exact.X)
        np.testing.assert_allclose(objective.rounding[k], (4 + np.sqrt(15)) * np.finfo(float).eps * sizes.astype(float))


def test_spread(X, storage, intercept, n_threads):
    objective, exact = make(X, storage, intercept, n_threads)
    for k in (0, 1):
        by_count, by_exposure = exact.weight * exact.counts[k], exact.weight * np.exp(exact.offset)
        weight = by_count / by_count.sum() + by_exposure / by_exposure.sum()
        center = weight @ exact.X / 2 if intercept else 0
        wanted = np.sqrt(weight @ (exact.X - center) ** 2 / 2)
        np.testing.assert_allclose(objective.column_sd[k], wanted.astype(float))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("large", [1.0, 1e3])
def test_constant_columns_are_flat(X, storage, large, dtype, n_threads):
    """The intercept stands for them, whatever their size."""
    X[:, 2] = large * np.pi
    objective, _ = make(X, storage, True, n_threads, dtype)
    assert (objective.column_sd[:, 2] == 0).all()
    assert (objective.column_sd[:, [0, 1, 3, 4]] > 0).all()
    columns = np.arange(5)[::-1]
    hessian = objective.hessian(objective.null[1], 1, columns)
    assert not hessian[2].any()
    assert not hessian[:, 2].any()
    assert not objective.hessian(objective.null[1], 1, columns, slice(1, 4))[1].any()
    without, _ = make(X, storage, False, n_threads, dtype)
    np.testing.assert_allclose(without.column_sd[:, 2], large * np.pi, rtol=1e-5)
    assert without.hessian(without.null[1], 1, columns)[2, 2] > 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("constant", [0.0, 0.1, 7.7, 2024.0])
def test_columns_that_are_constant_in_some_rows(rng, storage, constant, dtype, n_threads):
    """Of many rows, where sums round, and in one fold of two, whose rows are centered on a mean of others."""
    n = 5000 if n_threads == 1 else 1000  # in chunks of 4
    X = rng.normal(size=(n, 3)).astype(dtype)
    X[:, 0], fold = constant, np.arange(n) < 0.8 * n
    X[fold, 1] = constant
    weights = np.array([np.full(n, 1 / n), fold / fold.sum()], dtype=dtype)
    counts = rng.poisson(2.0, size=(1, n)).astype(dtype)
    objective = PoissonObjective(storage(X), counts, weights, np.zeros(n, dtype), True, n_threads)
    flat = np.array([[True, False, False], [True, True, False]])
    np.testing.assert_array_equal(objective.column_sd == 0, flat)
    _, _, gradients = objective.evaluate(np.full((2, 3), 0.1), [0, 1])
    np.testing.assert_array_equal(gradients == 0, flat)
    for output, point in enumerate(objective.null):
        np.testing.assert_array_equal(point.gradient == 0, flat[output])
        hessian = objective.hessian(point, output, np.arange(3))
        np.testing.assert_array_equal(hessian.diagonal() == 0, flat[output])
        factor = objective.factor(point, output, np.arange(3))
        np.testing.assert_array_equal((factor == 0).all(axis=1), flat[output])


@pytest.mark.parametrize("to_array", [np.ascontiguousarray, np.asfortranarray])
def test_arrays_with_columns_far_from_zero(X, to_array):
    """A mean a hundred million times the spread costs no more digits than X itself has lost to it."""
    _, near = make(X, to_array)
    objective, _ = make(X + np.array([0, 1e8, 0, 0, 0]), to_array)
    hessian, spread = near.hessian(np.zeros(5), 0) / objective.scale[0], make(X, to_array)[0].column_sd
    np.testing.assert_allclose(objective.hessian(objective.null[0], 0, np.arange(5)), hessian.astype(float), atol=1e-7)
    np.testing.assert_allclose(objective.column_sd, spread, rtol=1e-6)


def test_rows_without_weight_do_not_count(X, coefs, storage, intercept, n_threads):
    """Whatever stands in them."""
    weight = np.arange(60.0) % 5
    weight[20:40] = 0  # whole chunks
    objective, _ = make(X, storage, intercept, n_threads, weight=weight)
    far = np.where(weight[:, None] == 0, 1e6, X)
    other, exact = make(far, storage, intercept, n_threads, weight=weight)
    for got, wanted in zip(other.evaluate(coefs, OUTPUTS), exact.evaluate(coefs, OUTPUTS), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-11, atol=1e-13)
    points = [point_at(objective, *row) for row in zip(coefs, OUTPUTS, strict=True)]
    columns = np.array([1, 3])
    same = {
        "hessian": [o.hessian(points[1], 1, columns) for o in (objective, other)],
        "bregman_divergence": [o.bregman_divergence(-coefs, points, OUTPUTS) for o in (objective, other)],
        "column_sd": [o.column_sd for o in (objective, other)],
        "null gradients": [[null.gradient for null in o.null] for o in (objective, other)],
        "rounding": [o.rounding[1] for o in (objective, other)],
    }
    for name, (wanted, got) in same.items():
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-13, err_msg=name)


def test_reach_leaves_out_rows_without_weight(X, coefs, storage, intercept, n_threads):
    weight = np.arange(60.0) % 5
    far = np.where(weight[:, None] == 0, 1e6, X)
    objective, _ = make(far, storage, intercept, n_threads, weight=weight)
    changes = X[weight > 0] @ coefs.T
    wanted = np.ptp(changes, axis=0) if intercept else np.abs(changes).max(axis=0)
    np.testing.assert_allclose(
        objective.largest_change([objective.null[k] for k in OUTPUTS], coefs, OUTPUTS, 5.0), wanted
    )


def test_nothing_overflows(X, storage, n_threads):
    """At linear predictors of ten thousand, where one row holds all of the rates."""
    objective, exact = make(X, storage, True, n_threads)
    coefs = 1e4 * np.array([[1.0, -2.0, 0.5, 0.0, 1.0], [-1.0, 1.0, 0.0, 3.0, 0.0]])
    for got, wanted in zip(objective.evaluate(coefs, [0, 1]), exact.evaluate(coefs, [0, 1]), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-10)
    point = point_at(objective, coefs[0], 0)
    hessian = objective.hessian(point, 0, np.arange(5))
    np.testing.assert_allclose(hessian, exact.hessian(coefs[0], 0).astype(float) / objective.scale[0], atol=1e-8)
    leap = objective.bregman_divergence(coefs, objective.null, [0, 1])
    assert (leap > 0).all()
    assert not np.isnan(leap).any()


def test_without_an_intercept_a_leap_is_infinite(X, storage, n_threads):
    objective, _ = make(np.abs(X), storage, False, n_threads)
    coefs = np.full((2, 5), 1e4)
    values, intercepts, _ = objective.evaluate(coefs, [0, 1])
    assert (values == np.inf).all()
    assert (intercepts == 0).all()
    assert (objective.bregman_divergence(coefs, objective.null, [0, 1]) == np.inf).all()
    assert np.isfinite(objective.evaluate(-coefs, [0, 1])[0]).all()
    assert np.isfinite(objective.bregman_divergence(-coefs, objective.null, [0, 1])).all()


def test_float32_is_kept(X, coefs, storage, intercept, n_threads, monkeypatch):
    """Chunks and what is computed from them are float32, and sums of them as exact as that allows."""
    objective, exact = make(X, storage, intercept, n_threads, np.float32)
    seen, cut, mean_excess = [], skprox.storage.cut, losses.mean_excess

    def cut_and_note(*args):
        seen.append(cut(*args).dtype)
        return cut(*args)

    def sum_and_note(weight, moves, shift):
        seen.extend([weight.dtype, moves.dtype])
        return mean_excess(weight, moves, shift)

    monkeypatch.setattr(skprox.storage, "cut", cut_and_note)
    monkeypatch.setattr(losses, "mean_excess", sum_and_note)
    for got, wanted in zip(objective.evaluate(coefs, OUTPUTS), exact.evaluate(coefs, OUTPUTS), strict=True):
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)
    point = point_at(objective, coefs[1], 1)
    hessian = objective.hessian(point, 1, np.arange(5))
    assert hessian.dtype == np.float64
    np.testing.assert_allclose(hessian, exact.hessian(coefs[1], 1).astype(float) / objective.scale[1], atol=1e-5)
    end = coefs[1] + 1e-3
    wanted = exact.value(end, 1) - exact.value(coefs[1], 1) - exact.gradient(coefs[1], 1) @ (end - coefs[1])
    np.testing.assert_allclose(objective.bregman_divergence(end[None], [point], [1]), float(wanted), rtol=1e-3)
    np.testing.assert_allclose(
        objective.largest_change([point], end[None], [1], 5.0),
        objective.largest_change([point], end[None].astype(np.float32), [1], 5.0),
        rtol=1e-5,
    )
    assert set(seen) == {np.dtype(np.float32)}


def test_hessian_times_a_vector(X, coefs, rng, storage, intercept, n_threads):
    X[:, 2] = 3.0  # constant, which the intercept stands for
    objective, exact = make(X, storage, intercept, n_threads)
    for output, move in [(0, rng.normal(size=5)), (1, np.array([0.0, 1.0, 0.0, -2.0, 0.0]))]:
        point = point_at(objective, coefs[output], output)
        rates = objective.rates(point, output)
        mean = exact.weight * np.exp(exact.profile(coefs[output], output)[1])
        seen = rates.rows["rates"]
        np.testing.assert_allclose(seen[seen > 0], mean.astype(float), rtol=1e-12)
        wanted = (exact.hessian(coefs[output], output) @ move).astype(float) / objective.scale[output]
        got = objective.hessian_times(point, rates, output, move)
        np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("kind", [PoissonObjective, NegativeBinomialObjective])
def test_moves_that_overflow_reach_anywhere(kind, rng):
    """Without a warning: solvers cut them short."""
    more = {} if kind is PoissonObjective else {"overdispersion": np.ones(1)}
    X, counts = 10 * np.abs(rng.normal(size=(60, 2))), rng.poisson(2.0, size=(1, 60)) / 1000
    objective = kind(X, counts, np.full((1, 60), 1 / 60), np.zeros(60), True, **more)
    assert objective.largest_change(objective.null, np.full((1, 2), 1e308), [0], 5.0).tolist() == [np.inf]
