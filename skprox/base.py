"""What all estimators share."""


class DocLinkMixin:
    """Links the HTML representation of an estimator to its page of the documentation.

    To be inherited before scikit-learn's `BaseEstimator`, whose own links lead to scikit-learn's pages.
    """

    _doc_link_module = "skprox"
    _doc_link_template = "https://skprox.readthedocs.io/en/latest/api/generated/skprox.{estimator_name}.html"
