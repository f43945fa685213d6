"""The model problem of a Newton step where the Hessian is block diagonal, and groups lie across its blocks."""

import numpy as np

from skprox.solvers.factors import Cholesky
from skprox.solvers.quadratic import QuadraticModel, extended


class BlockModel(QuadraticModel):
    """The blocks of the Hessian of an objective at some point, over the groups of a working set.

    Blocks are as many outputs, which share nothing but the penalty. Each group has the same columns of X in each, one
    block after the other. So a Newton step needs a factor of each block, and ties these together by a matrix as large
    as there are groups: the norm of group g has the curvature  diag(diagonal) - radial_g radial_g'  over all its
    coefficients, which leaves a sum of as many products (Sherman, Morrison and Woodbury).

    Its blocks, `rows`, have shape (n_blocks, n_columns, n_columns), and `places`, (n_blocks, n_columns), says which of
    the coefficients their columns are.
    """

    def __init__(self, point, output, partition, n_blocks, dtype):
        super().__init__(point, output, partition, 0, dtype, False)
        self.n_blocks = n_blocks
        self.rows, self.places = np.empty((n_blocks, 0, 0)), np.empty((n_blocks, 0), dtype=int)

    def include(self, groups, working):
        """Append those of `groups` that are not in it. All columns in question are in the working set."""
        new = np.setdiff1d(groups, self.groups)
        if len(new) == 0:
            return
        old = self.places.shape[1]
        self._append(new)
        point, where = working.restrict(self.point), working.find(self.columns[self.places])
        self.rows = extended(self.rows, working.objective.hessians(point, self.output, where, slice(old, None)))
        self._add_eigenbases(new, old)

    def forget(self, groups):
        """Leave all but `groups` out, where that is worth a copy."""
        kept = np.isin(self.groups, groups)
        widths = self._widths(self.groups)
        where = np.flatnonzero(np.repeat(kept, widths))
        if 1.3 * len(where) < self.places.shape[1]:
            left = self.groups[kept]
            self.groups, self.columns, self.places = self.groups[:0], self.columns[:0], self.places[:, :0]
            self._append(left)
            self.rows = self.rows[:, where[:, None], where]
            self.values, self.vectors, self.starts = np.empty(0), np.empty(0), np.zeros(1, dtype=int)
            self._add_eigenbases(left, 0)

    def cost(self, n_problems, n_rows):
        """How many steps of so many problems in lockstep a Hessian costs, by the operations of both."""
        n_columns = self.places.shape[1]
        n_vectors = self.n_blocks * n_problems
        return self.n_blocks * n_rows * n_columns / ((n_vectors + 1.5) * (8 * n_rows + 40 * n_columns))

    def times(self, move):
        """Hessian @ move"""
        out = np.empty_like(move)
        out[self.places] = _times(self.rows, move[self.places])
        return out

    def solve_curved(self, inside, diagonal, radial, penalty, right):
        """(Hessian + diag(diagonal) - radial radial' within groups)^-1 right on the columns `inside`."""
        among, radial = np.zeros(len(diagonal), dtype=bool), radial.copy()
        among[inside], wanted = True, np.zeros(len(diagonal))
        radial[~among], wanted[inside] = 0.0, right
        played = np.flatnonzero(among[self.places].any(axis=0))
        places, label = (
            self.places[:, played],
            np.repeat(np.arange(len(self.groups)), self._widths(self.groups))[played],
        )
        (among, radial, wanted), out = (each[places] for each in (among, radial, wanted)), np.zeros(len(diagonal))
        matrix = self.rows[:, played[:, None], played]
        if not among.all():
            matrix *= among[:, :, None] & among[:, None]
        matrix += np.where(among, diagonal[places], 1.0)[:, :, None] * np.eye(len(played))
        inverse = Cholesky(matrix, self.eps).inverse()
        found = _times(inverse, wanted)
        if radial.any():
            groups, starts = np.unique(label, return_index=True)
            ties = np.add.reduceat(np.einsum("kij,ki,kj->ij", inverse, radial, radial), starts)
            ties = np.eye(len(groups)) - np.add.reduceat(ties, starts, axis=1)
            projected = Cholesky(ties, self.eps).solve(np.add.reduceat((radial * found).sum(axis=0), starts))
            found += _times(inverse, radial * np.repeat(projected, np.diff([*starts, len(label)])))
        out[places] = found
        return out[inside]

    def _append(self, groups):
        """Take the columns of more groups."""
        widths, old = self._widths(groups), len(self.columns)
        starts = np.cumsum(widths) - widths
        shift = np.arange(widths.sum()) + np.repeat((self.n_blocks - 1) * starts, widths)
        blocks = np.arange(self.n_blocks)[:, None] * np.repeat(widths, widths)
        self.places = np.hstack([self.places, old + shift + blocks])
        self.groups = np.concatenate([self.groups, groups])
        self.columns = np.concatenate([self.columns, self.partition.columns(groups)])

    def _add_eigenbases(self, groups, first):
        """Eigenvalues and eigenvectors of the parts of each block in `groups`, whose columns start at `first`."""
        widths = self._widths(groups)
        firsts = first + np.cumsum(widths) - widths
        starts = np.concatenate([[0], np.cumsum(self.n_blocks * widths**2)])
        values, vectors = np.empty(len(self.columns)), np.ones(starts[-1])
        values[: len(self.values)] = self.values
        for width in np.unique(widths):
            alike = widths == width
            members = firsts[alike][:, None] + np.arange(width)
            parts = self.rows[:, members[:, :, None], members[:, None, :]]
            spectra, bases = self._spectra(parts, groups[alike])
            values[self.places[:, members]] = spectra
            where = starts[:-1][alike][:, None] + np.arange(self.n_blocks * width**2)
            vectors[where] = bases.swapaxes(0, 1).reshape(where.shape)
        self.starts = np.concatenate([self.starts, self.starts[-1] + starts[1:]])
        self.values, self.vectors = values, np.concatenate([self.vectors, vectors])

    def blocks(self):
        """The blocks on its diagonal, and the positions of the columns of each."""
        return self.rows, self.places

    def _widths(self, groups):
        """How many columns of X some groups have."""
        return self.partition.sizes[groups] // self.n_blocks


def _times(matrices, vectors):
    """Products of as many matrices and vectors."""
    return np.matmul(matrices, vectors[:, :, None])[:, :, 0]
