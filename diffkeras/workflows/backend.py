"""Loading TensorFlow: quietly, and only when a workflow needs it."""

import logging
import os
import sys

from diffkeras.processes import silent_stderr


def load_tensorflow() -> None:
    """Import TensorFlow and Keras without the lines their C++ parts print while they start."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if "tensorflow" not in sys.modules:
        with silent_stderr():
            import tensorflow  # noqa: F401
            import tensorflow_datasets  # noqa: F401
    from absl import logging as absl_logging

    absl_logging.set_verbosity(absl_logging.ERROR)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
