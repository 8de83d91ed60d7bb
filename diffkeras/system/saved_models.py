"""Exports: what may be replaced by one; SavedModels, written as a whole with a description."""

import contextlib
import hashlib
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from diffkeras.errors import OutputError, RunError
from diffkeras.system.atomic_files import check_file, read_json, write_json
from diffkeras.system.result_folders import check_replaceable, replacing_files
from diffkeras.system.tensorflow_setup import tensorflow_os_errors

logger = logging.getLogger(__name__)

SAVED_MODEL = "saved_model.pb"
DESCRIPTION = "diffkeras.json"
FINGERPRINT = "fingerprint.pb"
ONNX_KEY = "diffkeras"  # the metadata of an ONNX file hold the description under it
FILES = (SAVED_MODEL, DESCRIPTION, FINGERPRINT)
OUTPUT = "field"  # the name of the fields in all signatures and formats


def check_loadable(path: Path) -> None:
    """Raise an OutputError for a path in which TensorFlow reads a pattern of file names."""
    if wrong := [character for character in "*?[\\" if character in str(path)]:
        raise OutputError(
            f"{path}: TensorFlow can't load a SavedModel whose path has {wrong[0]!r}; choose "
            "another name"
        )


def check_saved_model_output(path: Path) -> None:
    """Raise an OutputError, before the work, if no SavedModel can be written to a path."""
    check_loadable(path)
    check_replaceable(path, SAVED_MODEL, FILES)


def check_onnx_output(path: Path) -> None:
    """Raise an OutputError if something else than an export is at a path, or its name is wrong."""
    if path.suffix != ".onnx":
        raise OutputError(f"{path}: the name of an ONNX file ends with .onnx")
    check_file(path)
    if path.exists() and not _is_onnx_export(path):
        raise OutputError(f"{path} exists and is no earlier export; choose another name")


def _is_onnx_export(path: Path) -> bool:
    """Whether the metadata of a file have a description."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError:
        return False
    return ONNX_KEY in {entry.key for entry in model.metadata_props}


def tell_what_is_replaced(path: Path) -> None:
    """Log that there is an earlier export, and for which lattice it has proofs."""
    if path.is_file() or (path / SAVED_MODEL).is_file():
        proofs = ""
        with contextlib.suppress(RunError, KeyError, TypeError):  # no description, or none of ours
            sides = "×".join(map(str, read_json(path / DESCRIPTION)["proof_lattice"]))
            proofs = f", with proofs for {sides} nodes"
        logger.info(f"replacing the earlier export in {path}{proofs}")


@contextmanager
def replacing_saved_model(
    path: Path, functions: Mapping[str, Any], tracked: Sequence[Any], description: Mapping[str, Any]
) -> Iterator[Path]:
    """Yield a SavedModel in a temporary directory, which replaces `path` at the end of the block.

    It has `tf.function`s by name, which are also its signatures (`serve` is the default, and a
    single output is named `field`), what they share, and a description in `diffkeras.json`.
    """
    import tensorflow as tf

    # not keras.export.ExportArchive: as of Keras 3.15 it writes every weight twice
    check_loadable(path)
    module = tf.Module()
    module.tracked = list(tracked)
    for name, function in functions.items():
        setattr(module, name, function)
    signatures = {name: _signature(function) for name, function in functions.items()}
    signatures["serving_default"] = signatures["serve"]
    with replacing_files(path, last=SAVED_MODEL) as partial:
        with tensorflow_os_errors():
            tf.saved_model.save(module, str(partial), signatures=signatures)
        _fix_fingerprint(partial / FINGERPRINT)
        write_json(partial / DESCRIPTION, description)
        yield partial


def _signature(function: Any) -> Any:
    """A function whose result has names."""

    def named(**inputs: Any) -> Any:
        result = function(*inputs.values())
        return result if isinstance(result, dict) else {OUTPUT: result}

    return named_function(named, function.input_signature)


def _fix_fingerprint(file: Path) -> None:
    """Replace the random part of a SavedModel's fingerprint: equal models get equal files."""
    from tensorflow.core.protobuf.fingerprint_pb2 import FingerprintDef

    fingerprint = FingerprintDef.FromString(file.read_bytes())
    fingerprint.ClearField("uuid")
    digest = hashlib.sha256(fingerprint.SerializeToString(deterministic=True)).hexdigest()
    fingerprint.uuid = str(int(digest[:32], 16))  # a number of 128 bits, as TensorFlow's
    file.write_bytes(fingerprint.SerializeToString(deterministic=True))


def write_saved_model(
    path: Path, functions: Mapping[str, Any], tracked: Sequence[Any], description: Mapping[str, Any]
) -> None:
    """Replace a directory by a SavedModel; see `replacing_saved_model`."""
    with replacing_saved_model(path, functions, tracked, description):
        pass


def named_function(function: Callable[..., Any], specs: Sequence[Any]) -> Any:
    """A `tf.function` that gives a function tensors by the names of their `tf.TensorSpec`s."""
    import tensorflow as tf

    def call(*values: Any) -> Any:
        return function(**{spec.name: value for spec, value in zip(specs, values, strict=True)})

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    arguments = [inspect.Parameter(spec.name, kind) for spec in specs]
    call.__signature__ = inspect.Signature(arguments)  # type: ignore[attr-defined]  # `inspect` reads it
    return tf.function(call, input_signature=specs, autograph=False)
