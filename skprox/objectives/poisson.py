"""The Poisson loss, with the intercept profiled out."""

from copy import copy
from math import prod
from mmap import ACCESS_COPY, mmap

import numpy as np
from scipy import sparse
from scipy.special import logsumexp
from sklearn.utils import gen_batches
from sklearn.utils.sparsefuncs import inplace_row_scale

from skprox import losses, storage
from skprox.designs import add
from skprox.designs.memory import Design
from skprox.objectives import Point
from skprox.objectives.compiled import Compiled

NEGLIGIBLE = 1e-3  # share of the mean rate below which a row is next to nothing
IN_CACHE = 2**16  # entries of X that are looked at several times in a row
# Up to so many rows and entries a ridge system of as many equations as rows is solved, rather than by products with
# the Hessian: 500 x 10,000 take 0.23 s at alpha=1 and 0.29 s at alpha=0.01, by products 0.43 and 0.96 s. It takes a
# copy of X.
SHORT_ROWS, SHORT_ENTRIES = 1000, 2**23


class PoissonObjective:
    """sum_i weight_i (mu_i - y_i eta_i),  eta = log(exposure) + intercept + X coef,  mu = exp(eta)

    One for each output: for each row of weights, one for each row of counts y. They share X, exposure, and each
    pass over X. All are functions of the coefficients alone: the intercept is always at its minimum for them (at
    0 without `fit_intercept`), where the weighted sum of mu is that of y. What is left,
    total * log(sum weight exposure exp(X coef)) - Xy.coef + constant, can't overflow.

    Columns of a sparse X without an entry are left out where they are many: `occupied` are the positions of the
    others, or None where it has all. Where `columns` are given, coefficients are of these, and so are such positions;
    what is left of them is the attribute.

    Nothing that is kept in here has an entry for each row of X but the arrays of the design: counts, weights and
    offset, and of these `log_mass`, the logarithms of weight times exposure.
    Linear predictors are formed for a chunk of rows at a time, and forgotten. Tasks know nothing of the objective: they
    can be sent to where the rows are.

    Parameters
    ----------
    X : ndarray or CSR or CSC matrix of shape (n_samples, n_features)
    counts : ndarray of shape (n_counts, n_samples)
    weights : ndarray of shape (n_weights, n_samples)
        Non-negative, each row with sum one.
    offset : ndarray of shape (n_samples,)
        Logarithm of the exposure.
    fit_intercept : bool
    n_threads : int
        Number of blocks of rows, at most, that a pass over X is cut into.
    map : callable
        Runs a function over the blocks, like the builtin.
    dtype : dtype
        What coefficients are rounded to in the end. That of X unless told otherwise.
    columns : ndarray of int, default=None
        Position in X of the column of each coefficient, which may repeat. None is one each.

    Attributes
    ----------
    weight_index, count_index : ndarray of shape (n_outputs,)
        Which row of weights, and which of counts, each output has.
    design : Design
        The rows of X, and all that comes with them.
    omega : ndarray of shape (n_outputs,)
        Overdispersion: 0 here.
    total : ndarray of shape (n_outputs,)
        The weighted mean of the counts.
    scale : ndarray of shape (n_outputs,)
        What the Hessian of each output is a multiple of: `total`, or 1 without an intercept.
    Xy : ndarray of shape (n_outputs, n_features)
        The weighted means of the counts times each column.
    rounding : ndarray of shape (n_outputs, n_features)
        Size of the rounding errors to expect in a gradient: it is a sum of terms that may cancel, so that this goes
        by the sum of their sizes.
    unit : float
        The rounding error to expect of a sum of sizes of one.
    null : list of Point
        Where all coefficients are 0, for each output.
    gradient_scale, curvature : ndarray of shape (n_outputs, n_features)
        `total` times `column_sd`, once and twice.
    column_sd : ndarray of shape (n_outputs, n_features)
        Standard deviation of each column (root mean square without an intercept), weighted by counts and
        exposure half and half; 0 for a constant column. The move in log rate that a coefficient of one makes.
    least_sd : ndarray of shape (n_features,)
        The least of these of all outputs.
    """

    n_blocks = None

    def __init__(
        self, X, counts, weights, offset, fit_intercept, n_threads=1, map=map, dtype=None, columns=None, **others
    ):
        arrays = {"counts": counts, "weights": weights, "offset": offset}
        design = Design.of_occupied(X, n_threads, map, arrays, columns)
        self._open(design, fit_intercept, map, X.dtype if dtype is None else dtype, **others)

    @classmethod
    def of(cls, design, fit_intercept, map, dtype, **others):
        """The objective of a design with the arrays `counts`, `weights` and `offset`."""
        objective = cls.__new__(cls)
        objective._open(design, fit_intercept, map, dtype, **others)
        return objective

    def _open(self, design, fit_intercept, map, dtype):
        self.profiled, self.map, self.dtype = fit_intercept, map, dtype
        self.occupied, self.n_all, self.columns = design.occupied, design.n_all, design.repeats
        self.design, self.negligible = design.keep(_masses_of_rows), NEGLIGIBLE / design.shape[0]
        self._kernel = self._transposed = None
        self._measure()
        self.omega = np.zeros(len(self.count_index))

    @property
    def shape(self):
        return self.design.shape

    @property
    def precision(self):
        return self.design.dtype

    @property
    def is_in_cache(self):
        X = self.design.whole
        return isinstance(X, np.ndarray) and X.dtype == np.float64 and X.size <= storage.CACHED

    def value_size(self, output, value, *intercepts):
        """The size of what values at points with these intercepts are sums of, by which they round."""
        return abs(value) + self.total[output] * (1 + sum(map(abs, intercepts)))

    def compiled(self, output):
        """The arrays of one output for compiled descents."""
        if self._transposed is None:
            self._transposed = np.ascontiguousarray(self.design.whole.T)
        features = np.array([self.Xy[output], self.center, self.column_sd[output] == 0], dtype=np.float64)
        mass, scalars = self.design.rows["log_mass"][self.weight_index[output]], (self.total, self.scale, self.constant)
        return Compiled(self._transposed, mass, features, self.profiled, *(each[output] for each in scalars))

    def take(self, coefs):
        """Of coefficients of all columns, along the last axis, those of the objective."""
        return coefs if self.occupied is None else coefs[..., self.occupied]

    def expand(self, coefs):
        """Coefficients of all columns, along the last axis, from those of the objective."""
        if self.occupied is None:
            return coefs
        shape = self.n_all, *coefs.shape[:-1]
        # What stays zero takes no memory; that of np.zeros comes in pages of 2 MB, each of which holds some column.
        out = np.frombuffer(mmap(-1, prod(shape) * coefs.itemsize, access=ACCESS_COPY), coefs.dtype).reshape(shape)
        out[self.occupied] = np.moveaxis(coefs, -1, 0)
        return np.moveaxis(out, 0, -1)

    @staticmethod
    def unite(rows):
        """What rows that differ in weight and exposure alone are together."""
        log_mass = rows["log_mass"]
        together = logsumexp(log_mass, axis=1, keepdims=True).astype(log_mass.dtype)
        return {"log_mass": together}

    def restrict(self, columns):
        """The same objectives as functions of the coefficients `columns` alone, all others being zero.

        Rows of a sparse X without entries there are alike but for their weight and exposure: they become one.
        Has no `null` and no `columns`.
        """
        part = copy(self)
        part.design = self.design.restrict(columns, self.unite)
        part.null = part.columns = part._kernel = part._transposed = None
        part.Xy, part.column_sd, part.center = self.Xy[:, columns], self.column_sd[:, columns], self.center[columns]
        part.rounding, part.least_sd = self.rounding[:, columns], self.least_sd[columns]
        part.gradient_scale, part.curvature = self.gradient_scale[:, columns], self.curvature[:, columns]
        return part

    def evaluate(self, coefs, outputs):
        """The objectives of `outputs` at `coefs`, a row each: values, intercepts, gradients. One pass over X."""
        width = coefs.shape[1]
        support = np.flatnonzero(coefs.any(axis=0))
        if 2 * len(support) > width:
            support = np.arange(width)
        slopes, which = self._slopes(coefs, support), self._which(outputs)

        def task(rows):
            chunk = rows.cut()
            top, mass = _masses(chunk if len(support) == width else rows.cut(support), slopes, rows["log_mass"][which])
            return top, *_double(mass.sum(axis=1), rows.weighted_sums(mass, chunk))

        top, mass, weighted_sums = self.design.reduce(_add_scaled, task, width, len(coefs))
        total, Xy = self.total[outputs], self.Xy[outputs]
        against = np.einsum("kj,kj->k", Xy[:, support], coefs[:, support]) - self.constant[outputs]
        with np.errstate(all="ignore"):  # infinite where coefficients overflow
            if self.profiled:
                log_mass = top + np.log(mass)
                values, intercepts, scale = total * log_mass - against, np.log(total) - log_mass, total / mass
            else:
                scale = np.exp(top)
                values, intercepts = scale * mass - against, np.zeros(len(coefs))
            weighted_sums *= scale[:, None]
            weighted_sums -= Xy
        flat = np.flatnonzero(self.least_sd == 0)  # what is constant does nothing beside an intercept
        weighted_sums[:, flat] = np.where(self.column_sd[np.ix_(outputs, flat)] == 0, 0.0, weighted_sums[:, flat])
        return values, intercepts, weighted_sums

    def rounded(self, points, outputs):
        """The points of coefficients in `dtype`. One pass over X."""
        return self.points(np.array([p.coef for p in points]).astype(self.dtype).astype(np.float64), outputs)

    def points(self, coefs, outputs):
        """The points at `coefs`, a row for each of `outputs`. One pass over X."""
        values, intercepts, gradients = self.evaluate(coefs, outputs)
        return [Point(*each) for each in zip(coefs, intercepts, values, gradients, strict=True)]

    def hessian(self, point, output, columns, rows=slice(None)):
        """Second derivative in the coefficients `columns`, over `scale`: some rows of that matrix. One pass over them.

        So scaled it is the covariance of the columns under the rates, and the same for all counts.
        """
        support = np.flatnonzero(point.coef)
        slopes, curvatures = self._slopes(point.coef[None], support)[0], self._curvatures(point, output)
        center = self.center[columns].astype(self.precision)

        def task(part):
            with np.errstate(over="ignore", invalid="ignore"):  # where rates overflow: then the solver leaves it out
                mass = curvatures(part, part.cut(support) @ slopes)
                root = np.sqrt(mass)
                chunk = part.cut(columns)
                if sparse.issparse(chunk) and storage.density(chunk) > storage.DENSE:
                    chunk = chunk.toarray()
                if sparse.issparse(chunk):
                    chunk = chunk.copy()
                    inplace_row_scale(chunk, root)
                else:
                    chunk = chunk - center
                    chunk *= root[:, None]
                second = chunk[:, rows].T @ chunk
                second = second.toarray() if sparse.issparse(second) else second
                return _double(mass.sum(), chunk.T @ root, second)

        mass, first, second = self.design.reduce(add, task, len(columns), 1)
        if self.profiled and 0 < mass < np.inf:
            second -= np.outer(first[rows], first / mass)
        second /= self.scale[output]
        flat = self.column_sd[output, columns] == 0
        second[flat[rows]] = second[:, flat] = 0.0
        return second

    def rates(self, point, output):
        """The design with `rates`: second derivatives of the loss of each row, times its weight."""
        support = np.flatnonzero(point.coef)
        slopes, curvatures = self._slopes(point.coef[None], support), self._curvatures(point, output)

        def recipe(rows):
            return {"rates": curvatures(rows, _predict(rows.cut(support), slopes)[0])}

        return self.design.keep(recipe, len(support))

    def hessian_times(self, point, rates, output, move):
        """Second derivative at a point with these `rates`, over `scale`, times a vector. One pass over X."""
        support = np.flatnonzero(move)
        shift = self._shift([point], self._slopes(move[None], support), [output], support)[0]
        return self._times(rates, output, move, support, shift)

    def _times(self, rates, output, move, support, shift):
        """The same where the intercept moves back by `shift`."""
        slopes = self._slopes(move[None], support)
        everywhere = len(support) == len(move)

        def task(rows):
            chunk = rows.cut()
            change = _predict(chunk if everywhere else rows.cut(support), slopes)[0]
            return _double(storage.weighted_sums(rows["rates"] * (change - shift), chunk))

        n_columns = rates.copied_columns() if everywhere else len(move)
        (product,) = rates.reduce(add, task, n_columns, 2)
        product[self.column_sd[output] == 0] = 0.0
        return product / self.scale[output]

    @property
    def is_short(self):
        """Whether a system with an equation a row is worth it: X is dense, with half as many rows as columns."""
        (n_rows, n_columns), X = self.shape, self.design.whole
        small = isinstance(X, np.ndarray) and X.size <= SHORT_ENTRIES
        return small and 2 * n_rows <= n_columns and n_rows <= SHORT_ROWS

    def solve(self, rates, output, ridge, right):
        """Solve (Hessian + diag(ridge)) step = right at a point with these `rates`; returns step and Hessian @ step.

        With X' W X the Hessian and R the ridge, the change X step of the linear predictor solves
        (I + X R^-1 X' W) X step = X R^-1 right (Sherman, Morrison and Woodbury).
        """
        rates = rates.rows["rates"]
        X, scale, total = self.design.whole, self.scale[output], rates.sum() if self.profiled else np.inf
        if self._kernel is None or not np.array_equal(self._kernel[0], ridge):
            rows = X / np.sqrt(ridge)
            self._kernel = ridge, rows @ rows.T
        kernel = self._kernel[1]
        system = kernel * rates - np.outer(kernel @ rates, rates / total)
        system /= scale
        system[np.diag_indices_from(system)] += 1.0
        change = np.linalg.solve(system, X @ (right / ridge))
        image = (rates * (change - rates @ change / total) / scale) @ X
        image[self.column_sd[output] == 0] = 0.0
        return (right - image) / ridge, image

    @property
    def has_factor(self):
        """Whether `factor` may have an entry for each row."""
        return self.design.holds_rows

    def factor(self, point, output, columns):
        """Rows, one for each of `columns`, whose products with each other are `hessian`, in float32.

        One pass over the columns.
        """
        support = np.flatnonzero(point.coef)
        slopes, everything = self._slopes(point.coef[None], support)[0], self.design.rows
        mass = self._curvatures(point, output)(everything, everything.cut(support) @ slopes)
        mass = mass.astype(np.float64) / self.scale[output]
        root, flat = np.sqrt(mass), self.column_sd[output, columns] == 0
        factor = np.empty((len(columns), len(mass)), dtype=np.float32)

        def task(part):
            rows = everything.cut(columns[part])
            rows = (rows.toarray() if sparse.issparse(rows) else rows).T.astype(np.float64)
            if self.profiled:
                rows -= (rows @ mass)[:, None] / mass.sum()
            rows *= root
            rows[flat[part]] = 0.0
            factor[part] = rows

        size = max(1, storage.CHUNK_BYTES // mass.nbytes)
        list(self.map(task, gen_batches(len(columns), size)))
        return factor

    def bregman_divergence(self, coefs, points, outputs):
        """value(coef) - value(point) - gradient(point).(coef - point.coef), without cancellation. One pass over X."""
        bases = np.array([point.coef for point in points])
        support = np.flatnonzero((coefs != 0).any(axis=0) | bases.any(axis=0))
        slopes, moves = self._slopes(bases, support), self._slopes(coefs - bases, support)
        total, shift = self.total[outputs], self._shift(points, moves, outputs, support)
        which = self._which(outputs)

        def task(rows):
            chunk = rows.cut(support)
            top, mass = _masses(chunk, slopes, rows["log_mass"][which])
            return top, *_double(mass.sum(axis=1), losses.mean_excess(mass, _predict(chunk, moves), shift))

        top, mass, excess = self.design.reduce(_add_scaled, task, len(support), 2 * len(coefs))
        return total * np.log1p(excess / mass) if self.profiled else np.exp(top) * excess

    def largest_change(self, points, moves, outputs, far):
        """Range of the changes in log rate that moves of the coefficients make, and to first order of the intercept.

        A row whose rate is next to nothing may fall as it likes: the loss is linear from there on. Where a rate rises,
        what takes it to one that matters counts as much less as that is more than `far`. One pass over X.
        """
        bases = np.array([point.coef for point in points])
        support = np.flatnonzero(bases.any(axis=0) | moves.any(axis=0))
        bases, slopes = self._slopes(bases, support), self._slopes(moves, support)
        shift = self._shift(points, slopes, outputs, support)[:, None]
        intercepts = np.array([point.intercept for point in points])
        least = (np.log(self.total[outputs] * self.negligible) - intercepts)[:, None]
        which = self._which(outputs)

        def task(rows):
            with np.errstate(over="ignore", invalid="ignore"):
                chunk = rows.cut(support)
                change, gap = _predict(chunk, slopes) - shift, _predict(chunk, bases)
                weighted = rows["log_mass"][which]
                gap = np.maximum(least - (gap + weighted), 0.0)
                held = (gap == 0) & (weighted > -np.inf)
                highest = np.max(change * (far / (far + gap)), axis=1, initial=-np.inf, where=weighted > -np.inf)
                return np.array([highest, -np.min(change, axis=1, initial=np.inf, where=held)])

        highest, lowest = self.design.reduce(np.maximum, task, len(support), 2 * len(moves))
        with np.errstate(over="ignore", invalid="ignore"):
            change = highest + lowest if self.profiled else np.maximum(highest, lowest)
        return np.where(np.isnan(change), np.inf, change)  # of moves that overflow

    def _measure(self):
        """Set the attributes that don't depend on coefficients. One pass over X, and one over what comes with it."""
        n_features = self.design.shape[1]
        heaviest, constant = self.design.reduce(_add_largest, _look_at_rows, 0, 1)
        n_weights, n_counts = constant.shape
        self.weight_index = which = np.repeat(np.arange(n_weights), n_counts)
        self.count_index = np.tile(np.arange(n_counts), n_weights)
        eps, dense = np.finfo(self.precision).eps, self.design.is_dense

        def look(rows):
            weighted = (rows["weights"][:, None] * rows["counts"]).reshape(n_weights * n_counts, -1)
            share = np.vstack([weighted, np.exp(rows["log_mass"] - heaviest)])
            chunk = rows.cut()
            sums = share.sum(axis=1, keepdims=True, dtype=np.float64)
            means, sizes, squares = np.empty((3, len(share), n_features))
            center = np.zeros(n_features)
            if not sparse.issparse(chunk):
                for part in gen_batches(n_features, max(32, IN_CACHE // len(chunk))):
                    x = chunk[:, part]
                    means[:, part] = share @ x
                    work = np.abs(x)
                    sizes[:, part] = share @ work
                    means[:, part] = np.where(sums > 0, means[:, part] / sums, 0.0)
                    center[part] = means[len(weighted), part]
                    np.subtract(x, center[part].astype(x.dtype), out=work)
                    work *= work
                    squares[:, part] = share @ work
            else:
                means[:], sizes[:] = np.where(sums > 0, (share @ chunk) / sums, 0.0), share @ abs(chunk)
                chunk = chunk.copy()
                chunk.data *= chunk.data
                squares[:] = share @ chunk
            apart = sums * (means - center) ** 2
            squares -= apart
            squares[squares <= 4 * np.sqrt(share.shape[1]) * eps * apart] = 0.0
            # rounding grows with the rows: where there may be no more than that, the values are looked at
            doubtful = (means != 0) & (squares <= share.shape[1] * eps * sums * means**2)
            columns = np.flatnonzero(doubtful.any(axis=0))
            values = rows.cut(columns)
            values = values.toarray() if sparse.issparse(values) else values
            for k in np.flatnonzero(doubtful.any(axis=1)):
                mine = values[share[k] > 0]
                same = (mine == mine[0]).all(axis=0)
                means[k, columns[same]], squares[k, columns[same]] = mine[0, same], 0.0
            return sums, means, squares, sizes

        def task(rows):
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # not finite where squares overflow
                return look(rows)

        sums, means, squares, sizes = self.design.reduce(_add_spread, task, 2 * n_features, n_weights + len(which))
        counted, rated = means[: len(which)], means[len(which) :][which]
        self.total = sums[: len(which), 0]
        log_mass = (heaviest + np.log(sums[len(which) :]))[which, 0]
        self.Xy = self.total[:, None] * counted
        self.scale = self.total if self.profiled else np.ones(len(which))
        self.constant = -constant.ravel()
        if self.profiled:
            self.constant += self.total - self.total * np.log(self.total)
            values, intercepts = self.total * log_mass + self.constant, np.log(self.total) - log_mass
            level = self.total
        else:
            values, intercepts = np.exp(log_mass) + self.constant, np.zeros(len(which))
            level = np.exp(log_mass)
        gradients = level[:, None] * rated - self.Xy
        sizes /= sums
        sizes = self.total[:, None] * sizes[: len(which)] + level[:, None] * sizes[len(which) :][which]
        # Of balanced columns of 200, 2,000 and 2,000,000 rows the sums were off by up to 3, 15 and 24 units in the last
        # place of their size, the most where scipy adds up row by row.
        self.unit = 4 * np.finfo(self.dtype).eps + np.sqrt(min(self.shape[0], 4096)) / 2 * eps
        self.rounding = self.unit * sizes
        points = zip(intercepts, values, gradients, strict=True)
        self.null = [Point(np.zeros(n_features), *point) for point in points]
        self.center = rated[0] if self.profiled and dense else np.zeros(n_features)

        with np.errstate(over="ignore", invalid="ignore"):
            squares /= sums
            squares = (squares[: len(which)] + squares[len(which) :][which]) / 2
            if self.profiled:
                squares += (counted - rated) ** 2 / 4
                noise = (4 * eps) ** (2 if dense else 1)  # without a difference of sums, that of the center alone
                squares[squares < noise * ((counted + rated) / 2) ** 2] = 0.0
            else:
                squares += (counted**2 + rated**2) / 2
            self.column_sd = np.sqrt(squares)
            self.gradient_scale = self.total[:, None] * self.column_sd
            self.curvature = self.gradient_scale * self.column_sd
            self.least_sd = self.column_sd.min(axis=0)
        gradients[self.column_sd == 0] = 0.0

    @np.errstate(over="ignore", invalid="ignore")  # of moves that overflow
    def _shift(self, points, moves, outputs, support):
        """How far the intercept moves back, to first order: the mean change of the linear predictor under the rates."""
        if not self.profiled:
            return np.zeros(len(moves))
        means = np.array([point.gradient for point in points])[:, support] + self.Xy[outputs][:, support]
        return np.einsum("kj,kj->k", moves, means) / self.total[outputs]

    def _curvatures(self, point, output):
        """A function of rows and their X coef: second derivatives of the loss, times the weights."""
        which, intercept = self.weight_index[output], point.intercept
        return lambda rows, eta: np.exp(eta + rows["log_mass"][which] + intercept)

    def _which(self, outputs):
        """Which row of weights each of some outputs has."""
        return slice(None) if self.weight_index[-1] == 0 else self.weight_index[outputs]

    def _slopes(self, coefs, support):
        with np.errstate(over="ignore"):
            return coefs[:, support].astype(self.precision)


def _masses_of_rows(rows):
    with np.errstate(divide="ignore"):
        return {"log_mass": np.log(rows["weights"]) + rows["offset"]}


def _look_at_rows(rows):
    """The largest mass, and the sums of weight times offset times count."""
    offsets = (rows["weights"] * rows["offset"]).astype(np.float64) @ rows["counts"].T
    return rows["log_mass"].max(axis=1, keepdims=True), offsets


def _add_largest(first, second):
    return np.maximum(first[0], second[0]), first[1] + second[1]


def _masses(chunk, slopes, log_mass):
    """weight * exposure * exp(chunk @ slopes), over exp(top) for the largest of each row of slopes."""
    masses = _predict(chunk, slopes)
    with np.errstate(over="ignore", invalid="ignore"):
        masses += log_mass
        top = np.maximum(masses.max(axis=1), np.finfo(masses.dtype).min)
        masses -= top[:, None]
        return top.astype(np.float64), np.exp(masses, out=masses)


def _predict(chunk, slopes):
    """slopes @ chunk.T, with the rows of X along the memory."""
    with np.errstate(over="ignore", invalid="ignore"):  # not finite where coefficients overflow
        return np.ascontiguousarray((chunk @ slopes.T).T if sparse.issparse(chunk) else slopes @ chunk.T)


def _double(*arrays):
    return [np.asarray(array, dtype=np.float64) for array in arrays]


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def _add_spread(first, second):
    """Weights, means, weighted squares about them (Chan, Golub and LeVeque, 1983) and sums of both together."""
    (weights, means, squares, sums), (others, other_means, other_squares, other_sums) = first, second
    share, gap = np.where(others > 0, others / (weights + others), 0.0), other_means - means
    squares += other_squares + np.where(weights > 0, gap**2 * weights * share, 0.0)
    means += gap * share
    weights += others
    sums += other_sums
    return first


def _add_scaled(first, second):
    """Sums of what is given over exp(top), where top comes first, in the same form."""
    top = np.maximum(first[0], second[0])
    for part in (first, second):
        scale = np.exp(part[0] - top)
        if (scale != 1.0).any():
            for array in part[1:]:
                array *= scale.reshape(-1, *[1] * (array.ndim - 1))
    add(first[1:], second[1:])
    return top, *first[1:]
