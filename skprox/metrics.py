"""How much of the deviance, or of the log-likelihood, of counts a model explains."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, gammaln, kl_div, xlogy

from skprox._compat import StrOptions, validate_params
from skprox._typing import CountsLike, RowsLike
from skprox.base import name_arguments
from skprox.designs import add
from skprox.validation import check_counts_like, check_exposure, check_means, check_weight, is_dask

# Deviances, as shares of the mean count, that count as none: of a null model that differs from the counts by 1e-7,
# the precision of float32, and of a model that differs by 1e-5, that of exp in float32.
ALIKE, EXPECTED = 1e-14, 1e-10
MULTIOUTPUT = {"multioutput": [StrOptions({"raw_values", "uniform_average"})]}


@name_arguments
@validate_params(MULTIOUTPUT, prefer_skip_nested_validation=True)
def cohen_r2(
    y_true: CountsLike,
    y_pred: CountsLike,
    *,
    sample_weight: RowsLike | None = None,
    exposure: RowsLike | None = None,
    null_rate: RowsLike | None = None,
    overdispersion: ArrayLike = 0.0,
    multioutput: str = "uniform_average",
) -> float | np.ndarray:
    """Cohen's pseudo-R², the share of the deviance of counts that a model explains.

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
    overdispersion : float or array-like of shape (n_outputs,), default=0.0
        Counts of variance mu + overdispersion * mu^2, as in the estimators: 0 is Poisson, other numbers are
        negative binomial.
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
    rows = y_true, y_pred, sample_weight, exposure
    shares = share_explained(*_compare(sum_of_deviances, rows, null_rate, overdispersion))
    return shares if multioutput == "raw_values" else float(np.mean(shares))


@name_arguments
@validate_params(MULTIOUTPUT, prefer_skip_nested_validation=True)
def mcfadden_r2(
    y_true: CountsLike,
    y_pred: CountsLike,
    *,
    sample_weight: RowsLike | None = None,
    exposure: RowsLike | None = None,
    null_rate: RowsLike | None = None,
    overdispersion: ArrayLike = 0.0,
    multioutput: str = "uniform_average",
) -> float | np.ndarray:
    """McFadden's pseudo-R², one less the ratio of the log-likelihoods of a model and of the null model.

    1 - loglik(y_true, y_pred) / loglik(y_true, exposure * null_rate), with the Poisson log-likelihood
    sum_i w_i (y_i log(mu_i) - mu_i - log(y_i!)), or the negative binomial one [1]_. 0 for a model as good as the
    null model, and lower for a worse one. A model that expects exactly the counts stays below 1, as counts vary
    around their means even so.
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
    overdispersion : float or array-like of shape (n_outputs,), default=0.0
        Counts of variance mu + overdispersion * mu^2, as in the estimators: 0 is Poisson, other numbers are
        negative binomial.
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
    rows = y_true, y_pred, sample_weight, exposure
    likely, null, mean = _compare(sum_of_log_likelihoods, rows, null_rate, overdispersion)
    shares = share_explained(-likely, -null, mean)
    return shares if multioutput == "raw_values" else float(np.mean(shares))


def mean_deviance(y, means, weight, omega=0.0):
    """Mean deviance of each output: Poisson, or negative binomial for an overdispersion omega other than 0."""
    return sum_of_deviances(y, means, weight, omega) / weight.sum()


def sum_of_deviances(y, means, weight, omega=0.0):
    """The weighted sums of these deviances."""
    finite = np.isfinite(means)
    each = np.where(finite, 2 * _half_deviance(y, np.where(finite, means, 1.0), np.asarray(omega)), np.inf)
    return weight @ np.where(weight[:, None] > 0, each, 0.0)


def sum_of_log_likelihoods(y, means, weight, omega=0.0):
    """The weighted sum of log-likelihoods of each output."""
    best = weight @ np.where(weight[:, None] > 0, saturated(y, omega), 0.0)
    return best - sum_of_deviances(y, means, weight, omega) / 2


def mean_over_rows(measure, y_true, y_pred, sample_weight, overdispersion=0.0):
    """The weighted mean over rows of what `measure` adds up, for each output; of rows of Dask, too."""
    rows, total, _, _ = _open(y_true, y_pred, sample_weight, None)

    def task(rows):
        counts, means = rows["counts"].T, rows["means"].T
        return [measure(counts, means, rows["weight"], overdispersion)]

    return rows.reduce(add, task, 1, 1)[0] / total


def _half_deviance(y, means, omega):
    """y log(y / mu) - (y + 1 / omega) log((1 + omega y) / (1 + omega mu)), without what cancels for a small omega."""
    half = kl_div(y, means)
    if not omega.any():
        return half
    z, theta = omega * means, 1 / np.maximum(omega, np.finfo(np.float64).tiny)
    x = omega * (y - means) / (1 + z)  # log(1 + x) is the logarithm of the second ratio
    rest = np.where(np.abs(x) < 1e-3, x**2 * (1 / 2 - x * (1 / 3 - x * (1 / 4 - x / 5))), x - np.log1p(x))
    few = half - x * (y - means) + (y + theta) * rest
    counts = np.where(y > 0, y, 1.0)  # of none the deviance is twice log(1 + z) / omega
    between = np.log1p((means - counts) / (counts * (1 + z)))  # the difference of the logarithms of both ratios
    with np.errstate(over="ignore", invalid="ignore"):  # where omega is next to nothing, and it is not taken
        many = np.where(y > 0, -theta * np.log(counts / means) - (y + theta) * between, theta * np.log1p(z))
    return np.maximum(np.where(z < 1, few, many), 0.0)


def saturated(y, omega):
    """The log-likelihood of each count where it is the mean."""
    poisson = xlogy(y, y) - y - gammaln(y + 1)
    if not np.any(omega):
        return poisson
    tiny = np.finfo(np.float64).tiny
    theta = 1 / np.maximum(omega, tiny)
    beta = betaln(y + 1, theta) + np.log(y + theta)  # gamma functions of a large theta would cancel
    return np.where(omega > tiny, xlogy(y, omega * y) - (y + theta) * np.log1p(omega * y) - beta, poisson)


def share_explained(deviance, null, mean):
    """1 - deviance / null; but where null is the rounding of counts of that mean, 1 if deviance is no more, else 0."""
    flat = null <= ALIKE * mean
    return np.where(flat, deviance <= EXPECTED * mean, 1 - deviance / np.where(flat, 1.0, null))


class _Rows(dict):
    """Arrays of rows in memory, by name, which a task looks at all at once."""

    def reduce(self, merge, task, n_columns, n_problems):
        return task(self)


def _open(y_true, y_pred, sample_weight, exposure):
    """Rows with counts and means, both of shape (n_outputs, n_samples), weight and exposure.

    Returns the sums of the weights, and of these times counts and times exposure, too.
    """
    if is_dask(y_true, y_pred, sample_weight, exposure):
        from skprox.designs import dask

        return dask.open_means(y_true, y_pred, sample_weight, exposure)
    counts, means = check_counts_like(y_true, check_means(y_pred))
    weight, exposure = check_weight(sample_weight, means), check_exposure(exposure, means)
    rows = _Rows(counts=counts.T, means=means.T, weight=weight, exposure=exposure)
    return rows, weight.sum(), weight @ counts, weight @ exposure


def _compare(measure, rows, null_rate, overdispersion):
    """The means over rows of what `measure` adds up, of the means and of the null model, and of the counts."""
    rows, total, counted, exposed = _open(*rows)
    omega, n_outputs = _check_overdispersion(overdispersion, len(counted)), len(counted)
    if null_rate is None:
        rates = counted / exposed
    else:
        rates = np.asarray(null_rate)
        rates = rates.astype(np.float64) if rates.dtype.kind in "biuf" else np.array(np.nan)
        if rates.shape not in ((), (n_outputs,)) or not ((rates > 0) & np.isfinite(rates)).all():
            raise ValueError(
                f"null_rate must be a positive number, or one for each of {n_outputs} outputs; got {null_rate!r}."
            )
    rates = np.broadcast_to(rates, n_outputs)

    def task(rows):
        counts, expected = rows["counts"].T, (rows["means"].T, np.outer(rows["exposure"], rates))
        return [measure(counts, each, rows["weight"], omega) for each in expected]

    of_means, of_null = rows.reduce(add, task, n_outputs, 1)
    return of_means / total, of_null / total, counted / total


def _check_overdispersion(overdispersion, n_outputs):
    """A number of at least 0, or one for each output."""
    found = np.asarray(overdispersion)
    found = found.astype(np.float64) if found.dtype.kind in "biuf" else np.array(np.nan)
    if found.shape not in ((), (n_outputs,)) or not ((found >= 0) & np.isfinite(found)).all():
        raise ValueError(
            f"overdispersion must be a number of at least 0, or one for each of {n_outputs} outputs; got "
            f"{overdispersion!r}. 0 is Poisson."
        )
    return found
