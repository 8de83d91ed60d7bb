"""Batches for Keras: all source counts together, on the network's scale, stored or streamed.

Also in which order training reads the examples: shares of replicas, passes over them, symmetries.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf

from diffkeras.config import Config
from diffkeras.data.dataset import DatasetConfig
from diffkeras.data.examples import example_reader, solved_examples, with_threads, without_autograph
from diffkeras.data.section import Split
from diffkeras.errors import DataError

COPIED_TOGETHER = 64  # examples
PairReader = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


@dataclass(frozen=True)
class DataShares:
    """Some of the equal shares in which a split is read.

    Share s of S of N examples has the examples from s·⌊N/S⌋ to (s + 1)·⌊N/S⌋, and fills the s-th
    of S equal pieces of every batch.
    """

    numbers: range = range(1)  # which shares, one after another
    total: int = 1  # how many there are

    def of(self, examples: int) -> range:
        """Numbers of the examples in these shares; a remainder that can't be shared is left out."""
        size = examples // self.total
        return range(self.numbers.start * size, self.numbers.stop * size)


EVERYTHING = DataShares()
ENDLESS = 1 << 62


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
    """Batches as of `mixed_dataset`, from a step of an epoch on, one epoch after the other.

    Each pass is a random permutation of the examples of each share. It depends on the seed of the
    order, the number of the pass and the number of shares, so training can continue at any
    position, and on any number of replicas that divides the number of shares. An epoch is a pass,
    or a configured number of steps, all of whose batches are full. If the configuration trains on a
    stream, every epoch has new examples, and all batches are full. With `training.symmetries`, each
    example goes through the symmetries of the lattice pass by pass.
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
    """All x and all y."""
    # `Dataset.batch(size)` would allocate each example apart, and its freed memory stays in pieces
    # with the process: three times as much as the examples need
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


def epoch_order(config: Config, examples: int, shares: DataShares, epoch: tf.Tensor) -> tf.Tensor:
    """The numbers of `_pass_order` in the order of an epoch that is one pass."""
    order = _pass_order(config, examples, shares, epoch)
    if shares.total == 1:
        return order[0]
    own, size = order.shape
    piece = config.training.batch_size // shares.total  # that a share has of a batch
    pieces = tf.reshape(order[:, : size // piece * piece], (own, -1, piece))
    return tf.reshape(tf.transpose(pieces, (1, 0, 2)), (-1,))


def endless_order(config: Config, examples: int, shares: DataShares, steps: int) -> tf.data.Dataset:
    """The numbers of `_pass_order`, pass after pass, from a step of the run on."""
    piece = config.training.batch_size // shares.total  # that a share has of a batch
    first, skipped = divmod(steps * piece, examples // len(shares.numbers))

    def one_pass(number: tf.Tensor) -> tf.data.Dataset:
        order = _pass_order(config, examples, shares, number)
        return tf.data.Dataset.from_tensor_slices(tf.transpose(order))

    def one_batch(columns: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices(tf.reshape(tf.transpose(columns), (-1,)))

    passes = tf.data.Dataset.range(first, ENDLESS).flat_map(one_pass)
    return passes.skip(skipped).batch(piece).flat_map(one_batch)


def _pass_order(config: Config, examples: int, shares: DataShares, number: tf.Tensor) -> tf.Tensor:
    """(shares, size) int64: the positions of all examples of these shares in a pass over them.

    With symmetries, position · (their number) + the symmetry in which the example is seen.
    """
    own, first = len(shares.numbers), shares.numbers.start
    size = examples // own  # of one share, over all source counts
    # every replica draws the numbers of all shares, so that its own don't depend on the others
    keys = tf.random.stateless_uniform(
        (shares.total, size),
        seed=tf.stack([tf.constant(config.training.seed_of_order, tf.int64), number]),
        minval=None,
        maxval=None,
        dtype=tf.int64,
        alg="philox",
    )
    order = tf.cast(tf.argsort(keys[first : first + own], axis=1), tf.int64)
    each = size // len(config.data.sources)  # of each source count, in one share
    share = tf.range(own, dtype=tf.int64)[:, None]
    position = order // each * (own * each) + share * each + order % each
    symmetries = symmetry_count(config)
    # not by the position, which depends on the shares that this process has
    return position * symmetries + (order + first + share + number) % symmetries


def symmetry_count(config: Config) -> int:
    """How many symmetries the training examples are seen in: 8, or 4 without swaps; 1 if off."""
    if not config.training.symmetries:
        return 1
    (rows, columns), sides = config.physics.lattice, config.physics.medium.sides
    return 8 if rows == columns and sides[0] == sides[1] else 4


def transform_pair(
    x: tf.Tensor, y: tf.Tensor, symmetry: tf.Tensor, count: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """An example (x, y) of `mixed_dataset` under a symmetry, of which there are `count`.

    Number s of 0 … 7 mirrors the rows if s is odd, then mirrors the columns if s // 2 is odd, then
    swaps both if s is at least 4. The last row and column of y, beyond the lattice, stay.
    """
    for number, axis in ((symmetry % 2, 0), (symmetry // 2 % 2, 1)):
        mirrored = tf.reverse(x, [axis]), tf.roll(tf.reverse(y, [axis]), -1, axis)
        x, y = (tf.where(number == 1, m, v) for m, v in zip(mirrored, (x, y), strict=True))
    if count == 8:
        swapped = (tf.transpose(v, (1, 0, 2)) for v in (x, y))
        x, y = (tf.where(symmetry >= 4, s, v) for s, v in zip(swapped, (x, y), strict=True))
    return x, y
