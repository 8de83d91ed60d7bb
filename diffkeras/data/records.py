"""Records of TFRecord files: what an example becomes, and how files of them are written and read.

The bytes of a record depend on the example alone. A `tf.train.Example` keeps its features in a
map, which Protobuf may write in any order; here the order is fixed.
"""

import errno
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from numpy.typing import NDArray

from diffkeras.data.dataset import DatasetConfig
from diffkeras.data.stored import (
    FILE_REMEDY,
    RECORD_OVERHEAD,
    REMEDY,
    Shard,
    find_records,
    stored_splits,
)
from diffkeras.errors import DataError, OutputError
from diffkeras.physics import Sources
from diffkeras.physics.problem.maps import MAPS
from diffkeras.system.atomic_files import replacing
from diffkeras.system.tensorflow_setup import tensorflow_os_errors

SCALARS = ("maximum", "diffusion_length")
HOMEPAGE = "https://arxiv.org/abs/2302.03786"
FLUSH_BYTES = 8 << 20


def dataset_features(
    dataset: DatasetConfig, *, any_count: bool = False
) -> tfds.features.FeaturesDict:
    """The features of a dataset's examples; with `any_count`, of any source count."""
    tensor, count = tfds.features.Tensor, None if any_count else dataset.count
    features: dict[str, Any] = {}
    for name in dataset.record:
        if name == "sources":
            parts = Sources.ARRAYS.items()
            features[name] = {part: tensor(shape=(count,), dtype=dtype) for part, dtype in parts}
        else:
            shape = () if name in SCALARS else (*dataset.physics.lattice, 1)
            features[name] = tensor(shape=shape, dtype=np.float32, encoding=_encoding_of(name))
    return tfds.features.FeaturesDict(features)


def _encoding_of(name: str) -> tfds.features.Encoding:
    """How a record holds a feature: as numbers, as bytes, or as compressed bytes."""
    if name == "field":  # a megabyte, which compression makes little smaller
        return tfds.features.Encoding.BYTES
    # a source image is mostly zeros and takes a few kB compressed; maps have few different values
    # and take a tenth of a field's bytes, or less
    if name in ("source_image", *MAPS):
        return tfds.features.Encoding.ZLIB
    return tfds.features.Encoding.NONE


def info_arguments(dataset: DatasetConfig) -> dict[str, Any]:
    """Arguments of `tfds.core.DatasetInfo` that depend on the dataset."""
    given: Any = {name: name for name in dataset.given}
    if len(given) == 1:
        (given,) = dataset.given
    return {
        "features": dataset_features(dataset),
        "supervised_keys": (given, "field"),
        "homepage": HOMEPAGE,
        # Record k is example k, so that subsets are nested and examples can be checked.
        "disable_shuffling": True,
        "metadata": tfds.core.MetadataDict(dataset.identity),
    }


def make_record(dataset: DatasetConfig, split: str, k: int) -> bytes:
    """Solve example k of a split and serialize it; every process makes the same bytes."""
    record = tf.train.Example()
    _fill(record.features.feature, dataset.example(split, k))
    return record.SerializeToString(deterministic=True)


def _fill(target: Any, values: Mapping[str, Any], prefix: str = "") -> None:
    """Write values in the encodings of `dataset_features`."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            _fill(target, value, f"{prefix}{name}/")
            continue
        feature, encoding = target[f"{prefix}{name}"], _encoding_of(name)
        if encoding is tfds.features.Encoding.ZLIB:
            feature.bytes_list.value.append(compress_rows(value))
        elif encoding is tfds.features.Encoding.BYTES:
            feature.bytes_list.value.append(value.tobytes())
        elif np.issubdtype(np.asarray(value).dtype, np.floating):
            feature.float_list.value.extend(np.ravel(value).tolist())
        else:
            feature.int64_list.value.extend(np.ravel(value).tolist())


def compress_rows(image: NDArray[np.float32]) -> bytes:
    """A zlib stream in which runs of empty rows and runs of other rows are blocks of their own.

    With level 1 this takes at most 1 ms for 512² nodes; TFDS takes 2 ms, which is a fifth of the
    time for an example of 20 sources. It needs 4 kB instead of 2 kB, next to a field of 1 MB.
    """
    rows = image.reshape(len(image), -1)
    starts = np.flatnonzero(np.diff(rows.any(axis=1))) + 1
    compressor = zlib.compressobj(1)
    blocks = []
    for run in np.split(rows, starts):
        blocks += [compressor.compress(run.tobytes()), compressor.flush(zlib.Z_FULL_FLUSH)]
    return b"".join([*blocks, compressor.flush()])


@dataclass(frozen=True)
class ShardTask:
    """A shard that has to be written to a directory."""

    dataset: DatasetConfig
    shard: Shard
    directory: Path


def write_shard(task: ShardTask, tick: Callable[[], None] = lambda: None) -> None:
    """Solve the examples of a shard and write them; the file gets its name when it is complete."""
    size = flushed = 0
    try:
        with replacing(task.directory / task.shard.name) as partial, tensorflow_os_errors():
            with tf.io.TFRecordWriter(str(partial)) as writer:
                for k in task.shard.numbers:
                    record = make_record(task.dataset, task.shard.split, k)
                    writer.write(record)
                    size += len(record) + RECORD_OVERHEAD
                    if size - flushed >= FLUSH_BYTES:
                        writer.flush()
                        _start_writeback(partial)
                        flushed = size
                    tick()
            if partial.stat().st_size != size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OutputError as error:
        raise OutputError(
            f"{error}; finished files are kept: free disk space or change the permissions, then "
            "run the same command again"
        ) from None


def _start_writeback(path: Path) -> None:
    # the disk writes while the next example is solved, instead of everything at the end
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_records(shard: Shard, path: Path) -> Iterator[tuple[int, bytes]]:
    """Read the numbers and records of the examples of a shard, and verify their checksums."""
    k = shard.first
    try:
        # TensorFlow would try to allocate any length that a damaged record states.
        offsets, complete = find_records(path)
        records = tf.data.TFRecordDataset(str(path)).take(len(offsets))
        for record in records.as_numpy_iterator():
            if k == shard.numbers.stop:
                raise DataError(
                    f"{path} has more than its {shard.examples} examples; {FILE_REMEDY}"
                )
            yield k, record
            k += 1
    except (tf.errors.OpError, OSError):
        complete = False
    if not path.is_file():
        raise DataError(f"{path} is missing; `diffkeras generate` makes it again")
    if not complete or k < shard.numbers.stop:
        raise DataError(
            f"{path} is truncated or damaged at example {k} of the {shard.split} split; "
            f"{FILE_REMEDY}"
        )


def check_features(dataset: DatasetConfig, path: Path) -> None:
    """Raise a DataError unless `features.json` in a directory describes a dataset's features."""
    try:
        stored = tfds.features.FeatureConnector.from_config(str(path)).to_json()
    except Exception:  # noqa: BLE001 - TFDS raises any error for a damaged file
        stored = None
    if stored != dataset_features(dataset).to_json():
        raise DataError(f"{path / 'features.json'} is missing or damaged; {REMEDY}")


def check_records(path: Path) -> None:
    """Read every record of the dataset in a directory and verify its checksums."""
    for split in stored_splits(path):
        for shard, file in split.files.items():
            for _ in read_records(shard, file):
                pass
