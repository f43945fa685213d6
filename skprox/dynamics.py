"""How an encoding becomes sparse: its weights under the benefit of their feature and an L1 penalty."""

from dataclasses import dataclass
from functools import cache
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_random_state

from skprox._compat import Interval, validate_params
from skprox._typing import RandomState
from skprox.displays._shared import open_axes
from skprox.validation import warn

RECORDS_A_DECADE = 50
CLOSEST = 1e-9  # relative difference of the two largest weights that double precision resolves to the end


@dataclass(frozen=True, eq=False)
class SparsificationResult:
    """A simulated encoding over time, as `~skprox.dynamics.simulate_sparsification` returns it.

    All arrays have an entry for each recorded time. The encoding w has m weights at first and m' that are left.

    Attributes
    ----------
    time : ndarray of shape (n_times,)
        Recorded times: the start, then about fifty a decade, and the end.
    weights_left : ndarray of shape (n_times,)
        m', the number of weights left.
    one_norm : ndarray of shape (n_times,)
        ||w||_1.
    feature_benefit : ndarray of shape (n_times,)
        1 - ||w||_2^2, what the feature still has to gain.
    total_squared_deviation : ndarray of shape (n_times,)
        sum_i (w_i - mean(w))^2 over the weights left.
    relative_variance : ndarray of shape (n_times,)
        var(w) / mean(w)^2 over the weights left.
    relative_variance_bounds : ndarray of shape (n_times, 2)
        What the initial weights allow for it. At all times the weights left are the m' largest initial ones v, shifted
        and scaled; the shift is at least v_{m'+1}, which has left, and at most v_m', which has not.
    gap : ndarray of shape (n_times,)
        (w_1 - w_2) / w_1, the gap between the two largest weights. 1 when one weight is left.
    theory : dict
        What is expected of each of `weights_left`, `one_norm`, `feature_benefit`, `total_squared_deviation`,
        `relative_variance` and `gap`: name to ndarray of shape (n_times,). See `simulate_sparsification`.
    """

    time: np.ndarray
    weights_left: np.ndarray
    one_norm: np.ndarray
    feature_benefit: np.ndarray
    total_squared_deviation: np.ndarray
    relative_variance: np.ndarray
    relative_variance_bounds: np.ndarray
    gap: np.ndarray
    theory: dict

    def to_frame(self) -> pd.DataFrame:
        """All quantities as a table.

        Returns
        -------
        pandas.DataFrame
            A row a recorded time, which is the index. Each quantity is followed by what is expected of it, as in
            `gap` and `gap_theory`; then `relative_variance_low` and `relative_variance_high`.
        """
        frame = pd.DataFrame(index=pd.Index(self.time, name="time"))
        for name, expected in self.theory.items():
            frame[name], frame[f"{name}_theory"] = getattr(self, name), expected
        frame[["relative_variance_low", "relative_variance_high"]] = self.relative_variance_bounds
        return frame

    def plot(self, *, ax: Any = None) -> Any:
        """Draw the number of weights left and the L1 norm over time, with what is expected of them dashed.

        Both axes are logarithmic; the start, at time 0, is left out.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None is a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            Where it was drawn.
        """
        ax = open_axes(ax)
        later = self.time > 0
        for name, label in [("weights_left", "weights left, m'"), ("one_norm", "$\\|w\\|_1$")]:
            (line,) = ax.loglog(self.time[later], getattr(self, name)[later], label=label)
            ax.loglog(
                self.time[later], self.theory[name][later], "--", color=line.get_color(), label=f"{label}: theory"
            )
        ax.set(xlabel="time", ylabel="number of weights, norm")
        ax.legend()
        return ax


@validate_params(
    {
        "weights": [Interval(Integral, 2, None, closed="left"), "array-like"],
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "step": [Interval(Real, 0, 1, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def simulate_sparsification(
    weights: int | ArrayLike = 100_000,
    *,
    alpha: float = 1e-5,
    step: float = 0.5,
    max_iter: int = 10_000_000,
    random_state: RandomState | None = None,
) -> SparsificationResult:
    r"""Simulate how the weights of an encoding leave it, one after the other.

    A feature is encoded by non-negative weights w. The benefit of representing it pulls their norm towards 1, and an
    L1 penalty of strength :math:`\alpha` takes the same from each [1]_:

    .. math:: \frac{dw_i}{dt} = (1 - \|w\|_2^2) \, w_i - \alpha.

    Explicit steps are taken until one weight is left; a weight that reaches zero leaves for good. A step scales and
    shifts all weights alike, so that they never change order, and it takes the same short time for any number of them.

    With :math:`s = 1/\sqrt{m} + \alpha t`, this is expected of the quantities reported (`theory` of the result):

    ==========================  ===================================================================================
    `weights_left`              :math:`\max(1/s^2, 1)`
    `one_norm`                  :math:`\max(1/s, 1)`
    `feature_benefit`           :math:`\alpha \max(1/s, 1)`, which keeps :math:`\|w\|_2` where it is
    `relative_variance`         :math:`r = (1 + c h - h^2) / (h - c)^2`, that of a normal distribution beyond c, where
                                c leaves a share of m'/m of its absolute values and h is its hazard at c; 0 when
                                m' is 1
    `total_squared_deviation`   :math:`(1 - \alpha \max(1/s, 1)) \, r / (1 + r)`
    `gap`                       the solution of :math:`d\gamma/dt = \alpha \gamma / w_1`, by the same steps
    ==========================  ===================================================================================

    The first two take `relative_variance` to be 1, which it comes near only as weights leave, so that they are off by
    a constant factor: once the norm has settled, m' is really :math:`(1 + r) \|w\|_1^2`, where
    :math:`d\|w\|_1 / dt = -\alpha r \|w\|_1^2`. The theory of `relative_variance` and `total_squared_deviation` is that
    of initial weights drawn from a normal distribution.

    Parameters
    ----------
    weights : int or array-like of shape (n_weights,), default=100_000
        The initial weights, or their number m. Then they are the absolute values of draws from a normal distribution
        with mean 0 and standard deviation :math:`0.9 / \sqrt{m}`.
    alpha : float, default=1e-5
        Strength of the L1 penalty. One weight is left after a time of about :math:`1 / \alpha` or twice that. If the
        penalty is stronger than all benefit, no weight is left.
    step : float, default=0.5
        Time that a step takes, below 1: longer ones don't settle.
    max_iter : int, default=10_000_000
        Number of steps after which the simulation ends, whatever is left.
    random_state : int, RandomState instance or None, default=None
        Draws the initial weights where `weights` is a number.

    Returns
    -------
    SparsificationResult
        The quantities over time.

    Raises
    ------
    ValueError
        If `weights` are fewer than two, not positive and finite, too large for `step`
        (:math:`\|w\|_2^2 \geq 1 + 1 / step`, where a step would turn their order around), or if the two
        largest are next to equal, which would hardly ever part.

    Warns
    -----
    ConvergenceWarning
        If more than one weight is left after `max_iter` steps.

    References
    ----------
    .. [1] Lecomte, Thaman, Schaeffer, Bashkansky, Chow and Koyejo (2023), "What causes polysemanticity? An
       alternative origin story of mixed selectivity from incidental causes", arXiv:2312.03096.

    Examples
    --------
    >>> from skprox.dynamics import simulate_sparsification
    >>> result = simulate_sparsification(1000, alpha=1e-4, random_state=0)
    >>> result.weights_left[[0, -1]]
    array([1000,    1])
    >>> result.to_frame()[["one_norm", "one_norm_theory"]].iloc[-1].round(2).tolist()
    [1.0, 1.0]
    """
    alpha, step = float(alpha), float(step)
    initial = _initial_weights(weights, step, random_state)
    means = np.cumsum(initial) / np.arange(1, len(initial) + 1)  # of the largest, ever more of them
    deviations = np.append(0.0, np.cumsum((initial[1:] - means[:-1]) * (initial[1:] - means[1:])))
    advance, n_steps = _compiled(), 0
    state = len(initial), 1.0, 0.0, 1 - initial[1] / initial[0]
    records = [(n_steps, *state)]
    while state[0] > 1 and n_steps < max_iter:
        until = min(max(n_steps + 1, int(n_steps * 10 ** (1 / RECORDS_A_DECADE))), max_iter)
        n_steps, *state = advance(n_steps, until, *state, initial, means, deviations, alpha, step)
        records.append((n_steps, *state))
    if state[0] > 1:
        warn(
            f"{state[0]} weights are left after max_iter={max_iter} steps; raise max_iter, alpha or step.",
            ConvergenceWarning,
        )
    return _report(
        *(np.array(column) for column in zip(*records, strict=True)), initial, means, deviations, alpha, step
    )


def _initial_weights(weights, step, random_state):
    """The initial weights in descending order."""
    if isinstance(weights, Integral):
        weights = abs(check_random_state(random_state).normal(0, 0.9 / np.sqrt(weights), weights))
    weights = check_array(weights, ensure_2d=False, dtype=np.float64, input_name="weights")
    if weights.ndim != 1 or weights.size < 2:
        raise ValueError(f"weights must be a number or a sequence of two or more; got shape {weights.shape}.")
    if not (weights > 0).all():
        raise ValueError(f"weights must be positive; the least is {weights.min():g}. Leave out those that are 0.")
    weights = np.sort(weights)[::-1]
    if (weights[0] - weights[1]) < CLOSEST * weights[0]:
        raise ValueError(
            f"The two largest weights must differ by {CLOSEST:g} of their size, or they take too long to part; got "
            f"{weights[0]!r} and {weights[1]!r}. Leave one out, or move it."
        )
    squares = weights @ weights
    if not squares < 1 + 1 / step:
        raise ValueError(
            f"The squares of weights must sum to less than 1 + 1 / step = {1 + 1 / step:g}, or a step turns their "
            f"order around; got {squares:g}. Scale them down, or take shorter steps."
        )
    return weights


@cache
def _compiled():
    """`_advance`, compiled. numba takes as long to import as all else: not before it is needed."""
    from skprox._jit import njit

    return njit(_advance)


def _advance(n_steps, until, left, scale, shift, gap, initial, means, deviations, alpha, step):
    """Take steps until there are so many, or one weight is left.

    A step turns w into a w - b, and so the weights are scale * (initial - shift): sums over those left follow from
    sums over the largest initial ones, and the cost of a step does not depend on their number.
    """
    while n_steps < until and left > 1:
        squares = scale**2 * (deviations[left - 1] + left * (means[left - 1] - shift) ** 2)
        gap += step * alpha * gap / (scale * (initial[0] - shift))
        scale *= 1.0 + step * (1.0 - squares)
        shift += step * alpha / scale
        while left > 0 and initial[left - 1] <= shift:
            left -= 1
        n_steps += 1
    return n_steps, left, scale, shift, gap


def _report(n_steps, left, scale, shift, expected_gap, initial, means, deviations, alpha, step):
    """All quantities, and what is expected of them, from the states recorded."""
    time, share, last = n_steps * step, np.maximum(left, 1) / len(initial), np.maximum(left, 1) - 1
    shift = np.minimum(shift, initial[0])  # beyond that no weight is left, however far it is
    variance = deviations[last] / (last + 1)
    following = np.append(initial, 0.0)[last + 1]

    def relative(shift):
        return np.divide(variance, (means[last] - shift) ** 2, out=np.zeros(len(time)), where=left > 1)

    one_norm = left * scale * (means[last] - shift)
    deviation = scale**2 * deviations[last]
    gap = np.divide(initial[0] - initial[1], initial[0] - shift, out=np.ones(len(time)), where=left > 1)

    expected_norm = np.maximum(1 / (1 / np.sqrt(len(initial)) + alpha * time), 1.0)
    cut = norm.isf(share / 2)
    hazard = norm.pdf(cut) / (share / 2)
    expected_variance = np.where(left > 1, (1 + cut * hazard - hazard**2) / (hazard - cut) ** 2, 0.0)
    return SparsificationResult(
        time=time,
        weights_left=left,
        one_norm=one_norm,
        feature_benefit=1 - deviation - one_norm**2 / (last + 1),
        total_squared_deviation=deviation,
        relative_variance=relative(shift),
        relative_variance_bounds=np.column_stack([relative(following), relative(initial[last])]),
        gap=gap,
        theory={
            "weights_left": expected_norm**2,
            "one_norm": expected_norm,
            "feature_benefit": alpha * expected_norm,
            "total_squared_deviation": (1 - alpha * expected_norm) * expected_variance / (1 + expected_variance),
            "relative_variance": expected_variance,
            "gap": expected_gap,
        },
    )
