"""What all estimators share."""

from functools import wraps
from inspect import Parameter, signature


def name_arguments(method):
    """A method that says which arguments it takes, by the name of the class that users know, where it is given others.

    An `offset` points to `exposure`, of which it is the logarithm.
    """
    expected = signature(method)
    taken = [each for each in expected.parameters.values() if each.kind != Parameter.VAR_KEYWORD][1:]
    names, required = [each.name for each in taken], sum(each.default is Parameter.empty for each in taken)

    @wraps(method)
    def checked(self, *args, **kwargs):
        if required <= len(args) <= len(names) and not kwargs:
            return method(self, *args)
        called = f"{type(self).__name__}.{method.__name__}()"
        if "offset" in kwargs:
            raise TypeError(
                f"{called} got an unexpected keyword argument 'offset'. Pass exposure=np.exp(offset): an offset is the "
                "logarithm of the exposure."
            )
        try:
            expected.bind(self, *args, **kwargs)
        except TypeError as error:
            problem = str(error).replace("too many", "got too many")
            raise TypeError(f"{called} {problem}. It takes {', '.join(names)}.") from None
        return method(self, *args, **kwargs)

    return checked


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
