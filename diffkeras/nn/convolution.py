"""Convolutions of 3×3, in fast, mathematically equal forms, and an architecture's convolutions."""

import itertools
import math
from typing import Any, ClassVar

import keras
import numpy as np
from keras import layers, ops

# On a CPU, kernels with at least this many weights are applied as a matrix product: oneDNN
# rearranges the kernel before each convolution, which takes longer than the convolution itself if
# the map is small. In training, the gradient of the matrix product costs more.
LARGE_KERNEL = 2**20
LARGE_KERNEL_IN_TRAINING = 2**22

# SUMS[row of a pair, parity, row of the kernel], see `UpsampledConv3x3`.
SUMS = np.array([[[1, 1, 0], [1, 0, 0]], [[0, 0, 1], [0, 1, 1]]])

NEGATIVE_SLOPE = 0.02
# Source images are 0 on more than 99 % of the nodes. The variance of the first features is
# therefore about as small as Keras' default epsilon, 1e-3, which would suppress them.
NORM_EPSILON = 1e-5
# With Keras' default, 0.99, validation would use outdated statistics for some hundred steps.
NORM_MOMENTUM = 0.9


@keras.saving.register_keras_serializable(package="diffkeras")
class Conv3x3(layers.Conv2D):
    """`keras.layers.Conv2D` with a 3×3 window, stride 1 and "same" padding.

    On a CPU, large kernels are applied as one matrix product, which is faster.

    Args:
        filters: channels of the output.
        **options: of `keras.layers.Conv2D`, except those in `fixed`.

    Shape: (batch, height, width, channels) → (batch, height, width, `filters`).
    """

    fixed: ClassVar[dict[str, Any]] = {
        "kernel_size": 3,
        "strides": 1,
        "padding": "same",
        "data_format": "channels_last",
        "dilation_rate": 1,
        "groups": 1,
    }

    def __init__(self, filters: int, **options: Any) -> None:
        super().__init__(filters, **self.fixed, **options)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The feature maps."""
        if not by_product(self.kernel, training):
            return super().call(inputs)
        return self.activation(convolve(surrounded(inputs), self.kernel, self.bias, training))

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments."""
        config = super().get_config()
        return {name: value for name, value in config.items() if name not in self.fixed}


@keras.saving.register_keras_serializable(package="diffkeras")
class UpsampledConv3x3(Conv3x3):
    """Nearest ×2 upsampling, then a 3×3 convolution with stride 1 and "same" padding.

    It equals `keras.layers.UpSampling2D` followed by `Conv2D`, but never stores the upsampled map
    and needs 16/36 of the multiplications. Row r of the upsampled map is row ⌊r/2⌋ of the input x,
    so with the kernel's rows k₀, k₁, k₂, the rows of the output are

    y₂ᵢ₋₁ = (k₀ + k₁) xᵢ₋₁ + k₂ xᵢ and y₂ᵢ = k₀ xᵢ₋₁ + (k₁ + k₂) xᵢ,

    a 2×2 convolution with four times as many filters, whose four maps are interleaved.

    Args:
        filters: channels of the output.

    Shape: (batch, height, width, channels) → (batch, 2·height, 2·width, `filters`).

    Source: arXiv 1609.07009 relates both forms.
    """

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The feature maps."""
        bias = None if self.bias is None else ops.tile(self.bias, 4)
        phases = convolve(surrounded(inputs), _kernel_of_pairs(self.kernel), bias, training)
        # the first row of the first pair and the last row of the last pair lie outside the map
        return self.activation(_interleaved(phases)[:, 1:-1, 1:-1])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Twice the sides; unknown ones stay unknown."""
        batch, height, width, _ = input_shape
        return (batch, height and 2 * height, width and 2 * width, self.filters)


@keras.saving.register_keras_serializable(package="diffkeras")
class NormalizedConv3x3(Conv3x3):
    """A 3×3 convolution followed by batch normalisation over the global batch.

    It equals `Conv3x3` followed by `keras.layers.BatchNormalization`, synchronized over replicas,
    and is faster for inputs of few channels. The convolution's output y = Wᵀp + b is linear in the
    window p, so its statistics over the batch follow from the statistics of the windows:

    mean(y) = Wᵀ mean(p) + b and variance(y) = diag(Wᵀ cov(p) W).

    Normalising y then is a convolution with another kernel and bias, and y is never stored.

    Args:
        filters: channels of the output.
        momentum: of the moving statistics.
        epsilon: added to the variance.

    Shape: (batch, height, width, channels) → (batch, height, width, `filters`).

    Source: arXiv 1502.03167 for the normalisation.
    """

    def __init__(
        self, filters: int, *, momentum: float = 0.99, epsilon: float = 1e-3, **options: Any
    ) -> None:
        super().__init__(filters, **options)
        self.norm = layers.BatchNormalization(
            momentum=momentum,
            epsilon=epsilon,
            # on other backends arrays are global, and Keras refuses True
            synchronized=keras.backend.backend() == "tensorflow",
            dtype=self.dtype_policy,
            name="norm",
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights of the convolution and of the normalisation."""
        super().build(input_shape)
        self.norm.build(self.compute_output_shape(input_shape))

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The normalised feature maps."""
        norm, padded = self.norm, surrounded(inputs)
        # half precision is not precise enough for statistics
        dtype = keras.backend.result_type(self.compute_dtype, "float32")
        kernel = ops.cast(self.kernel, dtype)
        bias = 0.0 if self.bias is None else ops.cast(self.bias, dtype)
        if training and self.trainable:
            mean, variance = self._statistics(padded, kernel)
            mean += bias
            for moving, new in ((norm.moving_mean, mean), (norm.moving_variance, variance)):
                moving.assign(moving * norm.momentum + new * (1 - norm.momentum))
        else:
            mean, variance = norm.moving_mean, norm.moving_variance
        factor = ops.cast(norm.gamma, dtype) * ops.rsqrt(variance + norm.epsilon)
        shift = (bias - mean) * factor + ops.cast(norm.beta, dtype)
        kernel, shift = (ops.cast(v, self.compute_dtype) for v in (kernel * factor, shift))
        return self.activation(convolve(padded, kernel, shift, training))

    def _statistics(self, padded: Any, kernel: Any) -> tuple[Any, Any]:
        """Mean without bias and variance of each filter's output over the global batch."""
        height, width = ops.shape(padded)[1:3]
        length = 9 * kernel.shape[2]
        matrix = ops.reshape(kernel, (length, self.filters))
        # (batch, nodes, length)
        windows = ops.reshape(
            windows_of(ops.cast(padded, kernel.dtype), 3, 3),
            (-1, (height - 2) * (width - 2), length),
        )
        mean = self._over_batch(ops.mean(windows, axis=1))
        centered = windows - mean
        nodes = ops.cast((height - 2) * (width - 2), kernel.dtype)
        products = ops.matmul(ops.transpose(centered, (0, 2, 1)), centered) / nodes
        covariance = self._over_batch(products)
        variance = ops.sum(matrix * ops.matmul(covariance, matrix), axis=0)
        return ops.matmul(mean, matrix), ops.maximum(variance, 0.0)

    def _over_batch(self, values: Any) -> Any:
        """The mean over the global batch."""
        return ops.moments(values, axes=[0], synchronized=self.norm.synchronized)[0]

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments."""
        norm = {"momentum": self.norm.momentum, "epsilon": self.norm.epsilon}
        return {**super().get_config(), **norm}


def convolve(inputs: Any, kernel: Any, bias: Any, training: bool | None) -> Any:
    """Convolution with stride 1 and no padding; `training` says whether gradients will follow."""
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
    """Values of each window, (batch, …, …, rows · columns · channels), in the kernel's order."""
    return ops.concatenate(
        [
            inputs[:, i : i - rows + 1 or None, j : j - columns + 1 or None]
            for i in range(rows)
            for j in range(columns)
        ],
        axis=-1,
    )


def by_product(kernel: Any, training: bool | None) -> bool:
    """Whether a kernel is applied as a product; its windows would fill an accelerator's memory."""
    limit = LARGE_KERNEL_IN_TRAINING if training else LARGE_KERNEL
    # Keras can't list the devices of PyTorch
    if np.prod(kernel.shape) < limit or keras.backend.backend() == "torch":
        return False
    return keras.distribution.list_devices()[0].startswith("cpu")


def surrounded(inputs: Any) -> Any:
    """The maps, padded with one row and one column of zeros on each side."""
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


class Convolutions:
    """Makes the convolutions of one network, numbered for the seeds of their weights."""

    def __init__(self, initializer: Any, first_number: int = 0) -> None:
        self._initializer = initializer
        self._number = itertools.count(first_number)

    def apply(
        self,
        features: Any,
        filters: int,
        name: str,
        kind: type[Conv3x3] = Conv3x3,
        fan_in: int | None = None,
        **options: Any,
    ) -> Any:
        """The maps of a new convolution; `fan_in` is PyTorch's, by default 9 · channels."""
        fan_in = 9 * features.shape[-1] if fan_in is None else fan_in
        weights = _initializers(self._initializer, next(self._number), fan_in)
        return kind(filters, **weights, name=name, **options)(features)

    def apply_normalized(self, features: Any, filters: int, name: str) -> Any:
        """As `apply`, followed by batch normalisation over the global batch."""
        options: dict[str, Any] = {"momentum": NORM_MOMENTUM, "epsilon": NORM_EPSILON}
        return self.apply(features, filters, name, NormalizedConv3x3, **options)

    def encode(self, source_image: Any, width: int, depth: int) -> list[Any]:
        """The features of each level k = 0 … `depth`, halved k times, with `width`·2^k channels."""
        levels, features = [], source_image
        for k in range(depth + 1):
            apply = self.apply_normalized if k == 0 else self.apply
            features = apply(features, width * 2**k, f"encoder_conv_{k}")
            features = activation(features, f"encoder_activation_{k}")
            levels.append(features)
            if k < depth:
                features = layers.AveragePooling2D(2, name=f"encoder_pool_{k}")(features)
        return levels


def activation(features: Any, name: str, **options: Any) -> Any:
    """LeakyReLU with the slope of all architectures."""
    return layers.LeakyReLU(NEGATIVE_SLOPE, name=name, **options)(features)


def _initializers(initializer: Any, number: int, fan_in: int) -> dict[str, Any]:
    """The initializers of a layer's kernel and bias, as its options; see `encoder_decoder`.

    Args:
        initializer: of kernels; biases are then 0. Or "pytorch".
        number: of the layer, added to the seed of the initializer.
        fan_in: of the layer in PyTorch: nodes of the window · channels of the input of a `Conv2d`,
            of the output of a `ConvTranspose2d`.
    """
    if initializer == "pytorch":
        bound = 1 / math.sqrt(fan_in)
        names = ("kernel_initializer", "bias_initializer")
        return {name: keras.initializers.RandomUniform(-bound, bound) for name in names}
    initializer = keras.initializers.get(initializer)
    config = initializer.get_config()
    if isinstance(config.get("seed"), int):
        config["seed"] += number
    return {"kernel_initializer": type(initializer).from_config(config)}
