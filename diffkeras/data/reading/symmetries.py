"""Training examples turned and mirrored: the symmetries of the lattice map solutions to solutions.

Symmetry number s of 0 … 7 mirrors the rows if s is odd, then mirrors the columns if s // 2 is odd,
then swaps rows and columns if s is at least 4.
"""

import tensorflow as tf

from diffkeras.config import Config

Pair = tuple[tf.Tensor, tf.Tensor]


def symmetry_count(config: Config) -> int:
    """How many symmetries the training examples are seen in: 8, or 4 without swaps; 1 if off."""
    if not config.training.symmetries:
        return 1
    (rows, columns), sides = config.physics.lattice, config.physics.medium.sides
    return 8 if rows == columns and sides[0] == sides[1] else 4


def transform_pair(x: tf.Tensor, y: tf.Tensor, symmetry: tf.Tensor, count: int) -> Pair:
    """An example (x, y) of `mixed_dataset` under a symmetry, of which there are `count`.

    y has one row and one column more than the lattice, which stay where they are.
    """
    for number, axis in ((symmetry % 2, 0), (symmetry // 2 % 2, 1)):
        mirrored = tf.reverse(x, [axis]), tf.roll(tf.reverse(y, [axis]), -1, axis)
        x, y = (tf.where(number == 1, m, v) for m, v in zip(mirrored, (x, y), strict=True))
    if count == 8:
        swapped = (tf.transpose(v, (1, 0, 2)) for v in (x, y))
        x, y = (tf.where(symmetry >= 4, s, v) for s, v in zip(swapped, (x, y), strict=True))
    return x, y
