"""How much more counts vary than Poisson counts do: given, or estimated beside the fit."""

from dataclasses import replace
from numbers import Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array

from skprox._compat import Interval, StrOptions
from skprox.engine import fit_each
from skprox.validation import warn

CONSTRAINTS = [Interval(Real, 0, None, closed="left"), StrOptions({"estimate"}), "array-like"]
MOST_FITS = 100  # of which each is closer to the estimate by a factor of ten and more


def is_estimated(model):
    return isinstance(model.overdispersion, str)


def check_overdispersion(model, data):
    """That of each output as an array, None where all are Poisson; that to start from where it is to be estimated."""
    if is_estimated(model):
        return np.zeros(data.n_outputs or 1)
    given = model.overdispersion
    if isinstance(given, Real):
        return np.full(data.n_outputs or 1, float(given)) if given > 0 else None
    found = check_array(
        np.atleast_1d(given), ensure_2d=False, dtype=np.float64, input_name="overdispersion", ensure_min_samples=0
    )
    if np.ndim(given) and (data.n_outputs is None or found.shape != (data.n_outputs,)):
        each = "" if data.n_outputs is None else f", or an array of shape ({data.n_outputs},), one for each output"
        raise ValueError(f'overdispersion must be a number, "estimate"{each}; got shape {np.shape(given)}.')
    if (found < 0).any():
        first = np.argmax(found < 0)
        where = f" for output {data.columns.output_titles(data.n_outputs)[first]!r}" if len(found) > 1 else ""
        raise ValueError(
            f"overdispersion must be 0 or more; got {found[first]:g}{where}. 0 is Poisson: there is no distribution "
            "here that varies less."
        )
    return np.broadcast_to(found, data.n_outputs or 1).copy() if found.any() else None


def estimated(objective, points, fit, tol):
    """The objective at the overdispersions that are most likely for its first outputs, those of all rows.

    `fit`, of an objective and points to start from, at first `points`, returns the results of these outputs.
    Fits and estimates take turns, each of which makes the counts more likely, or what is penalised of it, until no
    estimate changes by more than `tol` of itself, or than rounding lets it. Returns the last points, too, as points to
    start from.
    """
    tol = max(tol, np.sqrt(np.finfo(objective.dtype).eps))
    overdispersion = objective.most_likely(points)
    for _ in range(MOST_FITS):
        objective = objective.at(overdispersion)
        points = [result.point for result in fit(objective, _elsewhere(points))]
        before, overdispersion = overdispersion, objective.most_likely(points)
        if (np.abs(overdispersion - before) <= tol * overdispersion).all():
            break
    else:
        worst = np.max(np.abs(overdispersion - before) / np.maximum(overdispersion, before))
        warn(
            f"overdispersion still changes by {worst:.1e} of itself after {MOST_FITS} fits. To remedy it, raise tol, "
            "or give a number.",
            ConvergenceWarning,
        )
    return objective.at(overdispersion), _elsewhere(points)


def _elsewhere(points):
    """Points of another objective, whose gradients are not known."""
    return [replace(point, gradient=None) for point in points]


def held(objective, patterns, strengths, settings):
    """The objective at overdispersions to hold along a path, and for the folds of all rows.

    They are those estimated at the geometric mean of the largest and the smallest of strengths(objective).
    """

    def fit(objective, starts):
        alphas = strengths(objective)
        penalties = [pattern.scaled(np.sqrt(alphas[0] * alphas[-1])) for pattern in patterns]
        return fit_each(objective, penalties, range(len(patterns)), starts, settings)

    return estimated(objective, objective.null[: len(patterns)], fit, settings.tol)[0]
