"""What making datasets will take, measured on a few examples of each, before it starts."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import threadpoolctl

from diffkeras.data.shards import RECORD_OVERHEAD
from diffkeras.data.writing.shard_writer import get_builder
from diffkeras.errors import DataError
from tfds_builders import DiffusionFieldsConfig

TIMED = 2  # examples, after one that fills the solver's tables
START = 6.0  # seconds a process needs to load TensorFlow
ROOM = 1.02  # records differ by a few bytes, and file systems round up


@dataclass(frozen=True)
class Sample:
    """What an example of one dataset takes.

    Attributes:
        record_bytes: bytes on the disk.
        seconds: time one core solves and serialises it in.
    """

    record_bytes: int
    seconds: float


def measure(dataset: DiffusionFieldsConfig) -> Sample:
    """Make the first examples of a dataset.

    Raises:
        PackingError: so many or so large discs don't fit.
    """
    builder = get_builder(dataset)
    with threadpoolctl.threadpool_limits(1):
        record = builder.record("train", 0)
        start = time.perf_counter()
        # none twice: a medium of its own has its tables at hand the second time
        for k in range(1, 1 + TIMED):
            builder.record("train", k)
    return Sample(len(record) + RECORD_OVERHEAD, (time.perf_counter() - start) / TIMED)


@dataclass(frozen=True)
class Forecast:
    """What making datasets will take.

    Attributes:
        examples: how many are to be made.
        bytes: what they take on the disk.
        core_seconds: time one core needs for them.
    """

    examples: int
    bytes: int
    core_seconds: float

    @classmethod
    def of(cls, parts: Sequence[tuple[int, Sample]]) -> "Forecast":
        """The forecast for numbers of examples, each with a sample of its dataset."""
        return cls(
            sum(number for number, _ in parts),
            sum(number * sample.record_bytes for number, sample in parts),
            sum(number * sample.seconds for number, sample in parts),
        )

    def useful_workers(self, workers: int) -> int:
        """The workers asked for, or one where starting more would take longer than the work."""
        return workers if self.core_seconds > 2 * START else 1

    def seconds(self, workers: int) -> float:
        """The time it will take with that many processes [s]."""
        workers = self.useful_workers(workers)
        return self.core_seconds / workers + (START if workers > 1 else 0)

    def check_space(self, directory: Path) -> None:
        """Refuse what the disk can't hold.

        Raises:
            DataError: there is too little room; the message says how much is needed and free.
        """
        needed, free = round(self.bytes * ROOM), shutil.disk_usage(directory).free
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
