"""Problems in files: what `diffkeras solve` and `predict` read."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import DataError, PhysicsError
from diffkeras.physics import Medium, MichaelisMenten, Problem, from_labels
from diffkeras.physics.problem.arrays import warn_of_labels
from diffkeras.physics.problem.given_sides import KINDS
from diffkeras.physics.problem.maps import MAPS
from diffkeras.physics.problem.sides import Side, with_sides
from diffkeras.system.image_files import ARRAYS, PICTURES, read_numbers

DARK = 0.1  # grey pictures whose largest value is below may be label images
DOUBLE = np.dtype(np.float64)
SideFile = tuple[str, str, tuple[float | Path, ...]]


@dataclass(frozen=True)
class ProblemFiles:
    """The files and numbers that describe a problem; None for what is left out.

    Attributes:
        source_file: source image or batch of them: a `.npy` or `.npz` array (an `.npz` of one
            array, or with one named "source_image"); or a grey PNG or TIFF of 8 or 16 bits, whose
            full scale stands for 1, or a TIFF of 32-bit floats. With `labels`, a label image.
        production: what each node releases, in a file of the same kinds.
        fixed: image of the fixed nodes, those that are not 0; source values there may be 0.
        diffusivity, decay, uptake, saturation: a number or the file of a map. With a saturation K,
            the uptake is the maximum v of Michaelis–Menten uptake, otherwise its rate constant k.
        step: h [length].
        boundary: as of `Medium`.
        sides: of single sides: the side, the name of a kind in `KINDS` or of a boundary, and the
            numbers of that kind or the files of them.
        lattice: its sides, or one for all, where sides alone supply the field.
        batch: whether source images and productions are batches.
        dimensions: 2 or 3; None for those of the boundary.
        labels: what the nodes of each label have, as for `from_labels`.

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

    @classmethod
    def of(cls, files: Any) -> "ProblemFiles":
        """The files themselves.

        Raises:
            PhysicsError: they are something else, such as a `Problem`.
        """
        if not isinstance(files, cls):
            raise PhysicsError(
                f"ProblemFiles describe a problem in files, not {files!r:.60}; of a Problem, use "
                "diffkeras.solve(problem).save(path)"
            )
        return files

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

    def read(self, make: Callable[..., Problem] = Problem) -> Problem:
        """Read the problem.

        Args:
            make: takes the source image and the other keywords of `Problem`.

        Raises:
            DataError, PhysicsError: a file that can't be read, or no problem.
        """
        if self.labels:
            image = self._image("source_file", labels=True)
            try:
                return from_labels(image, self.labels, **self._maps("diffusivity", "decay"))
            except PhysicsError as error:
                # the words for Python in those of the command
                said = re.sub(r"labels (-?\d+)(.*) \{\}", r"labels \1\2 `--label \1:`", str(error))
                raise PhysicsError(f"--label: {said}") from None
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
                numbers = read_numbers(path, array, labels=True)
                white = round(numbers.max() / image.max())
                numbers = numbers.astype(int)
            warn_of_labels(numbers, str(path), use="`diffkeras solve --label`", white=white)
        return image.astype(np.float64)

    def _maps(self, *names: str) -> dict[str, Any]:
        """Numbers and maps by name that are not None, with the step and the boundary."""
        maps = {}
        for name in names:
            value = getattr(self, name)
            if isinstance(value, Path):
                value = read_image(value, name, self.axes)
            if value is not None:
                maps[name] = value
        return maps | self._medium()

    def _medium(self) -> dict[str, Any]:
        """Step, dimensions and boundary that are not None."""
        parts = {"step": self.step, "boundary": self.boundary, "dimensions": self.dimensions}
        if self.sides:
            outline = Medium(boundary=self.boundary or "absorbing", dimensions=self.axes)
            parts["boundary"] = with_sides(outline.sides, dict(map(read_side, self.sides)))
        return {name: part for name, part in parts.items() if part is not None}


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
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        raise PhysicsError(
            f"{path}: lists of discs are not read; write their image, "
            "dk.Sources.from_lists(rows, columns, radii, values).image(lattice), to a .npy"
        )
    if suffix not in ARRAYS + PICTURES:
        raise PhysicsError(
            f"{path} is of an unknown kind; choose one of {', '.join(ARRAYS + PICTURES)}"
        )
    image = read_numbers(path, array, ("source_image",), labels=labels)
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
