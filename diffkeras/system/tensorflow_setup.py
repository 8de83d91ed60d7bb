"""TensorFlow: loading it without its messages, its settings and its errors."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from diffkeras.errors import ConfigurationError
from diffkeras.system.packages import LOG_LEVEL, silent_imports


def load_tensorflow() -> None:
    """Import TensorFlow and Keras silently.

    Raises:
        ConfigurationError: the environment chooses another backend of Keras.
    """
    os.environ.setdefault(LOG_LEVEL, "3")  # of what it prints later
    backend = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        raise ConfigurationError(
            f"KERAS_BACKEND is {backend!r:.60}, and this needs tensorflow; unset it, or set it to "
            "tensorflow"
        )
    with silent_imports():
        import tensorflow  # noqa: F401
        import tensorflow_datasets  # noqa: F401
    from absl import logging as absl_logging

    absl_logging.set_verbosity(absl_logging.ERROR)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, each as CUDA_VISIBLE_DEVICES names it."""
    import tensorflow as tf

    found = len(tf.config.list_physical_devices("GPU"))
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = [name.strip() for name in named.split(",") if name.strip()]
    return names[:found] if names else [str(number) for number in range(found)]


@contextmanager
def tensorflow_os_errors() -> Iterator[None]:
    """Turn TensorFlow's errors of reading and writing files into an OSError."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(error.message) from None


@contextmanager
def deterministic_operations(enabled: bool) -> Iterator[None]:
    """Within the block, no result depends on the timing of threads; a seed must have been set."""
    import tensorflow as tf
    from tensorflow.python.framework import config  # tf.config can't switch it off again

    change = enabled and not config.is_op_determinism_enabled()
    if change:
        tf.config.experimental.enable_op_determinism()
    try:
        yield
    finally:
        if change:
            config.disable_op_determinism()


def describe_device() -> str:
    """What TensorFlow computes on, in words."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in gpus]
    return ", ".join(name or "a GPU" for name in names) if gpus else "the CPU"


def limit_threads(number: int) -> None:
    """Limit TensorFlow to a number of threads.

    Raises:
        ConfigurationError: TensorFlow runs already, with another number.
    """
    import tensorflow as tf

    threading = tf.config.threading
    try:
        threading.set_intra_op_parallelism_threads(number)
        threading.set_inter_op_parallelism_threads(number)
    except RuntimeError:  # not for a number that was set before
        raise ConfigurationError(
            f"TensorFlow runs already, so it can't be limited to {number} thread(s); call "
            "this first in a new process"
        ) from None
