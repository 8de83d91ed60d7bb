"""Writing SavedModels together with a description of what they compute."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from diffkeras.system.atomic_files import replacing_files, write_json
from diffkeras.system.tensorflow_setup import tensorflow_os_errors

MARK = "saved_model.pb"
DESCRIPTION = "diffkeras.json"
FILES = (MARK, DESCRIPTION, "fingerprint.pb", "variables/variables*", "assets/*")


def write_saved_model(
    path: Path, module: tf.Module, signatures: Any, description: Mapping[str, Any]
) -> None:
    """Write a SavedModel, and its description as `diffkeras.json` in the same directory.

    Args:
        path: the directory; an earlier SavedModel there is replaced.
        module: what to save.
        signatures: as `tf.saved_model.save` takes them.
        description: physics, input and output.

    Raises:
        OutputError: the directory can't be written.
    """
    with replacing_files(path, FILES, last=MARK) as partial, tensorflow_os_errors():
        tf.saved_model.save(module, str(partial), signatures=signatures)
        write_json(partial / DESCRIPTION, description)
