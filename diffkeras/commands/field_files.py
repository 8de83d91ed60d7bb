"""The files that `diffkeras solve` and `predict` write: fields, bounds, and pictures of them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diffkeras._version import __version__
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

PLOTS = (".png", ".pdf", ".svg")


@dataclass(frozen=True)
class FieldFiles:
    """The files that `solve` and `predict` write.

    Attributes:
        field: the field, and in `.npz` and `.vti` its bound and the problem, as `Solution.save`
            writes them.
        bound: the proven bound of the field's error, node by node.
        corrected: the corrected field of a prediction, as `field`.
        plot: a picture of sources and field, `.png`, `.pdf` or `.svg`.
        unit: of lengths in the picture and in `.tif`, such as "µm".
        field_unit: of the field in the picture, such as "mmHg".
    """

    field: Path
    bound: Path | None = None
    corrected: Path | None = None
    plot: Path | None = None
    unit: str | None = None
    field_unit: str | None = None

    @classmethod
    def of(cls, files: "FieldFiles | str | Path") -> "FieldFiles":
        """The files themselves, or only the field under a path."""
        return files if isinstance(files, FieldFiles) else cls(Path(files))

    @property
    def fields(self) -> dict[str, Path]:
        """The files of fields, by their options."""
        options = {"--output": self.field, "--bound": self.bound, "--corrected": self.corrected}
        return {option: file for option, file in options.items() if file}

    def check(self, inputs: Mapping[str, Path | None]) -> None:
        """Check all files before any work is done; `inputs` are read, by the options' names."""
        places: dict[str, str] = {}
        for name, file in {**inputs, **self.fields, "--plot": self.plot}.items():
            other = places.setdefault(os.path.realpath(file), name) if file else name
            if other != name and not {name, other} <= set(inputs):
                raise PhysicsError(f"{name} and {other} are the same file, {file}")
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
        for file in filter(None, (*self.fields.values(), self.plot)):
            check_file(file)

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
        contents = {self.field: content_of_result(self.field, result, self.unit)}
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
            contents[self.plot] = self._picture(result, title, notes)
        for path, content in contents.items():
            write_bytes(path, content)

    def _picture(self, result: ProvenField, title: str, notes: str | None) -> bytes:
        from diffkeras.reporting.fields import solution_figure
        from diffkeras.reporting.style import to_image

        assert self.plot is not None
        units = {"unit": self.unit, "field_unit": self.field_unit}
        figure = solution_figure(result.problem, result.field, title, notes, **units)
        return to_image(figure, self.plot.suffix.lower()[1:])

    def described(self, result: ProvenField) -> str:
        """Size of a field or a batch of them, and the type that the file holds it in, in words."""
        problem = result.problem
        sides = "×".join(map(str, problem.lattice))
        images = f"{len(problem.images)} images of " if problem.is_batch else ""
        kind = "float32" if self.field.suffix.lower() in TIFFS else result.field.dtype
        return f"{images}{sides} {kind}"

    def summary(self, result: ProvenField, more: Mapping[str, Any]) -> dict[str, Any]:
        """What `--json` prints: numbers and words alone, of a batch over all images."""
        field, problem = result.field, result.problem
        medium = problem.images[0].medium
        names = {"output": self.field, "plot": self.plot, "bound": self.bound}
        names["corrected"] = self.corrected
        return {
            "diffkeras": __version__,
            **{name: str(file) if file else None for name, file in names.items()},
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
