"""Proximal Newton steps on a working set of groups, with a kept Hessian, for many problems at once."""

from copy import copy
from dataclasses import dataclass, replace
from functools import partial, reduce
from itertools import groupby

import numpy as np

from skprox.solvers.anderson import Anderson
from skprox.solvers.blocks import BlockModel
from skprox.solvers.decisions import INNER, LEAST_STEP, STALL, decrease_of, is_accepted, needs_new_hessian
from skprox.solvers.implicit import ImplicitModel
from skprox.solvers.quadratic import QuadraticModel, is_factored

WORKING_COLUMNS = 100  # that may enter at once, where fewer are in play
WHOLE = 0.5  # share of all columns from which on the working set has all of them, and spares a pass to look around
FAR = 5.0  # largest change in log rate of a step
NEAR = 0.5  # root mean square of that change below which it is not looked at
TALL = 50  # rows a column from which on the Hessian of one fold does for all
HESSIANS = 8000**2  # entries that those of several counts have together at most: 512 MB
EXPLICIT_COLUMNS = 500  # up to which a Hessian is made where there are no norms, too
NEEDED = 0.9  # share of its strength that the gradient of a group outside has for a new Hessian to include it


def newton(objective, problems, tol, max_iter, monitor, model=None, max_entries=np.inf):
    """Minimise objective + penalty for each of `problems` by proximal Newton steps.

    Each step minimises a second-order expansion plus the penalty over the groups that are not zero and
    those furthest from optimal (Lee, Sun and Saunders, 2014), then goes along it as far as the objective
    falls. The problems share the working set, each pass over the data, and a Hessian for as long as it
    brings them to `tol` in fewer passes than a new one would cost. Once they are there on the working
    set, one pass over all columns tells whether they are there at all.

    Returns the results, and the last Hessian: problems near these may start with it. Stops early, above
    `tol`, where the Hessian, or a factor of it, would have more than `max_entries` entries.
    """
    on_threads = objective.map  # of the passes over all groups, where these are many
    descents = list(on_threads(lambda k: _Descent(problems[k], objective, k, monitor), range(len(problems))))
    running = [descent for descent in descents if descent.residual > tol]
    while running:
        first, groups = running[0], reduce(np.union1d, on_threads(lambda descent: descent.groups_in_play(tol), running))
        new_model, size = _kind_of_model(objective, running, groups, max_entries)
        if size > max_entries:
            break
        batch = _of_few_counts(objective, running, HESSIANS // max(size, 1))
        if model is None:
            model = new_model(first.point, first.problem.output, first.penalty)
        model.forget(groups)
        models = list({id(m): m for m in [model, *(descent.model for descent in batch)] if m}.values())
        working = _WorkingSet.of(objective, first.penalty, groups, models)
        for descent in batch:
            descent.enter(working, descent.model or model, groups)
        active = [descent for descent in batch if descent.residual > tol]
        while active:
            _propose(working.objective, active, tol)
            _try(working.objective, active)
            _renew_models(working, active, tol, max_entries)
            active = [descent for descent in active if descent.goes_on(tol, max_iter)]
        model = batch[-1].model
        _check_all_columns(objective, batch)
        for descent in batch:
            if not descent.goes_on(tol, max_iter):
                descent.model = None
        running = [descent for descent in running if descent.goes_on(tol, max_iter)]
    results = list(on_threads(_Descent.result, descents))
    if model is not None and max(d.n_iter for d in descents) > 3 + model.cost(len(descents), objective.shape[0]) / 2:
        model = None  # what has aged so much will not do for the next
    return results, model


def _kind_of_model(objective, descents, groups, max_entries):
    """What makes a model of `groups` for some descents, and how many entries it has."""
    penalties, n_rows, n_blocks = [descent.penalty for descent in descents], objective.shape[0], objective.n_blocks or 1
    n_columns = len(penalties[0].columns(groups)) // n_blocks
    is_smooth = all(penalty.is_smooth(groups) for penalty in penalties)
    if (
        is_smooth
        and n_columns > EXPLICIT_COLUMNS
        and (n_blocks * n_columns**2 > max_entries or not any(descent.ran_out_of_products for descent in descents))
    ):
        return ImplicitModel, 0
    if objective.n_blocks:
        return partial(BlockModel, n_blocks=n_blocks, dtype=objective.precision), n_blocks * n_columns**2
    factored = is_factored(penalties, groups, n_rows, objective.column_sd) and objective.has_factor
    size = n_columns * (n_rows if factored else n_columns)
    return partial(QuadraticModel, n_rows=n_rows, dtype=objective.precision, factored=factored), size


def _of_few_counts(objective, descents, most):
    """Those of the first so many counts, at least of one: each counts may come to have a Hessian of its own."""
    indices = [objective.count_index[descent.problem.output] for descent in descents]
    first_counts = list(dict.fromkeys(indices))[: max(1, most)]
    return [descent for descent, counts in zip(descents, indices, strict=True) if counts in first_counts]


@dataclass(frozen=True)
class _WorkingSet:
    """The objective `whole` restricted to some columns, in ascending order."""

    whole: object
    objective: object
    columns: np.ndarray

    @classmethod
    def of(cls, objective, penalty, groups, models):
        """With the columns of `groups`, and all that `models` need."""
        needed = [penalty.columns(groups)]
        for model in models:
            needed += [model.columns, np.flatnonzero(model.point.coef)]
        columns = np.unique(np.concatenate(needed))
        n_columns = objective.shape[1]
        if len(columns) >= WHOLE * n_columns:
            return cls(objective, objective, np.arange(n_columns))
        part = objective.restrict(columns)
        return cls(objective, part, columns)

    def find(self, columns):
        """Positions of some of its columns."""
        return np.searchsorted(self.columns, columns)

    def restrict(self, point):
        return replace(point, coef=point.coef[self.columns], gradient=point.gradient[self.columns])

    def extend(self, point, n_columns):
        """A point among all columns, of whose gradient nothing else is known."""
        coef, gradient = np.zeros(n_columns), np.full(n_columns, np.nan)
        coef[self.columns], gradient[self.columns] = point.coef, point.gradient
        return replace(point, coef=coef, gradient=gradient)


def _propose(objective, active, tol):
    """Find where each step leads.

    Of problems that start together each without a guess begins with what the one before found.
    """

    def run(chain):
        model, end = copy(chain[0].model), None  # with factors of its own: those of others come when they may
        for descent in chain:
            end = descent.propose(model, end, tol)
        return model.kept

    proposing = [descent for descent in active if not descent.halving]
    chains = groupby(proposing, lambda d: (d.order,) if d.n_iter or d.has_guess else (id(d.problem.start), id(d.model)))
    chains = [list(chain) for _, chain in chains]
    # a step without a Hessian has threads of its own
    run_all = map if any(chain[0].model.is_implicit for chain in chains) else objective.map
    factors = list(run_all(run, chains))  # all of them first: those that are kept serve others
    for chain, kept in zip(chains, factors, strict=True):
        chain[0].model.kept = kept
    far = [d for d in proposing if d.mean_square_change > NEAR**2]
    if far:
        moves = np.array([descent.among(descent.end - descent.here) for descent in far])
        points, outputs = [descent.point for descent in far], [descent.problem.output for descent in far]
        changes = objective.largest_change(points, moves, outputs, FAR)
        for descent, change in zip(far, changes, strict=True):
            descent.step = FAR / max(change, FAR)


def _try(objective, active):
    """Evaluate all trials. One pass over the columns of the working set."""
    trials = [descent.among(descent.trial()) for descent in active]
    answers = objective.evaluate(np.array(trials), [descent.problem.output for descent in active])
    for descent, *answer in zip(active, trials, *answers, strict=True):
        descent.receive(*answer)


def _check_all_columns(objective, running):
    """Complete the gradients. One pass over X, or none where all columns were in the working set."""
    n_columns = objective.shape[1]
    for descent in running:
        descent.point = descent.working.extend(descent.point, n_columns)
    incomplete = [descent for descent in running if len(descent.working.columns) < n_columns]
    if incomplete:
        coefs = np.array([descent.point.coef for descent in incomplete])
        answers = objective.evaluate(coefs, [descent.problem.output for descent in incomplete])
        for descent, value, intercept, gradient in zip(incomplete, *answers, strict=True):
            descent.point = replace(descent.point, value=value, intercept=intercept, gradient=gradient)
    before = [descent.residual for descent in running]
    list(objective.map(_Descent.certify, running))
    for descent, residual in zip(running, before, strict=True):
        if descent.residual > 2 * residual:  # there is more to do outside than rounding can hide
            descent.n_stalled = 0


def _renew_models(working, active, tol, max_entries):
    """Take a new Hessian for outputs with a problem that the old one serves badly, at the worst of these.

    Where there are many rows a column, folds have much the same Hessian, and one serves them all. Where there are
    few, a fold may lack directions that others have.
    """
    tall = working.objective.shape[0] >= TALL * len(working.columns) // (working.objective.n_blocks or 1)
    kinds = working.objective.count_index if tall else np.arange(len(working.objective.count_index))
    for _, sharing in groupby(active, lambda descent: kinds[descent.problem.output]):
        sharing = [descent for descent in sharing if descent.residual > tol and not descent.halving]
        badly_served = [
            descent for descent in sharing if descent.needs_new_hessian(tol, len(sharing), working.objective.shape[0])
        ]
        if not badly_served:
            continue
        worst = max(badly_served, key=lambda descent: descent.residual)
        groups = reduce(np.union1d, [descent.groups_needed() for descent in sharing])
        new_model, _ = _kind_of_model(working.whole, sharing, groups, max_entries)
        point = working.extend(worst.point, worst.shape[1])
        model = new_model(point, worst.problem.output, worst.penalty)
        for descent in sharing:
            descent.use(model, groups)
        worst.taken_here = True


class _Descent:
    """The way down of one problem: the point it is at, the step that it tries, how it gets on.

    Points are on the working set while the descent is in it, and among all columns when it looks around.
    """

    def __init__(self, problem, objective, order, monitor):
        self.problem, self.certificate, self.penalty = problem, problem.certificate, problem.certificate.penalty
        self.order, self.monitor, self.shape, self.n_blocks = order, monitor, objective.shape, objective.n_blocks or 1
        self.scale, self.value_size = objective.scale[problem.output], partial(objective.value_size, problem.output)
        self.eps = np.finfo(objective.precision).eps
        self.point, self.model = problem.start, None
        self.n_iter, self.n_stalled, self.step, self.halving, self.refused = 0, 0, 1.0, False, False
        self.rate, self.stopped, self.ran_out_of_products = 1.0, False, False
        self.certify()

    def certify(self):
        """Look at the certificate over all groups."""
        self.residuals = self.certificate(self.point.coef, self.point.gradient)
        self.residual = self.residuals.max(initial=0.0)

    def goes_on(self, tol, max_iter):
        if self.stopped or self.n_stalled >= STALL:
            return False
        return self.residual > tol and (self.n_iter < max_iter or self.halving)

    def result(self):
        """The result; stalled where it ended where rounding may be in the way of any solver, or was stopped."""
        stalled = self.n_stalled >= STALL and self.residual < self.eps**0.25
        return self.problem.result(self.point, self.residual, self.n_iter, self.stopped or stalled)

    @property
    def has_guess(self):
        """Whether its next step begins at the guess."""
        return self.n_iter == 0 and self.problem.guess is not None

    def groups_in_play(self, tol):
        """Groups that are not zero, and those outside whose gradient is largest as a share of their strength."""
        coef, gradient, penalty = self.point.coef, self.point.gradient, self.penalty
        entries = penalty.entries(gradient)
        inside = (penalty.norms(coef) > 0) | np.isinf(entries)
        outside = np.flatnonzero((self.residuals > tol / 2) & ~inside)
        behind = self.residuals[outside] <= tol  # those above it must come in
        outside = outside[np.lexsort([-entries[outside], behind])]
        sizes = penalty.sizes
        most_columns = max(WORKING_COLUMNS * self.n_blocks, sizes[inside].sum())
        return np.union1d(np.flatnonzero(inside), outside[np.cumsum(sizes[outside]) - sizes[outside] < most_columns])

    def groups_needed(self):
        """Groups of the working set that are not zero or may soon be."""
        entries = self.local.penalty.entries(self.point.gradient[self.where])
        return self.model.groups[(self.local.penalty.norms(self.here) > 0) | (entries >= NEEDED)]

    def enter(self, working, model, groups):
        """Work on a new working set, with a model from wherever it was taken."""
        taken_here = model.point.coef is self.point.coef
        self.working, self.point = working, working.restrict(self.point)
        self.best, self.n_stalled = (self.point, np.inf), 0
        self.use(model, groups)
        self.taken_here = taken_here

    def use(self, model, groups):
        """Work with `model`, and on its groups."""
        model.include(groups, self.working)
        self.model, self.where, self.taken_here = model, self.working.find(model.columns), False
        self.local, self.here = self.certificate.restrict(model.groups), self.point.coef[self.where]
        self.refused, self.residual, self.past = False, self._residual(), Anderson()

    @np.errstate(over="ignore", invalid="ignore")  # what is not finite is not accepted
    def propose(self, model, start, tol):
        """The minimiser of a model, sought from `start`; where that is None from the guess, or from here."""
        self.gradient = self.point.gradient[self.where]
        if start is None:
            start = self.problem.guess[model.columns] if self.has_guess else self.here
        gradient = self.gradient / self.scale
        self.end, slope = model.minimise(
            gradient,
            self.here,
            start,
            self.local.scaled(1 / self.scale),
            INNER * max(self.residual, tol),
        )
        self.ran_out_of_products = self.ran_out_of_products or model.ran_out
        if not np.isfinite(self.end).all():
            self.end, slope = self.here, gradient
        move = self.end - self.here
        self.mean_square_change = (slope - gradient) @ move  # the mean square of the change in log rate
        (self.end,) = self.past.extrapolate(move, slope - gradient, self.end)
        penalty = self.local.penalty
        if penalty.is_bounded:
            self.end = penalty.feasible(self.end)
        move = self.end - self.here
        self.penalty_before = penalty.value(self.here)
        self.predicted = self.gradient @ move + penalty.value(self.end) - self.penalty_before
        self.tolerance = 4 * np.finfo(float).eps * (self.penalty_before + np.abs(self.gradient) @ np.abs(move))
        self.step, self.n_iter = 1.0, self.n_iter + 1
        return self.end

    def trial(self):
        """The point at the step's length: of a whole one the end itself, which may be at a bound."""
        return self.end if self.step == 1.0 else self.here + self.step * (self.end - self.here)

    @np.errstate(over="ignore", invalid="ignore")
    def receive(self, trial, value, intercept, gradient):
        """Go to `trial` if the objective falls enough; else halve the step, or want a Hessian from here."""
        there, after = trial[self.where], gradient[self.where]
        penalty_change = self.local.penalty.value(there) - self.penalty_before
        slopes, predicted = (self.gradient + after) @ (there - self.here), self.step * self.predicted
        rounding = self.eps * self.value_size(value, intercept, self.point.intercept)
        decrease = decrease_of(value - self.point.value, slopes, penalty_change, predicted, rounding)
        if is_accepted(decrease, predicted, self.tolerance):
            self.point = replace(self.point, coef=trial, intercept=intercept, value=value, gradient=gradient)
            self.here, self.halving, self.taken_here = there, False, False
            before, self.residual = self.residual, self._residual()
            hidden = self.tolerance if self.residual < self.best[1] else max(self.tolerance, rounding)
            self.n_stalled = 0 if self.predicted < -hidden else self.n_stalled + 1
            self.rate = self.residual / before if self.step == 1.0 else 1.0
            penalty = self.local.penalty
            n_groups = np.count_nonzero(penalty.norms(there))
            value = value + penalty.value(there)
            self.stopped = self.monitor(self.order, self.n_iter, value, self.residual, n_groups)
        elif self.taken_here:
            self.step, self.halving = self.step / 2, True
            if not self.step >= LEAST_STEP:
                self.n_stalled, self.halving = STALL, False
        else:
            self.refused = True
        if self.residual < self.best[1]:
            self.best = self.point, self.residual
        if self.n_stalled >= STALL:
            self.point, self.residual = self.best

    def needs_new_hessian(self, tol, n_problems, n_rows):
        """Whether a new Hessian would pay: it costs as much as a number of passes that grows with its columns."""
        return self.refused or needs_new_hessian(self.residual, tol, self.rate, self.model.cost(n_problems, n_rows))

    def among(self, values):
        """Values on the model's columns among zeros on the working set."""
        out = np.zeros(len(self.working.columns))
        out[self.where] = values
        return out

    def _residual(self):
        return self.local(self.here, self.point.gradient[self.where]).max(initial=0.0)
