"""Batch normalisation over the global batch, alone and in one pass with a convolution."""

from typing import Any

import keras
from keras import ops

from diffkeras.nn.convolution import Conv3x3, convolve, surrounded, windows_of


@keras.saving.register_keras_serializable(package="diffkeras")
class CrossReplicaBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation over the global batch, on every backend.

    y = gain · (x − mean) / √(variance + epsilon) + offset, with the mean and the variance of each
    channel over all examples and nodes of the global batch (arXiv 1502.03167).

    Under `tf.distribute`, Keras normalises each replica's share of the batch by itself unless
    `synchronized` is set. On other backends, where arrays are global, Keras does not accept the
    argument. This layer therefore sets it for the current backend and does not save it.

    Args:
        **options: those of `keras.layers.BatchNormalization`, except `synchronized`.

    Shape: any, with channels last; the output has the shape of the input.

    Example:

    ```python
    layer = CrossReplicaBatchNormalization(momentum=0.9)
    ```
    """

    def __init__(self, **options: Any) -> None:
        options["synchronized"] = keras.backend.backend() == "tensorflow"
        super().__init__(**options)

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments."""
        config = super().get_config()
        config.pop("synchronized", None)
        return config


@keras.saving.register_keras_serializable(package="diffkeras")
class NormalizedConv3x3(Conv3x3):
    """A 3×3 convolution followed by batch normalisation over the global batch.

    It has the same weights and, up to rounding, the same output as `Conv3x3` followed by
    `CrossReplicaBatchNormalization`. It is faster for inputs of few channels. The convolution's
    output y = Wᵀp + b is linear in the window p, so its statistics over the batch follow from
    those of the windows:

    mean(y) = Wᵀ mean(p) + b and variance(y) = diag(Wᵀ cov(p) W).

    Normalising y then amounts to a convolution with another kernel and bias. Neither y nor its
    gradient is stored or read.

    Args:
        filters: channels of the output.
        momentum: of the moving statistics.
        epsilon: added to the variance.
        **options: those of `Conv3x3`.

    Shape: (batch, height, width, channels) → (batch, height, width, `filters`).

    Example:

    ```python
    NormalizedConv3x3(8)(np.zeros((1, 32, 64, 1)), training=True).shape  # (1, 32, 64, 8)
    ```

    Source: arXiv 1502.03167 for the normalisation.
    """

    def __init__(
        self, filters: int, *, momentum: float = 0.99, epsilon: float = 1e-3, **options: Any
    ) -> None:
        super().__init__(filters, **options)
        self.norm = CrossReplicaBatchNormalization(
            momentum=momentum, epsilon=epsilon, dtype=self.dtype_policy, name="norm"
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights of the convolution and of the normalisation."""
        super().build(input_shape)
        self.norm.build(self.compute_output_shape(input_shape))

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The normalised feature maps."""
        norm, around = self.norm, surrounded(inputs)
        # half precision is not precise enough for statistics
        dtype = keras.backend.result_type(self.compute_dtype, "float32")
        kernel = ops.cast(self.kernel, dtype)
        bias = 0.0 if self.bias is None else ops.cast(self.bias, dtype)
        if training and self.trainable:
            mean, variance = self._statistics(around, kernel)
            mean += bias
            for moving, new in ((norm.moving_mean, mean), (norm.moving_variance, variance)):
                moving.assign(moving * norm.momentum + new * (1 - norm.momentum))
        else:
            mean, variance = norm.moving_mean, norm.moving_variance
        factor = ops.cast(norm.gamma, dtype) * ops.rsqrt(variance + norm.epsilon)
        shift = (bias - mean) * factor + ops.cast(norm.beta, dtype)
        kernel, shift = (ops.cast(v, self.compute_dtype) for v in (kernel * factor, shift))
        return self.activation(convolve(around, kernel, shift, training))

    def _statistics(self, around: Any, kernel: Any) -> tuple[Any, Any]:
        """Mean without bias and variance of each filter's output over the global batch."""
        height, width = ops.shape(around)[1:3]
        length = 9 * kernel.shape[2]
        matrix = ops.reshape(kernel, (length, self.filters))
        # (batch, nodes, length)
        windows = ops.reshape(
            windows_of(ops.cast(around, kernel.dtype), 3, 3),
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
