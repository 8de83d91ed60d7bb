"""Records whose bytes depend on the example alone.

A `tf.train.Example` keeps its features in a map, and Protobuf may write a map in any order: two
processes make different bytes of the same example. Here the order is fixed.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import writer
from tensorflow_datasets.proto import tf_example_pb2


def serialize(features: tfds.features.FeaturesDict, example: Mapping[str, Any]) -> bytes:
    """An example as the bytes of its TFRecord, the same in every process.

    TFDS's serializer gives the same but for the order, and takes ten times as long for bytes.

    Args:
        features: the builder's features, which say how each value is stored.
        example: values by feature, as `_generate_examples` yields them.
    """
    record = tf_example_pb2.Example()
    _fill(record.features.feature, features.encode_example(example))
    return record.SerializeToString(deterministic=True)


def _fill(target: Any, encoded: Mapping[str, Any], prefix: str = "") -> None:
    for name, value in encoded.items():
        if isinstance(value, Mapping):
            _fill(target, value, f"{prefix}{name}/")
            continue
        feature = target[f"{prefix}{name}"]
        if isinstance(value, bytes):
            feature.bytes_list.value.append(value)
            continue
        array = np.asarray(value)
        if np.issubdtype(array.dtype, np.floating):
            feature.float_list.value.extend(array.ravel().tolist())
        else:
            feature.int64_list.value.extend(array.ravel().tolist())


class CanonicalWriter(writer.ExampleWriter):
    """TFDS's own writer, for `tfds.load` and `tfds build`, with the features in a fixed order."""

    def write(self, path: Any, examples: Iterable[tuple[Any, bytes]]) -> Any:
        """Write a shard of (key, record)."""
        return super().write(path, ((key, _canonical(record)) for key, record in examples))


def _canonical(record: bytes) -> bytes:
    return tf_example_pb2.Example.FromString(record).SerializeToString(deterministic=True)
