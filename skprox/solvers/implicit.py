"""The model problem of a Newton step without norms, by products of the Hessian with vectors."""

import numpy as np

# Products in a step, at least, and one more for so many columns: they cost less than the Hessian.
PRODUCTS, COLUMNS_A_PRODUCT = 50, 30
# Up to so many rows a system of as many equations is solved instead, where there are twice as many columns: 300 x 3900
# take 0.09 s, and 0.2 s by products. It takes a copy of X.
SHORT_ROWS, SHORT_ENTRIES = 1000, 2**23


class ImplicitModel:
    """The Hessian of an objective at some point, known by its products with vectors alone: each a pass over X.

    For many columns under ridge, whose Hessian would take more than the few products that conjugate gradients need.
    It never ages, as one at another point costs nothing.
    """

    is_implicit, kept = True, None

    def __init__(self, point, output, partition):
        self.point, self.output, self.partition = point, output, partition
        self.groups, self.columns = np.empty(0, dtype=int), np.empty(0, dtype=int)
        self.is_worn = False

    def include(self, groups, working):
        """Append those of `groups` that are not in it. All columns in question are in the working set."""
        new = np.setdiff1d(groups, self.groups)
        self.groups = np.concatenate([self.groups, new])
        self.columns = np.concatenate([self.columns, self.partition.columns(new)])
        self.objective, self.where = working.objective, working.find(self.columns)
        self.here = working.restrict(self.point)
        self.rates = self.objective.rates(self.here, self.output)

    def forget(self, groups):
        """Leave all but `groups` out."""
        self.groups = np.intersect1d(self.groups, groups)
        self.columns = self.partition.columns(self.groups)

    def cost(self, n_problems, n_rows):
        """How many steps it costs to take a new one."""
        return 0.0

    def times(self, move):
        """Hessian @ move"""
        whole = np.zeros(self.objective.shape[1])
        whole[self.where] = move
        return self.objective.hessian_times(self.here, self.rates, self.output, whole)[self.where]

    def minimise(self, gradient, coef, start, certificate, tol):
        """argmin_u  gradient.(u - coef) + 1/2 (u - coef).hessian (u - coef) + penalty(u), and the gradient there.

        By conjugate gradients from `start` (Hestenes and Stiefel, 1952), preconditioned with the squared spread of
        each column, until the largest entry of the certificate is at most `tol`, or many products wear it out.
        """
        if self._is_short(certificate.penalty.ridge):
            return self._minimise_by_rows(gradient, coef, certificate.penalty.ridge)
        spread, ridge = self.objective.spread[self.output, self.where], certificate.penalty.ridge
        scale = self.objective.total[self.output] / self.objective.scale[self.output]
        metric = scale * spread**2 + ridge
        metric[metric <= 0] = 1.0  # constant columns, whose gradient is zero
        coef = start.copy()
        if (start != self.here.coef[self.where]).any():
            gradient = gradient + self.times(start - self.here.coef[self.where])
        residual = -(gradient + ridge * coef)
        direction = steepest = residual / metric
        size = residual @ steepest
        limit = PRODUCTS + len(coef) // COLUMNS_A_PRODUCT
        for n_products in range(limit + 1):
            self.is_worn = n_products == limit
            if certificate(coef, gradient).max() <= tol:
                self.is_worn = False
                break
            if self.is_worn:
                break
            image = self.times(direction)
            length = size / (direction @ (image + ridge * direction))
            if not 0 < length < np.inf:
                break
            coef, gradient = coef + length * direction, gradient + length * image
            residual = -(gradient + ridge * coef)
            steepest, before = residual / metric, size
            size = residual @ steepest
            direction = steepest + size / before * direction
        return coef, gradient

    def _is_short(self, ridge):
        """Whether a system of as many equations as X has rows is to be solved, of all columns."""
        X, n_rows = self.objective.X, self.objective.shape[0]
        if not isinstance(X, np.ndarray) or X.shape[1] > len(ridge) or not (ridge > 0).all():
            return False
        return 2 * n_rows <= len(ridge) and n_rows <= SHORT_ROWS and X.size <= SHORT_ENTRIES

    def _minimise_by_rows(self, gradient, coef, ridge):
        """The minimiser from a system of as many equations as rows (Sherman, Morrison and Woodbury).

        With X' W X the Hessian, R the ridge and b = -(gradient + R coef), the step s solves (R + X' W X) s = b: the
        change X s of the linear predictor solves (I + X R^-1 X' W) X s = X R^-1 b, and s = R^-1 (b - X' W X s).
        """
        objective, rates, right = self.objective, self.rates, -(gradient + ridge * coef)
        scale, inverse, order = objective.scale[self.output], np.empty_like(ridge), np.empty_like(right)
        inverse[self.where], order[self.where] = 1 / ridge, right / ridge
        total = rates.sum() if objective.profiled else np.inf
        kernel = objective.kernel(inverse)
        system = kernel * rates - np.outer(kernel @ rates, rates / total)
        system /= scale
        system[np.diag_indices_from(system)] += 1.0
        change = np.linalg.solve(system, objective.predict(order))
        image = ((rates * (change - rates @ change / total) / scale) @ objective.X)[self.where]
        return coef + order[self.where] - image / ridge, gradient + image
