"""What solvers share: the certificate that stops them and the result they return."""

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Certificate:
    """How far a point is from optimal, a number a group: the larger of two shares.

    Both are of the distance of -gradient to the subdifferential of the penalty, less the rounding
    error of the gradient itself: one relative to the largest such distance at the null model, the
    other to the gradient that a move of one in the log rate would make. The first depends on the
    scale of the columns and on how far off the null model is, the second on neither.
    """

    penalty: object
    rounding: np.ndarray
    unit: np.ndarray
    null: float = 0.0

    @classmethod
    def of(cls, objective, penalty):
        unit = np.where(objective.spread > 0, objective.total * objective.spread, np.inf)
        bare = cls(penalty, objective.rounding(objective.null), unit)
        return replace(bare, null=bare.optimality(objective.null.coef, objective.gradient(objective.null)))

    def __call__(self, coef, gradient):
        scaled = self.penalty.violation(coef, gradient, self.rounding, self.unit)
        return np.maximum(scaled, self._shares(coef, gradient))

    def optimality(self, coef, gradient):
        """The first of the two shares, its largest entry."""
        return self._shares(coef, gradient).max(initial=0.0)

    def restrict(self, groups):
        """The same for some groups alone."""
        columns = self.penalty.columns(groups)
        return replace(
            self, penalty=self.penalty.restrict(groups), rounding=self.rounding[columns], unit=self.unit[columns]
        )

    def result(self, point, gradient, n_iter, stalled=False):
        shortfall = self(point.coef, gradient).max(initial=0.0)
        return Result(point, n_iter, self.optimality(point.coef, gradient), shortfall, stalled)

    def _shares(self, coef, gradient):
        return self.penalty.violation(coef, gradient, self.rounding) / (self.null or 1.0)


@dataclass(frozen=True)
class Result:
    """Where a solver stopped.

    `optimality` is the largest distance to optimal as a share of the null model's, `shortfall` the
    largest entry of the certificate, and `stalled` says that rounding was in the way.
    """

    point: object
    n_iter: int
    optimality: float
    shortfall: float
    stalled: bool
