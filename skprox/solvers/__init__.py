"""Solvers: they know an objective and a penalty by their methods only, but for those in memory, that take arrays."""

from dataclasses import replace

import numpy as np

from skprox.solvers import in_memory
from skprox.solvers.fista import fista
from skprox.solvers.newton import newton
from skprox.solvers.result import Certificate, Problem

__all__ = [
    "LOCKSTEP",
    "Certificate",
    "Problem",
    "minimise",
    "rounded",
    "settle_in_memory",
    "solve",
    "solve_in_memory",
]

LOCKSTEP = 64  # problems that share each pass: products with so many vectors cost little more than with one

# The stages of "auto": a solver, how many steps it may take, and how many entries its Hessian may have. Beyond 16
# million they cost more than gradients.
STAGES = ((newton, 300, 4000**2), (fista, np.inf, np.inf))


def solve(objective, problems, solver, tol, max_iter, monitor=None, model=None):
    """Minimise objective + penalty for each of `problems`.

    After each step of problem k `monitor`, where there is one, is told k, the number of its steps so far, its value and
    certificate, and how many groups are not zero; the problem is left as it is where that returns true.

    Returns the results, and the Hessian to start with for problems near them.
    """
    results, model = minimise(objective, problems, solver, tol, max_iter, monitor, model)
    return rounded(objective, problems, results), model


def minimise(objective, problems, solver, tol, max_iter, monitor=None, model=None):
    """The same with coefficients as they were found, in double precision."""
    stages = STAGES if solver == "auto" else [({"newton": newton, "fista": fista}[solver], np.inf, np.inf)]
    results, taken, left = [None] * len(problems), np.zeros(len(problems), dtype=int), np.arange(len(problems))
    for algorithm, n_steps, max_entries in stages:
        batch = [problems[k] if results[k] is None else replace(problems[k], start=results[k].point) for k in left]

        def report(order, n_iter, *state, left=left):
            return monitor is not None and monitor(left[order], taken[left[order]] + n_iter, *state)

        n_steps = int(min(n_steps, max_iter - taken[left].max()))
        if algorithm is fista and monitor is None and in_memory.holds(objective):
            found = in_memory.fista(objective, batch, tol, n_steps)
        else:
            found, model = algorithm(objective, batch, tol, n_steps, report, model, max_entries)
        for k, result in zip(left, found, strict=True):
            taken[k] += result.n_iter
            results[k] = replace(result, n_iter=max(1, int(taken[k])))
        left = [k for k in left if results[k].residual > tol and not results[k].stalled and taken[k] < max_iter]
        left = np.array(left, dtype=int)
        if len(left) == 0:
            break
    return results, model


def solve_in_memory(objective, penalties, outputs, starts, alphas, solver, tol, max_iter):
    """Results of each of `outputs` at each of `alphas` in descending order, where X is small enough; None elsewhere.

    `penalties` are those at a strength of one, `starts` the points to start from.
    """
    if not in_memory.serves(objective, penalties, solver, max_iter):
        return None
    certificates = [Certificate.of(objective, *each) for each in zip(penalties, outputs, strict=True)]
    ways = [[start] for start in starts], [alphas] * len(outputs)
    found = in_memory.descend(objective, certificates, outputs, *ways, tol)
    for k, (certificate, output, last) in enumerate(zip(certificates, outputs, starts, strict=True)):
        if objective.dtype == np.float64 and None not in found[k]:
            continue
        null, problems = objective.null[output], []
        for i, alpha in enumerate(alphas):
            problems.append(Problem(output, certificate.at_null(certificate.penalty.scaled(alpha), null), last))
            if found[k][i] is None:
                if last.gradient is None:
                    (last,) = objective.points(last.coef[None], [output])
                (found[k][i],), _ = solve(objective, [replace(problems[i], start=last)], solver, tol, max_iter)
            last = found[k][i].point
        found[k] = rounded(objective, problems, found[k])
    return found


def settle_in_memory(objective, penalties, outputs, starts, alphas, solver, tol, max_iter):
    """The same under concave penalties: a list of points to start from, and one of strengths, for each of `outputs`.

    None in place of results that were not found.
    """
    if not in_memory.serves(objective, penalties, solver, max_iter):
        return [[None] * len(each) for each in alphas]
    certificates = [Certificate.of(objective, *each) for each in zip(penalties, outputs, strict=True)]
    found = in_memory.descend(objective, certificates, outputs, starts, alphas, tol)
    for k, (certificate, output) in enumerate(zip(certificates, outputs, strict=True)):
        done = [i for i, result in enumerate(found[k]) if result is not None]
        problems = [
            Problem(output, certificate.at_null(certificate.penalty.scaled(alphas[k][i]), objective.null[output]), None)
            for i in (done if objective.dtype != np.float64 else [])
        ]
        for i, result in zip(done, rounded(objective, problems, [found[k][i] for i in done]), strict=True):
            found[k][i] = result
    return found


def rounded(objective, problems, results):
    """Results with coefficients as they are returned: in single precision others than were found."""
    if objective.dtype == np.float64 or not results:
        return results
    points = objective.rounded([result.point for result in results], [problem.output for problem in problems])
    return [
        problem.result(point, problem.residual(point), found.n_iter, found.stalled)
        for problem, point, found in zip(problems, points, results, strict=True)
    ]
