"""Callback that selects the map of an alternating weight."""

from collections.abc import Callable
from typing import Any

import keras

from diffkeras.nn.losses.weights.alternating import AlternatingWeight


class AlternateWeights(keras.callbacks.Callback):
    """Select the map of an `AlternatingWeight` before each batch or epoch.

    The number of a batch is epoch · steps per epoch + its position in the epoch. The optimizer's
    iterations would be wrong, because they are not counted when float16 training skips a step. If
    `steps_per_execution` is above 1, all steps of one execution use the same map.

    Args:
        weight: the alternating weight; by default that of the compiled loss.
        first_step: called at the start of each epoch, returns the number of its first batch since
            the start of training. `fit` does not know this number if training resumes within an
            epoch.

    Raises:
        ValueError: at the start of training, if no weight is given and the loss has no alternating
            weight.
        NotImplementedError: at the start of training under JAX with a compiled step, which treats
            the selection as a constant. Pass `run_eagerly=True` to `compile` there.

    Example:

    ```python
    model.fit(x, y, epochs=100, callbacks=[AlternateWeights()])
    ```
    """

    def __init__(
        self,
        weight: AlternatingWeight | None = None,
        first_step: Callable[[], int] | None = None,
    ) -> None:
        super().__init__()
        self.weight: Any = weight
        self.first_step = first_step
        self._batches = 0  # counted here because `fit` may not know the steps per epoch
        self._first = 0

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Find the alternating weight."""
        if self.weight is None:
            found = getattr(self.model.loss, "weight", None)
            if not isinstance(found, AlternatingWeight):
                raise ValueError(
                    f"the compiled loss {self.model.loss!r} has no AlternatingWeight; "
                    "pass the weight to AlternateWeights, or remove the callback"
                )
            self.weight = found
        if keras.backend.backend() == "jax" and not self.model.run_eagerly:
            raise NotImplementedError(
                "alternating weights don't reach a compiled JAX step; "
                "compile the model with run_eagerly=True, or use another backend"
            )

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Select the epoch's map, or record the epoch's first step."""
        if self.weight.every == "epoch":
            self.weight.select(self.weight.choice(epoch))
        elif self.first_step is not None:
            self._first = self.first_step()
        else:
            steps = (self.params or {}).get("steps")
            self._first = self._batches if steps is None else epoch * steps

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Select the batch's map."""
        if self.weight.every == "batch":
            self.weight.select(self.weight.choice(self._first + batch))
            self._batches = self._first + batch + 1
