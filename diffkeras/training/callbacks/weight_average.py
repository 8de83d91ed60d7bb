"""Validates and keeps the moving average of the weights instead of the weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from diffkeras.system.keras_compat import moving_averages
from diffkeras.training.optimizers import innermost


@contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Set the weights to their moving average, if the optimizer keeps one, and back afterwards.

    `keras.callbacks.SwapEMAWeights` adds and subtracts the two instead, which changes the last
    digits of the weights.
    """
    pairs = moving_averages(innermost(model.optimizer))
    weights = [keras.ops.convert_to_numpy(variable) for variable, _ in pairs]
    for variable, average in pairs:
        variable.assign(average)
    try:
        yield
    finally:
        for (variable, _), value in zip(pairs, weights, strict=True):
            variable.assign(value)


class AverageInValidation(keras.callbacks.Callback):
    """Validate the moving average of the weights, if the optimizer keeps one."""

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Set the weights to their average."""
        self._exchange = averaged_weights(self.model)
        self._exchange.__enter__()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Set the weights back."""
        self._exchange.__exit__(None, None, None)
