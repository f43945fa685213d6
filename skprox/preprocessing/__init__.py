"""Transformers that turn covariates into columns for a linear model."""

from skprox.preprocessing.lags import LagTransformer
from skprox.preprocessing.raised_cosine import RaisedCosineTransformer

__all__ = ["LagTransformer", "RaisedCosineTransformer"]
