"""What solvers share: the certificate that stops them and the result they return."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Certificate:
    """How far a point is from optimal, a number a group.

    The distance of -gradient to the subdifferential of the penalty, less the rounding error of the
    gradient itself, as a share of the largest such distance at the null model.
    """

    penalty: object
    rounding: np.ndarray
    scale: float

    @classmethod
    def at_null(cls, objective, penalty, null):
        rounding = penalty.norms(objective.rounding(null))
        absolute = cls(penalty, rounding, 1.0)
        return cls(penalty, rounding, absolute(null.coef, objective.gradient(null)).max(initial=0.0))

    def __call__(self, coef, gradient):
        distance = np.maximum(self.penalty.violation(coef, gradient) - self.rounding, 0.0)
        return distance / self.scale if self.scale > 0 else distance


@dataclass(frozen=True)
class Result:
    """Where a solver stopped. `optimality` is the largest entry of the certificate there."""

    point: object
    n_iter: int
    optimality: float
