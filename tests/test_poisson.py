import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import statsmodels.api as sm
from glum import GeneralizedLinearRegressor
from oracles import Oracle, assert_solves
from scipy.optimize import minimize
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import d2_tweedie_score

from skprox import GroupLassoPoisson, PoissonGLMRegressor, parallel, regularization_path

TOL = 1e-9


def glum(X, y, strength, ridge, **fit):
    """Coefficients by glum, at the L1 strength and the ridge of each coefficient."""
    ones = np.ones(np.shape(X)[1])
    model = GeneralizedLinearRegressor(
        family="poisson",
        alpha=1.0,
        l1_ratio=0.5,
        P1=2 * strength * ones,
        P2=2 * ridge * ones,
        gradient_tol=1e-10,
        max_iter=10_000,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(np.asarray(X), y, **fit)


# ---- strengths that follow the structure: every case with one and with two neurons

PER_GROUP = {"f1": 0.1, "f2": 0.2}
PER_PARAMETER = {"f1": [0.1, 0.3, 0.3, 0.1, 1.0], "f2": [0.2, 0.1]}
MIXED = {"f1": 0.1, "f2": [0.2, 0.1]}
RATIOS = {"f1": [0.5, 0.3, 0.5, 0.5, 0.5], "f2": [0.5, 0.4]}
CASES = {
    "one strength": ({"alpha": 0.1}, np.full(7, 0.1), np.zeros(7)),
    "per group": ({"alpha": PER_GROUP}, np.repeat([0.1, 0.2], [5, 2]), np.zeros(7)),
    "per parameter": ({"alpha": PER_PARAMETER}, np.array([0.1, 0.3, 0.3, 0.1, 1.0, 0.2, 0.1]), np.zeros(7)),
    "mixed": ({"alpha": MIXED}, np.array([0.1] * 5 + [0.2, 0.1]), np.zeros(7)),
    "lasso per group": ({"alpha": PER_GROUP, "l1_ratio": 1}, np.repeat([0.1, 0.2], [5, 2]), np.ones(7)),
    "elastic net": ({"alpha": 1.0, "l1_ratio": 0.5}, np.ones(7), np.full(7, 0.5)),
    "elastic net per parameter": (
        {"alpha": PER_PARAMETER, "l1_ratio": RATIOS},
        np.array([0.1, 0.3, 0.3, 0.1, 1.0, 0.2, 0.1]),
        np.array([0.5, 0.3, 0.5, 0.5, 0.5, 0.5, 0.4]),
    ),
    "level and pattern": (
        {"alpha": 0.1, "penalty_weights": {"f1": [1, 3, 3, 1, 10], "f2": [2, 0]}, "l1_ratio": 0.5},
        np.array([0.1, 0.3, 0.3, 0.1, 1.0, 0.2, 0.0]),
        np.full(7, 0.5),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_strengths_by_structure(spikes, case):
    X, y, Y = spikes
    params, alpha, ratio = CASES[case]
    model = PoissonGLMRegressor(tol=TOL, **params).fit(X, y)
    assert_solves(model, Oracle(X, y, range(7), alpha * ratio, alpha * (1 - ratio)))
    peer = glum(X, y, alpha * ratio, alpha * (1 - ratio))
    np.testing.assert_allclose(model.coef_, peer.coef_, atol=1e-6)
    np.testing.assert_array_equal(model.coef_ == 0, np.abs(peer.coef_) < 1e-12)
    assert model.intercept_ == pytest.approx(peer.intercept_, abs=1e-6)

    both = PoissonGLMRegressor(tol=TOL, **params).fit(X, Y)
    assert both.coef_.shape == (2, 7)
    for k in range(2):
        assert_solves(both, Oracle(X, Y[:, k], range(7), alpha * ratio, alpha * (1 - ratio)), output=k)
    np.testing.assert_allclose(both.coef_[0], model.coef_, atol=1e-8)


def test_population_with_a_strength_for_each_feature_and_neuron(spikes):
    X, _, Y = spikes
    alpha = {"f1": [[0.1] * 5, [0.2] * 5], "f2": [[0.1, 0.1], [0.2, 0.2]]}
    model = PoissonGLMRegressor(alpha=alpha, tol=TOL).fit(X, Y)
    for k, strength in enumerate([0.1, 0.2]):
        peer = PoissonRegressor(alpha=strength, tol=1e-12, max_iter=10_000).fit(X, Y[:, k])
        np.testing.assert_allclose(model.coef_[k], peer.coef_, atol=1e-6)
        single = PoissonGLMRegressor(alpha=strength, tol=TOL).fit(X, Y[:, k])
        np.testing.assert_allclose(model.coef_[k], single.coef_, atol=1e-8)
        np.testing.assert_allclose(model.predict(X)[:, k], single.predict(X), rtol=1e-8)
    shapes = [model.intercept_.shape, model.n_iter_.shape, model.objective_.shape, model.optimality_.shape]
    assert shapes == [(2,)] * 4
    assert model.split_coef()["f2"].shape == (2, 2)


@pytest.mark.parametrize("solver", ["auto", "fista"])
def test_populations_that_are_solved_in_several_batches(rng, solver):
    """Each output converges on its own test, next to some that take longer and some where nothing is to be done."""
    X = rng.normal(size=(300, 8)) + 0.5 * rng.normal(size=(300, 1))
    Y = rng.poisson(np.exp(rng.uniform(-1, 4, size=40) + 0.3 * X[:, :3] @ rng.normal(size=(3, 40))))
    Y[:, 3], Y[:, 7] = 100 * (np.arange(300) == 0), 2
    model = GroupLassoPoisson(alpha=0.02, groups=np.repeat(range(4), 2), solver=solver, tol=TOL).fit(X, Y)
    for k in range(40):
        single = GroupLassoPoisson(alpha=0.02, groups=np.repeat(range(4), 2), solver=solver, tol=TOL).fit(X, Y[:, k])
        np.testing.assert_allclose(model.coef_[k], single.coef_, atol=1e-8)
        if k != 7:
            assert_solves(model, Oracle(X, Y[:, k], np.arange(8).reshape(4, 2), 0.02 * 2**0.5), output=k)
    assert model.n_iter_[7] == 1
    assert not model.coef_[7].any()


def test_group_lasso_per_group(spikes):
    X, y, Y = spikes
    groups = [np.arange(5), np.arange(5, 7)]
    mask = np.repeat(np.eye(2), [5, 2], axis=1)
    by_name = GroupLassoPoisson(alpha={"f1": 0.1, "f2": 0.4}, tol=TOL).fit(X, y)
    by_mask = GroupLassoPoisson(alpha=[0.1, 0.4], groups=mask, tol=TOL).fit(X, y)
    oracle = Oracle(X, y, groups, np.array([0.1, 0.4]) * np.sqrt([5, 2]))
    for model in (by_name, by_mask):
        assert_solves(model, oracle)
        np.testing.assert_allclose(model.coef_, oracle.solve()[0], atol=1e-6)
    assert by_name.groups_.keys() == {"f1", "f2"}
    assert by_name.group_norms_["f1"] == pytest.approx(np.linalg.norm(by_name.coef_[:5]))
    assert by_mask.selected_groups_ == [0]

    both = GroupLassoPoisson(alpha=[[0.1, 0.4], [0.4, 0.1]], groups=mask, tol=TOL).fit(X, Y)
    for k, alpha in enumerate([[0.1, 0.4], [0.4, 0.1]]):
        assert_solves(both, Oracle(X, Y[:, k], groups, np.array(alpha) * np.sqrt([5, 2])), output=k)


# ---- independent solvers


def test_group_lasso_agrees_with_nelder_mead(rng):
    X = rng.normal(size=(300, 3))
    y = rng.poisson(np.exp(0.5 + X @ [0.5, -0.3, 0.1]))
    model = GroupLassoPoisson(alpha=0.05, groups=["a", "a", "b"], tol=TOL).fit(X, y)
    oracle = Oracle(X, y, [[0, 1], [2]], 0.05 * np.sqrt([2, 1]))
    best = minimize(
        lambda u: oracle.value(u[:3], u[3]),
        np.zeros(4),
        method="Nelder-Mead",
        options={"xatol": 1e-10, "fatol": 1e-15, "maxiter": 10_000, "adaptive": True},
    )
    np.testing.assert_allclose(model.coef_, best.x[:3], atol=1e-5)
    assert model.objective_ <= best.fun + 1e-12


@pytest.mark.parametrize("strength", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("ratio", [1.0, 0.5, 0.2])
def test_elastic_net_agrees_with_statsmodels(spikes, strength, ratio):
    X, y, _ = spikes
    exog = sm.add_constant(X.to_numpy())
    penalties = np.r_[0.0, np.full(7, strength)]
    peer = sm.GLM(y, exog, family=sm.families.Poisson()).fit_regularized(
        alpha=penalties, L1_wt=ratio, maxiter=5000, cnvrg_tol=1e-12, zero_tol=1e-12
    )
    model = PoissonGLMRegressor(alpha=strength, l1_ratio=ratio, tol=TOL).fit(X, y)
    np.testing.assert_allclose(np.r_[model.intercept_, model.coef_], peer.params, atol=1e-6)
    np.testing.assert_array_equal(model.coef_ == 0, peer.params[1:] == 0)


@pytest.mark.parametrize("alpha", [0.0, 1e-3, 1.0])
@pytest.mark.parametrize("intercept", [True, False])
def test_ridge_agrees_with_scikit_learn(spikes, rng, alpha, intercept):
    X, y, _ = spikes
    weight = rng.uniform(size=len(y))
    peer = PoissonRegressor(alpha=alpha, fit_intercept=intercept, tol=1e-12, max_iter=10_000)
    peer.fit(X, y, sample_weight=weight)
    model = PoissonGLMRegressor(alpha=alpha, fit_intercept=intercept, tol=TOL).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(model.coef_, peer.coef_, atol=1e-6)
    np.testing.assert_allclose(model.predict(X), peer.predict(X), rtol=1e-6)
    assert model.score(X, y, weight) == pytest.approx(peer.score(X, y, weight), abs=1e-7)
    assert intercept or model.intercept_ == 0


def test_unpenalised_agrees_with_statsmodels_with_exposure(spikes, rng):
    X, y, _ = spikes
    exposure = rng.uniform(0.1, 100, size=len(y))
    peer = sm.GLM(y, sm.add_constant(X.to_numpy()), family=sm.families.Poisson(), exposure=exposure).fit(tol=1e-12)
    model = PoissonGLMRegressor(alpha=0, tol=TOL).fit(X, y, exposure=exposure)
    np.testing.assert_allclose(np.r_[model.intercept_, model.coef_], peer.params, atol=1e-7)
    np.testing.assert_allclose(model.predict(X, exposure), peer.fittedvalues, rtol=1e-6)


def test_true_zeros_are_found_at_a_strong_penalty(rng):
    X = rng.normal(size=(1000, 5))
    y = rng.poisson(np.exp(2 + X @ [1.0, 0, 0, 0, -1.0]))
    model = GroupLassoPoisson(alpha=1.0, groups={"on": [0, 4], "off": [1, 2, 3]}, tol=TOL).fit(X, y)
    np.testing.assert_array_equal(model.coef_ == 0, [False, True, True, True, False])
    assert model.selected_groups_ == ["on"]


# ---- data in all its forms


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("solver", ["fista", "newton"])
@pytest.mark.parametrize("n_jobs", [None, 3])
def test_storages_and_types(rng, storage, dtype, solver, n_jobs, monkeypatch):
    monkeypatch.setattr(parallel, "ENTRIES_A_THREAD", 100)
    X = rng.normal(size=(300, 10)) * (rng.uniform(size=(300, 10)) < 0.3)
    Y = rng.poisson(np.exp(0.5 + X[:, :2] @ [[0.5, 0.2], [-0.3, 0.4]]))
    labels = np.repeat(range(5), 2)
    tol = 1e-9 if dtype == np.float64 else 1e-5
    model = GroupLassoPoisson(alpha=0.02, groups=labels, solver=solver, tol=tol, n_jobs=n_jobs)
    model.fit(storage(X.astype(dtype)), Y)
    assert model.coef_.dtype == dtype
    for k in range(2):
        oracle = Oracle(X.astype(dtype), Y[:, k], [np.flatnonzero(labels == g) for g in range(5)], 0.02 * np.sqrt(2))
        assert oracle.certificate(model.coef_[k].astype(float), model.intercept_[k]) < 10 * tol
    prediction = model.predict(storage(X.astype(dtype)))
    assert prediction.dtype == dtype
    np.testing.assert_allclose(prediction, np.exp(X @ model.coef_.T + model.intercept_), rtol=1e-5)


def test_frames_and_arrays_are_the_same(spikes):
    X, y, _ = spikes
    flat = X.set_axis([f"c{j}" for j in range(7)], axis=1)
    array = PoissonGLMRegressor(alpha=0.1, tol=TOL).fit(X.to_numpy(), y)
    assert list(array.groups_) == [f"x{j}" for j in range(7)]
    for frame in (X, flat, pl.from_pandas(flat), pd.DataFrame(X.to_numpy())):
        model = PoissonGLMRegressor(alpha=0.1, tol=TOL).fit(frame, y)
        np.testing.assert_allclose(model.coef_, array.coef_, rtol=1e-12)
        np.testing.assert_allclose(model.predict(frame), array.predict(X.to_numpy()), rtol=1e-12)
    assert list(model.fit(X, y).feature_names_in_) == [f"f1__{j}" for j in range(5)] + ["f2__0", "f2__1"]


def test_integer_weights_repeat_rows(spikes, rng):
    X, y, _ = spikes
    X, times = X.to_numpy(), rng.integers(0, 4, size=len(y))
    weighted = GroupLassoPoisson(alpha=0.05, groups=[0] * 5 + [1] * 2, tol=TOL).fit(X, y, sample_weight=times)
    repeated = GroupLassoPoisson(alpha=0.05, groups=[0] * 5 + [1] * 2, tol=TOL).fit(X.repeat(times, 0), y.repeat(times))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-8)
    assert weighted.score(X, y, times) == pytest.approx(repeated.score(X.repeat(times, 0), y.repeat(times)))


def test_exposure_is_rates_with_weights(spikes, rng):
    """Counts with exposure e at alpha are rates y / e with weights e at alpha / mean(e)."""
    X, y, _ = spikes
    exposure = rng.uniform(0.1, 10, size=len(y))
    counts = PoissonGLMRegressor(alpha=0.05, l1_ratio=1, tol=TOL).fit(X, y, exposure=exposure)
    assert_solves(counts, Oracle(X, y, range(7), 0.05, exposure=exposure))
    rates = PoissonGLMRegressor(alpha=0.05 / exposure.mean(), l1_ratio=1, tol=TOL)
    rates.fit(X, y / exposure, sample_weight=exposure)
    np.testing.assert_allclose(counts.coef_, rates.coef_, atol=1e-7)
    np.testing.assert_allclose(counts.predict(X, exposure), exposure * counts.predict(X, exposure=1))
    null = exposure * y.sum() / exposure.sum()
    deviance = [2 * np.sum(y * np.log(np.where(y > 0, y, 1) / m) - y + m) for m in (counts.predict(X, exposure), null)]
    assert counts.score(X, y, exposure=exposure) == pytest.approx(1 - deviance[0] / deviance[1])


def test_score_is_the_mean_over_outputs(spikes):
    X, _, Y = spikes
    model = PoissonGLMRegressor(alpha=0.1).fit(X, Y)
    wanted = [d2_tweedie_score(Y[:, k], model.predict(X)[:, k], power=1) for k in range(2)]
    assert model.score(X, Y) == pytest.approx(np.mean(wanted))
    ones = np.ones((len(X), 2))
    assert PoissonGLMRegressor().fit(X, ones).score(X, ones) == pytest.approx(1)


def test_counts_in_the_thousands(rng):
    X = rng.normal(size=(500, 6))
    y = rng.poisson(np.exp(9 + X[:, :2] @ [0.5, -0.5]))
    for solver in ("fista", "newton"):
        for intercept in (True, False):
            model = GroupLassoPoisson(
                alpha=100, groups=[0, 0, 1, 1, 2, 2], solver=solver, fit_intercept=intercept, tol=TOL
            ).fit(X, y)
            oracle = Oracle(X, y, [[0, 1], [2, 3], [4, 5]], 100 * np.sqrt(2), intercept=intercept)
            assert_solves(model, oracle)


# ---- strengths at their ends


def test_infinite_strength_removes_columns(spikes):
    X, y, _ = spikes
    alpha = {"f1": [0.1, np.inf, 0.1, np.inf, 0.0], "f2": np.inf}
    kept = [0, 2, 4]
    part = PoissonGLMRegressor(alpha=[0.1, 0.1, 0], l1_ratio=0.5, tol=TOL).fit(X.to_numpy()[:, kept], y)
    for solver in ("fista", "newton"):
        model = PoissonGLMRegressor(alpha=alpha, l1_ratio=0.5, solver=solver, tol=TOL, warm_start=True)
        model.set_params(alpha=0).fit(X, y).set_params(alpha=alpha).fit(X, y)  # from coefficients that must go
        np.testing.assert_allclose(model.coef_[kept], part.coef_, atol=1e-8)
        assert model.objective_ == pytest.approx(part.objective_)
        assert np.count_nonzero(model.coef_) == 3
    groups = GroupLassoPoisson(alpha=np.inf).fit(X, y)
    assert groups.selected_groups_ == []
    np.testing.assert_allclose(groups.predict(X), y.mean())


def test_groups_of_weight_zero_are_not_penalised(spikes):
    X, y, _ = spikes
    model = GroupLassoPoisson(alpha=1e3, group_weights={"f1": 0, "f2": 1}, tol=TOL).fit(X, y)
    assert model.selected_groups_ == ["f1"]
    assert not hasattr(model, "alpha_max_")
    free = PoissonGLMRegressor(alpha=0, tol=TOL).fit(X["f1"].to_numpy(), y)
    np.testing.assert_allclose(model.coef_[:5], free.coef_, atol=1e-7)


@pytest.mark.parametrize(
    "make", [lambda a: GroupLassoPoisson(alpha=a), lambda a: PoissonGLMRegressor(alpha=a, l1_ratio=0.3)]
)
def test_alpha_max_is_where_the_first_coefficient_leaves_zero(spikes, make):
    X, y, Y = spikes
    top = make(1.0).fit(X, y).alpha_max_
    assert not make(top * (1 + 1e-9)).fit(X, y).coef_.any()
    assert make(top * (1 + 1e-9)).fit(X, y).optimality_ == 0
    assert make(top * (1 - 1e-6)).fit(X, y).coef_.any()
    np.testing.assert_allclose(make(1.0).fit(X, Y).alpha_max_, [top, 2 * top])


def test_strengths_next_to_the_critical_one_converge(spikes):
    """The null model is almost optimal there: rounding must not keep the fit from its certificate."""
    X, y, _ = spikes
    top = GroupLassoPoisson().fit(X, y).alpha_max_
    for close in (1e-3, 1e-6, 1e-9, 1e-12, 1e-15):
        model = GroupLassoPoisson(alpha=top * (1 - close)).fit(X, y)
        assert model.optimality_ <= 1e-6


# ---- a fit and the next one


@pytest.mark.parametrize("solver", ["fista", "newton"])
def test_warm_start(spikes, solver):
    X, y, Y = spikes
    model = PoissonGLMRegressor(alpha=0.01, l1_ratio=1, solver=solver, warm_start=True, tol=TOL).fit(X, y)
    cold = model.coef_
    model.fit(X, y)
    assert model.n_iter_ == 1
    np.testing.assert_allclose(model.coef_, cold, atol=1e-8)
    model.set_params(alpha=0.02).fit(X, y)
    assert_solves(model, Oracle(X, y, range(7), 0.02))
    model.fit(X, Y)  # another shape is a new start
    assert model.coef_.shape == (2, 7)
    model.fit(X["f1"], y)
    assert model.coef_.shape == (5,)


@pytest.mark.slow
@pytest.mark.parametrize(("solver", "along_a_path"), [("newton", False), ("newton", True), ("fista", True)])
def test_x_is_not_copied(storage, solver, along_a_path, lockstep, monkeypatch):
    """Peak memory above a tall X stays below a quarter of it, dense or sparse."""
    import tracemalloc

    monkeypatch.setattr("skprox.storage.CHUNK_BYTES", 2**18)  # what each thread works on, whatever the size of X
    monkeypatch.setattr("skprox.storage.CHUNK_ROWS", 256)
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(30_000, 150))
    dense[rng.uniform(size=dense.shape) < 0.7] = 0
    y = rng.poisson(np.exp(0.2 * dense[:, :5].sum(axis=1)))
    X, model = storage(dense), PoissonGLMRegressor(alpha=0.01, l1_ratio=1, solver=solver, tol=1e-2, n_jobs=2)

    def run(X, y):
        if along_a_path:
            regularization_path(model, X, y, n_alphas=8)
        else:
            model.fit(X, y)

    run(storage(dense[:2000]), y[:2000])  # modules that are imported, and code that is compiled, count once
    del dense
    size = X.nbytes if isinstance(X, np.ndarray) else X.data.nbytes + X.indices.nbytes + X.indptr.nbytes
    tracemalloc.start()
    run(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.25 * size


def test_verbose_prints_a_line_a_step(spikes, capsys):
    X, y, _ = spikes
    model = GroupLassoPoisson(alpha=0.1, verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == model.n_iter_
    assert "objective" in lines[-1]
    assert "2 groups" in lines[-1]


def test_importing_compiles_nothing():
    """Nor does it import numba, which costs as much as all else."""
    import subprocess
    import sys

    late = "numba", "matplotlib", "torch", "skprox.torch"
    code = f"import sys, skprox; print([m for m in {late} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_without_torch():
    import subprocess
    import sys

    code = "import sys, skprox; sys.modules['torch'] = None; import skprox.torch"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ImportError: skprox.torch needs PyTorch: pip install 'skprox[torch]'." in run.stderr
