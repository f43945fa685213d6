"""Sparse and structured Poisson regression for scikit-learn."""

from skprox.compose import groups_from_transformer, make_grouped_column_transformer
from skprox.cv import GroupLassoPoissonCV, PoissonGLMRegressorCV
from skprox.displays.deviance_curve import DevianceCurveDisplay
from skprox.displays.group_effect import GroupEffectDisplay
from skprox.displays.group_importance import GroupImportanceDisplay
from skprox.displays.population import PopulationDisplay
from skprox.displays.regularization_path import RegularizationPathDisplay
from skprox.multi_split import multi_split_test
from skprox.path import RegularizationPath, regularization_path
from skprox.poisson import GroupLassoPoisson, PoissonGLMRegressor
from skprox.preprocessing import (
    LagTransformer,
    MonotoneSplineTransformer,
    RaisedCosineTransformer,
    SmoothSplineTransformer,
)
from skprox.scorers import log_likelihood_scorer, mcfadden_scorer, poisson_deviance_scorer
from skprox.sgd import ProxSGDRegressor
from skprox.stability import StabilitySelection

__version__ = "0.1.0"

__all__ = [
    "DevianceCurveDisplay",
    "GroupEffectDisplay",
    "GroupImportanceDisplay",
    "GroupLassoPoisson",
    "GroupLassoPoissonCV",
    "LagTransformer",
    "MonotoneSplineTransformer",
    "PoissonGLMRegressor",
    "PoissonGLMRegressorCV",
    "PopulationDisplay",
    "ProxSGDRegressor",
    "RaisedCosineTransformer",
    "RegularizationPath",
    "RegularizationPathDisplay",
    "SmoothSplineTransformer",
    "StabilitySelection",
    "groups_from_transformer",
    "log_likelihood_scorer",
    "make_grouped_column_transformer",
    "mcfadden_scorer",
    "multi_split_test",
    "poisson_deviance_scorer",
    "regularization_path",
]
