"""numba's `njit` for the kernels: what is compiled is kept on disk where it can be, and compiled anew where not."""

from functools import cache
from pathlib import Path

import numba
import numpy as np
from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache

from skprox.validation import warn

# Of positions in arrays: compiled code looks at the sign of signed ones at each access, and adding 1 to unsigned ones
# makes floats of them in NumPy 1.
POSITION = np.dtype(np.int64 if numba.config.DISABLE_JIT else np.uint64)

# Where a function gets a zero here and other numbers there: numba compiles it once more for a literal.
ZERO = np.int64(0)

FAST = {"reassoc", "contract", "nsz"}  # what may be done to sums, for `fastmath`: numbers that are not finite stay so


def njit(function=None, **options):
    """`numba.njit` that releases the lock of the interpreter, divides by zero as NumPy does, and caches.

    numba raises where it can't write its cache. Here such functions are compiled in each process, with one warning.
    """
    if function is None:
        return lambda function: njit(function, **options)
    kernel = numba.njit(nogil=True, error_model="numpy", **options)(function)
    if kernel is not function:  # as it is with NUMBA_DISABLE_JIT
        kernel._cache = _cache(function)
    return kernel


def inner(function=None, **options):
    """`njit` for what is called from compiled code alone: without a way in from Python, LLVM has half as much to do."""
    return njit(function, no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)


def is_kept(kernel):
    """Whether what is compiled of a kernel is kept on disk, so that it is worth its time."""
    return isinstance(getattr(kernel, "_cache", None), FunctionCache)


def _cache(function):
    try:
        return _Cache(function)
    except (RuntimeError, OSError) as error:
        _warn(error)
        return NullCache()


class _Cache(FunctionCache):
    """numba's cache, for disks that fill up or become read-only; what is in it holds for one state of all kernels.

    numba looks at the file of a function alone, though what it compiles holds functions of other files, too.
    """

    def __init__(self, function):
        super().__init__(function)
        self._cache_file = IndexDataCacheFile(self._cache_path, self._impl.filename_base, _stamp())

    def load_overload(self, *args):
        try:
            return super().load_overload(*args)
        except OSError as error:
            _warn(error)

    def save_overload(self, *args):
        try:
            super().save_overload(*args)
        except OSError as error:
            _warn(error)


@cache
def _stamp():
    """When a file was last changed that kernels may be made of: all but those beside this one that compile nothing."""
    package = Path(__file__).parent
    files = [path for path in package.rglob("*.py") if path.parent != package or b"skprox._jit" in path.read_bytes()]
    return max(path.stat().st_mtime_ns for path in [Path(__file__), *files])


_warned = False


def _warn(error):
    global _warned
    if not _warned:
        _warned = True
        warn(
            f"What numba compiles for skprox can't be kept on disk, so that each process takes seconds for it: {error}."
            " Set the environment variable NUMBA_CACHE_DIR to a directory that can be written to."
        )
