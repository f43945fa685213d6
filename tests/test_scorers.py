"""Held-out rows are scored with their own weights and exposure, or not at all."""

import copy
import functools
import pickle
import re
import warnings
from inspect import signature

import joblib
import numpy as np
import pytest
import sklearn
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, RandomForestRegressor, StackingRegressor, VotingRegressor
from sklearn.feature_selection import RFE, RFECV
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import mean_poisson_deviance
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score, cross_validate
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skprox
from skprox import PoissonGLMRegressor, mcfadden_scorer, poisson_deviance_scorer
from skprox.metrics import cohen_r2, mcfadden_r2

SCORERS = {
    poisson_deviance_scorer: lambda y, mu, w, e: -mean_poisson_deviance(y, mu, sample_weight=w),
    mcfadden_scorer: lambda y, mu, w, e: mcfadden_r2(y, mu, sample_weight=w, exposure=e),
}
OLD = tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 8)  # passes nothing to the score of a pipeline
OLD_ENSEMBLES = "params" not in signature(BaggingRegressor.predict).parameters  # scikit-learn 1.6
GRID = [1e-4, 1e-2, 1.0]


@pytest.fixture
def trips(rng):
    X = rng.normal(size=(120, 3))
    exposure, weight = rng.uniform(0.1, 10, size=120), rng.uniform(0.2, 2, size=120)
    return X, rng.poisson(exposure * np.exp(0.3 * X[:, 0])), weight, exposure


@pytest.fixture(params=["alone", "in a pipeline"])
def model(request):
    model = PoissonGLMRegressor(alpha=0.1)
    return model if request.param == "alone" else make_pipeline(StandardScaler(), model)


def with_alpha(model, alpha):
    return clone(model).set_params(**{next(name for name in model.get_params() if name.endswith("alpha")): alpha})


def grid(model):
    return {next(name for name in model.get_params() if name.endswith("alpha")): GRID}


def last(model):
    return getattr(model, "steps", [(None, model)])[-1][1]


def to_fit(model, **params):
    """Names by which a model takes them where routing is off."""
    return params if model is last(model) else {f"poissonglmregressor__{name}": params[name] for name in params}


def fit(model, X, y, weight, exposure):
    """By hand, step by step."""
    columns = X if model is last(model) else model[0].fit_transform(X)
    last(model).fit(columns, y, weight, exposure)
    return model


def rates(model, X):
    return last(model).predict(X if model is last(model) else model[0].transform(X), exposure=1)


def held_out_scores(model, trips, metric):
    X, y, weight, exposure = trips
    scores = []
    for train, test in KFold(3).split(X):
        fitted = fit(clone(model), X[train], y[train], weight[train], exposure[train])
        means = exposure[test] * rates(fitted, X[test])
        scores.append(metric(y[test], means, weight[test], exposure[test]))
    return scores


@pytest.mark.parametrize("scorer", SCORERS, ids=repr)
@pytest.mark.parametrize("routing", [True, False])
def test_called_on_a_fitted_model(model, trips, scorer, routing):
    X, y, weight, exposure = trips
    fit(model, X, y, weight, exposure)
    with config_context(enable_metadata_routing=routing):
        score = scorer(model, X, y, sample_weight=weight, exposure=exposure)
    assert score == pytest.approx(SCORERS[scorer](y, exposure * rates(model, X), weight, exposure), rel=1e-10)
    assert score > scorer(fit(with_alpha(model, 100.0), X, y, weight, exposure), X, y, exposure=exposure)


@pytest.mark.parametrize("scorer", SCORERS, ids=repr)
def test_cross_validation_with_routing(model, trips, scorer):
    X, y, weight, exposure = trips
    wanted = held_out_scores(model, trips, SCORERS[scorer])
    params = {"sample_weight": weight, "exposure": exposure}
    with config_context(enable_metadata_routing=True):
        last(model).set_fit_request(sample_weight=True)
        if model is not last(model):
            model[0].set_fit_request(sample_weight=False)
        scores = cross_val_score(model, X, y, scoring=scorer, cv=KFold(3), params=params)
        np.testing.assert_allclose(scores, wanted, rtol=1e-10)
        both = cross_validate(model, X, y, scoring={"a": scorer, "b": scorer}, cv=KFold(3), params=params)
        np.testing.assert_allclose(both["test_b"], wanted, rtol=1e-10)


@pytest.mark.parametrize("scorer", SCORERS, ids=repr)
def test_grid_search_with_routing(model, trips, scorer):
    X, y, _, exposure = trips
    trips = X, y, np.ones(len(y)), exposure
    wanted = [np.mean(held_out_scores(with_alpha(model, alpha), trips, SCORERS[scorer])) for alpha in GRID]
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(model, grid(model), scoring=scorer, cv=KFold(3)).fit(X, y, exposure=exposure)
        np.testing.assert_allclose(search.cv_results_["mean_test_score"], wanted, rtol=1e-10)
        assert search.best_index_ == np.argmax(wanted)
        best = SCORERS[scorer](y, exposure * rates(search.best_estimator_, X), None, exposure)
        assert search.score(X, y, exposure=exposure) == pytest.approx(best, rel=1e-10)
        assert scorer(search, X, y, exposure=exposure) == pytest.approx(best, rel=1e-10)
        steps = make_pipeline(FunctionTransformer(np.negative), search).fit(-X, y, exposure=exposure)
        assert scorer(steps, -X, y, exposure=exposure) == pytest.approx(best, rel=1e-10)
        assert scorer(make_pipeline(steps[-1]), X, y, exposure=exposure) == pytest.approx(best, rel=1e-10)
        nested = cross_val_score(search, X, y, scoring=scorer, cv=KFold(3), params={"exposure": exposure})
        assert np.isfinite(nested).all()


def test_score_of_the_model_with_routing(model, trips):
    """No request has to be set: estimators ask for exposure by themselves."""
    X, y, _, exposure = trips
    fitted = fit(clone(model), X, y, None, exposure)
    fitted_score = cohen_r2(y, exposure * rates(fitted, X), exposure=exposure)
    with config_context(enable_metadata_routing=True):
        model.fit(X, y, exposure=exposure)
        np.testing.assert_allclose(last(model).coef_, last(fitted).coef_)
        np.testing.assert_allclose(model.predict(X, exposure=exposure), exposure * rates(fitted, X))
        np.testing.assert_allclose(model.score(X, y, exposure=exposure), fitted_score)
        if model is last(model) or not OLD:
            assert (cross_val_score(model, X, y, params={"exposure": exposure}) > 0).all()
        last(model).set_score_request(exposure=False)
        with pytest.raises(ValueError, match="so that score needs exposure as well"):
            cross_val_score(model, X, y, params={"exposure": exposure}, error_score="raise")


# ---- routing off: exposure reaches fit alone


@pytest.mark.parametrize("scorer", [None, *SCORERS], ids=repr)
def test_no_score_without_the_exposure_of_the_fit(model, trips, scorer):
    X, y, _, exposure = trips
    params = to_fit(model, exposure=exposure)
    message = rf"fitted with exposure, so that {scorer or 'score'} needs exposure as well.*enable metadata routing"
    with pytest.raises(ValueError, match=message):
        cross_val_score(model, X, y, scoring=scorer, params=params, error_score="raise")
    if scorer:
        with pytest.raises(ValueError, match=message):
            cross_validate(model, X, y, scoring={"a": scorer}, params=params, error_score="raise")
    search = GridSearchCV(model, grid(model), scoring=scorer, error_score="raise")
    with pytest.raises(ValueError, match=message):
        search.fit(X, y, **params)
    with pytest.warns(UserWarning, match="Scoring failed"):
        scores = cross_val_score(model, X, y, scoring=scorer, params=params)
    assert np.isnan(scores).all()


def test_scorers_without_exposure_look_behind_searches(model, trips):
    X, y, _, exposure = trips
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(model, grid(model), scoring=mcfadden_scorer).fit(X, y, exposure=exposure)
    for estimator in (search, make_pipeline(search)):
        with pytest.raises(ValueError, match="so that mcfadden_scorer needs exposure as well"):
            mcfadden_scorer(estimator, X, y)
    with pytest.raises(ValueError, match="so that mcfadden_scorer needs exposure as well"):
        search.score(X, y)


def test_predictions_without_exposure_say_that_they_are_rates(model, trips):
    """scikit-learn's own scorers can't be told from other callers of predict."""
    X, y, _, exposure = trips
    message, params = "fitted with exposure; without it, predict gives rates", to_fit(model, exposure=exposure)
    with pytest.warns(UserWarning, match=message):
        cross_val_score(model, X, y, scoring="neg_mean_poisson_deviance", params=params)
    with pytest.warns(UserWarning, match=message):
        cross_val_predict(model, X, y, params=params)
    fit(model, X, y, None, exposure)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(model.predict(X, exposure=1), rates(model, X))
        np.testing.assert_allclose(model.predict(X, exposure=exposure), exposure * rates(model, X))
        fit(model, X, y, None, None).predict(X)


def test_weights_without_routing(model, trips):
    """Searches of scikit-learn 1.8 and later pass weights to scorers that take them, of several metrics too."""
    X, y, weight, _ = trips
    params = to_fit(model, sample_weight=weight)
    for scoring in (poisson_deviance_scorer, {"a": poisson_deviance_scorer, "b": mcfadden_scorer}):
        refit = "a" if isinstance(scoring, dict) else True
        search = GridSearchCV(model, grid(model), scoring=scoring, refit=refit, cv=3).fit(X, y, **params)
        assert search.best_score_ > -np.inf


def test_model_of_another_package(trips):
    X, y, weight, _ = trips
    model = PoissonRegressor(alpha=0.1).fit(X, y)
    wanted = -mean_poisson_deviance(y, model.predict(X), sample_weight=weight)
    assert poisson_deviance_scorer(model, X, y, sample_weight=weight) == pytest.approx(wanted)


def test_many_outputs(trips):
    X, y, weight, exposure = trips
    Y = np.column_stack([y, y[::-1]])
    model = PoissonGLMRegressor(alpha=0.1).fit(X, Y, exposure=exposure)
    score = poisson_deviance_scorer(model, X, Y, sample_weight=weight, exposure=exposure)
    means = model.predict(X, exposure=exposure)
    each = [mean_poisson_deviance(Y[:, k], means[:, k], sample_weight=weight) for k in range(2)]
    assert score == pytest.approx(-np.mean(each))


def test_remedy_for_permutation_importance(model, trips):
    """It takes no exposure, but keeps the rows where they are."""
    X, y, _, exposure = trips
    fit(model, X, y, None, exposure)
    remedy = r"permutation_importance.* scoring=(functools\.partial\(.*\))\.$"
    with pytest.raises(ValueError, match="so that score needs exposure as well") as refusal:
        permutation_importance(model, X, y)
    with pytest.warns(UserWarning, match="without it, predict gives rates") as warned:
        permutation_importance(model, X, y, scoring="neg_mean_poisson_deviance")
    for said in (refusal.value, warned[0].message):
        scoring = eval(
            re.search(remedy, str(said))[1], {"functools": functools, "skprox": skprox, "exposure": exposure}
        )
        found = permutation_importance(model, X, y, scoring=scoring, n_repeats=2, random_state=0, n_jobs=2)
        assert found.importances_mean.argmax() == 0
        assert np.abs(found.importances_mean[1:]).max() < found.importances_mean[0] / 5
        moved = X.copy()
        moved[:, 0] = X[::-1, 0]
        scores = [scoring(model, rows, y) for rows in (X, moved)]
        wanted = [-mean_poisson_deviance(y, exposure * rates(model, rows)) for rows in (X, moved)]
        np.testing.assert_allclose(scores, wanted)


# ---- models inside of other estimators

POISSON = PoissonGLMRegressor(alpha=0.1)
TENTHS = {"func": lambda y: y / 10, "inverse_func": lambda y: y * 10}
ENSEMBLE = [("weak", PoissonGLMRegressor(alpha=1.0)), ("strong", PoissonGLMRegressor(alpha=0.01))]


def members_of_bagging(model, X, exposure):
    members = zip(model.estimators_, model.estimators_features_, strict=True)
    return np.mean([each.predict(X[:, columns], exposure=exposure) for each, columns in members], axis=0)


def selected(model, X, exposure):
    return model.estimator_.predict(X[:, model.support_], exposure)


WRAPPED = {  # each with the counts that it expects, from the models inside
    "scaled target": (
        TransformedTargetRegressor(POISSON, **TENTHS),
        lambda model, X, e: 10 * model.regressor_.predict(X, e),
    ),
    "pipeline around it": (
        make_pipeline(FunctionTransformer(np.negative), TransformedTargetRegressor(POISSON, **TENTHS)),
        lambda model, X, e: 10 * model[-1].regressor_.predict(-X, e),
    ),
    "pipeline inside": (
        TransformedTargetRegressor(make_pipeline(FunctionTransformer(np.negative), POISSON), **TENTHS),
        lambda model, X, e: 10 * model.regressor_[-1].predict(-X, e),
    ),
    "search around it": (
        GridSearchCV(
            TransformedTargetRegressor(POISSON, **TENTHS), {"regressor__alpha": GRID}, scoring=poisson_deviance_scorer
        ),
        lambda model, X, e: 10 * model.best_estimator_.regressor_.predict(X, e),
    ),
    "search in pipelines": (
        make_pipeline(
            FunctionTransformer(np.negative),
            make_pipeline(FunctionTransformer(np.exp), GridSearchCV(POISSON, {"alpha": GRID}, scoring=mcfadden_scorer)),
        ),
        lambda model, X, e: model[-1][-1].best_estimator_.predict(np.exp(-X), e),
    ),
    "selection of columns": (RFE(POISSON, n_features_to_select=2), selected),
    "stack": (
        StackingRegressor(ENSEMBLE, POISSON),  # which learns from rates
        lambda model, X, e: model.final_estimator_.predict(
            np.column_stack([each.predict(X, 1.0) for each in model.estimators_]), e
        ),
    ),
    "another name in a pipeline": (
        make_pipeline(FunctionTransformer(np.negative), POISSON),
        lambda model, X, e: model[-1].predict(-X, e),
    ),
}
WRAPPED_IN_NEW = {
    "bagging": (BaggingRegressor(POISSON, n_estimators=3, max_features=2, random_state=0), members_of_bagging),
    "bagging in processes": (BaggingRegressor(POISSON, 2, n_jobs=2, random_state=0), members_of_bagging),
    "bagging of pipelines": (
        BaggingRegressor(make_pipeline(StandardScaler(), POISSON), 2, random_state=0),
        members_of_bagging,
    ),
    "selection by cross-validation": (RFECV(POISSON, scoring=poisson_deviance_scorer, cv=3), selected),
}
DEAF = {  # their predict, or that of a part, takes no exposure
    "vote": VotingRegressor(ENSEMBLE),
    "vote in a pipeline": make_pipeline(StandardScaler(), VotingRegressor(ENSEMBLE)),
    "search of a vote": GridSearchCV(VotingRegressor(ENSEMBLE), {"weak__alpha": GRID}, scoring="neg_max_error"),
    "outputs": MultiOutputRegressor(POISSON),
    "outputs in processes": MultiOutputRegressor(POISSON, n_jobs=2),
    "chain": RegressorChain(POISSON),
    "search inside": TransformedTargetRegressor(GridSearchCV(POISSON, {"alpha": GRID}, scoring=mcfadden_scorer)),
}
if OLD_ENSEMBLES:
    DEAF |= {name: wrapped for name, (wrapped, _) in WRAPPED_IN_NEW.items()}
else:
    WRAPPED |= WRAPPED_IN_NEW
rates_inside = pytest.mark.filterwarnings("ignore:.*without it, predict gives rates")


def wrapped_fit(estimator, X, y, exposure):
    with config_context(enable_metadata_routing=True):
        return clone(estimator).fit(X, y, exposure=exposure)


@rates_inside
@pytest.mark.parametrize("name", WRAPPED)
@pytest.mark.parametrize("routing", [True, False])
def test_scores_behind_others(trips, name, routing):
    X, y, weight, exposure = trips
    wrapped, expect = WRAPPED[name]
    model = wrapped_fit(wrapped, X, y, exposure)
    if "another name" in name:
        with config_context(enable_metadata_routing=True):
            model[-1].set_predict_request(exposure="hours")
    for scorer, metric in SCORERS.items():
        with config_context(enable_metadata_routing=routing):
            score = scorer(model, X, y, sample_weight=weight, exposure=exposure)
            with pytest.raises(ValueError, match=r"fitted with exposure, so that .*_scorer needs exposure as well"):
                scorer(model, X, y)
        assert score == pytest.approx(metric(y, expect(model, X, exposure), weight, exposure), rel=1e-10)


@rates_inside
@pytest.mark.parametrize("name", DEAF)
@pytest.mark.parametrize("routing", [True, False])
def test_no_scores_behind_what_hands_no_exposure_on(trips, name, routing):
    X, y, _, exposure = trips
    Y = y[:, None] if isinstance(DEAF[name], MultiOutputRegressor | RegressorChain) else y
    model = wrapped_fit(DEAF[name], X, Y, exposure)
    for scorer in SCORERS:
        with config_context(enable_metadata_routing=routing):
            with pytest.raises(ValueError, match=f"predict hands no exposure on .* so that {scorer} can't tell which"):
                scorer(model, X, Y, exposure=exposure)
            with pytest.raises(ValueError, match=f"fitted with exposure, so that {scorer} needs exposure as well"):
                scorer(model, X, Y)


@rates_inside
@pytest.mark.parametrize("scorer", SCORERS, ids=repr)
def test_cross_validation_of_others(trips, scorer):
    X, y, _, exposure = trips
    scaled, selection = WRAPPED["scaled target"][0], WRAPPED["selection of columns"][0]
    kwargs = {"params": {"exposure": exposure}, "scoring": scorer, "error_score": "raise", "cv": KFold(3)}
    trips = X, y, np.ones(len(y)), exposure
    with config_context(enable_metadata_routing=True):
        wanted = held_out_scores(PoissonGLMRegressor(alpha=1.0), trips, SCORERS[scorer])
        np.testing.assert_allclose(
            cross_val_score(clone(scaled).set_params(regressor__alpha=0.1), X, y, **kwargs), wanted
        )
        assert np.isfinite(cross_val_score(selection, X, y, **kwargs)).all()
        with pytest.raises(ValueError, match=r"VotingRegressor\.predict hands no exposure on"):
            cross_val_score(DEAF["vote"], X, y, **kwargs)
    for model in (scaled, selection):
        with pytest.raises(ValueError, match=r"so that .*_scorer needs exposure as well.*enable metadata routing"):
            cross_val_score(model, X, y, **kwargs)


def test_models_that_are_patterns_only(trips):
    """What was fitted is what is inside of the wrapper, not what it has made copies of."""
    X, y, weight, exposure = trips
    pattern = clone(POISSON).fit(X, y, exposure=exposure)
    for wrapper in (TransformedTargetRegressor(pattern), BaggingRegressor(pattern), VotingRegressor([("a", pattern)])):
        model = wrapper.fit(X, y)
        wanted = -mean_poisson_deviance(y, model.predict(X), sample_weight=weight)
        assert poisson_deviance_scorer(model, X, y, sample_weight=weight) == pytest.approx(wanted)
    frozen = FrozenEstimator(pattern)
    assert poisson_deviance_scorer(frozen, X, y, exposure=exposure) == poisson_deviance_scorer(
        pattern, X, y, exposure=exposure
    )
    for model in (frozen, FrozenEstimator(make_pipeline(pattern)), TransformedTargetRegressor(frozen).fit(X, y)):
        with pytest.raises(ValueError, match="so that poisson_deviance_scorer needs exposure as well"):
            poisson_deviance_scorer(model, X, y)


@rates_inside
def test_stacks_that_learn_without_exposure(trips):
    """From rates, what counts to expect for a usual exposure: times exposure again, that would be no count."""
    X, y, _, exposure = trips
    parts = [(name, clone(model).fit(X, y, exposure=exposure)) for name, model in ENSEMBLE]
    for last in (POISSON, PoissonRegressor()):
        model = StackingRegressor(parts, last, cv="prefit").fit(X, y)
        with pytest.raises(ValueError, match=r"StackingRegressor\.predict hands no exposure on"):
            mcfadden_scorer(model, X, y, exposure=exposure)
        with pytest.raises(ValueError, match="so that mcfadden_scorer needs exposure as well"):
            mcfadden_scorer(model, X, y)


class Twice(RegressorMixin, BaseEstimator):
    """A wrapper that keeps no convention: it fits what it was given, and swallows what it does not know."""

    def __init__(self, model):
        self.model = model
        self.itself = self

    def fit(self, X, y, **params):
        self.model.fit(X, y / 2, **params)
        return self

    def predict(self, X, **unused):
        return 2 * self.model.predict(X)


def test_wrappers_without_routing(trips):
    X, y, _, exposure = trips
    model = Twice(clone(POISSON)).fit(X, y, exposure=exposure)
    with pytest.raises(ValueError, match="so that mcfadden_scorer needs exposure as well"):
        mcfadden_scorer(model, X, y)
    with pytest.raises(ValueError, match=r"Twice\.predict hands no exposure on"):
        mcfadden_scorer(model, X, y, exposure=exposure)


@pytest.mark.parametrize(
    "model", [PoissonRegressor(), RandomForestRegressor(3, min_samples_leaf=20), Twice(POISSON)], ids=repr
)
def test_exposure_of_models_that_know_none(trips, model):
    X, y, _, exposure = trips
    model = clone(model).fit(X, y)
    means = model.predict(X)
    assert poisson_deviance_scorer(model, X, y) == pytest.approx(-mean_poisson_deviance(y, means))
    with pytest.raises(ValueError, match=r"hands no exposure on .*Leave exposure out where no model inside was fitted"):
        poisson_deviance_scorer(model, X, y, exposure=exposure)


# ---- scorers as objects


def test_requests():
    with pytest.raises(RuntimeError, match="only where metadata routing is enabled"):
        mcfadden_scorer.set_score_request(exposure=True)
    with config_context(enable_metadata_routing=True):
        other = mcfadden_scorer.set_score_request(exposure="hours", sample_weight=False)
        assert other.get_metadata_routing().score.requests == {"exposure": "hours", "sample_weight": False}
        default = mcfadden_scorer.get_metadata_routing().score.requests
        assert default == {"exposure": True, "sample_weight": True}
        with pytest.raises(TypeError, match=r"takes exposure and sample_weight; got requests for \['offset'\]"):
            mcfadden_scorer.set_score_request(offset=True)
        with pytest.raises(ValueError, match="should be either a valid identifier"):
            mcfadden_scorer.set_score_request(exposure="1 hour")


def test_exposure_by_another_name(trips):
    X, y, _, exposure = trips
    with config_context(enable_metadata_routing=True):
        model = PoissonGLMRegressor(alpha=0.1).set_fit_request(exposure="hours")
        scoring = poisson_deviance_scorer.set_score_request(exposure="hours")
        scores = cross_val_score(model, X, y, scoring=scoring, cv=KFold(3), params={"hours": exposure})
    trips = X, y, np.ones(len(y)), exposure
    wanted = held_out_scores(PoissonGLMRegressor(alpha=0.1), trips, SCORERS[poisson_deviance_scorer])
    np.testing.assert_allclose(scores, wanted)


@pytest.mark.parametrize("scorer", SCORERS, ids=repr)
def test_copies(trips, scorer):
    X, y, _, exposure = trips
    model = PoissonGLMRegressor(alpha=0.1).fit(X, y, exposure=exposure)
    wanted = scorer(model, X, y, exposure=exposure)
    for other in (pickle.loads(pickle.dumps(scorer)), copy.deepcopy(scorer)):
        assert other(model, X, y, exposure=exposure) == wanted
        assert repr(other) == repr(scorer)
    assert repr(scorer) in ("poisson_deviance_scorer", "mcfadden_scorer")
    search = clone(GridSearchCV(model, {"alpha": GRID}, scoring=scorer, cv=3))
    assert repr(scorer) in repr(search)
    with config_context(enable_metadata_routing=True), joblib.parallel_config("loky", n_jobs=2):
        assert search.fit(X, y, exposure=exposure).best_score_ > -np.inf
