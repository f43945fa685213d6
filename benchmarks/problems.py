"""What is solved: each case is a function whose docstring describes it, and gives a `Problem`."""

import numpy as np
import scipy.sparse as sp
from sklearn.preprocessing import OneHotEncoder, SplineTransformer


class Problem:
    """mean(mu - y eta) + alpha sum_g sqrt(size_g) ||coef[g]||_2, or + alpha/2 ||coef||_2^2 with `ridge`.

    Groups are runs of `sizes` columns; the lasso is groups of one. `alphas` runs from the critical strength, at
    which all coefficients are zero, down to `ratio` times that; a single one is at that ratio. With `ridge` the
    strength is `ratio` itself. With `folds` the strength is to be chosen by cross-validation.
    """

    def __init__(self, X, y, sizes, *, n_alphas=100, ratio=0.01, ridge=False, folds=None):
        self.X, self.y, self.sizes, self.ridge, self.folds = X, y, np.asarray(sizes), ridge, folds
        self.starts = np.cumsum(self.sizes) - self.sizes
        self.weights = np.sqrt(self.sizes)
        self.Y = y.reshape(len(y), -1)  # a column an output
        gradient = X.T @ (self.Y.mean(axis=0) - self.Y) / len(y)
        self.null = np.abs(gradient).max(axis=0)
        self.critical = (self._norms(gradient) / self.weights[:, None]).max(axis=0)
        if ridge:
            self.alphas = np.array([ratio])
        else:
            self.alphas = self.critical.max() * (
                np.geomspace(1, ratio, n_alphas) if n_alphas > 1 else np.array([ratio])
            )

    @property
    def lasso(self):
        return not self.ridge and self.sizes.max() == 1

    def describe(self):
        layout = self.X.format.upper() if sp.issparse(self.X) else "C" if self.X.flags.c_contiguous else "F"
        return {
            "rows": self.X.shape[0],
            "columns": self.X.shape[1],
            "groups": None if self.ridge else len(self.sizes),
            "outputs": self.Y.shape[1],
            "strengths": len(self.alphas),
            "folds": self.folds,
            "layout": layout,
            "mean_count": float(self.y.mean()),
            "strongest": float(self.alphas[0]),
            "weakest": float(self.alphas[-1]),
        }

    def check(self, coef, intercept, alpha):
        """The objective, summed over outputs, and kkt, the worst over outputs, of coef (n_outputs, n_columns)."""
        coef = coef.T
        eta = self.X @ coef + intercept
        residual = (np.exp(eta) - self.Y) / len(self.Y)
        gradient = self.X.T @ residual
        value = (residual + self.Y / len(self.Y) - self.Y * eta / len(self.Y)).sum()
        if self.ridge:
            distance = np.abs(gradient + alpha * coef)
            value += alpha / 2 * (coef**2).sum()
        else:
            norms, strength = self._norms(coef), alpha * self.weights[:, None]
            slope = np.divide(strength, norms, out=np.zeros_like(norms), where=norms > 0)
            within = self._norms(gradient + np.repeat(slope, self.sizes, axis=0) * coef)
            beyond = np.maximum(self._norms(gradient) - strength, 0)
            distance = np.where(norms > 0, within, beyond)
            value += (strength * norms).sum()
        worst = np.maximum(distance.max(axis=0), np.abs(residual.sum(axis=0)))
        return float(value), float((worst / self.null).max())

    def _norms(self, columns):
        return np.sqrt(np.add.reduceat(columns**2, self.starts, axis=0))


def gaussian(rng, n, p, rho=0.0, order="F"):
    """Columns of variance 1, each correlated by rho with the one before it."""
    X = np.empty((n, p), order=order)
    for j in range(p):
        X[:, j] = rng.standard_normal(n)
        if rho and j:
            X[:, j] = rho * X[:, j - 1] + np.sqrt(1 - rho**2) * X[:, j]
    return X


def counts(rng, X, sizes, n_active, base=0.3, spread=0.7):
    """Counts that depend on a few groups; the log rate has mean `base` and standard deviation `spread`."""
    coef = rng.standard_normal(X.shape[1])
    coef *= np.repeat(rng.permutation(len(sizes)) < n_active, sizes)
    eta = X @ coef
    return rng.poisson(np.exp(base + (eta - eta.mean()) * spread / eta.std())).astype(float)


def small_group(rng):
    """A few hundred rows, one strength"""
    X, sizes = gaussian(rng, 500, 50), np.full(10, 5)
    return Problem(X, counts(rng, X, sizes, 3), sizes, n_alphas=1, ratio=0.05)


def tall_l1_path(rng, order="F"):
    """Many rows, few columns"""
    X, sizes = gaussian(rng, 300_000, 100, 0.3, order), np.ones(100, int)
    return Problem(X, counts(rng, X, sizes, 20), sizes)


def tall_c_order_path(rng):
    """The same, stored row by row"""
    return tall_l1_path(rng, "C")


def tall_group_path(rng):
    """Many rows, groups of five"""
    X, sizes = gaussian(rng, 200_000, 100, 0.3), np.full(20, 5)
    return Problem(X, counts(rng, X, sizes, 5), sizes)


def spline_group_path(rng):
    """Splines of twelve covariates: nearly dependent columns"""
    splines = SplineTransformer(n_knots=8, include_bias=False, order="F")
    X = splines.fit_transform(rng.uniform(size=(200_000, 12)))
    sizes = np.full(12, X.shape[1] // 12)
    return Problem(X, counts(rng, X, sizes, 4), sizes)


def mid_group_path(rng):
    """A thousand columns in groups of ten"""
    X, sizes = gaussian(rng, 20_000, 1000, 0.3), np.full(100, 10)
    return Problem(X, counts(rng, X, sizes, 10), sizes)


def wide_l1_path(rng):
    """Twenty times more columns than rows"""
    X, sizes = gaussian(rng, 1000, 20_000), np.ones(20_000, int)
    return Problem(X, counts(rng, X, sizes, 30), sizes)


def wide_group_path(rng):
    """Ten times more columns than rows, in groups of ten"""
    X, sizes = gaussian(rng, 1000, 10_000), np.full(1000, 10)
    return Problem(X, counts(rng, X, sizes, 10), sizes)


def sparse_l1_path(rng):
    """A sparse matrix, twenty entries a row"""
    X = sp.random(100_000, 100_000, density=2e-4, format="csc", random_state=rng)
    sizes = np.ones(100_000, int)
    return Problem(X, counts(rng, X, sizes, 2000), sizes)


def tall_ridge(rng):
    """Ridge, one strength"""
    X, sizes = gaussian(rng, 500_000, 50, 0.3), np.ones(50, int)
    return Problem(X, counts(rng, X, sizes, 50), sizes, ridge=True)


def population_lasso(rng, n=20_000, n_outputs=100):
    """A hundred outputs of very different rates, one strength"""
    X, sizes = gaussian(rng, n, 50, 0.3), np.ones(50, int)
    bases = rng.uniform(-2, 1, size=n_outputs)
    Y = np.column_stack([counts(rng, X, sizes, 8, base) for base in bases])
    return Problem(X, Y, sizes, n_alphas=1, ratio=0.05)


def population_path(rng, folds=None):
    """A hundred outputs of few rows: what a model costs beside arithmetic"""
    X, sizes = gaussian(rng, 2000, 60), np.full(10, 6)
    bases = rng.uniform(-1, 1, size=100)
    Y = np.column_stack([counts(rng, X, sizes, 3, base) for base in bases])
    return Problem(X, Y, sizes, n_alphas=30, folds=folds)


def population_cv(rng):
    """The same, the strength chosen by five folds"""
    return population_path(rng, folds=5)


def claims_ridge(rng):
    """Ridge, one strength, levels of six categories and splines of four covariates: 3,000 columns, most entries zero"""
    n = 300_000
    levels = [rng.integers(n_levels, size=n) for n_levels in (2, 6, 11, 12, 22)]
    levels.append(np.minimum(rng.pareto(1 / 3, size=n), 3000).astype(int))  # a few are common, most are rare
    splines = SplineTransformer(n_knots=8, include_bias=False, sparse_output=True)
    X = [OneHotEncoder().fit_transform(np.column_stack(levels)), splines.fit_transform(rng.uniform(size=(n, 4)))]
    X = sp.hstack(X, format="csr")
    sizes = np.ones(X.shape[1], int)
    return Problem(X, counts(rng, X, sizes, len(sizes), base=-2.0), sizes, ratio=0.001, ridge=True)


def busy_group_path(rng):
    """Counts in the thousands"""
    X, sizes = gaussian(rng, 20_000, 50, 0.3), np.full(10, 5)
    return Problem(X, counts(rng, X, sizes, 3, base=7.0), sizes)


def cv_group(rng):
    """Groups of five, the strength chosen by five folds"""
    X, sizes = gaussian(rng, 100_000, 100, 0.3), np.full(20, 5)
    return Problem(X, counts(rng, X, sizes, 5), sizes, folds=5)


CASES = {
    case.__name__: case
    for case in (
        small_group,
        tall_l1_path,
        tall_c_order_path,
        tall_group_path,
        spline_group_path,
        mid_group_path,
        wide_l1_path,
        wide_group_path,
        sparse_l1_path,
        tall_ridge,
        claims_ridge,
        population_lasso,
        population_path,
        population_cv,
        busy_group_path,
        cv_group,
    )
}


def short_path(rng, n, p):
    X, sizes = gaussian(rng, n, p, 0.3), np.ones(p, int)
    return Problem(X, counts(rng, X, sizes, min(p, 20)), sizes, n_alphas=10, ratio=0.1)


def rows(rng, n):
    """Lasso, 10 strengths, 100 columns"""
    return short_path(rng, n, 100)


def columns(rng, p):
    """Lasso, 10 strengths, 10,000 rows"""
    return short_path(rng, 10_000, p)


def outputs(rng, n_outputs):
    """Lasso, one strength, 10,000 rows, 50 columns"""
    return population_lasso(rng, 10_000, n_outputs)


GROWTH = {
    rows: (10_000, 30_000, 100_000, 300_000, 1_000_000),
    columns: (10, 30, 100, 300, 1000, 3000, 10_000),
    outputs: (1, 3, 10, 30, 100, 300, 1000),
}
GROWTH = {case.__name__: (case, sizes) for case, sizes in GROWTH.items()}


def make(case, seed, size=None):
    rng = np.random.default_rng([seed, *case.encode()])
    return CASES[case](rng) if size is None else GROWTH[case][0](rng, size)
