"""LiteRT (.tflite), for phones and small devices: one lattice, a batch of any size.

The description is a file in a zip archive at the end, as LiteRT stores files that belong to a
model: https://ai.google.dev/edge/litert/conversion/tensorflow/metadata
"""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import tensorflow as tf

from diffkeras.surrogates.exports.export_format import (
    Format,
    Inputs,
    Lattice,
    Runner,
    fields_function,
)
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.environment import available_cores
from diffkeras.system.saved_models import DESCRIPTION
from diffkeras.system.standard_error import silent_stderr


class LiteRT(Format):
    """A file of LiteRT, with the description behind the model."""

    label = "LiteRT"
    file_name = "model.tflite"
    packages = ("ai_edge_litert",)

    def convert(self, surrogate: Surrogate, lattice: Lattice, description: Any) -> bytes:
        """The model with its weights, and the description behind it."""
        function = fields_function(surrogate, lattice)
        module = tf.Module()
        # without the tensors that the function reads, the model would have no weights
        module.weights = [variable.value for variable in surrogate.model.variables]
        concrete = function.get_concrete_function()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
        with silent_stderr():
            content = io.BytesIO(converter.convert())
        with zipfile.ZipFile(content, "a") as archive:
            text = json.dumps(description, indent=2, ensure_ascii=False)
            archive.writestr(zipfile.ZipInfo(DESCRIPTION), text)  # without a time: reproducible
        return content.getvalue()

    def load(self, path: Path) -> Runner:
        """The signature of an interpreter."""
        from ai_edge_litert.interpreter import Interpreter

        with silent_stderr():
            interpreter = Interpreter(str(path), num_threads=available_cores())
            interpreter.allocate_tensors()
            runner = interpreter.get_signature_runner()

        def run(inputs: Inputs) -> Any:
            return runner(**inputs)["fields"]

        return run

    def is_export(self, path: Path) -> bool:
        """Whether a description stands behind it."""
        try:
            with zipfile.ZipFile(path) as archive:
                return DESCRIPTION in archive.namelist()
        except zipfile.BadZipFile:
            return False
