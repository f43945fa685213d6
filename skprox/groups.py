"""Rules that turn the names of columns into groups of columns."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from numbers import Integral

import numpy as np
import pandas as pd

from skprox.columns import Columns, column_names, has_names, label_key, listing
from skprox.hierarchy import find_hierarchy
from skprox.names import NAME_RULES, gather, label_with_products
from skprox.validation import warn


def find_columns(estimator, labels=None):
    """Names of the columns that `estimator` was given, and its groups of them: one each where names lack to go by."""
    names, overlap = column_names(estimator), getattr(estimator, "overlap", "error") == "latent"
    if is_hierarchy(estimator.groups) and not has_names(estimator):
        raise ValueError(
            "groups='hierarchy' reads from names what columns are products of, and X has no names of columns. Pass a "
            "DataFrame, from transformers by set_output(transform='pandas'), or give the groups as a dict."
        )
    if lacks_names(estimator):
        return replace(Columns.single(names, labels), overlap=overlap)
    return find_groups(estimator.groups, names, labels, overlap)


def lacks_names(estimator):
    """Whether groups go by the names of columns, and these have none."""
    by_name = isinstance(estimator.groups, str) and estimator.groups in NAME_RULES
    return by_name and not has_names(estimator)


def warn_without_names(estimator):
    if lacks_names(estimator):
        warn(
            f"X has no names of columns, so that groups={estimator.groups!r} makes each a group of its own. Pass a "
            "DataFrame, from transformers by set_output(transform='pandas') (and feature_names_out where there is a "
            "FunctionTransformer), or give the groups."
        )


def is_hierarchy(groups):
    """Whether groups are to hold the features that products are made of."""
    return isinstance(groups, str) and groups == "hierarchy"


def find_groups(groups, names, labels=None, overlap=False):
    """Resolve the parameter `groups` of an estimator into `Columns`.

    Parameters
    ----------
    groups : str, int, callable, mapping or array-like
        As in `GroupLassoPoisson`.
    names : sequence of str
        Names of the columns.
    labels : pandas.Index, default=None
        The labels of the columns, as in `Columns`.
    overlap : bool, default=False
        Whether groups may share columns.
    """
    columns = Columns(list(names), {}, labels, overlap=overlap)
    for called in [columns.names] if labels is None else [labels, columns.names]:
        counts = Counter(map(label_key, called))
        twice = list(dict.fromkeys(name for name in called if counts[label_key(name)] > 1))
        if twice:
            raise ValueError(
                f"Columns of X share the names {listing(twice)}; groups and strengths need names that differ."
            )
    if is_hierarchy(groups):
        found = find_hierarchy(columns.names, overlap)
    elif isinstance(groups, Mapping):
        found = {name: _positions(name, given, columns) for name, given in groups.items()}
    elif isinstance(groups, str | Integral) or callable(groups):
        found = gather(_labels_by_rule(groups, columns.names, labels))
    elif hasattr(groups, "items") and groups.ndim == 1:
        found = gather(_labels_by_index(groups, columns))
    else:
        found = _groups_from_array(groups, len(columns.names))
    _check_partition(found, columns)
    return replace(columns, groups=found)


def _labels_by_rule(rule, names, labels):
    """A label a column."""
    levels = labels if isinstance(labels, pd.MultiIndex) else None
    if isinstance(rule, bool):
        raise TypeError(f"groups={rule!r} is no rule; to fit without groups use PoissonGLMRegressor.")
    if callable(rule):
        return [rule(name) for name in names]
    if levels is not None and (rule == "auto" or rule in levels.names or isinstance(rule, Integral)):
        level = 0 if rule == "auto" else rule
        try:
            return list(levels.get_level_values(level))
        except IndexError as error:
            raise ValueError(f"groups={rule!r}: the columns of X have {levels.nlevels} levels.") from error
    if isinstance(rule, Integral):
        raise ValueError(f"groups={rule!r} names a level, but the columns of X have no levels (a pandas MultiIndex).")
    if rule in NAME_RULES:
        return label_with_products(NAME_RULES[rule], names)
    try:
        pattern = re.compile(rule)
    except re.error as error:
        raise ValueError(f"groups={rule!r} is not a regular expression: {error}.") from error
    if pattern.groups != 1:
        raise ValueError(
            f"groups={rule!r} is none of 'auto', 'prefix', 'feature' and the names of column levels; as a regular "
            f"expression it must capture one part of a column's name, but it captures {pattern.groups}."
        )
    return [match[1] if (match := pattern.search(name)) else None for name in names]


def _labels_by_index(series, columns):
    """The values of a Series in the order of the columns that its index names, or as they are with the default one."""
    keys = list(map(label_key, series.index))
    if not columns.is_numbered and all(isinstance(key, Integral) for key in keys):
        if keys != list(range(len(columns.names))):
            raise ValueError(
                "The index of groups holds integers, which name no columns. Give a Series indexed by the names of the "
                "columns, or groups.tolist() for labels in their order."
            )
        return list(series)
    places = [columns.position(key) for key in series.index]
    unknown = [key for key, place in zip(series.index, places, strict=True) if place is None]
    twice = list(series.index[pd.Index(places).duplicated()])
    for problem, keys in {"names columns that X does not have": unknown, "names columns twice": twice}.items():
        if keys:
            raise ValueError(f"The index of groups {problem}: {listing(keys)}. {known(columns)}")
    values = [None] * len(columns.names)
    for place, label in zip(places, series, strict=True):
        values[place] = label
    return values


def _positions(group, given, columns):
    """Positions of the columns that one entry of a dict of groups gives."""
    one = columns.position(given)
    if one is not None:
        return np.array([one])
    if isinstance(given, str | re.Pattern):
        return np.flatnonzero([bool(re.search(given, name)) for name in columns.names])
    if isinstance(given, slice):
        return np.arange(len(columns.names))[given]
    given = list(given) if isinstance(given, Iterable) else [given]
    places = [columns.position(column) for column in given]
    unknown = [column for column, place in zip(given, places, strict=True) if place is None]
    if unknown and len(given) == len(columns.names) and all(isinstance(column, bool | np.bool_) for column in given):
        return np.flatnonzero(given)
    if unknown:
        raise ValueError(f"groups[{group!r}] names columns that X does not have: {listing(unknown)}. {known(columns)}")
    return np.sort(places).astype(int)


def _groups_from_array(groups, n_features):
    """Groups from a label a column, or from a 0/1 mask with a row a group."""
    if len(groups) == n_features and all(isinstance(label, tuple) for label in groups):
        return gather(groups)
    try:
        array = np.array(groups, dtype=object)
    except ValueError:
        array = np.empty(0)
    if array.ndim == 2 and array.shape[1] == n_features:
        if not all(entry in (0, 1) for entry in array.flat):
            raise ValueError("groups as a mask must hold 0 and 1 only.")
        return {g: np.flatnonzero(row) for g, row in enumerate(array)}
    if array.shape != (n_features,):
        raise ValueError(
            f"groups has shape {array.shape}; expected a label for each of the {n_features} columns, or a 0/1 mask "
            f"of shape (n_groups, {n_features}). Lists of columns go in a dict from group name to columns."
        )
    return gather(array.tolist())


def _check_partition(found, columns):
    """Every group has a column, and every column one group, or where groups may share them at least one."""
    empty = [group for group, members in found.items() if len(members) == 0]
    if empty:
        raise ValueError(f"groups: no column of X is in {listing(empty)}. {known(columns)}")
    members, titles = np.concatenate(list(found.values()) or [[]]).astype(int), columns.titles
    counts = np.bincount(members, minlength=len(titles))
    most, often = (1, "exactly one") if not columns.overlap else (np.inf, "one or more")
    for problem, wrong in {"no group": counts == 0, "more than one group": counts > most}.items():
        if wrong.any():
            remedy = "Where transformers change the columns, give a rule."
            if problem != "no group":
                remedy = "For groups that share columns give GroupLassoPoisson overlap='latent'."
            raise ValueError(
                f"groups: columns {listing(titles[j] for j in np.flatnonzero(wrong))} are in {problem}; "
                f"each column of X must be in {often}. {remedy}"
            )
    for group, each in found.items() if columns.overlap else ():
        twice = np.flatnonzero(np.bincount(each) > 1)
        if len(twice):
            raise ValueError(f"groups[{group!r}] names columns twice: {listing(titles[j] for j in twice)}.")


def group_of_column(groups):
    """Place of the group of each column among all groups."""
    members, sizes = np.concatenate(list(groups.values())), [*map(len, groups.values())]
    out = np.empty(len(members), dtype=int)
    out[members] = np.repeat(np.arange(len(groups)), sizes)
    return out


def group_norms(coefs, groups):
    """Euclidean norms of the coefficients of each group, along the last axis."""
    group_of = group_of_column(groups)
    used = np.flatnonzero(coefs.any(axis=tuple(range(coefs.ndim - 1))))  # a few of a million hashed columns
    used = used[np.argsort(group_of[used], kind="stable")]
    kept, starts = np.unique(group_of[used], return_index=True)
    norms = np.zeros((*coefs.shape[:-1], len(groups)), dtype=coefs.dtype)
    norms[..., kept] = np.sqrt(np.add.reduceat(coefs[..., used] ** 2, starts, axis=-1))
    return norms


def groups_in(coefs, groups):
    """Which groups each model along the first axis has, in any output: bool of shape (n_models, n_groups)."""
    return group_norms(coefs, groups).reshape(len(coefs), -1, len(groups)).any(axis=1)


def known(columns):
    return f"Its columns are {listing(columns.titles)}."
