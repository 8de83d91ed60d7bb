"""What the metadata of a stored dataset say: its identity, and where its examples lie."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffkeras.config import short
from diffkeras.data.dataset_config import NAME, DatasetConfig, differences
from diffkeras.data.shards import RECORD_OVERHEAD, SHARD_EXAMPLES, Shard, holds_records
from diffkeras.errors import DataError
from diffkeras.system.atomic_files import check_regular

TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"  # As `Shard.final_name`.
REMEDY = "delete its directory and run `diffkeras generate` again"
FILE_REMEDY = "delete this file and run `diffkeras generate`, which makes only this file again"


@dataclass(frozen=True)
class StoredSplit:
    """What a dataset's metadata say about one split.

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

    @property
    def intact(self) -> bool:
        """Whether each file is there and has its number of complete records."""
        return all(
            path.is_file() and holds_records(path, shard.examples)
            for shard, path in self.files.items()
        )

    def check_size(self) -> None:
        """Find truncated files by the total size, without reading them.

        Flipped bits are found when a record is read, by its checksum.
        """
        found = sum(path.stat().st_size for path in self.files.values())
        if found == self.bytes:
            return
        for shard, path in self.files.items():
            if not holds_records(path, shard.examples):
                raise DataError(f"{path} is truncated or damaged; {FILE_REMEDY}")
        raise DataError(
            f"dataset_info.json in {next(iter(self.files.values())).parent} is damaged: the files "
            f"of the {self.name} split have {found} bytes instead of {self.bytes}; {REMEDY}"
        )


def stored_splits(path: Path) -> list[StoredSplit]:
    """The splits of the dataset in a directory, by its metadata."""
    file = path / "dataset_info.json"
    info = read_json(file)
    try:
        return [_stored_split(path, split) for split in info["splits"]]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataError(f"{file} is damaged ({error!r}); {REMEDY}") from None


def _stored_split(path: Path, split: Mapping[str, Any]) -> StoredSplit:
    if split["filepathTemplate"] != TEMPLATE:
        raise ValueError(f"files are named {short(split['filepathTemplate'])}")
    lengths = [int(length) for length in split["shardLengths"]]
    # as `plan_shards` fills files: others would have to be made, and there may be any number
    if not lengths or {*lengths[:-1]} - {lengths[0]} or not 0 < lengths[-1] <= lengths[0]:
        raise ValueError(f"shardLengths of {split['name']} are {short(lengths)}")
    if lengths[0] > SHARD_EXAMPLES:
        raise ValueError(f"a file of {split['name']} holds {lengths[0]} examples")
    files, first = {}, 0
    for index, length in enumerate(lengths):
        shard = Shard(str(split["name"]), index, first, length)
        files[shard] = path / shard.final_name(len(lengths))
        first += length
    size = int(split["numBytes"]) + RECORD_OVERHEAD * first
    return StoredSplit(str(split["name"]), files, size)


def check_identity(dataset: DatasetConfig, path: Path) -> None:
    """Check that the dataset in a directory is the one that a configuration asks for."""
    file = path / "dataset_info.json"
    info = read_json(file)
    named = {
        "name": NAME,
        "configName": dataset.name,
        "version": dataset.version,
        "fileFormat": "tfrecord",
    }
    for key, value in named.items():
        if info.get(key) != value:
            raise DataError(
                f"{file} is damaged, or of another dataset: {key} is {short(info.get(key))} "
                f"instead of {short(value)}; {REMEDY}"
            )
    wanted, found = dataset.identity(), read_json(path / "metadata.json")
    if found != wanted:
        different = differences(found, wanted)
        raise DataError(
            f"{path} holds a dataset of other physics than the configuration: "
            + ", ".join(
                f"{key} {there} instead of {here}" for key, (there, here) in different.items()
            )
            + "; use another --data-dir"
        )


def read_json(path: Path) -> dict[str, Any]:
    """The content of a JSON file that holds an object."""
    try:
        check_regular(path)
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is missing or damaged ({error}); {REMEDY}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} is damaged; {REMEDY}")
    return content
