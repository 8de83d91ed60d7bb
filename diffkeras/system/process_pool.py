"""A pool of worker processes for everything that runs on several cores.

Workers are spawned, since forking a process in which TensorFlow runs threads can deadlock. Each
uses one thread, unless it trains. They end with the process that started them, however that ends.

As with every process pool, a script that uses workers needs `if __name__ == "__main__":`.
"""

import contextlib
import importlib
import logging
import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import accumulate, islice, pairwise
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from multiprocessing.util import Finalize
from typing import Any, TypeVar

import threadpoolctl
from tqdm import tqdm

from diffkeras.errors import DiffkerasError
from diffkeras.system.environment import blas_threads
from diffkeras.system.packages import silent_imports

Task = TypeVar("Task")
Result = TypeVar("Result")
Tick = Callable[[], None]
Packed = tuple[bytes, list[int]]  # a pickle, and the sizes of the arrays that are beside it

THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
AHEAD = 3  # tasks per worker that `imap` draws before their results are used


class ProcessPool(ProcessPoolExecutor):
    """Worker processes that are started when they are first needed.

    At the end of its block all workers end, also those that are busy. Workers import `module`
    first. Workers that train use several `threads` and the GPUs, or one of them: `gpu`, as in
    CUDA_VISIBLE_DEVICES. Ctrl-C doesn't reach them, so that they can end with a checkpoint when
    `interrupt` is called.
    """

    def __init__(
        self,
        workers: int,
        *,
        module: str | None = None,
        threads: int = 1,
        trains: bool = False,
        gpu: str | None = None,
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self.workers, self.gpu = workers, gpu
        self.broken = False
        # workers read from the one end, and exit when the other is closed here
        receiver, self._sender = context.Pipe(duplex=False)
        settings = receiver, module, threads, trains, gpu
        super().__init__(workers, context, initializer=_start_worker, initargs=settings)

    def submit(self, *args: Any, **options: Any) -> Future:
        """See `concurrent.futures.Executor.submit`; starts a worker if too few are idle."""
        # Ctrl-C reaches workers too. A new one inherits that it waits, until it can ignore it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(*args, **options)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def imap(
        self,
        function: Callable[[Task], Result],
        tasks: Iterable[Task],
        *,
        in_order: bool = True,
    ) -> Generator[Result]:
        """Yield the result of each task, in the order of the tasks or in which they end.

        A few tasks per worker are drawn before their results are used, so a slow reader doesn't
        fill the memory.
        """
        tasks = iter(tasks)
        pending: deque[Future[Result]] = deque()
        try:
            while True:
                room = AHEAD * self.workers - len(pending)
                pending.extend(self.submit(function, task) for task in islice(tasks, room))
                if not pending:
                    return
                if not in_order:
                    wait(pending, return_when=FIRST_COMPLETED)
                    pending = deque(sorted(pending, key=lambda future: not future.done()))
                yield pending.popleft().result()
        except BrokenProcessPool:
            self.broken = True
            raise DiffkerasError(
                "a worker process died; if memory ran out, use fewer processes; a script that uses "
                'workers needs `if __name__ == "__main__":`'
            ) from None
        finally:
            for future in pending:
                future.cancel()

    def interrupt(self) -> None:
        """Send SIGTERM to the worker of a pool of one."""
        with contextlib.suppress(OSError):  # it has ended
            self._sender.send(int(signal.SIGTERM))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        """End all workers at once."""
        self._sender.close()
        super().shutdown(wait, cancel_futures=cancel_futures)


_shared: dict[tuple[int, int], ProcessPool] = {}  # by process and number of workers
_lock = threading.Lock()  # for the choice of a pool, not for its use


def shared_pool(workers: int) -> ProcessPool:
    """A pool that stays until this process ends, since starting workers takes a second.

    A forked child gets its own: the workers of its parent don't answer it.
    """
    key = os.getpid(), workers
    with _lock:
        if key not in _shared or _shared[key].broken:
            _shared[key] = ProcessPool(workers)
            # a child process of `multiprocessing` waits for its own children before it exits
            Finalize(None, _shared[key].shutdown, exitpriority=0)
        return _shared[key]


def map_arrays(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int, room: int
) -> Generator[Result]:
    """Yield the result of each task, in order; arrays pass through memory that is shared.

    Pipes would take as long as a solver. `room` are the bytes for each task; arrays that don't fit
    are sent through pipes.
    """
    rooms = AHEAD * workers  # the pool holds no more tasks at a time
    memory = SharedMemory(create=True, size=rooms * room)
    starts = [number % rooms * room for number in range(len(tasks))]
    packed = (
        (start, _pack(task, memory, start, room)) for start, task in zip(starts, tasks, strict=True)
    )
    work = partial(_do_packed, function, memory.name, room)
    try:
        results = shared_pool(workers).imap(work, packed)
        for start, result in zip(starts, results, strict=True):
            yield _unpack(result, memory, start)
    finally:
        memory.close()
        memory.unlink()


def _do_packed(
    function: Callable[[Any], Any], name: str, room: int, task: tuple[int, Packed]
) -> Packed:
    start, packed = task
    memory = SharedMemory(name)
    try:
        return _pack(function(_unpack(packed, memory, start)), memory, start, room)
    finally:
        memory.close()


def _pack(value: Any, memory: SharedMemory, start: int, room: int) -> Packed:
    """A value, whose arrays are in shared memory from a start on as far as there is room."""
    sizes: list[int] = []
    shared: Any = memory.buf

    def is_in_pickle(buffer: pickle.PickleBuffer) -> bool:
        with buffer.raw() as raw:
            begin = start + sum(sizes)
            if begin + raw.nbytes > start + room:
                return True
            shared[begin : begin + raw.nbytes] = raw
            sizes.append(raw.nbytes)
        return False

    return pickle.dumps(value, 5, buffer_callback=is_in_pickle), sizes


def _unpack(packed: Packed, memory: SharedMemory, start: int) -> Any:
    content, sizes = packed
    shared: Any = memory.buf
    ends = pairwise(accumulate(sizes, initial=start))
    return pickle.loads(content, buffers=[bytearray(shared[a:b]) for a, b in ends])


def run_tasks(
    work: Callable[[Task, Tick], Result],
    tasks: Sequence[Task],
    workers: int,
    on_ticks: Callable[[int], None] = lambda number: None,
) -> Generator[tuple[Task, Result]]:
    """Do tasks in several processes; yield each with its result, in the order in which they end.

    `work`, a function of a module, is called with a task and `tick`, which it calls per example.
    `on_ticks` is called here with the number of examples of each task that ended. With one worker,
    this process does the work itself, and each example counts at once.
    """
    workers = min(workers, len(tasks))
    if workers <= 1:
        for task in tasks:
            with blas_threads():  # not while the caller uses a result
                result = work(task, lambda: on_ticks(1))
            yield task, result
        return
    with ProcessPool(workers, module=work.__module__) as pool:
        for task, result, ticks in pool.imap(partial(_count_ticks, work), tasks, in_order=False):
            on_ticks(ticks)
            yield task, result


def _start_worker(
    parent: Connection, module: str | None, threads: int, trains: bool, gpu: str | None
) -> None:
    if trains:  # Ctrl-C stays blocked, as it was inherited: it would be taken for a second signal
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # trainers may share a GPU
    else:  # Ctrl-C reaches all processes of a terminal; the parent decides what it means
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        gpu = "-1"
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    # tqdm's own lock is a semaphore, which would be called leaked when this process ends at once
    tqdm.set_lock(threading.RLock())
    threading.Thread(target=_obey_parent, args=(parent,), daemon=True).start()
    os.environ.update(dict.fromkeys(THREADS, str(threads)))
    if module is not None:
        with silent_imports():
            importlib.import_module(module)
    logging.getLogger("absl").setLevel(logging.ERROR)
    if not trains:
        threadpoolctl.threadpool_limits(threads)


def _obey_parent(parent: Connection) -> None:
    """Send this process the signals that the parent asks for, and end with it."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            os.kill(os.getpid(), parent.recv())
    os._exit(1)


def _count_ticks(work: Callable[[Task, Tick], Result], task: Task) -> tuple[Task, Result, int]:
    ticks: list[None] = []
    return task, work(task, lambda: ticks.append(None)), len(ticks)
