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
    null_gradient: np.ndarray
    rounding: np.ndarray
    null: float
    unit: np.ndarray

    @classmethod
    def at_null(cls, objective, penalty, null):
        rounding = penalty.norms(objective.rounding(null))
        spread = np.where(objective.spread > 0, objective.spread, np.inf)
        unit = objective.total * np.minimum.reduceat(spread[penalty.indices], penalty.indptr[:-1])
        gradient = objective.gradient(null)
        bare = cls(penalty, gradient, rounding, 0.0, unit)
        return replace(bare, null=bare.distance(null.coef, gradient).max(initial=0.0))

    def distance(self, coef, gradient):
        return np.maximum(self.penalty.violation(coef, gradient) - self.rounding, 0.0)

    def __call__(self, coef, gradient):
        distance = self.distance(coef, gradient)
        return np.maximum(self.share_of_null(distance), distance / self.unit)

    def share_of_null(self, distance):
        return distance / self.null if self.null > 0 else distance

    def allowance(self, share):
        """The distance of each group at which this certificate is `share`."""
        return share * np.minimum(self.null, self.unit) + self.rounding

    def result(self, point, gradient, n_iter, stalled=False):
        distance = self.distance(point.coef, gradient)
        shortfall = self(point.coef, gradient).max(initial=0.0)
        optimality = self.share_of_null(distance).max(initial=0.0)
        return Result(point, n_iter, optimality, shortfall, self.null_gradient, stalled)


@dataclass(frozen=True)
class Result:
    """Where a solver stopped.

    `optimality` is the largest distance to optimal as a share of the null model's, `shortfall` the
    largest entry of the certificate, `null_gradient` the gradient of the objective at zero, and
    `stalled` says that rounding was in the way.
    """

    point: object
    n_iter: int
    optimality: float
    shortfall: float
    null_gradient: np.ndarray
    stalled: bool
