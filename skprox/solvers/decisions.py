"""What Newton descents decide by: the same for those in the cache and those in lockstep."""

from math import log

from skprox._jit import njit

STALL = 5  # steps in a row that promise no more than rounding can hide
INNER = 0.05  # share of what is left to do that a step may leave undone
ENOUGH = 0.1  # share of the KKT residual under a concave penalty that the next lasso may leave undone
HIDDEN = 1e3  # a change of less than so many roundings of a value is judged by slopes
ARMIJO = 1e-4  # share of the predicted fall that a step has to bring
LEAST_STEP = 1e-12


@njit
def decrease_of(value_change, slopes, penalty_change, predicted, rounding):
    """How far a step fell: by values, or where rounding hides so small a change, by `slopes` at both ends.

    These are the sum over the moves of each coefficient, times the gradients before and after.
    """
    if abs(predicted) > HIDDEN * rounding:
        return value_change + penalty_change
    return slopes / 2 + penalty_change


@njit
def is_accepted(decrease, predicted, tolerance):
    return decrease <= ARMIJO * predicted + tolerance


@njit
def needs_new_hessian(residual, tol, rate, cost):
    """Whether a new Hessian, which costs as much as `cost` steps, brings a residual to `tol` sooner than the old one.

    Each step with the old one multiplies the residual by `rate`.
    """
    if not rate < 1.0:
        return True
    return log(residual / tol) / -log(rate) > cost + 2 * min(1.0, cost)
