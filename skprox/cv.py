"""Poisson regression whose strength is chosen by cross-validation."""

from collections.abc import Iterator
from functools import partial
from numbers import Integral, Real
from operator import add
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy
from sklearn.model_selection import check_cv
from sklearn.utils import indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from skprox._compat import Interval, StrOptions, _fit_context, _raise_for_params, _routing_enabled
from skprox._typing import CountsLike, Groups, MatrixLike, RowsLike, Splits, Strengths
from skprox.base import name_arguments
from skprox.callbacks import Tasks, with_callbacks
from skprox.designs import add as add_arrays
from skprox.engine import Settings, fit_each, ignore, open_objective, solve_path, without_penalised
from skprox.model import CountModel, check_data
from skprox.overdispersion import check_overdispersion, estimated, held, is_estimated
from skprox.path import check_alphas, grid, print_strength, warn_of_shortfalls
from skprox.patterns import pattern_of
from skprox.poisson import GroupLassoPoisson, PoissonGLMRegressor
from skprox.relax import refit, released
from skprox.validation import check_rates, is_dask, warn

FIRST_END, LAST_END = 1e-2, 1e-4  # least and most that the grid of "auto" goes down, as shares of its largest strength
STILL_FALLS = 1e-3  # of what the whole path gains, by half the strength


def _constraints(kind):
    """Constraints on the parameters of an estimator of this kind that chooses its strength."""
    constraints = kind._parameter_constraints | {
        "alphas": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "alpha_min_ratio": [Interval(Real, 0, 1, closed="neither"), StrOptions({"auto"})],
        "cv": ["cv_object"],
        "selection": [StrOptions({"min", "1se"})],
        "relax": ["boolean"],
    }
    return {name: each for name, each in constraints.items() if name not in ("alpha", "warm_start")}


class _CrossValidated(CountModel):
    """What the estimators share that choose a strength: all but the parameters of the estimator whose it is."""

    @name_arguments
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: MatrixLike,
        y: CountsLike,
        sample_weight: RowsLike | None = None,
        exposure: RowsLike | None = None,
        **params: Any,
    ) -> Self:
        """Fit the model at the strength that cross-validation chooses.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The covariates. C and F order, CSR and CSC, float64 and float32 are used as they are.
            Dask arrays and frames stay where they are, as `y` and what else has an entry for each row may do: each
            pass over them is a task for each partition, of which arrays as large as the coefficients come back.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Counts, or any non-negative numbers. All columns get the same strength.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, in fitting and in scoring; None is 1.
        exposure : float or array-like of shape (n_samples,), default=None
            The time, area or number at risk behind each count; None is 1.
        **params : dict
            What the splitter takes, as `groups`, by metadata routing:
            ``sklearn.set_config(enable_metadata_routing=True)``.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        _raise_for_params(params, self, "fit")
        data = check_data(self, X, y, sample_weight, exposure)
        columns, n_outputs = data.columns, data.n_outputs
        data = data.with_arrays(**self._split(X, y, data.n_rows, params))
        totals, held_out, n_used = _check_folds(data)
        candidates = self._candidates()
        problem = 1.0, columns, n_outputs, data.dtype.type
        patterns = [pattern_of(candidate).penalties(*problem) for candidate in candidates]
        alphas = [check_alphas(self.alphas, each) for each in patterns]
        n_alphas = alphas[0] if isinstance(alphas[0], Integral) else len(alphas[0])
        n_tasks = None if self._goes_on() else len(candidates) * len(patterns[0]) * n_alphas
        tasks = Tasks(self, n_tasks, X, y, sample_weight=sample_weight, exposure=exposure)
        folds = partial(_weigh_folds, totals), 1 + len(totals)
        overdispersion = check_overdispersion(self, data)
        with open_objective(data, self.fit_intercept, self.n_jobs, overdispersion, *folds) as objective:
            inner = [[pattern.on(objective.occupied) for pattern in each] for each in patterns]
            if is_estimated(self):
                strengths = partial(self._first_alphas, patterns=inner[0], alphas=alphas[0])
                objective = held(objective, inner[0], strengths, Settings.of(self))
            solve_all = partial(self._solve_folds, objective, tasks, data)
            held_out = partial(_held_out, objective, data, held_out)
            alphas, paths = zip(*map(solve_all, inner, alphas), strict=True)
            deviances = [*map(held_out, paths)]
            for weaker in self._weaker(np.array(alphas)):
                if not any(map(_still_falls, alphas, deviances)):
                    break
                _, parts = zip(*map(solve_all, inner, weaker, paths), strict=True)
                deviances = [np.vstack([each, held_out(part)]) for each, part in zip(deviances, parts, strict=True)]
                alphas = np.hstack([alphas, weaker])
                paths = [[*map(add, *each)] for each in zip(paths, parts, strict=True)]
            n_alphas = max(len(path[0]) for path in paths)  # fewer where a callback stopped some
            grids, alphas = alphas, np.array(alphas)[:, :n_alphas]
            deviance = np.full((len(paths), n_alphas, len(totals)), np.nan)
            for k, each in enumerate(deviances):
                deviance[k, : len(each)] = each
            relaxed, without = [], np.full_like(deviance, np.nan)
            for k, path in enumerate(paths if self.relax else []):
                n_rows = n_used * (objective.n_blocks or 1)
                relaxed.append(self._relax(objective, inner[k], n_rows, path))
                without[k, : len(path[0])] = held_out(relaxed[k])
                of_all_rows = [[np.max(results[0].point.intercept) for results in way] for way in relaxed[k]]
                without[k, : len(path[0])][np.isnan(of_all_rows).any(axis=0)] = np.nan
            best, where = _choose(np.concatenate([deviance, without]), self.selection)
            self.relaxed_, best = best >= len(paths), best % len(paths)
            chosen, self.alpha_ = paths[best], float(alphas[best, where])
            penalties = [pattern.scaled(self.alpha_) for pattern in patterns[best]]
            results = [way[where][0] for way in (relaxed if self.relaxed_ else paths)[best]]
            if is_estimated(self):
                selected = [way[where][0].point.coef for way in chosen] if self.relaxed_ else None
                objective, results = self._estimate(objective, inner[best], results, selected)
            self._unpack(results, objective, penalties, patterns[best], data)
            self._warn_of_empty(self.alpha_, [p.on(objective.occupied) for p in penalties], objective)
        for grid_, path in zip(alphas, paths, strict=True):
            fits = [fit for way in path for fit in zip(*way, strict=True)]
            warn_of_shortfalls(fits, grid_[: len(path[0])], self, data.dtype)
        if self.relaxed_:
            values = [result.point.value for result in results]
            self.objective_ = np.array(values) if np.ndim(self.objective_) else values[0]
            self._warn_above_tol(results)
        # as long as the longest path, which this one is not where a callback stopped it
        coefs = np.full((n_alphas, len(chosen), objective.shape[1]), np.nan, dtype=self.coef_.dtype)
        for k, way in enumerate(chosen):
            coefs[: len(way), k] = [results[0].point.coef for results in way]
        parts = objective.expand(coefs).reshape(n_alphas, n_outputs or 1, -1)
        parts = parts if n_outputs else parts[:, 0]
        self.coef_path_ = columns.fold(parts)
        vars(self).pop("latent_coef_path_", None)
        if columns.overlap:
            self.latent_coef_path_ = columns.split(parts)
        self._keep(candidates, best, alphas, deviance)
        vars(self).pop("relaxed_deviance_path_", None)
        if self.relax:
            self.relaxed_deviance_path_ = without.reshape(self.deviance_path_.shape)
        of_kind = without if self.relaxed_ else deviance
        self._warn_of_ends(grids[best], of_kind[best, : len(deviances[best])], where)
        tasks.end()
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = False  # the strength is chosen so that it isn't
        return tags

    def get_metadata_routing(self) -> Any:
        """Get metadata routing of this object.

        Returns
        -------
        routing : MetadataRouter
            What `fit`, `predict` and `score` take, and what the splitter takes.
        """
        mapping = MethodMapping().add(caller="fit", callee="split")
        cv = None if isinstance(self.cv, Iterator) else self.cv  # which to look at is to use up
        return MetadataRouter(owner=self).add_self_request(self).add(splitter=check_cv(cv), method_mapping=mapping)

    def _split(self, X, y, n_rows, params):
        """How often each fold trains on each row, and holds it out: arrays of shape (n_folds, n_rows)."""
        routed = process_routing(self, "fit", **params).splitter.split if _routing_enabled() else {}
        X, y = (np.broadcast_to(0.0, (n_rows, 1)), None) if is_dask(X) else indexable(X, y)
        splits = check_cv(self.cv).split(X, y, **routed)
        counts = [[_multiplicity(rows, n_rows, fold) for rows in split] for fold, split in enumerate(splits)]
        if not counts:
            raise ValueError(f"cv={self.cv!r} gives no splits. A generator can be used only once: pass a list of them.")
        return dict(zip(("train", "test"), map(np.array, zip(*counts, strict=True)), strict=True))

    def _keep(self, candidates, best, alphas, deviance):
        self.alphas_, self.deviance_path_ = alphas[0], deviance[0]

    def _common(self, kind):
        """The parameters that an estimator of this kind has as well."""
        names = kind().get_params(deep=False)
        return {name: value for name, value in self.get_params(deep=False).items() if name in names}

    def _warn_of_ends(self, alphas, deviance, where):
        """Say where the best strength may lie beyond the grid."""
        means, name = deviance.mean(axis=1), type(self).__name__
        if len(alphas) > 1 and means.argmin() == len(alphas) - 1 and _still_falls(alphas, deviance):
            warn(
                f"The mean held-out deviance of {name} still falls at the weakest strength, alpha={alphas[-1]:.3g}, "
                "where its grid ends: the best may be a weaker one. Give alphas that go on from there, or a smaller "
                "alpha_min_ratio, and compare with alpha=0."
            )
        if len(alphas) > 1 and where == 0 and self.coef_.any() and not isinstance(self.alphas, Integral):
            warn(
                f"{name} chose the strongest of alphas, {alphas[0]:.3g}, whose model still has coefficients other than "
                "0: the best may be a stronger one. Give alphas that begin above it."
            )

    def _advice(self):
        if self.selection == "1se":
            return "Held-out rows do not tell it from better ones by one standard error: see selection='min'."
        return "No weaker strength of the grid does better on rows held out."

    def _goes_on(self):
        """Whether the grid of strengths has no end that is known before."""
        return self.alpha_min_ratio == "auto" and isinstance(self.alphas, Integral) and self.alphas > 1

    def _weaker(self, alphas):
        """Strengths, of each candidate, with which a grid without a known end goes on, a part at a time."""
        n_alphas = alphas.shape[1]
        if self._goes_on() and n_alphas > 1:
            shares = np.geomspace(FIRST_END, LAST_END, n_alphas)[1:]
            for part in np.array_split(shares, min(4, len(shares))):
                yield alphas[:, :1] * part

    def _solve_folds(self, objective, tasks, data, patterns, alphas, before=None):
        """Strengths, and for each output a list over them of the results: of all rows, then of each fold.

        `before` are such lists for the strengths above these.
        """
        n_counts = len(patterns)
        outputs = [range(k, len(objective.total), n_counts) for k in range(n_counts)]
        if before is None:
            starts = [
                [without_penalised(objective, output, pattern, Settings.of(self)) for output in each]
                for each, pattern in zip(outputs, patterns, strict=True)
            ]
            alphas = self._grid(objective, patterns, [each[0] for each in starts], alphas)
        else:
            last = [np.array([result.point.coef for result in path[-1]], dtype=np.float64) for path in before]
            starts = [objective.points(*each) for each in zip(last, map(np.array, outputs), strict=True)]
        folds = ["all rows", *(f"fold {k}" for k in range(len(outputs[0]) - 1))]

        def reporter(pattern):
            if not (self.verbose or tasks.are_watched):
                return ignore
            say = print_strength(pattern) if self.verbose else ignore

            def report(alpha, results):
                say(alpha, results)
                point = results[0].point

                def fitted():
                    coef = data.columns.fold(objective.expand(point.coef))
                    return {"coef_": coef, "intercept_": point.intercept}

                return tasks.report(f"alpha {alpha:.4g}", folds, fitted if data.n_outputs is None else None)

            return report

        paths = solve_path(objective, outputs, patterns, starts, alphas, Settings.of(self), [*map(reporter, patterns)])
        n_done = min(map(len, paths))
        return alphas, [path[:n_done] for path in paths]

    def _grid(self, objective, patterns, starts, alphas):
        if not isinstance(alphas, Integral):
            return alphas
        least = FIRST_END if self.alpha_min_ratio == "auto" else self.alpha_min_ratio
        return grid(objective, patterns, starts, alphas, least)

    def _first_alphas(self, objective, patterns, alphas):
        """The strengths that a path begins with."""
        starts = [without_penalised(objective, k, each, Settings.of(self)) for k, each in enumerate(patterns)]
        return self._grid(objective, patterns, starts, alphas)

    def _estimate(self, objective, patterns, results, selected):
        """The objective at the overdispersions of the model chosen, and its results with these.

        `selected` are coefficients of all outputs whose zeros tell what is left out where the rest has no penalty.
        """
        if selected is None:
            penalties = [pattern.scaled(self.alpha_) for pattern in patterns]
        else:
            penalties = [released(pattern, coef) for pattern, coef in zip(patterns, selected, strict=True)]

        def fit(objective, starts):
            return fit_each(objective, penalties, range(len(penalties)), starts, Settings.of(self))

        objective, starts = estimated(objective, [result.point for result in results], fit, self.tol)
        return objective, fit(objective, starts)

    def _relax(self, objective, patterns, n_rows, paths):
        """What `_solve_folds` returns, without a penalty on what is selected."""
        ways = [
            [
                refit(Settings.of(self), objective, pattern, k + fold * len(paths), n, results)
                for fold, (n, results) in enumerate(zip(n_rows, zip(*path, strict=True), strict=True))
            ]
            for k, (pattern, path) in enumerate(zip(patterns, paths, strict=True))
        ]
        return [list(zip(*way, strict=True)) for way in ways]


def _multiplicity(rows, n_rows, fold):
    """How often each row is among some that are given by their positions, or by a mask."""
    rows = np.asarray(rows)
    if rows.ndim != 1 or rows.dtype.kind not in "iub":
        raise ValueError(f"Fold {fold} of cv must be two sequences of positions of rows, or two masks; got {rows!r}.")
    counts = np.bincount(np.arange(n_rows)[rows], minlength=n_rows)
    return counts.astype(np.min_scalar_type(counts.max(initial=0)))


def _check_folds(data):
    """Sums of the weights that each fold trains on and holds out, and the number of rows behind each of all fits."""

    def task(rows):
        weight = rows["weight"].astype(np.float64)
        trained, held_out = weight * rows["train"], weight * rows["test"]
        n_used = np.count_nonzero(np.vstack([weight, trained]), axis=1)
        return trained.sum(axis=1), held_out.sum(axis=1), trained @ rows["counts"].T, n_used

    totals, held_out, counted, n_used = data.reduce(add_arrays, task)
    for fold, total in enumerate(totals):
        if not (total > 0 and held_out[fold] > 0 and (counted[fold] > 0).all()):
            raise ValueError(
                f"Fold {fold} of cv trains on no positive count, or holds out no row with a positive sample_weight. "
                "Use fewer folds, or a splitter that spreads the counts."
            )
        check_rates(counted[fold] / total, data.dtype)
    return totals, held_out, n_used


def _weigh_folds(totals, rows):
    """Weights of the rows of all fits, each with sum one: all rows, then those that each fold trains on."""
    weight = rows["weight"]
    return {"weights": np.vstack([weight, weight * rows["train"] / totals[:, None]]).astype(weight.dtype, copy=False)}


def _held_out(objective, data, totals, paths):
    """Mean deviance of the rows that each fold holds out, the mean over outputs: (n_alphas, n_folds).

    One pass over X: a chunk of rows serves all folds. `totals` are the weights of these rows.
    """
    n_outputs, n_folds, n_alphas = data.n_outputs or 1, len(totals), len(paths[0])
    points = [[[results[1 + fold].point for results in path] for path in paths] for fold in range(n_folds)]
    coefs = np.array([[[p.coef for p in way] for way in fold] for fold in points]).astype(objective.precision)
    intercepts = np.array([[[p.intercept for p in way] for way in fold] for fold in points])
    if objective.n_blocks:  # one path of all outputs
        coefs = coefs.reshape(n_folds, n_alphas, n_outputs, -1).swapaxes(1, 2)
        intercepts = intercepts.reshape(n_folds, n_alphas, n_outputs).swapaxes(1, 2)
    omega = objective.omega[:n_outputs]

    def task(rows):
        losses, chunk = np.zeros((n_folds, n_outputs, n_alphas)), rows.cut()
        counts = rows["counts"].astype(np.float64)  # deviances are small differences
        held = rows["weight"].astype(np.float64) * rows["test"]
        for fold in range(n_folds):
            mine = np.flatnonzero(held[fold])
            part, shares = chunk[mine], held[fold, mine]
            for k in range(n_outputs):
                eta = np.asarray(part @ coefs[fold, k].T, dtype=np.float64)
                eta += rows["offset"][mine, None] + intercepts[fold, k]
                losses[fold, k] += _weighted_loss(shares, counts[k, mine], eta, omega[k])
        return losses, held @ _least_loss(counts, omega[:, None]).T

    losses, best = objective.design.reduce(add_arrays, task, len(coefs[0, 0, 0]), n_alphas)
    deviances = 2 * (losses - best[:, :, None]) / totals[:, None, None]
    return np.average(deviances, axis=1, weights=data.factors).T


def _weighted_loss(weight, counts, eta, omega):
    """Sum over rows of weight times loss for each column of eta, which is work from then on."""
    if omega == 0:
        with np.errstate(over="ignore"):
            linear = (weight * counts) @ eta
            return weight @ np.exp(eta, out=eta) - linear
    from skprox.losses import nb_values

    nothing, first = np.zeros(max(eta.shape)), np.zeros(eta.shape[1], dtype=int)
    rows = nothing, weight[None], counts[None], first, first
    return nb_values(eta.T.copy(), nothing, *rows, np.full(len(first), omega))


def _least_loss(counts, omega):
    """That of each count where it is the mean."""
    z = omega * counts
    rise = np.divide(np.log1p(z), omega, out=counts.copy(), where=z > 0)
    return rise + counts * np.log1p(z) - xlogy(counts, counts)


def _still_falls(alphas, deviance):
    """Whether the mean over folds still falls at the weakest strength.

    A weak penalty costs deviance in proportion to its strength or to the square of it, so that there is no more left to
    gain than half the strength has gained last.
    """
    means = deviance.mean(axis=1)
    if len(means) < len(alphas):  # a callback stopped the path
        return False
    twice = max(np.count_nonzero(alphas >= 2 * alphas[-1]) - 1, 0)
    with np.errstate(invalid="ignore"):  # infinite where means overflow
        return bool(means[twice] - means[-1] > STILL_FALLS * (means[0] - means.min()))


def _choose(deviance, selection):
    """The candidate and the position of the strength with the least mean, or of the largest within its error."""
    means = deviance.mean(axis=2)
    best, where = np.unravel_index(np.nanargmin(means), means.shape)
    if selection == "1se" and deviance.shape[2] > 1:
        error = deviance[best, where].std(ddof=1) / np.sqrt(deviance.shape[2])
        where = np.argmax(means[best] <= means[best, where] + error)
    return int(best), int(where)


class PoissonGLMRegressorCV(_CrossValidated):
    """`PoissonGLMRegressor` with `alpha` and `l1_ratio` chosen by cross-validation.

    Folds, and the fit to all rows, follow the path of strengths in lockstep: they share each pass over X.
    The mean over folds of the mean held-out deviance, by the weights and exposure of the rows held
    out, tells which strength is best; the model is then the one of all rows at that strength.

    Parameters
    ----------
    alphas : int or array-like of shape (n_alphas,), default=100
        The strengths, or how many of them, evenly spaced in logarithm from `alpha_max_` (of all rows, the
        smallest at which all penalised coefficients are 0) down to `alpha_min_ratio` times that.
    alpha_min_ratio : float or "auto", default="auto"
        The smallest strength as a share of the largest, where `alphas` is a number. "auto" is 0.01; where the mean
        held-out deviance still falls there, the grid goes on with the same spacing, at most down to 0.0001. It falls
        as long as half the strength gains more than a thousandth of what all of the path has gained.
    l1_ratio : float, list of float, dict, Series or DataFrame, default=1.0
        Share of the L1 norm in the penalty. Of a list each is tried. A dict, Series or DataFrame gives each
        coefficient its own, as in `PoissonGLMRegressor`.
    cv : int, cross-validation generator or iterable, default=None
        How rows are split, as in `sklearn.model_selection.GridSearchCV`: None is 5-fold, an integer the number of
        folds; a splitter, which is given X and y as they are (of Dask it knows the number of rows alone); or pairs of
        positions of rows, or of masks.
    selection : {"min", "1se"}, default="min"
        "min" takes the strength with the least mean deviance, "1se" the largest one whose mean is within one
        standard error of that (Breiman et al., 1984).
    relax : bool, default=False
        Whether to try as well, at each strength and in each fold, the fit without a penalty of what is selected there
        (Meinshausen, 2007): few coefficients or groups that are not shrunken. Not where these are more than half as
        many columns as rows.
    penalty : {"lasso", "mcp", "scad"}, default="lasso"
        The L1 part, as in `PoissonGLMRegressor`.
    gamma : float, default=None
        How soon "mcp" and "scad" level off, as in `PoissonGLMRegressor`.
    penalty_weights : float, array-like, dict, Series or DataFrame, default=None
        Factors on the strength, as in `PoissonGLMRegressor`.
    bounds : tuple, array-like of shape (n_features, 2) or dict, default=None
        Lower and upper bounds of the coefficients, as in `PoissonGLMRegressor`.
    groups : str, int, callable, dict or array-like, default="auto"
        Which columns belong together, as in `GroupLassoPoisson`. Here groups only give names.
    overdispersion : float, array-like of shape (n_outputs,) or "estimate", default=0.0
        By how much counts vary more than Poisson counts do, as in `PoissonGLMRegressor`. Deviances are those of the
        negative binomial distribution where it is not 0. "estimate" holds one value for all strengths and folds, and
        estimates that of the model chosen anew. See Notes.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    solver : {"auto", "fista", "newton"}, default="auto"
        As in `PoissonGLMRegressor`.
    tol : float, default=1e-6
        Upper bound on the certificate of each fit.
    max_iter : int, default=10000
        Upper bound on the number of steps of each fit.
    n_jobs : int, default=None
        Number of threads for passes over X. None is as many as BLAS may use, -1 all processors.
    verbose : int, default=0
        Whether to print a line a strength: objective, certificate and groups of the fit to all rows.
    multi_output : {"separate", "joint"}, default="separate"
        What a 2-D target is, as in `PoissonGLMRegressor`: a model for each output, or one of all.
    output_weights : "balanced", array-like of shape (n_outputs,), dict or Series, default=None
        With ``multi_output="joint"``, factors on the data terms of the outputs, as in `PoissonGLMRegressor`. They
        weigh the held-out deviances of outputs in their mean, too. Folds have those of all rows.

    Attributes
    ----------
    alpha_ : float
        The strength chosen.
    l1_ratio_ : float, dict, Series or DataFrame
        The ratio chosen.
    alphas_ : ndarray of shape (n_alphas,) or (n_l1_ratios, n_alphas)
        The strengths, in descending order, for each ratio if there are several.
    deviance_path_ : ndarray of shape (n_alphas, n_folds) or (n_l1_ratios, n_alphas, n_folds)
        Mean deviance of the rows held out, Poisson or negative binomial, the mean over outputs.
    relaxed_ : bool
        Whether the model is the fit without a penalty. `summary` then has the strengths that selected, and
        `covariance` is refused as for other selected models, for what is selected fits its own rows too well.
    relaxed_deviance_path_ : ndarray of the shape of `deviance_path_`
        The same without a penalty on what is selected, NaN where that is too much. Only with ``relax=True``.
    coef_path_ : ndarray of shape (n_alphas, n_features) or (n_alphas, n_outputs, n_features)
        Coefficients of the penalised fits to all rows, at the ratio chosen.
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Coefficients of the model.
    intercept_ : float or ndarray of shape (n_outputs,)
        Its intercept.
    n_iter_ : int or ndarray of shape (n_outputs,)
        Number of its steps.
    objective_, optimality_ : float or ndarray of shape (n_outputs,)
        Value and certificate of its problem, as in `PoissonGLMRegressor`.
    alpha_max_ : float or ndarray of shape (n_outputs,)
        The smallest strength at which all coefficients are 0, where each column has an L1 penalty.
    groups_, group_norms_, selected_groups_ : dict, dict, list
        As in `PoissonGLMRegressor`.
    overdispersion_ : float or ndarray of shape (n_outputs,)
        The overdispersion of the model, as given or estimated; 0 is Poisson.
    has_exposure_ : bool
        Whether the model was fitted with exposure.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str
        Names of the columns of X, where all are strings.
    output_names_ : ndarray of shape (n_outputs,)
        Names of the outputs, where y is a frame whose columns have labels.

    See Also
    --------
    GroupLassoPoissonCV : Keeps or drops whole groups of columns.
    regularization_path : Models at many strengths.
    sklearn.linear_model.ElasticNetCV : The same for squared errors.

    Notes
    -----
    ``overdispersion="estimate"`` is estimated beside the fit to all rows at the geometric mean of the first strengths,
    and held for the path and the folds, so that their deviances compare means alone: see `regularization_path`, also
    for why that is safe. Of several ratios the first one counts. The model chosen is then fitted anew with an estimate
    of its own, as the estimator without CV in its name is, and differs by that little from the row of `coef_path_`.

    Examples
    --------
    >>> import numpy as np
    >>> from skprox import PoissonGLMRegressorCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 5))
    >>> y = rng.poisson(np.exp(1 + X[:, :2] @ [0.5, -0.3]))
    >>> model = PoissonGLMRegressorCV(selection="1se").fit(X, y)
    >>> model.selected_groups_
    ['x0', 'x1']
    """

    _parameter_constraints = _constraints(PoissonGLMRegressor)

    def __init__(
        self,
        *,
        alphas: int | ArrayLike = 100,
        alpha_min_ratio: float | str = "auto",
        l1_ratio: Strengths = 1.0,
        cv: Splits | None = None,
        selection: str = "min",
        relax: bool = False,
        penalty: str = "lasso",
        gamma: float | None = None,
        penalty_weights: Strengths | None = None,
        bounds: Any = None,
        groups: Groups = "auto",
        overdispersion: float | str | ArrayLike = 0.0,
        fit_intercept: bool = True,
        solver: str = "auto",
        tol: float = 1e-6,
        max_iter: int = 10_000,
        n_jobs: int | None = None,
        verbose: int = 0,
        multi_output: str = "separate",
        output_weights: RowsLike | str | None = None,
    ) -> None:
        self.alphas = alphas
        self.alpha_min_ratio = alpha_min_ratio
        self.l1_ratio = l1_ratio
        self.cv = cv
        self.selection = selection
        self.relax = relax
        self.penalty = penalty
        self.gamma = gamma
        self.penalty_weights = penalty_weights
        self.bounds = bounds
        self.groups = groups
        self.overdispersion = overdispersion
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.multi_output = multi_output
        self.output_weights = output_weights

    def _candidates(self):
        common = self._common(PoissonGLMRegressor)
        ratios = self.l1_ratio if self._has_ratios() else [self.l1_ratio]
        if len(ratios) == 0:
            raise ValueError("l1_ratio is an empty list; give a number, or a list of those to choose from.")
        if self._has_ratios() and not all(isinstance(ratio, Real) for ratio in ratios):
            raise TypeError(
                f"l1_ratio must be a number, a list of numbers, or a dict or Series; got {self.l1_ratio!r}."
            )
        return [PoissonGLMRegressor(**common | {"l1_ratio": ratio}) for ratio in ratios]

    def _keep(self, candidates, best, alphas, deviance):
        several = self._has_ratios()
        self.alphas_, self.deviance_path_ = (alphas, deviance) if several else (alphas[0], deviance[0])
        self.l1_ratio_ = candidates[best].l1_ratio

    def _has_ratios(self):
        """Whether there are several to choose from."""
        return not (isinstance(self.l1_ratio, Real) or hasattr(self.l1_ratio, "items"))


class GroupLassoPoissonCV(_CrossValidated):
    """`GroupLassoPoisson` with `alpha` chosen by cross-validation.

    Folds, and the fit to all rows, follow the path of strengths in lockstep: they share each pass over X.
    The mean over folds of the mean held-out deviance, by the weights and exposure of the rows held
    out, tells which strength is best; the model is then the one of all rows at that strength.

    Parameters
    ----------
    alphas : int or array-like of shape (n_alphas,), default=100
        The strengths, or how many of them, evenly spaced in logarithm from the critical one (of all rows, the
        smallest at which all penalised groups are 0) down to `alpha_min_ratio` times that.
    alpha_min_ratio : float or "auto", default="auto"
        The smallest strength as a share of the largest, where `alphas` is a number. "auto" is 0.01; where the mean
        held-out deviance still falls there, the grid goes on with the same spacing, at most down to 0.0001. It falls
        as long as half the strength gains more than a thousandth of what all of the path has gained.
    cv : int, cross-validation generator or iterable, default=None
        How rows are split, as in `sklearn.model_selection.GridSearchCV`: None is 5-fold, an integer the number of
        folds; a splitter, which is given X and y as they are (of Dask it knows the number of rows alone); or pairs of
        positions of rows, or of masks.
    selection : {"min", "1se"}, default="min"
        "min" takes the strength with the least mean deviance, "1se" the largest one whose mean is within one
        standard error of that (Breiman et al., 1984).
    relax : bool, default=False
        Whether to try as well, at each strength and in each fold, the fit without a penalty of what is selected there
        (Meinshausen, 2007): few coefficients or groups that are not shrunken. Not where these are more than half as
        many columns as rows.
    groups : str, int, callable, dict or array-like, default="auto"
        Which columns belong together, as in `GroupLassoPoisson`.
    overlap : {"error", "latent"}, default="error"
        Whether groups may share columns, as in `GroupLassoPoisson`.
    group_weights : {"sqrt_size"}, float, array-like, dict, Series or DataFrame, default="sqrt_size"
        Factors on the norms, as in `GroupLassoPoisson`.
    l1_ratio, l2_ratio : float, array-like, dict, Series or DataFrame, default=0.0
        Shares of the L1 norm and of half the sum of squares in the penalty, as in `GroupLassoPoisson`.
    penalty : {"lasso", "mcp", "scad"}, default="lasso"
        The norms' part, as in `GroupLassoPoisson`.
    gamma : float, default=None
        How soon "mcp" and "scad" level off, as in `GroupLassoPoisson`.
    bounds : tuple, array-like of shape (n_features, 2) or dict, default=None
        Lower and upper bounds of the coefficients, as in `GroupLassoPoisson`.
    overdispersion : float, array-like of shape (n_outputs,) or "estimate", default=0.0
        By how much counts vary more than Poisson counts do, as in `GroupLassoPoisson`. Deviances are those of the
        negative binomial distribution where it is not 0. "estimate" holds one value for all strengths and folds, and
        estimates that of the model chosen anew. See Notes.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    solver : {"auto", "fista", "newton"}, default="auto"
        As in `GroupLassoPoisson`.
    tol : float, default=1e-6
        Upper bound on the certificate of each fit.
    max_iter : int, default=10000
        Upper bound on the number of steps of each fit.
    n_jobs : int, default=None
        Number of threads for passes over X. None is as many as BLAS may use, -1 all processors.
    verbose : int, default=0
        Whether to print a line a strength: objective, certificate and groups of the fit to all rows.
    multi_output : {"separate", "joint"}, default="separate"
        What a 2-D target is, as in `GroupLassoPoisson`: a model for each output, or one of all.
    output_weights : "balanced", array-like of shape (n_outputs,), dict or Series, default=None
        With ``multi_output="joint"``, factors on the data terms of the outputs, as in `GroupLassoPoisson`. They
        weigh the held-out deviances of outputs in their mean, too. Folds have those of all rows.

    Attributes
    ----------
    alpha_ : float
        The strength chosen.
    alphas_ : ndarray of shape (n_alphas,)
        The strengths, in descending order.
    deviance_path_ : ndarray of shape (n_alphas, n_folds)
        Mean deviance of the rows held out, Poisson or negative binomial, the mean over outputs.
    relaxed_ : bool
        Whether the model is the fit without a penalty. `summary` then has the strengths that selected, and
        `covariance` is refused as for other selected models, for what is selected fits its own rows too well.
    relaxed_deviance_path_ : ndarray of the shape of `deviance_path_`
        The same without a penalty on what is selected, NaN where that is too much. Only with ``relax=True``.
    coef_path_ : ndarray of shape (n_alphas, n_features) or (n_alphas, n_outputs, n_features)
        Coefficients of the penalised fits to all rows.
    latent_coef_path_ : dict
        Name of a group to its part of these, of shape (n_alphas, size) or (n_alphas, n_outputs, size). Only with
        ``overlap="latent"``.
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Coefficients of the model.
    latent_coef_ : dict
        Name of a group to its part of these, as in `GroupLassoPoisson`.
    intercept_ : float or ndarray of shape (n_outputs,)
        Its intercept.
    n_iter_ : int or ndarray of shape (n_outputs,)
        Number of its steps.
    objective_, optimality_ : float or ndarray of shape (n_outputs,)
        Value and certificate of its problem, as in `GroupLassoPoisson`.
    alpha_max_ : float or ndarray of shape (n_outputs,)
        The smallest strength at which all coefficients are 0, where all groups are penalised.
    groups_, group_norms_, selected_groups_ : dict, dict, list
        As in `GroupLassoPoisson`.
    overdispersion_ : float or ndarray of shape (n_outputs,)
        The overdispersion of the model, as given or estimated; 0 is Poisson.
    has_exposure_ : bool
        Whether the model was fitted with exposure.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str
        Names of the columns of X, where all are strings. Those of a MultiIndex are joined by ``__``.
    output_names_ : ndarray of shape (n_outputs,)
        Names of the outputs, where y is a frame whose columns have labels.

    See Also
    --------
    PoissonGLMRegressorCV : Lasso and elastic net.
    regularization_path : Models at many strengths.

    Notes
    -----
    ``overdispersion="estimate"`` is estimated beside the fit to all rows at the geometric mean of the first strengths,
    and held for the path and the folds, so that their deviances compare means alone: see `regularization_path`, also
    for why that is safe. The model chosen is then fitted anew with an estimate of its own, as the estimator
    without CV in its name fits it, and differs by that little from the row of `coef_path_`.

    Examples
    --------
    >>> import numpy as np
    >>> from skprox import GroupLassoPoissonCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 6))
    >>> y = rng.poisson(np.exp(0.5 + X[:, :2] @ [0.4, -0.2]))
    >>> model = GroupLassoPoissonCV(groups=["a", "a", "b", "b", "c", "c"], selection="1se").fit(X, y)
    >>> model.selected_groups_
    ['a']
    >>> model.deviance_path_.shape
    (100, 5)
    """

    _parameter_constraints = _constraints(GroupLassoPoisson)

    def __init__(
        self,
        *,
        alphas: int | ArrayLike = 100,
        alpha_min_ratio: float | str = "auto",
        cv: Splits | None = None,
        selection: str = "min",
        relax: bool = False,
        groups: Groups = "auto",
        overlap: str = "error",
        group_weights: Strengths = "sqrt_size",
        l1_ratio: Strengths = 0.0,
        l2_ratio: Strengths = 0.0,
        penalty: str = "lasso",
        gamma: float | None = None,
        bounds: Any = None,
        overdispersion: float | str | ArrayLike = 0.0,
        fit_intercept: bool = True,
        solver: str = "auto",
        tol: float = 1e-6,
        max_iter: int = 10_000,
        n_jobs: int | None = None,
        verbose: int = 0,
        multi_output: str = "separate",
        output_weights: RowsLike | str | None = None,
    ) -> None:
        self.alphas = alphas
        self.alpha_min_ratio = alpha_min_ratio
        self.cv = cv
        self.selection = selection
        self.relax = relax
        self.groups = groups
        self.overlap = overlap
        self.group_weights = group_weights
        self.l1_ratio = l1_ratio
        self.l2_ratio = l2_ratio
        self.penalty = penalty
        self.gamma = gamma
        self.bounds = bounds
        self.overdispersion = overdispersion
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.multi_output = multi_output
        self.output_weights = output_weights

    def _candidates(self):
        return [GroupLassoPoisson(**self._common(GroupLassoPoisson))]
