"""The examples of one source count in order, and examples as the pairs that Keras trains on."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf

from diffkeras.config import Config, Split
from diffkeras.data.reading.solved_examples import solved_examples
from diffkeras.data.reading.stored_examples import stored_examples
from diffkeras.data.storage import check_records, dataset_path
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
    """The examples of one source count, in order.

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
    if numbers is None:
        numbers = example_numbers(config, split)
    read = example_reader(config, [count], split, data_dir, numbers)
    positions = tf.data.Dataset.range(len(numbers))
    return with_threads(positions.map(read, num_parallel_calls=tf.data.AUTOTUNE), threads)


def example_numbers(config: Config, split: Split) -> range:
    """Numbers of the examples of a split that the configuration uses, of each source count."""
    return config.data.train_numbers if split == "train" else range(config.data.examples(split))


def example_reader(
    config: Config, counts: Sequence[int], split: Split, data_dir: str | Path, numbers: range
) -> Callable[[tf.Tensor], dict[str, Any]]:
    """A function, for the graph of a tf.data pipeline, from a position to its example.

    Position p is example p % len(numbers) of `numbers`, of source count p // len(numbers) of
    `counts`.
    """
    if not config.data.stream:
        return stored_examples(config, counts, split, data_dir, numbers)
    if split == "train":
        raise ConfigurationError(
            "data.stream: the training examples of a stream are not stored; choose stream: false"
        )
    stored = all(dataset_path(config, count, data_dir).exists() for count in counts)
    if split == "test" or stored:
        return stored_examples(config, counts, split, data_dir, numbers)
    solve = solved_examples(config, counts, split)
    return lambda p: solve(p // len(numbers), p % len(numbers) + numbers.start)


@contextmanager
def explain_damage(config: Config, data_dir: str | Path) -> Iterator[None]:
    """Replace TensorFlow's error about a damaged record by one that names the file."""
    try:
        yield
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError):
        for count in config.data.sources:
            if dataset_path(config, count, data_dir).exists():
                check_records(config, count, data_dir)
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
        count = tf.reduce_sum(tf.ones_like(example["sources"]["radii"]), axis=-1)
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
