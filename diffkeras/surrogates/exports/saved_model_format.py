"""SavedModels, directories for TensorFlow with checks of the input in their graphs."""

from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf

from diffkeras.surrogates.exports.export_format import Format, Inputs, Runner
from diffkeras.surrogates.saved_model import replacing_by_saved_model
from diffkeras.system.atomic_files import check_replaceable
from diffkeras.system.tensorflow_setup import SAVED_MODEL


def load(path: Path) -> Runner:
    """The signature `serving_default` of a SavedModel."""
    loaded = tf.saved_model.load(str(path))

    def run(inputs: Inputs) -> Any:
        # `loaded` must stay alive: its signatures don't hold its weights
        signature = loaded.signatures["serving_default"]
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        return signature(**tensors)["output_0"].numpy()

    return run


DIRECTORY = Format(
    "SavedModel",
    "saved_model",
    partial(check_replaceable, mark=SAVED_MODEL),
    replacing_by_saved_model,
    load,
)
