import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from glum import GeneralizedLinearRegressor
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler

from skprox import GroupLassoPoisson, PoissonGLMRegressor, StabilitySelection, regularization_path, stability

COLUMNS = [f"{group}_sp_{j}" for group, size in zip("abcd", [2, 1, 3, 2], strict=True) for j in range(size)]
GROUPS = {"a": [0, 1], "b": [2], "c": [3, 4, 5], "d": [6, 7]}
LASSO, GROUP_LASSO = PoissonGLMRegressor(l1_ratio=1, tol=1e-9), GroupLassoPoisson(tol=1e-9)
SMALL = {"n_resamples": 6, "n_alphas": 5, "random_state": 0}


@pytest.fixture
def data(rng):
    """Counts that the groups a and c drive, an odd number of rows."""
    X = pd.DataFrame(rng.normal(size=(121, 8)), columns=COLUMNS)
    return X, rng.poisson(np.exp(0.5 + X.to_numpy()[:, [0, 1, 3, 5]] @ [0.3, -0.3, 0.2, 0.2]))


@pytest.fixture
def of_rows(rng):
    """Weights, some of them zero, and exposures."""
    return {
        "sample_weight": rng.uniform(0.5, 2, size=121) * (np.arange(121) % 10 > 0),
        "exposure": rng.uniform(0.2, 5, size=121),
    }


@pytest.fixture
def halves(monkeypatch):
    """The rows of each half that is fitted, by their labels in a frame."""
    seen = []

    def follow(estimator, X, *args, **kwargs):
        seen.append(X.index.to_numpy())
        return regularization_path(estimator, X, *args, **kwargs)

    monkeypatch.setattr(stability, "regularization_path", follow)
    return seen


def share_of_halves(model, X, Y, halves, alphas, sample_weight=None, exposure=None):
    """Selections by separate fits: shape (n_halves, n_alphas, n_groups)."""
    selected = np.zeros((len(halves), len(alphas), len(GROUPS)), dtype=bool)
    for h, rows in enumerate(halves):
        of_rows = {"sample_weight": sample_weight, "exposure": exposure}
        of_rows = {name: value[rows] for name, value in of_rows.items() if value is not None}
        for a, alpha in enumerate(alphas):
            for y in np.asarray(Y).reshape(len(Y), -1).T:
                if y[rows].any():
                    fit = clone(model).set_params(alpha=alpha).fit(X.iloc[rows], y[rows], **of_rows)
                    selected[h, a] |= [fit.coef_[columns].any() for columns in GROUPS.values()]
    return selected


# ---- probabilities


@pytest.mark.parametrize("model", [LASSO, GROUP_LASSO])
@pytest.mark.parametrize("weighted", [False, True])
def test_probabilities_equal_those_of_separate_fits(data, of_rows, halves, model, weighted):
    extra = of_rows if weighted else {}
    selector = StabilitySelection(model, threshold=0.8, alpha_min_ratio=0.3, **SMALL).fit(*data, **extra)
    selected = share_of_halves(model, *data, halves[1:], selector.alphas_, **extra)
    np.testing.assert_array_equal(selector.stability_path_, selected.mean(axis=0))
    largest = selected.mean(axis=0).max(axis=0)
    assert selector.selection_probabilities_ == dict(zip(GROUPS, largest, strict=True))
    assert selector.selected_groups_ == [g for g, p in zip(GROUPS, largest, strict=True) if p >= 0.8]
    assert 0 < len(selector.selected_groups_) < 4
    assert np.unique(selected.mean(axis=0)).size > 3
    q = selected.any(axis=1).sum(axis=1).mean()
    assert selector.error_bound_ == pytest.approx(q**2 / ((2 * 0.8 - 1) * 4))
    assert {name: c.tolist() for name, c in selector.groups_.items()} == GROUPS


def test_probabilities_equal_those_of_glum(data, halves):
    X, y = data
    selector = StabilitySelection(LASSO, n_resamples=4, n_alphas=4, random_state=1).fit(X, y)
    shares = np.zeros((4, 4))
    for rows in halves[1:]:
        for share, alpha in zip(shares, selector.alphas_, strict=True):
            peer = GeneralizedLinearRegressor(family="poisson", alpha=alpha, l1_ratio=1, gradient_tol=1e-10)
            peer.fit(X.iloc[rows].to_numpy(), y[rows])
            share += [(np.abs(peer.coef_[columns]) > 1e-12).any() / 4 for columns in GROUPS.values()]
    np.testing.assert_array_equal(selector.stability_path_, shares)


def test_strengths_are_those_of_the_path_of_all_rows(data, of_rows):
    selector = StabilitySelection(GROUP_LASSO, alpha_min_ratio=0.2, **SMALL).fit(*data, **of_rows)
    path = regularization_path(GROUP_LASSO, *data, n_alphas=5, alpha_min_ratio=0.2, **of_rows)
    np.testing.assert_array_equal(selector.alphas_, path.alphas)
    np.testing.assert_array_equal(selector.path_.coefs, path.coefs)
    given = StabilitySelection(GROUP_LASSO, alphas=path.alphas[::-1], **SMALL).fit(*data, **of_rows)
    np.testing.assert_array_equal(given.stability_path_, selector.stability_path_)
    assert given.alpha_min_ == path.alphas[-1]


@pytest.mark.parametrize("with_zeros", [False, True])
def test_halves_are_complementary_pairs(data, of_rows, halves, with_zeros):
    weight = of_rows["sample_weight"] if with_zeros else np.ones(121)
    StabilitySelection(LASSO, n_resamples=8, n_alphas=2, random_state=0).fit(*data, sample_weight=weight)
    assert len(halves) == 9
    for first, second in zip(halves[1::2], halves[2::2], strict=True):
        assert len(first) == len(second) == np.count_nonzero(weight) // 2
        both = np.union1d(first, second)
        assert len(both) == len(first) + len(second)
        assert weight[both].all()
    assert len({tuple(rows) for rows in halves}) == 9


def test_rows_without_weight_are_as_if_they_were_not_there(data, of_rows):
    X, y = data
    weight = of_rows["sample_weight"]
    kept = weight > 0
    y = np.where(kept, y, 1000)
    all_rows = StabilitySelection(GROUP_LASSO, **SMALL).fit(X, y, **of_rows)
    part = {name: value[kept] for name, value in of_rows.items()}
    some_rows = StabilitySelection(GROUP_LASSO, **SMALL).fit(X[kept], y[kept], **part)
    np.testing.assert_array_equal(all_rows.stability_path_, some_rows.stability_path_)


def test_populations_select_in_any_output(data, halves, rng):
    X, y = data
    Y = np.column_stack([y, rng.poisson(np.exp(0.5 * X["b_sp_0"])), rng.permutation(y)])
    selector = StabilitySelection(GROUP_LASSO, **SMALL).fit(X, Y)
    selected = share_of_halves(GROUP_LASSO, X, Y, halves[1:], selector.alphas_)
    np.testing.assert_array_equal(selector.stability_path_, selected.mean(axis=0))
    assert selector.transform(X).shape[1] == sum(len(GROUPS[g]) for g in selector.selected_groups_)


# ---- the error bound


def test_strengths_that_count_meet_the_bound(data, halves, rng):
    """Where b stands in for a and c, comes in before them, and leaves again."""
    X, _ = data
    X["b_sp_0"] = 0.6 * (X["a_sp_0"] + X["c_sp_0"]) + 0.4 * rng.normal(size=121)
    y = rng.poisson(np.exp(1 + 0.5 * X["a_sp_0"] + 0.5 * X["c_sp_0"]))
    settings = SMALL | {"n_alphas": 12, "threshold": 0.9, "alpha_min_ratio": 0.02}
    free = StabilitySelection(LASSO, **settings).fit(X, y)
    selected = share_of_halves(LASSO, X, y, halves[1:], free.alphas_)
    assert (selected[:, 1:] < selected[:, :-1]).any()
    for most in (0.5, 1, 2, 10):
        bound = StabilitySelection(LASSO, max_errors=most, **settings).fit(X, y)
        np.testing.assert_array_equal(bound.stability_path_, free.stability_path_)
        bounds = [selected[:, : k + 1].any(axis=1).sum(axis=1).mean() ** 2 / (0.8 * 4) for k in range(12)]
        n_count = np.count_nonzero(np.array(bounds) <= most)
        assert bound.error_bound_ == pytest.approx(bounds[n_count - 1])
        assert bound.alpha_min_ == free.alphas_[n_count - 1]
        largest = selected.mean(axis=0)[:n_count].max(axis=0)
        assert bound.selection_probabilities_ == dict(zip(GROUPS, largest, strict=True))
    assert bound.alpha_min_ == free.alphas_[-1]


def test_a_bound_that_no_strength_meets_keeps_nothing_but_what_is_free(data):
    X, y = data
    selector = StabilitySelection(GROUP_LASSO, max_errors=1e-6, **SMALL).fit(X, y)
    assert (selector.alpha_min_, selector.error_bound_, selector.selected_groups_) == (np.inf, 0, [])
    with pytest.warns(UserWarning, match="No features were selected"):
        assert selector.transform(X).shape == (121, 0)
    weights = {"a": 1, "b": 0, "c": 1, "d": 1}
    selector.set_params(estimator=clone(GROUP_LASSO).set_params(group_weights=weights)).fit(X, y)
    assert selector.selected_groups_ == ["b"]


@pytest.mark.slow
def test_noise_is_kept_no_more_often_than_the_bound_says(rng):
    kept = []
    for seed in range(5):
        X, y = rng.normal(size=(60, 30)), rng.poisson(2.0, size=60)
        selector = StabilitySelection(
            PoissonGLMRegressor(l1_ratio=1), n_resamples=20, threshold=0.6, n_alphas=8, max_errors=1, random_state=seed
        ).fit(X, y)
        assert selector.error_bound_ <= 1
        kept.append(len(selector.selected_groups_))
    assert np.mean(kept) <= 1


@pytest.mark.parametrize("model", [LASSO, GROUP_LASSO])
def test_groups_that_are_not_in_play(data, model):
    """Free ones are always in, removed ones never, and neither counts in the bound."""
    X, y = data
    weights = {"a": 1.0, "b": np.inf, "c": 1.0, "d": 0.0}
    name = "penalty_weights" if model is LASSO else "group_weights"
    selector = StabilitySelection(clone(model).set_params(**{name: weights}), threshold=0.8, **SMALL).fit(X, y)
    assert selector.selection_probabilities_["b"] == 0
    assert selector.selection_probabilities_["d"] == 1
    assert (selector.stability_path_[:, 3] == 1).all()
    part = X[[c for c in COLUMNS if "b" not in c]]
    same = StabilitySelection(
        clone(model).set_params(**{name: {"a": 1.0, "c": 1.0, "d": 0.0}}), threshold=0.8, **SMALL
    ).fit(part, y)
    np.testing.assert_array_equal(selector.stability_path_[:, [0, 2, 3]], same.stability_path_)
    assert selector.error_bound_ == same.error_bound_ <= 2**2 / (0.6 * 2)


def test_a_group_that_is_free_in_one_output_is_in(data):
    X, y = data
    weights = {"a": [[1, 1], [1, 1]], "b": [[0], [1]], "c": np.full((2, 3), np.inf), "d": [[np.inf] * 2, [1] * 2]}
    model = GroupLassoPoisson(group_weights=weights)
    selector = StabilitySelection(model, threshold=1, **SMALL).fit(X, np.column_stack([y, y]))
    assert selector.selection_probabilities_["b"] == 1
    assert selector.selection_probabilities_["c"] == 0
    assert selector.error_bound_ <= 2**2 / 2


# ---- halves that tell little


@pytest.mark.parametrize("model", [LASSO, GROUP_LASSO])
@pytest.mark.parametrize("outputs", [1, 2])
def test_halves_without_a_positive_count_select_nothing(data, halves, model, outputs):
    X, y = data
    rare = np.where(np.arange(121) == 7, 5, 0)
    Y = rare if outputs == 1 else np.column_stack([y, rare])
    selector = StabilitySelection(model, alpha_min_ratio=0.3, **SMALL).fit(X, Y)
    assert not all(7 in rows for rows in halves[1:])
    selected = share_of_halves(model, X, Y, halves[1:], selector.alphas_)
    np.testing.assert_array_equal(selector.stability_path_, selected.mean(axis=0))
    if outputs == 1:
        assert selector.stability_path_.max() <= 0.5
        assert selector.selected_groups_ == []


def test_free_groups_are_in_even_where_there_is_no_positive_count(data):
    X, _ = data
    model = GroupLassoPoisson(group_weights={"a": 0, "b": 1, "c": 1, "d": 1})
    selector = StabilitySelection(model, **SMALL).fit(X, np.where(np.arange(121) == 7, 5, 0))
    assert selector.selected_groups_ == ["a"]


@pytest.mark.filterwarnings("ignore:.*with a certificate above tol=1.0e-09.*pass float64")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_weights_as_small_and_large_as_they_come(data, dtype):
    X, y = data
    y = np.where(np.arange(121) == 7, 3, y)
    for weight in (np.geomspace(1e-300, 1, 121), np.where(np.arange(121) == 7, 1, 1e-44)):
        selector = StabilitySelection(LASSO, **SMALL).fit(X.astype(dtype), y, sample_weight=weight)
        assert np.isfinite(selector.stability_path_).all()
    equal = StabilitySelection(LASSO, **SMALL).fit(X, y, sample_weight=np.full(121, 1e308))
    np.testing.assert_array_equal(equal.stability_path_, StabilitySelection(LASSO, **SMALL).fit(X, y).stability_path_)


def test_columns_that_are_constant_in_a_half_are_not_selected_there(data, halves):
    X, y = data
    X = X.assign(b_sp_0=np.arange(121) == 7)
    y = np.where(np.arange(121) == 7, 100, y)
    selector = StabilitySelection(GROUP_LASSO, **SMALL).fit(X, y)
    inside = np.mean([7 in rows for rows in halves[1:]])
    assert 0 < inside <= 0.5
    assert selector.selection_probabilities_["b"] == inside


def test_two_rows():
    X, y = np.array([[0.0, 1.0], [1.0, 3.0]]), [1, 2]
    selector = StabilitySelection(LASSO, **SMALL).fit(X, y)
    assert not selector.stability_path_.any()


# ---- randomness


@pytest.mark.slow
def test_random_state(data):
    fit = {}
    for seed in (0, 1):
        for n_jobs, backend in [(None, "loky"), (2, "loky"), (2, "threading")]:
            with joblib.parallel_config(backend):
                selector = StabilitySelection(GROUP_LASSO, n_resamples=20, n_alphas=5, random_state=seed, n_jobs=n_jobs)
                fit[seed, n_jobs, backend] = selector.fit(*data).stability_path_
    for (seed, *_), path in fit.items():
        np.testing.assert_array_equal(path, fit[seed, None, "loky"])
    assert (fit[0, None, "loky"] != fit[1, None, "loky"]).any()
    states = [np.random.RandomState(3) for _ in range(2)]
    first, second = (StabilitySelection(GROUP_LASSO, **SMALL | {"random_state": s}).fit(*data) for s in states)
    np.testing.assert_array_equal(first.stability_path_, second.stability_path_)


# ---- as a selector


def test_selector(data):
    X, y = data
    selector = StabilitySelection(GROUP_LASSO, n_resamples=20, max_errors=1, random_state=0).fit(X, y)
    assert selector.selected_groups_ == ["a"]
    assert selector.get_support().tolist() == [True] * 2 + [False] * 6
    assert selector.get_support(indices=True).tolist() == [0, 1]
    assert selector.get_feature_names_out().tolist() == COLUMNS[:2]
    assert selector.feature_names_in_.tolist() == COLUMNS
    np.testing.assert_array_equal(selector.transform(X), X.iloc[:, :2])
    back = selector.inverse_transform(selector.transform(X))
    np.testing.assert_array_equal(back, X * selector.get_support())
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        selector.transform(X.iloc[:, ::-1])
    with pytest.raises(NotFittedError):
        clone(selector).get_support()
    with pytest.raises(NotFittedError):
        clone(selector).transform(X)


def test_columns_with_levels(data):
    X, y = data
    levels = X.set_axis(pd.MultiIndex.from_tuples([tuple(name.split("_sp_")) for name in COLUMNS]), axis=1)
    weights = {("a", "0"): 1, ("a", "1"): 2, "b": 1, "c": [1, 2, 3], "d__0": 1, "d__1": 2}
    model = PoissonGLMRegressor(l1_ratio=1, penalty_weights=weights)
    selector = StabilitySelection(model, n_resamples=20, max_errors=1, random_state=0)
    selector.set_output(transform="pandas").fit(levels, y)
    plain = StabilitySelection(
        PoissonGLMRegressor(l1_ratio=1, penalty_weights=[1, 2, 1, 1, 2, 3, 1, 2]),
        n_resamples=20,
        max_errors=1,
        random_state=0,
    ).fit(X, y)
    assert selector.selected_groups_ == plain.selected_groups_ != []
    np.testing.assert_array_equal(selector.stability_path_, plain.stability_path_)
    assert list(selector.transform(levels)) == [c.replace("_sp_", "__") for c in plain.get_feature_names_out()]
    assert list(GroupLassoPoisson().fit(selector.transform(levels), y).groups_) == selector.selected_groups_


CONTAINERS = {
    "array": np.asarray,
    "lists": lambda X: X.to_numpy().tolist(),
    "CSR": sparse.csr_array,
    "CSC": sparse.csc_matrix,
    "COO": sparse.coo_array,
    "polars": lambda X: pl.DataFrame(X.to_dict("list")),
    "named otherwise": lambda X: X.set_axis(np.arange(5, 126)),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_containers(data, of_rows, container):
    X, y = data
    model = clone(GROUP_LASSO).set_params(groups=GROUPS)
    wanted = StabilitySelection(model, **SMALL).fit(X, y, **of_rows)
    given = CONTAINERS[container](X)
    extra = {name: value.tolist() for name, value in of_rows.items()}
    selector = StabilitySelection(model, **SMALL).fit(given, pd.Series(y, index=np.arange(121)[::-1]), **extra)
    np.testing.assert_array_equal(selector.stability_path_, wanted.stability_path_)
    assert selector.transform(given).shape == (121, wanted.get_support().sum())


def test_columns_without_names_warn_once(data, recwarn):
    X, y = data
    StabilitySelection(GROUP_LASSO, **SMALL).fit(X.to_numpy(), y)
    assert [str(w.message)[:28] for w in recwarn] == [
        "X has no names of columns, s",
        "Halves select so many groups "[:28],
    ]


def test_a_bound_that_says_nothing_is_said(data):
    X, y = data
    with pytest.warns(match=r"of 4 up to \d.* may be kept in error.* or set max_errors") as caught:
        StabilitySelection(GROUP_LASSO, **SMALL).fit(X, y)
    assert caught[0].filename == __file__


def test_before_a_group_lasso_in_a_tuned_pipeline(rng):
    X = pd.DataFrame(rng.uniform(size=(300, 6)), columns=["position", "speed", *"wxyz"])
    y = rng.poisson(np.exp(1 + np.sin(6 * X["position"])))
    splines = make_column_transformer((SplineTransformer(n_knots=4, include_bias=False), list(X)))
    selector = StabilitySelection(GroupLassoPoisson(), n_resamples=10, n_alphas=10, max_errors=1, random_state=0)
    model = make_pipeline(splines, selector, GroupLassoPoisson(alpha=0.01)).set_output(transform="pandas")
    grid = {"columntransformer__splinetransformer__n_knots": [4, 6], "grouplassopoisson__alpha": [0.01, 0.1]}
    best = GridSearchCV(model, grid, cv=3).fit(X, y).best_estimator_
    assert best[1].selected_groups_ == ["position"]
    assert list(best[:-1].get_feature_names_out()) == list(best[:-1].transform(X))
    assert list(best[-1].groups_) == ["position"]
    assert best.score(X, y) > 0.2


def test_persistence_and_clones(data):
    X, y = data
    groups = {"a": r"^a", "rest": r"^[bcd]"}
    selector = StabilitySelection(GroupLassoPoisson(groups=groups), **SMALL)
    before = repr(selector.get_params())
    selector.fit(X, y)
    assert repr(selector.get_params()) == before
    assert not hasattr(selector.estimator, "coef_")
    other = pickle.loads(pickle.dumps(selector))
    np.testing.assert_array_equal(other.transform(X), selector.transform(X))
    assert other.selection_probabilities_ == selector.selection_probabilities_
    np.testing.assert_array_equal(clone(other).fit(X, y).stability_path_, selector.stability_path_)


# ---- metadata


def test_metadata_routing(data, of_rows):
    X, y = data
    wanted = StabilitySelection(GROUP_LASSO, **SMALL).fit(X, y, **of_rows).stability_path_
    weight, exposure = of_rows.values()
    with config_context(enable_metadata_routing=True):
        model = clone(GROUP_LASSO).set_fit_request(sample_weight=True, exposure="hours")
        scaler = StandardScaler(with_mean=False, with_std=False).set_fit_request(sample_weight=False)
        selector = StabilitySelection(model, **SMALL)
        pipeline = make_pipeline(scaler.set_output(transform="pandas"), selector)
        pipeline.fit(X, y, sample_weight=weight, hours=exposure)
        np.testing.assert_array_equal(pipeline[-1].stability_path_, wanted)
        selector.fit(X, y, sample_weight=weight, hours=exposure)
        np.testing.assert_array_equal(selector.stability_path_, wanted)

        model.set_fit_request(sample_weight=False, exposure=True)
        selector.fit(X, y, exposure=exposure)
        alone = StabilitySelection(GROUP_LASSO, **SMALL)
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            alone.fit(X, y, sample_weight=weight, exposure=exposure)
    np.testing.assert_array_equal(selector.stability_path_, alone.fit(X, y, exposure=exposure).stability_path_)
    with pytest.raises(ValueError, match="hours"):
        alone.fit(X, y, hours=exposure)
    assert not hasattr(selector, "set_fit_request")


# ---- bad input


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"n_resamples": 5}, ValueError, r"n_resamples must be even, as halves come in pairs; got 5\."),
        ({"n_resamples": 0}, ValueError, "'n_resamples' parameter of StabilitySelection must be"),
        ({"threshold": 0.5}, ValueError, "'threshold' parameter of StabilitySelection must be"),
        ({"max_errors": 0}, ValueError, "'max_errors' parameter of StabilitySelection must be"),
        ({"alphas": [0.1, 0]}, ValueError, "alphas must be a sequence of positive numbers"),
        ({"estimator": 3}, ValueError, "'estimator' parameter of StabilitySelection must be"),
        ({"estimator": LogisticRegression()}, TypeError, "must be a PoissonGLMRegressor or a GroupLassoPoisson; got"),
        ({"estimator": PoissonGLMRegressor()}, ValueError, "has l1_ratio=0: a ridge penalty, which selects nothing"),
        (
            {"estimator": PoissonGLMRegressor(l1_ratio=np.zeros(8)), "alphas": [1, 2]},
            ValueError,
            "leaves nothing to select: each of its groups has infinite weights, or a column without an L1 penalty",
        ),
        ({"estimator": GroupLassoPoisson(alpha=np.ones(4))}, ValueError, "A path varies alpha as one number"),
        ({"estimator": GroupLassoPoisson(tol=-1)}, ValueError, "'tol' parameter"),
    ],
)
def test_bad_parameters(data, params, error, message):
    with pytest.raises(error, match=message):
        StabilitySelection(**{"estimator": LASSO} | params).fit(*data)


def test_bad_rows(data):
    X, y = data
    with pytest.raises(ValueError, match=r"need at least 2 of positive sample_weight; got n_samples=1"):
        StabilitySelection(LASSO).fit(X, y + 1, sample_weight=np.arange(121) == 7)
    with pytest.raises(ValueError, match=r"exposure has shape \(5,\); expected \(121,\)"):
        StabilitySelection(LASSO).fit(X, y, exposure=np.ones(5))
    with pytest.raises(ValueError, match="y must hold counts, which are not negative; got -1 in row 0"):
        StabilitySelection(LASSO).fit(X, y - np.where(np.arange(121) == 0, y[0] + 1, 0))
