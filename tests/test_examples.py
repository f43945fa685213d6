"""The examples run, each in a process of its own, and print what their texts say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
PRINTED = {
    "plot_bike_rentals": [
        r"working_hr +12 .* True",
        r"off_hr +12 .* True",
        r"noise +7 +0.000 .* False",
        r"skprox\): D² = 0.[78]",
        r"learn\): D² = 0.[78]",
    ],
    "plot_claims": [
        r"selected: \['age', 'power', 'vehicle_age', 'area'\]",
        r"city +1\.[45]\d +1\.[34]\d +1\.[67]",
        r"D² on policies not seen: 0.09\d; with the true frequencies 0.09\d",
    ],
    "plot_covariate_selection": [
        r"0.016681 0.0700 +0.8181 +0.0700 +0.8181\n",
        r"speed leaves first in 8\d%",
        r"start +4 +0.0+ +False\nmiddle +4 +0.0+ +False\nend +4 +1.0\d+ +True\n",
    ],
    "plot_demand": [
        r"noise +5 +0.000 .* False",
        r"group lasso: D² 0.3\d",
        r"7\d% of the days lie",
    ],
    "plot_displays": [r"hr +13 .* True +0\.[78]\d+\n", r"noise +6 +0.000 +\d\.\d+ +False +-?0.000\n"],
    "plot_larger_than_memory": [r"\n *800000 +1\d ", r"strength: x0, x1, x2, x3, x4, x5, x6, x7\n"],
    "plot_neurons": [
        r"connections: (8[5-9]|90) of 90 found, [3-8]\d of 810",
        r"position: 15 of 15 found",
        r"speed: 10 of 10 found",
        r"pupil +30 +2\d +0 +30 +0\n",
        r"light +0 +0 +0 +0 +0\n",
        r"separate: D² 0.06\d .* 0.0[45]\d\njoint: D² 0.05\d .* 0.0[23]\d\n",
    ],
    "plot_interactions": [r"on their own +1\d +[5-9] +0\.81", r"hierarchy +1\d +0 +0\.81"],
    "plot_overparametrized_linear": [
        r"L1 1 \(three after \d+ epochs\), L2 600",
        r"lasso: .* 0.99\d+\n",
        r"ridge: .* 0.99\d+\n",
    ],
    "plot_overparametrized_relu": [r"L1, 89 % zeros .* 0\.89\d", r"L2, at the end .* 0\.000 +100\n"],
    "plot_population": [
        r"noise +0.000 +0.000\n",
        r"casual: D² = 0.8",
        r"registered: D² = 0.8",
        r"registered: .* \de-0[567] from its own",
    ],
    "plot_sparse_teacher": [
        r"ridge +0.1[345]\d +0.1[345]\d ",
        r"lasso +0.2\d+ +0.0[56]\d ",
        r"finds up to 349 features",
    ],
    "plot_sparsification_dynamics": [r"at t = 181722, after 363444 steps"],
    "plot_strengths_by_structure": [r"f1 0.1, f2 1.2 .* 0.0000  0.0000\n", r"difference: 0.6931"],
}


@pytest.mark.slow
@pytest.mark.parametrize("example", sorted(EXAMPLES.rglob("plot_*.py")), ids=lambda path: path.stem)
def test_example(example, tmp_path):
    run = subprocess.run(
        [sys.executable, example], cwd=tmp_path, env=os.environ | {"MPLBACKEND": "agg"}, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert "Warning" not in run.stderr
    for pattern in PRINTED.get(example.stem, []):
        assert re.search(pattern, run.stdout), f"{pattern!r} is not in:\n{run.stdout}"
    assert list(tmp_path.glob("*.png"))
