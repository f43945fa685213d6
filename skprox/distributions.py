"""Distributions of counts around their means."""

import numpy as np
from scipy import stats
from sklearn.utils import check_array

LEAST_EXCESS = (
    1e-8  # of variance over mean: a negative binomial of less loses digits, and is Poisson to all that matter
)


def check_dispersion(dispersion, n_outputs):
    """A number of at least 1, or an array of one for each output (None is a 1-D target)."""
    found = check_array(
        np.atleast_1d(dispersion), ensure_2d=False, dtype=np.float64, input_name="dispersion", ensure_min_samples=0
    )
    if np.ndim(dispersion) and (n_outputs is None or found.shape != (n_outputs,)):
        expected = "" if n_outputs is None else f", or an array of shape ({n_outputs},) with one for each output"
        raise ValueError(f"dispersion must be a number{expected}; got shape {np.shape(dispersion)}.")
    if (found < 1).any():
        output = np.argmax(found < 1)
        where = f" for output {output}" if len(found) > 1 else ""
        raise ValueError(
            f"dispersion must be at least 1; got {found[output]:g}{where}. There is no distribution here that varies "
            "less than Poisson counts do: pass np.maximum(dispersion, 1)."
        )
    return found


def counts_around(means, dispersion=None):
    """Poisson counts, or negative binomial ones whose variance is dispersion * mean."""
    if dispersion is None:
        return stats.poisson(means)
    excess = np.maximum(dispersion - 1, LEAST_EXCESS)
    return stats.nbinom(np.maximum(means / excess, np.finfo(np.float64).tiny), 1 / (1 + excess))
