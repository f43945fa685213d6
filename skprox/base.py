"""What all estimators share."""


class DocLinkMixin:
    """Links the HTML representation of an estimator to its page of the documentation.

    To be inherited before scikit-learn's `BaseEstimator`, whose own links lead to scikit-learn's pages.
    """

    _doc_link_module = "skprox"
    _doc_link_template = "https://skprox.readthedocs.io/en/latest/api/generated/skprox.{estimator_name}.html"


class ExposureMixin:
    """Metadata routing passes exposure on unless told otherwise: without it counts and rates are mixed up."""

    __metadata_request__fit = {"exposure": True}
    __metadata_request__predict = {"exposure": True}
    __metadata_request__score = {"exposure": True}
