"""Protection against diverging runs: undo an epoch whose loss jumps, stop when it isn't finite."""

import logging
import math
from typing import Any

import keras
import numpy as np

from diffkeras.errors import ConvergenceError
from diffkeras.nn.metrics import UnweightedError
from diffkeras.training.checkpoints import Checkpoints, TrainingState, read_weights
from diffkeras.training.optimizers import learning_rate

logger = logging.getLogger(__name__)

FEWEST_CHANGES = 3  # fewer changes of the loss do not show its usual course
MOST_ROLLBACKS = 5  # as many in a row end the training


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


class Rollback(keras.callbacks.Callback):
    """Undo an epoch whose loss jumps: restore weights and optimizer from before it.

    A jump is a rise by more than `factor` times the mean absolute change of the loss over the last
    `window` epochs. The learning-rate schedule and the order of the data continue.

    Source: the training of Front. Physiol. 12:667828 (2021) and arXiv 2302.03786.
    """

    def __init__(
        self,
        state: TrainingState,
        checkpoints: Checkpoints,
        *,
        factor: float,
        window: int,
        monitor: str = "loss",
    ) -> None:
        super().__init__()
        self.state, self.checkpoints = state, checkpoints
        self.factor, self.window, self.monitor = factor, window, monitor

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the epoch or undo it, and set `logs["rolled_back"]` to 0 or 1."""
        logs = {} if logs is None else logs
        loss = float(logs[self.monitor])
        losses = self.state.losses
        mean_change = self.mean_change()
        jumped = 0 < mean_change * self.factor < loss - (losses[-1] if losses else loss)
        backup = self.checkpoints.backup() if jumped else None  # it reads whole files
        logs["rolled_back"] = float(backup is not None)
        if backup is None:
            losses.append(loss)
            return
        iterations = self.model.optimizer.iterations
        steps = keras.ops.convert_to_numpy(iterations)
        read_weights(backup, self.model)
        iterations.assign(steps)
        undone = self.state.rollbacks
        undone.append(epoch + 1)
        rise = (loss - losses[-1]) / mean_change
        logger.info(
            f"epoch {epoch + 1} undone: its {self.monitor} {loss:.3g} is {rise:.0f} times the mean "
            f"change above {losses[-1]:.3g}"
        )
        if undone[-MOST_ROLLBACKS:] == list(range(epoch + 2 - MOST_ROLLBACKS, epoch + 2)):
            raise ConvergenceError(
                f"training diverges: the last {MOST_ROLLBACKS} epochs had to be undone; choose a "
                f"smaller training.learning_rate than {learning_rate(self.model):.3g}"
            )

    def mean_change(self) -> float:
        """Mean absolute change of the loss over the last epochs; 0 while there are too few."""
        changes = np.abs(np.diff(self.state.losses[-self.window - 1 :]))
        return float(changes.mean()) if changes.size >= min(FEWEST_CHANGES, self.window) else 0.0
