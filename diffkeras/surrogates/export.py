"""Surrogates as files of other runtimes, checked against the Keras model before they are kept."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.errors import ExportError, PackingError
from diffkeras.physics import Problem
from diffkeras.surrogates.onnx import load_onnx, replacing_onnx
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.saved_model import (
    Inputs,
    Runner,
    load_saved_model,
    replacing_by_saved_model,
)
from diffkeras.surrogates.surrogate import Surrogate, surrogate_of_run
from diffkeras.system.packages import check_format
from diffkeras.system.saved_models import (
    check_onnx_output,
    check_saved_model_output,
    tell_what_is_replaced,
)
from diffkeras.view.scales import CONCENTRATIONS

logger = logging.getLogger(__name__)

Lattice = tuple[int, int]

TOLERANCE = 1e-5  # largest difference of a field, relative to the largest value of its problem
TINY = np.float32(1e-30)  # in place of a largest value of 0
IMAGES = 2  # tried of the smallest source count, and of the largest
SPLIT = "stream"  # on tiny lattices there may be no images for the test split
FACTOR = 40  # multiplies the last image's values: the network is not trained on such


class Format(NamedTuple):
    """A format that a surrogate can be exported to."""

    label: str  # for people
    file_name: str  # of an export in its run directory
    check_output: Callable[[Path], None]  # that nothing but an export is at a path
    # yields an export beside a path, which it replaces at the end of the block; the lattice is that
    # of proofs
    replacing: Callable[[Surrogate, Path, Lattice], AbstractContextManager[Path]]
    load: Callable[[Path], Runner]  # an export, as its runtime runs it


_SAVED_MODEL = check_saved_model_output, replacing_by_saved_model, load_saved_model
FORMATS = {
    "saved_model": Format("SavedModel", "saved_model", *_SAVED_MODEL),
    "onnx": Format("ONNX", "model.onnx", check_onnx_output, replacing_onnx, load_onnx),
}


@dataclass(frozen=True)
class Export:
    """What was written, and how it did in its trial.

    Attributes:
        path: the file, or the directory of a SavedModel.
        label: the format's name for people.
        size: of all its files [bytes].
        lattice: (rows, columns) on which it was checked.
        images: number of images on which it was checked.
        difference: largest difference from the Keras model, relative to the largest value of the
            sources, or, if they produce, of the field.
    """

    path: Path
    label: str
    size: int
    lattice: tuple[int, int]
    images: int
    difference: float


def export(
    run_dir: str | Path,
    format: str = "saved_model",
    output: str | Path | None = None,
    *,
    lattice: tuple[int, int] | None = None,
) -> Export:
    """Write the surrogate of a run in a format, after a check against the Keras model.

    Args:
        run_dir: a finished run, or the name of a shipped surrogate.
        format: "saved_model" or "onnx".
        output: the file, or the directory of a SavedModel; by default `saved_model` or `model.onnx`
            in the run directory; a shipped surrogate needs it. An earlier export is replaced.
        lattice: (rows, columns) on which the file is checked; by default the training's. The
            functions `certified` and `refined` of a SavedModel work on no other.

    Raises:
        RunError: the run can't be used.
        ExportError: there is no such format, a package is missing, the format can't hold the
            network, the network can't take the lattice, or the file's fields differ from the
            Keras model's by more than 1e-5 of the largest value.
        OutputError: the output can't be written, or exists and is no export.
    """
    check_format(format)
    run, chosen = Run.open(Path(run_dir)), FORMATS[format]
    path = run.result(chosen.file_name) if output is None else Path(output)
    chosen.check_output(path)
    tell_what_is_replaced(path)
    return export_surrogate(surrogate_of_run(run), format, path, lattice)


def export_surrogate(
    surrogate: Surrogate, format: str, path: Path, lattice: tuple[int, int] | None = None
) -> Export:
    """As `export`, for a surrogate that is loaded already."""
    chosen = FORMATS[format]
    lattice = lattice or surrogate.lattice
    try:
        surrogate.check_lattice(lattice)
    except ValueError as error:
        raise ExportError(f"the network can't take this lattice: {error}") from None
    logger.info("computing the Keras model's fields of some test images")
    with full_precision_products():
        trial = Trial.of(surrogate, lattice)
    logger.info("writing the %s, which takes up to a minute", chosen.label)
    with chosen.replacing(surrogate, path, lattice) as partial:
        logger.info("checking its fields")
        model = chosen.load(partial)
        with full_precision_products():
            difference = trial.difference(model)
        size = size_of(partial)
    return Export(path, chosen.label, size, lattice, len(trial.fields), difference)


@contextmanager
def full_precision_products() -> Iterator[None]:
    """Within the block, GPUs don't round the factors of products to ten bits (TensorFloat-32)."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a directory."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


@dataclass(frozen=True)
class Trial:
    """Source images, and their fields by the surrogate in Keras."""

    inputs: Inputs
    fields: NDArray[np.float32]  # (images, rows, columns, 1)
    # (images,), to which differences are relative: of sources, or, if they produce, of the field
    largest: NDArray[np.float32]

    @classmethod
    def of(cls, surrogate: Surrogate, lattice: tuple[int, int]) -> "Trial":
        """Test images of the surrogate's smallest and largest source count, on a lattice."""
        problems = _problems(surrogate, lattice)
        inputs = surrogate.config.view.inputs(problems)
        fields = surrogate.fields(problems)[..., None]
        largest = np.abs(fields).max(axis=(1, 2, 3))
        if not surrogate.production:
            largest = np.maximum(largest, inputs["source_images"].max(axis=(1, 2, 3)))
        return cls(inputs, fields, largest)

    def difference(self, run: Runner) -> float:
        """The largest relative difference between a file's fields and the surrogate's.

        Images go through the file one by one, and all at once.
        """
        together = run(self.inputs)
        alone = [
            run({name: value[k : k + 1] for name, value in self.inputs.items()})
            for k in range(len(self.fields))
        ]
        largest = 0.0
        for fields in (together, np.concatenate(alone)):
            if fields.shape != self.fields.shape:
                raise ExportError(
                    f"the file's fields have the shape {fields.shape} instead of "
                    f"{self.fields.shape}; nothing was written"
                )
            error = np.abs(fields - self.fields).max(axis=(1, 2, 3))
            relative = np.where(error == 0, 0, error / np.maximum(self.largest, TINY))
            largest = float(np.maximum(largest, relative.max()))  # NaN for NaN
        if not largest <= TOLERANCE:
            raise ExportError(
                f"the file's fields differ from the Keras model's by {largest:.1e} of the largest "
                f"value, more than {TOLERANCE:g}; nothing was written"
            )
        return largest


def _problems(surrogate: Surrogate, lattice: tuple[int, int]) -> list[Problem]:
    """Problems of the smallest and the largest source count, the last beyond trained values."""
    config, problems = surrogate.config, []
    counts = config.data.sources
    # of values beyond the training's, where images are scaled
    larger = ("source_image", *CONCENTRATIONS) if config.view.scales else ()
    try:
        for count in sorted({min(counts), max(counts)}):
            recipe = replace(config.recipe(count), lattice=lattice)
            for k in range(IMAGES):
                drawn = recipe.drawn(SPLIT, k)
                if count == max(counts) and k == IMAGES - 1:
                    drawn |= {name: FACTOR * drawn[name] for name in larger if name in drawn}
                problems.append(recipe.problem_of(drawn))
    except PackingError as error:
        raise ExportError(
            f"the sources that the run was trained on don't fit on {lattice[0]}×{lattice[1]} "
            f"nodes, so the file can't be checked there: {error}"
        ) from None
    return problems
