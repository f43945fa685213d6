import sys
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, PoissonRegressor
from sklearn.metrics import mean_poisson_deviance
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    PolynomialFeatures,
    SplineTransformer,
    StandardScaler,
)

from skprox import (
    DevianceCurveDisplay,
    GroupEffectDisplay,
    GroupImportanceDisplay,
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    LagTransformer,
    PoissonGLMRegressor,
    PoissonGLMRegressorCV,
    PopulationDisplay,
    ProxSGDRegressor,
    RegularizationPathDisplay,
    make_grouped_column_transformer,
    regularization_path,
)

LABELS = ["a", "a", "b", "c", "c", "c"]
GROUPS = {"a": np.array([0, 1]), "b": np.array([2]), "c": np.array([3, 4, 5])}


@pytest.fixture
def pyplot():
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("agg")
    yield plt
    plt.close("all")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 6))
    exposure = rng.uniform(0.3, 3, size=300)
    y = rng.poisson(exposure * np.exp(0.3 + X[:, [0, 1, 3]] @ [0.5, -0.3, 0.2]))
    return X, y, exposure, rng.uniform(0.1, 2, size=300)


class CrossValidated(BaseEstimator):
    """Stands in for a cross-validated estimator: it has what `fit` would leave."""

    def __init__(self, l1_ratio=1.0):
        self.l1_ratio = l1_ratio

    def fit(self, alphas, deviances, coefs, chosen):
        self.alphas_, self.deviance_path_, self.coef_path_ = alphas, deviances, coefs
        self.groups_, self.l1_ratio_ = GROUPS, np.ravel(self.l1_ratio)[-1]
        self.alpha_ = chosen
        return self


@pytest.fixture
def search():
    """Five strengths, four folds; the least mean is at the fourth, and the third is within a standard error."""
    deviances = np.array([[4, 4, 5, 5], [3, 3, 3, 3.4], [1.9, 2.3, 2.1, 2.1], [1.6, 2.4, 2, 2], [2, 3, 2.5, 2]])
    coefs = np.array([[0] * 6, [0, 1, 0, 0, 0, 0], [1, 2, 0, 0, 0, 0], [1, 2, 1, 0, 0, 0], [2, 3, 2, 0, 0, -1]])
    return CrossValidated().fit(np.array([10, 1, 0.1, 0.01, 0.001]), deviances, coefs, 0.1)


def draw(display):
    display.figure_.canvas.draw()
    return display.figure_.canvas.get_renderer()


def assert_apart(texts, renderer):
    """No text over another, none outside its figure."""
    from matplotlib.text import Text

    boxes = [Text.get_window_extent(text, renderer) for text in texts]  # of an annotation without its arrow
    for k, box in enumerate(boxes):
        whole = texts[k].figure.bbox
        assert box.x0 >= whole.x0
        assert box.x1 <= whole.x1
        for other in boxes[:k]:
            assert not box.overlaps(other)


# ---- paths


@pytest.fixture(scope="module")
def path(data):
    return regularization_path(GroupLassoPoisson(groups=LABELS), *data[:2], n_alphas=12)


def test_path_draws_norms(pyplot, path):
    display = RegularizationPathDisplay.from_path(path, alpha=path.alphas[5])
    assert list(display.groups) == ["a", "b", "c"]
    for line, columns in zip(display.lines_, GROUPS.values(), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), path.alphas)
        expected = [np.sqrt(sum(coef[j] ** 2 for j in columns)) for coef in path.coefs]
        np.testing.assert_allclose(line.get_ydata(), expected, rtol=1e-12)
    assert display.ax_.get_xscale() == "log"
    left, right = display.ax_.get_xlim()
    assert (left, right) == pytest.approx((path.alphas[0], path.alphas[-1]))
    assert display.ax_.get_xlabel() == "strength alpha (log scale, weaker to the right)"
    assert display.ax_.get_ylabel() == "Euclidean norm of a group's coefficients"
    assert display.alpha_line_.get_xdata()[0] == path.alphas[5]
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == [f"alpha = {path.alphas[5]:.3g}"]
    by_height = sorted(zip("abc", display.lines_, strict=True), key=lambda each: each[1].get_ydata()[-1])
    assert [label.get_text() for label in display.labels_] == [name for name, _ in by_height]
    for label, (_, line) in zip(display.labels_, by_height, strict=True):
        assert label.get_color() == line.get_color()
        assert label.xy == (path.alphas[-1], line.get_ydata()[-1])


def test_path_draws_coefficients(pyplot, path):
    """Those of a group in one colour, its name at the largest."""
    display = RegularizationPathDisplay.from_path(path, kind="coef")
    for line, coefs in zip(display.lines_, path.coefs.T, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), coefs)
    colors = np.array([line.get_color() for line in display.lines_])
    assert [len(set(colors[columns])) for columns in GROUPS.values()] == [1, 1, 1]
    assert len(set(colors)) == 3
    for label in display.labels_:
        last = path.coefs[-1, GROUPS[label.get_text()]]
        assert label.xy[1] == last[np.abs(last).argmax()]
    assert display.alpha_line_ is display.ax_.get_legend() is None


def test_path_of_an_estimator_solves_each_strength(pyplot, data):
    """Ridge as scikit-learn solves it, with weights and exposure."""
    X, y, exposure, weight = data
    alphas = [1.0, 0.1, 0.01]
    model = PoissonGLMRegressor(l1_ratio=0, tol=1e-9)
    display = RegularizationPathDisplay.from_estimator(
        model, X, y, alphas=alphas, exposure=exposure, sample_weight=weight, kind="coef"
    )
    assert not hasattr(model, "coef_")
    for alpha, coef in zip(alphas, display.coefs, strict=True):
        rates = PoissonRegressor(alpha=alpha * weight.sum() / (weight @ exposure), tol=1e-12, max_iter=10_000)
        rates.fit(X, y / exposure, sample_weight=weight * exposure)
        np.testing.assert_allclose(coef, rates.coef_, atol=1e-6)


def test_path_of_a_pipeline(pyplot, data):
    X, y, *_ = data
    model = GroupLassoPoisson(groups=LABELS)
    display = RegularizationPathDisplay.from_estimator(
        make_pipeline(StandardScaler(), model), X, y, n_alphas=4, alpha_min_ratio=0.1
    )
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    expected = regularization_path(model, scaled, y, n_alphas=4, alpha_min_ratio=0.1)
    np.testing.assert_allclose(display.alphas, expected.alphas, rtol=1e-12)
    np.testing.assert_allclose(display.coefs, expected.coefs, atol=1e-10)


def test_uninformative_covariate_leaves_first(pyplot):
    """The picture of the texts on selection by group lasso: counts depend on position, not on speed."""
    rng = np.random.default_rng(123)
    X = pd.DataFrame(rng.normal(size=(500, 2)), columns=["position", "speed"])
    y = rng.poisson(np.exp(np.sin(X["position"])))
    splines = make_grouped_column_transformer((SplineTransformer(include_bias=False), ["position", "speed"]))
    display = RegularizationPathDisplay.from_estimator(make_pipeline(splines, GroupLassoPoisson()), X, y)
    last = {
        name: line.get_xdata()[line.get_ydata() > 0].max()
        for name, line in zip(display.groups, display.lines_, strict=True)
    }
    assert last["speed"] < 0.2 * last["position"]
    assert display.labels_[-1].get_text() == "position"


@pytest.mark.parametrize("kind", ["norm", "coef"])
@pytest.mark.parametrize("n_groups", [1, 5, 11, pytest.param(500, marks=pytest.mark.slow)])
def test_paths_of_many_groups_are_legible(pyplot, rng, n_groups, kind):
    """Ten have names, which differ, are not over each other, and end within the figure."""
    groups = {f"history of the neighbour {g} over 20 ms": np.array([2 * g, 2 * g + 1]) for g in range(n_groups)}
    coefs = np.linspace(0, 1, 9)[:, None] * rng.exponential(size=2 * n_groups) ** 2
    display = RegularizationPathDisplay(alphas=np.geomspace(1, 0.01, 9), coefs=coefs, groups=groups)
    assert display.plot(kind=kind) is display
    assert_apart(display.labels_, draw(display))
    named = [label for label in display.labels_ if "other" not in label.get_text()]
    assert len(named) == len({label.get_text() for label in named}) == min(n_groups, 10)
    last = coefs[-1].reshape(-1, 2)
    sizes = np.sort(last.max(axis=1) if kind == "coef" else np.linalg.norm(last, axis=1))[::-1]
    np.testing.assert_allclose(sorted((label.xy[1] for label in named), reverse=True), sizes[:10])
    others = [label.get_text() for label in display.labels_ if label not in named]
    assert others == {11: ["1 other"], 500: ["490 others"]}.get(n_groups, [])
    grey = [line for line in display.lines_ if line.get_color() == "0.8"]
    assert len(grey) == max(n_groups - 10, 0) * (2 if kind == "coef" else 1)


@pytest.mark.parametrize("n_alphas", [1, 2])
def test_paths_of_few_strengths(pyplot, n_alphas):
    alphas = np.geomspace(1, 0.5, n_alphas)
    display = RegularizationPathDisplay(alphas=alphas, coefs=np.ones((n_alphas, 6)), groups=GROUPS).plot()
    draw(display)
    assert {line.get_marker() for line in display.lines_} == ({"o"} if n_alphas == 1 else {""})  # one makes no line


def test_paths_of_as_many_names_as_wanted(pyplot, rng):
    """The figure grows with them, and of the lines of a colour no two look alike."""
    groups = {f"covariate {g}": np.array([g]) for g in range(28)}
    coefs = np.linspace(0, 1, 9)[:, None] * rng.exponential(size=28)
    display = RegularizationPathDisplay(alphas=np.geomspace(1, 0.01, 9), coefs=coefs, groups=groups)
    assert_apart(display.plot(max_groups=28).labels_, draw(display))
    assert len({(line.get_color(), line.get_linestyle()) for line in display.lines_}) == 28


def test_path_of_a_model_with_exposure_needs_it(pyplot, data):
    X, y, exposure, _ = data
    model = GroupLassoPoisson(groups=LABELS).fit(X, y, exposure=exposure)
    with pytest.raises(ValueError, match="was fitted with exposure, so that its path needs exposure as well"):
        RegularizationPathDisplay.from_estimator(model, X, y)
    RegularizationPathDisplay.from_estimator(model, X, y, n_alphas=3, exposure=exposure)


def test_path_of_one_of_several_outputs(pyplot, data):
    X, y, *_ = data
    path = regularization_path(GroupLassoPoisson(groups=LABELS), X, np.column_stack([y, y[::-1]]), n_alphas=4)
    display = RegularizationPathDisplay.from_path(path, output=1)
    np.testing.assert_allclose([line.get_ydata() for line in display.lines_], path.group_norms[:, 1].T)
    with pytest.raises(ValueError, match="The target has 2 outputs: say which to show by output=0 to 1"):
        RegularizationPathDisplay.from_path(path)
    with pytest.raises(ValueError, match="output must be a number from 0 to 1; got 2"):
        RegularizationPathDisplay.from_path(path, output=2)


def test_path_of_a_cross_validated_estimator(pyplot, search):
    display = RegularizationPathDisplay.from_estimator(search, kind="coef")
    np.testing.assert_array_equal(np.transpose([line.get_ydata() for line in display.lines_]), search.coef_path_)
    assert display.alpha_line_.get_xdata()[0] == 0.1
    ratios = CrossValidated(l1_ratio=[0.2, 0.8]).fit(
        np.array([search.alphas_, 2 * search.alphas_]),
        np.array([search.deviance_path_, search.deviance_path_ - 1]),
        3 * search.coef_path_,
        0.2,
    )
    display = RegularizationPathDisplay.from_estimator(ratios)
    np.testing.assert_array_equal(display.alphas, 2 * search.alphas_)
    np.testing.assert_array_equal(display.coefs, 3 * search.coef_path_)
    with pytest.raises(ValueError, match=r"GroupLassoPoisson holds no path \(coef_path_\). Fit .* or give X and y"):
        RegularizationPathDisplay.from_estimator(GroupLassoPoisson())


# ---- held-out deviance


@pytest.mark.parametrize("estimator", [PoissonGLMRegressorCV(alphas=3), GroupLassoPoissonCV(alphas=3, groups=LABELS)])
def test_path_of_a_cross_validated_estimator_is_its_own(pyplot, data, estimator):
    X, y = data[:2]
    message = rf"{type(estimator).__name__} computes its own path when it is fitted: leave X and y out, as in "
    fitted = clone(estimator).fit(X, y)
    for each in (estimator, fitted, make_pipeline(StandardScaler(), estimator)):
        with pytest.raises(TypeError, match=message + r"RegularizationPathDisplay\.from_estimator\(estimator\)"):
            RegularizationPathDisplay.from_estimator(each, X, y)
        for given in ({"X": X, "y": y}, {"X": X}, {"y": y}):
            with pytest.raises(TypeError, match=message + r"DevianceCurveDisplay\.from_estimator\(estimator\)"):
                DevianceCurveDisplay.from_estimator(each, **given)
        with pytest.raises(TypeError, match=message + r"DevianceCurveDisplay\.from_estimator\(estimator\)"):
            DevianceCurveDisplay.from_estimator(each, X, y)
    for display in RegularizationPathDisplay, DevianceCurveDisplay:
        assert len(display.from_estimator(fitted).alphas) == 3


def test_deviance_curve(pyplot, search):
    """Mean, standard error, the least and the rule of one standard error, by the definitions."""
    display = DevianceCurveDisplay.from_estimator(search)
    mean = [sum(row) / 4 for row in search.deviance_path_]
    spread = [np.sqrt(sum((x - sum(row) / 4) ** 2 for x in row) / 3 / 4) for row in search.deviance_path_]
    np.testing.assert_allclose(display.line_.get_ydata(), mean)
    np.testing.assert_array_equal(display.line_.get_xdata(), search.alphas_)
    band = display.fill_between_.get_paths()[0].vertices
    for alpha, m, s in zip(search.alphas_, mean, spread, strict=True):
        heights = band[np.isclose(band[:, 0], alpha), 1]
        assert (heights.min(), heights.max()) == pytest.approx((m - s, m + s))
    best = min(range(5), key=lambda k: mean[k])
    assert display.alpha_min_ == search.alphas_[best] == 0.01
    within = [alpha for alpha, m in zip(search.alphas_, mean, strict=True) if m <= mean[best] + spread[best]]
    assert display.alpha_1se_ == max(within) == 0.1
    assert [line.get_xdata()[0] for line in display.alpha_lines_] == [0.01, 0.1]
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == [
        "mean ± 1 SE over 4 folds",
        "minimum: alpha = 0.01, 2 groups",
        "1 SE rule: alpha = 0.1, 1 group, chosen",
    ]
    assert display.ax_.xaxis_inverted()
    assert display.ax_.get_ylabel() == "mean held-out Poisson deviance"


def test_deviance_curve_counts_selected_groups(pyplot, search):
    display = DevianceCurveDisplay.from_estimator(search)
    expected = [sum(bool(np.any(coef[columns] != 0)) for columns in GROUPS.values()) for coef in search.coef_path_]
    np.testing.assert_array_equal(display.n_groups, expected)
    draw(display)
    axis = display.groups_axis_
    shown = dict(zip(axis.get_xticks(), [text.get_text() for text in axis.get_xticklabels()], strict=True))
    assert shown == {alpha: str(n) for alpha, n in zip(search.alphas_, expected, strict=True)}
    assert axis.get_xlabel() == "number of selected groups"
    assert axis.get_xlim() == display.ax_.get_xlim()


def test_deviance_curve_of_a_fitted_estimator(pyplot, data):
    X, y, exposure, _ = data
    model = PoissonGLMRegressorCV(alphas=12, l1_ratio=[0.5, 1.0], selection="1se").fit(X, y, exposure=exposure)
    display = DevianceCurveDisplay.from_estimator(model)
    chosen = [0.5, 1.0].index(model.l1_ratio_)
    np.testing.assert_allclose(display.line_.get_ydata(), model.deviance_path_[chosen].mean(axis=1))
    np.testing.assert_array_equal(display.n_groups, (model.coef_path_ != 0).sum(axis=1))
    assert display.alpha == model.alpha_


def test_deviance_curve_of_several_ratios(pyplot, search):
    alphas, deviances = search.alphas_, search.deviance_path_
    ratios = CrossValidated(l1_ratio=[0.1, 0.5, 0.9]).fit(
        np.array([alphas * 3, alphas * 2, alphas]),
        np.array([deviances + 2, deviances + 1, deviances]),
        search.coef_path_,
        0.01,
    )
    display = DevianceCurveDisplay.from_estimator(ratios)
    np.testing.assert_allclose(display.line_.get_ydata(), deviances.mean(axis=1))
    for k, line in enumerate(display.other_lines_):
        np.testing.assert_allclose(line.get_xdata(), alphas * (3 - k))
        np.testing.assert_allclose(line.get_ydata(), deviances.mean(axis=1) + 2 - k)
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == [
        "mean, l1_ratio = 0.1",
        "mean, l1_ratio = 0.5",
        "mean ± 1 SE over 4 folds, l1_ratio = 0.9",
        "minimum: alpha = 0.01, 2 groups, chosen",
        "1 SE rule: alpha = 0.1, 1 group",
    ]
    ratios.alphas_ = alphas  # one grid for all, given by the user
    np.testing.assert_array_equal(DevianceCurveDisplay.from_estimator(ratios).other_lines_[0].get_xdata(), alphas)


def test_deviance_curve_of_a_pipeline_and_a_single_fold(pyplot, search):
    search.deviance_path_ = search.deviance_path_[:, :1]
    display = DevianceCurveDisplay.from_estimator(make_pipeline(StandardScaler(), search))
    assert display.alpha_min_ == display.alpha_1se_ == 0.01
    np.testing.assert_array_equal(display.line_.get_ydata(), search.deviance_path_[:, 0])


def inside(ax, alpha):
    """Whether a line at a strength is off the frame by more than its width."""
    left, right = ax.get_window_extent().intervalx
    at = ax.transData.transform((alpha, 0.5))[0]
    return left + 3 < at < right - 3


def test_what_is_marked_at_an_end_of_the_strengths_is_seen(pyplot, search, path):
    """The least deviance at the weakest, and one within an error of it at the strongest."""
    search.deviance_path_ = np.linspace(3.0, 2.9, 5)[:, None] + np.array([-1.0, 0.0, 0.0, 1.0])
    display = DevianceCurveDisplay.from_estimator(search)
    draw(display)
    assert [line.get_xdata()[0] for line in display.alpha_lines_] == [search.alphas_[-1], search.alphas_[0]]
    assert all(inside(display.ax_, line.get_xdata()[0]) for line in display.alpha_lines_)
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert [text.endswith("where the grid ends") for text in texts] == [False, True, False]
    for alpha in path.alphas[[0, -1]]:
        display = RegularizationPathDisplay.from_path(path, alpha=alpha)
        draw(display)
        assert inside(display.ax_, alpha)


def test_deviance_curve_of_infinite_deviances(pyplot, search):
    """As means that overflow leave them at weak strengths."""
    search.deviance_path_[-1, :2] = np.inf
    display = DevianceCurveDisplay.from_estimator(search)
    assert (display.alpha_min_, display.alpha_1se_) == (0.01, 0.1)
    draw(display)


def test_a_path_that_a_callback_stopped_is_drawn_as_far_as_it_goes(pyplot, search):
    """Arrays are as long as the longest of several paths."""
    search.coef_path_ = search.coef_path_.astype(float)
    search.deviance_path_[3:] = search.coef_path_[3:] = np.nan
    curve, path = (kind.from_estimator(search) for kind in (DevianceCurveDisplay, RegularizationPathDisplay))
    np.testing.assert_array_equal(curve.alphas, search.alphas_[:3])
    np.testing.assert_array_equal(path.alphas, search.alphas_[:3])
    assert curve.alpha_min_ == 0.1
    assert np.isfinite(path.coefs).all()


def test_deviance_curve_needs_cross_validation(pyplot, data):
    with pytest.raises(NotFittedError):
        DevianceCurveDisplay.from_estimator(GroupLassoPoisson())
    model = PoissonGLMRegressor().fit(*data[:2])
    with pytest.raises(TypeError, match="PoissonGLMRegressor holds no held-out deviances"):
        DevianceCurveDisplay.from_estimator(model)


# ---- effects


@pytest.fixture(scope="module")
def rides():
    rng = np.random.default_rng(1)
    X = pd.DataFrame({"temp": rng.normal(10, 5, size=400), "hour": rng.integers(24, size=400)})
    X["sky"] = rng.choice(["clear", "mist", "rain"], size=400, p=[0.6, 0.3, 0.1])
    X["holiday"] = rng.integers(2, size=400)
    log_rate = 1 + 0.05 * X["temp"] + np.sin(X["hour"] / 4) - 0.5 * (X["sky"] == "rain") - 0.3 * X["holiday"]
    return X, rng.poisson(np.exp(log_rate))


@pytest.fixture(scope="module")
def model(rides):
    covariates = make_grouped_column_transformer(
        (SplineTransformer(), ["temp", "hour"]),
        (OneHotEncoder(sparse_output=False), ["sky", "holiday"]),
    )
    return make_pipeline(covariates, GroupLassoPoisson(alpha=0.005)).fit(*rides)


def test_effect_of_splines(pyplot, rides, model):
    """By the coefficients of the covariate's own columns; relative to the geometric mean over rows."""
    X, _ = rides
    display = GroupEffectDisplay.from_estimator(model, X, "temp")
    spline = SplineTransformer().fit(X[["temp"]].to_numpy())
    coef = model[-1].split_coef()["temp"]
    centre = np.mean(spline.transform(X[["temp"]].to_numpy()) @ coef)
    grid = np.linspace(X["temp"].min(), X["temp"].max(), 100)
    np.testing.assert_allclose(display.values, grid)
    np.testing.assert_allclose(display.effects, np.exp(spline.transform(grid[:, None]) @ coef - centre), rtol=1e-10)
    np.testing.assert_array_equal(display.line_.get_xdata(), display.values)
    np.testing.assert_array_equal(display.line_.get_ydata(), display.effects)
    np.testing.assert_array_equal(display.rug_.get_xdata(), np.sort(X["temp"]))
    assert display.line_.get_linestyle() == "-"
    assert display.ax_.get_xlabel() == "temp"
    assert display.ax_.get_ylabel() == "effect on the rate\n(1 = geometric mean)"


@pytest.mark.filterwarnings("error")
def test_effect_in_a_model_with_exposure(pyplot, data):
    """Rates are what is wanted, so that nothing is said of them."""
    X, y, exposure, _ = data
    model = PoissonGLMRegressor(alpha=0.01).fit(pd.DataFrame(X, columns=list("uvwxyz")), y, exposure=exposure)
    display = GroupEffectDisplay.from_estimator(model, pd.DataFrame(X, columns=list("uvwxyz")), "u")
    slopes = np.diff(np.log(display.effects)) / np.diff(display.values)
    np.testing.assert_allclose(slopes, model.coef_[0])


def test_effects_multiply_to_predictions(pyplot, rides, model):
    """Of a model without interactions, over its own rows."""
    X, _ = rides
    log_rates = np.log(model.predict(X))
    total = np.zeros(len(X))
    for feature in X:
        display = GroupEffectDisplay.from_estimator(model, X, feature, grid_resolution=400)
        np.testing.assert_array_equal(np.sort(display.values), np.unique(X[feature]))
        total += np.log(pd.Series(display.effects, display.values).loc[X[feature]].to_numpy())
    np.testing.assert_allclose(total, log_rates - log_rates.mean(), atol=1e-10)


def test_effect_of_categories(pyplot, rides, model):
    """Points, by effect; or in the order of an ordered Categorical."""
    X, _ = rides
    coef = dict(zip(["clear", "mist", "rain"], model[-1].split_coef()["sky"], strict=True))
    display = GroupEffectDisplay.from_estimator(model, X, "sky", reference="clear")
    assert list(display.values) == sorted(coef, key=coef.get)
    np.testing.assert_allclose(display.effects, [np.exp(coef[sky] - coef["clear"]) for sky in display.values])
    assert display.ax_.get_ylabel() == "effect on the rate\n(1 = sky clear)"
    assert [text.get_text() for text in display.ax_.get_xticklabels()] == list(display.values)
    assert (display.line_.get_linestyle(), display.line_.get_marker(), display.rug_) == ("None", "o", None)
    order = ["rain", "clear", "snow", "mist"]
    ordered = X.assign(sky=pd.Categorical(X["sky"], categories=order, ordered=True))
    for reference in (None, "clear"):
        display = GroupEffectDisplay.from_estimator(model, ordered, "sky", reference=reference)
        assert list(display.values) == ["rain", "clear", "mist"]


def test_categories_keep_their_type(pyplot, rides):
    """Steps may go by it."""
    X, y = rides
    X = X.assign(sky=pd.Categorical(X["sky"], categories=["rain", "clear", "mist"], ordered=True))
    codes = FunctionTransformer(lambda frame: frame.assign(sky=frame["sky"].cat.codes))
    model = make_pipeline(codes, PoissonGLMRegressor(alpha=0.1)).fit(X, y)
    slope = model[-1].coef_[2]
    display = GroupEffectDisplay.from_estimator(model, X, "sky", reference="clear")
    np.testing.assert_allclose(display.effects, np.exp(slope * np.array([-1, 0, 1])))
    GroupEffectDisplay.from_estimator(model, X, "temp", at={"sky": "mist"})
    with pytest.raises(ValueError, match=r"at\['sky'\]='snow' is no value of it; it has \["):
        GroupEffectDisplay.from_estimator(model, X, "temp", at={"sky": "snow"})


def test_no_effect_of_a_row_that_depends_on_others(pyplot, rng):
    X = pd.DataFrame({"trial": np.repeat(range(20), 50), "speed": rng.uniform(-1, 1, 1000)})
    y = rng.poisson(np.exp(X.groupby("trial")["speed"].shift(2, fill_value=0)))
    lags = make_column_transformer((LagTransformer(4, epoch="trial"), ["speed", "trial"])).set_output(
        transform="pandas"
    )
    model = make_pipeline(lags, GroupLassoPoisson(alpha=0.001)).fit(X, y)
    with pytest.raises(ValueError, match=r"depends on other rows, .* split_coef\(\)"):
        GroupEffectDisplay.from_estimator(model, X, "speed", reference=0)


def test_dollars_are_no_formulas(pyplot, rng):
    X = pd.DataFrame({"$a_$b": rng.choice(["$0_$25", "$25-$50"], size=100), "c$": rng.normal(size=100)})
    covariates = make_grouped_column_transformer((OneHotEncoder(), ["$a_$b"]), (StandardScaler(), ["c$"]))
    model = make_pipeline(covariates, GroupLassoPoisson(alpha=0.01)).fit(X, rng.poisson(2.0, size=100))
    for display in (
        GroupEffectDisplay.from_estimator(model, X, "$a_$b", reference="$0_$25"),
        GroupImportanceDisplay.from_estimator(model),
        RegularizationPathDisplay.from_estimator(model, X, rng.poisson(2.0, size=100), n_alphas=3),
    ):
        texts = [text.get_text() for text in display.figure_.findobj(lambda artist: hasattr(artist, "get_text"))]
        assert any(r"\$a" in text for text in texts)
        assert not any("$" in text.replace(r"\$", "") for text in texts)
        draw(display)


def test_effect_of_numbers_behind_an_encoder(pyplot, rides, model):
    """Never asked of values that the encoder does not know."""
    X, _ = rides
    display = GroupEffectDisplay.from_estimator(model, X, "holiday", reference=0)
    coef = model[-1].split_coef()["holiday"]
    np.testing.assert_allclose(display.effects, [1, np.exp(coef[1] - coef[0])])
    assert display.line_.get_linestyle() == "None"
    assert display.ax_.get_xticks().tolist() == [0, 1]


def test_effect_with_interactions_is_at_one_row(pyplot, rng):
    X = pd.DataFrame(rng.uniform(0, 2, size=(201, 2)), columns=["a", "b"])
    y = rng.poisson(np.exp(X["a"] * X["b"]))
    products = PolynomialFeatures(interaction_only=True, include_bias=False).set_output(transform="pandas")
    model = make_pipeline(products, PoissonGLMRegressor(alpha=0.01)).fit(X, y)
    coef = model[-1].coef_
    for at, held in [(None, np.median(X["b"])), ({"b": 0.5}, 0.5), ({1: 2}, 2)]:
        display = GroupEffectDisplay.from_estimator(model, X, "a", at=at, reference=1.0)
        expected = np.exp((coef[0] + coef[2] * held) * (display.values - 1))
        np.testing.assert_allclose(display.effects, expected, rtol=1e-9)


@pytest.mark.parametrize("form", ["array", "array of objects", "polars", "missing values", "nullable"])
def test_effect_takes_rows_in_any_form(pyplot, rides, model, form):
    X, y = rides
    X = X[["temp", "holiday"]]
    model = make_pipeline(StandardScaler(), PoissonRegressor(alpha=0)).fit(X.to_numpy(), y)
    feature = 0
    if form == "array":
        rows = X.to_numpy()
    elif form == "array of objects":
        rows = X.to_numpy().astype(object)
    else:
        model, feature = model.fit(X, y), "temp"
        rows = {
            "polars": pl.DataFrame({name: X[name].to_numpy() for name in X}),
            "missing values": X.assign(temp=X["temp"].where(X.index > 20)),
            "nullable": X.convert_dtypes(),
        }[form]
    display = GroupEffectDisplay.from_estimator(model, rows, feature, reference=10)
    slope = model[-1].coef_[0] / X["temp"].std(ddof=0)
    np.testing.assert_allclose(display.effects, np.exp(slope * (display.values - 10)), rtol=1e-8)
    kept = X["temp"][21 if form == "missing values" else 0 :]
    assert (display.values[0], display.values[-1]) == pytest.approx((kept.min(), kept.max()))


def test_effect_of_a_search_and_of_one_output(pyplot, rides):
    X, y = rides
    rows = X[["temp", "holiday"]]
    scaled = make_pipeline(StandardScaler(), PoissonGLMRegressor(alpha=0.1))
    search = GridSearchCV(scaled, {"poissonglmregressor__alpha": [0.01, 0.1]}, cv=2).fit(rows, y)
    both = make_pipeline(StandardScaler(), PoissonGLMRegressor(alpha=search.best_params_["poissonglmregressor__alpha"]))
    both.fit(rows, np.column_stack([y[::-1], y]))
    one = GroupEffectDisplay.from_estimator(search, rows, "temp")
    np.testing.assert_allclose(
        one.effects, GroupEffectDisplay.from_estimator(both, rows, "temp", output=1).effects, rtol=1e-6
    )
    with pytest.raises(ValueError, match="The target has 2 outputs"):
        GroupEffectDisplay.from_estimator(both, rows, "temp")


@pytest.mark.parametrize("n_categories", [3, 12, 200])
def test_effects_of_many_categories_are_legible(pyplot, n_categories):
    values = [f"a long name of category {k}" for k in range(n_categories)]
    display = GroupEffectDisplay(values=values, effects=np.linspace(0.5, 2, n_categories), feature="place").plot()
    renderer = draw(display)
    assert_apart(display.ax_.get_xticklabels(), renderer)
    assert len(display.line_.get_xdata()) == n_categories
    assert display.ax_.get_xlabel() == ("place (25 of 200 are named)" if n_categories == 200 else "place")


@pytest.fixture(scope="module")
def unpenalised(rides):
    X, y = rides
    covariates = make_grouped_column_transformer(
        (SplineTransformer(include_bias=False), ["temp"]), (OneHotEncoder(drop="first"), ["sky", "holiday"])
    )
    return make_pipeline(covariates, GroupLassoPoisson(alpha=0, tol=1e-12)).fit(X, y)


@pytest.mark.parametrize("reference", ["clear", "mist", "rain"])
def test_intervals_of_categories_are_those_of_statsmodels(pyplot, rides, unpenalised, reference):
    """Of a fit whose base level is the reference."""
    X, y = rides
    columns = unpenalised[:-1].transform(X)
    covariance = unpenalised[-1].covariance(columns, y, kind="quasi")
    display = GroupEffectDisplay.from_estimator(
        unpenalised, X, "sky", reference=reference, covariance=covariance, level=0.8
    )
    others = [sky for sky in ("clear", "mist", "rain") if sky != reference]
    spline, holiday = columns.filter(like="temp"), columns.filter(like="holiday")
    design = np.column_stack([*((X["sky"] == sky) for sky in others), spline, holiday]).astype(float)
    fit = sm.GLM(y, sm.add_constant(design), family=sm.families.Poisson()).fit(tol=1e-14, scale="X2")
    table = display.to_frame()
    assert list(table) == ["rate_ratio", "rate_ratio_low", "rate_ratio_high"]
    assert list(table.index) == list(display.values)
    assert table.index.name == "sky"
    wanted = np.exp(np.column_stack([fit.params, fit.conf_int(0.2)]))[1:3]
    np.testing.assert_allclose(table.loc[others], wanted, rtol=1e-6)
    np.testing.assert_allclose(table.loc[reference], 1, rtol=1e-6)
    bars = [path.vertices[:, 1] for path in display.band_.get_paths()]
    np.testing.assert_allclose(np.transpose(bars), display.intervals)
    assert display.ax_.get_ylabel() == f"effect on the rate, 80% intervals\n(1 = sky {reference})"


@pytest.mark.parametrize("reference", [None, 10.0])
def test_bands_of_splines_are_those_of_statsmodels(pyplot, rides, unpenalised, reference):
    X, y = rides
    columns = unpenalised[:-1].transform(X)
    covariance = unpenalised[-1].covariance(columns, y, kind="sandwich")
    display = GroupEffectDisplay.from_estimator(unpenalised, X, "temp", reference=reference, covariance=covariance)
    glm = sm.GLM(y, sm.add_constant(np.asarray(columns)), family=sm.families.Poisson())
    fit = glm.fit(start_params=glm.fit(tol=1e-14).params, cov_type="HC0")
    spline = SplineTransformer(include_bias=False).fit(X[["temp"]].to_numpy())
    centre = spline.transform(X[["temp"]].to_numpy() if reference is None else [[reference]]).mean(axis=0)
    moves = np.zeros((100, len(fit.params)))
    moves[:, 1 : 1 + len(centre)] = spline.transform(display.values[:, None]) - centre
    test = fit.t_test(moves)
    np.testing.assert_allclose(display.effects, np.exp(test.effect), rtol=1e-6)
    np.testing.assert_allclose(display.intervals, np.exp(test.conf_int()).T, rtol=1e-6)
    band = display.band_.get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((display.intervals.min(), display.intervals.max()))
    draw(display)


@pytest.mark.parametrize("form", ["sparse", "float32", "no intercept", "alone", "search"])
def test_bands_of_all_that_has_a_covariance(pyplot, rides, form):
    """exp(coef * x -+ 1.96 error * |x|), of standardised columns, whatever they come in."""
    X, y = rides
    X = X[["temp", "holiday"]].astype(np.float32 if form == "float32" else np.float64)
    intercept = form != "no intercept"
    last = PoissonGLMRegressor(alpha=0.1, fit_intercept=intercept, tol=1e-10)
    if form == "alone":
        model = last.fit(X, y)
        fitted, columns = model, X
    else:
        steps = [StandardScaler()] + [FunctionTransformer(csr_array)] * (form == "sparse")
        model = make_pipeline(*steps, last)
        if form == "search":
            model = GridSearchCV(model, {"poissonglmregressor__alpha": [0.1]}, cv=2)
        model.fit(X, y)
        fitted = model.best_estimator_ if form == "search" else model
        fitted, columns = fitted[-1], fitted[:-1].transform(X)
    covariance = fitted.covariance(columns, y)
    display = GroupEffectDisplay.from_estimator(model, X, "temp", reference=10, covariance=covariance)
    scale = 1.0 if form == "alone" else X["temp"].std(ddof=0)
    moves = (display.values - 10) / scale
    half = 1.959964 * np.sqrt(np.diag(covariance)[int(intercept)]) * np.abs(moves)
    wanted = np.exp(fitted.coef_[0] * moves + np.array([-half, half]))
    np.testing.assert_allclose(display.intervals, wanted, rtol=1e-4 if form == "float32" else 1e-6)


def test_bands_of_one_output(pyplot, rides):
    X, y = rides
    X = X[["temp", "holiday"]]
    both = PoissonGLMRegressor(alpha=0.1, tol=1e-10).fit(X, np.column_stack([y[::-1], y]))
    one = PoissonGLMRegressor(alpha=0.1, tol=1e-10).fit(X, y)
    draws = [
        GroupEffectDisplay.from_estimator(model, X, "temp", output=output, covariance=model.covariance(X))
        for model, output in ((both, 1), (one, None))
    ]
    np.testing.assert_allclose(draws[0].intervals, draws[1].intervals, rtol=1e-6)
    with pytest.raises(ValueError, match="The target has 2 outputs"):
        GroupEffectDisplay.from_estimator(both, X, "temp", covariance=both.covariance(X))


def test_intervals_of_values_without_counts(pyplot):
    """They have no end that could be drawn."""
    X = pd.DataFrame({"place": np.repeat(list("abcd"), 50)})
    y = np.repeat([3, 5, 0, 2], 50)
    dummies = make_grouped_column_transformer((OneHotEncoder(drop="first"), ["place"]))
    model = make_pipeline(dummies, GroupLassoPoisson(alpha=0, tol=1e-12)).fit(X, y)
    covariance = model[-1].covariance(model[:-1].transform(X))
    display = GroupEffectDisplay.from_estimator(model, X, "place", reference="a", covariance=covariance)
    draw(display)
    assert display.to_frame().loc["c", ["rate_ratio_low", "rate_ratio_high"]].tolist() == [0, np.inf]
    wanted = np.exp(np.log(5 / 3) + 1.959964 * np.sqrt(1 / 150 + 1 / 250))
    assert display.to_frame().loc["b", "rate_ratio_high"] == pytest.approx(wanted, rel=1e-5)


def test_bad_covariances(pyplot, rides, unpenalised):
    X, y = rides
    columns = unpenalised[:-1].transform(X)
    covariance = unpenalised[-1].covariance(columns, y)
    effect = partial(GroupEffectDisplay.from_estimator, unpenalised, X, "temp")
    assert effect().band_ is None
    assert list(effect().to_frame()) == ["rate_ratio"]
    for wrong in (True, covariance.to_numpy(), covariance.iloc[1:, 1:], covariance.iloc[1:], covariance[::-1].T):
        with pytest.raises(ValueError, match=r"covariance must be the DataFrame that covariance\(\) of the last step"):
            effect(covariance=wrong)
    with pytest.raises(ValueError, match="level == 95, must be < 1"):
        effect(covariance=covariance, level=95)
    other = make_pipeline(StandardScaler(), PoissonRegressor()).fit(X[["temp"]], y)
    with pytest.raises(TypeError, match="covariance is for pipelines whose last step is one of skprox's Poisson"):
        GroupEffectDisplay.from_estimator(other, X[["temp"]], "temp", covariance=covariance)


def test_bad_effects(pyplot, rides, model):
    X, _ = rides
    effect = GroupEffectDisplay.from_estimator
    with pytest.raises(NotFittedError):
        effect(make_pipeline(StandardScaler(), PoissonGLMRegressor()), X, "temp")
    with pytest.raises(ValueError, match=r"feature names 'wind', but the columns of X are \['temp', 'hour', "):
        effect(model, X, "wind")
    with pytest.raises(ValueError, match="at names 'wind'"):
        effect(model, X, "temp", at={"wind": 1})
    with pytest.raises(ValueError, match="at holds 'temp', the feature to show"):
        effect(model, X, "temp", at={"temp": 1})
    with pytest.raises(ValueError, match="reference='snow' is no value of 'sky', which has"):
        effect(model, X, "sky", reference="snow")
    with pytest.raises(ValueError, match="grid_resolution == 1, must be >= 2"):
        effect(model, X, "temp", grid_resolution=1)
    with pytest.raises(ValueError, match="'temp' has no values in X"):
        effect(model, X.assign(temp=np.nan), "temp")
    with pytest.raises(TypeError, match="X must be dense, with the covariates as they are"):
        effect(model, csr_array(X[["temp"]]), "temp")
    line = LinearRegression().fit(X[["temp"]], X["temp"] - 10)
    with pytest.raises(ValueError, match="predicts rates that are not positive and finite at values of 'temp'"):
        effect(line, X[["temp"]], "temp")


# ---- importance


def test_importance_by_norm(pyplot, data):
    X, y, *_ = data
    model = make_pipeline(StandardScaler(), GroupLassoPoisson(alpha=0.05, groups=LABELS)).fit(X, y)
    display = GroupImportanceDisplay.from_estimator(model)
    expected = [np.sqrt(np.sum(model[-1].coef_[columns] ** 2)) for columns in GROUPS.values()]
    np.testing.assert_allclose(display.importances, expected)
    order = np.argsort(expected)[::-1]
    np.testing.assert_allclose([bar.get_width() for bar in display.bar_], np.array(expected)[order])
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == [list(GROUPS)[g] for g in order]
    assert display.ax_.yaxis_inverted()
    assert display.ax_.get_xlabel() == "Euclidean norm of the group's coefficients"


def rise(model, columns, X, y, exposure, weight):
    """In mean deviance without some columns, the best intercept found by search."""

    def deviance(coef):
        def at(intercept):
            return mean_poisson_deviance(y, exposure * np.exp(intercept + X @ coef), sample_weight=weight)

        return minimize_scalar(at, tol=1e-12).fun if model.fit_intercept else at(0.0)

    coef = model.coef_.astype(float).copy()
    whole = deviance(coef)
    coef[columns] = 0
    return deviance(coef) - whole


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("rows", [slice(0, 200), slice(200, 300)], ids=["of the fit", "held out"])
def test_importance_by_deviance(pyplot, data, fit_intercept, rows):
    X, y, exposure, weight = data
    model = PoissonGLMRegressor(alpha=0.01, groups=LABELS, fit_intercept=fit_intercept)
    model.fit(X[:200], y[:200], exposure=exposure[:200], sample_weight=weight[:200])
    given = X[rows], y[rows], exposure[rows], weight[rows]
    expected = [rise(model, columns, *given) for columns in GROUPS.values()]
    for matrix in (X[rows], csr_array(X[rows])):
        display = GroupImportanceDisplay.from_estimator(
            model, matrix, y[rows], kind="deviance", exposure=exposure[rows], sample_weight=weight[rows]
        )
        np.testing.assert_allclose(display.importances, expected, atol=1e-9)
    assert display.ax_.get_xlabel() == "rise in mean Poisson deviance without the group"


def test_importance_by_deviance_of_a_pipeline_and_one_output(pyplot, data):
    X, y, *_ = data
    both = np.column_stack([y[::-1], y])
    model = make_pipeline(StandardScaler(), GroupLassoPoisson(alpha=0.05, groups=LABELS)).fit(X, both)
    display = GroupImportanceDisplay.from_estimator(model, X, both, kind="deviance", output=1)
    single = make_pipeline(StandardScaler(), GroupLassoPoisson(alpha=0.05, groups=LABELS)).fit(X, y)
    scaled, ones = StandardScaler().fit_transform(X), np.ones(300)
    expected = [rise(single[-1], columns, scaled, y, ones, ones) for columns in GROUPS.values()]
    np.testing.assert_allclose(display.importances, expected, atol=1e-6)
    with pytest.raises(ValueError, match="The target has 2 outputs"):
        GroupImportanceDisplay.from_estimator(model)
    with pytest.raises(ValueError, match=r"y has shape \(300,\), but the model has 2 outputs"):
        GroupImportanceDisplay.from_estimator(model, X, y, kind="deviance", output=1)


@pytest.mark.parametrize("n_groups", [5, 500])
def test_importance_of_many_groups_is_legible(pyplot, rng, n_groups):
    names = [f"history of the neighbour {g} over 20 ms" for g in range(n_groups)]
    importances = np.maximum(rng.normal(size=n_groups), 0)
    display = GroupImportanceDisplay(importances=importances, groups=names, kind="norm").plot()
    renderer = draw(display)
    assert len(display.bar_) == min(n_groups, 20)
    assert_apart(display.ax_.get_yticklabels(), renderer)
    assert_apart([display.ax_.xaxis.label], renderer)
    assert_apart(display.ax_.texts, renderer)
    label = display.ax_.get_xlabel()
    if n_groups == 500:
        least, zeros = np.sort(importances)[::-1][20], np.sum(importances == 0)
        assert label.endswith(f"\n(480 more: at most {least:.3g}, {zeros} of them 0)")
    else:
        assert "more" not in label


def test_bad_importance(pyplot, data):
    X, y, *_ = data
    importance = GroupImportanceDisplay.from_estimator
    with pytest.raises(NotFittedError):
        importance(GroupLassoPoisson())
    with pytest.raises(TypeError, match="PoissonRegressor has no groups_; give an estimator of skprox"):
        importance(PoissonRegressor().fit(X, y))
    model = PoissonGLMRegressor().fit(X, y)
    with pytest.raises(ValueError, match="kind='deviance' needs X and y"):
        importance(model, X, kind="deviance")
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        importance(model, X, y[:-1], kind="deviance")
    with pytest.raises(ValueError, match="y must hold counts"):
        importance(model, X, -y, kind="deviance")
    with pytest.raises(ValueError, match="y holds no positive count"):
        importance(model, X, 0 * y, kind="deviance")
    with pytest.raises(ValueError, match="fitted with exposure, so that kind='deviance' needs exposure as well"):
        importance(clone(model).fit(X, y, exposure=2.0), X, y, kind="deviance")
    linear = ProxSGDRegressor(groups=LABELS, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=r"is for models of counts; .* has loss='squared_error'"):
        importance(linear, X, y, kind="deviance")
    importance(linear)


# ---- what all have in common


@pytest.fixture
def displays(data, path, search, rides, model):
    """A call of each display that takes further arguments, and the name of those for its line or bars."""
    return {
        "path": (lambda **kw: RegularizationPathDisplay.from_path(path, **kw), "line_kwargs"),
        "estimator": (lambda **kw: RegularizationPathDisplay.from_estimator(search, **kw), "line_kwargs"),
        "deviance": (lambda **kw: DevianceCurveDisplay.from_estimator(search, **kw), "line_kwargs"),
        "effect": (lambda **kw: GroupEffectDisplay.from_estimator(model, rides[0], "temp", **kw), "line_kwargs"),
        "importance": (lambda **kw: GroupImportanceDisplay.from_estimator(model, **kw), "bar_kwargs"),
        "population": (lambda **kw: PopulationDisplay.from_estimator(model, **kw), "im_kwargs"),
    }


NAMES = ["path", "estimator", "deviance", "effect", "importance"]


@pytest.mark.parametrize("name", NAMES)
def test_displays_draw_where_they_are_told(pyplot, displays, name):
    call, style = displays[name]
    _, axes = pyplot.subplots(1, 2, layout="constrained")
    display = call(ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is axes[1].figure
    assert len(pyplot.get_fignums()) == 1
    assert display.plot(axes[1]) is display
    draw(display)
    if name not in ("effect", "importance"):
        assert axes[1].xaxis_inverted()
    assert display.plot().ax_ is not axes[1]
    styled = call(**{style: {"color" if name == "importance" else "c": "red"}})
    artist = styled.bar_[0] if name == "importance" else (getattr(styled, "lines_", None) or [styled.line_])[0]
    color = artist.get_facecolor() if name == "importance" else artist.get_color()
    assert color in ("red", (1, 0, 0, 1))


@pytest.mark.parametrize("name", [*NAMES, "population"])
def test_displays_say_that_they_need_matplotlib(pyplot, displays, name, monkeypatch):
    call, _ = displays[name]
    display = call()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=rf"{type(display).__name__}\.from_\w+ requires matplotlib"):
        call()
    with pytest.raises(ImportError, match=rf"{type(display).__name__}\.plot requires matplotlib"):
        display.plot()


def test_bad_choices(pyplot, displays):
    for name in ("path", "estimator", "importance"):
        call, _ = displays[name]
        with pytest.raises(ValueError, match=r"kind must be one of 'norm', '(coef|deviance)'; got 'size'"):
            call(kind="size")
        with pytest.raises(ValueError, match="max_groups == 0, must be >= 1"):
            call(max_groups=0)
        with pytest.raises(ValueError, match="output must be a number from 0 to 0; got 1"):
            call(output=1)
