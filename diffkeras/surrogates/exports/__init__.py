"""The formats that a surrogate can be exported to: SavedModel and ONNX."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from diffkeras.surrogates.exports.onnx import check_onnx_output, load_onnx, replacing_onnx
from diffkeras.surrogates.exports.trial import Runner
from diffkeras.surrogates.saved_model import (
    check_saved_model_output,
    load_saved_model,
    replacing_by_saved_model,
)
from diffkeras.surrogates.surrogate import Surrogate

Lattice = tuple[int, int]


class Format(NamedTuple):
    """A format that a surrogate can be exported to.

    Attributes:
        label: its name for people.
        file_name: of an export in its run directory.
        check_output: raises an OutputError, before the work, if something else than an export is at
            a path.
        replacing: yields an export beside a path, which it replaces at the end of the block. It
            takes the surrogate, the path, and the lattice of proofs.
        load: an export, as its runtime runs it.
    """

    label: str
    file_name: str
    check_output: Callable[[Path], None]
    replacing: Callable[[Surrogate, Path, Lattice], AbstractContextManager[Path]]
    load: Callable[[Path], Runner]


FORMATS = {
    "saved_model": Format(
        "SavedModel",
        "saved_model",
        check_saved_model_output,
        replacing_by_saved_model,
        load_saved_model,
    ),
    "onnx": Format("ONNX", "model.onnx", check_onnx_output, replacing_onnx, load_onnx),
}
