"""What all estimators share."""

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, signature
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


def name_arguments(function: F) -> F:
    """A function or method that says which arguments it takes, by the name that users call it by, given others.

    An `offset` points to `exposure`, of which it is the logarithm.
    """
    expected = signature(function)
    taken = [each for each in expected.parameters.values() if each.kind != Parameter.VAR_KEYWORD]
    bound = taken[0].name in ("self", "cls")
    names = [each.name for each in taken[bound:]]
    required = sum(each.default is Parameter.empty for each in taken)
    positional = sum(each.kind != Parameter.KEYWORD_ONLY for each in taken)

    @wraps(function)
    def checked(*args, **kwargs):
        if required <= len(args) <= positional and not kwargs:
            return function(*args)
        called = f"{_owner(args[0], function)}()" if bound else f"{function.__name__}()"
        if "offset" in kwargs:
            raise TypeError(
                f"{called} got an unexpected keyword argument 'offset'. Pass exposure=np.exp(offset): an offset is the "
                "logarithm of the exposure."
            )
        try:
            expected.bind(*args, **kwargs)
        except TypeError as error:
            problem = str(error).replace("too many", "got too many")
            raise TypeError(f"{called} {problem}. It takes {', '.join(names)}.") from None
        return function(*args, **kwargs)

    return cast(F, checked)


def _owner(owner, method):
    if method.__name__ == "__call__":
        return repr(owner)
    return f"{(owner if isinstance(owner, type) else type(owner)).__name__}.{method.__name__}"


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
