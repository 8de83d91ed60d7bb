"""TFRecord datasets and the tf.data pipelines that feed Keras.

Names are loaded when they are first used, so that a command that finds all datasets complete need
not load TensorFlow.
"""

from importlib import import_module
from typing import Any

from diffkeras.system.packages import needs_packages

_HOMES = {
    "dataset_status": "diffkeras.data.storage",
    "mixed_dataset": "diffkeras.data.reading.batches",
    "check_dataset": "diffkeras.data.storage",
    "raw_dataset": "diffkeras.data.reading.examples",
}

__all__ = ["check_dataset", "dataset_status", "mixed_dataset", "raw_dataset"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        with needs_packages(f"diffkeras.data.{name}"):
            return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'diffkeras.data' has no attribute {name!r}")
