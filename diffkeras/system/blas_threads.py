"""How many threads BLAS and transforms use within a solve.

A solve calls BLAS thousands of times for small products. With more than one thread each call waits
for all of them, which takes ten times as long when another program keeps a core busy.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from scipy.fft import set_workers
from threadpoolctl import LibController, ThreadpoolController

_lock = threading.Lock()


@contextmanager
def blas_threads(number: int = 1) -> Iterator[None]:
    """Limit BLAS and SciPy's transforms to `number` threads, and restore that; also a decorator.

    All threads of a process share the setting of BLAS. Of solves that run at the same time, the
    first one sets and restores it: OpenBLAS obeys only the thread that was the first to set it.
    """
    with set_workers(number), _blas_limited(number):
        yield


@contextmanager
def _blas_limited(number: int) -> Iterator[None]:
    if not _lock.acquire(blocking=False):
        yield
        return
    try:
        others = [(blas, n) for blas in _libraries() if (n := blas.num_threads) != number]
        try:
            for blas, _ in others:
                blas.set_num_threads(number)
            yield
        finally:
            for blas, before in others:
                blas.set_num_threads(before)
    finally:
        _lock.release()


@lru_cache(maxsize=1)
def _libraries() -> list[LibController]:
    # finding them takes milliseconds, changing their setting microseconds
    return ThreadpoolController().select(user_api="blas").lib_controllers
