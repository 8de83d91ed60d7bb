"""Source images in files: NumPy arrays, pictures, lists of discs."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, FiniteFloat, NonNegativeFloat, PositiveInt, ValidationError

from diffkeras.config import Lattice, Section, explain
from diffkeras.errors import DataError, PhysicsError
from diffkeras.physics import Sources
from diffkeras.physics.lattice import PLANE, SHAPES, check_sides
from diffkeras.system.image_files import ARRAYS, PICTURES, read_numbers
from diffkeras.system.yaml_io import read_yaml

LISTS = (".yaml", ".yml")
MOST_NODES = 2**28  # solving them takes about 10 GB; a list may name any lattice


@dataclass(frozen=True)
class SourceFile:
    """A file with a source image.

    Attributes:
        path: a `.npy` or `.npz` array (an `.npz` of one array, or with one named `array` or
            "source_image"); a grey PNG or TIFF of 8 or 16 bits, whose full scale stands for 1, or a
            TIFF of 32-bit floats; or a YAML list of discs, `{row: 30, column: 40, radius: 5, value:
            1.0}` each, either alone or as `sources:` next to a `lattice:`. In three dimensions it
            is a list of balls, which have a `plane`, too.
        lattice: its sides, or one for all, for a list of discs that names none.
        batch: whether the file holds a batch of images, an array (batch, *lattice).
        array: name of the array in an `.npz`, e.g. "production" where it also has a source image.
        dimensions: 2 or 3, of the lattice.
    """

    path: Path
    lattice: tuple[int, ...] | int | None = None
    batch: bool = False
    array: str = "source_image"
    dimensions: int = 2

    @property
    def is_list(self) -> bool:
        """Whether it is a list of discs, which has no lattice of its own unless it names one."""
        return self.path.suffix.lower() in LISTS

    def read(self, *, overlap: bool = False) -> NDArray[np.float64]:
        """The source image, on the lattice, or the batch, (batch, *lattice).

        Where discs of a list overlap, the later one wins, or with `overlap` their values add.

        Raises:
            DataError: there is no such file, or it is damaged.
            ConfigurationError: a list of discs that is no YAML.
            PhysicsError: it holds no image on the lattice, or no batch of them.
        """
        suffix = self.path.suffix.lower()
        if not self.path.is_file():  # reading a pipe would block
            raise DataError(f"{self.path} is no file")
        if self.is_list and not self.batch:
            return _read_discs(self, overlap)
        if suffix not in ARRAYS + PICTURES:
            kinds = ", ".join(ARRAYS + PICTURES + (() if self.batch else LISTS))
            raise PhysicsError(f"{self.path} is of an unknown kind; choose one of {kinds}")
        if self.lattice is not None:
            raise PhysicsError(
                f"{self.path} is an image, which has its own lattice; leave out --lattice"
            )
        image = read_numbers(self.path, self.array, ("source_image",))
        if image.ndim != self.dimensions + self.batch or not image.size:
            shape = SHAPES[self.dimensions]
            wanted = f"a batch (batch, {shape[1:]}" if self.batch else f"an image {shape}"
            hint = ""
            if image.ndim == 3 and self.dimensions == PLANE and not self.batch:
                hint = (
                    "; for separate images use --batch, and for one of three dimensions "
                    "--dimensions 3, which `diffkeras solve` has"
                )
            raise PhysicsError(
                f"{self.path} holds an array of shape {image.shape}, not {wanted}{hint}"
            )
        with np.errstate(over="ignore"):  # what float64 doesn't hold is refused as not finite
            return image.astype(np.float64)


class _Disc(Section):
    row: int
    column: int
    radius: NonNegativeFloat = Field(allow_inf_nan=False)
    value: FiniteFloat


class _Ball(_Disc):
    plane: int


class _List(Section):
    lattice: Lattice | None = None
    sources: list[_Disc] = Field(min_length=1)


class _BallList(_List):
    # balls instead of discs
    lattice: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None  # type: ignore[assignment]
    sources: list[_Ball] = Field(min_length=1)  # type: ignore[assignment]


def _read_discs(file: SourceFile, overlap: bool) -> NDArray[np.float64]:
    path = file.path
    content: Any = read_yaml(path)
    if isinstance(content, list):
        content = {"sources": content}
    if not isinstance(content, dict) or "sources" not in content:
        raise PhysicsError(f"{path} holds no list of discs; see `diffkeras solve --help`")
    discs = content["sources"]
    balls = isinstance(discs, list) and any(isinstance(d, dict) and "plane" in d for d in discs)
    if balls and file.dimensions == PLANE:
        raise PhysicsError(f"{path} lists balls, which have a plane; add --dimensions 3")
    kind: Any = _List if file.dimensions == PLANE else _BallList
    try:
        listed = kind.model_validate(content)
    except ValidationError as error:
        raise PhysicsError(f"{path}: {explain(error, kind, content)}") from None
    lattice = _lattice_of(file, listed.lattice)
    size = "×".join(map(str, lattice))
    keys = ["row", "column", "radius", "value", *(["plane"] if kind is _BallList else [])]
    lists = ([getattr(disc, key) for disc in listed.sources] for key in keys)
    sources = replace(Sources.from_lists(*lists), overlap=overlap)
    for number, centre in enumerate(zip(*map(np.ndarray.tolist, sources.centres), strict=True), 1):
        if not all(0 <= i < side for i, side in zip(centre, lattice, strict=True)):
            raise PhysicsError(
                f"{path}: disc {number} has its centre at {centre}, off the lattice of {size} nodes"
            )
    return sources.image(lattice, np.float64)


def _lattice_of(file: SourceFile, listed: tuple[int, ...] | None) -> tuple[int, ...]:
    """The lattice named in the file or by --lattice; where both name one, they must agree."""
    if listed is None and file.lattice is None:
        sides = SHAPES[file.dimensions][1:-1]
        raise PhysicsError(
            f"{file.path} has no lattice; write `lattice: [{sides}]` into it, or use --lattice"
        )
    lattice = check_sides(listed if file.lattice is None else file.lattice, file.dimensions)
    size = "×".join(map(str, lattice))
    if listed and lattice != tuple(listed):
        raise PhysicsError(
            f"{file.path} has the lattice {'×'.join(map(str, listed))}, and --lattice says {size}; "
            "leave out --lattice, or remove the lattice from the file"
        )
    if math.prod(lattice) > MOST_NODES:
        raise PhysicsError(
            f"{file.path}: a lattice of {size} nodes is too large for a list of discs, which has "
            f"at most {MOST_NODES:,}; choose a coarser one"
        )
    return lattice
