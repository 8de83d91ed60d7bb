"""The files that commands write: fields, and pictures of them."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics import Problem
from diffkeras.physics.lattice import PLANE
from diffkeras.physics.real_arrays import largest
from diffkeras.system.atomic_files import check_file, write_bytes
from diffkeras.system.image_files import PICTURES
from diffkeras.workflows.field_formats import FORMATS

NEGLIGIBLE = 1e-9  # by this share of the largest value rounding may make values negative
ANY = (-math.inf, math.inf)
SINGLE = (float(np.finfo(np.float32).min), float(np.finfo(np.float32).max))  # what TIFF holds
LIMITS = {".png": (0.0, 1.0), ".tif": SINGLE, ".tiff": SINGLE}
PLOTS = (".png", ".pdf", ".svg")


@dataclass(frozen=True)
class FieldFiles:
    """The files that `solve` and `predict` write.

    Attributes:
        field: the field, as `.npy`; `.npz`, under the name "field"; `.tif`, 32-bit floats, with a
            page for each plane of a volume or each image of a batch; `.png`, 16 bits with 1 at full
            scale; `.csv`, a line of coordinates and value for each node; or `.vti` for ParaView.
        bound: the proven bound of the prediction's error, node by node.
        corrected: the corrected field, which the proof yields.
        plot: a picture of sources and field, `.png`, `.pdf` or `.svg`.
        unit: of lengths in the picture, such as "µm".
        field_unit: of the field in the picture, such as "mmHg".
        slices: of a volume, those in the picture, by the names of `Solution.plot`.
    """

    field: Path
    bound: Path | None = None
    corrected: Path | None = None
    plot: Path | None = None
    unit: str | None = None
    field_unit: str | None = None
    slices: Mapping[str, Sequence[int]] | None = None

    @classmethod
    def of(cls, files: "FieldFiles | str | Path") -> "FieldFiles":
        """The files themselves, or only the field under a path."""
        return files if isinstance(files, FieldFiles) else cls(Path(files))

    def check(self, inputs: Mapping[str, Path | None]) -> None:
        """Check all files before any work is done; `inputs` are read, by the options' names."""
        fields = {"--output": self.field, "--bound": self.bound, "--corrected": self.corrected}
        places: dict[str, str] = {}
        for name, file in {**inputs, **fields, "--plot": self.plot}.items():
            other = places.setdefault(os.path.realpath(file), name) if file else name
            if other != name and not {name, other} <= set(inputs):
                raise PhysicsError(f"{name} and {other} are the same file, {file}")
        for file in filter(None, fields.values()):
            if file.suffix.lower() not in FORMATS:
                known = ", ".join(FORMATS)
                raise PhysicsError(f"{file} is of an unknown kind; fields are written to {known}")
        if self.plot and self.plot.suffix.lower() not in PLOTS:
            raise PhysicsError(
                f"a plot is a {', '.join(PLOTS[:-1])} or {PLOTS[-1]}, not "
                f"{self.plot.suffix or self.plot}"
            )
        of_picture = {
            "--slice": self.slices,
            "--unit": self.unit is not None,
            "--field-unit": self.field_unit is not None,
        }
        for option, given in of_picture.items():
            if given and not self.plot:
                raise PhysicsError(f"{option} is for the picture; give --plot FILE, too")
        for file in filter(None, (*fields.values(), self.plot)):
            check_file(file)


def write_fields(fields: Mapping[Path, NDArray], problem: Problem | None = None) -> None:
    """Write fields, or batches of them, into files of the kinds in `FORMATS`.

    Args:
        fields: by the files' names.
        problem: that the fields solve; it has their lattice step and says whether they are a batch.
            Without one, the step is 1, and they are no batch.
    """
    batch = problem is not None and problem.is_batch
    step = 1.0 if problem is None else problem.medium.step
    for path, field in fields.items():
        suffix = path.suffix.lower()
        check_axes_of_file(path, field.ndim - batch, batch)
        low, high = LIMITS.get(suffix, ANY)
        rounding = NEGLIGIBLE * largest(field)
        if field.min() < low - rounding or field.max() > high + rounding:
            raise PhysicsError(
                f"a {suffix} holds values of {low:.3g} to {high:.3g}, and {path} would hold "
                f"{field.min():.3g} to {field.max():.3g}; write to .npy or .npz"
                f"{', or draw a picture with --plot' * (suffix in PLOTS)}"
            )
    for path, field in fields.items():
        # not into the file itself, where NumPy and Pillow overlook that a disk is full
        write_bytes(path, FORMATS[path.suffix.lower()](field, step))


def check_axes_of_file(path: Path, axes: int, batch: bool = False) -> None:
    """Raise a PhysicsError for a file that can't hold a field of so many axes, or a batch."""
    suffix = path.suffix.lower()
    if suffix == ".png" and (axes != PLANE or batch):
        raise PhysicsError(f"{path} can't hold more than one image; write to .npy, .npz or .tif")
    if suffix in PICTURES and axes != PLANE and batch:
        raise PhysicsError(f"{path} can't hold several volumes; write to .npy or .npz")
    if suffix in (".csv", ".vti") and batch:
        raise PhysicsError(f"{path} can't hold a batch; write to .npy, .npz or .tif")


def described(field: NDArray, path: Path, dimensions: int = 2) -> str:
    """Size of a field or a batch of them, and the type that a file holds it in, in words."""
    sides = "×".join(map(str, field.shape[-dimensions:]))
    images = f"{len(field)} images of " if field.ndim > dimensions else ""
    kinds = dict.fromkeys(PICTURES, "float32") | {".png": "16 bits, 65535 stands for 1"}
    return f"{images}{sides} {kinds.get(path.suffix.lower(), field.dtype)}"


def check_plot(files: FieldFiles, problem: Problem) -> None:
    """Raise an error for a picture of a problem that can't be drawn, before the work."""
    if files.plot:
        from diffkeras.reporting.field_words import check_unit
        from diffkeras.reporting.slices import chosen_slices

        check_unit(files.unit)
        check_unit(files.field_unit)
        if files.slices:
            chosen_slices(problem.lattice, files.slices)


def write_plot(
    files: FieldFiles, problem: Problem, field: NDArray, title: str, notes: str | None = None
) -> None:
    """Write the picture of a problem's sources and its field, as for `solution_figure`."""
    from diffkeras.reporting.fields import solution_figure
    from diffkeras.reporting.style import to_image

    assert files.plot is not None
    figure = solution_figure(
        problem,
        field,
        title,
        notes,
        unit=files.unit,
        field_unit=files.field_unit,
        slices=files.slices,
    )
    write_bytes(files.plot, to_image(figure, files.plot.suffix.lower()[1:]))
