"""Cross-validated estimators, against searches over the same grid and folds."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.metrics import mean_poisson_deviance
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer
from sklearn.utils import get_tags

from skprox import (
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    PoissonGLMRegressor,
    PoissonGLMRegressorCV,
    poisson_deviance_scorer,
    regularization_path,
)

LABELS = ["a", "a", "a", "b", "b", "c", "c", "d"]


@pytest.fixture
def data(rng):
    X = rng.normal(size=(240, 8))
    return X, rng.poisson(np.exp(0.5 + X[:, :5] @ [0.4, -0.2, 0.1, 0.3, 0.0]))


@pytest.fixture(params=[np.asarray, np.asfortranarray, sparse.csr_array, sparse.csc_array])
def storage(request):
    return request.param


def test_equals_an_exhaustive_search(data, storage):
    X, y = data
    X = storage(X)
    cv = KFold(4, shuffle=True, random_state=0)
    model = GroupLassoPoissonCV(alphas=15, groups=LABELS, cv=cv).fit(X, y)
    search = GridSearchCV(
        GroupLassoPoisson(groups=LABELS, tol=1e-9),
        {"alpha": model.alphas_},
        cv=cv,
        scoring="neg_mean_poisson_deviance",
    ).fit(X, y)
    scores = np.array([search.cv_results_[f"split{k}_test_score"] for k in range(4)]).T
    np.testing.assert_allclose(model.deviance_path_, -scores, rtol=1e-6)
    assert model.alpha_ == search.best_params_["alpha"]
    np.testing.assert_allclose(model.coef_, search.best_estimator_.coef_, atol=1e-6)
    np.testing.assert_allclose(model.intercept_, search.best_estimator_.intercept_, atol=1e-6)
    assert model.selected_groups_ == search.best_estimator_.selected_groups_
    assert model.alphas_[0] == pytest.approx(search.best_estimator_.alpha_max_)
    np.testing.assert_allclose(model.alpha_max_, search.best_estimator_.alpha_max_)


def test_the_path_on_all_rows(data):
    X, y = data
    model = PoissonGLMRegressorCV(alphas=10, l1_ratio=0.5).fit(X, y)
    path = regularization_path(PoissonGLMRegressor(l1_ratio=0.5, tol=1e-9), X, y, alphas=model.alphas_)
    np.testing.assert_allclose(model.coef_path_, path.coefs, atol=1e-6)
    np.testing.assert_array_equal(model.coef_, model.coef_path_[list(model.alphas_).index(model.alpha_)])
    assert model.l1_ratio_ == 0.5
    single = PoissonGLMRegressor(alpha=model.alpha_, l1_ratio=0.5, tol=1e-9).fit(X, y)
    assert model.objective_ == pytest.approx(single.objective_, rel=1e-9)
    assert model.optimality_ <= 1e-6
    assert model.n_iter_ >= 1


def test_several_ratios(data):
    X, y = data
    model = PoissonGLMRegressorCV(alphas=6, l1_ratio=[0.2, 1.0]).fit(X, y)
    assert model.alphas_.shape == (2, 6)
    assert model.deviance_path_.shape == (2, 6, 5)
    for k, ratio in enumerate([0.2, 1.0]):
        alone = PoissonGLMRegressorCV(alphas=6, l1_ratio=ratio).fit(X, y)
        np.testing.assert_allclose(model.alphas_[k], alone.alphas_)
        np.testing.assert_allclose(model.deviance_path_[k], alone.deviance_path_, rtol=1e-6)
        if model.l1_ratio_ == ratio:
            np.testing.assert_allclose(model.coef_, alone.coef_, atol=1e-5)
            np.testing.assert_allclose(model.coef_path_, alone.coef_path_, atol=1e-5)
    means = model.deviance_path_.mean(axis=2)
    best = np.unravel_index(means.argmin(), means.shape)
    assert (model.l1_ratio_, model.alpha_) == ([0.2, 1.0][best[0]], model.alphas_[best])


def test_weights_and_exposure_of_the_rows_held_out(data, rng, storage):
    """By hand: a fit to each fold's rows at each strength, scored with the weights and exposure of the others."""
    X, y = data
    weight, exposure = rng.uniform(size=240) * (rng.random(240) < 0.8), rng.uniform(0.2, 5.0, size=240)
    y = rng.poisson(y * exposure)
    splits = list(ShuffleSplit(3, test_size=0.3, random_state=0).split(X))
    model = PoissonGLMRegressorCV(alphas=[0.3, 0.01, 0.1], cv=splits)
    model.fit(storage(X), y, sample_weight=weight, exposure=exposure)
    assert model.alphas_.tolist() == [0.3, 0.1, 0.01]
    wanted = np.empty((3, 3))
    for a, alpha in enumerate(model.alphas_):
        for k, (train, test) in enumerate(splits):
            fold = PoissonGLMRegressor(alpha=alpha, l1_ratio=1, tol=1e-9)
            fold.fit(X[train], y[train], sample_weight=weight[train], exposure=exposure[train])
            means = fold.predict(X[test], exposure=exposure[test])
            wanted[a, k] = mean_poisson_deviance(y[test], means, sample_weight=weight[test])
    np.testing.assert_allclose(model.deviance_path_, wanted, rtol=1e-6)
    whole = PoissonGLMRegressor(alpha=model.alpha_, l1_ratio=1, tol=1e-9)
    whole.fit(X, y, sample_weight=weight, exposure=exposure)
    np.testing.assert_allclose(model.coef_, whole.coef_, atol=1e-6)
    with pytest.raises(ValueError, match="fitted with exposure"):
        model.score(X, y)
    assert model.score(X, y, weight, exposure) == pytest.approx(whole.score(X, y, weight, exposure), abs=1e-6)


def test_one_standard_error(data):
    X, y = data
    model = GroupLassoPoissonCV(alphas=40, groups=LABELS, selection="1se").fit(X, y)
    means = model.deviance_path_.mean(axis=1)
    best = means.argmin()
    limit = means[best] + model.deviance_path_[best].std(ddof=1) / np.sqrt(5)
    assert model.alpha_ == max(alpha for alpha, mean in zip(model.alphas_, means, strict=True) if mean <= limit)
    assert model.alpha_ > model.alphas_[best]
    least = GroupLassoPoissonCV(alphas=40, groups=LABELS).fit(X, y)
    assert least.alpha_ == model.alphas_[best]


def test_several_outputs_share_a_strength(data, rng):
    X, y = data
    Y = np.column_stack([y, rng.poisson(np.exp(X[:, 7] / 2))])
    model = GroupLassoPoissonCV(alphas=8, groups=LABELS).fit(X, Y)
    assert model.coef_path_.shape == (8, 2, 8)
    each = [GroupLassoPoissonCV(alphas=model.alphas_, groups=LABELS).fit(X, Y[:, k]) for k in range(2)]
    wanted = (each[0].deviance_path_ + each[1].deviance_path_) / 2
    np.testing.assert_allclose(model.deviance_path_, wanted, rtol=1e-6)
    for k in range(2):
        np.testing.assert_allclose(model.coef_path_[:, k], each[k].coef_path_, atol=1e-5)
    assert model.coef_.shape == (2, 8)
    assert model.predict(X).shape == (240, 2)


def test_groups_of_rows_through_metadata_routing(data):
    X, y = data
    who = np.arange(240) % 12
    with sklearn.config_context(enable_metadata_routing=True):
        splitter = GroupKFold(3)
        model = GroupLassoPoissonCV(alphas=5, groups=LABELS, cv=splitter).fit(X, y, groups=who)
        splits = list(splitter.split(X, y, who))
        search = GridSearchCV(GroupLassoPoissonCV(alphas=3, groups=LABELS, cv=2), {"selection": ["min", "1se"]}, cv=2)
        search.fit(X, y, exposure=np.full(240, 2.0))
        assert search.best_estimator_.has_exposure_
    wanted = GroupLassoPoissonCV(alphas=5, groups=LABELS, cv=splits).fit(X, y)
    np.testing.assert_allclose(model.deviance_path_, wanted.deviance_path_)
    with pytest.raises(ValueError, match="enable_metadata_routing"):
        GroupLassoPoissonCV(groups=LABELS, cv=GroupKFold(3)).fit(X, y, groups=who)


def test_ends_a_pipeline_of_splines(rng):
    X = pd.DataFrame(rng.uniform(size=(300, 2)), columns=["position", "speed"])
    hours = rng.uniform(0.5, 2, size=300)
    y = rng.poisson(hours * np.exp(1 + np.sin(6 * X["position"])))
    splines = make_column_transformer((SplineTransformer(include_bias=False), ["position", "speed"]))
    model = make_pipeline(splines.set_output(transform="pandas"), GroupLassoPoissonCV(selection="1se"))
    with sklearn.config_context(enable_metadata_routing=True):
        model.fit(X, y, exposure=hours)
        assert poisson_deviance_scorer(model, X, y, exposure=hours) > -1.5
    assert model[-1].selected_groups_ == ["position"]
    summary = model[-1].summary(model[:-1].transform(X))
    assert summary.loc["position", "share"] == pytest.approx(1.0)


def test_folds_that_lack_directions_take_few_steps(rng):
    """With few rows a column the Hessian of one fold does not do for the others."""
    Z = rng.uniform(size=(115, 20))
    X = SplineTransformer(n_knots=8).fit_transform(Z)
    y = rng.poisson(np.exp(1 + np.sin(6 * Z[:, 0]) + np.cos(5 * Z[:, 1])))
    model = PoissonGLMRegressorCV(alphas=20, fit_intercept=False, cv=3, alpha_min_ratio=1e-3, tol=1e-7).fit(X, y)
    assert model.n_iter_ <= 15


def deviances_of_single_fits(estimator, X, y, cv, alphas):
    def deviance(alpha, train, test):
        model = clone(estimator).set_params(alpha=alpha, tol=1e-9).fit(X[train], y[train])
        return mean_poisson_deviance(y[test], model.predict(X[test]))

    return [[deviance(alpha, *rows) for rows in cv] for alpha in alphas]


@pytest.mark.parametrize("solver", ["newton", pytest.param("fista", marks=pytest.mark.slow)])
@pytest.mark.parametrize("centre", [0.0, 2.3])
def test_folds_where_a_column_is_constant(rng, storage, centre, solver):
    """Its unpenalised coefficient stays 0 there, as in a fit to the rows of the fold."""
    level = rng.choice(3, size=300)
    level[:5] = 3 + np.arange(5)
    X = np.hstack([np.eye(8)[level][:, 1:] + centre, rng.normal(size=(300, 3))])
    y = rng.poisson(np.exp(1 + 0.3 * (level == 1) + 0.3 * X[:, -1]))
    cv = list(KFold(4, shuffle=True, random_state=0).split(X))
    weights, alphas = [0] * 7 + [1] * 3, np.geomspace(0.2, 0.01, 4)
    model = PoissonGLMRegressorCV(alphas=alphas, penalty_weights=weights, cv=cv, solver=solver).fit(storage(X), y)
    wanted = deviances_of_single_fits(PoissonGLMRegressor(l1_ratio=1, penalty_weights=weights), X, y, cv, alphas)
    np.testing.assert_allclose(model.deviance_path_, wanted, rtol=1e-5)


def test_an_outlier_that_a_fold_holds_out(rng):
    """The other rows know nothing of it: nor may the Hessian."""
    X = rng.normal(size=(300, 4))
    y = rng.poisson(np.exp(0.5 + X @ [0.4, -0.3, 0.2, 0.0]))
    X[5, 0] = 100.0
    cv, alphas = list(KFold(3).split(X)), np.geomspace(0.5, 0.01, 6)
    model = PoissonGLMRegressorCV(alphas=alphas, cv=cv, solver="newton", tol=1e-9).fit(X, y)
    wanted = deviances_of_single_fits(PoissonGLMRegressor(l1_ratio=1), X, y, cv, alphas)
    np.testing.assert_allclose(model.deviance_path_, wanted, rtol=1e-5)


def test_rows_that_a_fold_holds_out_twice(data):
    X, y = data
    train, test = np.arange(120), np.r_[120:240, 120:140, 120:130]
    model = PoissonGLMRegressorCV(alphas=[0.1, 0.01], cv=[(train, test)]).fit(X, y)
    wanted = deviances_of_single_fits(PoissonGLMRegressor(l1_ratio=1), X, y, [(train, test)], [0.1, 0.01])
    np.testing.assert_allclose(model.deviance_path_, wanted, rtol=1e-6)


def test_splits_from_a_generator(data):
    """Routing doesn't use it up, but a fit does."""
    X, y = data
    model = PoissonGLMRegressorCV(alphas=3, cv=KFold(3).split(X))
    with sklearn.config_context(enable_metadata_routing=True):
        model.get_metadata_routing()
    model.fit(X, y)
    for splits in model.cv, []:
        with pytest.raises(ValueError, match=r"cv=.* gives no splits. A generator can be used only once"):
            PoissonGLMRegressorCV(alphas=3, cv=splits).fit(X, y)


MASK = np.arange(240) < 120
SPLITS = {
    "tuples": (tuple(range(120)), tuple(range(120, 240))),
    "lists": (list(range(120)), list(range(120, 240))),
    "ranges": (range(120), range(120, 240)),
    "masks": (MASK, ~MASK),
    "lists of booleans": (MASK.tolist(), (~MASK).tolist()),
    "masks as Series": (pd.Series(MASK), pd.Series(~MASK)),
    "Index": (pd.Index(range(120)), pd.RangeIndex(120, 240)),
    "from the end": (np.arange(-240, -120), range(-120, 0)),
    "small integers": (np.arange(120, dtype=np.uint8), np.arange(120, 240, dtype=np.uint8)),
}


@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
def test_splits_in_any_form(data, split):
    X, y = data
    model = GroupLassoPoissonCV(alphas=[0.1, 0.01], groups=LABELS, cv=[split, split[::-1]]).fit(X, y)
    search = GridSearchCV(
        GroupLassoPoisson(groups=LABELS, tol=1e-9),
        {"alpha": model.alphas_},
        cv=[split, split[::-1]],
        scoring=poisson_deviance_scorer,
    ).fit(X, y)
    np.testing.assert_allclose(-model.deviance_path_.mean(axis=1), search.cv_results_["mean_test_score"], rtol=1e-6)
    assert model.alpha_ == search.best_params_["alpha"]


@pytest.mark.parametrize("rows", [np.arange(120.0), np.arange(120)[:, None], slice(120), ["a", "b"], [], 3])
def test_splits_that_are_none(data, rows):
    with pytest.raises(ValueError, match="Fold 1 of cv must be two sequences of positions of rows, or two masks; got"):
        PoissonGLMRegressorCV(cv=[SPLITS["lists"], (rows, range(120, 240))]).fit(*data)


class ByYear:
    """Train on the years before each, and note what is given."""

    def split(self, X, y=None, groups=None):
        self.given = X, y
        return ((np.flatnonzero(X.index.year < year), np.flatnonzero(X.index.year == year)) for year in (2021, 2022))

    def get_n_splits(self, X=None, y=None, groups=None):
        return 2


@pytest.mark.parametrize("estimator", [PoissonGLMRegressorCV, GroupLassoPoissonCV])
def test_splitters_are_given_the_frame_itself(data, estimator):
    X, y = data
    X = pd.DataFrame(X, index=pd.date_range("2020", periods=240, freq="4D"), columns=list("abcdefgh"))
    y, splitter = pd.Series(y, X.index), ByYear()
    model = estimator(alphas=4, cv=splitter).fit(X, y)
    assert splitter.given[0] is X
    assert splitter.given[1] is y
    single = PoissonGLMRegressor(l1_ratio=1, tol=1e-9) if estimator is PoissonGLMRegressorCV else GroupLassoPoisson()
    search = GridSearchCV(single, {"alpha": model.alphas_}, cv=ByYear(), scoring=poisson_deviance_scorer).fit(X, y)
    np.testing.assert_allclose(-model.deviance_path_.mean(axis=1), search.cv_results_["mean_test_score"], rtol=1e-5)
    assert model.alpha_ == search.best_params_["alpha"]


def test_splitters_are_given_rows_of_any_kind(data):
    """As by GridSearchCV, which hands on what can be indexed by rows."""

    class Halves(ByYear):
        def split(self, X, y=None, groups=None):
            self.given = X, y
            return [SPLITS["ranges"], SPLITS["masks"][::-1]]

    X, y = data
    for rows in (X, X.tolist(), sparse.csr_array(X), sparse.csc_array(X), sparse.coo_array(X)):
        ours, theirs = Halves(), Halves()
        PoissonGLMRegressorCV(alphas=[0.1], cv=ours).fit(rows, y.tolist())
        GridSearchCV(PoissonGLMRegressor(), {"alpha": [0.1]}, cv=theirs).fit(rows, y.tolist())
        assert type(ours.given[0]) is type(theirs.given[0])
        assert type(ours.given[1]) is list
        assert (ours.given[0] is rows) == (theirs.given[0] is rows)


def test_deviances_of_large_float32_counts(rng):
    """They are small differences of large numbers."""
    X = rng.normal(size=(200, 3)).astype(np.float32)
    y = rng.poisson(np.exp(14 + 2e-3 * X[:, 0]))
    model = PoissonGLMRegressorCV(alphas=[1e-1], tol=1e-4)
    exact = model.fit(X.astype(np.float64), y)
    means = [exact.deviance_path_.mean(), model.fit(X, y).deviance_path_.mean()]
    assert means[1] == pytest.approx(means[0], rel=0.02)


def test_float32_is_kept(data):
    X, y = data
    model = GroupLassoPoissonCV(alphas=5, groups=LABELS).fit(X.astype(np.float32), y)
    assert model.coef_.dtype == model.coef_path_.dtype == np.float32
    double = GroupLassoPoissonCV(alphas=model.alphas_, groups=LABELS).fit(X, y)
    np.testing.assert_allclose(model.deviance_path_, double.deviance_path_, rtol=1e-4)


def test_threads_give_the_same(rng):
    X = rng.normal(size=(40_000, 8))
    y = rng.poisson(np.exp(X[:, 0] / 3))
    one, two = (GroupLassoPoissonCV(alphas=4, groups=LABELS, n_jobs=k).fit(X, y) for k in (1, 2))
    np.testing.assert_allclose(one.deviance_path_, two.deviance_path_, rtol=1e-9)


def test_a_line_a_strength(data, capsys):
    model = GroupLassoPoissonCV(alphas=3, groups=LABELS, verbose=1).fit(*data)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"alpha {alpha:.4g}" for alpha in model.alphas_]
    assert lines[0].endswith("0 groups")
    assert all("objective" in line and "certificate" in line for line in lines)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"alphas": [1.0, -1.0]}, "alphas must be a sequence of positive numbers"),
        ({"alphas": 0}, "alphas"),
        ({"cv": 300}, "n_splits=300"),
        ({"selection": "best"}, "selection"),
        ({"l1_ratio": [0.5, 2.0]}, "l1_ratio must be between 0 and 1"),
        ({"l1_ratio": [0.0, 1.0]}, "grid of alphas needs an L1 penalty.* or an l1_ratio above 0"),
        ({"l1_ratio": []}, "l1_ratio is an empty list"),
    ],
)
def test_bad_parameters(data, params, message):
    with pytest.raises(ValueError, match=message):
        PoissonGLMRegressorCV(**params).fit(*data)


def test_ratios_of_several_kinds(data):
    with pytest.raises(TypeError, match="l1_ratio must be a number, a list of numbers, or a dict or Series"):
        PoissonGLMRegressorCV(l1_ratio=[{}, {}]).fit(*data)


def test_a_fold_without_counts(data):
    X, _ = data
    y = np.zeros(240)
    y[:10] = 1.0
    with pytest.raises(ValueError, match="Fold 0 of cv trains on no positive count"):
        GroupLassoPoissonCV(groups=LABELS).fit(X, y)
    with pytest.raises(ValueError, match=r"Fold 0 .* holds out no row with a positive sample_weight"):
        GroupLassoPoissonCV(groups=LABELS).fit(X, y + 1, sample_weight=np.arange(240) >= 48)


def test_scores_are_good(data):
    """A strength of 1 may be too much; one that is chosen is not."""
    assert get_tags(GroupLassoPoisson()).regressor_tags.poor_score
    assert not get_tags(GroupLassoPoissonCV()).regressor_tags.poor_score


def test_no_predictions_before_fit(data):
    with pytest.raises(NotFittedError):
        GroupLassoPoissonCV().predict(data[0])


class Recorder:
    """A callback that notes the tasks, and may ask to stop after some."""

    def __init__(self, stop_after=np.inf):
        self.begun, self.ended, self.stop_after, self.fitted = [], [], stop_after, []

    def setup(self, estimator, context):
        self.begun.append("setup")

    def teardown(self, estimator, context):
        self.ended.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.begun.append((context.task_name, context.max_subtasks))

    def on_fit_task_end(self, estimator, context, *, X=None):
        assert X is not None
        self.ended.append(context.task_name)
        return sum(name.startswith(("alpha", "output")) for name in self.ended) >= self.stop_after


class TestCallbacks:
    @pytest.fixture(autouse=True)
    def _supported(self):
        pytest.importorskip("sklearn.callback")

    def test_strengths_and_folds_are_tasks(self, data):
        recorder = Recorder()
        model = GroupLassoPoissonCV(alphas=3, alpha_min_ratio=0.01, groups=LABELS, cv=2)
        model.set_callbacks(recorder).fit(*data)
        alphas = [f"alpha {alpha:.4g}" for alpha in model.alphas_]
        folds = [("all rows", 0), ("fold 0", 0), ("fold 1", 0)]
        wanted = ["setup", ("fit", 3)]
        for alpha in alphas:
            wanted += [(alpha, 3), *folds]
        assert recorder.begun == wanted
        assert recorder.ended[-2:] == ["fit", "teardown"]

    def test_a_grid_without_a_known_end(self, rng):
        recorder, common = Recorder(), rng.normal(size=600)
        X = np.column_stack([common, common + 0.03 * rng.normal(size=600)])
        y = rng.poisson(np.exp(9 * (X[:, 1] - X[:, 0])))
        model = PoissonGLMRegressorCV(alphas=3, cv=2).set_callbacks(recorder).fit(X, y)
        assert recorder.begun[1] == ("fit", None)
        tasks = [name for name, _ in recorder.begun[1:] if name.startswith("alpha")]
        assert tasks == [f"alpha {alpha:.4g}" for alpha in model.alphas_]
        assert len(tasks) > 3

    def test_a_callback_may_stop_a_path(self, data, lockstep):
        whole = GroupLassoPoissonCV(alphas=6, groups=LABELS).fit(*data)
        model = GroupLassoPoissonCV(alphas=6, groups=LABELS).set_callbacks(Recorder(2)).fit(*data)
        np.testing.assert_allclose(model.alphas_, whole.alphas_[:2])
        np.testing.assert_allclose(model.deviance_path_, whole.deviance_path_[:2])
        assert model.coef_path_.shape == (2, 8)
        assert model.alpha_ in model.alphas_

    def test_a_callback_may_stop_one_of_several_paths(self, data):
        """The first after two strengths, the second after one."""
        for ratios in ([1.0, 0.5], [0.5, 1.0]):
            model = PoissonGLMRegressorCV(alphas=4, l1_ratio=ratios).set_callbacks(Recorder(2)).fit(*data)
            assert np.isfinite(model.deviance_path_).all(axis=2).sum(axis=1).tolist() == [2, 1]
            assert len(model.coef_path_) == model.alphas_.shape[1] == 2

    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    @pytest.mark.parametrize("solver", ["newton", "fista"])
    def test_a_callback_may_stop_a_fit(self, data, solver):
        model = GroupLassoPoisson(alpha=0.01, groups=LABELS, solver=solver, tol=1e-9)
        assert model.fit(*data).n_iter_ > 2
        assert model.set_callbacks(Recorder(2)).fit(*data).n_iter_ == 2

    def test_scores_of_what_is_fitted_so_far(self, data):
        """Of each strength, and of the model in the end, with weights and exposure."""
        from sklearn.callback import ScoringMonitor

        X, y = data
        rows = {"sample_weight": np.linspace(1, 2, len(y)), "exposure": np.linspace(1, 3, len(y))}
        monitor = ScoringMonitor(scoring={"deviance": poisson_deviance_scorer})
        model = GroupLassoPoissonCV(alphas=3, groups=LABELS).set_callbacks(monitor).fit(X, y, **rows)
        fits = [GroupLassoPoisson(alpha=alpha, groups=LABELS).fit(X, y, **rows) for alpha in model.alphas_]
        wanted = [poisson_deviance_scorer(each, X, y, **rows) for each in [model, *fits]]
        np.testing.assert_allclose(monitor.get_logs().data_as_pandas["deviance"], wanted, rtol=1e-5)

    def test_progress_bar(self, data, capsys):
        from sklearn.callback import ProgressBar

        pytest.importorskip("rich")
        GroupLassoPoissonCV(alphas=3, groups=LABELS).set_callbacks(ProgressBar()).fit(*data)
        assert "GroupLassoPoissonCV" in capsys.readouterr().out
