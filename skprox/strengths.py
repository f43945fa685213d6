"""Strengths, ratios and weights in all the forms that users give them, as arrays.

A value is a number, an array, a mapping (a dict or a pandas Series) from names of groups or
columns to numbers or arrays, or a pandas DataFrame of numbers with a row for each output and a column for each group or
column. `columns` is a `skprox.columns.Columns`; `n_outputs` is None for a 1-D target, and results have shape
(n_outputs or 1, ...).
"""

from numbers import Real

import numpy as np
import pandas as pd

from skprox.columns import label_key, listing


def per_coefficient(name, value, columns, n_outputs=None, most=np.inf):
    """A number between 0 and `most` for each coefficient, shape (n_outputs or 1, n_features)."""
    if isinstance(value, Real) and 0 <= value <= most:
        return np.full((n_outputs or 1, len(columns.names)), float(value))
    if _has_names(value):
        out = _from_entries(name, _entries(name, value, columns, n_outputs), columns, n_outputs)
    else:
        out = _fill(name, value, "", len(columns.names), "column", n_outputs)
    _check_range(name, out, columns, n_outputs, columns.titles, "column", most)
    return out


def per_group(name, value, columns, n_outputs=None, most=np.inf):
    """A number between 0 and `most` for each group, shape (n_outputs or 1, n_groups).

    An array has an entry for each group, in the order of `columns.groups`; where it has one for each
    column instead, as where a mapping gives arrays, entries must agree within a group.
    """
    if isinstance(value, Real) and 0 <= value <= most:
        return np.full((n_outputs or 1, len(columns.groups)), float(value))
    titles = list(columns.groups)
    if not _has_names(value):
        array = numbers(name, value, "")
        if array.ndim == 0 or array.shape[-1] != len(columns.names) or len(titles) == len(columns.names):
            out = _fill(name, array, "", len(titles), "group", n_outputs, f" The groups are {listing(titles)}.")
            _check_range(name, out, columns, n_outputs, titles, "group", most)
            return out
    each = per_coefficient(name, value, columns, n_outputs, most)
    out = np.empty((len(each), len(titles)))
    for g, members in enumerate(columns.groups.values()):
        out[:, g] = each[:, members[0]]
        if (each[:, members] != out[:, [g]]).any():
            raise ValueError(f"{name} differs within group {titles[g]!r}: a group lasso has one for a group.")
    return out


def bounds_by_column(value, columns, dtype=np.float64):
    """Lower and upper bound of each coefficient, infinite where there is none: shape (n_features, 2).

    Those that `dtype` can't hold are rounded towards zero.
    """
    size = len(columns.names)
    out = np.tile([-np.inf, np.inf], (size, 1))
    if value is None:
        return out
    if isinstance(value, pd.DataFrame):
        raise TypeError("bounds must not be a DataFrame; give a dict from columns to pairs, or an array.")
    if _has_names(value):
        entries = list(value.items())
        members = _members("bounds", entries, columns)
        _check_cover("bounds", "covers more than once", _counts(members, columns) > 1, columns, "at most once")
        for (key, entry), found in zip(entries, members, strict=True):
            out[found] = _to_pairs(entry, f" for {key!r}", len(found))
    else:
        out[:] = _to_pairs(value, "", size)
    wrong = ~((out[:, 0] <= 0) & (out[:, 1] >= 0))  # NaN is wrong too
    if wrong.any():
        j = np.flatnonzero(wrong)[0]
        raise ValueError(
            f"bounds must hold 0, which penalties shrink to; got ({out[j, 0]:g}, {out[j, 1]:g}) for column "
            f"{columns.titles[j]!r}. Give a lower bound of at most 0 and an upper one of at least 0."
        )
    with np.errstate(over="ignore"):
        rounded = out.astype(dtype)
    return np.where(np.abs(rounded) > np.abs(out), np.nextafter(rounded, dtype(0)), rounded).astype(np.float64)


def _to_pairs(value, entry, size):
    """Pairs of numbers, None being no bound, as an array that fits one of shape (size, 2)."""
    array = np.array([None, None] if value is None else value, dtype=object)
    if array.shape not in [(2,), (size, 2)]:
        raise ValueError(
            f"bounds{entry} must be a pair of a lower and an upper bound, such as (0, None), or of shape ({size}, 2), "
            f"a pair for each column; got shape {array.shape}."
        )
    return numbers("bounds", np.where(np.equal(array, None), [-np.inf, np.inf], array), entry)


def _has_names(value):
    return hasattr(value, "items")


def _entries(name, value, columns, n_outputs):
    """Pairs of a group or column and its number or array."""
    if not isinstance(value, pd.DataFrame):
        return list(value.items())
    if not n_outputs:
        raise ValueError(
            f"{name} is a DataFrame, whose rows are the outputs of a 2-D target; y is 1-D. Give a dict or Series, or "
            "one row, as by .iloc[0]."
        )
    titles = columns.output_titles(n_outputs)
    keys, wanted = list(map(label_key, value.index)), list(map(label_key, titles))
    if len(keys) != len(wanted) or set(keys) != set(wanted):
        hint = "" if columns.outputs is not None else " They are numbered, for y has no names of columns."
        raise ValueError(
            f"{name} must have a row for each output, {listing(titles)}; its index is {listing(value.index)}.{hint}"
        )
    rows = value.to_numpy()[[keys.index(key) for key in wanted]]
    sizes = [1 if (found := columns.members(key)) is None else len(found) for key in value.columns]
    return [(key, np.tile(rows[:, [j]], size)) for j, (key, size) in enumerate(zip(value.columns, sizes, strict=True))]


def _from_entries(name, entries, columns, n_outputs):
    members = _members(name, entries, columns)
    counts, out = _counts(members, columns), np.zeros((n_outputs or 1, len(columns.names)))
    for (key, entry), found in zip(entries, members, strict=True):
        out[:, found] = _fill(name, entry, f" for {key!r}", len(found), "column", n_outputs)
    _check_cover(name, "misses", counts == 0, columns)
    _check_cover(name, "covers more than once", counts > 1, columns)
    return out


def _members(name, entries, columns):
    """Positions of the columns of each entry."""
    members = [columns.members(key) for key, _ in entries]
    unknown = [key for (key, _), found in zip(entries, members, strict=True) if found is None]
    if unknown:
        raise ValueError(
            f"{name} has entries for {listing(unknown)}, which are neither groups nor columns. "
            f"The groups are {listing(columns.groups)}, the columns {listing(columns.titles)}."
        )
    return members


def _counts(members, columns):
    """How many entries cover each column."""
    return np.bincount(np.concatenate([np.empty(0, dtype=int), *members]), minlength=len(columns.names))


def _check_cover(name, problem, wrong, columns, wanted="once"):
    if wrong.any():
        raise ValueError(
            f"{name} {problem} the columns {listing(columns.titles[j] for j in np.flatnonzero(wrong))}; it must cover "
            f"each column {wanted}. The groups are {listing(columns.groups)}."
        )


def _fill(name, value, entry, size, unit, n_outputs, hint=""):
    """The value as an array of shape (n_outputs or 1, size)."""
    array = numbers(name, value, entry)
    shapes = [(), (size,)] + ([(n_outputs, size)] if n_outputs else [])
    if array.shape not in shapes:
        wanted = " or ".join(["a number", *map(str, shapes[1:])])
        target = "" if n_outputs else " and a 1-D target"
        raise ValueError(
            f"{name}{entry} has shape {array.shape}; for {size} {unit}s{target} it must be {wanted}.{hint}"
        )
    return np.broadcast_to(array, (n_outputs or 1, size)).copy()


def numbers(name, value, entry):
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O" and not any(isinstance(number, str) for number in array.flat):
            array = array.astype(np.float64)
    except (TypeError, ValueError):
        array = np.array("")
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name}{entry} must be numeric; got {value!r}.")
    return array.astype(np.float64)


def _check_range(name, values, columns, n_outputs, titles, unit, most):
    wrong = ~((values >= 0) & (values <= most))  # NaN is wrong too
    if wrong.any():
        output, j = np.argwhere(wrong)[0]
        outputs = columns.output_titles(n_outputs or 1)
        where = f"{unit} {titles[j]!r}" + (f" of output {outputs[output]!r}" if len(values) > 1 else "")
        expected = "non-negative" if most == np.inf else f"between 0 and {most:g}"
        raise ValueError(f"{name} must be {expected}; got {values[output, j]:g} for {where}.")
