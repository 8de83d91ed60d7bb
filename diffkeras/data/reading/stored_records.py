"""Records of the training split, read in any order.

TFDS reads a TFRecord file from its beginning. Here each record's position is found once, by the
lengths in the files; then any record is read by itself, and its checksums are verified.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.data.features import dataset_features
from diffkeras.data.reading.graph_fields import restore_fields
from diffkeras.data.shards import Shard, find_records
from diffkeras.data.storage import dataset_path, open_dataset
from diffkeras.data.stored_metadata import FILE_REMEDY, stored_splits
from diffkeras.errors import DataError

THREADS = 16  # Hide the latency of disks and networks.


class StoredRecords:
    """The training examples of all source counts, by position; those of one count are consecutive.

    `numbers` are those of the examples of each source count, ascending.
    """

    def __init__(
        self, config: Config, data_dir: str | Path, numbers: Mapping[int, Sequence[int]]
    ) -> None:
        self._config = config
        files: list[tuple[Shard, Path, NDArray[np.int64]]] = []
        for count in config.data.sources:
            wanted = np.array(numbers[count], np.int64)
            open_dataset(config, count, data_dir, ("train",))
            (split,) = (
                split
                for split in stored_splits(dataset_path(config, count, data_dir))
                if split.name == "train"
            )
            for shard, file in split.files.items():
                first, stop = np.searchsorted(wanted, [shard.first, shard.numbers.stop])
                if first < stop:
                    files.append((shard, file, wanted[first:stop] - shard.first))
        with ThreadPoolExecutor(THREADS) as threads:
            offsets = list(threads.map(lambda item: _offsets(*item), files))
        self._paths = [str(file) for _, file, _ in files]
        self._files = np.repeat(np.arange(len(files)), [len(found) for found in offsets])
        self._offsets = np.concatenate(offsets)
        self.size = self._offsets.size

    def reader(self) -> Callable[[tf.Tensor], dict[str, Any]]:
        """A function, for the graph of a tf.data pipeline, from a position to its example.

        The example has what `raw_dataset` gives.
        """
        paths, files = tf.constant(self._paths), tf.constant(self._files)
        offsets = tf.constant(self._offsets, tf.int64)
        features = dataset_features(DatasetConfig.of(1, self._config), any_count=True)
        compact = self._config.data.storage == "compact"
        restore = restore_fields(self._config) if compact else None

        def read(position: tf.Tensor) -> dict[str, Any]:
            records = tf.data.experimental.from_variant(
                tf.raw_ops.TFRecordDatasetV2(
                    filenames=paths[files[position]][None],
                    byte_offsets=offsets[position][None],
                    compression_type="",
                    buffer_size=tf.constant(0, tf.int64),
                ),
                tf.TensorSpec((), tf.string),
            )
            example = features.deserialize_example(records.take(1).get_single_element())
            return restore(example) if restore else example

        return read


def _offsets(shard: Shard, file: Path, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions in a file [bytes] of the records at some places among its records."""
    offsets, complete = find_records(file)
    if not complete or len(offsets) != shard.examples:
        raise DataError(f"{file} is truncated or damaged; {FILE_REMEDY}")
    return np.array(offsets, np.int64)[places]
