"""Tasks shared among processes, each on one core; all of them end with the one that started them.

A task never locks anything that another process needs, so one that is killed stops no other.
"""

import contextlib
import ctypes
import importlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.sharedctypes import RawArray, RawValue
from typing import Any, TypeVar

import threadpoolctl

from diffkeras.errors import DataError

Task = TypeVar("Task")
Result = TypeVar("Result")
Tick = Callable[[], None]
Work = Callable[[Task, Tick], Result]

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
POLL = 0.2  # seconds between two looks at what the workers have done


class Stopped(Exception):
    """Raised by `tick` in a worker when the program is to end."""


def run_tasks(
    work: Work[Task, Result],
    tasks: Sequence[Task],
    workers: int,
    on_ticks: Callable[[int], None] = lambda number: None,
) -> Generator[tuple[Task, Result]]:
    """Have processes do tasks.

    With more than one worker the calling program must be importable, as for any use of
    `multiprocessing` with the spawn method.

    Args:
        work: a function of a module, called with a task and `tick`, which it calls once an example.
        tasks: what is to be done; each must be picklable.
        workers: processes; with 1 this process does the work itself.
        on_ticks: told in this process how many examples were done since it was told last.

    Yields:
        Each task with its result, as they are done.

    Raises:
        DataError: a process died.
    """
    if workers <= 1 or len(tasks) <= 1:
        with threadpoolctl.threadpool_limits(1):
            for task in tasks:
                yield task, work(task, lambda: on_ticks(1))
        return
    yield from _in_processes(work, tasks, min(workers, len(tasks)), on_ticks)


def _in_processes(
    work: Work[Task, Result], tasks: Sequence[Task], workers: int, on_ticks: Callable[[int], None]
) -> Generator[tuple[Task, Result]]:
    # forking a process that runs TensorFlow's threads deadlocks, so workers are spawned
    context = multiprocessing.get_context("spawn")
    done = RawArray(ctypes.c_uint64, len(tasks))  # each task has a place of its own: no lock
    stop = RawValue(ctypes.c_bool, False)
    with _environment(dict.fromkeys(ONE_THREAD, "1")):
        pool = ProcessPoolExecutor(
            workers,
            mp_context=context,
            initializer=_become_worker,
            initargs=(done, stop, work.__module__),
        )
        try:
            futures: dict[Future[Result], Task] = {
                pool.submit(_do, work, task, place): task for place, task in enumerate(tasks)
            }
            pending, told = set(futures), 0
            while pending:
                finished, pending = wait(pending, POLL, FIRST_COMPLETED)
                total = sum(done)
                on_ticks(total - told)
                told = total
                for future in finished:
                    yield futures[future], future.result()
        except BrokenProcessPool:
            raise DataError(
                "a process that solved examples died, perhaps for want of memory; whole shards "
                "are kept: run the same command again, with fewer --workers"
            ) from None
        finally:
            stop.value = True
            pool.shutdown(wait=True, cancel_futures=True)


_done: Any = None
_stop: Any = None


def _become_worker(done: Any, stop: Any, module: str) -> None:
    global _done, _stop
    _done, _stop = done, stop
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Ctrl-C reaches the whole process group; the parent alone decides what it means
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # a worker has no use for an accelerator
    with silent_stderr():
        importlib.import_module(module)
    threadpoolctl.threadpool_limits(1)
    logging.getLogger("absl").setLevel(logging.ERROR)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(work: Work[Task, Result], task: Task, place: int) -> Result:
    def tick() -> None:
        _done[place] += 1
        if _stop.value:
            raise Stopped

    return work(task, tick)


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Nothing reaches standard error: for imports whose C++ parts print while they start.

    C++ writes to the file descriptor, which replacing sys.stderr doesn't reach. An exception still
    gets out: Python prints it after the descriptor is back.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with open(os.devnull, "w") as sink:
            os.dup2(sink.fileno(), 2)
            yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Environment variables for as long as processes are started."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
