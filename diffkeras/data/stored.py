"""Stored datasets: their files, what their metadata say, whether one is complete and as configured.

A dataset consists of shards: files of consecutive examples.
"""

import logging
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffkeras.config import Config
from diffkeras.data.dataset import NAME, VERSION, DatasetConfig
from diffkeras.data.section import SPLITS, Split
from diffkeras.errors import DataError, RunError
from diffkeras.identity import differing_datasets, in_words
from diffkeras.system.atomic_files import read_json
from diffkeras.system.messages import short

logger = logging.getLogger(__name__)

INFO = "dataset_info.json"
SHARD_BYTES = 64 << 20  # TFDS recommends at least as many
SHARD_EXAMPLES = 256  # with more, few processes could share the work on small ones
RECORD_OVERHEAD = 16  # bytes of a record's length, its CRC and the CRC of the data in TFRecord
FILE_REMEDY = "delete this file and run `diffkeras generate`, which makes only this file again"
REMEDY = "delete its directory and run `diffkeras generate` again"


@dataclass(frozen=True, order=True)
class Shard:
    """Consecutive examples of a split in one file."""

    split: str
    index: int  # its place among the shards of the split
    first: int  # number of the first example
    examples: int

    @property
    def numbers(self) -> range:
        """Numbers of its examples."""
        return range(self.first, self.first + self.examples)

    @property
    def name(self) -> str:
        """Name of its file until the dataset is complete."""
        return f"{NAME}-{self.split}.tfrecord-{self.index:05d}"

    def final_name(self, shards: int) -> str:
        """Name of its file in a dataset where the split has that many shards."""
        return f"{self.name}-of-{shards:05d}"


def examples_per_shard(record_bytes: int) -> int:
    """Number of examples in a file: a power of two, so that a few bytes more change nothing."""
    exponent = round(math.log2(SHARD_BYTES / record_bytes))
    return int(2 ** min(max(exponent, 0), math.log2(SHARD_EXAMPLES)))


def plan_shards(examples: Mapping[str, int], per_shard: int) -> tuple[Shard, ...]:
    """The shards of a dataset, by split and in order.

    Every shard of a split except the last has `per_shard` examples, so a dataset that grows keeps
    all its shards except the last.
    """
    return tuple(
        Shard(split, index, first, min(per_shard, number - first))
        for split, number in examples.items()
        for index, first in enumerate(range(0, number, per_shard))
    )


def find_records(path: Path) -> tuple[list[int], bool]:
    """The position of each record of a file [bytes], and whether the last one ends with the file.

    They are found by their lengths alone, without reading their content.
    """
    size = path.stat().st_size
    offsets: list[int] = []
    position = 0
    with path.open("rb", buffering=0) as file:
        while position + RECORD_OVERHEAD <= size:
            file.seek(position)
            (length,) = struct.unpack("<Q", file.read(8))
            following = position + length + RECORD_OVERHEAD
            if following > size:
                break
            offsets.append(position)
            position = following
    return offsets, position == size


def has_records(path: Path, number: int) -> bool:
    """Whether a path is a file of that many complete records."""
    try:
        offsets, complete = find_records(path)
    except OSError:
        return False
    return complete and len(offsets) == number


@dataclass(frozen=True)
class StoredSplit:
    """One split of a dataset, by its metadata."""

    name: str
    files: Mapping[Shard, Path]  # of each of its shards, in order
    bytes: int  # of all files

    @property
    def examples(self) -> int:
        """Number of examples."""
        return sum(shard.examples for shard in self.files)

    def check_size(self) -> None:
        """Find truncated files by the total size, without reading them.

        Flipped bits are found when a record is read, by its checksum.
        """
        if sum(path.stat().st_size for path in self.files.values()) == self.bytes:
            return
        for shard, path in self.files.items():
            if not has_records(path, shard.examples):
                raise DataError(f"{path} is truncated or damaged; {FILE_REMEDY}")
        info = next(iter(self.files.values()), Path(INFO)).with_name(INFO)
        raise DataError(f"{info} has another size than the files of {self.name}; {REMEDY}")


def stored_splits(path: Path) -> list[StoredSplit]:
    """The splits of the dataset in a directory, by its metadata."""
    info = _read_object(path / INFO)
    try:
        return [_stored_split(path, split) for split in info["splits"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path / INFO} is damaged ({error!r}); {REMEDY}") from None


def _stored_split(path: Path, split: Mapping[str, Any]) -> StoredSplit:
    if split["name"] not in SPLITS:
        raise ValueError(f"a split is named {short(split['name'])}, not {', '.join(SPLITS)}")
    lengths, size = [int(length) for length in split["shardLengths"]], int(split["numBytes"])
    files, first = {}, 0
    for index, length in enumerate(lengths):
        shard = Shard(split["name"], index, first, length)
        files[shard] = path / shard.final_name(len(lengths))
        first += length
    return StoredSplit(split["name"], files, size + RECORD_OVERHEAD * first)


def _read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a dataset."""
    try:
        content = read_json(path)
    except RunError as error:
        raise DataError(f"{error}; {REMEDY}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} is missing or damaged: it has no object; {REMEDY}")
    return content


@dataclass(frozen=True)
class DatasetStatus:
    """What is stored for one source count of a configuration."""

    count: int
    path: Path  # the dataset's directory
    examples: Mapping[str, int]  # by split; empty if there is no dataset
    missing: tuple[Path, ...] = ()  # files that should be there

    def suffices(self, config: Config, splits: Sequence[Split] = SPLITS) -> bool:
        """Whether each of the splits has as many examples as the configuration asks for."""
        return not self.missing and all(
            self.examples.get(split, 0) >= config.data.examples(split) for split in splits
        )


def dataset_paths(config: Config, data_dir: str | Path) -> list[Path]:
    """The directories of the datasets of a configuration, whether or not they exist."""
    return [DatasetConfig.of(count, config).path(data_dir) for count in config.data.sources]


def check_metadata(dataset: DatasetConfig, path: Path) -> None:
    """Raise a DataError unless a directory's dataset has this identity, and features so named.

    See `records.check_features` for their shapes and types, which take TensorFlow.
    """
    info = _read_object(path / INFO)
    named = {"name": NAME, "configName": dataset.name, "version": VERSION, "fileFormat": "tfrecord"}
    for key, value in named.items():
        if info.get(key) != value:
            raise DataError(
                f"{path / INFO} is damaged, or of another dataset: {key} is {short(info.get(key))} "
                f"instead of {short(value)}; {REMEDY}"
            )
    wanted, found = dataset.identity, _read_object(path / "metadata.json")
    if found != wanted:
        raise DataError(
            f"{path} has a dataset of other physics than the configuration: "
            + "; ".join(in_words(differing_datasets(found, wanted)))
            + "; use another --data-dir"
        )
    features = _read_object(path / "features.json").get("featuresDict")
    if not isinstance(features, dict) or {*features.get("features", ())} != {*dataset.record}:
        raise DataError(f"{path / 'features.json'} is missing or damaged; {REMEDY}")


def dataset_status(
    config: Config, count: int, data_dir: str | Path, *, allow_missing: bool = False
) -> DatasetStatus:
    """What is stored for `count` sources. No record is read.

    With `allow_missing`, files may be missing, because they will be made again.
    """
    dataset = DatasetConfig.of(count, config)
    path = dataset.path(data_dir)
    if not path.exists():
        return DatasetStatus(count, path, {})
    check_metadata(dataset, path)
    splits = stored_splits(path)
    missing = tuple(file for split in splits for file in split.files.values() if not file.is_file())
    if missing and not allow_missing:
        raise DataError(f"{missing[0]} is missing; `diffkeras generate` makes it again")
    for split in splits:
        if not any(file in missing for file in split.files.values()):
            split.check_size()
    return DatasetStatus(count, path, {split.name: split.examples for split in splits}, missing)


def check_dataset(
    config: Config,
    count: int,
    data_dir: str | Path,
    splits: Sequence[Split] = SPLITS,
    *,
    config_name: str | None = None,
) -> None:
    """Check that the dataset of `count` sources exists, is complete and is large enough.

    Args:
        config, count, data_dir: which dataset, and the numbers of examples.
        splits: those that will be read; the others may be smaller.
        config_name: of a shipped configuration that gives this data, for the error.

    Raises:
        DataError: there is no such dataset, or it is too small or damaged.
    """
    status = dataset_status(config, count, data_dir)
    named, same = "", "with the same configuration and"
    if config_name:
        named, same = f" --config {config_name}", "with the same"
    remedy = (
        f"give the --data-dir that has it, or run `diffkeras generate{named}` {same} --data-dir"
    )
    if not status.examples:
        dataset = DatasetConfig.of(count, config)
        raise DataError(
            f"{data_dir} has no dataset of source count {count} in this physics (looked "
            f"for {status.path}){_others(dataset, Path(data_dir))}; {remedy}"
        )
    for split in splits:
        stored, wanted = status.examples.get(split, 0), config.data.examples(split)
        if stored < wanted:
            fewer = f", or ask for fewer, such as by --set data.{split}_examples={stored}"
            raise DataError(
                f"{status.path} has {stored} {split} examples, and {wanted} are needed; {remedy}"
                f"{fewer if stored else ''}"
            )


def with_stored_examples(config: Config, data_dir: str | Path) -> Config:
    """The configuration with as many test examples as are stored, if some are but too few."""
    counts = config.data.sources
    stored = [dataset_status(config, count, data_dir).examples.get("test", 0) for count in counts]
    fewest, wanted = min(stored), config.data.test_examples
    if not 0 < fewest < wanted:
        return config
    logger.warning(
        f"of the {wanted} test images of each source count in the configuration, {fewest} are "
        "stored; these are measured"
    )
    return config.with_overrides({"data.test_examples": fewest})


def _others(dataset: DatasetConfig, data_dir: Path) -> str:
    """Other datasets of that source count in the directory, and how they differ."""
    others = []
    same_count = dataset.name.partition("-")[0]
    for file in sorted(data_dir.glob(f"{NAME}/{same_count}*/*/metadata.json")):
        name, version = file.parts[-3], file.parts[-2]
        pairs = differing_datasets(_read_object(file), dataset.identity)
        different = [f"{key} {there}" for key, (there, _) in pairs.items()]
        if version != VERSION:
            different.append(f"version {version}, which is no longer read")
        others.append(f"{name} with {', '.join(different)}")
    return f"; it has {'; '.join(others)}" if others else ""
