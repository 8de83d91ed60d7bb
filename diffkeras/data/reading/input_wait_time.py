"""How long training waits for its batches."""

import time

import numpy as np
import tensorflow as tf


class InputWaitTime:
    """Seconds that training has waited for batches, measured in the pipeline itself.

    A clock is read when a batch is requested, and again when it is there. This works on one device:
    distributed training prefetches batches to its devices, and the clocks would time that.
    """

    def __init__(self) -> None:
        self._requested = self._seconds = 0.0

    def measure(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """The same batches, timed."""

        # Python reads the clock, because tf.timestamp doesn't run with deterministic operations.
        def request(number: np.int64) -> np.int64:
            self._requested = time.monotonic()
            return number

        def receive(number: np.int64) -> np.int64:
            self._seconds += time.monotonic() - self._requested
            return number

        before, after = (
            tf.data.Dataset.counter().map(lambda k, f=f: tf.numpy_function(f, [k], tf.int64))
            for f in (request, receive)
        )
        timed = tf.data.Dataset.zip((before, batches, after)).map(lambda _, batch, __: batch)
        options = tf.data.Options()
        # Otherwise the clocks would be read ahead, in other threads.
        options.experimental_optimization.inject_prefetch = False
        options.experimental_optimization.map_parallelization = False
        return timed.with_options(options)

    def take(self) -> float:
        """Seconds waited since the last call."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds
