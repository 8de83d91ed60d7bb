"""The inverse of a uniform medium's operator by products of matrices, and convolutions.

The eigenvectors of A = −h²∇²_h + γh²/D are products of one mode per axis: sines on an axis that
absorbs, cosines on one that reflects, and cos + sin (Hartley) on a periodic one. With S the
orthonormal modes of an axis as columns, and Λ the eigenvalues,

A⁻¹X = S_r (Λ⁻¹ ∘ (S_rᵀ X S_c)) S_cᵀ.

Matrix products run on every backend, in every exported format and on any lattice, also one that is
known only when the graph runs. They take O(side³) operations; `diffkeras.physics` has the fast
transforms.

Where no axis absorbs, constant fields have the eigenvalue γh²/D. If it is far below the others, A⁻¹
loses digits, and without decay A has no inverse. On GPUs, TensorFloat-32 rounds the factors of
products to ten bits; switch it off there.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from diffkeras.nn.equation.equations import neighbours

FULL_TURN = 2 * math.pi


def inverse(density: Any, decay: Any, boundaries: Sequence[str]) -> Any:
    """A⁻¹q of densities (batch, rows, columns), one transform pair.

    `decay` is γh²/D, a number or (batch, 1, 1).
    """

    def factors(along: Any, across: Any) -> Any:
        rows, columns = (4 * ops.square(ops.sin(angle / 2)) for angle in (along, across))
        return 1 / (rows[:, None] + columns + decay)

    return _scale_modes(density, factors, boundaries)


def convolve(values: Any, window: Any, boundaries: Sequence[str]) -> Any:
    """The convolution of values (batch, rows, columns) with a symmetric window.

    Beyond the boundaries the values go on as fields do, so modes are eigenvectors and the
    convolution is one transform pair.

    `window` is (reach + 1, reach + 1): the numbers for offsets 0 … reach along both axes.
    """
    reach = window.shape[0]

    def factors(along: Any, across: Any) -> Any:
        offset = ops.arange(reach, dtype="float32")
        twice = ops.where(offset > 0, 2.0, 1.0)  # for offsets on both sides
        rows, columns = (ops.cos(angle[:, None] * offset) * twice for angle in (along, across))
        return ops.matmul(rows, ops.matmul(window, ops.transpose(columns)))

    return _scale_modes(values, factors, boundaries)


def _scale_modes(values: Any, factors: Callable[[Any, Any], Any], boundaries: Sequence[str]) -> Any:
    """One transform pair; `factors` are those of modes, from their angles on both axes."""
    (rows, along), (columns, across) = map(modes, ops.shape(values)[1:], boundaries)
    coefficients = ops.matmul(ops.transpose(rows), ops.matmul(values, columns))
    coefficients = coefficients * factors(along, across)
    return ops.matmul(rows, ops.matmul(coefficients, ops.transpose(columns)))


def modes(side: Any, boundary: str) -> tuple[Any, Any]:
    """Orthonormal eigenvectors of −δ² on an axis, (nodes, modes), and their angles θ, (modes,).

    θ is the phase per step, so −δ² has the eigenvalues 4 sin²(θ/2) (see `physics.equations.axis`).
    `side` is the number of nodes, a tensor where it is not known yet.
    """
    number = ops.arange(side, dtype="int32")
    j, k = number[:, None], number[None, :]
    nodes = ops.cast(side, "float32")

    # the phase is reduced to one turn before it is multiplied by π, which is exact
    def turns(phase: Any, period: Any) -> Any:
        return FULL_TURN * ops.cast(phase % period, "float32") / ops.cast(period, "float32")

    if boundary == "absorbing":
        waves = ops.sin(turns((j + 1) * (k + 1), 2 * (side + 1))) * ops.sqrt(2 / (nodes + 1))
        return waves, turns(number + 1, 2 * (side + 1))
    if boundary == "reflecting":
        norm = ops.where(k > 0, ops.sqrt(2 / nodes), ops.sqrt(1 / nodes))
        return ops.cos(turns((2 * j + 1) * k, 4 * side)) * norm, turns(number, 2 * side)
    angle = turns(j * k, side)
    return (ops.cos(angle) + ops.sin(angle)) / ops.sqrt(nodes), turns(number, side)


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
