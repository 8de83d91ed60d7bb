"""The dense systems for densities on the rings, whose point sources hold the fixed values.

The method is `diffkeras.solve`'s (`physics.steady.uniform`). The images of a batch have
rings of different sizes. Nodes of all rings are therefore listed one after another, image by image
and row by row, and systems are padded to the largest.
"""

import tensorflow as tf

from diffkeras.graph.operator import TensorOperator
from diffkeras.graph.problem import ProblemTensors, power_of_two

# XLA's error names the operation that it can't compile, and with it this scope
SCOPE = "XLA_cannot_compile_ring_systems_because_their_size_depends_on_the_images"


class RingSystems:
    """The systems G q = e of a batch, e on the ring of each image, factorised once."""

    def __init__(self, operator: TensorOperator, problem: ProblemTensors) -> None:
        self._values, self._dtype = problem.values, operator.dtype
        self._nodes = tf.where(problem.ring)  # (k, 3), each node's image, row and column
        image, row, column = tf.unstack(tf.cast(self._nodes, tf.int32), axis=1)
        counts = tf.math.bincount(image, minlength=tf.shape(problem.ring)[0])
        with tf.name_scope(SCOPE):
            number = tf.ragged.range(counts).flat_values
        self._places = tf.stack([image, number], axis=1)
        self._size = tf.stack([tf.size(counts), tf.reduce_max(tf.concat([counts, [0]], 0))])
        rows, columns = (tf.scatter_nd(self._places, each, self._size) for each in (row, column))
        real = tf.sequence_mask(counts, self._size[1])
        decay = problem.decay if problem.has_decays else None
        matrix = operator.green_matrix(rows, columns, decay)
        # the identity fills the rows that an image does not need
        identity = tf.eye(self._size[1], dtype=operator.dtype)
        matrix = tf.where(real[:, :, None] & real[:, None, :], matrix, identity)
        self._lower = tf.linalg.cholesky(matrix)
        self._of_ones = None
        if operator.is_deflated:
            self._factor = operator.inverse_factor(problem.decay)
            self._of_ones = self._solve(tf.cast(real, operator.dtype))

    def densities(self, field: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
        """Densities whose field, added to a field, gives the ring its values.

        Both are (batch, rows, columns) in float64; None for a field of zeros. The second result is
        a constant to be added, too, if the operator is deflated, (batch, 1, 1).
        """
        error = tf.gather_nd(self._values, self._nodes)
        if field is not None:
            error -= tf.gather_nd(field, self._nodes)
        image = self._places[:, 0]
        # images without a ring have the lowest number as the largest
        largest = tf.nn.relu(tf.math.unsorted_segment_max(tf.abs(error), image, self._size[0]))
        scale = power_of_two(largest)
        of_nodes = tf.gather(scale, image)
        right = tf.cast(error / of_nodes, self._dtype)
        solution = self._solve(tf.scatter_nd(self._places, right, self._size))
        constant = tf.zeros([], tf.float64)
        if self._of_ones is not None:
            # G q + μ1 = e and 1ᵀq = μ · inverse_factor
            total = tf.reduce_sum(self._of_ones, axis=1) + self._factor
            # the total is 0 if every node of an image is fixed, as it has no ring then
            constants = tf.math.divide_no_nan(tf.reduce_sum(solution, axis=1), total)
            solution -= constants[:, None] * self._of_ones
            constant = (scale * tf.cast(constants, tf.float64))[:, None, None]
        density = of_nodes * tf.cast(tf.gather_nd(solution, self._places), tf.float64)
        return tf.scatter_nd(self._nodes, density, tf.shape(self._values, tf.int64)), constant

    def _solve(self, right: tf.Tensor) -> tf.Tensor:
        return tf.linalg.cholesky_solve(self._lower, right[..., None])[..., 0]
