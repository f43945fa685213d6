"""Smooth bases against quadrature and penalized splines by scipy, monotone ones against Ramsay's integrals."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy.integrate import fixed_quad, quad
from scipy.interpolate import BSpline
from scipy.optimize import minimize
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_global_output_transform_pandas,
    check_param_validation,
    check_set_output_transform,
    check_set_output_transform_pandas,
    parametrize_with_checks,
)

from skprox import (
    GroupEffectDisplay,
    GroupLassoPoisson,
    LagTransformer,
    MonotoneSplineTransformer,
    PoissonGLMRegressor,
    SmoothSplineTransformer,
    make_grouped_column_transformer,
)

TRANSFORMERS = [
    SmoothSplineTransformer(),
    SmoothSplineTransformer(4, smoothing=0, penalty_order=1, degree=1, knots="uniform", extrapolation="linear"),
    SmoothSplineTransformer(extrapolation="periodic"),
    SmoothSplineTransformer(extrapolation="continue"),
    MonotoneSplineTransformer(),
    MonotoneSplineTransformer(increasing=False, extrapolation="linear", degree=2),
]


@parametrize_with_checks(TRANSFORMERS)
def test_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.parametrize("transformer", TRANSFORMERS[::4])
@pytest.mark.parametrize(
    "check",
    [
        check_dataframe_column_names_consistency,
        check_global_output_transform_pandas,
        check_param_validation,
        check_set_output_transform,
        check_set_output_transform_pandas,
    ],
)
def test_checks_that_are_not_run_by_default(transformer, check):
    check(type(transformer).__name__, transformer)


@pytest.fixture
def x(rng):
    return rng.gamma(2.0, size=400)


def squared(u, function):
    return function(u) ** 2


@pytest.mark.parametrize("smoothing", [0, 1e-4, 1.0, 1e3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n_knots": 2},
        {"n_knots": 25, "knots": "uniform"},
        {"penalty_order": 1, "degree": 1},
        {"penalty_order": 1},
        {"n_knots": 6, "penalty_order": 3, "degree": 4, "knots": "uniform"},
        {"extrapolation": "periodic"},
        {"extrapolation": "linear", "knots": [[0.5], [2.0], [3.0]]},
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_norm_is_size_and_roughness(x, rng, smoothing, options, weighted):
    weight = rng.uniform(size=len(x)) if weighted else None
    splines = SmoothSplineTransformer(smoothing=smoothing, **options).fit(x[:, None], sample_weight=weight)
    (low, high), curves = splines.bounds_[:, 0], splines.bsplines_[0]
    pieces = np.unique(curves.t.clip(0, 1))
    at = np.linspace(0, 1, 50, endpoint=False)
    np.testing.assert_allclose(splines.transform((low + (high - low) * at)[:, None]), curves(at), atol=1e-9)
    for coef in rng.normal(size=(3, splines.n_splines_[0])):
        values = splines.transform(x[:, None]) @ coef
        assert np.average(values, weights=weight) == pytest.approx(0, abs=1e-12)
        derivative = BSpline(curves.t, curves.c @ coef, curves.k).derivative(splines.penalty_order)
        roughness = sum(fixed_quad(squared, *ends, (derivative,), n=6)[0] for ends in pairwise(pieces))
        found = np.average(values**2, weights=weight) + smoothing * roughness
        assert found == pytest.approx(coef @ coef, rel=1e-10)


@pytest.mark.parametrize("extrapolation", ["constant", "linear", "continue", "periodic"])
@pytest.mark.parametrize("degree", [1, 3])
def test_effects_are_those_of_splines_but_for_a_constant(x, extrapolation, degree):
    """Inside and beyond the bounds."""
    others = {"n_knots": 7, "degree": degree, "knots": "uniform", "extrapolation": extrapolation}
    wide = np.linspace(-2, x.max() + 2, 300)[:, None]
    found = SmoothSplineTransformer(penalty_order=1, **others).fit(x[:, None]).transform(wide)
    wanted = SplineTransformer(**others).fit(x[:, None]).transform(wide)
    assert found.shape[1] == wanted.shape[1] - 1
    for ones, others in ((found, wanted), (wanted, found)):
        ones, others = (np.column_stack([np.ones(300), each]) for each in (ones, others))
        left = ones - others @ np.linalg.lstsq(others, ones, rcond=None)[0]
        np.testing.assert_allclose(left, 0, atol=1e-9)


def test_columns_go_from_smooth_to_rough(x):
    """The first is a line, and smoothing only scales them."""
    columns = [SmoothSplineTransformer(smoothing=s).fit_transform(x[:, None]) for s in (0, 1e-3, 10.0)]
    for each in columns:
        np.testing.assert_allclose(each[:, 0], (x - x.mean()) / x.std(), atol=1e-9)
    for k in range(columns[0].shape[1]):
        for each in columns[1:]:
            np.testing.assert_allclose(abs(np.corrcoef(each[:, k], columns[0][:, k])[0, 1]), 1, rtol=1e-9)
    sizes = np.linalg.norm(columns[2], axis=0)
    assert (np.diff(sizes) < 0).all()


def penalized_spline(x, y, alpha, smoothing):
    """Objective and fitted log rates of Poisson regression on B-splines, penalized by their own integrals."""
    transformer = SplineTransformer(8, knots="uniform").fit(x[:, None])
    columns, spline = transformer.transform(x[:, None]), transformer.bsplines_[0]
    low, high = x.min(), x.max()
    grid = np.linspace(low, high, 8)
    nodes = (grid[:-1, None] + (grid[1] - low) * (1 + np.array([-1, 1]) / np.sqrt(3)) / 2).ravel()
    bends = spline.derivative(2)(nodes) * (high - low) ** 2
    centred = columns - columns.mean(axis=0)
    matrix = alpha * (centred.T @ centred / len(x) + smoothing * bends.T @ bends / len(nodes))

    def value(coef):
        eta = columns @ coef
        mean = np.exp(eta)
        penalized = (mean - y * eta).mean() + coef @ matrix @ coef / 2
        return penalized, columns.T @ (mean - y) / len(y) + matrix @ coef

    found = minimize(value, np.zeros(columns.shape[1]), jac=True, method="BFGS", options={"gtol": 1e-9})
    return found.fun, columns @ found.x


@pytest.mark.parametrize("smoothing", [1e-4, 1.0])
def test_ridge_is_a_penalized_spline(x, rng, smoothing):
    y = rng.poisson(np.exp(np.sin(x)))
    model = make_pipeline(
        SmoothSplineTransformer(8, smoothing=smoothing, knots="uniform"), PoissonGLMRegressor(alpha=0.1, tol=1e-9)
    ).fit(x[:, None], y)
    objective, log_rates = penalized_spline(x, y, 0.1, smoothing)
    np.testing.assert_allclose(model[-1].objective_, objective, rtol=1e-9)
    np.testing.assert_allclose(np.log(model.predict(x[:, None])), log_rates, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0, 1e-3, 1.0])
def test_few_distinct_values_are_joined_as_smoothly_as_can_be(rng, smoothing):
    x = rng.choice([0.0, 1.0, 2.0, 5.0, 8.0], size=200)
    splines = SmoothSplineTransformer(12, smoothing=smoothing, knots="uniform").fit(x[:, None])
    assert splines.n_splines_.tolist() == [4]
    coef = rng.normal(size=4)
    at, grid = np.unique(x), np.linspace(0, 8, 12)
    values = splines.transform(at[:, None]) @ coef
    plain = SplineTransformer(12, knots="uniform").fit(x[:, None])
    nodes = (grid[:-1, None] + (grid[1] - grid[0]) * (1 + np.array([-1, 1]) / np.sqrt(3)) / 2).ravel()
    bends, through = plain.bsplines_[0].derivative(2)(nodes), plain.transform(at[:, None])
    system = np.block([[bends.T @ bends, through.T], [through, np.zeros((5, 5))]])
    smoothest = np.linalg.lstsq(system, np.concatenate([np.zeros(14), values]), rcond=None)[0][:14]
    wide = np.linspace(0, 8, 100)[:, None]
    np.testing.assert_allclose(splines.transform(wide) @ coef, plain.transform(wide) @ smoothest, atol=1e-7)


@pytest.mark.parametrize("transformer", TRANSFORMERS)
def test_weights_are_repeats(x, rng, transformer):
    weight = rng.integers(0, 4, size=len(x))
    ends = np.argsort(x)[[0, -1]]
    weight[ends] = 0
    found = transformer.fit(x[:, None], sample_weight=weight)
    inside = x[weight > 0][:, None]
    columns, bounds, splines = found.transform(inside), found.bounds_, found.bsplines_
    repeated = transformer.fit(np.repeat(x, weight)[:, None])
    np.testing.assert_array_equal(bounds, repeated.bounds_)
    if isinstance(transformer, SmoothSplineTransformer) and transformer.extrapolation == "periodic":
        columns, wanted = columns @ columns.T, repeated.transform(inside) @ repeated.transform(inside).T  # any rotation
        np.testing.assert_allclose(columns, wanted, atol=1e-9)
    else:
        np.testing.assert_allclose(columns, repeated.transform(inside), atol=1e-9)
    ones = transformer.fit(x[:, None], sample_weight=np.ones(len(x))).bsplines_[0].c
    np.testing.assert_array_equal(ones, transformer.fit(x[:, None]).bsplines_[0].c)
    assert splines[0].c.shape == ones.shape


@pytest.mark.parametrize("transformer", [SmoothSplineTransformer, MonotoneSplineTransformer])
def test_each_feature_has_its_own_columns(x, rng, transformer):
    X = pd.DataFrame({"age": x, "hour": rng.integers(0, 6, size=len(x)), "flat": 2.0})
    splines = transformer(5).set_output(transform="pandas").fit(X)
    together = splines.transform(X)
    alone = [transformer(5).set_output(transform="pandas").fit_transform(X[[name]]) for name in X]
    assert splines.n_splines_.tolist() == [each.shape[1] for each in alone]
    pd.testing.assert_frame_equal(together, pd.concat(alone, axis=1))
    assert list(together)[:2] == ["age_sp_0", "age_sp_1"]
    assert (together.filter(like="flat") == 0).to_numpy().all()
    assert together.filter(like="flat").shape[1] >= 1
    model = GroupLassoPoisson(alpha=0.01).fit(together, rng.poisson(1 + x))
    assert list(model.groups_) == ["age", "hour", "flat"]
    assert model.group_norms_["flat"] == 0


@pytest.mark.parametrize("transformer", TRANSFORMERS)
def test_single_precision_stays(x, transformer):
    single = x.astype(np.float32)[:, None]
    found = transformer.fit(single).transform(single)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, transformer.fit(single.astype(float)).transform(single.astype(float)), atol=1e-6)


@pytest.mark.parametrize("transformer", [SmoothSplineTransformer, MonotoneSplineTransformer])
def test_values_beyond_the_bounds(x, transformer):
    fits = {kind: transformer(extrapolation=kind).fit(x[:, None]) for kind in ("error", "constant", "linear")}
    low, high = x.min(), x.max()
    ends, outside, step = np.array([[low], [high]]), np.array([[low - 0.3], [high + 0.5]]), 1e-6
    at_ends = fits["error"].transform(ends)
    np.testing.assert_array_equal(fits["constant"].transform(outside), at_ends)
    slopes = (fits["error"].transform([[low + step], [high]]) - fits["error"].transform([[low], [high - step]])) / step
    line = at_ends + slopes * [[-0.3], [0.5]]
    np.testing.assert_allclose(fits["linear"].transform(outside), line, atol=1e-3 * abs(line).max())
    with pytest.raises(ValueError, match=r"X holds .* in row 1 of 'x0', beyond its bounds .* Give knots, or another"):
        fits["error"].transform([[low], [high + 0.1]])
    with pytest.raises(ValueError, match="beyond its bounds 0 and 1"):
        transformer(extrapolation="error", knots=[[0.0], [1.0]]).fit(x[:, None])


def test_smoothness_is_tuned_and_groups_are_selected(rng):
    X = pd.DataFrame(rng.uniform(size=(400, 3)), columns=["position", "speed", "noise"])
    y = rng.poisson(np.exp(1 + np.sin(8 * X["position"]) + X["speed"]))
    model = make_pipeline(
        make_grouped_column_transformer((SmoothSplineTransformer(12, extrapolation="linear"), list(X))),
        GroupLassoPoisson(alpha=0.1),
    )
    grid = {"columntransformer__position__smoothing": [1e-6, 1e-3, 1e6]}
    search = GridSearchCV(model, grid, cv=3).fit(X, y)
    assert search.best_params_["columntransformer__position__smoothing"] < 1
    assert search.best_estimator_[-1].selected_groups_ == ["position", "speed"]


def test_smooth_filters_over_lags(rng):
    lags = LagTransformer(20, basis=SmoothSplineTransformer(5)).fit(rng.normal(size=(50, 2)))
    assert lags.get_feature_names_out()[:2].tolist() == ["x0_sp_0", "x0_sp_1"]


def m_spline(x, k, order, t):
    """M-spline of an order, one more than its degree, by the recursion of Ramsay (1988)."""
    if t[k + order] == t[k]:
        return 0.0
    if order == 1:
        return 1 / (t[k + 1] - t[k]) if t[k] <= x < t[k + 1] else 0.0
    left, right = m_spline(x, k, order - 1, t), m_spline(x, k + 1, order - 1, t)
    return order * ((x - t[k]) * left + (t[k + order] - x) * right) / ((order - 1) * (t[k + order] - t[k]))


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_monotone_splines_are_integrals(degree):
    knots = [0.0, 1.0, 2.5, 3.0]
    x = np.array([0.0, 0.4, 1.0, 1.7, 2.6, 2.9, 3.0])
    found = MonotoneSplineTransformer(degree=degree, knots=np.array(knots)[:, None]).fit(x[:, None])
    t = [0.0] * (degree - 1) + knots + [3.0] * (degree - 1)
    for k, column in enumerate(found.transform(x[:, None]).T):
        wanted = [quad(m_spline, 0, end, args=(k, degree, t), points=knots[1:-1])[0] for end in x]
        np.testing.assert_allclose(column, wanted, atol=1e-8)
    assert found.n_splines_.tolist() == [k + 1]
    falling = MonotoneSplineTransformer(degree=degree, knots=np.array(knots)[:, None], increasing=False)
    np.testing.assert_allclose(falling.fit_transform(x[:, None]), 1 - found.transform(x[:, None]), atol=1e-15)


MONOTONE = {
    "free": PoissonGLMRegressor(alpha=0, bounds=(0, None)),
    "ridge": PoissonGLMRegressor(alpha=1e-3, bounds=(0, None)),
    "group lasso": GroupLassoPoisson(alpha=1e-3, bounds={"age": (0, None)}),
}


@pytest.mark.parametrize("name", MONOTONE)
@pytest.mark.parametrize("increasing", [True, False])
@pytest.mark.parametrize("extrapolation", ["constant", "linear"])
def test_effects_of_non_negative_coefficients_are_monotone(rng, increasing, extrapolation, name):
    """Beyond the bounds as well, and close to the truth."""
    sign = 1 if increasing else -1
    X = pd.DataFrame({"age": rng.uniform(0, 10, size=600)})
    y = rng.poisson(np.exp(3 + sign * np.tanh(X["age"] - 3)))
    splines = MonotoneSplineTransformer(increasing=increasing, extrapolation=extrapolation)
    splines.set_output(transform="pandas")
    model = make_pipeline(splines, MONOTONE[name]).fit(X, y)
    wide = pd.DataFrame({"age": np.linspace(-1, 11, 400)})
    assert (sign * np.diff(np.log(model.predict(wide))) >= -1e-12).all()
    free = make_pipeline(splines, PoissonGLMRegressor(alpha=0)).fit(X, y)
    assert (sign * np.diff(np.log(free.predict(wide))) < -1e-3).any()
    display = GroupEffectDisplay.from_estimator(model, X, "age", reference=3)
    plt.close("all")
    assert (sign * np.diff(display.effects) >= -1e-12).all()
    assert display.values[[0, -1]] == pytest.approx([X["age"].min(), X["age"].max()])
    assert np.mean(abs(np.log(display.effects) - sign * np.tanh(display.values - 3))) < 0.2


def test_monotone_splines_reach_monotone_functions():
    """A quadratic spline that rises has coefficients that are not negative."""
    x = np.linspace(0, 2, 50)[:, None]
    columns = MonotoneSplineTransformer(6, degree=2, knots="uniform").fit_transform(x)
    target = x[:, 0] ** 2
    coef, *_ = np.linalg.lstsq(columns, target, rcond=None)
    np.testing.assert_allclose(columns @ coef, target, atol=1e-12)
    assert (coef >= -1e-12).all()


@pytest.mark.parametrize(
    ("transformer", "message"),
    [
        (SmoothSplineTransformer(penalty_order=3, degree=2), "at most .* got penalty_order=3 and degree=2"),
        (SmoothSplineTransformer(smoothing=-1), "'smoothing' parameter .* Got -1"),
        (
            MonotoneSplineTransformer(extrapolation="periodic"),
            "'extrapolation' parameter .* Got 'periodic'",
        ),
        (MonotoneSplineTransformer(degree=0), "'degree' parameter .* Got 0"),
        (SmoothSplineTransformer(knots=[[0.0]]), r"knots has shape \(1, 1\); expected 2 or more rows, and"),
        (
            MonotoneSplineTransformer(knots=np.eye(2)),
            r"knots has shape \(2, 2\); .* each of the 1 features",
        ),
        (SmoothSplineTransformer(knots=[[1.0], [1.0]]), r"must ascend .* got \[1.0, 1.0\] in column 0"),
        (SmoothSplineTransformer(knots=[[1.0], [np.nan]]), "knots contains NaN"),
    ],
)
def test_errors(x, transformer, message):
    with pytest.raises(ValueError, match=message):
        transformer.fit(x[:, None])


def test_errors_of_weights(x):
    with pytest.raises(ValueError, match=r"at least one non-zero|sample_weight is 0 for every row"):
        SmoothSplineTransformer().fit(x[:, None], sample_weight=np.zeros(len(x)))
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        MonotoneSplineTransformer().fit(x[:, None], sample_weight=-np.ones(len(x)))
