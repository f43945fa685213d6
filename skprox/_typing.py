"""What arguments may be, for editors and type checkers."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.model_selection import BaseCrossValidator

MatrixLike = ArrayLike | pd.DataFrame | sparse.sparray | sparse.spmatrix
CountsLike = ArrayLike | pd.Series | pd.DataFrame
RowsLike = ArrayLike | pd.Series
Strengths = float | ArrayLike | Mapping[Any, Any] | pd.Series | pd.DataFrame
Groups = str | int | Callable[[str], Hashable] | Mapping[Any, Any] | ArrayLike | pd.Series
Splits = int | BaseCrossValidator | Iterable[Any]
RandomState = int | np.random.RandomState
Options = Mapping[str, Any]  # of what matplotlib draws
