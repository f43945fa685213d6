"""The model problem of a Newton step: a quadratic with a dense Hessian, and a penalty."""

import numpy as np
from numba import njit
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from skprox.prox import group_step

ROUNDS, SWEEPS = 20, 10
NEWTON_STEPS = 30_000  # times columns, in a round: fewer where factorising costs more


def minimise_quadratic(hessian, gradient, coef, certificate, tol):
    """argmin_u  gradient.(u - coef) + 1/2 (u - coef).hessian (u - coef) + penalty(u)

    Sweeps of block coordinate descent, each an exact step in one group, find which groups are zero.
    A Newton step on the others then removes what nearly dependent columns leave to do: away from
    zero the norm of a group is smooth, with curvature strength * (I - v v') / ||u_g||, v = u_g / ||u_g||.

    `certificate` and its penalty are over ``len(coef)`` coefficients in the order of their groups; its
    largest entry is at most `tol` in the end, unless that takes too long.
    """
    coef, gradient, penalty = coef.copy(), gradient.copy(), certificate.penalty
    values, vectors, starts = _eigenbases(hessian, penalty)
    for _ in range(ROUNDS):
        _sweep(hessian, gradient, coef, penalty.indptr, penalty.strength, values, vectors, starts, SWEEPS)
        if certificate(coef, gradient).max() <= tol:
            break
        for _ in range(NEWTON_STEPS // len(coef) + 1):
            if not _newton_step(hessian, gradient, coef, penalty):
                break
    return coef


def _eigenbases(hessian, penalty):
    """Eigenvalues and eigenvectors of the diagonal block of each group, its ridge included."""
    sizes = np.diff(penalty.indptr)
    starts = np.concatenate([[0], np.cumsum(sizes**2)])
    values, vectors = hessian.diagonal() + penalty.ridge, np.ones(starts[-1])
    for g in np.flatnonzero(sizes > 1):
        rows = slice(penalty.indptr[g], penalty.indptr[g + 1])
        spectrum, basis = np.linalg.eigh(hessian[rows, rows] + np.diag(penalty.ridge[rows]))
        noise = sizes[g] * np.finfo(float).eps * spectrum[-1]
        values[rows] = np.where(spectrum > noise, spectrum, 0.0)
        vectors[starts[g] : starts[g + 1]] = basis.ravel()
    return values, vectors, starts


@njit(cache=True, nogil=True)
def _sweep(hessian, gradient, coef, indptr, strength, values, vectors, starts, n_sweeps):
    """Minimise over each group in turn, `n_sweeps` times; `gradient` of the quadratic is kept up to date."""
    for _ in range(n_sweeps):
        moved = False
        for g in range(strength.size):
            first, last = indptr[g], indptr[g + 1]
            size = last - first
            pull = -gradient[first:last]
            for a in range(size):
                for b in range(size):
                    pull[a] += hessian[first + a, first + b] * coef[first + b]
            basis = vectors[starts[g] : starts[g + 1]].reshape(size, size)
            rotated, step = np.zeros(size), np.zeros(size)
            for a in range(size):
                for b in range(size):
                    rotated[b] += basis[a, b] * pull[a]
            group_step(rotated, values[first:last], strength[g], step)
            for a in range(size):
                move = -coef[first + a]
                for b in range(size):
                    move += basis[a, b] * step[b]
                if move != 0.0:
                    coef[first + a] += move
                    row = hessian[first + a]
                    for j in range(coef.size):
                        gradient[j] += move * row[j]
                    moved = True
        if not moved:
            break


def _newton_step(hessian, gradient, coef, penalty):
    """Newton's step over the groups in play, in place, as far as the objective falls. True if it was cut short."""
    sizes = np.diff(penalty.indptr)
    norms = penalty.norms(coef)
    pull = np.divide(penalty.strength, norms, out=np.zeros_like(norms), where=norms > 0)
    slope = gradient + (np.repeat(pull, sizes) + penalty.ridge) * coef
    inside = np.flatnonzero(np.repeat((norms > 0) | (penalty.strength == 0), sizes))
    curvature = hessian[np.ix_(inside, inside)]
    bend = penalty.ridge + np.repeat(np.where(sizes > 1, pull, 0.0), sizes)
    curvature[np.diag_indices_from(curvature)] += bend[inside]
    for g in np.flatnonzero((norms > 0) & (sizes > 1)):
        first, last = penalty.indptr[g], penalty.indptr[g + 1]
        where = slice(*np.searchsorted(inside, [first, last]))
        curvature[where, where] -= pull[g] / norms[g] ** 2 * np.outer(coef[first:last], coef[first:last])
    step = np.zeros_like(coef)
    step[inside] = -_solve(curvature, slope[inside])

    # a group that would go past zero stops there, where its norm has a kink
    room, toward = norms**2, np.add.reduceat(coef * step, penalty.indptr[:-1])
    passing = (room > 0) & (penalty.strength > 0) & (room + toward < 0)
    first = np.min(room[passing] / -toward[passing], initial=1.0)
    before = penalty.value(coef)
    slack = np.finfo(float).eps * before  # near the optimum the fall drowns in rounding
    for length in [1.0, 0.5, 0.25, 0.1, first, first / 10]:
        moved = coef + length * step
        gone = passing & (room * (1 - 1e-14) + length * toward <= 0)
        moved[np.repeat(gone, sizes)] = 0.0
        move = moved - coef
        along = hessian @ move
        if gradient @ move + move @ along / 2 + penalty.value(moved) - before <= slack:
            coef[:] = moved
            gradient += along
            return length < 1.0
    return False


def _solve(matrix, right):
    """matrix^-1 right for a positive semi-definite matrix, scaled to a unit diagonal and lifted off zero."""
    diagonal = matrix.diagonal()
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = matrix * np.outer(scale, scale)
    lift = 1e-11
    while True:
        try:
            np.fill_diagonal(scaled, 1.0 + lift)
            return scale * cho_solve(cho_factor(scaled, lower=True), scale * right)
        except LinAlgError:
            lift *= 100
