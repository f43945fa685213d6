"""Rules that turn the names of columns into groups of columns."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral

import numpy as np

SPLINE = re.compile(r"(.+)_sp_\d+")  # SplineTransformer
POWER = re.compile(r"(.+)\^\d+")  # PolynomialFeatures
LEFT_ALONE = re.compile(r"(.*__)?(remainder|passthrough)(-\d+)?")  # ColumnTransformer: columns passed through


@dataclass(frozen=True)
class Columns:
    """Names of the columns of a design, and how they fall into groups.

    Attributes
    ----------
    names : list of str
    groups : dict
        Name of a group to the positions of its columns, ascending.
    levels : pandas.MultiIndex or None
        The labels of the columns, where they have several levels.
    """

    names: list
    groups: dict
    levels: object = None

    def where(self):
        """Positions by name of a group, or else of a column."""
        labels = [*enumerate(self.names), *enumerate(self.levels if self.levels is not None else [])]
        return {label: np.array([j]) for j, label in labels} | self.groups


def label_columns(X):
    """X with plain string names, and its MultiIndex of columns if it has one.

    scikit-learn checks the names of columns between `fit` and `predict` when they are strings, so a
    MultiIndex ``("f1", "a")`` becomes ``"f1__a"``. The data are not copied.
    """
    columns = getattr(X, "columns", None)
    if getattr(columns, "nlevels", 1) == 1:
        return X, None
    return X.set_axis(["__".join(map(str, label)) for label in columns], axis=1), columns


def find_groups(groups, names, levels=None):
    """Resolve the parameter `groups` of an estimator into `Columns`.

    Parameters
    ----------
    groups : str, int, callable, mapping or array-like
        As in `GroupLassoPoisson`.
    names : sequence of str
        Names of the columns.
    levels : pandas.MultiIndex, optional
        The labels of the columns, where they have several levels.
    """
    names = list(names)
    if isinstance(groups, Mapping):
        found = {name: _positions(name, columns, names) for name, columns in groups.items()}
    elif isinstance(groups, str | Integral) or callable(groups):
        found = gather(_labels_by_rule(groups, names, levels))
    else:
        found = _groups_from_array(groups, len(names))
    _check_partition(found, names)
    return Columns(names, found, levels)


def _labels_by_rule(rule, names, levels):
    """A label a column."""
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
    if rule == "auto":
        return _label_by_marks(names)
    if rule == "prefix":
        return [name.rpartition("__")[0] or name for name in names]
    if rule == "feature":
        return [" ".join(features) for _, features, _ in _parse(names)]
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


def _label_by_marks(names):
    """The rule "auto" for plain names: spline and product marks tell features, prefixes tell blocks."""
    parsed = _parse(names)
    features_in = defaultdict(set)  # what the marked columns under a prefix are made of
    for prefix, features, marked in parsed:
        if marked:
            features_in[prefix].add(features)
    keys = []
    for prefix, features, marked in parsed:
        left_alone = not prefix or LEFT_ALONE.fullmatch(prefix)
        split = left_alone or (marked and len(features_in[prefix]) > 1)
        keys.append((prefix, features if split else None))

    members = gather(keys)
    titles = {}
    for (prefix, features), columns in members.items():
        made_of = {parsed[j][1] for j in columns if parsed[j][2]}
        if len(columns) == 1 and not parsed[columns[0]][2]:
            titles[prefix, features] = names[columns[0]] if features else prefix
        elif len(made_of) == 1 and (features or all(parsed[j][2] for j in columns)):
            titles[prefix, features] = " ".join(made_of.pop())
        else:
            titles[prefix, features] = prefix
    taken = Counter(titles.values())
    full = {
        (prefix, features): f"{prefix}__" + (title if features or title != prefix else "") if prefix else title
        for (prefix, features), title in titles.items()
    }
    return [titles[key] if taken[titles[key]] == 1 else full[key] for key in keys]


def _parse(names):
    """For each column: its prefix, the features it is made of, and whether a mark in its name tells them.

    The prefix ends at the last ``__``. A product of columns ("a b", "a^2") is made of several
    features, and the columns that it multiplies count as marked.
    """
    split = [name.rpartition("__")[::2] for name in names]
    known = defaultdict(set)
    for prefix, local in split:
        known[prefix].add(local)
    parsed, factors_in = [], defaultdict(set)
    for prefix, local in split:
        factors = _factors(local, known[prefix].__contains__) or _factors(local, SPLINE.fullmatch) or [local]
        bases = [_base(factor) for factor in factors]
        if bases != [local]:
            factors_in[prefix].update(bases)
        splines = [SPLINE.fullmatch(base) for base in bases]
        features = tuple(dict.fromkeys(m[1] if m else base for m, base in zip(splines, bases, strict=True)))
        parsed.append((prefix, features, bases != [local] or any(splines)))
    return [
        (prefix, features, marked or local in factors_in[prefix])
        for (prefix, features, marked), (_, local) in zip(parsed, split, strict=True)
    ]


def _base(factor):
    return POWER.sub(r"\1", factor) if POWER.fullmatch(factor) else factor


def _factors(name, is_column):
    """Parts of a product of columns, "a b^2": the name cut at spaces so that each part is a column."""
    for cut in re.finditer(" ", name):
        head, tail = name[: cut.start()], name[cut.end() :]
        if is_column(_base(head)):
            rest = _factors(tail, is_column) or ([tail] if is_column(_base(tail)) else [])
            if rest:
                return [head, *rest]
    return []


def gather(labels):
    """Positions of each label, in order of first appearance; no label, no group."""
    found = {}
    for j, label in enumerate(labels):
        if label is not None and label == label:
            found.setdefault(label, []).append(j)
    return {label: np.array(columns) for label, columns in found.items()}


def _positions(group, columns, names):
    """Positions of the columns that one entry of a dict of groups gives."""
    if isinstance(columns, str) and columns in names:
        return np.array([names.index(columns)])
    if isinstance(columns, str | re.Pattern):
        return np.flatnonzero([bool(re.search(columns, name)) for name in names])
    if isinstance(columns, slice):
        return np.arange(len(names))[columns]
    columns = np.atleast_1d(np.asarray(columns))
    if columns.dtype == bool and columns.shape == (len(names),):
        return np.flatnonzero(columns)
    where = {name: j for j, name in enumerate(names)} | {j: j for j in range(len(names))}
    unknown = [column for column in columns.tolist() if column not in where]
    if unknown:
        raise ValueError(f"groups[{group!r}] names columns that X does not have: {listing(unknown)}. {known(names)}")
    return np.sort([where[column] for column in columns.tolist()]).astype(int)


def _groups_from_array(groups, n_features):
    """Groups from a label a column, or from a 0/1 mask with a row a group."""
    try:
        array = np.asarray(groups)
    except ValueError:
        array = np.empty(0)
    if array.ndim == 2 and array.shape[1] == n_features:
        if not np.isin(array, [0, 1]).all():
            raise ValueError("groups as a mask must hold 0 and 1 only.")
        return {g: np.flatnonzero(row) for g, row in enumerate(array)}
    if array.shape != (n_features,):
        raise ValueError(
            f"groups has shape {array.shape}; expected a label for each of the {n_features} columns, or a 0/1 mask "
            f"of shape (n_groups, {n_features}). Lists of columns go in a dict from group name to columns."
        )
    return gather(array.tolist())


def _check_partition(found, names):
    """Every group has a column, and every column one group."""
    empty = [group for group, columns in found.items() if len(columns) == 0]
    if empty:
        raise ValueError(f"groups: no column of X is in {listing(empty)}. {known(names)}")
    counts = np.bincount(np.concatenate(list(found.values()) or [[]]).astype(int), minlength=len(names))
    for problem, columns in {"no group": counts == 0, "more than one group": counts > 1}.items():
        if columns.any():
            raise ValueError(
                f"groups: columns {listing(np.array(names, dtype=object)[columns])} are in {problem}; "
                "each column of X must be in exactly one."
            )


def listing(names, most=20):
    """Names for an error message."""
    names = [repr(name) for name in names]
    return "[" + ", ".join(names[:most]) + (f", ... ({len(names)} in all)]" if len(names) > most else "]")


def known(names):
    return f"Its columns are {listing(names)}."
