"""Which examples lie in which file: a function of the dataset alone, never of who writes it."""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SHARD_BYTES = 64 << 20  # what TFDS takes for the smallest worthwhile file
SHARD_EXAMPLES = 256  # at most, so that small examples too are shared among many workers
RECORD_OVERHEAD = 16  # bytes a TFRecord adds to each record: length, its CRC, the data's CRC


@dataclass(frozen=True, order=True)
class Shard:
    """Examples that lie in one file.

    Attributes:
        split: train, validation or test.
        first: number of the first example.
        examples: how many.
    """

    split: str
    first: int
    examples: int

    @property
    def numbers(self) -> range:
        """The numbers of its examples."""
        return range(self.first, self.first + self.examples)

    @property
    def name(self) -> str:
        """Its file's name until the dataset is whole; it doesn't say how many files there are."""
        return f"{self.split}-{self.first:09d}+{self.examples}.tfrecord"


def examples_per_shard(record_bytes: int) -> int:
    """How many examples a file holds: a power of two, so a few bytes more or less change nothing.

    Args:
        record_bytes: bytes of one record.
    """
    exponent = round(math.log2(SHARD_BYTES / record_bytes))
    return int(2 ** min(max(exponent, 0), math.log2(SHARD_EXAMPLES)))


def plan_shards(examples: Mapping[str, int], per_shard: int) -> tuple[Shard, ...]:
    """The shards of a dataset, by split and in order.

    Every shard but a split's last holds `per_shard` examples, so a dataset that grows keeps all
    its shards but the last.

    Args:
        examples: examples by split.
        per_shard: see `examples_per_shard`.
    """
    return tuple(
        Shard(split, first, min(per_shard, number - first))
        for split, number in examples.items()
        for first in range(0, number, per_shard)
    )


def count_records(path: Path) -> int | None:
    """Records in a file by their lengths alone, without reading what they hold.

    Returns:
        The number, or None if the file ends amid a record.
    """
    size = path.stat().st_size
    position = records = 0
    with path.open("rb") as file:
        while position + RECORD_OVERHEAD <= size:
            file.seek(position)
            (length,) = struct.unpack("<Q", file.read(8))
            position += length + RECORD_OVERHEAD
            records += 1
    return records if position == size else None
