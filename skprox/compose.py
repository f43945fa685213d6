"""Exact groups, read from transformers instead of from names."""

import re
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, PolynomialFeatures, SplineTransformer
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skprox._compat import _check_feature_names_in, _safe_indexing
from skprox.names import BASIS, POWER, gather
from skprox.preprocessing import (
    LagTransformer,
    MonotoneSplineTransformer,
    RaisedCosineTransformer,
    SmoothSplineTransformer,
)
from skprox.sparse_columns import SparseColumnTransformer, leaves

REMAINDER = "remainder"  # the step of a ColumnTransformer for the columns that no other takes


def groups_from_transformer(transformer: Any) -> dict[str, list[str]]:
    """Columns that a fitted transformer makes from each of its input features.

    Reads `ColumnTransformer`, `Pipeline` and `FeatureUnion`, nested as they may be, down to splines,
    bumps, lags, one-hot and binned columns, products of columns, selected columns and those that keep their
    names. A column made of several features belongs to the group of that set of features; those of
    a transformer that mixes its input (as PCA does) are one group, as are the words of a text.

    Parameters
    ----------
    transformer : estimator
        A fitted transformer.

    Returns
    -------
    dict
        Name of a feature, or names of several with spaces in between, to the positions of their
        columns in the output. A column made of no feature, a bias, is a group by its own name. Ready
        for the parameter `groups` of `GroupLassoPoisson`.

    See Also
    --------
    make_grouped_column_transformer : Carries the groups in the names of its columns.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.compose import make_column_transformer
    >>> from sklearn.preprocessing import OneHotEncoder
    >>> from skprox import groups_from_transformer
    >>> X = pd.DataFrame({"month": ["Jan", "Feb"], "day": ["Mon", "Tue"]})
    >>> encoder = make_column_transformer((OneHotEncoder(), ["month", "day"])).fit(X)
    >>> groups_from_transformer(encoder)
    {'month': array([0, 1]), 'day': array([2, 3])}
    """
    if hasattr(transformer, "get_feature_names_out"):  # without it there is nothing to read, fitted or not
        check_is_fitted(transformer)
    origins = _trace(transformer, [(name,) for name in _input_names(transformer)])
    names = transformer.get_feature_names_out() if not all(origins) else [None] * len(origins)
    titles = {origin: " ".join(origin) for origin in origins if origin}
    if len(set(titles.values())) < len(titles):
        raise ValueError("A feature's name with a space in it is also that of a set of features: rename it.")
    return gather([titles.get(origin, name) for origin, name in zip(origins, names, strict=True)])


def make_grouped_column_transformer(
    *transformers: tuple[Any, Any], remainder: Any = "drop", sparse_output: bool = False, n_jobs: int | None = None
) -> ColumnTransformer:
    """Build a `ColumnTransformer` with a transformer of its own for each feature, named by it.

    Columns are then called ``feature__column``, so that the default ``groups="auto"`` of
    `GroupLassoPoisson` finds one group a feature, where a single encoder of several features would leave
    one group for all, also inside a pipeline whose transformers are tuned and fitted anew. Whatever a
    transformer adds, such as indicators of missing values, is in the group of its feature; names that
    would tell other features stand in parentheses: ``temp__(missingindicator_temp_sp_0)``. Output
    is a pandas frame, or with ``sparse_output=True`` a sparse array with names that the estimators of skprox know.

    Parameters
    ----------
    *transformers : tuples
        ``(transformer, columns)`` as in `sklearn.compose.make_column_transformer`, where `columns` is
        a list of names. The transformer sees one of them at a time. Where it, or a step of it, has
        ``sparse_output=True``, the copies for the features have False, for frames can't be sparse.
    remainder : {"drop", "passthrough"}, default="drop"
        What happens to the other columns.
    sparse_output : bool, default=False
        True hands on a CSR array in place of a frame, for encoders of thousands of levels, and texts: vectorizers,
        such as `TfidfVectorizer`, are then allowed. Transformers that have a parameter `sparse_output` are
        copied with True. The names of the columns are the attribute `column_names` of the array, where estimators of
        skprox look for them. Steps of scikit-learn in between would drop them: put these into the
        transformer of each feature.
    n_jobs : int, default=None
        Number of jobs.

    Returns
    -------
    ColumnTransformer
        Each feature's transformer is a parameter of that name: ``temp__n_knots``. With ``sparse_output=True`` it is a
        ``SparseColumnTransformer``, which derives from it and is called so as a step of a pipeline.

    See Also
    --------
    groups_from_transformer : The exact groups behind any fitted transformer.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.preprocessing import OneHotEncoder
    >>> from skprox import make_grouped_column_transformer
    >>> X = pd.DataFrame({"month": ["Jan", "Feb"], "day": ["Mon", "Tue"]})
    >>> encoder = make_grouped_column_transformer((OneHotEncoder(), ["month", "day"]))
    >>> list(encoder.fit_transform(X))
    ['month__month_Feb', 'month__month_Jan', 'day__day_Mon', 'day__day_Tue']
    >>> encoder = make_grouped_column_transformer((OneHotEncoder(), ["month", "day"]), sparse_output=True)
    >>> encoder.fit_transform(X).column_names[:2]
    array(['month__month_Feb', 'month__month_Jan'], dtype=object)
    """
    if remainder not in ("drop", "passthrough"):
        raise ValueError(
            f"remainder must be 'drop' or 'passthrough', got {remainder!r}. Columns to transform need a pair as well."
        )
    steps, features = [], {}  # features by the names of their steps
    for pair in transformers:
        if not (isinstance(pair, tuple) and len(pair) == 2 and _is_transformer(pair[0])):
            raise TypeError(f"transformers must be pairs of a transformer and a list of names; got {pair!r}.")
        transformer, columns = pair
        if not isinstance(transformer, str):
            transformer = _sparse_copy(transformer) if sparse_output else _dense_copy(transformer)
        if callable(columns) or isinstance(columns, str | slice) or not all(isinstance(c, str) for c in columns):
            raise TypeError(f"columns must be lists of names, which name the groups; got {columns!r}.")
        if getattr(transformer, "epoch", None) is not None:
            raise ValueError(
                f"{transformer!r} needs a column beside the one that it transforms. Put it into a ColumnTransformer of "
                "scikit-learn: groups='auto' knows lags by their names."
            )
        for column in columns:
            title = _single_underscores(column).strip("_")
            if title in features:
                raise ValueError(_clash(features[title], column, title))
            features[title] = column
            taken = column if sparse_output and _takes_texts(transformer) else [column]
            steps.append((title, clone(transformer, safe=False), taken))
    options = {"remainder": remainder, "n_jobs": n_jobs, "verbose_feature_names_out": _join}
    if sparse_output:
        return SparseColumnTransformer(steps, sparse_threshold=1.0, **options)
    return ColumnTransformer(steps, **options).set_output(transform="pandas")


def _is_transformer(candidate):
    if isinstance(candidate, str):
        return candidate in ("drop", "passthrough")
    return hasattr(candidate, "transform") and not isinstance(candidate, type)


def _dense_copy(transformer):
    """A copy that gives dense output, and frames if asked to."""
    names = [name for name in transformer.get_params() if name.rpartition("__")[2] == "sparse_output"]
    transformer = clone(transformer).set_params(**dict.fromkeys(names, False))
    try:
        make_pipeline(transformer).set_output(transform="pandas")
    except ValueError as error:
        raise TypeError(
            f"{transformer!r} gives no pandas frames (set_output), as those of text do not. Put it into a "
            "ColumnTransformer of scikit-learn, a text by its plain name: ct = make_column_transformer("
            "(CountVectorizer(), 'text'), ...); and give groups=groups_from_transformer(ct.fit(X)) to the estimator. "
            "Where folds fit ct anew, it must make as many columns: fix the vocabulary, or take a HashingVectorizer."
        ) from error
    return transformer


def _sparse_copy(transformer):
    """A copy that gives sparse output where it can."""
    transformer = clone(transformer)
    for each in leaves(transformer, slice(-1, None)):
        if "sparse_output" in each.get_params(deep=False):
            each.set_params(sparse_output=True)
    for each in leaves(transformer, slice(None)):
        if not hasattr(each, "get_feature_names_out"):
            raise TypeError(
                f"{each!r} gives no names to its columns. Give a FunctionTransformer its feature_names_out, and take a "
                "CountVectorizer for a HashingVectorizer; or put it into a ColumnTransformer of scikit-learn, and give "
                "groups=groups_from_transformer(ct.fit(X)) to the estimator."
            )
    return transformer


def _takes_texts(transformer):
    """Whether its input is a series in place of a frame."""
    if isinstance(transformer, str):
        return False
    return any(not get_tags(first).input_tags.two_d_array for first in leaves(transformer, slice(1)))


def _clash(first, second, title):
    if first == second:
        return f"Feature {first!r} is given twice. Join its transformers in one FeatureUnion, which makes one group."
    return f"Features {first!r} and {second!r} would both be called {title!r}, as '__' ends a prefix. Rename one."


def _join(feature, column):
    """Name of a column: with ``__`` in one place only, in parentheses where marks in it would tell other features."""
    column = _single_underscores(column).lstrip("_")
    told = feature == REMAINDER or not _tells_others(feature, column)
    return f"{feature}__{column}" if told else f"{feature}__({column})"


def _tells_others(feature, column):
    """Whether "auto" may read from the name of a column that it is made of other features than the one of its block."""
    own = re.escape(feature) + r"(_(sp|rc|lag)_\d+)*(\^\d+)?"
    if re.fullmatch(f"{own}( {own})*", column):
        return _is_marked(feature)
    category = column.startswith(f"{feature}_") and f" {feature}" not in column
    return _is_marked(column) or (" " in column and not category)


def _is_marked(name):
    return bool(BASIS.fullmatch(name) or POWER.fullmatch(name))


def _single_underscores(name):
    return re.sub("__+", "_", name)


def _input_names(transformer):
    """Names of the features that a transformer was fitted to, also those of its first step or of its parts."""
    if isinstance(transformer, Pipeline | FeatureUnion):
        parts = transformer.steps if isinstance(transformer, Pipeline) else transformer.transformer_list
        fitted = [part for _, part in parts if not (part is None or isinstance(part, str))]
        if isinstance(transformer, FeatureUnion):
            fitted.sort(key=lambda part: not hasattr(part, "n_features_in_"))
        if fitted:
            return _input_names(fitted[0])
    elif hasattr(transformer, "n_features_in_"):
        return list(_check_feature_names_in(transformer))
    elif get_tags(transformer).input_tags.string:
        return ["x0"]  # text, in no column
    raise ValueError(
        f"{transformer!r} has no fitted part that tells the names of its columns. Put it into a ColumnTransformer, or "
        "give groups as a dict, or by a rule for names."
    )


def _trace(transformer, inputs, width=None):
    """The features behind each column of the output, given those behind each column of the input.

    `width` is the number of columns of the output, where it is known.
    """
    if isinstance(transformer, str):
        return [] if transformer == "drop" else inputs
    if isinstance(transformer, Pipeline):
        steps = [step for _, step in transformer.steps if not (step is None or step == "passthrough")]
        widths = [getattr(step, "n_features_in_", None) for step in steps[1:]] + [width]
        for step, n_columns in zip(steps, widths, strict=True):
            inputs = _trace(step, inputs, n_columns)
        return inputs
    if isinstance(transformer, FeatureUnion):
        parts = [_trace(part, inputs) for _, part in transformer.transformer_list]
        return [origin for part in parts for origin in part]
    if isinstance(transformer, ColumnTransformer):
        return _trace_columns(transformer, inputs)
    if isinstance(transformer, LagTransformer):
        inputs = [inputs[j] for j in transformer.features_]
    if isinstance(transformer, SplineTransformer | RaisedCosineTransformer | LagTransformer):
        return _repeat(inputs, [len(transformer.get_feature_names_out()) // len(inputs)] * len(inputs))
    if isinstance(transformer, SmoothSplineTransformer | MonotoneSplineTransformer):
        return _repeat(inputs, transformer.n_splines_)
    if isinstance(transformer, OneHotEncoder):
        return _repeat(inputs, _one_hot_counts(transformer))
    if isinstance(transformer, KBinsDiscretizer) and transformer.encode != "ordinal":
        return _repeat(inputs, transformer.n_bins_)
    if isinstance(transformer, PolynomialFeatures):
        return [_union(inputs[j] for j in np.flatnonzero(powers)) for powers in transformer.powers_]
    return _trace_names(transformer, inputs, width)


def _trace_names(transformer, inputs, width):
    """By the names of its columns: those that it keeps have their features, all others are made of all inputs."""
    if not hasattr(transformer, "get_feature_names_out"):
        if width is not None and len(set(inputs)) == 1:
            return [inputs[0]] * width
        raise ValueError(
            f"{transformer!r} gives no names to its columns (get_feature_names_out): no groups to read. Give groups as "
            "a dict, or let it alone transform one column of a ColumnTransformer."
        )
    if hasattr(transformer, "n_features_in_"):
        names_in, names_out = _input_names(transformer), transformer.get_feature_names_out()
    else:
        names_in = [" ".join(origin) for origin in inputs]
        names_out = transformer.get_feature_names_out(names_in)
    same = dict(zip(names_in, inputs, strict=True))
    same |= {f"missingindicator_{name}": origin for name, origin in same.items()}  # SimpleImputer
    every = _union(inputs)
    return [same.get(name, every) for name in names_out]


def _trace_columns(transformer, inputs):
    positions = pd.DataFrame([range(len(inputs))], columns=_input_names(transformer))
    origins = [()] * sum(part.stop - part.start for part in transformer.output_indices_.values())
    grouped = transformer.verbose_feature_names_out is _join
    for name, part, columns in transformer.transformers_:
        taken = np.atleast_1d(_safe_indexing(positions, columns, axis=1).to_numpy().ravel())
        where = transformer.output_indices_[name]
        width = where.stop - where.start
        if width == 0:
            continue
        given = [inputs[j] for j in taken]
        origins[where] = [_union(given)] * width if grouped and name != REMAINDER else _trace(part, given, width)
    return origins


def _one_hot_counts(encoder):
    """Number of columns for each feature."""
    counts = np.array([len(categories) for categories in encoder.categories_])
    for j, infrequent in enumerate(getattr(encoder, "infrequent_categories_", [])):
        counts[j] -= 0 if infrequent is None else max(len(infrequent) - 1, 0)
    if encoder.drop_idx_ is not None:
        counts -= [drop is not None for drop in encoder.drop_idx_]
    return counts


def _repeat(inputs, counts):
    return [origin for origin, count in zip(inputs, counts, strict=True) for _ in range(count)]


def _union(origins):
    return tuple(dict.fromkeys(feature for origin in origins for feature in origin))
