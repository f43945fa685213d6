"""What a compiled descent knows, in few arrays.

Compiled functions look at these by their elements: what numba makes of slices, and of many arrays, takes LLVM many
times as long to compile.
"""

from typing import NamedTuple

import numpy as np

from skprox.prox import Arrays

CAPACITY = 300  # columns of a model

STATE = np.dtype(
    [(name, "f8") for name in ("value", "intercept", "residual", "rate", "step", "penalty", "predicted", "rounding")]
    + [(name, "f8") for name in ("trial_value", "trial_intercept", "null", "scale")]
    + [(name, "f8") for name in ("gamma", "bent", "best")]
    + [
        (name, "i8")
        for name in (
            "n_groups",
            "n_columns",
            "n_iter",
            "n_stalled",
            "taken_here",
            "accepted",
            "implicit",
            "n_newton",
            "n_lassos",
        )
    ]
)
# Rows of `Descent.features`: the point and the trial, with the gradients there; of the objective the gradient of the
# null model, the scale and the rounding of gradients, and the curvature; the scale of the KKT residual; and work.
COEF, GRADIENT, TRIAL, AFTER, NULL, GRADIENT_SCALE, NOISE, CURVATURE, RESIDUAL_SCALE, WORK = range(10)
# Rows of `Descent.groups`: the KKT residual, the factor at which a group enters, whether it is wanted in the model, and
# whether it is there; and which piece of a concave penalty its norm is at.
RESIDUAL, ENTRY, WANTED, INSIDE, PIECE = range(5)
# Rows of `Descent.local`, in the order of the model's columns: where a step starts and ends, with the gradients of the
# quadratic; the scale and the rounding of residuals over the scale of the Hessian; the eigenvalues of diagonal blocks;
# the expansion of the penalty; and work.
(
    HERE,
    START,
    END,
    SLOPE,
    L_RESIDUAL_SCALE,
    L_NOISE,
    VALUES,
    PENALTY_SLOPE,
    DIAGONAL,
    RADIAL,
    MOVED,
    STEP,
    IMAGE,
    RIGHT,
    RESIDUALS,
) = range(15)
# Rows of `Descent.layout`: the model's groups and columns, where each eigenbasis starts; numbers from zero; and work.
GROUPS, COLUMNS, BASIS, ORDER, FREE = range(5)


class Descent(NamedTuple):
    """All that a descent knows, with its model: a Hessian on some groups, group after group.

    `at_one` is the penalty at a strength of one, `penalty` at this one, `model` that of the model's columns, in their
    order, over the scale of the Hessian. `vectors` are the eigenbases of the diagonal blocks of `hessian[0]`, and
    `matrix` is work.
    """

    state: np.ndarray
    features: np.ndarray
    groups: np.ndarray
    at_one: Arrays
    penalty: Arrays
    model: Arrays
    local: np.ndarray
    layout: np.ndarray
    vectors: np.ndarray
    hessian: np.ndarray
    matrix: np.ndarray


def is_implicit(objective, penalty):
    """Whether the few products with X that a step takes cost less than a Hessian: many columns under ridge."""
    n_rows, n_features = objective.shape
    return n_rows < n_features and penalty.is_smooth()


def new_descent(objective, certificate, output):
    """A descent of one output of an objective, and of the penalty and the certificate at a strength of one."""
    penalty, n_features = certificate.penalty, objective.shape[1]
    implicit = is_implicit(objective, penalty)
    n_groups, capacity = penalty.n_groups, n_features if implicit else min(n_features, CAPACITY)
    state, size = np.zeros(1, STATE), 0 if implicit else capacity
    state["implicit"] = implicit
    if penalty.is_concave:
        state["gamma"], state["bent"] = penalty.concavity
    layout = np.zeros((5, max(n_features, n_groups) + 1), dtype=np.int64)
    layout[ORDER] = np.arange(layout.shape[1])
    features, at_one = np.zeros((10, n_features)), Arrays(*map(np.array, penalty.arrays))
    features[NULL], features[CURVATURE] = objective.null[output].gradient, objective.curvature[output]
    features[GRADIENT_SCALE], features[NOISE] = certificate.gradient_scale, certificate.rounding
    return Descent(
        state.view(np.recarray),  # whose fields are attributes without numba, too
        features,
        np.zeros((5, n_groups)),
        at_one,
        Arrays(*map(np.array, penalty.arrays)),
        Arrays(np.zeros(capacity, np.int64), np.zeros(capacity + 1, np.int64), *np.zeros((2, 4, capacity))),
        np.empty((15, capacity)),
        layout,
        np.empty(size * min(int(penalty.sizes.max()), capacity)),
        np.empty((1, size, size)),
        np.empty((size, size)),
    )
