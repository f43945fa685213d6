"""Stationary points under concave penalties, by lassos that touch these from above."""

from dataclasses import replace
from itertools import islice

import numpy as np

from skprox.solvers import LOCKSTEP, Certificate, Problem, minimise, rounded, settle_in_memory
from skprox.solvers.anderson import Anderson
from skprox.solvers.decisions import ENOUGH

LASSOS = 200  # for a model, at most
SAME = 1e-9  # part of an objective by which another stationary point has to be better


def settle(objective, outputs, patterns, alphas, starts, settings, monitor=None):
    """For each of `outputs` a list with a result at each of its `alphas`, from its list of points to start from.

    Local linear approximation (Zou and Li, 2008) minimises the objective with a lasso whose strengths are the slopes
    of the concave penalty at the point before, until the point does not move. Each such step goes down: the lasso
    is above the penalty, and touches it where the step starts.
    """
    if monitor is None:
        found = settle_in_memory(objective, patterns, outputs, starts, alphas, *settings.arguments)
    else:
        found = [[None] * len(each) for each in alphas]
    places = [(k, i) for k, way in enumerate(found) for i, result in enumerate(way) if result is None]
    size = max(1, LOCKSTEP // (objective.n_blocks or 1))
    for first in range(0, len(places), size):
        batch, problems = places[first : first + size], []
        for k, i in batch:
            certificate = Certificate.of(objective, patterns[k], outputs[k])
            certificate = certificate.at_null(patterns[k].scaled(alphas[k][i]), objective.null[outputs[k]])
            problems.append(Problem(outputs[k], certificate, starts[k][i]))
        for (k, i), result in zip(batch, _settle(objective, problems, settings, monitor), strict=True):
            found[k][i] = result
    return found


def _settle(objective, problems, settings, monitor):
    """The same for problems in lockstep."""
    if any(problem.start.gradient is None for problem in problems):
        coefs, outputs = [p.start.coef for p in problems], [p.output for p in problems]
        points = objective.points(np.array(coefs, dtype=np.float64), outputs)
        problems = [replace(problem, start=point) for problem, point in zip(problems, points, strict=True)]
    ways, model = [_Way(problem) for problem in problems], None
    for _ in range(LASSOS):
        running = [way for way in ways if way.result.residual > settings.tol and not way.stopped]
        if not running:
            break

        def report(k, *state, running=running):
            return monitor(running[k].problem.output, *state)

        lassos = [way.lasso() for way in running]
        tol = max(settings.tol / 2, min(way.enough for way in running))
        found, model = minimise(
            objective, lassos, settings.solver, tol, settings.max_iter, None if monitor is None else report, model
        )
        for way, result in zip(running, found, strict=True):
            way.receive(objective, result)
            way.stopped = way.stopped or result.n_iter >= settings.max_iter  # nor would the next lasso be solved
    return rounded(objective, problems, [way.result for way in ways])


class _Way:
    """Where the approximations of one problem are: the best result, and the strengths of the next lasso."""

    def __init__(self, problem):
        self.problem, self.penalty, self.stopped = problem, problem.penalty, False
        self.result = problem.result(problem.start, problem.residual(problem.start), 1)
        self.value = problem.start.value + self.penalty.value(problem.start.coef)
        self.begin()

    def begin(self):
        """From the strengths at the point itself."""
        self.strengths, self.past, self.enough = self.penalty.slopes(self.result.point.coef), Anderson(), 0.0
        self.extrapolated = False

    def lasso(self):
        penalty = self.penalty.with_strengths(self.strengths)
        certificate = replace(self.problem.certificate, penalty=penalty)
        return replace(self.problem, certificate=certificate, start=self.result.point)

    def receive(self, objective, result):
        """Go to where a lasso led, if that is better.

        As long as norms come to other pieces of the penalty, what is reached depends on each lasso. Then the strengths
        are extrapolated from the last few.
        """
        point, n_iter = result.point, self.result.n_iter + result.n_iter
        value, before = point.value + self.penalty.value(point.coef), self.result.point
        tolerance = np.finfo(objective.precision).eps * objective.value_size(
            self.problem.output, value, point.intercept
        )
        same = np.array_equal(point.coef, before.coef)
        if self.extrapolated and (value > self.value + tolerance or same):
            self.result = replace(self.result, n_iter=n_iter)
            self.begin()
            return
        pieces = self.penalty.pieces(before.coef)
        self.value, self.result = (
            value,
            self.problem.result(point, self.problem.residual(point), n_iter, result.stalled),
        )
        self.stopped = same or result.stalled
        if not np.array_equal(pieces, self.penalty.pieces(point.coef)):
            self.begin()
            return
        slopes = self.penalty.slopes(point.coef)
        step = np.where(np.isfinite(slopes), slopes - self.strengths, 0.0)
        (further,) = self.past.extrapolate(step, step, slopes)
        self.extrapolated, self.enough = len(self.past.past) > 1, ENOUGH * self.result.residual
        self.strengths = np.clip(further, self.penalty.least_strengths, self.penalty.strengths)


def solve_path(objective, outputs, patterns, points, lassos, alphas, settings, reports):
    """What `engine.solve_path` gives, with the results of the lasso there, from which the first approximations start.

    At each strength the approximations start from the lasso and from the model at the strength before (at the first
    from `points`), and the better objective stays. All strengths of all outputs are done together: once from the lasso,
    and then from the model before wherever that has changed.
    """
    of_lists = [len(each) for each in outputs]
    every = [output for each in outputs for output in each]
    penalties = [pattern for each, pattern in zip(outputs, patterns, strict=True) for _ in each]
    first = [point for each in points for point in each]
    starts = [[result.point for result in way] for each in lassos for way in zip(*each, strict=True)]
    n_alphas = [len(each) for each in starts]
    best = settle(objective, every, penalties, [alphas[:n] for n in n_alphas], starts, settings)
    changed = [range(n) for n in n_alphas]
    for _ in range(max(n_alphas, default=0)):
        kept = [k for k, places in enumerate(changed) if len(places)]
        if not kept:
            break
        before = [[best[k][i - 1].point if i else first[k] for i in changed[k]] for k in kept]
        levels = [np.array([alphas[i] for i in changed[k]]) for k in kept]
        found = settle(objective, [every[k] for k in kept], [penalties[k] for k in kept], levels, before, settings)
        after = [[] for _ in every]
        for k, way in zip(kept, found, strict=True):
            for i, result in zip(changed[k], way, strict=True):
                penalty = penalties[k].scaled(alphas[i])
                old, new = (each.point.value + penalty.value(each.point.coef) for each in (best[k][i], result))
                point = result.point
                if new < old - SAME * objective.value_size(every[k], new, point.intercept):
                    best[k][i] = result
                    if i + 1 < n_alphas[k]:
                        after[k].append(i + 1)
        changed = after
    best, results = iter(best), []
    for n, report in zip(of_lists, reports, strict=True):
        way = []
        for alpha, *at_alpha in zip(alphas, *islice(best, n), strict=False):
            way.append([result.without_gradient() for result in at_alpha])
            if report(alpha, at_alpha):
                break
        results.append(way)
    return results
