"""Fit a lasso path to a folder of parquet files under a limit on memory, and time its passes beside reading alone.

    python benchmarks/disk.py FOLDER                     writes doc/benchmarks/disk.csv

The folder is written where it is not there. Before each pass, and each reading, what the system keeps of the files in
memory is dropped. Linux only.
"""

import argparse
import csv
import os
import resource
import statistics
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from skprox import PoissonGLMRegressor, regularization_path
from skprox.designs.dask import DaskDesign

HERE = Path(__file__).resolve().parent
THREADS, ROWS_OF_FILE, N_COLUMNS, BYTES_OF_FILE = 2, 250_000, 60, 138_500_000
NAMES = [f"x{k}" for k in range(N_COLUMNS)]


def write(folder, n_bytes):
    """Covariates that do not compress, of which 15 matter, counts, weights, and a column that no model reads."""
    folder.mkdir(parents=True)
    truth = np.where(np.arange(N_COLUMNS) < 15, np.random.default_rng(0).normal(scale=0.15, size=N_COLUMNS), 0.0)
    for k in range(max(1, round(n_bytes / BYTES_OF_FILE))):
        rng = np.random.default_rng([1, k])
        frame = pd.DataFrame(rng.normal(size=(ROWS_OF_FILE, N_COLUMNS)), columns=NAMES)
        frame["y"] = rng.poisson(np.exp(frame @ truth - 1)).astype(float)
        frame["weight"] = rng.uniform(0.5, 1.5, size=ROWS_OF_FILE)
        frame.assign(text="not to be read").to_parquet(folder / f"part.{k:03}.parquet", index=False)


def forget(files):
    """Have the system drop what it keeps of files in memory."""
    for file in files:
        with file.open("rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_bytes(file):
    buffer = bytearray(2**22)
    with file.open("rb", buffering=0) as opened:
        while opened.readinto(buffer):
            pass


def read_columns(file):
    pq.ParquetFile(file).read(columns=[*NAMES, "y", "weight"], use_threads=False)


def measure(folder, limit):
    """Lines of the table: what, columns, times, seconds each, and bytes of these columns."""
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    files = sorted(folder.glob("*.parquet"))
    size, seconds = sum(file.stat().st_size for file in files), defaultdict(list)

    def timed(key, call, *args):
        forget(files)
        start = time.perf_counter()
        answer = call(*args)
        seconds[key].append(time.perf_counter() - start)
        print(*key, f"{seconds[key][-1]:.2f} s", flush=True)
        return answer

    with ThreadPoolExecutor(THREADS) as pool:
        timed(("bytes of the files", N_COLUMNS + 3), lambda: list(pool.map(read_bytes, files)))
        timed(("columns, by pyarrow", N_COLUMNS + 2), lambda: list(pool.map(read_columns, files)))
    reduce = DaskDesign.reduce

    def reduce_in_time(design, merge, task, n_columns, n_problems):
        if n_columns == 0 and all(n == 0 for _, n in design.recipes):
            key = "passes over y and weights alone", 2
        else:
            key = "passes", design.frame.shape[1] + 2
        return timed(key, reduce, design, merge, task, n_columns, n_problems)

    DaskDesign.reduce = reduce_in_time
    rows, start = dd.read_parquet(folder), time.perf_counter()
    model = PoissonGLMRegressor(l1_ratio=1)
    with dask.config.set(num_workers=THREADS):
        path = regularization_path(model, rows[NAMES], rows["y"], n_alphas=20, sample_weight=rows["weight"])
    whole = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{len(files)} files, {len(files) * ROWS_OF_FILE:,} rows, {size / 1e9:.2f} GB")
    print(f"limit {limit / 2**30:.2f} GiB, peak {peak:.2f} GiB, {np.count_nonzero(path.coefs, axis=-1)} not zero")
    per_column = size / (N_COLUMNS + 2)  # the text takes next to nothing
    lines = [(*key, len(times), statistics.median(times)) for key, times in seconds.items()]
    lines = [(*line, f"{min(line[1], N_COLUMNS + 2) * per_column / line[3] / 1e6:,.0f}") for line in lines]
    look = whole - sum(sum(times) for (what, _), times in seconds.items() if what.startswith("passes"))
    return [*lines, ("first look at all rows, and all that is no pass", "", "", look, ""), ("path", "", "", whole, "")]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gigabytes", type=float, default=6.9)
    parser.add_argument("--limit", type=float, default=2.0, help="GiB that the process may take")
    parser.add_argument("--output", type=Path, default=HERE.parent / "doc" / "benchmarks")
    options = parser.parse_args()
    if not options.folder.exists():
        write(options.folder, options.gigabytes * 1e9)
    lines = measure(options.folder, int(options.limit * 2**30))
    with (options.output / "disk.csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["What", "Columns", "Times", "Seconds", "MB/s"])
        table.writerows([*line[:3], f"{line[3]:.3g}", line[4]] for line in lines)
