"""The model problem of a Newton step without norms, by products of the Hessian with vectors."""

import numpy as np

# Products in a step, at least, and one more for so many columns: they cost less than the Hessian.
PRODUCTS, COLUMNS_A_PRODUCT = 50, 30


class ImplicitModel:
    """The Hessian of an objective at some point, known by its products with vectors alone: each a pass over X.

    For many columns under ridge, whose Hessian would take more than the few products that conjugate gradients need.
    It never ages, as one at another point costs nothing.
    """

    is_implicit, kept = True, None

    def __init__(self, point, output, partition):
        self.point, self.output, self.partition = point, output, partition
        self.groups, self.columns = np.empty(0, dtype=int), np.empty(0, dtype=int)
        self.ran_out = False

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

        By conjugate gradients from `start` (Hestenes and Stiefel, 1952), preconditioned with the objective's own
        curvatures, until the largest entry of the certificate is at most `tol`, or many products wear it out; or
        exactly, where there are few rows.
        """
        objective, ridge = self.objective, certificate.penalty.ridge
        if objective.is_short and len(coef) == objective.shape[1] and (ridge > 0).all():
            order = np.argsort(self.where)
            answers = objective.solve(self.rates, self.output, ridge[order], -(gradient + ridge * coef)[order])
            step, image = (answer[self.where] for answer in answers)
            return coef + step, gradient + image
        metric = objective.curvature[self.output, self.where] / objective.scale[self.output] + ridge
        metric[metric <= 0] = 1.0  # constant columns, whose gradient is zero
        if (start != coef).any():
            gradient = gradient + self.times(start - coef)
        coef = start
        residual = -(gradient + ridge * coef)
        direction = steepest = residual / metric
        size = residual @ steepest
        limit = PRODUCTS + len(coef) // COLUMNS_A_PRODUCT
        for n_products in range(limit + 1):
            self.ran_out = n_products == limit
            if certificate(coef, gradient).max() <= tol:
                self.ran_out = False
                break
            if self.ran_out:
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
