"""The README does what it says, and the data are there."""

import re
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
