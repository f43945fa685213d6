import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

import skprox
from skprox import GroupLassoPoisson, PoissonGLMRegressor


@pytest.mark.parametrize("estimator", [GroupLassoPoisson(), PoissonGLMRegressor()])
def test_html_links_to_the_documentation(estimator, rng):
    name = type(estimator).__name__
    link = f'href="https://skprox.readthedocs.io/en/latest/api/generated/skprox.{name}.html"'
    assert link in estimator_html_repr(estimator)
    assert link in estimator_html_repr(make_pipeline(StandardScaler(), estimator))
    estimator.set_params(groups=["a", "a"]).fit(rng.normal(size=(20, 2)), rng.poisson(2.0, size=20))
    assert link in estimator_html_repr(estimator)


@pytest.mark.parametrize(
    "name", ["GroupLassoPoissonCV", "ProxSGDRegressor", "RaisedCosineTransformer", "LagTransformer"]
)
def test_others_do_as_well(name):
    assert f"api/generated/skprox.{name}.html" in estimator_html_repr(getattr(skprox, name)())


def test_classes_of_others_do_not_link_to_it():
    class Ours(GroupLassoPoisson):
        pass

    assert "skprox.readthedocs" not in estimator_html_repr(Ours())
