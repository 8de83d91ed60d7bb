"""TFRecord datasets and the tf.data pipelines that feed Keras.

Names are loaded when they are first used, so that a command that finds all datasets complete need
not load TensorFlow.
"""

from diffkeras.system.packages import lazy_names

_MODULES = {
    "generate": "diffkeras.data.generate_datasets",
    "verify": "diffkeras.data.verification",
    "mixed_dataset": "diffkeras.data.batches",
    "raw_dataset": "diffkeras.data.examples",
}

__all__ = [*_MODULES]

__getattr__, __dir__ = lazy_names(__name__, _MODULES, tensorflow=__all__)
