"""Terms of a loss: the mean of its error, and which terms are not finite."""

from typing import Any

import keras

from diffkeras.nn.losses import NodeLoss

TERMS = ("target", "prediction", "error", "weight")  # each is computed from those before it


@keras.saving.register_keras_serializable(package="diffkeras")
class UnweightedError(keras.metrics.Mean):
    """Mean error of a loss without its weight, on the network's scale.

    It also records which terms of the loss were not finite, to explain why a run failed.

    Args:
        loss: the loss.
        **options: those of `keras.metrics.Mean`.

    Update:
        y_true, y_pred, sample_weight: as for the loss. Sample weights are ignored.
    """

    def __init__(self, loss: NodeLoss, name: str = "error", **options: Any) -> None:
        super().__init__(name=name, **options)
        self.loss = loss
        self.broken = self.add_variable((len(TERMS),), "zeros", name="broken")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        ops = keras.ops
        y_true = ops.convert_to_tensor(y_true, dtype=self.dtype)
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        error, weight = self.loss.terms(y_true, y_pred)
        super().update_state(ops.mean(error, axis=(1, 2)))
        terms = (y_true, y_pred, error, ops.ones(()) if weight is None else weight)
        infinite = [ops.logical_not(ops.all(ops.isfinite(term))) for term in terms]
        self.broken.assign_add(ops.cast(ops.stack(infinite), self.dtype))

    def broken_terms(self) -> list[str]:
        """Names of the terms that were not finite since the last reset, in order of computation."""
        counts = keras.ops.convert_to_numpy(self.broken)
        return [name for name, count in zip(TERMS, counts, strict=True) if count > 0]

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments."""
        return {**super().get_config(), "loss": keras.saving.serialize_keras_object(self.loss)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "UnweightedError":
        """The metric with these arguments."""
        return cls(**{**config, "loss": keras.saving.deserialize_keras_object(config["loss"])})
