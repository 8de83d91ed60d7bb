"""Callback that selects the loss of an alternating loss."""

from collections.abc import Callable
from typing import Any

import keras

from diffkeras.nn.losses.alternating import AlternatingLoss


class AlternateLosses(keras.callbacks.Callback):
    """Select the loss of an `AlternatingLoss` before each epoch or batch.

    The number of a batch is epoch · steps per epoch + its position in the epoch. The optimizer's
    iterations would be wrong, because they are not counted when float16 training skips a step. If
    `steps_per_execution` is above 1, all steps of one execution use the same loss.

    Args:
        loss: the alternating loss; by default the compiled one.
        first_step: called at the start of each epoch, returns the number of its first batch since
            the start of training. `fit` does not know this number if training resumes within an
            epoch.

    Raises:
        ValueError: at the start of training, if no loss is given and the compiled one does not
            alternate.
        NotImplementedError: at the start of training under JAX with a compiled step, which treats
            the selection as a constant. Pass `run_eagerly=True` to `compile` there.

    Example:

    ```python
    model.fit(x, y, epochs=100, callbacks=[AlternateLosses()])
    ```
    """

    def __init__(
        self,
        loss: AlternatingLoss | None = None,
        first_step: Callable[[], int] | None = None,
    ) -> None:
        super().__init__()
        self.loss: Any = loss
        self.first_step = first_step
        self._batches = 0  # counted here because `fit` may not know the steps per epoch
        self._first = 0

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Find the alternating loss."""
        if self.loss is None:
            if not isinstance(self.model.loss, AlternatingLoss):
                raise ValueError(
                    f"the compiled loss {self.model.loss!r} is not an AlternatingLoss; pass "
                    "the loss to AlternateLosses, or remove the callback"
                )
            self.loss = self.model.loss
        if keras.backend.backend() == "jax" and not self.model.run_eagerly:
            raise NotImplementedError(
                "the selection of an alternating loss does not reach a compiled JAX step; "
                "compile the model with run_eagerly=True, or use another backend"
            )

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Select the epoch's loss, or record the epoch's first step."""
        if self.loss.every != "batch":
            self.loss.select(self.loss.choice(epoch))
        elif self.first_step is not None:
            self._first = self.first_step()
        else:
            steps = (self.params or {}).get("steps")
            self._first = self._batches if steps is None else epoch * steps

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Select the batch's loss."""
        if self.loss.every == "batch":
            self.loss.select(self.loss.choice(self._first + batch))
            self._batches = self._first + batch + 1
