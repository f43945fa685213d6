"""Names on sparse columns do what names of frames do, without a frame."""

import pickle
import tracemalloc
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)

from skprox import (
    GroupEffectDisplay,
    GroupImportanceDisplay,
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    PoissonGLMRegressor,
    PoissonGLMRegressorCV,
    ProxSGDRegressor,
    StabilitySelection,
    groups_from_transformer,
    make_grouped_column_transformer,
    regularization_path,
)
from skprox.model import check_data
from skprox.named_sparse import name_columns

N = 150


@pytest.fixture
def X(rng):
    X = pd.DataFrame({"city": rng.choice(list("abcd"), N), "kind": rng.choice(["x_sp_1", "y z"], N)})
    X[["temp", "wind", "hour"]] = rng.uniform(size=(N, 3))
    X.loc[:5, "temp"] = np.nan
    return X


@pytest.fixture
def y(X, rng):
    return rng.poisson(np.exp((X["city"] == "b") + X["wind"]))


def build(sparse_output, **options):
    """Most transformers that have a sparse output, and some that have none."""
    return make_grouped_column_transformer(
        (OneHotEncoder(), ["city", "kind"]),
        (make_pipeline(SimpleImputer(add_indicator=True), SplineTransformer(3)), ["temp"]),
        (KBinsDiscretizer(3, encode="onehot" if sparse_output else "onehot-dense", strategy="uniform"), ["hour"]),
        (StandardScaler(), ["wind"]),
        sparse_output=sparse_output,
        **options,
    )


@pytest.fixture
def pair(X):
    """The same columns as a sparse array with names, and as a frame."""
    return build(True).fit_transform(X), build(False).fit_transform(X)


@pytest.mark.parametrize("pandas_everywhere", [False, True])
def test_columns_are_those_of_frames(X, pandas_everywhere):
    with config_context(transform_output="pandas" if pandas_everywhere else "default"):
        made = build(True, remainder="passthrough").fit(X.assign(other=1.0))
        found = made.transform(X.assign(other=1.0))
        wanted = build(False, remainder="passthrough").fit_transform(X.assign(other=1.0))
    assert isinstance(found, sparse.csr_array)
    assert found.column_names.tolist() == list(wanted)
    np.testing.assert_array_equal(found.toarray(), wanted)
    assert isinstance(made.named_transformers_["temp"].transform(X[["temp"]]), sparse.spmatrix | sparse.sparray)
    assert list(groups_from_transformer(made)) == ["city", "kind", "temp", "hour", "wind", "other"]


def test_dense_transformers_give_sparse_columns(X):
    found = make_grouped_column_transformer((StandardScaler(), ["wind", "hour"]), sparse_output=True).fit_transform(X)
    assert isinstance(found, sparse.csr_array)
    assert found.column_names.tolist() == ["wind__wind", "hour__hour"]


def test_batches_of_rows_are_those_of_all_rows(rng):
    n = 50_000
    X = pd.DataFrame({"city": rng.integers(30, size=n), "wind": rng.normal(size=n), "other": rng.normal(size=n)})
    weight = rng.uniform(size=n)
    with config_context(enable_metadata_routing=True):
        spline = SplineTransformer(knots="quantile", include_bias=False).set_fit_request(sample_weight=True)
        parts = (OneHotEncoder(drop="first"), ["city"]), (spline, ["wind"])
        made, dense = (
            make_grouped_column_transformer(*parts, remainder="passthrough", sparse_output=sparse_output)
            for sparse_output in (True, False)
        )
        found = made.fit_transform(X, sample_weight=weight)
        wanted = dense.fit_transform(X, sample_weight=weight)
    assert found.column_names.tolist() == list(wanted)
    assert found.indices.dtype == found.indptr.dtype == np.int32
    np.testing.assert_array_equal(found.toarray(), wanted)
    assert found.has_sorted_indices
    np.testing.assert_array_equal(made.transform(X.iloc[:1000]).toarray(), wanted.iloc[:1000])
    assert isinstance(made.named_transformers_["wind"], SplineTransformer)
    assert made.transformers[0][1].drop == "first"


def test_transformers_that_see_all_rows_at_once(rng):
    """TargetEncoder has its own fit_transform, and a function may do anything."""
    X = pd.DataFrame({"city": rng.choice(list("abcdef"), 40_000), "wind": rng.uniform(size=40_000)})
    y = rng.poisson(1.0, size=len(X))
    encoder = TargetEncoder(target_type="continuous")
    centre = FunctionTransformer(lambda X: X - X.mean(), feature_names_out="one-to-one")
    covariates = make_grouped_column_transformer((encoder, ["city"]), (centre, ["wind"]), sparse_output=True)
    found = covariates.fit_transform(X, y).toarray()
    assert len(np.unique(found[:, 0])) == 5 * 6  # each fold is encoded by the others
    np.testing.assert_array_equal(found[:, 1:], X[["wind"]] - X[["wind"]].mean())


def test_copies(X):
    made = build(True)
    for each in (clone(made), pickle.loads(pickle.dumps(made))):
        assert each.fit_transform(X).column_names.tolist() == made.fit_transform(X).column_names.tolist()
    found = made.fit_transform(X)
    again = pickle.loads(pickle.dumps(found))
    assert again.column_names.tolist() == found.column_names.tolist()


def test_names_stay_with_rows_and_columns(pair):
    X, frame = pair
    names = np.array(list(frame))
    rows, columns = np.arange(0, N, 3), np.array([4, 0, 2])
    for key, taken in [
        (slice(10), names),
        (rows, names),
        ((rows, ...), names),
        ((rows, slice(None)), names),
        ((slice(None), columns), names[columns]),
        ((slice(None), X.column_names != names[0]), names[1:]),
        ((rows[:, None], columns), names[columns]),
    ]:
        part = X[key]
        np.testing.assert_array_equal(part.toarray(), frame.to_numpy()[key])
        if part.column_names is None:  # by pairs of positions
            assert np.ndim(key[0]) == 2
        else:
            assert part.column_names.tolist() == taken.tolist()
    assert X[0, 0] == frame.iloc[0, 0]
    for other in (2 * X, X.T, X @ sparse.csr_array(np.eye(X.shape[1])), X.tocsc()):
        assert getattr(other, "column_names", None) is None


@pytest.mark.parametrize(
    "model",
    [
        GroupLassoPoisson(alpha=0.02),
        GroupLassoPoisson(alpha={"city": 0.01, "kind": 0.3, "temp": 0.1, "hour": 0.1, "wind": 0}),
        PoissonGLMRegressor(alpha=0.02),
        GroupLassoPoissonCV(cv=3, alphas=5),
        PoissonGLMRegressorCV(l1_ratio=0.9, cv=3, alphas=5),
        ProxSGDRegressor(loss="poisson", groups="auto", max_iter=5, tol=None, random_state=0),
    ],
)
def test_estimators(model, pair, y):
    results = []
    for X in pair:
        with warnings.catch_warnings(action="error"):
            model = clone(model).fit(X, y)
            results.append([model.coef_, model.predict(X), model.score(X, y)])
        assert model.feature_names_in_.tolist() == list(pair[1])
        assert list(model.groups_) == ["city", "kind", "temp", "hour", "wind"]
    for found, wanted in zip(*results, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_what_follows_a_fit(pair, y):
    X, frame = pair
    model = GroupLassoPoisson(alpha=0.02)
    path = regularization_path(model, X, y, n_alphas=4)
    wanted = regularization_path(model, frame, y, n_alphas=4)
    assert path.feature_names == wanted.feature_names
    np.testing.assert_allclose(path.coefs, wanted.coefs, atol=1e-6)
    model.fit(X, y)
    pd.testing.assert_frame_equal(model.summary(X), model.summary(frame))
    display = GroupImportanceDisplay.from_estimator(model, X, y, kind="deviance")
    plt.close("all")
    assert set(display.groups) == set(model.groups_)
    scores = [cross_val_score(model, each, y, cv=3) for each in pair]
    np.testing.assert_allclose(*scores, rtol=1e-5)


def test_tables(pair, y):
    clusters = np.arange(N) % 30
    model = PoissonGLMRegressor(alpha=0.1).fit(pair[0], y)
    for kind in ({"kind": "model"}, {"kind": "sandwich", "clusters": clusters}):
        # all levels of a feature together have a sandwich without an inverse, but for rounding
        for name in ("covariance", "coef_table", "group_tests")[: 3 if kind["kind"] == "model" else 2]:
            found, wanted = (getattr(model, name)(X, y, **kind) for X in pair)
            pd.testing.assert_frame_equal(found, wanted, rtol=1e-6)
    assert model.dispersion(pair[0], y) == pytest.approx(model.dispersion(pair[1], y))


def test_intervals_of_an_effect(X, y):
    tables = []
    for sparse_output in (True, False):
        model = make_pipeline(build(sparse_output), PoissonGLMRegressor(alpha=0.1)).fit(X, y)
        covariance = model[-1].covariance(model[:-1].transform(X), y, kind="quasi")
        display = GroupEffectDisplay.from_estimator(model, X, "city", reference="a", covariance=covariance)
        tables.append(display.to_frame())
    plt.close("all")
    assert list(tables[0]) == ["rate_ratio", "rate_ratio_low", "rate_ratio_high"]
    pd.testing.assert_frame_equal(*tables, rtol=1e-5)


def test_chunks(pair, y):
    learner = ProxSGDRegressor(loss="poisson", groups="auto", random_state=0)
    for rows in (slice(70), slice(70, None)):
        learner.partial_fit(pair[0][rows], y[rows])
    assert list(learner.groups_) == ["city", "kind", "temp", "hour", "wind"]


def test_selection_hands_names_on(pair, y):
    X, frame = pair
    selector = StabilitySelection(GroupLassoPoisson(), n_resamples=10, n_alphas=5, random_state=0, max_errors=None)
    wanted = clone(selector).set_output(transform="pandas").fit(frame, y)
    with warnings.catch_warnings(action="error"):
        selector.fit(X, y)
        kept = selector.transform(X)
    assert selector.selected_groups_ == wanted.selected_groups_
    np.testing.assert_allclose(selector.stability_path_, wanted.stability_path_)
    assert kept.column_names.tolist() == list(wanted.transform(frame))
    np.testing.assert_array_equal(kept.toarray(), wanted.transform(frame))
    model = make_pipeline(selector, GroupLassoPoisson(alpha=0.01)).fit(X, y)
    assert list(model[-1].groups_) == selector.selected_groups_


def test_names_are_checked_as_those_of_frames(pair, y):
    X, frame = pair
    reverse = np.arange(X.shape[1])[::-1]
    for model in (
        GroupLassoPoisson(alpha=0.02),
        StabilitySelection(GroupLassoPoisson(), n_resamples=4, n_alphas=5, max_errors=2),
    ):
        answer = "transform" if hasattr(model, "transform") else "predict"
        for fitted, given in ((X, X), (frame, X), (X, frame)):
            ask = getattr(clone(model).fit(fitted, y), answer)
            with pytest.raises(ValueError, match="Feature names must be in the same order as they were in fit"):
                ask(given[:, reverse] if given is X else given.iloc[:, reverse])
            with warnings.catch_warnings(action="error"):
                ask(given)
            with pytest.warns(UserWarning, match="X does not have valid feature names"):
                ask(sparse.csr_array(X))
    with pytest.warns(UserWarning, match="X has no names of columns"):
        model = GroupLassoPoisson(alpha=0.02).fit(sparse.csr_array(X), y)
    with pytest.warns(UserWarning, match="X has feature names, but GroupLassoPoisson was fitted without"):
        model.predict(X)
    with pytest.raises(ValueError, match=r"should match those that were passed during fit\.\nFeature names unseen"):
        GroupLassoPoisson(alpha=0.02).fit(X, y).predict(name_columns(X, [*X.column_names[1:], "new"]))
    numbered = GroupLassoPoisson(groups={"a": [1, 2]}).fit(pd.DataFrame({1: y, 2: y}), y)
    with pytest.raises(ValueError, match="should match those that were passed during fit"):
        numbered.predict(name_columns(X[:, :2], list("ab")))


def test_a_tuned_pipeline(X, y):
    """Categories that folds lack and knots that change the columns: the same search as with frames."""
    X["text"] = np.where(X["city"] == "b", "good", "bad") + X["kind"].str.cat([" ugly"] * N)
    parts = [
        (OneHotEncoder(handle_unknown="ignore"), ["city", "kind"]),
        (SplineTransformer(include_bias=False), ["wind", "hour"]),
    ]
    searches = []
    for sparse_output in (True, False):
        covariates = make_grouped_column_transformer(*parts, sparse_output=sparse_output)
        model = Pipeline([("columns", covariates), ("model", GroupLassoPoisson())])
        grid = {"columns__wind__n_knots": [3, 6], "model__alpha": [0.01, 0.05]}
        searches.append(GridSearchCV(model, grid, cv=3).fit(X, y))
    assert list(searches[0].best_estimator_[-1].groups_) == ["city", "kind", "wind", "hour"]
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    np.testing.assert_allclose(*scores, rtol=1e-4)

    texts = make_grouped_column_transformer((TfidfVectorizer(), ["text"]), *parts, sparse_output=True)
    grid = {"sparsecolumntransformer__text__ngram_range": [(1, 1), (1, 2)], "grouplassopoisson__alpha": [0.01]}
    search = GridSearchCV(make_pipeline(texts, GroupLassoPoisson()), grid, cv=3).fit(X, y)
    assert list(search.best_estimator_[-1].groups_) == ["text", "city", "kind", "wind", "hour"]


@pytest.mark.parametrize(
    "words",
    [
        CountVectorizer(ngram_range=(1, 2)),
        make_pipeline(CountVectorizer(), TfidfTransformer()),
        make_union(CountVectorizer(), TfidfVectorizer(analyzer="char")),
    ],
)
def test_texts(words):
    X = pd.DataFrame({"text": ["good bad x0", "bad x_sp_1", "ugly__text a"], "z": ["u", "v", "u"]})
    covariates = make_grouped_column_transformer((words, ["text"]), (OneHotEncoder(), ["z"]), sparse_output=True)
    columns = covariates.fit_transform(X)
    np.testing.assert_array_equal(columns.toarray()[:, :-2], clone(words).fit_transform(X["text"]).toarray())
    exact = groups_from_transformer(covariates)
    assert list(exact) == ["text", "z"]
    model = GroupLassoPoisson().fit(columns, [1, 2, 3])
    assert {group: members.tolist() for group, members in model.groups_.items()} == {
        group: members.tolist() for group, members in exact.items()
    }


@pytest.mark.parametrize(
    "transformer",
    [
        HashingVectorizer(),
        make_pipeline(FunctionTransformer(np.log1p), SplineTransformer()),
        make_union(SplineTransformer(), make_pipeline(HashingVectorizer(), TfidfTransformer())),
    ],
)
def test_transformers_without_names(transformer):
    with pytest.raises(TypeError, match=r"gives no names to its columns. Give a FunctionTransformer its feature_names"):
        make_grouped_column_transformer((transformer, ["a"]), sparse_output=True)


def test_nothing_dense_is_made():
    n, levels = 20_000, 2_000
    X = pd.DataFrame({"id": np.arange(n) % levels, "other": np.arange(n) % 7})
    model = make_pipeline(
        make_grouped_column_transformer((OneHotEncoder(), ["id", "other"]), sparse_output=True),
        GroupLassoPoisson(alpha=0.1),
    )
    tracemalloc.start()
    columns = model[0].fit_transform(X)
    kept, peak = tracemalloc.get_traced_memory()
    check_data(model[-1], columns, np.ones(n), None, None)
    checked = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    entries = columns.data.nbytes + columns.indices.nbytes + columns.indptr.nbytes
    names = levels * 200
    assert kept < entries + names + 200_000
    assert max(peak, checked) < n * levels / 8  # of eight bytes an entry
    assert np.shares_memory(columns.data, name_columns(columns, columns.column_names).data)


def test_memory_of_a_pipeline(rng):
    """Columns take little more memory than they have entries."""
    n = 2**18
    X = pd.DataFrame({"id": np.arange(n) % 2000, "age": rng.uniform(size=n), "power": rng.uniform(size=n)})
    y = rng.poisson(1 + X["age"]).astype(float)
    covariates = make_grouped_column_transformer(
        (OneHotEncoder(), ["id"]),
        (SplineTransformer(include_bias=False), ["age"]),
        (KBinsDiscretizer(10, strategy="uniform"), ["power"]),
        sparse_output=True,
    )
    model = make_pipeline(covariates, PoissonGLMRegressor(alpha=0.01, n_jobs=1))
    rows = slice(2**15)
    columns = model.fit(X[rows], y[rows])[0].fit_transform(X)
    entries = columns.data.nbytes + columns.indices.nbytes + columns.indptr.nbytes
    del columns
    peaks = []
    for run in (lambda: covariates.fit_transform(X), lambda: covariates.transform(X), lambda: model.fit(X, y)):
        tracemalloc.start()
        made = run()
        peaks.append(tracemalloc.get_traced_memory()[1] / entries)
        tracemalloc.stop()
        del made
    assert max(peaks[:2]) < 1.35
    assert peaks[2] < 1.75
