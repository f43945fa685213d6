"""Bad input and steps that are too long get a clear word, and scikit-learn's checks pass."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from skprox import ProxSGDRegressor

X, Y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20.0)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"loss": "huber"}, "'loss' parameter"),
        ({"alpha": -1}, "'alpha' parameter"),
        ({"alpha": np.inf}, "'alpha' parameter"),
        ({"l1_ratio": 2}, "'l1_ratio' parameter"),
        ({"l1_update": "proximal"}, "'l1_update' parameter"),
        ({"learning_rate": "optimal"}, "'learning_rate' parameter"),
        ({"eta0": 0}, "'eta0' parameter"),
        ({"eta0": np.inf}, "'eta0' parameter"),
        ({"batch_size": 0}, "'batch_size' parameter"),
        ({"average": -1}, "'average' parameter"),
        ({"validation_fraction": 1}, "'validation_fraction' parameter"),
        ({"groups": [0, 1]}, "groups has shape"),
        ({"group_weights": [1, np.inf, 1]}, "group_weights must be finite. To do without columns, leave them out"),
        ({"group_weights": [1, 2]}, r"group_weights has shape \(2,\)"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        ProxSGDRegressor(**parameters).fit(X, Y)


def test_groups_of_columns_without_names():
    """As in GroupLassoPoisson."""
    for fit in (ProxSGDRegressor(groups="auto").fit, ProxSGDRegressor(groups="auto").partial_fit):
        with pytest.warns(UserWarning, match="X has no names of columns, so that groups='auto' makes each"):
            assert len(fit(X, Y).groups_) == 3


@pytest.mark.parametrize(
    ("loss", "rows", "error", "message"),
    [
        ("poisson", {"y": -Y}, ValueError, r"y must hold counts, which are not negative; got -1 in row 1\."),
        ("poisson", {"y": 0 * Y}, ValueError, "y holds no positive count"),
        ("poisson", {"y": Y, "exposure": 0 * Y}, ValueError, "exposure must be positive"),
        ("squared_error", {"y": Y, "exposure": 1 + Y}, ValueError, "exposure is for loss='poisson'; got it with loss="),
        ("squared_error", {"y": np.append(Y[1:], np.nan)}, ValueError, "Input y contains NaN"),
        (
            "squared_error",
            {"y": Y, "sample_weight": -Y},
            ValueError,
            "Negative values in data passed to `sample_weight`",
        ),
        (
            "squared_error",
            {"y": Y, "sample_weight": np.full(20, 1e308)},
            ValueError,
            "sample_weight adds up to infinity",
        ),
        ("squared_error", {"y": Y[:5]}, ValueError, "inconsistent numbers of samples"),
    ],
)
def test_bad_rows(loss, rows, error, message):
    for call in (ProxSGDRegressor(loss).fit, ProxSGDRegressor(loss).partial_fit):
        if "no positive" in message and call.__name__ == "partial_fit":
            continue  # a chunk of a stream may have none
        with pytest.raises(error, match=message):
            call(X, **rows)


def test_bad_streams():
    model = ProxSGDRegressor()
    with pytest.raises(TypeError, match=r"each of its chunks must be a tuple .*; chunk 1 is a ndarray\."):
        model.partial_fit(iter([X]))
    with pytest.raises(TypeError, match=r"chunk 2 is a tuple of 5\."):
        model.partial_fit(iter([(X, Y), (X, Y, None, None, None)]))
    with pytest.raises(ValueError, match=r"an iterator without chunks\. A generator can be used only once"):
        model.partial_fit(iter([]))
    with pytest.raises(ValueError, match="y, sample_weight and exposure go into these, as tuples"):
        model.partial_fit(iter([(X, Y)]), Y)
    with pytest.raises(ValueError, match="X has 2 features, but ProxSGDRegressor is expecting 3"):
        model.partial_fit(iter([(X, Y), (X[:, :2], Y)]))
    with pytest.raises(ValueError, match="X is a list or an iterator without chunks"):
        model.partial_fit([])
    with pytest.raises(TypeError, match=r"X is a list without y, so that each .* a tuple .*; chunk 1 is a list\."):
        model.partial_fit(X.tolist())
    with pytest.raises(ValueError, match="y, sample_weight and exposure go into these, as tuples"):
        model.partial_fit([(X, Y)], sample_weight=Y)
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        model.partial_fit(X)


class Loader:
    """What can be iterated over again and again."""

    def __init__(self, chunks):
        self.chunks = chunks

    def __iter__(self):
        return iter(self.chunks)


@pytest.mark.parametrize("collect", [list, tuple, Loader, iter])
def test_chunks_in_any_collection(collect):
    weight = np.linspace(1, 2, 20)
    chunks = [(X, Y), (X[::2], Y[::2], weight[::2])]
    model = ProxSGDRegressor(eta0=1e-3, random_state=0).partial_fit(collect(chunks))
    wanted = ProxSGDRegressor(eta0=1e-3, random_state=0)
    for chunk in chunks:
        wanted.partial_fit(*chunk)
    np.testing.assert_array_equal(model.coef_, wanted.coef_)
    rows = ProxSGDRegressor(eta0=1e-3, random_state=0).partial_fit(X.tolist(), Y.tolist())
    np.testing.assert_array_equal(rows.coef_, ProxSGDRegressor(eta0=1e-3, random_state=0).partial_fit(X, Y).coef_)


DIVERGING = [
    ("squared_error", {"eta0": 1.0}),
    ("squared_error", {"eta0": 1.0, "max_iter": 1, "learning_rate": "constant"}),
    ("squared_error", {"eta0": 1e300, "l1_update": "naive"}),
    ("poisson", {"eta0": 0.5}),
    ("poisson", {"eta0": 1e-2, "max_iter": 1}),
    ("poisson", {"eta0": 1e300, "batch_size": 16, "average": True, "l1_update": "cumulative"}),
    ("poisson", {"eta0": 1e5, "alpha": 1e-3, "l1_ratio": 0.0, "early_stopping": True}),
]


@pytest.mark.parametrize(("loss", "parameters"), DIVERGING)
@pytest.mark.parametrize("store", [np.asarray, sparse.csr_array])
def test_divergence_is_said_and_leaves_a_finite_model(rng, loss, parameters, store):
    X = 5 * rng.normal(size=(200, 6)) + 3
    y = rng.poisson(20, size=200)
    model = ProxSGDRegressor(loss, random_state=0, tol=None).set_params(**{"max_iter": 30} | parameters)
    with pytest.warns(ConvergenceWarning, match=r"diverged in epoch \d+, and the model is left without .*Lower eta0="):
        model.fit(store(X), y)
    assert (model.coef_ == 0).all()
    np.testing.assert_allclose(model.predict(X), y.mean())


def test_a_safe_rate_is_named(rng):
    X, y = 5 * rng.normal(size=(200, 6)) + 3, rng.poisson(20, size=200)
    for loss in ("squared_error", "poisson"):
        with pytest.warns(ConvergenceWarning, match="diverge at a rate of") as record:
            ProxSGDRegressor(loss, eta0=1.0, random_state=0).fit(X, y)
        rate = float(str(record[0].message).split("at a rate of ")[1].split(")")[0])
        model = ProxSGDRegressor(loss, eta0=rate, random_state=0, max_iter=5, tol=None).fit(X, y)
        assert (model.coef_ != 0).any()


AS_IN_SCIKIT_LEARN = {  # SGDRegressor is excused for the same reason
    f"check_sample_weight_equivalence_on_{kind}_data": "a row of weight 2 is one step, a row that comes twice is two"
    for kind in ("dense", "sparse")
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        ProxSGDRegressor(),
        ProxSGDRegressor(l1_update="cumulative", learning_rate="adaptive", early_stopping=True, batch_size=4),
        ProxSGDRegressor(l1_update="naive", l1_ratio=0.5, average=True, max_iter=20, tol=None),
        ProxSGDRegressor("poisson", alpha=0.01, eta0=1e-3),
    ],
    expected_failed_checks=lambda estimator: AS_IN_SCIKIT_LEARN,
)
def test_estimator_checks(estimator, check):
    check(estimator)
