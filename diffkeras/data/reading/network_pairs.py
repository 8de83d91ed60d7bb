"""Examples as the pairs of network input and target that Keras trains on."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from diffkeras.config import Config
from diffkeras.representation.network_input import network_input
from diffkeras.representation.target import pack_target


def to_network_pair(config: Config) -> Callable[[dict[str, Any]], tuple[tf.Tensor, tf.Tensor]]:
    """A function from an example of `raw_dataset`, or several of them, to (x, y).

    x is the source image on the network's scale, with the diffusion length or the maps of the
    medium as further channels where they vary (`network_input`); y is the packed target
    (`pack_target`).
    """
    transform, limits = config.model.get_transform(), config.data.diffusion_length

    def convert(example: dict[str, Any]) -> tuple[tf.Tensor, tf.Tensor]:
        image, field = example["source_image"], example["field"]
        xp = tf.experimental.numpy
        # Lists of sources that are padded to one length have discs of negative radius.
        count = tf.reduce_sum(tf.cast(example["sources"]["radii"] >= 0, field.dtype), axis=-1)
        target = pack_target(transform.forward(field, xp), image, count, xp)
        length = example.get("diffusion_length")
        channels = config.map_channels(example, xp)
        return network_input(image, transform, length, limits, xp, channels=channels), target

    return convert


def with_threads(dataset: tf.data.Dataset, threads: int | None) -> tf.data.Dataset:
    """The dataset, computed by that many threads; by default tf.data chooses."""
    if threads is None:
        return dataset
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    return dataset.with_options(options)
