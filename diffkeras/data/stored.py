"""Stored datasets: what their metadata say, whether one is complete and as configured."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffkeras.config import Config
from diffkeras.data.dataset import NAME, VERSION, DatasetConfig
from diffkeras.data.section import SPLITS, Split
from diffkeras.data.shards import FILE_REMEDY, RECORD_OVERHEAD, Shard, has_records
from diffkeras.errors import DataError, RunError
from diffkeras.identity import differing_datasets, in_words
from diffkeras.system.atomic_files import read_json
from diffkeras.system.messages import short

logger = logging.getLogger(__name__)

REMEDY = "delete its directory and run `diffkeras generate` again"


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
    wanted, found = dataset.identity, read_object(path / "metadata.json")
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


@dataclass(frozen=True)
class DatasetStatus:
    """What is stored for one source count of a configuration.

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

    def suffices(self, config: Config, splits: Sequence[Split] = SPLITS) -> bool:
        """Whether each of the splits has as many examples as the configuration asks for."""
        return not self.missing and all(
            self.examples.get(split, 0) >= config.data.examples(split) for split in splits
        )


def dataset_path(config: Config, count: int, data_dir: str | Path) -> Path:
    """The directory of the dataset of `count` sources, whether or not it exists."""
    return DatasetConfig.of(count, config).path(data_dir)


def dataset_paths(config: Config, data_dir: str | Path) -> list[Path]:
    """The directories of the datasets of a configuration, whether or not they exist."""
    return [dataset_path(config, count, data_dir) for count in config.data.sources]


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
    check_identity(dataset, path)
    _check_feature_names(dataset, path)
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
    status, dataset = dataset_status(config, count, data_dir), DatasetConfig.of(count, config)
    named, same = "", "with the same configuration and"
    if config_name:
        named, same = f" --config {config_name}", "with the same"
    remedy = (
        f"give the --data-dir that has it, or run `diffkeras generate{named}` {same} --data-dir"
    )
    if not status.examples:
        raise DataError(
            f"{data_dir} has no dataset of {dataset.in_words} in this physics (looked "
            f"for {status.path}){_others(config, count, Path(data_dir))}; {remedy}"
        )
    if not status.suffices(config, splits):
        stored = {split: status.examples.get(split, 0) for split in splits}
        wanted = {split: config.data.examples(split) for split in splits}
        short = next((split for split in splits if stored[split] < wanted[split]), splits[0])
        fewer = f", or ask for fewer, such as by --set data.{short}_examples={stored[short]}"
        raise DataError(
            f"{status.path} has {stored[short]} {short} examples, and {wanted[short]} are needed; "
            f"{remedy}{fewer if stored[short] else ''}"
        )
    check_features(dataset, status.path)


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


def _check_feature_names(dataset: DatasetConfig, path: Path) -> None:
    """As `check_features`, without TensorFlow: of their description, only the names are checked."""
    file = path / "features.json"
    features = read_object(file).get("featuresDict")
    if not isinstance(features, dict) or {*features.get("features", ())} != {*dataset.record}:
        raise DataError(f"{file} is missing or damaged; {REMEDY}")


def check_features(dataset: DatasetConfig, path: Path) -> None:
    """Check that the dataset in a directory has the features of its configuration."""
    import tensorflow_datasets as tfds

    from diffkeras.data.records import dataset_features

    try:
        stored = tfds.features.FeatureConnector.from_config(str(path)).to_json()
    except Exception:  # noqa: BLE001 - TFDS raises any error for a damaged file
        stored = None
    if stored != dataset_features(dataset).to_json():
        raise DataError(f"{path / 'features.json'} is missing or damaged; {REMEDY}")


def check_records(path: Path) -> None:
    """Read every record of the dataset in a directory and verify its checksums."""
    from diffkeras.data.records import read_records

    for split in stored_splits(path):
        for shard, path in split.files.items():
            for _ in read_records(shard, path):
                pass


def _others(config: Config, count: int, data_dir: Path) -> str:
    """Other datasets of that source count in the directory, and how they differ."""
    dataset, others = DatasetConfig.of(count, config), []
    same_count = dataset.name.partition("-")[0]
    for file in sorted(data_dir.glob(f"{NAME}/{same_count}*/*/metadata.json")):
        name, version = file.parts[-3], file.parts[-2]
        pairs = differing_datasets(read_object(file), dataset.identity)
        different = [f"{key} {there}" for key, (there, _) in pairs.items()]
        if version != VERSION:
            different.append(f"version {version}, which is no longer read")
        others.append(f"{name} with {', '.join(different)}")
    return f"; it has {'; '.join(others)}" if others else ""
