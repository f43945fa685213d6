"""Factors of the matrices of Newton steps, kept for steps nearby."""

import numpy as np
from scipy import sparse
from scipy.linalg import get_lapack_funcs


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
        self.groups, self.columns = groups, penalty.columns(groups)
        sizes = penalty.sizes[groups]
        self.first, self.label = np.cumsum(sizes) - sizes, np.repeat(np.arange(len(groups)), sizes)
        norms, curvature = penalty.norms(coef)[groups], penalty.norm_slopes(coef)[groups]
        self.rows, self.direction = rows[self.columns], (coef[self.columns] / norms[self.label]).astype(rows.dtype)
        self.inverse_curvature = inverse_curvature = (1 / curvature)[self.label].astype(rows.dtype)
        ends = np.append(self.first, len(self.columns))
        self.radial_rows = sparse.csr_array((self.direction, np.arange(len(self.direction)), ends)) @ self.rows
        scaled, scaled_radial = (
            self.rows * np.sqrt(inverse_curvature)[:, None],
            self.radial_rows * np.sqrt(inverse_curvature[self.first])[:, None],
        )
        matrix = scaled.T @ scaled - scaled_radial.T @ scaled_radial
        matrix[np.diag_indices_from(matrix)] += 1.0
        self.tangential = Cholesky(matrix, np.finfo(rows.dtype).eps)
        self.half = self.tangential.half_solve(self.radial_rows.T)
        self.radial = Cholesky(self.half.T @ self.half, np.finfo(rows.dtype).eps)

    def solve(self, right):
        """(R R' + C)^-1 right, and R' times that."""
        radial = np.add.reduceat(right * self.direction, self.first)
        tangent = self.inverse_curvature * (right - self.direction * radial[self.label])
        half = self.tangential.half_solve(self.rows.T @ tangent)
        radial_part = self.radial.solve(radial - self.half.T @ half)
        image = self.tangential.half_solve(half + self.half @ radial_part, transposed=True)
        pushed = right - self.rows @ image
        pushed -= self.direction * np.add.reduceat(pushed * self.direction, self.first)[self.label]
        return self.inverse_curvature * pushed + self.direction * radial_part[self.label], image

    def step(self, gradient, moves, coef, penalty):
        """Newton's step in place if it leads down, short of where a group passes zero."""
        part, here = penalty.restrict(self.groups), coef[self.columns]
        slope, diagonal, _ = part.expansion(here)
        slope += gradient[self.columns] + self.rows @ moves.astype(self.rows.dtype)
        at_kink = np.isinf(diagonal)
        slope[at_kink] = 0.0
        step, image = self.solve(-slope.astype(self.rows.dtype))
        if at_kink.any():
            step[at_kink] = 0.0
            image = self.rows.T @ step
        first = part.first_kink(here, step.astype(np.float64))
        length = 1.0 if first == 1.0 else 0.9 * first
        moved, image = coef.copy(), moves + length * image
        moved[self.columns] += length * step
        before = gradient @ coef + moves @ moves / 2 + penalty.value(coef)
        if gradient @ moved + image @ image / 2 + penalty.value(moved) < before:
            coef[:], moves[:] = moved, image
