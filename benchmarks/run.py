"""Time skprox and its peers on the same problems, check their answers, and write tables and figures for the docs.

    PEERS_PYTHON=.peers/bin/python python benchmarks/run.py
    python benchmarks/run.py --against main              skprox as it stands here, beside another commit

The peers run in the interpreter PEERS_PYTHON, by default this one (benchmarks/peers.txt lists what to install);
those that can't be imported are skipped. Each case and system has a process with two threads of its own.

With --against nothing is written: a line for each case says how many times as long it takes as at that commit, the
median of pairs of runs side by side, and the exit code is 1 where a case became slower: by more than a tenth, and in
each of the pairs.
"""

import argparse
import datetime
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from problems import CASES, GROWTH
from systems import MODULES, SYSTEMS

HERE = Path(__file__).resolve().parent
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "2")
CASE_LIMIT, GROWTH_LIMIT, FIRST_LIMIT = 120, 40, 900  # seconds that a process may take; one that compiles kernels
SLOWER = 1.1  # times as long
GROWTH_SYSTEMS = {"rows": ("skprox", "adelie"), "columns": ("skprox", "adelie"), "outputs": ("skprox", "glum")}


def python_of(system):
    return sys.executable if system == "skprox" else os.environ.get("PEERS_PYTHON", sys.executable)


def version(python, module):
    """None if it can't be imported."""
    command = [python, "-c", f"import {module}; print({module}.__version__)"]
    done = subprocess.run(command, capture_output=True, text=True)
    return None if done.returncode else done.stdout.split()[-1]


def machine():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        cpu = platform.processor() or platform.machine()
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        system = platform.platform(terse=True)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "CPU": cpu,
        "cores": os.cpu_count(),
        "memory, GiB": round(memory),
        "system": system,
        "Python": platform.python_version(),
    }


def failure(done):
    if done.returncode < 0:
        return f"ended by signal {-done.returncode}"
    error = done.stderr.strip().rpartition("\n")[2].partition(":")[0].rpartition(".")[2]
    return "out of memory" if error.endswith("MemoryError") else error


def measure(case, system, options, size=None, limit=CASE_LIMIT, checkout=HERE.parent):
    """A row of the results; None if the system has no such model. `checkout` is where skprox comes from."""
    row = {"case": case, "system": system, "size": size}
    task = {**row, "seed": options.seed, "repeat": options.repeat, "limit": limit}
    command = [python_of(system), str(HERE / "measure.py"), json.dumps(task)]
    environment = {**os.environ, **THREADS, "PYTHONPATH": str(checkout)}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return {**row, "note": f"over {limit} s"}
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        return {**row, "note": failure(done)}
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer and {**row, **answer}


def check_same(rows):
    """Both interpreters must have drawn the same problem."""
    strongest = [row["problem"]["strongest"] for row in rows if "problem" in row]
    if not all(math.isclose(value, strongest[0], rel_tol=1e-9) for value in strongest):
        raise SystemExit(f"{rows[0]['case']}: the problem differs between the two interpreters")


def show(row):
    size = "" if row["size"] is None else f"{row['size']:,}"
    seconds, kkt = row.get("seconds", math.nan), row.get("kkt", math.nan)
    print(f"{row['case']:18} {size:>9} {row['system']:13} {seconds:9.4f} s  kkt {kkt:7.1e}  {row['note']}", flush=True)


def run_cases(options):
    for case in options.cases:
        rows = []
        for system in options.systems:
            if row := measure(case, system, options):
                show(row)
                rows.append(row)
        check_same(rows)
        yield from rows


def run_growth(options):
    """Each system until it is too slow."""
    for case, systems in GROWTH_SYSTEMS.items() if not options.skip_growth else ():
        for system in [s for s in systems if s in options.systems]:
            for size in GROWTH[case][1]:
                row = measure(case, system, options, size, GROWTH_LIMIT)
                show(row)
                yield row
                if "kkt" not in row:
                    break


def collect(options):
    versions = {system: version(python_of(system), MODULES[system]) for system in options.systems}
    for system in [system for system in versions if versions[system] is None]:
        print(f"{system} is not installed, and skipped")
        options.systems.remove(system)
    common = ("numpy", "scipy", "numba", "sklearn")
    results = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "versions": {
            "skprox": {name: version(sys.executable, name) for name in ("skprox", *common)},
            "peers": {name: version(python_of("peers"), name) for name in ("numpy", "scipy")}
            | {MODULES[system]: versions[system] for system in versions if system != "skprox"},
        },
        "options": {"seed": options.seed, "repeat": options.repeat},
        "cases": [],
        "growth": [],
    }
    options.output.mkdir(parents=True, exist_ok=True)
    for part, rows in {"cases": run_cases, "growth": run_growth}.items():
        for row in rows(options):
            results[part].append(row)
            (options.output / "results.json").write_text(json.dumps(results, indent=1) + "\n")


@contextmanager
def checked_out(revision):
    """A worktree of a commit, for as long as it is needed."""
    git = ["git", "-C", str(HERE), "worktree"]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "skprox")
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), revision], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def compare(options):
    """Whether a case became slower than at another commit."""
    slower = []
    with checked_out(options.against) as before:
        for case in options.cases:
            ratios, note = [], ""
            for checkout in (before, HERE.parent):  # compiles what the case needs
                measure(case, "skprox", options, limit=FIRST_LIMIT, checkout=checkout)
            for k in range(options.pairs):
                pair = {}
                for checkout in (before, HERE.parent) if k % 2 == 0 else (HERE.parent, before):
                    pair[checkout] = measure(case, "skprox", options, checkout=checkout)
                old, new = pair[before], pair[HERE.parent]
                if "seconds" not in old or "seconds" not in new:
                    note = f"before: {old['note'] or 'done'}, now: {new['note'] or 'done'}"
                    ratios = [math.inf] if "seconds" in old else []
                    break
                ratios.append(new["seconds"] / old["seconds"])
            if ratios:
                ratio = statistics.median(ratios)
                if ratio > SLOWER and min(ratios) > 1:
                    slower.append(case)
                note = note or f"{ratio:5.2f} times as long ({min(ratios):.2f} to {max(ratios):.2f})"
            print(f"{case:18} {note}{', slower' if case in slower else ''}", flush=True)
    print(f"Slower than at {options.against}: {', '.join(slower) or 'none'}.")
    return bool(slower)


def parse():
    def names(known):
        def split(text):
            if unknown := set(text.split(",")) - set(known):
                raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is none of {', '.join(known)}")
            return text.split(",")

        return split

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=names(CASES), default=list(CASES), help=f"of {','.join(CASES)}")
    parser.add_argument("--systems", type=names(SYSTEMS), default=list(SYSTEMS), help=f"of {','.join(SYSTEMS)}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeat", type=int, default=3, help="runs after the warm-up, of which the best counts")
    parser.add_argument("--against", metavar="REV", help="a commit that skprox is compared with, in place of its peers")
    parser.add_argument("--pairs", type=int, default=5, help="runs of each case at both commits")
    parser.add_argument("--skip-growth", action="store_true", help="leave out how time grows with size")
    parser.add_argument("--only-plot", action="store_true", help="tables and figures from the results as they are")
    parser.add_argument("--output", type=Path, default=HERE.parent / "doc" / "benchmarks")
    return parser.parse_args()


if __name__ == "__main__":
    options = parse()
    if options.against:
        sys.exit(compare(options))
    if not options.only_plot:
        collect(options)
    from report import report  # needs matplotlib, which the timing does not

    report(options.output)
