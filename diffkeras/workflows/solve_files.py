"""Solve a source image that lies in a file."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics import Solution, solve
from diffkeras.physics.operators.axis import BoundaryName
from diffkeras.physics.steady_state import Method
from diffkeras.reporting.figures import field_figure, to_png
from diffkeras.workflows.image_files import (
    check_lattice_option,
    check_places,
    read_source_image,
    write_field,
)


def solve_files(
    source_file: Path,
    output: Path,
    *,
    lattice: tuple[int, int] | None = None,
    diffusivity: float = 1.0,
    decay: float = 1 / 400,
    step: float = 1.0,
    boundary: tuple[BoundaryName, BoundaryName] = ("absorbing", "absorbing"),
    fixed: Path | None = None,
    method: Method = "auto",
    tolerance: float = 1e-10,
    workers: int | None = None,
    plot: Path | None = None,
) -> Solution:
    """Read, solve, write; see `solve` for the physics and `images` for the files.

    Args:
        source_file: source image, a batch of them, or a list of discs.
        output: where the field goes.
        lattice: (rows, columns), for a list of discs.
        diffusivity, decay, step, boundary, method, tolerance, workers: as for `solve`.
        fixed: image of the fixed nodes, those that are not 0; values there may be 0 (sinks).
        plot: PNG of source image and field, of the first of a batch.

    Raises:
        PhysicsError, ConvergenceError: see `solve`, `read_source_image` and `write_field`.
    """
    check_places({"SOURCES": source_file, "--fixed": fixed}, {"--output": output}, {"--plot": plot})
    check_lattice_option(source_file, lattice)
    image = read_source_image(source_file, lattice)
    mask = read_source_image(fixed, lattice) != 0 if fixed else None
    solution = solve(
        image,
        diffusivity=diffusivity,
        decay=decay,
        step=step,
        boundary=boundary,
        fixed=mask,
        method=method,
        tolerance=tolerance,
        workers=workers,
    )
    write_field(output, solution.field)
    if plot:
        write_plot(plot, image, solution.field, mask)
    return solution


def write_plot(
    path: Path,
    image: NDArray,
    field: NDArray,
    fixed: NDArray[np.bool_] | None = None,
    title: str = "steady-state field",
) -> None:
    """A picture of source image and field, of the first of a batch.

    Raises:
        PhysicsError: it can't be written.
    """
    sources = np.where(image != 0 if fixed is None else fixed, image, np.nan)
    first = () if image.ndim == 2 else 0
    figure = field_figure(sources[first], field[first], title)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(to_png(figure))
    except OSError as error:
        raise PhysicsError(f"{path} can't be written: {error}") from None
