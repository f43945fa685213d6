"""Proximal optimizers against scikit-learn's solutions, and their maps against definitions."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from scipy.optimize import brentq
from sklearn.linear_model import ElasticNet as ElasticNetOfSklearn
from sklearn.linear_model import Lasso

torch = pytest.importorskip("torch")
optim, ours = torch.optim, pytest.importorskip("skprox.torch")
L1, ElasticNet, GroupLasso, Proximal = ours.L1, ours.ElasticNet, ours.GroupLasso, ours.Proximal


N, P = 200, 12

OPTIMIZERS = {
    "SGD": lambda params: optim.SGD(params, lr=0.1),
    "momentum": lambda params: optim.SGD(params, lr=0.02, momentum=0.9),
    "damped momentum": lambda params: optim.SGD(params, lr=0.05, momentum=0.9, dampening=0.5),
    "Nesterov": lambda params: optim.SGD(params, lr=0.02, momentum=0.9, nesterov=True),
    "Adam": lambda params: optim.Adam(params, lr=0.03),
    "AMSGrad": lambda params: optim.Adam(params, lr=0.02, amsgrad=True),
    "AdamW": lambda params: optim.AdamW(params, lr=0.03, weight_decay=0.0),
    "NAdam": lambda params: optim.NAdam(params, lr=0.03),
    "RMSprop": lambda params: optim.RMSprop(params, lr=0.005),
    "RMSprop, momentum": lambda params: optim.RMSprop(params, lr=0.008, momentum=0.5),
    "Adagrad": lambda params: optim.Adagrad(params, lr=0.5),
}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def regression(rng):
    """Three of twelve columns count, and they have scales of their own."""
    X = rng.normal(size=(N, P)) * rng.uniform(0.5, 1.5, size=P)
    return X, X[:, :3] @ [2.0, -1.0, 0.5] + 0.3 * rng.normal(size=N)


def loss_of(X, y, weight):
    return (torch.as_tensor(X) @ weight - torch.as_tensor(y)).square().sum() / (2 * len(y))


def minimise(make_optimizer, penalties, X, y, n_iter=2500, **options):
    weight = torch.zeros(X.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = Proximal(make_optimizer([weight]), penalties, **options)
    for _ in range(n_iter):
        optimizer.zero_grad()
        loss_of(X, y, weight).backward()
        optimizer.step()
    return weight.detach().numpy()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_lasso(regression, name):
    exact = Lasso(alpha=0.1, fit_intercept=False, tol=1e-12).fit(*regression).coef_
    found = minimise(OPTIMIZERS[name], L1(0.1), *regression)
    # the weights of gradients in a step of NAdam add up to one only in the long run
    np.testing.assert_allclose(found, exact, atol=1e-5 if name == "NAdam" else 1e-8)
    np.testing.assert_array_equal(found == 0, exact == 0)
    assert (exact == 0).sum() == 9


@pytest.mark.parametrize("name", ["momentum", "Adam"])
def test_elastic_net(regression, name):
    exact = ElasticNetOfSklearn(alpha=0.2, l1_ratio=0.3, fit_intercept=False, tol=1e-12).fit(*regression).coef_
    found = minimise(OPTIMIZERS[name], ElasticNet(0.2, l1_ratio=0.3), *regression)
    np.testing.assert_allclose(found, exact, atol=1e-8)
    np.testing.assert_array_equal(found == 0, exact == 0)


@pytest.mark.parametrize("name", ["momentum", "Adam"])
def test_group_lasso(regression, name):
    """Its optimality conditions, with groups of one, three, and eight."""
    X, y = regression
    labels = np.array(["a", "b", "b", "b"] + ["c"] * 8)
    found = minimise(OPTIMIZERS[name], GroupLasso(0.15, groups=labels), X, y)
    gradient = X.T @ (X @ found - y) / N
    for label, size in {"a": 1, "b": 3}.items():
        part = found[labels == label]
        wanted = -0.15 * np.sqrt(size) * part / np.linalg.norm(part)
        np.testing.assert_allclose(gradient[labels == label], wanted, atol=1e-8)
    assert (found[labels == "c"] == 0).all()
    assert np.linalg.norm(gradient[labels == "c"]) < 0.15 * np.sqrt(8)


@pytest.mark.parametrize("name", [*OPTIMIZERS, "RMSprop, centered", "Adagrad, decay"])
def test_step_size_is_how_far_a_steady_gradient_goes(name):
    more = {
        "RMSprop, centered": lambda params: optim.RMSprop(params, lr=0.01, centered=True, eps=0.1),
        "Adagrad, decay": lambda params: optim.Adagrad(params, lr=0.01, lr_decay=0.1),
    }
    steps = []

    def record(weight, step):
        steps.append(step)
        return weight

    weight = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = Proximal((OPTIMIZERS | more)[name]([weight]), record)
    gradient = torch.tensor([0.01, -1.0, 30.0], dtype=torch.float64)
    for _ in range(300):
        before = weight.detach().clone()
        weight.grad = gradient.clone()
        optimizer.step()
    wanted = (before - weight.detach()) / gradient
    rtol = 1e-3 if name in ("NAdam", "RMSprop, momentum") else 1e-9  # which still change after 300 steps
    torch.testing.assert_close(steps[-1] * torch.ones_like(wanted), wanted, rtol=rtol, atol=0)


def test_learning_rate_alone_solves_another_problem(regression):
    """One minus momentum times the penalty; with Adam, next to none of it."""
    X, y = regression
    weaker = Lasso(alpha=0.01, fit_intercept=False, tol=1e-12).fit(X, y).coef_
    found = minimise(OPTIMIZERS["momentum"], L1(0.1), X, y, step_size="lr")
    np.testing.assert_allclose(found, weaker, atol=1e-8)
    least_squares = np.linalg.lstsq(X, y)[0]
    found = minimise(OPTIMIZERS["Adam"], L1(0.1), X, y, n_iter=3000, step_size="lr")
    np.testing.assert_allclose(found, least_squares, atol=0.02)


def test_weight_decay_is_a_ridge_penalty(regression):
    """Coupled weight decay is part of the loss: with L1 it makes the elastic net."""
    exact = ElasticNetOfSklearn(alpha=0.4, l1_ratio=0.25, fit_intercept=False, tol=1e-12).fit(*regression).coef_
    found = minimise(lambda params: optim.Adam(params, lr=0.03, weight_decay=0.3), L1(0.1), *regression)
    np.testing.assert_allclose(found, exact, atol=1e-8)


def test_values():
    weight = torch.tensor([[3.0, 0.0, 1.0], [4.0, 0.0, -2.0]])
    assert L1(0.5).value(weight).item() == pytest.approx(5.0)
    assert ElasticNet(2.0, l1_ratio=0.25).value(weight).item() == pytest.approx(2 * (0.25 * 10 + 0.375 * 30))
    assert GroupLasso(2.0, "rows").value(weight).item() == pytest.approx(2 * 3**0.5 * (10**0.5 + 20**0.5))
    assert GroupLasso(2.0, "columns").value(weight).item() == pytest.approx(2 * 2**0.5 * (5 + 0 + 5**0.5))
    assert GroupLasso(2.0, [0, 0, 7]).value(weight).item() == pytest.approx(2 * (2 * 5 + 2**0.5 * 5**0.5))
    image = torch.ones(2, 3, 4, 5)
    assert GroupLasso(1.0, "columns").value(image).item() == pytest.approx(3 * 40)
    assert GroupLasso(1.0, "rows").value(torch.tensor([3.0, -4.0])).item() == pytest.approx(7)
    sparse_group = 2 * (0.75 * 3**0.5 * (10**0.5 + 20**0.5) + 0.25 * 10)
    assert GroupLasso(2.0, l1_ratio=0.25).value(weight).item() == pytest.approx(sparse_group)


def test_known_proximal_maps():
    close = torch.testing.assert_close
    close(L1(0.5).prox(torch.tensor([1.0, 2.0, 3.0]), 1.0), torch.tensor([0.5, 1.5, 2.5]))
    ridge = torch.tensor([0.5, -0.666667, 0.6])
    steps = torch.tensor([1.0, 2.0, 4.0])
    close(ElasticNet(1.0, l1_ratio=0.0).prox(torch.tensor([1.0, -2.0, 3.0]), steps), ridge)
    both = torch.tensor([0.454545, -1.181818, 1.909091])
    close(ElasticNet(0.5).prox(torch.tensor([1.0, -2.0, 3.0]), 1.5), both)
    close(GroupLasso(1.0).prox(torch.tensor([[3.0, 4.0], [0.5, 0.5]]), 0.5), torch.tensor([[3.0, 4.0], [0, 0]])
          * (1 - 0.5 * 2**0.5 / 5))  # fmt: skip


PENALTIES = [
    L1(0.3),
    ElasticNet(0.5, l1_ratio=0.4),
    GroupLasso(0.2),
    GroupLasso(0.2, "columns"),
    GroupLasso(0.2, [[0, 1, 1, 0], [0, 2, 2, 2], [3, 3, 0, 0]]),
    GroupLasso(0.2, [[5], [4], [5]]),
    L1(0.3, bounds=(0, None)),
    ElasticNet(0.5, l1_ratio=0.4, bounds=(-0.2, 0.3)),
    ElasticNet(0.5, l1_ratio=0.0, bounds=(None, 0)),
    GroupLasso(0.2, l1_ratio=0.5),
    GroupLasso(0.2, l1_ratio=1.0),
    GroupLasso(0.2, "columns", bounds=(0, None)),
    GroupLasso(0.2, [[0, 1, 1, 0], [0, 2, 2, 2], [3, 3, 0, 0]], l1_ratio=0.3, bounds=(None, 0)),
]


def within(u, penalty):
    lower, upper = (None, None) if penalty.bounds is None else penalty.bounds
    return u if lower is None and upper is None else u.clamp(lower, upper)


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
@pytest.mark.parametrize("metric", [False, True])
def test_prox_solves_its_own_problem(penalty, metric, rng):
    """By the inequality of a strongly convex function at its minimum."""
    point = torch.as_tensor(rng.normal(size=(3, 4)))
    step = torch.as_tensor(10 ** rng.uniform(-1, 1, size=(3, 4))) if metric else 0.7
    best = penalty.prox(point, step)
    assert torch.equal(best, within(best, penalty))

    def gap(u):
        return ((u - point).square() / (2 * step)).sum() + penalty.value(u)

    for scale in (1e-3, 0.1):
        for _ in range(100):
            u = within(best + scale * torch.as_tensor(rng.normal(size=(3, 4))), penalty)
            assert gap(u) >= gap(best) + ((u - best).square() / (2 * step)).sum() - 1e-12


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_group_prox_in_metrics_far_from_round(dtype, rtol, rng):
    """Against the root that scipy finds, with steps over up to sixteen orders of magnitude."""
    zeros = 0
    for spread in rng.uniform(0, 8, size=100):
        w, step, alpha = rng.normal(size=6), 10 ** rng.uniform(-spread, spread, size=6), 10 ** rng.uniform(-4, 2)
        found = GroupLasso(alpha).prox(torch.tensor(w[None], dtype=dtype), torch.tensor(step[None], dtype=dtype))
        t = step * alpha * np.sqrt(6)

        def excess(log_n, w=w, t=t):
            return np.log(np.sum((w / (np.exp(log_n) + t)) ** 2))

        if excess(-80) <= 0:
            zeros += 1
            assert not found.any()
        else:
            n = np.exp(brentq(excess, -80, np.log(np.linalg.norm(w)) + 1e-9))
            np.testing.assert_allclose(found[0], w * n / (n + t), rtol=rtol, atol=1e-12)
    assert 5 < zeros < 95


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_what_is_not_finite_or_not_moved(penalty):
    weight = torch.ones(3, 4)
    torch.testing.assert_close(penalty.prox(weight, 0.0), within(weight, penalty))
    torch.testing.assert_close(penalty.prox(weight, torch.zeros(3, 4)), within(weight, penalty))
    assert not penalty.prox(torch.zeros(3, 4), torch.ones(3, 4)).any()
    weight[0, 0] = torch.nan
    assert penalty.prox(weight, 0.1)[0, 0].isnan()
    assert penalty.prox(weight, torch.full((3, 4), 0.1))[0, 0].isnan()


def test_a_step_by_hand():
    """Two groups of parameters with learning rates of their own; a penalty on one, a callable, and none."""
    a, b, c = (torch.tensor([1.0, -0.2], requires_grad=True) for _ in range(3))
    groups = [{"params": [a, b], "lr": 0.5}, {"params": [c], "lr": 0.25}]
    seen = []

    def halve(weight, step):
        seen.append(step)
        return weight / 2

    optimizer = Proximal(optim.SGD(groups), {a: L1(0.4), c: halve})
    (a.sum() + b.sum() + 4 * c.sum()).backward()
    optimizer.step()
    torch.testing.assert_close(a.detach(), torch.tensor([0.3, -0.5]))
    torch.testing.assert_close(b.detach(), torch.tensor([0.5, -0.7]))
    torch.testing.assert_close(c.detach(), torch.tensor([0.0, -0.6]))
    assert seen == [0.25]


def test_momentum_buffers_hold_gradients_of_the_loss_alone():
    w = torch.tensor([1.0], requires_grad=True)
    optimizer = Proximal(optim.SGD([w], lr=0.1, momentum=0.5), L1(1.0))
    for wanted in (1.0, 1.5, 1.75):
        w.grad = torch.ones(1)
        optimizer.step()
        assert optimizer.state[w]["momentum_buffer"].item() == wanted


def test_parameters_without_a_gradient_stay():
    used, unused = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    for make in (OPTIMIZERS["SGD"], OPTIMIZERS["Adam"]):
        optimizer = Proximal(make([used, unused]), L1(0.5))
        used.sum().backward()
        optimizer.step()
        assert (used < 0.97).all()
        assert (unused == 1).all()


@pytest.mark.parametrize("name", ["Adam", "AMSGrad", "RMSprop", "Adagrad"])
def test_entries_that_never_had_a_gradient_shrink_by_the_learning_rate(name):
    embedding = torch.nn.Embedding.from_pretrained(torch.ones(3, 2), freeze=False)
    optimizer = Proximal(OPTIMIZERS[name](embedding.parameters()), L1(0.5))
    embedding(torch.tensor([0, 2])).sum().backward()
    optimizer.step()
    lr = optimizer.param_groups[0]["lr"]
    torch.testing.assert_close(embedding.weight[1].detach(), torch.full((2,), 1 - 0.5 * lr))
    assert (embedding.weight[[0, 2]] < 1 - 0.5 * lr).all()


def test_closures(regression):
    X, y = regression
    weight = torch.zeros(P, dtype=torch.float64, requires_grad=True)
    optimizer = Proximal(OPTIMIZERS["Adam"]([weight]), L1(0.1))

    def closure():
        optimizer.zero_grad()
        loss = loss_of(X, y, weight)
        loss.backward()
        return loss

    first = optimizer.step(closure)
    assert first.item() == pytest.approx(y @ y / (2 * N))
    for _ in range(49):
        optimizer.step(closure)
    np.testing.assert_array_equal(weight.detach(), minimise(OPTIMIZERS["Adam"], L1(0.1), X, y, n_iter=50))


@pytest.mark.parametrize("name", ["SGD", "momentum", "Adam"])
@pytest.mark.parametrize(
    "scheduler",
    [
        lambda optimizer: optim.lr_scheduler.StepLR(optimizer, 5, gamma=0.5),
        lambda optimizer: optim.lr_scheduler.LinearLR(optimizer, start_factor=0.01),
    ],
)
def test_schedulers_on_either_optimizer(regression, name, scheduler):
    ends = []
    for on_wrapper in (True, False):
        weight = torch.zeros(P, dtype=torch.float64, requires_grad=True)
        inner = OPTIMIZERS[name]([weight])
        optimizer = Proximal(inner, L1(0.1))
        schedule = scheduler(optimizer if on_wrapper else inner)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for _ in range(20):
                optimizer.zero_grad()
                loss_of(*regression, weight).backward()
                optimizer.step()
                schedule.step()
        ends.append(weight.detach().numpy())
        assert optimizer.param_groups[0]["lr"] == schedule.get_last_lr()[0]
    np.testing.assert_array_equal(*ends)
    assert (ends[0] != minimise(OPTIMIZERS[name], L1(0.1), *regression, n_iter=20)).any()


def test_a_learning_rate_of_zero_moves_nothing():
    w = torch.tensor([[1.0, 0.5]], requires_grad=True)
    for make in (optim.SGD, optim.Adam):
        optimizer = Proximal(make([w], lr=0.0), GroupLasso(1.0))
        w.grad = torch.ones(1, 2)
        optimizer.step()
        torch.testing.assert_close(w.detach(), torch.tensor([[1.0, 0.5]]))


def test_learning_rates_that_are_tensors(regression):
    for make in (
        lambda params: optim.SGD(params, lr=torch.tensor(0.02), momentum=0.9),
        lambda params: optim.Adam(params, lr=torch.tensor(0.01), capturable=False, foreach=False),
    ):
        found = minimise(make, L1(0.1), *regression)
        exact = Lasso(alpha=0.1, fit_intercept=False, tol=1e-12).fit(*regression).coef_
        np.testing.assert_allclose(found, exact, atol=1e-6)


@pytest.mark.parametrize("name", ["momentum", "Adam"])
@pytest.mark.parametrize("way", ["state_dict", "plain state_dict", "pickle", "deepcopy"])
def test_training_goes_on_where_it_stopped(regression, name, way):
    def train(optimizer, weight):
        for _ in range(25):
            optimizer.zero_grad()
            loss_of(*regression, weight).backward()
            optimizer.step()

    weight = torch.zeros(P, dtype=torch.float64, requires_grad=True)
    optimizer = Proximal(OPTIMIZERS[name]([weight]), {weight: L1(0.1)})
    train(optimizer, weight)
    if way in ("pickle", "deepcopy"):
        other, again = {"pickle": lambda x: pickle.loads(pickle.dumps(x)), "deepcopy": copy.deepcopy}[way](
            (weight, optimizer)
        )
    else:
        other = weight.detach().clone().requires_grad_()
        again = Proximal(OPTIMIZERS[name]([other]), {other: L1(0.1)})
        saved = (optimizer if way == "state_dict" else optimizer.optimizer).state_dict()
        again.load_state_dict(copy.deepcopy(saved))
    train(optimizer, weight)
    train(again, other)
    np.testing.assert_array_equal(other.detach(), weight.detach())
    np.testing.assert_array_equal(weight.detach(), minimise(OPTIMIZERS[name], L1(0.1), *regression, n_iter=50))


def test_groups_that_come_later_and_hooks(regression):
    first, second = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    optimizer = Proximal(optim.SGD([first], lr=0.1), L1(20.0))
    optimizer.add_param_group({"params": [second], "lr": 0.01})
    calls = []
    optimizer.register_step_post_hook(lambda *args: calls.append((first == 0).all().item()))
    (first.sum() + second.sum()).backward()
    optimizer.step()
    assert not first.any()
    torch.testing.assert_close(second.detach(), torch.full((2,), 0.79))
    assert calls == [True]


def test_columns_of_a_layer(rng):
    """Inputs that the teacher does not use lose all of their weights, and others keep them."""
    torch.manual_seed(0)
    X = torch.as_tensor(rng.normal(size=(300, 8)), dtype=torch.float32)
    y = torch.relu(X[:, :2] @ torch.tensor([[1.0, -1.0], [1.0, 1.0]])).sum(1, keepdim=True)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    optimizer = Proximal(optim.Adam(model.parameters(), lr=0.01), {model[0].weight: GroupLasso(0.01, "columns")})
    for _ in range(500):
        optimizer.zero_grad()
        (model(X) - y).square().mean().backward()
        optimizer.step()
    kept = model[0].weight.detach().norm(dim=0)
    assert (kept[:2] > 0.5).all()
    assert not kept[2:].any()


def test_optimizers_whose_steps_are_not_known():
    w = torch.zeros(2, requires_grad=True)
    with pytest.warns(UserWarning, match="How far Rprop goes for a unit of gradient is not known here"):
        optimizer = Proximal(optim.Rprop([w]), L1(0.1))
    w.sum().backward()
    optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Proximal(optim.Rprop([w]), L1(0.1), step_size="lr")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda w, sgd: Proximal([w], L1(1.0)), TypeError, "optimizer must be a torch.optim.Optimizer; got list"),
        (lambda w, sgd: Proximal(sgd, L1(1.0), step_size=0.1), ValueError, "'effective' or 'lr'; got 0.1"),
        (lambda w, sgd: Proximal(sgd, 0.1), TypeError, "must be callable, or have a method prox; got 0.1"),
        (lambda w, sgd: Proximal(sgd, {w: "l1"}), TypeError, "must be callable, or have a method prox; got 'l1'"),
        (
            lambda w, sgd: Proximal(sgd, {torch.zeros(7): L1(1.0)}),
            ValueError,
            r"keys that are not parameters of the optimizer: \[\(7,\)\]",
        ),
        (
            lambda w, sgd: Proximal(sgd, {"weight": L1(1.0)}),
            ValueError,
            r"not parameters of the optimizer: \['weight'\]",
        ),
        (lambda w, sgd: Proximal(sgd, GroupLasso(1.0, "columns")), ValueError, "'columns' needs a tensor of more"),
        (
            lambda w, sgd: Proximal(sgd, GroupLasso(1.0, [0, 1])),
            ValueError,
            r"groups has shape \(2,\), which .* \(3,\)",
        ),
        (lambda w, sgd: Proximal(sgd, GroupLasso(1.0, "filters")), ValueError, "or labels; got 'filters'"),
        (lambda w, sgd: Proximal(sgd, lambda w, step: step).step(), ValueError, r"tensor of shape \(3,\); got 0.1"),
        (lambda w, sgd: Proximal(sgd, lambda w, s: w[:1]).step(), ValueError, r"of shape \(3,\); got shape \(1,\)"),
        (lambda w, sgd: L1(-1), ValueError, "alpha must be a number, not negative and finite; got -1"),
        (lambda w, sgd: GroupLasso(float("inf")), ValueError, "alpha must be .* got inf"),
        (lambda w, sgd: ElasticNet("a"), ValueError, "alpha must be .* got 'a'"),
        (lambda w, sgd: ElasticNet(1.0, 1.5), ValueError, "l1_ratio must be a number from 0 to 1; got 1.5"),
        (lambda w, sgd: GroupLasso(1.0, l1_ratio=-1), ValueError, "l1_ratio must be a number from 0 to 1; got -1"),
        (lambda w, sgd: L1(1.0, bounds=0), ValueError, r"pair of numbers or None, such as \(0, None\); got 0"),
        (lambda w, sgd: L1(1.0, bounds=(0, "a")), ValueError, "pair of numbers or None"),
        (lambda w, sgd: ElasticNet(1.0, bounds=(1, 2)), ValueError, r"must hold 0, .*; got \(1, 2\)"),
        (lambda w, sgd: GroupLasso(1.0, bounds=(-1, None)), ValueError, r"must be 0 or None.*\(-1, None\).*ElasticNet"),
    ],
)
def test_errors(make, error, message):
    w = torch.ones(3, requires_grad=True)
    w.grad = torch.ones(3)
    with pytest.raises(error, match=message):
        make(w, optim.SGD([w], lr=0.1))
