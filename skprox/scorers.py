"""Scorers that know exposure, for `scoring` of scikit-learn's tools."""

from copy import copy

import numpy as np
from sklearn import get_config
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRequest

from skprox.metrics import mcfadden_r2, mean_deviance
from skprox.validation import check_counts_like, check_means, check_weight, need_exposure


class PoissonScorer:
    """A scorer of the counts that an estimator expects, for `scoring` of searches and cross-validation.

    - ``poisson_deviance_scorer``: the mean Poisson deviance, negative, so that greater is better;
    - ``mcfadden_scorer``: McFadden's pseudo-R², as `skprox.metrics.mcfadden_r2`, whose null model knows the mean
      rate of the rows that are scored.

    Several outputs are averaged. scikit-learn's own scorers call ``predict(X)``, and so compare counts with rates.
    These call ``predict(X, exposure=exposure)``, of a pipeline too, and of the best estimator of a search. Where
    metadata routing is enabled they ask for `exposure` and `sample_weight`; `set_score_request` changes that.

    See Also
    --------
    skprox.metrics : The same for counts and expected counts from anywhere.

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

    def __init__(self, name, score):
        self._name, self._score = name, score
        self._requests = {"exposure": True, "sample_weight": True}

    def __call__(self, estimator, X, y_true, *, sample_weight=None, exposure=None):
        """Score an estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted model, a pipeline that ends in one, or a search over them.
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The covariates.
        y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The counts.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; None is 1.
        exposure : float or array-like of shape (n_samples,), default=None
            The exposure of each row; None is 1, and an error where the model was fitted with exposure.

        Returns
        -------
        float
            The score; greater is better.
        """
        need_exposure(_last_step(estimator), exposure, repr(self))
        estimator, X = _without_searches(estimator, X)
        means = estimator.predict(X) if exposure is None else estimator.predict(X, exposure=exposure)
        return self._score(y_true, means, sample_weight=sample_weight, exposure=exposure)

    def set_score_request(self, **requests):
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

    def get_metadata_routing(self):
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

    def __repr__(self):
        return self._name


def _last_step(estimator):
    """The model that a search or pipeline ends in."""
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            estimator = estimator[-1]
        else:
            return estimator


def _without_searches(estimator, X):
    """What predicts in the end, and X as the steps before a search transform it: `predict` of one takes X alone."""
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline) and hasattr(estimator[-1], "best_estimator_"):
            X = estimator[:-1].transform(X) if len(estimator) > 1 else X
            estimator = estimator[-1]
        else:
            return estimator, X


def _negative_deviance(y_true, y_pred, sample_weight, exposure):
    counts, means = check_counts_like(y_true, check_means(y_pred))
    return -float(np.mean(mean_deviance(counts, means, check_weight(sample_weight, means))))


poisson_deviance_scorer = PoissonScorer("poisson_deviance_scorer", _negative_deviance)
mcfadden_scorer = PoissonScorer("mcfadden_scorer", mcfadden_r2)
