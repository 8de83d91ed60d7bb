"""Layers of networks that treat a node or a patch by its place on the lattice."""

import math
from typing import Any

import keras
from keras import layers, ops


def _waves(side: Any, number: int) -> Any:
    """(side, number): cos(πk (j + ½) / side) of each node j, for k = 1 … `number`."""
    k, j = ops.arange(1, number + 1, dtype="float32"), ops.arange(side, dtype="float32")
    return ops.cos(math.pi * (j[:, None] + 0.5) * k / ops.cast(side, "float32"))


def _waves_of_both_axes(lattice: Any, number: int) -> Any:
    """(1, rows, columns, 2·`number`): the waves along rows, then those along columns."""
    (rows, columns), along = lattice, [_waves(side, number) for side in lattice]
    parts = (along[0][:, None], along[1][None])
    return ops.concatenate([ops.broadcast_to(w, (rows, columns, number)) for w in parts], -1)[None]


@keras.saving.register_keras_serializable(package="own_architectures")
class Waves(layers.Layer):
    """Cosines of the coordinates of the nodes.

    The features of the node in row j of `rows` are cos(πk (j + ½) / `rows`), k = 1 … `number`, and
    the same of its column. They are the same for all images, so the batch of the output is 1.

    Shape: (batch, rows, columns, channels) → (1, rows, columns, 2·`number`).

    Args:
        number: of waves along each axis.

    Source: Lu et al., arXiv 2111.05512, section 3.1.3 (feature expansion of coordinates).
    """

    def __init__(self, number: int, **options: Any) -> None:
        super().__init__(**options)
        self.number = number

    def call(self, inputs: Any) -> Any:
        lattice = ops.shape(inputs)[1:3]
        return ops.cast(_waves_of_both_axes(lattice, self.number), self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (1, *input_shape[1:3], 2 * self.number)


@keras.saving.register_keras_serializable(package="own_architectures")
class AddPositions(layers.Layer):
    """Add a learned linear function of the `Waves` of its place to the features of each token.

    Shape: (batch, rows, columns, channels) → the same.

    Args:
        number: of waves along each axis.
    """

    def __init__(self, number: int, **options: Any) -> None:
        super().__init__(**options)
        self.number = number

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(
            shape=(2 * self.number, input_shape[-1]), initializer="glorot_uniform", name="kernel"
        )

    def call(self, inputs: Any) -> Any:
        waves = _waves_of_both_axes(ops.shape(inputs)[1:3], self.number)
        return inputs + ops.matmul(ops.cast(waves, self.compute_dtype), self.kernel)


@keras.saving.register_keras_serializable(package="own_architectures")
class Sensors(layers.Layer):
    """Means of an image over `number` × `number` parts of equal size, as one vector.

    A node that belongs to several parts counts in each by its share, so any lattice will do, also
    one with fewer nodes than parts.

    Shape: (batch, rows, columns, channels) → (batch, `number`²·channels).

    Args:
        number: parts along each axis.
    """

    def __init__(self, number: int, **options: Any) -> None:
        super().__init__(**options)
        self.number = number

    def call(self, inputs: Any) -> Any:
        (rows, columns), channels = ops.shape(inputs)[1:3], inputs.shape[-1]
        along = ops.matmul(self._shares(rows), ops.reshape(inputs, (-1, rows, columns * channels)))
        along = ops.reshape(along, (-1, columns, channels))
        means = ops.matmul(self._shares(columns), along)
        return ops.reshape(means, (-1, self.number**2 * channels))

    def _shares(self, side: Any) -> Any:
        """(number, side), the share of each part that each node has."""
        nodes = ops.cast(side, "float32")
        node = ops.arange(side, dtype="float32") / nodes
        part = ops.arange(self.number, dtype="float32")[:, None] / self.number
        first = ops.maximum(node, part)
        last = ops.minimum(node + 1 / nodes, part + 1 / self.number)
        return ops.cast(self.number * ops.maximum(last - first, 0.0), self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], self.number**2 * (input_shape[-1] or 1))


@keras.saving.register_keras_serializable(package="own_architectures")
class Superposition(layers.Layer):
    """Sum of functions on the lattice with the coefficients of each image, and a learned constant.

    Shape: [(batch, functions), (1, rows, columns, functions)] → (batch, rows, columns, 1).
    """

    def build(self, input_shape: Any) -> None:
        self.bias = self.add_weight(shape=(), initializer="zeros", name="bias")

    def call(self, inputs: list[Any]) -> Any:
        coefficients, functions = inputs
        rows, columns = ops.shape(functions)[1:3]
        values = ops.reshape(functions, (-1, functions.shape[-1]))
        sums = ops.matmul(coefficients, ops.transpose(values)) + self.bias
        return ops.reshape(sums, (-1, rows, columns, 1))

    def compute_output_shape(
        self, input_shape: list[tuple[int | None, ...]]
    ) -> tuple[int | None, ...]:
        coefficients, functions = input_shape
        return (coefficients[0], *functions[1:3], 1)
