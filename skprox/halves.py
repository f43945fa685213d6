"""Halves of the rows: what selects groups on them, how they are drawn, and what a model of one is given."""

import numpy as np
from scipy.sparse import issparse

from skprox._compat import _safe_indexing
from skprox.model import CountModel
from skprox.patterns import pattern_of


def check_selects(estimator):
    if not isinstance(estimator, CountModel):
        return
    if pattern_of(estimator).of_groups:
        if np.array_equal(estimator.l2_ratio, 1):
            raise ValueError(
                f"estimator {estimator} has l2_ratio=1: a ridge penalty, which selects nothing. Give it an l2_ratio "
                "below 1."
            )
    elif np.array_equal(estimator.l1_ratio, 0):
        raise ValueError(
            f"estimator {estimator} has l1_ratio=0: a ridge penalty, which selects nothing. Give it an "
            "l1_ratio above 0 (1 is the lasso), or pass a GroupLassoPoisson."
        )


def draw(splitter, weight):
    """Pairs of the positions, ascending, of rows that share none, by a splitter of rows of positive weight."""
    rows = np.flatnonzero(weight)
    if len(rows) < 2:
        raise ValueError("Halves of the rows need at least 2 of positive sample_weight; got n_samples=1.")
    for first, second in splitter.split(rows):
        yield np.sort(rows[first]), np.sort(rows[second])


def groups_by_key(X, columns):
    """The groups by label or position, so that halves of an array know them without a warning each."""
    keys = np.arange(len(columns.names)) if columns.labels is None or issparse(X) else columns.labels
    return {g: keys[members].tolist() for g, members in columns.groups.items()}


def take(X, y, weight, exposure, rows):
    """Some rows, with weights of at most one.

    An output without a positive count there is given counts equal to the exposure: of these the null model is exact,
    and nothing is selected.
    """
    X, y, weight, exposure = _safe_indexing(X, rows), y[rows], weight[rows], exposure[rows]
    weight = weight / weight.max()
    empty = ~(np.average(y.astype(weight.dtype), axis=0, weights=weight) >= np.finfo(weight.dtype).tiny)
    if empty.any():
        y = np.where(empty, exposure if y.ndim == 1 else exposure[:, None], y)
    return X, y, weight, exposure
