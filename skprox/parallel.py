"""Threads over blocks of rows."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from joblib import effective_n_jobs
from threadpoolctl import ThreadpoolController

ENTRIES_A_THREAD = 2**17  # of X for each output: below it, handing over costs more than the work


@contextmanager
def row_threads(n_jobs, n_entries):
    """Yield a number of threads and a `map` that runs on them, with BLAS held to one thread meanwhile.

    BLAS' own threads wait for each other in a busy loop, which on a busy machine, or beside other
    threads, takes many times as long as the work.
    """
    with _one_blas_thread as allowed:
        n_threads = min(allowed if n_jobs is None else effective_n_jobs(n_jobs), n_entries // ENTRIES_A_THREAD)
        if n_threads <= 1:
            yield 1, map
            return
        with ThreadPoolExecutor(n_threads) as pool:
            yield n_threads, pool.map


class _OneBlasThread:
    """Holds BLAS to one thread, and tells how many it was allowed.

    The limit belongs to the process: the first Python thread to enter sets it, the last to leave
    restores it.
    """

    def __init__(self):
        self.controller, self.limit, self.allowed = None, None, 1
        self.lock, self.inside = threading.Lock(), 0

    def leave_others_behind(self):
        """In a process that was forked, where the other threads, and what they hold, are no more."""
        self.lock = threading.Lock()
        if self.inside:
            self.inside = 0
            self.limit.restore_original_limits()

    def __enter__(self):
        with self.lock:
            if self.controller is None:
                self.controller = ThreadpoolController().select(user_api="blas")
            if self.inside == 0:
                self.allowed = max((library.num_threads for library in self.controller.lib_controllers), default=1)
                self.limit = self.controller.limit(limits=1)
            self.inside += 1
            return self.allowed

    def __exit__(self, *error):
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                self.limit.restore_original_limits()


_one_blas_thread = _OneBlasThread()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_one_blas_thread.leave_others_behind)
