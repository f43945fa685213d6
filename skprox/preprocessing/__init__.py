"""Transformers that turn covariates into columns for a linear model."""

from skprox.preprocessing.lags import LagTransformer
from skprox.preprocessing.raised_cosine import RaisedCosineTransformer
from skprox.preprocessing.splines import MonotoneSplineTransformer, SmoothSplineTransformer

__all__ = ["LagTransformer", "MonotoneSplineTransformer", "RaisedCosineTransformer", "SmoothSplineTransformer"]
