"""Which examples are in which file: the shards of a dataset, and the metadata of a stored one."""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffkeras.data.dataset_config import (
    NAME,
    VERSION,
    DatasetConfig,
)
from diffkeras.data.section import SPLITS
from diffkeras.errors import DataError, RunError
from diffkeras.identity import differing_datasets
from diffkeras.system.atomic_files import read_json
from diffkeras.system.messages import short
from diffkeras.system.plain_data import in_words

SHARD_BYTES = 64 << 20  # TFDS recommends at least as many
SHARD_EXAMPLES = 256  # with more, few processes could share the work on small ones
RECORD_OVERHEAD = 16  # bytes of a record's length, its CRC and the CRC of the data in TFRecord
REMEDY = "delete its directory and run `diffkeras generate` again"
FILE_REMEDY = "delete this file and run `diffkeras generate`, which makes only this file again"


@dataclass(frozen=True, order=True)
class Shard:
    """Consecutive examples of a split in one file.

    Attributes:
        split: train, validation or test.
        index: its place among the shards of the split.
        first: number of the first example.
        examples: how many.
    """

    split: str
    index: int
    first: int
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
    """Find the records of a file by their lengths alone, without reading their content.

    Returns:
        The position of each complete record [bytes], and whether the last one ends with the file.

    Raises:
        OSError: the file is missing, can't be read, or is no regular file.
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
    """One split of a dataset, by its metadata.

    Attributes:
        name: train, validation or test.
        files: the file of each of its shards, in order.
        bytes: total size of the files.
    """

    name: str
    files: Mapping[Shard, Path]
    bytes: int

    @property
    def examples(self) -> int:
        """Number of examples."""
        return sum(shard.examples for shard in self.files)

    def check_size(self) -> None:
        """Find truncated files by the total size, without reading them.

        Flipped bits are found when a record is read, by its checksum.
        """
        found = sum(path.stat().st_size for path in self.files.values())
        if found == self.bytes:
            return
        for shard, path in self.files.items():
            if not has_records(path, shard.examples):
                raise DataError(f"{path} is truncated or damaged; {FILE_REMEDY}")
        raise DataError(
            f"dataset_info.json in {next(iter(self.files.values())).parent} is damaged: the files "
            f"of the {self.name} split have {found} bytes instead of {self.bytes}; {REMEDY}"
        )


def stored_splits(path: Path) -> list[StoredSplit]:
    """The splits of the dataset in a directory, by its metadata."""
    file = path / "dataset_info.json"
    info = read_object(file)
    try:
        return [_stored_split(path, split) for split in info["splits"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{file} is damaged ({error!r}); {REMEDY}") from None


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


def check_identity(dataset: DatasetConfig, path: Path) -> None:
    """Check that the dataset in a directory is the one that a configuration asks for.

    TFDS compares the features when it opens the dataset. Here their file is only read.
    """
    file = path / "dataset_info.json"
    info = read_object(file)
    named = {
        "name": NAME,
        "configName": dataset.name,
        "version": VERSION,
        "fileFormat": "tfrecord",
    }
    for key, value in named.items():
        if info.get(key) != value:
            raise DataError(
                f"{file} is damaged, or of another dataset: {key} is {short(info.get(key))} "
                f"instead of {short(value)}; {REMEDY}"
            )
    wanted, found = dataset.identity(), read_object(path / "metadata.json")
    if found != wanted:
        raise DataError(
            f"{path} has a dataset of other physics than the configuration: "
            + "; ".join(in_words(differing_datasets(found, wanted)))
            + "; use another --data-dir"
        )


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a dataset."""
    try:
        content = read_json(path)
    except RunError as error:
        raise DataError(f"{error}; {REMEDY}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} is missing or damaged: it has no object; {REMEDY}")
    return content
