"""Times of calls, and the memory of this process.

Only the standard library is imported, as children measure their own memory.
"""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial


def cpu_seconds(call: Callable[[], object]) -> float:
    """The CPU seconds of one call, those of all threads."""
    begin = time.process_time()
    call()
    return time.process_time() - begin


def cpu_turns(
    calls: Sequence[Callable[[], object]], rounds: int, seconds: float = math.inf, least: int = 1
) -> list[list[float]]:
    """The CPU seconds of each call, in rounds in which every call has its turn.

    There are `least` to `rounds` of them, until the first call took some seconds altogether.
    """
    times: list[list[float]] = [[] for _ in calls]
    first = times[0]
    while len(first) < least or (sum(first) < seconds and len(first) < rounds):
        for each, call in zip(times, calls, strict=True):
            each.append(cpu_seconds(call))
    return times


def cpu_medians(calls: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """The median CPU seconds of each call over some rounds, in which every call has its turn."""
    return [statistics.median(each) for each in cpu_turns(calls, rounds)]


def cpu_seconds_in_turns(
    calls: Sequence[Callable[[int], object]], numbers: Sequence[int], turn: int
) -> list[list[float]]:
    """The CPU seconds of each call for each number.

    The calls take turns of `turn` numbers each, and each turn begins with a call that isn't timed,
    so that caches are those of a long run.
    """
    times: list[list[float]] = [[] for _ in calls]
    for begin in range(0, len(numbers), turn):
        for each, call in zip(times, calls, strict=True):
            call(numbers[begin])
            for number in numbers[begin : begin + turn]:
                each.append(cpu_seconds(partial(call, number)))
    return times


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
