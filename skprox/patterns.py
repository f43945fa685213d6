"""The penalty of an estimator, from its parameters: one for each output, at any level of its strengths."""

from dataclasses import dataclass

import numpy as np

from skprox.groups import group_of_column
from skprox.strengths import bounds_by_column, per_coefficient, per_group

ROUNDING = 1e-14  # of the sum of two ratios


def pattern_of(estimator):
    """The parameters of an estimator, or one that cross-validates, that stay as they are whatever `alpha`."""
    if hasattr(estimator, "group_weights"):
        return GroupPattern(estimator.group_weights, estimator.l1_ratio, estimator.l2_ratio, estimator.bounds)
    return ColumnPattern(estimator.penalty_weights, estimator.l1_ratio, estimator.bounds)


@dataclass(frozen=True)
class ColumnPattern:
    """Those of an elastic net: for each column."""

    penalty_weights: object
    l1_ratio: object
    bounds: object
    of_groups = False

    def arrays(self, columns, n_outputs):
        """The parameters as arrays of shape (n_outputs or 1, n_features)."""
        weights = 1.0 if self.penalty_weights is None else self.penalty_weights
        return {
            "penalty_weights": per_coefficient("penalty_weights", weights, columns, n_outputs),
            "l1_ratio": per_coefficient("l1_ratio", self.l1_ratio, columns, n_outputs, most=1.0),
        }

    def penalties(self, alpha, columns, n_outputs, dtype=np.float64):
        """One for each output, or for all; bounds as `dtype`, that of the coefficients, can hold them."""
        from skprox.penalties import Penalty

        weights, ratio = self.arrays(columns, n_outputs).values()
        total = _times(per_coefficient("alpha", alpha, columns, n_outputs), weights, "penalty_weights")
        removed, finite = np.isinf(total), np.where(np.isinf(total), 0.0, total)
        strength, ridge = np.where(removed, np.inf, finite * ratio), finite * (1 - ratio)
        singles = np.arange(len(columns.names)), np.arange(len(columns.names) + 1)
        lower, upper = bounds_by_column(self.bounds, columns, dtype).T
        return [Penalty.of(*singles, s, r, 0.0, lower, upper) for s, r in zip(strength, ridge, strict=True)]

    def norms(self, groups, n_features):
        """Positions of the coefficients of each norm of the penalty."""
        return np.arange(n_features)[:, None]


@dataclass(frozen=True)
class GroupPattern:
    """Those of a group lasso: for each group."""

    group_weights: object
    l1_ratio: object
    l2_ratio: object
    bounds: object
    of_groups = True

    def arrays(self, columns, n_outputs):
        """The parameters as arrays of shape (n_outputs or 1, n_groups)."""
        columns = columns.parts
        if isinstance(self.group_weights, str):
            weights = np.sqrt([[len(group) for group in columns.groups.values()]])
        else:
            weights = per_group("group_weights", self.group_weights, columns, n_outputs)
        l1_ratio = per_group("l1_ratio", self.l1_ratio, columns, n_outputs, most=1.0)
        l2_ratio = per_group("l2_ratio", self.l2_ratio, columns, n_outputs, most=1.0)
        check_ratios(l1_ratio, l2_ratio, columns, n_outputs)
        return {"group_weights": weights, "l1_ratio": l1_ratio, "l2_ratio": l2_ratio}

    def penalties(self, alpha, columns, n_outputs, dtype=np.float64):
        """One for each output, or for all; bounds as `dtype`, that of the coefficients, can hold them."""
        from skprox.penalties import Penalty

        if columns.overlap and self.bounds is not None:
            raise ValueError(
                "bounds do not go with overlap='latent', where coefficients are sums over groups. Leave them out, or "
                "give groups that share no columns."
            )
        columns = columns.parts
        groups, (weights, l1_ratio, l2_ratio) = list(columns.groups.values()), self.arrays(columns, n_outputs).values()
        alpha, rest = per_group("alpha", alpha, columns, n_outputs), 1 - (l1_ratio + l2_ratio)
        rest[np.abs(rest) < ROUNDING] = 0.0
        removed = np.isinf(_times(alpha, weights, "group_weights"))
        finite, weights = np.where(removed, 0.0, alpha), np.where(np.isinf(weights), 0.0, weights)
        norms = np.where(removed, np.inf, finite * rest * weights)
        strengths = np.broadcast_arrays(norms, finite * l2_ratio, finite * l1_ratio)
        bounds, group_of = bounds_by_column(self.bounds, columns, dtype), group_of_column(columns.groups)
        check_bounds(bounds, norms, group_of, columns)
        return [
            Penalty.from_groups(groups, strength, ridge[group_of], l1[group_of], *bounds.T)
            for strength, ridge, l1 in zip(*strengths, strict=True)
        ]

    def norms(self, groups, n_features):
        """Positions of the coefficients of each norm of the penalty."""
        return list(groups.values())


def check_ratios(l1_ratio, l2_ratio, columns, n_outputs):
    sums = l1_ratio + l2_ratio
    if (sums > 1 + ROUNDING).any():
        output, g = np.argwhere(sums > 1 + ROUNDING)[0]
        of = f" of output {columns.output_titles(n_outputs)[output]!r}" if len(sums) > 1 else ""
        raise ValueError(
            f"l1_ratio + l2_ratio must be at most 1, for they are shares of one penalty; got {sums[output, g]:g} for "
            f"group {list(columns.groups)[g]!r}{of}. Make one of them smaller."
        )


def check_bounds(bounds, norms, group_of, columns):
    """Zero is the only bound of a column beside others in a norm: else its proximal map has no closed form."""
    with_others = ((norms > 0) & np.isfinite(norms)).any(axis=0) & (np.bincount(group_of) > 1)
    wrong = with_others[group_of] & (np.isfinite(bounds) & (bounds != 0)).any(axis=1)
    if wrong.any():
        j = np.flatnonzero(wrong)[0]
        raise ValueError(
            f"bounds of columns of a group of several whose norm is penalised must be 0 or infinite; got "
            f"({bounds[j, 0]:g}, {bounds[j, 1]:g}) for column {columns.titles[j]!r} of group "
            f"{list(columns.groups)[group_of[j]]!r}. Give the group a weight of 0 in group_weights, or an l1_ratio and "
            "an l2_ratio with sum 1, or make the column a group of its own."
        )


def _times(alpha, weights, name):
    if (np.isinf(alpha) & (weights == 0)).any() or ((alpha == 0) & np.isinf(weights)).any():
        raise ValueError(f"alpha times {name} is infinity times 0 somewhere; make one finite or the other positive.")
    return alpha * weights
