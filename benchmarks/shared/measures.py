"""Times of calls, and the memory of this process.

Only the standard library is imported, as children measure their own memory.
"""

import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")
TURN = 8  # calls of a function in a row
FORGET = "/proc/self/clear_refs"  # of Linux; a 5 in it resets the peak of the resident memory
PEAK = "in the first call" if os.access(FORGET, os.W_OK) else "up to the end of the first call"


def cpu_seconds(call: Callable[[], object]) -> float:
    """The CPU seconds of one call, in all threads."""
    begin = time.process_time()
    call()
    return time.process_time() - begin


def cpu_turns(
    calls: Sequence[Callable[[], object]],
    rounds: int,
    seconds: float = math.inf,
    *,
    untimed: bool = True,
) -> list[list[float]]:
    """The CPU seconds of each call, in 1 to `rounds` rounds in which every call has its turn.

    They end once the first call took some seconds. Before them, each is called once `untimed`.
    """
    for call in calls if untimed else ():
        call()
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for each, call in zip(times, calls, strict=True):
            each.append(cpu_seconds(call))
        if sum(times[0]) >= seconds:
            break
    return times


def cpu_medians(calls: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """The median CPU seconds of each call over the rounds of `cpu_turns`."""
    return [statistics.median(each) for each in cpu_turns(calls, rounds)]


def cpu_seconds_in_turns(
    calls: Sequence[Callable[[T], object]], items: Sequence[T], turn: int = TURN
) -> list[list[float]]:
    """The CPU seconds of each call for each item.

    The calls take turns of `turn` items each, and each turn begins with a call that isn't timed, so
    that caches are as in a long run.
    """
    times: list[list[float]] = [[] for _ in calls]
    for begin in range(0, len(items), turn):
        for each, call in zip(times, calls, strict=True):
            call(items[begin])
            for item in items[begin : begin + turn]:
                each.append(cpu_seconds(partial(call, item)))
    return times


class FirstCalls(NamedTuple, Generic[T]):
    """What the first calls of a process take: CPU seconds, and MB."""

    result: T  # of the first call
    first: float  # its seconds
    memory: float  # the peak resident memory of the process, `PEAK`, with Python and its libraries
    fastest: float  # the seconds of the fastest of all calls
    quartiles: list[float]  # of the seconds of the calls after the first; empty below three
    others: list[float]  # the seconds of the fastest call of each other function


def first_calls(
    call: Callable[[], T],
    most: int,
    seconds: float,
    others: Sequence[Callable[[], object]] = (),
) -> FirstCalls[T]:
    """Measure a call in a process that has not made it before.

    It is made once, and then once to `most` times, until that took some seconds. Others take turns
    with it, eight calls each, so that caches are as in repeated calls; one of a slow call.
    """
    with suppress(OSError), open(FORGET, "w") as forget:
        forget.write("5")
    begin = time.process_time()
    result = call()
    first, memory = time.process_time() - begin, _memory("VmHWM")
    own = TURN if others and first < seconds / TURN else 1
    calls = [call] * own + [other for other in others for _ in range(TURN)]
    turns = cpu_turns(calls, most // own, (seconds - first) / own, untimed=False)
    fastest = [min(each) for each in turns]
    rest = [min(fastest[k : k + TURN]) for k in range(own, len(calls), TURN)]
    again = quartiles([seconds for each in turns[:own] for seconds in each])
    return FirstCalls(result, first, memory, min(first, *fastest[:own]), again, rest)


def quartiles(values: Sequence[float]) -> list[float]:
    """The lower and the upper one, by linear interpolation; none of fewer than three values."""
    return statistics.quantiles(values, n=4, method="inclusive")[::2] if len(values) > 2 else []


def timed(step: Callable[[], object], number: int) -> dict[str, float]:
    """Mean seconds and CPU seconds ("processor") per call, over a number of calls."""
    begun, used = time.perf_counter(), time.process_time()
    for _ in range(number):
        step()
    wall, processor = time.perf_counter() - begun, time.process_time() - used
    return {"seconds": wall / number, "processor": processor / number}


def timed_for(step: Callable[[], object], seconds: float) -> dict[str, float]:
    """The same over as many calls as take some seconds, two at least."""
    return timed(step, max(2, round(seconds / timed(step, 1)["seconds"])))


def resident_memory() -> float:
    """Resident memory of this process, MB; on other systems than Linux the most of it so far."""
    return _memory("VmRSS")


def _memory(name: str) -> float:
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if name in line) / 2**10
    except OSError:  # not on Linux
        import resource

        bytes_each = 1 if sys.platform == "darwin" else 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * bytes_each / 2**20
