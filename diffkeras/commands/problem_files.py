"""What `diffkeras solve` and `predict` read: the options of a problem, and its files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from diffkeras.commands.options import INPUT, Command, map_option
from diffkeras.errors import DataError, PhysicsError
from diffkeras.physics import Medium, MichaelisMenten, Problem, from_labels
from diffkeras.physics.problem.arrays import warn_of_labels
from diffkeras.physics.problem.given_sides import KINDS
from diffkeras.physics.problem.maps import MAPS
from diffkeras.physics.problem.sides import Side, with_sides
from diffkeras.system.array_files import ARRAYS, PICTURES, read_numbers

DARK = 0.1  # grey pictures whose largest value is below may be label images
DOUBLE = np.dtype(np.float64)
SideFile = tuple[str, str, tuple[float | Path, ...]]


def problem_options(command: Command) -> Command:
    """SOURCE_FILE, and the options of `ProblemFiles` that both commands have."""
    for option in (
        click.option(
            "--production",
            metavar="FILE",
            type=INPUT,
            help="Image of what each node releases (takes up, if negative) [concentration/time].",
        ),
        map_option(
            "--saturation",
            help="K [concentration] of Michaelis-Menten uptake v u/(K + u), in Python the constant "
            "of MichaelisMenten; a number or a map.",
        ),
        map_option(
            "--uptake",
            help="What cells take up: its rate in proportion to the concentration, k [1/time]; or, "
            "with --saturation, its maximum v [concentration/time]; a number or a map.",
        ),
        click.option(
            "--batch",
            is_flag=True,
            help="Files hold batches of images, (batch, rows, columns).",
        ),
        click.argument("source_file", type=INPUT, required=False),
    ):
        command = option(command)
    return command


@dataclass(frozen=True)
class ProblemFiles:
    """The files and numbers of the options that describe a problem; None for what is left out.

    Attributes:
        diffusivity, decay, uptake, saturation: a number or the file of a map. With a saturation K,
            the uptake is the maximum v of Michaelis–Menten uptake, otherwise its rate constant k.
        boundary: as of `Medium`.
        sides: of single sides: the side, the name of a kind in `KINDS` or of a boundary, and the
            numbers of that kind or the files of them.
        lattice: its sides, or one for all, where sides alone supply the field.
        labels: the properties of each label of SOURCE_FILE, as for `from_labels`.

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
    labels: Mapping[int, Mapping[str, float]] | None = None

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
        if self.lattice is not None and (self.source_file or self.production):
            raise PhysicsError("images have a lattice of their own; leave out --lattice")
        if self.labels:
            for name in ("production", "fixed", "uptake", "saturation", "batch"):
                if getattr(self, name):
                    raise PhysicsError(f"--label describes each label; leave out --{name}")
            if not self.source_file:
                raise PhysicsError("--label needs SOURCE_FILE, the label image")

    @property
    def inputs(self) -> dict[str, Path]:
        """The files that are read, by the options' names."""
        files: dict[str, Any] = {"SOURCE_FILE": self.source_file}
        files |= {f"--{name}": getattr(self, name) for name in ("fixed", *MAPS)}
        for side, _, numbers in self.sides:
            files |= {f"--side {side} ({place})": file for place, file in enumerate(numbers, 1)}
        return {option: file for option, file in files.items() if isinstance(file, Path)}

    @property
    def axes(self) -> int:
        """The number of the lattice's axes."""
        boundary = "absorbing" if self.boundary is None else self.boundary
        # Medium checks the boundary
        return Medium(boundary=boundary, dimensions=self.dimensions).dimensions  # type: ignore[arg-type]

    def read(self, make: Callable[..., Problem] = Problem) -> Problem:
        """Read the problem.

        Args:
            make: takes the source image and the other keywords of `Problem`.

        Raises:
            DataError, PhysicsError: a file that can't be read, or no problem.
        """
        if self.labels:
            image = self._image("source_file", labels=True)
            return from_labels(image, self.labels, **self._maps("diffusivity", "decay"))
        image, production = self._image("source_file"), self._image("production")
        if image is None and production is None and self.lattice is not None:
            sides = self.lattice if isinstance(self.lattice, tuple) else (self.lattice,) * self.axes
            image = np.zeros(sides)
        keywords: dict[str, Any] = {"production": production}
        if (mask := self._image("fixed")) is not None:
            if not np.isfinite(mask).all():
                raise PhysicsError(f"{self.fixed} must hold finite numbers, 0 where nodes are free")
            keywords["fixed"] = mask != 0
        keywords |= self._maps("diffusivity", "decay", "uptake", "saturation")
        if (saturation := keywords.pop("saturation", None)) is not None:
            keywords["uptake"] = MichaelisMenten(keywords["uptake"], saturation)
        return make(image, **keywords)

    def _image(self, name: str, labels: bool = False) -> Any:
        path = getattr(self, name)
        if path is None:
            return None
        array = {"source_file": "source_image", "fixed": "source_image"}.get(name, name)
        image = read_image(path, array, self.axes + self.batch, labels=labels)
        if name == "source_file" and not (labels or self.fixed):
            numbers, white = image, 1
            if path.suffix.lower() in PICTURES and 0 < image.max() < DARK:
                numbers = read_numbers(path, (array,), labels=True)
                white = round(numbers.max() / image.max())
                numbers = numbers.astype(int)
            warn_of_labels(numbers, str(path), use="`diffkeras solve --label`", white=white)
        return image.astype(np.float64)

    def _maps(self, *names: str) -> dict[str, Any]:
        """Numbers and maps by name that are not None, with the step and the boundary."""
        maps = {}
        for name in names:
            value = getattr(self, name)
            maps[name] = read_image(value, name, self.axes) if isinstance(value, Path) else value
        maps |= {"step": self.step, "boundary": self.boundary, "dimensions": self.dimensions}
        if self.sides:
            outline = Medium(boundary=self.boundary or "absorbing", dimensions=self.axes)
            maps["boundary"] = with_sides(outline.sides, dict(map(read_side, self.sides)))
        return {name: value for name, value in maps.items() if value is not None}


def read_image(path: Path, array: str, axes: int, *, labels: bool = False) -> NDArray:
    """The image, map or batch in a file, real numbers with a number of axes.

    Args:
        path: the file.
        array: name of the array in an `.npz` of several.
        axes: of the array.
        labels: whether it is a label image, see `read_numbers`.

    Raises:
        DataError: there is no such file, or it is damaged.
        PhysicsError: another kind of file, or an array of another number of axes.
    """
    if path.suffix.lower() not in ARRAYS + PICTURES:
        raise PhysicsError(
            f"{path} is of an unknown kind; choose one of {', '.join(ARRAYS + PICTURES)}"
        )
    image = read_numbers(path, (array, "source_image"), labels=labels)
    if image.ndim != axes or not image.size:
        hint = ""
        if image.ndim == axes + 1 == 3:
            hint = "; for separate images use --batch, for one of three axes `solve --dimensions 3`"
        raise PhysicsError(
            f"{path} holds an array of shape {image.shape}, not one of {axes} axes{hint}"
        )
    if image.dtype.itemsize > DOUBLE.itemsize:
        with np.errstate(over="ignore"):  # what float64 doesn't hold is refused as not finite
            return image.astype(DOUBLE)
    return image


def read_side(side: SideFile) -> tuple[str, Side]:
    """The name of a side and what it does.

    Raises:
        DataError: a file that can't be read, see `read_numbers`.
        PhysicsError: a number out of its range.
    """
    name, kind, numbers = side
    if kind not in KINDS:
        return name, kind  # type: ignore[return-value]  # Medium checks it
    try:
        parts = [read_numbers(p, ("side",)) if isinstance(p, Path) else p for p in numbers]
        return name, KINDS[kind](*parts)
    except DataError as error:
        raise DataError(
            f"{error}; write a .npy with a number for each node of the {name} side"
        ) from None
    except PhysicsError as error:
        raise PhysicsError(f"--side {name}: {error}") from None
