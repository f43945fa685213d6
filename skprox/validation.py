"""Checks of what comes with the rows of X: counts, weights, exposure."""

import sys
import warnings
from numbers import Real

import numpy as np
import pandas as pd
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_array

from skprox._compat import _check_sample_weight

FLOATS = np.float64, np.float32
INSIDE = "skprox", "sklearn", "numba", "importlib", "contextlib", "joblib"
FOR_ALL_ROWS = "functools.partial(skprox.poisson_deviance_scorer, exposure=exposure)"


def warn(message, category=UserWarning):
    """Warn, and point to the line outside of this package and of what it is called through that led here."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in INSIDE:
        frame = frame.f_back
    module, registry = frame.f_globals.get("__name__"), frame.f_globals.setdefault("__warningregistry__", {})
    warnings.warn_explicit(message, category, frame.f_code.co_filename, frame.f_lineno, module, registry)


def is_candidate():
    """Whether the model is one of many: of a cross-validation of scikit-learn, or of `multi_split_test`."""
    frame, callers = sys._getframe(1), ("sklearn.model_selection._validation", "skprox.multi_split")
    while frame and frame.f_globals.get("__name__") not in callers:
        frame = frame.f_back
    return frame is not None


def sparse_floats(X):
    """X with its columns as floats that store no zeros, where X is a DataFrame whose columns are all sparse.

    Left to `check_array`, booleans stay booleans, beside numbers they become objects, and zeros must not be stored.
    """
    dtypes = set(X.dtypes) if isinstance(X, pd.DataFrame) else ()
    if not all(isinstance(dtype, pd.SparseDtype) and dtype.kind in "biuf" for dtype in dtypes):
        return X
    if all(dtype.kind == "f" and dtype.fill_value == 0 for dtype in dtypes):
        return X
    columns = {j: _zero_filled(column.array) for j, (_, column) in enumerate(X.items())}
    return pd.DataFrame(columns, index=X.index).set_axis(X.columns, axis=1)


def _zero_filled(column):
    if column.fill_value == 0:
        return column.astype(pd.SparseDtype(np.float64, 0.0))
    # astype of pandas 2 changes fill values, and with them what is not stored
    return pd.arrays.SparseArray(np.asarray(column, dtype=np.float64), fill_value=0.0)


def check_rows(X, y, sample_weight, exposure, names=None):
    """Arrays of the rows, by name, the sum of their weights as given, and the weighted mean counts.

    These are counts of shape (n_outputs, n_samples), weights that sum to one, exposure and its logarithm. `names` are
    those of the outputs.
    """
    if y.ndim == 2 and y.shape[1] == 1:
        warn_of_column()
    if isinstance(y, np.ndarray) and (y.dtype == X.dtype or y.dtype.kind in "biu"):  # which was checked beside X
        counts = _by_output(y.astype(X.dtype, copy=False), names)
    else:
        counts = check_counts(y, X.dtype, names)
    if sample_weight is None:
        total = float(X.shape[0])
        weight = _constant(1 / total, X)
    else:
        weight = check_weight(sample_weight, X)
        most = weight.max()
        weight = weight / most
        share = weight.sum(dtype=np.float64)
        weight /= share
        total = float(most) * float(share)
    if exposure is None:
        exposure, offset = _constant(1, X), _constant(0, X)
    else:
        exposure = check_exposure(exposure, X)
        offset = np.log(exposure)
    means = counts.astype(np.float64, copy=False) @ weight.astype(np.float64, copy=False)
    check_rates(means, counts.dtype, names)
    arrays = {"counts": counts, "weight": weight, "exposure": exposure, "offset": offset}
    return arrays, total, means


def _constant(value, X):
    """An array with an entry for each row of X, all alike, in the memory of one."""
    return np.broadcast_to(X.dtype.type(value), X.shape[0])


def warn_of_column():
    warn(
        "A column-vector y was passed when a 1d array was expected: it is taken as a 2-D target with one "
        "output, whose coef_ and predictions are 2-D too. Pass y.ravel() for a 1-D target.",
        DataConversionWarning,
    )


def is_dask(*values):
    """Whether some are collections of Dask, which is not imported for it."""
    return any(hasattr(each, "__dask_graph__") for each in values)


def refuse_dask(name, *values):
    """What looks at rows in memory says so, rather than to gather them."""
    if is_dask(*values):
        raise TypeError(
            f"{name} needs its rows in memory, but was given a collection of Dask. Pass X.compute(), or a part of the "
            "rows. PoissonGLMRegressor, GroupLassoPoisson and those with CV in their name take rows where they are for "
            "fit, predict, score, covariances and tables, and so do regularization_path and scorers."
        )


def check_weight(sample_weight, X):
    if sample_weight is None:
        return np.ones(X.shape[0], dtype=X.dtype)
    weight = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
    if not weight.any():
        raise ValueError("sample_weight is 0 for every row; at least one must be positive.")
    return weight


def check_clusters(clusters, n_rows):
    """The label of the cluster of each row."""
    if np.shape(clusters) != (n_rows,):
        raise ValueError(f"clusters has shape {np.shape(clusters)}; expected {(n_rows,)}, a label for each row of X.")
    labels = pd.Series(np.asarray(clusters))
    if labels.isna().any():
        raise ValueError(f"clusters has no label for row {labels.isna().argmax()}; give one for each row.")
    return labels.to_numpy()


def check_exposure(exposure, X):
    if exposure is None:
        return np.ones(X.shape[0], dtype=X.dtype)
    if isinstance(exposure, str):
        raise TypeError(
            f"exposure must be an instance of float, not str, or an array of an entry a row; got {exposure!r}. If that "
            f"is a column of X, pass its values, exposure=X[{exposure!r}], and leave it out of X."
        )
    if np.ndim(exposure) == 0:
        check_scalar(np.asarray(exposure)[()], "exposure", Real)
        exposure = np.full(X.shape[0], exposure)
    exposure = check_array(exposure, ensure_2d=False, dtype=X.dtype, input_name="exposure")
    if exposure.shape != (X.shape[0],):
        raise ValueError(f"exposure has shape {exposure.shape}; expected ({X.shape[0]},), an entry for each row of X.")
    if (exposure <= 0).any():
        row = np.argmax(exposure <= 0)
        raise ValueError(f"exposure must be positive; got {exposure[row]:g} in row {row}. Leave rows without it out.")
    return exposure


def warn_of_rates(model, exposure):
    """What was fitted with exposure predicts counts with exposure only."""
    if exposure is None and getattr(model, "has_exposure_", False):
        warn(
            f"This {type(model).__name__} was fitted with exposure; without it, predict gives rates, the counts "
            "expected for an exposure of 1. Pass exposure, or exposure=1 where rates are wanted. To score counts "
            "in cross-validation, enable metadata routing and take scoring=skprox.poisson_deviance_scorer; in "
            f"permutation_importance, take scoring={FOR_ALL_ROWS}.",
        )


def need_exposure(model, exposure, name):
    """Counts that were fitted with their exposure can't be told from rates without it."""
    if exposure is None and getattr(model, "has_exposure_", False):
        raise ValueError(
            f"This {type(model).__name__} was fitted with exposure, so that {name} needs exposure as well. Where "
            "a pipeline, a search or cross-validation calls it, enable metadata routing, which passes exposure on: "
            "sklearn.set_config(enable_metadata_routing=True). Where permutation_importance does, which takes none, "
            f"give it scoring={FOR_ALL_ROWS}."
        )


def check_counts(y, dtype, names=None):
    """Counts of shape (n_outputs, n_samples)."""
    return _by_output(check_array(y, ensure_2d=False, dtype=dtype, input_name="y"), names)


def _by_output(y, names):
    counts = np.ascontiguousarray(y.reshape(len(y), -1).T)
    if (counts < 0).any():
        row, output = np.argwhere(counts.T < 0)[0]
        where = f"row {row}" + (f", output {_title(output, names)}" if y.ndim == 2 else "")
        raise ValueError(f"y must hold counts, which are not negative; got {counts[output, row]:g} in {where}.")
    if float(counts.max()) > 1e150:
        raise ValueError(f"y holds counts too large to be squared, up to {counts.max():g}. Rescale it.")
    return counts


def _title(output, names):
    return output if names is None else repr(names[output])


def check_means(means):
    """Expected counts, infinite ones among them."""
    means = check_array(means, ensure_2d=False, dtype=np.float64, ensure_all_finite=False, input_name="y_pred")
    if not (means >= 0).all():
        where = tuple(np.argwhere(~(means >= 0))[0])
        raise ValueError(
            f"y_pred must hold expected counts, which are not negative; got {means[where]:g} in row {where[0]}."
        )
    return means


def check_counts_like(y, means):
    """Counts, and the means expected of them, both of shape (n_samples, n_outputs)."""
    counts = check_counts(y, means.dtype).T
    if counts.size != means.size or len(counts) != len(means):
        raise ValueError(f"y has shape {np.shape(y)}, but predictions have shape {means.shape}.")
    return counts, means.reshape(counts.shape)


def check_rates(means, dtype, names=None):
    """Each output has a mean that logarithms and divisions can take."""
    empty = ~(means >= np.finfo(dtype).tiny)
    if empty.any():
        which = f" in output {_title(np.argmax(empty), names)}" if len(means) > 1 else ""
        raise ValueError(
            f"y holds no positive count{which} (in rows of positive sample_weight, by the precision of "
            f"{dtype}): there is no rate to model."
        )


def check_spread(objective, names):
    too_large = ~np.isfinite(objective.column_sd).all(axis=0)
    if too_large.any():
        name = np.array(names, dtype=object)[np.flatnonzero(objective.expand(too_large))[0]]
        raise ValueError(f"X holds values too large to be squared, in column {name!r}. Rescale it.")
