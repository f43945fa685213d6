"""The penalty: what it is worth, its proximal map, and how far a point is from optimal."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from skprox import prox
from skprox.prox import L1, LEVEL, LOWER, MIXED, REST, RIDGE, STRENGTH, UPPER, Arrays


@dataclass(frozen=True)
class Penalty:
    """sum_g strength_g * ||coef_g||_2 + sum_j l1_j * |coef_j| + 1/2 * sum_j ridge_j * coef_j^2, low <= coef <= high

    The lasso has groups of one, ridge regression neither `strength` nor `l1`. An infinite strength, or `l1`, holds
    at zero. Bounds hold zero; those of a group of several with a strength are 0 or infinite.

    Its numbers are in `arrays`, for compiled code, and nowhere else.
    """

    arrays: Arrays
    is_concave = False

    @classmethod
    def from_groups(cls, groups, strength, ridge, l1=0.0, lower=-np.inf, upper=np.inf):
        """Build from a list of arrays of positions, one a group, and numbers for each group or each coefficient."""
        indices, indptr = np.concatenate(groups).astype(np.int64), np.cumsum([0, *map(len, groups)])
        return cls.of(indices, indptr, strength, ridge, l1, lower, upper)

    @classmethod
    def of(cls, indices, indptr, strength, ridge, l1=0.0, lower=-np.inf, upper=np.inf):
        """Build from numbers for each group or each coefficient."""
        sizes = np.diff(indptr)
        strengths, columns = np.zeros((4, len(sizes))), np.zeros((4, len(indices)))
        strengths[STRENGTH], columns[RIDGE] = strength, ridge
        held = np.broadcast_to(np.isinf(l1), len(indices))
        columns[L1] = np.where(held, 0.0, l1)
        columns[LOWER], columns[UPPER] = np.where(held, 0.0, lower), np.where(held, 0.0, upper)
        alone = indices[indptr[:-1][sizes == 1]]
        strengths[STRENGTH, sizes == 1] += columns[L1, alone]
        columns[L1, alone] = 0.0
        label = np.repeat(np.arange(len(sizes)), sizes)
        of_groups, first = columns[:, indices], columns[RIDGE, indices[indptr[:-1]]]
        mixed = (of_groups[L1] > 0) | (of_groups[RIDGE] != first[label])
        mixed |= np.isfinite(of_groups[LOWER]) | np.isfinite(of_groups[UPPER])
        strengths[MIXED, label[mixed]] = 1.0
        return cls(Arrays(indices, indptr, strengths, columns))

    @classmethod
    def from_columns(cls, groups, by_column):
        """Build from groups and what `by_column` gives."""
        strength, l1, ridge, lower, upper = by_column
        return cls.from_groups(groups, strength[[group[0] for group in groups]], ridge, l1, lower, upper)

    @property
    def n_groups(self):
        return self.arrays.groups.shape[1]

    @cached_property
    def sizes(self):
        return np.diff(self.arrays.indptr)

    @cached_property
    def kinked(self):
        """Whether a group, as a whole, has a kink at zero, or bounds, that may hold it there: a bool a group."""
        held = (self.arrays.columns[L1] > 0) | self._shut
        return (self.arrays.groups[STRENGTH] > 0) | self._each_group(np.logical_and, held)

    @cached_property
    def is_bounded(self):
        return bool(np.isfinite(self.arrays.columns[LOWER:]).any())

    def is_smooth(self, groups=slice(None)):
        """Whether it has a derivative everywhere, and no bound, in all of some groups."""
        if self.arrays.groups[STRENGTH, groups].any():
            return False
        columns = self.arrays.columns[:, self.columns(np.arange(self.n_groups)[groups])]
        return not (columns[L1].any() or np.isfinite(columns[LOWER:]).any())

    @property
    def has_norms_alone(self):
        """Whether each group has a strength, and nothing else."""
        groups, columns = self.arrays.groups, self.arrays.columns
        return groups[STRENGTH].all() and not groups[MIXED].any() and not columns[RIDGE].any()

    @property
    def ridge(self):
        """Second derivative of what is not a norm: ndarray of shape (n_features,)."""
        return self.arrays.columns[RIDGE]

    @property
    def can_enter(self):
        """Whether a finite strength holds a group at zero where it is large enough: a bool a group."""
        return self.kinked & np.isfinite(self.arrays.groups[STRENGTH]) & ~self._each_group(np.logical_and, self._shut)

    @property
    def _shut(self):
        return (self.arrays.columns[LOWER] == 0) & (self.arrays.columns[UPPER] == 0)

    def _each_group(self, function, values):
        return function.reduceat(values[self.arrays.indices], self.arrays.indptr[:-1])

    def value(self, coef):
        return prox.value(coef, self.arrays, self.n_groups)

    def norms(self, coef):
        return prox.group_norms(coef, self.arrays.indices, self.arrays.indptr)

    def prox(self, point, curvature):
        """argmin_u 1/2 * sum_j curvature[j] * (u[j] - point[j])^2 + value(u)"""
        return prox.prox(point, curvature, self.arrays)

    def kkt_residuals(self, coef, gradient, rounding=None, scale=None):
        """Distance of -gradient to the subdifferential at `coef`, a number a group.

        Of each coefficient's part counts what exceeds `rounding`, and that over its `scale`.
        """
        rounding = np.zeros_like(coef) if rounding is None else rounding
        scale, out = np.ones_like(coef) if scale is None else scale, np.empty(self.n_groups)
        prox.residuals(coef, gradient, self.arrays, self.n_groups, rounding, scale, out)
        return out

    def entries(self, gradient):
        """The factor on all strengths above which each group stays at zero, with this gradient there.

        Infinite for groups that nothing holds.
        """
        out = np.empty(self.n_groups)
        prox.entries(gradient, self.arrays, self.n_groups, out)
        return out

    def alpha_max(self, gradient, rounding):
        """The largest of these factors that is finite.

        Groups whose gradient is no more than `rounding` can't tell: without others it is zero.
        """
        can_tell = self.kinked & (self.norms(np.maximum(np.abs(gradient) - rounding, 0.0)) > 0)
        return np.max(self.entries(gradient)[can_tell], initial=0.0)

    def expansion(self, coef):
        """First derivative, and second derivative diag(diagonal) - radial radial' within each group, of smooth parts.

        Where there is none, because of a kink or a bound, `diagonal` is infinite.
        """
        slope, diagonal, radial = np.empty((3, len(coef)))
        prox.expansion(coef, self.arrays, self.n_groups, slope, diagonal, radial)
        return slope, diagonal, radial

    def first_kink(self, coef, step):
        """The share of a step, at most 1, after which there is a kink or a bound."""
        return prox.first_kink(coef, step, self.arrays, self.n_groups)

    def advance(self, coef, step, length):
        """Where a share of a step ends: what would go past a kink or leave its bounds stops there."""
        out = np.empty_like(coef)
        prox.advance(coef, step, length, self.arrays, self.n_groups, out)
        return out

    def curved(self, radial):
        """First and last position, plus one, of each group in which some `radial` of `expansion` is not zero."""
        groups = np.flatnonzero(self._each_group(np.logical_or, radial != 0))
        return np.transpose([self.arrays.indptr[groups], self.arrays.indptr[groups + 1]])

    def by_column(self):
        """The strength of the norm that each coefficient is in, then the rows of `columns`: shape (5, n_features)."""
        strength = np.empty(len(self.arrays.indices))
        strength[self.arrays.indices] = np.repeat(self.arrays.groups[STRENGTH], self.sizes)
        return np.vstack([strength, self.arrays.columns])

    def feasible(self, coef):
        """`coef` within its bounds, with zeros where the strength is infinite."""
        coef = np.clip(coef, self.arrays.columns[LOWER], self.arrays.columns[UPPER])
        coef[self.arrays.indices[np.repeat(np.isinf(self.arrays.groups[STRENGTH]), self.sizes)]] = 0.0
        return coef

    def constrained_to_zero(self):
        """The penalty that holds at zero all that has a kink there."""
        indices, indptr, groups, columns = map(np.copy, self.arrays)
        groups[STRENGTH] = np.where(groups[STRENGTH] > 0, np.inf, 0.0)
        columns[LOWER:, columns[L1] > 0] = 0.0
        groups[MIXED, np.repeat(np.arange(self.n_groups), self.sizes)[columns[L1, indices] > 0]] = 1.0
        columns[L1] = 0.0
        return Penalty(Arrays(indices, indptr, groups, columns))

    def scaled(self, factor):
        """The same penalty times a positive `factor`, within the same bounds."""
        (of_groups, of_columns), arrays = np.ones((2, 4, 1)), self.arrays
        of_groups[[STRENGTH, LEVEL, REST]] = of_columns[[L1, RIDGE]] = factor
        columns = arrays.columns
        if columns[L1].any() or columns[RIDGE].any():  # else it shares them: paths have many penalties at once
            columns = of_columns * columns
        return replace(self, arrays=arrays._replace(groups=of_groups * arrays.groups, columns=columns))

    def columns(self, groups):
        """Positions of the coefficients of `groups`, group after group."""
        sizes = self.sizes[groups]
        starts = np.repeat(self.arrays.indptr[groups] - np.cumsum(sizes) + sizes, sizes)
        return self.arrays.indices[starts + np.arange(len(starts))]

    def on(self, columns):
        """The same penalty on the coefficients `columns` alone, all others being zero; None is all."""
        if columns is None:
            return self
        inside = np.flatnonzero(np.isin(self.arrays.indices, columns))
        group = np.repeat(np.arange(self.n_groups), self.sizes)[inside]
        kept, sizes = np.unique(group, return_counts=True)
        indices = np.searchsorted(columns, self.arrays.indices[inside])
        indptr = np.concatenate([[0], np.cumsum(sizes)])
        arrays = Arrays(indices, indptr, self.arrays.groups[:, kept], self.arrays.columns[:, columns])
        return replace(self, arrays=arrays)

    def restrict(self, groups):
        """The same penalty on the coefficients ``columns(groups)`` alone."""
        columns = self.columns(groups)
        indptr = np.concatenate([[0], np.cumsum(self.sizes[groups])])
        return Penalty(
            Arrays(np.arange(len(columns)), indptr, self.arrays.groups[:, groups], self.arrays.columns[:, columns])
        )
