"""How long generating datasets will take and how much space, measured on a few examples of each."""

import shutil
import time
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
class Estimate:
    """Number of examples, their space on the disk, and the time in which one core makes them."""

    examples: int = 0
    bytes: int = 0
    core_seconds: float = 0.0

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(
            self.examples + other.examples,
            self.bytes + other.bytes,
            self.core_seconds + other.core_seconds,
        )

    def times(self, number: int) -> "Estimate":
        """The estimate of that many times as many examples."""
        return Estimate(number * self.examples, number * self.bytes, number * self.core_seconds)

    def useful_processes(self, processes: int) -> int:
        """That many processes, or one if starting more would take longer than the work."""
        return processes if self.core_seconds > 2 * PROCESS_START else 1

    def seconds(self, processes: int) -> float:
        """Time that it takes with that many processes [s]."""
        return self.core_seconds / processes + (PROCESS_START if processes > 1 else 0)

    def check_space(self, directory: Path) -> None:
        """Check that the disk has enough free space."""
        needed, free = round(self.bytes * SPACE_FACTOR), shutil.disk_usage(directory).free
        if needed > free:
            raise DataError(
                f"the disk of {directory} can't hold the datasets: {format_bytes(needed)} are "
                f"needed and {format_bytes(free)} are free; free {format_bytes(needed - free)}, "
                "ask for fewer examples or source counts, or choose another disk by --data-dir"
            )


def estimate_example(dataset: DatasetConfig) -> Estimate:
    """The estimate of one example of a dataset; it makes the first ones."""
    with threadpoolctl.threadpool_limits(1):
        record = make_record(dataset, "train", 0)
        start = time.perf_counter()
        # Different examples, because the tables of each medium are kept.
        for k in range(1, 1 + TIMED_EXAMPLES):
            make_record(dataset, "train", k)
    seconds = (time.perf_counter() - start) / TIMED_EXAMPLES
    return Estimate(1, len(record) + RECORD_OVERHEAD, seconds)


def format_bytes(number: float) -> str:
    """A number of bytes for people, e.g. "1.1 GB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
