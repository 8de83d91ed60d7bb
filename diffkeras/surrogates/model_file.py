"""Loading a run's `model.keras`, with checks that Keras doesn't make."""

import zipfile
from pathlib import Path

import keras
import numpy as np

from diffkeras.config import Config
from diffkeras.errors import RunError
from diffkeras.surrogates.build import input_channels
from diffkeras.surrogates.run_directory import Run


def load_model(run: Run, config: Config) -> keras.Model:
    """The network of a finished run.

    Raises:
        RunError: the file is damaged, its weights are not finite, or it is not the network that
            the run trained.
    """
    file = run.model_file
    try:
        # Keras checks no sums: a flipped bit would be a wrong weight
        with zipfile.ZipFile(file) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"the checksum of {damaged} in it is wrong")
        model = keras.saving.load_model(file, compile=False)
    except Exception as error:  # of damaged files, zip, JSON, HDF5 and Keras raise any type
        raise RunError(f"{file} is damaged: {error}") from error
    _check_interface(model, config, file)
    trained = run.state().get("trainable_parameters")
    found = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    if trained not in (None, found):
        raise RunError(
            f"{file} is not the model that this run trained: it has {found:,} trainable "
            f"parameters, and the run had {trained:,}"
        )
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise RunError(f"{file} can't be used: some of its weights are not finite")
    return model


def _check_interface(model: keras.Model, config: Config, file: Path) -> None:
    """Whether source images go in and fields come out."""
    wanted = ([input_channels(config)], [1])
    try:
        found = tuple(
            [tensor.shape[-1] if len(tensor.shape) == 4 else None for tensor in tensors]
            for tensors in (model.inputs, model.outputs)
        )
    except (AttributeError, TypeError):  # a model without a fixed graph
        found = None
    if found != wanted:
        raise RunError(
            f"{file} is not the model that this run trained: its inputs and outputs must be one "
            f"image of {wanted[0][0]} channel(s) and one field"
        )
