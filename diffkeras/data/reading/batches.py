"""Batches for Keras: all source counts together, on the network's scale, stored or streamed."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf

from diffkeras.config import Config
from diffkeras.data.dataset import DatasetConfig
from diffkeras.data.reading.examples import (
    example_reader,
    solved_examples,
    with_threads,
)
from diffkeras.data.reading.order import (
    ENDLESS,
    EVERYTHING,
    DataShares,
    endless_order,
    epoch_order,
    symmetry_count,
    transform_pair,
)
from diffkeras.data.section import Split
from diffkeras.errors import DataError
from diffkeras.system.tensorflow_setup import without_autograph

COPIED_TOGETHER = 64  # examples

PairReader = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


@without_autograph
def mixed_dataset(
    config: Config,
    split: Split,
    data_dir: str | Path,
    *,
    shares: DataShares = EVERYTHING,
    threads: int | None = None,
) -> tf.data.Dataset:
    """Batches for `keras.Model.fit` and `evaluate`, with as many examples of each source count.

    Iterated for the k-th time, the training split is in the order of the k-th pass of
    `training_batches`. The source counts of the other splits alternate. If the configuration trains
    on a stream, the training split is this stream and has no end.

    Args:
        config: source counts, numbers of examples, batch size, transform and seed.
        split: train, validation or test.
        data_dir: the directory of all datasets.
        shares: of the examples and of each batch; not for the training split.
        threads: how many read and convert; by default tf.data chooses.

    Returns:
        A dataset of (x, y): x (batch, H, W, 1) the source image on the network's scale, with the
        diffusion length as a second channel where it varies (`NetworkView`), and y
        (batch, H + 1, W + 1, 2) the packed target for losses and metrics: the field on the
        network's scale, the source image on the linear one and the source count (`pack_target`).

    Raises:
        DataError: see `check_dataset`; or the training split is asked for within a `tf.function`.
    """
    if split == "train" and config.data.stream:
        return stream_batches(config, threads=threads)
    if split == "train":
        size, pair_at = _training_pairs(config, data_dir, EVERYTHING)
        positions = _next_pass(config, size)
    else:
        size, pair_at = _indexed_pairs(config, split, data_dir, shares)
        counts = len(config.data.sources)
        positions = tf.data.Dataset.range(size)
        positions = positions.map(lambda k: k % counts * (size // counts) + k // counts)
    pairs = positions.map(pair_at, num_parallel_calls=tf.data.AUTOTUNE)
    batch = len(shares.of(config.training.batch_size))
    return with_threads(pairs.batch(batch).prefetch(tf.data.AUTOTUNE), threads)


def _next_pass(config: Config, examples: int) -> tf.data.Dataset:
    """The numbers of `epoch_order`: of the first pass, and in each later iteration of the next."""
    if not tf.executing_eagerly():
        raise DataError(
            "the training split counts its passes, which a graph can't begin: call mixed_dataset "
            "outside of the tf.function, and iterate over its result inside"
        )
    done = tf.Variable(0, dtype=tf.int64)

    def one_pass(_: tf.Tensor) -> tf.data.Dataset:
        number = done.assign_add(1) - 1
        return tf.data.Dataset.from_tensor_slices(epoch_order(config, examples, EVERYTHING, number))

    numbers = tf.data.Dataset.range(1).flat_map(one_pass)
    return numbers.apply(tf.data.experimental.assert_cardinality(examples))


@without_autograph
def training_batches(
    config: Config,
    data_dir: str | Path,
    *,
    epoch: int = 0,
    step: int = 0,
    shares: DataShares = EVERYTHING,
    threads: int | None = None,
) -> tf.data.Dataset:
    """Batches of all epochs from one on, one epoch after the other without end.

    Each pass is a random permutation of the examples of each share. It depends on the seed of the
    order, the number of the pass and the number of shares, so training can continue at any
    position, and on any number of replicas that divides the number of shares. An epoch is a pass,
    or a configured number of steps, all of whose batches are full. If the configuration trains on a
    stream, every epoch has new examples, and all batches are full. With `training.symmetries`, each
    example goes through the symmetries of the lattice pass by pass.

    Args:
        config, data_dir, threads: as for `mixed_dataset`.
        epoch: the first epoch, from 0.
        step: batches that are left out of the first epoch.
        shares: of the examples and of each batch; with several in total, as in
            `Config.steps_per_epoch_in`.

    Returns:
        (x, y) as from `mixed_dataset`.
    """
    steps = config.steps_per_epoch_in(shares.total)
    if config.data.stream:
        start = (epoch * steps + step) * config.training.batch_size
        return stream_batches(config, start=start, shares=shares, threads=threads)
    examples, pair_at = _training_pairs(config, data_dir, shares)
    batch = len(shares.of(config.training.batch_size))

    def batches_of(numbers: tf.data.Dataset) -> tf.data.Dataset:
        pairs = numbers.map(pair_at, num_parallel_calls=tf.data.AUTOTUNE)
        return pairs.batch(batch, drop_remainder=shares.total > 1)

    def epoch_batches(number: tf.Tensor) -> tf.data.Dataset:
        order = epoch_order(config, examples, shares, number)
        skipped = tf.where(number == epoch, tf.constant(step * batch, tf.int64), 0)
        return batches_of(tf.data.Dataset.from_tensor_slices(order).skip(skipped))

    if config.training.steps_per_epoch:
        batches = batches_of(endless_order(config, examples, shares, epoch * steps + step))
    else:
        batches = tf.data.Dataset.range(epoch, ENDLESS).flat_map(epoch_batches)
    return with_threads(batches.prefetch(tf.data.AUTOTUNE), threads)


def _training_pairs(
    config: Config, data_dir: str | Path, shares: DataShares
) -> tuple[int, PairReader]:
    """As `_indexed_pairs`, for the numbers of `epoch_order` and `endless_order`."""
    examples, pair_at = _indexed_pairs(config, "train", data_dir, shares)
    symmetries = symmetry_count(config)
    if symmetries == 1:
        return examples, pair_at
    return examples, lambda number: transform_pair(
        *pair_at(number // symmetries), number % symmetries, symmetries
    )


def _indexed_pairs(
    config: Config, split: Split, data_dir: str | Path, shares: DataShares
) -> tuple[int, PairReader]:
    """The number of examples in these shares, and a function from a position to (x, y).

    The examples of one source count are consecutive.
    """
    numbers = config.data.numbers[split]
    part = shares.of(len(numbers))
    own = numbers[part.start : part.stop]
    read = example_reader(config, config.data.sources, split, data_dir, own)
    convert = partial(config.view.pair, xp=tf.experimental.numpy)
    size = len(config.data.sources) * len(own)
    if not config.data.cache:
        return size, lambda position: convert(read(position))
    pairs = tf.data.Dataset.range(size).map(
        lambda position: convert(read(position)), num_parallel_calls=tf.data.AUTOTUNE
    )
    with tf.init_scope():
        x, y = _in_memory(pairs, size)
    return size, lambda position: (tf.gather(x, position), tf.gather(y, position))


def _in_memory(pairs: tf.data.Dataset, size: int) -> list[tf.Tensor]:
    """All x and all y.

    `Dataset.batch(size)` would allocate each example apart, and its freed memory, in pieces, stays
    with the process: three times that of the examples.
    """
    kept = [np.empty((size, *spec.shape), spec.dtype.as_numpy_dtype) for spec in pairs.element_spec]
    batches = pairs.batch(COPIED_TOGETHER).as_numpy_iterator()
    for start, batch in zip(range(0, size, COPIED_TOGETHER), batches, strict=True):
        for array, part in zip(kept, batch, strict=True):
            array[start : start + len(part)] = part
    return [tf.convert_to_tensor(kept.pop(0)) for _ in range(len(kept))]  # both are never twice


@without_autograph
def stream_batches(
    config: Config,
    *,
    start: int = 0,
    shares: DataShares = EVERYTHING,
    threads: int | None = None,
) -> tf.data.Dataset:
    """Batches (x, y) of the samples `start`, `start` + 1, … of a stream, without end and all full.

    They are solved as they are needed, without a disk. Sample k of a stream depends on the data
    seed and k alone. The source counts alternate: sample k is example k of the split "stream" of
    the k-th source count, modulo their number.

    With several shares, `start` is the first sample of a batch.
    """
    size, counts = config.training.batch_size, config.data.sources
    own = shares.of(size)
    solve = solved_examples([DatasetConfig.of(n, config) for n in counts], "stream")
    convert = partial(config.view.pair, xp=tf.experimental.numpy)

    def pair(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        sample = index // len(own) * size + own.start + index % len(own)
        return convert(solve(sample % len(counts), sample))

    # samples are counted within these shares, of which each batch has len(own)
    first = start // size * len(own) if len(own) < size else start
    pairs = tf.data.Dataset.range(first, ENDLESS).map(pair, num_parallel_calls=tf.data.AUTOTUNE)
    batches = pairs.batch(len(own), drop_remainder=True).prefetch(tf.data.AUTOTUNE)
    return with_threads(batches, threads)
