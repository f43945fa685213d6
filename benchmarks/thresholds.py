"""Time what a threshold of the engine decides, at its own value and at others.

    python benchmarks/thresholds.py --list
    python benchmarks/thresholds.py storage.CACHED solvers.newton.NEEDED

Each line is a problem, and what it takes at some values of the threshold as a multiple of what it takes at its own, or
for a threshold between two ways, what the second takes as a multiple of the first. All values run in one process by
turns, on one thread, and the least processor time of each counts, so that a busy machine matters little. Values of
thresholds in compiled code are compiled anew, half a minute for each.
"""

import argparse
import importlib
import sys
import time
import warnings
from functools import partial

import hard
import numpy as np
import scipy.sparse as sp
from numba.core.caching import NullCache
from numba.core.dispatcher import Dispatcher
from problems import counts, gaussian
from threadpoolctl import threadpool_limits

from skprox import GroupLassoPoisson, GroupLassoPoissonCV, PoissonGLMRegressor, regularization_path, storage
from skprox.objectives.poisson import PoissonObjective

SECONDS = 3.0  # for the runs of a line, and at least three of each value
LOCKSTEP = {"storage.CACHED": 0}  # nothing stays in the cache
COMPILED = (
    "objectives.passes",
    "objectives.compiled",
    "solvers.decisions",
    "solvers.model_problem",
    "solvers.steps",
    "solvers.compiled_path",
)
MEASURES = {}


def measures(*names):
    """Register what measures thresholds: it yields problems, and for each a dict of the calls to compare."""

    def register(function):
        MEASURES.update({name: partial(function, name) if len(names) > 1 else function for name in names})
        return function

    return register


def module(name):
    return importlib.import_module(f"skprox.{name}")


def at(constants, work):
    """`work` with other values of some constants, by name."""

    def run():
        own = []
        for name, value in constants.items():
            where, _, constant = name.rpartition(".")
            before = getattr(module(where), constant)
            for each in [each for title, each in sys.modules.items() if title.startswith("skprox.")]:
                if getattr(each, constant, None) is before:  # some import it
                    own.append((each, constant, before))
                    setattr(each, constant, value)
        try:
            return work()
        finally:
            for each in own:
                setattr(*each)

    return run


def values(name, others, work, constants=None):
    """Calls at the own value of a threshold, and at others."""
    where, _, constant = name.rpartition(".")
    own = getattr(module(where), constant)
    return {str(each): at({**(constants or {}), name: each}, work) for each in (own, *others)}


def compiled(name, others, work):
    """The same for a constant of compiled descents."""
    where, _, constant = name.rpartition(".")
    calls = {str(getattr(module(where), constant)): work}
    for value in others:
        server = recompiled(constant, value)
        kept = {"solvers.in_memory.compiled_path": server, "solvers.in_memory.is_kept": lambda kernel: True}
        calls[str(value)] = at(kept, work)
    return calls


def recompiled(constant, value):
    """`skprox.solvers.compiled_path` with another value of a constant, in modules of its own, not kept on disk."""
    names = [f"skprox.{name}" for name in COMPILED]
    own = {name: sys.modules.pop(name) for name in names}
    fresh = [importlib.import_module(name) for name in names]
    for name in names:
        sys.modules[name] = own[name]
        package, _, last = name.rpartition(".")
        setattr(sys.modules[package], last, own[name])
    for each in fresh:
        if hasattr(each, constant):
            setattr(each, constant, value)
        for function in vars(each).values():
            if isinstance(function, Dispatcher) and function.py_func.__module__ in names:
                function._cache = NullCache()
    return fresh[-1]


def race(calls):
    """The least processor time of each."""
    best = dict.fromkeys(calls, np.inf)
    for call in calls.values():
        call()
    begin, rounds = time.perf_counter(), 0
    while rounds < 3 or time.perf_counter() - begin < SECONDS:
        for label, call in calls.items():
            start = time.process_time()
            call()
            best[label] = min(best[label], time.process_time() - start)
        rounds += 1
    return best


# Problems


def design(n, p, size=1, n_active=10, seed=0, **how):
    """Rows, counts of a model with some active groups, and groups of `size`."""
    rng = np.random.default_rng([seed, n, p])
    X = gaussian(rng, n, p, 0.3)
    return X, counts(rng, X, np.full(p // size, size), n_active, **how)


def path(n, p, size=1, n_alphas=20, ratio=0.02, **how):
    """A lasso path, or one of the group lasso."""
    X, y = design(n, p, size, **how)
    model = PoissonGLMRegressor(l1_ratio=1, n_jobs=1)
    if size > 1:
        model = GroupLassoPoisson(groups=list(np.arange(p) // size), n_jobs=1)
    return lambda: regularization_path(model, X, y, n_alphas=n_alphas, alpha_min_ratio=ratio)


def ridge(n, p, alpha):
    X, y = design(n, p)
    return PoissonGLMRegressor(alpha=alpha, n_jobs=1), X, y


def sparse_path(n, p, density, form="csr"):
    rng = np.random.default_rng([n, p])
    X = sp.random(n, p, density=density, format=form, random_state=rng)
    y = counts(rng, X, np.ones(p, int), 20)
    model = PoissonGLMRegressor(l1_ratio=1, n_jobs=1)
    return lambda: regularization_path(model, X, y, n_alphas=20, alpha_min_ratio=0.05)


def objective(X, n_outputs=1):
    y = np.random.default_rng(0).poisson(1.0, size=(n_outputs, X.shape[0])).astype(float)
    weights = np.full((1, X.shape[0]), 1 / X.shape[0])
    return PoissonObjective(X, y, weights, np.zeros(X.shape[0]), True)


def hard_problems(n_problems=60):
    """Small ones of benchmarks/hard.py, one after the other."""
    problems = [hard.make(seed) for seed in range(1, n_problems + 1)]
    for problem in problems:
        problem.model.set_params(n_jobs=1)

    def run():
        for problem in problems:
            problem.fit()

    return run


PATHS = {
    "lasso, 50,000 x 100": partial(path, 50_000, 100),
    "group lasso, 4,000 x 600 by 6": partial(path, 4000, 600, 6),
    "lasso, 300 x 3,000": partial(path, 300, 3000),
    "group lasso, 300 x 2,000 by 10": partial(path, 300, 2000, 10, ratio=0.1),
}


# Where X stays in the cache


@measures("storage.CACHED")
def in_the_cache():
    for exponent in (18, 20, 21, 22, 23):
        work = path(2**exponent // 64, 64)
        yield (
            f"lasso path, 2^{exponent} entries, 64 columns",
            {
                "in the cache": at({"storage.CACHED": np.inf}, work),
                "in lockstep": at(LOCKSTEP, work),
            },
        )


@measures("solvers.in_memory.COLUMNS", "solvers.descent.CAPACITY")
def narrow_enough(name):
    for p in (60, 150, 300, 600):
        work = path(2000, p, 6)
        wide = {"solvers.in_memory.COLUMNS": np.inf, "solvers.descent.CAPACITY": 1000}
        yield f"group lasso path, 2,000 x {p} by 6", {"in the cache": at(wide, work), "in lockstep": at(LOCKSTEP, work)}


@measures("solvers.in_memory.MAX_ITER")
def steps_in_the_cache():
    others = 10, 20, 80, 300
    yield "60 hard problems", values("solvers.in_memory.MAX_ITER", others, hard_problems())


@measures("storage.DENSE_PART")
def dense_enough():
    shapes = [(5000, 200, density) for density in (0.02, 0.05, 0.1, 0.2)] + [(1000, 2000, d) for d in (0.005, 0.05)]
    for n, p, density in shapes:
        work = sparse_path(n, p, density)
        calls = {
            "an array": at({"storage.DENSE_PART": 1e-9}, work),
            "sparse": at({"storage.DENSE_ENTRIES": 0, "storage.DENSE_PART": np.inf}, work),
        }
        yield f"lasso path, {n:,} x {p:,}, {density:.1%} stored", calls


@measures("storage.DENSE_ENTRIES")
def small_enough():
    for exponent in (13, 15, 17, 19):
        work = sparse_path(2**exponent // 64, 64, 0.02)
        yield (
            f"lasso path, 2^{exponent} entries, 2% stored",
            {
                "an array": at({"storage.DENSE_PART": 1e-9}, work),
                "sparse": at({"storage.DENSE_ENTRIES": 0, "storage.DENSE_PART": np.inf}, work),
            },
        )


@measures("solvers.steps.NEEDED")
def needed_in_the_cache():
    yield "group lasso path, 2,000 x 60 by 6", compiled("solvers.steps.NEEDED", (0.3, 0.9), path(2000, 60, 6, 30))


@measures("solvers.model_problem.SWEEPS")
def sweeps_in_the_cache():
    work = path(2000, 60, 6, 30)
    yield "group lasso path, 2,000 x 60 by 6", compiled("solvers.model_problem.SWEEPS", (1, 8), work)


@measures("solvers.model_problem.ROUNDS")
def rounds_in_the_cache():
    yield "60 hard problems", compiled("solvers.model_problem.ROUNDS", (3, 30), hard_problems())


@measures("objectives.passes.ROWS")
def rows_in_the_cache():
    for n in (2000, 20_000):
        yield f"group lasso path, {n:,} x 60 by 6", compiled("objectives.passes.ROWS", (128, 2048), path(n, 60, 6, 30))


# Chunks of rows


@measures("storage.CHUNK_BYTES")
def chunk_bytes():
    X = np.random.default_rng(0).normal(size=(100, 200_000)).T
    coefs = np.random.default_rng(1).normal(size=(16, 100)) / 100

    def work():
        whole = objective(X)
        whole.evaluate(coefs, np.zeros(16, int))

    others = 2**19, 2**21, 2**25, 2**27
    no_bound = {"storage.CHUNK_PART": 1}
    yield "a pass for 16 strengths, 200,000 x 100", values("storage.CHUNK_BYTES", others, work, no_bound)


@measures("storage.CHUNK_ROWS")
def chunk_rows():
    whole = objective(np.random.default_rng(0).normal(size=(10_000, 3000)).T)
    coefs = np.random.default_rng(1).normal(size=(4, whole.shape[1])) / 100
    work = partial(whole.evaluate, coefs, np.zeros(4, int))
    yield "a pass for 4 strengths, 3,000 x 10,000", values("storage.CHUNK_ROWS", (64, 256, 4096), work)


@measures("storage.COLUMN_ENTRIES")
def column_entries():
    whole = objective(sp.random(100_000, 20_000, density=1e-3, format="csc", random_state=np.random.default_rng(0)))
    coefs = np.random.default_rng(1).normal(size=(4, whole.shape[1])) / 100

    def work():
        whole.design.blocks = storage.blocks(whole.design.X, 1)
        whole.evaluate(coefs, np.zeros(4, int))

    yield "a pass for 4 strengths, 100,000 x 20,000 CSC", values("storage.COLUMN_ENTRIES", (1, 8, 128), work)


@measures("storage.SMALL_PART", "storage.WIDE_PART")
def copies(name):
    shapes = {"storage.SMALL_PART": (100_000, 100), "storage.WIDE_PART": (1000, 10_000)}
    n, p = shapes[name]
    whole = objective(np.random.default_rng(0).normal(size=(p, n)).T)
    for share in (0.05, 0.1, 0.25, 0.5):
        columns = np.sort(np.random.default_rng(1).permutation(p)[: int(share * p)])
        coefs = np.random.default_rng(2).normal(size=(8, len(columns))) / 100

        def work(columns=columns, coefs=coefs):
            part = whole.restrict(columns)
            for _ in range(4):
                part.evaluate(coefs, np.zeros(8, int))

        both = "storage.SMALL_PART", "storage.WIDE_PART"
        yield (
            f"4 passes over {share:.0%} of the columns of {n:,} x {p:,}",
            {
                "of a copy": at(dict.fromkeys(both, 0), work),
                "without one": at(dict.fromkeys(both, 1e9), work),
            },
        )


@measures("storage.DENSE")
def dense_products():
    for density in (0.01, 0.02, 0.05, 0.1, 0.2):
        whole = objective(sp.random(50_000, 300, density=density, format="csc", random_state=np.random.default_rng(0)))
        work = partial(whole.hessian, whole.null[0], 0, np.arange(300))
        yield (
            f"a Hessian of 300 columns, 50,000 rows, {density:.0%} stored",
            {
                "of a dense copy": at({"storage.DENSE": 0.0}, work),
                "sparse": at({"storage.DENSE": 1.0}, work),
            },
        )


@measures("objectives.poisson.IN_CACHE")
def moments():
    X = np.random.default_rng(0).normal(size=(500, 20_000)).T
    others = 2**13, 2**20, 2**24
    yield "opening 20,000 x 500", values("objectives.poisson.IN_CACHE", others, partial(objective, X))


# Ridge of many columns


@measures("objectives.poisson.SHORT_ROWS", "objectives.poisson.SHORT_ENTRIES")
def short(name):
    for n, p in ((300, 3900), (500, 10_000), (1000, 4000), (1500, 3000)):
        for alpha in (1.0, 0.01):
            model, X, y = ridge(n, p, alpha)
            yield (
                f"ridge, {n:,} x {p:,}, alpha={alpha:g}",
                {
                    "as many equations as rows": at(
                        {
                            "objectives.poisson.SHORT_ROWS": np.inf,
                            "objectives.poisson.SHORT_ENTRIES": np.inf,
                            **LOCKSTEP,
                        },
                        partial(model.fit, X, y),
                    ),
                    "products": at({"objectives.poisson.SHORT_ROWS": 0, **LOCKSTEP}, partial(model.fit, X, y)),
                },
            )


@measures("solvers.newton.EXPLICIT_COLUMNS")
def explicit():
    for p in (100, 250, 500, 1000):
        model, X, y = ridge(20_000, p, 0.01)
        yield (
            f"ridge, 20,000 x {p:,}",
            {
                "Hessian": at({"solvers.newton.EXPLICIT_COLUMNS": np.inf, **LOCKSTEP}, partial(model.fit, X, y)),
                "products": at({"solvers.newton.EXPLICIT_COLUMNS": 0, **LOCKSTEP}, partial(model.fit, X, y)),
            },
        )


@measures("solvers.implicit.PRODUCTS", "solvers.implicit.COLUMNS_A_PRODUCT")
def products(name):
    others = {"solvers.implicit.PRODUCTS": (10, 200), "solvers.implicit.COLUMNS_A_PRODUCT": (5, 200)}
    for alpha in (0.01, 1e-5):
        model, X, y = ridge(10_000, 1000, alpha)
        yield f"ridge, 10,000 x 1,000, alpha={alpha:g}", values(name, others[name], partial(model.fit, X, y), LOCKSTEP)


# Newton descents in lockstep


def on_paths(name, *others):
    """Paths in lockstep at some values of a threshold."""
    for title, make in PATHS.items():
        yield title, values(name, others, make(), LOCKSTEP)


IN_LOCKSTEP = {
    "engine.START": (1, 4, 64),
    "engine.NEAR_STEPS": (3, 12),
    "engine.FAR_STEPS": (4, 16),
    "engine.REACH": (0, 1, 100),
    "solvers.newton.WORKING_COLUMNS": (30, 300),
    "solvers.newton.WHOLE": (0.2, 1.0),
    "solvers.newton.NEEDED": (0.3, 0.6, 1.0),
    "solvers.decisions.INNER": (0.005, 0.5),
    "solvers.quadratic.SWEEPS": (1, 3, 30),
    "solvers.quadratic.BETWEEN": (1, 16),
    "solvers.anderson.DEPTH": (2, 8),
}
for name, others in IN_LOCKSTEP.items():
    MEASURES[name] = partial(on_paths, name, *others)

ON_HARD_PROBLEMS = {
    "solvers.newton.FAR": (1.0, 25.0),
    "solvers.newton.NEAR": (0.1, 5.0),
    "solvers.decisions.STALL": (2, 20),
    "solvers.quadratic.ROUNDS": (5, 80),
    "solvers.quadratic.REFINEMENTS": (1, 10),
    "solvers.quadratic.NEWTON_STEPS": (1000, 100_000),
    "solvers.fista.PATIENCE": (100, 10_000),
}


def on_hard_problems(name, *others):
    yield "60 hard problems in lockstep", values(name, others, hard_problems(), LOCKSTEP)


for name, others in ON_HARD_PROBLEMS.items():
    MEASURES[name] = partial(on_hard_problems, name, *others)


@measures("solvers.newton.TALL")
def tall():
    for n in (2000, 20_000):
        X, y = design(n, 100, 5, 5)
        model = GroupLassoPoissonCV(alphas=20, groups=list(np.arange(100) // 5), n_jobs=1)
        work = partial(model.fit, X, y)
        yield f"group lasso, five folds, {n:,} x 100 by 5", values("solvers.newton.TALL", (0, np.inf), work, LOCKSTEP)


@measures("solvers.LOCKSTEP")
def vectors():
    whole = objective(np.random.default_rng(0).normal(size=(100, 50_000)).T)
    coefs = np.random.default_rng(1).normal(size=(256, 100)) / 100

    def work(size):
        for start in range(0, 256, size):
            whole.evaluate(coefs[start : start + size], np.zeros(size, int))

    sizes = 64, 1, 4, 16, 256
    yield "passes for 256 problems, 50,000 x 100", {str(size): partial(work, size) for size in sizes}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="thresholds, as they are listed; all of them without a name")
    parser.add_argument("--list", action="store_true", help="say which there are")
    options = parser.parse_args()
    if unknown := set(options.names) - set(MEASURES):
        parser.error(f"{', '.join(unknown)} can't be measured; see --list")
    if options.list:
        print(*MEASURES, sep="\n")
        return
    warnings.simplefilter("ignore")
    for name in options.names or MEASURES:
        with threadpool_limits(1):
            for problem, calls in MEASURES[name]():
                best = race(calls)
                first = next(iter(best.values()))
                ratios = ", ".join(f"{label} {seconds / first:.2f}" for label, seconds in best.items())
                print(f"{name}: {problem}: {ratios}", flush=True)


if __name__ == "__main__":
    main()
