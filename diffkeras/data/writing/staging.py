"""Where a dataset is made: its whole shards wait there until all are, whatever ends the program."""

import contextlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tensorflow_datasets as tfds

from diffkeras.config import fingerprint
from diffkeras.data.shards import (
    RECORD_OVERHEAD,
    Shard,
    count_records,
    examples_per_shard,
    plan_shards,
)
from diffkeras.data.writing.shard_writer import ShardTask, get_builder, quiet_absl
from diffkeras.system.atomic_files import replacing, swap_directory
from tfds_builders import Builder, DiffusionFieldsConfig


@dataclass(frozen=True)
class Workshop:
    """A dataset in the making.

    Attributes:
        dataset: its configuration.
        place: the directory it will have.
        directory: where shards wait. Its name stands for all that a shard's bytes depend on, so
            an interrupted call's shards serve the next one, also if it asks for more examples.
        shards: all of them, by split and in order.
    """

    dataset: DiffusionFieldsConfig
    place: Path
    directory: Path
    shards: tuple[Shard, ...]

    @classmethod
    def of(
        cls,
        dataset: DiffusionFieldsConfig,
        data_dir: Path,
        place: Path,
        examples: Mapping[str, int],
        record_bytes: int,
    ) -> "Workshop":
        """The workshop of a dataset with that many examples by split."""
        per_shard = examples_per_shard(record_bytes)
        content = {
            "identity": dataset.identity(),
            "version": str(Builder.VERSION),
            "features": get_builder(dataset).info.features.to_json(),
            "per_shard": per_shard,
        }
        directory = data_dir / f".making-{dataset.name}-{fingerprint(content)}"
        return cls(dataset, place, directory, plan_shards(examples, per_shard))

    def open(self) -> None:
        """Make the directory, and clear away what an interrupted call left half done.

        Raises:
            OSError: it can't be written.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self._remove_partial_files()
        shutil.rmtree(self._whole, ignore_errors=True)
        for shard in self.shards:
            path = self.directory / shard.name
            if path.exists() and count_records(path) != shard.examples:
                path.unlink()

    def _remove_partial_files(self) -> None:
        for partial in self.directory.glob(".partial.*"):
            partial.unlink(missing_ok=True)

    def leave(self) -> None:
        """Remove files that a stopped worker left unfinished, and the directory if it is empty."""
        self._remove_partial_files()
        with contextlib.suppress(OSError):
            self.directory.rmdir()

    def adopt(self, files: Mapping[Shard, Path]) -> None:
        """Take over shards of a smaller dataset, which keeps them as well.

        Args:
            files: the file of each of its shards.
        """
        for shard in self.shards:
            path = self.directory / shard.name
            file = files.get(shard)
            if path.exists() or file is None or not file.is_file():
                continue
            if count_records(file) == shard.examples:
                try:
                    path.hardlink_to(file)
                except OSError:  # a file system without links
                    with replacing(path) as partial:
                        shutil.copyfile(file, partial)

    def missing(self) -> list[ShardTask]:
        """The shards that are still to be written."""
        return [
            ShardTask(self.dataset, shard, self.directory)
            for shard in self.shards
            if not (self.directory / shard.name).exists()
        ]

    def finish(self) -> None:
        """Give the files TFDS's names, write its metadata last, and put the whole in its place.

        Raises:
            OSError: it can't be written; the shards are kept.
        """
        self._whole.mkdir()
        with quiet_absl():
            info = Builder(config=self.dataset, data_dir=str(self._whole / "none")).info
        splits = []
        for split in dict.fromkeys(shard.split for shard in self.shards):
            shards = [shard for shard in self.shards if shard.split == split]
            template = tfds.core.ShardedFileTemplate(
                data_dir=str(self._whole),
                dataset_name=Builder.name,
                split=split,
                filetype_suffix="tfrecord",
            )
            size = 0
            for index, shard in enumerate(shards):
                target = template.sharded_filepath(shard_index=index, num_shards=len(shards))
                _link_or_move(self.directory / shard.name, Path(target))
                size += Path(target).stat().st_size - RECORD_OVERHEAD * shard.examples
            lengths = [shard.examples for shard in shards]
            splits.append(tfds.core.SplitInfo(split, lengths, size, template))
        info.set_splits(tfds.core.SplitDict(splits))
        info.download_size = 0
        info.write_to_directory(str(self._whole))
        swap_directory(self._whole, self.place, self.directory / "replaced")
        self._clear()

    @property
    def _whole(self) -> Path:
        return self.directory / "whole"

    def _clear(self) -> None:
        # also the workshops of the same dataset with other features or shards
        pattern = re.compile(rf"\.making-{re.escape(self.dataset.name)}-[0-9a-f]{{8}}")
        for directory in self.directory.parent.iterdir():
            if pattern.fullmatch(directory.name):
                shutil.rmtree(directory, ignore_errors=True)


def restore(place: Path, data_dir: Path) -> None:
    """Mend what a crash left amid the exchange of a dataset for its successor.

    Args:
        place: its directory, e.g. data/diffusion_fields/sources_05/1.0.0.
        data_dir: where datasets lie.
    """
    for aside in data_dir.glob(f".making-{place.parent.name}-????????/replaced"):
        if place.exists():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.rename(place)


def tidy(place: Path, data_dir: Path) -> None:
    """Remove what a crash just after the exchange left: shards that the dataset holds as well.

    Args:
        place: the dataset's directory, e.g. data/diffusion_fields/sources_05/1.0.0.
        data_dir: where datasets lie.
    """
    restore(place, data_dir)
    for directory in data_dir.glob(f".making-{place.parent.name}-????????"):
        if all(file.stat().st_nlink > 1 for file in directory.glob("[!.]*.tfrecord")):
            shutil.rmtree(directory, ignore_errors=True)


def _link_or_move(file: Path, target: Path) -> None:
    try:
        target.hardlink_to(file)
    except OSError:  # a file system without links
        file.rename(target)
