"""Generating datasets: only the missing shards, on all cores."""

import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from diffkeras.config import SPLITS, Config
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.data.shards import Shard
from diffkeras.data.storage import dataset_path, dataset_status, open_builder
from diffkeras.data.stored_metadata import stored_splits
from diffkeras.data.writing.estimate import Estimate, estimate_example
from diffkeras.data.writing.replacement import lock_dataset, restore_dataset
from diffkeras.data.writing.shard_writer import write_shard
from diffkeras.data.writing.staging import Staging
from diffkeras.system.atomic_files import names_unwritable
from diffkeras.system.process_pool import run_tasks

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Generation:
    """Datasets that have to be generated, by source count; no other process works on them."""

    staging: dict[int, Staging]
    per_example: dict[int, Estimate]

    @property
    def estimate(self) -> Estimate:
        """What is missing and what it costs."""
        total = Estimate()
        for count, staging in self.staging.items():
            missing = sum(task.shard.examples for task in staging.missing())
            total += self.per_example[count].times(missing)
        return total

    @property
    def kept(self) -> int:
        """Examples that exist already, from an interrupted call or a smaller dataset."""
        planned = sum(shard.examples for s in self.staging.values() for shard in s.shards)
        return planned - self.estimate.examples

    def run(
        self, processes: int, *, on_examples: Callable[[int], None] = lambda number: None
    ) -> None:
        """Write what is missing, and put each dataset in its place as soon as it is complete.

        `on_examples` is called with the number of examples that were made since the last call.
        """
        tasks = [task for staging in self.staging.values() for task in staging.missing()]
        left = Counter(task.directory for task in tasks)
        counts = {staging.directory: count for count, staging in self.staging.items()}
        for directory, count in counts.items():
            if not left[directory]:
                self.publish(count)
        processes = self.estimate.useful_processes(processes)
        # `closing` ends the processes before an error in this block is handled.
        with contextlib.closing(run_tasks(write_shard, tasks, processes, on_examples)) as results:
            for task, _ in results:
                left[task.directory] -= 1
                if not left[task.directory]:
                    self.publish(counts[task.directory])

    def publish(self, count: int, complete: Path | None = None) -> None:
        """Put a dataset in its place, from its staging directory or from `complete`."""
        staging = self.staging[count]
        with names_unwritable(staging.place):
            staging.publish(complete)
        logger.info("%s: %s", "1 source" if count == 1 else f"{count} sources", staging.place)


@contextlib.contextmanager
def prepare_generation(
    config: Config, counts: Sequence[int], data_dir: Path
) -> Iterator[Generation]:
    """Prepare the datasets of these source counts that are missing or too small.

    Until the block ends, no other process can generate them. Other processes or machines can
    generate those of other source counts in the same directory.
    """
    staged: dict[int, Staging] = {}
    per_example: dict[int, Estimate] = {}
    with names_unwritable(data_dir), contextlib.ExitStack() as stack:
        for count in counts:
            dataset, place = DatasetConfig.of(count, config), dataset_path(config, count, data_dir)
            stack.enter_context(lock_dataset(place))
            restore_dataset(place)
            status = dataset_status(config, count, data_dir, allow_missing=True)
            if status.holds(config):
                continue  # Another process has generated it, or a crash had moved it.
            per_example[count] = estimate_example(dataset)
            examples: dict[str, int] = {
                split: max(config.data.examples(split), status.examples.get(split, 0))
                for split in SPLITS
            }
            record_bytes = per_example[count].bytes
            staged[count] = Staging.of(dataset, place, data_dir, examples, record_bytes)
            stack.callback(staged[count].leave)
            stored: dict[Shard, Path] = {}
            if status.examples:
                open_builder(dataset, place)  # Raises an error if its records have other features.
                for split in stored_splits(place):
                    stored |= split.files
            staged[count].prepare(stored)
        yield Generation(staged, per_example)
