"""Rows that a fitted model is asked about, wherever they are."""

import numpy as np
import pandas as pd

from skprox.columns import check_columns
from skprox.designs import add
from skprox.information import Clusters
from skprox.outputs import check_outputs
from skprox.validation import check_clusters, check_counts_like, check_exposure, check_weight, is_dask


def open_rows(model, X, y=None, sample_weight=None, exposure=None, clusters=None):
    """A design of rows with `weight` and `exposure`, in double precision, and `counts` and `clusters` where given.

    Returns what is known of the clusters, too, or None.
    """
    check_outputs(model, y)
    if is_dask(X, y, sample_weight, exposure, clusters):
        from skprox.designs import dask

        design = dask.open_rows(model, X, y, sample_weight, exposure, clusters)
    else:
        from skprox.designs.memory import Design

        X = check_columns(model, X, reset=False)
        weight, exposure = check_weight(sample_weight, X), check_exposure(exposure, X)
        arrays = {"weight": weight.astype(np.float64), "exposure": exposure.astype(np.float64)}
        if y is not None:
            like = np.broadcast_to(np.zeros((), X.dtype), (X.shape[0], *np.shape(model.intercept_)))
            arrays["counts"] = check_counts_like(y, like)[0].T.astype(np.float64)
        if clusters is not None:
            arrays["labels"] = check_clusters(clusters, X.shape[0])
        design = Design(X, arrays=arrays)
    return (design, None) if clusters is None else _number(design)


def _number(design):
    """The design with the number of the cluster of each row, from 0 on, in place of its label."""
    labels = design.reduce(_unite, lambda rows: pd.unique(rows["labels"]), 0, 1)
    # An index is of one thread: its hash table, made when first asked, is not safe from others.
    design = design.keep(lambda rows: {"clusters": pd.Index(labels).get_indexer(rows["labels"])})

    def task(rows):
        numbers, n_clusters = rows["clusters"], len(labels)
        return [np.bincount(numbers, minlength=n_clusters), np.bincount(numbers[rows["weight"] > 0], None, n_clusters)]

    sizes, used = design.reduce(add, task, 0, 1)
    if np.count_nonzero(used) < 2:
        raise ValueError(
            f"clusters must have two labels or more (in rows of positive weight); got {labels[used > 0].tolist()}."
        )
    return design, Clusters(sizes, np.count_nonzero(used), int(used.sum()))


def _unite(first, second):
    return pd.unique(np.concatenate([first, second]))
