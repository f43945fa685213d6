"""Factors of the matrices of Newton steps, kept for steps nearby."""

import numpy as np
from scipy import sparse
from scipy.linalg import get_lapack_funcs

from skprox.prox import STRENGTH
from skprox.solvers.model_steps import products, split


def submatrix(hessian, inside, diagonal):
    """hessian + diag(diagonal) on the columns `inside`."""
    out = hessian.take(inside, axis=0).take(inside, axis=1)
    out[np.diag_indices_from(out)] += diagonal[inside]
    return out


class Cholesky:
    """Cholesky factor of a semi-definite matrix known up to `eps`, its diagonal lifted by as little as it takes.

    Or of several, along the first axis. Overwrites the diagonal of `matrix`. Not a number throughout where no lift
    helps.
    """

    def __init__(self, matrix, eps):
        self.matrix, here = matrix, np.arange(matrix.shape[-1])
        diagonal = matrix[..., here, here]
        diagonal[diagonal <= 0] = 1.0
        for lift in eps**0.7 * 100.0 ** np.arange(8):
            matrix[..., here, here] = diagonal * (1.0 + lift)
            try:
                self.lower = np.linalg.cholesky(matrix)  # scipy's would hold other threads up
                break
            except np.linalg.LinAlgError:
                self.lower = np.full_like(matrix, np.nan)

    def half_solve(self, right, transposed=False):
        """lower^-1 right, or its transpose's."""
        (solve,) = get_lapack_funcs(("trtrs",), (self.lower,))
        return solve(self.lower.T, right, lower=False, trans=not transposed)[0]

    def solve(self, right):
        return self.half_solve(self.half_solve(right), transposed=True)

    def inverse(self):
        if not np.isfinite(self.lower).all():
            return np.full_like(self.matrix, np.nan)
        return np.linalg.inv(self.matrix)


class Factor:
    """A factor of hessian + diag(diagonal) on some columns, that also solves on sets of columns that differ by few.

    A column that left is a constraint and one that came an unknown more: both go by the Schur complement.
    """

    def __init__(self, hessian, inside, diagonal, eps):
        self.hessian, self.inside, self.diagonal = hessian, inside, diagonal
        self.cholesky = Cholesky(submatrix(hessian, inside, diagonal), eps)

    def is_near(self, inside, diagonal):
        n_changes = len(np.setxor1d(self.inside, inside, assume_unique=True))
        return 8 * n_changes < len(inside) and np.array_equal(self.diagonal, diagonal)

    def solve(self, inside, right):
        if np.array_equal(self.inside, inside):
            return self.cholesky.solve(right)
        removed, added = np.flatnonzero(~np.isin(self.inside, inside)), np.setdiff1d(inside, self.inside)
        still = np.delete(np.arange(len(self.inside)), removed)
        out = np.zeros(len(self.hessian))
        out[inside] = right
        border = np.zeros((len(self.inside), len(added) + len(removed) + 1))
        border[:, : len(added)] = self.hessian[added][:, self.inside].T
        border[removed, len(added) + np.arange(len(removed))] = 1.0
        border[still, -1] = out[self.inside[still]]
        border = self.cholesky.half_solve(border)
        border, halfway = border[:, :-1], border[:, -1]
        corner = -border.T @ border
        corner[: len(added), : len(added)] += submatrix(self.hessian, added, self.diagonal)
        wanted = np.concatenate([out[added], np.zeros(len(removed))]) - border.T @ halfway
        if not (np.isfinite(corner).all() and np.isfinite(wanted).all()):
            return np.full_like(right, np.nan)
        beside = np.linalg.lstsq(corner, wanted, rcond=None)[0]
        out[self.inside] = self.cholesky.half_solve(halfway - border @ beside, transposed=True)
        out[added] = beside[: len(added)]
        return out[inside]


class WideFactor:
    """Newton's matrix R R' + C for rows R with more columns than rows of X, and C the curvature of norms of groups.

    C is strength / ||u_g|| (I - v v') in each group, with v = u_g / ||u_g||: along v there is none. Eliminating
    what is across leaves a matrix as large as X has rows, M = I + R' C^+ R, and one as large as there are groups.
    """

    def __init__(self, rows, penalty, coef, groups):
        self.groups, self.columns, sizes = groups, penalty.columns(groups), penalty.sizes[groups]
        self.ends, self.label = np.cumsum([0, *sizes]), np.repeat(np.arange(len(sizes)), sizes)
        norms = penalty.norms(coef)[groups]
        inverse_curvature = (norms / penalty.arrays.groups[STRENGTH, groups]).astype(rows.dtype)
        self.inverse_curvature = inverse_curvature[self.label]
        self.direction = (coef[self.columns] / norms[self.label]).astype(rows.dtype)
        scaled = rows[self.columns]
        radial_rows = sparse.csr_array((self.direction, np.arange(len(self.direction)), self.ends)) @ scaled
        scaled *= np.sqrt(self.inverse_curvature)[:, None]
        scaled_radial = radial_rows * np.sqrt(inverse_curvature)[:, None]
        matrix = scaled.T @ scaled - scaled_radial.T @ scaled_radial
        matrix[np.diag_indices_from(matrix)] += 1.0
        self.tangential = Cholesky(matrix, np.finfo(rows.dtype).eps)
        self.half = self.tangential.half_solve(radial_rows.T)
        self.radial = Cholesky(self.half.T @ self.half, np.finfo(rows.dtype).eps)

    def is_near(self, inside):
        """Whether it will do where other groups are `inside`."""
        n_groups, n_shared = np.count_nonzero(inside), np.count_nonzero(inside[self.groups])
        return 10 * (n_groups + len(self.groups) - 2 * n_shared) <= n_groups

    def solve(self, rows, slope, moves, diagonal):
        """-(R R' + C)^-1 (slope + R moves), and R' times that. Two passes over the rows.

        Where `diagonal` is infinite the right-hand side is zero.
        """
        (right, tangential), radial = np.empty((2, len(slope)), rows.dtype), np.empty(len(self.groups), rows.dtype)
        local = moves.astype(rows.dtype), slope, diagonal, self.direction, self.inverse_curvature
        half = self.tangential.half_solve(split(rows, self.columns, self.ends, *local, right, radial, tangential))
        radial = self.radial.solve(radial - self.half.T @ half)
        image = self.tangential.half_solve(half + self.half @ radial, transposed=True)
        right -= products(rows, self.columns, image)
        right -= self.direction * np.add.reduceat(right * self.direction, self.ends[:-1])[self.label]
        return self.inverse_curvature * right + self.direction * radial[self.label], image

    def step(self, rows, gradient, moves, coef, penalty):
        """Newton's step in place if it leads down, short of where a group passes zero."""
        part, here = penalty.restrict(self.groups), coef[self.columns]
        slope, diagonal, _ = part.expansion(here)
        step, image = self.solve(rows, slope + gradient[self.columns], moves, diagonal)
        at_kink = np.flatnonzero(np.isinf(diagonal))
        image -= step[at_kink] @ rows[self.columns[at_kink]]
        step[at_kink] = 0.0
        first = part.first_kink(here, step.astype(np.float64))
        length = 1.0 if first == 1.0 else 0.9 * first
        moved, image = coef.copy(), moves + length * image
        moved[self.columns] += length * step
        before = gradient @ coef + moves @ moves / 2 + penalty.value(coef)
        if gradient @ moved + image @ image / 2 + penalty.value(moved) < before:
            coef[:], moves[:] = moved, image
