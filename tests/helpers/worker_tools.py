"""Work for processes that load no TensorFlow."""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

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


def wait_long(mark: str) -> None:
    """Leave a file at the end."""
    time.sleep(600)
    Path(mark).touch()


def square_and_tick(number: int, tick: Callable[[], None]) -> int:
    for _ in range(number):
        tick()
    return number * number


def work_unless_zero(task: int, tick: Callable[[], None]) -> None:
    """Tick, and then work for a minute and fail unless the task is 0."""
    tick()
    if task:
        time.sleep(60)
        raise TimeoutError


def main() -> None:
    """Start two workers that work for long, print their process numbers, and wait for them."""
    from diffkeras.system.process_pool import ProcessPool

    with ProcessPool(2) as pool, tempfile.TemporaryDirectory() as folder:
        print(*pool.imap(process_number, [folder] * 2), flush=True)
        list(pool.imap(wait_long, [os.path.join(folder, "ended")] * 2))


def process_number(folder: str) -> int:
    """The number of this worker, once another one has been asked with the same folder."""
    Path(folder, str(os.getpid())).touch()
    while len(os.listdir(folder)) < 2:
        time.sleep(0.01)
    return os.getpid()


def ended(state: str, error: str = "") -> SimpleNamespace:
    """As an `Outcome`, whose module takes long to load."""
    return SimpleNamespace(state=state, error=error, warnings=())


def pretend_run(task: tuple[str, str]) -> Any:
    """A run of a study, (what it does, a file in which it notes its process and threads)."""
    action, file = task
    if action == "gpu":
        action += os.environ["CUDA_VISIBLE_DEVICES"]
    with open(file, "a") as notes:
        print(action, os.getpid(), os.environ["OMP_NUM_THREADS"], file=notes)
    if action == "die":
        die(0)
    if action == "stop":
        return ended("interrupted")
    if action == "wait":  # as training does: it ends with a checkpoint
        signals: list[int] = []
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: signals.append(number))
        with open(file, "a") as notes:
            print("ready", os.getpid(), 0, file=notes)
        while signal.SIGTERM not in signals:
            time.sleep(0.01)
        time.sleep(0.5)  # a second signal would come in this time
        with open(file, "a") as notes:
            print(*(f"got{number}" for number in signals), os.getpid(), 0, file=notes)
        return ended("interrupted")
    return ended("failed", "no luck") if action == "fail" else ended("done")


if __name__ == "__main__":
    sys.exit(main())
