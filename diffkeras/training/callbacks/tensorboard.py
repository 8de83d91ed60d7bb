"""Curves for TensorBoard."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from diffkeras.representation.regions import REGIONS
from diffkeras.training.callbacks.history import CountErrors
from diffkeras.training.optimizers import innermost, learning_rate
from diffkeras.training.session import TrainingSession

POINTS = 20  # an epoch, of curves that are drawn against steps

TAGS = {
    "loss": "loss/weighted",
    "error": "loss/unweighted",
    "mae_worst_count": "MAE by source count/worst",
    "relative_l2": "other errors/relative L2",
    "max_error": "other errors/maximum",
    **{
        ("mae" if region == "lattice" else f"mae_{region}"): f"MAE by region/{region}"
        for region in REGIONS
    },
}


class TensorBoard(keras.callbacks.Callback):
    """Write losses, errors, gradient norm, learning rate and speed for TensorBoard.

    Training, validation and a field of zeros share each chart. Curves of the optimizer are drawn
    against steps, all others against epochs. `counts` has read the errors per source count.
    """

    def __init__(self, session: TrainingSession, counts: CountErrors) -> None:
        super().__init__()
        self.session, self.state, self.counts = session, session.state, counts
        self.config = session.config
        self.every = max(1, session.steps // POINTS)
        logs = session.run.logs
        self.training, self.validation, self.zero_field = (
            tf.summary.create_file_writer(str(logs / part))
            for part in ("train", "validation", "zero_field")
        )
        with self.training.as_default(step=0):
            lines = "".join(f"    {line}\n" for line in self.config.to_yaml().splitlines())
            tf.summary.text("configuration", lines)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note at which step the curves begin."""
        self._written = self.session.steps_done

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the curves against steps."""
        step = self.session.steps_done
        if step // self.every == self._written // self.every:  # Keras may run several at once
            return
        self._written = step
        with self.training.as_default(step):
            optimizer = self.model.optimizer
            tf.summary.scalar("optimizer/gradient norm", innermost(optimizer).gradient_norm)
            if optimizer is not innermost(optimizer):
                tf.summary.scalar("optimizer/loss scale", optimizer.dynamic_scale.value)
            tf.summary.scalar("optimizer/learning rate", learning_rate(self.model))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the curves against epochs."""
        number = epoch + 1
        with self.training.as_default(number):
            _write_scalars({k: v for k, v in (logs or {}).items() if not k.startswith("val_")})
            tf.summary.scalar("optimizer/rollbacks so far", len(self.state.rollbacks))
            examples = self.session.steps * self.config.training.batch_size
            speed = examples / max(self.state.epoch_seconds, 1e-9)
            tf.summary.scalar("speed/examples a second", speed)
        with self.validation.as_default(number):
            _write_scalars({k[4:]: v for k, v in (logs or {}).items() if k.startswith("val_")})
            _write_counts(self.counts.per_count)
        with self.zero_field.as_default(number):
            _write_counts(self.counts.zero_field)
            tf.summary.scalar(TAGS["mae"], self.state.zero_field_mae)
        for writer in (self.training, self.validation, self.zero_field):
            writer.flush()


def _write_counts(errors: Mapping[int, float]) -> None:
    for count, error in errors.items():
        tf.summary.scalar(f"MAE by source count/{count:02d}", error)


def _write_scalars(values: Mapping[str, float]) -> None:
    for name, tag in TAGS.items():
        if name in values:
            tf.summary.scalar(tag, values[name])
