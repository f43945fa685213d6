"""Tables and figures from results.json."""

import csv
import json
from itertools import groupby

import matplotlib
from problems import CASES, GROWTH

matplotlib.use("agg")
import matplotlib.pyplot as plt
from matplotlib.lines import Line2D

LABELS = {
    "adelie_tight": "adelie, tight",
    "adelie_exact": "adelie, exact",
    "sklearn": "scikit-learn",
    "nemos": "NeMoS",
}
COLORS = {
    "skprox": "#000000",
    "adelie": "#d55e00",
    "adelie_tight": "#e69f00",
    "adelie_exact": "#f0e442",
    "glum": "#0072b2",
    "skglm": "#009e73",
    "sklearn": "#56b4e9",
    "nemos": "#cc79a7",
}
INEXACT = 1e-4  # markers are hollow where kkt is above
STYLE = {
    "font.size": 9,
    "svg.hashsalt": "skprox",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
}


def label(system):
    return LABELS.get(system, system)


def clock(seconds):
    return f"{seconds * 1e3:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def times(ratio):
    return f"{ratio:.2f}" if ratio < 9.995 else f"{ratio:,.0f}"


def number(row, key, form):
    return format(row[key], form) if row.get(key) is not None else ""


def by_case(rows):
    return {case: list(group) for case, group in groupby(rows, lambda row: row["case"])}


def ratio(row, rows):
    """Time as a multiple of skprox's on the same problem, None if either has no answer."""
    own = next((r for r in rows if r["system"] == "skprox" and r["size"] == row["size"] and "kkt" in r), None)
    return row["seconds"] / own["seconds"] if own and "kkt" in row else None


def write(path, header, lines):
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *lines])


def write_tables(results, folder):
    cases, growth = by_case(results["cases"]), by_case(results["growth"])

    shapes = []
    for case, rows in cases.items():
        problem = next((row["problem"] for row in rows if "problem" in row), None)
        if problem:
            keys = ("rows", "columns", "groups", "outputs", "strengths")
            numbers = [number(problem, key, ",") for key in keys]
            shapes.append([case, CASES[case].__doc__, *numbers, problem["layout"]])
    header = ["Case", "What", "Rows", "Columns", "Groups", "Outputs", "Strengths", "Layout"]
    write(folder / "cases.csv", header, shapes)

    columns = {
        "Seconds": ("seconds", ".3g"),
        "kkt": ("kkt", ".0e"),
        "Objective": ("objective", ".7g"),
        "Non-zero": ("nonzero", ","),
        "MB": ("peak_mb", ","),
    }

    def line(row, rows):
        value = ratio(row, rows)
        figures = [number(row, *column) for column in columns.values()]
        return [label(row["system"]), times(value) if value else "", *figures, row["note"]]

    header = ["System", "Ratio", *columns, "Note"]
    table = [[case, *line(row, rows)] for case, rows in cases.items() for row in rows]
    write(folder / "table.csv", ["Case", *header], table)
    table = [[case, f"{row['size']:,}", *line(row, rows)] for case, rows in growth.items() for row in rows]
    write(folder / "growth.csv", ["What grows", "Size", *header], table)

    def listed(versions):
        return ", ".join(f"{label(name)} {version or '(not installed)'}" for name, version in versions.items())

    own, peers = results["versions"]["skprox"], results["versions"]["peers"]
    facts = {**results["machine"], "skprox's environment": listed(own), "peers' environment": listed(peers)}
    options = ", ".join(f"{name} {value}" for name, value in results["options"].items())
    facts |= {"options": options, "date": results["date"]}
    write(folder / "machine.csv", ["What", "Value"], facts.items())


def outcome(row):
    """Time and kkt, or what went wrong."""
    return f"{clock(row['seconds'])}, kkt {row['kkt']:.0e}" if "kkt" in row else row["note"]


def plot_speed(results, path):
    """A heading for each case, and below it for each peer a bar from skprox's time to its own."""
    cases = by_case(results["cases"])
    ratios = [value for rows in cases.values() for row in rows if (value := ratio(row, rows))]
    low, high = min([0.3, *ratios]) / 1.5, max([3, *ratios]) * 12
    height = 1 + 0.21 * (len(cases) + len(results["cases"]))

    fig, ax = plt.subplots(figsize=(9, height), layout="constrained")
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    ax.axvspan(low, 1, color="#f4e9e4", lw=0)
    ax.axvline(1, color="black", lw=1)
    ticks = []

    def tell(text, at=1, **style):
        y = len(ticks)
        ax.annotate(text, (max(at, 1), y), (4, 0), textcoords="offset points", va="center", fontsize=8, **style)

    for case, rows in cases.items():
        own = next((row for row in rows if row["system"] == "skprox"), {"note": "left out"})
        tell(f"skprox: {outcome(own)}", weight="bold")
        ticks.append((case, "bold"))
        for row in [row for row in rows if row["system"] != "skprox"]:
            if value := ratio(row, rows):
                color = COLORS[row["system"]]
                face = color if row["kkt"] <= INEXACT else "white"
                ax.barh(len(ticks), value - 1, left=1, height=0.7, fc=face, ec=color, lw=1.2)
                note = f" ({row['note']})" if row["note"] else ""
                tell(f"{times(value)}, kkt {row['kkt']:.0e}{note}", at=value)
            else:
                tell(outcome(row), style="italic", color="#555555")
            ticks.append((label(row["system"]), "normal"))
    ax.set_yticks(range(len(ticks)), [name for name, _ in ticks])
    for text, (_, weight) in zip(ax.get_yticklabels(), ticks, strict=True):
        text.set_weight(weight)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(ticks) - 0.4, -0.6)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.set_xlabel(f"time as a multiple of skprox's (← faster, slower →); hollow: kkt above {INEXACT:.0e}")
    fig.savefig(path, metadata={"Date": None})


def plot_growth(results, path):
    grown = by_case(results["growth"])
    fig, axes = plt.subplots(1, len(GROWTH), figsize=(10.5, 3.8), layout="constrained")
    for ax, case in zip(axes, GROWTH, strict=True):
        rows = [row for row in grown.get(case, []) if "kkt" in row]
        for system in dict.fromkeys(row["system"] for row in rows):
            line = [row for row in rows if row["system"] == system]
            sizes, seconds = [row["size"] for row in line], [row["seconds"] for row in line]
            color = COLORS[system]
            ax.plot(sizes, seconds, color=color, lw=2.2 if system == "skprox" else 1.4)
            for row in line:
                face = color if row["kkt"] <= INEXACT else "white"
                ax.plot(row["size"], row["seconds"], "o", ms=5, mfc=face, mec=color)
        for row in [row for row in grown.get(case, []) if "kkt" not in row]:
            ax.plot(row["size"], 1, "x", color=COLORS[row["system"]], transform=ax.get_xaxis_transform(), clip_on=False)
        ax.set(xscale="log", yscale="log", xlabel=case, title=GROWTH[case][0].__doc__)
        ax.title.set_fontsize(8.5)
        ax.grid()
    axes[0].set_ylabel("seconds")
    systems = list(dict.fromkeys(row["system"] for row in results["growth"]))
    handles = [Line2D([], [], color=COLORS[s], marker="o", label=label(s)) for s in systems]
    handles.append(Line2D([], [], color="grey", ls="", marker="o", mfc="white", label=f"kkt above {INEXACT:.0e}"))
    handles.append(Line2D([], [], color="grey", ls="", marker="x", label="no answer in time"))
    fig.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    fig.savefig(path, metadata={"Date": None})


def report(folder):
    results = json.loads((folder / "results.json").read_text())
    write_tables(results, folder)
    with plt.rc_context(STYLE):
        plot_speed(results, folder / "speed.svg")
        plot_growth(results, folder / "growth.svg")
    print(f"Wrote tables and figures to {folder}")
