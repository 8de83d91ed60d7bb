"""Predictions of other programs in files, `.npz`: an array `sources_NN` for each source count NN.

Predictions of test images in a file (`evaluation.images`) also hold its `name` and `sha256`.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack
from scipy.sparse.csgraph import connected_components

from diffkeras.errors import DataError
from diffkeras.system.array_files import read_arrays, write_arrays
from diffkeras.system.messages import short

COARSE = 32  # nodes of a side on which fields are compared
TINY = 1e-30  # norm of a field of zeros
NEARER = 0.04  # ratio of squared distances: a fifth as far
SAME = 1e-6  # squared distance below which a prediction is right, up to the rounding of its label
AT_ONCE = 1000  # predictions that are compared with all fields at the same time
NAMED = 5  # images in a message


def name_of(count: int) -> str:
    """The name of the array of predictions of a source count."""
    return f"sources_{count:02d}"


def write_predictions(path: Path, fields: Mapping[int, NDArray], *, name: str, sha256: str) -> None:
    """Write predictions of test images.

    Args:
        path: the file, .npz.
        fields: source count → (images, rows, columns).
        name: of the images, such as `tissue_64/test`.
        sha256: of their problems.

    Raises:
        DataError: another kind of file.
        OutputError: the file can't be written.
    """
    if path.suffix.lower() != ".npz":
        raise DataError(f"predictions are written to a .npz, not to {path}")
    arrays: dict[str, Any] = {"name": name, "sha256": sha256}
    arrays |= {name_of(count): part for count, part in fields.items()}
    write_arrays(path, arrays, compressed=True)


def read_predictions(
    path: Path,
    numbers: Mapping[int, int],
    lattice: tuple[int, ...],
    *,
    images: tuple[str, str] | None,
) -> dict[int, NDArray[np.float32]]:
    """The predicted fields of each source count, (images, rows, columns).

    Args:
        path: the file.
        numbers: source count → number of images.
        lattice: of the fields.
        images: name and hash of the test images in a file, which are compared if the predictions
            hold them; None for test images of datasets.

    Raises:
        DataError: a missing or damaged file, predictions of other images, or an array that is
            missing or that `checked_fields` refuses.
    """
    arrays = read_arrays(path, "predictions")
    if {"name", "sha256"} & arrays.keys():
        named = [str(arrays.get(key, "nothing")) for key in ("name", "sha256")]
        if images is None:
            raise DataError(f"{path} has predictions of {named[0]}; give its images by --test-set")
        if named != [*images]:
            raise DataError(
                f"{path} has predictions of {named[0][:60]!r} with the hash {named[1][:12]!r}, not "
                f"of {images[0]} with the hash {images[1][:12]!r}; write them by "
                "BenchmarkSplit.write_predictions"
            )
    fields = {}
    for count, number in numbers.items():
        name = name_of(count)
        if name not in arrays:
            raise DataError(f"{path} has no array {name}, only {short(list(arrays))}")
        fields[count] = checked_fields(arrays[name], (number, *lattice), f"{name} in {path}")
    return fields


def checked_fields(array: NDArray, shape: tuple[int, ...], name: str) -> NDArray[np.float32]:
    """Fields in single precision; an axis of one channel may be last, or follow the images.

    Args:
        array: (images, rows, columns), (images, rows, columns, 1) or (images, 1, rows, columns).
        shape: (images, rows, columns).
        name: of the fields, for the error.

    Raises:
        DataError: another shape, no real numbers, or values that are not finite.
    """
    images, *lattice = map(int, shape)
    if array.dtype.kind not in "fiu":
        raise DataError(f"{name} holds values of type {array.dtype}, not real numbers")
    if array.shape not in (shape, (*shape, 1), (images, 1, *lattice)):
        raise DataError(
            f"{name} has the shape {array.shape}, not {(images, *lattice)}, and also not "
            f"{(images, *lattice, 1)} or {(images, 1, *lattice)}; `movedim` or `moveaxis` moves an "
            "axis, `squeeze` removes one"
        )
    with np.errstate(over="ignore"):
        fields = array.reshape(shape).astype(np.float32)
    finite = np.isfinite(fields).all(axis=(1, 2))
    if not finite.all():
        raise DataError(
            f"field {int(np.argmin(finite))} of {name} is not finite in single precision; leave "
            "out NaN and infinite values, or choose units in which values are about 1"
        )
    return fields


def check_order(path: Path, predictions: Mapping[int, NDArray], exact: Iterable[NDArray]) -> None:
    """Refuse predictions of swapped images, or with rows and columns swapped.

    Prediction i seems to belong to image j if it is at most a fifth as far from the exact field of
    j as from its own, and as the prediction of j is. Predictions are refused if such pairs form a
    cycle, which swapped images and a shifted order do, and poor predictions hardly ever. Rows and
    columns of a source count seem to be swapped if most of its predictions are at most a fifth as
    far from their exact fields once they are transposed. Distances are between directions of
    fields, averaged over parts of the lattice.

    Args:
        path: the file, for the message.
        predictions: source count → (images, rows, columns), as of `read_predictions`.
        exact: the fields of all images in the order of the predictions, in batches (images, rows,
            columns).

    Raises:
        DataError: some are swapped. It names the first of these images, or a source count.
    """
    found = np.concatenate([_directions(part) for part in predictions.values()])
    fields = np.concatenate([_directions(batch) for batch in exact])
    _check_axes(path, predictions, fields)
    seems = _seems_to_be(found, fields)
    _, component = connected_components(seems, connection="strong")
    swapped = np.flatnonzero(np.bincount(component)[component] > 1)
    if swapped.size:
        named = swapped[:NAMED]
        nearest = (found[named] @ fields.T - 2 * ~seems[named].toarray()).argmax(axis=1)
        names = [f"{name_of(n)}[{k}]" for n, part in predictions.items() for k in range(len(part))]
        words = ", ".join(
            f"{names[i]} matches {names[j]}" for i, j in zip(named, nearest, strict=True)
        )
        raise DataError(
            f"{path}: {swapped.size} of the {len(names)} predictions match the field of another "
            f"image, whose own prediction does not: {words}"
            f"{', …' if swapped.size > NAMED else ''}; keep the images in their order"
        )


def _check_axes(path: Path, predictions: Mapping[int, NDArray], fields: NDArray) -> None:
    """Raise a DataError for predictions of a source count whose axes are swapped."""
    ends = np.cumsum([len(part) for part in predictions.values()])
    exact_parts = np.split(fields, ends[:-1])
    for (count, part), exact in zip(predictions.items(), exact_parts, strict=True):
        transposed = part.swapaxes(1, 2)
        if transposed.shape != part.shape:  # their shape has been checked
            return
        own, other = (1 - np.sum(_directions(p) * exact, axis=1) for p in (part, transposed))
        nearer = np.count_nonzero((own > SAME) & (other <= NEARER * own))
        if nearer > max(1, len(part) / 2):  # one may be chance
            raise DataError(
                f"{path}: {nearer} of the {len(part)} predictions in {name_of(count)} match their "
                "fields with rows and columns swapped; keep the order of the axes"
            )


def _seems_to_be(found: NDArray, fields: NDArray) -> csr_array:
    """(images, images), whether prediction i seems to be of image j."""
    own = 1 - np.sum(found * fields, axis=1)
    limits = np.where(own > SAME, NEARER * own, -1.0)  # a cosine may be rounded to more than 1
    parts = [
        csr_array(1 - found[few] @ fields.T <= np.minimum(limits[few, None], limits))
        for few in np.split(np.arange(len(found)), range(AT_ONCE, len(found), AT_ONCE))
    ]
    return csr_array(vstack(parts))


def _directions(fields: NDArray) -> NDArray:
    """Unit vectors, (images, parts): means over parts of the lattice, which tell images apart."""
    size = max(min(fields.shape[1:]) // COARSE, 1)
    rows, columns = (side // size for side in fields.shape[1:])
    cropped = fields[:, : rows * size, : columns * size]
    parts = cropped.reshape(-1, rows, size, columns, size).mean(axis=(2, 4), dtype=np.float64)
    vectors = parts.reshape(len(fields), -1)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), TINY)
