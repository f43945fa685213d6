"""Labels of columns that are no strings are found by groups and strengths, and checked as scikit-learn checks names."""

import pickle
import warnings
from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_selection import SelectFromModel

from skprox import (
    GroupEffectDisplay,
    GroupImportanceDisplay,
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    PoissonGLMRegressor,
    PoissonGLMRegressorCV,
    ProxSGDRegressor,
    StabilitySelection,
    regularization_path,
)
from skprox.columns import label_key, labels_of
from skprox.groups import find_groups

DAYS = pd.to_datetime(["2020-01-03", "2020-01-02", "2020-01-01"])
LABELS = {
    "integers": [2, 0, 1],
    "positions": [0, 1, 2],
    "large integers": [30, 10, 20],
    "floats": [2.0, 1.0, 0.0],
    "fractions": [0.5, 2.0, -1.0],
    "with a gap": [1.0, np.nan, 0.0],
    "mixed numbers": pd.Index([2, 0.5, False], dtype=object),
    "booleans and numbers": pd.Index([True, 2, 0.0], dtype=object),
    "tuples": [("u", 2), ("u", 0), ("v", 1)],
    "flat tuples": pd.Index([("u", 2), ("u", 0), ("v", 1)], tupleize_cols=False),
    "tuples of several lengths": pd.Index([("u", 2), ("u",), ("v", 1.0)], tupleize_cols=False),
    "timestamps": DAYS,
    "timestamps of a zone": DAYS.tz_localize("Europe/Berlin"),
    "dates": pd.Index([date(2020, 1, 3), date(2020, 1, 1), date(2020, 1, 2)], dtype=object),
    "periods": pd.PeriodIndex(["2020-03", "2020-01", "2020-02"], freq="M"),
    "differences": pd.to_timedelta([3, 1, 2], unit="h"),
    "intervals": pd.IntervalIndex.from_breaks([0, 1, 2, 3]),
    "categories": pd.CategoricalIndex([2, 0, 1]),
}
TIGHT = {"tol": 1e-10}


@pytest.fixture(params=LABELS)
def data(request, rng):
    X = pd.DataFrame(rng.normal(size=(120, 3)), columns=LABELS[request.param])
    return X, rng.poisson(np.exp(X.to_numpy() @ [0.5, -0.4, 0.3]))


def keys(X):
    """The labels as users have them at hand: as a list, and as an array."""
    return [list(X.columns), list(X.columns.to_numpy())]


def test_strengths_find_labels(data):
    X, y = data
    wanted = PoissonGLMRegressor(alpha=[np.inf, 0.1, 0.2], **TIGHT).fit(X.to_numpy(), y).coef_
    assert wanted[0] == 0
    for labels in keys(X):
        alpha = dict(zip(labels, [np.inf, 0.1, 0.2], strict=True))
        np.testing.assert_array_equal(PoissonGLMRegressor(alpha=alpha, **TIGHT).fit(X, y).coef_, wanted)
    series = pd.Series([np.inf, 0.1, 0.2], index=X.columns)[::-1]
    np.testing.assert_array_equal(PoissonGLMRegressor(alpha=series, **TIGHT).fit(X, y).coef_, wanted)
    cv = PoissonGLMRegressorCV(penalty_weights=series, alphas=[0.1], cv=2).fit(X, y)
    assert cv.coef_[0] == 0
    path = regularization_path(PoissonGLMRegressor(penalty_weights=series, l1_ratio=1), X, y, n_alphas=3)
    assert (path.coefs[:, 0] == 0).all()


def test_groups_find_labels(data):
    X, y = data
    for model in (GroupLassoPoisson(alpha=0.01), ProxSGDRegressor("poisson", alpha=0.01, max_iter=3, tol=None)):
        for labels in keys(X):
            groups = {"g": labels[:2], "h": labels[2]}
            weights = pd.Series([1.0, 2.0], index=["g", "h"])
            found = model.set_params(groups=groups, group_weights=weights).fit(X, y).groups_
            assert {group: members.tolist() for group, members in found.items()} == {"g": [0, 1], "h": [2]}
        series = pd.Series(["g", "g", "h"], index=X.columns)[::-1]
        found = model.set_params(groups=series).fit(X, y).groups_
        assert {group: members.tolist() for group, members in found.items()} == {"h": [2], "g": [0, 1]}
        found = model.set_params(groups={"g": [True, True, False], "h": [False, False, True]}).fit(X, y).groups_
        assert {group: members.tolist() for group, members in found.items()} == {"g": [0, 1], "h": [2]}


def uses(X, y):
    """All that takes rows after a fit."""
    model, group_lasso = PoissonGLMRegressor(alpha=0.1).fit(X, y), GroupLassoPoisson(alpha=0.01, groups="abb")
    group_lasso.set_params(groups=list("abb")).fit(X, y)
    yield from (model.predict, model.summary, model.covariance, lambda Z: model.score(Z, y))
    yield from (group_lasso.predict, group_lasso.summary)
    yield GroupLassoPoissonCV(groups=list("abb"), alphas=2, cv=2).fit(X, y).predict
    sgd = ProxSGDRegressor("poisson", max_iter=2, tol=None).fit(X, y)
    yield from (sgd.predict, lambda Z: sgd.score(Z, y), lambda Z: sgd.partial_fit(Z, y))
    yield pickle.loads(pickle.dumps(model)).predict
    selector = StabilitySelection(
        PoissonGLMRegressor(l1_ratio=1), n_resamples=2, n_alphas=3, max_errors=3, random_state=0
    ).fit(X, y)
    yield from (selector.transform, clone(selector).set_output(transform="pandas").fit(X, y).transform)
    yield lambda Z: GroupImportanceDisplay.from_estimator(model, Z, y, kind="deviance")


@pytest.mark.filterwarnings("ignore:No features were selected")
def test_labels_are_checked_as_names_are(data):
    plt = pytest.importorskip("matplotlib.pyplot")
    X, y = data
    others = [("q", 1), ("q", 2), ("q", 3)] if isinstance(X.columns[0], tuple) else [70, 80, 90]
    for use in uses(X, y):
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "X (has|does not have)")
            use(X)
        for wrong in (X.iloc[:, ::-1], X.set_axis(others, axis=1)):
            with pytest.raises(ValueError, match="The feature names should match those that were passed during fit"):
                use(wrong)
        if list(X.columns) == [0, 1, 2]:
            continue
        with pytest.raises(ValueError, match="The feature names should match those that were passed during fit"):
            use(X.set_axis(["a", "b", "c"], axis=1))
        with pytest.warns(UserWarning, match=r"X does not have valid feature names, but .* was fitted with feature"):
            use(X.to_numpy())
    plt.close("all")


def test_frames_that_were_given_no_labels_are_as_arrays(rng):
    """Their labels are positions: nothing is said where arrays and frames take turns, but order matters in frames."""
    A = rng.normal(size=(60, 3))
    X, y = pd.DataFrame(A), rng.poisson(2, size=60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for first in (A, X, X.set_axis([0.0, 1.0, 2.0], axis=1)):
            model = PoissonGLMRegressor(alpha={0: 0.1, 1: 0.2, 2: 0.3}).fit(first, y)
            for then in (A, X, sparse.csr_array(A), X.set_axis([0.0, 1.0, 2.0], axis=1)):
                np.testing.assert_allclose(model.predict(then), model.predict(A))
            assert list(model.groups_) == ["x0", "x1", "x2"]
            assert not hasattr(model, "feature_names_in_")
    model.fit(X, y)
    for other in (X[[1, 0, 2]], X.set_axis([0, 1, 3], axis=1), X[[0, 2]]):
        with pytest.raises(ValueError, match="The feature names should match those that were passed during fit"):
            model.predict(other)
    with pytest.warns(UserWarning, match="X has feature names, but PoissonGLMRegressor was fitted without"):
        model.predict(X.set_axis(list("abc"), axis=1))
    for labels in ([1, 0, 2], list("abc")):
        with pytest.warns(UserWarning, match="X has feature names, but PoissonGLMRegressor was fitted without"):
            model.fit(A, y).predict(X.set_axis(labels, axis=1))
    with pytest.warns(UserWarning, match="X does not have valid feature names, but PoissonGLMRegressor was"):
        PoissonGLMRegressor().fit(X.set_axis(list("abc"), axis=1), y).predict(X.set_axis([5, 6, 7], axis=1))


def test_numbers_that_are_alike_are_one_label(rng):
    X = pd.DataFrame(rng.normal(size=(60, 2)), columns=[7, 3])
    model = PoissonGLMRegressor(alpha={7.0: 0.1, np.float32(3): 0.2}).fit(X, rng.poisson(2, size=60))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for labels in ([7.0, 3.0], np.array([7, 3], dtype=np.uint8), pd.Index([7, 3], dtype="Int64")):
            model.predict(X.set_axis(labels, axis=1))
    assert label_key(1) != label_key(True) == label_key(np.True_)
    assert label_key((1, np.nan)) == label_key((1.0, float("nan"))) != label_key((True, np.nan))


@pytest.mark.parametrize("columns", [None, ["a", "b"], DAYS[:2].tolist(), [("a", 0), ("a", 1)], [True, False]])
def test_what_is_no_position(rng, columns):
    """Integers are positions where numbers are no labels, floats and booleans never."""
    A, y = rng.normal(size=(60, 2)), rng.poisson(2, size=60)
    X = A if columns is None else pd.DataFrame(A, columns=columns)
    for wrong in ([0.0, 1.0], [False, True], [np.False_, np.True_]):
        if columns == [True, False] == wrong[::-1]:
            continue
        with pytest.raises(ValueError, match=r"alpha has entries for .* neither groups nor columns"):
            PoissonGLMRegressor(alpha=dict(zip(wrong, [1, 2], strict=True))).fit(X, y)
        with pytest.raises(ValueError, match=r"groups\['g'\] names columns that X does not have"):
            GroupLassoPoisson(groups={"g": wrong[1], "h": wrong[0]}).fit(X, y)
        with pytest.raises(ValueError, match="index of groups names columns that X does not have"):
            GroupLassoPoisson(groups=pd.Series(["g", "h"], index=pd.Index(wrong, dtype=object))).fit(X, y)
    assert PoissonGLMRegressor(alpha={0: np.inf, np.int64(1): 1}).fit(X, y).coef_[0] == 0
    assert GroupLassoPoisson(alpha=0, groups={"g": [0], "h": 1}).fit(X, y).groups_.keys() == {"g", "h"}


def test_labels_that_no_column_has(rng):
    X, y = pd.DataFrame(rng.normal(size=(60, 2)), columns=[20, 10]), rng.poisson(2, size=60)
    with pytest.raises(ValueError, match=r"alpha misses the columns \[10\]"):
        PoissonGLMRegressor(alpha={20: 1}).fit(X, y)
    with pytest.raises(ValueError, match=r"got -1 for column 10"):
        PoissonGLMRegressor(alpha=[1, -1]).fit(X, y)
    with pytest.raises(ValueError, match=r"columns \[10\] are in no group"):
        GroupLassoPoisson(groups={"g": [20]}).fit(X, y)
    with pytest.raises(ValueError, match=r"names columns that X does not have: \[0\]. Its columns are \[20, 10\]"):
        GroupLassoPoisson(groups={"g": [20, 10], "h": [0]}).fit(X, y)
    for twice in (pd.Index([2, 2.0], dtype=object), pd.Index([True, True])):
        with pytest.raises(ValueError, match=rf"Columns of X share the names \[{twice[0]}\]"):
            find_groups("auto", ["2", "2.0"], twice)
    with pytest.raises(TypeError, match="Feature names are only supported if all input features have string names"):
        PoissonGLMRegressor().fit(X.set_axis(["a", 1], axis=1), y)


def test_labels_serve_as_names(rng):
    """The default groups are called by them, without the warning of columns without names, and so are covariances."""
    X, y = pd.DataFrame(rng.normal(size=(60, 3)), columns=[30, 10, 20]), rng.poisson(2, size=60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = GroupLassoPoisson(alpha=0).fit(X, y)
    assert list(model.groups_) == list(model.summary(X).index) == ["30", "10", "20"]
    assert list(model.covariance(X)) == ["intercept", "30", "10", "20"]
    assert list(GroupLassoPoisson(alpha=0, groups="(.)0").fit(X, y).groups_) == ["3", "1", "2"]
    tuples = X.set_axis(pd.Index([("u", 0), ("u", 1), ("v", 0)], tupleize_cols=False), axis=1)
    assert {g: c.tolist() for g, c in model.fit(tuples, y).groups_.items()} == {"u": [0, 1], "v": [2]}


def test_models_with_labels_are_kept_and_used_elsewhere(rng):
    X, y = pd.DataFrame(rng.normal(size=(60, 2)), columns=[20, 10]), rng.poisson(np.arange(60) / 20)
    model = PoissonGLMRegressor(alpha=0.01, l1_ratio=1).fit(X, y)
    data = skops.io.dumps(model)
    other = skops.io.loads(data, trusted=["skprox.poisson.PoissonGLMRegressor"])
    with pytest.raises(ValueError, match="Feature names must be in the same order as they were in fit"):
        other.predict(X[[10, 20]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SelectFromModel(model, threshold=0).fit(X, y).transform(X)
    before = vars(model).copy()
    model.predict(X)
    assert vars(model).keys() == before.keys()
    model.fit(X.to_numpy(), y).predict(X.to_numpy())
    del model._labels_in  # as models that were pickled before there were labels
    model.predict(X.to_numpy())


def test_effects_by_labels(rng):
    plt = pytest.importorskip("matplotlib.pyplot")
    A = rng.normal(size=(60, 2))
    X, y = pd.DataFrame(A, columns=[1, 0]), rng.poisson(np.exp(A[:, 0]))
    model = PoissonGLMRegressor(alpha=0.01).fit(X, y)
    assert GroupEffectDisplay.from_estimator(model, X, 1).effects.max() > 2
    for wrong in (True, 2, 0.5):
        with pytest.raises(ValueError, match=r"feature names .*, but the columns of X are \[1, 0\]"):
            GroupEffectDisplay.from_estimator(model, X, wrong)
    assert GroupEffectDisplay.from_estimator(model.fit(A, y), A, 0).effects.max() > 2
    plt.close("all")


@pytest.mark.parametrize("model", [PoissonGLMRegressor(), GroupLassoPoissonCV(), ProxSGDRegressor("poisson")])
def test_text_is_pointed_to_transformers(rng, model):
    X = pd.DataFrame({"hum": rng.normal(size=60), "month": ["Jan", "Feb"] * 30, "code": ["1", "2"] * 30})
    y = rng.poisson(2, size=60)
    message = r"(?s)could not convert string.*hold text: \[{}\]. Put.*make_grouped_column_transformer\(\(OneHot"
    for given in (X, X.astype({"month": "category"}), X.astype({"month": "string"})):
        with pytest.raises(ValueError, match=message.format("'month'")):
            model.fit(given, y)
    for given in (X.to_numpy(), X.to_numpy(dtype=str), X.to_numpy().tolist()):
        with pytest.raises(ValueError, match=message.format("1")):
            model.fit(given, y)
    with pytest.raises(ValueError, match=r"hold text: \['month'\]"):
        model.fit(pl.from_pandas(X), y)
    fitted = clone(model).set_params(**{"cv": 2, "alphas": 2} if hasattr(model, "cv") else {}).fit(X[["hum"]], y)
    with pytest.raises(ValueError, match=message.format("'hum'")):
        fitted.predict(X[["month"]].set_axis(["hum"], axis=1))
    for given in (X[["hum"]].assign(code="1", gap=np.nan), sparse.csr_array(np.full((60, 1), np.nan))):
        with pytest.raises(ValueError, match=r"^Input X contains NaN"):
            model.fit(given, y)


def test_levels_are_taken_as_they_are():
    """Each predict of a row would pay for making them anew."""
    levels = pd.MultiIndex.from_product([["f", "g"], [0, 1]], names=["group", None])
    assert labels_of(pd.DataFrame(np.ones((1, 4)), columns=levels)) is levels
    tuples = pd.Index(list(levels), tupleize_cols=False)
    assert labels_of(pd.DataFrame(np.ones((1, 4)), columns=tuples)).equals(levels)
