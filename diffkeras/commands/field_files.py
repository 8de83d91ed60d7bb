"""What `diffkeras solve` and `predict` write of a field: their options, the files, the summary."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from diffkeras._version import __version__
from diffkeras.commands.command import quiet_option, say
from diffkeras.commands.options import Command, file_option
from diffkeras.commands.problem_files import ProblemFiles
from diffkeras.errors import PhysicsError
from diffkeras.physics.field_files import (
    TIFFS,
    arrays_of_result,
    bound_in_file,
    check_unit,
    content_of_arrays,
    in_file,
    kind_of_file,
    upper_bound,
)
from diffkeras.physics.problem.sides import sides_in_words
from diffkeras.physics.solution import ProvenField
from diffkeras.system.atomic_files import check_file, write_bytes

KINDS = ".npy, .npz or .vti (with its bound and the problem; .vti is for ParaView), or .tif"
PLOTS = (".png", ".pdf", ".svg")
FILES = ("output", "bound", "corrected", "plot")  # of `FieldFiles`


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
            "--bound",
            "The proven bound of the error of the field in --output, node by node: .npy, .npz, "
            ".tif, .vti",
        ),
        file_option("--plot", "Picture of sources and field: .png, .pdf or .svg."),
        file_option(
            "-o --output",
            f"The field: {KINDS}. In the names of files, {{}} stands for the name of SOURCE_FILE.",
            required=True,
        ),
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

    def named(self, name: str) -> "FieldFiles":
        """The files of an input of this name."""
        parts = {part: getattr(self, part) for part in FILES}
        named: dict[str, Any] = {
            part: Path(str(file).replace("{}", name)) for part, file in parts.items() if file
        }
        return replace(self, **named)

    def of_inputs(self, inputs: Mapping[str, ProblemFiles]) -> "dict[str, FieldFiles]":
        """The files of each input by its name, all of them checked."""
        named = {name: self.named(name) for name in inputs}
        for name, files in named.items():
            files.check(inputs[name].inputs, stack=inputs[name].batch)
        for part in FILES:
            if len(inputs) > 1 and (file := getattr(self, part)) and "{}" not in str(file):
                raise PhysicsError(
                    f"{file} would hold the fields of {len(inputs)} files; write {{}} in its name, "
                    "which becomes the name of each file"
                )
        return named

    @property
    def fields(self) -> dict[str, Path]:
        """The files of fields, by their options."""
        options = {"--output": self.output, "--bound": self.bound, "--corrected": self.corrected}
        return {option: file for option, file in options.items() if file}

    def check(self, inputs: Mapping[str, Path], *, stack: bool) -> None:
        """Check all files and those that are read; `stack`: whether files hold several fields."""
        places = {os.path.realpath(file): option for option, file in inputs.items()}
        for option, file in {**self.fields, "--plot": self.plot}.items():
            other = places.setdefault(os.path.realpath(file), option) if file else option
            if other != option:
                raise PhysicsError(f"{option} and {other} are the same file, {file}")
        kinds = {kind_of_file(file) for file in self.fields.values()}
        if stack and ".vti" in kinds:
            raise PhysicsError("a .vti can't hold a --batch; write to .npy, .npz or .tif")
        if self.plot and self.plot.suffix.lower() not in PLOTS:
            raise PhysicsError(
                f"a plot is a {', '.join(PLOTS[:-1])} or {PLOTS[-1]}, not "
                f"{self.plot.suffix or self.plot}"
            )
        if self.unit is not None and not (self.plot or kinds & {*TIFFS}):
            raise PhysicsError("--unit is for a picture or a .tif; give --plot FILE, too")
        check_unit(self.unit)
        check_unit(self.field_unit)
        for path in filter(None, (*self.fields.values(), self.plot)):
            check_file(path)

    def write(
        self, results: Sequence[ProvenField], title: str = "field u", notes: str | None = None
    ) -> None:
        """Write all files of a result or a stack of them, or none if one can't hold its field."""
        contents = {self.output: self._content(self.output, results)}
        if self.bound:
            bounds = (bound_in_file(one.node_bound, one.field, self.output) for one in results)
            each = [{"bound": upper_bound(bound, self.bound)} for bound in bounds]
            contents[self.bound] = self._content(self.bound, results, each)
        if self.corrected:
            better = [one.corrected for one in results]  # type: ignore[attr-defined]  # predictions
            contents[self.corrected] = self._content(self.corrected, better)
        if self.plot:
            contents[self.plot] = self._picture(self.plot, results, title, notes)
        for path, content in contents.items():
            write_bytes(path, content)

    def _content(self, path: Path, results: Sequence[ProvenField], each: Any = None) -> bytes:
        """The content of a file of some arrays of each result, by default of all its arrays."""
        each = each or [arrays_of_result(path, one) for one in results]
        arrays = {name: [arrays[name] for arrays in each] for name in each[0]}
        problem = results[0].problem
        whole = {
            name: parts[0] if len(results) == 1 else np.stack(np.broadcast_arrays(*parts))
            for name, parts in arrays.items()
        }
        unit = self.unit if kind_of_file(path) in TIFFS else None
        return content_of_arrays(path, whole, problem.lattice, problem.medium.step, unit)

    def _picture(
        self, path: Path, results: Sequence[ProvenField], title: str, notes: str | None
    ) -> bytes:
        from diffkeras.reporting.fields import solution_figure
        from diffkeras.reporting.style import to_image

        problems = [one.problem for one in results]
        has_sources = [bool(p.fixed.any() or np.any(p.production)) for p in problems]
        shown = int(np.argmax(has_sources))
        title += f", image {shown + 1} of {len(results)}" * (len(results) > 1)
        units = {"unit": self.unit, "field_unit": self.field_unit}
        figure = solution_figure(problems[shown], results[shown].field, title, notes, **units)
        return to_image(figure, path.suffix.lower()[1:])

    def report(
        self, results: Sequence[ProvenField], lines: Sequence[str], more: Mapping[str, Any]
    ) -> None:
        """Print what was written: `lines` of what is proven for people, or JSON with `more`."""
        if self.as_json:
            click.echo(json.dumps(self._summary(results, more), indent=2))
        elif not self.quiet:
            what = f"the {kinds}, " if (kinds := kinds_of(results)) else ""
            first = f"wrote {self.output} ({what}{self._described(results)})"
            others = filter(None, (self.bound, self.corrected, self.plot))
            for line in (*lines, first, *(f"wrote {file}" for file in others)):
                say(line)

    def _described(self, results: Sequence[ProvenField]) -> str:
        """Size of a field or of several, and the type that the file holds it in, in words."""
        sides = "×".join(map(str, results[0].problem.lattice))
        images = f"{len(results)} images of " if len(results) > 1 else ""
        return f"{images}{sides} {self.type_of(results)}"

    def type_of(self, results: Sequence[ProvenField]) -> np.dtype:
        """The type in which the file holds fields."""
        return in_file(results[0].field, self.output).dtype

    def _summary(self, results: Sequence[ProvenField], more: Mapping[str, Any]) -> dict[str, Any]:
        """Numbers and words alone, over all fields."""
        field = in_file(np.stack([one.field for one in results]), self.output)
        problem = results[0].problem
        return {
            "diffkeras": __version__,
            **{name: str(file) if (file := getattr(self, name)) else None for name in FILES},
            "lattice": list(problem.lattice),
            "images": len(results),
            "type": str(field.dtype),
            "step": problem.medium.step,
            "boundary": sides_in_words(problem.medium.sides),
            **more,
            "minimum": float(field.min()),
            "maximum": float(field.max()),
            "mean": float(field.mean(dtype=np.float64)),
        }


def kinds_of(results: Sequence[Any]) -> str:
    """What the fields of predictions are, in words; nothing for solutions."""
    return " and ".join(dict.fromkeys(getattr(one, "kind", "") for one in results))


def largest_bound(results: Sequence[Any], path: Path | None) -> float:
    """The largest error bound of fields, as the file holds them if they are in one."""
    bounds = (
        bound_in_file(one.error_bound, one.field, path) if path else one.error_bound
        for one in results
    )
    return max(float(np.max(bound)) for bound in bounds)
