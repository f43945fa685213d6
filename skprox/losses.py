"""Compiled kernels of the losses, one row at a time and over rows."""

from math import exp, expm1, inf, log, log1p

import numpy as np

from skprox._jit import inner, njit

TINY = 1e-8  # of which log1p(z) / z is 1 - z / 2 to the last digit
LARGEST = 700.0  # linear predictor beyond which exp is as good as infinite


@njit
def exp_excess(d):
    """exp(d) - 1 - d without cancellation."""
    if abs(d) < 1e-3:
        return d * d * (0.5 + d * (1 / 6 + d * (1 / 24 + d / 120)))
    return expm1(d) - d if d < 709.0 else inf


@njit
def mean_excess(weight, moves, shift):
    """sum_i weight[k, i] * exp_excess(moves[k, i] - shift[k]) for each k."""
    out = np.zeros(moves.shape[0])
    for k in range(moves.shape[0]):
        for i in range(moves.shape[1]):
            if weight[k, i] > 0.0:
                out[k] += weight[k, i] * exp_excess(moves[k, i] - shift[k])
    return out


# The negative binomial loss (y + 1/omega) log(1 + omega mu) - y eta, with mu = exp(eta): that of Poisson at omega = 0.


@inner
def _bounded(eta):
    return LARGEST if eta > LARGEST else eta  # what is not a number stays so


@inner
def nb_value(eta, y, omega):
    """The loss of a row."""
    eta = _bounded(eta)
    mean = exp(eta)
    z = omega * mean
    if z < TINY:
        return y * z + mean * (1.0 - z / 2) - y * eta
    rise = log1p(z) if z < inf else eta + log(omega)
    return rise / omega + y * (rise - eta)


@inner
def nb_slope(eta, y, omega):
    """Its derivative in eta, (mu - y) / (1 + omega mu)."""
    eta = _bounded(eta)
    if eta < 0.0:
        mean = exp(eta)
        return (mean - y) / (1.0 + omega * mean)
    small = exp(-eta)
    return (1.0 - y * small) / (small + omega)


@inner
def nb_curvature(eta, y, omega):
    """Its second derivative in eta, (1 + omega y) mu / (1 + omega mu)^2."""
    small = exp(-abs(_bounded(eta)))
    whole = 1.0 + omega * small if eta < 0.0 else small + omega
    return (1.0 + omega * y) * small / whole / whole


@inner
def _log_excess(z):
    """1 - log1p(z) / z without cancellation, for z above -1."""
    if abs(z) < 1e-3:
        return z * (1 / 2 - z * (1 / 3 - z * (1 / 4 - z * (1 / 5 - z / 6))))
    return 1.0 - log1p(z) / z


@inner
def nb_excess(eta, move, y, omega):
    """The loss at eta + move less its linear expansion at eta, without cancellation.

    With p = omega mu / (1 + omega mu) it is (y + 1/omega) (log(1 + p (exp(move) - 1)) - p move), in which p and move
    may change places with 1 - p and -move: one of them is at most a half.
    """
    eta = _bounded(eta)
    mean = exp(eta)
    z = omega * mean
    factor, p = (1.0 + omega * y) * mean / (1.0 + z), z / (1.0 + z)
    if z > 1.0:
        factor, p, move = (y + 1 / omega) / (1.0 + z), 1.0 / (1.0 + z), -move
    if move >= LARGEST:
        return inf
    rise = expm1(move)
    return factor * (exp_excess(move) - rise * _log_excess(p * rise))


@njit
def nb_score(weight, y, means, theta):
    """Sum over rows of weight times the derivative of the log-likelihood in theta = 1 / omega, for large theta.

    That is psi(y + theta) - psi(theta) - log(1 + mu / theta) - (y - mu) / (theta + mu), in whose expansion in 1 / theta
    the first terms cancel.
    """
    out, small = 0.0, 1 / theta
    for i in range(y.size):
        d, end = (y[i] - means[i]) / (theta + means[i]), 1 / (y[i] + theta)
        gap, both, squares = y[i] * small * end, small + end, small * small + end * end
        rest = gap * (1 / 2 + both * (1 / 12 - squares / 120))
        out += weight[i] * (rest - d * _log_excess(d))
    return out


# Kernels over rows: eta[k, i] + offset[i] + intercepts[k] is the linear predictor of problem k, and the others say
# which row of weights and of counts it has, and its omega.


@njit
def nb_slopes(eta, intercepts, offset, weights, counts, weight_index, count_index, omega):
    """Sums over rows of the first and second derivatives in eta: shape (2, n_problems)."""
    out = np.zeros((2, eta.shape[0]))
    for k in range(eta.shape[0]):
        weight, y = weights[weight_index[k]], counts[count_index[k]]
        for i in range(eta.shape[1]):
            if weight[i] > 0.0:
                here = eta[k, i] + offset[i] + intercepts[k]
                out[0, k] += weight[i] * nb_slope(here, y[i], omega[k])
                out[1, k] += weight[i] * nb_curvature(here, y[i], omega[k])
    return out


@njit
def nb_values(eta, intercepts, offset, weights, counts, weight_index, count_index, omega):
    """Sums over rows of the loss; writes its derivative in each row over `eta`."""
    out = np.zeros(eta.shape[0])
    for k in range(eta.shape[0]):
        weight, y = weights[weight_index[k]], counts[count_index[k]]
        for i in range(eta.shape[1]):
            here = eta[k, i] + offset[i] + intercepts[k]
            eta[k, i] = 0.0
            if weight[i] > 0.0:
                out[k] += weight[i] * nb_value(here, y[i], omega[k])
                eta[k, i] = weight[i] * nb_slope(here, y[i], omega[k])
    return out


@njit
def nb_excesses(eta, moves, shifts, intercepts, offset, weights, counts, weight_index, count_index, omega):
    """Sums over rows of the loss at eta + moves + shifts less its linear expansion at eta."""
    out = np.zeros(eta.shape[0])
    for k in range(eta.shape[0]):
        weight, y = weights[weight_index[k]], counts[count_index[k]]
        for i in range(eta.shape[1]):
            if weight[i] > 0.0:
                here = eta[k, i] + offset[i] + intercepts[k]
                out[k] += weight[i] * nb_excess(here, moves[k, i] + shifts[k], y[i], omega[k])
    return out


@njit
def nb_curvatures(eta, intercept, offset, weight, counts, omega):
    """Writes the second derivative in each row, times its weight, over `eta`, that of one problem."""
    for i in range(eta.size):
        here = eta[i] + offset[i] + intercept
        eta[i] = weight[i] * nb_curvature(here, counts[i], omega) if weight[i] > 0.0 else 0.0
    return eta
