"""Accelerated proximal gradient steps in a diagonal metric, with adaptive restart."""

import numpy as np

PATIENCE = 1000  # steps, at least, without a better certificate, to say that rounding is in the way


def fista(objective, problems, tol, max_iter, monitor, model=None, max_entries=np.inf):
    """Minimise objective + penalty for each of `problems` by FISTA (Beck and Teboulle, 2009).

    A step from z is the minimiser of the expansion of the objective at z, with a quadratic term of
    curvature L * d: d is the squared spread of each column, and L is doubled until the quadratic is
    above the objective, which is tested on the divergence itself and so holds to the last digit. L
    may sink again by a tenth a step. Momentum starts anew when it points uphill (O'Donoghue and
    Candès, 2015). The problems share each pass over X. It needs no Hessian: `model` is handed on. Returns
    the points of the best certificates. Below the square root of the precision, where rounding shows, half of
    all steps without a better one are enough.
    """
    states = [_State(problem, objective, k) for k, problem in enumerate(problems)]
    running = [state for state in states if state.residual > tol]
    for n_iter in range(1, max_iter + 1):
        if not running:
            break
        searching = running
        while searching:
            for state in searching:
                state.propose()
            proposals = np.array([state.following for state in searching])
            excess = objective.bregman_divergence(
                proposals, [s.point for s in searching], [s.output for s in searching]
            )
            searching = [state for state, d in zip(searching, excess, strict=True) if not state.accept(d)]
        for state in running:
            state.advance()
        for state, *answer in zip(running, *_evaluate(objective, running), strict=True):
            state.arrive(*answer)
            state.report(n_iter, monitor)
        running = [state for state in running if state.residual > tol and not state.stopped]
    return [state.problem.result(*state.best, state.n_iter, state.stopped) for state in states], model


def _evaluate(objective, states):
    return objective.evaluate(np.array([state.ahead for state in states]), [state.output for state in states])


class _State:
    """Where one problem is: the point `point` ahead of `coef`, the step scale and the momentum."""

    def __init__(self, problem, objective, order):
        self.problem, self.output, self.order = problem, problem.output, order
        self.metric = objective.curvature[problem.output].copy()
        self.metric[self.metric <= 0] = self.metric.max(initial=0.0) or 1.0  # constant columns never need to move
        self.scale, self.momentum = 1.0, 1.0
        self.point, self.coef, self.ahead = problem.start, problem.start.coef, None
        self.n_iter, self.stopped, self.best_at = 0, False, 0
        self.noise = np.sqrt(np.finfo(objective.precision).eps)
        self.certify()
        self.best = self.point, self.residual

    def certify(self):
        self.residual = self.problem.residual(self.point)

    def arrive(self, value, intercept, gradient):
        self.point = type(self.point)(self.ahead, intercept, value, gradient)
        self.certify()

    def report(self, n_iter, monitor):
        self.n_iter = n_iter
        penalty, coef = self.problem.penalty, self.point.coef
        n_groups = np.count_nonzero(penalty.norms(coef))
        self.stopped = monitor(self.order, n_iter, self.point.value + penalty.value(coef), self.residual, n_groups)
        if self.residual < self.best[1]:
            self.best, self.best_at = (self.point, self.residual), n_iter
        stalls = self.best[1] < self.noise and n_iter - self.best_at > max(PATIENCE, self.best_at)
        self.stopped = self.stopped or stalls

    def propose(self):
        self.curvature = self.scale * self.metric
        origin = self.point.coef - self.point.gradient / self.curvature
        self.following = self.problem.penalty.prox(origin, self.curvature)

    def accept(self, divergence):
        move = self.following - self.point.coef
        if divergence <= self.curvature @ move**2 / 2 or self.scale > 1e15:
            return True
        self.scale *= 2.0
        return False

    def advance(self):
        self.scale *= 0.9
        if (self.curvature * (self.following - self.point.coef)) @ (self.following - self.coef) < 0:
            self.momentum = 1.0
        grown = (1 + np.sqrt(1 + 4 * self.momentum**2)) / 2
        self.ahead = self.following + (self.momentum - 1) / grown * (self.following - self.coef)
        if self.problem.penalty.is_bounded:
            self.ahead = self.problem.penalty.feasible(self.ahead)
        self.coef, self.momentum = self.following, grown
