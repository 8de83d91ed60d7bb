"""The losses: an error of each node, multiplied by a weight map, and sample weights."""

from typing import Any

import keras

from diffkeras.nn.losses.weights import WeightMap, arguments_of, get_weight
from diffkeras.physics.arguments import check_choice, check_positive, check_truth
from diffkeras.view.target import shapes_differ, target_and_prediction

WEIGHT_SOURCES = ("target", "prediction")
# Errors below this count as 0. Differences of float32 fields are 0 or much larger.
SMALLEST = 1e-30


class NodeLoss(keras.losses.Loss):
    """Base of the losses, whose `call` returns one value per node: Keras reduces them.

    A loss that returned a scalar would train with N times the gradient on N replicas. A subclass
    implements `terms`.
    """

    def terms(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """Error and weight of each node, both (batch, height, width); no weight is None."""
        raise NotImplementedError

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Weighted error of each node, (batch, height, width)."""
        errors, weights = self.terms(y_true, y_pred)
        return errors if weights is None else weights * errors

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The reduced loss."""
        if sample_weight is not None:
            nodes = keras.ops.convert_to_tensor(y_pred, dtype=self.dtype)[..., 0]
            sample_weight = per_node_weight(sample_weight, nodes)
        return super().__call__(y_true, y_pred, sample_weight)


class WeightedError(NodeLoss):
    """Base of the losses: w(y) · error(ŷ − y) at each node.

    A subclass implements `error` and stores its own arguments as attributes of the same names.

    Args:
        weight: weight map, or its name or configuration (see `get_weight`); None for no weight.
        weight_from: the field that the map is evaluated on, "target" or "prediction".
        weight_gradient: whether the gradient also flows through a weight of the prediction, which
            drives predictions towards values of little weight.
        normalize_weight: whether to divide each example's weights by their mean over the lattice,
            so that losses with different maps have similar magnitudes. False in arXiv 2302.03786.
        **options: `reduction`, `name` and `dtype`, as in `keras.losses.Loss`.

    Call:
        y_true: packed target, (batch, height + 1, width + 1, 2): the target field on the network's
            scale and the source image on the linear scale (see `pack_target`). The field alone,
            (batch, height, width, 1), is enough if the weight map does not need the source image.
        y_pred: predicted field on the network's scale, (batch, height, width, 1).
        sample_weight: (batch,), one weight per example, or (batch, height, width), one per node.

    Raises:
        ValueError: an argument is not one of the allowed values; when called, if shapes do not
            match or the weight map needs the source image and `y_true` has none.

    Source: arXiv 2302.03786.
    """

    def __init__(
        self,
        *,
        weight: Any = None,
        weight_from: str = "target",
        weight_gradient: bool = False,
        normalize_weight: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.weight: WeightMap | None = get_weight(weight)
        self.weight_from = check_choice("weight_from", weight_from, WEIGHT_SOURCES)
        self.weight_gradient = check_truth("weight_gradient", weight_gradient)
        if weight_gradient and (weight is None or weight_from != "prediction"):
            raise ValueError(
                "weight_gradient=True needs a weight that is computed from the prediction; set "
                "weight and weight_from='prediction', or weight_gradient=False"
            )
        self.normalize_weight = check_truth("normalize_weight", normalize_weight)

    def error(self, difference: Any, target: Any) -> Any:
        """Error of each node from ŷ − y and y, all (batch, height, width)."""
        raise NotImplementedError

    def terms(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """Error and weight of each node, both (batch, height, width); no weight is None."""
        (target, source_image, _), prediction = target_and_prediction(y_true, y_pred)
        values = self.error(prediction - target, target)
        if self.weight is None:
            return values, None
        weights = self.weight(target if self.weight_from == "target" else prediction, source_image)
        if shapes_differ(weights.shape, values.shape):
            raise ValueError(
                f"{type(self.weight).__name__} must return weights of shape {tuple(values.shape)}, "
                f"one per node, not {tuple(weights.shape)}"
            )
        if self.normalize_weight:
            weights = weights / keras.ops.mean(weights, axis=(1, 2), keepdims=True)
        return values, weights if self.weight_gradient else keras.ops.stop_gradient(weights)

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments, with the weight map serialized."""
        arguments = {name: getattr(self, name) for name in arguments_of(type(self))}
        weight = keras.saving.serialize_keras_object(self.weight)
        return {**arguments, **super().get_config(), "weight": weight}


def per_node_weight(sample_weight: Any, values: Any) -> Any:
    """Sample weights, (batch, height, width), in the dtype of `values`; 1 by default.

    `sample_weight` is one weight per example, (batch,), or per node, (batch, height, width), also
    with further axes of length 1. Keras would broadcast (batch,) over columns of the lattice.
    """
    if sample_weight is None:
        return keras.ops.ones_like(values)
    weight, lattice = keras.ops.convert_to_tensor(sample_weight, dtype=values.dtype), values.shape
    while len(weight.shape) > 3 and weight.shape[-1] == 1:
        weight = weight[..., 0]
    if len(weight.shape) > 1 and set(weight.shape[1:]) == {1}:
        weight = keras.ops.reshape(weight, (-1,))
    shape = tuple(weight.shape)
    matches = not shapes_differ(shape, lattice[:1] if len(shape) == 1 else lattice)
    if not matches:
        raise ValueError(
            f"sample_weight must have shape (batch,) = {tuple(lattice[:1])}, one weight per "
            f"example, or (batch, height, width) = {tuple(lattice)}, one per node; got {shape}"
        )
    weight = keras.ops.reshape(weight, (-1, 1, 1)) if len(shape) == 1 else weight
    return weight * keras.ops.ones_like(values)


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
    """w(y) · |e|^α with e = ŷ − y. The gradient is 0 where |e| < 1e-30.

    Args:
        alpha: exponent α, above 0.

    Source: arXiv 2302.03786.
    """

    def __init__(self, alpha: float, **options: Any) -> None:
        super().__init__(**options)
        self.alpha = check_positive("alpha", alpha)

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

    Source: P. J. Huber, Ann. Math. Statist. 35 (1964) 73.
    """

    def __init__(self, delta: float, **options: Any) -> None:
        super().__init__(**options)
        self.delta = check_positive("delta", delta)

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

    Args:
        delta: δ, above 0, in units of the field on the network's scale.

    Source: arXiv 2302.03786.
    """

    def __init__(self, delta: float, **options: Any) -> None:
        super().__init__(**options)
        self.delta = check_positive("delta", delta)

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
        self.epsilon = check_positive("epsilon", epsilon)

    def error(self, difference: Any, target: Any) -> Any:
        """|e|/(|y| + ε)."""
        return keras.ops.abs(difference) / (keras.ops.abs(target) + self.epsilon)
