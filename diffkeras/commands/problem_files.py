"""What `diffkeras solve` and `predict` read: the options of a problem, and its files."""

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from diffkeras.commands.image_files import ARRAYS, PICTURES, read_numbers
from diffkeras.commands.options import INPUT, Command, check_together, map_option
from diffkeras.errors import ConvergenceError, DataError, PhysicsError, numbered
from diffkeras.physics import Medium, MichaelisMenten, Problem, from_labels
from diffkeras.physics.arguments import PLANE, SHAPES, SPACE
from diffkeras.physics.problem.given_sides import KINDS
from diffkeras.physics.problem.maps import MAPS
from diffkeras.physics.problem.problem import warn_of_colours, warn_of_labels
from diffkeras.physics.problem.sides import SIDES, Side, with_sides

logger = logging.getLogger(__name__)

DARK = 0.1  # grey pictures whose largest value is below may be label images
# options, by the names of their parameters: see `check_together`
NEEDS = (
    ("saturation", "uptake"),
    ("fixed", "source_files"),
    ("labels", "source_files"),
    ("field_unit", "plot"),
)
EXCLUDES = (
    ("lattice", "source_files", "production", "batch"),
    ("labels", "production", "fixed", "uptake", "saturation", "batch"),
)
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
            help="SOURCE_FILE, --production and --fixed are stacks of images, which lie along the "
            "first axis.",
        ),
        click.argument("source_files", metavar="[SOURCE_FILE]...", type=INPUT, nargs=-1),
    ):
        command = option(command)
    return command


@dataclass(frozen=True)
class ProblemFiles:
    """The files and numbers of the options that describe a problem; None for what is left out.

    With a saturation K, the uptake is the maximum v of Michaelis–Menten uptake, otherwise its rate
    constant k. `sides` are single ones: the side, the name of a kind in `KINDS` or of a boundary,
    and its numbers or their files. `labels` are as for `from_labels`.
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
    labels: Mapping[int, Mapping[str, float]] | None = None

    @classmethod
    def each(cls, options: dict[str, Any]) -> "dict[str, ProblemFiles]":
        """The files of each problem by the name of its SOURCE_FILE, which leave the options."""
        check_together(NEEDS, EXCLUDES)
        sources = options.pop("source_files") or (None,)
        parts = [field.name for field in fields(cls) if field.name in options]
        rest = {name: options.pop(name) for name in parts}
        if not (sources[0] or rest["production"] or (rest.get("sides") and rest["lattice"])):
            raise click.UsageError(
                "Missing argument 'SOURCE_FILE'; or give --production FILE, or --side and --lattice"
            )
        files = {file.stem if file else "": file for file in sources}
        if len(files) < len(sources):
            raise click.ClickException(
                "several SOURCE_FILEs have one name, and so would their fields"
            )
        return {name: cls(source_file=file, **rest) for name, file in files.items()}

    @property
    def inputs(self) -> dict[str, Path]:
        """The files that are read, by the options' names."""
        files: dict[str, Any] = {"SOURCE_FILE": self.source_file}
        files |= {f"--{name}": getattr(self, name) for name in ("fixed", *MAPS)}
        for side, _, numbers in self.sides:
            files |= {f"--side {side} ({place})": file for place, file in enumerate(numbers, 1)}
        return {option: file for option, file in files.items() if isinstance(file, Path)}

    def read(self, make: Callable[..., Problem] = Problem) -> list[Problem]:
        """Read the problem, or a stack's problems; `make` takes the arguments of `Problem`."""
        if self.labels:
            image = self._image("source_file", labels=True)
            keywords = self._maps(("diffusivity", "decay"), image.ndim)
            return [from_labels(image, self.labels, **keywords)]
        images = {name: self._image(name) for name in ("source_file", "production", "fixed")}
        if self.lattice is not None:
            sides = (
                self.lattice if isinstance(self.lattice, tuple) else (self.lattice,) * self._axes
            )
            images["source_file"] = np.zeros(sides)
        if (mask := images["fixed"]) is not None:
            if not np.isfinite(mask).all():
                raise PhysicsError(f"{self.fixed} must hold finite numbers, 0 where nodes are free")
            images["fixed"] = mask != 0
        given = {name: image for name, image in images.items() if image is not None}
        axes = next(iter(given.values())).ndim - self.batch
        keywords = self._maps(("diffusivity", "decay", "uptake", "saturation"), axes)
        if (saturation := keywords.pop("saturation", None)) is not None:
            keywords["uptake"] = MichaelisMenten(keywords["uptake"], saturation)
        each = [given]
        if self.batch:
            if len(counts := sorted({len(image) for image in given.values()})) > 1:
                raise PhysicsError(
                    f"the stacks have {' and '.join(map(str, counts))} images; give stacks of "
                    "equal length"
                )
            each = [{name: stack[k] for name, stack in given.items()} for k in range(counts[0])]
        problems: list[Problem] = []
        for number, one in enumerate(each):
            with numbered("image", number) if self.batch else warnings.catch_warnings():
                if not self.batch:  # `_image` has warned, by the name of the file
                    warnings.filterwarnings("ignore", r".* is a volume of \d columns")
                problems.append(make(one.pop("source_file", None), **one, **keywords))
        return problems

    @property
    def _axes(self) -> int:
        """The number of axes of a lattice that is given by one number."""
        if {side for side, *_ in self.sides} & {*SIDES[0]}:
            return SPACE
        return Medium(boundary=self.boundary or "absorbing").dimensions

    def _image(self, name: str, labels: bool = False) -> Any:
        path = getattr(self, name)
        if path is None:
            return None
        array = {"source_file": "source_image", "fixed": "source_image"}.get(name, name)
        image = read_image(path, array, stack=self.batch, labels=labels)
        if not self.batch:
            warn_of_colours(str(path), image)
        if name == "source_file" and not (labels or self.fixed):
            numbers = image
            if path.suffix.lower() in PICTURES and 0 < image.max() < DARK:
                numbers = read_numbers(path, (array,), labels=True).astype(int)
            warn_of_labels(str(path), numbers, "`diffkeras solve --label`")
        return image.astype(np.float64)

    def _maps(self, names: Sequence[str], axes: int) -> dict[str, Any]:
        """Numbers and maps by name that are not None, with the step and the boundary."""
        maps = {}
        for name in names:
            value = getattr(self, name)
            maps[name] = read_image(value, name) if isinstance(value, Path) else value
        maps |= {"step": self.step, "boundary": self.boundary}
        if self.sides:
            sides = Medium(boundary=self.boundary or "absorbing").on((1,) * axes).sides
            maps["boundary"] = with_sides(sides, dict(map(read_side, self.sides)))
        return {name: value for name, value in maps.items() if value is not None}


def do_each(inputs: Mapping[str, ProblemFiles], work: Callable[[str, ProblemFiles], None]) -> None:
    """Do the work of each input; the failure of one of several doesn't stop the others."""
    failed = []
    for name, files in inputs.items():
        try:
            work(name, files)
        except (PhysicsError, ConvergenceError, DataError) as error:
            if len(inputs) == 1:
                raise
            failed.append(str(files.source_file))
            words = str(error)
            logger.error(words if failed[-1] in words else f"{failed[-1]}: {words}")
    if failed:
        raise DataError(f"{len(failed)} of {len(inputs)} files failed: {', '.join(failed)}")


def read_image(path: Path, array: str, *, stack: bool = False, labels: bool = False) -> NDArray:
    """The image, map or volume in a file, or a stack of them; real numbers.

    Of several arrays in a `.npz`, the one of the name `array`. `labels`: see `read_numbers`.
    """
    if path.suffix.lower() not in ARRAYS + PICTURES:
        raise PhysicsError(
            f"{path} is of an unknown kind; choose one of {', '.join(ARRAYS + PICTURES)}"
        )
    image = read_numbers(path, (array, "source_image"), labels=labels)
    if not image.size:
        raise PhysicsError(f"{path} holds an empty array, of shape {image.shape}")
    if image.ndim - stack not in SHAPES:
        hint = "; --batch is for stacks of images" * (stack or image.ndim > SPACE)
        raise PhysicsError(
            f"{path} holds an array of shape {image.shape}, not one of {PLANE + stack} or "
            f"{SPACE + stack} axes{hint}"
        )
    return image


def read_side(side: SideFile) -> tuple[str, Side]:
    """The name of a side and what it does."""
    name, kind, numbers = side
    if kind not in KINDS:
        return name, kind  # type: ignore[return-value]  # Medium checks it
    parts = [read_numbers(p, ("side",)) if isinstance(p, Path) else p for p in numbers]
    try:
        return name, KINDS[kind](*parts)
    except PhysicsError as error:
        raise PhysicsError(f"--side {name}: {error}") from None
