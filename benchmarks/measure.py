"""Time one system on one case and check its answer: python measure.py '{"case": ..., "system": ...}' prints JSON."""

import json
import os
import resource
import sys
import time
import warnings

import numpy as np
from problems import make
from systems import CROSS_VALIDATED, SYSTEMS


def timed(call, problem):
    start = time.perf_counter()
    answer = call(problem)
    return answer, time.perf_counter() - start


def measure(case, system, seed, size, repeat, limit):
    """Best of `repeat` runs after a warm-up, of more where these are short, of fewer where `limit` is near."""
    begin = time.perf_counter()
    problem, call = make(case, seed, size), SYSTEMS[system]
    if problem.folds and system not in CROSS_VALIDATED:
        return None
    answer, first = timed(call, problem)
    if answer is None:
        return None
    seconds = []
    while len(seconds) < repeat or (sum(seconds) < 1 and len(seconds) < 50):
        if time.perf_counter() - begin + 1.5 * first > 0.8 * limit:
            break
        answer, last = timed(call, problem)
        seconds.append(last)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1 if sys.platform == "darwin" else 1024)

    n_outputs, n_columns = problem.Y.shape[1], problem.X.shape[1]
    alphas = answer[2:] or problem.alphas
    coefs = np.reshape(answer[0], (-1, n_outputs, n_columns))
    intercepts = np.reshape(answer[1], (-1, n_outputs))
    notes = [] if seconds else ["first run only"]
    row = {"first": first, "runs": len(seconds), "peak_mb": peak}
    if len(coefs) < len(alphas):
        notes.append(f"{len(coefs)} of {len(alphas)} strengths")
    else:
        checks = [problem.check(*model) for model in zip(coefs, intercepts, alphas, strict=True)]
        row["seconds"] = min(seconds, default=first)
        row["kkt"] = max(kkt for _, kkt in checks)
        row["objective"] = checks[-1][0]
        row["nonzero"] = int(np.count_nonzero(coefs[-1]))
    return {**row, "note": ", ".join(notes), "problem": problem.describe()}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if hasattr(os, "sched_setaffinity"):  # holds also those that don't read the variables to two threads
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
