"""How long a consumer of batches waits for them."""

import time

import numpy as np
import tensorflow as tf


class InputWaitTime:
    """Seconds that whoever takes batches has waited for them, measured in the pipeline itself.

    A clock is read when a batch is asked for and again when it is there; nothing between the
    consumer and the clocks prefetches. Not for distributed training, which prefetches to the
    devices: there the clocks would time that prefetching.

    Example:

    ```python
    waiting = InputWaitTime()
    model.fit(waiting.measure(batches), steps_per_epoch=100)
    waiting.take()  # seconds since the last call
    ```
    """

    def __init__(self) -> None:
        self._asked = self._seconds = 0.0

    def measure(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """The same batches, timed."""

        # in Python, since tf.timestamp refuses to run where operations are deterministic
        def asked(number: np.int64) -> np.int64:
            self._asked = time.monotonic()
            return number

        def there(number: np.int64) -> np.int64:
            self._seconds += time.monotonic() - self._asked
            return number

        before, after = (
            tf.data.Dataset.counter().map(lambda k, f=f: tf.numpy_function(f, [k], tf.int64))
            for f in (asked, there)
        )
        timed = tf.data.Dataset.zip((before, batches, after)).map(lambda _, batch, __: batch)
        options = tf.data.Options()
        # these would read the clocks ahead, in threads of their own
        options.experimental_optimization.inject_prefetch = False
        options.experimental_optimization.map_parallelization = False
        return timed.with_options(options)

    def take(self) -> float:
        """Seconds waited since the last call."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds
