from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from skprox import GroupLassoPoisson, PoissonGLMRegressor, StabilitySelection
from skprox.groups import find_groups
from skprox.strengths import per_coefficient, per_group

NAMES = ["a_sp_0", "a_sp_1", "b", "a_sp_2"]
COLUMNS = find_groups("auto", NAMES)  # a: 0, 1, 3 and b: 2


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (0.5, [0.5, 0.5, 0.5, 0.5]),
        (np.float32(0.5), [0.5, 0.5, 0.5, 0.5]),
        (3, [3, 3, 3, 3]),
        ([1, 2, 3, 4], [1, 2, 3, 4]),
        (np.array([1, 2, 3, np.inf]), [1, 2, 3, np.inf]),
        ({"a": 1, "b": 2}, [1, 1, 2, 1]),
        ({"b": 2, "a": [1, 5, 6]}, [1, 5, 2, 6]),
        ({"a_sp_2": 4, "b": [2], "a_sp_0": 1, "a_sp_1": 0}, [1, 0, 2, 4]),
        (pd.Series({"a": 1.0, "b": 2.0}), [1, 1, 2, 1]),
        (pd.Series([1.0, 2.0, 3.0, 4.0], index=NAMES), [1, 2, 3, 4]),
    ],
)
def test_forms(value, wanted):
    np.testing.assert_array_equal(per_coefficient("alpha", value, COLUMNS), [wanted])


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (2, [[2, 2, 2, 2], [2, 2, 2, 2]]),
        ([1, 2, 3, 4], [[1, 2, 3, 4], [1, 2, 3, 4]]),
        ([[1, 2, 3, 4], [5, 6, 7, 8]], [[1, 2, 3, 4], [5, 6, 7, 8]]),
        ({"a": [[1, 2, 3], [4, 5, 6]], "b": 9}, [[1, 2, 9, 3], [4, 5, 9, 6]]),
        ({"a": [1, 2, 3], "b": [[8], [9]]}, [[1, 2, 8, 3], [1, 2, 9, 3]]),
        (pd.DataFrame({"b": [8, 9], "a": [1, 2]}), [[1, 1, 8, 1], [2, 2, 9, 2]]),
        (pd.DataFrame({"b": [8, 9], "a": [1, 2]}).iloc[::-1], [[1, 1, 8, 1], [2, 2, 9, 2]]),
        (pd.DataFrame([[1, 2, 3, 4], [5, 6, 7, 8]], columns=NAMES), [[1, 2, 3, 4], [5, 6, 7, 8]]),
    ],
)
def test_forms_for_two_outputs(value, wanted):
    np.testing.assert_array_equal(per_coefficient("alpha", value, COLUMNS, n_outputs=2), wanted)


def test_labels_of_several_levels():
    levels = pd.MultiIndex.from_tuples([("f", 0), ("f", 1), ("g", 0)])
    columns = find_groups("auto", ["f__0", "f__1", "g__0"], levels)
    series = pd.Series([1.0, 2.0, 3.0], index=levels)
    for value in (series, {"f": [1, 2], "g": 3}, {("f", 0): 1, "f__1": 2, "g": 3}):
        np.testing.assert_array_equal(per_coefficient("alpha", value, columns), [[1, 2, 3]])


def test_integers_that_label_columns_are_no_positions():
    """As after a pivot by unit: with the labels 2, 0, 1 the first column is that of unit 2."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 3)), columns=[2, 0, 1])
    y = rng.poisson(np.exp(0.5 * X[2]))
    named = PoissonGLMRegressor(alpha=[0, 9, 9]).fit(X, y).coef_
    for alpha in ({1: 9, 0: 9, 2: 0}, pd.Series([0, 9, 9], index=X.columns)):
        np.testing.assert_array_equal(PoissonGLMRegressor(alpha=alpha).fit(X, y).coef_, named)
    groups = {"u": [2, 0], "v": 1}
    for given in (groups, pd.Series(["v", "u", "u"], index=[1, 0, 2])):
        model = GroupLassoPoisson(alpha=0.01, groups=given).fit(X, y)
        assert {group: set(columns.tolist()) for group, columns in model.groups_.items()} == {"u": {0, 1}, "v": {2}}
    with pytest.raises(ValueError, match=r"entries for \[7\], .* the columns \[2, 0, 1\]"):
        PoissonGLMRegressor(alpha={2: 1, 0: 1, 7: 1}).fit(X, y)
    selector = StabilitySelection(GroupLassoPoisson(groups=groups), n_resamples=2, n_alphas=3, random_state=0).fit(X, y)
    by_name = StabilitySelection(
        GroupLassoPoisson(groups={"u": ["2", "0"], "v": "1"}), n_resamples=2, n_alphas=3, random_state=0
    ).fit(X.rename(columns=str), y)
    np.testing.assert_array_equal(selector.stability_path_, by_name.stability_path_)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (2, [[2, 2]]),
        ([1, 2], [[1, 2]]),
        ({"b": 2, "a": 1}, [[1, 2]]),
        ({"a": [1, 1, 1], "b": 2}, [[1, 2]]),
        ([1, 1, 2, 1], [[1, 2]]),
    ],
)
def test_forms_for_groups(value, wanted):
    np.testing.assert_array_equal(per_group("alpha", value, COLUMNS), wanted)
    twice = per_group("alpha", value, COLUMNS, n_outputs=2)
    np.testing.assert_array_equal(twice, wanted * 2)


def test_groups_of_two_outputs():
    value = [[1, 2], [3, 4]]
    np.testing.assert_array_equal(per_group("alpha", value, COLUMNS, n_outputs=2), value)
    table = pd.DataFrame(value, index=["u", "v"], columns=["a", "b"])
    named = replace(COLUMNS, outputs=pd.Index(["v", "u"]))
    np.testing.assert_array_equal(per_group("alpha", table, named, n_outputs=2), value[::-1])
    np.testing.assert_array_equal(per_group("alpha", table[["b", "a"]], named, n_outputs=2), value[::-1])


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ({"a": 1}, ValueError, r"alpha misses the columns \['b'\].*The groups are \['a', 'b'\]"),
        ({"a": 1, "b": 1, "c": 1}, ValueError, r"entries for \['c'\], which are neither.*groups are \['a', 'b'\]"),
        ({"a": 1, "b": 1, "a_sp_0": 1}, ValueError, r"covers more than once the columns \['a_sp_0'\]"),
        (
            {"a": [1, 2], "b": 1},
            ValueError,
            r"alpha for 'a' has shape \(2,\); for 3 columns and a 1-D target.* a number or \(3,\)",
        ),
        (
            [1, 2, 3],
            ValueError,
            r"alpha has shape \(3,\); for 4 columns and a 1-D target it must be a number or \(4,\)",
        ),
        ([1, 2, -3, 4], ValueError, r"alpha must be non-negative; got -3 for column 'b'"),
        ({"a": 1, "b": np.nan}, ValueError, r"alpha must be non-negative; got nan for column 'b'"),
        ({"a": "strong", "b": 1}, TypeError, r"alpha for 'a' must be numeric; got 'strong'"),
        ([1, "x", 2, 3], TypeError, r"alpha must be numeric"),
        (["1", "2", "3", "4"], TypeError, r"alpha must be numeric"),
        ({"a": "0.1", "b": 1}, TypeError, r"alpha for 'a' must be numeric; got '0.1'"),
        (
            pd.Series([1.0, 2.0, 3.0], index=["a", "a", "b"]),
            ValueError,
            r"covers more than once the columns \['a_sp_0'",
        ),
        (
            pd.DataFrame(np.ones((2, 4)), columns=NAMES),
            ValueError,
            r"alpha is a DataFrame, whose rows are the outputs of a 2-D target; y is 1-D. Give a dict or Series",
        ),
    ],
)
def test_errors(value, error, message):
    with pytest.raises(error, match=message):
        per_coefficient("alpha", value, COLUMNS)


def test_errors_for_ratios_outputs_and_groups():
    with pytest.raises(ValueError, match=r"l1_ratio must be between 0 and 1; got 1.5 for column 'b'"):
        per_coefficient("l1_ratio", [0, 0, 1.5, 0], COLUMNS, most=1.0)
    with pytest.raises(ValueError, match=r"got -1 for column 'a_sp_1' of output 1"):
        per_coefficient("alpha", [[1, 1, 1, 1], [1, -1, 1, 1]], COLUMNS, n_outputs=2)
    with pytest.raises(ValueError, match=r"for 4 columns it must be a number or \(4,\) or \(2, 4\)"):
        per_coefficient("alpha", [1, 2], COLUMNS, n_outputs=2)
    with pytest.raises(ValueError, match=r"shape \(3,\); for 2 groups.*The groups are \['a', 'b'\]"):
        per_group("alpha", [1, 2, 3], COLUMNS)
    with pytest.raises(ValueError, match=r"alpha differs within group 'a'"):
        per_group("alpha", {"a": [1, 1, 2], "b": 1}, COLUMNS)
    with pytest.raises(ValueError, match=r"group_weights must be non-negative; got -1 for group 'b'"):
        per_group("group_weights", [1, -1], COLUMNS)
    named, table = (
        replace(COLUMNS, outputs=pd.Index(["u", "v"])),
        pd.DataFrame(1.0, index=["v", "u"], columns=["a", "b"]),
    )
    for rows in (["v"], ["v", "u", "u"], ["u", "u"]):
        with pytest.raises(
            ValueError, match=r"group_weights must have a row for each output, \['u', 'v'\]; its index is"
        ):
            per_group("group_weights", table.loc[rows], named, n_outputs=2)
    with pytest.raises(ValueError, match=r"each output, \[0, 1\]; .* numbered, for y has no names of columns"):
        per_group("group_weights", table, COLUMNS, n_outputs=2)
    with pytest.raises(ValueError, match=r"alpha misses the columns \['b'\]"):
        per_coefficient("alpha", table[["a"]], named, n_outputs=2)
    with pytest.raises(ValueError, match=r"entries for \['c'\], which are neither groups nor columns"):
        per_coefficient("alpha", table.assign(c=1.0), named, n_outputs=2)
    with pytest.raises(ValueError, match=r"alpha must be non-negative; got -1 for column 'b' of output 'v'"):
        per_coefficient("alpha", table.assign(b=[-1, 1]), named, n_outputs=2)
