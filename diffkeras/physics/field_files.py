"""Files of fields: what `save` of a result and the commands write."""

import base64
import io
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import PLANE, SPACE
from diffkeras.physics.problem.parts import parts_of

FORMATS = (".npy", ".npz", ".tif", ".tiff", ".vti")
TIFFS = (".tif", ".tiff")
LONGEST_UNIT = 30  # characters
STEPS_OF_TIFF = (1e-9, 1e9)  # whose inverses a TIFF's fractions of 32 bits hold
VTK_TYPES = {"b1": "UInt8", "f4": "Float32", "f8": "Float64"}


def kind_of_file(path: Path) -> str:
    """The suffix of a file of a field, in lower case; a PhysicsError for another kind of file."""
    kind = path.suffix.lower()
    if kind not in FORMATS:
        hint = "; a picture is drawn by `plot`, or by --plot of the commands"
        raise PhysicsError(
            f"{path}: fields are written to {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
            f"{hint * (kind in ('.png', '.pdf', '.svg', '.jpg'))}"
        )
    return kind


def check_unit(unit: Any) -> None:
    """Raise a PhysicsError for a unit that isn't a short text."""
    is_text = isinstance(unit, str) and unit.isprintable() and unit.strip()
    if unit is not None and not (is_text and len(unit) <= LONGEST_UNIT):
        raise PhysicsError(
            f"a unit is a text of 1 to {LONGEST_UNIT} characters that can be printed, such as "
            f"'µm', not {unit!r:.60}"
        )


def arrays_of_result(path: Path, result: Any) -> dict[str, Any]:
    """What a file of this kind holds of a result, by name; the field comes first."""
    arrays: dict[str, Any] = {"field": result.field}
    if kind_of_file(path) in (".npz", ".vti"):
        problem = result.problem
        arrays |= {"bound": result.node_bound, "fixed": problem.fixed, **parts_of(problem)}
    return arrays


def content_of_arrays(
    path: Path,
    arrays: Mapping[str, Any],
    lattice: tuple[int, ...],
    step: float,
    unit: str | None,
) -> bytes:
    """The content of a file that holds these arrays, the first of which is its main one."""
    check_unit(unit)
    kind = kind_of_file(path)
    if unit is not None and kind not in TIFFS:
        raise PhysicsError(f"{path} can't hold the unit {unit!r}, which is for .tif and plot()")
    if kind == ".npz":
        return _of_numpy(np.savez_compressed, **arrays)
    if kind == ".vti":
        return _vti(arrays, lattice, step)
    field = next(iter(arrays.values()))
    if kind == ".npy":
        return _of_numpy(np.save, arr=field)
    return _tiff(path, field, lattice, step, unit)


def _of_numpy(save: Callable[..., None], **arrays: Any) -> bytes:
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


def _tiff(
    path: Path, field: NDArray, lattice: tuple[int, ...], step: float, unit: str | None
) -> bytes:
    """Floats of 32 bits, a page for each plane or image, with the scale as ImageJ reads it.

    It reads nodes per unit from the resolution, the rest from the description. That doesn't count
    the pages, because ImageJ would then look for all of them behind the first.
    """
    from PIL import Image  # here, as it is slow to import

    if field.ndim > SPACE:
        raise PhysicsError(f"{path} can't hold several volumes; write to .npy or .npz")
    limits = np.finfo(np.float32)
    if not (limits.min <= field.min() and field.max() <= limits.max):
        raise PhysicsError(
            f"a {path.suffix} holds values of {limits.min:.3g} to {limits.max:.3g}, and {path} "
            f"would hold {field.min():.3g} to {field.max():.3g}; write to .npy or .npz"
        )
    scale: dict[int, Any] = {}
    if unit is not None or step != 1:
        low, high = STEPS_OF_TIFF
        if not low <= step <= high:
            raise PhysicsError(
                f"a {path.suffix} holds steps of {low:g} to {high:g}, not {step:g}; write to .npz "
                "or .vti, or choose another unit of lengths"
            )
        resolution = Fraction(1 / step).limit_denominator(2**32 - 1)
        words = ["ImageJ=1.54f", f"spacing={step!r}", *([f"unit={unit}"] if unit else [])]
        if len(lattice) > PLANE:
            words.insert(1, f"slices={lattice[0]}")
        text = "".join(f"{word}\n" for word in words)
        escaped = "".join(c if c.isascii() else f"\\u{ord(c):04X}" for c in text)
        scale = {270: escaped, 282: float(resolution), 283: float(resolution), 296: 1}
    stream = io.BytesIO()
    pages = in_file(field, path).reshape(-1, *field.shape[-2:])
    first, *others = map(Image.fromarray, pages)
    first.save(stream, "TIFF", save_all=True, append_images=others, tiffinfo=scale)
    return stream.getvalue()


def _vti(arrays: Mapping[str, Any], lattice: tuple[int, ...], step: float) -> bytes:
    """VTK's image data in XML, as ParaView reads it: arrays on the nodes, with their spacing.

    x runs along the columns, y along the rows, z along the planes. What isn't on the lattice, such
    as the decay of a uniform medium, is field data. See "VTK XML Formats",
    https://docs.vtk.org/en/latest/vtk_file_formats/vtkxml_file_format.html
    """
    sides = [*reversed(lattice), 1][:3]
    extent = " ".join(f"0 {side - 1}" for side in sides)
    kind = {"type": "ImageData", "version": "1.0"}
    order = {"byte_order": "LittleEndian", "header_type": "UInt64"}
    root = ElementTree.Element("VTKFile", kind | order)
    spacing = " ".join([repr(float(step))] * 3)
    attributes = {"WholeExtent": extent, "Origin": "0 0 0", "Spacing": spacing}
    image = ElementTree.SubElement(root, "ImageData", attributes)
    numbers = ElementTree.SubElement(image, "FieldData")
    piece = ElementTree.SubElement(image, "Piece", Extent=extent)
    on_nodes = ElementTree.SubElement(piece, "PointData", Scalars=next(iter(arrays)))
    for name, part in arrays.items():
        values = np.asarray(part)
        where, tuples = on_nodes, {}
        if values.shape != lattice:
            where, tuples = numbers, {"NumberOfTuples": str(values.size)}
        tag = {"type": VTK_TYPES[values.dtype.str[1:]], "Name": name, "format": "binary", **tuples}
        array = ElementTree.SubElement(where, "DataArray", tag)
        content = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()
        size = np.array(len(content), "<u8").tobytes()
        array.text = base64.b64encode(size + content).decode()
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def in_file(field: NDArray[np.floating], path: Path) -> NDArray[np.floating]:
    """A field as a file of this kind holds it: in a TIFF, rounded to float32."""
    with np.errstate(over="ignore"):
        return field.astype(np.float32) if path.suffix.lower() in TIFFS else field


def bound_in_file(
    bound: NDArray[np.float64] | float, field: NDArray[np.floating], path: Path
) -> NDArray[np.float64]:
    """At least the error on each node of a field as a file of this kind holds it.

    Args:
        bound: of the error of the field, one for each node or one for all.
        field: on the lattice.
        path: of the file with the field.
    """
    # exact, as both have no more digits than float64 and are near each other (Sterbenz 1974)
    rounding = np.abs(in_file(field, path) - field).astype(np.float64)
    return np.where(rounding > 0, np.nextafter(bound + rounding, np.inf), bound)


def upper_bound(bound: NDArray[np.float64], path: Path) -> NDArray[np.floating]:
    """At least the bound on each node, in numbers that a file of this kind holds exactly."""
    single = in_file(bound, path)
    if single is bound:
        return bound
    return np.where(single < bound, np.nextafter(single, np.float32(np.inf)), single)
