"""Base of the losses: an error per node, times a weight map."""

from typing import Any, ClassVar

import keras

from diffkeras.nn.arguments import one_of
from diffkeras.nn.losses.weights import WeightMap, get_weight
from diffkeras.nn.sample_weights import per_node_weight
from diffkeras.representation.target import target_and_prediction

WEIGHT_SOURCES = ("target", "prediction")


class WeightedError(keras.losses.Loss):
    """Base of the losses: w(y) · error(ŷ − y), node by node.

    A subclass implements `error` and lists its own arguments in `parameters`, as attributes.

    `call` returns the nodes' values unreduced, which is what lets Keras divide by the number of
    replicas: a loss that returns a scalar trains with N times the gradient on N replicas.

    Args:
        weight: weight map, or its name or configuration (see `get_weight`); None for none.
        weight_from: the field that the map is evaluated on, "target" or "prediction". A prediction
            below 0, where no field is, counts as 0: there a map may turn negative. No gradient
            flows through the weight in either case: it would let the network lower the loss by
            predicting values that count less.
        normalize_weight: whether to divide each example's weights by their mean over the lattice,
            so that losses of different maps have the same magnitude. Off in arXiv 2302.03786.
        reduction: of the values of all nodes, as in `keras.losses.Loss`.
        name: of the loss.
        dtype: in which it is computed.

    Call:
        y_true: packed target, (batch, height + 1, width + 1, 2): the target field on the network's
            scale and the source image on the linear scale (see `pack_target`). The field alone,
            (batch, height, width, 1), is enough if the weight map does not need the source image.
        y_pred: predicted field on the network's scale, (batch, height, width, 1).
        sample_weight: (batch,), one weight an example, or (batch, height, width), one a node.

    Raises:
        ValueError: an argument is not one of the allowed values; when called, if shapes do not
            match or the weight map needs the source image and `y_true` has none.

    Source: arXiv 2302.03786.
    """

    parameters: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[tuple[str, ...]] = (
        "weight",
        "weight_from",
        "normalize_weight",
        "reduction",
        "name",
    )

    def __init__(
        self,
        *,
        weight: Any = None,
        weight_from: str = "target",
        normalize_weight: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.weight: WeightMap | None = get_weight(weight)
        self.weight_from = one_of("weight_from", weight_from, WEIGHT_SOURCES)
        self.normalize_weight = bool(normalize_weight)

    def error(self, difference: Any, target: Any) -> Any:
        """Error of each node; for subclasses to implement.

        Args:
            difference: ŷ − y, (batch, height, width).
            target: y, the same shape.
        """
        raise NotImplementedError

    def terms(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """Error and weight of each node, each (batch, height, width); the weight may be None."""
        (target, source_image, _), prediction = target_and_prediction(y_true, y_pred)
        values = self.error(prediction - target, target)
        if self.weight is None:
            return values, None
        field = target if self.weight_from == "target" else keras.ops.maximum(prediction, 0.0)
        weights = self.weight(field, source_image)
        if self.normalize_weight:
            weights = weights / keras.ops.mean(weights, axis=(1, 2), keepdims=True)
        return values, keras.ops.stop_gradient(weights)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Weighted error of each node, (batch, height, width)."""
        values, weights = self.terms(y_true, y_pred)
        return values if weights is None else weights * values

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Reduced loss: see the class."""
        if sample_weight is not None:
            nodes = keras.ops.convert_to_tensor(y_pred, dtype=self.dtype)[..., 0]
            sample_weight = per_node_weight(sample_weight, nodes)
        return super().__call__(y_true, y_pred, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments, the weight map serialized."""
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in self.parameters},
            "weight": keras.saving.serialize_keras_object(self.weight),
            "weight_from": self.weight_from,
            "normalize_weight": self.normalize_weight,
        }
