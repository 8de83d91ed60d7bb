"""tf.data pipelines: the chosen source counts mixed, shuffled, batched, on the network's scale."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds

from diffkeras.config import Config, Split
from diffkeras.data.datasets import find_damage, open_dataset


def raw_dataset(
    config: Config, count: int, split: Split, data_dir: Path, *, workers: int | None = None
) -> tf.data.Dataset:
    """The examples of one source count as they were stored, in order.

    Returns:
        A dataset of {"source_image": (H, W, 1), "field": (H, W, 1), "sources": {…}}, float32 on the
        linear scale: the first N of the split, where N is the configuration's number of examples.

    Raises:
        DataError: see `open_dataset`.
    """
    examples = config.data.examples(split)
    if split == "train":
        examples = config.data.train_examples_used
    builder = open_dataset(config, count, data_dir)
    dataset = builder.as_dataset(
        split=f"{split}[:{examples}]",
        shuffle_files=False,
        # one shard after another keeps record k example k, so that subsets are nested
        read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
    )
    return _with_workers(dataset, workers)


def mixed_dataset(
    config: Config,
    split: Split,
    data_dir: Path,
    *,
    batch_size: int | None = None,
    drop_remainder: bool = False,
    sources: Sequence[int] | None = None,
    workers: int | None = None,
) -> tf.data.Dataset:
    """Batches for `keras.Model.fit` and `evaluate`, the same number from each source count.

    The training split is shuffled anew each epoch by the training seed; the others keep order.

    Args:
        config: says which source counts, how many examples, which transform and which seed.
        split: train, validation or test.
        data_dir: where `diffkeras generate` put the datasets.
        batch_size: examples a batch over all replicas; by default that of training.
        drop_remainder: leave the last batch out if it is smaller than the others.
        sources: source counts, by default the configuration's.
        workers: threads that read and convert; by default as many as tf.data finds best.

    Returns:
        A dataset of (x, y): x (batch, H, W, 1) the source image on the network's scale, and y
        (batch, H, W, 2) the field on the network's scale and the source image on the linear one,
        which losses and metrics need to find the sources.

    Raises:
        DataError: see `open_dataset`.
    """
    counts = tuple(sources or config.data.sources)
    transform = config.model.get_transform()

    def to_network(example: dict[str, Any]) -> tuple[tf.Tensor, tf.Tensor]:
        image, field = example["source_image"], example["field"]
        xp = tf.experimental.numpy
        target = tf.concat([transform.forward(field, xp), image], axis=-1)
        return transform.forward(image, xp), target

    datasets = [
        raw_dataset(config, count, split, data_dir).map(
            to_network, num_parallel_calls=tf.data.AUTOTUNE
        )
        for count in counts
    ]
    # round robin: wherever a consumer stops, it has seen all source counts alike
    mixed = tf.data.Dataset.choose_from_datasets(
        datasets, tf.data.Dataset.range(len(datasets)).repeat(), stop_on_empty_dataset=False
    )
    size = len(datasets) * (
        config.data.train_examples_used if split == "train" else config.data.examples(split)
    )
    mixed = mixed.take(size).apply(tf.data.experimental.assert_cardinality(size))
    if config.data.cache:
        mixed = mixed.cache()
    if split == "train":
        mixed = mixed.shuffle(
            min(config.data.shuffle_buffer, size),
            seed=config.training.seed,
            reshuffle_each_iteration=True,
        )
    batches = mixed.batch(
        batch_size or config.training.batch_size, drop_remainder=drop_remainder
    ).prefetch(tf.data.AUTOTUNE)
    return _with_workers(batches, workers)


def _with_workers(dataset: tf.data.Dataset, workers: int | None) -> tf.data.Dataset:
    if workers is None:
        return dataset
    options = tf.data.Options()
    options.threading.private_threadpool_size = workers
    return dataset.with_options(options)


@contextmanager
def reading(config: Config, data_dir: Path) -> Iterator[None]:
    """Turn TensorFlow's complaint about a damaged record into one that names the file.

    Raises:
        DataError: a record was damaged.
    """
    try:
        yield
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError):
        for count in config.data.sources:
            find_damage(config, count, data_dir)
        raise
