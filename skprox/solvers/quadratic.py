"""The model problem of a Newton step: a kept Hessian on a working set of groups, and a penalty."""

import numpy as np
from numba import njit
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from skprox.prox import group_step

ROUNDS, SWEEPS = 20, 10
NEWTON_STEPS = 30_000  # times columns, in a round: fewer where factorising costs more


class QuadraticModel:
    """The Hessian of an objective at some point, over the groups of a working set.

    Where linear predictors have moved by at most e everywhere, the Hessian H of then is still within
    exp(-e) H and exp(e) H: one serves many steps, strengths and outputs.
    """

    def __init__(self, objective, point, penalty, groups):
        self.objective, self.point, self.partition = objective, point, penalty
        self.groups = np.empty(0, dtype=int)
        self.columns = np.empty(0, dtype=int)
        self.hessian = np.empty((0, 0))
        self.values, self.vectors, self.starts = np.empty(0), np.empty(0), np.zeros(1, dtype=int)
        self.include(groups)

    def include(self, groups):
        """Append those of `groups` that are not in it."""
        new = np.setdiff1d(groups, self.groups)
        if len(new) == 0:
            return
        old = len(self.columns)
        self.groups = np.concatenate([self.groups, new])
        self.columns = np.concatenate([self.columns, self.partition.columns(new)])
        added = self.objective.hessian(self.point, self.columns, slice(old, None))
        grown = np.empty((len(self.columns),) * 2)
        grown[:old, :old], grown[old:], grown[:old, old:] = self.hessian, added, added[:, :old].T
        self.hessian = grown
        self._add_eigenbases(new, old)

    def _add_eigenbases(self, groups, first):
        """Eigenvalues and eigenvectors of the diagonal blocks of `groups`, which start at `first`."""
        sizes = np.diff(self.partition.indptr)[groups]
        values, vectors = self.hessian.diagonal()[first:].copy(), np.ones((sizes**2).sum())
        stops = np.cumsum(sizes)
        starts = np.concatenate([[0], np.cumsum(sizes**2)])
        for g in np.flatnonzero(sizes > 1):
            rows = slice(first + stops[g] - sizes[g], first + stops[g])
            spectrum, basis = np.linalg.eigh(self.hessian[rows, rows])
            noise = sizes[g] * np.finfo(float).eps * spectrum[-1]
            values[rows.start - first : rows.stop - first] = np.where(spectrum > noise, spectrum, 0.0)
            vectors[starts[g] : starts[g + 1]] = basis.ravel()
        self.starts = np.concatenate([self.starts, self.starts[-1] + starts[1:]])
        self.values, self.vectors = np.concatenate([self.values, values]), np.concatenate([self.vectors, vectors])

    def bend(self, move):
        """move . Hessian move"""
        moved = np.flatnonzero(move)
        return move[moved] @ self.hessian[np.ix_(moved, moved)] @ move[moved]

    def minimise(self, gradient, coef, start, certificate, tol):
        """argmin_u  gradient.(u - coef) + 1/2 (u - coef).hessian (u - coef) + penalty(u), from `start`.

        Sweeps of block coordinate descent, each an exact step in one group, find which groups are zero.
        A Newton step on the others then removes what nearly dependent columns leave to do: away from
        zero the norm of a group is smooth, with curvature strength * (I - v v') / ||u_g||, v = u_g / ||u_g||.

        Arrays are in the order of `columns`, and the penalty of `certificate` in that of `groups`. The
        largest entry of the certificate is at most `tol` in the end, unless that takes too long.
        """
        gradient, penalty = gradient + self._product(start - coef), certificate.penalty
        coef = start.copy()
        bases = self.values, self.vectors, self.starts
        for _ in range(ROUNDS):
            _sweep(
                self.hessian, gradient, coef, penalty.indptr, penalty.strength, penalty.ridge, *bases, SWEEPS
            )
            if certificate(coef, gradient).max() <= tol:
                break
            for _ in range(NEWTON_STEPS // len(coef) + 1):
                if not _newton_step(self.hessian, gradient, coef, penalty):
                    break
        return coef

    def _product(self, move):
        moved = np.flatnonzero(move)
        return move[moved] @ self.hessian[moved] if len(moved) < len(move) else self.hessian @ move


@njit(cache=True, nogil=True)
def _sweep(hessian, gradient, coef, indptr, strength, ridge, values, vectors, starts, n_sweeps):
    """Minimise over each group in turn, `n_sweeps` times; `gradient` of the quadratic is kept up to date."""
    longest = np.max(indptr[1:] - indptr[:-1])
    pull, curvature, step, moves = np.empty(longest), np.empty(longest), np.empty(longest), np.empty(longest)
    for _ in range(n_sweeps):
        moved = False
        for g in range(strength.size):
            first, size = indptr[g], indptr[g + 1] - indptr[g]
            if size == 1:
                force = values[first] * coef[first] - gradient[first]
                excess = abs(force) - strength[g]
                target, steepness = 0.0, values[first] + ridge[first]
                if excess > 0.0 and steepness > 0.0:
                    target = excess / steepness if force > 0.0 else -excess / steepness
                moves[0] = target - coef[first]
            else:
                basis = vectors[starts[g] : starts[g + 1]].reshape(size, size)
                for b in range(size):
                    force, place = 0.0, 0.0
                    for a in range(size):
                        force -= basis[a, b] * gradient[first + a]
                        place += basis[a, b] * coef[first + a]
                    pull[b] = force + values[first + b] * place
                    curvature[b] = values[first + b] + ridge[first]
                group_step(pull[:size], curvature[:size], strength[g], step[:size])
                for a in range(size):
                    moves[a] = -coef[first + a]
                    for b in range(size):
                        moves[a] += basis[a, b] * step[b]
            for a in range(size):
                move = moves[a]
                if move != 0.0:
                    moved = True
                    coef[first + a] += move
                    row = hessian[first + a]
                    for j in range(coef.size):
                        gradient[j] += move * row[j]
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
