"""The inverse of a uniform medium's operator by products of matrices, and convolutions.

The eigenvectors of A = −D∇²_h + γ are products of one mode per axis: sines on an axis that absorbs,
cosines on one that reflects, cosines and sines on a periodic one. With S the orthonormal modes of
an axis as columns, and Λ the eigenvalues,

A⁻¹X = S_r (Λ⁻¹ ∘ (S_rᵀ X S_c)) S_cᵀ.

Every mode is even or odd about the middle of its axis. Folding the lattice into its four quadrants
therefore halves the work.

Matrix products run on every backend, in every exported format and on any lattice, also one that is
known only when the graph runs. They take O(side³) operations. Where no axis absorbs, constant
fields have the eigenvalue γ: if it is far below the others, A⁻¹ loses digits. On GPUs,
TensorFloat-32 rounds the factors of products to ten bits; switch it off there.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from keras import backend, ops

from diffkeras.nn.equation.equations import neighbours

FULL_TURN = 2 * math.pi


class Modes(NamedTuple):
    """Orthonormal eigenvectors of −δ² on an axis of n nodes, of which h = ⌈n/2⌉ are even.

    If n is odd, there is one odd mode less: its wave is 0.

    Attributes:
        waves: (2, h, h) [even or odd, node of the first half, mode].
        angles: θ, (2, h), the phase per step; −δ² has the eigenvalues 4 sin²(θ/2) (see
            `physics.linear.axis`).
    """

    waves: Any
    angles: Any

    @classmethod
    def of(cls, side: Any, boundary: str, dtype: str = "float32") -> "Modes":
        """The modes of an axis with absorbing, reflecting or periodic sides.

        `side` is n, a tensor where it is not known yet.
        """
        half = ops.arange((side + 1) // 2, dtype="int32")
        number = 2 * half + ops.arange(2, dtype="int32")[:, None]
        j, k, nodes = half[:, None], number[:, None, :], ops.cast(side, dtype)

        # the phase is reduced to one turn before it is multiplied by π, which is exact
        def turns(phase: Any, period: Any) -> Any:
            return FULL_TURN * ops.cast(phase % period, dtype) / ops.cast(period, dtype)

        if boundary == "absorbing":
            waves = ops.sin(turns((j + 1) * (k + 1), 2 * (side + 1))) / ops.sqrt((nodes + 1) / 2)
            angles = turns(number + 1, 2 * (side + 1))
        elif boundary == "reflecting":
            constant = ops.cast(k == 0, dtype)
            waves = ops.cos(turns((2 * j + 1) * k, 4 * side)) / ops.sqrt((1 + constant) * nodes / 2)
            angles = turns(number, 2 * side)
        else:
            frequency = (number + 1) // 2
            # the middle has the phase 0, up to whole turns
            phase = turns((2 * j + 1 + side) * frequency[:, None, :], 2 * side)
            alone = ops.cast((2 * frequency % side == 0)[:, None, :], dtype)
            waves = ops.stack([ops.cos(phase[0]), ops.sin(phase[1])])
            waves = waves / ops.sqrt((1 + alone) * nodes / 2)
            angles = turns(frequency, side)
        exists = ops.cast(number < side, dtype)
        return cls(waves * exists[:, None, :], exists * angles + (1 - exists) * math.pi)

    @property
    def eigenvalues(self) -> Any:
        """4 sin²(θ/2), (2, h): 2 − 2cos θ would lose digits."""
        return 4 * ops.square(ops.sin(self.angles / 2))


def inverse(density: Any, decay: Any, boundaries: Sequence[str]) -> Any:
    """A⁻¹q of densities (batch, rows, columns) in units of D/h², one transform pair.

    `decay` is γh²/D, a number or (batch, 1, 1).
    """
    rows, columns = _modes_of(density, boundaries)
    decay = ops.convert_to_tensor(decay, rows.waves.dtype)
    eigenvalues = outer_sum(rows.eigenvalues, columns.eigenvalues)
    factors = 1 / (eigenvalues + ops.reshape(decay, (-1, 1, 1, 1, 1)))
    return scale_modes(density, rows.waves, columns.waves, factors)


def convolve(values: Any, window: Any, boundaries: Sequence[str]) -> Any:
    """The convolution of values (batch, rows, columns) with a symmetric window, a transform pair.

    Beyond the boundaries the values go on as fields do. `window` is (reach + 1, reach + 1): the
    numbers for offsets 0 … reach along both axes.
    """
    rows, columns = _modes_of(values, boundaries)
    offset = ops.arange(window.shape[0], dtype=rows.waves.dtype)
    twice = ops.where(offset > 0, 2 * ops.ones_like(offset), 1)  # for offsets on both sides
    along, across = (ops.cos(m.angles[..., None] * offset) * twice for m in (rows, columns))
    factors = ops.matmul(along[:, None], ops.matmul(window, ops.swapaxes(across, -1, -2)))
    return scale_modes(values, rows.waves, columns.waves, factors)


def _modes_of(values: Any, boundaries: Sequence[str]) -> tuple[Modes, Modes]:
    """The modes of both axes of values (batch, rows, columns), in their precision."""
    dtype = backend.standardize_dtype(values.dtype)
    rows, columns = ops.shape(values)[1:]
    return Modes.of(rows, boundaries[0], dtype), Modes.of(columns, boundaries[1], dtype)


def outer_sum(rows: Any, columns: Any) -> Any:
    """Sums of numbers of the modes of both axes, (2, 2, h_r, h_c)."""
    return rows[:, None, :, None] + columns[:, None]


def scale_modes(values: Any, rows: Any, columns: Any, factors: Any) -> Any:
    """Values (batch, rows, columns) after one transform pair by the `Modes.waves` of both axes.

    `factors` of products of modes are (2, 2, h_r, h_c), or have a batch before.
    """
    height, width = ops.shape(values)[1:]
    rows = rows[:, None]
    quadrants = _fold(_fold(values, width), height)
    coefficients = ops.matmul(ops.swapaxes(rows, -1, -2), ops.matmul(quadrants, columns))
    coefficients = ops.matmul(coefficients * factors, ops.swapaxes(columns, -1, -2))
    return _unfold(_unfold(ops.matmul(rows, coefficients), height), width)


def _fold(values: Any, nodes: Any) -> Any:
    """The even and odd parts of values along axis 2, on its first half, as a new axis 1."""
    half = nodes // 2
    first, second = values[:, :, : nodes - half], ops.flip(values[:, :, nodes - half :], 2)
    if not isinstance(nodes, int) or nodes % 2:
        # the middle node is its own mirror image, and counts once
        padding = [[0, 0]] * len(values.shape)
        padding[2] = [0, nodes % 2]
        second = ops.pad(second, padding)
    return ops.stack([first + second, first - second], 1)


def _unfold(parts: Any, nodes: Any) -> Any:
    """The values along axis 2 that have these even and odd parts."""
    even, odd = parts[:, 0], parts[:, 1]
    mirrored = ops.flip((even - odd)[:, :, : nodes // 2], 2)
    return ops.concatenate([even + odd, mirrored], 2)


def ring_of(fixed: Any, boundaries: Sequence[Any]) -> Any:
    """1 on fixed nodes that have a free neighbour, else 0, both (batch, rows, columns) float.

    No free node lies beyond a boundary that absorbs or reflects.
    """
    enclosed = fixed
    for axis, boundary in enumerate(boundaries, 1):
        wall = "periodic" if boundary == "periodic" else "reflecting"
        before, after = neighbours(fixed, axis, wall)
        enclosed = enclosed * before * after
    return fixed - enclosed
