"""Extrapolation of fixed-point iterations."""

import numpy as np

DEPTH = 4  # steps that are combined


class Anderson:
    """Anderson's acceleration (1965) of an iteration, over steps that end with the same coefficients at zero.

    On a given support the steps of a proximal method with a fixed model are nearly linear in where they
    start. The combination of the last few, with weights of sum one, whose residual is least, then leads
    much further than the last alone (for sparse models: Bertrand and Massias, 2021).
    """

    def __init__(self):
        self.past = []

    def extrapolate(self, step, image, coef, *others):
        """What `coef` and `others` become, where `step` led, and its `image` under the metric of residuals."""
        if self.past and ((self.past[-1][2] != 0) != (coef != 0)).any():
            self.past = []
        self.past = [*self.past[1 - DEPTH :], (step, image, coef, *others)]
        if len(self.past) == 1:
            return [coef, *others]
        steps, images, *points = (a[-1] - a[:-1] for a in map(np.array, zip(*self.past, strict=True)))
        products, wanted = steps @ images.T, images @ step
        if not (np.isfinite(products).all() and np.isfinite(wanted).all()):
            return [coef, *others]
        weights = np.linalg.lstsq(products, wanted, rcond=1e-10)[0]
        return [now - weights @ differences for now, differences in zip((coef, *others), points, strict=True)]
