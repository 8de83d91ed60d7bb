"""The contents of files of fields, by the kind of file."""

import base64
import io
from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FULL_SCALE = 65535.0  # what a PNG of 16 bits holds for 1
VTK_TYPES = {np.dtype(np.float32): "Float32", np.dtype(np.float64): "Float64"}


def npy(field: NDArray, step: float) -> bytes:
    """An array of NumPy."""
    stream = io.BytesIO()
    np.save(stream, field)
    return stream.getvalue()


def npz(field: NDArray, step: float) -> bytes:
    """A compressed archive of NumPy, with the array "field"."""
    stream = io.BytesIO()
    np.savez_compressed(stream, field=field)
    return stream.getvalue()


def png(field: NDArray, step: float) -> bytes:
    """Grey, 16 bits."""
    stream = io.BytesIO()
    Image.fromarray(np.rint(field * FULL_SCALE).astype(np.uint16)).save(stream, "PNG")
    return stream.getvalue()


def tiff(field: NDArray, step: float) -> bytes:
    """Floats of 32 bits; a page for each plane, or for each image of a batch."""
    stream = io.BytesIO()
    pages = field.astype(np.float32).reshape(-1, *field.shape[-2:])
    first, *others = map(Image.fromarray, pages)
    first.save(stream, "TIFF", save_all=True, append_images=others)
    return stream.getvalue()


def csv(field: NDArray, step: float) -> bytes:
    """A line for each node: its coordinates [length], x fastest, and the field u."""
    names = ("z", "y", "x")[-field.ndim :]
    places = np.indices(field.shape).reshape(field.ndim, -1) * step
    stream = io.StringIO()
    stream.write(",".join([*reversed(names), "u"]) + "\n")
    digits = "%.9g" if field.dtype == np.float32 else "%.17g"  # which read back exactly
    columns = np.column_stack([*places[::-1], field.ravel()])
    np.savetxt(stream, columns, fmt=["%.12g"] * field.ndim + [digits], delimiter=",")
    return stream.getvalue().encode()


def vti(field: NDArray, step: float) -> bytes:
    """VTK's image data in XML, as ParaView reads it: the nodes' values u, with spacing.

    x runs along the columns, y along the rows, z along the planes. See "VTK XML Formats",
    https://docs.vtk.org/en/latest/vtk_file_formats/vtkxml_file_format.html
    """
    sides = [*reversed(field.shape), 1][:3]
    extent = " ".join(f"0 {side - 1}" for side in sides)
    root = ElementTree.Element(
        "VTKFile",
        type="ImageData",
        version="1.0",
        byte_order="LittleEndian",
        header_type="UInt64",
    )
    spacing = " ".join([repr(float(step))] * 3)
    attributes = {"WholeExtent": extent, "Origin": "0 0 0", "Spacing": spacing}
    image = ElementTree.SubElement(root, "ImageData", attributes)
    piece = ElementTree.SubElement(image, "Piece", Extent=extent)
    values = ElementTree.SubElement(piece, "PointData", Scalars="u")
    kind = VTK_TYPES[field.dtype]
    array = ElementTree.SubElement(values, "DataArray", type=kind, Name="u", format="binary")
    content = np.ascontiguousarray(field, field.dtype.newbyteorder("<")).tobytes()
    size = np.array(len(content), "<u8").tobytes()
    array.text = base64.b64encode(size + content).decode()
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def upper_bound(bound: NDArray[np.float64], suffix: str) -> NDArray[np.floating]:
    """At least the bound on each node, in numbers that a file of this kind holds exactly."""
    if suffix in (".tif", ".tiff"):
        single = bound.astype(np.float32)
        return np.where(single < bound, np.nextafter(single, np.float32(np.inf)), single)
    if suffix == ".png":
        steps = np.ceil(np.nextafter(bound * FULL_SCALE, np.inf))
        steps = np.where(bound == 0, 0.0, steps)
        return np.where(bound <= 1, np.minimum(steps, FULL_SCALE) / FULL_SCALE, bound)
    return bound


# what writes a field (…, rows, columns) of lattice step h, by the suffix of the file
FORMATS: dict[str, Callable[[NDArray, float], bytes]] = {
    ".npy": npy,
    ".npz": npz,
    ".png": png,
    ".tif": tiff,
    ".tiff": tiff,
    ".csv": csv,
    ".vti": vti,
}
