"""The negative binomial loss at given overdispersions, with the intercept profiled out."""

from copy import copy
from functools import partial

import numpy as np
from scipy.optimize import brentq
from scipy.special import psi

from skprox import losses, storage
from skprox.designs import add
from skprox.objectives.poisson import PoissonObjective, _double, _predict

NEAR = 1e-6  # Newton step of an intercept after which no other is needed: what is left goes by its square
MOST_PASSES, LARGEST_STEP = 100, 50.0  # for an intercept
ASYMPTOTIC = 100.0  # 1 / omega from which on differences of psi are taken from its expansion
LEAST, MOST = 1e-12, 1e12  # overdispersions to choose from, beside 0


class NegativeBinomialObjective(PoissonObjective):
    """sum_i weight_i ((y_i + 1/omega) log(1 + omega mu_i) - y_i eta_i),  mu = exp(eta), eta as in PoissonObjective

    The negative log-likelihood of counts with variance mu + omega mu^2 (NB2), less what does not depend on
    coefficients, so that it is the Poisson loss for omega = 0. It is convex in the coefficients and the intercept.

    The intercept is at its minimum for the coefficients here, too, but has no closed form: an evaluation takes
    a few passes over X to find it, of products with the coefficients alone, and one for the gradient. A pass holds for
    each row of a chunk what that of the Poisson loss does.

    Parameters
    ----------
    X, counts, weights, offset, fit_intercept, n_threads, map, dtype
        As of PoissonObjective.
    overdispersion : ndarray of shape (n_counts,)
        omega, 0 or more.
    """

    is_in_cache, is_short, unite = False, False, None

    def _open(self, *arguments, overdispersion):
        super()._open(*arguments)
        self._poisson = self.null
        self._at(overdispersion)

    def at(self, overdispersion):
        """The same for other overdispersions."""
        other = copy(self)
        other._at(overdispersion)
        return other

    def _at(self, overdispersion):
        """Set what depends on the overdispersion, by passes over X without coefficients."""
        self.omega = np.asarray(overdispersion, dtype=np.float64)[self.count_index]
        self.null, self._found, n_outputs = self._poisson, {}, len(self.count_index)
        outputs, nothing = np.arange(n_outputs), np.zeros((n_outputs, self.shape[1]))
        self.null = self.points(nothing, outputs)
        intercepts = np.array([point.intercept for point in self.null])
        _, self.scale = self._slopes_at(nothing[:, :0], np.empty(0, dtype=int), intercepts, outputs)
        self.gradient_scale = self.scale[:, None] * self.column_sd
        self.curvature = self.gradient_scale * self.column_sd
        self.rounding = self.unit * self._sizes(intercepts, outputs)

    def restrict(self, columns):
        part = super().restrict(columns)
        part._found = {}
        return part

    def evaluate(self, coefs, outputs):
        outputs, width = np.asarray(outputs), coefs.shape[1]
        support = np.flatnonzero(coefs.any(axis=0))
        if 2 * len(support) > width:
            support = np.arange(width)
        slopes, intercepts = self._slopes(coefs, support), self._intercepts(coefs, support, outputs)
        terms = self._terms(outputs)

        def task(rows):
            chunk = rows.cut()
            eta = _predict(chunk if len(support) == width else rows.cut(support), slopes)
            values = losses.nb_values(eta, intercepts, *_arrays(rows), *terms)
            return _double(values, eta.sum(axis=1), rows.weighted_sums(eta, chunk))

        values, sums, gradients = self.design.reduce(add, task, width, len(coefs))
        gradients -= sums[:, None] * self.center  # a large intercept rounds, and what that adds to `sums` is no slope
        flat = np.flatnonzero(self.least_sd == 0)  # what is constant does nothing beside an intercept
        gradients[:, flat] = np.where(self.column_sd[np.ix_(outputs, flat)] == 0, 0.0, gradients[:, flat])
        return values, intercepts, gradients

    def rates(self, point, output):
        """The design with second derivatives of the loss, and the means of the columns under these."""
        rates = super().rates(point, output)

        def task(rows):
            return _double(storage.weighted_sums(rows["rates"], rows.cut()), rows["rates"].sum())

        sums, total = rates.reduce(add, task, self.shape[1], 1)
        return rates, sums / total

    def hessian_times(self, point, rates, output, move):
        rates, means = rates
        support = np.flatnonzero(move)
        return self._times(rates, output, move, support, means @ move if self.profiled else 0.0)

    def bregman_divergence(self, coefs, points, outputs):
        outputs, bases = np.asarray(outputs), np.array([point.coef for point in points])
        support = np.flatnonzero((coefs != 0).any(axis=0) | bases.any(axis=0))
        slopes, moves = self._slopes(bases, support), self._slopes(coefs - bases, support)
        intercepts = np.array([point.intercept for point in points])
        shifts, terms = self._intercepts(coefs, support, outputs) - intercepts, self._terms(outputs)

        def task(rows):
            chunk = rows.cut(support)
            eta, change = _predict(chunk, slopes), _predict(chunk, moves)
            return _double(losses.nb_excesses(eta, change, shifts, intercepts, *_arrays(rows), *terms))

        return self.design.reduce(add, task, len(support), 2 * len(coefs))[0]

    def means(self, point, output):
        """The design with `means`, the expected count of each row, and those counts and weights as y and weight."""
        support, intercept = np.flatnonzero(point.coef), point.intercept
        slopes, weight_index, count_index = self._slopes(point.coef[None], support), *self._terms([output])[:2]

        def recipe(rows):
            eta = _predict(rows.cut(support), slopes)[0] + rows["offset"] + intercept
            ways = {"y": rows["counts"][count_index[0]], "weight_of_y": rows["weights"][weight_index[0]]}
            return {"means": np.exp(eta.astype(np.float64))} | {k: v.astype(np.float64) for k, v in ways.items()}

        return self.design.keep(recipe, len(support))

    def most_likely(self, points):
        """The overdispersion of each output under which its counts are the most likely around the means at a point.

        0 where the likelihood falls from there: where counts vary no more than Poisson counts do.
        """
        return np.array([self._most_likely(point, k) for k, point in enumerate(points)])

    def _most_likely(self, point, output):
        design = self.means(point, output)
        excess, squares = design.reduce(add, _excess, 0, 1)
        if excess <= 0:
            return 0.0
        start = np.clip(self.omega[output] or excess / squares, LEAST, MOST)

        def score(log_omega):
            (total,) = design.reduce(add, partial(_score_of_rows, np.exp(log_omega)), 0, 1)
            return float(total)

        ends = [np.log(start)] * 2
        for end, sign in enumerate((1, -1)):
            step = 0.1
            while score(ends[end]) * sign < 0 and np.log(LEAST) < ends[end] < np.log(MOST):
                ends[end], step = ends[end] - sign * step, 2 * step
        ends = np.clip(ends, np.log(LEAST), np.log(MOST))
        at_ends = score(ends[0]), score(ends[1])
        if at_ends[0] <= 0 or at_ends[1] >= 0:
            return 0.0 if at_ends[0] <= 0 else float(np.exp(ends[1]))
        return float(np.exp(brentq(score, *ends, xtol=1e-12, rtol=1e-12)))

    def _terms(self, outputs):
        """What the kernels take for some outputs beside `_arrays`."""
        return self.weight_index[outputs], self.count_index[outputs], self.omega[outputs]

    def _intercepts(self, coefs, support, outputs):
        """The best intercepts at `coefs`: some passes over X.

        With f = sum_i weight_i (1 + omega y_i) mu_i / (1 + omega mu_i), which is to equal the weighted mean of the
        counts, steps go to where that would be so if p = omega mu / (1 + omega mu) were its mean in all rows: exactly
        for small omega. f is larger than that elsewhere, so that steps lead beyond the solution, and back to it from
        there on. From too far below, where they lead nowhere or f is rounding, a step is that of Newton's method in
        exp(intercept).
        """
        if not self.profiled:
            return np.zeros(len(coefs))
        slopes, total, found = self._slopes(coefs, support), self.total[outputs], self._guesses(coefs, outputs)
        left = np.arange(len(coefs))
        for _ in range(MOST_PASSES):
            slope, curvature = self._slopes_at(slopes[left], support, found[left], outputs[left])
            with np.errstate(all="ignore"):
                sums = slope + total[left]
                ratio = slope * sums / (total[left] * curvature)
                is_near = (ratio > -1) & (sums > np.sqrt(np.finfo(float).eps) * total[left])
                step = np.where(is_near, -np.log1p(ratio), np.log1p(-slope / curvature))
                step = np.where(curvature > 0, step, -np.sign(slope) * LARGEST_STEP)
            step = np.clip(np.where(np.isfinite(slope), step, -LARGEST_STEP), -LARGEST_STEP, LARGEST_STEP)
            found[left] += step
            left = left[np.abs(step) > np.maximum(NEAR, 2 * np.spacing(np.abs(found[left])))]
            if len(left) == 0:
                break
        for output in np.unique(outputs):
            mine = outputs == output
            self._found[output] = coefs[mine], found[mine]
        return found

    @np.errstate(over="ignore", invalid="ignore")  # of coefficients that overflow
    def _guesses(self, coefs, outputs):
        """Intercepts to start from: those last found for near coefficients, less the mean change in eta."""
        guesses = np.empty(len(coefs))
        for k, (coef, output) in enumerate(zip(coefs, outputs, strict=True)):
            known, intercepts = self._found.get(output, (None, None))
            if known is None:
                known, intercepts = np.zeros((1, len(coef))), [self._poisson[output].intercept]
            moves = coef - known
            near = np.argmin((moves * self.column_sd[output]).__pow__(2).sum(axis=1)) if len(known) > 1 else 0
            guesses[k] = intercepts[near] - moves[near] @ self.Xy[output] / self.total[output]
        return np.where(np.isfinite(guesses), guesses, 0.0)

    def _slopes_at(self, slopes, support, intercepts, outputs):
        """First and second derivatives in the intercept. One pass over X."""
        terms = self._terms(outputs)

        def task(rows):
            return [losses.nb_slopes(_predict(rows.cut(support), slopes), intercepts, *_arrays(rows), *terms)]

        return self.design.reduce(add, task, len(support), len(slopes))[0]

    def _sizes(self, intercepts, outputs):
        """Of what gradients without coefficients are sums: weight |x| (mu + y) / (1 + omega mu). One pass over X."""
        terms = self._terms(outputs)

        def task(rows):
            chunk, (offset, weights, counts) = rows.cut(), _arrays(rows)
            sizes = np.zeros((len(outputs), len(offset)), dtype=chunk.dtype)
            losses.nb_values(sizes, intercepts, offset, weights, -counts, *terms)  # the slope of -y has mu + y
            return _double(storage.weighted_sums(sizes, abs(chunk)))

        return self.design.reduce(add, task, 2 * self.shape[1], len(outputs))[0]

    @np.errstate(over="ignore", invalid="ignore")  # of moves that overflow
    def _shift(self, points, moves, outputs, support):
        """About how far the intercept moves back: the change of the linear predictor, averaged over counts."""
        if not self.profiled:
            return np.zeros(len(moves))
        return np.einsum("kj,kj->k", moves, self.Xy[outputs][:, support]) / self.total[outputs]

    def _curvatures(self, point, output):
        weight_index, count_index, omega = self.weight_index[output], self.count_index[output], self.omega[output]
        intercept = point.intercept

        def curvatures(rows, eta):
            offset, weights, counts = _arrays(rows)
            return losses.nb_curvatures(eta, intercept, offset, weights[weight_index], counts[count_index], omega)

        return curvatures


def _arrays(rows):
    return np.ascontiguousarray(rows["offset"]), np.ascontiguousarray(rows["weights"]), rows["counts"]


def _excess(rows):
    """Sums of how much more counts vary than Poisson counts do, and of the squares of their means."""
    weight, y, means = rows["weight_of_y"], rows["y"], rows["means"]
    return _double(weight @ ((y - means) ** 2 - y), weight @ means**2)


def _score_of_rows(omega, rows):
    return _double(_score(rows["weight_of_y"], rows["y"], rows["means"], omega))


def _score(weight, y, means, omega):
    """Derivative of the log-likelihood in omega."""
    theta = 1 / omega
    if theta >= ASYMPTOTIC:
        return -(theta**2) * losses.nb_score(weight, y, means, theta)
    slopes = psi(y + theta) - psi(theta) - np.log1p(omega * means) - (y - means) / (theta + means)
    return -(theta**2) * (weight @ slopes)
