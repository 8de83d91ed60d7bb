"""Whether predictions are in order: swapped images or axes would only score badly."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack
from scipy.sparse.csgraph import connected_components

from diffkeras.errors import DataError
from diffkeras.evaluation.predictions import name_of

COARSE = 32  # nodes of a side on which fields are compared
TINY = 1e-30  # norm of a field of zeros
NEARER = 0.04  # ratio of squared distances: a fifth as far
SAME = 1e-6  # squared distance below which a prediction is right, up to the rounding of its label
AT_ONCE = 1000  # predictions that are compared with all fields at the same time
NAMED = 5  # images in a message


def check_order(path: Path, predictions: Mapping[int, NDArray], exact: Iterable[NDArray]) -> None:
    """Refuse predictions of swapped images, or with rows and columns swapped.

    Prediction i seems to be that of image j if it is at most a fifth as far from the exact field of
    j as from its own, and as the prediction of j is. The predictions are refused if such pairs form
    a cycle, as those of two swapped images do, and of a shifted order. Poor predictions have hardly
    any: one that is the same for all images has no such pair, a scattered one is about as far from
    all fields, and one of misplaced sources is seldom so near to another image's. Fields are
    compared by their directions, 1 − the cosine of the angle between them being half of a squared
    distance, as means over parts of the lattice.

    Rows and columns of a source count seem to be swapped if most of its predictions are at most a
    fifth as far from their exact fields once they are transposed.

    Args:
        path: the file, for the message.
        predictions: source count → (images, rows, columns), as in `predictions_by_count`.
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
            f"{names[i]} is that of {names[j]}" for i, j in zip(named, nearest, strict=True)
        )
        raise DataError(
            f"{path}: {swapped.size} of the {len(names)} predictions match the field of another "
            f"image, whose own prediction does not: {words}"
            f"{', …' if swapped.size > NAMED else ''}; keep the images in their order"
        )


def _check_axes(path: Path, predictions: Mapping[int, NDArray], fields: NDArray) -> None:
    """Raise a DataError for predictions of a source count whose axes are swapped."""
    start = 0
    for count, part in predictions.items():
        exact = fields[start : start + len(part)]
        start += len(part)
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
    """(images, images), whether prediction i seems to be that of image j."""
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
