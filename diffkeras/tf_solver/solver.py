"""The exact solver in TensorFlow: batched, differentiable, for CPU and GPU.

The method is that of `diffkeras.solve` (`diffkeras.physics.solvers.ring`): find the sources' rims,
solve a dense symmetric system for the densities on them, spread the densities over the lattice.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.physics import Medium
from diffkeras.tf_solver.operator import Precision, tensor_operator


class OwnMedia(NamedTuple):
    """Media that differ between images in their decays, none smaller than the solver's medium's.

    Attributes:
        decays: (batch,), γ [1/time].
        tables: those of Green's function (`TensorSolver.tables`).
    """

    decays: tf.Tensor
    tables: tf.Tensor


class TensorSolver:
    """Fields of batches of source images in a uniform medium, in any TensorFlow graph.

    In float32 within 2e-6 of `diffkeras.solve`, relative to the largest value, and differentiable
    with respect to the source values. (Within 4e-6 for diffusion lengths far beyond the lattice
    without absorption; within 1e-5 where the diffusivities along the axes differ by a factor of
    100, and 5e-5 by 1000. Take float64 for these.) A graph finds no errors of input: NaNs spread.

    Args:
        lattice: (rows, columns).
        medium: the uniform medium, with any boundary.
        precision: of the computation; by default float32, but float64 where TensorFlow would round
            float32 products to ten bits, which is on GPUs with TensorFloat-32 enabled. On CPUs
            alone, as in a tf.data pipeline, give "float32".

    Example:
        >>> import tensorflow as tf
        >>> from diffkeras.data import TensorSolver
        >>> from diffkeras.physics import Medium
        >>> solver = TensorSolver((64, 64), Medium(decay=0.01))
        >>> images = tf.Variable(tf.scatter_nd([[0, 20, 30]], [1.0], [1, 64, 64]))
        >>> with tf.GradientTape() as tape:
        ...     field = solver.solve(images)
        ...     there = field[0, 40, 30]
        >>> gradient = tape.gradient(there, images)[0, 20, 30]
        >>> bool(abs(gradient - there) < 1e-6)  # the field is linear in the source's value, 1
        True
    """

    def __init__(
        self, lattice: tuple[int, int], medium: Medium, precision: Precision | None = None
    ) -> None:
        if precision is None:
            precision = "float64" if _products_are_rounded() else "float32"
        self.lattice = lattice
        self.medium = medium
        self._operator = tensor_operator(lattice, medium, precision)

    def solve(
        self,
        source_images: tf.Tensor,
        fixed: tf.Tensor | None = None,
        media: OwnMedia | None = None,
    ) -> tf.Tensor:
        """The steady states around the fixed nodes of a batch of source images.

        An image takes about 40m² + O(rows · columns) bytes in float32, where m is the largest
        number of ring nodes in the batch, about 28 for a disc of radius 5.

        Args:
            source_images: (batch, rows, columns), real.
            fixed: (batch, rows, columns) bool; by default the nodes whose value is not 0.
            media: of each image, where they differ from the solver's.

        Returns:
            (batch, rows, columns), of the source images' type.

        Raises:
            tf.errors.InvalidArgumentError: when it runs, if a problem has no unique solution, that
                is, decay 0, no absorbing boundary and no fixed node.
        """
        images = tf.cast(source_images, self._operator.dtype)
        fixed = tf.not_equal(images, 0) if fixed is None else tf.cast(fixed, tf.bool)
        if self._operator.deflated and not self._operator.inverse_factor:
            fixed = _some_fixed(fixed)
        ring = self._find_ring(fixed)
        targets = tf.gather_nd(images, ring)
        batch = tf.shape(images)[0]
        counts = tf.math.bincount(tf.cast(ring[:, 0], tf.int32), minlength=batch)
        place = tf.stack([tf.cast(ring[:, 0], tf.int32), _positions(counts)], axis=1)
        padded, constants = self._solve_rings(ring, place, targets, counts, media)
        decays = None if media is None else media.decays
        field = self._operator.spread(ring, tf.gather_nd(padded, place), batch, decays)
        return self._finish(field + constants, images, fixed, source_images.dtype)

    def restore(
        self, source_images: tf.Tensor, densities: tf.Tensor, decays: tf.Tensor | None = None
    ) -> tf.Tensor:
        """The fields that belong to ring densities, without solving for these.

        Args:
            source_images: (batch, rows, columns), real; a node is fixed if its value is not 0.
            densities: (batch, m) float32, in the order of `physics.solvers.ring.find_ring`, row by
                row; entries after an image's own ring nodes are ignored.
            decays: (batch,), γ of each image [1/time] where it is larger than the medium's.

        Returns:
            (batch, rows, columns), of the source images' type.
        """
        images = tf.cast(source_images, self._operator.dtype)
        fixed = tf.not_equal(images, 0)
        ring = self._find_ring(fixed)
        batch = tf.shape(images)[0]
        image = tf.cast(ring[:, 0], tf.int32)
        counts = tf.math.bincount(image, minlength=batch)
        place = tf.stack([image, _positions(counts)], axis=1)
        stored = tf.cast(tf.gather_nd(densities, place), self._operator.dtype)
        field = self._operator.spread(ring, stored, batch, decays)
        if self._operator.deflated:
            # the densities' sum has no digits left to say which constant is missing; the ring has
            missing = tf.gather_nd(images - field, ring)
            constants = tf.math.unsorted_segment_mean(missing, image, batch)
            field += constants[:, None, None]
        return self._finish(field, images, fixed, source_images.dtype)

    def tables(self, decays: NDArray[np.floating]) -> NDArray[np.floating]:
        """Tables for `OwnMedia`, in NumPy.

        Args:
            decays: (batch,), γ of each image [1/time], none smaller than the medium's.
        """
        return self._operator.tables(decays)

    def as_function(self) -> Any:
        """`solve` as a `tf.function` of float32 source images (batch, rows, columns).

        Assign it to a `tf.Module` to save it among other things, or see `export`.
        """
        signature = [tf.TensorSpec((None, *self.lattice), tf.float32, name="source_images")]
        return tf.function(lambda source_images: self.solve(source_images), signature)

    def export(self, path: Path | str) -> None:
        """Write the solver as a SavedModel, which TensorFlow alone loads and runs.

        Example:
            >>> import tensorflow as tf
            >>> TensorSolver((16, 16), Medium()).export("/tmp/diffkeras-solver")
            >>> solve = tf.saved_model.load("/tmp/diffkeras-solver").solve
            >>> solve(tf.zeros((2, 16, 16))).shape
            TensorShape([2, 16, 16])
        """
        module = tf.Module()
        module.solve = self.as_function()
        tf.saved_model.save(module, str(path), signatures=module.solve)

    def _find_ring(self, fixed: tf.Tensor) -> tf.Tensor:
        """(k, 3) int64 image, row and column of fixed nodes with a free neighbour, in that order.

        Beyond a wall that isn't periodic is no free node.
        """
        enclosed = fixed
        for axis in self._operator.axes:
            nodes = fixed if axis is self._operator.axes[0] else tf.transpose(fixed, (0, 2, 1))
            first, last = nodes[:, :1], nodes[:, -1:]
            if axis.boundary != "periodic":
                first, last = tf.ones_like(first), tf.ones_like(last)
            both = tf.concat([last, nodes[:, :-1]], 1) & tf.concat([nodes[:, 1:], first], 1)
            enclosed &= both if nodes is fixed else tf.transpose(both, (0, 2, 1))
        return tf.where(fixed & ~enclosed)

    def _solve_rings(
        self,
        ring: tf.Tensor,
        place: tf.Tensor,
        targets: tf.Tensor,
        counts: tf.Tensor,
        media: OwnMedia | None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Densities, (batch, m) padded with zeros, and constants, (batch, 1, 1)."""
        operator = self._operator
        size = tf.stack([tf.size(counts), tf.reduce_max(tf.concat([counts, [0]], 0))])
        rows, columns = (tf.scatter_nd(place, tf.cast(ring[:, i], tf.int32), size) for i in (1, 2))
        real = tf.sequence_mask(counts, size[1])
        matrix = operator.green_matrix(rows, columns, None if media is None else media.tables)
        # rings differ in size: the rows beyond an image's own are the identity's
        identity = tf.eye(size[1], dtype=operator.dtype)
        matrix = tf.where(real[:, :, None] & real[:, None, :], matrix, identity)
        right = [tf.scatter_nd(place, targets, size)]
        if operator.deflated:
            right.append(tf.cast(real, operator.dtype))
        lower = tf.linalg.cholesky(matrix)
        solved = tf.linalg.cholesky_solve(lower, tf.stack(right, axis=-1))
        if not operator.deflated:
            return solved[..., 0], tf.zeros([], operator.dtype)
        # G q + μ1 = c and 1ᵀq = μ · inverse_factor
        of_values, of_ones = solved[..., 0], solved[..., 1]
        factor = (
            operator.inverse_factor if media is None else operator.inverse_factors(media.decays)
        )
        total = tf.reduce_sum(of_ones, axis=1) + factor
        # an image that is fixed everywhere has no ring
        constants = tf.math.divide_no_nan(tf.reduce_sum(of_values, axis=1), total)
        return of_values - constants[:, None] * of_ones, constants[:, None, None]

    def _finish(
        self, field: tf.Tensor, images: tf.Tensor, fixed: tf.Tensor, dtype: tf.DType
    ) -> tf.Tensor:
        field = tf.where(fixed, images, field)
        return tf.cast(tf.ensure_shape(field, (None, *self.lattice)), dtype)


def _some_fixed(fixed: tf.Tensor) -> tf.Tensor:
    check = tf.debugging.Assert(
        tf.reduce_all(tf.reduce_any(fixed, axis=[1, 2])),
        [
            "no node is fixed, and with decay 0 and no absorbing boundary every constant solves "
            "the problem"
        ],
    )
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(fixed)


def _positions(counts: tf.Tensor) -> tf.Tensor:
    """0 … count−1 for each count, one after another."""
    return tf.ragged.range(counts).flat_values


def _products_are_rounded() -> bool:
    gpus = tf.config.list_physical_devices("GPU")
    return bool(gpus) and tf.config.experimental.tensor_float_32_execution_enabled()
