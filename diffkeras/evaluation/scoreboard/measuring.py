"""Errors of all methods on all images, and their times, measured in turns.

In each round every method computes the same images once, so that what else runs on the machine
slows all of them alike. A time is the median over the rounds; its spread is that of the middle half
of them. Each method has computed a batch of the same size before, so tables, compiled graphs and
what images share exist already.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkeras.errors import RunError
from diffkeras.evaluation.errors import ratio
from diffkeras.evaluation.images import ImageBatch
from diffkeras.evaluation.scoreboard.contenders import Contender

CHUNK = 32  # images whose errors are computed at once
LOOPED = 8  # images of a batch that is timed, of a method that takes them one by one


@dataclass(frozen=True)
class Protocol:
    """How much is measured.

    Attributes:
        batch_sizes: images that are computed at once.
        images: about how many images errors are measured on.
        rounds: how often each time is measured.
    """

    batch_sizes: tuple[int, ...] = (1, 64)
    images: int = 100
    rounds: int = 9


def measure_errors(
    contender: Contender, images: ImageBatch, on_images: Callable[[int], None]
) -> dict[str, Any]:
    """Errors and bounds of a method, relative to each field's largest value, as plain data.

    "mean" is over all nodes of all images, "largest" over them too; "relative_l2" is the mean over
    the images; "bound" has the median and the largest of the proven bounds, and "broken" the number
    of images in which one lies below the error; "solved_directly" is the share of images that the
    method solved instead of refining a field.

    Raises:
        RunError: values that are not finite.
    """
    means, maxima, relative, bounds, direct = [], [], [], [], 0
    for start in range(0, len(images.images), CHUNK):
        batch = images.part(np.arange(start, min(start + CHUNK, len(images.images))))
        found = contender.compute(batch)
        if not np.isfinite(found.fields).all():
            raise RunError(f"{contender.name} computes values that are not finite")
        truth = batch.fields
        size = abs(truth).max(axis=(1, 2))
        error = abs(found.fields - truth)
        means.append(error.mean(axis=(1, 2)) / size)
        maxima.append(error.max(axis=(1, 2)) / size)
        norms = [np.sqrt((x**2).sum(axis=(1, 2))) for x in (error, truth)]
        relative.append(ratio(*norms))
        direct += found.solved_directly
        if found.bounds is not None:
            bounds.append(found.bounds / size)
        on_images(len(batch.images))
    largest = np.concatenate(maxima)
    result: dict[str, Any] = {
        "mean": float(np.concatenate(means).mean()),
        "largest": float(largest.max()),
        "relative_l2": float(np.concatenate(relative).mean()),
        "bound": None,
        "solved_directly": direct / len(largest),
    }
    if bounds:
        proven = np.concatenate(bounds)
        result["bound"] = {
            "median": float(np.median(proven)),
            "largest": float(proven.max()),
            # the exact solution, to which errors are taken, has a tolerance of its own
            "broken": int((largest > proven * (1 + 1e-9) + 1e-9).sum()),
        }
    return result


def measure_times(
    contenders: Sequence[Contender],
    images: ImageBatch,
    size: int,
    rounds: int,
    on_call: Callable[[int], None],
) -> dict[str, dict[str, Any]]:
    """The times per image [ms] of all methods for batches of a size, by their names.

    "wall" has the wall-clock time and "cpu" the CPU time of all threads of this process, each with
    "median" and "quartiles" over the rounds. Methods that take images one by one compute the first
    few of each batch only.
    """
    seconds: dict[str, dict[str, list[float]]] = {
        contender.name: {"wall": [], "cpu": []} for contender in contenders
    }
    number = len(images.images)
    for turn in range(-1, rounds):  # the first one isn't timed
        batch = images.part(np.arange(turn * size, (turn + 1) * size) % number)
        for contender in contenders:
            own = batch if contender.together else batch.first(LOOPED)
            wall, cpu = time.perf_counter(), time.process_time()
            contender.compute(own)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            if turn >= 0:
                seconds[contender.name]["wall"].append(wall / len(own.images))
                seconds[contender.name]["cpu"].append(cpu / len(own.images))
            on_call(1)
    return {
        name: {clock: _summary(values) for clock, values in of_method.items()}
        for name, of_method in seconds.items()
    }


def _summary(seconds: Sequence[float]) -> dict[str, Any]:
    """Median and quartiles in milliseconds."""
    low, median, high = (1e3 * np.quantile(seconds, (0.25, 0.5, 0.75))).tolist()
    return {"median": median, "quartiles": [low, high]}
