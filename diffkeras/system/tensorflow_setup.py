"""Loading TensorFlow without its messages, and settings of TensorFlow."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from diffkeras.system.environment import silent_stderr


def load_tensorflow() -> None:
    """Import TensorFlow and Keras without what their C++ code prints at its start."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if "tensorflow" not in sys.modules:
        with silent_stderr():
            import tensorflow  # noqa: F401
            import tensorflow_datasets  # noqa: F401
    from absl import logging as absl_logging

    absl_logging.set_verbosity(absl_logging.ERROR)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


@contextmanager
def tensorflow_os_errors() -> Iterator[None]:
    """Turn TensorFlow's errors of reading and writing files into those of Python.

    Raises:
        OSError: instead of a `tf.errors.OpError`.
    """
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(error.message) from None


@contextmanager
def deterministic_operations(wanted: bool) -> Iterator[None]:
    """Within the block, use operations whose results don't depend on the timing of threads.

    A seed must have been set.
    """
    import tensorflow as tf
    from tensorflow.python.framework import config  # tf.config can't switch it off again

    change = wanted and not config.is_op_determinism_enabled()
    if change:
        tf.config.experimental.enable_op_determinism()
    try:
        yield
    finally:
        if change:
            config.disable_op_determinism()
