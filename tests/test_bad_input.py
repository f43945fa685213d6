"""Each kind of bad input gets an error that names the argument, before any work is done."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy.sparse import csr_array

import skprox.solvers
from skprox import (
    GroupImportanceDisplay,
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    PoissonGLMRegressor,
    PoissonGLMRegressorCV,
    ProxSGDRegressor,
    RegularizationPathDisplay,
    StabilitySelection,
    mcfadden_scorer,
    poisson_deviance_scorer,
    regularization_path,
)
from skprox.metrics import cohen_r2, mcfadden_r2
from skprox.validation import check_exposure

X = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 3)), columns=["u", "v_sp_0", "v_sp_1"])
Y = np.random.default_rng(1).poisson(2.0, size=(20, 2)) + 1.0


def put(array, where, value):
    array = array.copy()
    array[where] = value
    return array


@pytest.fixture(autouse=True)
def no_work(monkeypatch):
    def solve(*args, **kwargs):
        raise AssertionError("the fit went on to the solver")

    monkeypatch.setattr(skprox.solvers, "solve", solve)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (put(Y[:, 0], 7, -3), r"y must hold counts, which are not negative; got -3 in row 7\."),
        (put(Y, (4, 1), -0.5), r"got -0.5 in row 4, output 1\."),
        (np.zeros(20), r"y holds no positive count \(in rows of positive sample_weight, by the precision"),
        (np.column_stack([Y[:, 0], np.zeros(20)]), r"no positive count in output 1"),
        (put(Y[:, 0], 3, np.nan), "Input y contains NaN"),
        (put(Y[:, 0], 3, np.inf), "Input y contains infinity"),
        (Y[:10, 0], "inconsistent numbers of samples"),
        (np.array([None, *Y[1:, 0]], dtype=object), "Input y contains NaN"),
        (np.array(["many"] * 20), "could not convert string to float"),
        (1e-320 * Y[:, 0], "no positive count.*by the precision of float64"),
        (1e200 * Y[:, 0], r"y holds counts too large to be squared, up to \d\.?\d*e\+200. Rescale it"),
    ],
)
def test_counts(y, message):
    with pytest.raises(ValueError, match=message):
        PoissonGLMRegressor().fit(X, y)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("sample_weight", put(np.ones(20), 2, -1), r"Negative values in data passed to `sample_weight`"),
        ("sample_weight", np.zeros(20), "(?i)sample.weights?.*(non-zero|is 0 for every row)"),
        ("sample_weight", np.ones(5), "sample_weight.shape"),
        ("sample_weight", put(np.ones(20), 2, np.nan), "Input sample_weight contains NaN"),
        ("exposure", put(np.ones(20), 2, 0), r"exposure must be positive; got 0 in row 2\. Leave rows"),
        ("exposure", put(np.ones(20), 3, -1), r"exposure must be positive; got -1 in row 3"),
        ("exposure", put(np.ones(20), 2, np.inf), "Input exposure contains infinity"),
        ("exposure", np.ones(5), r"exposure has shape \(5,\); expected \(20,\)"),
        ("exposure", np.ones((20, 1)), r"exposure has shape \(20, 1\); expected \(20,\)"),
    ],
)
def test_weights_and_exposure(name, value, message):
    with pytest.raises(ValueError, match=message):
        PoissonGLMRegressor().fit(X, Y[:, 0], **{name: value})


def test_exposure_that_is_no_number():
    message = (
        r"exposure must be an instance of float, not str, or an array .*; got 'months'\. If that is a column of X, "
        r"pass its values, exposure=X\['months'\], and leave it out of X"
    )
    for fit in (PoissonGLMRegressor().fit, PoissonGLMRegressorCV().fit, ProxSGDRegressor("poisson").partial_fit):
        with pytest.raises(TypeError, match=message):
            fit(X, Y[:, 0], exposure="months")


ESTIMATORS = [
    PoissonGLMRegressor(),
    GroupLassoPoisson(),
    PoissonGLMRegressorCV(),
    GroupLassoPoissonCV(),
    ProxSGDRegressor("poisson"),
    StabilitySelection(GroupLassoPoisson()),
]


@pytest.mark.parametrize("model", ESTIMATORS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("routing", [True, False])
def test_arguments_that_methods_do_not_take(model, routing):
    """The public class is named, and what its method takes."""
    name = type(model).__name__
    for method in {"fit", "partial_fit", "predict", "score"}.intersection(dir(model)):
        call, called = getattr(model, method), rf"^{name}\.{method}\(\)"
        with sklearn.config_context(enable_metadata_routing=routing):
            with pytest.raises(TypeError, match=rf"{called} got an .* 'offset'\. Pass exposure=np\.exp\(offset\)"):
                call(X, Y[:, 0], offset=Y[:, 1])
            with pytest.raises(
                TypeError, match=rf"{called} missing a required argument: 'X'\. It takes X, .*exposure\.$"
            ):
                call()
            with pytest.raises(
                TypeError, match=rf"{called} got too many positional arguments\. It takes X, .*exposure\.$"
            ):
                call(X, Y[:, 0], None, None, None)
            with pytest.raises((TypeError, ValueError), match=rf"{name}.*\.{method}.*weights"):
                call(X, weights=Y[:, 0], **{"y": Y[:, 0]} if method != "predict" else {})


FUNCTIONS = {
    "regularization_path()": (regularization_path, (PoissonGLMRegressor(), X, Y[:, 0])),
    "cohen_r2()": (cohen_r2, (Y, Y)),
    "mcfadden_r2()": (mcfadden_r2, (Y, Y)),
    "poisson_deviance_scorer()": (poisson_deviance_scorer, (PoissonGLMRegressor(), X, Y)),
    "mcfadden_scorer()": (mcfadden_scorer, (PoissonGLMRegressor(), X, Y)),
    "PoissonGLMRegressor.coef_table()": (PoissonGLMRegressor().coef_table, (X,)),
    "PoissonGLMRegressorCV.group_tests()": (PoissonGLMRegressorCV().group_tests, (X,)),
    "GroupLassoPoissonCV.dispersion()": (GroupLassoPoissonCV().dispersion, (X, Y)),
    "PoissonGLMRegressor.predict_distribution()": (PoissonGLMRegressor().predict_distribution, (X,)),
    "GroupLassoPoisson.covariance()": (GroupLassoPoisson().covariance, (X, Y)),
    "RegularizationPathDisplay.from_estimator()": (
        RegularizationPathDisplay.from_estimator,
        (PoissonGLMRegressor(), X, Y[:, 0]),
    ),
    "GroupImportanceDisplay.from_estimator()": (GroupImportanceDisplay.from_estimator, (PoissonGLMRegressor(), X, Y)),
}


@pytest.mark.parametrize("called", FUNCTIONS)
def test_arguments_that_functions_do_not_take(called):
    function, args = FUNCTIONS[called]
    called = "^" + re.escape(called)
    with pytest.raises(TypeError, match=rf"{called} got an .* 'offset'\. Pass exposure=np\.exp\(offset\)"):
        function(*args, offset=Y[:, 1])
    with pytest.raises(TypeError, match=rf"{called} got an .* 'weights'\. It takes (?!self|cls).* exposure"):
        function(*args, weights=Y[:, 1])
    with pytest.raises(TypeError, match=rf"{called} got too many positional arguments\. It takes .* exposure"):
        function(*args, *range(9))


def test_exposure_may_be_an_array_without_axes():
    np.testing.assert_array_equal(check_exposure(np.array(2.0), X.to_numpy()), np.full(20, 2.0))


def test_no_counts_where_there_is_weight():
    y = put(np.zeros(20), 0, 5.0)
    with pytest.raises(ValueError, match="no positive count"):
        PoissonGLMRegressor().fit(X, y, sample_weight=put(np.ones(20), 0, 0))


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (PoissonGLMRegressor(alpha=-1), ValueError, "'alpha' parameter of PoissonGLMRegressor must be"),
        (PoissonGLMRegressor(alpha=np.nan), ValueError, "alpha"),
        (PoissonGLMRegressor(alpha="strong"), ValueError, "'alpha' parameter"),
        (PoissonGLMRegressor(l1_ratio=1.5), ValueError, "'l1_ratio' parameter"),
        (
            PoissonGLMRegressor(l1_ratio=[0, 2, 0]),
            ValueError,
            "l1_ratio must be between 0 and 1; got 2 for column 'v_sp_0'",
        ),
        (PoissonGLMRegressor(alpha={"u": 1, "w": 2}), ValueError, r"\['w'\], which .*The groups are \['u', 'v'\]"),
        (PoissonGLMRegressor(alpha={"u": 1}), ValueError, r"alpha misses the columns \['v_sp_0', 'v_sp_1'\]"),
        (
            PoissonGLMRegressor(alpha={"u": 1, "v": [1, 2, 3]}),
            ValueError,
            r"alpha for 'v' has shape \(3,\); for 2 columns",
        ),
        (
            PoissonGLMRegressor(alpha=[1, 2]),
            ValueError,
            r"alpha has shape \(2,\); for 3 columns and a 1-D target it must be a number or \(3,\)",
        ),
        (PoissonGLMRegressor(alpha=[1, 2, "x"]), TypeError, "alpha must be numeric"),
        (
            PoissonGLMRegressor(penalty_weights=[1, -2, 1]),
            ValueError,
            "penalty_weights must be .*-2 for column 'v_sp_0'",
        ),
        (PoissonGLMRegressor(alpha=[np.inf, 1, 1], penalty_weights=[0, 1, 1]), ValueError, "infinity times 0"),
        (GroupLassoPoisson(group_weights={"u": 0}), ValueError, "group_weights misses the columns"),
        (GroupLassoPoisson(group_weights="size"), ValueError, "'group_weights' parameter"),
        (
            GroupLassoPoisson(groups=np.ones((2, 5))),
            ValueError,
            r"groups has shape \(2, 5\).*mask of shape \(n_groups, 3\)",
        ),
        (GroupLassoPoisson(groups={"a": ["u"], "b": ["w"]}), ValueError, r"X does not have: \['w'\]"),
        (GroupLassoPoisson(groups=1.5), ValueError, "'groups' parameter"),
        (GroupLassoPoisson(solver="lbfgs"), ValueError, "'solver' parameter"),
        (GroupLassoPoisson(tol=0), ValueError, "'tol' parameter"),
        (GroupLassoPoisson(max_iter=0), ValueError, "'max_iter' parameter"),
    ],
)
def test_parameters(model, error, message):
    with pytest.raises(error, match=message):
        model.fit(X, Y[:, 0])


def test_group_lasso_of_columns_without_names(monkeypatch):
    monkeypatch.undo()
    with pytest.warns(UserWarning, match="X has no names of columns, so that groups='auto' makes each a group of its"):
        assert len(GroupLassoPoisson().fit(X.to_numpy(), Y[:, 0]).groups_) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert GroupLassoPoisson(alpha=0.1, groups=r"(x)\d").fit(X.to_numpy(), Y[:, 0]).groups_.keys() == {"x"}


def test_design():
    for value, message in [(np.nan, "contains NaN"), (np.inf, "contains infinity")]:
        with pytest.raises(ValueError, match=message):
            PoissonGLMRegressor().fit(X.replace(X.iloc[0, 0], value), Y[:, 0])
    with pytest.raises(ValueError, match="Found array with 0 feature"):
        PoissonGLMRegressor().fit(X.to_numpy()[:, :0], Y[:, 0])

    with pytest.raises(ValueError, match=r"too large to be squared, in column 'v_sp_0'\. Rescale it"):
        PoissonGLMRegressor().fit(X.assign(v_sp_0=1e200 * X["u"]), Y[:, 0])


def test_sparse_counts():
    with pytest.raises(TypeError, match="Sparse data was passed for y"):
        PoissonGLMRegressor().fit(X, csr_array(Y))


def test_scores(monkeypatch):
    monkeypatch.undo()
    model = PoissonGLMRegressor().fit(X, Y)
    with pytest.raises(ValueError, match=r"y has shape \(2, 20\), but predictions have shape \(20, 2\)"):
        model.score(X, Y.T)
    with pytest.raises(ValueError, match="y must hold counts, which are not negative; got -1 in row 3, output 0"):
        model.score(X, put(Y, (3, 0), -1))
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert model.score(1e6 * X, Y) == -np.inf


def test_weights_as_large_as_they_come(monkeypatch):
    monkeypatch.undo()
    model = PoissonGLMRegressor().fit(X, Y[:, 0])
    heavy = PoissonGLMRegressor().fit(X, Y[:, 0], sample_weight=np.full(20, 1e308))
    np.testing.assert_allclose(heavy.coef_, model.coef_)


def test_columns_that_moved(monkeypatch):
    monkeypatch.undo()
    levels = pd.concat({"f1": X[["u"]], "f2": X[["v_sp_0", "v_sp_1"]]}, axis=1)
    for frame in (X, levels):
        model = PoissonGLMRegressor().fit(frame, Y[:, 0])
        with pytest.raises(ValueError, match="Feature names must be in the same order as they were in fit"):
            model.predict(frame.iloc[:, ::-1])
        with pytest.raises(ValueError, match="Feature names unseen at fit time"):
            model.predict(frame.rename(columns={"u": "w"}))
        with pytest.raises(ValueError, match="exposure must be positive"):
            model.predict(frame, exposure=np.zeros(20))


def test_extreme_predictions_are_finite_or_said(monkeypatch):
    monkeypatch.undo()
    model = PoissonGLMRegressor(alpha=0.01).fit(X, Y[:, 0])
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert not np.isnan(model.predict(1e6 * X)).any()
