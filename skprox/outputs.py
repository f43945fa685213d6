"""The outputs of a 2-D target: what they are called."""

import numpy as np
import pandas as pd

from skprox.columns import Columns, label_key, listing


def output_labels(y):
    """The labels of the columns of a frame as a pandas.Index; None for arrays and frames that were given none."""
    columns = getattr(y, "columns", None)
    if columns is None or getattr(y, "ndim", 2) == 1:  # a Series of Dask has some
        return None
    labels = pd.Index(columns, tupleize_cols=False)
    if labels.equals(pd.RangeIndex(len(labels))):
        return None
    keys = list(map(label_key, labels))
    twice = [label for label, key in zip(labels, keys, strict=True) if keys.count(key) > 1]
    if twice:
        raise ValueError(f"Columns of y share the names {listing(twice)}; outputs need names that differ.")
    return labels


def output_titles(model):
    """What the outputs of a fitted model are called: their names, or else numbers."""
    return getattr(model, "output_names_", range(len(np.atleast_2d(model.coef_))))


def check_outputs(model, y):
    """The columns of y are those of the fit, in their order, where both have names."""
    names, labels = getattr(model, "output_names_", None), output_labels(y)
    if names is not None and labels is not None and [*map(label_key, labels)] != [*map(label_key, names)]:
        raise ValueError(
            f"The columns of y must be those that {type(model).__name__} was fitted to, in the same order, "
            f"{listing(names)}; got {listing(labels)}."
        )


def find_output(names, n_outputs, output):
    """The position of an output that is given by name, or by position where no output has a number for its name.

    `names` are None where there are none. `output` may be None where there is a single output.
    """
    titles = list(range(n_outputs) if names is None else names)
    numbers, known = f"0 to {n_outputs - 1}", listing(titles)
    if output is None and n_outputs > 1:
        which = numbers if names is None else f"{titles[0]!r}, or another of {known}"
        raise ValueError(f"The target has {n_outputs} outputs: say which to show by output={which}.")
    labels = pd.Index(titles, tupleize_cols=False)
    found = 0 if output is None else Columns(list(map(str, titles)), {}, labels).position(output)
    if found is None:
        which = f"a number from {numbers}" if names is None else f"one of {known}"
        raise ValueError(f"output must be {which}; got {output!r}.")
    return found
