"""The README does what it says, the data are there, and thresholds are written down."""

import ast
import csv
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

import skprox
from skprox.base import DocLinkMixin
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


def thresholds():
    """Expressions of the numbers that have names at the top of modules, by these names."""
    found = {}
    for path in sorted((ROOT / "skprox").rglob("*.py")):
        module = path.relative_to(ROOT / "skprox").with_suffix("").as_posix().replace("/", ".")
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.Assign) or module.startswith("displays."):
                continue
            (target,), value = node.targets, node.value
            names, numbers = ([*each.elts] if isinstance(each, ast.Tuple) else [each] for each in (target, value))
            for name, number in zip(names, numbers, strict=False):  # a range has many names
                if not isinstance(name, ast.Name) or not name.id.isupper():
                    continue
                parts = {type(part) for part in ast.walk(number)} - {ast.Constant, ast.BinOp, ast.Pow, ast.Mult}
                if not parts and not isinstance(getattr(number, "value", 0), str):
                    found[f"{module}.{name.id}".replace("__init__.", "")] = ast.unparse(number)
    return found


def test_each_threshold_is_written_down_with_its_value():
    with (ROOT / "doc/developer/thresholds.csv").open(encoding="utf-8") as file:
        rows = {row["Threshold"]: row for row in csv.DictReader(file)}
    assert rows.pop("solvers.STAGES")
    assert {name: eval(row["Value"]) for name, row in rows.items()} == {k: eval(v) for k, v in thresholds().items()}
    measured = (ROOT / "benchmarks/thresholds.py").read_text(encoding="utf-8")
    for name, row in rows.items():
        assert row["Measured"]
        assert row["Repeat"] != "✓" or f'"{name}"' in measured, name


def test_documentation_has_one_address():
    """Wherever it is named, it is the one of pyproject.toml, and what is behind it exists."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    address = tomllib.loads(project)["project"]["urls"]["Documentation"]
    assert DocLinkMixin._doc_link_template.startswith(address)
    pages = re.findall(r"https://skprox\.readthedocs[^\s)\"]*", README + project)
    assert all(page.startswith(address) for page in pages)
    for page in {page.removeprefix(address) for page in pages} - {"", "gallery/index.html"}:
        assert (ROOT / "doc" / page).with_suffix(".rst").exists(), page


def test_hooks_have_the_versions_of_the_tests():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    for name, version in re.findall(r"/(ruff|codespell)\S*\n +rev: v(\S+)", hooks):
        assert f"{name}=={version}" in project["optional-dependencies"]["test"]
    versions = re.findall(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.M)
    assert versions == [skprox.__version__]


def test_guides_are_run():
    """The doctests of each page are among those that pytest collects, or that `.ci/run` names."""
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    named = re.search(r"pytest -q -n 2 (doc/.*)", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))[1].split()
    run = [ROOT / path for path in options["testpaths"] + named]
    generated = [ROOT / "doc" / folder for folder in ("_build", "api", "gallery")]
    for page in (ROOT / "doc").rglob("*.rst"):
        if not any(page.is_relative_to(folder) for folder in generated) and ">>> " in page.read_text(encoding="utf-8"):
            assert any(page.is_relative_to(path) for path in run), page
