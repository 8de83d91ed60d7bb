"""What a surrogate can be exported to, and what files of all formats have in common."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.errors import ExportError, OutputError
from diffkeras.surrogates.predicted_fields import predicted_fields
from diffkeras.surrogates.saved_model import describe, input_specs
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.atomic_files import check_file, replacing
from diffkeras.system.saved_models import named_function

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


class Format:
    """A format that a surrogate can be exported to: one file, without checks of the input.

    Attributes:
        label: its name for people.
        file_name: of an export in its run directory.
        packages: imported beyond the requirements of diffkeras.
    """

    label: str
    file_name: str
    packages: tuple[str, ...] = ()

    def convert(self, surrogate: Surrogate, lattice: Lattice, description: Any) -> bytes:
        """The content of a surrogate's file; any error if the format lacks an operation."""
        raise NotImplementedError

    def is_export(self, path: Path) -> bool:
        """Whether a file was made by `convert`."""
        raise NotImplementedError

    def load(self, path: Path) -> Runner:
        """An export, as its runtime runs it on all cores."""
        raise NotImplementedError

    def check_output(self, path: Path) -> None:
        """Raise an OutputError, before the work, if something else than an export is at a path."""
        ending = Path(self.file_name).suffix
        if path.suffix != ending:
            raise OutputError(
                f"{path}: the name of a file of the format {self.label} ends with {ending}"
            )
        check_file(path)
        if path.exists() and not self.is_export(path):
            raise OutputError(f"{path} exists and is no earlier export; choose another name")

    @contextmanager
    def writing(self, surrogate: Surrogate, path: Path, lattice: Lattice) -> Iterator[Path]:
        """Yield an export beside the path, which it replaces at the end of the block.

        Args:
            surrogate: what is exported.
            path: of the export.
            lattice: of all images of a LiteRT file, and of the proofs of a SavedModel.

        Raises:
            OutputError: the export can't be written.
            ExportError: the format can't hold the surrogate.
        """
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
                f"{self.label} can't express this network: {reason.splitlines()[0]:.300}; export a "
                "SavedModel"
            ) from error
        with replacing(path) as partial:
            partial.write_bytes(content)
            yield partial


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

    def network(x: tf.Tensor) -> tf.Tensor:
        return surrogate.model(x, training=False)

    def fields(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"fields": predicted_fields(surrogate.config, network, inputs, xp=ELEMENTARY)}

    return named_function(fields, input_specs(surrogate, lattice or (None, None)))
