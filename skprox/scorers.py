"""Scorers that know exposure, for `scoring` of scikit-learn's tools."""

from collections.abc import Callable
from copy import copy
from inspect import signature
from typing import Any, Self

import numpy as np
from sklearn import config_context, get_config
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRequest, get_routing_for_object

from skprox._typing import CountsLike, MatrixLike, RowsLike
from skprox.base import name_arguments
from skprox.metrics import mcfadden_r2, mean_over_rows, sum_of_deviances, sum_of_log_likelihoods
from skprox.outputs import check_outputs
from skprox.validation import need_exposure


class PoissonScorer:
    """A scorer of the counts that an estimator expects, for `scoring` of searches and cross-validation.

    There are three:

    - `poisson_deviance_scorer`: the mean Poisson deviance, negative, so that greater is better. It judges the means
      alone, in the same way for all models, whatever their `overdispersion`;
    - `log_likelihood_scorer`: the mean log-likelihood of the counts under `predict_distribution`, which judges the
      `overdispersion_` of a model, too;
    - `mcfadden_scorer`: McFadden's pseudo-R², as `skprox.metrics.mcfadden_r2` with the `overdispersion_` of the
      model, whose null model knows the mean rate of the rows that are scored.

    Several outputs are averaged. scikit-learn's own scorers call ``predict(X)``, and so compare counts with rates.
    These call ``predict(X, exposure=exposure)``, of a pipeline too, of the best estimator of a search, and of what
    hands exposure on to the models inside, as `sklearn.compose.TransformedTargetRegressor` does. Of what does not,
    as `sklearn.ensemble.VotingRegressor`, they say so. Where metadata routing is enabled they ask for `exposure` and
    `sample_weight`; `set_score_request` changes that.

    See Also
    --------
    skprox.metrics.cohen_r2, skprox.metrics.mcfadden_r2 : The same for counts and expected counts from anywhere.

    Examples
    --------
    >>> import numpy as np
    >>> import sklearn
    >>> from sklearn.model_selection import cross_val_score
    >>> from skprox import PoissonGLMRegressor, poisson_deviance_scorer
    >>> rng = np.random.default_rng(0)
    >>> X, hours = rng.normal(size=(300, 2)), rng.uniform(0.5, 2, size=300)
    >>> y = rng.poisson(hours * np.exp(0.3 * X[:, 0]))
    >>> model = PoissonGLMRegressor(alpha=0.01)
    >>> poisson_deviance_scorer(model.fit(X, y, exposure=hours), X, y, exposure=hours) > -1.2
    True
    >>> with sklearn.config_context(enable_metadata_routing=True):
    ...     scores = cross_val_score(model, X, y, scoring=poisson_deviance_scorer, params={"exposure": hours})
    """

    def __init__(self, name: str, score: Callable[..., float], summary: str, of_means: bool = False) -> None:
        self._name, self._score, self._of_means = name, score, of_means
        self.__doc__ = f"{summary}.\n\n    {type(self).__doc__}"
        self._requests = {"exposure": True, "sample_weight": True}

    @name_arguments
    def __call__(
        self,
        estimator: Any,
        X: MatrixLike,
        y_true: CountsLike,
        *,
        sample_weight: RowsLike | None = None,
        exposure: RowsLike | None = None,
    ) -> float:
        """Score an estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted model, or a pipeline, search or other estimator around one.
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The covariates.
        y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The counts.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; None is 1.
        exposure : float or array-like of shape (n_samples,), default=None
            The exposure of each row; None is 1, and an error where the model, or one inside of it, was fitted with
            exposure.

        Returns
        -------
        float
            The score; greater is better.
        """
        models = _models(estimator)
        for model in models:
            need_exposure(model, exposure, repr(self))
            check_outputs(model, y_true)
        means = estimator.predict(X) if exposure is None else _expect(estimator, X, exposure, repr(self))
        rows = {"sample_weight": sample_weight, "exposure": exposure}
        if self._of_means:
            return self._score(y_true, means, **rows)
        return self._score(y_true, means, **rows, overdispersion=self._overdispersion(models))

    def set_score_request(self, **requests: bool | str | None) -> Self:
        """Change what the scorer takes of the metadata that are passed to a search or to cross-validation.

        Parameters
        ----------
        **requests : bool, str or None
            For `exposure` and `sample_weight`: True asks for it, as does either unless told otherwise;
            False leaves it out; None is an error where it is passed; a string is another name that it is
            passed by.

        Returns
        -------
        PoissonScorer
            A scorer with these requests. The one it is made from is not changed, since all share it.
        """
        if not get_config()["enable_metadata_routing"]:
            raise RuntimeError(
                "Requests count only where metadata routing is enabled, "
                "by sklearn.set_config(enable_metadata_routing=True)."
            )
        unknown = requests.keys() - self._requests.keys()
        if unknown:
            raise TypeError(f"{self} takes exposure and sample_weight; got requests for {sorted(unknown)}.")
        scorer = copy(self)
        scorer._requests = self._requests | requests
        scorer.get_metadata_routing()  # refuses what is no request
        return scorer

    def get_metadata_routing(self) -> Any:
        """What the scorer takes of the metadata, for scikit-learn.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRequest
        """
        request = MetadataRequest(owner=repr(self))
        for param, alias in self._requests.items():
            request.score.add_request(param=param, alias=alias)
        return request

    def _accept_sample_weight(self):
        """Searches ask this where metadata routing is off."""
        return True

    def _overdispersion(self, models):
        """That of the models inside of an estimator, 0 where they know none."""
        found = [getattr(model, "overdispersion_", 0.0) for model in models] or [0.0]
        if not all(np.array_equal(each, found[0]) for each in found):
            raise ValueError(
                f"{self} needs one overdispersion_, but the models of the estimator have several: which of them the "
                "counts have is not known. Score the models one by one, or by poisson_deviance_scorer."
            )
        return found[0]

    def __repr__(self):
        return self._name


def _models(part, seen=None):
    """The fitted models of counts that predict inside of an estimator, or of a container of estimators."""
    seen = set() if seen is None else seen
    if hasattr(part, "has_exposure_"):
        return [part]
    if hasattr(part, "best_estimator_"):
        return _models(part.best_estimator_, seen)
    if isinstance(part, Pipeline):
        return _models(part[-1], seen)
    if isinstance(part, dict):
        part = list(part.values())
    if isinstance(part, list | tuple) or (isinstance(part, np.ndarray) and part.dtype == object):
        return [model for each in part for model in _models(each, seen)]
    if isinstance(part, type) or not hasattr(part, "predict") or id(part) in seen:
        return []
    seen.add(id(part))
    # parameters are patterns to clone, whatever they were fitted to, unless there is nothing else
    params = list(part.get_params(deep=False).values()) if hasattr(part, "get_params") else []
    fitted = [value for value in getattr(part, "__dict__", {}).values() if not any(value is each for each in params)]
    return _models(fitted, seen) or _models(params, seen)


def _expect(estimator, X, exposure, name):
    """The counts that an estimator expects, where exposure gets through to the models inside."""
    if hasattr(estimator, "best_estimator_"):  # predict of a search takes X alone
        return _expect(estimator.best_estimator_, X, exposure, name)
    if "exposure" in signature(estimator.predict).parameters:
        return estimator.predict(X, exposure=exposure)
    with config_context(enable_metadata_routing=True):
        if isinstance(estimator, Pipeline):
            if len(estimator) > 1:
                before = estimator[:-1]
                X = before.transform(X, **{"exposure": exposure} if _requests_exposure(before, "transform") else {})
            return _expect(estimator[-1], X, exposure, name)
        models = _models(estimator)
        if (
            models
            and all(model.has_exposure_ for model in models)  # not so where one learns from the rates of others
            and any(each.kind == each.VAR_KEYWORD for each in signature(estimator.predict).parameters.values())
            and _requests_exposure(estimator, "predict")
        ):
            return estimator.predict(X, exposure=exposure)
    raise ValueError(
        f"{type(estimator).__name__}.predict hands no exposure on to models that were fitted with it, so that {name} "
        "can't tell which counts it expects. Leave exposure out where no model inside was fitted with it. Where they "
        "were, call predict(X, exposure=exposure) of these models, and score what comes of it by skprox.metrics."
    )


def _requests_exposure(estimator, method):
    return bool(get_routing_for_object(estimator).consumes(method, ["exposure"]))


def _negative_deviance(y_true, y_pred, sample_weight, exposure):
    return -float(np.mean(mean_over_rows(sum_of_deviances, y_true, y_pred, sample_weight)))


def _log_likelihood(y_true, y_pred, sample_weight, exposure, overdispersion):
    return float(np.mean(mean_over_rows(sum_of_log_likelihoods, y_true, y_pred, sample_weight, overdispersion)))


poisson_deviance_scorer = PoissonScorer(
    "poisson_deviance_scorer", _negative_deviance, "The negative mean Poisson deviance", of_means=True
)
log_likelihood_scorer = PoissonScorer("log_likelihood_scorer", _log_likelihood, "The mean log-likelihood of the counts")
mcfadden_scorer = PoissonScorer("mcfadden_scorer", mcfadden_r2, "McFadden's pseudo-R²")
