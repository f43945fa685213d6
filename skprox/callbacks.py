"""scikit-learn's callbacks, where it has them (1.9)."""

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
    **arguments : dict
        What callbacks may ask for: `X`, `y` and `metadata`.
    """

    def __init__(self, estimator, n_tasks, **arguments):
        self.estimator, self.arguments, self.root = estimator, arguments, None
        if getattr(estimator, "_skl_callbacks", None):
            self.root = estimator._init_callback_context(max_subtasks=n_tasks)
            self.root.call_on_fit_task_begin(estimator=estimator, **arguments)

    def report(self, name, parts=()):
        """Tell of a task that is done, and of its `parts`. True where a callback asks to stop."""
        if self.root is None:
            return False
        given = {"estimator": self.estimator, **self.arguments}
        task = self.root.subcontext(task_name=name, max_subtasks=len(parts))
        task.call_on_fit_task_begin(**given)
        for part in parts:
            context = task.subcontext(task_name=part)
            context.call_on_fit_task_begin(**given)
            context.call_on_fit_task_end(**given)
        return task.call_on_fit_task_end(**given)

    def end(self):
        if self.root is not None:
            self.root.call_on_fit_task_end(estimator=self.estimator, **self.arguments)
