"""
A folder of parquet files, larger than memory
=============================================

Rows that do not fit into memory may stay on disk, in a folder of parquet files. Dask reads it one partition at a time,
and a lasso path passes over it some ten or twenty times. How many passes does it take, what does one cost beside merely
reading the folder, and how does time grow with the rows? The folders here are small, so that this page is built in a
minute; nothing changes with larger ones but the time.
"""

# %%
# Folders
# -------
# Each file is a partition of 50,000 rows. A thread that works on one holds it in memory two or three times over:
# as it is read, as a frame, and what is computed from it.

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import dask.dataframe as dd
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from dask.callbacks import Callback

from skprox import PoissonGLMRegressor, regularization_path

names = [f"x{k}" for k in range(30)]
truth = np.where(np.arange(30) < 8, 0.2, 0.0)
temporary = TemporaryDirectory()
folder = Path(temporary.name)


def write(folder, n_files):
    """Counts of 30 covariates, of which 8 matter, and a text that no model reads."""
    folder.mkdir()
    for k in range(n_files):
        rng = np.random.default_rng(k)
        X = pd.DataFrame(rng.normal(size=(50_000, 30)), columns=names)
        y = rng.poisson(np.exp(X @ truth - 1))
        X.assign(y=y, note="of the row").to_parquet(folder / f"{k:03}.parquet")


sizes = [1, 2, 4, 8, 16]
for n_files in sizes:
    write(folder / f"{n_files}", n_files)

# %%
# Paths
# -----
# X and y are columns of one frame, so that their partitions agree. Each pass is one computation of Dask, which are
# counted by a callback. Reading alone is what Dask takes to read the same columns, and to count the rows.


def fit(rows):
    return regularization_path(
        PoissonGLMRegressor(l1_ratio=1), rows[names], rows["y"], n_alphas=20
    )


def seconds(call, *args):
    start = time.perf_counter()
    answer = call(*args)
    return answer, time.perf_counter() - start


fit(dd.read_parquet(folder / "1"))  # compiles
table = []
for n_files in sizes:
    rows = dd.read_parquet(folder / f"{n_files}")
    read = rows[[*names, "y"]].map_partitions(len)
    n_rows, reading = seconds(lambda read=read: read.compute().sum())
    passes = []
    with Callback(start=passes.append):
        path, fitting = seconds(fit, rows)
    table.append([n_rows, len(passes), fitting, fitting / len(passes), reading])
columns = ["rows", "passes", "path, s", "a pass, s", "reading alone, s"]
table = pd.DataFrame(table, columns=columns)
print(table.round(3).to_string(index=False))
selected = np.flatnonzero(path.coefs[10])
print(f"selected at the eleventh strength: {', '.join(names[k] for k in selected)}")

# %%
# Time and rows
# -------------

fig, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for name, color in zip(columns[2:], ["black", "tab:blue", "tab:orange"], strict=True):
    ax.plot(table["rows"], table[name], "o-", color=color, label=name.split(",")[0])
line = table["path, s"].iloc[-1] / table["rows"].iloc[-1] * table["rows"]
ax.plot(table["rows"], line, ":", color="0.5", label="in proportion to rows")
ax.set(xscale="log", yscale="log", xlabel="rows", ylabel="time, s")
ax.set_xticks(table["rows"], [f"{n:,}" for n in table["rows"]])
ax.minorticks_off()
ax.legend()
fig.savefig("larger_than_memory.png", dpi=120)
plt.show()

# %%
# Some sixteen passes, however many the rows, so that time grows in proportion to them. A pass takes about as long as
# reading everything does: most passes read only the few columns that may be selected, which makes up for the work.
