"""The formats that a surrogate can be exported to: SavedModel, LiteRT and ONNX."""

import io
import json
import logging
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras._version import __version__
from diffkeras.errors import ExportError, OutputError
from diffkeras.representation.network_input import MAPS
from diffkeras.surrogates.predicted_fields import predicted_fields
from diffkeras.surrogates.saved_model import (
    describe,
    input_specs,
    replacing_by_saved_model,
    with_named_inputs,
)
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.atomic_files import check_file, check_replaceable, replacing
from diffkeras.system.environment import available_cores, silent_stderr
from diffkeras.system.tensorflow_setup import DESCRIPTION, SAVED_MODEL
from diffkeras.tf_solver.saved_model import FORMAT

Lattice = tuple[int, int]
# by name: `source_images`, and the other inputs of a surrogate
Inputs = Mapping[str, NDArray[np.float32]]
Runner = Callable[[Inputs], NDArray[np.float32]]  # runs an exported file
# ONNX has neither log1p nor expm1. The rounding of 1 + x is within that of the network's values.
ELEMENTARY = SimpleNamespace(
    **{
        **vars(keras.ops),
        "log1p": lambda x: keras.ops.log(1 + x),
        "expm1": lambda x: keras.ops.exp(x) - 1,
    }
)
OPSET = 18  # ONNX Runtime 1.14 (early 2023) and all later versions read it
DIMENSIONS = {"source_images": ("batch", "rows", "columns"), "diffusion_length": ("batch",)}
DIMENSIONS["parameters"] = ("batch",)
DIMENSIONS |= dict.fromkeys(("fields", *MAPS), DIMENSIONS["source_images"])
KEY = "diffkeras"  # the metadata of an ONNX file hold the description under it


class Format(ABC):
    """What a surrogate can be exported to.

    Attributes:
        label: its name for people.
        file_name: of an export in its run directory.
        packages: imported beyond the requirements of diffkeras.
    """

    label: str
    file_name: str
    packages: tuple[str, ...] = ()

    @abstractmethod
    def check_output(self, path: Path) -> None:
        """Raise an OutputError, before the work, if something else than an export is there."""

    @abstractmethod
    def replacing(
        self, surrogate: Surrogate, path: Path, lattice: Lattice
    ) -> AbstractContextManager[Path]:
        """Yield an export beside `path`, which it replaces at the end of the block.

        Args:
            surrogate: what is exported.
            path: where to.
            lattice: of the proofs of a SavedModel, and of all images of a LiteRT file.

        Raises:
            OutputError: it can't be written.
            ExportError: the format can't hold the surrogate.
        """

    @abstractmethod
    def load(self, path: Path) -> Runner:
        """An export, as its runtime runs it on all cores."""


class SavedModelFormat(Format):
    """A directory for TensorFlow, with the checks of the input in its graph."""

    label, file_name = "SavedModel", "saved_model"

    def check_output(self, path: Path) -> None:  # noqa: D102
        check_replaceable(path, SAVED_MODEL)

    def replacing(  # noqa: D102
        self, surrogate: Surrogate, path: Path, lattice: Lattice
    ) -> AbstractContextManager[Path]:
        return replacing_by_saved_model(surrogate, path, lattice)

    def load(self, path: Path) -> Runner:  # noqa: D102
        loaded = tf.saved_model.load(str(path))

        def run(inputs: Inputs) -> Any:
            # `loaded` must stay alive: its signatures don't hold its weights
            signature = loaded.signatures["serving_default"]
            tensors = {name: tf.constant(value) for name, value in inputs.items()}
            return signature(**tensors)["output_0"].numpy()

        return run


class FileFormat(Format):
    """A format of one file, without checks of the input."""

    @abstractmethod
    def convert(self, surrogate: Surrogate, lattice: Lattice, description: Any) -> bytes:
        """The content of the file of a surrogate, for a lattice.

        Raises:
            Exception: the converter's, of any type, if the format lacks an operation.
        """

    @abstractmethod
    def is_export(self, path: Path) -> bool:
        """Whether a file was made by `convert`."""

    def check_output(self, path: Path) -> None:
        """As that of `Format`; the ending must be that of `file_name`."""
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
        """As that of `Format`."""
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


class LiteRTFormat(FileFormat):
    """LiteRT (.tflite), for phones and small devices: one lattice, a batch of any size.

    The description is a file in a zip archive at the end, as LiteRT stores files that belong to a
    model: https://ai.google.dev/edge/litert/conversion/tensorflow/metadata
    """

    label, file_name, packages = "LiteRT", "model.tflite", ("ai_edge_litert",)

    def convert(self, surrogate: Surrogate, lattice: Lattice, description: Any) -> bytes:  # noqa: D102
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

    def load(self, path: Path) -> Runner:  # noqa: D102
        from ai_edge_litert.interpreter import Interpreter

        with silent_stderr():
            interpreter = Interpreter(str(path), num_threads=available_cores())
            interpreter.allocate_tensors()
            runner = interpreter.get_signature_runner()

        def run(inputs: Inputs) -> Any:
            return runner(**inputs)["fields"]

        return run

    def is_export(self, path: Path) -> bool:  # noqa: D102
        try:
            with zipfile.ZipFile(path) as archive:
                return DESCRIPTION in archive.namelist()
        except zipfile.BadZipFile:
            return False


class ONNXFormat(FileFormat):
    """ONNX, for ONNX Runtime and others: batches and lattices of any size.

    The description is in its metadata, under the key `diffkeras`.
    """

    label, file_name, packages = "ONNX", "model.onnx", ("tf2onnx", "onnx", "onnxruntime")

    def convert(self, surrogate: Surrogate, lattice: Lattice, description: Any) -> bytes:  # noqa: D102
        import onnx
        import tf2onnx

        function = fields_function(surrogate)
        with _silent("tf2onnx"):
            model, _ = tf2onnx.convert.from_function(
                function, function.function_spec.input_signature, opset=OPSET
            )
        for value in (*model.graph.input, *model.graph.output):
            axes = value.type.tensor_type.shape.dim
            for axis, name in zip(axes, DIMENSIONS[value.name], strict=False):
                axis.dim_param = name
        model.producer_name, model.producer_version = "diffkeras", __version__
        model.model_version = FORMAT  # otherwise ONNX Runtime shows the largest integer
        onnx.helper.set_model_props(model, {KEY: json.dumps(description, ensure_ascii=False)})
        onnx.checker.check_model(model)  # tf2onnx keeps operations that it can't convert
        return model.SerializeToString()

    def load(self, path: Path) -> Runner:  # noqa: D102
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = available_cores()
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

        def run(inputs: Inputs) -> Any:
            return session.run(["fields"], dict(inputs))[0]

        return run

    def is_export(self, path: Path) -> bool:  # noqa: D102
        import onnx
        from google.protobuf.message import DecodeError

        try:
            model = onnx.load(path, load_external_data=False)
        except DecodeError:
            return False
        return KEY in {entry.key for entry in model.metadata_props}


FORMATS: dict[str, Format] = {
    "saved_model": SavedModelFormat(),
    "litert": LiteRTFormat(),
    "onnx": ONNXFormat(),
}


def get_format(name: str) -> Format:
    """The format of a name, if its packages are installed.

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


def fields_function(surrogate: Surrogate, lattice: Lattice | None = None) -> Any:
    """A TensorFlow function from source images to fields, both on the linear scale.

    It is `serve` of the SavedModel without the checks of the input, for which other runtimes have
    no operations.

    Args:
        surrogate: whose fields.
        lattice: (rows, columns) of all images; None leaves the sides open.

    Returns:
        A `tf.function` of the inputs of `input_specs`. It returns a dictionary with `fields`,
        (batch, rows, columns, 1).
    """

    def fields(source_images: Any, media: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        result = predicted_fields(
            surrogate.config,
            lambda x: surrogate.model(x, training=False),
            source_images,
            media,
            xp=ELEMENTARY,
        )
        return {"fields": result}

    return with_named_inputs(fields, input_specs(surrogate, lattice or (None, None)))


@contextmanager
def _silent(package: str) -> Iterator[None]:
    """Log nothing of a package."""
    log = logging.getLogger(package)
    before = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(before)
