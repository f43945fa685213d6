"""Threads over blocks of rows."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController


@contextmanager
def thread_map(n_threads):
    """Yield a `map` that runs on `n_threads` threads, with BLAS held to one thread meanwhile.

    One thread is no pool at all: BLAS is left as it is.
    """
    if n_threads == 1:
        yield map
        return
    with one_blas_thread, ThreadPoolExecutor(n_threads) as pool:
        yield pool.map


class _OneBlasThread:
    """Holds BLAS to one thread, where more would only get in each other's way.

    The limit of BLAS belongs to the process, so that the first of several Python threads to enter sets it and
    the last to leave restores it.
    """

    def __init__(self):
        self.controller = None
        self.reset()

    def reset(self):
        self.lock, self.inside, self.limit = threading.Lock(), 0, None

    def __enter__(self):
        with self.lock:
            if self.controller is None:
                self.controller = ThreadpoolController()
            if self.inside == 0:
                self.limit = self.controller.limit(limits=1, user_api="blas")
            self.inside += 1

    def __exit__(self, *error):
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                self.limit.restore_original_limits()


one_blas_thread = _OneBlasThread()
os.register_at_fork(after_in_child=one_blas_thread.reset)  # other threads, and their locks, stay behind
