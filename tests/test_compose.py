import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_regression
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    PolynomialFeatures,
    SplineTransformer,
    StandardScaler,
)

from skprox import (
    GroupLassoPoisson,
    LagTransformer,
    MonotoneSplineTransformer,
    RaisedCosineTransformer,
    SmoothSplineTransformer,
    groups_from_transformer,
    make_grouped_column_transformer,
)
from skprox.groups import find_groups

N = 80


@pytest.fixture
def X(rng):
    X = pd.DataFrame(rng.uniform(size=(N, 4)), columns=["a", "b", "c", "d"])
    X["month"] = rng.choice(["Jan", "Feb", "Mar"], size=N)
    X["day"] = rng.choice(["Mon", "a__b", "x_sp_1"], size=N)
    X["flat"], X["few"] = 1.0, rng.integers(3, size=N)
    return X


def sources(transformer, X):
    """What each output column depends on, found by changing one input at a time. The oracle for numeric columns."""
    base = np.asarray(transformer.transform(X))
    out = [set() for _ in range(base.shape[1])]
    for column in X.columns:
        changed = X.copy()
        changed[column] = np.roll(X[column].to_numpy(), 1)
        for j in np.flatnonzero(np.any(~np.isclose(np.asarray(transformer.transform(changed)), base), axis=0)):
            out[j].add(column)
    return out


TRANSFORMERS = {
    "columns": lambda: make_column_transformer(
        (SplineTransformer(), ["a", "b"]), (OneHotEncoder(sparse_output=False), ["month", "day"]), remainder="drop"
    ),
    "options of encoders": lambda: make_column_transformer(
        (OneHotEncoder(drop="first", sparse_output=False), ["month", "day"]),
        (KBinsDiscretizer(4, encode="onehot-dense", strategy="uniform"), ["a", "b"]),
        (SplineTransformer(include_bias=False, extrapolation="periodic"), ["c", "d"]),
    ),
    "bumps and lags": lambda: make_column_transformer(
        (RaisedCosineTransformer(3), ["a", "b"]),
        (LagTransformer(2, epoch="flat"), ["b", "flat", "c"]),
        (make_pipeline(SplineTransformer(3), LagTransformer(4, basis=RaisedCosineTransformer(2))), ["d"]),
    ),
    "smooth and monotone": lambda: make_column_transformer(
        (SmoothSplineTransformer(4), ["a", "few"]), (MonotoneSplineTransformer(4), ["few", "b"])
    ),
    "products": lambda: make_column_transformer((PolynomialFeatures(2, include_bias=False), ["a", "b", "c"])),
    "chain": lambda: make_pipeline(
        make_column_transformer((StandardScaler(), ["a", "b"]), ("passthrough", ["c"])),
        SplineTransformer(2),  # with more knots some products are zero everywhere
        PolynomialFeatures(2, interaction_only=True, include_bias=False),
    ),
    "nested": lambda: ColumnTransformer(
        [
            (
                "outer",
                ColumnTransformer([("in", SplineTransformer(), ["b", "a"])], remainder="passthrough"),
                ["a", "b", "c"],
            ),
            ("selected", make_column_transformer((StandardScaler(), make_column_selector("^d$"))), ["d"]),
        ]
    ),
    "union": lambda: make_pipeline(
        make_column_transformer(("passthrough", ["a", "b"])),
        FeatureUnion([("s", SplineTransformer()), ("same", "passthrough"), ("none", "drop"), ("p", PCA(1))]),
    ),
    "positions": lambda: make_column_transformer((SplineTransformer(), [1, 0]), (StandardScaler(), slice(2, 4))),
    "mask": lambda: make_column_transformer((SplineTransformer(), [True, False, True] + [False] * 5)),
}


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_groups_are_what_columns_depend_on(X, name):
    transformer = TRANSFORMERS[name]().fit(X)
    found = groups_from_transformer(transformer)
    truth = sources(transformer, X)
    assert sorted(np.concatenate(list(found.values()))) == list(range(len(truth)))
    for group, columns in found.items():
        for j in columns:
            assert truth[j] == set(group.split(" "))


def test_selected_columns_keep_their_features(X):
    chain = make_pipeline(
        make_column_transformer(("passthrough", ["flat", "a", "b"])), VarianceThreshold(), SplineTransformer()
    ).fit(X)
    found = groups_from_transformer(chain)
    assert {group: len(columns) for group, columns in found.items()} == {"a": 7, "b": 7}


def test_infrequent_categories_and_bias(X):
    X.loc[:2, "month"] = ["r", "s", "t"]
    encoder = OneHotEncoder(min_frequency=5, handle_unknown="infrequent_if_exist", sparse_output=False)
    found = groups_from_transformer(make_column_transformer((encoder, ["month", "day"])).fit(X))
    assert {group: len(columns) for group, columns in found.items()} == {"month": 4, "day": 3}
    found = groups_from_transformer(PolynomialFeatures(2).fit(X[["a", "b"]]))
    assert {group: c.tolist() for group, c in found.items()} == {"1": [0], "a": [1, 3], "b": [2, 5], "a b": [4]}


def test_arrays_and_sparse_output(rng):
    transformer = make_column_transformer((SplineTransformer(sparse_output=True), [0, 2]), remainder="passthrough")
    transformer.fit(rng.uniform(size=(30, 3)))
    assert {g: len(c) for g, c in groups_from_transformer(transformer).items()} == {"x0": 7, "x2": 7, "x1": 1}


def test_unknown_transformers_make_one_group(X):
    shift = FunctionTransformer(lambda Z: Z + 1, feature_names_out="one-to-one")
    union = make_union(PCA(2), shift).fit(X[["a", "b"]])
    assert {g: c.tolist() for g, c in groups_from_transformer(union).items()} == {"a b": [0, 1], "a": [2], "b": [3]}


def test_imputers(X):
    X.loc[0, "a"] = np.nan
    transformer = make_column_transformer((SimpleImputer(add_indicator=True), ["a", "b"])).fit(X)
    assert {g: c.tolist() for g, c in groups_from_transformer(transformer).items()} == {"a": [0, 2], "b": [1]}


def test_pipeline_that_starts_with_nothing(X):
    chain = make_pipeline("passthrough", SplineTransformer()).fit(X[["a", "b"]])
    assert {g: len(c) for g, c in groups_from_transformer(chain).items()} == {"a": 7, "b": 7}
    union = FeatureUnion([("no", "drop"), ("yes", SplineTransformer())]).fit(X[["a", "b"]])
    assert {g: len(c) for g, c in groups_from_transformer(union).items()} == {"a": 7, "b": 7}
    with pytest.raises(ValueError, match="has no fitted part that tells the names of its columns"):
        groups_from_transformer(make_pipeline("passthrough").fit(X))


def test_groups_that_can_not_be_read(X):
    with pytest.raises(ValueError, match="gives no names to its columns"):
        groups_from_transformer(FunctionTransformer(np.abs).fit(X[["a"]]))
    products = PolynomialFeatures(2).fit(X.rename(columns={"c": "a b"})[["a", "b", "a b"]])
    with pytest.raises(ValueError, match="with a space in it is also that of a set of features"):
        groups_from_transformer(products)


def test_unfitted_transformers_are_an_error():
    with pytest.raises(NotFittedError):
        groups_from_transformer(make_column_transformer((SplineTransformer(), ["a"])))


def test_grouped_columns_carry_exact_groups(X):
    """Categories that look like marks of other rules, and a feature with a double underscore."""
    X = X.rename(columns={"c": "c__x"})
    transformer = make_grouped_column_transformer(
        (OneHotEncoder(), ["month", "day"]), (SplineTransformer(), ["a", "c__x"]), remainder="drop"
    )
    out = transformer.fit_transform(X)
    exact = groups_from_transformer(transformer)
    for rule in ("auto", "prefix"):
        found = find_groups(rule, list(out.columns)).groups
        assert [c.tolist() for c in found.values()] == [c.tolist() for c in exact.values()]
        assert list(found) == ["month", "day", "a", "c_x"]
    transformer.set_params(a__n_knots=3)
    assert transformer.fit_transform(X).shape[1] == out.shape[1] - 2


def test_grouped_columns_need_names():
    for columns in (make_column_selector("a"), "a", [0, 1]):
        with pytest.raises(TypeError, match="columns must be lists of names, which name the groups"):
            make_grouped_column_transformer((SplineTransformer(), columns))


TEXTS = pd.DataFrame({"text": ["good bad x0", "bad ugly", "ugly text"], "z": [1.0, 2.0, 5.0]})


class Nameless(FunctionTransformer):
    set_output = property()


@pytest.mark.parametrize("column", ["text", ["text"]])
@pytest.mark.parametrize(
    "transformer",
    [
        CountVectorizer(),
        HashingVectorizer(),
        make_pipeline(CountVectorizer(), TfidfTransformer()),
        FeatureUnion([("words", TfidfVectorizer())]),
        Nameless(),
    ],
    ids=lambda transformer: type(transformer).__name__,
)
def test_transformers_without_frames_are_told_where_to_go(transformer, column):
    with pytest.raises(
        TypeError, match=r"gives no pandas frames .* ct = make_column_transformer\(\(CountVectorizer\(\)"
    ):
        make_grouped_column_transformer((OneHotEncoder(), ["z"]), (transformer, column))


@pytest.mark.parametrize("words", [HashingVectorizer(n_features=32), CountVectorizer(vocabulary=["bad", "good"])])
def test_texts_may_go_where_the_message_says(words):
    X = pd.concat([TEXTS] * 10, ignore_index=True)
    ct = make_column_transformer((words, "text"), (OneHotEncoder(), ["z"]))
    model = make_pipeline(ct, GroupLassoPoisson(alpha=0.01, groups=groups_from_transformer(ct.fit(X))))
    y = 1 + X["text"].str.contains("good")
    assert np.isfinite(cross_val_score(model, X, y, cv=KFold(3))).all()
    assert list(model.fit(X, y)[-1].groups_) == ["text", "z"]


@pytest.mark.parametrize(
    ("transformers", "options", "error", "message"),
    [
        ([(SplineTransformer, ["a"])], {}, TypeError, r"must be pairs of a transformer .*; got \(<class"),
        ([(["a"], SplineTransformer())], {}, TypeError, "must be pairs of a transformer and a list of names"),
        ([("s", SplineTransformer(), ["a"])], {}, TypeError, "must be pairs of a transformer and a list of names"),
        ([("splines", ["a"])], {}, TypeError, "must be pairs of a transformer and a list of names"),
        (
            [(LagTransformer(2, epoch="day"), ["a", "day"])],
            {},
            ValueError,
            "needs a column beside .* ColumnTransformer",
        ),
        ([], {"remainder": OneHotEncoder()}, ValueError, "remainder must be 'drop' or 'passthrough', got OneHot"),
    ],
)
def test_grouped_columns_need_pairs(transformers, options, error, message):
    with pytest.raises(error, match=message):
        make_grouped_column_transformer(*transformers, **options)


def test_a_sparse_encoder_inside_a_pipeline(X):
    encoder = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    transformer = make_grouped_column_transformer((encoder, ["month", "day"]))
    assert {name.partition("__")[0] for name in transformer.fit_transform(X)} == {"month", "day"}
    assert encoder[-1].sparse_output  # the one that was given is not changed


WORDS = {
    "counts": CountVectorizer(),
    "tfidf": TfidfVectorizer(),
    "hashed": HashingVectorizer(n_features=8),
    "chain": make_pipeline(CountVectorizer(), TfidfTransformer(), TruncatedSVD(2)),
    "hashed chain": make_pipeline(HashingVectorizer(n_features=8), TfidfTransformer()),
    "selected": make_pipeline(TfidfVectorizer(), SelectKBest(f_regression, k=3)),
    "union": make_union(CountVectorizer(), TfidfVectorizer(analyzer="char")),
}


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of correlations with so few rows
def test_words_of_a_text_are_one_group(name):
    columns = make_column_transformer((WORDS[name], "text"), (StandardScaler(), ["z"])).fit(TEXTS, [1, 2, 4])
    n_words = columns.transform(TEXTS).shape[1] - 1
    found = {group: members.tolist() for group, members in groups_from_transformer(columns).items()}
    assert found == {"text": list(range(n_words)), "z": [n_words]}
    alone = make_pipeline(make_column_transformer((WORDS[name], "text")), StandardScaler(with_mean=False))
    assert list(groups_from_transformer(alone.fit(TEXTS, [1, 2, 4]))) == ["text"]


def test_text_in_no_column():
    for transformer in (CountVectorizer(), WORDS["chain"], WORDS["union"], WORDS["hashed chain"]):
        assert list(groups_from_transformer(clone(transformer).fit(TEXTS["text"]))) == ["x0"]
    with pytest.raises(ValueError, match=r"HashingVectorizer.* gives no names .* as a dict, or let it alone"):
        groups_from_transformer(HashingVectorizer())


def test_dicts_and_transformers_that_tell_nothing_of_their_input(X):
    class Halves(TransformerMixin, BaseEstimator):
        def fit(self, X, y=None):
            self.fitted_ = True
            return self

        def transform(self, X):
            return X / 2

    class Named(Halves):
        def get_feature_names_out(self, input_features):
            return input_features

    X["tags"] = [{"u": 1, "v": "w"}] * N
    transformer = make_column_transformer((Named(), ["a", "b"]), (Halves(), ["c"]), (DictVectorizer(), "tags")).fit(X)
    found = {group: members.tolist() for group, members in groups_from_transformer(transformer).items()}
    assert found == {"a": [0], "b": [1], "c": [2], "tags": [3, 4]}
    with pytest.raises(ValueError, match=r"Halves\(\) gives no names to its columns"):
        groups_from_transformer(make_column_transformer((Halves(), ["a", "b"])).fit(X))
    with pytest.raises(ValueError, match=r"DictVectorizer\(\) has no fitted part that tells the names of its columns"):
        groups_from_transformer(DictVectorizer().fit(X["tags"]))
    union = FeatureUnion([("n", Named()), ("s", SplineTransformer())])
    assert list(groups_from_transformer(make_column_transformer((union, ["a", "b"])).fit(X))) == ["a", "b"]


def expand(dates):
    days = dates.iloc[:, 0]
    return pd.DataFrame(
        {"date_year": days.dt.year, "date_day": days.dt.day_of_year, "month": days.dt.month}, dates.index
    )


EXPANDED = FunctionTransformer(expand, feature_names_out=lambda self, names: ["date_year", "date_day", "month"])
ADDING = {
    "indicator": make_pipeline(SimpleImputer(add_indicator=True), SplineTransformer(3, include_bias=False)),
    "indicator of neighbours": make_pipeline(KNNImputer(add_indicator=True), RaisedCosineTransformer(3)),
    "indicator beside": make_union(SimpleImputer(), MissingIndicator()),
    "bias": make_pipeline(SimpleImputer(), PolynomialFeatures(2)),
    "products": make_pipeline(SimpleImputer(add_indicator=True), PolynomialFeatures(2)),
    "union": make_pipeline(SimpleImputer(), make_union(SplineTransformer(3), StandardScaler())),
    "binned": make_pipeline(SimpleImputer(), KBinsDiscretizer(3, encode="onehot-dense")),
    "histories": make_pipeline(SimpleImputer(add_indicator=True), LagTransformer(2)),
    "dates": FunctionTransformer(expand),
    "splines of dates": make_pipeline(EXPANDED, SplineTransformer(3)),
    "products of dates": make_pipeline(EXPANDED, PolynomialFeatures(2)),
    "components of dates": make_pipeline(EXPANDED, PCA(2), SplineTransformer(3)),
}


@pytest.mark.filterwarnings("ignore:Bins whose width are too small")
@pytest.mark.parametrize("name", ADDING)
@pytest.mark.parametrize("features", [["temp", "temp_2"], ["wind speed", "x_sp_1"], ["a__b", "c^2"], ["_u", "v__"]])
def test_a_feature_is_one_group_whatever_is_added(rng, name, features):
    if "dates" in name:
        X = pd.DataFrame({f: pd.date_range("2020-01-01", periods=N, freq="9D")[rng.permutation(N)] for f in features})
    else:
        X = pd.DataFrame(rng.normal(size=(N, 2)), columns=features)
        X.iloc[:9, 0] = np.nan
    transformer = make_grouped_column_transformer((ADDING[name].set_output(transform="pandas"), features))
    out = transformer.fit_transform(X.assign(other=1.0))
    exact = groups_from_transformer(transformer)
    assert list(exact) == features
    for rule in ("auto", "prefix"):
        found = find_groups(rule, list(out)).groups
        assert [members.tolist() for members in found.values()] == [members.tolist() for members in exact.values()]


def test_transformers_in_a_pipeline_that_give_no_names(X):
    """scikit-learn then has no names for any column, which must not pass for groups of one."""
    step = make_pipeline(FunctionTransformer(np.log1p), SplineTransformer(2))
    out = make_grouped_column_transformer((step, ["a", "b"])).fit_transform(X)
    if out.columns[0].startswith("a__"):  # before 1.9
        return
    with pytest.warns(UserWarning, match=r"X has no names of columns.*and feature_names_out where there"):
        GroupLassoPoisson().fit(out, np.arange(N))


def test_names_of_grouped_columns(X):
    """Those that tell no other feature are as they were; the others stand in parentheses."""
    X.loc[:3, "a"] = np.nan
    X["sky"] = np.where(X["b"] > 0.5, "light rain", "clear")
    step = make_pipeline(SimpleImputer(add_indicator=True), SplineTransformer(2, degree=1))
    transformer = make_grouped_column_transformer((step, ["a"]), (OneHotEncoder(), ["sky"]), remainder="passthrough")
    out = list(transformer.fit_transform(X[["a", "sky", "b"]].rename(columns={"b": "b_sp_0"})))
    assert out == [
        "a__a_sp_0", "a__a_sp_1", "a__(missingindicator_a_sp_0)", "a__(missingindicator_a_sp_1)", "sky__sky_clear",
        "sky__sky_light rain", "remainder__b_sp_0",
    ]  # fmt: skip


def test_features_that_would_share_a_name():
    for names in (["a__b", "a_b"], ["a_b", "a___b"], ["a_b", "a_b_"]):
        message = f"Features {names[0]!r} and {names[1]!r} would both be called 'a_b'.* Rename one"
        with pytest.raises(ValueError, match=message):
            make_grouped_column_transformer((SplineTransformer(), names[:1]), (StandardScaler(), names[1:]))
    with pytest.raises(ValueError, match=r"Feature 'a' is given twice\. Join its transformers in one FeatureUnion"):
        make_grouped_column_transformer((SplineTransformer(), ["a"]), (StandardScaler(), ["a"]))
