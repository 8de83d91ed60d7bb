"""What the metadata of a stored dataset say: its identity, and where its examples lie."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffkeras.config import SPLITS, short
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


def stored_splits(path: Path, wanted: Collection[str] = ()) -> list[StoredSplit]:
    """The splits of the dataset in a directory, by its metadata.

    Args:
        path: the directory.
        wanted: names of splits that must be among them.
    """
    file = path / "dataset_info.json"
    info = read_json(file)
    try:
        splits = [_stored_split(path, split) for split in info["splits"]]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataError(f"{file} is damaged ({error!r}); {REMEDY}") from None
    names = [split.name for split in splits]
    if len(set(names)) < len(names):
        raise DataError(f"{file} is damaged: it names a split twice, {short(names)}; {REMEDY}")
    if not names:
        raise DataError(f"{file} is damaged: it has no splits, so no examples; {REMEDY}")
    if absent := [name for name in wanted if name not in names]:
        raise DataError(
            f"{file} has no {absent[0]} split, only {', '.join(names)}; run `diffkeras generate` "
            "with the same configuration, which makes it"
        )
    return splits


def _stored_split(path: Path, split: Mapping[str, Any]) -> StoredSplit:
    if split["name"] not in SPLITS:
        raise ValueError(f"a split is named {short(split['name'])}, not {', '.join(SPLITS)}")
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
        shard = Shard(split["name"], index, first, length)
        files[shard] = path / shard.final_name(len(lengths))
        first += length
    size = int(split["numBytes"]) + RECORD_OVERHEAD * first
    return StoredSplit(split["name"], files, size)


def check_identity(dataset: DatasetConfig, path: Path) -> None:
    """Check that the dataset in a directory is the one that a configuration asks for.

    Of the features only that their file can be read, which TFDS compares when it opens the dataset.
    """
    read_json(path / "features.json")  # TFDS would wait for ever for a pipe
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
        if not isinstance(content, dict):
            raise ValueError("it holds no object")
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is missing or damaged ({error}); {REMEDY}") from None
    return content
