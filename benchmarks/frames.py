"""Time skprox, dask-ml and H2O on the same million rows, read from Parquet into partitions or an H2O frame.

    PEERS_PYTHON=.dask/bin/python python benchmarks/frames.py [ridge] [lasso]

The peers: pip install dask-ml h2o pyarrow; H2O needs Java.

Each has two cores: Dask two workers of one thread. dask-ml would penalise an intercept, and so gets models without one.
kkt is the largest violation of the optimality conditions as a share of the largest slope of the objective where all
coefficients are zero.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from problems import counts, gaussian

HERE = Path(__file__).resolve().parent
N_ROWS, N_COLUMNS, N_PARTS = 1_000_000, 50, 8
ALPHAS = {"ridge": 0.01, "lasso": 0.02}
LIMIT = 150  # seconds that a system may take for a model
NAMES = [f"x{j}" for j in range(N_COLUMNS)]


def draw(folder):
    """A Parquet folder of X and y, and X and y themselves."""
    rng = np.random.default_rng(0)
    X, sizes = gaussian(rng, N_ROWS, N_COLUMNS, 0.3), np.ones(N_COLUMNS, int)
    y = counts(rng, X, sizes, 20, base=0.0, spread=0.5)
    frame = pd.DataFrame(X, columns=NAMES).assign(y=y)
    for k, part in enumerate(np.array_split(np.arange(N_ROWS), N_PARTS)):
        frame.iloc[part].to_parquet(folder / f"{k}.parquet", index=False)
    return X, y


@contextmanager
def partitions(folder):
    import dask.dataframe as dd
    from distributed import Client, LocalCluster, wait

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:

        def load():
            rows = dd.read_parquet(folder).to_dask_array(lengths=True).rechunk({1: -1}).persist()
            wait(rows)
            X, y = client.persist([rows[:, :-1], rows[:, -1]])
            wait([X, y])
            return X, y

        yield load


def skprox(rows, penalty, alpha, fit_intercept=True):
    from skprox import PoissonGLMRegressor

    model = PoissonGLMRegressor(alpha=alpha, l1_ratio=penalty == "lasso", fit_intercept=fit_intercept, tol=1e-7)
    model.fit(*rows)
    return model.coef_, model.intercept_


def dask_ml(rows, penalty, alpha):
    from dask_ml.linear_model import PoissonRegression

    kind, solver = {"ridge": ("l2", "lbfgs"), "lasso": ("l1", "proximal_grad")}[penalty]
    model = PoissonRegression(
        penalty=kind,
        C=1 / (alpha * N_ROWS),
        fit_intercept=False,
        solver=solver,
        max_iter=300,
        solver_kwargs={"tol": 1e-10},
    )
    return model.fit(*rows).coef_, 0.0


@contextmanager
def h2o_frame(folder):
    import h2o

    h2o.init(nthreads=2, max_mem_size="6G", log_level="ERRR")
    h2o.no_progress()
    try:
        yield lambda: h2o.import_file(str(folder))
    finally:
        h2o.cluster().shutdown()


def h2o(rows, penalty, alpha):
    from h2o.estimators import H2OGeneralizedLinearEstimator

    model = H2OGeneralizedLinearEstimator(
        family="poisson",
        link="log",
        alpha=float(penalty == "lasso"),
        lambda_=alpha,
        standardize=False,
        solver="COORDINATE_DESCENT" if penalty == "lasso" else "IRLSM",
        max_iterations=300,
        objective_epsilon=1e-12,
        gradient_epsilon=1e-10,
        beta_epsilon=1e-10,
    )
    model.train(x=NAMES, y="y", training_frame=rows)
    coef = model.coef()
    return [coef[name] for name in NAMES], coef["Intercept"]


SYSTEMS = {
    "skprox": (partitions, skprox),
    "H2O": (h2o_frame, h2o),
    "skprox, no intercept": (partitions, partial(skprox, fit_intercept=False)),
    "dask-ml, no intercept": (partitions, dask_ml),
}


def measure(folder, system, penalty):
    """Seconds of reading and of the best of two fits, and the coefficients."""
    where, fit = SYSTEMS[system]
    with where(folder) as load:
        start = time.perf_counter()
        rows = load()
        loading, seconds = time.perf_counter() - start, []
        while len(seconds) < 2 and sum(seconds) < LIMIT / 4:
            start = time.perf_counter()
            coef, intercept = fit(rows, penalty, ALPHAS[penalty])
            seconds.append(time.perf_counter() - start)
    answer = {"coef": np.asarray(coef).tolist(), "intercept": float(intercept)}
    return answer | {"loading": loading, "first": seconds[0], "seconds": min(seconds)}


def kkt(X, y, coef, intercept, penalty):
    alpha, residual = ALPHAS[penalty], np.exp(X @ coef + intercept) - y
    slope = X.T @ residual / len(y)
    if penalty == "ridge":
        violation = np.abs(slope + alpha * coef).max()
    else:
        violation = np.where(coef != 0, np.abs(slope + alpha * np.sign(coef)), np.abs(slope) - alpha).max()
    null = X.T @ ((y.mean() if intercept else 1) - y) / len(y)
    return max(violation, abs(residual.mean()) if intercept else 0) / np.abs(null).max()


def run(folder, models):
    X, y = draw(folder)
    for penalty in models:
        for system in SYSTEMS:
            python = sys.executable if system.startswith("skprox") else os.environ.get("PEERS_PYTHON", sys.executable)
            command = [python, str(HERE / "frames.py"), "--measure", str(folder), system, penalty]
            row = {"model": penalty, "system": system}
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
            except subprocess.TimeoutExpired:
                row["note"] = f"over {LIMIT} s"
            else:
                if done.returncode:
                    row["note"] = done.stderr.strip().rpartition("\n")[2][:120]
                else:
                    answer = json.loads(done.stdout.splitlines()[-1])
                    model = np.array(answer.pop("coef")), answer.pop("intercept")
                    row["kkt"] = f"{kkt(X, y, *model, penalty):.0e}"
                    row |= {name: f"{value:.3g}" for name, value in answer.items()}
            print(row, flush=True)
            yield row


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.argv[1:2] == ["--measure"]:
        folder, system, penalty = sys.argv[2:]
        print("\n" + json.dumps(measure(Path(folder), system, penalty)))
        sys.exit()
    fields = "model", "system", "loading", "first", "seconds", "kkt", "note"
    with tempfile.TemporaryDirectory() as folder:
        rows = list(run(Path(folder), sys.argv[1:] or list(ALPHAS)))
    fields = [field for field in fields if any(field in row for row in rows)]
    with (HERE.parent / "doc" / "benchmarks" / "frames.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, fields, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
