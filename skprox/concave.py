"""Penalties that flatten out: concave in the norms of groups, with a lasso above them that touches at any point."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from skprox.penalties import Penalty
from skprox.prox import LEVEL, REST, STRENGTH, lower


class Concavity(NamedTuple):
    """P'(t) = min(level, max(gamma * level - t, 0) * curvature)  with P(0) = 0"""

    gamma: float
    curvature: float


@dataclass(frozen=True)
class ConcavePenalty(Penalty):
    """sum_g P_g(||coef_g||_2) and what else a `Penalty` is of; in P_g the level of each group is the slope at zero.

    What it inherits speaks of the lasso with the same slopes at zero, as long as all coefficients are zero.
    """

    concavity: Concavity
    is_concave = True

    @classmethod
    def above(cls, penalty, level, concavity):
        """The concave penalty below another, in whose strengths there is a finite `level` for each group."""
        groups = penalty.arrays.groups.copy()
        groups[LEVEL] = level
        groups[REST] = groups[STRENGTH] - level
        return cls(penalty.arrays._replace(groups=groups), concavity)

    @property
    def lasso(self):
        """The convex penalty with the same slopes at zero."""
        return Penalty(self.arrays)

    @property
    def strengths(self):
        """The strength of each norm at zero."""
        return self.arrays.groups[STRENGTH]

    @property
    def least_strengths(self):
        """What is left of it where the penalty is flat."""
        return np.where(self.arrays.groups[LEVEL] > 0, self.arrays.groups[REST], self.strengths)

    def slopes(self, coef):
        """The strength of each norm at `coef`."""
        return self.at(coef).arrays.groups[STRENGTH]

    def pieces(self, coef):
        """Where the norms are: 0 where the penalty is straight, 1 where it bends, 2 where it is flat."""
        slopes = self.slopes(coef)
        return (slopes < self.strengths) * 1 + (slopes <= self.least_strengths) * (self.arrays.groups[LEVEL] > 0)

    def with_strengths(self, strengths):
        """The lasso with other strengths of norms."""
        groups = self.arrays.groups.copy()
        groups[STRENGTH] = strengths
        return Penalty(self.arrays._replace(groups=groups))

    def at(self, coef):
        """The lasso that touches this penalty, less a constant, at `coef` from above."""
        return self._lowered(coef)[0]

    def value(self, coef):
        lasso, below = self._lowered(coef)
        return lasso.value(coef) - below

    def kkt_residuals(self, coef, gradient, rounding=None, scale=None):
        return self.at(coef).kkt_residuals(coef, gradient, rounding, scale)

    def expansion(self, coef):
        return self.at(coef).expansion(coef)

    def _lowered(self, coef):
        """The same, and that constant."""
        lasso = self.with_strengths(self.strengths)
        return lasso, lower(np.asarray(coef, dtype=np.float64), lasso.arrays, self.n_groups, *self.concavity)
