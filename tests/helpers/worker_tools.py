"""Work for processes that load no TensorFlow."""

import os
import signal
import sys
import time
from collections.abc import Callable

import threadpoolctl


def square(number: int) -> int:
    return number * number


def fail(number: int) -> int:
    raise ArithmeticError(f"no luck with {number}")


def die(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def threads(number: int) -> list[int]:
    import numpy as np

    np.ones((2, 2)) @ np.ones((2, 2))
    return [library["num_threads"] for library in threadpoolctl.threadpool_info()]


def wait_long(number: int) -> None:
    time.sleep(600)


def square_and_tick(number: int, tick: Callable[[], None]) -> int:
    for _ in range(number):
        tick()
    return number * number


def work_forever(task: int, tick: Callable[[], None]) -> None:
    while True:
        time.sleep(0.01)
        tick()


def main() -> None:
    """Start two workers that work for long, print their process numbers, and wait for them."""
    from diffkeras.system.process_pool import ProcessPool

    with ProcessPool(2) as pool:
        print(*pool.imap(process_number, range(2)), flush=True)
        list(pool.imap(wait_long, range(2)))


def process_number(number: int) -> int:
    time.sleep(0.5)  # so that each worker takes one
    return os.getpid()


if __name__ == "__main__":
    sys.exit(main())
