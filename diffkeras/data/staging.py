"""Directories in which datasets are generated until they are complete.

The directory `.staging-NAME-FINGERPRINT` is next to the datasets. A later call finds the finished
shards there, however the earlier one ended.
"""

import contextlib
import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow_datasets as tfds

from diffkeras.data.dataset import NAME, RELEASE_NOTES, VERSION, DatasetConfig
from diffkeras.data.records import ShardTask, dataset_features, info_arguments
from diffkeras.data.replacing import METADATA, check_names, link_or_copy, replace_dataset
from diffkeras.data.section import SPLITS
from diffkeras.data.shards import (
    RECORD_OVERHEAD,
    Shard,
    examples_per_shard,
    has_records,
    plan_shards,
)
from diffkeras.identity import fingerprint
from diffkeras.system.atomic_files import names_unwritable
from diffkeras.system.result_folders import remove_files

logger = logging.getLogger(__name__)

SHARD = re.compile(rf"({NAME}-(?:{'|'.join(SPLITS)})\.tfrecord-\d{{5}})(-of-\d{{5}})?")

DESCRIPTION = (
    "Random disc sources on a rectangular lattice and the steady-state diffusion field around "
    "them: training data for surrogates of a diffusion solver. Made by `diffkeras generate`."
)


@dataclass(frozen=True)
class Staging:
    """The staging directory of a dataset.

    Attributes:
        dataset: the dataset's configuration.
        place: the directory that the dataset will have.
        directory: the staging directory. Its name depends on everything that the bytes of a shard
            depend on, so that a later call can use the shards, also if it asks for more examples.
        shards: all of its shards, by split and in order.
    """

    dataset: DatasetConfig
    place: Path
    directory: Path
    shards: tuple[Shard, ...]

    @classmethod
    def of(
        cls,
        dataset: DatasetConfig,
        data_dir: Path,
        examples: Mapping[str, int],
        record_bytes: int,
    ) -> "Staging":
        """The staging directory of a dataset with that many examples by split."""
        per_shard = examples_per_shard(record_bytes)
        content = {
            "identity": dataset.identity,
            "version": VERSION,
            "features": dataset_features(dataset).to_json(),
            "per_shard": per_shard,
        }
        directory = data_dir / f".staging-{dataset.name}-{fingerprint(content)}"
        return cls(dataset, dataset.path(data_dir), directory, plan_shards(examples, per_shard))

    def prepare(self, stored: Mapping[Shard, Path]) -> None:
        """Make the directory, remove unfinished files, and link the shards of a smaller dataset."""
        self.directory.mkdir(parents=True, exist_ok=True)
        final = {shard.final_name(n): shard.name for shard, n in self._numbered()}
        check_names(self.place, final)
        for file in list(self.directory.iterdir()):
            if file.name in METADATA:  # of an interrupted `_complete`
                file.unlink()
            elif (found := SHARD.fullmatch(file.name)) and found[2]:
                file.rename(file.with_name(found[1]))
        for shard in self.shards:
            path, former = self.directory / shard.name, stored.get(shard)
            if path.exists() and not has_records(path, shard.examples):
                path.unlink()
            if path.exists() or former is None or not former.is_file():
                continue
            if has_records(former, shard.examples):
                link_or_copy(former, path)

    @property
    def examples(self) -> dict[str, int]:
        """Number of examples by split."""
        examples: Counter[str] = Counter()
        for shard in self.shards:
            examples[shard.split] += shard.examples
        return dict(examples)

    def missing(self) -> list[ShardTask]:
        """The shards that still have to be written."""
        return [
            ShardTask(self.dataset, shard, self.directory)
            for shard in self.shards
            if not (self.directory / shard.name).exists()
        ]

    def publish(self, complete: Path | None = None) -> None:
        """Move a complete dataset to its place, and remove all staging directories of it.

        Args:
            complete: its directory; by default the staging directory, which is completed first.
        """
        with names_unwritable(self.place):
            if complete is None:
                self._complete()
            replace_dataset(self.place, complete or self.directory)
            for other in self.directory.parent.glob(f".staging-{self.dataset.name}-????????"):
                remove_files(other, [file.name for file in other.iterdir() if _is_own(file)])
                with contextlib.suppress(OSError):
                    other.rmdir()
        logger.info("%s: complete", self.dataset.in_words)

    def _complete(self) -> None:
        """Give the shards their final names, and write the metadata."""
        wanted = {shard.name for shard in self.shards}
        for file in self.directory.iterdir():
            if (
                _is_own(file) and file.name not in wanted
            ):  # of an interrupted call for more examples
                file.unlink()
        for shard, number in self._numbered():
            final = shard.final_name(number)
            (self.directory / shard.name).rename(self.directory / final)
        _write_metadata(self.dataset, self.directory, self.shards)

    def _numbered(self) -> list[tuple[Shard, int]]:
        """Each shard, with the number of shards of its split."""
        numbers = Counter(shard.split for shard in self.shards)
        return [(shard, numbers[shard.split]) for shard in self.shards]

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
    info.set_splits(
        tfds.core.SplitDict(
            [
                _split_info(directory, [shard for shard in shards if shard.split == split])
                for split in dict.fromkeys(shard.split for shard in shards)
            ]
        )
    )
    info.write_to_directory(str(directory))


def _split_info(directory: Path, shards: Sequence[Shard]) -> tfds.core.SplitInfo:
    split = shards[0].split
    template = tfds.core.ShardedFileTemplate(
        data_dir=str(directory), dataset_name=NAME, split=split, filetype_suffix="tfrecord"
    )
    size = sum((directory / shard.final_name(len(shards))).stat().st_size for shard in shards)
    lengths = [shard.examples for shard in shards]
    return tfds.core.SplitInfo(split, lengths, size - RECORD_OVERHEAD * sum(lengths), template)
