"""Write a surrogate as a file of another runtime, after a check of its fields."""

import logging
from dataclasses import dataclass
from pathlib import Path

from diffkeras.errors import ExportError
from diffkeras.surrogates.export import FORMATS, Trial
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.surrogate import Surrogate, surrogate_of_run
from diffkeras.system.packages import check_format
from diffkeras.system.tensorflow_setup import full_precision_products

logger = logging.getLogger(__name__)


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
        lattice: (rows, columns) on which the file is checked; by default that of the training. The
            functions `certified` and `refined` of a SavedModel work on no other.

    Raises:
        RunError: the run can't be used.
        ExportError: there is no such format, a package is missing, the format can't hold the
            network, the network can't take the lattice, or the file's fields differ from those of
            the Keras model by more than 1e-5 of the largest value.
        OutputError: the output can't be written, or exists and is no export.
    """
    check_format(format)
    run, chosen = Run.open(Path(run_dir)), FORMATS[format]
    path = run.result(chosen.file_name) if output is None else Path(output)
    chosen.check_output(path)
    return export_surrogate(surrogate_of_run(run), format, path, lattice)


def export_surrogate(
    surrogate: Surrogate, format: str, path: Path, lattice: tuple[int, int] | None = None
) -> Export:
    """As `export`, for a surrogate that is loaded already."""
    check_format(format)
    chosen = FORMATS[format]
    lattice = lattice or surrogate.lattice
    try:
        surrogate.check_lattice(lattice)
    except ValueError as error:
        raise ExportError(f"the network can't take this lattice: {error}") from None
    logger.info("computing the Keras model's fields of some test images")
    with full_precision_products():
        trial = Trial.of(surrogate, lattice)
    logger.info("writing the %s, some seconds", chosen.label)
    with chosen.replacing(surrogate, path, lattice) as partial:
        logger.info("checking its fields")
        model = chosen.load(partial)
        with full_precision_products():
            difference = trial.difference(model)
        size = size_of(partial)
    return Export(path, chosen.label, size, lattice, len(trial.fields), difference)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a directory."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())
