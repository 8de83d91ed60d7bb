"""Layers that know the equation: fixed values, the transform pair, and densities of a field."""

from typing import Any, ClassVar

import keras
from keras import layers, ops

from diffkeras.nn.equation.operator import UniformOperator


class EquationLayer(layers.Layer):
    """A layer that knows the lattice operator. It computes in float32, also in mixed precision.

    Args:
        operator: of the medium, of the class `operator_type`, or its saved configuration.
        **options: those of `keras.layers.Layer`.
    """

    operator_type: ClassVar[Any] = UniformOperator

    def __init__(self, operator: Any = None, **options: Any) -> None:
        super().__init__(**{"dtype": "float32", **options})
        self.operator: Any = self.operator_type.of({} if operator is None else operator)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The shape of the field."""
        first = input_shape[0] if isinstance(input_shape[0], list | tuple) else input_shape
        return (*first[:3], 1)

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments."""
        return {**super().get_config(), "operator": self.operator.get_config()}


@keras.saving.register_keras_serializable(package="diffkeras")
class TransformPair(EquationLayer):
    """The field A⁻¹s of a production or density s: one transform pair, with no node fixed.

    The transforms are matrix products, so the layer runs on every backend, on any lattice, and
    passes gradients.

    Shape: (batch, rows, columns, 1) → the same. If `operator.lengths` is set, also the input of the
    network: [(batch, rows, columns, 1), (batch, rows, columns, 2)].

    Example:

    ```python
    operator = UniformOperator(decay=0.01, boundaries=("reflecting", "periodic"))
    density = np.zeros((1, 20, 30, 1))
    density[0, 7, 7] = 1.0
    field = TransformPair(operator)(density)  # its sum is 1 / 0.01
    ```

    Source: Buzbee, Golub & Nielson (1970).
    """

    def call(self, inputs: Any) -> Any:
        """The field."""
        density, *network_input = inputs if isinstance(inputs, list | tuple) else [inputs]
        decay = self.operator.decay_of(*network_input) if network_input else self.operator.decay
        return self.operator.inverse(density[..., 0], decay)[..., None]


@keras.saving.register_keras_serializable(package="diffkeras")
class FixedValues(layers.Layer):
    """Replace a field by the value of the source image on its sources, which hold it there.

    Both are on the same scale.

    Shape: [field (batch, rows, columns, 1), network input (batch, rows, columns, channels)] → the
    first.
    """

    def call(self, inputs: list[Any]) -> Any:
        """The field with the fixed values."""
        field, network_input = inputs
        source_image = ops.cast(network_input[..., :1], field.dtype)
        return ops.where(source_image != 0, source_image, field)

    def compute_output_shape(self, input_shape: list[Any]) -> tuple[int | None, ...]:
        """The shape of the field."""
        return input_shape[0]


@keras.saving.register_keras_serializable(package="diffkeras")
class RingOnly(EquationLayer):
    """Set a map to 0 everywhere but on the ring: the nodes of sources with a free neighbour.

    Shape: [map (batch, rows, columns, 1), network input (batch, rows, columns, channels)] → the
    first.
    """

    def call(self, inputs: list[Any]) -> Any:
        """The map on the ring."""
        values, network_input = inputs
        fixed = ops.cast(network_input[..., 0] != 0, self.compute_dtype)
        return values * self.operator.ring(fixed)[..., None]


@keras.saving.register_keras_serializable(package="diffkeras")
class ImpliedDensities(EquationLayer):
    """The densities on the sources that a field û implies: Aû there, with the fixed values held.

    The field of these densities is û − A⁻¹r, where r is the residual Aû on the free nodes. It
    solves the equation on each of them, and may only miss the fixed values.

    Shape: [field (batch, rows, columns, 1), network input (batch, rows, columns, channels)] → the
    first, both on the linear scale.
    """

    def call(self, inputs: list[Any]) -> Any:
        """The densities, 0 on free nodes."""
        field, network_input = inputs
        source_image = network_input[..., 0]
        fixed = source_image != 0
        held = ops.where(fixed, source_image, field[..., 0])
        balance = self.operator.apply(held, self.operator.decay_of(network_input))
        return ops.where(fixed, balance, ops.zeros_like(balance))[..., None]
