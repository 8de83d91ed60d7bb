"""Ends training when the loss is not finite."""

import math
from typing import Any

import keras

from diffkeras.errors import ConvergenceError
from diffkeras.nn.metrics import UnweightedError
from diffkeras.training.optimizers import innermost, learning_rate
from diffkeras.training.state import TrainingState


class StopAtNonFiniteLoss(keras.callbacks.Callback):
    """End training at the first step whose loss is not finite, and name the term that broke.

    Args:
        terms: the compiled metric that sees the terms of the loss.
        state: of the run.

    Raises:
        ConvergenceError: the loss is not finite.
    """

    def __init__(self, terms: UnweightedError, state: TrainingState) -> None:
        super().__init__()
        self.terms, self.state = terms, state
        self._norm = math.nan

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Check the loss, and remember the gradient for the next step."""
        loss = (logs or {}).get("loss", 0.0)
        if math.isfinite(loss):
            self._norm = float(innermost(self.model.optimizer).gradient_norm.numpy())
            return
        broken = self.terms.broken_terms()
        what = f"its {broken[0]} term" if broken else "the product of its terms"
        before = (
            "" if math.isnan(self._norm) else f", gradient norm of the step before {self._norm:.3g}"
        )
        raise ConvergenceError(
            f"the loss is {loss} at step {self.state.step} of epoch {self.state.epoch + 1}: {what} "
            f"is not finite (learning rate {learning_rate(self.model):.3g}{before}); choose a "
            "smaller training.learning_rate, or limit the gradient by training.clip_norm"
        )
