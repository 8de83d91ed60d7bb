"""In which order training reads the examples: shares of replicas, passes over them, symmetries."""

from dataclasses import dataclass

import tensorflow as tf

from diffkeras.config import Config


@dataclass(frozen=True)
class DataShares:
    """Some of the equal shares in which a split is read.

    Share s of S of N examples has the examples from s·⌊N/S⌋ to (s + 1)·⌊N/S⌋, and fills the s-th
    of S equal pieces of every batch.

    Attributes:
        numbers: which shares, one after another.
        total: how many there are.
    """

    numbers: range = range(1)
    total: int = 1

    def of(self, examples: int) -> range:
        """Numbers of the examples in these shares; a remainder that can't be shared is left out."""
        size = examples // self.total
        return range(self.numbers.start * size, self.numbers.stop * size)


EVERYTHING = DataShares()
ENDLESS = 1 << 62


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

    The symmetries of the lattice map solutions to solutions. Number s of 0 … 7 mirrors the rows if
    s is odd, then mirrors the columns if s // 2 is odd, then swaps both if s is at least 4.

    y has one row and one column more than the lattice, which stay where they are.
    """
    for number, axis in ((symmetry % 2, 0), (symmetry // 2 % 2, 1)):
        mirrored = tf.reverse(x, [axis]), tf.roll(tf.reverse(y, [axis]), -1, axis)
        x, y = (tf.where(number == 1, m, v) for m, v in zip(mirrored, (x, y), strict=True))
    if count == 8:
        swapped = (tf.transpose(v, (1, 0, 2)) for v in (x, y))
        x, y = (tf.where(symmetry >= 4, s, v) for s, v in zip(swapped, (x, y), strict=True))
    return x, y
