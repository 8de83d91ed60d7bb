"""Layers of Fourier neural operators."""

import math
from typing import Any

import keras
from keras import layers, ops

from diffkeras.nn.architectures.architecture import LatticeRule
from diffkeras.physics.arguments import check_whole

PADDING = 4  # each side is lengthened by its PADDING-th part in zeros


@keras.saving.register_keras_serializable(package="diffkeras")
class SpectralConvolution(layers.Layer):
    """Multiply the Fourier coefficients of the lowest frequencies by a learned matrix each.

    y = F⁻¹(R(k, l) · F(x)(k, l)) for frequencies |k| < `modes` along rows and 0 ≤ l < `modes`
    along columns, and 0 for all others. R(k, l) is a complex matrix, channels × `filters`. The
    coefficients for l < 0 are the conjugate ones, so y is real.

    Fields don't repeat periodically, so x is padded at the far ends with a quarter of its side in
    zeros before the transform, and y is cropped. As few frequencies are kept, the transforms are
    products with small matrices, which work in every exported format. The layer runs on any lattice
    whose sides are at least 2·`modes` − 1, and on a finer lattice it computes the same function.

    Shape: (batch, rows, columns, channels) → (batch, rows, columns, `filters`).

    Args:
        filters: channels of the output.
        modes: number of frequencies along each axis, zero included.

    Raises:
        ValueError: an argument is out of range, or a side is too short.

    Source: Li et al., arXiv 2010.08895.
    """

    def __init__(self, filters: int, modes: int, **options: Any) -> None:
        super().__init__(**options)
        self.filters = check_whole("filters", filters, 1)
        self.modes = check_whole("modes", modes, 1)

    def build(self, input_shape: Any) -> None:
        """Create R: [frequency, channel, real parts of the filters, then imaginary parts]."""
        channels = input_shape[-1]
        self.kernel = self.add_weight(
            shape=((2 * self.modes - 1) * self.modes, channels, 2 * self.filters),
            # E|R|² = 1 / channels
            initializer=keras.initializers.RandomNormal(stddev=1 / math.sqrt(2 * channels)),
            name="kernel",
        )

    def call(self, inputs: Any) -> Any:
        """The convolved maps."""
        LatticeRule(shortest=2 * self.modes - 1).check(inputs.shape[1:3])
        sides = ops.shape(inputs)[1:3]
        waves = [self._waves(side) for side in sides]
        coefficients = self._multiply(*self._transform(inputs, waves))
        return self._restore(*coefficients, waves)

    def _waves(self, side: Any) -> Any:
        """cos, then sin, of 2πkj / period for each frequency k and node j: (2·modes, side)."""
        period = ops.cast(side + side // PADDING, "float32")
        k, j = ops.arange(self.modes, dtype="int32"), ops.arange(side, dtype="int32")
        angle = 2 * math.pi * ops.cast(k[:, None] * j, "float32") / period
        return ops.cast(ops.concatenate([ops.cos(angle), ops.sin(angle)]), self.compute_dtype)

    def _transform(self, maps: Any, waves: list[Any]) -> tuple[Any, Any]:
        """Real and imaginary parts of the coefficients, (batch, 2·modes − 1, modes, channels)."""
        (rows, columns), channels = ops.shape(maps)[1:3], maps.shape[-1]
        down, across = self._divided(waves[0], rows), self._divided(waves[1], columns)
        along = ops.matmul(down, ops.reshape(maps, (-1, rows, columns * channels)))
        both = ops.matmul(across, ops.reshape(along, (-1, columns, channels)))
        both = ops.reshape(both, (-1, 2, self.modes, 2, self.modes, channels))
        cc, cs, sc, ss = (both[:, i, :, j] for i in (0, 1) for j in (0, 1))
        # frequencies k ≥ 0 along rows, then those below 0
        real = ops.concatenate([cc - ss, (cc + ss)[:, 1:]], axis=1)
        return real, ops.concatenate([-cs - sc, (sc - cs)[:, 1:]], axis=1)

    def _multiply(self, real: Any, imaginary: Any) -> tuple[Any, Any]:
        """The coefficients times R."""
        frequencies, channels = self.kernel.shape[:2]
        parts = ops.reshape(ops.concatenate([real, imaginary], 0), (-1, frequencies, channels))
        products = ops.matmul(ops.transpose(parts, (1, 0, 2)), self.kernel)
        products = ops.reshape(
            ops.transpose(products, (1, 0, 2)), (2, -1, *real.shape[1:3], 2, self.filters)
        )
        real = products[0, ..., 0, :] - products[1, ..., 1, :]
        return real, products[0, ..., 1, :] + products[1, ..., 0, :]

    def _restore(self, real: Any, imaginary: Any, waves: list[Any]) -> Any:
        """The maps of coefficients."""
        m = self.modes
        before, below = [[0, 0], [1, 0], [0, 0], [0, 0]], slice(m, None)  # no second k = 0
        real_below, imaginary_below = (ops.pad(p[:, below], before) for p in (real, imaginary))
        real, imaginary = real[:, :m], imaginary[:, :m]
        cc, ss = real + real_below, real_below - real
        cs, sc = -imaginary - imaginary_below, imaginary_below - imaginary
        parts = ops.stack([ops.stack([cc, cs], 2), ops.stack([sc, ss], 2)], 1)
        rows, columns = (ops.shape(wave)[1] for wave in waves)
        parts = ops.reshape(parts, (-1, 2 * m, self.filters))
        along = ops.matmul(ops.transpose(self._weighted(waves[1])), parts)
        along = ops.reshape(along, (-1, 2 * m, columns * self.filters))
        maps = ops.matmul(ops.transpose(waves[0]), along)
        return ops.reshape(maps, (-1, rows, columns, self.filters))

    def _divided(self, waves: Any, side: Any) -> Any:
        """The waves divided by their period: sums of many nodes would overflow in float16."""
        return waves / ops.cast(side + side // PADDING, self.compute_dtype)

    def _weighted(self, waves: Any) -> Any:
        """The waves along columns, doubled for l > 0, as these stand for l < 0 also."""
        twice = ops.where(ops.arange(2 * self.modes) % self.modes > 0, 2.0, 1.0)
        return waves * ops.cast(twice, self.compute_dtype)[:, None]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The lattice of the input with `filters` channels."""
        return (*input_shape[:-1], self.filters)


@keras.saving.register_keras_serializable(package="diffkeras")
class AppendCoordinates(layers.Layer):
    """Append the coordinates of each node, row / rows and column / columns, as two channels.

    Shape: (batch, rows, columns, channels) → (batch, rows, columns, channels + 2).

    Source: Li et al., arXiv 2010.08895.
    """

    def call(self, inputs: Any) -> Any:
        """The inputs and the coordinates."""
        rows, columns = ops.shape(inputs)[1:3]
        zeros = ops.zeros_like(inputs[..., :1])
        row, column = (
            ops.cast(ops.arange(side, dtype="int32"), inputs.dtype) / ops.cast(side, inputs.dtype)
            for side in (rows, columns)
        )
        return ops.concatenate(
            [inputs, zeros + row[:, None, None], zeros + column[:, None]], axis=-1
        )


@keras.saving.register_keras_serializable(package="diffkeras")
def gelu(features: Any) -> Any:
    """GELU(x) ≈ x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, nowhere more than 0.0005 wrong.

    The exact one needs the error function: ONNX has no erfc.

    Source: arXiv 1606.08415.
    """
    return ops.gelu(features, approximate=True)
