"""How much of the deviance of counts a model explains."""

import numpy as np
from scipy.special import xlogy


def mean_deviance(y, means, weight):
    """Mean Poisson deviance of each output."""
    finite = np.where(np.isfinite(means), means, 1.0)
    each = np.where(np.isfinite(means), 2 * (xlogy(y, y) - xlogy(y, finite) - y + finite), np.inf)
    return weight @ np.where(weight[:, None] > 0, each, 0.0) / weight.sum()


def share_explained(deviance, null):
    """1 - deviance / null, and 1 or 0 where there is nothing to explain."""
    flat = null <= 0
    return np.where(flat, deviance <= 0, 1 - deviance / np.where(flat, 1.0, null))
