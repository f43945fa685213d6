"""Names of outputs, from the frame of counts to all that comes of them."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skprox import (
    GroupEffectDisplay,
    GroupImportanceDisplay,
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    PoissonGLMRegressor,
    PoissonGLMRegressorCV,
    PopulationDisplay,
    ProxSGDRegressor,
    RegularizationPathDisplay,
    StabilitySelection,
    mcfadden_scorer,
    multi_split_test,
    poisson_deviance_scorer,
    regularization_path,
)

UNITS = ["CA1-3", "CA1-7", "V1-2"]


@pytest.fixture
def X(rng):
    return pd.DataFrame(rng.normal(size=(240, 4)), columns=list("abcd"), index=pd.date_range("2024", periods=240))


@pytest.fixture
def Y(X, rng):
    return pd.DataFrame(rng.poisson(np.exp(0.4 * X[["a", "b", "c"]])), columns=UNITS, index=X.index)


MODELS = [
    PoissonGLMRegressor(alpha=0.02, l1_ratio=0.5),
    GroupLassoPoisson(alpha=0.02),
    PoissonGLMRegressorCV(alphas=[0.05, 0.02], cv=2),
    GroupLassoPoissonCV(alphas=[0.05, 0.02], cv=2),
]


@pytest.mark.parametrize("model", MODELS)
def test_predictions_and_tables_have_them(model, X, Y):
    model = clone(model).fit(X, Y)
    assert model.output_names_.tolist() == UNITS
    means = model.predict(X[5:])
    pd.testing.assert_index_equal(means.index, X.index[5:])
    assert list(means) == UNITS
    np.testing.assert_allclose(means, np.exp(X.to_numpy()[5:] @ model.coef_.T + model.intercept_))
    assert type(model._expect(X.to_numpy(), np.ones(240))) is np.ndarray
    table = model.summary(X)
    assert table.index.names == ["output", "group"]
    for unit, coef in zip(UNITS, model.coef_, strict=True):
        np.testing.assert_allclose(table.loc[unit, "norm"], np.abs(coef))
    assert list(table.index.unique("output")) == UNITS


def test_arrays_have_none(X, Y):
    model = GroupLassoPoisson(alpha=0.02).fit(X, Y)
    for target in (Y.to_numpy(), Y[UNITS[0]], pd.DataFrame(Y.to_numpy())):
        assert not hasattr(model.fit(X, target), "output_names_")
        assert type(model.predict(X)) is np.ndarray
    assert list(model.summary().index.unique("output")) == [0, 1, 2]
    model.fit(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # X has no names
        assert type(model.predict(X.to_numpy())) is np.ndarray
    assert GroupLassoPoisson(alpha=0.02).fit(X, Y[UNITS[:1]]).predict(X).shape == (240, 1)


@pytest.mark.parametrize(
    "labels", [[17, 4, 23], pd.MultiIndex.from_product([["CA1"], [1, 2, 3]]), pd.date_range("2024", periods=3)]
)
def test_labels_that_are_no_strings(X, Y, labels):
    Y = Y.set_axis(labels, axis=1)
    model = GroupLassoPoisson(alpha=0.02).fit(X, Y)
    assert model.predict(X).columns.equals(Y.columns)
    norms = model.summary()["norm"]
    for label, coef in zip(Y.columns, model.coef_, strict=True):
        found = [norm for (output, _), norm in norms.items() if output == label]
        np.testing.assert_allclose(found, np.abs(coef))
    path = regularization_path(GroupLassoPoisson(), X, Y, n_alphas=2)
    assert [output for _, output in path.to_frame().index] == 2 * list(Y.columns)
    ridge = PoissonGLMRegressor(alpha=0.1).fit(X, Y)
    for table in (ridge.covariance(X), ridge.coef_table(X), ridge.group_tests(X)):
        assert list(table.index.unique("output")) == list(Y.columns)
    strengths = pd.DataFrame(np.arange(1, 13).reshape(3, 4) / 100, index=Y.columns, columns=list(X))
    found = PoissonGLMRegressor(alpha=strengths.iloc[::-1]).fit(X, Y).coef_
    np.testing.assert_array_equal(found, PoissonGLMRegressor(alpha=strengths.to_numpy()).fit(X, Y).coef_)


def test_polars(X, Y):
    model = GroupLassoPoisson(alpha=0.02).fit(pl.DataFrame(X.to_dict("list")), pl.DataFrame(Y.to_dict("list")))
    assert model.output_names_.tolist() == UNITS
    assert list(model.summary().index.unique("output")) == UNITS


@pytest.mark.parametrize("form", ["groups", "columns"])
def test_strengths_by_output(X, Y, form):
    """A DataFrame says the same as arrays in the order of outputs and columns."""
    X = X.set_axis(pd.MultiIndex.from_tuples([("f", "a"), ("f", "b"), ("g", "c"), ("g", "d")]), axis=1)
    array = np.array([[0.01, 0.01, 0.2, 0.2], [0.3, 0.3, 0.0, 0.0], [0.05, 0.05, np.inf, np.inf]])
    table = pd.DataFrame(array, index=UNITS, columns=X.columns)
    if form == "groups":
        table = table.T.groupby(level=0).first().T
    table = table.iloc[[2, 0, 1], ::-1]
    for model in (PoissonGLMRegressor(alpha=table), PoissonGLMRegressor(penalty_weights=table, alpha=0.5)):
        given = {name: array for name, value in model.get_params().items() if value is table}
        wanted = clone(model).set_params(**given).fit(X, Y)
        np.testing.assert_array_equal(clone(model).fit(X, Y).coef_, wanted.coef_)
    ratios = PoissonGLMRegressor(alpha=0.1, l1_ratio=table.clip(upper=1)).fit(X, Y)
    np.testing.assert_array_equal(
        ratios.coef_, PoissonGLMRegressor(alpha=0.1, l1_ratio=array.clip(max=1)).fit(X, Y).coef_
    )
    if form == "columns":
        table = table.iloc[:, ::-1]
    group = GroupLassoPoisson(alpha=table).fit(X, Y)
    np.testing.assert_array_equal(group.coef_, GroupLassoPoisson(alpha=array[:, ::2]).fit(X, Y).coef_)
    weighted = GroupLassoPoissonCV(group_weights=table, alphas=[0.1, 0.01], cv=2).fit(X, Y)
    wanted = GroupLassoPoissonCV(group_weights=array[:, ::2], alphas=[0.1, 0.01], cv=2).fit(X, Y)
    np.testing.assert_array_equal(weighted.coef_path_, wanted.coef_path_)
    strengths = weighted.summary()["strength"].unstack("group").loc[UNITS]
    np.testing.assert_allclose(strengths, weighted.alpha_ * array[:, ::2])


def test_strengths_by_output_are_searched(X, Y):
    tables = [pd.DataFrame(weight, index=UNITS[::-1], columns=list(X)) for weight in (1.0, 0.1)]
    search = GridSearchCV(GroupLassoPoisson(alpha=0.1), {"group_weights": tables}, cv=2).fit(X, Y)
    arrays = [table.to_numpy() for table in tables]
    wanted = GridSearchCV(GroupLassoPoisson(alpha=0.1), {"group_weights": arrays}, cv=2).fit(X, Y.to_numpy())
    np.testing.assert_array_equal(search.best_estimator_.coef_, wanted.best_estimator_.coef_)
    assert list(search.predict(X)) == UNITS
    assert "group_weights" in repr(search.best_estimator_)


def test_stability_selection(X, Y):
    """Halves know strengths by output."""
    table = pd.DataFrame(1.0, index=UNITS[::-1], columns=list(X)).assign(d=[1.0, 2.0, 3.0])
    settings = {"n_resamples": 6, "n_alphas": 6, "random_state": 0}
    selector = StabilitySelection(GroupLassoPoisson(group_weights=table), **settings).fit(X, Y)
    array = table.loc[UNITS].to_numpy()
    wanted = StabilitySelection(GroupLassoPoisson(group_weights=array), **settings).fit(X, Y.to_numpy())
    np.testing.assert_array_equal(selector.stability_path_, wanted.stability_path_)
    assert selector.path_.output_names.tolist() == UNITS


def test_paths(X, Y):
    path = regularization_path(GroupLassoPoisson(), X, Y, n_alphas=3)
    table = path.to_frame()
    assert list(table.index.unique("output")) == UNITS
    np.testing.assert_allclose(table.loc[(path.alphas[2], "V1-2"), list(X)].astype(float), np.abs(path.coefs[2, 2]))
    assert regularization_path(GroupLassoPoisson(), X, Y.to_numpy(), n_alphas=3).output_names is None


def test_covariances(X, Y):
    model = PoissonGLMRegressor(alpha=0).fit(X, Y)
    table = model.covariance(X)
    assert list(table.index.unique("output")) == UNITS
    alone = PoissonGLMRegressor(alpha=0).fit(X, Y["V1-2"]).covariance(X)
    np.testing.assert_allclose(table.loc["V1-2"], alone, rtol=1e-5)


def test_counts_in_another_order_are_refused(X, Y):
    model = GroupLassoPoisson(alpha=0.02).fit(X, Y)
    mixed, message = (
        Y[UNITS[::-1]],
        r"columns of y must be those that GroupLassoPoisson was fitted to, in the same order",
    )
    for score in (
        model.score,
        *(lambda *rows, s=s: s(model, *rows) for s in (poisson_deviance_scorer, mcfadden_scorer)),
    ):
        with pytest.raises(ValueError, match=message):
            score(X, mixed)
        assert score(X, Y) == score(X, Y.to_numpy())
    ridge = PoissonGLMRegressor(alpha=0).fit(X, Y)
    with pytest.raises(ValueError, match="columns of y must be those that PoissonGLMRegressor was fitted to"):
        ridge.covariance(X, mixed, kind="sandwich")
    with pytest.raises(ValueError, match=message):
        GroupImportanceDisplay.from_estimator(model, X, mixed, kind="deviance", output="V1-2")


def test_errors_name_them(X, Y, capsys):
    with pytest.raises(ValueError, match=r"Columns of y share the names \['V1-2', 'V1-2'\]; outputs need names"):
        GroupLassoPoisson().fit(X, Y.set_axis(["a", "V1-2", "V1-2"], axis=1))
    with pytest.raises(ValueError, match="not negative; got -1 in row 7, output 'CA1-7'"):
        GroupLassoPoisson().fit(X, Y.mask((Y.index == Y.index[7])[:, None] & (np.array(UNITS) == "CA1-7"), -1))
    with pytest.raises(ValueError, match="y holds no positive count in output 'V1-2'"):
        GroupLassoPoisson().fit(X, Y.assign(**{"V1-2": 0}))
    with pytest.warns(UserWarning, match="selects nothing at alpha=1 for 3 of 3 outputs, first of them CA1-3"):
        GroupLassoPoisson().fit(X, Y)
    GroupLassoPoisson(alpha=0.02, verbose=1).fit(X, Y)
    assert "output CA1-7, iteration 1: " in capsys.readouterr().out


def test_around_other_estimators(X, Y):
    """What scikit-learn makes of frames of predictions."""
    pipeline = make_pipeline(StandardScaler(), GroupLassoPoisson(alpha=0.02, groups=list("abcd")))
    assert type(pipeline.fit(X, Y).predict(X)) is np.ndarray
    pipeline.set_output(transform="pandas").fit(X, Y)
    assert list(pipeline.predict(X)) == UNITS
    folds = cross_val_predict(pipeline, X, Y, cv=3)
    np.testing.assert_array_equal(folds, cross_val_predict(pipeline, X, Y.to_numpy(), cv=3))
    for scoring in (poisson_deviance_scorer, "neg_mean_squared_error", None):
        scores = [
            cross_val_score(pipeline, X, y, cv=3, scoring=scoring, error_score="raise") for y in (Y, Y.to_numpy())
        ]
        np.testing.assert_allclose(*scores)


def test_displays_take_them(X, Y):
    model = GroupLassoPoisson(alpha=0.02).fit(X, Y)
    for kind in ("norm", "deviance"):
        named = GroupImportanceDisplay.from_estimator(model, X, Y, kind=kind, output="V1-2")
        numbered = GroupImportanceDisplay.from_estimator(model, X, Y, kind=kind, output=2)
        np.testing.assert_array_equal(named.importances, numbered.importances)
        assert named.groups[named.importances.argmax()] == "c"
    effect = GroupEffectDisplay.from_estimator(model, X, "c", output="V1-2")
    assert np.ptp(np.log(effect.effects)) == pytest.approx(abs(model.coef_[2, 2]) * np.ptp(X["c"]))
    path = regularization_path(GroupLassoPoisson(), X, Y, n_alphas=4)
    lines = RegularizationPathDisplay.from_path(path, output="CA1-7").lines_
    np.testing.assert_allclose([line.get_ydata() for line in lines], path.group_norms[:, 1].T)
    chosen = GroupLassoPoissonCV(alphas=[0.05, 0.02], cv=2).fit(X, Y)
    lines = RegularizationPathDisplay.from_estimator(chosen, output="CA1-7").lines_
    np.testing.assert_allclose([line.get_ydata() for line in lines], np.abs(chosen.coef_path_[:, 1].T))
    with pytest.raises(ValueError, match=r"3 outputs: say which to show by output='CA1-3', or another of \['CA1-3', "):
        GroupImportanceDisplay.from_estimator(model)
    with pytest.raises(ValueError, match=r"output must be one of \['CA1-3', 'CA1-7', 'V1-2'\]; got 'CA3-1'"):
        GroupImportanceDisplay.from_estimator(model, output="CA3-1")
    model.fit(X, Y.set_axis([2, 0, 1], axis=1))  # numbers are names
    shown = GroupImportanceDisplay.from_estimator(model, output=1)
    np.testing.assert_allclose(shown.importances, np.abs(model.coef_[2]), rtol=1e-6)
    plt.close("all")


def test_a_population_as_a_heat_map(X, Y):
    """Norms by the definition, blank where a group is not selected; a pipeline and several columns a group."""
    groups = {"f": [0, 1], "g": [2], "h": [3]}
    model = GroupLassoPoisson(alpha=0.1, groups=groups).fit(X, Y)
    wanted = np.array(
        [[np.sqrt(sum(coef[j] ** 2 for j in columns)) for columns in groups.values()] for coef in model.coef_]
    )
    assert 0 < np.count_nonzero(wanted) < wanted.size
    for kind in ("norm", "selection"):
        display = PopulationDisplay.from_estimator(make_pipeline(model), kind=kind)
        display.figure_.canvas.draw()
        np.testing.assert_allclose(display.norms, wanted)
        shown = display.im_.get_array()
        np.testing.assert_array_equal(shown.mask, wanted == 0)
        np.testing.assert_allclose(shown.filled(0), wanted if kind == "norm" else wanted > 0)
        assert [label.get_text() for label in display.ax_.get_yticklabels()] == UNITS
        assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["f", "g", "h"]
        counts = [label.get_text() for label in display.counts_axis_.get_xticklabels()]
        assert counts == [str(sum(norm > 0 for norm in column)) for column in wanted.T]
    ax = plt.figure().add_subplot()
    assert display.plot(ax, im_kwargs={"alpha": 0.5}).ax_ is ax
    assert display.im_.get_alpha() == 0.5
    many = PopulationDisplay(norms=np.zeros((200, 90)), outputs=range(200), groups=list(range(90))).plot()
    assert (len(many.ax_.get_yticks()), len(many.ax_.get_xticks())) == (40, 40)
    plt.close("all")


def test_what_is_no_population(X, Y):
    single = GroupLassoPoisson(alpha=0.02).fit(X, Y[UNITS[0]])
    assert PopulationDisplay.from_estimator(single).outputs == [0]
    with pytest.raises(ValueError, match="kind must be one of 'norm', 'selection'; got 'size'"):
        PopulationDisplay.from_estimator(single, kind="size")
    with pytest.raises(TypeError, match="ProxSGDRegressor has no groups_; give an estimator of skprox"):
        PopulationDisplay.from_estimator(ProxSGDRegressor(max_iter=1, tol=None).fit(X, Y[UNITS[0]]))
    plt.close("all")


def test_tables(X, Y):
    """Of a fit without an L1 penalty, and which output has one."""
    model = GroupLassoPoisson(alpha=0).fit(X, Y)
    alone = GroupLassoPoisson(alpha=0).fit(X, Y["V1-2"])
    for name in ("coef_table", "group_tests"):
        table = getattr(model, name)(X, Y, kind="quasi")
        assert list(table.index.unique("output")) == UNITS
        wanted = getattr(alone, name)(X, Y["V1-2"], kind="quasi")
        pd.testing.assert_frame_equal(table.loc["V1-2"], wanted, rtol=1e-5)
        with pytest.raises(ValueError, match="columns of y must be those that GroupLassoPoisson was fitted to"):
            getattr(model, name)(X, Y[UNITS[::-1]], kind="quasi")
    with pytest.raises(ValueError, match="columns of y must be those that GroupLassoPoisson was fitted to"):
        model.dispersion(X, Y[UNITS[::-1]])
    with pytest.raises(ValueError, match=r"dispersion must be at least 1; got 0.5 for output CA1-7"):
        model.predict_distribution(X, dispersion=[1.0, 0.5, 1.0])
    alpha = pd.DataFrame(0.0, index=UNITS, columns=list(model.groups_))
    alpha.loc["CA1-7"] = 0.02
    mixed = GroupLassoPoisson(alpha=alpha).fit(X, Y)
    with pytest.warns(UserWarning, match=r"coef_table gives NaN for outputs \['CA1-7'\]: this GroupLassoPoisson"):
        table = mixed.coef_table(X)
    assert table["std_error"].isna().groupby("output").all().to_dict() == {unit: unit == "CA1-7" for unit in UNITS}


def test_intervals_of_an_effect(X, Y):
    model = GroupLassoPoisson(alpha=0).fit(X, Y)
    alone = GroupLassoPoisson(alpha=0).fit(X, Y["V1-2"])
    shown = {"feature": X.columns[0], "reference": 0.0}
    display = GroupEffectDisplay.from_estimator(model, X, output="V1-2", covariance=model.covariance(X), **shown)
    wanted = GroupEffectDisplay.from_estimator(alone, X, covariance=alone.covariance(X), **shown)
    pd.testing.assert_frame_equal(display.to_frame(), wanted.to_frame(), rtol=1e-5)
    plt.close("all")


def test_p_values_after_selection(X, Y):
    """Halves know strengths by the names of outputs."""
    alpha = pd.DataFrame(0.1, index=UNITS[::-1], columns=list(X))
    alpha.loc["CA1-7"] = np.inf
    settings = {"n_splits": 4, "random_state": 0}
    with warnings.catch_warnings(action="error"):  # that a half selects nothing is no news
        table = multi_split_test(GroupLassoPoisson(alpha=alpha), X, Y, **settings)
    wanted = multi_split_test(GroupLassoPoisson(alpha=alpha.loc[UNITS].to_numpy()), X, Y.to_numpy(), **settings)
    assert list(table.index.unique("output")) == UNITS
    np.testing.assert_allclose(table, wanted)
    assert (table.loc["CA1-7", "selection_probability"] == 0).all()
    assert table.loc[("V1-2", "c"), "p_value"] < 0.01
