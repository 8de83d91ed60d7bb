"""Models and predictions of other programs, judged like surrogates."""

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.config import Config, short
from diffkeras.errors import ConfigurationError, RunError
from diffkeras.evaluation.images import read_batches
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.keras_compat import load_error

Fields = NDArray[np.float32]  # (batch, rows, columns, 1)


@dataclass(frozen=True, repr=False)
class ForeignSurrogate(Surrogate):
    """A function from source images to fields, both on the dataset's scale.

    Attributes:
        call: (batch, rows, columns, 1) float32 to the same.
        name: what it is, in words.
        timed: whether the time of a call is that of a prediction.
    """

    call: Callable[[Fields], Fields]
    name: str
    timed: bool = True

    @property
    def side_divisor(self) -> int:
        """1: what it can't take, it refuses itself."""
        return 1

    @property
    def _forward(self) -> Any:
        return lambda x: tf.constant(self.call(x))


def foreign_model(path: Path, config: Config) -> ForeignSurrogate:
    """A SavedModel's `serving_default`, or a Keras model, as a surrogate.

    Args:
        path: directory of a SavedModel, or a `.keras` file.
        config: of the test data.

    Raises:
        RunError: what is there can't be loaded, or has other inputs or outputs than one image and
            one field.
    """
    _check_config(config)
    if config.data.tissue is not None:
        raise ConfigurationError(
            "data.tissue: models of other programs take source images alone; give the fields of a "
            "model that takes maps, too, as a file of predictions"
        )
    if path.suffix == ".keras":
        if not zipfile.is_zipfile(path):
            raise RunError(f"{path} is no .keras file, which is a zip archive")
        try:
            model = keras.saving.load_model(path, compile=False)  # in safe mode, without its code
        except Exception as error:  # of damaged files, Keras raises any type
            raise RunError(f"{path} can't be loaded: {load_error(error)}") from error
        if len(model.inputs) != 1 or len(model.outputs) != 1:
            raise RunError(
                f"{path} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; it must "
                "take source images and return fields"
            )
        _check_input(str(path), model.inputs[0], config)
        call: Callable[[Any], Any] = tf.function(lambda x: model(x, training=False))
    else:
        call = _signature(path, config)

    def fields(x: Fields) -> Fields:
        try:
            found = call(tf.constant(x))
        except Exception as error:  # of graphs of any kind
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = lines[-1] if lines[0].endswith(":") else lines[0]
            raise RunError(f"{path} can't predict images of shape {x.shape}: {reason}") from error
        return _as_fields(np.asarray(found), x.shape, str(path))

    return ForeignSurrogate(None, _linear(config), fields, f"the model in {path}")


def foreign_predictions(path: Path, config: Config, data_dir: Path) -> ForeignSurrogate:
    """The fields in a file as a surrogate, which knows the test images only.

    Args:
        path: a `.npz` with an array (images, rows, columns) for each source count n, named
            `sources_NN`, in the order of the test split.
        config: of the test data, which must exist.
        data_dir: where it is.

    Raises:
        RunError: a missing, damaged or incomplete file, or arrays of another shape.
    """
    _check_config(config)
    given, name = _read(path), f"the predictions in {path}"
    known: dict[bytes, Fields] = {}
    keys: list[bytes] = []

    def note(x: Fields) -> Fields:  # what a network would get: an image, and maps where they vary
        keys.extend(each.tobytes() for each in x)
        return x[..., :1]

    reader = ForeignSurrogate(None, _linear(config), note, name)
    for count in config.data.sources:
        array = f"sources_{count:02d}"
        if array not in given:
            raise RunError(f"{path} holds no array {array}, but {short(list(given))}")
        shape = (config.data.test_examples, *config.physics.lattice, 1)
        fields = _as_fields(given[array], shape, f"{array} in {path}")
        keys.clear()
        for batch in read_batches(config, count, data_dir):
            reader.network_fields(batch.images, **batch.told)
        known |= dict(zip(keys, fields, strict=True))

    def look_up(x: Fields) -> Fields:
        return np.stack([known[each.tobytes()] for each in x])

    return ForeignSurrogate(None, _linear(config), look_up, name, timed=False)


def _check_config(config: Config) -> None:
    if config.data.diffusion_length is not None:
        raise ConfigurationError(
            "data.diffusion_length: models of other programs are judged on one medium; leave it out"
        )


def _linear(config: Config) -> Config:
    return config.with_overrides({"model.transform": "linear"})


def _check_input(name: str, spec: Any, config: Config) -> None:
    """Raise an error for a model whose input can't be batches of the test data's images."""
    rows, columns = config.physics.lattice
    sides = [None if side is None else int(side) for side in spec.shape or ()]
    shape = "(" + ", ".join("any" if side is None else str(side) for side in sides) + ")"
    if spec.shape is not None and len(spec.shape) != 4:
        wrong = f"takes arrays of shape {shape}"
    elif sides and sides[0] is not None:
        wrong = f"takes batches of exactly {sides[0]} image(s)"
    elif any(a not in (None, b) for a, b in zip(sides[1:], (rows, columns, 1), strict=False)):
        wrong = f"takes arrays of shape {shape}"
    elif tf.as_dtype(spec.dtype) != tf.float32:
        wrong = f"takes numbers of type {tf.as_dtype(spec.dtype).name}"
    else:
        return
    raise RunError(
        f"{name} {wrong}; export it for float32 source images of shape (any, {rows}, {columns}, 1)"
    )


def _signature(path: Path, config: Config) -> Callable[[tf.Tensor], tf.Tensor]:
    try:
        loaded = tf.saved_model.load(str(path))
    except Exception as error:  # of damaged files, TensorFlow raises any type
        reason = str(error).partition("\n")[0]
        raise RunError(f"{path} is no SavedModel: {reason}") from error
    found = loaded.signatures.get("serving_default")
    if found is None:
        raise RunError(
            f"{path} has no signature serving_default, but {short(list(loaded.signatures))}"
        )
    inputs, outputs = found.structured_input_signature[1], found.structured_outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise RunError(
            f"serving_default of {path} takes {short(list(inputs))} and returns "
            f"{short(list(outputs))}; it must take source images and return fields"
        )
    [(name, spec)], [output] = inputs.items(), outputs
    _check_input(f"serving_default of {path}", spec, config)

    found.owner = loaded  # it holds no reference to the variables' owner
    return lambda images: found(**{name: images})[output]


def _read(path: Path) -> Mapping[str, NDArray]:
    if path.suffix.lower() != ".npz":
        raise RunError(f"{path} is of an unknown kind; predictions are a .npz")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except Exception as error:  # of damaged files, NumPy raises any type
        reason = "it is no .npz file of numbers" if "pickle" in str(error) else error
        raise RunError(f"{path} can't be read: {reason}") from error


def _as_fields(found: NDArray, shape: tuple[int, ...], name: str) -> Fields:
    """Fields with a last axis of one channel, which may be left out."""
    if found.shape not in (shape, shape[:-1]) or found.dtype.kind not in "fiu":
        raise RunError(
            f"{name} has fields of shape {found.shape} and type {found.dtype}, not {shape[:-1]} "
            "of real numbers"
        )
    with np.errstate(over="ignore"):
        fields = found.reshape(shape).astype(np.float32)
    if not np.isfinite(fields).all():
        raise RunError(f"{name} has fields that are not finite in single precision")
    return fields
