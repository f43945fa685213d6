"""Time fits of rows in partitions of Dask by rows, columns, outputs, partitions and workers, and draw them.

    python benchmarks/workers.py                                 all of it, some twenty minutes
    python benchmarks/workers.py --cases rows --workers 2        a part; the table keeps what it has of the others
    python benchmarks/workers.py --cases                         the figure alone

Workers are processes of one thread. Rows are made when they are read, in each pass anew, so that there may be more than
memory holds.
"""

import argparse
import csv
import statistics
import time
from pathlib import Path

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster

from skprox import PoissonGLMRegressor
from skprox.designs.dask import DaskDesign

FOLDER = Path(__file__).resolve().parent.parent / "doc" / "benchmarks"
PART, PARTS = 5_000_000, 8  # entries of X in a partition, and partitions at least
CASES = {  # sizes, and rows, columns and outputs of each
    "rows": ((10_000, 100_000, 1_000_000, 10_000_000, 100_000_000), lambda size: (size, 10, 1)),
    "columns": ((10, 30, 100, 300, 1000), lambda size: (200_000, size, 1)),
    "outputs": ((1, 2, 4, 8, 16, 32), lambda size: (200_000, 10, size)),
    "partitions": ((10, 30, 100, 300), lambda size: (10 * size, 10, 1)),
}
TITLES = {
    "rows": "10 columns, 1 output",
    "columns": "200,000 rows, 1 output",
    "outputs": "200,000 rows, 10 columns",
    "partitions": "10 rows and 10 columns in each",
}
FIELDS = "case", "size", "workers", "partitions", "passes", "seconds", "pass", "making", "kkt"
COLORS = {1: "#0072b2", 2: "#d55e00"}


def covariates(n_columns, block_info):
    (start, stop), _ = block_info[None]["array-location"]
    rng = np.random.default_rng([0, start])
    return rng.random((stop - start, n_columns), dtype=np.float32) - np.float32(0.5)


def events(n_columns, n_outputs, block_info):
    """Counts of 0 and 1, whose rates are log-linear, of the rows that `covariates` makes."""
    (start, _), _ = block_info[None]["array-location"]
    slopes = np.random.default_rng(1).normal(size=(n_columns, n_outputs)) / n_columns**0.5
    rates = np.exp(covariates(n_columns, block_info) @ slopes.astype(np.float32) - 2)
    return (np.random.default_rng([1, start]).random(rates.shape, dtype=np.float32) < rates).astype(np.float32)


def simulated(n_rows, n_columns, n_outputs, size):
    """X and counts in partitions of `size` rows, each made when it is read."""
    chunks = tuple(min(size, n_rows - start) for start in range(0, n_rows, size))
    made = {"dtype": np.float32, "meta": np.empty((0, 0), np.float32)}
    X = da.map_blocks(covariates, n_columns, chunks=(chunks, (n_columns,)), **made)
    Y = da.map_blocks(events, n_columns, n_outputs, chunks=(chunks, (n_outputs,)), **made)
    return X, Y if n_outputs > 1 else Y[:, 0]


def check(model, X, y):
    """The largest slope of the objective at the model, as a share of the largest at the null model; worst output."""
    X, Y = X.astype(np.float64), y.reshape((len(y), -1)).astype(np.float64)
    coef, intercept = np.atleast_2d(model.coef_).T, np.atleast_1d(model.intercept_)
    residual = da.exp(X @ coef + intercept) - Y
    sums = da.compute(X.T @ residual, residual.sum(axis=0), X.T @ Y, X.sum(axis=0), Y.sum(axis=0))
    slope, level, joint, of_X, of_Y = (each / len(Y) for each in sums)
    null = np.abs(joint - np.outer(of_X, of_Y)).max(axis=0)
    worst = np.maximum(np.abs(slope + model.alpha * coef).max(axis=0), np.abs(level))
    return float((worst / null).max())


def fit(X, y):
    """A model, and the seconds that it took and those of each pass of its solver."""
    passes, reduce = [], DaskDesign.reduce

    def timed(*given):
        start = time.perf_counter()
        answer = reduce(*given)
        passes.append(time.perf_counter() - start)
        return answer

    DaskDesign.reduce = timed
    start = time.perf_counter()
    try:
        model = PoissonGLMRegressor(alpha=0.001, tol=1e-6).fit(X, y)
    finally:
        DaskDesign.reduce = reduce
    return model, time.perf_counter() - start, passes


def measure(case, size, workers):
    shape = CASES[case][1](size)
    at_once = 10 if case == "partitions" else min(PART // shape[1], -(-shape[0] // PARTS))
    X, y = simulated(*shape, at_once)
    runs = [fit(X, y)]
    while runs[0][1] < 2 and len(runs) < 3:
        runs.append(fit(X, y))
    model, seconds, passes = min(runs, key=lambda run: run[1])
    start = time.perf_counter()
    da.compute(X.sum(), y.sum())
    making = time.perf_counter() - start
    values = case, size, workers, X.numblocks[0], len(passes) + 1, seconds, statistics.median(passes), making
    row = dict(zip(FIELDS, (*values, check(model, X, y)), strict=True))
    print(", ".join(f"{name} {value:.3g}" if name != "case" else value for name, value in row.items()), flush=True)
    return row


def run(options):
    for workers in options.workers:
        with (
            LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster),
        ):
            fit(*simulated(1000, 10, 1, 100))
            for case in options.cases:
                for size in CASES[case][0]:
                    if size in (options.sizes or [size]):
                        yield measure(case, size, workers)


def plot(rows, path):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import EngFormatter, LogLocator, NullLocator
    from report import STYLE

    with plt.rc_context(STYLE):
        fig, axes = plt.subplots(2, 2, figsize=(8, 6), layout="constrained")
        for ax, case in zip(axes.flat, CASES, strict=True):
            what = "pass" if case == "partitions" else "seconds"
            for workers, color in COLORS.items():
                line = [row for row in rows if row["case"] == case and row["workers"] == workers]
                label = f"{workers} worker{'s' if workers > 1 else ''}"
                ax.plot([row["size"] for row in line], [row[what] for row in line], "o-", ms=4, c=color, label=label)
            ax.set(xscale="log", yscale="log", xlabel=case, title=TITLES[case])
            ax.set_ylabel("seconds of a pass" if case == "partitions" else "seconds of a fit")
            ax.set_xticks(CASES[case][0])
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.xaxis.set_major_formatter(EngFormatter(sep=""))
            ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_minor_locator(NullLocator())
            ax.grid()
        axes[0, 0].legend(frameon=False)
        fig.savefig(path, metadata={"Date": None})


def read(path):
    if not path.exists():
        return []
    with path.open(newline="") as file:
        rows = [row | {"size": row["size"].replace(",", "")} for row in csv.DictReader(file)]
    whole = "size", "workers", "partitions", "passes"
    return [{k: v if k == "case" else (int if k in whole else float)(v) for k, v in row.items()} for row in rows]


def write(rows, path):
    known = {(row["case"], row["workers"], row["size"]): row for row in rows}
    order = sorted(known, key=lambda key: (list(CASES).index(key[0]), *key[1:]))
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, FIELDS, lineterminator="\n")
        table.writeheader()
        for key in order:
            row = {k: f"{v:.3g}" if isinstance(v, float) else v for k, v in known[key].items()}
            table.writerow(row | {"size": f"{row['size']:,}"})


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", choices=list(CASES), default=list(CASES))
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--sizes", nargs="+", type=int, help="of those of the cases; by default all")
    return parser.parse_args()


if __name__ == "__main__":
    options, table = parse(), FOLDER / "workers.csv"
    rows = read(table)
    for row in run(options):
        rows.append(row)
        write(rows, table)
    plot(read(table), FOLDER / "workers.svg")
