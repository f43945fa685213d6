"""Proximal steps for the optimizers of PyTorch: exact zeros in whatever they train."""

from __future__ import annotations  # documentation is built where there is no torch

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np

try:
    import torch
except ImportError as error:
    raise ImportError("skprox.torch needs PyTorch: pip install 'skprox[torch]'.") from error

from torch import optim

ADAMS = optim.Adam, optim.AdamW, optim.NAdam
NEWTON_STEPS = 12  # of a norm, where the entries of a group have steps of their own: enough for all that floats hold


@dataclass(frozen=True)
class ElasticNet:
    """Elastic net, alpha * sum_j ( l1_ratio abs(w_j) + (1 - l1_ratio) / 2 w_j^2 ),  lower <= w_j <= upper

    Parameters
    ----------
    alpha : float
        Strength of the penalty.
    l1_ratio : float, default=0.5
        Share of the L1 norm: 0 is ridge, 1 the lasso.
    bounds : tuple, default=None
        Lower and upper bound of all entries, None being no bound, as ``(0, None)``. They hold 0. `value` leaves them
        out.

    Examples
    --------
    >>> import torch
    >>> from skprox.torch import ElasticNet
    >>> ElasticNet(0.5, l1_ratio=0.5).prox(torch.tensor([1.0, -2.0, 0.2]), 1.5)
    tensor([ 0.4545, -1.1818,  0.0000])
    """

    alpha: float
    l1_ratio: float = 0.5
    bounds: tuple | None = None

    def __post_init__(self):
        _check_alpha(self.alpha)
        _check_ratio(self.l1_ratio)
        _check_bounds(self.bounds)

    def value(self, weight: torch.Tensor) -> torch.Tensor:
        """The penalty of a tensor, as a tensor of no dimensions."""
        return self.alpha * (self.l1_ratio * weight.abs().sum() + (1 - self.l1_ratio) / 2 * weight.square().sum())

    def prox(self, weight: torch.Tensor, step: torch.Tensor | float) -> torch.Tensor:
        """argmin_u value(u) + sum_j (u_j - w_j)^2 / (2 step_j) within the bounds"""
        shrunk = _soften(weight, step * (self.alpha * self.l1_ratio))
        return _clip(shrunk / (1 + step * (self.alpha * (1 - self.l1_ratio))), self.bounds)


@dataclass(frozen=True)
class L1(ElasticNet):
    """Lasso, alpha * sum_j abs(w_j),  lower <= w_j <= upper

    Parameters
    ----------
    alpha : float
        Strength of the penalty.
    bounds : tuple, default=None
        Lower and upper bound of all entries, as in `ElasticNet`.

    Examples
    --------
    >>> import torch
    >>> from skprox.torch import L1
    >>> L1(0.5).prox(torch.tensor([1.0, -2.0, 0.2]), 1.0)
    tensor([ 0.5000, -1.5000,  0.0000])
    """

    l1_ratio: float = field(default=1.0, init=False, repr=False)


@dataclass(frozen=True, eq=False)
class GroupLasso:
    """Group lasso, alpha * sum_g ( (1 - l1_ratio) sqrt(size of g) ||w_g||_2 + l1_ratio ||w_g||_1 ),
    lower <= w_j <= upper

    Parameters
    ----------
    alpha : float
        Strength of the penalty.
    groups : {"rows", "columns"} or array-like, default="rows"
        Which entries of a tensor belong together. A row has the same first index: all weights into a unit of a
        linear layer, or a filter of a convolution. A column has the same second index: all weights out of an input,
        or out of a channel. An array holds the label of each entry's group, in a shape that broadcasts to that of the
        tensor: for a linear layer, one label an input groups columns.
    l1_ratio : float, default=0.0
        Share of the L1 norm: above 0 groups that stay have zeros within, the sparse-group lasso [1]_.
    bounds : tuple, default=None
        Lower and upper bound of all entries, ``(0, None)`` or ``(None, 0)``: under a norm other bounds have no proximal
        map in closed form.

    References
    ----------
    .. [1] Simon, Friedman, Hastie and Tibshirani (2013), "A Sparse-Group Lasso", Journal of Computational and Graphical
       Statistics 22(2).

    Examples
    --------
    >>> import torch
    >>> from skprox.torch import GroupLasso
    >>> weight = torch.tensor([[3.0, 0.1], [4.0, 0.1]])
    >>> GroupLasso(0.5, groups="columns").prox(weight, 1.0)
    tensor([[2.5757, 0.0000],
            [3.4343, 0.0000]])
    """

    alpha: float
    groups: object = "rows"
    l1_ratio: float = 0.0
    bounds: tuple | None = None

    def __post_init__(self):
        _check_alpha(self.alpha)
        _check_ratio(self.l1_ratio)
        _check_bounds(self.bounds)
        if self.bounds is not None and not {*self.bounds} <= {None, 0, -np.inf, np.inf}:
            raise ValueError(
                f"bounds of a GroupLasso must be 0 or None, for else its proximal map has no closed form; got "
                f"{self.bounds!r}. Give these, or take an ElasticNet."
            )
        if isinstance(self.groups, str) and self.groups not in ("rows", "columns"):
            raise ValueError(f"groups must be 'rows', 'columns' or labels; got {self.groups!r}.")

    def value(self, weight: torch.Tensor) -> torch.Tensor:
        """The penalty of a tensor, as a tensor of no dimensions."""
        norms, sizes = self._sum(weight.square()).sqrt(), self._sum(torch.ones_like(weight))
        norms = (1 - self.l1_ratio) * (norms / sizes.sqrt()).expand_as(weight).sum()
        return self.alpha * (norms + self.l1_ratio * weight.abs().sum())

    def prox(self, weight: torch.Tensor, step: torch.Tensor | float) -> torch.Tensor:
        """argmin_u value(u) + sum_j (u_j - w_j)^2 / (2 step_j) within the bounds

        Let w be what the L1 norm and the bounds leave of the weight: u has its signs. A group is zero where
        sum_j (w_j / t_j)^2 <= 1 with t_j = step_j alpha (1 - l1_ratio) sqrt(size). Else u_j = w_j n / (n + t_j),
        where n is the norm of the solution: the root of sum_j (w_j / (n + t_j))^2 = 1. Newton's method finds it, on the
        inverse square root of that sum, which is concave in n, and a line where all steps are the same.
        """
        if self.l1_ratio > 0:
            weight = _soften(weight, step * (self.alpha * self.l1_ratio))
        weight = _clip(weight, self.bounds)
        tiny, enough = torch.finfo(weight.dtype).tiny, torch.finfo(weight.dtype).eps ** 0.5  # of a quadratic rate
        threshold = step * (self.alpha * (1 - self.l1_ratio)) * self._sum(torch.ones_like(weight)).sqrt()
        dead = self._sum((weight / threshold.clamp(min=tiny)).square()) <= 1
        squares = weight.square()
        norm = self._sum(squares).sqrt()
        for _ in range(1 if isinstance(step, Real) or step.ndim == 0 else NEWTON_STEPS):
            shares = norm / (norm + threshold).clamp(min=tiny)
            total = self._sum(squares * shares**2)
            change = total * (total.sqrt() - norm) / self._sum(squares * shares**3).clamp(min=tiny)
            found = dead | (change.abs() <= enough * norm)
            norm = torch.maximum(norm + change, norm / 16)  # the first step, from the right, may go too far
            if found.all():
                break
        return torch.where(dead, 0.0, weight * norm / (norm + threshold).clamp(min=tiny))

    def _sum(self, values):
        """Sum over the group of each entry, in a shape that broadcasts to all of them."""
        if isinstance(self.groups, str):
            axis = 0 if self.groups == "rows" else 1
            if values.ndim <= axis:
                raise ValueError(
                    f"groups={self.groups!r} needs a tensor of more dimensions than {tuple(values.shape)}."
                )
            others = [dim for dim in range(values.ndim) if dim != axis]
            return values.sum(others, keepdim=True) if others else values
        n_groups, labels = self._labels
        try:
            labels = labels.to(values.device).expand_as(values)
        except RuntimeError as error:
            raise ValueError(
                f"groups has shape {tuple(labels.shape)}, which does not broadcast to that of a tensor, "
                f"{tuple(values.shape)}."
            ) from error
        return values.new_zeros(n_groups).index_add(0, labels.flatten(), values.flatten())[labels]

    @cached_property
    def _labels(self):
        """Number of groups, and each label as a number below that."""
        labels = np.asarray(self.groups)
        names, numbers = np.unique(labels, return_inverse=True)
        return len(names), torch.as_tensor(numbers.reshape(labels.shape))


class Proximal(optim.Optimizer):
    """Any optimizer of PyTorch, with the proximal step of a penalty after each of its own.

    The optimizer takes its step on the loss, as it would without a penalty. Then the proximal map of the
    penalty, with the step size that the optimizer has for each entry, shrinks the parameters, and sets to exactly
    zero what the penalty has for zero [1]_. Together they minimise loss + penalty.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        The optimizer of the loss. It is stepped, saved and loaded through this one, and shares its parameter groups
        and state with it.
    penalties : penalty, callable or dict
        A penalty for all parameters of the optimizer, or a dict from parameters to their penalties; what it does not
        name has none. Each is an `L1`, `ElasticNet` or `GroupLasso`, anything with a method ``prox(weight, step)``, or
        a callable of these two: it returns what takes the place of the weight. `step` is a number, or a tensor of the
        shape of the weight.
    step_size : {"effective", "lr"}, default="effective"
        Step size of the proximal map.

        - "effective" is how far the optimizer goes for a unit of a steady gradient: the learning rate, times
          (1 - dampening) / (1 - momentum) for SGD with momentum, and for Adam, AdamW, NAdam, RMSprop and Adagrad
          divided by each entry's root mean square of gradients, as the optimizer has it. The points where these come
          to rest are the minimisers. For others it is the learning rate, and a warning says so.
        - "lr" is the learning rate of the parameter group for all its entries, as the decay of weights is in AdamW.
          With momentum or adaptive optimizers, the penalty is then another than the one that was asked for: 1 -
          momentum times as strong for SGD, and with Adam all but none where gradients hold still.

    Attributes
    ----------
    optimizer : torch.optim.Optimizer
        The optimizer of the loss.
    penalties : penalty, callable or dict
        The penalties.
    param_groups : list of dict
        The parameter groups of the optimizer.

    Notes
    -----
    Momentum buffers are left as the optimizer makes them: averages of gradients of the loss alone, as in the
    proximal stochastic methods of [2]_, whose metric this is for adaptive optimizers. The penalty never enters them,
    since its part in a step is taken in full by the proximal map at the end of that step; what they add up to is
    accounted for in the step size.

    Parameters without a gradient are left alone, as optimizers do. Entries of which every gradient was zero shrink by
    the learning rate alone, such as rows of an embedding that no batch had yet.

    Schedulers may be given either optimizer. `state_dict` is that of the optimizer of the loss, so that states saved
    with and without penalties are one and the same.

    References
    ----------
    .. [1] Parikh and Boyd (2014), "Proximal algorithms", Foundations and Trends in Optimization 1(3).
    .. [2] Yun, Lozano and Yang (2021), "Adaptive proximal gradient methods for structured neural networks",
       Advances in Neural Information Processing Systems 34.

    Examples
    --------
    The lasso of scikit-learn, by Adam:

    >>> import torch
    >>> from sklearn.datasets import make_regression
    >>> from sklearn.linear_model import Lasso
    >>> from skprox.torch import L1, Proximal
    >>> X, y = make_regression(100, 10, n_informative=3, noise=5.0, random_state=0)
    >>> model = torch.nn.Linear(10, 1, bias=False, dtype=torch.float64)
    >>> optimizer = Proximal(torch.optim.Adam(model.parameters(), lr=1.0), L1(5.0))
    >>> rows, target = torch.as_tensor(X), torch.as_tensor(y)
    >>> for _ in range(1000):
    ...     optimizer.zero_grad()
    ...     loss = (model(rows)[:, 0] - target).square().mean() / 2
    ...     loss.backward()
    ...     loss = optimizer.step()
    >>> exact = Lasso(alpha=5.0, fit_intercept=False, tol=1e-12).fit(X, y).coef_
    >>> bool(abs(model.weight.detach().numpy() - exact).max() < 1e-6)
    True
    >>> int((model.weight == 0).sum()), int((exact == 0).sum())
    (7, 7)
    """

    def __init__(self, optimizer: optim.Optimizer, penalties: Any, *, step_size: str | float = "effective") -> None:
        if not isinstance(optimizer, optim.Optimizer):
            raise TypeError(f"optimizer must be a torch.optim.Optimizer; got {type(optimizer).__name__}.")
        if step_size not in ("effective", "lr"):
            raise ValueError(f"step_size must be 'effective' or 'lr'; got {step_size!r}.")
        if step_size == "effective" and not isinstance(optimizer, (optim.SGD, optim.RMSprop, optim.Adagrad, *ADAMS)):
            warnings.warn(
                f"How far {type(optimizer).__name__} goes for a unit of gradient is not known here: the penalty is "
                "applied with its learning rate, and may be stronger or weaker than asked for. Say step_size='lr' if "
                "that is what you want.",
                UserWarning,
                stacklevel=2,
            )
        _check_penalties(optimizer, penalties)
        # what Optimizer.__init__ would make is the wrapped optimizer's; this makes the rest, its hooks
        self.__setstate__({"optimizer": optimizer, "penalties": penalties, "step_size": step_size})

    param_groups = property(lambda self: self.optimizer.param_groups)
    state = property(lambda self: self.optimizer.state)
    defaults = property(lambda self: self.optimizer.defaults)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Step on the loss, then on the penalty.

        Parameters
        ----------
        closure : callable, default=None
            Evaluates the loss anew and returns it, as for the optimizer.

        Returns
        -------
        loss : object
            What the optimizer returns: the loss, if there is a closure.
        """
        loss = self.optimizer.step(closure)
        with torch.no_grad():
            for group in self.param_groups:
                for weight in group["params"]:
                    penalty = _penalty_of(weight, self.penalties)
                    if penalty is not None and weight.grad is not None:
                        step = self._step_size(group, self.state.get(weight))
                        weight.copy_(_shrink(penalty, weight, step))
        return loss

    def _step_size(self, group, state):
        """A number, or a tensor of the weight's shape: the change of a weight for a steady gradient of one."""
        optimizer, lr = self.optimizer, group["lr"]
        if self.step_size == "effective":
            if isinstance(optimizer, optim.SGD) and group["momentum"]:
                return lr * (1 - group["dampening"]) / (1 - group["momentum"])
            if isinstance(optimizer, optim.RMSprop):
                mean = state["square_avg"] - state["grad_avg"].square() if group["centered"] else state["square_avg"]
                return _over_root(lr / (1 - group["momentum"]), mean, group["eps"])
            if isinstance(optimizer, optim.Adagrad):
                return _over_root(lr / (1 + (float(state["step"]) - 1) * group["lr_decay"]), state["sum"], group["eps"])
            if isinstance(optimizer, ADAMS):
                mean = state["max_exp_avg_sq" if group.get("amsgrad") else "exp_avg_sq"]
                return _over_root(lr, mean / (1 - group["betas"][1] ** float(state["step"])), group["eps"])
        return lr

    def state_dict(self) -> dict[str, Any]:
        """The state of the wrapped optimizer."""
        return self.optimizer.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state of the wrapped optimizer, saved with or without penalties."""
        self.optimizer.load_state_dict(state_dict)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a parameter group to the wrapped optimizer."""
        self.optimizer.add_param_group(param_group)

    def __getstate__(self):
        return {"optimizer": self.optimizer, "penalties": self.penalties, "step_size": self.step_size}


def _soften(weight, threshold):
    return weight - weight.clamp(-threshold, threshold)


def _clip(weight, bounds):
    return weight if bounds is None or set(bounds) == {None} else weight.clamp(*bounds)


def _over_root(lr, mean, eps):
    """Learning rate over the root of a mean of squares, or alone where there never was a gradient."""
    return torch.where(mean > 0, lr / (mean.sqrt() + eps), lr)


def _penalty_of(weight, penalties):
    return penalties.get(weight) if isinstance(penalties, Mapping) else penalties


def _shrink(penalty, weight, step):
    shrunk = getattr(penalty, "prox", penalty)(weight, step)
    if not isinstance(shrunk, torch.Tensor) or shrunk.shape != weight.shape:
        got = f"shape {tuple(shrunk.shape)}" if isinstance(shrunk, torch.Tensor) else repr(shrunk)
        raise ValueError(f"The penalty {penalty!r} must return a tensor of shape {tuple(weight.shape)}; got {got}.")
    return shrunk


def _check_penalties(optimizer, penalties):
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    if isinstance(penalties, Mapping):
        unknown = [key for key in penalties if not any(key is weight for weight in weights)]
        if unknown:
            shapes = [tuple(key.shape) if isinstance(key, torch.Tensor) else key for key in unknown]
            raise ValueError(
                f"penalties has keys that are not parameters of the optimizer: {shapes}. Keys are the parameters "
                "themselves, such as model.weight."
            )
    for weight in weights:
        penalty = _penalty_of(weight, penalties)
        if penalty is not None and not callable(getattr(penalty, "prox", penalty)):
            raise TypeError(f"A penalty must be callable, or have a method prox; got {penalty!r}.")
        if isinstance(penalty, GroupLasso):
            with torch.no_grad():
                penalty.value(weight)  # which says whether the groups fit


def _check_alpha(alpha):
    if not isinstance(alpha, Real) or not 0 <= alpha < float("inf"):
        raise ValueError(f"alpha must be a number, not negative and finite; got {alpha!r}.")


def _check_ratio(l1_ratio):
    if not isinstance(l1_ratio, Real) or not 0 <= l1_ratio <= 1:
        raise ValueError(f"l1_ratio must be a number from 0 to 1; got {l1_ratio!r}.")


def _check_bounds(bounds):
    if bounds is None:
        return
    is_pair = isinstance(bounds, tuple | list) and len(bounds) == 2
    if not is_pair or not all(each is None or isinstance(each, Real) for each in bounds):
        raise ValueError(f"bounds must be a pair of numbers or None, such as (0, None); got {bounds!r}.")
    lower, upper = (-np.inf if bounds[0] is None else bounds[0]), (np.inf if bounds[1] is None else bounds[1])
    if not lower <= 0 <= upper:
        raise ValueError(f"bounds must hold 0, which penalties shrink to; got {bounds!r}.")
