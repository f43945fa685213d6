"""The penalty of an estimator, from its parameters: one for each output, at any level of its strengths."""

from dataclasses import dataclass

import numpy as np

from skprox.strengths import per_coefficient, per_group


def pattern_of(estimator):
    """The parameters of an estimator, or one that cross-validates, that stay as they are whatever `alpha`."""
    if hasattr(estimator, "group_weights"):
        return GroupPattern(estimator.group_weights)
    return ColumnPattern(estimator.penalty_weights, estimator.l1_ratio)


@dataclass(frozen=True)
class ColumnPattern:
    """Those of an elastic net: for each column."""

    penalty_weights: object
    l1_ratio: object
    of_groups = False

    def arrays(self, columns, n_outputs):
        """The parameters as arrays of shape (n_outputs or 1, n_features)."""
        weights = 1.0 if self.penalty_weights is None else self.penalty_weights
        return {
            "penalty_weights": per_coefficient("penalty_weights", weights, columns, n_outputs),
            "l1_ratio": per_coefficient("l1_ratio", self.l1_ratio, columns, n_outputs, most=1.0),
        }

    def penalties(self, alpha, columns, n_outputs):
        from skprox.penalties import Penalty

        weights, ratio = self.arrays(columns, n_outputs).values()
        total = _times(per_coefficient("alpha", alpha, columns, n_outputs), weights, "penalty_weights")
        removed, finite = np.isinf(total), np.where(np.isinf(total), 0.0, total)
        strength, ridge = np.where(removed, np.inf, finite * ratio), finite * (1 - ratio)
        singles = np.arange(len(columns.names)), np.arange(len(columns.names) + 1)
        return [Penalty.of(*singles, s, r) for s, r in zip(strength, ridge, strict=True)]

    def norms(self, groups, n_features):
        """Positions of the coefficients of each norm of the penalty."""
        return np.arange(n_features)[:, None]


@dataclass(frozen=True)
class GroupPattern:
    """Those of a group lasso: for each group."""

    group_weights: object
    of_groups = True

    def arrays(self, columns, n_outputs):
        """The parameters as arrays of shape (n_outputs or 1, n_groups)."""
        if isinstance(self.group_weights, str):
            return {"group_weights": np.sqrt([[len(group) for group in columns.groups.values()]])}
        return {"group_weights": per_group("group_weights", self.group_weights, columns, n_outputs)}

    def penalties(self, alpha, columns, n_outputs):
        from skprox.penalties import Penalty

        (weights,) = self.arrays(columns, n_outputs).values()
        strength = _times(per_group("alpha", alpha, columns, n_outputs), weights, "group_weights")
        return [Penalty.from_groups(list(columns.groups.values()), s, 0.0) for s in strength]

    def norms(self, groups, n_features):
        """Positions of the coefficients of each norm of the penalty."""
        return list(groups.values())


def _times(alpha, weights, name):
    if (np.isinf(alpha) & (weights == 0)).any() or ((alpha == 0) & np.isinf(weights)).any():
        raise ValueError(f"alpha times {name} is infinity times 0 somewhere; make one finite or the other positive.")
    return alpha * weights
