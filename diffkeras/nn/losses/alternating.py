"""A loss that alternates between two losses, and the callback that selects one of them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np

from diffkeras.nn.losses.errors import NodeLoss, WeightedError
from diffkeras.physics.arguments import check_choice, check_whole, check_within

SCHEDULES = ("toggle", "random")
PARTS = ("first", "second")


@keras.saving.register_keras_serializable(package="diffkeras")
class AlternatingLoss(NodeLoss):
    """One of two losses, in turn or chosen at random.

    Training is divided into periods of `every` epochs, or of one batch. The callback
    `AlternateLosses` selects the loss of each period, from the seed and the number of the period
    alone, so all replicas and a resumed run make the same choices. Without the callback the first
    loss is used. The validation loss is the one that is selected when it is computed.

    Args:
        first, second: losses, whose errors and weights may both differ.
        schedule: "toggle" selects the first loss in even periods and the second in odd ones;
            "random" selects the first with `probability` in each period.
        every: number of epochs of a period, or "batch" for periods of one batch.
        seed: of the random choices, at least 0.
        probability: of the first loss, in [0, 1]. "toggle" ignores it.
        **options: `reduction`, `name` and `dtype`, as in `keras.losses.Loss`.

    Raises:
        ValueError: an argument is not one of these, or a loss has a reduction of its own.

    Example:

    ```python
    loss = AlternatingLoss(AbsoluteError(), SquaredError(weight=TanhWeight()), every=5)
    model.compile("adam", loss)
    model.fit(x, y, epochs=100, callbacks=[AlternateLosses()])
    ```

    Source: arXiv 2302.03786.
    """

    def __init__(
        self,
        first: WeightedError,
        second: WeightedError,
        *,
        schedule: str = "toggle",
        every: int | str = 1,
        seed: int = 0,
        probability: float = 0.5,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        for name, loss in zip(PARTS, (first, second), strict=True):
            if not isinstance(loss, WeightedError):
                other = type(loss).__name__ if isinstance(loss, NodeLoss) else repr(loss)
                raise ValueError(f"{name} must be an error with or without a weight, got {other}")
            if loss.reduction != "sum_over_batch_size":
                raise ValueError(
                    f"{name} must have no reduction {loss.reduction!r} of its own; give it to the "
                    "alternating loss"
                )
        if isinstance(every, str) and every != "batch":
            raise ValueError(f"every must be a number of epochs or 'batch', got {every!r}")
        check_within("probability", probability, 0, 1)
        self.first, self.second = first, second
        self.schedule = check_choice("schedule", schedule, SCHEDULES)
        self.every = every if isinstance(every, str) else check_whole("every", every, 1)
        self.seed = check_whole("seed", seed, 0, 2**32 - 1)
        self.probability = probability
        # a variable, as a compiled step takes numbers for constants; TensorFlow keeps integers on
        # the host
        self.selector = keras.Variable(0.0, trainable=False, dtype="float32", name="selector")
        self._selected = 0

    def choice(self, position: int) -> int:
        """0 for the first loss, 1 for the second, after so many epochs or batches of training."""
        period = position if isinstance(self.every, str) else position // self.every
        if self.schedule == "toggle":
            return period % 2
        source = np.random.SeedSequence(self.seed, spawn_key=(period,))
        return 0 if np.random.default_rng(source).random() < self.probability else 1

    @property
    def active(self) -> str | None:
        """Name of the loss of this epoch, one of `PARTS`; None if the loss changes per batch."""
        return None if self.every == "batch" else PARTS[self._selected]

    def select(self, index: int) -> None:
        """Select a loss: 0 for the first, 1 for the second."""
        if index != self._selected:
            self.selector.assign(float(index))
            self._selected = index

    def terms(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """Error and weight of each node for the selected loss, both (batch, height, width)."""
        # The other loss is not computed: if it overflowed, `where` would pass on its NaN gradient.
        return keras.ops.cond(
            keras.ops.convert_to_tensor(self.selector) < 0.5,
            *(partial(_both_terms, loss, y_true, y_pred) for loss in (self.first, self.second)),
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments, with the two losses serialized."""
        return {
            **super().get_config(),
            "dtype": self.dtype,
            **{name: keras.saving.serialize_keras_object(getattr(self, name)) for name in PARTS},
            "schedule": self.schedule,
            "every": self.every,
            "seed": self.seed,
            "probability": self.probability,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "AlternatingLoss":
        """The loss with these arguments."""
        losses = {name: keras.saving.deserialize_keras_object(config[name]) for name in PARTS}
        return cls(**{**config, **losses})


def _both_terms(loss: WeightedError, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Error and weight; 1 where there is no weight, because both losses must return two arrays."""
    errors, weights = loss.terms(y_true, y_pred)
    return errors, keras.ops.ones_like(errors) if weights is None else weights


class AlternateLosses(keras.callbacks.Callback):
    """Select the loss of an `AlternatingLoss` before each epoch or batch.

    If `steps_per_execution` is above 1, all steps of one execution use the same loss.

    Args:
        first_step: returns, at the start of each epoch, the number of its first batch since the
            start of training, which `fit` doesn't have if training resumes within an epoch.

    Raises:
        ValueError: at the start of training, if the compiled loss does not alternate.
        NotImplementedError: at the start of training under JAX without `run_eagerly=True`.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.layers.Dense(1)])
        >>> loss = get_loss({"error": "alternating", "first": "mae", "second": "mse"})
        >>> model.compile("sgd", loss)
        >>> x = np.ones((1, 8, 8, 1))
        >>> history = model.fit(x, x, epochs=2, callbacks=[AlternateLosses()], verbose=0)
    """

    def __init__(self, first_step: Callable[[], int] | None = None) -> None:
        super().__init__()
        self.loss: Any = None
        self.first_step = first_step
        self._batches = 0  # counted here because `fit` may not know the steps per epoch
        self._first = 0

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Find the alternating loss."""
        self.loss = self.model.loss
        if not isinstance(self.loss, AlternatingLoss):
            raise ValueError(
                f"the compiled loss {self.loss!r} is not an AlternatingLoss; remove AlternateLosses"
            )
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
