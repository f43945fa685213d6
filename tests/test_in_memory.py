import numba
import numpy as np
import pytest
from oracles import Oracle, assert_solves

from skprox import GroupLassoPoisson, GroupLassoPoissonCV, PoissonGLMRegressor, regularization_path
from skprox._jit import njit
from skprox.objectives import passes
from skprox.solvers import descent, in_memory

TOL = 1e-8
LABELS = np.repeat(range(4), [1, 4, 3, 4])
GROUPS = [np.flatnonzero(g == LABELS) for g in range(4)]


@pytest.fixture
def data(rng):
    X = rng.normal(size=(150, 12))
    X[:, 1] += 10.0
    X[:, 7], X[:, 9] = 3.0, X[:, 8] + X[:, 10]  # constant, and dependent
    return X, rng.poisson(np.exp(0.3 + 0.4 * X[:, 0] - 0.3 * X[:, 5]))


@pytest.fixture
def of_rows(rng):
    weight = np.where(np.arange(150) % 10 == 3, 0.0, rng.uniform(1, 2, size=150))
    return {"sample_weight": weight, "exposure": rng.uniform(0.5, 2, size=150)}


@pytest.fixture(autouse=True)
def descents(monkeypatch):
    """What compiled descents return: results, or None where they fell short."""
    found, descend, fista = [], in_memory.descend, in_memory.fista

    def note(*args):
        results = descend(*args)
        found.extend(result for way in results for result in way)
        return results

    def note_fista(*args):
        found.extend(fista(*args))
        return found[-len(args[1]) :]

    if numba.config.DISABLE_JIT:  # nothing is compiled that could be kept: their lines count all the same
        monkeypatch.setattr(in_memory, "is_kept", lambda kernel: True)
    monkeypatch.setattr(in_memory, "descend", note)
    monkeypatch.setattr(in_memory, "fista", note_fista)
    return found


MODELS = {
    "lasso": (PoissonGLMRegressor(alpha=0.05, l1_ratio=1), range(12), 0.05, 0.0),
    "elastic net": (PoissonGLMRegressor(alpha=0.05, l1_ratio=0.5), range(12), 0.025, 0.025),
    "ridge": (PoissonGLMRegressor(alpha=0.05), range(12), 0.0, 0.05),
    "none": (PoissonGLMRegressor(alpha=0), range(12), 0.0, 0.0),
    "group lasso": (GroupLassoPoisson(alpha=0.02, groups=LABELS), GROUPS, 0.02 * np.sqrt([1, 4, 3, 4]), 0.0),
    "weak": (GroupLassoPoisson(alpha=1e-4, groups=LABELS), GROUPS, 1e-4 * np.sqrt([1, 4, 3, 4]), 0.0),
    "free": (GroupLassoPoisson(alpha=0.1, groups=LABELS, group_weights=[0, 1, 1, 0]), GROUPS, [0, 0.1, 0.1, 0], 0.0),
}


@pytest.mark.parametrize("solver", ["newton", "fista"])
@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_models(data, of_rows, name, intercept, order, solver, descents):
    X, y = data
    y = np.c_[y, 50 * y[::-1]]
    model, groups, strength, ridge = MODELS[name]
    X[of_rows["sample_weight"] == 0] = 1e8  # what stands in rows without weight does not matter
    model.set_params(fit_intercept=intercept, tol=TOL, solver=solver)
    model.fit(np.asarray(X, order=order), y, **of_rows)
    assert len(descents) == 2
    assert all(descents)
    rows = of_rows["sample_weight"] > 0
    for k in range(2):
        oracle = Oracle(
            X[rows], y[rows, k], groups, strength, ridge, *(each[rows] for each in of_rows.values()), intercept
        )
        assert_solves(model, oracle, 3 * TOL, output=k)


def test_infinite_strengths(data, descents):
    X, y = data
    model = PoissonGLMRegressor(alpha=np.where(np.arange(12) % 3 == 0, np.inf, 0.01), l1_ratio=0.5, tol=TOL).fit(X, y)
    assert all(descents)
    assert not model.coef_[::3].any()
    kept = np.flatnonzero(np.arange(12) % 3)
    oracle = Oracle(X[:, kept], y, range(8), 0.005, 0.005)
    assert oracle.certificate(model.coef_[kept], model.intercept_) <= 2 * TOL


def test_paths_and_folds(data, of_rows, descents):
    """Descents start where those at the strength before ended; folds are outputs with weights of their own."""
    X, y = data
    model = GroupLassoPoisson(groups=LABELS, group_weights=[0, 1, 1, 2], tol=TOL)
    path = regularization_path(model, X, np.c_[y, y[::-1]], n_alphas=20, alpha_min_ratio=1e-3, **of_rows)
    assert len(descents) == 2 + 40  # the fits of the free group alone, where paths start
    assert all(descents)
    weights = np.array([0.0, 1, 1, 2])
    for k, counts in enumerate([y, y[::-1]]):
        for alpha, coef, intercept in zip(path.alphas, path.coefs[:, k], path.intercepts[:, k], strict=True):
            oracle = Oracle(X, counts, GROUPS, alpha * weights, 0.0, *of_rows.values())
            assert oracle.certificate(coef, intercept) <= 3 * TOL
    chosen = GroupLassoPoissonCV(alphas=path.alphas, groups=LABELS, group_weights=[0, 1, 1, 2], tol=TOL)
    chosen.fit(X, y, **of_rows)
    assert len(descents) == 2 + 40 + 6 + 6 * 20
    np.testing.assert_allclose(chosen.coef_path_, path.coefs[:, 0], atol=1e-6)


def test_a_warm_start(data, descents):
    X, y = data
    model = GroupLassoPoisson(alpha=0.02, groups=LABELS, warm_start=True).fit(X, y)
    assert model.n_iter_ > 1
    coef = model.coef_
    assert model.fit(X, y).n_iter_ == 1
    np.testing.assert_array_equal(model.coef_, coef)


@pytest.mark.parametrize("limit", ["steps", "columns"])
def test_what_falls_short_is_left_to_others(data, limit, descents, monkeypatch):
    X, y = data
    if limit == "steps":
        monkeypatch.setattr(in_memory, "MAX_ITER", 2)
    else:
        monkeypatch.setattr(descent, "CAPACITY", 5)
    model, groups, strength, _ = MODELS["group lasso"]
    model.set_params(fit_intercept=True, tol=TOL, solver="auto")
    assert_solves(model.fit(X, y), Oracle(X, y, groups, strength), 2 * TOL)
    assert descents == [None]
    path = regularization_path(model, X, y, n_alphas=10)
    assert None in descents[1:]
    assert any(descents[1:])
    for alpha, coef, intercept in zip(path.alphas[1:], path.coefs[1:], path.intercepts[1:], strict=True):
        oracle = Oracle(X, y, groups, alpha * np.sqrt([1, 4, 3, 4]))
        assert oracle.certificate(coef, intercept) <= 3 * TOL


def test_threads_change_nothing(data, rng, monkeypatch):
    monkeypatch.setattr("skprox.parallel.ENTRIES_A_THREAD", 1000)
    X, _ = data
    Y = rng.poisson(1.0, size=(150, 20))
    models = [GroupLassoPoisson(alpha=0.02, groups=LABELS, n_jobs=n_jobs).fit(X, Y) for n_jobs in (1, 3)]
    np.testing.assert_array_equal(models[0].coef_, models[1].coef_)
    for k, y in enumerate(Y.T):
        alone = GroupLassoPoisson(alpha=0.02, groups=LABELS).fit(X, y)
        np.testing.assert_allclose(alone.coef_, models[0].coef_[k], atol=1e-12)


def test_who_watches_sees_each_step(data, descents, capsys):
    X, y = data
    model = GroupLassoPoisson(alpha=0.02, groups=LABELS, verbose=1).fit(X, y)
    assert len(capsys.readouterr().out.splitlines()) == model.n_iter_
    assert descents == []


def test_exponential_function(rng):
    """Where a mass may be, to the last bits."""

    @njit(cache=False)
    def exp(x):
        out = x.copy()
        passes.exp_in_place(out, np.empty(x.size))
        return out

    x = np.concatenate([-(10.0 ** rng.uniform(-18, 2.84, size=5000)), np.linspace(-707, 0, 5000)])
    np.testing.assert_allclose(exp(x), np.exp(x), rtol=3e-16)
    np.testing.assert_array_equal(exp(np.array([-np.inf, -1e300, -709.0, 0.0])), [0, 0, 0, 1])


def test_nothing_is_compiled_that_is_not_kept(data, descents, monkeypatch):
    """It would take each process longer than it saves."""
    monkeypatch.setattr(in_memory, "is_kept", lambda kernel: False)
    X, y = data
    for solver in ("auto", "fista"):
        model = GroupLassoPoisson(alpha=0.02, groups=LABELS, solver=solver, tol=TOL).fit(X, y)
        assert_solves(model, Oracle(X, y, GROUPS, 0.02 * np.sqrt([1, 4, 3, 4])), 2 * TOL)
    assert descents == []
