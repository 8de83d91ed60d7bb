"""Which examples are in which file: the shards of a dataset."""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from diffkeras.data.dataset import NAME

SHARD_BYTES = 64 << 20  # TFDS recommends at least as many
SHARD_EXAMPLES = 256  # with more, few processes could share the work on small ones
RECORD_OVERHEAD = 16  # bytes of a record's length, its CRC and the CRC of the data in TFRecord
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
