"""Several outputs as one objective: by those of the single outputs, and by differences."""

import numpy as np
import pytest
from scipy.linalg import block_diag

from skprox.objectives.poisson import PoissonObjective
from skprox.objectives.stacked import StackedObjective
from skprox.penalties import Penalty
from skprox.solvers.blocks import BlockModel
from skprox.solvers.newton import _WorkingSet
from skprox.solvers.result import Certificate

K, P, FACTORS = 3, 5, np.array([0.5, 1.0, 4.0])


@pytest.fixture(params=[True, False])
def pair(request, rng, storage):
    """Counts of three outputs under two rows of weights, one by one and stacked."""
    X = rng.normal(size=(60, P)) * (rng.uniform(size=(60, P)) < 0.7)
    y = rng.poisson(2.0, size=(K, 60)).astype(float)
    weights = rng.uniform(size=(2, 60))
    weights /= weights.sum(axis=1, keepdims=True)
    inner = PoissonObjective(storage(X), y, weights, rng.normal(scale=0.1, size=60), request.param)
    return inner, StackedObjective(inner, FACTORS)


@pytest.fixture
def coefs(rng):
    return 0.3 * rng.normal(size=(2, K * P))


def slopes(function, at, step=1e-6):
    moves = step * np.eye(len(at))
    return np.array([(function(at + move) - function(at - move)) / (2 * step) for move in moves])


def test_values_and_gradients(pair, coefs):
    inner, stacked = pair
    values, intercepts, gradients = stacked.evaluate(coefs, [0, 1])
    for i in range(2):
        alone = inner.points(coefs[i].reshape(K, P), np.arange(K) + K * i)
        np.testing.assert_allclose(values[i], FACTORS @ [point.value for point in alone], rtol=1e-12)
        np.testing.assert_allclose(intercepts[i], [point.intercept for point in alone], rtol=1e-12)
        numeric = slopes(lambda c, i=i: stacked.evaluate(c[None], [i])[0][0], coefs[i])
        np.testing.assert_allclose(gradients[i], numeric, atol=1e-8)
        for point, one in zip(stacked.separate(stacked.points(coefs, [0, 1])[i], i), alone, strict=True):
            np.testing.assert_allclose(point.value, one.value, rtol=1e-12)
    null = stacked.points(np.zeros((2, K * P)), [0, 1])
    for known, point in zip(stacked.null, null, strict=True):
        np.testing.assert_allclose(known.value, point.value)
        np.testing.assert_allclose(known.gradient, point.gradient, atol=1e-12)
        np.testing.assert_allclose(known.intercept, point.intercept, atol=1e-12)


@pytest.mark.parametrize("kept", [np.arange(K * P), np.array([0, 1, 5, 6, 10, 11]), np.array([0, 1, 7, 13])])
def test_some_coefficients(pair, coefs, kept):
    """Of the same columns for each output, and of others."""
    _, stacked = pair
    part, whole = stacked.restrict(kept), np.zeros_like(coefs)
    whole[:, kept] = coefs[:, kept]
    for some, of_all in zip(part.evaluate(coefs[:, kept], [0, 1]), stacked.evaluate(whole, [0, 1]), strict=True):
        np.testing.assert_allclose(some, of_all[:, kept] if of_all.shape[-1] == K * P else of_all, atol=1e-12)
    for name in ("column_sd", "gradient_scale", "curvature", "rounding"):
        np.testing.assert_array_equal(getattr(part, name), getattr(stacked, name)[:, kept])
    assert part.shape == (60, len(kept))
    again = part.restrict(np.arange(1, len(kept)))
    answers = again.evaluate(coefs[:, kept[1:]], [0, 1])[2], part.evaluate(np.c_[[0, 0], coefs[:, kept[1:]]], [0, 1])[2]
    np.testing.assert_allclose(answers[0], answers[1][:, 1:], atol=1e-12)


@pytest.mark.parametrize("output", [0, 1])
def test_second_derivatives(pair, coefs, rng, output):
    _, stacked = pair
    (point,) = stacked.points(coefs[:1], [output])
    places = np.arange(K * P).reshape(K, P)
    hessian = block_diag(*stacked.hessians(point, output, places)) * stacked.scale[output]
    numeric = slopes(lambda c: stacked.evaluate(c[None], [output])[2][0], coefs[0])
    np.testing.assert_allclose(hessian, numeric, atol=1e-7)
    some = stacked.hessians(point, output, places[:, [3, 0, 1]], slice(1, None)) * stacked.scale[output]
    np.testing.assert_allclose(some[1], numeric[np.ix_([5, 6], [8, 5, 6])], atol=1e-7)
    part = stacked.restrict(np.array([1, 6, 11]))
    (inside,) = part.points(coefs[:1, [1, 6, 11]], [output])
    (whole,) = stacked.points(np.where(np.isin(np.arange(K * P), [1, 6, 11]), coefs[:1], 0.0), [output])
    answers = part.hessians(inside, output, places[:, :1] // P), stacked.hessians(whole, output, places[:, [1]])
    np.testing.assert_allclose(*answers, atol=1e-12)
    move = rng.normal(size=K * P)
    product = stacked.hessian_times(point, stacked.rates(point, output), output, move) * stacked.scale[output]
    np.testing.assert_allclose(product, hessian @ move, atol=1e-10)


def test_divergence_and_reach(pair, coefs, rng):
    inner, stacked = pair
    points, moved = stacked.points(coefs, [0, 1]), coefs + 0.1 * rng.normal(size=coefs.shape)
    expected = [
        stacked.evaluate(moved[[i]], [i])[0][0] - points[i].value - points[i].gradient @ (moved[i] - coefs[i])
        for i in range(2)
    ]
    np.testing.assert_allclose(stacked.bregman_divergence(moved, points, [0, 1]), expected, rtol=1e-8)
    reaches = stacked.largest_change(points, moved - coefs, [0, 1], 5.0)
    for i in range(2):
        alone = inner.points(coefs[i].reshape(K, P), np.arange(K) + K * i)
        single = inner.largest_change(alone, (moved - coefs)[i].reshape(K, P), np.arange(K) + K * i, 5.0)
        np.testing.assert_allclose(reaches[i], single.max(), rtol=1e-10)


def test_model_problems(pair, coefs, rng):
    """Groups come, go and come back; products and solutions are those of the whole matrix."""
    _, stacked = pair
    point, places = stacked.points(coefs[:1], [0])[0], np.arange(K * P).reshape(K, P)
    groups = [places[:, [0, 3]].ravel(), places[:, [1]].ravel(), places[:, [2, 4]].ravel()]
    penalty = Penalty.from_groups(groups, [0.3, 0.2, 0.1], 0.0)
    hessian = block_diag(*stacked.hessians(point, 0, places))
    model = BlockModel(point, 0, penalty, K, np.dtype("f8"))
    working = _WorkingSet(stacked, stacked, np.arange(K * P))
    for step in (
        lambda: model.include([1], working),
        lambda: model.include([0, 2], working),
        lambda: model.forget([0]),
    ):
        step()
        dense = hessian[np.ix_(model.columns, model.columns)]
        move = rng.normal(size=len(model.columns))
        np.testing.assert_allclose(model.times(move), dense @ move, atol=1e-12)
        local = penalty.restrict(model.groups)
        np.testing.assert_array_equal(penalty.columns(model.groups), model.columns)
        _, diagonal, radial = local.expansion(point.coef[model.columns])
        curved = dense + np.diag(diagonal)
        for start, stop in local.curved(radial):
            curved[start:stop, start:stop] -= np.outer(radial[start:stop], radial[start:stop])
        solved = model.solve_curved(np.arange(len(move)), diagonal, radial, local, move)
        np.testing.assert_allclose(curved @ solved, move, atol=1e-7)
        inside = np.flatnonzero(rng.uniform(size=len(move)) < 0.8)
        solved = model.solve_curved(inside, diagonal, radial, local, move[inside])
        np.testing.assert_allclose(curved[np.ix_(inside, inside)] @ solved, move[inside], atol=1e-7)
    assert model.groups.tolist() == [0]
    model.include([2], working)
    certificate = Certificate(penalty.restrict(model.groups), np.zeros(len(model.columns)), np.ones(len(model.columns)))
    start = np.zeros(len(model.columns))
    end, gradient = model.minimise(point.gradient[model.columns], start, start, certificate, 1e-10)
    np.testing.assert_allclose(
        gradient, point.gradient[model.columns] + hessian[np.ix_(model.columns, model.columns)] @ end
    )
    assert certificate(end, gradient).max() <= 1e-10
    assert end.any()
