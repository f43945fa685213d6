"""Dask arrays and frames, against the same rows in memory."""

import pickle
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold, ShuffleSplit

import skprox.designs.dask as designs
from skprox import (
    GroupEffectDisplay,
    GroupImportanceDisplay,
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    PoissonGLMRegressor,
    PoissonGLMRegressorCV,
    ProxSGDRegressor,
    StabilitySelection,
    log_likelihood_scorer,
    mcfadden_scorer,
    metrics,
    multi_split_test,
    poisson_deviance_scorer,
    regularization_path,
)

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
distributed = pytest.importorskip("distributed")

N, GROUPS = 600, list("aabbccdd")
NAMES = ["a__0", "a__1", "b__0", "b__1", "c__0", "c__1", "d__0", "d__1"]
TOL = 1e-11


@pytest.fixture(scope="module")
def client():
    """Two worker processes, which serve all that follows while it is asked for."""
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(params=["threads", "processes"])
def scheduler(request):
    """What serves tasks: threads of this process, or two others."""
    if request.param == "threads":
        yield
    else:
        with request.getfixturevalue("client").as_current():
            yield


@pytest.fixture(scope="module")
def rows():
    """X, y of two outputs, weights and exposure, and X with zeros."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 8)) + 0.3
    exposure = rng.uniform(0.5, 2.0, size=N)
    Y = rng.poisson(np.exp(X[:, :3] @ [0.4, -0.2, 0.1])[:, None] * [1.0, 2.0] * exposure[:, None])
    weight = rng.uniform(size=N) * (np.arange(N) % 7 > 0)
    return X, Y, weight, exposure


def chunked(*arrays, chunks=(150, 100, 250, 100)):
    return [da.from_array(each, chunks=(chunks, *each.shape[1:])) for each in arrays]


def assert_same(model, wanted, atol=1e-8):
    np.testing.assert_allclose(model.coef_, wanted.coef_, atol=atol, rtol=0)
    np.testing.assert_allclose(model.intercept_, wanted.intercept_, atol=atol, rtol=0)
    assert model.selected_groups_ == wanted.selected_groups_
    assert {group: list(columns) for group, columns in model.groups_.items()} == {
        group: list(columns) for group, columns in wanted.groups_.items()
    }


MODELS = {
    "ridge": PoissonGLMRegressor(alpha=0.1, tol=TOL),
    "lasso, fista": PoissonGLMRegressor(alpha=0.03, l1_ratio=1, tol=TOL, solver="fista"),
    "no intercept": PoissonGLMRegressor(alpha=0.03, l1_ratio=0.5, tol=TOL, fit_intercept=False),
    "group lasso": GroupLassoPoisson(alpha=0.05, groups=GROUPS, tol=TOL),
}


@pytest.mark.parametrize("name", MODELS)
def test_fit_predict_and_score_equal_those_in_memory(rows, name):
    X, Y, weight, exposure = rows
    y, model = Y[:, 0], MODELS[name]
    of_rows = {"sample_weight": weight, "exposure": exposure}
    wanted = clone(model).fit(X, y, **of_rows)
    there = dict(zip(of_rows, chunked(weight, exposure, chunks=(300, 300)), strict=True))
    dX, dy = da.from_array(X, chunks=(150, 3)), da.from_array(y, chunks=200)
    found = clone(model).fit(dX, dy, **there)
    assert_same(found, wanted)
    assert found.n_features_in_ == 8
    assert found.has_exposure_
    means = found.predict(dX, exposure=there["exposure"])
    assert isinstance(means, da.Array)
    assert means.chunks == ((150,) * 4,)
    np.testing.assert_allclose(means.compute(), wanted.predict(X, exposure=exposure), rtol=1e-8)
    assert found.score(dX, dy, **there) == pytest.approx(wanted.score(X, y, **of_rows), abs=1e-8)


@pytest.mark.parametrize("name", ["ridge", "group lasso"])
def test_two_outputs(rows, name):
    X, Y, weight, _ = rows
    wanted = clone(MODELS[name]).fit(X, Y, sample_weight=weight)
    dX, dY = chunked(X, Y)
    found = clone(MODELS[name]).fit(dX, dY.rechunk((150, 1)), sample_weight=weight)  # weights in memory are cut
    assert_same(found, wanted)
    np.testing.assert_allclose(found.predict(dX).compute(), wanted.predict(X), rtol=1e-8)
    assert found.score(dX, dY) == pytest.approx(wanted.score(X, Y), abs=1e-8)


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_array])
@pytest.mark.parametrize("name", MODELS)
def test_sparse_blocks(rows, name, form):
    X, Y, weight, _ = rows
    X = X * (np.random.default_rng(1).random(X.shape) < 0.2)
    wanted = clone(MODELS[name]).fit(sparse.csr_array(X), Y[:, 0], sample_weight=weight)
    dX = da.from_array(X, chunks=(150, 8)).map_blocks(form)
    found = clone(MODELS[name]).fit(dX, da.from_array(Y[:, 0], chunks=100), sample_weight=weight)
    assert_same(found, wanted)
    np.testing.assert_allclose(found.predict(dX).compute(), wanted.predict(sparse.csr_array(X)), rtol=1e-8)
    if form is sparse.csr_matrix:  # sparse arrays of SciPy are not concatenated by all versions of Dask
        mixed = da.concatenate([dX[:300], da.from_array(X[300:], chunks=(150, 8))])
        assert_same(clone(MODELS[name]).fit(mixed, Y[:, 0], sample_weight=weight), wanted)


def test_frames_with_groups_by_name(rows, scheduler):
    X, Y, weight, exposure = rows
    frame = pd.DataFrame(X, columns=NAMES).assign(y=Y[:, 0], weight=weight, time=exposure)
    there, model = dd.from_pandas(frame, npartitions=3), GroupLassoPoisson(alpha=0.05, tol=TOL)
    wanted = clone(model).fit(frame[NAMES], frame["y"], sample_weight=weight, exposure=exposure)
    found = clone(model).fit(there[NAMES], there["y"], sample_weight=there["weight"], exposure=there["time"])
    assert list(found.groups_) == ["a", "b", "c", "d"]
    assert list(found.feature_names_in_) == NAMES
    assert not hasattr(found, "output_names_")
    assert_same(found, wanted)
    means = found.predict(there[NAMES], exposure=there["time"])
    np.testing.assert_allclose(means.compute(), wanted.predict(frame[NAMES], exposure=exposure), rtol=1e-8)
    score = found.score(there[NAMES], there["y"], exposure=there["time"])
    assert score == pytest.approx(wanted.score(frame[NAMES], frame["y"], exposure=exposure), abs=1e-8)
    with pytest.raises(ValueError, match="feature names should match"):
        found.predict(there[NAMES[::-1]], exposure=1.0)


def spoil_columns(path, names):
    """Overwrite what some columns of a parquet file hold, so that they can't be read."""
    parquet = pytest.importorskip("pyarrow.parquet")
    group = parquet.ParquetFile(path).metadata.row_group(0)
    chunks = [group.column(k) for k in range(group.num_columns) if group.column(k).path_in_schema in names]
    with open(path, "r+b") as file:
        for chunk in chunks:
            file.seek(chunk.dictionary_page_offset or chunk.data_page_offset)
            file.write(bytes(chunk.total_compressed_size))


def test_of_a_parquet_folder_no_column_is_read_but_what_a_pass_needs(rows, tmp_path):
    X, Y, weight, exposure = rows
    frame = pd.DataFrame(X, columns=NAMES).assign(y=Y[:, 0], weight=weight, time=exposure, text="not of the model")
    parts = [frame[:250], frame[:0], frame[250:400], frame[400:]]
    for k, part in enumerate(parts):
        part.to_parquet(tmp_path / f"{k}.parquet")
    there, model = dd.read_parquet(tmp_path), PoissonGLMRegressor(l1_ratio=1, tol=TOL)
    others = {"sample_weight": there["weight"], "exposure": there["time"]}
    design = designs.check_data(model, there[NAMES], there["y"], *others.values()).design
    assert len(design.partitions) == 3

    def sums(design):
        return design.reduce(np.add, lambda rows: rows["counts"] @ rows.cut(), 1, 1)

    of_some = design.restrict(np.array([4, 1, 6, 1]), None)
    twice = of_some.restrict(np.array([2, 0]), None)
    files = [tmp_path / f"{k}.parquet" for k in (0, 2, 3)]
    for file in files:
        spoil_columns(file, ["text"])
    with pytest.raises(OSError, match="page header"):
        there.compute()
    found = regularization_path(model, there[NAMES], there["y"], n_alphas=5, **others)
    wanted = regularization_path(model, X, Y[:, 0], n_alphas=5, sample_weight=weight, exposure=exposure)
    np.testing.assert_allclose(found.coefs, wanted.coefs, atol=1e-8)
    for names, readable in {("a__0", "b__0"): [of_some, twice], ("a__1",): [twice], ("c__0",): []}.items():
        for file in files:
            spoil_columns(file, names)
        for each in (design, of_some, twice):
            if each in readable:
                columns = [4, 1, 6, 1] if each is of_some else [6, 4]
                np.testing.assert_allclose(sums(each)[0], Y[:, 0] @ X[:, columns])
            else:
                with pytest.raises(OSError, match="page header"):
                    sums(each)


def test_partitions_that_go_by_size(rows, tmp_path):
    X, Y, _, _ = rows
    frame, model = pd.DataFrame(X, columns=NAMES), PoissonGLMRegressor(alpha=0.1, l1_ratio=1, tol=TOL)
    frame.to_parquet(tmp_path / "0.parquet")
    there = dd.read_parquet(tmp_path).repartition(partition_size="8kB")
    y = da.from_array(Y[:, 0], chunks=tuple(there.map_partitions(len).compute()))
    assert there[NAMES[:2]].simplify().npartitions < there.npartitions == y.npartitions
    assert_same(clone(model).fit(there, y), clone(model).fit(frame, Y[:, 0]))


def test_frames_of_outputs_with_names(rows):
    X, Y, _, _ = rows
    frame = pd.DataFrame(X, columns=NAMES).assign(first=Y[:, 0], second=Y[:, 1])
    there, model = dd.from_pandas(frame, npartitions=3), GroupLassoPoisson(alpha=0.05, tol=TOL)
    wanted = clone(model).fit(frame[NAMES], frame[["first", "second"]])
    found = clone(model).fit(there[NAMES], there[["first", "second"]])
    assert_same(found, wanted)
    assert list(found.output_names_) == ["first", "second"]
    pd.testing.assert_frame_equal(found.predict(there[NAMES]).compute(), wanted.predict(frame[NAMES]), rtol=1e-8)


@pytest.mark.parametrize(
    "model",
    [
        PoissonGLMRegressorCV(alphas=8, cv=KFold(3, shuffle=True, random_state=0), tol=TOL),
        PoissonGLMRegressorCV(alphas=5, l1_ratio=[0.5, 1.0], cv=ShuffleSplit(2, random_state=0), tol=TOL),
        GroupLassoPoissonCV(alphas=8, cv=3, groups=GROUPS, relax=True, tol=TOL),
    ],
    ids=["lasso", "ratios", "group lasso"],
)
def test_cross_validation(rows, model):
    X, Y, weight, exposure = rows
    Y = Y if "Group" in type(model).__name__ else Y[:, 0]
    wanted = clone(model).fit(X, Y, sample_weight=weight, exposure=exposure)
    dX, dY, weight, exposure = chunked(X, Y, weight, exposure)
    found = clone(model).fit(dX, dY, sample_weight=weight, exposure=exposure)
    assert_same(found, wanted)
    assert found.alpha_ == pytest.approx(wanted.alpha_, rel=1e-12)
    np.testing.assert_allclose(found.deviance_path_, wanted.deviance_path_, rtol=1e-8)
    np.testing.assert_allclose(found.coef_path_, wanted.coef_path_, atol=1e-8)


def test_paths_and_cross_validation_on_processes(rows, client):
    X, Y, weight, _ = rows
    model, given = PoissonGLMRegressorCV(alphas=4, cv=2, alpha_min_ratio=0.1, tol=TOL), chunked(X, Y[:, 0], weight)
    wanted = clone(model).fit(X, Y[:, 0], sample_weight=weight)
    path = regularization_path(PoissonGLMRegressor(l1_ratio=1, tol=TOL), X, Y, n_alphas=4)
    with client.as_current():
        assert_same(clone(model).fit(given[0], given[1], sample_weight=given[2]), wanted)
        found = regularization_path(PoissonGLMRegressor(l1_ratio=1, tol=TOL), given[0], Y, n_alphas=4)
    np.testing.assert_allclose(found.coefs, path.coefs, atol=1e-8)


def test_cross_validation_of_frames(rows):
    X, Y, _, _ = rows
    frame = pd.DataFrame(X, columns=NAMES).assign(y=Y[:, 0])
    there, model = dd.from_pandas(frame, npartitions=3), GroupLassoPoissonCV(alphas=8, tol=TOL)
    assert_same(clone(model).fit(there[NAMES], there["y"]), clone(model).fit(frame[NAMES], frame["y"]))


@pytest.mark.parametrize("model", [PoissonGLMRegressor(l1_ratio=1, tol=TOL), GroupLassoPoisson(groups=GROUPS, tol=TOL)])
def test_paths(rows, model):
    X, Y, weight, exposure = rows
    wanted = regularization_path(model, X, Y, n_alphas=10, sample_weight=weight, exposure=exposure)
    dX, dY, weight, exposure = chunked(X, Y, weight, exposure)
    found = regularization_path(model, dX, dY, n_alphas=10, sample_weight=weight, exposure=exposure)
    np.testing.assert_allclose(found.alphas, wanted.alphas, rtol=1e-12)
    for name in ("coefs", "intercepts", "deviance_explained"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), atol=1e-8)
    for name in ("deviance", "log_likelihood", "n_samples"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=1e-10)


@pytest.mark.parametrize(
    "model",
    [
        PoissonGLMRegressor(alpha=0.1, overdispersion=0.3, tol=TOL),
        PoissonGLMRegressor(alpha=0.1, overdispersion="estimate", tol=TOL),
        GroupLassoPoisson(alpha=0.05, groups=GROUPS, multi_output="joint", output_weights="balanced", tol=TOL),
        GroupLassoPoisson(alpha=0.05, groups={"a": range(5), "b": range(3, 8)}, overlap="latent", tol=TOL),
        PoissonGLMRegressor(alpha=0.05, l1_ratio=1, penalty="mcp", tol=TOL),
        PoissonGLMRegressor(alpha=0.05, l1_ratio=1, bounds=(0, None), tol=TOL),
    ],
    ids=["overdispersion", "estimate", "joint", "latent", "mcp", "bounds"],
)
def test_other_problems(rows, model):
    X, Y, weight, _ = rows
    wanted, (dX, dY) = clone(model).fit(X, Y, sample_weight=weight), chunked(X, Y)
    found = clone(model).fit(dX, dY, sample_weight=weight)
    assert_same(found, wanted)
    np.testing.assert_allclose(found.overdispersion_, wanted.overdispersion_, rtol=1e-8)
    assert found.score(dX, dY) == pytest.approx(wanted.score(X, Y), abs=1e-8)


@pytest.mark.parametrize(
    "model",
    [
        PoissonGLMRegressor(l1_ratio=1, tol=TOL),
        PoissonGLMRegressor(tol=TOL, overdispersion=0.3),
        GroupLassoPoisson(groups=GROUPS, tol=TOL),
        GroupLassoPoisson(groups=GROUPS, tol=TOL, multi_output="joint"),
        GroupLassoPoisson(groups={"a": range(5), "b": range(3, 8)}, overlap="latent", tol=TOL),
    ],
    ids=["lasso", "ridge", "group lasso", "joint", "latent"],
)
def test_degrees_of_freedom_and_criteria(rows, model):
    X, Y, weight, exposure = rows
    of_rows = {"sample_weight": weight, "exposure": exposure}
    there = dict(zip(of_rows, chunked(weight, exposure), strict=True))
    wanted, found = (
        regularization_path(model, *xy, alphas=[0.3, 0.1, 0.02], **others)
        for xy, others in (((X, Y), of_rows), (chunked(X, Y), there))
    )
    np.testing.assert_allclose(found.degrees_of_freedom, wanted.degrees_of_freedom, rtol=1e-8)
    for kind in "aic", "bic", "ebic", "gcv":
        np.testing.assert_allclose(found.information_criterion(kind), wanted.information_criterion(kind), rtol=1e-8)
    np.testing.assert_array_equal(found.best("bic"), wanted.best("bic"))
    back = pickle.loads(pickle.dumps(regularization_path(model, *chunked(X, Y), alphas=[0.3])))
    with pytest.raises(AttributeError, match="computed from the rows of the fit"):
        _ = back.degrees_of_freedom


FITTED = {
    "ridge": PoissonGLMRegressor(alpha=0.1, tol=TOL),
    "no intercept": PoissonGLMRegressor(alpha=0.1, tol=TOL, fit_intercept=False),
    "overdispersion": PoissonGLMRegressor(alpha=0, tol=TOL, overdispersion=0.3),
    "joint": GroupLassoPoisson(alpha=0.05, l2_ratio=1, groups=GROUPS, multi_output="joint", tol=TOL),
    "latent": GroupLassoPoisson(alpha=0.05, l2_ratio=1, groups={"a": range(5), "b": range(3, 8)}, overlap="latent"),
}
LABELS = {
    "all over": np.array([f"trial {k}" for k in np.random.default_rng(3).integers(50, size=N)]),
    "in order": np.arange(N) // 7,  # of which some begin in one partition and end in the next
    "a row each": np.arange(N),
}


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("name", FITTED)
def test_what_rows_tell_of_a_fit(rows, name, form):
    X, Y, weight, exposure = rows
    model = clone(FITTED[name]).fit(X, Y, sample_weight=weight, exposure=exposure)
    dX, dY, dweight, dexposure = chunked(X, Y, weight, exposure)
    dX, of_rows = dX.map_blocks(form), {"sample_weight": weight, "exposure": exposure}
    there = {"sample_weight": dweight, "exposure": dexposure}
    for kind in "model", "quasi", "sandwich":
        wanted = model.covariance(form(X), Y, **of_rows, kind=kind)
        found = model.covariance(dX, dY, **there, kind=kind)
        pd.testing.assert_frame_equal(found, wanted, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(model.dispersion(dX, dY, **there), model.dispersion(form(X), Y, **of_rows), rtol=1e-8)
    for method in "coef_table", "group_tests":
        found, wanted = getattr(model, method)(dX, **there), getattr(model, method)(form(X), **of_rows)
        pd.testing.assert_frame_equal(found, wanted, rtol=1e-8)
    pd.testing.assert_frame_equal(model.summary(dX, dweight), model.summary(form(X), weight), rtol=1e-8)
    pd.testing.assert_frame_equal(model.summary(dX), model.summary(form(X)), rtol=1e-8)


@pytest.mark.parametrize(
    ("name", "in_parts"), [("all over", False), ("all over", True), ("in order", True), ("a row each", False)]
)
def test_clusters_that_lie_in_several_partitions(rows, name, in_parts, monkeypatch):
    if in_parts:
        monkeypatch.setattr("skprox.information.CLUSTER_ENTRIES", 190)  # of 21 clusters in a pass
        monkeypatch.setattr("skprox.storage.CHUNK_ROWS", 16)
    X, Y, weight, _ = rows
    model = PoissonGLMRegressor(alpha=0.01, tol=TOL).fit(X, Y[:, 0], sample_weight=weight)
    dX, dy, dweight, labels = chunked(X, Y[:, 0], weight, LABELS[name])
    means, terms = model.predict(X), np.c_[np.ones(N), X]
    scores = (weight * (Y[:, 0] - means))[:, None] * terms
    scores -= np.outer(weight, scores.sum(axis=0) / weight.sum())
    sums = pd.DataFrame(scores).groupby(LABELS[name]).sum().to_numpy()
    used, n_rows = len(np.unique(LABELS[name][weight > 0])), np.count_nonzero(weight)
    bread = np.linalg.inv((terms * (weight * means)[:, None]).T @ terms + weight.sum() * np.diag([0] + [0.01] * 8))
    wanted = bread @ sums.T @ sums @ bread * used / (used - 1) * (n_rows - 1) / (n_rows - 9)
    for given in (X, Y[:, 0], weight), (dX, dy, dweight):
        clusters = labels if given[0] is dX else LABELS[name]
        np.testing.assert_allclose(model.covariance(*given, kind="sandwich", clusters=clusters), wanted, rtol=1e-8)
    np.testing.assert_allclose(model.covariance(dX, dy, dweight, kind="sandwich", clusters=LABELS[name]), wanted, 1e-8)


def test_tables_of_frames_and_their_errors(rows, scheduler):
    X, Y, weight, _ = rows
    frame = pd.DataFrame(X, columns=NAMES).assign(y=Y[:, 0], weight=weight, trial=LABELS["all over"])
    there = dd.from_pandas(frame, npartitions=3)
    model, sandwich = GroupLassoPoisson(alpha=0).fit(frame[NAMES], frame["y"]), {"kind": "sandwich"}
    found = model.coef_table(there[NAMES], there["y"], **sandwich, clusters=there["trial"])
    wanted = model.coef_table(frame[NAMES], frame["y"], **sandwich, clusters=frame["trial"])
    pd.testing.assert_frame_equal(found, wanted, rtol=1e-8)
    spoilt = dd.from_pandas(frame["trial"].where(np.arange(N) != 420), npartitions=3)
    with pytest.raises(ValueError, match=r"clusters has no label for row 20; .*partition 2"):
        model.covariance(there[NAMES], there["y"], **sandwich, clusters=spoilt)
    one = there["trial"].where(there["weight"] == 0, "one")
    with pytest.raises(ValueError, match=r"clusters must have two labels or more .* got \['one'"):
        model.covariance(there[NAMES], there["y"], there["weight"], **sandwich, clusters=one)
    with pytest.raises(ValueError, match="feature names should match"):
        model.covariance(there[NAMES[::-1]])
    dX, dy, labels = chunked(X, Y[:, 0], LABELS["in order"])
    model = PoissonGLMRegressor(alpha=0.1).fit(X, Y[:, 0])
    with pytest.raises(ValueError, match="clusters has 599 rows; expected 600"):
        model.covariance(dX, dy, **sandwich, clusters=labels[:-1])
    with pytest.raises(ValueError, match="y has 2 outputs, but the model has 1"):
        model.dispersion(dX, da.from_array(Y, chunks=(200, 2)))
    with pytest.raises(ValueError, match=r"(?s)X contains NaN.*partition 1"):
        model.summary(chunked(spoiled(X, 170, np.nan))[0])
    with pytest.raises(TypeError, match=r"clusters is a collection of Dask, but X is ndarray.*clusters\.compute\(\)"):
        model.covariance(X, Y[:, 0], **sandwich, clusters=labels)


def refuse(*args, **kwargs):
    raise AssertionError("gathered")


def test_scorers_and_metrics(rows, monkeypatch):
    X, Y, weight, exposure = rows
    model = PoissonGLMRegressor(alpha=0.1, overdispersion=0.3).fit(X, Y, exposure=exposure)
    of_rows = {"sample_weight": weight, "exposure": exposure}
    dX, dY, *others = chunked(X, Y, weight, exposure)
    there, means = dict(zip(of_rows, others, strict=True)), model.predict(X, exposure)
    scorers = poisson_deviance_scorer, log_likelihood_scorer, mcfadden_scorer
    scores = metrics.cohen_r2, metrics.mcfadden_r2
    options = {"multioutput": "raw_values"}, {"null_rate": [1.5, 2.5], "overdispersion": 0.3}
    wanted = [scorer(model, X, Y, **of_rows) for scorer in scorers]
    wanted += [score(Y, means, **of_rows, **each) for score in scores for each in options]
    monkeypatch.setattr(da.Array, "__array__", refuse)
    found = [scorer(model, dX, dY, **there) for scorer in scorers]
    means = model.predict(dX, there["exposure"])
    found += [score(dY, means, **there, **each) for score in scores for each in options]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8)
    with pytest.raises(TypeError, match=r"y is a collection of Dask, but y_pred is ndarray, in memory"):
        metrics.cohen_r2(dY, model.predict(X, exposure))
    with pytest.raises(ValueError, match="but predictions have shape"):
        metrics.cohen_r2(dY[:, 0], means)
    with pytest.raises(ValueError, match="y has 599 rows; expected 600"):
        metrics.cohen_r2(dY[:-1], means)


FULL = np.array([3, 4, 11, 17, 18])  # of 20 columns those with an entry, the first of them in one partition alone
SPARSE = {
    "lasso": PoissonGLMRegressor(alpha=0.01, l1_ratio=1, tol=TOL),
    "ridge": PoissonGLMRegressor(alpha=0.1, tol=TOL),
    "group lasso": GroupLassoPoisson(alpha=0.01, groups=np.arange(20) // 4, tol=TOL),
    "latent": GroupLassoPoisson(alpha=0.01, groups={"a": range(12), "b": range(3, 20)}, overlap="latent", tol=TOL),
}


@pytest.mark.parametrize("name", SPARSE)
def test_empty_columns_are_left_out(name):
    rng = np.random.default_rng(0)
    X = np.zeros((200, 20))
    X[:, FULL] = rng.normal(size=(200, 5)) * (rng.uniform(size=(200, 5)) < 0.5)
    X[:150, 3] = 0.0
    y, model = rng.poisson(np.exp(0.5 * X[:, 4] - 0.3 * X[:, 3])), SPARSE[name]
    dX, dy = da.from_array(X, chunks=(50, -1)).map_blocks(sparse.csr_matrix), da.from_array(y, chunks=50)
    data = designs.check_data(clone(model), dX, dy, None, None)
    with data.open(1, 1) as (design, _):
        of_columns = FULL if design.repeats is None else data.columns.repeats[design.occupied]
        np.testing.assert_array_equal(np.unique(of_columns), FULL)
        assert design.shape == (200, len(of_columns))
    found, wanted = clone(model).fit(dX, dy), clone(model).fit(sparse.csr_array(X), y)
    assert_same(found, wanted)
    assert not np.delete(found.coef_, FULL).any()
    assert found.objective_ == pytest.approx(wanted.objective_, rel=1e-12)
    assert getattr(found, "alpha_max_", 0) == pytest.approx(getattr(wanted, "alpha_max_", 0))
    paths = [regularization_path(model, *xy, alphas=[0.1, 0.01]) for xy in ((dX, dy), (sparse.csr_array(X), y))]
    np.testing.assert_allclose(paths[0].coefs, paths[1].coefs, atol=1e-8)
    np.testing.assert_allclose(paths[0].degrees_of_freedom, paths[1].degrees_of_freedom, rtol=1e-8)
    if name != "ridge":
        np.testing.assert_allclose(found.summary(dX)["share"], wanted.summary(sparse.csr_array(X))["share"], atol=1e-8)
    mixed = da.concatenate([dX[:100], da.from_array(X[100:], chunks=(50, -1))])
    assert_same(clone(model).fit(mixed, dy), wanted)


def test_no_entry_at_all():
    dX, y = da.zeros((200, 6), chunks=(50, -1)).map_blocks(sparse.csr_matrix), np.arange(200) % 3
    model = GroupLassoPoissonCV(groups=list("aabbcc"), alphas=3, cv=2).fit(dX, y)
    np.testing.assert_array_equal(model.coef_, np.zeros(6))
    assert model.intercept_ == pytest.approx(np.log(y.mean()))


@pytest.mark.parametrize("name", ["wide group lasso", "wide ridge", "tall ridge"])
def test_many_columns(name):
    """In memory these have an entry for each row in the hands of the solvers."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(700 if name == "tall ridge" else 60, 600))
    y, model = rng.poisson(np.exp(0.3 * X[:, 0])), PoissonGLMRegressor(alpha=1.0, tol=TOL)
    if "lasso" in name:
        model = GroupLassoPoisson(alpha=0.1, groups=np.repeat(range(300), 2), tol=1e-9)
    dX, dy = da.from_array(X, chunks=(50, -1)), da.from_array(y, chunks=50)
    assert_same(clone(model).fit(dX, dy), clone(model).fit(X, y), 1e-7)


def test_single_precision(rows):
    X, Y, _, _ = (each.astype(np.float32) for each in rows)
    model = PoissonGLMRegressor(alpha=0.1)
    wanted, dX = clone(model).fit(X, Y[:, 0]), chunked(X)[0]
    found = clone(model).fit(dX, chunked(Y[:, 0])[0])
    assert found.coef_.dtype == found.predict(dX).dtype == found.predict(dX).compute().dtype == np.float32
    assert_same(found, wanted, 1e-6)
    both = da.concatenate([dX[:300], dX[300:].astype(float)])
    assert clone(model).fit(both, Y[:, 0]).coef_.dtype == np.float64


def test_empty_partitions_and_those_without_weight(rows):
    X, Y, weight, _ = rows
    weight = weight * (np.arange(N) >= 150)
    frame = pd.DataFrame(X, columns=NAMES).assign(y=Y[:, 0], weight=weight)
    parts = [frame[:150], frame[:0], frame[150:400], frame[400:], frame[:0]]
    there = dd.from_delayed([dask.delayed(part) for part in parts], meta=frame[:0])
    model = PoissonGLMRegressorCV(alphas=5, cv=3, tol=TOL)
    wanted = clone(model).fit(frame[NAMES], frame["y"], sample_weight=weight)
    found = clone(model).fit(there[NAMES], there["y"], sample_weight=there["weight"])
    assert_same(found, wanted)
    np.testing.assert_allclose(found.predict(there[NAMES]).compute(), wanted.predict(frame[NAMES]), rtol=1e-8)
    assert found.score(there[NAMES], there["y"]) == pytest.approx(wanted.score(frame[NAMES], frame["y"]), abs=1e-8)


def test_warm_starts_and_output_that_is_watched(rows, capsys):
    X, Y, _, _ = rows
    model, there = PoissonGLMRegressor(alpha=0.1, warm_start=True, verbose=1), chunked(X, Y[:, 0])
    model.fit(*there)
    n_steps = capsys.readouterr().out.count("certificate")
    assert n_steps == model.n_iter_
    model.fit(*there)
    assert model.n_iter_ <= 1
    assert_same(pickle.loads(pickle.dumps(model)), model)


def spoiled(array, row, value):
    array = array.copy()
    array[row] = value
    return array


BAD = {
    "negative counts": (lambda X, y, w, e: (X, spoiled(y, 420, -1.0), w, e), "negative; got -1 in row 20.*partition 2"),
    "counts that are NaN": (lambda X, y, w, e: (X, spoiled(y, 420, np.nan), w, e), "NaN.*partition 2"),
    "X with infinity": (lambda X, y, w, e: (spoiled(X, 3, np.inf), y, w, e), "X contains infinity.*partition 0"),
    "negative weights": (lambda X, y, w, e: (X, y, spoiled(w, 599, -1.0), e), "Negative values.*partition 2"),
    "no weight": (lambda X, y, w, e: (X, y, 0 * w, e), "sample_weight is 0 for every row"),
    "no exposure": (lambda X, y, w, e: (X, y, w, spoiled(e, 0, 0.0)), "exposure must be positive.*row 0.*partition 0"),
    "no counts": (lambda X, y, w, e: (X, 0 * y, w, e), "no positive count"),
    "fewer rows of y": (lambda X, y, w, e: (X, y[:-1], w, e), "y has 599 rows; expected 600"),
    "X too large to be squared": (lambda X, y, w, e: (spoiled(X, 5, 1e200), y, w, e), "too large to be squared"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_rows(rows, name):
    X, Y, weight, exposure = rows
    spoil, message = BAD[name]
    given = [da.from_array(each, chunks=(200, -1)[: each.ndim]) for each in spoil(X, Y[:, 0] * 1.0, weight, exposure)]
    with pytest.raises(ValueError, match=message):
        PoissonGLMRegressor().fit(given[0], given[1], sample_weight=given[2], exposure=given[3])


def test_what_does_not_fit_together(rows):
    X, Y, weight, _ = rows
    y, model = Y[:, 0], PoissonGLMRegressor()
    dX, dy = chunked(X, y)
    frame = dd.from_pandas(pd.DataFrame(X, columns=NAMES).assign(y=y), npartitions=3)
    with pytest.raises(TypeError, match=r"y is a collection of Dask, but X is ndarray.*y\.compute\(\)"):
        model.fit(X, dy)
    with pytest.raises(TypeError, match="exposure is a collection of Dask, but X is ndarray"):
        clone(model).fit(X, y).predict(X, exposure=dy)
    with pytest.raises(TypeError, match=r"y is in memory, and the numbers of rows.*not known"):
        model.fit(frame[NAMES], y)
    with pytest.raises(ValueError, match="y has 4 partitions, but X has 3"):
        model.fit(frame[NAMES], dy)
    with pytest.raises(ValueError, match=r"same rows of all that is given.*'X': 200, 'y': 150.*partition 0"):
        model.fit(frame[NAMES], da.from_array(y, chunks=(150, 250, 200)))
    with pytest.raises(ValueError, match="sample_weight has 10 rows; expected 600"):
        model.fit(dX, dy, sample_weight=weight[:10])
    with pytest.raises(ValueError, match="requires y to be passed"):
        model.fit(dX, None)
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        model.fit(dX[:, 0], dy)
    with pytest.raises(ValueError, match="are empty"):
        model.fit(frame[frame["a__0"] > 1e9][NAMES], frame[frame["a__0"] > 1e9]["y"])
    with pytest.raises(TypeError, match="exposure must be an instance of float, not str"):
        model.fit(dX, dy, exposure="time")
    with pytest.raises(NotFittedError):
        clone(model).predict(dX)
    with pytest.raises(NotFittedError):
        clone(model).score(dX, dy)
    with pytest.raises(ValueError, match=r"Columns of X hold text: \['a__0'\]"):
        model.fit(frame[NAMES].assign(a__0="red"), frame["y"])
    with pytest.raises(ValueError, match="no positive count, or holds out no row"):
        PoissonGLMRegressorCV(cv=[(range(300), range(300, 600))]).fit(dX, chunked(y * (np.arange(N) >= 300))[0])
    assert_same(model.fit(dX.rechunk((-1, 2)), y), clone(model).fit(X, y))
    unknown = frame[NAMES].to_dask_array()
    assert_same(model.fit(unknown, frame["y"]), clone(model).fit(X, y))


def test_what_needs_rows_in_memory_says_so(rows):
    X, Y, _, _ = rows
    dX, dy = chunked(X, Y[:, 0])
    model, sgd = (each.fit(X, Y[:, 0]) for each in (PoissonGLMRegressor(alpha=0.1), ProxSGDRegressor("poisson")))
    lasso = GroupLassoPoisson(groups=GROUPS)
    selector = StabilitySelection(lasso, n_resamples=4, n_alphas=4, max_errors=2).fit(X, Y[:, 0])
    for name, call in {
        "StabilitySelection": lambda: StabilitySelection(lasso).fit(dX, dy),
        "StabilitySelection ": lambda: selector.transform(dX),
        "multi_split_test": lambda: multi_split_test(lasso, dX, dy),
        "predict_distribution": lambda: model.predict_distribution(dX),
        "kind='deviance'": lambda: GroupImportanceDisplay.from_estimator(model, dX, dy, kind="deviance"),
        "kind='deviance' ": lambda: GroupImportanceDisplay.from_estimator(model, X, dy, kind="deviance"),
        "GroupEffectDisplay": lambda: GroupEffectDisplay.from_estimator(model, dX, 0),
        "ProxSGDRegressor": lambda: ProxSGDRegressor("poisson").fit(dX, dy),
        "ProxSGDRegressor ": lambda: sgd.predict(dX),
        "ProxSGDRegressor  ": lambda: sgd.score(dX, dy),
    }.items():
        with pytest.raises(TypeError, match=f"{name.strip()} needs its rows in memory.*X.compute()"):
            call()


def sizes_of_answers(monkeypatch):
    """The largest number of bytes that a task has returned so far, in this process."""
    seen, visit = [], designs._Visit

    def open_and_look(self, *args, **blocks):
        design = open_partition(self, *args, **blocks)
        inner = design.reduce

        def reduce(*args):
            answer = inner(*args)
            seen.append(len(pickle.dumps(answer)))
            return answer

        design.reduce = reduce
        return design

    open_partition = visit.open
    monkeypatch.setattr(visit, "open", open_and_look)
    return seen


@pytest.mark.parametrize("name", MODELS)
def test_tasks_take_and_return_little(name, monkeypatch):
    """Nothing that grows with the rows."""
    import cloudpickle

    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 8))
    X, y = chunked(X, rng.poisson(np.exp(0.3 * X[:, 0])), chunks=10_000)
    returned, sent, visit = sizes_of_answers(monkeypatch), [], designs._Visit

    def look(*args):
        found = visit(*args)
        sent.append(len(cloudpickle.dumps(found)))
        return found

    monkeypatch.setattr(designs, "_Visit", look)
    clone(MODELS[name]).fit(X, y)
    if "fista" not in name:
        path = regularization_path(PoissonGLMRegressor(l1_ratio=1), X, y, n_alphas=5)
        assert path.degrees_of_freedom[0] == 1
    model, trials = PoissonGLMRegressor(alpha=0.1).fit(X, y), da.arange(20_000, chunks=10_000) // 150
    model.covariance(X, y, kind="sandwich", clusters=trials)
    model.summary(X)
    model.score(X, y)
    log_likelihood_scorer(model, X, y)
    assert len(sent) > 3
    assert max(returned) < 10_000
    assert max(sent) < 40_000


def test_importing_skprox_does_not_import_dask():
    code = "import sys, skprox, skprox.poisson; assert not {'dask', 'distributed'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def make_block(seed, n_rows=50_000, n_columns=40):
    """16 MB of rows, the last of whose columns are counts; the same ten times."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows // 10, n_columns))
    return np.tile(np.column_stack([X, rng.poisson(np.exp(0.3 * X[:, 0] - 0.2 * X[:, 1]))]), (10, 1))


def lazy_rows(n_blocks):
    """Rows that are made when they are read."""
    blocks = [dask.delayed(make_block)(seed) for seed in range(n_blocks)]
    both = da.concatenate([da.from_delayed(block, (50_000, 41), float) for block in blocks])
    return both[:, :40], both[:, 40]


@pytest.mark.slow
def test_a_worker_whose_memory_is_less_than_x():
    """1.2 GB of X go through workers of 560 MiB, of which each takes some 200 before it starts."""
    X, y = lazy_rows(75)
    with (
        dask.config.set({"distributed.worker.memory.terminate": 0.95}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit="560MiB"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert X.nbytes > sum(w["memory_limit"] for w in client.scheduler_info()["workers"].values())
        before = set(client.scheduler_info()["workers"])
        model = PoissonGLMRegressor(alpha=0.01).fit(X, y)
        assert set(client.scheduler_info()["workers"]) == before  # none was restarted
    np.testing.assert_allclose(model.coef_[:3], [0.3, -0.2, 0.0], atol=0.01)


@pytest.mark.slow
def test_a_worker_that_is_killed():
    X, y = lazy_rows(6)
    model = PoissonGLMRegressor(alpha=0.01, l1_ratio=1, solver="fista", tol=1e-9)
    wanted = clone(model).fit(*dask.compute(X, y))
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        X, y = dask.persist(X, y)
        distributed.wait([X, y])
        fitting, found = threading.Event(), []

        def fit():
            fitting.set()
            with client.as_current():
                found.append(clone(model).fit(X, y))

        thread = threading.Thread(target=fit, daemon=True)
        thread.start()
        fitting.wait()
        time.sleep(0.5)
        assert not found
        next(iter(cluster.workers.values())).process.process.kill()
        thread.join(timeout=120)
        assert not thread.is_alive()
    assert_same(found[0], wanted)
