"""Rules that turn the names of columns into groups of columns."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from numbers import Integral

import numpy as np
import pandas as pd

from skprox.columns import Columns, column_names, has_names, label_key, listing
from skprox.validation import warn

BASIS = re.compile(r"(.+?)((?:_(?:sp|rc|lag)_\d+)+)")  # SplineTransformer, RaisedCosineTransformer, LagTransformer
POWER = re.compile(r"(.+)\^\d+")  # PolynomialFeatures
LEFT_ALONE = re.compile(r"(.*__)?(remainder|passthrough)(-\d+)?")  # ColumnTransformer: columns passed through


def find_columns(estimator, labels=None):
    """Names of the columns that `estimator` was given, and its groups of them: one each where names lack to go by."""
    names = column_names(estimator)
    return Columns.single(names, labels) if lacks_names(estimator) else find_groups(estimator.groups, names, labels)


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


def find_groups(groups, names, labels=None):
    """Resolve the parameter `groups` of an estimator into `Columns`.

    Parameters
    ----------
    groups : str, int, callable, mapping or array-like
        As in `GroupLassoPoisson`.
    names : sequence of str
        Names of the columns.
    labels : pandas.Index, default=None
        The labels of the columns, as in `Columns`.
    """
    columns = Columns(list(names), {}, labels)
    for called in [columns.names] if labels is None else [labels, columns.names]:
        counts = Counter(map(label_key, called))
        twice = list(dict.fromkeys(name for name in called if counts[label_key(name)] > 1))
        if twice:
            raise ValueError(
                f"Columns of X share the names {listing(twice)}; groups and strengths need names that differ."
            )
    if isinstance(groups, Mapping):
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
        return _label_with_products(NAME_RULES[rule], names)
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


def _label_with_products(rule, names):
    """The labels by a rule; products of columns with prefixes, "a__x b__y^2", have those of their factors together."""
    known, factors = set(names), {}
    for name in names:
        if "__" in name:
            bases = [_base(factor) for factor in _factors(name, known.__contains__) or [name]]
            if bases != [name] and known.issuperset(bases):
                factors[name] = bases
    plain = [name for name in names if name not in factors]
    labels = dict(zip(plain, rule(plain), strict=True))
    for name, bases in factors.items():
        labels[name] = " ".join(dict.fromkeys(labels[base] for base in bases))
    return [labels[name] for name in names]


def _label_by_prefix(names):
    return [prefix or local for prefix, local in _split(names)]


def _label_by_feature(names):
    return [" ".join(features) for _, features, _ in _parse(names)]


def _label_by_marks(names):
    """The rule "auto" for plain names: marks of bases and products tell features, prefixes tell blocks."""
    parsed = _parse(names)
    features_in = defaultdict(set)  # what the marked columns under a prefix are made of
    for prefix, features, marked in parsed:
        if marked:
            features_in[prefix].add(features)
    keys = []
    for j, (prefix, features, marked) in enumerate(parsed):
        if not prefix or LEFT_ALONE.fullmatch(prefix):
            keys.append((prefix, features if marked else names[j]))
        else:
            keys.append((prefix, features if marked and len(features_in[prefix]) > 1 else None))

    titles = {}
    for (prefix, features), columns in gather(keys).items():
        made_of = {parsed[j][1] for j in columns if parsed[j][2]}
        if isinstance(features, str):
            titles[prefix, features] = features, features
        elif len(made_of) == 1 and (features or all(parsed[j][2] for j in columns)):
            title = " ".join(made_of.pop())
            titles[prefix, features] = title, f"{prefix}__{title}" if prefix else f"{title}_{_mark(names[columns[0]])}"
        else:
            titles[prefix, features] = prefix, f"{prefix}__"
    taken = Counter(title for title, _ in titles.values())
    return [title if taken[title] == 1 else full for title, full in map(titles.get, keys)]


NAME_RULES = {"auto": _label_by_marks, "prefix": _label_by_prefix, "feature": _label_by_feature}


def _parse(names):
    """For each column: its prefix, the features it is made of, and whether a mark in its name tells them.

    A product of columns ("a b", "a^2") is made of several features, and the columns that it multiplies
    count as marked.
    """
    split = _split(names)
    known = defaultdict(set)
    for prefix, local in split:
        known[prefix].add(local)
    parsed, factors_in = [], defaultdict(set)
    for prefix, local in split:
        factors = _factors(local, known[prefix].__contains__) or _factors(local, BASIS.fullmatch) or [local]
        bases = [_base(factor) for factor in factors]
        if bases != [local]:
            factors_in[prefix].update(bases)
        marks = [BASIS.fullmatch(base) for base in bases]
        features = tuple(dict.fromkeys(m[1] if m else base for m, base in zip(marks, bases, strict=True)))
        parsed.append((prefix, features, bases != [local] or any(marks)))
    return [
        (prefix, features, marked or local in factors_in[prefix])
        for (prefix, features, marked), (_, local) in zip(parsed, split, strict=True)
    ]


def _split(names):
    """The transformers' part of each name, and the column's own.

    They meet at the last ``__``, or at an earlier one where that ends the prefix of another column: in
    ``cat__month_Jan`` and ``cat__month_a__b`` it is a category that has a ``__``.
    """
    prefixes = {name.rpartition("__")[0] for name in names} - {""}
    split = []
    for name in names:
        cuts = [match.start() for match in re.finditer("__", name) if name[: match.start()] in prefixes]
        split.append((name[: cuts[0]], name[cuts[0] + 2 :]) if cuts else ("", name))
    return split


def _mark(name):
    """What says that a column is of a basis: the first of its marks."""
    marks = BASIS.fullmatch(name)
    return marks[2].split("_")[1] if marks else "sp"


def _base(factor):
    power = POWER.fullmatch(factor)
    return power[1] if power else factor


def _factors(name, is_column):
    """Parts of a product of columns, "a b^2": the name cut at spaces so that each part is a column."""
    if " " not in name:
        return []

    @cache
    def cut(rest):
        for space in re.finditer(" ", rest):
            head, tail = rest[: space.start()], rest[space.end() :]
            if is_column(_base(head)):
                parts = cut(tail) or ([tail] if is_column(_base(tail)) else [])
                if parts:
                    return [head, *parts]
        return []

    return cut(name)


def gather(labels):
    """Positions of each label, in order of first appearance; no label, no group."""
    found = {}
    for j, label in enumerate(labels):
        try:
            found.setdefault(label, []).append(j)
        except TypeError:
            raise TypeError(
                f"groups: the name of a group must be hashable, as strings are; got {label!r} for column {j}."
            ) from None
    return {label: np.array(columns) for label, columns in found.items() if not pd.isna(label)}


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
    """Every group has a column, and every column one group."""
    empty = [group for group, members in found.items() if len(members) == 0]
    if empty:
        raise ValueError(f"groups: no column of X is in {listing(empty)}. {known(columns)}")
    members, titles = np.concatenate(list(found.values()) or [[]]).astype(int), columns.titles
    counts = np.bincount(members, minlength=len(titles))
    for problem, wrong in {"no group": counts == 0, "more than one group": counts > 1}.items():
        if wrong.any():
            raise ValueError(
                f"groups: columns {listing(titles[j] for j in np.flatnonzero(wrong))} are in {problem}; "
                "each column of X must be in exactly one. Where transformers change the columns, give a rule."
            )


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
