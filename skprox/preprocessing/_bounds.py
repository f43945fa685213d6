"""What the transformers that learn bounds share."""

import numpy as np

from skprox._compat import _check_feature_names_in


def check_within(transformer, X):
    """With ``extrapolation="error"``, refuse values beyond the bounds."""
    low, high = transformer.bounds_.astype(X.dtype)
    beyond = (low > X) | (high < X)
    if transformer.extrapolation == "error" and beyond.any():
        row, j = np.argwhere(beyond)[0]
        remedy = "bounds" if "bounds" in transformer.get_params(deep=False) else "knots"
        raise ValueError(
            f"X holds {X[row, j]:g} in row {row} of {_check_feature_names_in(transformer)[j]!r}, beyond its bounds "
            f"{low[j]:g} and {high[j]:g}. Give {remedy}, or another extrapolation than 'error'."
        )
