"""Solve the problem of a source image in a file."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics import (
    CappedUptake,
    FixedFlux,
    FixedValue,
    Medium,
    MichaelisMenten,
    Solution,
    solve,
)
from diffkeras.physics.boundaries import Side, sides_in_words
from diffkeras.physics.keywords import Uptake
from diffkeras.physics.problem import check_finite
from diffkeras.physics.uptake.saturating import SaturatingUptake
from diffkeras.workflows.field_files import (
    FieldFiles,
    check_axes_of_file,
    write_fields,
    write_plot,
)
from diffkeras.workflows.source_files import SourceFile


def solve_files(
    sources: SourceFile | str | Path | None,
    output: FieldFiles | str | Path,
    *,
    production: SourceFile | str | Path | None = None,
    uptake: Uptake | None = None,
    medium: Medium | None = None,
    fixed: Path | None = None,
    lattice: tuple[int, ...] | None = None,
    **options: Any,
) -> Solution:
    """Read a source image, a production or both, solve for the field, and write it.

    Args:
        sources: source image, batch of them, or list of discs; None if no node is fixed.
        production: what each node releases, in a file of the same kinds; values of overlapping
            discs add.
        output: where the field goes, and a picture of it.
        uptake: as for `solve`.
        medium: where the field diffuses; by default `Medium()`.
        fixed: image of the fixed nodes, those that are not 0; source values there may be 0.
        lattice: of the field, where sides alone supply it: no sources and no production.
        **options: method, tolerance, processes and threads, as for `solve`.

    Raises:
        PhysicsError, ConvergenceError: see `solve`, `SourceFile.read` and `write_fields`.
        RunError: a file can't be written.
    """
    medium = medium or Medium()
    held = SourceFile.of(sources) if sources else None
    produced = replace(SourceFile.of(production), array="production") if production else None
    masked = replace(held, path=fixed) if held and fixed else None
    output = FieldFiles.of(output)
    files = {"SOURCE_FILE": held, "--fixed": masked, "--production": produced}
    output.check({option: file.path if file else None for option, file in files.items()})
    batch = any(file.batch for file in (held, produced) if file)
    check_axes_of_file(output.field, medium.dimensions + batch)
    held, masked, produced = _lattice_for_lists(held, masked, produced)
    image = held.read() if held else None
    if not (held or produced) and lattice is not None:
        image = np.zeros(lattice)
    supply = produced.read(overlap=True) if produced else None
    mask = None
    if masked:
        given = masked.read()
        check_finite("the fixed mask", given)
        mask = given != 0
    solution = solve(
        image,
        production=supply,
        uptake=uptake,
        medium=medium,
        fixed=mask,
        **options,
    )
    write_fields({output.field: solution.field})
    if output.plot:
        shown = _shown(image, mask, supply, None if batch else uptake)
        write_plot(
            output.plot,
            shown,
            solution.field,
            "field u",
            _in_words(medium, uptake),
            dimensions=medium.dimensions,
        )
    return solution


def _shown(
    image: NDArray | None, mask: NDArray | None, supply: NDArray | None, uptake: Any
) -> dict[str, NDArray]:
    """What is drawn beside the field, by the symbols of `field_figure`; NaN where there is none."""
    shown = {}
    if image is not None:
        fixed = image != 0 if mask is None else mask
        if fixed.any():
            shown["u"] = np.where(fixed, image, np.nan)
    if supply is not None:
        shown["s"] = np.where(supply != 0, supply, np.nan)
    rate = uptake.capacity if isinstance(uptake, SaturatingUptake) else uptake
    if np.ndim(rate):
        shown["v"] = np.where(rate != 0, rate, np.nan)
    return shown


def read_side(given: tuple[str, str, float | Path | None]) -> tuple[str, Side]:
    """A side and what it does, of its name, "value", "flux" or another word, and their numbers.

    Raises:
        PhysicsError: a file that is no .npy array of finite numbers.
    """
    side, what, numbers = given
    if numbers is None:
        return side, what  # type: ignore[return-value]  # Medium checks it
    if isinstance(numbers, Path):
        file = numbers
        try:
            numbers = np.load(file, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            numbers = None
        if not isinstance(numbers, np.ndarray) or numbers.dtype.kind not in "iuf":
            raise PhysicsError(
                f"{file} is no .npy array of numbers; write one with one for each node of the "
                f"{side} side"
            )
    kinds: Any = {"value": FixedValue, "flux": FixedFlux}
    return side, kinds[what](numbers)


def _lattice_for_lists(*files: SourceFile | None) -> list[SourceFile | None]:
    """The files. If some are lists of discs, a lattice is for these, and not for images."""
    if not any(file and file.is_list for file in files):
        return list(files)
    return [replace(file, lattice=None) if file and not file.is_list else file for file in files]


def _in_words(medium: Medium, uptake: Uptake | None) -> str:
    diffusivity, decay = (_range(part) for part in (medium.diffusivity, medium.decay))
    sides = sides_in_words(medium.sides)
    return f"D = {diffusivity}, γ = {decay}, h = {medium.step:g}, {sides}{_taken(uptake)}"


def _taken(uptake: Uptake | None) -> str:
    """Uptake in the symbols of its formula."""
    if uptake is None:
        return ""
    if isinstance(uptake, MichaelisMenten):
        return f", uptake v = {_range(uptake.maximum)}, K = {_range(uptake.constant)}"
    if isinstance(uptake, CappedUptake):
        return f", uptake v = {_range(uptake.maximum)}, k = {_range(uptake.rate_constant)}"
    return f", uptake k = {_range(uptake)}"


def _range(part: Any) -> str:
    """A number, or the smallest and the largest of an array."""
    if isinstance(part, tuple) or np.ndim(part) == 0:
        return f"{part}" if isinstance(part, tuple) else f"{part:g}"
    return f"{np.min(part):g} to {np.max(part):g}"
