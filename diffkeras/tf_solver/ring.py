"""Source rims of a batch of images, and the dense systems for the densities on them.

The images of a batch have rims of different sizes. Nodes of all rims are therefore listed one after
another, and systems are padded to the largest.
"""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from diffkeras.physics.operators.axis import Axis
from diffkeras.tf_solver.operator import TensorOperator

# XLA's error names the operation that it can't compile, and with it this scope
SCOPE = "XLA_cannot_compile_ring_systems_because_their_size_depends_on_the_images"


class Rings(NamedTuple):
    """Fixed nodes with a free neighbour, image by image and row by row.

    Attributes:
        nodes: (k, 3) int64, each node's image, row and column.
        counts: (batch,) int32, nodes of each image.
        places: (k, 2) int32, each node's image and its number in that image.
    """

    nodes: tf.Tensor
    counts: tf.Tensor
    places: tf.Tensor


def ring_mask(fixed: tf.Tensor, axes: Sequence[Axis]) -> tf.Tensor:
    """The fixed nodes with a free neighbour, of masks (batch, rows, columns) bool.

    No free node lies beyond an absorbing or reflecting side.
    """
    enclosed = fixed
    for axis in axes:
        nodes = fixed if axis is axes[0] else tf.transpose(fixed, (0, 2, 1))
        first, last = nodes[:, :1], nodes[:, -1:]
        if axis.boundary != "periodic":
            first, last = tf.ones_like(first), tf.ones_like(last)
        both = tf.concat([last, nodes[:, :-1]], 1) & tf.concat([nodes[:, 1:], first], 1)
        enclosed &= both if nodes is fixed else tf.transpose(both, (0, 2, 1))
    return fixed & ~enclosed


def find_rings(fixed: tf.Tensor, axes: Sequence[Axis]) -> Rings:
    """The rings of a batch of fixed nodes, (batch, rows, columns) bool."""
    nodes = tf.where(ring_mask(fixed, axes))
    image = tf.cast(nodes[:, 0], tf.int32)
    counts = tf.math.bincount(image, minlength=tf.shape(fixed)[0])
    with tf.name_scope(SCOPE):
        number = tf.ragged.range(counts).flat_values
    return Rings(nodes, counts, tf.stack([image, number], axis=1))


class RingSystem:
    """The dense systems of a batch, G q = c on the ring of each image, factorised once.

    `decays` are those of the images, (batch,), if they differ from the operator's.
    """

    def __init__(
        self, operator: TensorOperator, rings: Rings, decays: tf.Tensor | None = None
    ) -> None:
        counts = rings.counts
        size = tf.stack([tf.size(counts), tf.reduce_max(tf.concat([counts, [0]], 0))])
        rows, columns = (
            tf.scatter_nd(rings.places, tf.cast(rings.nodes[:, i], tf.int32), size) for i in (1, 2)
        )
        real = tf.sequence_mask(counts, size[1])
        matrix = operator.green_matrix(rows, columns, decays)
        # the identity fills the rows that an image does not need
        identity = tf.eye(size[1], dtype=operator.dtype)
        matrix = tf.where(real[:, :, None] & real[:, None, :], matrix, identity)
        self._places, self._size = rings.places, size
        self._lower = tf.linalg.cholesky(matrix)
        self._of_ones = None
        if operator.deflated:
            self._factor = operator.inverse_factor(decays)
            self._of_ones = self._solve(tf.cast(real, operator.dtype))

    def solve(
        self, values: tf.Tensor, produced: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Densities (k,) with which point sources on the rings give them their values (k,).

        The second result is what to add to their fields if the operator is deflated, (batch, 1, 1).
        That includes the constant of the free nodes' production, whose sum is `produced`, (batch,).
        """
        of_values = self._solve(tf.scatter_nd(self._places, values, self._size))
        if self._of_ones is None:
            return tf.gather_nd(of_values, self._places), tf.zeros([], values.dtype)
        # G q + μ1 = c and 1ᵀq + produced = μ · inverse_factor
        total = tf.reduce_sum(self._of_ones, axis=1) + self._factor
        density = tf.reduce_sum(of_values, axis=1)
        if produced is not None:
            density += produced
        # the total is 0 if every node of an image is fixed, as it has no ring then
        constants = tf.math.divide_no_nan(density, total)
        densities = of_values - constants[:, None] * self._of_ones
        return tf.gather_nd(densities, self._places), constants[:, None, None]

    def _solve(self, right: tf.Tensor) -> tf.Tensor:
        return tf.linalg.cholesky_solve(self._lower, right[..., None])[..., 0]
