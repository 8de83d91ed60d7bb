"""How long a program waits for one field."""

import time
from collections.abc import Callable, Sequence

import numpy as np
import psutil

from diffkeras.evaluation.images import ImageBatch
from diffkeras.evaluation.methods import Method


def measure_latency(
    methods: Sequence[Method],
    images: ImageBatch,
    calls: int,
    on_call: Callable[[int], object] = lambda number: None,
) -> dict[str, dict[str, float]]:
    """How long a program waits for the field of one image, method by method.

    The first call is the method's first one if it has computed nothing before: it makes tables and
    compiles graphs. The machine's other work slows methods differently, unlike in `measure_times`,
    which has medians to compare methods by.

    Args:
        methods: any.
        images: that are computed one by one, in turn.
        calls: how many are measured after the first one.
        on_call: called with 1 after each call of a method.

    Returns:
        Name → "first", "p50" and "p99" [ms], and "memory", by how much the process has grown after
        all calls [MB].
    """
    process = psutil.Process()
    found = {}
    for method in methods:
        before = process.memory_info().rss
        milliseconds = []
        for number in range(calls + 1):
            image = images.part([number % len(images)]).fresh()
            start = time.perf_counter()
            method.compute(image)
            milliseconds.append(1e3 * (time.perf_counter() - start))
            on_call(1)
        first, *others = milliseconds
        middle, late = np.quantile(others, (0.5, 0.99)).tolist()
        grown = max(0.0, (process.memory_info().rss - before) / 1e6)
        found[method.name] = {"first": first, "p50": middle, "p99": late, "memory": grown}
    return found
