import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from skprox import parallel
from skprox.parallel import row_threads


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_overlapping_fits_leave_blas_as_it_was():
    """In whichever order they end."""
    with threadpool_limits(2, user_api="blas"):
        for order in ([0, 1], [1, 0]):
            fits = [row_threads(1, 0), row_threads(1, 0)]
            for fit in fits:
                fit.__enter__()
            assert blas_threads() == {1}
            fits[order[0]].__exit__(None, None, None)
            assert blas_threads() == {1}
            fits[order[1]].__exit__(None, None, None)
            assert blas_threads() == {2}


def test_number_of_threads():
    large = 10 * parallel.ENTRIES_A_THREAD
    with threadpool_limits(2, user_api="blas"):
        for n_jobs, n_entries, wanted in [(None, large, 2), (3, large, 3), (1, large, 1), (3, 100, 1), (20, large, 10)]:
            with row_threads(n_jobs, n_entries) as (n_threads, run):
                assert n_threads == wanted
                assert list(run(abs, [-1, 2])) == [1, 2]
    with threadpool_limits(1, user_api="blas"), row_threads(None, large) as (n_threads, _):
        assert n_threads == 1


def test_errors_restore_blas():
    with threadpool_limits(2, user_api="blas"):
        with pytest.raises(ZeroDivisionError), row_threads(2, 10 * parallel.ENTRIES_A_THREAD):
            raise ZeroDivisionError
        assert blas_threads() == {2}


def test_work_runs_on_threads_of_the_pool():
    with row_threads(2, 10 * parallel.ENTRIES_A_THREAD) as (_, run):
        barrier = threading.Barrier(2, timeout=10)  # passes only where two run at once
        assert np.sum(list(run(lambda _: barrier.wait() >= 0, range(2)))) == 2
