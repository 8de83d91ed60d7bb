"""Layers that adapt lattices, and all other layers by name.

Importing them registers them with Keras, which loads saved models by their names.
"""

from typing import Any

import keras
from keras import layers, ops

from diffkeras.nn.architectures.architecture import LatticeRule
from diffkeras.nn.convolution import Conv3x3, NormalizedConv3x3, UpsampledConv3x3
from diffkeras.nn.equation.corrections import FixedValues, MultigridCorrections, RingCorrections
from diffkeras.nn.fourier import AppendCoordinates, SpectralConvolution, gelu
from diffkeras.physics.arguments import check_whole

__all__ = [
    "AppendCoordinates",
    "Conv3x3",
    "CropTo",
    "FixedValues",
    "LatticeCheck",
    "MultigridCorrections",
    "NormalizedConv3x3",
    "PadToMultiple",
    "RingCorrections",
    "SpectralConvolution",
    "UpsampledConv3x3",
    "gelu",
]


@keras.saving.register_keras_serializable(package="diffkeras")
class LatticeCheck(keras.layers.Layer):
    """Return the input unchanged, or raise an error if pooling `depth` times would cut a side.

    Sides that are unknown when the graph is built are not checked.

    Shape: (batch, height, width, channels) → the same.

    Args:
        depth: of the network, whose sides must be multiples of 2^`depth`; at least 1.
    """

    def __init__(self, depth: int, **options: Any) -> None:
        super().__init__(**options)
        self.depth = check_whole("depth", depth, 1)

    def call(self, inputs: Any) -> Any:
        """The inputs."""
        LatticeRule(2**self.depth).check(inputs.shape[1:3])
        return inputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape of the input."""
        return input_shape


@keras.saving.register_keras_serializable(package="diffkeras")
class PadToMultiple(layers.Layer):
    """Append rows and columns of zeros until both sides are multiples of `factor`.

    Shape: (batch, height, width, channels) → (batch, ⌈height/factor⌉·factor,
    ⌈width/factor⌉·factor, channels).

    Args:
        factor: at least 1.
    """

    def __init__(self, factor: int, **options: Any) -> None:
        super().__init__(**options)
        self.factor = check_whole("factor", factor, 1)

    def call(self, inputs: Any) -> Any:
        """The padded inputs."""
        height, width = ops.shape(inputs)[1:3]
        # not -height % factor: sides may be tensors, and ONNX divides negative numbers differently
        rows, columns = (
            (self.factor - side % self.factor) % self.factor for side in (height, width)
        )
        return ops.pad(inputs, [[0, 0], [0, rows], [0, columns], [0, 0]])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Shape of the output; unknown sides stay unknown."""
        batch, *sides, channels = input_shape
        return (batch, *(side and side + -side % self.factor for side in sides), channels)


@keras.saving.register_keras_serializable(package="diffkeras")
class CropTo(layers.Layer):
    """Drop the rows and columns of the first input that the second input does not have.

    Shape: [(batch, h, w, channels), (batch, height, width, any)] → (batch, height, width,
    channels), where h ≥ height and w ≥ width.
    """

    def call(self, inputs: list[Any]) -> Any:
        """The cropped first input."""
        larger, like = inputs
        height, width = ops.shape(like)[1:3]
        return larger[:, :height, :width, :]


def padded(model: keras.Model, factor: int) -> keras.Model:
    """A model that pads its input and crops its output, so that it runs on any lattice.

    Args:
        model: functional, (batch, height, width, channels) → (batch, height, width, 1), for sides
            that are multiples of `factor`. The result has its name and "_padded".
        factor: at least 1.

    Example:
        >>> padded(u_net(width=8, depth=2), 4).predict(np.zeros((1, 9, 7, 1)), verbose=0).shape
        (1, 9, 7, 1)
    """
    source_image = keras.Input((None, None, model.input_shape[-1]), name="source_image")
    larger = PadToMultiple(factor, name="pad")(source_image)
    field = CropTo(name="crop", dtype="float32")([model(larger), source_image])
    return keras.Model(source_image, field, name=f"{model.name}_padded")
