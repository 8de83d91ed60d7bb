"""Problems in files: what `diffkeras solve` and `predict` read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diffkeras.errors import DataError, PhysicsError
from diffkeras.physics import Medium, MichaelisMenten, Problem
from diffkeras.physics.problem.given_sides import KINDS
from diffkeras.physics.problem.maps import MAPS
from diffkeras.physics.problem.sides import Side, with_sides
from diffkeras.system.image_files import read_numbers
from diffkeras.workflows.source_files import SourceFile

SideFile = tuple[str, str, tuple[float | Path, ...]]


@dataclass(frozen=True)
class ProblemFiles:
    """The files and numbers that describe a problem; None for what is left out.

    Attributes:
        source_file: source image, batch of them, or list of discs, see `SourceFile`.
        production: what each node releases, in a file of the same kinds; values of overlapping
            discs add.
        fixed: image of the fixed nodes, those that are not 0; source values there may be 0.
        diffusivity, decay, uptake, saturation: a number or the file of a map. With a saturation K,
            the uptake is the maximum v of Michaelis–Menten uptake, otherwise its rate constant k.
        step: h [length].
        boundary: as of `Medium`.
        sides: of single sides: the side, the name of a kind in `KINDS` or of a boundary, and the
            numbers of that kind or the files of them.
        lattice: its sides, or one for all, for lists of discs that name none, and where sides
            alone supply the field.
        batch: whether source images and productions are batches.
        dimensions: 2 or 3; None for those of the boundary.

    Raises:
        PhysicsError: options that don't go together.
    """

    source_file: Path | None = None
    production: Path | None = None
    fixed: Path | None = None
    diffusivity: Path | float | None = None
    decay: Path | float | None = None
    uptake: Path | float | None = None
    saturation: Path | float | None = None
    step: float | None = None
    boundary: Any = None
    sides: tuple[SideFile, ...] = ()
    lattice: tuple[int, ...] | int | None = None
    batch: bool = False
    dimensions: int | None = None

    def __post_init__(self) -> None:
        if not (self.source_file or self.production or (self.sides and self.lattice)):
            raise PhysicsError(
                "Missing argument 'SOURCE_FILE'; or give --production FILE, or --side and --lattice"
            )
        named = [side for side, *_ in self.sides]
        if twice := [side for side in named if named.count(side) > 1]:
            raise PhysicsError(f"--side {twice[0]} occurs twice; leave one out")
        if self.saturation is not None and self.uptake is None:
            raise PhysicsError("--saturation needs --uptake, the maximum that cells take up")
        if self.fixed and not self.source_file:
            raise PhysicsError("--fixed needs SOURCE_FILE, which has the values of fixed nodes")

    @property
    def inputs(self) -> dict[str, Path]:
        """The files that are read, by the options' names."""
        names = ("source_file", "fixed", *MAPS)
        options = {name: f"--{name}" for name in names} | {"source_file": "SOURCE_FILE"}
        files = {option: getattr(self, name) for name, option in options.items()}
        for side, _, numbers in self.sides:
            files |= {f"--side {side} ({place})": file for place, file in enumerate(numbers, 1)}
        return {option: file for option, file in files.items() if isinstance(file, Path)}

    @property
    def axes(self) -> int:
        """The number of the lattice's axes."""
        boundary = "absorbing" if self.boundary is None else self.boundary
        # Medium checks the boundary
        return Medium(boundary=boundary, dimensions=self.dimensions).dimensions  # type: ignore[arg-type]

    def read(self, make: Callable[..., Problem] = Problem, *, overlap: bool = False) -> Problem:
        """Read the problem.

        Args:
            make: takes the source image and the other keywords of `Problem`.
            overlap: whether the values of discs of the source image add where they overlap;
                otherwise the later one wins.

        Raises:
            DataError, ConfigurationError, PhysicsError: a file that can't be read, see
                `SourceFile.read`, or no problem.
        """
        image, production = self._image("source_file", overlap), self._image("production", True)
        if image is None and production is None and self.lattice is not None:
            sides = self.lattice if isinstance(self.lattice, tuple) else (self.lattice,) * self.axes
            image = np.zeros(sides)
        keywords: dict[str, Any] = {"production": production}
        if (mask := self._image("fixed", overlap)) is not None:
            if not np.isfinite(mask).all():
                raise PhysicsError(f"{self.fixed} must hold finite numbers, 0 where nodes are free")
            keywords["fixed"] = mask != 0
        numbers = {name: self._map(name) for name in MAPS if name != "production"}
        keywords["uptake"], saturation = numbers.pop("uptake"), numbers.pop("saturation")
        if saturation is not None:
            keywords["uptake"] = MichaelisMenten(keywords["uptake"], saturation)
        keywords |= {name: number for name, number in numbers.items() if number is not None}
        keywords |= self._medium()
        return make(image, **keywords)

    def _image(self, name: str, overlap: bool) -> Any:
        path = getattr(self, name)
        if path is None:
            return None
        array = {"source_file": "source_image", "fixed": "source_image"}.get(name, name)
        file = SourceFile(path, self.lattice, self.batch, array, self.axes)
        images = (self.source_file, self.production, self.fixed)
        lists = any(SourceFile(other).is_list for other in images if other)
        if lists and not file.is_list:  # the lattice is for the lists
            file = SourceFile(path, None, self.batch, array, self.axes)
        return file.read(overlap=overlap)

    def _map(self, name: str) -> Any:
        value = getattr(self, name)
        if isinstance(value, Path):
            return SourceFile(value, array=name, dimensions=self.axes).read()
        return value

    def _medium(self) -> dict[str, Any]:
        """Step, dimensions and boundary that are not None."""
        parts = {"step": self.step, "boundary": self.boundary, "dimensions": self.dimensions}
        if self.sides:
            outline = Medium(boundary=self.boundary or "absorbing", dimensions=self.axes)
            parts["boundary"] = with_sides(outline.sides, dict(map(read_side, self.sides)))
        return {name: part for name, part in parts.items() if part is not None}


def read_side(side: SideFile) -> tuple[str, Side]:
    """The name of a side and what it does.

    Raises:
        DataError: a file that can't be read, see `read_numbers`.
        PhysicsError: a number out of its range.
    """
    name, kind, numbers = side
    if kind in KINDS:
        parts = [_numbers(name, part) for part in numbers]
        try:
            return name, KINDS[kind](*parts)
        except PhysicsError as error:
            raise PhysicsError(f"--side {name}: {error}") from None
    return name, kind  # type: ignore[return-value]  # Medium checks it


def _numbers(side: str, numbers: float | Path) -> Any:
    if not isinstance(numbers, Path):
        return numbers
    try:
        return read_numbers(numbers, "side")
    except DataError as error:
        raise DataError(
            f"{error}; write a .npy with a number for each node of the {side} side"
        ) from None
