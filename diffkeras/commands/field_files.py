"""What `diffkeras solve` and `predict` write of a field: their options, the files, the summary."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from diffkeras._version import __version__
from diffkeras.commands.command import quiet_option
from diffkeras.commands.options import Command, file_option
from diffkeras.errors import PhysicsError
from diffkeras.physics import Problem
from diffkeras.physics.field_files import (
    TIFFS,
    check_unit,
    content_of_field,
    content_of_result,
    kind_of_file,
    upper_bound,
)
from diffkeras.physics.problem.sides import sides_in_words
from diffkeras.physics.solution import ProvenField
from diffkeras.system.atomic_files import check_file, write_bytes

KINDS = ".npy, .npz or .vti (with its bound and the problem; .vti is for ParaView), or .tif"
PLOTS = (".png", ".pdf", ".svg")


def field_options(command: Command) -> Command:
    """The options of `FieldFiles`, but for --corrected."""
    for option in (
        quiet_option,
        click.option(
            "--json",
            "as_json",
            is_flag=True,
            help="Print a summary as JSON on standard output: files, lattice, what the field is, "
            "its proven error, its range.",
        ),
        click.option(
            "--field-unit", metavar="TEXT", help="Unit of the field in the picture, e.g. mmHg."
        ),
        click.option(
            "--unit",
            metavar="TEXT",
            help="Unit of lengths in the picture and in .tif, e.g. um.  [default: numbers of nodes "
            "if the step is 1]",
        ),
        file_option(
            "--bound", "The proven bound of the field's error, node by node: .npy, .npz, .tif, .vti"
        ),
        file_option("--plot", "Picture of sources and field: .png, .pdf or .svg."),
        file_option("-o --output", f"The field: {KINDS}.", required=True),
    ):
        command = option(command)
    return command


@dataclass(frozen=True)
class FieldFiles:
    """The files that `solve` and `predict` write, and what they print; see `field_options`."""

    output: Path
    bound: Path | None = None
    corrected: Path | None = None
    plot: Path | None = None
    unit: str | None = None
    field_unit: str | None = None
    as_json: bool = False
    quiet: bool = False

    @property
    def fields(self) -> dict[str, Path]:
        """The files of fields, by their options."""
        options = {"--output": self.output, "--bound": self.bound, "--corrected": self.corrected}
        return {option: file for option, file in options.items() if file}

    def check(self, inputs: Mapping[str, Path]) -> None:
        """Check all files before any work is done; `inputs` are read, by the options' names."""
        places = {os.path.realpath(file): option for option, file in inputs.items()}
        for option, file in {**self.fields, "--plot": self.plot}.items():
            other = places.setdefault(os.path.realpath(file), option) if file else option
            if other != option:
                raise PhysicsError(f"{option} and {other} are the same file, {file}")
        kinds = {kind_of_file(file) for file in self.fields.values()}
        if self.plot and self.plot.suffix.lower() not in PLOTS:
            raise PhysicsError(
                f"a plot is a {', '.join(PLOTS[:-1])} or {PLOTS[-1]}, not "
                f"{self.plot.suffix or self.plot}"
            )
        if self.unit is not None and not (self.plot or kinds & {*TIFFS}):
            raise PhysicsError("--unit is for a picture or a .tif; give --plot FILE, too")
        if self.field_unit is not None and not self.plot:
            raise PhysicsError("--field-unit is for the picture; give --plot FILE, too")
        check_unit(self.unit)
        check_unit(self.field_unit)
        for path in filter(None, (*self.fields.values(), self.plot)):
            check_file(path)

    def check_problem(self, problem: Problem) -> None:
        """Raise a PhysicsError for files that can't hold the fields of a problem."""
        for file in self.fields.values():
            kind_of_file(file, problem)

    def write(self, result: ProvenField, title: str = "field u", notes: str | None = None) -> None:
        """Write all files, or none where one of them can't hold its field.

        Args:
            result: a `Solution` or a `Prediction`.
            title, notes: of the picture, as for `solution_figure`.
        """
        contents = {self.output: content_of_result(self.output, result, self.unit)}
        step = result.problem.images[0].medium.step
        if self.bound:
            bound = upper_bound(result.node_bound, self.bound)
            contents[self.bound] = content_of_field(
                self.bound, bound, step, self.unit, name="bound"
            )
        if self.corrected:
            better = result.corrected  # type: ignore[attr-defined]  # of a prediction
            contents[self.corrected] = content_of_result(self.corrected, better, self.unit)
        if self.plot:
            contents[self.plot] = self._picture(self.plot, result, title, notes)
        for path, content in contents.items():
            write_bytes(path, content)

    def _picture(self, path: Path, result: ProvenField, title: str, notes: str | None) -> bytes:
        from diffkeras.reporting.fields import solution_figure
        from diffkeras.reporting.style import to_image

        units = {"unit": self.unit, "field_unit": self.field_unit}
        figure = solution_figure(result.problem, result.field, title, notes, **units)
        return to_image(figure, path.suffix.lower()[1:])

    def report(self, result: ProvenField, lines: Sequence[str], more: Mapping[str, Any]) -> None:
        """Print what was written.

        Args:
            result: a `Solution` or a `Prediction`.
            lines: what is proven, for people.
            more: what --json prints of the result, besides its `_summary`.
        """
        if self.as_json:
            click.echo(json.dumps(self._summary(result, more), indent=2))
        elif not self.quiet:
            what = f"the {kind}, " if (kind := getattr(result, "kind", "")) else ""
            first = f"wrote {self.output} ({what}{self._described(result)})"
            others = filter(None, (self.bound, self.corrected, self.plot))
            for line in (*lines, first, *(f"wrote {file}" for file in others)):
                click.echo(line)

    def _described(self, result: ProvenField) -> str:
        """Size of a field or a batch of them, and the type that the file holds it in, in words."""
        problem = result.problem
        sides = "×".join(map(str, problem.lattice))
        images = f"{len(problem.images)} images of " if problem.is_batch else ""
        kind = "float32" if self.output.suffix.lower() in TIFFS else result.field.dtype
        return f"{images}{sides} {kind}"

    def _summary(self, result: ProvenField, more: Mapping[str, Any]) -> dict[str, Any]:
        """Numbers and words alone, of a batch over all images."""
        field, problem = result.field, result.problem
        medium = problem.images[0].medium
        names = ("output", "plot", "bound", "corrected")
        return {
            "diffkeras": __version__,
            **{name: str(file) if (file := getattr(self, name)) else None for name in names},
            "lattice": list(problem.lattice),
            "images": len(problem.images),
            "type": str(field.dtype),
            "step": medium.step,
            "boundary": sides_in_words(medium.sides),
            **more,
            "minimum": float(field.min()),
            "maximum": float(field.max()),
            "mean": float(field.mean(dtype=np.float64)),
        }
