"""Groups found by name, on frames that scikit-learn's own transformers made."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, SplineTransformer, StandardScaler

from skprox import LagTransformer, RaisedCosineTransformer
from skprox.columns import label_columns
from skprox.groups import find_groups

N = 60


@pytest.fixture
def frame(rng):
    X = pd.DataFrame(rng.uniform(size=(N, 4)), columns=["position", "speed", "wind speed", "x"])
    X["month"] = rng.choice(["Jan", "Feb"], size=N)
    X["weather"] = rng.choice(["light_rain", "clear sky", "heavy_rain_2"], size=N)
    return X


def sizes(frame, groups="auto"):
    """Name of a group to its number of columns, with a check that its columns are those that say so."""
    frame, levels = label_columns(frame)
    found = find_groups(groups, list(frame.columns), levels).groups
    return {group: len(columns) for group, columns in found.items()}


def transformed(frame, *transformers, **options):
    return ColumnTransformer(list(transformers), **options).set_output(transform="pandas").fit_transform(frame)


def one_hot(**options):
    return OneHotEncoder(sparse_output=False, **options)


def test_a_transformer_for_each_feature(frame):
    out = transformed(
        frame, ("position", SplineTransformer(), ["position"]), ("speed", SplineTransformer(4), ["speed"])
    )
    assert "position__position_sp_0" in out
    assert sizes(out) == {"position": 7, "speed": 6}
    assert sizes(out, "prefix") == sizes(out, "feature") == sizes(out)


def test_one_transformer_for_several_features_is_split(frame):
    out = transformed(frame, ("s", SplineTransformer(), ["position", "speed", "wind speed"]), remainder="drop")
    assert sizes(out) == {"position": 7, "speed": 7, "wind speed": 7}
    assert sizes(out, "prefix") == {"s": 21}


def test_short_names(frame):
    out = transformed(
        frame,
        ("s", SplineTransformer(), ["position", "speed"]),
        ("c", one_hot(), ["month"]),
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).drop(columns="weather")
    assert sizes(out) == {
        "position": 7, "speed": 7, "month_Feb": 1, "month_Jan": 1, "wind speed": 1, "x": 1
    }  # fmt: skip


def test_nested_transformers(frame):
    inner = ColumnTransformer([("inner", SplineTransformer(), ["x"]), ("cat", one_hot(), ["month"])])
    out = transformed(frame, ("outer", inner, ["x", "month"]), ("other", SplineTransformer(), ["x"]))
    assert "outer__inner__x_sp_0" in out
    assert sizes(out) == {"outer__inner__x": 7, "outer__cat": 2, "other__x": 7}


def test_pipeline_inside(frame):
    chain = make_pipeline(SplineTransformer(), StandardScaler())
    out = transformed(frame, ("chain", chain, ["x", "speed"]))
    assert sizes(out) == {"x": 7, "speed": 7}


@pytest.mark.parametrize("options", [{"include_bias": False}, {"extrapolation": "periodic"}, {"n_knots": 12}])
def test_spline_options(frame, options):
    """Missing last index, periodic splines, and x_sp_10 after x_sp_2."""
    out = transformed(frame, ("s", SplineTransformer(**options), ["x", "speed"]))
    width = out.shape[1] // 2
    assert sizes(out) == {"x": width, "speed": width}
    assert len(out.columns[out.columns.str.endswith("_sp_10")]) == (2 if options == {"n_knots": 12} else 0)


def test_order_of_columns_does_not_matter(frame, rng):
    out = transformed(frame, ("s", SplineTransformer(n_knots=12), ["x", "speed"]))
    out = out[rng.permutation(out.columns)]
    found = find_groups("auto", list(out.columns)).groups
    for group, columns in found.items():
        assert all(name.startswith(f"s__{group}_sp_") for name in out.columns[columns])
        assert (np.diff(columns) > 0).all()


def test_one_hot_names_with_underscores_and_spaces(frame):
    out = transformed(frame, ("cat", one_hot(), ["weather"]), ("m", one_hot(), ["month"]))
    assert sizes(out) == {"cat": 3, "m": 2}


def test_categories_with_two_underscores():
    names = ["cat__m_a", "cat__m_b", "cat__m_c__d", "num__x"]
    for rule in ("auto", "prefix"):
        assert {g: len(c) for g, c in find_groups(rule, names).groups.items()} == {"cat": 3, "num": 1}


def test_a_linear_term_beside_its_spline():
    found = find_groups("auto", ["x_sp_0", "x_sp_1", "x", "remainder__z_sp_0", "remainder__z"]).groups
    assert {g: c.tolist() for g, c in found.items()} == {"x_sp": [0, 1], "x": [2], "z": [3], "remainder__z": [4]}


def test_bumps_and_lags(frame):
    """As splines: x_rc_0, x_lag_3, with and without prefixes, and one on top of the other."""
    bumps, lags = RaisedCosineTransformer(5), LagTransformer(12, min_lag=1)
    out = transformed(frame, ("rc", bumps, ["position", "speed"]), ("history", lags, ["x"]))
    assert "rc__position_rc_0" in out
    assert "history__x_lag_12" in out
    assert sizes(out) == sizes(out, "feature") == {"position": 5, "speed": 5, "x": 12}
    assert sizes(out, "prefix") == {"rc": 10, "history": 12}
    short = transformed(frame, ("rc", bumps, ["speed"]), ("lag", lags, ["x"]), verbose_feature_names_out=False)
    assert sizes(short) == {"speed": 5, "x": 12}
    both = transformed(frame, ("tuning", bumps, ["x"]), ("history", lags, ["x"]))
    assert sizes(both) == {"tuning__x": 5, "history__x": 12}
    for chain in (make_pipeline(SplineTransformer(3), lags), make_pipeline(lags, bumps)):
        assert sizes(transformed(frame, ("c", chain, ["x", "wind speed"]))) == {"x": 60, "wind speed": 60}


@pytest.mark.parametrize("mark", ["sp", "rc", "lag"])
def test_a_column_beside_its_basis(mark):
    found = find_groups("auto", [f"x_{mark}_0", f"x_{mark}_10", "x", "z_lag", "rc_1"]).groups
    assert {g: c.tolist() for g, c in found.items()} == {f"x_{mark}": [0, 1], "x": [2], "z_lag": [3], "rc_1": [4]}


def test_long_names_are_read_in_bounded_time():
    names = [" ".join("a" * n) for n in range(1, 60)]
    assert len(find_groups("auto", names).groups) == 1


def test_remainder_and_passthrough_are_groups_of_their_own(frame):
    X = frame.drop(columns=["month", "weather"])
    out = make_column_transformer(
        (SplineTransformer(), ["x"]), ("passthrough", ["speed", "position"]), remainder="passthrough"
    )
    out = out.set_output(transform="pandas").fit_transform(X)
    assert sizes(out) == {"x": 7, "passthrough__speed": 1, "passthrough__position": 1, "remainder__wind speed": 1}


def test_products_group_by_their_parents(frame):
    poly = PolynomialFeatures(3, include_bias=False).set_output(transform="pandas")
    out = poly.fit_transform(frame[["x", "speed", "wind speed"]])
    wanted = {"x": 3, "speed": 3, "wind speed": 3, "x speed": 3, "x wind speed": 3, "speed wind speed": 3}
    assert sizes(out) == wanted | {"x speed wind speed": 1}
    out = transformed(frame, ("poly", PolynomialFeatures(2, interaction_only=True), ["x", "speed", "position"]))
    assert sizes(out) == {
        "poly": 1,
        "x": 1,
        "speed": 1,
        "position": 1,
        "x speed": 1,
        "x position": 1,
        "speed position": 1,
    }


def test_products_of_splines(frame):
    chain = make_pipeline(
        SplineTransformer(3, degree=2), PolynomialFeatures(2, interaction_only=True, include_bias=False)
    )
    out = transformed(frame, ("both", chain, ["x", "wind speed"]))
    assert sizes(out) == {"x": 4 + 6, "wind speed": 4 + 6, "x wind speed": 16}
    lonely = PolynomialFeatures((2, 2), interaction_only=True, include_bias=False).set_output(transform="pandas")
    splines = transformed(frame, ("s", SplineTransformer(3, degree=2), ["x"]), verbose_feature_names_out=False)
    assert sizes(lonely.fit_transform(splines)) == {"x": 6}


def test_levels():
    X = pd.concat({"f1": pd.DataFrame(np.ones((3, 2))), "f2": pd.DataFrame(np.ones((3, 1)))}, axis=1, names=["f", "i"])
    assert sizes(X) == sizes(X, 0) == sizes(X, "f") == {"f1": 2, "f2": 1}
    assert sizes(X, 1) == sizes(X, "i") == {0: 2, 1: 1}
    assert label_columns(X)[0].columns.tolist() == ["f1__0", "f1__1", "f2__0"]
    found = find_groups({"u": [("f1", 0), ("f2", 0)], "v": ("f1", 1)}, ["f1__0", "f1__1", "f2__0"], X.columns).groups
    assert {g: c.tolist() for g, c in found.items()} == {"u": [0, 2], "v": [1]}
    with pytest.raises(ValueError, match="columns of X have 2 levels"):
        sizes(X, 2)
    with pytest.raises(ValueError, match="names a level, but the columns of X have no levels"):
        find_groups(1, ["a", "b"])


def test_other_rules(frame):
    names = ["left_1", "left_2", "right_1"]
    assert find_groups(r"^(.*)_", names).groups.keys() == {"left", "right"}
    assert find_groups(lambda name: name[-1], names).groups["1"].tolist() == [0, 2]
    assert find_groups(["u", "v", "u"], names).groups["u"].tolist() == [0, 2]
    mask = find_groups(np.array([[0, 1, 1], [1, 0, 0]]), names).groups
    assert {g: columns.tolist() for g, columns in mask.items()} == {0: [1, 2], 1: [0]}
    for columns in (["left_1", "left_2"], [0, 1], "^left", re.compile("left"), slice(2), [True, True, False]):
        found = find_groups({"right": "right_1", "left": columns}, names).groups
        assert {g: c.tolist() for g, c in found.items()} == {"right": [2], "left": [0, 1]}


def test_a_series_is_read_by_its_index():
    names = ["a", "b", "c"]
    found = find_groups(pd.Series(["v", "u", "v"], index=["c", "a", "b"]), names).groups
    assert {g: columns.tolist() for g, columns in found.items()} == {"u": [0], "v": [1, 2]}
    assert find_groups(pd.Series(["u", "v", "u"]), names).groups["u"].tolist() == [0, 2]


def test_labels_may_be_tuples():
    found = find_groups([("u", 1), ("v", 1), ("u", 1)], ["a", "b", "c"]).groups
    assert {g: columns.tolist() for g, columns in found.items()} == {("u", 1): [0, 2], ("v", 1): [1]}


@pytest.mark.parametrize("rule", ["auto", "feature"])
def test_products_of_columns_behind_a_column_transformer(frame, rule):
    """Each factor has a prefix of its own in their names."""
    products = PolynomialFeatures(2, include_bias=False).set_output(transform="pandas")
    splines = SplineTransformer(n_knots=2, degree=1)
    for names_out in (True, False):
        columns = ColumnTransformer([("s", splines, ["x", "speed"])], verbose_feature_names_out=names_out)
        out = make_pipeline(columns.set_output(transform="pandas"), products).fit_transform(frame)
        found = find_groups(rule, list(out)).groups
        assert {group: len(columns) for group, columns in found.items()} == {"x": 5, "speed": 5, "x speed": 4}


def test_products_of_blocks():
    names = ["a__a_u", "a__a_v", "b__b", "a__a_u^2", "a__a_u a__a_v", "a__a_u b__b", "a__a_v b__b", "b__b^2"]
    for rule in ("auto", "prefix"):
        found = find_groups(rule, names).groups
        assert {g: c.tolist() for g, c in found.items()} == {"a": [0, 1, 3, 4], "b": [2, 7], "a b": [5, 6]}


def test_names_that_two_blocks_would_share():
    found = find_groups("auto", ["temp__temp_sp_0", "temp__hum_sp_0", "temp__flag", "b__temp_sp_0"]).groups
    assert len(found) == 4
    assert sorted(np.concatenate(list(found.values()))) == [0, 1, 2, 3]


def test_polars(frame):
    out = transformed(frame, ("s", SplineTransformer(), ["x", "speed"]))
    X, levels = label_columns(pl.from_pandas(out))
    assert find_groups("auto", list(X.columns), levels).groups.keys() == {"x", "speed"}


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (
            {"a": ["u"], "b": ["v", "zz"]},
            r"groups\['b'\] names columns that X does not have: \['zz'\]. Its columns are",
        ),
        ({"a": ["u"], "b": ["v"]}, r"columns \['w'\] are in no group"),
        ({"a": ["u", "v"], "b": ["v", "w"]}, r"columns \['v'\] are in more than one group"),
        ({"a": ["u", "v", "w"], "b": []}, r"no column of X is in \['b'\]"),
        ({"a": "^q", "b": [0, 1, 2]}, r"no column of X is in \['a'\]"),
        (["a", "b"], r"groups has shape \(2,\); expected a label for each of the 3 columns, or a 0/1 mask"),
        ([[0, 1], [2]], r"Lists of columns go in a dict"),
        (np.ones((2, 4)), r"groups has shape \(2, 4\); .* mask of shape \(n_groups, 3\)"),
        (np.array([[1, 2, 0], [0, 0, 1]]), "must hold 0 and 1 only"),
        (np.array([[1, 1, 0], [0, 1, 1]]), r"columns \['v'\] are in more than one group"),
        (np.array([[1, 1, 1], [0, 0, 0]]), r"no column of X is in \[1\]"),
        ("splines", "none of 'auto', 'prefix', 'feature' and the names of column levels.*captures 0"),
        ("(a", "not a regular expression"),
        ("(u)", r"columns \['v', 'w'\] are in no group"),
        (lambda name: None, "are in no group"),
        (["a", None, "b"], r"columns \['v'\] are in no group"),
        (["a", pd.NA, "b"], r"columns \['v'\] are in no group"),
        (pd.array(["a", None, "b"], dtype="string"), r"columns \['v'\] are in no group"),
        ({"a": [[0, 1]], "b": [2]}, r"groups\['a'\] names columns that X does not have: \[\[0, 1\]\]"),
        (pd.Series("a", index=["u", "v"]), r"columns \['w'\] are in no group"),
        (pd.Series("a", index=[2, 0, 1]), r"index of groups holds integers, which name no columns"),
        (pd.Series("a", index=[0, 1]), r"index of groups holds integers"),
        (pd.Series("a", index=["u", "v", "zz"]), r"index of groups names columns that X does not have: \['zz'\]"),
        (pd.Series("a", index=["u", "v", "v"]), r"index of groups names columns twice: \['v'\]"),
    ],
)
def test_errors(groups, message):
    with pytest.raises(ValueError, match=message):
        find_groups(groups, ["u", "v", "w"])


def test_names_of_groups_are_hashable():
    with pytest.raises(TypeError, match=r"the name of a group must be hashable, as strings are; got \['u'\] for"):
        find_groups(lambda name: [name], ["u", "v", "w"])


def test_names_that_are_the_same():
    with pytest.raises(ValueError, match=r"Columns of X share the names \['u'\]"):
        find_groups("auto", ["u", "v", "u"])


@pytest.mark.parametrize("label", [["a"], ("a", ["b"])])
def test_labels_that_are_not_hashable_are_named(label):
    with pytest.raises(TypeError, match=r"must be hashable, as strings are; got .* for column 1"):
        find_groups(lambda name: label if name == "y" else "g", ["x", "y"])
