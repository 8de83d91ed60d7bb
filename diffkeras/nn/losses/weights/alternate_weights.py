"""Callback that puts the maps of an alternating weight in force."""

from collections.abc import Callable

import keras

from diffkeras.nn.losses.weights.alternating import AlternatingWeight


class AlternateWeights(keras.callbacks.Callback):
    """Set, before each batch or epoch, which map of an `AlternatingWeight` is in force.

    Batches are counted by their position, epoch · steps an epoch + batch, and not by the
    optimizer's iterations, which stand still where float16 skips a step. With
    `steps_per_execution` above 1, all the steps of one execution share a map.

    Args:
        weight: the alternating weight. By default the one of the compiled loss.
        first_step: says, at the start of each epoch, the number of its first batch since the start
            of training. Needed where `fit` can't know: in an epoch that a checkpoint cut in two.

    Raises:
        ValueError: at the start of training, where no weight is given and the loss has none.
        NotImplementedError: at the start of training under JAX with a compiled step, which
            takes the selector for a constant. Pass `run_eagerly=True` to `compile` there.

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
        self.weight = weight
        self.first_step = first_step
        self._batches = 0  # of the epochs so far, where `fit` doesn't know how many there are
        self._first = 0

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Find the alternating weight."""
        if self.weight is None:
            found = getattr(self.model.loss, "weight", None)
            if not isinstance(found, AlternatingWeight):
                raise ValueError(
                    f"the compiled loss {self.model.loss!r} has no AlternatingWeight; "
                    "pass the weight to AlternateWeights, or leave the callback out"
                )
            self.weight = found
        if keras.backend.backend() == "jax" and not self.model.run_eagerly:
            raise NotImplementedError(
                "alternating weights don't reach a compiled JAX step; "
                "compile the model with run_eagerly=True, or use another backend"
            )

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Choose by the epoch, or note the step that it begins with."""
        assert self.weight is not None
        if self.weight.every == "epoch":
            self.weight.select(self.weight.choice(epoch))
        elif self.first_step is not None:
            self._first = self.first_step()
        else:
            steps = (self.params or {}).get("steps")
            self._first = self._batches if steps is None else epoch * steps

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Choose by the step."""
        assert self.weight is not None
        if self.weight.every == "batch":
            self.weight.select(self.weight.choice(self._first + batch))
            self._batches = self._first + batch + 1
