"""Times of methods on test images.

A time is the wall-clock time per image: the median over some rounds. In each round every method
computes the same images once, so that what else runs on the machine slows all of them alike. Each
method has computed a batch of the same size before, so tables, compiled graphs and what images
share exist already.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkeras.evaluation.images import ImageBatch
from diffkeras.evaluation.methods.table import Method

LOOPED = 8  # images of a batch that are timed, for methods that take them one by one


def measure_times(
    methods: Sequence[Method],
    images: ImageBatch,
    size: int,
    rounds: int,
    on_call: Callable[[int], object] = lambda number: None,
) -> dict[str, dict[str, Any]]:
    """The times per image [ms] of all methods for batches of a size.

    Methods that take images one by one compute the first few of each batch only.

    Args:
        methods: any.
        images: of which batches are taken in turn.
        size: of the batches.
        rounds: how often each time is measured.
        on_call: called with 1 after each call of a method.

    Returns:
        Name → "median" and "quartiles" over the rounds.
    """
    seconds: dict[str, list[float]] = {method.name: [] for method in methods}
    for turn in range(-1, rounds):  # the first one isn't timed
        batch = images.part(np.arange(turn * size, (turn + 1) * size) % len(images))
        for method in methods:
            own = (batch if method.takes_batches else batch.first(LOOPED)).fresh()
            start = time.perf_counter()
            method.compute(own)
            if turn >= 0:
                seconds[method.name].append((time.perf_counter() - start) / len(own))
            on_call(1)
    times = {}
    for name, values in seconds.items():
        low, median, high = (1e3 * np.quantile(values, (0.25, 0.5, 0.75))).tolist()
        times[name] = {"median": median, "quartiles": [low, high]}
    return times
