"""SavedModels as a format of exports."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import tensorflow as tf

from diffkeras.surrogates.exports.export_format import Format, Inputs, Lattice, Runner
from diffkeras.surrogates.saved_model import replacing_by_saved_model
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.atomic_files import check_replaceable
from diffkeras.system.tensorflow_setup import SAVED_MODEL


class SavedModelFormat(Format):
    """A directory for TensorFlow, with the checks of the input in its graph."""

    label, file_name = "SavedModel", "saved_model"

    def check_output(self, path: Path) -> None:
        """A directory is replaced if it is a SavedModel, or empty."""
        check_replaceable(path, SAVED_MODEL)

    def replacing(
        self, surrogate: Surrogate, path: Path, lattice: Lattice
    ) -> AbstractContextManager[Path]:
        """As `saved_model.replacing_by_saved_model`."""
        return replacing_by_saved_model(surrogate, path, lattice)

    def load(self, path: Path) -> Runner:
        """The signature `serving_default`."""
        loaded = tf.saved_model.load(str(path))

        def run(inputs: Inputs) -> Any:
            # `loaded` must stay alive: its signatures don't hold its weights
            signature = loaded.signatures["serving_default"]
            tensors = {name: tf.constant(value) for name, value in inputs.items()}
            return signature(**tensors)["output_0"].numpy()

        return run
