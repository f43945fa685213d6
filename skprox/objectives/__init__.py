"""Objectives: the data term of models, and the only place that multiplies X while a model is fitted.

Solvers know an objective by what follows, so that another loss is another file here. `PoissonObjective` is one; it
stands for as many problems as it has outputs, which share X. K is the number of those that are asked for, p that of
columns. The intercept, where there is one, is at its minimum for the coefficients.

shape, dtype, precision
    Rows and columns; what coefficients are rounded to in the end; what X is multiplied in.
map
    A `map` whose calls may run on several threads.
count_index
    Which of the outputs are nearly the same problem: equal numbers.
omega
    By how much the counts of each output vary more than Poisson counts do: 0 is Poisson.
n_blocks
    How many blocks of equal size the Hessian has, and nothing beside them, where groups have the same columns in each;
    None where no more is known of it. Coefficients come block after block.
null
    The `Point` where all coefficients are 0, for each output.
scale
    What Hessians are divided by, for each output.
column_sd, gradient_scale, curvature : ndarray of shape (n_outputs, p)
    The move in the linear predictor that a coefficient of one makes, 0 for a column that does nothing; the gradient
    that a move of one in the linear predictor would make; and the product of both, by which steps in each coefficient
    are scaled.
rounding : ndarray of shape (n_outputs, p)
    Size of the rounding errors to expect in a gradient.
evaluate(coefs, outputs), points(coefs, outputs), rounded(points, outputs)
    Values, intercepts and gradients at K coefficients, as arrays and as points; and points of coefficients in `dtype`.
value_size(output, value, *intercepts)
    The size of what values at points with these intercepts are sums of, by which they round.
hessian(point, output, columns, rows), factor(point, output, columns)
    Second derivatives in some columns over `scale`, and rows whose products with each other these are: the latter only
    where it `has_factor`.
hessians(point, output, columns, rows)
    The same for each of `n_blocks`, in columns of shape (n_blocks, n_columns).
rates(point, output), hessian_times(point, rates, output, move), solve(rates, output, ridge, right)
    What a Hessian needs to know of a point (for itself alone), its product with a vector, and ridge equations with as
    few unknowns as X has rows, where `is_short`.
bregman_divergence(coefs, points, outputs)
    Values above their linear expansions, without cancellation.
largest_change(points, moves, outputs, far)
    How far moves change the linear predictor, where that matters.
restrict(columns)
    The same as functions of some coefficients alone.
take(coefs), expand(coefs), occupied
    Coefficients of all columns and of those that are not left out.
columns, n_all
    Position in X of the column of each coefficient, None where each has one; and how many coefficients there are with
    those left out.
compiled(output)
    The arrays of one output for `skprox.objectives.compiled`, where `is_in_cache`.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Point:
    """Coefficients of one output, with the objective there: intercept, value, gradient in the coefficients."""

    coef: np.ndarray
    intercept: float
    value: float
    gradient: np.ndarray
