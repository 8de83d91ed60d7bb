"""Solve the problem of a source image in a file."""

from pathlib import Path

import numpy as np

from diffkeras.physics import Medium, Solution, solve
from diffkeras.workflows.field_files import FieldFiles, write_fields, write_plot
from diffkeras.workflows.source_files import SourceFile


def solve_files(
    sources: SourceFile | str | Path,
    output: FieldFiles | str | Path,
    *,
    medium: Medium | None = None,
    fixed: Path | None = None,
    method: str = "auto",
    tolerance: float = 1e-10,
    workers: int | None = None,
) -> Solution:
    """Read a source image, solve for its field, and write it.

    Args:
        sources: source image, batch of them, or list of discs.
        output: where the field goes, and a picture of it.
        medium: where the field diffuses; by default `Medium()`.
        fixed: image of the fixed nodes, those that are not 0; source values there may be 0.
        method, tolerance, workers: as for `solve`.

    Raises:
        PhysicsError, ConvergenceError: see `solve`, `SourceFile.read` and `write_fields`.
        RunError: a file can't be written.
    """
    medium = medium or Medium()
    sources, output = SourceFile.of(sources), FieldFiles.of(output)
    output.check({"SOURCE_FILE": sources.path, "--fixed": fixed})
    image = sources.read()
    mask = SourceFile(fixed, sources.lattice, image.ndim == 3).read() != 0 if fixed else None
    solution = solve(
        image, medium=medium, fixed=mask, method=method, tolerance=tolerance, workers=workers
    )
    write_fields({output.field: solution.field})
    if output.plot:
        shown = np.where(image != 0 if mask is None else mask, image, np.nan)
        write_plot(output.plot, shown, solution.field, "field u", _in_words(medium))
    return solution


def _in_words(medium: Medium) -> str:
    boundaries = medium.boundaries
    boundary = boundaries[0] if boundaries[0] == boundaries[1] else ", ".join(boundaries)
    return f"D = {medium.diffusivity}, γ = {medium.decay:g}, h = {medium.step:g}, {boundary}"
