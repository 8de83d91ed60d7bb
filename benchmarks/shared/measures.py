"""Times of calls, and the memory of this process.

Only the standard library is imported, as children measure their own memory.
"""

import statistics
import time
from collections.abc import Callable, Sequence


def cpu_seconds(call: Callable[[], object]) -> float:
    """The CPU seconds of one call, those of all threads."""
    begin = time.process_time()
    call()
    return time.process_time() - begin


def repeated_cpu_seconds(
    call: Callable[[], object], seconds: float, most: int, least: int = 1
) -> list[float]:
    """The CPU seconds of each of `least` to `most` calls, until they took some seconds together."""
    times: list[float] = []
    while len(times) < least or (sum(times) < seconds and len(times) < most):
        times.append(cpu_seconds(call))
    return times


def cpu_medians(calls: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """The median CPU seconds of each call over some rounds, in which every call has its turn."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for each, call in zip(times, calls, strict=True):
            each.append(cpu_seconds(call))
    return [statistics.median(each) for each in times]


def timed(step: Callable[[], object], number: int) -> tuple[float, float]:
    """Mean seconds and CPU seconds per call, over a number of calls."""
    begun, used = time.perf_counter(), time.process_time()
    for _ in range(number):
        step()
    return (time.perf_counter() - begun) / number, (time.process_time() - used) / number


def peak_memory() -> float:
    """Peak resident memory of this process so far, MB, with Python and its libraries."""
    try:
        return _memory("VmHWM")
    except OSError:  # not on Linux
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident_memory() -> float:
    """Resident memory of this process, MB."""
    return _memory("VmRSS")


def _memory(name: str) -> float:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if name in line) / 1024
