"""A batch of images, solved one by one or shared out to processes."""

from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.solution import BatchSolution, Solution
from diffkeras.physics.solvers.correction import Proof
from diffkeras.physics.solvers.interface import SolveStatistics
from diffkeras.system.process_pool import AHEAD, shared_pool

Solve = Callable[[Problem, Any], Solution]  # one image from its initial field, which may be None

MOST_NODES_OF_A_TASK = 1 << 16  # unless one image has more
VALUES, FIXED, PRODUCTION = range(3)  # arrays of an image in shared memory


def solve_batch(
    solve: Solve, problem: Problem, initial: list[Any], processes: int
) -> BatchSolution:
    """Solve each image with `solve(image, initial)`, a picklable function.

    Images and fields pass through memory that the processes share: pipes would take as long as the
    solver. Threads would gain little: a solve consists of many short operations that hold the
    interpreter's lock, LAPACK's among them.
    """
    images = problem.images
    fields: NDArray = np.empty(0)
    rest: list[tuple[SolveStatistics, Proof | None]] = []
    one_by_one = map(solve, images, initial)
    solved = (
        one_by_one
        if processes == 1 or len(images) == 1
        else _shared(solve, images, initial, processes)
    )
    for solution in solved:
        field = solution.field
        if not rest:
            # not empty: what isn't solved yet may be cast, too
            fields = np.zeros(problem.shape, field.dtype)
        # bounds are those of the field as it was solved: none is rounded to the others' precision
        fields = fields.astype(np.result_type(fields, field), copy=False)
        fields[len(rest)] = field
        rest.append((solution.stats, solution.proof))
    solutions = [
        Solution(field, image, *known)
        for field, image, known in zip(fields, images, rest, strict=True)
    ]
    return BatchSolution.of(fields, problem, solutions)


def _shared(
    solve: Solve, images: tuple[Problem, ...], initial: list[Any], processes: int
) -> Iterator[Solution]:
    """The solutions, in order; a field is read before the next one is asked for."""
    lattice = images[0].lattice
    nodes = int(np.prod(lattice))
    several = max(1, min(MOST_NODES_OF_A_TASK // nodes, -(-len(images) // processes)))
    arrays = 2 if all(image.production is None for image in images) else 3
    # the pool holds no more tasks at a time
    shape = (AHEAD * processes, several, arrays, *lattice)
    memory = SharedMemory(create=True, size=8 * int(np.prod(shape)))
    slots: NDArray = np.ndarray(shape, np.float64, memory.buf)

    def tasks() -> Iterator[Any]:
        for number, start in enumerate(range(0, len(images), several)):
            part = images[start : start + several]
            slot = slots[number % len(slots)]
            for place, image in enumerate(part):
                slot[place, VALUES], slot[place, FIXED] = image.values, image.fixed
                if image.production is not None:
                    slot[place, PRODUCTION] = image.production
            rest = [(image.medium, image.uptake, image.production is not None) for image in part]
            yield number % len(slots), rest, initial[start : start + several]

    try:
        solve_slot = partial(_solve_slot, solve, memory.name, shape)
        done = 0
        with shared_pool(processes) as pool:
            for slot, solved in pool.imap(solve_slot, tasks()):
                for place, (dtype, stats, proof) in enumerate(solved):
                    field = slots[slot, place, VALUES].astype(dtype)
                    yield Solution(field, images[done], stats, proof)
                    done += 1
    finally:
        slots = np.empty(0)  # the memory can't be closed while an array uses it
        memory.close()
        memory.unlink()


def _solve_slot(
    solve: Solve, name: str, shape: tuple[int, ...], task: Any
) -> tuple[int, list[tuple[np.dtype, SolveStatistics, Proof]]]:
    """Replace the values of each image by its field; the slot, dtypes, and what else is known."""
    slot, rest, initial = task
    memory = SharedMemory(name)
    slots: NDArray = np.ndarray(shape, np.float64, memory.buf)
    each = []
    try:
        for place, ((medium, uptake, produces), start) in enumerate(
            zip(rest, initial, strict=True)
        ):
            values, fixed = slots[slot, place, :2].copy()
            production = slots[slot, place, PRODUCTION].copy() if produces else None
            image = Problem.unchecked(medium, values, fixed != 0, production, uptake)
            solution = solve(image, start)
            slots[slot, place, VALUES] = solution.field
            assert solution.proof is not None
            each.append((solution.field.dtype, solution.stats, solution.proof))
        return slot, each
    finally:
        del slots
        memory.close()
