"""One model of all outputs: penalties of coefficients of all of them, and factors on their data terms."""

from dataclasses import replace

import numpy as np

from skprox.columns import label_key, listing
from skprox.information import Information, scaled_eigen
from skprox.strengths import numbers


def is_joint(estimator):
    return estimator.multi_output == "joint"


def output_factors(estimator, means, columns, n_outputs):
    """The factors on the data terms of outputs that are one model, an array; None where each is a model of its own.

    `means` are those of the counts. One output without a factor is the same either way.
    """
    given = estimator.output_weights
    if not is_joint(estimator):
        if given is not None:
            raise ValueError(
                f"output_weights are for multi_output='joint', where outputs share a penalty; got {given!r} with "
                f"multi_output={estimator.multi_output!r}. Leave them out, or give each output its own alpha."
            )
        return None
    if given is None:
        return None if len(means) == 1 else np.ones(len(means))
    if isinstance(given, str):
        return 1 / means
    titles, given = columns.output_titles(n_outputs or 1), by_position(given, columns, n_outputs)
    factors = numbers("output_weights", given, "")
    if factors.shape != means.shape:
        raise ValueError(
            f"output_weights must have shape {means.shape}, a factor for each output; got shape {factors.shape}."
        )
    wrong = np.flatnonzero(~((factors > 0) & np.isfinite(factors)))
    if len(wrong):
        raise ValueError(
            f"output_weights must be positive and finite; got {factors[wrong[0]]:g} for output {titles[wrong[0]]!r}. "
            "To leave an output out, drop its column of y."
        )
    return factors


def by_position(given, columns, n_outputs):
    """Factors in the order of the outputs, where a mapping gives them by name."""
    if not hasattr(given, "items"):
        return given
    titles, entries = columns.output_titles(n_outputs or 1), {label_key(key): value for key, value in given.items()}
    keys = list(map(label_key, titles))
    if len(entries) != len(keys) or set(entries) != set(keys):
        raise ValueError(
            f"output_weights must have an entry for each output, {listing(titles)}; got {listing(given.keys())}."
        )
    return [entries[key] for key in keys]


def one_for_all(**values):
    """Arrays with a row for each output as those of a penalty of all of them, with one row."""
    for name, rows in values.items():
        if (rows != rows[0]).any():
            raise ValueError(
                f"{name} differs between outputs, but with multi_output='joint' they share one penalty. Give "
                f"each group or column one number, or each output its own by multi_output='separate'."
            )
    return {name: rows[:1] for name, rows in values.items()}


def stacked(groups, n_outputs, n_features):
    """Positions of the columns of groups among the coefficients of all outputs, output after output."""
    return [(n_features * np.arange(n_outputs)[:, None] + members).ravel() for members in groups]


def over_outputs(n_outputs, groups, strength, ridge, *by_column):
    """A penalty of the coefficients of all outputs, whose groups have their columns in each."""
    from skprox.penalties import Penalty

    groups = stacked(groups, n_outputs, len(ridge))
    return Penalty.from_groups(groups, strength, *(np.tile(each, n_outputs) for each in (ridge, *by_column)))


def by_output(objective, results):
    """Results of each output, from those of all of them as one model."""
    separate = [objective.separate(result.point, 0) for result in results]
    found = [[replace(r, point=p).without_gradient() for p in ps] for r, ps in zip(results, separate, strict=True)]
    return [*zip(*found, strict=True)]


def informations(design, coefs, penalty, fit_intercept, factors, positions=None, omegas=0.0):
    """What the rows tell about each output of one model, under the penalty of all.

    The covariance of an output is that with the others known. Its degrees of freedom are the trace of its block of
    (H + P)^-1 H, with the Hessian H of the data terms and the curvature P of the penalty in what is in play, of all
    outputs: P = D - R R' has a column of R for each norm, which ties the outputs together. `positions` are those of the
    columns of X, where these repeat.
    """
    from skprox.penalties import Penalty

    shape = coefs.shape
    _, diagonal, radial = (each.reshape(shape) for each in penalty.expansion(coefs.ravel()))
    group_of = np.empty(coefs.size, dtype=int)
    group_of[penalty.arrays.indices] = np.repeat(np.arange(penalty.n_groups), penalty.sizes)
    group_of, columns, found = group_of.reshape(shape)[0], np.arange(shape[1])[:, None], []
    shares, images, ties = np.empty(shape[0]), [], np.eye(penalty.n_groups)
    for k, (factor, omega) in enumerate(zip(factors, np.broadcast_to(omegas, len(factors)), strict=True)):
        played = np.isfinite(diagonal[k])
        ridge = np.where(played, diagonal[k], 0.0) / factor
        alone = Penalty.from_groups(columns, np.where(played, 0.0, np.inf), ridge)
        of_output = Information(design, k, coefs[k], alone, fit_intercept, positions, omega)
        scale, values, vectors, told = scaled_eigen(of_output.hessian)
        half = vectors[:, told] / np.sqrt(values[told]) / scale[:, None]  # half half' is the inverse
        n_terms = len(of_output.played)
        spokes = np.zeros((n_terms, penalty.n_groups))
        spokes[np.arange(n_terms), group_of[of_output.played]] = radial[k, of_output.played]
        projected = half[len(half) - n_terms :].T @ spokes * np.sqrt(of_output.size / factor)
        ties -= projected.T @ projected
        middle = half.T @ of_output.fisher @ half
        shares[k] = np.trace(middle)
        images.append(projected.T @ middle @ projected)
        found.append(of_output)
    inverse = np.linalg.pinv(ties, hermitian=True)
    for of_output, share, image in zip(found, shares, images, strict=True):
        of_output.degrees_of_freedom = float(share + np.sum(inverse * image))
    return found
