"""Penalties: what they are worth, their proximal map, and how far a point is from optimal."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from skprox import prox


@dataclass(frozen=True)
class GroupElasticNet:
    """sum_g strength[g] * ||coef[g]||_2 + 1/2 * sum_j ridge[j] * coef[j]^2

    The lasso is this penalty with groups of one, ridge regression has strength 0. An infinite
    strength holds its group at zero.

    Attributes
    ----------
    indices, indptr : ndarray of int
        Group g holds the coefficients ``indices[indptr[g]:indptr[g + 1]]``.
    strength : ndarray of shape (n_groups,)
    ridge : ndarray of shape (n_features,)
        The same for all coefficients of a group.
    """

    indices: np.ndarray
    indptr: np.ndarray
    strength: np.ndarray
    ridge: np.ndarray

    @classmethod
    def from_groups(cls, groups, strength, ridge):
        """Build from a list of arrays of positions, one a group."""
        indptr = np.cumsum([0, *map(len, groups)])
        return cls(np.concatenate(groups), indptr, strength, ridge)

    @cached_property
    def sizes(self):
        return np.diff(self.indptr)

    def value(self, coef):
        norms = self.norms(coef)
        return self.strength[norms > 0] @ norms[norms > 0] + self.ridge @ coef**2 / 2

    def norms(self, coef):
        return prox.group_norms(coef, self.indices, self.indptr)

    def prox(self, point, curvature):
        """argmin_u 1/2 * sum_j curvature[j] * (u[j] - point[j])^2 + value(u)"""
        return prox.prox(point, curvature, self.indices, self.indptr, self.strength, self.ridge)

    def violation(self, coef, gradient, rounding=None, unit=None):
        """Distance of -gradient to the subdifferential at `coef`, a number a group.

        Of each coefficient's part counts what exceeds `rounding`, and that in its `unit`.
        """
        rounding = np.zeros_like(coef) if rounding is None else rounding
        unit = np.ones_like(coef) if unit is None else unit
        return prox.violation(coef, gradient, self.indices, self.indptr, self.strength, self.ridge, rounding, unit)

    def critical(self, gradient, rounding):
        """The factor on all strengths above which the groups with a strength are zero, with this gradient there.

        Groups whose gradient is no more than `rounding` can't tell: without others it is zero.
        """
        held = (self.strength > 0) & (self.norms(np.maximum(np.abs(gradient) - rounding, 0.0)) > 0)
        return np.max(self.norms(gradient)[held] / self.strength[held], initial=0.0)

    def by_column(self):
        """The strength of the norm that holds each coefficient, and of its ridge penalty: shape (2, n_features)."""
        strength = np.empty(len(self.ridge))
        strength[self.indices] = np.repeat(self.strength, self.sizes)
        return np.array([strength, self.ridge])

    def feasible(self, coef):
        """`coef` with zeros where the strength is infinite."""
        coef = coef.copy()
        coef[self.indices[np.repeat(np.isinf(self.strength), self.sizes)]] = 0.0
        return coef

    def held(self):
        """The penalty that holds every group with a strength at zero."""
        return replace(self, strength=np.where(self.strength > 0, np.inf, 0.0))

    def scaled(self, factor):
        """The same penalty times `factor`."""
        return replace(self, strength=self.strength * factor, ridge=self.ridge * factor)

    def columns(self, groups):
        """Positions of the coefficients of `groups`, group after group."""
        sizes = self.sizes[groups]
        starts = np.repeat(self.indptr[groups] - np.cumsum(sizes) + sizes, sizes)
        return self.indices[starts + np.arange(len(starts))]

    def on(self, columns):
        """The same penalty on the coefficients `columns` alone, all others being zero; None is all."""
        if columns is None:
            return self
        inside = np.flatnonzero(np.isin(self.indices, columns))
        group = np.repeat(np.arange(len(self.strength)), self.sizes)[inside]
        kept, sizes = np.unique(group, return_counts=True)
        indices = np.searchsorted(columns, self.indices[inside])
        return GroupElasticNet(indices, np.r_[0, np.cumsum(sizes)], self.strength[kept], self.ridge[columns])

    def restrict(self, groups):
        """The same penalty on the coefficients ``columns(groups)`` alone."""
        columns = self.columns(groups)
        indptr = np.concatenate([[0], np.cumsum(self.sizes[groups])])
        return GroupElasticNet(np.arange(len(columns)), indptr, self.strength[groups], self.ridge[columns])
