"""What solvers share: the problem, the certificate that stops them, and the result they return."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Certificate:
    """How far a point is from optimal, a number a group: a bound on two shares.

    Both are of the distance of -gradient to the subdifferential of the penalty, less the rounding
    error of the gradient itself: one relative to the largest such distance at the null model, the
    other to the gradient that a move of one in the log rate would make. The first depends on the
    scale of the columns and on how far off the null model is, the second on neither.

    `gradient_scale` is what the second is relative to, a number per coefficient, `residual_scale` the smaller of both.
    """

    penalty: object
    rounding: np.ndarray
    gradient_scale: np.ndarray
    null: float = 1.0

    @classmethod
    def of(cls, objective, penalty, output):
        scale = objective.gradient_scale[output]
        scale = np.where(scale > 0, scale, np.inf)
        return cls(penalty, objective.rounding[output], scale).at_null(penalty, objective.null[output])

    def at_null(self, penalty, point):
        """The same for another penalty, with the null model at `point`."""
        distance = penalty.kkt_residuals(point.coef, point.gradient, self.rounding).max(initial=0.0)
        return replace(self, penalty=penalty, null=distance or 1.0)

    @cached_property
    def residual_scale(self):
        return np.minimum(self.gradient_scale, self.null)

    def __call__(self, coef, gradient):
        return self.penalty.kkt_residuals(coef, gradient, self.rounding, self.residual_scale)

    def optimality(self, coef, gradient):
        """The first of the two shares, its largest entry."""
        return self.penalty.kkt_residuals(coef, gradient, self.rounding).max(initial=0.0) / self.null

    def restrict(self, groups):
        """The same for some groups alone."""
        columns = self.penalty.columns(groups)
        return replace(
            self,
            penalty=self.penalty.restrict(groups),
            rounding=self.rounding[columns],
            gradient_scale=self.gradient_scale[columns],
        )

    def scaled(self, factor):
        """The same for gradients and a penalty times `factor`."""
        return Certificate(
            self.penalty.scaled(factor), self.rounding * factor, self.gradient_scale * factor, self.null * factor
        )


@dataclass(frozen=True)
class Problem:
    """One output of an objective and a penalty, the certificate of both, and the point to start from.

    `guess`, where there is one, are coefficients within bounds that may be nearer to the solution: Newton's first step
    seeks its end from there.
    """

    output: int
    certificate: Certificate
    start: object
    guess: np.ndarray | None = None

    @property
    def penalty(self):
        return self.certificate.penalty

    def residual(self, point):
        """The largest entry of the certificate."""
        return self.certificate(point.coef, point.gradient).max(initial=0.0)

    def result(self, point, residual, n_iter, stalled=False):
        return Result(point, n_iter, self.certificate.optimality(point.coef, point.gradient), residual, stalled)


@dataclass(frozen=True)
class Result:
    """Where a solver stopped.

    `optimality` is the largest distance to optimal as a share of the null model's, `residual` the
    largest entry of the certificate, and `stalled` says that rounding may be in the way, or someone asked to stop.
    """

    point: object
    n_iter: int
    optimality: float
    residual: float
    stalled: bool

    def without_gradient(self):
        """What is kept of it along a path, where gradients would take as much memory as coefficients."""
        return replace(self, point=replace(self.point, gradient=None))
