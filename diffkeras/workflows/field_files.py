"""Fields in files, and pictures of them."""

import io
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from diffkeras.errors import PhysicsError
from diffkeras.reporting.figures import field_figure, to_png
from diffkeras.system.atomic_files import check_file, write_bytes
from diffkeras.system.image_files import ARRAYS, PICTURES

FULL_SCALE = 65535.0  # of a PNG's 16 bits, stands for 1
ANY = (-math.inf, math.inf)
SINGLE = (float(np.finfo(np.float32).min), float(np.finfo(np.float32).max))  # of a TIFF's values


@dataclass(frozen=True)
class FieldFiles:
    """The files that `solve` and `predict` write.

    Attributes:
        field: the field, as `.npy`; `.npz`, under the name "field"; `.tif`, 32-bit floats; or
            `.png`, 16 bits with 1 at full scale.
        bound: the proven bound of the prediction's error, node by node.
        corrected: the corrected field, which the proof yields.
        plot: a picture of sources and field, `.png`.
    """

    field: Path
    bound: Path | None = None
    corrected: Path | None = None
    plot: Path | None = None

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
            if file.suffix.lower() not in ARRAYS + PICTURES:
                known = ", ".join(ARRAYS + PICTURES)
                raise PhysicsError(f"{file} is of an unknown kind; fields are written to {known}")
        if self.plot and self.plot.suffix.lower() != ".png":
            raise PhysicsError(f"a plot is a .png, not {self.plot.suffix or self.plot}")
        for file in filter(None, (*fields.values(), self.plot)):
            check_file(file)


def write_fields(fields: Mapping[Path, NDArray]) -> None:
    """Write fields, or batches of them, into files of the kinds that `FieldFiles` lists."""
    for path, field in fields.items():
        suffix = path.suffix.lower()
        check_axes_of_file(path, field.ndim)
        low, high = {".npy": ANY, ".npz": ANY, ".png": (0.0, 1.0)}.get(suffix, SINGLE)
        if field.min() < low or field.max() > high:
            raise PhysicsError(
                f"a {suffix} holds values of {low:.3g} to {high:.3g}, and {path} would hold "
                f"{field.min():.3g} to {field.max():.3g}; write to .npy or .npz"
            )
    for path, field in fields.items():
        suffix = path.suffix.lower()
        # not into the file itself, where NumPy and Pillow overlook that a disk is full
        stream = io.BytesIO()
        if suffix == ".npy":
            np.save(stream, field)
        elif suffix == ".npz":
            np.savez_compressed(stream, field=field)
        elif suffix == ".png":
            Image.fromarray(np.rint(field * FULL_SCALE).astype(np.uint16)).save(stream, "PNG")
        else:
            Image.fromarray(field.astype(np.float32)).save(stream, "TIFF")
        write_bytes(path, stream.getbuffer())


def check_axes_of_file(path: Path, axes: int) -> None:
    """Raise a PhysicsError for a picture file that shall hold an array of other than two axes."""
    if path.suffix.lower() in PICTURES and axes != 2:
        raise PhysicsError(f"{path} can't hold more than one image; write to .npy or .npz")


def described(field: NDArray, path: Path, dimensions: int = 2) -> str:
    """Size of a field or a batch of them, and the type that a file holds it in, in words."""
    sides = "×".join(map(str, field.shape[-dimensions:]))
    images = f"{len(field)} images of " if field.ndim > dimensions else ""
    kinds = dict.fromkeys(PICTURES, "float32") | {".png": "16 bits, 65535 stands for 1"}
    return f"{images}{sides} {kinds.get(path.suffix.lower(), field.dtype)}"


def write_plot(
    path: Path,
    sources: Mapping[str, NDArray],
    field: NDArray,
    title: str,
    notes: str = "",
    dimensions: int = 2,
) -> None:
    """Write a picture of sources and field, as for `field_figure`; of a batch, the first."""
    if field.ndim > dimensions:
        flat = [values.reshape(len(values), -1) for values in sources.values()]
        finite = [np.isfinite(values).any(axis=1) for values in flat]
        shown = int(np.any(finite, axis=0).argmax())  # with sources
        title = f"{title}, image {shown} of 0 to {len(field) - 1}"
        sources = {symbol: values[shown] for symbol, values in sources.items()}
        field = field[shown]
    write_bytes(path, to_png(field_figure(sources, field, title, notes)))
