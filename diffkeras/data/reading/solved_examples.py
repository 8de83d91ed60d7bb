"""Examples that are solved when they are needed, instead of being read."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import threadpoolctl
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.data.features import dataset_features, make_example


def solved_examples(
    config: Config, counts: Sequence[int], split: str
) -> Callable[[tf.Tensor, tf.Tensor], dict[str, Any]]:
    """A function, for the graph of a tf.data pipeline, that solves an example.

    Its arguments are the position of a source count in `counts`, and the number of the example in
    the split. The examples are equal to stored ones. The threads of tf.data solve at the same time,
    so BLAS is limited to one thread in this process: several threads of each would wait for each
    other.

    Raises:
        PackingError: the discs of a source count don't fit.
        ConvergenceError: the first example of a source count can't be solved.
    """
    datasets = [DatasetConfig.of(count, config) for count in counts]
    for dataset in datasets:
        dataset.recipe().example(split, 0)
    threadpoolctl.threadpool_limits(1, user_api="blas")
    features = dataset_features(datasets[0], any_count=len(counts) > 1)
    specs = tf.nest.flatten(features.get_tensor_spec())

    def make(index: np.int64, number: np.int64) -> list[NDArray]:
        values = tf.nest.flatten(make_example(datasets[index], split, int(number)))
        return [
            np.asarray(value, spec.dtype.as_numpy_dtype)
            for value, spec in zip(values, specs, strict=True)
        ]

    def solve(index: tf.Tensor, number: tf.Tensor) -> dict[str, Any]:
        types = [spec.dtype for spec in specs]
        # without state, several calls can run at once
        values = tf.numpy_function(make, [index, number], types, stateful=False)
        shaped = [tf.ensure_shape(v, spec.shape) for v, spec in zip(values, specs, strict=True)]
        example: dict[str, Any] = tf.nest.pack_sequence_as(features.get_tensor_spec(), shaped)
        return example

    return solve
