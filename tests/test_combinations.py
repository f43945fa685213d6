"""Structures together: every set of them is one model, and meets its optimality conditions by hand."""

from itertools import chain, combinations

import numpy as np
import pytest
from oracles import Norms
from sklearn.base import clone

from skprox import GroupLassoPoisson, GroupLassoPoissonCV, regularization_path

ALPHA, GAMMA, OMEGA, L1, L2 = 0.04, {"mcp": 3.0, "scad": 4.0}, 0.5, 0.3, 0.1
APART = {"a": [0, 1], "b": [2, 3, 4], "c": [5, 6], "d": [7]}
SHARED = {"a": [0, 1, 2], "b": [2, 3, 4], "c": [0, 5, 6], "d": [7]}
OPTIONS = {
    "joint": {"multi_output": "joint", "output_weights": "balanced"},
    "mcp": {"penalty": "mcp"},
    "scad": {"penalty": "scad"},
    "overdispersed": {"overdispersion": OMEGA},
    "latent": {"groups": SHARED, "overlap": "latent"},
    "ratios": {"l1_ratio": L1, "l2_ratio": L2},
    "bounds": {"bounds": {"a": (0, None), "b": (None, 0), "c": None, "d": (-0.1, 0.1)}},
}
SETS = chain.from_iterable(combinations(OPTIONS, size) for size in range(2, len(OPTIONS)))
SETS = [s for s in SETS if not {"mcp", "scad"} <= {*s} and not {"latent", "bounds"} <= {*s}]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 8))
    exposure, weight = rng.uniform(0.5, 2, size=300), rng.uniform(0.1, 1, size=300)
    means = exposure[:, None] * np.exp(0.5 + 0.6 * X[:, :1] - 0.4 * X[:, 3:4] * [1, 0.5, 0])
    Y = rng.negative_binomial(2, 2 / (2 + means))
    return X, Y, weight, exposure


def build(options):
    given = {"groups": APART}
    for option in options:
        given |= OPTIONS[option]
    if "joint" in options and "bounds" in options:  # a column alone is several coefficients, too
        given["bounds"] = given["bounds"] | {"d": (0, None)}
    return GroupLassoPoisson(alpha=ALPHA, tol=1e-8, **given)


def slope(options, strength, norm):
    """Of the penalty of a group in its norm."""
    if "mcp" in options:
        return max(strength - norm / GAMMA["mcp"], 0.0)
    if "scad" in options and norm > strength:
        return max(GAMMA["scad"] * strength - norm, 0.0) / (GAMMA["scad"] - 1)
    return strength


def distances(options, coefs, intercepts, rows):
    """From optimal, of each problem: one for each output, or of all of them. `coefs` are of groups that share none."""
    X, Y, weight, exposure = rows
    weight = weight / weight.sum()
    members = list((SHARED if "latent" in options else APART).values())
    X = X[:, np.concatenate(members)]
    ends = np.cumsum([len(each) for each in members])
    groups = [np.arange(end - len(each), end) for end, each in zip(ends, members, strict=True)]
    means = exposure[:, None] * np.exp(X @ coefs.T + intercepts)
    parts = weight[:, None] * (means - Y) / (1 + OMEGA * means * ("overdispersed" in options))
    gradients, n_outputs, n_features = (X.T @ parts).T, Y.shape[1], X.shape[1]
    np.testing.assert_allclose(parts.sum(axis=0), 0, atol=1e-8)
    l1, l2 = (L1, L2) if "ratios" in options else (0.0, 0.0)
    lower, upper = np.full((2, n_features), [[-np.inf], [np.inf]])
    if "bounds" in options:
        lower[:2], upper[2:5] = 0, 0
        lower[7], upper[7] = (0, np.inf) if "joint" in options else (-0.1, 0.1)
    if "joint" in options:
        gradients = (gradients / (weight @ Y)[:, None]).reshape(1, -1)
        coefs = coefs.reshape(1, -1)
        groups = [(np.arange(n_outputs)[:, None] * n_features + each).ravel() for each in groups]
        lower, upper = np.tile(lower, n_outputs), np.tile(upper, n_outputs)
    for coef, gradient in zip(coefs, gradients, strict=True):
        levels = [ALPHA * (1 - l1 - l2) * np.sqrt(len(group)) for group in groups]
        strengths = [slope(options, s, np.linalg.norm(coef[g])) for s, g in zip(levels, groups, strict=True)]
        l1s, ridges = np.full((2, len(coef)), [[ALPHA * l1], [ALPHA * l2]])
        yield Norms(groups, np.array(strengths), ridges, l1s, lower, upper).distance(coef, gradient)


@pytest.mark.parametrize("options", SETS, ids="-".join)
def test_fits_meet_the_conditions_of_all_structures(options, rows):
    X, Y, weight, exposure = rows
    model = build(options).fit(X, Y, sample_weight=weight, exposure=exposure)
    coefs = model.coef_
    if "latent" in options:
        coefs = np.hstack(list(model.latent_coef_.values()))
    assert max(distances(options, coefs, model.intercept_, rows)) <= 1e-6
    assert coefs.any()


@pytest.mark.parametrize(
    "options",
    [
        ("joint", "mcp", "overdispersed", "latent", "ratios"),
        ("joint", "scad", "overdispersed", "ratios", "bounds"),
        ("mcp", "overdispersed", "latent"),
        ("joint", "bounds"),
    ],
    ids="-".join,
)
def test_paths_and_cross_validation_have_the_same_models(options, rows):
    X, Y, weight, exposure = rows
    model, of_rows = build(options), {"sample_weight": weight, "exposure": exposure}
    path = regularization_path(model, X, Y, alphas=[4 * ALPHA, ALPHA], **of_rows)
    coefs = np.concatenate(list(path.latent_coefs.values()), axis=-1) if "latent" in options else path.coefs
    assert max(distances(options, coefs[-1], path.intercepts[-1], rows)) <= 1e-6
    given = {key: value for key, value in model.get_params().items() if key not in ("alpha", "warm_start")}
    searched = GroupLassoPoissonCV(alphas=[ALPHA], cv=3, **given).fit(X, Y, **of_rows)
    coefs = np.hstack(list(searched.latent_coef_.values())) if "latent" in options else searched.coef_
    assert max(distances(options, coefs, searched.intercept_, rows)) <= 1e-6


def test_bounds_of_sums_are_refused(rows):
    model = clone(build(["latent"])).set_params(bounds=(0, None))
    with pytest.raises(ValueError, match=r"bounds do not go with overlap='latent', .* groups that share no columns"):
        model.fit(*rows[:2])


def test_bounds_other_than_zero_of_norms_over_outputs_are_refused(rows):
    model = build(["joint"]).set_params(bounds={"a": None, "b": None, "c": None, "d": (-0.1, 0.1)})
    with pytest.raises(ValueError, match=r"norm over all outputs .* \(-0.1, 0.1\) .* multi_output='separate'"):
        model.fit(*rows[:2])
    model.set_params(multi_output="separate", output_weights=None).fit(*rows[:2])
