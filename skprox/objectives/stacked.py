"""The data terms of several outputs as one objective, for penalties of coefficients of all of them."""

from copy import copy

import numpy as np

from skprox.objectives import Point


class StackedObjective:
    """sum_k factor_k f_k(coefs_k)  over the outputs f_k of another objective

    One for each row of weights. The coefficients are those of all outputs, output after output; the intercept of a
    point is an array with one for each. The Hessian is block diagonal, with a block for each output.

    Parameters
    ----------
    inner : PoissonObjective
        With the same outputs for each row of weights.
    factors : ndarray of shape (n_outputs,)
        Positive.

    Attributes
    ----------
    n_blocks : int
        Number of outputs.
    total : ndarray of shape (n_weights,)
        The weighted sum of what those of the outputs are.
    places : ndarray of int, or None
        Which coefficients there are of those of all outputs, where some are left out.
    """

    is_in_cache, is_short = False, False

    def __init__(self, inner, factors):
        self.inner, self.factors, self.n_blocks, self.places = inner, factors, len(factors), None
        self.of_outputs = np.arange(len(inner.total)).reshape(-1, self.n_blocks)
        self.count_index = np.zeros(len(self.of_outputs), dtype=int)
        self.total = inner.total[self.of_outputs] @ factors
        self.scale = (factors * inner.scale[self.of_outputs]).min(axis=1)  # no output moves further than all seem to
        self._measure()
        names = "intercept", "value", "gradient"
        intercepts, values, gradients = (np.array([getattr(point, name) for point in inner.null]) for name in names)
        self.null = self._points(np.zeros(self.column_sd.shape), values, intercepts, gradients)

    @property
    def shape(self):
        return self.inner.shape[0], self.column_sd.shape[1]

    @property
    def dtype(self):
        return self.inner.dtype

    @property
    def precision(self):
        return self.inner.precision

    @property
    def omega(self):
        """The overdispersion of each output, for each row of weights."""
        return self.inner.omega

    def at(self, overdispersion):
        """The same for other overdispersions."""
        return StackedObjective(self.inner.at(overdispersion), self.factors)

    def most_likely(self, points):
        """The overdispersion of each output that is most likely at the first of some points."""
        return self.inner.most_likely(self.separate(points[0], 0))

    @property
    def design(self):
        return self.inner.design

    @property
    def map(self):
        return self.inner.map

    @property
    def columns(self):
        """Different numbers for what are different columns of X, or of different outputs; None where all are."""
        inner = self.inner.columns
        return None if inner is None else np.add.outer(np.arange(self.n_blocks) * (inner.max() + 1), inner).ravel()

    @property
    def n_all(self):
        return self.n_blocks * self.inner.n_all

    @property
    def occupied(self):
        """Positions among the coefficients of all columns; None is all."""
        inner = self.inner.occupied
        return None if inner is None else np.add.outer(np.arange(self.n_blocks) * self.inner.n_all, inner).ravel()

    def take(self, coefs):
        """Of coefficients of all columns, along the last axis, those of the objective."""
        return _flat(self.inner.take(coefs.reshape(*coefs.shape[:-1], self.n_blocks, -1)))

    def expand(self, coefs):
        """Coefficients of all columns, along the last axis, from those of the objective."""
        return _flat(self.inner.expand(coefs.reshape(*coefs.shape[:-1], self.n_blocks, -1)))

    def value_size(self, output, value, *intercepts):
        """The size of what values at points with these intercepts are sums of, by which they round."""
        totals = self.factors * self.inner.total[self.of_outputs[output]]
        return abs(value) + totals.sum() + sum(totals @ np.abs(each) for each in intercepts)

    def evaluate(self, coefs, outputs):
        """Values, intercepts and gradients at `coefs`, a row for each of `outputs`. One pass over X."""
        answers = self.inner.evaluate(self._apart(coefs), self._inner(outputs))
        return self._together(*answers)

    def points(self, coefs, outputs):
        """The points at `coefs`, a row for each of `outputs`. One pass over X."""
        return self._points(coefs, *self.inner.evaluate(self._apart(coefs), self._inner(outputs)))

    def rounded(self, points, outputs):
        """The points of coefficients in `dtype`. One pass over X."""
        return self.points(np.array([p.coef for p in points]).astype(self.dtype).astype(np.float64), outputs)

    def separate(self, point, output):
        """The points of the single outputs, by `inner`. One pass over X."""
        return self.inner.points(self._apart(point.coef[None].astype(np.float64)), self.of_outputs[output])

    def hessians(self, point, output, columns, rows=slice(None)):
        """Second derivative over `scale` in the coefficients `columns`: some rows of each block.

        `columns` are positions of shape (n_blocks, n_columns), of the same columns of X in each block.
        """
        within = (columns[0] if self.places is None else self.places[columns[0]]) % self.inner.shape[1]
        ways = [*zip(self._split([point], [output]), self.of_outputs[output], self._factors(output), strict=True)]
        # threads that visit outputs must not wait for others that visit rows
        run = map if self.inner.design.is_threaded else self.map
        return np.array([*run(lambda way: way[2] * self.inner.hessian(*way[:2], within, rows), ways)])

    def rates(self, point, output):
        """What `hessian_times` needs to know of a point."""
        ways = zip(self._split([point], [output]), self.of_outputs[output], strict=True)
        return [self.inner.rates(*way) for way in ways]

    def hessian_times(self, point, rates, output, move):
        """Second derivative at a point with these `rates`, over `scale`, times a vector."""
        points, moves = self._split([point], [output]), self._apart(move[None])
        ways = zip(points, rates, self.of_outputs[output], moves, strict=True)
        products = self._factors(output)[:, None] * [self.inner.hessian_times(*way) for way in ways]
        return products.ravel() if self.places is None else products.ravel()[self.places]

    def bregman_divergence(self, coefs, points, outputs):
        """value(coef) - value(point) - gradient(point).(coef - point.coef), without cancellation."""
        found = self.inner.bregman_divergence(self._apart(coefs), self._split(points, outputs), self._inner(outputs))
        return found.reshape(-1, self.n_blocks) @ self.factors

    def largest_change(self, points, moves, outputs, far):
        """How far moves change the linear predictor, of the output where that is the most."""
        found = self.inner.largest_change(self._split(points, outputs), self._apart(moves), self._inner(outputs), far)
        return found.reshape(-1, self.n_blocks).max(axis=1)

    def restrict(self, columns):
        """The same as functions of some coefficients alone. Has no `null`."""
        part, places = copy(self), columns if self.places is None else self.places[columns]
        block, column = np.divmod(places, self.inner.shape[1])
        within = np.unique(column)
        part.inner, part.null = self.inner.restrict(within), None
        part.places = block * len(within) + np.searchsorted(within, column)
        if len(columns) == self.n_blocks * len(within):
            part.places = None
        part._measure()
        return part

    def _measure(self):
        """Set what has an entry for each coefficient."""
        for name in ("column_sd", "gradient_scale", "curvature", "rounding"):
            values = getattr(self.inner, name)[self.of_outputs]
            values = _flat(values if name == "column_sd" else values * self.factors[:, None])
            setattr(self, name, values if self.places is None else values[:, self.places])

    def _factors(self, output):
        """What Hessians of `inner`, over its scale, are multiplied by."""
        return self.factors * self.inner.scale[self.of_outputs[output]] / self.scale[output]

    def _inner(self, outputs):
        return self.of_outputs[outputs].ravel()

    def _apart(self, coefs):
        """Coefficients of the single outputs, a row each."""
        if self.places is not None:
            given, coefs = coefs, np.zeros((len(coefs), self.n_blocks * self.inner.shape[1]))
            coefs[:, self.places] = given
        return coefs.reshape(len(coefs) * self.n_blocks, -1)

    def _together(self, values, intercepts, gradients):
        """Those of the sums, from those of the single outputs."""
        values, intercepts = values.reshape(-1, self.n_blocks), intercepts.reshape(-1, self.n_blocks)
        gradients = _flat(gradients.reshape(*values.shape, -1) * self.factors[:, None])
        return values @ self.factors, intercepts, gradients if self.places is None else gradients[:, self.places]

    def _points(self, coefs, *answers):
        values, intercepts, gradients = self._together(*answers)
        return [Point(*each) for each in zip(coefs, intercepts, values, gradients, strict=True)]

    def _split(self, points, outputs):
        """The points of the single outputs, whose values are not known."""
        coefs, gradients = (self._apart(np.array([getattr(p, name) for p in points])) for name in ("coef", "gradient"))
        gradients /= np.tile(self.factors, len(points))[:, None]
        intercepts = np.concatenate([point.intercept for point in points])
        return [Point(c, b, np.nan, g) for c, b, g in zip(coefs, intercepts, gradients, strict=True)]


def _flat(array):
    """The last two axes as one."""
    return array.reshape(*array.shape[:-2], -1)
