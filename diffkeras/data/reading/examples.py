"""The examples of one source count in order, and examples as the pairs that Keras trains on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds

from diffkeras.config import Config, Split
from diffkeras.data.reading.graph_fields import restore_fields
from diffkeras.data.reading.solved_examples import solved_split
from diffkeras.data.storage import dataset_path, find_damage, open_dataset
from diffkeras.errors import ConfigurationError
from diffkeras.representation.network_input import network_input
from diffkeras.representation.target import pack_target
from diffkeras.surrogates.predicted_fields import scaled_inputs


def raw_dataset(
    config: Config,
    count: int,
    split: Split,
    data_dir: str | Path,
    *,
    numbers: range | None = None,
    threads: int | None = None,
) -> tf.data.Dataset:
    """The examples of one source count, in order; fields of compact storage are restored.

    A configuration with a stream needs no stored validation split: if there is none, the same
    examples are solved.

    Args:
        config: physics and numbers of examples.
        count: number of sources.
        split: train, validation or test.
        data_dir: the directory of all datasets.
        numbers: consecutive examples of the split; the others are not read. By default as many as
            the configuration asks for.
        threads: how many read and convert; by default tf.data chooses.

    Returns:
        A dataset of {"source_image": (H, W, 1), "field": (H, W, 1), "sources": {…}}, float32 on the
        linear scale. Where the diffusion length varies, it has "diffusion_length" () [length] too,
        and with tissues the maps of `DatasetConfig.maps`, (H, W, 1) float32 each.

    Raises:
        ConfigurationError: training examples of a stream, which are not stored.
        DataError: see `open_dataset`.
    """
    if config.data.stream and split == "train":
        raise ConfigurationError(
            "data.stream: the training examples of a stream are not stored; choose stream: false"
        )
    if numbers is None:
        train = config.data.train_numbers
        numbers = train if split == "train" else range(config.data.examples(split))
    stored = dataset_path(config, count, data_dir).exists()
    if config.data.stream and split == "validation" and not stored:
        return with_threads(solved_split(config, count, split, numbers), threads)
    builder = open_dataset(config, count, data_dir, (split,))
    dataset = builder.as_dataset(
        split=f"{split}[{numbers.start}:{numbers.stop}]",
        shuffle_files=False,
        # With one file after another, record k is example k.
        read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
    )
    if config.data.storage == "compact":
        dataset = dataset.map(restore_fields(config), num_parallel_calls=tf.data.AUTOTUNE)
    return with_threads(dataset, threads)


def examples_used(config: Config, split: Split) -> int:
    """Examples of a split that the configuration uses, per source count."""
    return config.data.train_examples_used if split == "train" else config.data.examples(split)


@contextmanager
def explain_damage(config: Config, data_dir: str | Path) -> Iterator[None]:
    """Replace TensorFlow's error about a damaged record by one that names the file."""
    try:
        yield
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError):
        for count in config.data.sources:
            if dataset_path(config, count, data_dir).exists():
                find_damage(config, count, data_dir)
        raise


def to_network_pair(config: Config) -> Callable[[dict[str, Any]], tuple[tf.Tensor, tf.Tensor]]:
    """A function from an example of `raw_dataset`, or several of them, to (x, y).

    Both are of the source image divided by its largest value, as in predictions (`scaled_inputs`).
    x is this image on the network's scale, with the diffusion length or the maps of the
    medium as further channels where they vary (`network_input`); y is the packed target
    (`pack_target`).
    """
    transform, limits = config.model.get_transform(), config.data.diffusion_length

    def convert(example: dict[str, Any]) -> tuple[tf.Tensor, tf.Tensor]:
        xp = tf.experimental.numpy
        # only overlapping discs have a scale other than 1, and they are in no medium that varies
        image, _, scale = scaled_inputs(config, example["source_image"], {}, xp)
        field = example["field"]
        if not config.data.divide_by_maximum:
            field = field / scale
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
