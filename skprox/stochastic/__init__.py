"""Learning a few rows at a time: a compiled loop over rows, what it learns from, and the state it leaves."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy.special import xlogy
from sklearn.utils.extmath import row_norms, safe_sparse_dot


class Sample(NamedTuple):
    """Rows with their targets, weights and log exposures; X is a C-ordered array or a CSR matrix."""

    X: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    offset: np.ndarray

    def take(self, rows):
        return Sample(*(part[rows] for part in self))

    def mean_loss(self, loss, coef, intercept):
        """Weighted mean of the loss; a `coef` of None is zero."""
        eta = self.offset + intercept
        if coef is not None:
            eta += safe_sparse_dot(self.X, coef)
        if loss == "squared_error":
            each = (eta - self.target) ** 2 / 2
        else:
            with np.errstate(over="ignore"):
                each = np.exp(eta) - self.target * eta
        return np.average(each, weights=self.weight)

    def is_far_off(self, loss, value, coef, intercept):
        """Whether a mean loss of `value` is far worse than that of a model: steps were too long."""
        least, moments = 0.0, np.average(self.target**2, weights=self.weight)
        if loss == "poisson":
            least = np.average(self.target - xlogy(self.target, self.target), weights=self.weight)
        excess = self.mean_loss(loss, coef, intercept) - least
        return not value - least <= 2 * excess + np.finfo(self.X.dtype).eps * (1 + moments)

    def safe_rate(self, loss, fit_intercept):
        """A learning rate at which no row, alone, makes learning diverge."""
        steepest = (row_norms(self.X, squared=True) + fit_intercept).max() * self.weight.max() / self.weight.mean()
        if loss == "poisson":
            steepest *= max(self.target.max(), 1)
        return 1 / max(steepest, np.finfo(steepest.dtype).tiny)


@dataclass
class State:
    """What learning goes on from.

    Attributes
    ----------
    coef : ndarray of shape (n_features,)
    intercept : float
    rate : float
        The learning rate, before it is scaled with the number of steps.
    received : ndarray of shape (n_features,) or (0,)
        What cumulative penalties have added to each coefficient.
    owed : float
        Sum of the rates of their steps.
    coef_total, intercept_total, n_averaged
        Sums over the steps that are averaged, and their number.
    n_steps : int
        Number of steps so far.
    """

    coef: np.ndarray
    intercept: float
    rate: float
    received: np.ndarray = field(default_factory=lambda: np.zeros(0))
    owed: float = 0.0
    coef_total: np.ndarray = field(default_factory=lambda: np.zeros(0))
    intercept_total: float = 0.0
    n_averaged: int = 0
    n_steps: int = 0

    @classmethod
    def null(cls, sample, loss, fit_intercept, rate):
        """The model without covariates."""
        intercept, weight = 0.0, sample.weight.astype(np.float64)
        if fit_intercept and loss == "squared_error":
            intercept = np.average(sample.target, weights=weight)
        elif fit_intercept and weight @ sample.target > 0:
            intercept = np.log(weight @ sample.target / (weight @ np.exp(sample.offset)))
        return cls(np.zeros(sample.X.shape[1], dtype=sample.X.dtype), float(intercept), float(rate))

    def answer(self):
        """The coefficients and the intercept, averaged where there is an average."""
        if self.n_averaged == 0:
            return self.coef, self.intercept
        coef = (self.coef_total / self.n_averaged).astype(self.coef.dtype)
        return coef, self.intercept_total / self.n_averaged
