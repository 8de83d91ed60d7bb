"""Generating datasets: only the missing shards, on all cores.

The directory `.staging-NAME-FINGERPRINT` is next to the datasets. A later call finds the finished
shards there, however the earlier one ended.
"""

import contextlib
import logging
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow_datasets as tfds

from diffkeras.config import Config
from diffkeras.data.dataset import NAME, RELEASE_NOTES, VERSION, DatasetConfig
from diffkeras.data.records import (
    ShardTask,
    check_features,
    dataset_features,
    info_arguments,
    make_record,
    write_shard,
)
from diffkeras.data.replacing import (
    METADATA,
    check_names,
    check_unread,
    lock_dataset,
    replace_dataset,
    restore_dataset,
)
from diffkeras.data.section import SPLITS
from diffkeras.data.stored import (
    RECORD_OVERHEAD,
    Shard,
    dataset_status,
    examples_per_shard,
    has_records,
    plan_shards,
    stored_splits,
)
from diffkeras.errors import DataError
from diffkeras.identity import fingerprint
from diffkeras.reporting.text import format_bytes
from diffkeras.system.atomic_files import names_unwritable, replacing
from diffkeras.system.environment import blas_threads
from diffkeras.system.process_pool import run_tasks
from diffkeras.system.result_folders import remove_files

logger = logging.getLogger(__name__)

TIMED_EXAMPLES = 2  # after one that fills the solver's tables
PROCESS_START = 6.0  # seconds in which a process loads TensorFlow
SPACE_FACTOR = 1.02  # records differ by a few bytes, and file systems round up
SHARD = re.compile(rf"({NAME}-(?:{'|'.join(SPLITS)})\.tfrecord-\d{{5}})(-of-\d{{5}})?")
DESCRIPTION = (
    "Random disc sources on a rectangular lattice and the steady-state diffusion field around "
    "them: training data for surrogates of a diffusion solver. Made by `diffkeras generate`."
)


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
        """Raise a DataError if the disk has too little free space."""
        needed, free = round(self.bytes * SPACE_FACTOR), shutil.disk_usage(directory).free
        if needed > free:
            raise DataError(
                f"the disk of {directory} is too small for the datasets: {format_bytes(needed)} "
                f"are needed and {format_bytes(free)} are free; ask for fewer examples or source "
                "counts, or choose another disk by --data-dir"
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
class Staging:
    """The staging directory of a dataset, whose shards another call for more examples can use."""

    dataset: DatasetConfig
    place: Path  # the directory that the dataset will have
    directory: Path  # its name depends on all that the bytes of a shard depend on
    examples: Mapping[str, int]  # number by split
    shards: tuple[Shard, ...]  # by split and in order
    per_example: Estimate

    @classmethod
    def of(cls, dataset: DatasetConfig, data_dir: Path, examples: Mapping[str, int]) -> "Staging":
        """The staging directory of a dataset with that many examples by split."""
        per_example = estimate_example(dataset)
        per_shard = examples_per_shard(per_example.bytes)
        content = {
            "identity": dataset.identity,
            "version": VERSION,
            "features": dataset_features(dataset).to_json(),
            "per_shard": per_shard,
        }
        directory = data_dir / f".staging-{dataset.name}-{fingerprint(content)}"
        shards = plan_shards(examples, per_shard)
        return cls(dataset, dataset.path(data_dir), directory, examples, shards, per_example)

    def prepare(self, stored: Mapping[Shard, Path]) -> None:
        """Make the directory, remove unfinished files, and link the shards of a smaller dataset."""
        self.directory.mkdir(parents=True, exist_ok=True)
        check_names(self.place, self._final_names().values())
        for file in list(self.directory.iterdir()):
            if file.name in METADATA:  # of an interrupted `_complete`
                file.unlink()
            elif (found := SHARD.fullmatch(file.name)) and found[2]:
                file.rename(file.with_name(found[1]))
        for shard in self.shards:
            path, former = self.directory / shard.name, stored.get(shard)
            if path.exists() and not has_records(path, shard.examples):
                path.unlink()
            if former and not path.exists() and has_records(former, shard.examples):
                try:
                    path.hardlink_to(former)
                except OSError:  # the file system has no links
                    with replacing(path) as partial:
                        shutil.copyfile(former, partial)

    def missing(self) -> list[ShardTask]:
        """The shards that still have to be written."""
        return [
            ShardTask(self.dataset, shard, self.directory)
            for shard in self.shards
            if not (self.directory / shard.name).exists()
        ]

    def publish(self, complete: Path | None = None) -> None:
        """Move a dataset, by default of the staging directory, to its place, and clear up."""
        with names_unwritable(self.place):
            if complete is None:
                self._complete()
            replace_dataset(self.place, complete or self.directory)
            for other in self.directory.parent.glob(f".staging-{self.dataset.name}-????????"):
                remove_files(other, [file.name for file in other.iterdir() if _is_own(file)])
                with contextlib.suppress(OSError):
                    other.rmdir()
        logger.info(f"{self.dataset.name}: complete")

    def _complete(self) -> None:
        """Give the shards their final names, and write the metadata."""
        final = self._final_names()
        for file in list(self.directory.iterdir()):
            if file.name in final:
                file.rename(file.with_name(final[file.name]))
            elif _is_own(file):  # of an interrupted call for more examples
                file.unlink()
        _write_metadata(self.dataset, self.directory, self.shards)

    def _final_names(self) -> dict[str, str]:
        """Name of each shard's file → its name in the complete dataset."""
        numbers = Counter(shard.split for shard in self.shards)
        return {shard.name: shard.final_name(numbers[shard.split]) for shard in self.shards}

    def leave(self) -> None:
        """Remove unfinished files of stopped processes, and the directory if it is empty."""
        for partial in self.directory.glob(".partial.*"):
            partial.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.directory.rmdir()


def _is_own(file: Path) -> bool:
    return file.name in METADATA or bool(SHARD.fullmatch(file.name))


def _write_metadata(dataset: DatasetConfig, directory: Path, shards: Sequence[Shard]) -> None:
    """Write `features.json`, `metadata.json` and `dataset_info.json` next to a dataset's shards."""
    identity = tfds.core.DatasetIdentity(
        name=NAME,
        version=tfds.core.Version(VERSION),
        data_dir=str(directory),
        module_name="",
        config_name=dataset.name,
        config_description=dataset.description,
        release_notes=RELEASE_NOTES,
    )
    info = tfds.core.DatasetInfo(
        builder=identity, description=DESCRIPTION, **info_arguments(dataset)
    )
    info.set_file_format(tfds.core.FileFormat.TFRECORD)
    splits = dict.fromkeys(shard.split for shard in shards)
    own = ([shard for shard in shards if shard.split == split] for split in splits)
    info.set_splits(tfds.core.SplitDict([_split_info(directory, each) for each in own]))
    info.write_to_directory(str(directory))


def _split_info(directory: Path, shards: Sequence[Shard]) -> tfds.core.SplitInfo:
    split = shards[0].split
    template = tfds.core.ShardedFileTemplate(
        data_dir=str(directory), dataset_name=NAME, split=split, filetype_suffix="tfrecord"
    )
    size = sum((directory / shard.final_name(len(shards))).stat().st_size for shard in shards)
    lengths = [shard.examples for shard in shards]
    return tfds.core.SplitInfo(split, lengths, size - RECORD_OVERHEAD * sum(lengths), template)


@dataclass(frozen=True)
class Generation:
    """Datasets that have to be generated; no other process works on them."""

    datasets: Sequence[Staging]

    @property
    def estimate(self) -> Estimate:
        """The estimate of all examples that are missing."""
        missing = (
            staging.per_example.times(sum(task.shard.examples for task in staging.missing()))
            for staging in self.datasets
        )
        return sum(missing, Estimate())

    @property
    def kept(self) -> int:
        """Examples that exist already, from an interrupted call or a smaller dataset."""
        planned = sum(sum(staging.examples.values()) for staging in self.datasets)
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
    generate datasets of other source counts in the same directory.
    """
    datasets: list[Staging] = []
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
                if status.examples:
                    check_features(dataset, place)
                check_unread(place)  # before hours are spent
                examples: dict[str, int] = {
                    split: max(config.data.examples(split), status.examples.get(split, 0))
                    for split in SPLITS
                }
                staging = Staging.of(dataset, data_dir, examples)
                stack.callback(staging.leave)
                splits = stored_splits(place) if status.examples else ()
                staging.prepare({s: file for split in splits for s, file in split.files.items()})
                datasets.append(staging)
        yield Generation(datasets)
