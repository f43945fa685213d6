"""Sparse groups and bounds of stochastic learning: steps by the conditions of the optimum, ends by exact fits."""

import warnings

import numpy as np
import pandas as pd
import pytest
from oracles import Norms
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skprox import GroupLassoPoisson, PoissonGLMRegressor, ProxSGDRegressor

GROUPS = [0, 0, 0, 1, 1, 2]
SIZES = np.sqrt([3, 2, 1])
ANY = [[-np.inf, np.inf]] * 6
SIDES = [[0, np.inf], [-np.inf, 0], [-np.inf, np.inf], [0, np.inf], [0, np.inf], [-0.02, 0.05]]
BOXES = [[-0.02, 0.03], [0, 0.1], [-np.inf, 0.02], [-0.1, 0], [0, 0], [-0.01, np.inf]]
CASES = {
    "sparse groups": ({"groups": GROUPS, "l1_ratio": 0.4, "l2_ratio": 0.0}, ANY),
    "sparse groups and squares": ({"groups": GROUPS, "l1_ratio": 0.3, "l2_ratio": 0.5}, ANY),
    "sides of sparse groups": ({"groups": GROUPS, "l1_ratio": 0.4, "l2_ratio": 0.1}, SIDES),
    "sides of groups": ({"groups": GROUPS}, SIDES),
    "sides of groups and squares": ({"groups": GROUPS, "l1_ratio": 0.5}, SIDES),
    "boxes of the lasso": ({}, BOXES),
    "boxes of an elastic net": ({"l1_ratio": 0.5}, BOXES),
    "boxes of ridge": ({"l1_ratio": 0.0}, BOXES),
    "boxes of groups without norms": ({"groups": GROUPS, "group_weights": 0.0, "l1_ratio": 0.4, "l2_ratio": 0}, BOXES),
    "boxes of whole ratios": ({"groups": GROUPS, "l1_ratio": 0.7, "l2_ratio": 0.3}, BOXES),
}


def norms(alpha, params, bounds):
    """The penalty of the documentation, from numbers."""
    l1_ratio, l2_ratio = params.get("l1_ratio", 1.0), params.get("l2_ratio")
    shares = (l1_ratio, 0.0, 1 - l1_ratio) if l2_ratio is None else (1 - l1_ratio - l2_ratio, l1_ratio, l2_ratio)
    groups, sizes = [[0, 1, 2], [3, 4], [5]], SIZES
    if "groups" not in params:
        groups, sizes = [[j] for j in range(6)], np.ones(6)
    strength = max(shares[0], 0.0) * alpha * sizes * params.get("group_weights", 1.0)
    rest = alpha * shares[2] * np.ones(6), alpha * shares[1] * np.ones(6), *np.transpose(bounds).astype(float)
    return Norms(list(map(np.array, groups)), strength, *rest)


@pytest.fixture
def counts(rng):
    X = 0.5 * rng.normal(size=(300, 6))
    exposure = rng.uniform(0.5, 2.0, size=300)
    return X, rng.poisson(exposure * np.exp(0.5 + X @ [0.6, -0.6, 0.0, 0.3, 0.1, 0.2])), exposure


@pytest.mark.parametrize("store", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("name", CASES)
def test_each_step_is_the_proximal_map(counts, name, store):
    X, y, _ = counts
    X = np.where(np.abs(X) > 0.4, X, 0)
    params, bounds = CASES[name]
    rate, alpha = 0.1, 0.15
    model = ProxSGDRegressor(
        "poisson", alpha=alpha, bounds=bounds, learning_rate="constant", eta0=rate, batch_size=4, fit_intercept=False
    ).set_params(shuffle=False, **params)
    case, before, at_bound, zeros = norms(alpha, params, bounds), np.zeros(6), 0, 0
    for first in range(0, 200, 4):
        rows = slice(first, first + 4)
        gradient = (np.exp(X[rows] @ before) - y[rows]) @ X[rows] / 4
        coef = model.partial_fit(store(X[rows]), y[rows]).coef_
        assert case.value(coef) < np.inf
        assert case.distance(coef, (coef - before) / rate + gradient) < 1e-12
        at_bound += np.count_nonzero((coef != 0) & ((coef == case.lower) | (coef == case.upper)))
        zeros += np.count_nonzero(coef == 0)
        before = coef
    assert at_bound > 0 or bounds is ANY or bounds is SIDES
    assert zeros > 0


@pytest.mark.parametrize("store", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("name", CASES)
def test_full_batches_reach_the_exact_solution(counts, name, store):
    X, y, exposure = counts
    params, bounds = CASES[name]
    weight = np.linspace(0.5, 2, len(y))
    if "groups" in params and "l2_ratio" not in params:  # of norms against squares
        ratio = params.get("l1_ratio", 1.0)
        exact = GroupLassoPoisson(groups=GROUPS, l2_ratio=1 - ratio)
    elif "groups" in params:
        exact = GroupLassoPoisson().set_params(**params)
    else:
        exact = PoissonGLMRegressor(l1_ratio=params.get("l1_ratio", 1.0))
    exact.set_params(alpha=0.05, bounds=bounds, tol=1e-10).fit(X, y, sample_weight=weight, exposure=exposure)
    model = ProxSGDRegressor(
        "poisson",
        alpha=0.05,
        bounds=bounds,
        learning_rate="constant",
        eta0=0.5,
        batch_size=300,
        max_iter=3000,
        tol=None,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.set_params(**params).fit(store(X), y, sample_weight=weight, exposure=exposure)
    np.testing.assert_allclose(model.coef_, exact.coef_, atol=1e-6)
    np.testing.assert_array_equal(model.coef_ == 0, exact.coef_ == 0)


def test_naive_steps_with_an_l1_norm_within_groups(counts):
    X, y, _ = counts
    params, bounds = CASES["sides of sparse groups"]
    model = ProxSGDRegressor(
        "poisson", alpha=0.2, bounds=bounds, l1_update="naive", learning_rate="constant", eta0=0.1, fit_intercept=False
    ).set_params(shuffle=False, **params)
    lower, upper = np.transpose(bounds)
    beta = np.zeros(6)
    for x, count in zip(X[:60], y[:60], strict=True):
        pull = 0.2 * 0.4 * np.sign(beta)
        for members, size in zip([[0, 1, 2], [3, 4], [5]], SIZES, strict=True):
            norm = np.linalg.norm(beta[members])
            pull[members] += 0.2 * 0.5 * size * beta[members] / norm if norm > 0 else 0
        beta = np.clip((beta - 0.1 * ((np.exp(x @ beta) - count) * x + pull)) / (1 + 0.1 * 0.2 * 0.1), lower, upper)
        np.testing.assert_allclose(model.partial_fit(x[None], [count]).coef_, beta, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("store", [np.asarray, sparse.csr_array])
def test_averages_and_single_precision_are_within_bounds(counts, dtype, store):
    X, y, _ = counts
    model = ProxSGDRegressor("poisson", alpha=0.01, l1_ratio=0.5, bounds=(-0.1, 0.1), average=True, random_state=0)
    model.fit(store(X.astype(dtype)), y)
    assert model.coef_.dtype == dtype
    assert abs(model.coef_.astype(float)).max() <= 0.1
    dense = clone(model).fit(X.astype(dtype), y)
    np.testing.assert_allclose(model.coef_, dense.coef_, rtol=1e-4 if dtype == np.float32 else 1e-10)


def test_objective_of_epochs(counts, capsys):
    """What is printed counts the L1 norm within groups."""
    X, y, _ = counts
    model = ProxSGDRegressor(
        "poisson", alpha=5.0, groups=GROUPS, l1_ratio=0.5, l2_ratio=0.2, eta0=1e-9, max_iter=1, tol=None, verbose=1
    )
    model.fit(X, y)
    model._state[0].coef[:] = [1, -1, 0, 2, 0, 0]
    learner = model._learner(model._check_rows(X, y, None, None, first=False), 300, 300)
    wanted = 5 * (0.3 * (np.sqrt(3) * np.sqrt(2) + np.sqrt(2) * 2) + 0.5 * 4 + 0.2 * 6 / 2)
    assert learner.penalty_of(model._state[0].coef) == pytest.approx(wanted)


def test_bounds_by_name(counts):
    X, y, _ = counts
    X = pd.DataFrame(X, columns=["a_sp_0", "a_sp_1", "b", "c", "d", "e"])
    model = ProxSGDRegressor("poisson", groups="auto", bounds={"a": (0, None), "b": (-0.01, 0)}, random_state=0)
    model.fit(X, y)
    assert model.groups_["a"].tolist() == [0, 1]
    assert (model.coef_[:2] >= 0).all()
    assert -0.01 <= model.coef_[2] <= 0
    free = clone(model).set_params(bounds=None).fit(X, y)
    assert free.coef_[1] < 0


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"l2_ratio": 0.5}, "l2_ratio is for groups.*Leave it out, or give groups"),
        ({"l2_ratio": 0.5, "groups": GROUPS}, r"l1_ratio \+ l2_ratio must be at most 1.*got 1.5"),
        ({"l2_ratio": 2.0, "groups": GROUPS}, "'l2_ratio' parameter"),
        (
            {"l2_ratio": 0.0, "groups": GROUPS, "l1_update": "cumulative"},
            "l2_ratio does not go with l1_update='cumulative'.*'clipping'",
        ),
        ({"bounds": (0, None), "l1_update": "cumulative"}, "bounds does not go with l1_update='cumulative'"),
        ({"bounds": (1, None)}, "bounds must hold 0"),
        ({"bounds": [0, 1, 2]}, r"bounds must be a pair .* got shape \(3,\)"),
        ({"bounds": "positive"}, "'bounds' parameter"),
        ({"bounds": {0: (-1, None)}, "groups": GROUPS}, r"must be 0 or infinite; got \(-1, inf\).*group_weights"),
    ],
)
def test_errors(counts, params, message):
    X, y, _ = counts
    for fit in (ProxSGDRegressor(**params).fit, ProxSGDRegressor(**params).partial_fit):
        with pytest.raises(ValueError, match=message):
            fit(X, y)
