"""The README and the examples do what they say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from skprox.datasets import load_bike_rentals

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_readme_prints_what_it_says(block, capsys):
    exec(block, {})
    said = re.search(r"print\(.*\)  # (.*)", block)[1]
    assert capsys.readouterr().out.strip() == said


def test_bike_rentals_have_all_forms():
    bunch = load_bike_rentals(as_frame=True)
    assert bunch.frame.shape == (8645, 15)
    assert (bunch.frame["casual"] + bunch.frame["registered"] == bunch.target).all()
    assert list(bunch.data) == bunch.feature_names
    assert "CC BY 4.0" in bunch.DESCR
    data, target = load_bike_rentals(return_X_y=True)
    assert isinstance(data, np.ndarray)
    assert target.sum() == 1243103


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("plot_*.py")), ids=lambda path: path.stem)
def test_examples_run(example, tmp_path):
    """Each in a process of its own, as a user would run it; bike rentals print which covariates stay."""
    run = subprocess.run(
        [sys.executable, example], cwd=tmp_path, env=os.environ | {"MPLBACKEND": "agg"}, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert "Warning" not in run.stderr
    if example.stem == "plot_bike_rentals":
        assert re.search(r"hr +12 +[\d.]+ +yes", run.stdout)
        assert re.search(r"noise +7 +0.000 +no", run.stdout)
        explained = [float(d) for d in re.findall(r"D² = ([\d.]+)", run.stdout)]
        assert len(explained) == 2
        assert min(explained) > 0.7
    assert list(tmp_path.glob("*.png"))
