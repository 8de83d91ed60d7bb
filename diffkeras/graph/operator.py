"""A⁻¹ of a uniform medium in a TensorFlow graph, and its Green's function between nodes.

Fields come from the matrix products of `nn.equation.transforms`, half a GFLOP for 512² nodes;
TensorFlow has no fast transforms of sines. Green's function comes from the method of images
(`physics.linear.axis`).
"""

import math
from copy import copy
from functools import cached_property
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.nn.equation.transforms import Modes, outer_sum, scale_modes
from diffkeras.physics import Medium
from diffkeras.physics.linear.axis import Axis, sum_of_images

Precision = Literal["float32", "float64"]


class TensorOperator:
    """A⁻¹ in a uniform medium, up to a constant if A is singular or nearly so.

    If no axis absorbs, the constant mode has the eigenvalue γ. If γ is smaller than all other
    eigenvalues, every system becomes ill-conditioned, and with γ = 0 there is no inverse. This
    operator then replaces γ by the smallest other eigenvalue λ' ("deflation"): A⁻¹q is the deflated
    field plus the constant Σq / `inverse_factor`.

    All rates are divided by the medium's `unit`. Methods take the decay γ of each image, (batch, 1,
    1) or (1, 1, 1), which is at least the medium's.

    Attributes:
        lattice: (rows, columns).
        dtype: of the transforms.
        axes, boundaries: of the lattice.
        couplings: D/h² along each axis.
        is_deflated: whether γ is replaced.
        is_singular: whether the medium's γ is 0 and no axis absorbs.
    """

    def __init__(self, lattice: tuple[int, int], medium: Medium, precision: Precision) -> None:
        self.lattice, self.dtype = lattice, tf.as_dtype(precision)
        normalised = medium.normalised()
        self._decay, step = float(normalised.decay), normalised.step
        self.couplings = [float(part) / step**2 for part in normalised.diffusivities]
        self.boundaries = medium.boundary_names("the solver in TensorFlow")
        self.axes = tuple(map(Axis, lattice, self.boundaries))
        with tf.init_scope():  # not in a graph that is being traced
            modes = list(map(Modes.of, lattice, self.boundaries, ["float64"] * 2))
            rates = [c * m.eigenvalues for c, m in zip(self.couplings, modes, strict=True)]
            curvature, bases = outer_sum(*rates).numpy(), [mode.waves.numpy() for mode in modes]
        self._smallest = float(np.partition(curvature, 1, axis=None)[1])
        self._is_closed = medium.is_closed
        self.is_deflated = medium.is_closed and self._decay < self._smallest
        self.is_singular = medium.is_closed and self._decay == 0
        # NumPy arrays, which become constants of each graph that uses them
        self._bases: list[Any] = [basis.astype(precision) for basis in bases]
        self._curvature: Any = curvature.astype(precision)

    def with_shared_arrays(self) -> tuple["TensorOperator", list[tf.Tensor]]:
        """A copy whose graphs share its arrays, and these; a SavedModel has to track them."""
        shared = copy(self)
        shared._bases = [tf.constant(basis) for basis in self._bases]
        shared._curvature, shared._table = tf.constant(self._curvature), tf.constant(self._table)
        return shared, [*shared._bases, shared._curvature, shared._table]

    @cached_property
    def _table(self) -> Any:
        """The table of the medium's own decay."""
        # a larger table of unfolded offsets would save operations but not fit into the cache
        with tf.init_scope():
            return self._tables_of(tf.constant([self._decay], tf.float64)).numpy()

    def _tables_of(self, decays: tf.Tensor) -> tf.Tensor:
        """The periodic Green's functions at the offsets 0 … period // 2, for each decay.

        They are computed in float64, as differences of images lose digits.
        """
        (rows, along), (columns, across) = map(_even_modes, self.axes)
        curvature = self.couplings[0] * along[:, None] + self.couplings[1] * across
        if not self._is_closed:
            curvature[0, 0] = 1.0  # of a mode that the images cancel
        decays = tf.reshape(tf.cast(decays, tf.float64), (-1, 1, 1))
        eigenvalues = self._deflated(curvature + decays)
        tables = tf.matmul(rows, tf.matmul(1 / eigenvalues, columns, transpose_b=True))
        return tf.cast(tables, self.dtype)

    def _deflated(self, eigenvalues: tf.Tensor) -> tf.Tensor:
        # only the constant mode has a smaller eigenvalue
        return tf.maximum(eigenvalues, self._smallest) if self.is_deflated else eigenvalues

    def inverse_factor(self, decay: tf.Tensor) -> tf.Tensor:
        """1/constant per unit of Σq, (batch,) or (1,); 0 if A is singular, ∞ if not deflated."""
        decay, nodes = tf.reshape(tf.cast(decay, self.dtype), [-1]), math.prod(self.lattice)
        return nodes * decay * (self._smallest / tf.nn.relu(self._smallest - decay))

    def inverse(self, density: tf.Tensor, decay: tf.Tensor) -> tf.Tensor:
        """The deflated field of a density on the lattice, both (batch, rows, columns)."""
        decay = tf.reshape(tf.cast(decay, self.dtype), (-1, 1, 1, 1, 1))
        rows, columns = map(tf.convert_to_tensor, self._bases)
        return scale_modes(density, rows, columns, 1 / self._deflated(self._curvature + decay))

    def green_matrix(
        self, rows: tf.Tensor, columns: tf.Tensor, decays: tf.Tensor | None = None
    ) -> tf.Tensor:
        """The deflated operator's G, (batch, m, m), between nodes (batch, m) of each image."""
        height, width = (axis.period // 2 + 1 for axis in self.axes)
        tables = tf.convert_to_tensor(self._table) if decays is None else self._tables_of(decays)
        table = tf.reshape(tables, [-1])
        start = tf.range(tf.shape(tables)[0])[:, None, None] * (height * width)
        row_images, column_images = (
            axis.images(nodes[:, :, None], nodes[:, None, :], tf)
            for axis, nodes in zip(self.axes, (rows, columns), strict=True)
        )
        row_starts = [(sign, row * width + start) for sign, row in row_images]
        return sum_of_images(
            # faster than `gather` on CPUs
            (row_sign * column_sign, tf.gather_nd(table, (row_start + column)[..., None]))
            for row_sign, row_start in row_starts
            for column_sign, column in column_images
        )


def _even_modes(axis: Axis) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What sums up the even modes of the periodic Green's function, and their eigenvalues of −δ².

    The matrix is [offset 0 … period // 2, mode].
    """
    mode = np.arange(axis.period // 2 + 1)
    waves = np.cos(2 * np.pi / axis.period * (mode[:, None] * mode % axis.period))
    twice = np.where((mode == 0) | (2 * mode == axis.period), 1.0, 2.0)  # k and period − k
    axis.keep_modes(twice)
    return waves * twice / axis.period, 4 * np.sin(np.pi / axis.period * mode) ** 2
