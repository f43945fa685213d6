"""Signatures as editors and type checkers see them: mypy checks this file, and it runs."""

import inspect
from typing import assert_type, get_type_hints

import numpy as np
import pandas as pd
import pytest

import skprox
import skprox.datasets
import skprox.dynamics
import skprox.metrics
from skprox import GroupLassoPoisson, GroupLassoPoissonCV, RegularizationPath, regularization_path
from skprox.datasets import load_bike_rentals
from skprox.metrics import cohen_r2

NAMES = {
    skprox: skprox.__all__,
    skprox.metrics: ["cohen_r2", "mcfadden_r2"],
    skprox.datasets: skprox.datasets.__all__,
    skprox.dynamics: ["SparsificationResult", "simulate_sparsification"],
}


def public():
    """Functions and methods that users call, with names."""
    for module, names in NAMES.items():
        for name in names:
            yield from callables(getattr(module, name), name)


def callables(each, name):
    if not inspect.isclass(each):
        yield name, each if inspect.isfunction(each) else type(each).__call__
        return
    for method in dir(each):
        function = inspect.getattr_static(each, method)
        function = getattr(function, "fget", None) or getattr(function, "func", None) or function
        function = inspect.unwrap(getattr(function, "__func__", function))
        ours = (getattr(function, "__module__", None) or "").startswith("skprox")
        if ours and inspect.isfunction(function) and (not method.startswith("_") or method == "__init__"):
            yield f"{name}.{method}", function


@pytest.mark.parametrize(("name", "function"), [pytest.param(*each, id=each[0]) for each in public()])
def test_all_arguments_and_returns_are_annotated(name, function):
    hints = get_type_hints(inspect.unwrap(function))
    expected = [each for each in inspect.signature(inspect.unwrap(function)).parameters if each not in ("self", "cls")]
    assert [each for each in [*expected, "return"] if each not in hints] == []


def test_what_comes_back_has_a_type() -> None:
    X = pd.DataFrame({"a__0": [0.0, 1.0, 2.0, 3.0], "a__1": [1.0, 0.0, 1.0, 0.0]})
    y = [1, 2, 3, 5]
    model = GroupLassoPoisson(alpha={"a": 0.01}, groups="prefix")
    assert_type(model.fit(X, y, sample_weight=np.ones(4), exposure=2.0), GroupLassoPoisson)
    assert_type(model.predict(X, 2.0), np.ndarray | pd.DataFrame)
    assert_type(model.score(X, y, exposure=2.0), float)
    assert_type(model.coef_, np.ndarray)
    assert_type(model.summary(), pd.DataFrame)
    assert_type(GroupLassoPoissonCV(alphas=[0.3, 0.1], cv=2, groups=["a", "a"]).fit(X, y), GroupLassoPoissonCV)
    assert_type(regularization_path(GroupLassoPoisson(), X, y, n_alphas=2), RegularizationPath)
    assert_type(load_bike_rentals(as_frame=True, return_X_y=True), tuple[pd.DataFrame, pd.Series])
    assert_type(load_bike_rentals(return_X_y=True), tuple[np.ndarray, np.ndarray])
    assert_type(cohen_r2(y, [1.0, 2.0, 3.0, 5.0]), float | np.ndarray)


@pytest.mark.parametrize("name", ["L1", "ElasticNet", "GroupLasso", "Proximal"])
def test_what_is_for_torch_is_annotated(name):
    pytest.importorskip("torch")
    import skprox.torch

    for method, function in callables(getattr(skprox.torch, name), name):
        test_all_arguments_and_returns_are_annotated(method, function)
