"""Bumps against the formulas of the papers and numbers of NeMoS, lags against pandas and numpy."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score
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

from skprox import GroupLassoPoisson, LagTransformer, RaisedCosineTransformer

TRANSFORMERS = [
    RaisedCosineTransformer(),
    RaisedCosineTransformer(5, spacing="log", extrapolation="linear"),
    RaisedCosineTransformer(extrapolation="periodic"),
    RaisedCosineTransformer(extrapolation="error", width=1.5),
    RaisedCosineTransformer(spacing="log", extrapolation="continue"),
    LagTransformer(),
    LagTransformer(basis=RaisedCosineTransformer(3)),
]
ROWS_MATTER = {
    "check_methods_sample_order_invariance": "a lag depends on the rows before",
    "check_methods_subset_invariance": "a lag depends on the rows before",
}


@parametrize_with_checks(
    TRANSFORMERS, expected_failed_checks=lambda each: ROWS_MATTER if isinstance(each, LagTransformer) else {}
)
def test_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.parametrize("transformer", TRANSFORMERS[::5])
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


def bumps_of_2008(t, n_basis, width, offset, end):
    """b_j(t) = (cos(a log(t + c) - phi_j) + 1) / 2 while the angle is within pi, else 0 (Pillow et al., 2008).

    The first peak is at t = 0, and the last bump ends at t = `end`; phases are pi / width apart.
    """
    phase = np.pi / width * np.arange(n_basis)
    a = (phase[-1] + np.pi) / (np.log(end + offset) - np.log(offset))
    angle = a * np.log(t + offset)[:, None] - (phase + a * np.log(offset))
    return np.where(abs(angle) < np.pi, (np.cos(angle) + 1) / 2, 0)


@pytest.mark.parametrize(("n_basis", "width", "stretch"), [(8, 2.0, 50.0), (5, 1.5, 4.0), (2, 3.0, 100.0)])
def test_logarithmic_bumps_are_those_of_the_paper(n_basis, width, stretch):
    x = np.linspace(-1.0, 4.0, 101)
    found = RaisedCosineTransformer(n_basis, spacing="log", width=width, stretch=stretch).fit_transform(x[:, None])
    wanted = bumps_of_2008(x + 1, n_basis, width, 5 / stretch, 5.0)
    np.testing.assert_allclose(found, wanted, atol=1e-12)


@pytest.mark.parametrize(("n_basis", "width"), [(8, 2.0), (5, 1.5), (2, 1.0)])
def test_linear_bumps_are_shifted_cosines(n_basis, width):
    x = np.linspace(2.0, 5.0, 101)
    found = RaisedCosineTransformer(n_basis, width=width).fit_transform(x[:, None])
    reach = width * 3 / (n_basis - 1)
    for column, peak in zip(found.T, np.linspace(2.0, 5.0, n_basis), strict=True):
        bump = (np.cos(np.pi * (x - peak) / reach) + 1) / 2
        np.testing.assert_allclose(column, np.where(abs(x - peak) < reach, bump, 0), atol=1e-12)


def test_numbers_of_nemos():
    """Values that NeMoS 0.2.8 gave, in double precision."""
    x = np.array([[0.0], [0.13], [0.5], [0.77], [1.0]])
    linear = [  # RaisedCosineLinearEval(4, width=1.5, bounds=(0, 1))
        [1.0, 0.25, 0.0, 0.0],
        [0.842273552964, 0.644515898472, 0.0, 0.0],
        [0.0, 0.75, 0.75, 0.0],
        [0.0, 0.039068424206, 0.898264959012, 0.562666616782],
        [0.0, 0.0, 0.25, 1.0],
    ]
    np.testing.assert_allclose(RaisedCosineTransformer(4, width=1.5).fit_transform(x), linear, atol=1e-12)
    log = [  # RaisedCosineLogEval(4, bounds=(0, 1))
        [1.0, 0.5, 0.0, 0.0],
        [0.0, 0.113594660196, 0.81731831553, 0.886405339804],
        [0.0, 0.0, 0.0, 0.388449228999],
        [0.0, 0.0, 0.0, 0.063730669043],
        [0.0, 0.0, 0.0, 0.0],
    ]
    np.testing.assert_allclose(RaisedCosineTransformer(4, spacing="log").fit_transform(x), log, atol=1e-12)
    stretched = [  # RaisedCosineLogEval(3, width=2.5, time_scaling=10, bounds=(-1, 3))
        [1.0, 0.654508497187, 0.095491502813],
        [0.308324333952, 0.879968095696, 0.926508863829],
        [0.0, 0.007445573136, 0.429550744212],
        [0.0, 0.0, 0.074571743362],
        [0.0, 0.0, 0.0],
    ]
    bumps = RaisedCosineTransformer(3, spacing="log", width=2.5, stretch=10, bounds=(-1, 3))
    np.testing.assert_allclose(bumps.fit_transform(4 * x - 1), stretched, atol=1e-12)


def test_filters_of_nemos():
    """RaisedCosineLogConv(4, window_size=10) of NeMoS 0.2.8: its window is the 10 rows before."""
    spikes = np.random.default_rng(0).poisson(0.5, size=30).astype(float)
    lags = LagTransformer(10, min_lag=1, basis=RaisedCosineTransformer(4, spacing="log"))
    wanted = [
        [0.0, 0.21176223493, 1.348251467469, 4.119930965653],
        [0.0, 0.21176223493, 0.981484193811, 3.490123776312],
        [1.0, 0.71176223493, 0.90855720626, 0.906305878867],
    ]
    np.testing.assert_allclose(lags.fit_transform(spikes[:, None])[[10, 20, 29]], wanted, atol=1e-11)


def test_bounds_are_those_of_the_fit(rng):
    X = rng.uniform(size=(50, 2))
    bumps = RaisedCosineTransformer(4).fit(X)
    np.testing.assert_array_equal(bumps.bounds_, [X.min(axis=0), X.max(axis=0)])
    np.testing.assert_array_equal(bumps.transform(X[:7]), bumps.transform(X)[:7])


@pytest.mark.parametrize("bounds", [(-1, 2), [[-1, -1], [2, 2]]])
def test_bounds_that_are_given(rng, bounds):
    X = rng.uniform(size=(50, 2))
    wide = np.vstack([X, [-1, -1], [2, 2]])
    given = RaisedCosineTransformer(4, bounds=bounds).fit(X).transform(wide)
    np.testing.assert_array_equal(given, RaisedCosineTransformer(4).fit_transform(wide))


def test_a_constant_feature_is_at_its_lower_bound():
    found = RaisedCosineTransformer(3).fit(np.full((5, 1), 7.0)).transform([[6.0], [7.0], [8.0]])
    np.testing.assert_array_equal(found, [[1.0, 0.5, 0.0]] * 3)


@pytest.mark.parametrize("spacing", ["linear", "log"])
def test_extrapolation(spacing):
    """As SplineTransformer has it: constant, on a line, or as the bumps go on."""
    inside, outside = np.array([[0.0], [1.0]]), np.array([[-0.3], [1.5]])
    fits = {
        kind: RaisedCosineTransformer(4, spacing=spacing, extrapolation=kind).fit(inside)
        for kind in ("constant", "linear", "continue", "error")
    }
    at_bounds = fits["error"].transform(inside)
    np.testing.assert_array_equal(fits["constant"].transform(outside), at_bounds)
    step = 1e-6
    slopes = (fits["error"].transform([[step], [1.0]]) - fits["error"].transform([[0.0], [1.0 - step]])) / step
    line = at_bounds + slopes * [[-0.3], [0.5]]
    np.testing.assert_allclose(fits["linear"].transform(outside), line, atol=2e-3 if spacing == "log" else 1e-4)
    if spacing == "linear":
        wider = RaisedCosineTransformer(10, bounds=(-1, 2)).fit(inside).transform(outside)[:, 3:7]
        np.testing.assert_allclose(fits["continue"].transform(outside), wider, atol=1e-12)
    assert (fits["continue"].transform([[-2.0], [9.0]]) == 0).all()
    with pytest.raises(ValueError, match=r"X holds -0.3 in row 0 of 'x0', beyond its bounds 0 and 1. Give bounds"):
        fits["error"].transform(outside)


def test_periodic():
    hours = np.arange(-30.0, 60.0, 0.5)[:, None]
    columns = RaisedCosineTransformer(6, bounds=(0, 24), extrapolation="periodic").fit_transform(hours)
    np.testing.assert_allclose(columns[48:], columns[:-48], atol=1e-12)
    np.testing.assert_allclose(columns[8:, 1:], columns[:-8, :-1], atol=1e-12)  # peaks are four hours apart
    np.testing.assert_allclose(columns[8:, 0], columns[:-8, -1], atol=1e-12)
    np.testing.assert_allclose(columns.sum(axis=1), 2.0)
    at_midnight = (1 + np.cos(np.pi * np.array([0, 1, 2, 3, 2, 1]) / 2)) / 2 * [1, 1, 1, 0, 1, 1]
    np.testing.assert_allclose(columns[60], at_midnight, atol=1e-12)


def test_names_and_frames():
    X = pd.DataFrame({"position": [0.0, 1.0], "speed": [1.0, 3.0]}, index=[5, 9])
    out = RaisedCosineTransformer(2).set_output(transform="pandas").fit_transform(X)
    assert out.columns.tolist() == ["position_rc_0", "position_rc_1", "speed_rc_0", "speed_rc_1"]
    assert out.index.tolist() == [5, 9]


def test_single_precision_stays(rng):
    X = rng.uniform(size=(20, 2)).astype(np.float32)
    options = {"width": np.float64(2), "stretch": np.float64(9), "extrapolation": "linear", "spacing": "log"}
    for transformer in (
        RaisedCosineTransformer(4, **options),
        LagTransformer(3, fill_value=np.float64(1)),
        LagTransformer(3, basis=SplineTransformer(3), epoch=0),
    ):
        single = transformer.fit(X).transform(X)
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, transformer.fit(X.astype(float)).transform(X.astype(float)), atol=1e-5)


@pytest.fixture
def trials(rng):
    """Trials of unlike length, the first label of which comes back later."""
    X = pd.DataFrame(rng.normal(size=(14, 2)), columns=["speed", "spikes"])
    X.insert(1, "trial", list("aaaaabbcccccca"))
    return X


LOST = "is not known to begin with the rows that this LagTransformer was fitted to"


class TestLostHistory:
    """Whoever predicts rows without those before them is told, and nobody else."""

    @pytest.fixture
    def counts(self, rng):
        return pd.DataFrame({"spikes": rng.poisson(0.1, size=200), "trial": np.repeat(list("abcd"), 50)})

    @pytest.mark.parametrize("epoch", [None, "trial", 1])
    def test_rows_that_begin_later(self, counts, epoch):
        X = counts if epoch == "trial" else counts[["spikes"]] if epoch is None else counts.to_numpy()
        lags = LagTransformer(3, min_lag=1, epoch=epoch).fit(X)
        for rows in (slice(120, 150), slice(120, 121), slice(199, 200)):
            with pytest.warns(UserWarning, match=LOST) as caught:
                lags.transform(X[rows])
            assert len(caught) == 1
            assert caught[0].filename == __file__

    def test_a_pipeline_that_predicts_one_row(self, counts):
        model = make_pipeline(LagTransformer(3, min_lag=1), GroupLassoPoisson(alpha=0.001, groups=["a"] * 3))
        X, y = counts[["spikes"]].to_numpy() + np.arange(200)[:, None] % 7, counts["spikes"]
        model.fit(X[:150], y[:150])
        with pytest.warns(UserWarning, match=LOST):
            apart = model.predict(X[150:])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            whole = model.predict(X)[150:]
        assert not np.allclose(apart[:3], whole[:3])
        np.testing.assert_allclose(apart[3:], whole[3:])

    def test_rows_with_all_of_their_history(self, counts):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for epoch, X in ((None, counts[["spikes"]]), ("trial", counts)):
                lags = LagTransformer(3, min_lag=1, epoch=epoch)
                lags.fit_transform(X[:120])
                for rows in (X, X[:120], X[:100], X[:40]):  # as far as known, and further
                    lags.transform(rows)
            lags.fit(counts[:100]).transform(counts[100:])  # other trials
            lags.fit(counts[50:]).transform(counts[::-1].iloc[150:])
            LagTransformer(0).fit(X[["spikes"]]).transform(X[["spikes"]][50:])
            missing = LagTransformer(2, fill_value=np.nan).fit(counts[["spikes"]]).transform(counts[["spikes"]][50:])
        assert np.isnan(missing).any(axis=1).tolist() == [True] * 2 + [False] * 148

    def test_folds(self, counts):
        """Those that cut trials are told of, those of whole trials not."""
        filters = make_column_transformer((LagTransformer(3, min_lag=1, epoch="trial"), ["spikes", "trial"]))
        model = make_pipeline(filters.set_output(transform="pandas"), GroupLassoPoisson(alpha=0.01))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            cross_val_score(model, counts, counts["spikes"], cv=GroupKFold(4), groups=counts["trial"])
        with pytest.warns(UserWarning, match=f"Epoch 'a' of X {LOST}"):
            cross_val_score(model, counts, counts["spikes"], cv=KFold(5))


@pytest.mark.parametrize("fill_value", [0.0, np.nan, -2.5])
@pytest.mark.parametrize("batch", [1, 2**20])
def test_lags_are_shifts_within_epochs(trials, fill_value, batch, monkeypatch):
    monkeypatch.setattr("skprox.preprocessing.lags.BATCH", batch)
    lags = LagTransformer(3, min_lag=1, epoch="trial", fill_value=fill_value).set_output(transform="pandas")
    found = lags.fit_transform(trials)
    runs = (trials["trial"] != trials["trial"].shift()).cumsum()
    assert found.columns.tolist() == [f"{name}_lag_{lag}" for name in ("speed", "spikes") for lag in (1, 2, 3)]
    for name in ("speed", "spikes"):
        for lag in (1, 2, 3):
            wanted = trials[name].groupby(runs).shift(lag, fill_value=fill_value)
            np.testing.assert_array_equal(found[f"{name}_lag_{lag}"], wanted)
    by_position = LagTransformer(3, min_lag=1, epoch=1, fill_value=fill_value)
    np.testing.assert_array_equal(by_position.fit_transform(trials.to_numpy()), found)


def test_filters_are_convolutions_within_epochs(trials):
    basis = RaisedCosineTransformer(3, spacing="log")
    lags = LagTransformer(4, epoch="trial", basis=basis)
    found = lags.fit_transform(trials)
    kernels = basis.fit_transform(np.arange(5.0)[:, None])
    runs = (trials["trial"] != trials["trial"].shift()).cumsum()
    for j, name in enumerate(("speed", "spikes")):
        for k, kernel in enumerate(kernels.T):
            parts = [np.convolve(part, kernel)[: len(part)] for _, part in trials[name].groupby(runs)]
            np.testing.assert_allclose(found[:, 3 * j + k], np.concatenate(parts), atol=1e-12)
    assert lags.get_feature_names_out().tolist() == [f"{x}_rc_{k}" for x in ("speed", "spikes") for k in range(3)]
    np.testing.assert_array_equal(lags.basis_.transform(lags.lags_[:, None]), kernels)
    assert not hasattr(lags.set_params(basis=None).fit(trials), "basis_")


@pytest.mark.parametrize("basis", [None, SplineTransformer(3)])
def test_later_rows_do_not_matter(rng, basis):
    X = rng.normal(size=(30, 2))
    lags = LagTransformer(5, basis=basis).fit(X)
    before = lags.transform(X)
    X[20:] = 1e6
    np.testing.assert_array_equal(lags.transform(X)[:20], before[:20])


def test_epochs_that_are_scattered(rng):
    """Series that are sorted by time alone have no history; sorted by series they do."""
    X = pd.DataFrame({"sales": rng.poisson(3, size=60), "shop": list("abc") * 20})
    for rows in X, X.iloc[rng.permutation(60)]:
        with pytest.warns(UserWarning, match="epoch='shop': .* begins .* Sort X by epoch, and within each by time"):
            LagTransformer(3, epoch="shop", fill_value=np.nan).fit(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LagTransformer(3, epoch="shop").fit(X.sort_values("shop", kind="stable"))
        LagTransformer(0, epoch="shop").fit(X)
        LagTransformer(3, epoch="shop").fit(X.assign(shop=range(60)))
        LagTransformer(3, epoch="shop").fit(X.assign(shop=np.arange(60) // 3 % 5))  # numbers that begin anew


def test_labels_of_epochs(trials):
    wanted = LagTransformer(2, epoch="trial").fit_transform(trials)
    for kind in ("category", "string"):
        X = trials.assign(trial=trials["trial"].astype(kind))
        np.testing.assert_array_equal(LagTransformer(2, epoch="trial").fit_transform(X), wanted)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta([0] * 5 + [1] * 2 + [2] * 6 + [3], unit="D")
    np.testing.assert_array_equal(LagTransformer(2, epoch="trial").fit_transform(trials.assign(trial=days)), wanted)
    lists = [["a", 1.0], ["a", 2.0], ["b", 3.0]]
    np.testing.assert_array_equal(LagTransformer(1, epoch=0).fit_transform(lists), [[1, 0], [2, 1], [3, 0]])


def test_history_is_found_in_a_tuned_pipeline(rng):
    """Counts that follow the last ones, but not the speed: cross-validated over whole trials."""
    n = 600
    X = pd.DataFrame({"speed": rng.normal(size=n), "spikes": np.zeros(n), "trial": np.arange(n) // 50})
    y = np.zeros(n)
    for t in range(n):
        last = y[t - 1] if t % 50 else 0
        y[t] = rng.poisson(min(np.exp(0.8 - 0.7 * last), 50))
    X["spikes"] = y
    bumps = RaisedCosineTransformer(4, spacing="log")
    lags = make_column_transformer(
        (LagTransformer(8, min_lag=1, epoch="trial", basis=bumps), ["spikes", "trial"]),
        (LagTransformer(4, epoch="trial"), ["speed", "trial"]),
    ).set_output(transform="pandas")
    model = make_pipeline(lags, GroupLassoPoisson(alpha=0.05))
    grid = {"columntransformer__lagtransformer-1__basis__n_basis": [2, 4], "grouplassopoisson__alpha": [0.05, 0.1]}
    search = GridSearchCV(model, grid, cv=GroupKFold(3)).fit(X, y, groups=X["trial"])
    best = search.best_estimator_[-1]
    assert list(best.groups_) == ["spikes", "speed"]
    assert best.selected_groups_ == ["spikes"]
    assert search.best_score_ > 0.1


@pytest.mark.parametrize(
    ("transformer", "message"),
    [
        (RaisedCosineTransformer(spacing="log", extrapolation="periodic"), "periodic' takes spacing='linear'"),
        (RaisedCosineTransformer(3, extrapolation="periodic"), "n_basis >= 2 . width.*got n_basis=3 and width=2.0"),
        (RaisedCosineTransformer(bounds=[0, 1, 2]), r"bounds has shape \(3,\); expected \(2,\), or \(2, 3\)"),
        (RaisedCosineTransformer(bounds=(1, 1)), r"less than the upper one; got bounds=\(1, 1\)"),
        (RaisedCosineTransformer(bounds=(0, np.nan)), "bounds contains NaN"),
        (LagTransformer(1, min_lag=2), "min_lag must be at most max_lag; got min_lag=2, max_lag=1"),
        (LagTransformer(epoch="day"), r"epoch='day' is not a column of X. Its columns are \['speed', 'trial',"),
        (LagTransformer(epoch=3), "epoch=3 is not a position in the 3 columns of X"),
        (LagTransformer(epoch=-1), "epoch=-1 is not a position"),
    ],
)
def test_errors(trials, transformer, message):
    X = trials if isinstance(transformer, LagTransformer) else trials.assign(trial=0.0)
    with pytest.raises(ValueError, match=message):
        transformer.fit(X)


def test_errors_of_epochs(trials):
    with pytest.raises(ValueError, match="Its columns have no names: give a position"):
        LagTransformer(epoch="trial").fit(trials.to_numpy())
    with pytest.raises(ValueError, match="X has no column but epoch='trial'"):
        LagTransformer(epoch="trial").fit(trials[["trial"]])
    with pytest.raises(ValueError, match="epoch='trial': the label is missing in row 3 of X"):
        LagTransformer(epoch="trial").fit(trials.assign(trial=trials["trial"].where(trials.index != 3)))
    with pytest.raises(ValueError, match="contains NaN"):
        LagTransformer(epoch="trial").fit(trials.assign(speed=np.nan))
