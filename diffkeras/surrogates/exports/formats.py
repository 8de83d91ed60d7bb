"""The formats that a surrogate can be exported to, by name."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import tensorflow as tf

from diffkeras.errors import ExportError, OutputError
from diffkeras.surrogates.exports import litert, onnx_file
from diffkeras.surrogates.exports.fields_function import Inputs, Runner
from diffkeras.surrogates.saved_model import describe, replacing_by_saved_model
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.atomic_files import check_file, check_replaceable, replacing
from diffkeras.system.tensorflow_setup import SAVED_MODEL

Lattice = tuple[int, int]


class SavedModelFormat:
    """A directory for TensorFlow, with the checks of the input in its graph.

    Attributes:
        label: its name for people.
        file_name: of an export in its run directory.
        packages: what it imports beyond what diffkeras requires.
        uses_gpu: whether `load` runs it on a GPU if there is one.
    """

    label, file_name, packages, uses_gpu = "SavedModel", "saved_model", (), True

    def check_output(self, path: Path) -> None:
        """Raise an OutputError, before the work, if something else than an export is there."""
        check_replaceable(path, SAVED_MODEL)

    def replacing(
        self, surrogate: Surrogate, path: Path, lattice: Lattice
    ) -> AbstractContextManager[Path]:
        """Yield an export beside `path`, which it replaces at the end of the block.

        The lattice is that of the proofs. An OutputError says that it can't be written.
        """
        return replacing_by_saved_model(surrogate, path, lattice)

    def load(self, path: Path) -> Runner:
        """An export, as TensorFlow runs it on all cores, or on a GPU."""
        loaded = tf.saved_model.load(str(path))

        def run(inputs: Inputs) -> Any:
            # `loaded` must stay alive: its signatures don't hold its weights
            signature = loaded.signatures["serving_default"]
            tensors = {name: tf.constant(value) for name, value in inputs.items()}
            return signature(**tensors)["output_0"].numpy()

        return run


@dataclass(frozen=True)
class FileFormat:
    """A format of one file, without checks of the input.

    Attributes:
        label, file_name, packages: as of `SavedModelFormat`. An output has the ending of
            `file_name`.
        load: an export, as its runtime runs it on all cores.
        convert: the content of the file of a surrogate, for a lattice, with a description.
        is_export: whether a file is one that `convert` made.
    """

    label: str
    file_name: str
    packages: tuple[str, ...]
    convert: Callable[[Surrogate, Lattice, dict[str, Any]], bytes]
    load: Callable[[Path], Runner]
    is_export: Callable[[Path], bool]
    uses_gpu = False

    def check_output(self, path: Path) -> None:
        """As that of `SavedModelFormat`."""
        ending = Path(self.file_name).suffix
        if path.suffix != ending:
            raise OutputError(
                f"{path}: the name of a file of the format {self.label} ends with {ending}"
            )
        check_file(path)
        if path.exists() and not self.is_export(path):
            raise OutputError(f"{path} exists and is no earlier export; choose another name")

    @contextmanager
    def replacing(self, surrogate: Surrogate, path: Path, lattice: Lattice) -> Iterator[Path]:
        """As that of `SavedModelFormat`; an ExportError if the format can't hold the surrogate."""
        if (precision := surrogate.config.training.precision) != "float32":
            raise ExportError(
                f"{self.label} files hold networks in float32, and this one was trained in "
                f"{precision}; export a SavedModel, or train with training.precision: float32"
            )
        try:
            content = self.convert(surrogate, lattice, describe(surrogate))
        except Exception as error:  # converters raise any type
            reason = str(error).strip() or type(error).__name__
            raise ExportError(
                f"{self.label} can't express this network: {reason.splitlines()[0]:.300}; export "
                "a SavedModel"
            ) from error
        with replacing(path) as partial:
            partial.write_bytes(content)
            yield partial


Format = SavedModelFormat | FileFormat
FORMATS: dict[str, Format] = {
    "saved_model": SavedModelFormat(),
    "litert": FileFormat(
        "LiteRT",
        "model.tflite",
        ("ai_edge_litert",),
        litert.convert,
        litert.load,
        litert.is_export,
    ),
    "onnx": FileFormat(
        "ONNX",
        "model.onnx",
        ("tf2onnx", "onnx", "onnxruntime"),
        onnx_file.convert,
        onnx_file.load,
        onnx_file.is_export,
    ),
}


def get_format(name: str) -> Format:
    """The format of a name, if all that it needs is installed.

    Raises:
        ExportError: there is no such format, or a package is missing.
    """
    if name not in FORMATS:
        raise ExportError(f"there is no format {name!r:.60}; choose one of {', '.join(FORMATS)}")
    chosen = FORMATS[name]
    if missing := [package for package in chosen.packages if find_spec(package) is None]:
        raise ExportError(
            f"{chosen.label} files need {' and '.join(missing)}, which this environment lacks; "
            "run: pip install 'diffkeras[export]'"
        )
    return chosen
