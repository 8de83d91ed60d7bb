"""Base of the losses: unreduced values, one a node."""

from typing import Any

import keras

from diffkeras.nn.sample_weights import per_node_weight


class NodeLoss(keras.losses.Loss):
    """Base of the losses, whose `call` returns one value per node.

    Keras reduces these values and divides by the number of replicas. It does not divide a loss that
    returns a scalar, which would train with N times the gradient on N replicas.

    A subclass implements `terms`.
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
