"""Sparse and structured Poisson regression for scikit-learn."""

from skprox.compose import groups_from_transformer, make_grouped_column_transformer
from skprox.path import RegularizationPath, regularization_path
from skprox.poisson import GroupLassoPoisson, PoissonGLMRegressor
from skprox.sgd import ProxSGDRegressor

__version__ = "0.1.0"

__all__ = [
    "GroupLassoPoisson",
    "PoissonGLMRegressor",
    "ProxSGDRegressor",
    "RegularizationPath",
    "groups_from_transformer",
    "make_grouped_column_transformer",
    "regularization_path",
]
