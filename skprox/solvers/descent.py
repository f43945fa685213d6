"""What a compiled descent knows, in few arrays.

Compiled functions look at these by their elements: what numba makes of slices, and of many arrays, takes LLVM many
times as long to compile.
"""

from typing import NamedTuple

import numpy as np

CAPACITY = 256  # columns of a model

STATE = np.dtype(
    [(name, "f8") for name in ("value", "intercept", "residual", "rate", "step", "penalty", "predicted", "rounding")]
    + [(name, "f8") for name in ("trial_value", "trial_intercept", "null", "scale")]
    + [(name, "i8") for name in ("n_groups", "n_columns", "n_iter", "idle", "fresh", "accepted")]
)
# Rows of `Descent.features`: the point and the trial, with the gradients there; of the objective the weighted sums of
# counts times columns, where columns are centered, which are constant, the gradient of the null model, and the scale
# and the rounding of gradients; ridge at a strength of one, and at this one; the unit of the KKT residual.
COEF, GRADIENT, TRIAL, AFTER, MOMENTS, CENTER, FLAT, NULL, SCALE, NOISE, RIDGE_AT_ONE, RIDGE, UNIT, SUMS = range(14)
# Rows of `Descent.groups`: strength at one and at this one, the KKT residual, and whether a group is in the model.
STRENGTH_AT_ONE, STRENGTH, RESIDUAL, INSIDE = range(4)
# Rows of `Descent.local`, in the order of the model's columns: where a step starts and ends, with the gradients of the
# quadratic; ridge, unit and rounding over the scale of the Hessian; the eigenvalues of diagonal blocks; and work.
HERE, START, END, SLOPE, L_RIDGE, L_UNIT, L_NOISE, VALUES, MOVED, STEP, IMAGE, CHANGE, RIGHT, TARGET = range(14)
# Rows of `Descent.layout`: the model's groups and columns, where each group's columns start, and each eigenbasis; work;
# and 0, 1, 2, ...
GROUPS, COLUMNS, FIRST, BASIS, FREE, IDENTITY = range(6)


class Objective(NamedTuple):
    """One output of a `PoissonObjective`: `XT` has the columns of X along the memory."""

    XT: np.ndarray
    log_mass: np.ndarray
    profiled: bool
    total: float
    scale: float
    constant: float


class Descent(NamedTuple):
    """All that a descent knows, with its model: a Hessian on some groups, group after group.

    `indices` and `indptr` are those of the penalty, `vectors` the eigenbases of the diagonal blocks of `hessian`, and
    `matrix` is work.
    """

    state: np.ndarray
    features: np.ndarray
    groups: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    local: np.ndarray
    layout: np.ndarray
    vectors: np.ndarray
    hessian: np.ndarray
    matrix: np.ndarray


def new_descent(objective, certificate, output):
    """A descent of one output of an objective, and of the penalty and the certificate at a strength of one."""
    penalty, n_features = certificate.penalty, objective.shape[1]
    n_groups, capacity = len(penalty.strength), min(n_features, CAPACITY)
    features, groups = np.zeros((14, n_features)), np.zeros((4, n_groups))
    features[MOMENTS], features[CENTER] = objective.moments[output], objective.center
    features[FLAT], features[NULL] = objective.spread[output] == 0, objective.null[output].gradient
    features[SCALE], features[NOISE] = certificate.move, certificate.rounding
    features[RIDGE_AT_ONE], groups[STRENGTH_AT_ONE] = penalty.ridge, penalty.strength
    return Descent(
        np.zeros(1, STATE).view(np.recarray),  # whose fields are attributes without numba, too
        features,
        groups,
        penalty.indices,
        penalty.indptr,
        np.empty((14, capacity)),
        np.zeros((6, max(n_features, n_groups) + 1), dtype=np.int64),
        np.empty(capacity * min(int(penalty.sizes.max()), capacity)),
        np.empty((capacity, capacity)),
        np.empty((capacity, capacity)),
    )
