"""The penalty of an estimator, from its parameters: one for each output, at any level of its strengths."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from skprox.groups import group_of_column
from skprox.joint import is_joint, one_for_all, over_outputs
from skprox.strengths import bounds_by_column, per_coefficient, per_group

ROUNDING = 1e-14  # of the sum of two ratios
GAMMA = {"mcp": 3.0, "scad": 4.0}  # those of grpreg


def pattern_of(estimator):
    """The parameters of an estimator, or one that cross-validates, that stay as they are whatever `alpha`."""
    common = is_joint(estimator), estimator.penalty, estimator.gamma, estimator.bounds
    if hasattr(estimator, "group_weights"):
        return GroupPattern(*common, estimator.group_weights, estimator.l1_ratio, estimator.l2_ratio)
    return ColumnPattern(*common, estimator.penalty_weights, estimator.l1_ratio)


def _bend(penalties, levels, penalty, gamma):
    """Penalties with concave norms, where that is what `penalty` and `gamma` of an estimator say."""
    if penalty == "lasso":
        if gamma is not None:
            raise ValueError(
                f"gamma is the concavity of penalty='mcp' and 'scad'; got gamma={gamma!r} with penalty='lasso'. Leave "
                "gamma out, or give one of these penalties."
            )
        return penalties
    from skprox.concave import ConcavePenalty, Concavity

    gamma = GAMMA[penalty] if gamma is None else gamma
    if penalty == "scad" and not gamma > 2:
        raise ValueError(f"gamma must be above 2 for penalty='scad', of which 4 is usual; got {gamma!r}.")
    if not any(level.any() for level in levels) and any(each.ridge.any() for each in penalties):
        raise ValueError(
            f"penalty={penalty!r} is a penalty of norms, but the ratios leave none of these. Give an l1_ratio above 0 "
            "(in a group lasso, an l1_ratio and l2_ratio whose sum is below 1)."
        )
    concavity = Concavity(gamma, 1 / gamma if penalty == "mcp" else 1 / (gamma - 1))
    return [ConcavePenalty.above(*each, concavity) for each in zip(penalties, levels, strict=True)]


@dataclass(frozen=True)
class ColumnPattern:
    """Those of an elastic net: for each column."""

    joint: bool
    penalty: str
    gamma: float | None
    bounds: object
    penalty_weights: object
    l1_ratio: object
    of_groups = False

    def arrays(self, columns, n_outputs):
        """The parameters as arrays of shape (n_outputs or 1, n_features)."""
        weights = 1.0 if self.penalty_weights is None else self.penalty_weights
        found = {
            "penalty_weights": per_coefficient("penalty_weights", weights, columns, n_outputs),
            "l1_ratio": per_coefficient("l1_ratio", self.l1_ratio, columns, n_outputs, most=1.0),
        }
        return one_for_all(**found) if self.joint else found

    def penalties(self, alpha, columns, n_outputs, dtype=np.float64):
        """One for each output, or for all; bounds as `dtype`, that of the coefficients, can hold them."""
        from skprox.penalties import Penalty

        weights, ratio = self.arrays(columns, n_outputs).values()
        alpha = per_coefficient("alpha", alpha, columns, n_outputs)
        alpha = one_for_all(alpha=alpha)["alpha"] if self.joint else alpha
        total = _times(alpha, weights, "penalty_weights")
        removed, finite = np.isinf(total), np.where(np.isinf(total), 0.0, total)
        strength, ridge = np.where(removed, np.inf, finite * ratio), finite * (1 - ratio)
        groups, bounds = np.arange(len(columns.names)), bounds_by_column(self.bounds, columns, dtype)
        build = partial(Penalty.of, groups, np.arange(len(groups) + 1))
        if self.joint:
            check_bounds(bounds, strength, groups, columns, n_outputs)
            build = partial(over_outputs, n_outputs or 1, groups[:, None])
        no_l1 = np.zeros(len(groups))
        penalties = [build(*each, no_l1, *bounds.T) for each in zip(strength, ridge, strict=True)]
        return _bend(penalties, finite * ratio, self.penalty, self.gamma)

    def norms(self, groups, n_features):
        """Positions of the coefficients of each norm of the penalty."""
        return np.arange(n_features)[:, None]


@dataclass(frozen=True)
class GroupPattern:
    """Those of a group lasso: for each group."""

    joint: bool
    penalty: str
    gamma: float | None
    bounds: object
    group_weights: object
    l1_ratio: object
    l2_ratio: object
    of_groups = True

    def arrays(self, columns, n_outputs):
        """The parameters as arrays of shape (n_outputs or 1, n_groups)."""
        columns = columns.parts
        if isinstance(self.group_weights, str):
            n_alike = n_outputs or 1 if self.joint else 1
            weights = np.sqrt([[n_alike * len(group) for group in columns.groups.values()]])
        else:
            weights = per_group("group_weights", self.group_weights, columns, n_outputs)
        l1_ratio = per_group("l1_ratio", self.l1_ratio, columns, n_outputs, most=1.0)
        l2_ratio = per_group("l2_ratio", self.l2_ratio, columns, n_outputs, most=1.0)
        check_ratios(l1_ratio, l2_ratio, columns, n_outputs)
        found = {"group_weights": weights, "l1_ratio": l1_ratio, "l2_ratio": l2_ratio}
        return one_for_all(**found) if self.joint else found

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
        alpha = one_for_all(alpha=alpha)["alpha"] if self.joint else alpha
        rest[np.abs(rest) < ROUNDING] = 0.0
        removed = np.isinf(_times(alpha, weights, "group_weights"))
        finite, weights = np.where(removed, 0.0, alpha), np.where(np.isinf(weights), 0.0, weights)
        norms = np.where(removed, np.inf, finite * rest * weights)
        strengths = np.broadcast_arrays(norms, finite * l2_ratio, finite * l1_ratio)
        bounds, group_of = bounds_by_column(self.bounds, columns, dtype), group_of_column(columns.groups)
        if self.bounds is not None:
            check_bounds(bounds, norms, group_of, columns, n_outputs if self.joint else 1)
        build = partial(over_outputs, n_outputs or 1) if self.joint else Penalty.from_groups
        penalties = [
            build(groups, strength, ridge[group_of], l1[group_of], *bounds.T)
            for strength, ridge, l1 in zip(*strengths, strict=True)
        ]
        return _bend(penalties, np.where(removed, 0.0, strengths[0]), self.penalty, self.gamma)

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


def check_bounds(bounds, norms, group_of, columns, n_outputs):
    """Zero is the only bound of a coefficient beside others in a norm: else its proximal map has no closed form."""
    joint, penalised = (n_outputs or 1) > 1, ((norms > 0) & np.isfinite(norms)).any(axis=0)
    with_others = penalised & (joint | (np.bincount(group_of) > 1))
    wrong = with_others[group_of] & (np.isfinite(bounds) & (bounds != 0)).any(axis=1)
    if wrong.any():
        j = np.flatnonzero(wrong)[0]
        got = f"must be 0 or infinite; got ({bounds[j, 0]:g}, {bounds[j, 1]:g}) for column {columns.titles[j]!r}"
        if joint:
            raise ValueError(
                f"bounds of columns whose norm over all outputs is penalised {got}. Fit each output on its own by "
                "multi_output='separate'."
            )
        raise ValueError(
            f"bounds of columns of a group of several whose norm is penalised {got} of group "
            f"{list(columns.groups)[group_of[j]]!r}. Give the group a weight of 0 in group_weights, or an l1_ratio and "
            "an l2_ratio with sum 1, or make the column a group of its own."
        )


def _times(alpha, weights, name):
    if (np.isinf(alpha) & (weights == 0)).any() or ((alpha == 0) & np.isinf(weights)).any():
        raise ValueError(f"alpha times {name} is infinity times 0 somewhere; make one finite or the other positive.")
    return alpha * weights
