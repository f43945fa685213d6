"""Compiled pointwise kernels of the Poisson loss, mu - y * eta with mu = exp(eta), and its sums.

`eta` is the linear predictor without the intercept. With ``profiled`` the intercept is the one that
makes the weighted sum of mu equal `total`, the weighted sum of the counts: its exact minimiser.
`weight` sums to one. What is left after profiling, total * log(sum w exp(eta)) - sum w y eta, can't
overflow.
"""

from math import exp, expm1, inf, log, log1p

from numba import njit


@njit(cache=True, nogil=True)
def means(eta, weight, total, profiled, mu):
    """Write exp(eta + intercept) into `mu` and return the intercept."""
    if not profiled:
        for i in range(eta.size):
            mu[i] = exp(eta[i]) if weight[i] > 0.0 else 0.0
        return 0.0
    top = -inf
    for i in range(eta.size):
        if weight[i] > 0.0 and eta[i] > top:
            top = eta[i]
    partition = 0.0
    for i in range(eta.size):
        mu[i] = exp(eta[i] - top) if weight[i] > 0.0 else 0.0
        partition += weight[i] * mu[i]
    rate = total / partition
    for i in range(eta.size):
        mu[i] *= rate
    return log(rate) - top


@njit(cache=True, nogil=True)
def value(eta, mu, y, weight, intercept):
    """sum_i weight_i * (mu_i - y_i * (eta_i + intercept))"""
    out = 0.0
    for i in range(eta.size):
        if weight[i] > 0.0:
            out += weight[i] * (mu[i] - y[i] * (eta[i] + intercept))
    return out


@njit(cache=True, nogil=True)
def exp_excess(d):
    """exp(d) - 1 - d without cancellation."""
    if abs(d) < 1e-3:
        return d * d * (0.5 + d * (1 / 6 + d * (1 / 24 + d / 120)))
    return expm1(d) - d if d < 709.0 else inf


@njit(cache=True, nogil=True)
def divergence(eta, base, base_mu, weight, total, profiled):
    """Loss at `eta` minus its first-order expansion at `base`, exact for the smallest of moves."""
    shift = 0.0
    if profiled:
        for i in range(eta.size):
            shift += weight[i] * base_mu[i] * (eta[i] - base[i])
        shift /= total
    out = 0.0
    for i in range(eta.size):
        if weight[i] > 0.0:
            out += weight[i] * base_mu[i] * exp_excess(eta[i] - base[i] - shift)
    return total * log1p(out / total) if profiled else out
