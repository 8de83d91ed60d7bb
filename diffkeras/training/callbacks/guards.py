"""Guards of a training: they stop, undo or point out what has gone wrong."""

import logging
import math
from typing import Any

import keras
import numpy as np

from diffkeras.errors import ConvergenceError
from diffkeras.nn.metrics import UnweightedError
from diffkeras.training.callbacks.count_errors import CountErrors
from diffkeras.training.checkpoints import Checkpoints, TrainingState, read_weights
from diffkeras.training.optimizers import innermost, learning_rate

logger = logging.getLogger(__name__)

FEWEST_CHANGES = 3  # of the loss, before a jump can be told from its usual course
MOST_ROLLBACKS = 5  # in a row, after which more of them won't help


class StopAtNonFiniteLoss(keras.callbacks.Callback):
    """End training at the first step whose loss is not finite, and say what broke.

    Args:
        terms: the compiled metric that sees the terms of the loss.
        state: of the training.

    Raises:
        ConvergenceError: from the step on.
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


class Rollback(keras.callbacks.Callback):
    """Undo an epoch whose loss jumps, by the weights and the optimizer from before it.

    A jump is a rise by more than `factor` times the mean absolute change of the loss over the last
    `window` epochs. The schedule of the learning rate and the order of the data go on.

    Args:
        state: of the training; it notes the losses, and the epochs undone.
        checkpoints: hold the backup, from the end of the last good epoch.
        factor: of the mean change.
        window: epochs.
        monitor: the loss.

    Raises:
        ConvergenceError: several in a row.

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
        """Keep the epoch or undo it; `logs` then holds "rolled_back" 0 or 1."""
        logs = {} if logs is None else logs
        loss = float(logs[self.monitor])
        losses = self.state.losses
        mean_change = self.mean_change()
        backup = self.checkpoints.backup()
        jumped = 0 < mean_change * self.factor < loss - (losses[-1] if losses else loss)
        logs["rolled_back"] = float(jumped and backup is not None)
        if not logs["rolled_back"]:
            losses.append(loss)
            return
        assert backup is not None
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
        """Mean absolute change of the loss over the last epochs; 0 before there are enough."""
        changes = np.abs(np.diff(self.state.losses[-self.window - 1 :]))
        return float(changes.mean()) if changes.size >= min(FEWEST_CHANGES, self.window) else 0.0


class CompareWithZeroField(keras.callbacks.Callback):
    """Warn once if the surrogate is no better than a field of zeros by then.

    Args:
        counts: read after validation.
        epochs: number of the epoch that is judged.
    """

    def __init__(self, counts: CountErrors, *, epochs: int) -> None:
        super().__init__()
        self.counts, self.epochs = counts, epochs

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Compare."""
        zero_field = self.counts.zero_field_mae() or math.nan
        error = (logs or {}).get("val_mae", math.nan)
        if epoch + 1 == self.epochs and not error < zero_field:
            logger.warning(
                f"after {self.epochs} epoch(s) the validation MAE {error:.3g} is not "
                f"below that of a field of zeros, {zero_field:.3g}; check training.loss "
                "and training.learning_rate"
            )


class StopEarly(keras.callbacks.Callback):
    """End training when the validation error hasn't improved for some epochs.

    Args:
        state: of the training.
        patience: epochs.
    """

    def __init__(self, state: TrainingState, *, patience: int) -> None:
        super().__init__()
        self.state, self.patience = state, patience

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Compare with the best epoch."""
        if self.state.out_of_patience(self.patience):
            self.model.stop_training = True
            logger.info(
                f"stopped after epoch {epoch + 1}: no better validation MAE since epoch "
                f"{self.state.best_epoch}"
            )
