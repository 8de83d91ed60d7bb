"""Validating and keeping the moving average of the weights instead of the weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from diffkeras.training.optimizers import innermost


@contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Have a model hold the moving average of its weights, if its optimizer keeps one.

    The values are exchanged and not, as by `keras.callbacks.SwapEMAWeights`, added and
    subtracted, which would change the weights in their last digits.
    """
    optimizer = innermost(model.optimizer)
    if not optimizer.use_ema:
        yield
        return
    pairs = list(
        zip(optimizer._trainable_variables, optimizer._model_variables_moving_average, strict=True)
    )
    kept = [keras.ops.convert_to_numpy(variable) for variable, _ in pairs]
    for variable, average in pairs:
        variable.assign(average)
    try:
        yield
    finally:
        for (variable, _), value in zip(pairs, kept, strict=True):
            variable.assign(value)


class AverageInValidation(keras.callbacks.Callback):
    """Validate the moving average of the weights, if the optimizer keeps one."""

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Put the average in place."""
        self._exchange = averaged_weights(self.model)
        self._exchange.__enter__()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Put the weights back."""
        self._exchange.__exit__(None, None, None)
