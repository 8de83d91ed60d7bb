"""Batches of independent problems, spread over processes.

Threads would gain little: a solve is made of many short operations that hold the interpreter's
lock, LAPACK's among them. The processes are started once and kept for later batches. Images go out
and fields come back in a few slots of shared memory, used over and over: fresh memory and pipes
would cost as much as the solution.

As with every process pool, a script that asks for workers needs its `if __name__ == "__main__":`.
"""

import multiprocessing
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from multiprocessing.shared_memory import SharedMemory

import numpy as np
from numpy.typing import DTypeLike, NDArray
from threadpoolctl import threadpool_limits

from diffkeras.errors import DiffkerasError, PhysicsError
from diffkeras.physics.arguments import check_workers, real_array
from diffkeras.physics.solution import BatchSolution, Solution, SolveStatistics

Task = Callable[..., Solution]

SLOT_NODES = 1 << 18  # nodes in a slot, unless one image has more
SLOTS_A_WORKER = 2  # one to work on, one to be filled and emptied meanwhile


def solve_batch(
    task: Task,
    source_images: NDArray,
    fixed: NDArray[np.bool_] | None,
    dtype: np.dtype,
    workers: int | None,
) -> BatchSolution:
    """Solve the images of a batch one by one, or side by side.

    Args:
        task: picklable; `task(image, fixed=mask)` solves one.
        source_images: (batch, rows, columns).
        fixed: None, (rows, columns), or (batch, rows, columns).
        dtype: of the fields.
        workers: processes; by default none but this one.

    Raises:
        PhysicsError: an empty batch, a mask of another shape, fewer than one worker, or what the
            task refuses.
        DiffkerasError: a worker process died.
    """
    images = np.asarray(source_images)
    if len(images) == 0:
        raise PhysicsError(f"a batch has at least one source image; its shape is {images.shape}")
    check_workers(workers)
    masks = None if fixed is None else real_array("the fixed mask", fixed) != 0
    if masks is not None and masks.shape not in (images.shape, images.shape[1:]):
        raise PhysicsError(
            f"the fixed mask has shape {masks.shape}, the batch of source images {images.shape}"
        )
    if workers is None or workers == 1 or len(images) == 1 or images.size == 0:
        fields = np.empty(images.shape, dtype)
        stats = _solve_part(task, images, masks, fields, range(len(images)))
        return BatchSolution.of(fields, stats)
    return _side_by_side(task, images, masks, dtype, workers)


def _side_by_side(
    task: Task,
    images: NDArray,
    masks: NDArray[np.bool_] | None,
    dtype: np.dtype,
    workers: int,
) -> BatchSolution:
    size = images[0].size
    step = max(1, min(SLOT_NODES // size, -(-len(images) // workers)))
    parts = [range(i, min(i + step, len(images))) for i in range(0, len(images), step)]
    fields = np.empty(images.shape, dtype)
    stats: list[SolveStatistics] = []
    pool = _pool(workers)
    memory = SharedMemory(create=True, size=SLOTS_A_WORKER * workers * step * size * 8)
    slots = deque(range(0, memory.size, step * size * 8)[: SLOTS_A_WORKER * workers])
    running: deque[tuple[range, int, Future[list[SolveStatistics]]]] = deque()

    def collect() -> None:
        part, slot, job = running.popleft()
        stats.extend(job.result())
        fields[part.start : part.stop] = _slot(memory, slot, (len(part), *images.shape[1:]), dtype)
        slots.append(slot)

    try:
        for part in parts:
            if not slots:
                collect()
            slot = slots.popleft()
            given = images[part.start : part.stop]
            _slot(memory, slot, given.shape, np.float64)[...] = given
            mask = masks if masks is None or masks.ndim == 2 else masks[part.start : part.stop]
            job = pool.submit(_solve_slot, task, memory.name, slot, given.shape, mask, dtype)
            running.append((part, slot, job))
        while running:
            collect()
    except BrokenProcessPool as error:
        _pool.cache_clear()
        raise DiffkerasError(
            "a worker process died: a script that asks for workers needs its "
            '`if __name__ == "__main__":`; or memory ran out, and fewer workers may do'
        ) from error
    finally:
        for _, _, job in running:
            job.cancel()
        for _, _, job in running:
            if not job.cancelled():
                job.exception()
        memory.close()
        memory.unlink()
    return BatchSolution.of(fields, stats)


def _solve_slot(
    task: Task,
    name: str,
    slot: int,
    shape: tuple[int, ...],
    masks: NDArray[np.bool_] | None,
    dtype: np.dtype,
) -> list[SolveStatistics]:
    """Solve the images of a slot, in a worker; the fields take their places."""
    memory = SharedMemory(name=name)
    try:
        images = _slot(memory, slot, shape, np.float64).copy()
        fields = np.empty(shape, dtype)
        stats = _solve_part(task, images, masks, fields, range(len(images)))
        _slot(memory, slot, shape, dtype)[...] = fields
        return stats
    finally:
        memory.close()


def _slot(memory: SharedMemory, slot: int, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
    return np.ndarray(shape, dtype, buffer=memory.buf, offset=slot)


def _solve_part(
    task: Task,
    images: NDArray,
    masks: NDArray[np.bool_] | None,
    fields: NDArray,
    numbers: range,
) -> list[SolveStatistics]:
    """Solve some images of a batch into `fields`."""
    stats = []
    for number in numbers:
        mask = masks if masks is None or masks.ndim == 2 else masks[number]
        solution = task(images[number], fixed=mask)
        fields[number] = solution.field
        stats.append(solution.stats)
    return stats


@lru_cache(maxsize=1)
def _pool(workers: int) -> ProcessPoolExecutor:
    # started anew, not forked: a copy of a process that has threads, as TensorFlow's, may hang
    return ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=threadpool_limits, initargs=(1,)
    )
