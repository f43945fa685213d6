"""Threads over blocks of rows."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@cache
def _controller():
    return ThreadpoolController()


@contextmanager
def thread_map(n_threads):
    """Yield a `map` that runs on `n_threads` threads, with BLAS held to one thread meanwhile.

    One thread is no pool at all: BLAS is left as it is.
    """
    if n_threads == 1:
        yield map
        return
    with one_blas_thread(), ThreadPoolExecutor(n_threads) as pool:
        yield pool.map


def one_blas_thread():
    """Hold BLAS to one thread: more of them only get in each other's way where matrices are small."""
    return _controller().limit(limits=1, user_api="blas")
