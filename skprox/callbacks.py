"""scikit-learn's callbacks, where it has them (1.9)."""

from typing import TYPE_CHECKING

from skprox.base import F

if TYPE_CHECKING:  # what it decorates keeps its signature

    class CallbackSupportMixin: ...

    def with_callbacks(method: F) -> F: ...

else:
    try:
        from sklearn.callback import CallbackSupportMixin, with_callbacks
    except ImportError:

        class CallbackSupportMixin:
            """Estimators take no callbacks."""

        def with_callbacks(method):
            return method


class Tasks:
    """The tasks of a fit that callbacks are told of: the fit itself, and one after another within it.

    Parameters
    ----------
    estimator : estimator
        What is fitted. Without callbacks nothing is done.
    n_tasks : int or None
        How many tasks there will be; None is not known.
    X, y : array-like
        The covariates and counts, for callbacks that ask for them.
    **metadata : array-like or None
        What came with them, such as `sample_weight`; None is left out.
    """

    def __init__(self, estimator, n_tasks, X, y, **metadata):
        metadata = {name: value for name, value in metadata.items() if value is not None}
        self.estimator, self.arguments, self.root = estimator, {"X": X, "y": y, "metadata": metadata}, None
        if getattr(estimator, "_skl_callbacks", None):
            self.root = estimator._init_callback_context(max_subtasks=n_tasks)
            self.root.call_on_fit_task_begin(estimator=estimator, **self.arguments)

    @property
    def are_watched(self):
        """Whether there is a callback."""
        return self.root is not None

    def report(self, name, parts=(), fitted=None):
        """Tell of a task that is done, and of its `parts`. True where a callback asks to stop.

        `fitted` returns the attributes that the estimator would predict with, were it to stop here.
        """
        if self.root is None:
            return False
        given = {"estimator": self.estimator, **self.arguments}
        task = self.root.subcontext(task_name=name, max_subtasks=len(parts))
        task.call_on_fit_task_begin(**given)
        for part in parts:
            context = task.subcontext(task_name=part)
            context.call_on_fit_task_begin(**given)
            context.call_on_fit_task_end(**given)
        return task.call_on_fit_task_end(reconstruction_attributes=fitted and fitted(), **given)

    def end(self):
        """Tell of the fit, when the estimator has all attributes."""
        if self.root is not None:
            self.root.call_on_fit_task_end(estimator=self.estimator, reconstruction_attributes={}, **self.arguments)
