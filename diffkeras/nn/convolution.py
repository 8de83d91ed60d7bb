"""Convolutions of 3×3, in those of their equal formulations that are fast."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

# From so many weights on, a processor multiplies with the kernel as the matrix that it is. oneDNN
# brings a kernel into an order of its own before each convolution, which takes longer than the
# convolution where the kernel is large and the map small. Backwards the windows cost more, so
# training begins with larger kernels. Measured where the times cross, at 64² to 512² nodes.
LARGE_KERNEL = 2**20
LARGE_KERNEL_IN_TRAINING = 2**22

# SUMS[row of a pair, parity, row of the kernel], see `UpsampledConv3x3`.
SUMS = np.array([[[1, 1, 0], [1, 0, 0]], [[0, 0, 1], [0, 1, 1]]])


class _Convolution(layers.Conv2D):
    """Convolution with a window of 3×3, stride 1, zeros around, and channels last."""

    def __init__(self, filters: int, **options: Any) -> None:
        fixed = {"strides", "dilation_rate", "groups"} & options.keys()
        if fixed:
            raise ValueError(
                f"{type(self).__name__} has stride 1, dilation 1 and one group: it takes no "
                f"{', '.join(sorted(fixed))}; keras.layers.Conv2D does"
            )
        super().__init__(filters, 3, padding="same", data_format="channels_last", **options)

    def get_config(self) -> dict[str, Any]:
        """Configuration without what is fixed."""
        config = super().get_config()
        for name in ("kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups"):
            del config[name]
        return config


@keras.saving.register_keras_serializable(package="diffkeras")
class Conv3x3(_Convolution):
    """`keras.layers.Conv2D` with a window of 3×3, stride 1 and "same" padding.

    The same function of the same weights, up to rounding. On a processor, large kernels are applied
    by one product of matrices.

    Args:
        filters: channels of the output.
        **options: those of `keras.layers.Conv2D`, without window, strides, padding, layout,
            dilation and groups.

    Shape: (batch, height, width, channels) → (batch, height, width, `filters`).

    Example:

    ```python
    Conv3x3(8)(np.zeros((1, 32, 64, 4))).shape  # (1, 32, 64, 8)
    ```
    """

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The feature maps."""
        if not by_product(self.kernel, training):
            return super().call(inputs)
        return self.activation(convolve(surrounded(inputs), self.kernel, self.bias, training))


@keras.saving.register_keras_serializable(package="diffkeras")
class UpsampledConv3x3(_Convolution):
    """Nearest ×2 upsampling, then a convolution of 3×3 with stride 1 and "same" padding.

    The same function of the same weights as `keras.layers.UpSampling2D` and `Conv2D`, up to
    rounding, without the upsampled map and with 16/36 of the multiplications. Row r of that map is
    row ⌊r/2⌋ of the input x, so that three of its rows cover two of the input's. With the kernel's
    rows k₀, k₁, k₂, the output's rows are

    y₂ᵢ₋₁ = (k₀ + k₁) xᵢ₋₁ + k₂ xᵢ and y₂ᵢ = k₀ xᵢ₋₁ + (k₁ + k₂) xᵢ,

    and so for columns: a convolution of 2×2 with four times as many filters, whose four maps
    interleave. Zeros around the input are zeros around the upsampled map.

    Args:
        filters: channels of the output.
        **options: as of `Conv3x3`.

    Shape: (batch, height, width, channels) → (batch, 2·height, 2·width, `filters`).

    Example:

    ```python
    UpsampledConv3x3(8)(np.zeros((1, 32, 64, 4))).shape  # (1, 64, 128, 8)
    ```

    Source: arXiv 1609.07009 relates both forms.
    """

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The feature maps."""
        bias = None if self.bias is None else ops.tile(self.bias, 4)
        phases = convolve(surrounded(inputs), _kernel_of_pairs(self.kernel), bias, training)
        # the first pair of rows begins, and the last one ends, beyond the map
        return self.activation(_interleaved(phases)[:, 1:-1, 1:-1])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Twice the sides; unknown ones stay unknown."""
        batch, height, width, _ = input_shape
        return (batch, height and 2 * height, width and 2 * width, self.filters)


def convolve(inputs: Any, kernel: Any, bias: Any, training: bool | None) -> Any:
    """Convolution with stride 1 and no padding.

    Args:
        inputs: (batch, height, width, channels).
        kernel: (rows, columns, channels, filters).
        bias: (filters,), or None.
        training: whether a gradient is going to be taken.

    Returns:
        (batch, height − rows + 1, width − columns + 1, filters).
    """
    if not by_product(kernel, training):
        outputs = ops.conv(inputs, kernel, padding="valid", data_format="channels_last")
        return outputs if bias is None else ops.add(outputs, bias)
    rows, columns, channels, filters = kernel.shape
    windows = windows_of(inputs, rows, columns)
    height, width = ops.shape(windows)[1:3]
    length = rows * columns * channels
    outputs = ops.matmul(ops.reshape(windows, (-1, length)), ops.reshape(kernel, (length, filters)))
    if bias is not None:
        outputs = ops.add(outputs, bias)
    return ops.reshape(outputs, (-1, height, width, filters))


def windows_of(inputs: Any, rows: int, columns: int) -> Any:
    """Each window's values: (batch, …, …, rows · columns · channels), in the order of a kernel."""
    return ops.concatenate(
        [
            inputs[:, i : i - rows + 1 or None, j : j - columns + 1 or None]
            for i in range(rows)
            for j in range(columns)
        ],
        axis=-1,
    )


def by_product(kernel: Any, training: bool | None) -> bool:
    """Whether a kernel is applied by a product of matrices.

    Never on an accelerator, where the windows would take memory.
    """
    limit = LARGE_KERNEL_IN_TRAINING if training else LARGE_KERNEL
    # Keras lists no devices for PyTorch
    if np.prod(kernel.shape) < limit or keras.backend.backend() == "torch":
        return False
    return keras.distribution.list_devices()[0].startswith("cpu")


def surrounded(inputs: Any) -> Any:
    """The maps with one row and one column of zeros on each side."""
    return ops.pad(inputs, [[0, 0], [1, 1], [1, 1], [0, 0]])


def _kernel_of_pairs(kernel: Any) -> Any:
    """(3, 3, channels, filters) → (2, 2, channels, 4·filters), see `UpsampledConv3x3`."""
    channels, filters = kernel.shape[2:]
    sums = np.einsum("apr,bqs->abpqrs", SUMS, SUMS).reshape(16, 9)
    sums = ops.convert_to_tensor(sums, dtype=kernel.dtype)
    pairs = ops.matmul(sums, ops.reshape(kernel, (9, channels * filters)))
    pairs = ops.transpose(ops.reshape(pairs, (4, 4, channels, filters)), (0, 2, 1, 3))
    return ops.reshape(pairs, (2, 2, channels, 4 * filters))


def _interleaved(phases: Any) -> Any:
    """(batch, height, width, 4·filters) → (batch, 2·height, 2·width, filters)."""
    height, width = ops.shape(phases)[1:3]
    filters = phases.shape[-1] // 4
    blocks = ops.reshape(phases, (-1, height, width, 2, 2, filters))
    blocks = ops.transpose(blocks, (0, 1, 3, 2, 4, 5))
    return ops.reshape(blocks, (-1, 2 * height, 2 * width, filters))
