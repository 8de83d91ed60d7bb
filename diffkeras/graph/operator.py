"""A⁻¹ on the lattice as TensorFlow matrix products, in any graph and on any device.

The physics package inverts A = −D∇²_h + γ by fast transforms. TensorFlow has none for sines, so
here the eigenbasis of each axis (sines, cosines or Fourier modes) is a matrix, and
A⁻¹X = S_r (Λ⁻¹ ∘ (S_rᵀ X S_c)) S_cᵀ. Every mode is even or odd about the middle of its axis.
Folding the lattice into its four quadrants therefore halves the work, to half a GFLOP for 512²
nodes.
"""

from copy import copy
from functools import cached_property
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.physics import Medium
from diffkeras.physics.equations.axis import Axis, lattice_axes, sum_of_images
from diffkeras.physics.equations.bases import waves
from diffkeras.physics.equations.spectral import SpectralOperator

Precision = Literal["float32", "float64"]


class TensorOperator:
    """A⁻¹ in a uniform medium, up to a constant if A is singular or nearly so.

    If no axis absorbs, the constant mode has the eigenvalue γ. If γ is smaller than all other
    eigenvalues, every system becomes ill-conditioned, and with γ = 0 there is no inverse. This
    operator then replaces γ by the smallest other eigenvalue λ' ("deflation"): A⁻¹q is the deflated
    field plus the constant Σq / `inverse_factor`.

    Densities are those of production, and of the point sources that hold the fixed values.

    All rates are divided by the medium's `unit`. The decays of images, (batch, 1, 1), are at least
    the medium's, which is used if they are None.

    Attributes:
        lattice, medium: as they were given.
        dtype: that of the transforms.
        axes: of the lattice, with the boundary of each.
        decay: γ.
        couplings: D/h² along each axis.
        is_deflated: whether γ is replaced.
    """

    def __init__(self, lattice: tuple[int, int], medium: Medium, precision: Precision) -> None:
        self.lattice = lattice
        self.medium, self._normalised = medium, medium.normalised()
        self.decay = float(self._normalised.decay)
        self.dtype = tf.as_dtype(precision)
        boundaries = medium.boundary_names("the solver in TensorFlow")
        self.axes = lattice_axes(lattice, boundaries)
        step = self._normalised.step
        self.couplings = [float(part) / step**2 for part in self._normalised.diffusivities]
        modes = [_folded_modes(axis) for axis in self.axes]
        # NumPy arrays, which become constants of each graph that uses them
        self._bases: list[Any] = [basis.astype(precision) for basis, _ in modes]
        rows, columns = (c * values for c, (_, values) in zip(self.couplings, modes, strict=True))
        curvature = rows[:, None, :, None] + columns[None, :, None, :]
        self._curvature: Any = curvature.astype(precision)  # infinite where there is no mode
        second = np.sort(curvature, axis=None)[1]
        self._smallest = float(second) if np.isfinite(second) else 1.0
        self.is_deflated = (
            all(axis.is_singular for axis in self.axes) and self.decay < self._smallest
        )

    def with_shared_arrays(self) -> tuple["TensorOperator", list[tf.Tensor]]:
        """A copy whose graphs share its arrays, and these; a SavedModel has to track them."""
        shared = copy(self)
        shared._bases = [tf.constant(basis) for basis in self._bases]
        shared._curvature, shared._table = tf.constant(self._curvature), tf.constant(self._table)
        return shared, [*shared._bases, shared._curvature, shared._table]

    @cached_property
    def _table(self) -> Any:
        # a larger table of unfolded offsets would save operations but not fit into the cache
        operator = SpectralOperator(self.lattice, self._normalised)
        table = operator.make_green_table(self._smallest if self.is_deflated else None)
        return table[None].astype(self.dtype.as_numpy_dtype)

    def _tables_of(self, decays: tf.Tensor) -> tf.Tensor:
        """Tables like `_table` for the media of other decays, each by a transform.

        In float64, as differences of images lose digits.
        """
        (rows, along), (columns, across) = map(_even_modes, self.axes)
        curvature = self.couplings[0] * along[:, None] + self.couplings[1] * across
        if not all(axis.is_singular for axis in self.axes):
            curvature[0, 0] = 1.0  # of a mode that the images cancel
        eigenvalues = curvature + tf.reshape(tf.cast(decays, tf.float64), (-1, 1, 1))
        if self.is_deflated:
            eigenvalues = tf.maximum(eigenvalues, self._smallest)
        tables = tf.matmul(rows, tf.matmul(1 / eigenvalues, columns, transpose_b=True))
        return tf.cast(tables, self.dtype)

    def inverse_factor(self, decays: tf.Tensor | None) -> tf.Tensor:
        """Inverse of the constant per unit of Σq, 0 if A is singular, infinite if not deflated."""
        decays = self._in_precision(decays)
        nodes = self.lattice[0] * self.lattice[1]
        return nodes * decays * (self._smallest / tf.nn.relu(self._smallest - decays))

    def total(self, density: tf.Tensor) -> tf.Tensor:
        """The sum of a density (batch, rows, columns), (batch,).

        In float64, as small decays multiply its rounding.
        """
        return tf.cast(tf.reduce_sum(tf.cast(density, tf.float64), axis=[1, 2]), self.dtype)

    def _in_precision(self, decays: tf.Tensor | None) -> tf.Tensor:
        """The images' decays, or by default the medium's."""
        if decays is None:
            return tf.constant(self.decay, self.dtype)
        return tf.reshape(tf.cast(decays, self.dtype), [-1])

    def inverse(self, density: tf.Tensor, decays: tf.Tensor | None = None) -> tf.Tensor:
        """The deflated field of a density on the lattice, both (batch, rows, columns)."""
        folded = density
        for axis, nodes in ((-1, self.lattice[1]), (-2, self.lattice[0])):
            half = nodes // 2
            first, second = tf.split(folded, [nodes - half, half], axis)
            if nodes % 2:  # the middle node is its own mirror image, and counts once
                sides = [[0, 0]] * folded.shape.rank
                sides[axis] = [1, 0]
                second = tf.pad(second, sides)
            second = tf.reverse(second, [axis])
            folded = tf.stack([first + second, first - second], axis=1)
        return self._unfold(self._invert(folded, decays))

    def _invert(self, folded: tf.Tensor, decays: tf.Tensor | None) -> tf.Tensor:
        """The deflated operator's inverse, applied to quadrants (batch, 2, 2, h, h)."""
        eigenvalues = self._curvature + tf.reshape(self._in_precision(decays), (-1, 1, 1, 1, 1))
        if self.is_deflated:
            # only the constant mode has a smaller eigenvalue
            eigenvalues = tf.maximum(eigenvalues, self._smallest)
        rows, columns = map(tf.convert_to_tensor, self._bases)
        rows = rows[:, None]
        coefficients = tf.matmul(rows, tf.matmul(folded, columns), transpose_a=True)
        coefficients /= eigenvalues
        return tf.matmul(rows, tf.matmul(coefficients, columns, transpose_b=True))

    def _unfold(self, folded: tf.Tensor) -> tf.Tensor:
        for axis, nodes in ((-2, self.lattice[0]), (-1, self.lattice[1])):
            even, odd = tf.unstack(folded, axis=1)
            mirrored = tf.reverse(even - odd, [axis])
            if nodes % 2:  # the middle node is its own mirror image
                mirrored = mirrored[..., 1:, :] if axis == -2 else mirrored[..., 1:]
            folded = tf.concat([even + odd, mirrored], axis=axis)
        return folded

    def green_matrix(
        self, rows: tf.Tensor, columns: tf.Tensor, decays: tf.Tensor | None = None
    ) -> tf.Tensor:
        """The deflated operator's G, (batch, m, m), between nodes (batch, m) of each image.

        It comes from the method of images.
        """
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


def _folded_modes(axis: Axis) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Orthonormal even and odd modes of an axis on its first half, and their eigenvalues of −δ².

    Modes are (2, h, h) [parity, node, mode] and eigenvalues (2, h). An odd number of nodes has one
    odd mode less, whose eigenvalue is infinite.
    """
    nodes = axis.nodes
    half = (nodes + 1) // 2
    even, odd = np.arange(half), np.arange(nodes - half)
    if axis.boundary == "absorbing":
        numbers = [2 * even + 1, 2 * odd + 2]
        modes = [waves("sine", nodes, k - 1) for k in numbers]
    elif axis.boundary == "reflecting":
        numbers = [2 * even, 2 * odd + 1]
        modes = [waves("cosine", nodes, k) for k in numbers]
    else:
        numbers, j = [2 * even, 2 * odd + 2], np.arange(nodes)[:, None]
        # numerators are reduced to one period before they are multiplied by π, which is exact
        angles = [np.pi / (2 * nodes) * ((2 * j + 1 - nodes) * k % (4 * nodes)) for k in numbers]
        modes = [np.cos(angles[0]), np.sin(angles[1])]
    turn = 2 * nodes + 2 if axis.boundary == "absorbing" else 2 * nodes
    basis, eigenvalues = np.zeros((2, half, half)), np.full((2, half), np.inf)
    for parity, (wave, number) in enumerate(zip(modes, numbers, strict=True)):
        wave /= np.linalg.norm(wave, axis=0)
        basis[parity, :, : number.size] = wave[:half]
        eigenvalues[parity, : number.size] = 4 * np.sin(np.pi * number / turn) ** 2
    return basis, eigenvalues


def _even_modes(axis: Axis) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What sums up the even modes of the periodic Green's function, and their eigenvalues of −δ².

    The matrix is [offset 0 … period // 2, mode]. The images of an absorbing axis cancel the modes
    that are constant along it, so these are 0.
    """
    mode = np.arange(axis.period // 2 + 1)
    waves = np.cos(2 * np.pi / axis.period * (mode[:, None] * mode % axis.period))
    twice = np.where((mode == 0) | (2 * mode == axis.period), 1.0, 2.0)  # k and period − k
    if not axis.is_singular:
        twice[0] = 0.0
    return waves * twice / axis.period, 4 * np.sin(np.pi / axis.period * mode) ** 2
