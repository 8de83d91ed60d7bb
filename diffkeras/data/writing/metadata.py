"""The metadata of a dataset, as TFDS writes and reads them."""

from collections.abc import Sequence
from pathlib import Path

import tensorflow_datasets as tfds

from diffkeras.data.dataset_config import NAME, RELEASE_NOTES, DatasetConfig
from diffkeras.data.features import info_arguments
from diffkeras.data.shards import RECORD_OVERHEAD, Shard

DESCRIPTION = (
    "Random disc sources on a square lattice and the steady-state diffusion field around them: "
    "training data for surrogates of a diffusion solver. Made by `diffkeras generate`."
)


def write_metadata(dataset: DatasetConfig, directory: Path, shards: Sequence[Shard]) -> None:
    """Write `features.json`, `metadata.json` and `dataset_info.json` next to a dataset's shards."""
    identity = tfds.core.DatasetIdentity(
        name=NAME,
        version=tfds.core.Version(dataset.version),
        data_dir=str(directory),
        module_name="",
        config_name=dataset.name,
        config_description=dataset.description,
        release_notes=RELEASE_NOTES,
    )
    info = tfds.core.DatasetInfo(
        builder=identity, description=DESCRIPTION, **info_arguments(dataset)
    )
    info.set_file_format(tfds.core.FileFormat.TFRECORD)
    info.set_splits(
        tfds.core.SplitDict(
            [
                _split_info(directory, [shard for shard in shards if shard.split == split])
                for split in dict.fromkeys(shard.split for shard in shards)
            ]
        )
    )
    info.write_to_directory(str(directory))


def _split_info(directory: Path, shards: Sequence[Shard]) -> tfds.core.SplitInfo:
    split = shards[0].split
    template = tfds.core.ShardedFileTemplate(
        data_dir=str(directory), dataset_name=NAME, split=split, filetype_suffix="tfrecord"
    )
    size = sum((directory / shard.final_name(len(shards))).stat().st_size for shard in shards)
    lengths = [shard.examples for shard in shards]
    return tfds.core.SplitInfo(split, lengths, size - RECORD_OVERHEAD * sum(lengths), template)
