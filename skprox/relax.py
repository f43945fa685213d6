"""Fits of what penalised models have selected, without the penalty."""

from dataclasses import replace

import numpy as np

from skprox.engine import fit_each

MOST_COLUMNS = 0.5  # of a fit, as a share of its rows: with more it tells noise rather than effects


def refit(settings, objective, pattern, output, n_rows, results):
    """Results without a penalty on what each of `results` along a path of `output` has selected.

    Where that is more than half as many columns as `n_rows`, those of the fit with a positive weight, the intercept is
    NaN. Models that have selected the same share a fit.
    """
    found, wanted, keys, strengths = {}, {}, [], pattern.by_column()
    for result in results:
        active = _active(pattern, result.point.coef)
        keys.append(active.tobytes())
        if not strengths[:3, active].any():
            found[keys[-1]] = result
        elif _n_columns(objective, active) > MOST_COLUMNS * n_rows:
            found[keys[-1]] = replace(result, point=replace(result.point, intercept=np.nan * result.point.intercept))
        else:
            wanted[keys[-1]] = active, result.point
    if wanted:
        penalties = [_without(pattern, active) for active, _ in wanted.values()]
        starts = [point for _, point in wanted.values()]
        results = fit_each(objective, penalties, [output] * len(penalties), starts, settings)
        found |= zip(wanted, [result.without_gradient() for result in results], strict=True)
    return [found[key] for key in keys]


def released(pattern, coef):
    """The penalty of no strength on what has been selected, which is infinite on all else."""
    return _without(pattern, _active(pattern, coef))


def _active(pattern, coef):
    """Which coefficients are selected, or have no penalty."""
    active = np.zeros(len(coef), dtype=bool)
    active[pattern.columns(np.flatnonzero((pattern.norms(coef) > 0) | ~pattern.kinked))] = True
    active &= (coef != 0) | (pattern.by_column()[1] == 0)  # zeros within groups that their L1 norm has selected stay
    return active


def _n_columns(objective, active):
    return np.count_nonzero(active) if objective.columns is None else len(np.unique(objective.columns[active]))


def _without(pattern, active):
    """No penalty on the active coefficients, and all others at zero."""
    from skprox.penalties import Penalty
    from skprox.prox import LOWER, UPPER

    indices, indptr, _, columns = pattern.arrays
    strength = np.where(pattern.norms(active) > 0, 0.0, np.inf)
    l1 = np.where(active, 0.0, np.inf)
    return Penalty.of(indices, indptr, strength, 0.0, l1, columns[LOWER], columns[UPPER])
