"""Rows in the partitions of Dask arrays and frames: each pass is a task a partition, of which answers alone travel.

Nothing is kept of a partition between passes but what Dask keeps: X is read, or computed, wherever it is and as often
as there are passes, unless it was persisted. Of a frame a pass asks for the columns that it needs alone.
"""

from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import dataclass, replace
from functools import partial, reduce
from math import prod
from numbers import Number

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
from dask import delayed
from dask.delayed import Delayed
from dask.utils import is_dataframe_like, is_series_like
from scipy import sparse
from sklearn.utils import check_array

from skprox import parallel, storage
from skprox._compat import _check_sample_weight, _num_samples
from skprox.columns import Columns, check_columns, labels_of
from skprox.designs.memory import Design
from skprox.groups import find_columns
from skprox.joint import output_factors
from skprox.latent import kept
from skprox.outputs import output_labels
from skprox.validation import (
    check_clusters,
    check_counts,
    check_counts_like,
    check_exposure,
    check_means,
    check_rates,
    is_dask,
    sparse_floats,
    warn_of_column,
)

FAN_IN = 8  # answers of partitions that are merged at once
NAMES = "X", "y", "sample_weight", "exposure"


@dataclass(frozen=True)
class DaskData:
    """As `skprox.engine.Data`, with the arrays in the design."""

    X = None
    design: object
    dtype: np.dtype
    columns: Columns
    n_outputs: int | None
    n_samples: float
    factors: np.ndarray | None
    occupied: np.ndarray | None

    @property
    def n_rows(self):
        return self.design.shape[0]

    @property
    def weighted(self):
        return self.design

    def with_arrays(self, **arrays):
        return replace(self, design=self.design.with_arrays(arrays))

    def reduce(self, merge, task):
        return self.design.reduce(merge, task, 0, 1)

    @contextmanager
    def open(self, n_jobs, n_problems):
        with parallel.row_threads(n_jobs, prod(self.design.shape) * n_problems) as (_, run):
            yield self.design.of_occupied(self.occupied, self.columns.repeats), run


class DaskDesign:
    """A design whose rows are in partitions, as `skprox.designs` tells.

    Parameters
    ----------
    partitions : list of dict
        For each partition its blocks by name: of X, and of what comes with it.
    lengths : list of int
        The number of rows of each.
    n_columns : int
    dtype : dtype
        What X is multiplied in.
    is_dense : bool
    recipes : tuple
        What makes arrays of a partition, one after the other, and of how many columns of X; the first of its blocks.
    frame : DataFrame of Dask, default=None
        X, where it is one, of which columns may be read alone.
    """

    holds_rows, is_threaded, whole = False, True, None

    def __init__(self, partitions, lengths, n_columns, dtype, is_dense, recipes, frame=None):
        self.partitions, self.lengths, self.recipes, self.frame = partitions, lengths, recipes, frame
        self.shape, self.dtype, self.is_dense = (sum(lengths), n_columns), dtype, is_dense
        self.columns, self.occupied, self.n_all, self.repeats = None, None, n_columns, None

    def with_arrays(self, arrays):
        """The design with more arrays: these, cut to the partitions."""
        design, stops = copy(self), np.cumsum(self.lengths)
        design.partitions = []
        for part, length, stop in zip(self.partitions, self.lengths, stops, strict=True):
            mine = {name: values[..., stop - length : stop].copy() for name, values in arrays.items()}
            design.partitions.append(part | {"arrays": _kept(_Box(mine))})
        return design

    def keep(self, recipe, n_columns=0):
        """The design with the arrays that recipe(rows) makes, in each pass anew."""
        design = copy(self)
        design.recipes = (*self.recipes, (recipe, n_columns))
        return design

    def of_occupied(self, occupied, repeats):
        """The design of some columns, which may repeat, and of these those with an entry; None for all."""
        design, n_all = self, self.shape[1] if repeats is None else len(repeats)
        if occupied is not None:
            design = design.restrict(occupied, None)
            if repeats is not None:
                occupied, repeats = kept(repeats, occupied)
        if repeats is not None:
            design = design.restrict(repeats, None)
        design = copy(design)
        design.occupied, design.n_all, design.repeats = occupied, n_all, repeats
        return design

    def restrict(self, columns, unite):
        """The design of some of the columns; of a frame no others are read."""
        design = copy(self)
        design.columns = columns if self.columns is None else self.columns[columns]
        design.shape = self.shape[0], len(columns)
        return design if self.frame is None else design.project()

    def project(self):
        """The design whose blocks of X are those of its columns alone."""
        read, places = np.unique(self.columns, return_inverse=True)
        frame = self.frame.iloc[:, read]
        blocks = _blocks(frame, "X")
        if len(blocks) != len(self.partitions):  # of a `partition_size` there are fewer of fewer columns
            return self
        design = copy(self)
        design.frame, design.columns = frame, places
        design.partitions = [part | {"X": block} for part, block in zip(self.partitions, blocks, strict=True)]
        return design

    def copied_columns(self):
        return self.shape[1]

    def reduce(self, merge, task, n_columns, n_problems):
        """What `merge` makes of task(rows) over all rows: a task a partition, whose answers are merged as a tree."""
        with_columns = n_columns > 0 or any(n > 0 for _, n in self.recipes)
        visit = _Visit(merge, task, n_columns, n_problems, self.dtype, self.columns, self.recipes)
        visit = delayed(visit, traverse=False, pure=False)  # a node of its own, which is sent but once
        parts = self.partitions if with_columns else [part | {"X": None} for part in self.partitions]
        answers = [_run(visit, **part) for part in parts]
        while len(answers) > 1:
            answers = [_merge(visit, answers[k : k + FAN_IN]) for k in range(0, len(answers), FAN_IN)]
        return answers[0].compute()


@dataclass(frozen=True)
class _Box:
    """What Dask is not to look into."""

    content: object


@dataclass(frozen=True)
class _Visit:
    """What is to be done with each partition."""

    merge: object
    task: object
    n_columns: int
    n_problems: int
    dtype: np.dtype
    columns: object
    recipes: tuple

    def open(self, X, arrays=None, **blocks):
        """The design of a partition."""
        (first, _), *others = self.recipes
        arrays = first(blocks) | ({} if arrays is None else arrays.content)
        n_rows = arrays["weight"].size
        X = np.empty((n_rows, 0), self.dtype) if X is None else _matrix(X, self.dtype)
        if X.shape[0] != n_rows:
            raise ValueError(f"A partition has {X.shape[0]} rows, but what comes with it has {n_rows}.")
        columns = None if X.shape[1] == 0 else self.columns
        design = Design(X, columns=columns, arrays=arrays)
        for recipe, n_columns in others:
            design = design.keep(recipe, n_columns)
        return design


@partial(delayed, pure=False)
def _run(visit, **blocks):
    return visit.open(**blocks).reduce(visit.merge, visit.task, visit.n_columns, visit.n_problems)


@partial(delayed, pure=False)
def _merge(visit, answers):
    return reduce(visit.merge, deepcopy(answers))  # which merging changes, and Dask may use again


def _matrix(X, dtype):
    """A block of X, which has been checked before, as an array or a sparse matrix."""
    return check_array(sparse_floats(X), accept_sparse=("csr", "csc"), dtype=dtype, ensure_all_finite=False)


def _column(values, n_rows, dtype):
    """A block of weights or exposure, which has been checked before."""
    if values is None or isinstance(values, Number):
        return np.full(n_rows, 1.0 if values is None else values, dtype)
    return check_array(values, ensure_2d=False, dtype=dtype, ensure_all_finite=False)


def _arrays(dtype, most, total, blocks):
    """The arrays of a partition from its blocks, as `skprox.validation.check_rows` makes them."""
    n_rows, arrays = blocks["n_rows"], {}
    weight, exposure = (_column(blocks[name], n_rows, dtype) for name in NAMES[2:])
    if blocks["y"] is not None:
        y = check_array(blocks["y"], ensure_2d=False, dtype=dtype, ensure_all_finite=False)
        arrays["counts"] = np.ascontiguousarray(y.reshape(n_rows, -1).T)
    if blocks.get("clusters") is not None:
        arrays["labels"] = check_clusters(blocks["clusters"], n_rows)
    return arrays | {"weight": weight / most / total, "exposure": exposure, "offset": np.log(exposure)}


def check_data(model, X, y, sample_weight, exposure):
    """As `skprox.model.check_data`: one pass over X."""
    y = _target(model, y)
    partitions = _partitions({"X": X, "y": y, "sample_weight": sample_weight, "exposure": exposure})
    labels, outputs = labels_of(X), output_labels(y)
    check_columns(model, _empty(X), ensure_min_samples=0)
    if y.ndim == 2 and y.shape[1] == 1:
        warn_of_column()
    stand_in = type(model)()
    check_columns(stand_in, _empty(X), ensure_min_samples=0)
    looks, places = _look_at(stand_in, partitions, outputs)
    most, n_samples = max(look.most for look in looks), sum(look.total for look in looks)
    dtype = np.result_type(*(look.dtype for look in looks))
    n_rows, n_columns, n_outputs = sum(look.n_rows for look in looks), model.n_features_in_, looks[0].n_outputs
    means = sum(look.counted for look in looks) / n_samples
    check_rates(means, dtype, outputs)
    precision = np.dtype(np.float64) if n_rows * n_columns <= storage.CACHED else dtype
    recipe = partial(_arrays, precision, most, n_samples / most)
    design = _design(X, partitions, places, looks, n_columns, precision, recipe)
    columns = replace(find_columns(model, labels), outputs=outputs)
    factors = output_factors(model, means, columns, n_outputs)
    return DaskData(design, dtype, columns, n_outputs, float(n_samples), factors, _occupied(looks))


def open_rows(model, X, y, sample_weight, exposure, clusters):
    """As `skprox.fitted.open_rows`, with labels in place of clusters: one pass over X."""
    y = None if y is None else _target(model, y)
    of_rows = {"sample_weight": sample_weight, "exposure": exposure, "clusters": clusters}
    partitions = _partitions({"X": X, "y": y, **of_rows})
    check_columns(model, _empty(X), reset=False, ensure_min_samples=0)
    looks, places = _look_at(model, partitions, output_labels(y))
    if y is not None and len(looks[0].counted) != np.size(model.intercept_):
        raise ValueError(f"y has {len(looks[0].counted)} outputs, but the model has {np.size(model.intercept_)}.")
    dtype = np.result_type(*(look.dtype for look in looks))
    recipe = partial(_arrays, np.float64, 1.0, 1.0)
    return _design(X, partitions, places, looks, model.n_features_in_, dtype, recipe)


def open_means(y_true, y_pred, sample_weight, exposure):
    """As `skprox.metrics._open`: one pass over what comes with the rows; means are computed in each that follows."""
    if is_dask(y_pred):
        y_pred = y_pred if y_pred.ndim == 2 else y_pred.to_frame() if is_series_like(y_pred) else y_pred[:, None]
    y = _target(None, y_true)
    given = {"X": y_pred, "y": y, "sample_weight": sample_weight, "exposure": exposure}
    partitions, n_outputs = _partitions(given, "y_pred"), y_pred.shape[1]
    looks, places = _look_at(None, partitions, output_labels(y))
    recipe = partial(_arrays, np.float64, 1.0, 1.0)
    design = _design(y_pred, partitions, places, looks, n_outputs, np.dtype(np.float64), recipe)
    totals = (sum(getattr(look, name) for look in looks) for name in ("total", "counted", "exposed"))
    return design.keep(_means_of, n_outputs), *totals


def _means_of(rows):
    return {"means": check_counts_like(rows["counts"].T, check_means(rows.cut()))[1].T}


def _design(X, partitions, places, looks, n_columns, dtype, recipe):
    """The design of the partitions of X that have rows, at these places."""
    lengths, is_dense = [look.n_rows for look in looks], all(look.seen is None for look in looks)
    partitions = [partitions[k] | {"n_rows": length} for k, length in zip(places, lengths, strict=True)]
    frame = X.partitions[places] if is_dataframe_like(X) else None
    return DaskDesign(partitions, lengths, n_columns, dtype, is_dense, ((recipe, 0),), frame)


def _occupied(looks):
    """As `skprox.storage.occupied`, of all partitions together."""
    seen = [look.seen for look in looks]
    return None if any(each is None for each in seen) else storage.few(np.logical_or.reduce(seen))


def _target(model, y):
    if y is None:
        raise ValueError(f"{type(model).__name__} requires y to be passed, but the target y is None.")
    return y if is_dask(y) or hasattr(y, "iloc") else np.asarray(y)


def _check_lengths(**given):
    """The number of rows of a partition, the same of all that is given."""
    lengths = {name: _num_samples(each) for name, each in given.items() if np.ndim(each) or sparse.issparse(each)}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"Partitions must have the same rows of all that is given; the numbers of rows are {lengths}. Rechunk "
            "them alike, or take them from one frame."
        )
    return next(iter(lengths.values()))


def _kept(block):
    """A block from memory, where tasks find it."""
    (kept,) = dask.persist(delayed(block, traverse=False))
    return kept


def _partitions(given, called="X"):
    """For each partition of X, or what is in its place, its block of all that is given, by name."""
    X = given["X"]
    if not is_dask(X):
        name = next(name for name, each in given.items() if is_dask(each))
        raise TypeError(
            f"{name} is a collection of Dask, but {called} is {type(X).__name__}, in memory: pass both as collections "
            f"of Dask, or {name}.compute()."
        )
    blocks = {"X": _blocks(X, "X")}
    lengths = X.chunks[0] if isinstance(X, da.Array) else [np.nan] * len(blocks["X"])
    for name, each in given.items():
        if name != "X":
            blocks[name] = _aligned(each, name, lengths)
    return [dict(zip(blocks, part, strict=True)) for part in zip(*blocks.values(), strict=True)]


def _blocks(values, name):
    """The blocks of rows of an array or a frame."""
    if isinstance(values, da.Array):
        if not 1 <= values.ndim <= 2 or (name == "X" and values.ndim == 1):
            raise ValueError(f"Expected 2D array, got {values.ndim}D array instead: {name} has shape {values.shape}.")
        if values.ndim == 2 and np.isnan(values.shape[1]):
            raise ValueError(f"{name} has an unknown number of columns: call its compute_chunk_sizes() first.")
        values = values if values.ndim == 1 else values.rechunk({1: -1})
        return list(np.ravel(values.to_delayed()))
    if not (is_dataframe_like(values) or is_series_like(values)):
        raise TypeError(f"{name} must be an array or a frame of Dask; got {type(values).__name__}.")
    # No column but its own is read. So does `to_delayed`, but joins partitions where columns are few: of y, not of X.
    values = values.simplify()
    graph = values.__dask_graph__()
    return [Delayed(key, graph) for key in values.__dask_keys__()]


def _aligned(values, name, lengths):
    """Blocks with the rows of those of X, which have these lengths, unknown ones NaN."""
    if isinstance(values, str) and name == "exposure":
        check_exposure(values, None)
    if values is None or isinstance(values, Number):
        return [values] * len(lengths)
    known = not np.isnan(lengths).any()
    if isinstance(values, da.Array) and known and not np.isnan(values.chunks[0]).any():
        if values.shape[0] != sum(lengths):
            raise ValueError(f"{name} has {values.shape[0]} rows; expected {sum(lengths)}, as X has.")
        return _blocks(values.rechunk({0: tuple(lengths)}), name)
    if is_dask(values):
        blocks = _blocks(values, name)
        if len(blocks) != len(lengths):
            raise ValueError(
                f"{name} has {len(blocks)} partitions, but X has {len(lengths)}, and the numbers of their rows are not "
                "known. Take both from one frame, or call compute_chunk_sizes() of the arrays first."
            )
        return blocks
    if not known:
        raise TypeError(
            f"{name} is in memory, and the numbers of rows of the partitions of X are not known, so that it can't be "
            f"cut like X. Pass {name} as a collection of Dask with the partitions of X, or X as an array after "
            "compute_chunk_sizes()."
        )
    if _num_samples(values) != sum(lengths):
        raise ValueError(f"{name} has {_num_samples(values)} rows; expected {sum(lengths)}, as X has.")
    values, stops = values if hasattr(values, "iloc") else np.asarray(values), np.cumsum(lengths)
    parts = [slice(stop - length, stop) for length, stop in zip(lengths, stops, strict=True)]
    return [_kept(values.iloc[part] if hasattr(values, "iloc") else values[part]) for part in parts]


def _empty(X):
    """As X, with names, without rows."""
    return np.empty((0, X.shape[1])) if isinstance(X, da.Array) else pd.DataFrame(X._meta).astype(np.float64)


@dataclass(frozen=True)
class _Look:
    """What is seen of a partition, or what is wrong with it."""

    n_rows: int = 0
    n_outputs: int | None = None
    dtype: object = None
    seen: np.ndarray | None = None  # of the columns of a sparse X those with an entry
    most: float = 0.0
    total: float = 0.0
    exposed: float = 0.0
    counted: object = 0.0
    error: Exception | None = None


def _look_at(stand_in, partitions, outputs):
    """What is seen of each partition with rows, and their places; raises what is wrong with the first that is.

    Without a stand-in for the model X is not looked at.
    """
    node = delayed(stand_in, traverse=False)
    blocks = partitions if stand_in is not None else [part | {"X": None} for part in partitions]
    looks = dask.compute(*(_look(node, outputs, part) for part in blocks))
    for number, look in enumerate(looks):
        if look.error is not None:
            raise type(look.error)(f"{look.error} (In partition {number}, where rows are counted from 0.)")
    places = [k for k, look in enumerate(looks) if look.n_rows]
    if not places:
        raise ValueError(f"Found array with 0 sample(s) in X: all of its {len(partitions)} partitions are empty.")
    looks = [looks[k] for k in places]
    if any(look.n_outputs != looks[0].n_outputs for look in looks):
        raise ValueError("y has not as many columns in each of its partitions.")
    if not sum(look.total for look in looks) > 0:
        raise ValueError("sample_weight is 0 for every row; at least one must be positive.")
    return looks, places


@partial(delayed, pure=False)
def _look(stand_in, outputs, blocks):
    try:
        return _check(stand_in, outputs, **blocks)
    except (ValueError, TypeError) as error:
        return _Look(error=error)


def _check(stand_in, outputs, X, y, sample_weight, exposure, clusters=None):
    n_rows = _check_lengths(X=X, y=y, sample_weight=sample_weight, exposure=exposure, clusters=clusters)
    if n_rows == 0:
        return _Look()
    if X is None:
        X = np.empty((n_rows, 0))
    elif y is None:
        X = check_columns(stand_in, X, reset=False)
    else:
        X, y = check_columns(stand_in, X, y, reset=False, multi_output=True)
    if clusters is not None:
        check_clusters(clusters, n_rows)
    has_weight = sample_weight is None or np.any(np.asarray(sample_weight))  # where not, other partitions may have
    weight = _check_sample_weight(sample_weight if has_weight else None, X, dtype=X.dtype, ensure_non_negative=True)
    exposure = check_exposure(exposure, X)
    counts = np.empty((0, n_rows)) if y is None else check_counts(y, X.dtype, outputs)
    weight = weight.astype(np.float64) if has_weight else np.zeros(n_rows)
    return _Look(
        n_rows=X.shape[0],
        n_outputs=counts.shape[0] if np.ndim(y) == 2 else None,
        dtype=X.dtype,
        seen=storage.have_entries(X) if sparse.issparse(X) else None,
        most=float(weight.max()),
        total=float(weight.sum()),
        exposed=float(weight @ exposure),
        counted=counts @ weight,
    )


def predict(model, X, exposure):
    """Expected counts as a lazy array; as a frame where X is one and the outputs have names."""
    partitions = _partitions({"X": X, "exposure": exposure})
    check_columns(model, _empty(X), reset=False, ensure_min_samples=0)
    dtypes = X.dtypes if is_dataframe_like(X) else [X.dtype]
    dtype = np.dtype(np.float32 if all(each == np.float32 for each in dtypes) else np.float64)
    node, width = delayed(model, traverse=False), np.shape(model.intercept_)
    means = [_expect(node, dtype, **part) for part in partitions]
    if is_dataframe_like(X) and hasattr(model, "output_names_"):
        columns = pd.Index(list(model.output_names_))
        frames = [delayed(_frame, pure=False)(*each, columns) for each in zip(means, _blocks(X, "X"), strict=True)]
        return dd.from_delayed(frames, meta=pd.DataFrame(np.empty((0, len(columns)), dtype), columns=columns))
    lengths = X.chunks[0] if isinstance(X, da.Array) else [np.nan] * len(means)
    blocks = zip(means, lengths, strict=True)
    arrays = [da.from_delayed(each, (length, *width), dtype) for each, length in blocks]
    return da.concatenate(arrays, allow_unknown_chunksizes=True)


@partial(delayed, pure=False)
def _expect(model, dtype, X, exposure):
    return _means(model, X, exposure).astype(dtype, copy=False)


def _means(model, X, exposure):
    if _num_samples(X) == 0:
        return np.empty((0, *np.shape(model.intercept_)))
    X = check_columns(model, X, reset=False)
    return model._expect(X, check_exposure(exposure, X))


def _frame(means, X, columns):
    return pd.DataFrame(means, index=X.index, columns=columns)
