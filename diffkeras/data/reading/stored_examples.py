"""Stored examples, read in any order.

TFDS reads a TFRecord file from its beginning. Here the position of each record is found once, by
the lengths in the files. Then any record can be read alone, and its checksums are verified.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.config import Config, Split
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.data.features import dataset_features
from diffkeras.data.shards import Shard, find_records
from diffkeras.data.storage import dataset_path, open_dataset
from diffkeras.data.stored_metadata import FILE_REMEDY, stored_splits
from diffkeras.errors import DataError

THREADS = 16  # hide the latency of disks and networks


def stored_examples(
    config: Config, counts: Sequence[int], split: Split, data_dir: str | Path, numbers: range
) -> Callable[[tf.Tensor], dict[str, Any]]:
    """A function, for the graph of a tf.data pipeline, from a position to its example.

    Position p is example p % len(numbers) of `numbers`, of source count p // len(numbers) of
    `counts`. Examples have the features of the dataset.
    """
    files: list[tuple[Shard, Path, range]] = []
    for count in counts:
        open_dataset(config, count, data_dir, (split,))
        stored = stored_splits(dataset_path(config, count, data_dir), [split])
        for shard, file in next(s.files for s in stored if s.name == split).items():
            first = max(numbers.start, shard.first)
            stop = min(numbers.stop, shard.numbers.stop)
            if first < stop:
                files.append((shard, file, range(first - shard.first, stop - shard.first)))
    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(lambda item: _record_offsets(*item), files))
    paths = tf.constant([str(file) for _, file, _ in files], tf.string)
    path_of = tf.constant(np.repeat(np.arange(len(files)), [len(each) for each in found]))
    offsets = tf.constant(np.concatenate(found))
    dataset = DatasetConfig.of(counts[0], config)
    features = dataset_features(dataset, any_count=len(counts) > 1)

    def read(position: tf.Tensor) -> dict[str, Any]:
        records = tf.data.experimental.from_variant(
            tf.raw_ops.TFRecordDatasetV2(
                filenames=paths[path_of[position]][None],
                byte_offsets=offsets[position][None],
                compression_type="",
                buffer_size=tf.constant(0, tf.int64),
            ),
            tf.TensorSpec((), tf.string),
        )
        return features.deserialize_example(records.take(1).get_single_element())

    return read


def _record_offsets(shard: Shard, file: Path, places: range) -> NDArray[np.int64]:
    """Positions in a file [bytes] of the records at some places among its records."""
    offsets, complete = find_records(file)
    if not complete or len(offsets) != shard.examples:
        raise DataError(f"{file} is truncated or damaged; {FILE_REMEDY}")
    return np.array(offsets[places.start : places.stop], np.int64)
