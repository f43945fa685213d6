"""Designs: the rows of X and all that comes with them, behind one `reduce`.

Whoever fits knows a design by what follows, so that rows which live elsewhere are another file here. The arrays of a
design have an entry for each row of X along their last axis. A task is a function of a chunk of rows: `rows[name]` are
its entries of an array, `rows.cut(columns)` its part of X, and `rows.weighted_sums(masses, chunk)` is masses @ chunk. A
task takes what else it needs from small arrays around it, so that it can be sent to where the rows are.

shape, dtype
    Rows and columns; of X.
occupied, n_all, repeats
    Positions of its columns among the `n_all` asked for, where some are left out as they have no entry; else None. And
    where columns repeat, different numbers for different ones; else None.
is_dense
    Whether no chunk of X is sparse.
whole
    X, where it is in memory with all of its columns; else None.
holds_rows, is_threaded
    Whether arrays are in memory; whether a visit of rows keeps several threads busy.
reduce(merge, task, n_columns, n_problems)
    What `merge` makes of task(rows) over chunks of rows, each cut to so many columns for so many problems. Without
    columns, X is not looked at. Answers may be changed in place.
keep(recipe, n_columns)
    The design with more arrays: those that recipe(rows) returns, by name.
restrict(columns, unite)
    The design of some columns. Rows without an entry there may become one, with the arrays unite(rows), unless that is
    None.
"""

import numpy as np


@np.errstate(over="ignore", invalid="ignore")  # sums that overflow are for those to judge who asked
def add(first, second):
    """Sums of arrays, in place of the first."""
    for a, b in zip(first, second, strict=True):
        a += b
    return first
