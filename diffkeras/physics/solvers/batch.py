"""A batch of images, solved one by one or shared out to processes."""

from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.shared_memory import SharedMemory

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.solution import BatchSolution, Solution, SolveStatistics
from diffkeras.system.process_pool import AHEAD, shared_pool

Images = list[tuple[NDArray, NDArray | None]]  # with their fixed masks
Masks = list[NDArray | None]

TASK_NODES = 1 << 16  # of a worker's task, unless one image has more


def solve_batch(task: Callable[..., Solution], images: Images, workers: int) -> BatchSolution:
    """Solve each image with `task(image, fixed=mask)`, a picklable function.

    Images and fields pass through memory that the processes share: pipes would take as long as the
    solver. Threads would gain little: a solve consists of many short operations that hold the
    interpreter's lock, LAPACK's among them.
    """
    lattice = images[0][0].shape
    fields: NDArray = np.empty((0, *lattice))
    stats: list[SolveStatistics] = []
    if workers == 1 or len(images) == 1:
        for image, mask in images:
            solution = task(image, fixed=mask)
            if not stats:
                fields = np.empty((len(images), *lattice), solution.field.dtype)
            fields[len(stats)] = solution.field
            stats.append(solution.stats)
        return BatchSolution.of(fields, stats)
    several = max(1, min(TASK_NODES // max(images[0][0].size, 1), -(-len(images) // workers)))
    shape = (AHEAD * workers, several, *lattice)  # the pool holds no more tasks at a time
    memory = SharedMemory(create=True, size=max(8 * int(np.prod(shape)), 1))
    slots: NDArray = np.ndarray(shape, np.float64, memory.buf)

    def tasks() -> Iterator[tuple[int, Masks]]:
        for number, start in enumerate(range(0, len(images), several)):
            part = images[start : start + several]
            for place, (image, _) in enumerate(part):
                slots[number % len(slots), place] = image
            yield number % len(slots), [mask for _, mask in part]

    try:
        solve_slot = partial(_solve_slot, task, memory.name, shape)
        for slot, dtype, solved in shared_pool(workers).imap(solve_slot, tasks()):
            if not stats:
                fields = np.empty((len(images), *lattice), dtype)
            fields[len(stats) : len(stats) + len(solved)] = slots[slot, : len(solved)]
            stats += solved
    finally:
        slots = np.empty(0)  # the memory can't be closed while an array uses it
        memory.close()
        memory.unlink()
    return BatchSolution.of(fields, stats)


def _solve_slot(
    task: Callable[..., Solution], name: str, shape: tuple[int, ...], part: tuple[int, Masks]
) -> tuple[int, np.dtype, list[SolveStatistics]]:
    """Replace the images of a slot by their fields; the slot, their dtype and statistics."""
    slot, masks = part
    memory = SharedMemory(name)
    slots: NDArray = np.ndarray(shape, np.float64, memory.buf)
    stats = []
    try:
        for place, mask in enumerate(masks):
            solution = task(slots[slot, place].copy(), fixed=mask)
            slots[slot, place] = solution.field
            stats.append(solution.stats)
        return slot, solution.field.dtype, stats
    finally:
        del slots
        memory.close()
