"""Random hard problems: each seed gives one of each of three families, the same on every machine.

`make` varies the columns under the plain penalties, `make_harder` also storages, strengths by column and group, ratios,
bounds, concave penalties, weights and exposures over decades, separated, rare and huge counts, and several outputs,
apart or joint. `make_structured` has latent groups, those of products among them, overdispersion, or both, of the same
columns and counts.
"""

import warnings
from dataclasses import dataclass
from itertools import combinations
from time import perf_counter, process_time

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.preprocessing import SplineTransformer

from skprox import GroupLassoPoisson, PoissonGLMRegressor

KINDS = "normal", "onehot", "spline", "dup", "const", "scales", "corr", "huge", "int", "sparse"
HARDER_KINDS = "separated", "nearly constant", "nearly duplicate", "heavy tails", "scales", "rare levels", "mixed"
JOINT = "group lasso", "group elastic net"
STRUCTURES = "latent", "hierarchy", "overdispersed", "latent overdispersed", "hierarchy overdispersed"
RATIOS = {"latent lasso": (0.0, 0.0), "latent sparse": (0.4, 0.0), "latent elastic": (0.2, 0.3)}
STORAGES = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "CSR": sp.csr_array,
    "CSC": sp.csc_array,
    "COO": sp.coo_array,
}


@dataclass
class Problem:
    """A model and its data, with the penalty that it stands for.

    `l1`, `ridge` are strengths by column, `norms` by group, and `labels` say which that is. `parts` are the columns of
    the coefficients of groups that share columns, group after group; `factors` are those on the terms of outputs.
    """

    columns: str
    penalty: str
    storage: str
    counts: str
    weights: str
    model: object
    X: object
    y: np.ndarray
    sample_weight: np.ndarray | None
    exposure: np.ndarray | None
    l1: np.ndarray
    ridge: np.ndarray
    norms: np.ndarray
    labels: np.ndarray
    joint: bool = False
    parts: np.ndarray | None = None
    factors: np.ndarray | float = 1.0
    overdispersion: np.ndarray | float = 0.0

    def fit(self):
        """A fitted copy of the model, the warnings, and the seconds that it took, the waiting for other work aside."""
        start, started = perf_counter(), process_time()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = clone(self.model).fit(self.X, self.y, sample_weight=self.sample_weight, exposure=self.exposure)
        return model, caught, min(perf_counter() - start, process_time() - started)

    def traits(self):
        names = "columns", "penalty", "storage", "counts", "weights"
        loss = "negative binomial" if np.any(self.overdispersion) else "Poisson"
        return {name: getattr(self, name) for name in names} | {"type": str(self.dtype), "loss": loss}

    @property
    def dtype(self):
        return self.X.to_numpy().dtype if isinstance(self.X, pd.DataFrame) else self.X.dtype

    def __str__(self):
        rows, columns = self.X.shape
        return f"{', '.join(self.traits().values())}, {rows} x {columns}"


def make(seed):
    """Of the plain penalties. The order of what is drawn decides what it is."""
    rng = np.random.default_rng([seed, 99])
    n, p = int(rng.choice([3, 8, 20, 60, 200, 800, 3000])), int(rng.choice([1, 2, 5, 12, 40, 120]))
    kind = str(rng.choice(KINDS))
    X = make_columns(kind, rng, n, p)
    p = X.shape[1]
    eta = X @ (rng.normal(size=p) * (rng.uniform(size=p) < 0.3))
    eta = (eta - eta.mean()) / eta.std() * rng.uniform(0, 2) if eta.std() > 0 else 0 * eta
    y = rng.poisson(np.exp(np.clip(rng.choice([-4, -1, 0, 2, 6]) + eta, -50, 15))).astype(float)
    if not y.any():
        y[0] = 1.0
    weight = rng.choice([0.0, 1.0, 1e-3, 5.0], n) if rng.uniform() >= 0.5 else None
    if weight is not None and weight @ y == 0:
        weight = None
    exposure = np.exp(rng.normal(size=n) * rng.choice([0.5, 3])) if rng.uniform() >= 0.5 else None
    X = X.astype(rng.choice([np.float64, np.float64, np.float32]))
    storage = "C"
    if rng.uniform() < 0.3:
        storage = "CSR" if rng.uniform() < 0.5 else "CSC"
        X = (sp.csr_matrix if storage == "CSR" else sp.csc_matrix)(X)
    elif rng.uniform() < 0.5:
        X, storage = np.asfortranarray(X), "F"
    model, penalty, *strengths = make_model(rng, n, p, y)
    weights = "none" if weight is None else "some 0"
    return Problem(kind, penalty, storage, "Poisson", weights, model, X, y, weight, exposure, *strengths)


def make_columns(kind, rng, n, p):
    X = rng.normal(size=(n, p))
    if kind == "onehot":
        return np.eye(p)[rng.integers(0, p, n)]
    if kind == "spline":
        return SplineTransformer(n_knots=max(2, min(p, 20))).fit_transform(rng.uniform(size=(n, 2)))
    if kind == "dup":
        return X[:, rng.integers(0, max(1, p // 3), p)]
    if kind == "const":
        X[:, rng.integers(0, p)] = rng.choice([0, 1, 1e3, -0.1])
        return X
    if kind == "scales":
        return X * 10.0 ** rng.uniform(-6, 6, p)
    if kind == "corr":
        return X.mean(axis=1, keepdims=True) + 0.01 * X
    if kind == "huge":
        return X * rng.choice([1e-8, 1e5])
    if kind == "int":
        return rng.integers(-3, 4, (n, p)).astype(float)
    if kind == "sparse":
        return X * (rng.uniform(size=X.shape) < 0.05)
    return X


def make_model(rng, n, p, y):
    which, alpha = rng.integers(0, 3), float(10.0 ** rng.uniform(-6, 0.5) * max(y.mean(), 1e-3))
    intercept, labels, ratio, penalty = bool(rng.uniform() < 0.85), np.arange(p), 0.0, "ridge"
    if which == 0:
        ratio = float(rng.choice([0, 1, 0.5]))
        model = PoissonGLMRegressor(alpha=alpha, l1_ratio=ratio, fit_intercept=intercept)
        penalty = {0: "ridge", 1: "lasso", 0.5: "elastic net"}[ratio]
    elif which == 1:
        labels, penalty = np.arange(p) // int(rng.choice([1, 2, 3, 7])), "group lasso"
        model = GroupLassoPoisson(alpha=alpha, groups=list(labels), fit_intercept=intercept)
    else:
        if n > p:
            alpha, penalty = 0.0, "none"
        model = PoissonGLMRegressor(alpha=alpha, fit_intercept=intercept)
    if rng.uniform() < 0.1:
        model.set_params(solver="fista", max_iter=3000)
    sizes, by_column = np.bincount(labels), np.full(p, alpha)
    if which == 1:
        return model, penalty, 0 * by_column, 0 * by_column, alpha * np.sqrt(sizes), labels
    return model, penalty, ratio * by_column, (1 - ratio) * by_column, 0.0 * sizes, labels


def make_harder(seed):
    """Of all other penalties. The order of what is drawn decides what it is."""
    rng = np.random.default_rng([seed, 100])
    kind, counts, weights, *rows = make_rows(rng)
    X, y, weight, _ = rows
    model, penalty, *strengths = make_harder_model(rng, X, y, weight)
    joint = (
        y.ndim == 2 and model.penalty == "lasso" and model.bounds is None and penalty in JOINT and rng.uniform() < 0.5
    )
    if joint:
        model.set_params(multi_output="joint")
        penalty = f"joint {penalty}"
    storage = str(rng.choice(list(STORAGES)))
    rows[0] = STORAGES[storage](X)
    return Problem(kind, penalty, storage, counts, weights, model, *rows, *strengths, joint)


def make_rows(rng):
    """Kinds of columns, counts and weights, and these: X, y, weight, exposure."""
    n, p = int(rng.choice([4, 15, 60, 300, 1500])), int(rng.choice([1, 3, 10, 30, 90]))
    kind, counts = str(rng.choice(HARDER_KINDS)), str(rng.choice(["Poisson", "tiny", "huge", "one", "outlier"]))
    X, y = make_harder_columns(kind, rng, n, p), make_counts(counts, rng, n)
    if kind == "separated":
        y = np.where(X[:, 0] > 0, 0.0, y)
    if not y.any():
        y[X[:, 0].argmin()] = 1.0
    if rng.uniform() < 0.3:
        y = np.column_stack([y, y[::-1], 1e3 * y])
    weight, weights = None, "none"
    if rng.uniform() < 0.5:
        weights = str(rng.choice(["decades", "some 0"]))
        weight = 10.0 ** rng.uniform(-6, 6, n) if weights == "decades" else rng.choice([0.0, 1.0], n)
        if not (weight @ y > 0).all():
            weight, weights = None, "none"
    exposure = 10.0 ** rng.uniform(-4, 4, n) if rng.uniform() < 0.3 else None
    X = X.astype(rng.choice([np.float64, np.float64, np.float32]))
    return kind, counts, weights, X, y, weight, exposure


def make_harder_columns(kind, rng, n, p):
    X = rng.normal(size=(n, p))
    parts = {
        "separated": lambda: np.column_stack([rng.uniform(size=n) < 0.3, X[:, 1:]]),
        "nearly constant": lambda: np.where(rng.uniform(size=p) < 0.5, 100 + 1e-4 * X, X),
        "nearly duplicate": lambda: X[:, :1] + 10.0 ** rng.uniform(-8, 0, p) * X,
        "heavy tails": lambda: np.clip(rng.standard_cauchy(size=(n, p)), -1e6, 1e6),
        "scales": lambda: X * 10.0 ** rng.uniform(-6, 6, p),
        "rare levels": lambda: np.eye(p)[np.minimum(rng.geometric(0.3, n) - 1, p - 1)],
    }
    if kind != "mixed":
        return parts[kind]() + 0.0
    return np.column_stack([part()[:, j] for j, part in zip(range(p), [*parts.values()] * p, strict=False)]) + 0.0


def make_counts(kind, rng, n):
    y = rng.poisson(np.exp(rng.choice([-3, 0, 2]) + rng.normal(size=n))).astype(float)
    if kind == "tiny":
        return 1e-9 * y
    if kind == "huge":
        return rng.poisson(1e7 * np.exp(rng.normal(size=n))).astype(float)
    if kind == "one":
        return np.eye(n)[rng.integers(n)]
    if kind == "outlier":
        y[rng.integers(n)] = 1e6
    return y


def make_harder_model(rng, X, y, weight, overdispersion=0.0):
    """A model, the name of its penalty, and its strengths."""
    (n, p), weight = X.shape, np.ones(len(y)) if weight is None else weight
    labels = rng.permutation(np.arange(p) // int(rng.choice([1, 2, 3, 7])))
    alpha = draw_alpha(rng, X, y, weight, overdispersion)
    options = {"alpha": alpha, "fit_intercept": bool(rng.uniform() < 0.85)}
    penalties = "lasso", "elastic net", "uneven elastic net", "free columns", "removed columns", "bounds", "MCP"
    of_groups = "group lasso", "sparse group lasso", "group elastic net", "non-negative groups", "group SCAD"
    penalty = str(rng.choice([*penalties, *of_groups]))
    if penalty in penalties:
        weights, ratio = np.ones(p), 1.0
        if penalty == "elastic net":
            ratio = 0.5
        elif penalty == "uneven elastic net":
            weights, ratio = 10.0 ** rng.uniform(-3, 3, p), rng.uniform(size=p)
        elif penalty == "free columns":
            weights = np.where(rng.permutation(p) < min(3, n // 4), 0.0, 1.0)
        elif penalty == "removed columns":
            weights = rng.choice([1.0, np.inf], p)
        elif penalty == "bounds":
            options["bounds"], ratio = rng.choice([-np.inf, -0.1, 0.0], p), 0.5
            options["bounds"] = np.column_stack([options["bounds"], rng.choice([0.0, 0.2, np.inf], p)])
        model = PoissonGLMRegressor(l1_ratio=ratio, penalty_weights=weights, **options)
        if penalty == "MCP":
            return model.set_params(penalty="mcp"), penalty, np.zeros(p), np.zeros(p), alpha * weights, np.arange(p)
        strengths = alpha * weights
        ridge = np.where(np.isinf(strengths), 0.0, 1 - ratio) * np.where(np.isinf(strengths), 0.0, strengths)
        l1 = np.where(np.isinf(strengths), np.inf, ratio * strengths)
        return model, penalty, l1, ridge, np.zeros(p), np.arange(p)
    weights = 10.0 ** rng.uniform(-1, 1, labels.max() + 1)
    ratios = {"sparse group lasso": (0.4, 0.0), "group elastic net": (0.0, 0.3), "non-negative groups": (0.2, 0.0)}
    rho, kappa = ratios.get(penalty, (0.0, 0.0))
    if penalty == "non-negative groups":
        options["bounds"] = 0.0, None
    elif penalty == "group SCAD":
        options["penalty"] = "scad"
    mask = np.arange(labels.max() + 1)[:, None] == labels
    model = GroupLassoPoisson(groups=mask, group_weights=weights, l1_ratio=rho, l2_ratio=kappa, **options)
    by_column = np.full(p, alpha)
    return model, penalty, rho * by_column, kappa * by_column, (1 - rho - kappa) * alpha * weights, labels


def draw_alpha(rng, X, y, weight, overdispersion, factors=1.0):
    """Up to twice that from which on all coefficients are zero, under a lasso."""
    means = weight @ y / weight.sum()
    residual = (y.T - means[..., None]) * weight / weight.sum() * (factors / (1 + overdispersion * means))[..., None]
    largest = np.abs(residual @ X.astype(float)).max()
    return float(10.0 ** rng.uniform(-5, 0.3) * (largest if largest > 0 else 1.0))


def make_structured(seed):
    """Of groups that share columns, and of overdispersion. The order of what is drawn decides what it is."""
    rng = np.random.default_rng([seed, 101])
    kind, counts, weights, *rows = make_rows(rng)
    X, y, weight, _ = rows
    structure = str(rng.choice(STRUCTURES))
    overdispersion, storage, joint, factors = 0.0, "frame", False, 1.0
    if "overdispersed" in structure:
        overdispersion = 10.0 ** rng.uniform(-6, 2, y.shape[1:] if rng.uniform() < 0.5 else ())
    if structure == "overdispersed":
        model, penalty, *strengths = make_harder_model(rng, X, y, weight, overdispersion)
        groups = None
    else:
        if y.ndim == 2 and rng.uniform() < 0.5:
            joint, factors = True, 1 / np.average(y, axis=0, weights=weight) if rng.uniform() < 0.5 else 1.0
        if "hierarchy" in structure:
            rows[0], groups = make_products(rng, X)
            X = rows[0].to_numpy()
        else:
            groups = make_overlapping_groups(rng, X.shape[1])
        model, penalty, *strengths = make_latent_model(rng, X, y, weight, overdispersion, factors, groups)
        model.set_params(groups="hierarchy" if "hierarchy" in structure else groups)
        penalty = penalty.replace("latent", "hierarchical") if "hierarchy" in structure else penalty
    if joint:
        model.set_params(multi_output="joint", output_weights=None if np.ndim(factors) == 0 else "balanced")
        penalty = f"joint {penalty}"
    model.set_params(overdispersion=overdispersion)
    if "hierarchy" not in structure:
        storage = str(rng.choice(list(STORAGES)))
        rows[0] = STORAGES[storage](X)
    parts = None if groups is None else np.concatenate(list(groups.values()))
    omega = np.broadcast_to(overdispersion, y.shape[1:] or 1)
    return Problem(kind, penalty, storage, counts, weights, model, *rows, *strengths, joint, parts, factors, omega)


def make_overlapping_groups(rng, p):
    """Of up to six columns each, that cover all of them."""
    groups = [np.sort(rng.permutation(p)[: rng.integers(1, 7)]) for _ in range(1 + p // 3)]
    left = np.setdiff1d(np.arange(p), np.concatenate(groups))
    return {f"g{k}": each for k, each in enumerate([*groups, *left[:, None]])}


def make_products(rng, X):
    """A frame of up to twelve columns, in features of one to three of these, with all products of two features.

    The groups of the products hold the columns of both features, too.
    """
    features = {}
    for k in range(12):
        start, size = sum(map(len, features.values())), int(rng.integers(1, 4))
        if start + size <= min(X.shape[1], 12):
            names = [f"f{k}_sp_{i}" for i in range(size)] if size > 1 else [f"f{k}"]
            features[f"f{k}"] = dict(zip(names, X.T[start : start + size], strict=True))
    if len(features) < 2:
        features = {"f0": {"f0": X[:, 0]}, "f1": {"f1": X[::-1, 0]}}
    columns, own = {}, {}
    for name, each in features.items():
        own[name] = np.arange(len(columns), len(columns) + len(each))
        columns |= each
    groups = dict(own)
    for a, b in combinations(features, 2):
        first = len(columns)
        columns |= {f"{i} {j}": features[a][i] * features[b][j] for i in features[a] for j in features[b]}
        groups[f"{a} {b}"] = np.concatenate([own[a], own[b], np.arange(first, len(columns))])
    return pd.DataFrame(columns).astype(X.dtype), groups


def make_latent_model(rng, X, y, weight, overdispersion, factors, groups):
    """A model of groups that share columns, the name of its penalty, and its strengths."""
    weight, sizes = np.ones(len(y)) if weight is None else weight, np.array([*map(len, groups.values())])
    alpha = draw_alpha(rng, X, y, weight, overdispersion, factors)
    penalty = str(rng.choice([*RATIOS, "latent MCP", "latent SCAD"]))
    rho, kappa = RATIOS.get(penalty, (0.0, 0.0))
    weights = 10.0 ** rng.uniform(-1, 1, len(groups))
    free = rng.uniform(size=len(groups)) < 0.02
    if 4 * sizes[free].sum() <= len(y):  # more would separate the rows
        weights[free] = 0.0
    if rng.uniform() < 0.3:
        weights = np.sqrt(sizes)
    model = GroupLassoPoisson(
        alpha=alpha,
        overlap="latent",
        group_weights=weights,
        l1_ratio=rho,
        l2_ratio=kappa,
        penalty={"latent MCP": "mcp", "latent SCAD": "scad"}.get(penalty, "lasso"),
        fit_intercept=bool(rng.uniform() < 0.85),
    )
    by_column, labels = np.full(sizes.sum(), alpha), np.repeat(np.arange(len(groups)), sizes)
    return model, penalty, rho * by_column, kappa * by_column, (1 - rho - kappa) * alpha * weights, labels
