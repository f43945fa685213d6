"""Regularization paths: one model for each of many strengths."""

from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral, Real

import numpy as np
import pandas as pd
from scipy.special import gammaln, xlogy
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array

from skprox._compat import Interval, StrOptions, validate_parameters, validate_params
from skprox.base import name_arguments
from skprox.criteria import Sample
from skprox.engine import Settings, follow, ignore, open_objective, without_penalised
from skprox.groups import group_norms
from skprox.joint import by_output
from skprox.metrics import mean_deviance, share_explained
from skprox.model import check_data
from skprox.patterns import pattern_of
from skprox.poisson import GroupLassoPoisson, PoissonGLMRegressor
from skprox.validation import check_exposure, check_weight, warn


@dataclass(frozen=True, eq=False)
class RegularizationPath:
    """Models along a grid of strengths, strongest first, as `regularization_path` returns them.

    With a 2-D target all but `alphas` have an axis of outputs after that of strengths. Where outputs are one model
    (``multi_output="joint"``), `optimality` and `n_iter` are the same for all.

    Attributes
    ----------
    alphas : ndarray of shape (n_alphas,)
        The strengths, in descending order.
    coefs : ndarray of shape (n_alphas, n_features)
        Coefficients.
    intercepts : ndarray of shape (n_alphas,)
        Intercepts.
    deviance_explained : ndarray of shape (n_alphas,)
        Share of the Poisson deviance of the rows of the fit that the model explains: D² of `score`.
    optimality : ndarray of shape (n_alphas,)
        The certificate of each model, as in `optimality_`.
    n_iter : ndarray of shape (n_alphas,)
        Number of steps of each model.
    groups : dict
        Name of a group to the positions of its columns.
    feature_names : list of str
        Names of the columns.
    deviance : ndarray of shape (n_alphas,)
        Poisson deviance of the rows of the fit, each as often as its weight says.
    log_likelihood : ndarray of shape (n_alphas,)
        Poisson log-likelihood of these rows.
    n_samples : float
        Number of these rows: the sum of their weights.
    output_names : ndarray of shape (n_outputs,) or None
        Names of the outputs, where y is a frame whose columns have labels.
    """

    alphas: np.ndarray
    coefs: np.ndarray
    intercepts: np.ndarray
    deviance_explained: np.ndarray
    optimality: np.ndarray
    n_iter: np.ndarray
    groups: dict
    feature_names: list
    deviance: np.ndarray
    log_likelihood: np.ndarray
    n_samples: float
    _sample: Sample
    output_names: np.ndarray | None = None

    def __repr__(self):
        shape = " x ".join(map(str, self.intercepts.shape))
        return f"<RegularizationPath: {shape} models, alpha {self.alphas[0]:.3g} to {self.alphas[-1]:.3g}>"

    @cached_property
    def group_norms(self):
        """Euclidean norms of the coefficients of each group: ndarray of shape (n_alphas, n_groups)."""
        return group_norms(self.coefs, self.groups)

    @cached_property
    def degrees_of_freedom(self):
        """How many free coefficients each model is worth: ndarray of shape (n_alphas,).

        tr((H + P)^-1 H), with the Hessian H of the data term and the curvature P of the penalty, both in the
        intercept and the coefficients of what is in play: of groups that are selected or have no penalty. A
        coefficient without a penalty counts 1, one that the lasso selects 1 as well [1]_. Ridge penalties count for
        less, and so do groups of a group lasso: its norm bends in all directions but one, so that a group counts
        for more than 1 and less than its size [2]_. Of outputs that are one model each has the trace of its own
        block.

        Computed from the rows of the fit when it is first asked for. A path keeps these for that purpose, but not
        when it is pickled.

        References
        ----------
        .. [1] Zou, Hastie and Tibshirani (2007), "On the 'degrees of freedom' of the lasso", Annals of Statistics
           35(5).
        .. [2] Vaiter, Deledalle, Fadili, Peyré and Dossal (2017), "The degrees of freedom of partly smooth
           regularizers", Annals of the Institute of Statistical Mathematics 69(4).
        """
        if self._sample.X is None:
            raise AttributeError(
                "degrees_of_freedom are computed from the rows of the fit, which this path has not kept: paths "
                "forget them when they are pickled, as is path_ of StabilitySelection. Ask for them before, of what "
                "regularization_path returns."
            )
        return self._by_output(self._sample.degrees_of_freedom, self.alphas)

    @validate_params({"kind": [StrOptions({"aic", "bic", "ebic", "gcv"})]}, prefer_skip_nested_validation=True)
    def information_criterion(self, kind):
        """What each model is expected to lose on other rows, or against others in probability: less is better.

        With the log-likelihood l, the deviance D, the number of rows n (`n_samples`) and the degrees of freedom df:

        - "aic": -2 l + 2 df [1]_, for prediction;
        - "bic": -2 l + log(n) df [2]_, for finding what has an effect;
        - "ebic": that + 2 log C(p, k), the extended BIC with gamma = 1 [3]_, where C(p, k) is the
          number of sets of k groups of the p that may be in or out (of columns, in a PoissonGLMRegressor), and k of
          them are in. For many groups, of which few have an effect. Of K outputs that are one model each has 1 / K
          of that;
        - "gcv": n D / (n - df)^2, generalised cross-validation [4]_, also for prediction. Infinite where df is n
          or more.

        All but "gcv" take the variance of counts to equal their mean, and choose too weak a penalty where it is
        larger.

        Parameters
        ----------
        kind : {"aic", "bic", "ebic", "gcv"}
            Which one.

        Returns
        -------
        ndarray of shape (n_alphas,)
            The criterion of each model.

        References
        ----------
        .. [1] Akaike (1974), "A new look at the statistical model identification", IEEE Transactions on Automatic
           Control 19(6).
        .. [2] Schwarz (1978), "Estimating the dimension of a model", Annals of Statistics 6(2).
        .. [3] Chen and Chen (2008), "Extended Bayesian information criteria for model selection with large model
           spaces", Biometrika 95(3).
        .. [4] Craven and Wahba (1979), "Smoothing noisy data with spline functions", Numerische Mathematik 31.
        """
        n, df = self.n_samples, self.degrees_of_freedom
        if kind == "gcv":
            with np.errstate(divide="ignore"):
                return np.where(df < n, n * self.deviance / (n - df) ** 2, np.inf)
        criterion = -2 * self.log_likelihood + (2.0 if kind == "aic" else np.log(n)) * df
        if kind == "ebic":
            criterion += 2 * self._by_output(lambda coefs, intercepts: self._sample.log_numbers_of_models(coefs))
        return criterion

    def best(self, kind):
        """The position of the model with the least `information_criterion`.

        A warning says so where that is the weakest strength, as a weaker one may then be better. Of one model of all
        outputs (``multi_output="joint"``) it is that with the least sum over outputs.

        Parameters
        ----------
        kind : {"aic", "bic", "ebic", "gcv"}
            The criterion.

        Returns
        -------
        int or ndarray of shape (n_outputs,)
            The position along the strengths, for each output of a 2-D target that has a model of its own.

        Examples
        --------
        >>> import numpy as np
        >>> from skprox import GroupLassoPoisson, regularization_path
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(500, 6))
        >>> y = rng.poisson(np.exp(0.5 + X[:, :2] @ [0.4, -0.2]))
        >>> path = regularization_path(GroupLassoPoisson(groups=["a", "a", "b", "b", "c", "c"]), X, y)
        >>> best = path.best("bic")
        >>> path.group_norms[best].round(2)
        array([0.32, 0.  , 0.  ])
        >>> float(path.degrees_of_freedom[best].round(2))
        2.76
        """
        criterion = self.information_criterion(kind)
        if self._sample.factors is not None:
            criterion = criterion.sum(axis=-1) if criterion.ndim == 2 else criterion
        best = np.argmin(criterion, axis=0)
        at_end = np.count_nonzero(best == len(self.alphas) - 1)
        if at_end and len(self.alphas) > 1:
            which = f" of {at_end} of {best.size} outputs" if best.ndim else ""
            warn(
                f"The least {kind}{which} is at the end of the path, alpha={self.alphas[-1]:.3g}: a weaker penalty "
                "may be better. Give regularization_path a smaller alpha_min_ratio, or smaller alphas."
            )
        return best if best.ndim else int(best)

    def check_alphas(alphas, patterns):
    """Strengths in descending order, or the number of them."""
    if not isinstance(alphas, Integral):
        alphas = check_array(
            alphas, ensure_2d=False, dtype=np.float64, input_name="alphas", ensure_min_samples=0, ensure_min_features=0
        )
        if alphas.ndim != 1 or alphas.size == 0 or not (alphas > 0).all():
            shape, least = alphas.shape, alphas.min(initial=np.inf)
            raise ValueError(f"alphas must be a sequence of positive numbers; got shape {shape}, least {least:g}.")
        return np.sort(alphas)[::-1]
    if any((pattern.norms(pattern.ridge)[~pattern.kinked] > 0).any() for pattern in patterns):
        raise ValueError(
            "A grid of alphas needs an L1 penalty on each column that has a ridge penalty; give alphas, or an l1_ratio "
            "above 0 (in a group lasso, an l2_ratio below 1)."
        )
    if not any(pattern.can_enter.any() for pattern in patterns):
        raise ValueError("A grid of alphas needs a group with a positive and finite weight; give alphas.")
    return alphas


def grid(objective, patterns, starts, n_alphas, alpha_min_ratio):
    """Strengths evenly spaced in logarithm, from the critical one of all outputs; one where nothing can enter."""
    gradients = [start.gradient for start in starts]
    critical = max(p.critical(*each) for p, *each in zip(patterns, gradients, objective.rounding, strict=False))
    return critical * np.geomspace(1.0, alpha_min_ratio, n_alphas) if critical > 0 else np.ones(1)


def print_strength(pattern):
    """A function that prints a line a strength, of the first of the results there."""

    def report(alpha, results):
        point, penalty = results[0].point, pattern.scaled(alpha)
        print(
            f"alpha {alpha:.4g}: objective {point.value + penalty.value(point.coef):.10g}, "
            f"certificate {results[0].shortfall:.2e}, {np.count_nonzero(penalty.norms(point.coef))} groups"
        )

    return report


def warn_of_shortfalls(outputs, alphas, tol, dtype):
    short = [(result.shortfall, alpha) for results in outputs for result, alpha in zip(results, alphas, strict=True)]
    above = [alpha for shortfall, alpha in short if not shortfall <= tol]
    if above:
        precision = ", pass float64" if dtype == np.float32 else ""
        warn(
            f"{len(above)} of {len(short)} models stopped with a certificate above tol={tol:.1e}, at worst "
            f"{max(short)[0]:.1e}; the strongest at alpha={max(above):.3g}. To remedy it, raise max_iter or tol, bring "
            f"the columns of X to like scales{precision}, or keep to larger alphas.",
            ConvergenceWarning,
        )
