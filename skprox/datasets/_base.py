from importlib.resources import as_file, files
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from skprox._compat import validate_params

COUNTS = ["casual", "registered", "bikers"]


@overload
def load_bike_rentals(
    *, return_X_y: Literal[True], as_frame: Literal[False] = False
) -> tuple[np.ndarray, np.ndarray]: ...
@overload
def load_bike_rentals(*, return_X_y: Literal[True], as_frame: Literal[True]) -> tuple[pd.DataFrame, pd.Series]: ...
@overload
def load_bike_rentals(*, return_X_y: Literal[False] = False, as_frame: bool = False) -> Bunch: ...
@validate_params({"as_frame": ["boolean"], "return_X_y": ["boolean"]}, prefer_skip_nested_validation=True)
def load_bike_rentals(*, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Load the hourly bike rentals of Washington D.C. in 2011.

    ================  ===================================
    Rows              8645 hours
    Columns           12
    Target            number of bikes rented in the hour
    ================  ===================================

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a `Bunch`.
    as_frame : bool, default=False
        Whether the data are a DataFrame and the target a Series, instead of arrays (of objects, since
        month and weather are words).

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With `data`, `target`, `feature_names`, `target_names`, `DESCR` (the columns, their source and
        licence), and with ``as_frame=True`` `frame`: all columns, the two parts of the target
        (`casual` and `registered` riders) included.
    (data, target) : tuple
        With ``return_X_y=True``.

    Examples
    --------
    >>> from skprox.datasets import load_bike_rentals
    >>> X, y = load_bike_rentals(return_X_y=True, as_frame=True)
    >>> X.shape, int(y.sum())
    ((8645, 12), 1243103)
    """
    folder = files("skprox.datasets")
    with as_file(folder / "data" / "bike_rentals.csv.gz") as path:
        frame = pd.read_csv(path)
    data, target = frame.drop(columns=COUNTS), frame["bikers"]
    bunch = Bunch(
        data=data if as_frame else data.to_numpy(),
        target=target if as_frame else target.to_numpy(),
        frame=frame if as_frame else None,
        feature_names=list(data.columns),
        target_names=["bikers"],
        DESCR=(folder / "descr" / "bike_rentals.rst").read_text(encoding="utf-8"),
    )
    return (bunch.data, bunch.target) if return_X_y else bunch
