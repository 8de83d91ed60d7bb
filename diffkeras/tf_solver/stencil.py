"""A by its five-point stencil, in float64 in a TensorFlow graph."""

from typing import TypeAlias

import numpy as np
import tensorflow as tf

from diffkeras.physics.operators.axis import Axis
from diffkeras.physics.operators.spectral import SpectralOperator
from diffkeras.tf_solver.operator import TensorOperator

Scalar: TypeAlias = float | tf.Tensor  # of all images, or (batch, 1, 1) float64


# Each term of the stencil goes through at most nine roundings: two of D/h², two of differences, one
# of a product, up to three of sums over axes, and that of the production's difference. The terms
# are at most 2a·max|f| together, in absolute value, with A's diagonal a, so that their sum is off
# by about 9 · (ε/2) · 2a·max|f| at most (Higham 2002, §3.1); the rest covers the rounding of a.
STENCIL_ROUNDING = 16.0


class Stencil:
    """A = −D∇²_h + γ on fields (batch, rows, columns) in float64.

    Attributes:
        decay: γ [1/time].
        diagonal: a = 2(D₀ + D₁)/h² + γ [1/time].
    """

    def __init__(self, operator: TensorOperator, decays: tf.Tensor | None = None) -> None:
        spectral = SpectralOperator(operator.lattice, operator.medium)
        self._axes, self._couplings = operator.axes, spectral.couplings
        self.decay: Scalar = operator.decay
        if decays is not None:
            self.decay = tf.cast(decays, tf.float64)[:, None, None]
        self.diagonal: Scalar = 2 * sum(self._couplings) + self.decay

    def apply(self, field: tf.Tensor) -> tf.Tensor:
        """A u, (batch, rows, columns)."""
        result = self.diagonal * field
        for position, (axis, coupling) in enumerate(zip(self._axes, self._couplings, strict=True)):
            result -= coupling * _neighbours(field, axis, position + 1)
        return result

    def rounding(self, field: tf.Tensor) -> tf.Tensor:
        """Bound of the rounding of `apply`, (batch, 1, 1)."""
        largest = tf.reduce_max(tf.abs(field), axis=[1, 2], keepdims=True)
        return STENCIL_ROUNDING * float(np.finfo(np.float64).eps) * self.diagonal * largest

    @property
    def inverse_norm(self) -> tf.Tensor:
        """A bound of ‖A⁻¹‖∞ [time], (1, 1, 1) or (batch, 1, 1) float64; infinite if A is singular.

        It comes from the barriers of `SpectralOperator.inverse_norm`.
        """
        crossing = [time for axis, time in self._crossing_times() if axis.boundary == "absorbing"]
        # not tf.cast, which would round the number to float32 first
        decay = tf.reshape(tf.convert_to_tensor(self.decay, tf.float64), (-1, 1, 1))
        return tf.minimum(1 / decay, tf.constant(min(crossing, default=np.inf), tf.float64))

    @property
    def crossing_time(self) -> float:
        """(N + 1)²h²/8D [time] of the axis along which diffusion takes the longest."""
        return max(time for _, time in self._crossing_times())

    def _crossing_times(self) -> list[tuple[Axis, float]]:
        return [
            (axis, (axis.nodes + 1) ** 2 / (8 * coupling))
            for axis, coupling in zip(self._axes, self._couplings, strict=True)
        ]


def _neighbours(field: tf.Tensor, axis: Axis, position: int) -> tf.Tensor:
    """The sum of both neighbours along an axis, with the ghost nodes of its boundary."""
    nodes = axis.nodes
    first, inner, last = (
        tf.gather(field, [0], axis=position),
        field,
        tf.gather(field, [nodes - 1], axis=position),
    )
    if axis.boundary == "absorbing":
        first, last = tf.zeros_like(first), tf.zeros_like(last)
    elif axis.boundary == "periodic":
        first, last = last, first
    padded = tf.concat([first, inner, last], position)
    below, _ = tf.split(padded, [nodes, 2], position)
    _, above = tf.split(padded, [2, nodes], position)
    return below + above
