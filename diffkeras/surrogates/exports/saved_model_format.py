"""SavedModels, as one of the formats of exports."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf

from diffkeras.surrogates.exports.export_format import Format, Inputs, Lattice, Runner
from diffkeras.surrogates.saved_model import replacing_by_saved_model
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.result_folders import check_replaceable
from diffkeras.system.saved_models import FILES, SAVED_MODEL


class SavedModel(Format):
    """A directory for TensorFlow, with checks of the input in its graphs."""

    label = "SavedModel"
    file_name = "saved_model"

    def check_output(self, path: Path) -> None:
        """See `Format`."""
        check_replaceable(path, SAVED_MODEL, FILES)

    @contextmanager
    def writing(self, surrogate: Surrogate, path: Path, lattice: Lattice) -> Iterator[Path]:
        """See `Format`."""
        with replacing_by_saved_model(surrogate, path, lattice) as partial:
            yield partial

    def load(self, path: Path) -> Runner:
        """The signature `serving_default`."""
        loaded = tf.saved_model.load(str(path))

        def run(inputs: Inputs) -> Any:
            # `loaded` must stay alive: its signatures don't hold its weights
            signature = loaded.signatures["serving_default"]
            tensors = {name: tf.constant(value) for name, value in inputs.items()}
            return signature(**tensors)["output_0"].numpy()

        return run
