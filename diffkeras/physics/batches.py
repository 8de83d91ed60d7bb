"""Batches of independent problems, spread over threads.

NumPy, SciPy's transforms and LAPACK work without the interpreter's lock, so threads share the
operator's tables and need no copies of images and fields, which is what processes would spend their
gain on. BLAS must not start threads of its own in each of them.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

from diffkeras.errors import PhysicsError

Result = TypeVar("Result")


def map_threads(function: Callable[[int], Result], count: int, workers: int | None) -> list[Result]:
    """`function(0) … function(count − 1)`, in order, on `workers` threads.

    The first call runs alone: it builds the tables that the others share.

    Raises:
        PhysicsError: fewer than one worker.
        Exception: whatever the first failing call raised.
    """
    if workers is not None and workers < 1:
        raise PhysicsError(f"workers must be 1 or more, not {workers}")
    if workers is None or workers == 1 or count <= 1:
        return [function(number) for number in range(count)]
    with _controller().limit(limits=1, user_api="blas"):
        first = function(0)
        with ThreadPoolExecutor(min(workers, count)) as pool:
            return [first, *pool.map(function, range(1, count))]


@cache
def _controller() -> ThreadpoolController:
    # it looks through all loaded libraries, which takes milliseconds
    return ThreadpoolController()
