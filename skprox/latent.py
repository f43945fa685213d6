"""Latent groups: groups share columns, whose coefficients are sums of a part for each group that they are in.

Parts are laid one after the other, in the order of the groups, along the last axis: coefficients of the columns group
after group, in which shared ones repeat.
"""

import numpy as np


def slots(groups):
    """Name of a group to the positions of its part."""
    ends = np.cumsum([len(members) for members in groups.values()])
    return {name: np.arange(end - len(groups[name]), end) for name, end in zip(groups, ends, strict=True)}


def fold(parts, groups, n_features):
    """Coefficients of the columns."""
    coefs = np.zeros((*parts.shape[:-1], n_features), dtype=parts.dtype)
    for members, slot in zip(groups.values(), slots(groups).values(), strict=True):
        coefs[..., members] += parts[..., slot]
    return coefs


def split(parts, groups):
    """Name of a group to its part."""
    return {name: parts[..., slot] for name, slot in slots(groups).items()}


def apart(coefs, groups, latent):
    """The coefficients that groups share none of, and the positions of each group's.

    `latent` are the parts of `coefs` as `split` gives them, or None where they have none.
    """
    if latent is None:
        return coefs, groups
    return np.concatenate(list(latent.values()), axis=-1), slots(groups)


def model_apart(model):
    """The same of a fitted model."""
    return apart(model.coef_, model.groups_, getattr(model, "latent_coef_", None))


def kept(columns, occupied):
    """Which parts are of the columns `occupied`, and the places of theirs among these.

    `columns` are the positions of the columns of all parts.
    """
    where = np.flatnonzero(np.isin(columns, occupied))
    return where, np.searchsorted(occupied, columns[where])


def ridge_of_sums(strengths, columns):
    """Strengths of the penalty on sums where that on their parts is ridge: strengths in series.

    The least of sum_g r_g v_g^2 / 2 for a sum b of all v_g is r b^2 / 2 with 1 / r = sum_g 1 / r_g. Strengths are in
    the form of `Penalty.by_column`, for each output, and those of parts held at zero are infinite.
    """
    out = strengths[..., np.unique(columns, return_index=True)[1]]
    with np.errstate(divide="ignore"):
        softness = np.where(np.isinf(strengths[:, 0]), 0.0, 1 / strengths[:, 2])
        softness = np.array([np.bincount(columns, each) for each in softness])
        out[:, 0], out[:, 1] = np.where(softness > 0, 0.0, np.inf), 0.0
        out[:, 2] = np.where(softness > 0, 1 / softness, 0.0)
    return out
