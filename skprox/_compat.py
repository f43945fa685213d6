"""What is used of the private parts of scikit-learn: all of it is imported here."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sklearn.utils import _safe_indexing
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils._plotting import _validate_style_kwargs
from sklearn.utils.metadata_routing import _raise_for_params, _routing_enabled
from sklearn.utils.validation import _check_feature_names_in, _check_sample_weight, _num_samples

from skprox.base import F

if TYPE_CHECKING:  # what they decorate keeps its signature

    def _fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[F], F]: ...

    def validate_params(constraints: Any, *, prefer_skip_nested_validation: bool) -> Callable[[F], F]: ...

else:
    from sklearn.base import _fit_context
    from sklearn.utils._param_validation import validate_params

__all__ = [
    "HasMethods",
    "Interval",
    "StrOptions",
    "_check_feature_names_in",
    "_check_sample_weight",
    "_fit_context",
    "_num_samples",
    "_raise_for_params",
    "_routing_enabled",
    "_safe_indexing",
    "_validate_style_kwargs",
    "check_matplotlib_support",
    "validate_parameters",
    "validate_params",
]


def validate_parameters(estimator):
    """Check the parameters of an estimator before `fit` does."""
    estimator._validate_params()
