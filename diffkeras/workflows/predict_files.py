"""Predict the field of a source image that lies in a file, and prove how wrong it is at most."""

from dataclasses import dataclass
from pathlib import Path

from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics import Certificate, Refinement
from diffkeras.surrogates.surrogate import load_surrogate
from diffkeras.workflows.image_files import (
    check_lattice_option,
    check_places,
    read_source_image,
    write_field,
)
from diffkeras.workflows.solve_files import write_plot


@dataclass(frozen=True)
class PredictedField:
    """A field with what is proven of it.

    Attributes:
        field: (rows, columns), or a batch of them, as it was written.
        trained_lattice: (rows, columns) that the surrogate was trained on.
        certificate: of the prediction, where it was asked for.
        refinement: that the field comes from, where a tolerance was given.
    """

    field: NDArray
    trained_lattice: tuple[int, int]
    certificate: Certificate | None = None
    refinement: Refinement | None = None


def predict_files(
    run_dir: Path,
    source_file: Path,
    output: Path,
    *,
    lattice: tuple[int, int] | None = None,
    diffusion_length: float | None = None,
    certify: bool = False,
    tolerance: float | None = None,
    bound: Path | None = None,
    corrected: Path | None = None,
    plot: Path | None = None,
) -> PredictedField:
    """Read, predict, certify or refine, write; see `images` for the files.

    Args:
        run_dir: a finished run.
        source_file: source image of values from 0 to 1, a batch of them, or a list of discs.
        output: where the surrogate's field goes, or with a tolerance the refined one.
        lattice: (rows, columns), for a list of discs.
        diffusion_length: ℓ [length], for a surrogate of a range of them.
        certify: whether to prove bounds.
        tolerance: largest error of the written field anywhere [concentration].
        bound: where the bound of the prediction's error goes, node by node.
        corrected: where the corrected field goes.
        plot: PNG of source image and field, of the first of a batch.

    Raises:
        PhysicsError, ConvergenceError, RunError: see `read_source_image`, `Surrogate.predict`,
            `certify`, `refine` and `write_field`.
    """
    fields = {"--output": output, "--bound": bound, "--corrected": corrected}
    if tolerance is not None and (certify or bound or corrected):
        raise PhysicsError(
            "--tolerance writes a refined field with its own bound; leave out --certify, --bound "
            "and --corrected, or --tolerance"
        )
    check_places({"SOURCES": source_file}, fields, {"--plot": plot})
    check_lattice_option(source_file, lattice)
    image = read_source_image(source_file, lattice)
    if not image.size:
        raise PhysicsError(f"{source_file} holds no source image")
    surrogate = load_surrogate(run_dir)
    prediction = surrogate.predict(image, tolerance=tolerance, diffusion_length=diffusion_length)
    field = prediction.field
    certificate, refinement = None, prediction.refinement
    if certify or bound or corrected:
        certificate = prediction.certificate
        if bound:
            write_field(bound, prediction.node_bound)
        if corrected:
            write_field(corrected, certificate.field)
    write_field(output, field)
    if plot:
        title = "prediction" if refinement is None else "refined field"
        write_plot(plot, image, field, title=title)
    return PredictedField(field, surrogate.config.physics.lattice, certificate, refinement)
