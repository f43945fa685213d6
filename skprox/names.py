"""Rules that tell from the name of a column what it is made of, and so which columns belong together."""

import re
from collections import Counter, defaultdict
from functools import cache

import numpy as np
import pandas as pd

BASIS = re.compile(r"(.+?)((?:_(?:sp|rc|lag)_\d+)+)")  # SplineTransformer, RaisedCosineTransformer, LagTransformer
POWER = re.compile(r"(.+)\^\d+")  # PolynomialFeatures
LEFT_ALONE = re.compile(r"(.*__)?(remainder|passthrough)(-\d+)?")  # ColumnTransformer: columns passed through


def label_with_products(rule, names):
    """The labels by a rule; products of columns with prefixes, "a__x b__y^2", have those of their factors together."""
    factors = products_of_blocks(names)
    plain = [name for name in names if name not in factors]
    labels = dict(zip(plain, rule(plain), strict=True))
    for name, bases in factors.items():
        labels[name] = " ".join(dict.fromkeys(labels[base] for base in bases))
    return [labels[name] for name in names]


def products_of_blocks(names):
    """The columns with prefixes that each product of such multiplies."""
    known, factors = set(names), {}
    for name in names:
        if "__" in name:
            bases = [_base(factor) for factor in _factors(name, known.__contains__) or [name]]
            if bases != [name] and known.issuperset(bases):
                factors[name] = bases
    return factors


def _label_by_prefix(names):
    return [prefix or local for prefix, local in split_names(names)]


def _label_by_feature(names):
    return [" ".join(features) for _, features, _ in _parse(names)]


def label_by_marks(names):
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


NAME_RULES = {"auto": label_by_marks, "prefix": _label_by_prefix, "feature": _label_by_feature}


def _parse(names):
    """For each column: its prefix, the features it is made of, and whether a mark in its name tells them.

    A product of columns ("a b", "a^2") is made of several features, and the columns that it multiplies
    count as marked.
    """
    split = split_names(names)
    parsed, factors_in = [], defaultdict(set)
    for (prefix, local), bases in zip(split, bases_within(split), strict=True):
        if bases != [local]:
            factors_in[prefix].update(bases)
        marks = [BASIS.fullmatch(base) for base in bases]
        features = tuple(dict.fromkeys(m[1] if m else base for m, base in zip(marks, bases, strict=True)))
        parsed.append((prefix, features, bases != [local] or any(marks)))
    return [
        (prefix, features, marked or local in factors_in[prefix])
        for (prefix, features, marked), (_, local) in zip(parsed, split, strict=True)
    ]


def bases_within(split):
    """The columns with the same prefix that each column is a product of: itself, where it is none."""
    known = defaultdict(set)
    for prefix, local in split:
        known[prefix].add(local)
    for prefix, local in split:
        factors = _factors(local, known[prefix].__contains__) or _factors(local, BASIS.fullmatch) or [local]
        yield [_base(factor) for factor in factors]


def split_names(names):
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
