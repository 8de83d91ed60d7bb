"""Solve the problem of a source image in a file."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from diffkeras.physics import Medium, Solution, solve
from diffkeras.workflows.field_files import FieldFiles, write_fields, write_plot
from diffkeras.workflows.source_files import SourceFile


def solve_files(
    sources: SourceFile | str | Path | None,
    output: FieldFiles | str | Path,
    *,
    production: SourceFile | str | Path | None = None,
    medium: Medium | None = None,
    fixed: Path | None = None,
    method: str = "auto",
    tolerance: float = 1e-10,
    workers: int | None = None,
) -> Solution:
    """Read a source image, a production or both, solve for the field, and write it.

    Args:
        sources: source image, batch of them, or list of discs; None if no node is fixed.
        production: the same of what nodes release; values of overlapping discs add.
        output: where the field goes, and a picture of it.
        medium: where the field diffuses; by default `Medium()`.
        fixed: image of the fixed nodes, those that are not 0; source values there may be 0.
        method, tolerance, workers: as for `solve`.

    Raises:
        PhysicsError, ConvergenceError: see `solve`, `SourceFile.read` and `write_fields`.
        RunError: a file can't be written.
    """
    medium = medium or Medium()
    held = SourceFile.of(sources) if sources else None
    produced = SourceFile.of(production) if production else None
    output = FieldFiles.of(output)
    inputs = {"SOURCE_FILE": held.path if held else None, "--fixed": fixed}
    output.check({**inputs, "--production": produced.path if produced else None})
    image = held.read() if held else None
    supply = produced.read(overlap=True) if produced else None
    mask = None
    if held and fixed:
        mask = replace(held, path=fixed).read() != 0
    solution = solve(
        image,
        production=supply,
        medium=medium,
        fixed=mask,
        method=method,
        tolerance=tolerance,
        workers=workers,
    )
    write_fields({output.field: solution.field})
    if output.plot:
        shown = {}
        if image is not None:
            shown["u"] = np.where(image != 0 if mask is None else mask, image, np.nan)
        if supply is not None:
            shown["s"] = np.where(supply != 0, supply, np.nan)
        write_plot(output.plot, shown, solution.field, "field u", _in_words(medium))
    return solution


def _in_words(medium: Medium) -> str:
    boundaries = medium.boundaries
    boundary = boundaries[0] if boundaries[0] == boundaries[1] else ", ".join(boundaries)
    return f"D = {medium.diffusivity}, γ = {medium.decay:g}, h = {medium.step:g}, {boundary}"
