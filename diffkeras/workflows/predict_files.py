"""Predict the field of a source image that lies in a file, and prove how wrong it is at most."""

from dataclasses import dataclass
from pathlib import Path

from numpy.typing import NDArray

from diffkeras import physics
from diffkeras.errors import PhysicsError
from diffkeras.physics import Certificate, Refinement
from diffkeras.surrogates.surrogate import Surrogate, load_surrogate
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
    if not (image.min() >= 0 and image.max() <= 1):
        raise PhysicsError(
            f"a surrogate is trained on values from 0 to 1, and the source image goes from "
            f"{image.min():.3g} to {image.max():.3g}; scale it, as the field is linear in them"
        )
    surrogate = load_surrogate(run_dir)
    _check_length(surrogate, diffusion_length)
    field = surrogate.predict(image, diffusion_length)
    medium = surrogate.config.physics.medium
    if diffusion_length is not None:
        medium = medium.with_diffusion_length(diffusion_length)
    certificate = refinement = None
    if tolerance is not None:
        refinement = physics.refine(field, image, medium=medium, tolerance=tolerance)
        field = refinement.field
    elif certify or bound or corrected:
        certificate = physics.certify(field, image, medium=medium)
        if bound:
            write_field(bound, certificate.node_bound)
        if corrected:
            write_field(corrected, certificate.field)
    write_field(output, field)
    if plot:
        title = "prediction" if refinement is None else "refined field"
        write_plot(plot, image, field, title=title)
    return PredictedField(field, surrogate.config.physics.lattice, certificate, refinement)


def _check_length(surrogate: Surrogate, length: float | None) -> None:
    limits = surrogate.diffusion_lengths
    if limits is None and length is not None:
        own = surrogate.config.physics.medium.diffusion_length
        raise PhysicsError(
            f"the surrogate was trained for one diffusion length, {own:g}; leave out "
            "--diffusion-length"
        )
    if limits is not None and length is None:
        raise PhysicsError(
            f"the surrogate was trained for diffusion lengths of {limits[0]:g} to {limits[1]:g}; "
            "say by --diffusion-length which one the field is to have"
        )
