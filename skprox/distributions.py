"""Distributions of counts around their means."""

import numpy as np
from scipy import stats
from sklearn.utils import check_array

LEAST_EXCESS = (
    1e-8  # of variance over mean: a negative binomial of less loses digits, and is Poisson to all that matter
)


def check_dispersion(dispersion, outputs):
    """A number of at least 1, or an array of one for each of `outputs`, named so (None is a 1-D target)."""
    found = check_array(
        np.atleast_1d(dispersion), ensure_2d=False, dtype=np.float64, input_name="dispersion", ensure_min_samples=0
    )
    if np.ndim(dispersion) and (outputs is None or found.shape != (len(outputs),)):
        expected = "" if outputs is None else f", or an array of shape ({len(outputs)},) with one for each output"
        raise ValueError(f"dispersion must be a number{expected}; got shape {np.shape(dispersion)}.")
    if (found < 1).any():
        first = np.argmax(found < 1)
        where = f" for output {outputs[first]}" if len(found) > 1 else ""
        raise ValueError(
            f"dispersion must be at least 1; got {found[first]:g}{where}. There is no distribution here that varies "
            "less than Poisson counts do: pass np.maximum(dispersion, 1)."
        )
    return found


def counts_around(means, excess=None):
    """Poisson counts, or negative binomial ones whose variance is (1 + excess) * mean."""
    if excess is None:
        return stats.poisson(means)
    excess = np.maximum(excess, LEAST_EXCESS)
    return stats.nbinom(np.maximum(means / excess, np.finfo(np.float64).tiny), 1 / (1 + excess))
