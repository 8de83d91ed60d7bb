"""Ends training when the loss is not finite."""

import math
from typing import Any

import keras

from diffkeras.errors import ConvergenceError
from diffkeras.nn.metrics import UnweightedError
from diffkeras.training.optimizers import learning_rate
from diffkeras.training.state import TrainingState


class StopAtNonFiniteLoss(keras.callbacks.Callback):
    """Raise an error at the first step whose loss is not finite, and name the term that broke."""

    def __init__(self, terms: UnweightedError, state: TrainingState) -> None:
        super().__init__()
        self.terms, self.state = terms, state

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Check the loss."""
        loss = (logs or {}).get("loss", 0.0)
        if math.isfinite(loss):
            return
        broken = self.terms.broken_terms()
        what = f"its {broken[0]} term" if broken else "the product of its terms"
        raise ConvergenceError(
            f"the loss is {loss} at step {self.state.step} of epoch {self.state.epoch + 1}: {what} "
            f"is not finite (learning rate {learning_rate(self.model):.3g}); choose a smaller "
            "training.learning_rate, or limit the gradient by training.clip_norm"
        )
