"""Datasets on the disk: is it there, is it whole, is it the right one; and making it."""

import contextlib
import io
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf
import tensorflow_datasets as tfds

from diffkeras.config import SPLITS, Config
from diffkeras.errors import DataError
from tfds_builders import Builder, DiffusionFieldsConfig

RECORD_OVERHEAD = 16  # bytes a TFRecord adds to each record: length, its CRC, the data's CRC


@dataclass(frozen=True)
class DatasetStatus:
    """What lies on the disk for one source count of a configuration.

    Attributes:
        count: the source count.
        path: the dataset's directory.
        examples: examples by split; empty if there is no dataset.
    """

    count: int
    path: Path
    examples: Mapping[str, int]

    def holds(self, config: Config) -> bool:
        """Whether every split has at least as many examples as the configuration asks for."""
        return all(self.examples.get(split, 0) >= config.data.examples(split) for split in SPLITS)


def dataset_status(config: Config, count: int, data_dir: Path) -> DatasetStatus:
    """What lies on the disk for `count` sources.

    Raises:
        DataError: a dataset lies there but is damaged; the message names the file.
    """
    path = _dataset_path(config, count, data_dir)
    if not path.exists():
        return DatasetStatus(count, path, {})
    info = _read_json(path / "dataset_info.json")
    try:
        splits = {
            split["name"]: [int(n) for n in split["shardLengths"]] for split in info["splits"]
        }
        sizes = {split["name"]: int(split["numBytes"]) for split in info["splits"]}
        names = {split["name"]: split["filepathTemplate"] for split in info["splits"]}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path / 'dataset_info.json'} is damaged ({error!r}); {_REMEDY}") from None
    for split, lengths in splits.items():
        _check_files(path, split, names[split], lengths, sizes[split])
    identity = DiffusionFieldsConfig.of_config(count, config).identity()
    found = _read_json(path / "metadata.json")
    if found != identity:
        different = [key for key in identity if found.get(key) != identity[key]]
        raise DataError(
            f"{path} holds a dataset of other physics than the configuration: "
            + ", ".join(f"{key} {found.get(key)} instead of {identity[key]}" for key in different)
            + "; use another --data-dir"
        )
    return DatasetStatus(count, path, {split: sum(n) for split, n in splits.items()})


def open_dataset(config: Config, count: int, data_dir: Path) -> Builder:
    """A builder over the dataset of `count` sources, checked to be whole and large enough.

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
    if not status.holds(config):
        wanted: dict[str, int] = {split: config.data.examples(split) for split in SPLITS}
        raise DataError(
            f"{status.path} holds {_list(status.examples)} examples, fewer than the "
            f"{_list(wanted)} asked for; run `diffkeras generate` with the same configuration"
        )
    return Builder(config=DiffusionFieldsConfig.of_config(count, config), data_dir=str(data_dir))


def generate_dataset(
    config: Config,
    count: int,
    data_dir: Path,
    *,
    workers: int = 1,
    on_example: Callable[[], None] = lambda: None,
) -> Path:
    """Make the dataset of `count` sources; one of fewer examples that lies there is replaced.

    It is made in a directory beside its place and renamed when whole, so that neither an
    interruption nor an error leaves a part of it, or loses what was there.

    Raises:
        DataError: the directory can't be written.
        PackingError: so many or so large discs don't fit.
    """
    place = _dataset_path(config, count, data_dir)
    workshop = data_dir / f".making-{place.parent.name}"
    examples: dict[str, int] = {split: config.data.examples(split) for split in SPLITS}
    existing = dataset_status(config, count, data_dir).examples
    examples = {split: max(n, existing.get(split, 0)) for split, n in examples.items()}
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(workshop, ignore_errors=True)
        workshop.mkdir()
        builder = Builder(
            config=DiffusionFieldsConfig.of_config(count, config),
            data_dir=str(workshop),
            examples=examples,
            workers=workers,
            on_example=on_example,
        )
        _prepare_silently(builder)
        if place.exists():
            replaced = workshop / "replaced"
            place.rename(replaced)
        Path(builder.data_path).rename(place)
    except OSError as error:
        raise DataError(f"the dataset can't be written to {data_dir}: {error}") from None
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
    return place


_REMEDY = "delete its directory and run `diffkeras generate` again"


def _dataset_path(config: Config, count: int, data_dir: Path) -> Path:
    name = DiffusionFieldsConfig.of_config(count, config).name
    return data_dir / Builder.name / name / str(Builder.VERSION)


def find_damage(config: Config, count: int, data_dir: Path) -> None:
    """Read every record of a dataset for its checksums alone.

    Raises:
        DataError: a shard is damaged; the message names the file and the record.
    """
    status = dataset_status(config, count, data_dir)
    for shard in sorted(status.path.glob("*.tfrecord*")):
        whole = 0
        try:
            for _ in tf.data.TFRecordDataset(str(shard)):
                whole += 1
        except tf.errors.DataLossError:
            raise DataError(f"{shard} is damaged at record {whole}; {_REMEDY}") from None


def _prepare_silently(builder: Builder) -> None:
    """Let TFDS work without its own bars and lines: diffkeras shows one bar over all datasets."""
    tfds.disable_progress_bar()
    with contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare()


def _check_files(path: Path, split: str, template: str, lengths: list[int], size: int) -> None:
    """Find missing and truncated shards by name and length, without reading them.

    Flipped bits show when a record is read: each carries a checksum.
    """
    shards = [
        path
        / template.format(
            DATASET=Builder.name,
            SPLIT=split,
            FILEFORMAT="tfrecord",
            SHARD_X_OF_Y=f"{i:05d}-of-{len(lengths):05d}",
        )
        for i in range(len(lengths))
    ]
    missing = [shard for shard in shards if not shard.is_file()]
    if missing:
        raise DataError(f"{missing[0]} is missing; {_REMEDY}")
    expected = size + RECORD_OVERHEAD * sum(lengths)
    found = {shard: shard.stat().st_size for shard in shards}
    if sum(found.values()) != expected:
        # every example of a dataset has about the same size, so the damaged shard stands out
        damaged = min(shards, key=lambda s: found[s] / max(lengths[shards.index(s)], 1))
        raise DataError(
            f"{damaged} is truncated or damaged: the shards of the {split} split hold "
            f"{sum(found.values())} bytes instead of {expected}; {_REMEDY}"
        )


def _read_json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is missing or damaged ({error}); {_REMEDY}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} is damaged; {_REMEDY}")
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
