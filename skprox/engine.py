"""The door of the engine: data, penalties and settings go in, results come out.

numba takes as long to import as all else: nothing here imports it before there is something to fit.
"""

from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice, product

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import gen_batches

from skprox import parallel
from skprox.columns import Columns
from skprox.validation import check_spread

START = 16  # problems in lockstep at first, or one strength
# Steps of problems in lockstep: up to the first more go together next time, beyond the second fewer.
NEAR_STEPS, FAR_STEPS = 6, 8
REACH = 8  # how far a path is extrapolated, in distances of the last two strengths


@dataclass(frozen=True)
class Data:
    """Checked rows, and the names and groups of their columns.

    Attributes
    ----------
    X : ndarray, CSR or CSC matrix
    arrays : dict
        `counts` of shape (n_counts, n_samples), `weight`, `exposure` and `offset` of shape (n_samples,).
    columns : Columns
    n_outputs : int or None
        None for a 1-D target.
    n_samples : float
        The sum of the weights, as they were given.
    factors : ndarray of shape (n_outputs,), or None
        Those on the data terms of outputs that are one model, None where each is a model of its own.
    """

    X: object
    arrays: dict
    columns: Columns
    n_outputs: int | None
    n_samples: float
    factors: np.ndarray | None

    @property
    def dtype(self):
        return self.X.dtype

    @property
    def n_rows(self):
        return self.X.shape[0]

    def with_arrays(self, **arrays):
        """The same with more arrays, which have an entry for each row along their last axis."""
        return replace(self, arrays=self.arrays | arrays)

    def reduce(self, merge, task):
        """What `merge` makes of task(rows), which looks at the arrays alone, over chunks of rows."""
        return task(self.arrays)

    @property
    def weighted(self):
        """A design of the rows with their weights and exposure, in double precision."""
        from skprox.designs.memory import Design

        return Design(self.X, arrays={name: self.arrays[name].astype(np.float64) for name in ("weight", "exposure")})

    @contextmanager
    def open(self, n_jobs, n_problems):
        """The design, and a `map` whose calls may run on several threads, for so many problems at once."""
        from skprox import storage
        from skprox.designs.memory import Design

        X, arrays = storage.in_cache(self.X), {}
        for name, each in self.arrays.items():
            arrays[name] = each.astype(X.dtype, copy=False) if each.dtype.kind == "f" else each
        size = X.nnz if issparse(X) else X.size
        with parallel.row_threads(n_jobs, size * n_problems) as (n_threads, run):
            n_threads = min(n_threads, max(1, size // parallel.ENTRIES_A_THREAD))
            yield Design.of_occupied(X, n_threads, run, arrays, self.columns.repeats), run


@dataclass(frozen=True)
class Settings:
    """How far and how to go: as the parameters of the estimators."""

    solver: str
    tol: float
    max_iter: int

    @classmethod
    def of(cls, estimator):
        return cls(estimator.solver, estimator.tol, estimator.max_iter)

    @property
    def arguments(self):
        return self.solver, self.tol, self.max_iter


def weigh_once(rows):
    """The weights of the rows as they are."""
    return {"weights": rows["weight"][None]}


@contextmanager
def open_objective(data, fit_intercept, n_jobs, overdispersion=None, weigh=weigh_once, n_weights=1):
    """The objective of the rows under each of the weights that weigh(rows) returns, with threads to evaluate it on.

    It is that of negative binomial counts where there is an `overdispersion` for each counts.
    """
    from skprox.objectives.poisson import PoissonObjective

    with data.open(n_jobs, (data.n_outputs or 1) * n_weights) as (design, run):
        arguments = design.keep(weigh), fit_intercept, run, data.dtype
        if overdispersion is None:
            objective = PoissonObjective.of(*arguments)
        else:
            from skprox.objectives.negative_binomial import NegativeBinomialObjective

            objective = NegativeBinomialObjective.of(*arguments, overdispersion=overdispersion)
        check_spread(objective, data.columns.parts.titles)
        if data.factors is not None:
            from skprox.objectives.stacked import StackedObjective

            objective = StackedObjective(objective, data.factors)
        yield objective


def fit_each(objective, penalties, outputs, starts, settings, monitor=None):
    """Results for each of some outputs, which may repeat, under a penalty of its own, from a point of its own.

    `monitor`, where there is one, is called with the output, the number of its steps, its value, certificate and number
    of groups after each step, and ends it by returning true.
    """
    from skprox.solvers import LOCKSTEP, Certificate, Problem, solve, solve_in_memory

    if any(penalty.is_concave for penalty in penalties):
        from skprox import local_linear

        lassos = fit_each(objective, [penalty.lasso for penalty in penalties], outputs, starts, settings, monitor)
        starts, one = [[lasso.point] for lasso in lassos], [np.ones(1)] * len(outputs)
        return [path[0] for path in local_linear.settle(objective, outputs, penalties, one, starts, settings, monitor)]
    if monitor is None:
        found = solve_in_memory(objective, penalties, outputs, starts, np.ones(1), *settings.arguments)
        if found is not None:
            return [result for (result,) in found]
    results = []
    for batch in gen_batches(len(penalties), LOCKSTEP):
        some, points = outputs[batch], starts[batch]
        if any(point.gradient is None for point in points):
            points = objective.points(np.array([point.coef for point in points]), some)
        certificates = [Certificate.of(objective, *each) for each in zip(penalties[batch], some, strict=True)]
        problems = [*map(Problem, some, certificates, points)]

        def report(k, *state, some=some):
            return monitor(some[k], *state)

        results += solve(objective, problems, *settings.arguments, None if monitor is None else report)[0]
    return results


def without_penalised(objective, output, pattern, settings):
    """The solution where all penalised groups are held at zero: the one at alpha_max."""
    null = objective.null[output]
    if pattern.kinked.all():
        return null
    point = fit_each(objective, [pattern.constrained_to_zero()], [output], [null], settings)[0].point
    return point if point.gradient is not None else objective.points(point.coef[None], [output])[0]


def ignore(alpha, results):
    """Say nothing of a strength that is done."""


def solve_path(objective, outputs, patterns, points, alphas, settings, reports):
    """For each of some lists of outputs: results at each of `alphas`, in descending order, of each output in the list.

    The outputs of a list are much alike: the same counts, under other weights. They have the same pattern of
    strengths, start from a list of points, and end early where a report, called with a strength and its results,
    says so.
    """
    from skprox.solvers import solve_in_memory

    if any(pattern.is_concave for pattern in patterns):
        from skprox import local_linear

        patterns_, silent = [pattern.lasso for pattern in patterns], [ignore] * len(patterns)
        lassos = solve_path(objective, outputs, patterns_, points, alphas, settings, silent)
        return local_linear.solve_path(objective, outputs, patterns, points, lassos, alphas, settings, reports)
    if all(report is ignore for report in reports):
        every, starts = list(chain(*outputs)), list(chain(*points))
        penalties = [pattern for each, pattern in zip(outputs, patterns, strict=True) for _ in each]
        found = solve_in_memory(objective, penalties, every, starts, np.asarray(alphas), *settings.arguments)
        if found is not None:
            found = iter(found)
            return [list(zip(*islice(found, len(each)), strict=True)) for each in outputs]
    by_output = zip(outputs, patterns, points, reports, strict=True)
    return [
        _solve_path(objective, each, pattern, at, alphas, settings, report) for each, pattern, at, report in by_output
    ]


def _solve_path(objective, outputs, pattern, points, alphas, settings, report):
    """The same for one list, a batch of strengths at a time."""
    from skprox.solvers import LOCKSTEP, Certificate, Problem, solve

    results, model = [], None
    n_vectors = len(outputs) * (objective.n_blocks or 1)
    size, most_at_once = (max(1, n_problems // n_vectors) for n_problems in (START, LOCKSTEP))
    certificates = [Certificate.of(objective, pattern, output) for output in outputs]

    def problem(task):
        k, alpha = task
        certificate = certificates[k].at_null(pattern.scaled(alpha), objective.null[outputs[k]])
        last_two = [at_alpha[k].point.coef for at_alpha in results[-2:]]
        guess = _extrapolated(pattern, alphas[: len(results)][-2:], last_two, alpha)
        return Problem(outputs[k], certificate, points[k], guess)

    while len(results) < len(alphas):
        batch = alphas[len(results) : len(results) + size]
        problems = list(objective.map(problem, product(range(len(outputs)), batch)))
        found, model = solve(objective, problems, *settings.arguments, model=model)
        by_output = [found[k : k + len(batch)] for k in range(0, len(found), len(batch))]
        points = [path[-1].point for path in by_output]
        for alpha, *at_alpha in zip(batch, *by_output, strict=True):
            results.append([result.without_gradient() for result in at_alpha])
            if report(alpha, at_alpha):
                return results
        # far from where they start problems take many steps, each of its own Hessian: then fewer go together;
        # and where steps cost more than passes, there is little to share
        most = max(result.n_iter for result in found)
        size = max(1, size // 2) if most > FAR_STEPS else 2 * size if most <= NEAR_STEPS else size
        width = max(1, *(np.count_nonzero(point.coef) for point in points))
        size = min(size, max(2, 2 * objective.shape[0] // width), most_at_once)
    return results


def _extrapolated(penalty, alphas, coefs, alpha):
    """Where the line through the coefficients at two strengths is at a third; None where no two differ.

    Between the strengths at which coefficients come and go, paths of the lasso are nearly straight lines, under a
    quadratic loss exactly so (Efron, Hastie, Johnstone and Tibshirani, 2004). Those at zero stay there.
    """
    if len(alphas) < 2 or alphas[0] == alphas[1]:
        return None
    share = min((alphas[1] - alpha) / (alphas[0] - alphas[1]), REACH)
    return penalty.feasible(np.where(coefs[1] == 0, 0.0, coefs[1] + share * (coefs[1] - coefs[0])))
