"""Datasets on the disk: is it there, is it whole, is it the right one."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import tensorflow as tf
import tensorflow_datasets as tfds

from diffkeras.config import SPLITS, Config, Split
from diffkeras.data.shards import RECORD_OVERHEAD, Shard, count_records
from diffkeras.errors import DataError
from tfds_builders import Builder, DiffusionFieldsConfig

REMEDY = "delete its directory and run `diffkeras generate` again"
FILE_REMEDY = "delete that file and run `diffkeras generate` again, which makes it alone anew"


@dataclass(frozen=True)
class DatasetStatus:
    """What lies on the disk for one source count of a configuration.

    Attributes:
        count: the source count.
        path: the dataset's directory.
        examples: examples by split; empty if there is no dataset.
        missing: files that should be there.
    """

    count: int
    path: Path
    examples: Mapping[str, int]
    missing: tuple[Path, ...] = ()

    def holds(self, config: Config, splits: Sequence[Split] = SPLITS) -> bool:
        """Whether each of the splits has as many examples as the configuration asks for."""
        return not self.missing and all(
            self.examples.get(split, 0) >= config.data.examples(split) for split in splits
        )


def dataset_status(
    config: Config, count: int, data_dir: Path, *, mend: bool = False
) -> DatasetStatus:
    """What lies on the disk for `count` sources.

    Args:
        config: says which physics.
        count: number of sources.
        data_dir: where datasets lie.
        mend: whether files may be missing, since they are to be made anew.

    Raises:
        DataError: a dataset lies there but is damaged; the message names the file.
    """
    path = dataset_path(config, count, data_dir)
    if not path.exists():
        return DatasetStatus(count, path, {})
    splits = stored_splits(path)
    missing = tuple(file for split in splits for file in split.files.values() if not file.is_file())
    if missing and not mend:
        raise DataError(f"{missing[0]} is missing; `diffkeras generate` makes it anew")
    for split in splits:
        if not any(file in missing for file in split.files.values()):
            _check_sizes(split)
    check_identity(config, count, path)
    examples = {split.name: sum(shard.examples for shard in split.files) for split in splits}
    return DatasetStatus(count, path, examples, missing)


def check_identity(config: Config, count: int, path: Path) -> None:
    """Check that the dataset in a directory is of the configuration's physics.

    Raises:
        DataError: it isn't, or its metadata are damaged.
    """
    identity = DiffusionFieldsConfig.of_config(count, config).identity()
    found = _read_json(path / "metadata.json")
    if found != identity:
        different = [key for key in identity if found.get(key) != identity[key]]
        raise DataError(
            f"{path} holds a dataset of other physics than the configuration: "
            + ", ".join(f"{key} {found.get(key)} instead of {identity[key]}" for key in different)
            + "; use another --data-dir"
        )


def open_dataset(
    config: Config, count: int, data_dir: Path, splits: Sequence[Split] = SPLITS
) -> Builder:
    """A builder over the dataset of `count` sources, checked to be whole and large enough.

    Args:
        config: says which physics, and how many examples.
        count: number of sources.
        data_dir: where datasets lie.
        splits: those that are to be read; the others may be smaller.

    Raises:
        DataError: missing, damaged, too small, or of other physics; the message says what to do.
    """
    status = dataset_status(config, count, data_dir)
    if not status.examples:
        raise DataError(
            f"{data_dir} holds no dataset of {count} source(s) of this physics (looked for "
            f"{status.path}){_others(config, count, data_dir)}; run `diffkeras generate` with the "
            "same configuration and --data-dir"
        )
    if not status.holds(config, splits):
        wanted: dict[str, int] = {split: config.data.examples(split) for split in splits}
        held: dict[str, int] = {split: status.examples.get(split, 0) for split in splits}
        raise DataError(
            f"{status.path} holds {_list(held)} examples, fewer than the "
            f"{_list(wanted)} asked for; run `diffkeras generate` with the same configuration"
        )
    return Builder(config=DiffusionFieldsConfig.of_config(count, config), data_dir=str(data_dir))


def dataset_path(config: Config, count: int, data_dir: Path) -> Path:
    """The directory of the dataset of `count` sources, whether it is there or not."""
    name = DiffusionFieldsConfig.of_config(count, config).name
    return data_dir / Builder.name / name / str(Builder.VERSION)


@dataclass(frozen=True)
class StoredSplit:
    """What a dataset's metadata say of one split.

    Attributes:
        name: train, validation or test.
        files: where each of its shards should lie, in order.
        bytes: what they hold together, with TFRecord's overhead.
    """

    name: str
    files: Mapping[Shard, Path]
    bytes: int


def stored_splits(path: Path) -> list[StoredSplit]:
    """The splits of the dataset in a directory, by its metadata.

    Raises:
        DataError: the metadata are missing or damaged.
    """
    file = path / "dataset_info.json"
    info = _read_json(file)
    try:
        return [_stored_split(path, split) for split in info["splits"]]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{file} is damaged ({error!r}); {REMEDY}") from None


def _stored_split(path: Path, split: Mapping) -> StoredSplit:
    lengths = [int(length) for length in split["shardLengths"]]
    files = {}
    for index, (length, last) in enumerate(zip(lengths, accumulate(lengths), strict=True)):
        name = split["filepathTemplate"].format(
            DATASET=Builder.name,
            SPLIT=split["name"],
            FILEFORMAT="tfrecord",
            SHARD_X_OF_Y=f"{index:05d}-of-{len(lengths):05d}",
        )
        files[Shard(split["name"], last - length, length)] = path / name
    size = int(split["numBytes"]) + RECORD_OVERHEAD * sum(lengths)
    return StoredSplit(split["name"], files, size)


def stored_features(path: Path) -> tfds.features.FeatureConnector | None:
    """The features of the dataset in a directory, by its metadata; None if these aren't there.

    Raises:
        DataError: they are damaged.
    """
    file = path / "features.json"
    if not file.is_file():
        return None
    try:
        return tfds.features.FeatureConnector.from_config(str(path))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ImportError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{file} is damaged ({reason[:80]}); {REMEDY}") from None


def find_damage(config: Config, count: int, data_dir: Path) -> None:
    """Read every record of a dataset for its checksums alone.

    Raises:
        DataError: a shard is damaged; the message names the file and the example.
    """
    for split in stored_splits(dataset_status(config, count, data_dir).path):
        for shard, path in split.files.items():
            for _ in records(shard, path):
                pass


def records(shard: Shard, path: Path) -> Iterator[tuple[int, bytes]]:
    """The records of a shard with their examples' numbers, each checked by its checksums.

    Raises:
        DataError: one is damaged or missing; the message names the file and the example.
    """
    k = shard.first
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            if k == shard.numbers.stop:
                raise DataError(
                    f"{path} holds more than its {shard.examples} examples; {FILE_REMEDY}"
                )
            yield k, record
            k += 1
    except (tf.errors.OpError, OSError) as error:
        if not path.is_file():
            raise DataError(f"{path} is missing; `diffkeras generate` makes it anew") from None
        wrong = "truncated" if "truncated" in str(error) else "damaged"
        raise DataError(
            f"{path} is {wrong} at example {k} of the {shard.split} split; {FILE_REMEDY}"
        ) from None
    if k < shard.numbers.stop:
        raise DataError(
            f"{path} is truncated: it ends before example {k} of the {shard.split} split; "
            f"{FILE_REMEDY}"
        )


def _check_sizes(split: StoredSplit) -> None:
    """Find truncated shards by their length, without reading them.

    Flipped bits show when a record is read: each carries a checksum.
    """
    found = {shard: path.stat().st_size for shard, path in split.files.items()}
    if sum(found.values()) != split.bytes:
        # every example of a dataset has about the same size, so the damaged shard stands out
        damaged = min(found, key=lambda shard: found[shard] / max(shard.examples, 1))
        for shard, path in split.files.items():
            if count_records(path) != shard.examples:
                damaged = shard
        raise DataError(
            f"{split.files[damaged]} is truncated or damaged: the shards of the {split.name} split "
            f"hold {sum(found.values())} bytes instead of {split.bytes}; {FILE_REMEDY}"
        )


def _read_json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is missing or damaged ({error}); {REMEDY}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} is damaged; {REMEDY}")
    return content


def _others(config: Config, count: int, data_dir: Path) -> str:
    """What datasets of that source count there are instead, with how their physics differs."""
    wanted = DiffusionFieldsConfig.of_config(count, config).identity()
    found = []
    for file in sorted(data_dir.glob(f"{Builder.name}/sources_{count:02d}*/*/metadata.json")):
        physics = _read_json(file)
        different = [
            f"{key} {physics.get(key)}" for key in wanted if physics.get(key) != wanted[key]
        ]
        found.append(f"{file.parent.parent.name} with {', '.join(different)}")
    return f"; it holds {'; '.join(found)}" if found else ""


def _list(examples: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {split}" for split, n in examples.items())
