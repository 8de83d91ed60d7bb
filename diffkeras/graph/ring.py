"""Fields in uniform media by the ring: source rims, and the dense systems for densities on them.

The method is that of `diffkeras.solve` (`physics.solvers.uniform`): find the source rims,
solve a dense symmetric system for the densities on them, and spread these over the lattice. The
field of production is one transform pair.

The images of a batch have rims of different sizes. Nodes of all rims are therefore listed one after
another, and systems are padded to the largest.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from diffkeras.graph.checks import power_of_two
from diffkeras.graph.operator import TensorOperator
from diffkeras.graph.problem import ProblemTensors, largest_of_each, ring_mask

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


def find_rings(fixed: tf.Tensor, boundaries: Sequence[str]) -> Rings:
    """The rings of a batch of fixed nodes, (batch, rows, columns) bool."""
    nodes = tf.where(ring_mask(fixed, boundaries))
    image = tf.cast(nodes[:, 0], tf.int32)
    counts = tf.math.bincount(image, minlength=tf.shape(fixed)[0])
    with tf.name_scope(SCOPE):
        number = tf.ragged.range(counts).flat_values
    return Rings(nodes, counts, tf.stack([image, number], axis=1))


class TensorRingSystem:
    """The dense systems of a batch, G q = c on the ring of each image, factorised once.

    `decays` are those of the images, (batch, 1, 1), if they differ from the operator's.
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
        if operator.is_deflated:
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


def direct_field(operator: TensorOperator, problem: ProblemTensors) -> tf.Tensor:
    """The field on the free nodes, (batch, rows, columns) float64, computed in the operator's type.

    It is the sum of two fields, one of the production and one of point sources on the ring, with
    which the ring has its values. If many nodes are fixed, both may be far larger than their sum,
    so the rounding that this leaves on the ring is corrected. Production is 0 on the fixed nodes.
    """
    decays, production = problem.own_decays, problem.production
    sizes = largest_of_each(problem.images)
    if production is not None:
        sizes = tf.maximum(sizes, largest_of_each(production))
    power = tf.where(problem.is_valid, power_of_two(sizes), np.nan)
    images = tf.cast(problem.images / power, operator.dtype)
    if production is not None:
        production = tf.cast(production / power, operator.dtype)
    if not problem.has_sources:
        field = operator.inverse(production, decays)
        if operator.is_deflated:
            constants = operator.total(production) / operator.inverse_factor(decays)
            field += constants[:, None, None]
        return power * tf.cast(field, tf.float64)
    rings = find_rings(problem.fixed, operator.boundaries)
    system = TensorRingSystem(operator, rings, decays)

    def of_ring(values: tf.Tensor) -> tf.Tensor:
        densities, constants = system.solve(values)
        on_ring = tf.scatter_nd(rings.nodes, densities, tf.shape(images, tf.int64))
        return operator.inverse(on_ring, decays) + constants

    values = tf.gather_nd(images, rings.nodes)
    if production is None:
        return power * tf.cast(of_ring(values), tf.float64)
    remainder = values - tf.gather_nd(operator.inverse(production, decays), rings.nodes)
    densities, constants = system.solve(remainder, operator.total(production))
    production = tf.tensor_scatter_nd_add(production, rings.nodes, densities)
    field = operator.inverse(production, decays) + constants
    field += of_ring(values - tf.gather_nd(field, rings.nodes))
    return power * tf.cast(field, tf.float64)
