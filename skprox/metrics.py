"""How much of the deviance, or of the log-likelihood, of counts a model explains."""

import numpy as np
from scipy.special import gammaln, kl_div, xlogy

from skprox._compat import StrOptions, validate_params
from skprox.base import name_arguments
from skprox.validation import check_counts_like, check_exposure, check_means, check_weight

# Deviances, as shares of the mean count, that count as none: of a null model that differs from the counts by 1e-7,
# the precision of float32, and of a model that differs by 1e-5, that of exp in float32.
ALIKE, EXPECTED = 1e-14, 1e-10
MULTIOUTPUT = {"multioutput": [StrOptions({"raw_values", "uniform_average"})]}


@name_arguments
@validate_params(MULTIOUTPUT, prefer_skip_nested_validation=True)
def cohen_r2(y_true, y_pred, *, sample_weight=None, exposure=None, null_rate=None, multioutput="uniform_average"):
    """Cohen's pseudo-R², the share of the Poisson deviance of counts that a model explains.

    1 - deviance(y_true, y_pred) / deviance(y_true, exposure * null_rate): at best 1, 0 for a model as good as
    the null model, and lower for a worse one. Where the null model comes from the rows scored, this is D² of
    the estimators' `score` [1]_, [2]_. Counts that are all alike, or all in proportion to their exposure, leave
    nothing to explain but rounding: the score is then 1 for a model that expects these counts (to rounding), and
    0 for any other, as that of `sklearn.metrics.r2_score`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The counts.
    y_pred : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The counts that the model expects, given their exposure.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row; None is 1.
    exposure : float or array-like of shape (n_samples,), default=None
        The exposure of each row, for the null model; None is 1.
    null_rate : float or array-like of shape (n_outputs,), default=None
        The mean count for an exposure of 1 that the null model expects of all rows, such as
        ``y_train.sum() / exposure_train.sum()`` for rows that were held out. None is that of the rows scored,
        sum(w y) / sum(w exposure).
    multioutput : {"raw_values", "uniform_average"}, default="uniform_average"
        Whether to return a score for each output, or their mean.

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        The score.

    See Also
    --------
    mcfadden_r2 : The same for log-likelihoods.
    sklearn.metrics.d2_tweedie_score : Equal with ``power=1`` and without exposure.

    References
    ----------
    .. [1] Cohen, Cohen, West and Aiken (2003), "Applied Multiple Regression/Correlation Analysis for the
       Behavioral Sciences", 3rd edition.
    .. [2] Cameron and Windmeijer (1996), "R-Squared Measures for Count Data Regression Models With Applications
       to Health-Care Utilization", Journal of Business & Economic Statistics 14(2).

    Examples
    --------
    >>> from skprox.metrics import cohen_r2
    >>> round(cohen_r2([0, 1, 4, 7], [0.5, 1.0, 3.5, 7.0]), 3)
    0.911
    """
    counts, means, null, weight = _check(y_true, y_pred, sample_weight, exposure, null_rate)
    deviances = [mean_deviance(counts, each, weight) for each in (means, null)]
    shares = share_explained(*deviances, weight @ counts / weight.sum())
    return shares if multioutput == "raw_values" else float(np.mean(shares))


@name_arguments
@validate_params(MULTIOUTPUT, prefer_skip_nested_validation=True)
def mcfadden_r2(y_true, y_pred, *, sample_weight=None, exposure=None, null_rate=None, multioutput="uniform_average"):
    """McFadden's pseudo-R², one less the ratio of the log-likelihoods of a model and of the null model.

    1 - loglik(y_true, y_pred) / loglik(y_true, exposure * null_rate), with the Poisson log-likelihood
    sum_i w_i (y_i log(mu_i) - mu_i - log(y_i!)) [1]_. 0 for a model as good as the null model, and lower for a
    worse one. A model that expects exactly the counts stays below 1, as counts vary around their means even so.
    Of counts that are all alike the null model itself expects exactly these. Where they are all 0, its
    log-likelihood is 0 as well: the score is then 1 for a model that expects 0, and 0 for any other.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The counts.
    y_pred : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The counts that the model expects, given their exposure.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row; None is 1.
    exposure : float or array-like of shape (n_samples,), default=None
        The exposure of each row, for the null model; None is 1.
    null_rate : float or array-like of shape (n_outputs,), default=None
        The mean count for an exposure of 1 that the null model expects of all rows, such as
        ``y_train.sum() / exposure_train.sum()`` for rows that were held out. None is that of the rows scored,
        sum(w y) / sum(w exposure).
    multioutput : {"raw_values", "uniform_average"}, default="uniform_average"
        Whether to return a score for each output, or their mean.

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        The score.

    See Also
    --------
    cohen_r2 : The same for deviances, which is 1 for a model that expects exactly the counts.

    References
    ----------
    .. [1] McFadden (1974), "Conditional logit analysis of qualitative choice behavior", in Zarembka (ed.),
       "Frontiers in Econometrics".

    Examples
    --------
    >>> from skprox.metrics import mcfadden_r2
    >>> round(mcfadden_r2([0, 1, 4, 7], [0.5, 1.0, 3.5, 7.0]), 3)
    0.518
    """
    counts, means, null, weight = _check(y_true, y_pred, sample_weight, exposure, null_rate)
    best = weight @ (xlogy(counts, counts) - counts - gammaln(counts + 1)) / weight.sum()
    losses = [mean_deviance(counts, each, weight) / 2 - best for each in (means, null)]  # -log-likelihoods
    shares = share_explained(*losses, weight @ counts / weight.sum())
    return shares if multioutput == "raw_values" else float(np.mean(shares))


def mean_deviance(y, means, weight):
    """Mean Poisson deviance of each output."""
    return sum_of_deviances(y, means, weight) / weight.sum()


def sum_of_deviances(y, means, weight):
    """Weighted sum of the Poisson deviances of each output."""
    each = np.where(np.isfinite(means), 2 * kl_div(y, np.where(np.isfinite(means), means, 1.0)), np.inf)
    return weight @ np.where(weight[:, None] > 0, each, 0.0)


def share_explained(deviance, null, mean):
    """1 - deviance / null; but where null is the rounding of counts of that mean, 1 if deviance is no more, else 0."""
    flat = null <= ALIKE * mean
    return np.where(flat, deviance <= EXPECTED * mean, 1 - deviance / np.where(flat, 1.0, null))


def _check(y_true, y_pred, sample_weight, exposure, null_rate):
    """Counts, means and those of the null model, of shape (n_samples, n_outputs), and weights."""
    means = check_means(y_pred)
    counts, means = check_counts_like(y_true, means)
    weight, exposure = check_weight(sample_weight, means), check_exposure(exposure, means)
    if null_rate is None:
        rates = weight @ counts / (weight @ exposure)
    else:
        rates = np.asarray(null_rate)
        rates = rates.astype(np.float64) if rates.dtype.kind in "biuf" else np.array(np.nan)
        if rates.shape not in ((), counts.shape[1:]) or not ((rates > 0) & np.isfinite(rates)).all():
            raise ValueError(
                f"null_rate must be a positive number, or one for each of {counts.shape[1]} outputs; got {null_rate!r}."
            )
    return counts, means, exposure[:, None] * np.broadcast_to(rates, counts.shape[1:]), weight
