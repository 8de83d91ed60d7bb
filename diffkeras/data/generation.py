"""Generating datasets: only the missing shards, on all cores."""

import contextlib
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from diffkeras.config import Config
from diffkeras.data.dataset import DatasetConfig
from diffkeras.data.records import make_record, write_shard
from diffkeras.data.replacing import check_unread, lock_dataset, restore_dataset
from diffkeras.data.section import SPLITS
from diffkeras.data.shards import RECORD_OVERHEAD, Shard
from diffkeras.data.staging import Staging
from diffkeras.data.stored import check_features, dataset_status, stored_splits
from diffkeras.errors import DataError
from diffkeras.reporting.text import format_bytes
from diffkeras.system.atomic_files import names_unwritable
from diffkeras.system.environment import blas_threads
from diffkeras.system.process_pool import run_tasks

TIMED_EXAMPLES = 2  # after one that fills the solver's tables
PROCESS_START = 6.0  # seconds in which a process loads TensorFlow
SPACE_FACTOR = 1.02  # records differ by a few bytes, and file systems round up


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
                f"the disk of {directory} is too small for the datasets: {format_bytes(needed)} "
                f"are needed and {format_bytes(free)} are free; free "
                f"{format_bytes(needed - free)}, ask for fewer examples or source counts, or "
                "choose another disk by --data-dir"
            )


def estimate_example(dataset: DatasetConfig) -> Estimate:
    """The estimate of one example of a dataset; it makes the first ones."""
    with blas_threads():
        record = make_record(dataset, "train", 0)
        start = time.perf_counter()
        # different examples, because the tables of each medium are kept
        for k in range(1, 1 + TIMED_EXAMPLES):
            make_record(dataset, "train", k)
    seconds = (time.perf_counter() - start) / TIMED_EXAMPLES
    return Estimate(1, len(record) + RECORD_OVERHEAD, seconds)


@dataclass(frozen=True)
class Generation:
    """Datasets that have to be generated; no other process works on them.

    Attributes:
        datasets: the staging directory of each → the estimate of one of its examples.
    """

    datasets: dict[Staging, Estimate]

    @property
    def estimate(self) -> Estimate:
        """The estimate of all examples that are missing."""
        total = Estimate()
        for staging, per_example in self.datasets.items():
            total += per_example.times(sum(task.shard.examples for task in staging.missing()))
        return total

    @property
    def kept(self) -> int:
        """Examples that exist already, from an interrupted call or a smaller dataset."""
        planned = sum(shard.examples for staging in self.datasets for shard in staging.shards)
        return planned - self.estimate.examples

    def run(
        self, processes: int, *, on_examples: Callable[[int], None] = lambda number: None
    ) -> None:
        """Write what is missing, and put each dataset in its place as soon as it is complete.

        `on_examples` is called with the number of examples that were solved since the last call.
        """
        tasks = [task for staging in self.datasets for task in staging.missing()]
        left = Counter(task.directory for task in tasks)
        stagings = {staging.directory: staging for staging in self.datasets}
        for directory, staging in stagings.items():
            if not left[directory]:
                staging.publish()
        processes = self.estimate.useful_processes(processes)
        # `closing` ends the processes before an error in this block is handled.
        with contextlib.closing(run_tasks(write_shard, tasks, processes, on_examples)) as results:
            for task, _ in results:
                left[task.directory] -= 1
                if not left[task.directory]:
                    stagings[task.directory].publish()


@contextlib.contextmanager
def prepare_generation(
    config: Config, counts: Sequence[int], data_dir: Path
) -> Iterator[Generation]:
    """Prepare the datasets of these source counts that are missing or too small.

    Until the block ends, no other process can generate them. Other processes or machines can
    generate those of other source counts in the same directory.
    """
    datasets: dict[Staging, Estimate] = {}
    with contextlib.ExitStack() as stack:
        with names_unwritable(data_dir):
            for count in counts:
                dataset = DatasetConfig.of(count, config)
                place = dataset.path(data_dir)
                stack.enter_context(lock_dataset(place))
                restore_dataset(place)
                status = dataset_status(config, count, data_dir, allow_missing=True)
                if status.suffices(config):
                    continue  # another process has generated it, or a crash had moved it
                check_unread(place)  # before hours are spent
                per_example = estimate_example(dataset)
                examples: dict[str, int] = {
                    split: max(config.data.examples(split), status.examples.get(split, 0))
                    for split in SPLITS
                }
                staging = Staging.of(dataset, data_dir, examples, per_example.bytes)
                stack.callback(staging.leave)
                stored: dict[Shard, Path] = {}
                if status.examples:
                    check_features(dataset, place)
                    for split in stored_splits(place):
                        stored |= split.files
                staging.prepare(stored)
                datasets[staging] = per_example
        yield Generation(datasets)
