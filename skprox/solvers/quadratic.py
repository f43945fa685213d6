"""The model problem of a Newton step: a kept Hessian on a working set of groups, and a penalty."""

import numpy as np

from skprox.solvers.anderson import Anderson
from skprox.solvers.factors import Cholesky, Factor, WideFactor, submatrix
from skprox.solvers.model_steps import search, sweep

ROUNDS, SWEEPS = 20, 10
REFINEMENTS = 3  # of the solution of a linear system
STEEP = 0.75  # power of the precision: curvature, as a share of the largest, along which such solutions begin
RELAXATIONS, BETWEEN = 200, 4  # sweeps over the groups in play between two over all
NEWTON_STEPS = 10_000  # times columns: fewer where factorising costs more


class QuadraticModel:
    """The Hessian of an objective at some point, over the groups of a working set.

    Where linear predictors have moved by at most e everywhere, the Hessian H of then is still within
    exp(-e) H and exp(e) H: one serves many steps, strengths and outputs.

    `rows` is the Hessian itself, or where it is `factored` a factor F of it, Hessian = F F'. The factor is as
    large as the columns: it is read again and again, and float32 will do, since steps are corrected by gradients
    in full.
    """

    is_implicit, ran_out = False, False

    def __init__(self, point, output, partition, n_rows, dtype, factored):
        self.point, self.output, self.partition, self.factored = point, output, partition, factored
        self.groups, self.columns = np.empty(0, dtype=int), np.empty(0, dtype=int)
        self.rows = np.empty((0, n_rows), np.float32) if self.factored else np.empty((0, 0))
        self.eps = np.finfo(np.float32 if self.factored else dtype).eps
        self.values, self.vectors, self.starts = np.empty(0), np.empty(0), np.zeros(1, dtype=int)
        self.kept = None

    def include(self, groups, working):
        """Append those of `groups` that are not in it. All columns in question are in the working set."""
        new = np.setdiff1d(groups, self.groups)
        if len(new) == 0:
            return
        old = len(self.columns)
        self.groups = np.concatenate([self.groups, new])
        self.columns = np.concatenate([self.columns, self.partition.columns(new)])
        if self.factored:
            added = finite(working.whole.factor(self.point, self.output, self.columns[old:]))
            self.rows = np.concatenate([self.rows, added], dtype=np.float32)
        else:
            point, where = working.restrict(self.point), working.find(self.columns)
            self.rows = extended(self.rows, working.objective.hessian(point, self.output, where, slice(old, None)))
        self._add_eigenbases(new, old)

    def forget(self, groups):
        """Leave all but `groups` out, where that is worth a copy."""
        kept = np.isin(self.groups, groups)
        sizes = self.partition.sizes[self.groups]
        where = np.flatnonzero(np.repeat(kept, sizes))
        if 1.3 * len(where) < len(self.columns):
            self.vectors = self.vectors[np.repeat(kept, sizes**2)]
            self.starts = np.cumsum([0, *sizes[kept] ** 2])
            self.groups, self.columns, self.values = self.groups[kept], self.columns[where], self.values[where]
            self.rows = self.rows[where] if self.factored else self.rows.take(where, axis=0).take(where, axis=1)
            self.kept = None

    def cost(self, n_problems, n_rows):
        """How many steps of so many problems in lockstep a Hessian costs, by the operations of both."""
        n_columns = len(self.columns)
        if self.factored:
            return 4.0  # no product of columns, but all that follows from one
        return n_rows * n_columns / ((n_problems + 1.5) * (8 * n_rows + 40 * n_columns))

    def _add_eigenbases(self, groups, first):
        """Eigenvalues and eigenvectors of the diagonal blocks of `groups`, which start at `first`."""
        sizes = self.partition.sizes[groups]
        stops = first + np.cumsum(sizes)
        starts = np.concatenate([[0], np.cumsum(sizes**2)])
        vectors = np.ones(starts[-1])
        if self.factored:
            values = np.einsum("ij,ij->i", self.rows[first:], self.rows[first:], dtype=np.float64)
        else:
            values = self.rows.diagonal()[first:].copy()
        for size in np.unique(sizes[sizes > 1]):
            of_size = sizes == size
            members = (stops[of_size] - size)[:, None] + np.arange(size)
            if self.factored:
                rows = self.rows[members]
                blocks = rows @ rows.swapaxes(1, 2)
            else:
                blocks = self.rows[members[:, :, None], members[:, None, :]]
            values[members - first], bases = self._spectra(blocks, groups[of_size])
            vectors[starts[:-1][of_size][:, None] + np.arange(size**2)] = bases.reshape(len(bases), -1)
        self.starts = np.concatenate([self.starts, self.starts[-1] + starts[1:]])
        self.values, self.vectors = np.concatenate([self.values, values]), np.concatenate([self.vectors, vectors])

    def _spectra(self, blocks, groups):
        """Eigenvalues and eigenvectors of the part of the Hessian in each of `groups`, along the last axes but two."""
        spectra, bases = np.linalg.eigh(blocks.astype(np.float64))
        noise = blocks.shape[-1] * (self.eps if self.factored else np.finfo(float).eps) * spectra[..., -1:]
        # rounding asks for moves along directions without curvature, which must not be free in a group that is held
        has_kink = self.partition.kinked[groups, None]
        return np.where(spectra > noise, spectra, np.where(has_kink, noise, 0.0)), bases

    def times(self, move):
        """Hessian @ move"""
        half = self._combine(move)
        return (self.rows @ half if self.factored else half).astype(np.float64)

    def _combine(self, move):
        """move @ rows"""
        moved, move = np.flatnonzero(move), move.astype(self.rows.dtype)
        return move @ self.rows if 2 * len(moved) > len(move) else move[moved] @ self.rows[moved]

    def minimise(self, gradient, coef, start, certificate, tol):
        """argmin_u  gradient.(u - coef) + 1/2 (u - coef).hessian (u - coef) + penalty(u), from `start`.

        Sweeps of block coordinate descent, each an exact step in one group, find which groups are zero.
        A Newton step on the others then removes what nearly dependent columns leave to do: away from
        zero the norm of a group is smooth, with curvature strength * (I - v v') / ||u_g||, v = u_g / ||u_g||.

        Arrays are in the order of `columns`, and the penalty of `certificate` in that of `groups`. The
        largest entry of the certificate is at most `tol` in the end, unless that takes too long. Returns the
        gradient of the quadratic there, too.
        """
        if self.factored:
            return self._relax(gradient, coef, start, certificate, tol)
        gradient, coef = gradient + self.times(start - coef), start.copy()
        if certificate.penalty.is_smooth():
            return self._solve_smooth(gradient, coef, certificate, tol)
        n_bounded = len(coef) if certificate.penalty.is_bounded else 0  # a step may end where one reaches its bound
        steps = iter(range(NEWTON_STEPS // len(coef) + ROUNDS + n_bounded))
        _, places = self.blocks()
        for _ in range(ROUNDS):
            state = gradient[places]
            self._sweep(gradient, state, coef, certificate, tol, SWEEPS)
            gradient[places] = state
            if certificate(coef, gradient).max() <= tol:
                break
            for _ in steps:
                if not _newton_step(self, gradient, coef, certificate.penalty):
                    break
        return coef, gradient

    def blocks(self):
        """The blocks on its diagonal, and the positions of the columns of each."""
        return self.rows[None], np.arange(len(self.rows))[None]

    def _solve_smooth(self, gradient, coef, certificate, tol):
        """The minimiser without norms, by eigenvectors, and the gradient there.

        Not along directions whose curvature may be rounding alone, as is that of negative size, nor along flat ones
        where the certificate does without: steps along these are the longest, and tell least.
        """
        (matrix, places), ridge = self.blocks(), certificate.penalty.ridge
        flat, step = np.empty(len(coef), dtype=bool), np.empty_like(coef)
        flat[places] = np.einsum("kjj->kj", matrix) == 0  # eigenvectors would mix these by rounding
        matrix = matrix + ridge[places][:, :, None] * np.eye(places.shape[1])
        scale = np.sqrt(np.maximum(np.einsum("kjj->kj", matrix), 0.0))
        scale[scale == 0] = 1.0
        matrix /= scale[:, None]
        matrix /= scale[:, :, None]
        values, vectors = np.linalg.eigh(np.clip(matrix, -1.0, 1.0))  # beyond is rounding
        for least in (self.eps**STEEP, *REFINEMENTS * [values.shape[1] * self.eps]):
            if certificate(coef, gradient).max() <= tol:
                break
            told = values > np.maximum(least * values[:, -1:], -values[:, :1])
            inverse = np.where(told, 1 / np.where(told, values, 1.0), 0.0)
            slope = gradient + ridge * coef
            linear_term = np.einsum("kij,ki->kj", vectors, slope[places] / scale)
            step[places] = -np.einsum("kij,kj->ki", vectors, inverse * linear_term) / scale
            step[flat] = -np.divide(slope, ridge, out=np.zeros_like(slope), where=ridge > 0)[flat]
            coef += step
            gradient += self.times(step)
        return coef, gradient

    def _relax(self, gradient, coef, start, certificate, tol):
        """Sweeps, most of them over the groups in play, and Newton steps of these, extrapolated.

        The step goes by a matrix from nearby, and hardly moves groups that were small then: the sweeps do.
        """
        penalty, past = certificate.penalty, Anderson()
        moves, coef = self._combine(start - coef).astype(np.float64), start.copy()
        for n_rounds in range(RELAXATIONS):
            before = moves.copy()
            if self._sweep(gradient, moves[None], coef, certificate, tol, 1) <= tol:
                break
            inside = penalty.norms(coef) > 0
            if (wide := self._wide(penalty, coef, inside, n_rounds)) is not None:
                wide.step(self.rows, gradient, moves, coef, penalty)
            self._sweep(gradient, moves[None], coef, certificate, tol, BETWEEN, np.flatnonzero(inside))
            step = moves - before
            further = past.extrapolate(step, step, coef.copy(), moves.copy())
            values = [gradient @ c + m @ m / 2 + penalty.value(c) for c, m in (further, (coef, moves))]
            if values[0] < values[1]:
                coef, moves = further
        return coef, gradient + self.rows @ moves.astype(self.rows.dtype)

    def _wide(self, penalty, coef, inside, n_rounds):
        """Newton's matrix at coefficients nearby, with nearly these groups in play: a new one not before sweeps."""
        if not inside.any():
            return None
        wide = self.kept
        if wide is not None and not wide.is_near(inside):
            wide = None
        if n_rounds > 0 and (wide is None or n_rounds % 10 == 0):
            wide = self.kept = WideFactor(self.rows, penalty, coef, np.flatnonzero(inside))
        return wide

    def solve_curved(self, inside, diagonal, radial, penalty, right):
        """(Hessian + diag(diagonal) - radial radial')^-1 right on the columns `inside`."""
        if not radial.any():
            return self.solve(inside, diagonal, right)
        curvature = submatrix(self.rows, inside, diagonal)
        for group in penalty.curved(radial):
            where = slice(*np.searchsorted(inside, group))
            curvature[where, where] -= np.outer(radial[inside[where]], radial[inside[where]])
        return Cholesky(curvature, self.eps).solve(right)

    def solve(self, inside, diagonal, right):
        """(Hessian + diag(diagonal))^-1 right on the columns `inside`, by a factor for columns nearby if any."""
        kept = self.kept
        if kept is None or not kept.is_near(inside, diagonal):
            kept = self.kept = Factor(self.rows, inside, diagonal, self.eps)
        return kept.solve(inside, right)

    def _sweep(self, slope, state, coef, certificate, tol, n_sweeps, groups=None):
        penalty, (rows, _) = certificate.penalty, self.blocks()
        groups = np.arange(penalty.n_groups) if groups is None else groups
        bases, until = (self.values, self.vectors, self.starts), (certificate.residual_scale, tol, n_sweeps)
        near = state.astype(rows.dtype)  # in single precision beside a factor: sweeps take half as long
        largest = sweep(rows, state.shape[1], self.factored, *bases, slope, near, coef, penalty.arrays, groups, *until)
        state[:] = near
        return largest


def finite(second):
    """Second derivatives without those that overflow: steps are judged by values."""
    return second if np.isfinite(second).all() else np.where(np.isfinite(second), second, 0.0).astype(second.dtype)


def extended(matrix, added):
    """A symmetric matrix, or several along the first axis, with more rows and columns, of which the rows are given."""
    added, old = finite(added), matrix.shape[-1]
    out = np.empty((*added.shape[:-2], added.shape[-1], added.shape[-1]))
    out[..., :old, :old], out[..., old:, :], out[..., :old, old:] = matrix, added, added[..., :old].swapaxes(-1, -2)
    return out


def is_factored(penalties, groups, n_rows, column_sd):
    """Whether sweeps over a factor are worth more than the Hessian: where each group has a strength alone to hold it.

    A Newton step needs one factorisation of a Hessian for all of the lasso, but one for each step of groups. Squares
    of all columns, whose standard deviations are `column_sd`, must be in the range of float32.
    """
    n_columns = len(penalties[0].columns(groups))
    if n_columns <= max(400, (2 if n_columns == len(groups) else 1) * n_rows):
        return False
    if not all(penalty.has_norms_alone for penalty in penalties):
        return False
    return ((column_sd == 0) | ((column_sd > 1e-15) & (column_sd < 1e15))).all()


def _newton_step(model, gradient, coef, penalty):
    """Newton's step where the penalty is smooth, in place, as far as the objective falls. True if it was cut short."""
    slope, diagonal, radial = penalty.expansion(coef)
    inside = np.flatnonzero(diagonal < np.inf)
    if len(inside) == 0:
        return False
    slope, diagonal[diagonal == np.inf], step = slope + gradient, 0.0, np.zeros_like(coef)
    step[inside] = model.solve_curved(inside, diagonal, radial, penalty, -slope[inside])
    rows, places = model.blocks()
    return search(rows, places, gradient, coef, step, model.times(step), penalty.arrays, penalty.n_groups)
