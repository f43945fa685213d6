"""Compiled passes over a design in the cache, whose columns lie along the memory."""

import numpy as np

from skprox._jit import FAST, inner

ROWS = 512  # of a block that stays in the first level of the cache with the columns that are worked on


@inner(fastmath={"contract"})  # reassociation would cancel what rounds to an integer
def exp_in_place(x, work):
    """exp(x), x at most 709, in place: 2^k times the Taylor polynomial of the rest, to the last bit or two."""
    for i in range(x.size):
        v = max(x[i], -708.0)
        shifted = v * 1.4426950408889634 + 6755399441055744.0  # rounds v / log(2) to an integer, in the lowest bits
        work[i] = shifted
        k = shifted - 6755399441055744.0
        r = (v - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10
        p = 1 / 479001600 + r * (1 / 6227020800)
        p = 1 / 39916800 + r * p
        p = 1 / 3628800 + r * p
        p = 1 / 362880 + r * p
        p = 1 / 40320 + r * p
        p = 1 / 5040 + r * p
        p = 1 / 720 + r * p
        p = 1 / 120 + r * p
        p = 1 / 24 + r * p
        p = 1 / 6 + r * p
        p = 0.5 + r * p
        x[i] = 1.0 + r * (1.0 + r * p)
    bits, out = work.view(np.int64), x.view(np.int64)
    for i in range(x.size):
        out[i] = out[i] + (bits[i] << 52) if work[i] - 6755399441055744.0 > -1020.5 else 0


@inner(fastmath=FAST)
def predict(XT, coef, base, support, out):
    """Write base + X @ coef into `out`."""
    n_support, n = 0, out.size
    for j in range(coef.size):
        if coef[j] != 0.0:
            support[n_support] = j
            n_support += 1
    for start in range(0, n, ROWS):
        stop = min(n, start + ROWS)
        eta = out[start:stop]
        for i in range(eta.size):
            eta[i] = base[start + i]
        k = 0
        while k + 4 <= n_support:
            a, b, c, d = support[k], support[k + 1], support[k + 2], support[k + 3]
            xa, xb, xc, xd = XT[a, start:stop], XT[b, start:stop], XT[c, start:stop], XT[d, start:stop]
            ca, cb, cc, cd = coef[a], coef[b], coef[c], coef[d]
            for i in range(eta.size):
                eta[i] += ca * xa[i] + cb * xb[i] + cc * xc[i] + cd * xd[i]
            k += 4
        while k < n_support:
            x, c = XT[support[k], start:stop], coef[support[k]]
            for i in range(eta.size):
                eta[i] += c * x[i]
            k += 1


@inner(fastmath=FAST)
def sums(XT, mass, columns, n_columns, out):
    """Write the sums of columns times mass into `out`, at the positions of the columns."""
    for k in range(n_columns):
        out[columns[k]] = 0.0
    for start in range(0, mass.size, 2 * ROWS):
        stop = min(mass.size, start + 2 * ROWS)
        m, k = mass[start:stop], 0
        while k + 4 <= n_columns:
            a, b, c, d = columns[k], columns[k + 1], columns[k + 2], columns[k + 3]
            xa, xb, xc, xd = XT[a, start:stop], XT[b, start:stop], XT[c, start:stop], XT[d, start:stop]
            sa, sb, sc, sd = 0.0, 0.0, 0.0, 0.0
            for i in range(m.size):
                sa += m[i] * xa[i]
                sb += m[i] * xb[i]
                sc += m[i] * xc[i]
                sd += m[i] * xd[i]
            out[a] += sa
            out[b] += sb
            out[c] += sc
            out[d] += sd
            k += 4
        while k < n_columns:
            x, s = XT[columns[k], start:stop], 0.0
            for i in range(m.size):
                s += m[i] * x[i]
            out[columns[k]] += s
            k += 1
