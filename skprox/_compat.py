"""What is used of the private parts of scikit-learn."""

__all__ = ["validate_parameters"]


def validate_parameters(estimator):
    """Check the parameters of an estimator before `fit` does."""
    estimator._validate_params()
