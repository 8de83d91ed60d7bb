"""How long generating datasets will take and how much space, measured on a few examples of each."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import threadpoolctl

from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.data.records import make_record
from diffkeras.data.shards import RECORD_OVERHEAD
from diffkeras.errors import DataError

TIMED_EXAMPLES = 2  # After one that fills the solver's tables.
PROCESS_START = 6.0  # Seconds in which a process loads TensorFlow.
SPACE_FACTOR = 1.02  # Records differ by a few bytes, and file systems round up.


@dataclass(frozen=True)
class ExampleCost:
    """The cost of one example of a dataset.

    Attributes:
        record_bytes: space on the disk.
        seconds: time in which one core solves and serializes it.
    """

    record_bytes: int
    seconds: float


def measure_example(dataset: DatasetConfig) -> ExampleCost:
    """Make the first examples of a dataset.

    Raises:
        PackingError: the discs don't fit.
    """
    with threadpoolctl.threadpool_limits(1):
        record = make_record(dataset, "train", 0)
        start = time.perf_counter()
        # Different examples, because the tables of each medium are kept.
        for k in range(1, 1 + TIMED_EXAMPLES):
            make_record(dataset, "train", k)
    seconds = (time.perf_counter() - start) / TIMED_EXAMPLES
    return ExampleCost(len(record) + RECORD_OVERHEAD, seconds)


@dataclass(frozen=True)
class Estimate:
    """The cost of generating datasets.

    Attributes:
        examples: how many have to be made.
        bytes: their space on the disk.
        core_seconds: time in which one core makes them.
    """

    examples: int
    bytes: int
    core_seconds: float

    @classmethod
    def of(cls, parts: Sequence[tuple[int, ExampleCost]]) -> "Estimate":
        """The estimate for numbers of examples, each with the cost of one."""
        return cls(
            sum(number for number, _ in parts),
            sum(number * cost.record_bytes for number, cost in parts),
            sum(number * cost.seconds for number, cost in parts),
        )

    def useful_processes(self, processes: int) -> int:
        """That many processes, or one if starting more would take longer than the work."""
        return processes if self.core_seconds > 2 * PROCESS_START else 1

    def seconds(self, processes: int) -> float:
        """Time that it takes with that many processes [s]."""
        processes = self.useful_processes(processes)
        return self.core_seconds / processes + (PROCESS_START if processes > 1 else 0)

    def check_space(self, directory: Path) -> None:
        """Check that the disk has enough free space.

        Raises:
            DataError: it has too little; the message says how much is needed and free.
        """
        needed, free = round(self.bytes * SPACE_FACTOR), shutil.disk_usage(directory).free
        if needed > free:
            raise DataError(
                f"the disk of {directory} can't hold the datasets: {format_bytes(needed)} are "
                f"needed and {format_bytes(free)} are free; free {format_bytes(needed - free)}, "
                "ask for fewer examples or source counts, or choose another disk by --data-dir"
            )


def format_bytes(number: float) -> str:
    """A number of bytes for people, e.g. "1.1 GB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def format_seconds(seconds: float) -> str:
    """A duration for people, e.g. "3 min"."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{max(seconds, 1):.0f} s"
