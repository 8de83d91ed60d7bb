"""A batch of images, solved one by one or shared out to processes."""

from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.shared_memory import SharedMemory

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.arguments import Given
from diffkeras.physics.solution import BatchSolution, Proof, Solution, SolveStatistics
from diffkeras.system.process_pool import AHEAD, shared_pool

Extras = list[tuple[NDArray | None, NDArray | None]]  # fixed mask and initial field

Solved = tuple[SolveStatistics, Proof]  # of an image, beside its field

TASK_NODES = 1 << 16  # of a worker's task, unless one image has more


def solve_batch(
    task: Callable[[Given], Solution], images: list[Given], workers: int
) -> BatchSolution:
    """Solve each image with `task(given)`, a picklable function.

    Images and fields pass through memory that the processes share: pipes would take as long as the
    solver. Threads would gain little: a solve consists of many short operations that hold the
    interpreter's lock, LAPACK's among them.
    """
    # source images, productions or both; the rest goes through pipes
    keys = [key for key in ("source_image", "production") if getattr(images[0], key) is not None]
    lattice = getattr(images[0], keys[0]).shape
    fields: NDArray = np.empty((0, *lattice))
    each: list[Solved] = []
    if workers == 1 or len(images) == 1:
        for image in images:
            solution = task(image)
            if not each:
                fields = np.empty((len(images), *lattice), solution.field.dtype)
            fields[len(each)] = solution.field
            each.append((solution.stats, solution.prove))
        return BatchSolution.of(fields, each)
    nodes = max(int(np.prod(lattice)), 1)
    several = max(1, min(TASK_NODES // nodes, -(-len(images) // workers)))
    # the pool holds no more tasks at a time
    shape = (AHEAD * workers, several, len(keys), *lattice)
    memory = SharedMemory(create=True, size=max(8 * int(np.prod(shape)), 1))
    slots: NDArray = np.ndarray(shape, np.float64, memory.buf)

    def tasks() -> Iterator[tuple[int, Extras]]:
        for number, start in enumerate(range(0, len(images), several)):
            part = images[start : start + several]
            for place, image in enumerate(part):
                for key, array in zip(keys, slots[number % len(slots), place], strict=True):
                    array[...] = getattr(image, key)
            yield number % len(slots), [(image.fixed, image.initial) for image in part]

    try:
        solve_slot = partial(_solve_slot, task, memory.name, shape, keys)
        for slot, dtype, solved in shared_pool(workers).imap(solve_slot, tasks()):
            if not each:
                fields = np.empty((len(images), *lattice), dtype)
            fields[len(each) : len(each) + len(solved)] = slots[slot, : len(solved), 0]
            each += solved
    finally:
        slots = np.empty(0)  # the memory can't be closed while an array uses it
        memory.close()
        memory.unlink()
    return BatchSolution.of(fields, each)


def _solve_slot(
    task: Callable[[Given], Solution],
    name: str,
    shape: tuple[int, ...],
    keys: list[str],
    part: tuple[int, Extras],
) -> tuple[int, np.dtype, list[Solved]]:
    """Replace the first array of each image by its field; the slot, dtype, and what else is known.

    Proofs go through the pipe, with the production if there is one.
    """
    slot, extras = part
    memory = SharedMemory(name)
    slots: NDArray = np.ndarray(shape, np.float64, memory.buf)
    each: list[Solved] = []
    try:
        for place, (mask, initial) in enumerate(extras):
            arrays = dict(zip(keys, slots[slot, place].copy(), strict=True))
            given = Given(arrays.get("source_image"), mask, arrays.get("production"), initial)
            solution = task(given)
            slots[slot, place, 0] = solution.field
            each.append((solution.stats, solution.prove))
        return slot, solution.field.dtype, each
    finally:
        del slots
        memory.close()
