"""Batches of independent problems, solved one by one or by several processes.

Threads would gain little: a solve consists of many short operations that hold the interpreter's
lock, LAPACK's among them. A script that asks for workers needs its `if __name__ == "__main__":`.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.arguments import images_of_batch
from diffkeras.physics.solution import BatchSolution, Solution
from diffkeras.system.process_pool import shared_pool

Task = Callable[..., Solution]
Image = tuple[NDArray, NDArray | None]

TASK_NODES = 1 << 16  # of a worker's task, unless one image has more


def solve_batch(
    task: Task,
    source_images: NDArray,
    fixed: NDArray[np.bool_] | None,
    workers: int | None,
) -> BatchSolution:
    """Solve the images of a batch."""
    images = [(image, mask) for image, mask, _ in images_of_batch(source_images, fixed)]
    if workers is None or workers == 1 or len(images) == 1:
        return BatchSolution.of(_solve_images(task, images))
    several = max(1, min(TASK_NODES // max(images[0][0].size, 1), -(-len(images) // workers)))
    parts = [images[k : k + several] for k in range(0, len(images), several)]
    solutions = shared_pool(workers).imap(partial(_solve_images, task), parts)
    return BatchSolution.of([solution for part in solutions for solution in part])


def _solve_images(task: Task, images: Sequence[Image]) -> list[Solution]:
    return [task(image, fixed=mask) for image, mask in images]
