"""Groups by which products come with what they are made of."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, SplineTransformer, StandardScaler

from skprox import (
    GroupLassoPoisson,
    GroupLassoPoissonCV,
    PoissonGLMRegressor,
    ProxSGDRegressor,
    StabilitySelection,
    make_grouped_column_transformer,
    regularization_path,
)
from skprox.groups import find_groups

FRAME = pd.DataFrame(
    {
        "hour": [0.0, 6.0, 12.0, 18.0, 23.0, 3.0],
        "day": ["Mon", "Tue", "Mon", "a b", "Tue", "Mon"],
        "temp": [1.0, 5.0, 2.0, 4.0, 3.0, 2.0],
    }
)


def hierarchy(frame):
    """Names of the columns of each group, and of those of "auto"."""
    names = list(frame)
    found, own = (find_groups(rule, names, overlap=True).groups for rule in ("hierarchy", "auto"))
    assert list(found) == list(own)
    return tuple({group: {names[j] for j in members} for group, members in each.items()} for each in (found, own))


def products(degree=2, **kwargs):
    return PolynomialFeatures(degree, include_bias=False, **kwargs).set_output(transform="pandas")


def scaler():
    return StandardScaler().set_output(transform="pandas")


def plain():
    return products().fit_transform(FRAME[["hour", "temp"]])


def grouped():
    encoders = make_grouped_column_transformer(
        (SplineTransformer(n_knots=3), ["hour"]), (OneHotEncoder(), ["day"]), remainder="passthrough"
    )
    return make_pipeline(encoders, products()).fit_transform(FRAME)


def blocks():
    """A ColumnTransformer of scikit-learn, with products inside of one block, and columns outside."""
    inside = make_pipeline(scaler(), products())
    outside = OneHotEncoder(sparse_output=False)
    encoders = ColumnTransformer([("poly", inside, ["hour", "temp"]), ("cat", outside, ["day"])])
    return encoders.set_output(transform="pandas").fit_transform(FRAME)


def splines_without_prefixes():
    encoders = make_column_transformer(
        (SplineTransformer(n_knots=3), ["hour", "temp"]), verbose_feature_names_out=False
    ).set_output(transform="pandas")
    return make_pipeline(encoders, products(interaction_only=True)).fit_transform(FRAME)


@pytest.mark.parametrize("make", [plain, grouped, blocks, splines_without_prefixes])
def test_products_hold_their_features(make):
    found, own = hierarchy(make())
    pairs = [group for group in own if " " in group]
    assert pairs
    for group, columns in found.items():
        assert columns == own[group].union(*(own[parent] for parent in group.split(" ")))


def test_named_by_hand():
    """Powers stay with their feature, and triple products hold all pairs."""
    found, _ = hierarchy(pd.DataFrame(columns=["a", "b", "c", "a^2", "a b", "a^2 b", "a c", "a b c", "d"]))
    assert found == {
        "a": {"a", "a^2"},
        "b": {"b"},
        "c": {"c"},
        "a b": {"a b", "a^2 b", "a", "a^2", "b"},
        "a c": {"a c", "a", "a^2", "c"},
        "a b c": {"a b c", "a b", "a^2 b", "a c", "a", "a^2", "b", "c"},
        "d": {"d"},
    }
    found, _ = hierarchy(pd.DataFrame(columns=["u__a_sp_0", "u__a_sp_1", "v__b", "u__a_sp_0 v__b", "u__a_sp_1 v__b"]))
    assert found["a v"] == {"u__a_sp_0", "u__a_sp_1", "v__b", "u__a_sp_0 v__b", "u__a_sp_1 v__b"}
    assert found["a"] == {"u__a_sp_0", "u__a_sp_1"}


@pytest.fixture
def rides(rng):
    n = 2000
    X = pd.DataFrame(
        {
            "hour": rng.uniform(0, 24, n),
            "day": rng.choice(["work", "off"], n),
            "temp": rng.normal(size=n),
            "wind": rng.normal(size=n),
            "noise": rng.normal(size=n),
        }
    )
    both = (X["day"] == "work") * 1.2 * np.cos(X["hour"] / 12 * np.pi)
    return X, rng.poisson(np.exp(0.3 + both + 0.2 * X["temp"]))


def pipeline(model):
    encoders = make_grouped_column_transformer(
        (SplineTransformer(n_knots=5, extrapolation="periodic"), ["hour"]),
        (OneHotEncoder(drop="first"), ["day"]),
        ("passthrough", ["temp", "wind", "noise"]),
    )
    return make_pipeline(encoders, products(interaction_only=True), scaler(), model)


def test_interactions_only_with_their_parents(rides):
    """Along the whole path, and behind transformers; on its own an interaction comes first."""
    X, y = rides
    steps = pipeline(GroupLassoPoisson())[:-1]
    columns = steps.fit_transform(X)
    orphans = {}
    for model in (GroupLassoPoisson(groups="hierarchy", overlap="latent"), GroupLassoPoisson()):
        path = regularization_path(model, columns, y, n_alphas=30)
        own = find_groups("auto", list(columns)).groups
        present = {group: (path.coefs[:, members] != 0).any(axis=1) for group, members in own.items()}
        orphans[model.overlap] = 0
        for group, found in present.items():
            if " " in group:
                with_parents = np.logical_and(*(present[parent] for parent in group.split(" ")))
                orphans[model.overlap] += np.count_nonzero(found & ~with_parents)
        assert present["hour day"].any()
    assert orphans["latent"] == 0
    assert orphans["error"] > 0


def test_cross_validated_in_a_pipeline(rides):
    X, y = rides
    model = pipeline(GroupLassoPoissonCV(alphas=20, cv=3, groups="hierarchy", overlap="latent", selection="1se"))
    last = model.fit(X, y)[-1]
    assert "hour day" in last.selected_groups_
    assert "wind noise" not in last.selected_groups_
    names, coef = last.feature_names_in_, last.coef_
    used = {name for name, value in zip(names, coef, strict=True) if value}
    for name in used:
        assert used.issuperset(name.split(" "))
    model = pipeline(GroupLassoPoisson(groups="hierarchy", overlap="latent"))
    search = GridSearchCV(model, {"grouplassopoisson__alpha": [0.02, 0.1]}, cv=2)
    assert search.fit(X, y).score(X, y) > 0.2


def test_stability_selection(rides):
    X, y = rides
    columns = pipeline(None)[:-1].fit_transform(X)
    model = GroupLassoPoisson(groups="hierarchy", overlap="latent")
    selector = StabilitySelection(model, n_resamples=6, n_alphas=6, alpha_min_ratio=0.3, random_state=0).fit(columns, y)
    assert "hour day" in selector.selected_groups_
    kept = set(columns.columns[selector.get_support()])
    assert all(kept.issuperset(name.split(" ")) for name in kept)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a", "b"], r"finds no column that is a product.*PolynomialFeatures before.*The columns are \['a', 'b'\]"),
        (["a", "a^2"], "finds no column that is a product of others"),
        (["c__a_x", "c__b_y", "c__a_x c__b_y"], "make_grouped_column_transformer before that"),
        (["a_sp_0", "a_sp_0 b_sp_1"], r"columns \['b_sp_1'\] are not in X, of which \['a_sp_0 b_sp_1'\] are products"),
        (None, "X has no names of columns. Pass a DataFrame"),
    ],
)
def test_errors(rng, names, message):
    X, y = rng.normal(size=(20, 2 if names is None else len(names))), rng.poisson(1.0, 20)
    given = X if names is None else pd.DataFrame(X, columns=names)
    for kind in (GroupLassoPoisson, GroupLassoPoissonCV):
        with pytest.raises(ValueError, match=message):
            kind(groups="hierarchy", overlap="latent").fit(given, y)
    if names is None:
        with pytest.raises(ValueError, match=message):
            GroupLassoPoisson(groups="hierarchy", overlap="latent").fit(csr_array(X), y)


def test_hierarchies_overlap(rng):
    X, y = pd.DataFrame(rng.normal(size=(20, 3)), columns=["a", "b", "a b"]), rng.poisson(1.0, 20)
    for model in (GroupLassoPoisson(), PoissonGLMRegressor(), ProxSGDRegressor()):
        with pytest.raises(ValueError, match=r"takes GroupLassoPoisson with overlap='latent'.*groups='auto'"):
            model.set_params(groups="hierarchy").fit(X, y)
