"""The errors of a node, each a loss by itself or with a weight map."""

from typing import Any

import keras

from diffkeras.nn.arguments import positive
from diffkeras.nn.losses.weighted_error import WeightedError

# Errors below this count as 0. Differences of float32 fields are 0 or much larger.
SMALLEST = 1e-30


@keras.saving.register_keras_serializable(package="diffkeras")
class AbsoluteError(WeightedError):
    """w(y) · |e| with e = ŷ − y. The mean without a weight is the mean absolute error (MAE).

    Source: arXiv 2302.03786.
    """

    def error(self, difference: Any, target: Any) -> Any:
        """|e|."""
        return keras.ops.abs(difference)


@keras.saving.register_keras_serializable(package="diffkeras")
class SquaredError(WeightedError):
    """w(y) · e² with e = ŷ − y. The mean without a weight is the mean squared error (MSE).

    Source: arXiv 2302.03786.
    """

    def error(self, difference: Any, target: Any) -> Any:
        """e²."""
        return keras.ops.square(difference)


@keras.saving.register_keras_serializable(package="diffkeras")
class PowerError(WeightedError):
    """w(y) · |e|^α with e = ŷ − y.

    The gradient is set to 0 if |e| < 1e-30. For α < 1 it would be infinite at e = 0.

    Args:
        alpha: exponent α, above 0.

    Source: arXiv 2302.03786.
    """

    def __init__(self, alpha: float, **options: Any) -> None:
        super().__init__(**options)
        self.alpha = positive("alpha", alpha)

    def error(self, difference: Any, target: Any) -> Any:
        """|e|^α."""
        size = keras.ops.abs(difference)
        is_zero = size < SMALLEST
        # Zeros are replaced before the power: `where` afterwards would pass on its NaN gradient.
        powers = keras.ops.power(
            keras.ops.where(is_zero, keras.ops.ones_like(size), size), self.alpha
        )
        return keras.ops.where(is_zero, keras.ops.zeros_like(size), powers)


@keras.saving.register_keras_serializable(package="diffkeras")
class HuberError(WeightedError):
    """w(y) · (e²/2 if |e| ≤ δ, else δ·(|e| − δ/2)) with e = ŷ − y.

    Args:
        delta: δ, above 0, in units of the field on the network's scale.

    Source: P. J. Huber, Ann. Math. Statist. 35 (1964) 73; used in arXiv 2302.03786.
    """

    def __init__(self, delta: float, **options: Any) -> None:
        super().__init__(**options)
        self.delta = positive("delta", delta)

    def error(self, difference: Any, target: Any) -> Any:
        """e²/2 if |e| ≤ δ, else δ·(|e| − δ/2)."""
        size = keras.ops.abs(difference)
        return keras.ops.where(
            size <= self.delta,
            0.5 * keras.ops.square(difference),
            self.delta * (size - 0.5 * self.delta),
        )


@keras.saving.register_keras_serializable(package="diffkeras")
class InverseHuberError(WeightedError):
    """w(y) · (|e| if |e| < δ, else (e² + δ²)/(2δ)) with e = ŷ − y, also known as berHu.

    At |e| = δ both branches have the value δ and the slope 1.

    Args:
        delta: δ, above 0, in units of the field on the network's scale.

    Source: arXiv 2302.03786.
    """

    def __init__(self, delta: float, **options: Any) -> None:
        super().__init__(**options)
        self.delta = positive("delta", delta)

    def error(self, difference: Any, target: Any) -> Any:
        """|e| if |e| < δ, else (e² + δ²)/(2δ)."""
        size = keras.ops.abs(difference)
        squared = (keras.ops.square(difference) + self.delta**2) / (2.0 * self.delta)
        return keras.ops.where(size < self.delta, size, squared)


@keras.saving.register_keras_serializable(package="diffkeras")
class RelativeError(WeightedError):
    """w(y) · |e|/(|y| + ε) with e = ŷ − y.

    Args:
        epsilon: ε, above 0, in units of the field on the network's scale. For targets far below
            it, the loss is the absolute error divided by ε.

    Source: arXiv 2302.03786.
    """

    def __init__(self, epsilon: float, **options: Any) -> None:
        super().__init__(**options)
        self.epsilon = positive("epsilon", epsilon)

    def error(self, difference: Any, target: Any) -> Any:
        """|e|/(|y| + ε)."""
        return keras.ops.abs(difference) / (keras.ops.abs(target) + self.epsilon)
