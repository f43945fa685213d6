"""The definitions of the documentation in plain numpy, and a slow solver: nothing here comes from skprox."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass
class Norms:
    """sum_g strength_g ||b_g|| + sum_j l1_j |b_j| + sum_j ridge_j b_j^2 / 2, lower <= b <= upper."""

    groups: list
    strength: np.ndarray
    ridge: np.ndarray
    l1: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def value(self, coef):
        if (coef < self.lower).any() or (coef > self.upper).any():
            return np.inf
        norms = np.array([np.linalg.norm(coef[g]) for g in self.groups])
        return self.strength @ norms + self.l1 @ np.abs(coef) + self.ridge @ coef**2 / 2

    def residual(self, coef, gradient):
        """What is left of the optimality conditions for each coefficient, those of a group at zero without its norm."""
        out = gradient + self.ridge * coef + self.l1 * np.sign(coef)
        for g, strength in zip(self.groups, self.strength, strict=True):
            if coef[g].any():
                out[g] += strength * coef[g] / np.linalg.norm(coef[g])
        out = np.where(coef == 0, np.sign(out) * np.maximum(np.abs(out) - self.l1, 0), out)
        out[((coef == self.upper) & (out < 0)) | ((coef == self.lower) & (out > 0))] = 0
        return out

    def distance(self, coef, gradient):
        """Largest distance of -gradient to the subdifferential, over groups."""
        left = self.residual(coef, gradient)
        lengths = [np.linalg.norm(left[g]) for g in self.groups]
        held = [0.0 if coef[g].any() else s for g, s in zip(self.groups, self.strength, strict=True)]
        return max(0.0, *np.subtract(lengths, held))


class Oracle:
    """A Poisson problem: sum w (mu - y eta) / sum w + sum_g strength_g ||b_g|| + sum_j ridge_j b_j^2 / 2."""

    def __init__(self, X, y, groups, strength, ridge=0.0, weight=None, exposure=None, intercept=True):
        self.X = np.asarray(X.todense() if sparse.issparse(X) else X, dtype=np.float64)
        self.y = np.asarray(y, dtype=np.float64)
        n, p = self.X.shape
        self.groups = [np.atleast_1d(g) for g in groups]
        self.strength = np.broadcast_to(np.asarray(strength, float), len(self.groups))
        self.ridge = np.broadcast_to(np.asarray(ridge, float), p)
        self.weight = np.ones(n) if weight is None else np.asarray(weight, float)
        self.weight = self.weight / self.weight.sum()
        self.offset = np.zeros(n) if exposure is None else np.log(exposure)
        self.intercept = intercept

    def value(self, coef, b):
        eta = self.offset + b + self.X @ coef
        norms = np.array([np.linalg.norm(coef[g]) for g in self.groups])
        norms, strength = norms[norms > 0], self.strength[norms > 0]
        return self.weight @ (np.exp(eta) - self.y * eta) + strength @ norms + self.ridge @ coef**2 / 2

    def gradient(self, coef, b):
        residual = self.weight * (np.exp(self.offset + b + self.X @ coef) - self.y)
        return residual @ self.X, residual.sum()

    def distance(self, coef, b):
        """Largest distance of -gradient to the subdifferential over groups; the intercept is a group."""
        gradient, slope = self.gradient(coef, b)
        gradient = gradient + self.ridge * coef
        out = [abs(slope) if self.intercept else 0.0]
        for g, s in zip(self.groups, self.strength, strict=True):
            norm = np.linalg.norm(coef[g])
            if norm > 0:
                out.append(np.linalg.norm(gradient[g] + s * coef[g] / norm))
            else:
                out.append(max(np.linalg.norm(gradient[g]) - s, 0.0))
        return max(out)

    def null(self):
        b = np.log(self.weight @ self.y / (self.weight @ np.exp(self.offset))) if self.intercept else 0.0
        return np.zeros(self.X.shape[1]), b

    def certificate(self, coef, b):
        return self.distance(np.asarray(coef, float), float(b)) / self.distance(*self.null())

    def solve(self, n_steps=20_000):
        """Proximal gradient steps with a step that halves until it is safe. For small, kind problems."""
        coef, b = self.null()
        step = 1.0
        for _ in range(n_steps):
            gradient, slope = self.gradient(coef, b)
            before = self.value(coef, b)
            while True:
                u = (coef - step * gradient) / (1 + step * self.ridge)
                for g, s in zip(self.groups, self.strength, strict=True):
                    threshold = step * s / (1 + step * self.ridge[g][0])
                    norm = np.linalg.norm(u[g])
                    u[g] = u[g] * (1 - threshold / norm) if norm > threshold else 0.0
                c = b - step * slope if self.intercept else 0.0
                if self.value(u, c) <= before + 1e-15:
                    break
                step /= 2
            coef, b = u, c
        return coef, b


def assert_solves(model, oracle, tol=1e-7, output=None):
    """The model's certificate and objective hold, recomputed from scratch."""
    pick = (lambda a: a) if output is None else (lambda a: a[output])
    coef, b = pick(model.coef_).astype(float), float(pick(model.intercept_))
    assert oracle.certificate(coef, b) <= tol
    np.testing.assert_allclose(pick(model.objective_), oracle.value(coef, b), rtol=1e-10)
