"""Stochastic proximal learning against hand arithmetic, slow numpy, and exact solutions."""

import pickle
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, Lasso
from sklearn.metrics import d2_tweedie_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_validate, train_test_split

from skprox import GroupLassoPoisson, PoissonGLMRegressor, ProxSGDRegressor, poisson_deviance_scorer

one_pass = partial(ProxSGDRegressor, max_iter=1, tol=None, shuffle=False)


@pytest.fixture
def regression(rng):
    X = rng.normal(size=(200, 6))
    return X, 3 + X @ [2.0, -1.0, 0.0, 0.0, 0.5, 0.0] + 0.3 * rng.normal(size=200)


@pytest.fixture
def counts(rng):
    X = 0.5 * rng.normal(size=(300, 6))
    exposure = rng.uniform(0.5, 2.0, size=300)
    return X, rng.poisson(exposure * np.exp(0.5 + X @ [1.0, -1.0, 0.0, 0.0, 0.5, 0.0])), exposure


# Two coefficients by hand: r = 0.5 and lambda = 0.4, so that a step shrinks by r lambda = 0.2.
ROWS, TARGETS = np.array([[1.0, 1], [1, -1], [0, 1], [1, 0]]), np.array([1.0, 0, -1, 2])
BY_HAND = {
    "naive": [
        # error 0 - 1 = -1; beta = 0 has no sign: (0, 0) + 0.5 (1, 1)
        (0.5, 0.5),
        # error 0.5 - 0.5 - 0 = 0: (0.5 - 0.2, 0.5 - 0.2)
        (0.3, 0.3),
        # error 0.3 + 1 = 1.3: (0.3 - 0.2, 0.3 - 0.65 - 0.2)
        (0.1, -0.55),
        # error 0.1 - 2 = -1.9: (0.1 + 0.95 - 0.2, -0.55 + 0.2)
        (0.85, -0.35),
    ],
    "clipping": [
        # error -1: (0.5, 0.5), shrunk by 0.2
        (0.3, 0.3),
        # error 0: (0.3, 0.3), shrunk by 0.2
        (0.1, 0.1),
        # error 0.1 + 1 = 1.1: (0.1, 0.1 - 0.55); 0.1 < 0.2 goes to zero, -0.45 + 0.2
        (0.0, -0.25),
        # error 0 - 2 = -2: (1, -0.25), shrunk by 0.2
        (0.8, -0.05),
    ],
    "cumulative": [
        # u = 0.2, q = (0, 0): 0.5 - (0.2 + 0) both; q = (-0.2, -0.2)
        (0.3, 0.3),
        # u = 0.4: 0.3 - (0.4 - 0.2) both; q = (-0.4, -0.4)
        (0.1, 0.1),
        # u = 0.6, before clipping (0.1, -0.45): max(0, 0.1 - (0.6 - 0.4)) = 0 and q = -0.4 - 0.1 = -0.5;
        # min(0, -0.45 + (0.6 + 0.4)) = 0 and q = -0.4 + 0.45 = 0.05
        (0.0, 0.0),
        # u = 0.8, error -2, before clipping (1, 0): 1 - (0.8 - 0.5) = 0.7 and q = -0.5 - 0.3 = -0.8; 0 stays
        (0.7, 0.0),
    ],
}


@pytest.mark.parametrize("update", BY_HAND)
@pytest.mark.parametrize("store", [np.asarray, sparse.csr_array])
def test_two_coefficients_by_hand(update, store):
    model = one_pass(alpha=0.4, l1_update=update, fit_intercept=False, learning_rate="constant", eta0=0.5)
    for n, expected in enumerate(BY_HAND[update], 1):
        np.testing.assert_allclose(model.fit(store(ROWS[:n]), TARGETS[:n]).coef_, expected, atol=1e-15)
        if update != "naive":
            np.testing.assert_array_equal(model.coef_ == 0, np.array(expected) == 0)

    stream = clone(model)
    for n, expected in enumerate(BY_HAND[update]):
        np.testing.assert_allclose(
            stream.partial_fit(store(ROWS[n : n + 1]), TARGETS[n : n + 1]).coef_, expected, atol=1e-15
        )


def learn_slowly(X, y, *, loss, alpha, l1_ratio, groups, update, eta0, power_t, batch_size, average, epochs, weight):
    """The definitions in the docstring, all coefficients in each step, without an intercept."""
    beta, total, n_averaged, t = np.zeros(X.shape[1]), np.zeros(X.shape[1]), 0, 0
    u, q = 0.0, np.zeros(X.shape[1])
    labels = np.arange(X.shape[1]) if groups is None else np.array(groups)
    weight = weight / weight.mean()
    for _ in range(epochs):
        for first in range(0, len(X), batch_size):
            rows = slice(first, first + batch_size)
            t += 1
            r = eta0 / t**power_t * len(X[rows]) / batch_size
            eta = X[rows] @ beta
            residual = (np.exp(eta) if loss == "poisson" else eta) - y[rows]
            step = beta - r * (weight[rows] * residual) @ X[rows] / len(X[rows])
            u += r * alpha * l1_ratio
            for label in np.unique(labels):
                g = labels == label
                omega = np.sqrt(g.sum())
                threshold, norm = r * alpha * l1_ratio * omega, np.linalg.norm(step[g])
                if update == "naive":
                    old = np.linalg.norm(beta[g])
                    step[g] -= threshold * beta[g] / old if old > 0 else 0
                elif update == "clipping":
                    step[g] *= max(0.0, 1 - threshold / norm) if norm > 0 else 0
                elif norm > 0:
                    direction = step[g] / norm
                    lost = min(norm, max(0.0, u * omega + q[g] @ direction)) * direction
                    step[g], q[g] = step[g] - lost, q[g] - lost
            ridge = 1 + r * alpha * (1 - l1_ratio)
            beta, u, q = step / ridge, u / ridge, q / ridge
            if average and t >= average:
                total, n_averaged = total + beta, n_averaged + 1
    return total / n_averaged if n_averaged else beta


@pytest.mark.parametrize("update", ["naive", "clipping", "cumulative"])
@pytest.mark.parametrize("groups", [None, [0, 1, 0, 2, 2, 2]])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.6, 0.0])
def test_every_step_is_as_defined(regression, counts, update, groups, l1_ratio):
    """On dense and on sparse rows, where coefficients catch up with the steps they were not seen in."""
    for loss, average, batch_size in product(["squared_error", "poisson"], [False, True, 40], [1, 7]):
        X, y = (each[:120] for each in (regression if loss == "squared_error" else counts[:2]))
        X = np.where(np.random.default_rng(1).uniform(size=X.shape) < 0.4, X, 0)
        weight = np.random.default_rng(2).uniform(size=len(y))
        # such a ridge penalty that coefficients are brought back to scale within an epoch
        alpha, eta0, power_t = (12.0, 0.05, 0.1) if l1_ratio == 0.6 else (0.2, 0.02, 0.25)
        expected = learn_slowly(
            X,
            y,
            loss=loss,
            alpha=alpha,
            l1_ratio=l1_ratio,
            groups=groups,
            update=update,
            eta0=eta0,
            power_t=power_t,
            batch_size=batch_size,
            average=int(average),
            epochs=3,
            weight=weight,
        )
        model = ProxSGDRegressor(
            loss,
            alpha=alpha,
            l1_ratio=l1_ratio,
            groups=groups,
            l1_update=update,
            eta0=eta0,
            power_t=power_t,
            batch_size=batch_size,
            average=average,
            max_iter=3,
            tol=None,
            shuffle=False,
            fit_intercept=False,
        )
        for store in (np.ascontiguousarray, sparse.csr_array, sparse.csr_matrix):
            fitted = clone(model).fit(store(X), y, sample_weight=weight)
            np.testing.assert_allclose(fitted.coef_, expected, rtol=1e-9, atol=1e-12)
            assert fitted.t_ == 3 * -(-len(y) // batch_size)


def test_rates():
    """One row again and again, without a penalty: each step changes beta by r (1 - beta)."""
    X, y, beta = np.ones((5, 1)), np.ones(5), 0.0
    model = one_pass(alpha=0, fit_intercept=False, eta0=0.3, power_t=0.5).fit(X, y)
    for t in range(1, 6):
        beta += 0.3 / t**0.5 * (1 - beta)
    assert model.coef_[0] == pytest.approx(beta)
    model.set_params(learning_rate="constant").fit(X, y)
    assert model.coef_[0] == pytest.approx(1 - 0.7**5)
    # no epoch brings an improvement of 1, so that each is at a fifth of the rate of the one before
    model.set_params(learning_rate="adaptive", tol=1.0, n_iter_no_change=1, max_iter=100).fit(X, y)
    beta, rate, epochs = 1 - 0.7**5, 0.3, 1  # the first improves on infinity
    while True:
        beta, epochs = 1 - (1 - beta) * (1 - rate) ** 5, epochs + 1
        if rate <= 1e-6:
            break
        rate /= 5
    assert model.n_iter_ == epochs
    assert model.coef_[0] == pytest.approx(beta)


full_batches = partial(ProxSGDRegressor, learning_rate="constant", max_iter=5000, tol=1e-16, n_iter_no_change=50)


@pytest.mark.parametrize("update", ["clipping", "cumulative"])
@pytest.mark.parametrize("store", [np.asfortranarray, sparse.csr_array])
def test_full_batches_reach_the_exact_solution_of_the_squared_error(regression, update, store):
    X, y = regression
    weight = np.linspace(0.5, 2, len(y))
    for l1_ratio, peer in [(1.0, Lasso(alpha=0.1, tol=1e-12)), (0.4, ElasticNet(alpha=0.1, l1_ratio=0.4, tol=1e-12))]:
        peer.fit(X, y, sample_weight=weight)
        model = full_batches(alpha=0.1, l1_ratio=l1_ratio, l1_update=update, eta0=0.2, batch_size=200)
        model.fit(store(X), y, sample_weight=weight)
        np.testing.assert_allclose(model.coef_, peer.coef_, atol=1e-7)
        assert model.intercept_ == pytest.approx(peer.intercept_, abs=1e-7)
        np.testing.assert_array_equal(model.coef_ == 0, peer.coef_ == 0)


@pytest.mark.parametrize("store", [np.asarray, sparse.csr_array])
def test_full_batches_reach_the_exact_solution_of_poisson(counts, store):
    X, y, exposure = counts
    weight = np.linspace(0.5, 2, len(y))
    groups = [0, 0, 1, 1, 2, 2]
    for sgd, exact in [
        ({}, PoissonGLMRegressor(alpha=0.05, l1_ratio=1.0, tol=1e-10)),
        ({"l1_ratio": 0.5}, PoissonGLMRegressor(alpha=0.05, l1_ratio=0.5, tol=1e-10)),
        ({"groups": groups}, GroupLassoPoisson(alpha=0.05, groups=groups, tol=1e-10)),
        (
            {"groups": groups, "group_weights": [1, 0, 3]},
            GroupLassoPoisson(alpha=0.05, groups=groups, group_weights=[1, 0, 3], tol=1e-10),
        ),
    ]:
        exact.fit(X, y, sample_weight=weight, exposure=exposure)
        model = full_batches("poisson", alpha=0.05, eta0=0.5, batch_size=300, **sgd)
        model.fit(store(X), y, sample_weight=weight, exposure=exposure)
        np.testing.assert_allclose(model.coef_, exact.coef_, atol=1e-6)
        assert model.intercept_ == pytest.approx(exact.intercept_, abs=1e-6)
        np.testing.assert_array_equal(model.coef_ == 0, exact.coef_ == 0)


def distance_to_the_lasso(X, y, alpha, **parameters):
    exact = Lasso(alpha=alpha, tol=1e-12).fit(X, y)
    model = ProxSGDRegressor(alpha=alpha, tol=None, random_state=0, **parameters).fit(X, y)
    return np.linalg.norm(model.coef_ - exact.coef_)


def test_single_rows_come_as_near_as_their_rate_allows(regression):
    """The noise of a constant rate r leaves a distance of the order of sqrt(r) that falls with r."""
    X, y = regression
    rates = np.array([0.04, 0.01, 0.0025])
    distances = [distance_to_the_lasso(X, y, 0.1, learning_rate="constant", eta0=r, max_iter=400) for r in rates]
    assert (distances < 0.5 * np.sqrt(rates)).all()
    assert distances[2] < distances[1] < distances[0]
    averaged = distance_to_the_lasso(X, y, 0.1, learning_rate="constant", eta0=0.01, max_iter=400, average=2000)
    assert averaged < distances[1] / 3


@pytest.mark.parametrize("update", ["clipping", "cumulative"])
def test_adaptive_rates_come_close(regression, counts, update):
    kind = {"learning_rate": "adaptive", "tol": 1e-7, "random_state": 0, "max_iter": 2000, "l1_update": update}
    X, y = regression
    exact = Lasso(alpha=0.1, tol=1e-12).fit(X, y)
    np.testing.assert_allclose(ProxSGDRegressor(alpha=0.1, **kind).fit(X, y).coef_, exact.coef_, atol=2e-3)
    X, y, exposure = counts
    exact = PoissonGLMRegressor(alpha=0.05, l1_ratio=1.0).fit(X, y, exposure=exposure)
    model = ProxSGDRegressor("poisson", alpha=0.05, **kind).fit(X, y, exposure=exposure)
    np.testing.assert_allclose(model.coef_, exact.coef_, atol=2e-3)


def test_naive_is_never_exactly_zero():
    """The text's own problem: ten uniform columns, four of which matter."""
    rng = np.random.default_rng(5)
    X = rng.uniform(size=(100, 10))
    y = X @ [10, 10, -10, -10, 0, 0, 0, 0, 0, 0]
    matter = np.arange(10) < 4
    assert (np.flatnonzero(Lasso(alpha=0.1).fit(X, y).coef_) == np.flatnonzero(matter)).all()
    model = ProxSGDRegressor(alpha=0.1, eta0=0.1, tol=None, max_iter=3000, random_state=0)
    for batch_size, epochs in product([1, 100], [1, 10, 3000]):
        naive = clone(model).set_params(l1_update="naive", batch_size=batch_size, max_iter=epochs)
        assert np.count_nonzero(naive.fit(X, y).coef_) == 10
        assert epochs < 3000 or (abs(naive.coef_)[~matter] < 0.05).all()
    for update, batch_size in [("clipping", 100), ("cumulative", 100), ("cumulative", 1)]:
        sparse_model = clone(model).set_params(l1_update=update, batch_size=batch_size, learning_rate="constant")
        np.testing.assert_array_equal(sparse_model.fit(X, y).coef_ != 0, matter)


STREAMS = {
    "arrays": lambda X, y, w: [(X[i : i + 40], y[i : i + 40], w[i : i + 40]) for i in range(0, 200, 40)],
    "sparse": lambda X, y, w: [(sparse.csr_array(a), b, c) for a, b, c in STREAMS["arrays"](X, y, w)],
    "frames": lambda X, y, w: [
        (pd.DataFrame(a).add_prefix("x"), pd.Series(b), c) for a, b, c in STREAMS["arrays"](X, y, w)
    ],
}


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("update", ["clipping", "cumulative"])
def test_streams(regression, kind, update):
    """Chunk by chunk or by an iterator: one epoch of `fit`, where weights have the same mean in all chunks."""
    X, y = regression
    weight = np.tile(np.linspace(0.5, 1.5, 40), 5)
    model = one_pass(alpha=0.05, l1_ratio=0.7, l1_update=update, average=50, fit_intercept=False)
    whole = clone(model).fit(X, y, sample_weight=weight)
    by_hand = clone(model)
    for chunk in STREAMS[kind](X, y, weight):
        by_hand.partial_fit(*chunk)
    by_iterator = clone(model).partial_fit(iter(STREAMS[kind](X, y, weight)))
    for streamed in (by_hand, by_iterator):
        np.testing.assert_allclose(streamed.coef_, whole.coef_, rtol=1e-10)
        assert (streamed.t_, streamed.n_iter_) == (200, 1)


def test_partial_fit_goes_on_from_fit(regression):
    X, y = regression
    model = one_pass(alpha=0.05, l1_update="cumulative").fit(X, y)
    roundtrip = pickle.loads(pickle.dumps(model)).partial_fit(X, y)
    np.testing.assert_allclose(roundtrip.coef_, model.set_params(max_iter=2).fit(X, y).coef_, rtol=1e-10)


def test_weights_count_relative_to_their_mean_so_far(regression):
    X, y = regression
    model = one_pass(alpha=0.05, l1_ratio=0.5, random_state=0)
    np.testing.assert_allclose(
        clone(model).fit(X, y, sample_weight=np.full(200, 7.0)).coef_, clone(model).fit(X, y).coef_, rtol=1e-10
    )
    keep = np.arange(200) % 3 > 0
    np.testing.assert_allclose(
        clone(model).fit(X, y, sample_weight=keep).coef_, clone(model).fit(X[keep], y[keep]).coef_, rtol=1e-10
    )
    # the second chunk weighs 3 where the mean of both is 2
    stream = clone(model).partial_fit(X[:100], y[:100])
    coef, b = stream.coef_.copy(), stream.intercept_
    stream.partial_fit(X[100:], y[100:], sample_weight=np.full(100, 3.0))
    for t, (x, target) in enumerate(zip(X[100:], y[100:], strict=True), 101):
        r, error = 0.01 / t**0.25, x @ coef + b - target
        coef, b = coef - r * 1.5 * error * x, b - r * 1.5 * error
        coef = np.sign(coef) * np.maximum(abs(coef) - r * 0.025, 0) / (1 + r * 0.025)
    np.testing.assert_allclose(stream.coef_, coef, rtol=1e-10)
    assert stream.intercept_ == pytest.approx(b)


def test_held_out_rows_are_not_learned_from(regression):
    X, y = regression
    model = ProxSGDRegressor(
        alpha=0.01,
        early_stopping=True,
        validation_fraction=0.25,
        fit_intercept=False,
        max_iter=4,
        tol=None,
        random_state=0,
    )
    _, held_out = train_test_split(np.arange(200), test_size=0.25, random_state=np.random.RandomState(0))
    spoiled = y.copy()
    spoiled[held_out] += 100
    fitted = clone(model).fit(X, y)
    np.testing.assert_array_equal(clone(model).fit(X, spoiled).coef_, fitted.coef_)
    assert fitted.t_ == 4 * 150


def test_early_stopping_watches_the_held_out_loss(regression, capsys):
    X, y = regression
    model = ProxSGDRegressor(alpha=0.01, early_stopping=True, tol=0.01, n_iter_no_change=3, random_state=0, verbose=1)
    model.fit(X, y)
    losses = [float(line.split("objective ")[1].split(",")[0]) for line in capsys.readouterr().out.splitlines()]
    assert len(losses) == model.n_iter_ < 100
    best, stalled = np.inf, 0
    for epoch, loss in enumerate(losses, 1):
        stalled = 0 if loss < best - 0.01 else stalled + 1
        best = min(best, loss)
        assert (stalled == 3) == (epoch == model.n_iter_)
    rows = train_test_split(np.arange(200), test_size=0.1, random_state=np.random.RandomState(0))[1]
    assert losses[-1] == pytest.approx(np.mean((model.predict(X[rows]) - y[rows]) ** 2) / 2, rel=1e-9)


def test_average_starts_late(regression):
    """An average from step k on is that of the models after each of these steps."""
    X, y = regression
    model = one_pass(alpha=0.05, fit_intercept=False)
    steps = [clone(model).fit(X[:n], y[:n]).coef_ for n in (198, 199, 200)]
    averaged = clone(model).set_params(average=198).fit(X, y)
    np.testing.assert_allclose(averaged.coef_, np.mean(steps, axis=0), rtol=1e-12)
    not_yet = clone(model).set_params(average=201).fit(X, y)
    np.testing.assert_array_equal(not_yet.coef_, steps[-1])


def test_random_order(regression):
    X, y = regression
    model = ProxSGDRegressor(max_iter=2, tol=None, random_state=0)
    first, again, other = (clone(model).set_params(random_state=seed).fit(X, y).coef_ for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    by_order = clone(model).set_params(shuffle=False)
    np.testing.assert_array_equal(by_order.fit(X, y).coef_, by_order.set_params(random_state=1).fit(X, y).coef_)


@pytest.mark.parametrize("store", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_single_precision_stays(regression, store, loss):
    X, y = regression
    y = np.round(abs(y))
    model = ProxSGDRegressor(loss, alpha=0.05, l1_ratio=0.9, eta0=0.005, random_state=0, max_iter=20, tol=None)
    single = clone(model).fit(store(X.astype(np.float32)), y)
    assert single.coef_.dtype == single.predict(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(single.coef_, clone(model).fit(store(X), y).coef_, atol=1e-4)
    assert single.partial_fit(store(X), y).coef_.dtype == np.float32


@pytest.mark.slow  # to compile for them
def test_long_indices(regression):
    X, y = regression
    X = sparse.csr_array(X)
    long = sparse.csr_array((X.data, X.indices.astype(np.int64), X.indptr.astype(np.int64)), shape=X.shape)
    model = ProxSGDRegressor(alpha=0.05, random_state=0, max_iter=2, tol=None)
    np.testing.assert_array_equal(clone(model).fit(long, y).coef_, clone(model).fit(X, y).coef_)


def test_groups_by_name(regression):
    X, y = regression
    X = pd.DataFrame(X, columns=["u_sp_0", "u_sp_1", "v_sp_0", "v_sp_1", "w", "z"])
    model = ProxSGDRegressor(alpha=0.1, groups="auto", random_state=0).fit(X, y)
    assert list(model.groups_) == ["u", "v", "w", "z"]
    assert list(model.split_coef()) == list(model.groups_)
    np.testing.assert_array_equal(model.split_coef()["u"], model.coef_[:2])
    with pytest.raises(ValueError, match="split_coef needs groups"):
        clone(model).set_params(groups=None).fit(X, y).split_coef()
    np.testing.assert_array_equal(
        model.coef_,
        clone(model).set_params(groups=[0, 0, 1, 1, 2, 3]).fit(X.to_numpy(), y).coef_,
    )
    weights = {"u": 0.0, "v": 5.0, "w": 1.0, "z": 5.0}
    model.set_params(group_weights=weights).fit(X, y)
    assert (model.split_coef()["v"] == 0).all()
    single = ProxSGDRegressor(alpha=0.1, group_weights=dict(zip(X, [0, 0, 5, 5, 1, 5], strict=True)), random_state=0)
    np.testing.assert_array_equal(single.fit(X, y).coef_[2:4], 0)
    assert not hasattr(single, "groups_")


def test_scores(regression, counts):
    X, y = regression
    weight = np.linspace(0, 1, len(y))
    model = ProxSGDRegressor(random_state=0).fit(X, y)
    assert model.score(X, y, weight) == pytest.approx(r2_score(y, model.predict(X), sample_weight=weight))
    X, y, exposure = counts
    weight = np.linspace(0, 1, len(y))
    model = ProxSGDRegressor("poisson", random_state=0).fit(X, y)
    assert model.score(X, y, weight) == pytest.approx(
        d2_tweedie_score(y, model.predict(X), sample_weight=weight, power=1)
    )
    model.fit(X, y, exposure=exposure)
    exact = PoissonGLMRegressor(alpha=1e-4, l1_ratio=1).fit(X, y, exposure=exposure)
    exact.coef_, exact.intercept_ = model.coef_, model.intercept_
    assert model.score(X, y, weight, exposure) == pytest.approx(exact.score(X, y, weight, exposure))
    np.testing.assert_allclose(model.predict(X, exposure), exact.predict(X, exposure))


def test_counts_are_not_taken_for_rates(counts):
    X, y, exposure = counts
    half = len(y) // 2
    chunks = [(X[:half], y[:half], None, exposure[:half]), (X[half:], y[half:])]
    fitted = ProxSGDRegressor("poisson", random_state=0).fit(X, y, exposure=exposure)
    for model in fitted, ProxSGDRegressor("poisson", random_state=0).partial_fit(iter(chunks)):
        with pytest.warns(UserWarning, match="was fitted with exposure; without it, predict gives rates"):
            model.predict(X)
        for score in model.score, partial(poisson_deviance_scorer, model):
            with pytest.raises(ValueError, match=r"was fitted with exposure, so that .* needs exposure"):
                score(X, y)
    assert not ProxSGDRegressor("poisson", random_state=0).fit(X, y).has_exposure_
    with sklearn.config_context(enable_metadata_routing=True):
        model = ProxSGDRegressor("poisson", random_state=0)
        cross_validate(model, X, y, params={"exposure": exposure}, error_score="raise")


def test_in_a_grid_search(regression):
    grid = {"alpha": [0.001, 10.0], "l1_update": ["clipping", "cumulative"], "batch_size": [1, 5]}
    search = GridSearchCV(ProxSGDRegressor(random_state=0), grid, cv=3).fit(*regression)
    assert search.best_params_["alpha"] == 0.001
    assert search.best_score_ > 0.9


def test_a_diverging_chunk_leaves_the_model_as_it_was(counts):
    X, y, _ = counts
    model = ProxSGDRegressor("poisson", random_state=0, l1_update="cumulative").partial_fit(X, y)
    before, t = model.coef_.copy(), model.t_
    with pytest.warns(ConvergenceWarning, match="diverged in this chunk, and the model is left as it was before"):
        model.partial_fit(1000 * X, y)
    np.testing.assert_array_equal(model.coef_, before)
    assert model.t_ == t


def test_a_chunk_that_diverges_to_finite_numbers(rng):
    """Far worse than the null model, and than the model before; what has only changed is learnt."""
    X = rng.normal(size=(200, 12))
    y = X[:, 0] + rng.normal(size=200)
    model = ProxSGDRegressor(eta0=1.0, random_state=0)
    with pytest.warns(ConvergenceWarning, match="diverged in this chunk, and the model is left as it was before"):
        model.partial_fit(X, y)
    np.testing.assert_array_equal(model.coef_, np.zeros(12))
    assert model.intercept_ == pytest.approx(y.mean())
    model = ProxSGDRegressor(eta0=0.01, random_state=0).partial_fit(X, y)
    assert model.partial_fit(X, y + 1000).intercept_ > 300


def test_first_chunk_without_counts(counts):
    X, y, _ = counts
    model = ProxSGDRegressor("poisson", random_state=0).partial_fit(X[:3], np.zeros(3)).partial_fit(X, y)
    assert np.isfinite(model.coef_).all()


def test_epochs_that_still_improve_are_said(regression):
    with pytest.warns(ConvergenceWarning, match=r"still improved by more than tol=1e-09 within max_iter=3 epochs"):
        ProxSGDRegressor(max_iter=3, tol=1e-9, random_state=0).fit(*regression)


def test_score_of_other_rows(counts):
    X, y, _ = counts
    model = ProxSGDRegressor("poisson", random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=r"y has shape \(5,\), but predictions have shape \(300,\)"):
        model.score(X, y[:5])
    with pytest.raises(ValueError, match="exposure is for loss='poisson'"):
        ProxSGDRegressor(random_state=0).fit(X, y).predict(X, exposure=y + 1)
