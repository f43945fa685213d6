"""Passes over rows: arrays for the compiled loop, and the state that comes out of it."""

from math import ceil

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.extmath import row_norms

from skprox._jit import POSITION
from skprox.stochastic import State
from skprox.stochastic.loop import (
    CLIPPING,
    CUMULATIVE,
    NAIVE,
    POISSON,
    SQUARED_ERROR,
    Model,
    Penalty,
    Rows,
    Schedule,
    learn,
)

LOSSES = {"squared_error": SQUARED_ERROR, "poisson": POISSON}
UPDATES = {"naive": NAIVE, "clipping": CLIPPING, "cumulative": CUMULATIVE}


class Learner:
    """A sample with a loss and a penalty, and how to learn from it.

    Parameters
    ----------
    sample : Sample
        Its weights are relative to the mean over all rows so far.
    loss : {"squared_error", "poisson"}
    strength : float or ndarray of shape (n_groups,)
        Strengths of the norms.
    ridge : float
        Strength of the squared norm.
    groups : list of ndarray of int or None
        Positions of the columns of each group; None is each column on its own.
    update : {"naive", "clipping", "cumulative"}
    power_t, batch_size, average, fit_intercept
        As in `Schedule`.
    l1 : float
        Strength of the L1 norm beside those of groups.
    bounds : ndarray of shape (n_features, 2) or None
        Lower and upper bounds.
    """

    def __init__(
        self,
        sample,
        *,
        loss,
        strength,
        ridge,
        groups,
        update,
        power_t,
        batch_size,
        average,
        fit_intercept,
        l1=0.0,
        bounds=None,
    ):
        X, n_features = sample.X, sample.X.shape[1]
        self.sample, self.loss = sample, LOSSES[loss]
        self.schedule = Schedule(float(power_t), int(batch_size), int(average), bool(fit_intercept))
        self.parts = X, np.empty(0, X.dtype), np.empty(0, np.uint32), np.empty(0, np.uint32)
        if issparse(X):
            positions = (each.view(f"{POSITION.kind}{each.itemsize}") for each in (X.indices, X.indptr))
            self.parts = np.empty((0, 0), X.dtype), X.data, *positions
        self.length = np.zeros(X.shape[0], X.dtype)
        if loss == "poisson":
            self.length += row_norms(X, squared=True) + fit_intercept

        members, starts, group_of = np.empty((3, 0), dtype=POSITION)
        heads = np.arange(n_features)
        if groups is not None:
            sizes = [*map(len, groups)]
            members, starts = np.concatenate(groups).astype(POSITION), np.cumsum([0, *sizes], dtype=POSITION)
            heads, group_of = members[starts[:-1]], np.empty(n_features, dtype=POSITION)
            group_of[members] = np.repeat(np.arange(len(groups)), sizes)
        strength = np.full(n_features if groups is None else len(groups), strength, dtype=X.dtype)
        heads = heads.astype(self.parts[2].dtype)
        l1 = np.full(n_features if l1 > 0 else 0, l1, dtype=X.dtype)
        lower, upper = np.empty((2, 0), X.dtype) if bounds is None else np.array(bounds.T, dtype=X.dtype)
        layout = members, starts, group_of, heads
        self.penalty = Penalty(strength, float(ridge), *layout, UPDATES[update], l1, lower, upper)

    def epoch(self, state, order):
        """The state after a pass over the rows of `order`, and their mean loss; infinite where it diverged."""
        penalty, schedule, n_features = self.penalty, self.schedule, len(state.coef)
        n_groups, n_steps = len(penalty.strength), ceil(len(order) / schedule.batch_size)
        averaging, cumulative = schedule.average > 0, penalty.update == CUMULATIVE
        lazy = issparse(self.sample.X) and penalty.update != NAIVE and len(penalty.l1) == len(penalty.lower) == 0
        owed = state.owed if cumulative else 0.0
        model = Model(
            coef=state.coef.copy(),
            received=_go_on(state.received, n_features if cumulative else 0, state.coef.dtype),
            paid=np.full(n_groups if lazy or len(penalty.members) > 0 else 0, owed),
            total=_go_on(state.coef_total, n_features if averaging else 0, np.float64),
            last=np.zeros(n_groups if lazy and averaging else 0, dtype=POSITION),
            history=np.zeros((n_steps + 1 if lazy and averaging else 0, 3)),
        )
        # gathered at once, for rows met one by one would be waited for
        length = self.length[order] if self.length.any() else self.length
        rows = Rows(order.astype(POSITION), *self.parts, *(part[order] for part in self.sample[1:]), length)
        scalars = float(state.rate), state.n_steps, state.intercept, owed
        loss, intercept, intercept_total, owed = learn(rows, self.loss, penalty, schedule, model, lazy, *scalars)
        after = State(
            coef=model.coef,
            intercept=intercept,
            rate=state.rate,
            received=model.received,
            owed=owed,
            coef_total=model.total,
            n_steps=state.n_steps + n_steps,
        )
        if averaging:
            after.n_averaged = state.n_averaged + min(max(after.n_steps - schedule.average + 1, 0), n_steps)
            after.intercept_total = state.intercept_total + intercept_total
        finite = np.isfinite(intercept) and np.isfinite(model.coef).all()
        return after, loss if finite else np.inf

    def penalty_of(self, coef):
        """What the penalty comes to."""
        norms = abs(coef)
        with np.errstate(over="ignore", invalid="ignore"):  # while learning diverges
            if len(self.penalty.members) > 0:
                squares = coef[self.penalty.members] ** 2
                norms = np.sqrt(np.add.reduceat(squares, self.penalty.starts[:-1].view(np.int64)))
            within = self.penalty.l1 @ abs(coef) if len(self.penalty.l1) > 0 else 0.0
            return self.penalty.strength @ norms + within + self.penalty.ridge * (coef @ coef) / 2


def _go_on(array, size, dtype):
    """A copy to change, or zeros where there is nothing of this size to go on from."""
    return array.astype(dtype) if len(array) == size else np.zeros(size, dtype)
