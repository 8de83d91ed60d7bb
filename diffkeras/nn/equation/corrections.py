"""From densities on the sources to a field, with learned rounds of conjugate gradients."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from diffkeras.nn.arguments import integer
from diffkeras.nn.equation.layers import EquationLayer
from diffkeras.nn.equation.operator import UniformOperator

REACH = 6  # nodes: a disc of radius 5 fits into the window
TINY = 1e-30  # instead of a curvature of 0, where nothing is left to correct


@keras.saving.register_keras_serializable(package="diffkeras")
class FieldOfDensities(EquationLayer):
    """The field û = A⁻¹q of densities q on the sources, corrected towards the fixed values c.

    Each round adds the field of densities p on the ring, û ← û + αA⁻¹p. They are a learned
    preconditioner of the mismatch m = c − û there, made conjugate to those of earlier rounds:

    p = K ∗ m on the ring, minus its projections on earlier p; α = ⟨m, p⟩ / ⟨p, A⁻¹p⟩.

    K is a window of 13×13 numbers of its own in each round, symmetric under the symmetries of the
    square (28 numbers). α is the exact line search, so for any K no round makes the energy
    ⟨e, G⁻¹e⟩ of the error e on the ring larger (G is A⁻¹ restricted to the ring). At the end, the
    fixed values are written onto the sources. A round costs two transform pairs, one of them for
    the convolution.

    Shape: [densities (batch, rows, columns, 1), network input (batch, rows, columns, channels)] →
    field (batch, rows, columns, 1), on the linear scale.

    Args:
        operator: of the medium.
        rounds: at least 0.
        **options: those of `keras.layers.Layer`.

    Raises:
        ValueError: `rounds` is out of range.

    Source: Notay (2000) for conjugate gradients with a preconditioner that varies.
    """

    def __init__(
        self,
        operator: UniformOperator | Mapping[str, Any] | None = None,
        rounds: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(operator, **options)
        self.rounds = integer("rounds", rounds, 0)

    def build(self, input_shape: Any) -> None:
        """Create the windows: at the start 1 in the middle, which is no preconditioner."""
        self._places = _places(REACH)
        start = np.zeros(self._places.max() + 1, np.float32)
        start[0] = 1.0
        self.windows = [
            self.add_weight(
                shape=start.shape,
                initializer=keras.initializers.Constant(start),
                name=f"window_{k}",
            )
            for k in range(self.rounds)
        ]

    def call(self, inputs: list[Any]) -> Any:
        """The field."""
        density, network_input = inputs
        source_image, decay = network_input[..., 0], self.operator.decay_of(network_input)
        field = self.corrected(self.operator.inverse(density[..., 0], decay), source_image, decay)
        return ops.where(source_image != 0, source_image, field)[..., None]

    def corrected(self, field: Any, source_image: Any, decay: Any) -> Any:
        """The field after all rounds, before the fixed values are written into it.

        `field` and `source_image` are (batch, rows, columns).
        """
        ring = self.operator.ring(ops.cast(source_image != 0, self.compute_dtype))
        earlier: list[tuple[Any, Any, Any]] = []  # p, A⁻¹p and ⟨p, A⁻¹p⟩ of each round
        for window in self.windows:
            mismatch = ring * (source_image - field)
            window = ops.take(window, self._places)
            spread = ring * self.operator.convolve(mismatch, window)
            for other, of_other, curvature in earlier:
                spread = spread - other * (inner_product(spread, of_other) / curvature)
            of_spread = self.operator.inverse(spread, decay)
            curvature = ops.maximum(inner_product(spread, of_spread), TINY)
            field = field + of_spread * (inner_product(mismatch, spread) / curvature)
            earlier.append((spread, of_spread, curvature))
        return field

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments."""
        return {**super().get_config(), "rounds": self.rounds}


def inner_product(a: Any, b: Any) -> Any:
    """⟨a, b⟩ of each image, (batch, 1, 1)."""
    return ops.sum(a * b, axis=(1, 2), keepdims=True)


def _places(reach: int) -> np.ndarray:
    """Which number of a symmetric window stands where, for offsets 0 … reach along both axes."""
    offset = np.arange(reach + 1)
    low, high = np.minimum.outer(offset, offset), np.maximum.outer(offset, offset)
    return high * (high + 1) // 2 + low
