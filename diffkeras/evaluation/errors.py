"""Errors of predicted fields: a table with a row for each image, and its summary.

Everything is in double precision on the linear scale. A region's error over many images is the mean
over all its nodes in all of them, not a mean of means: images have regions of different sizes.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from diffkeras.representation.regions import REGIONS, region_mask

MAES = tuple("mae" if region == "lattice" else f"mae_{region}" for region in REGIONS)
ERRORS = (*MAES, "relative_l2", "max_error")
NODES = tuple(f"nodes_{region}" for region in REGIONS)


def image_errors(predictions: NDArray, fields: NDArray, source_images: NDArray) -> pd.DataFrame:
    """A row for each image, with the errors of `ERRORS` and the regions' numbers of nodes.

    The errors of a region without nodes, and the relative error of a field of zeros, are NaN.

    Args:
        predictions: (images, rows, columns), like all arguments.
        fields: the exact fields, which define the regions.
        source_images: of the same images.
    """
    truth = fields.astype(np.float64)
    error = np.abs(predictions - truth)
    columns: dict[str, NDArray] = {"max_error": error.max((1, 2))}
    for region, mae, nodes in zip(REGIONS, MAES, NODES, strict=True):
        mask = region_mask(region, fields, source_images)
        columns[nodes] = mask.sum((1, 2))
        columns[mae] = ratio(np.where(mask, error, 0.0).sum((1, 2)), columns[nodes])
    norms = [np.sqrt((values**2).sum((1, 2))) for values in (error, truth)]
    columns["relative_l2"] = ratio(*norms)
    return pd.DataFrame(columns)[[*ERRORS, *NODES]]


def summarise(errors: pd.DataFrame) -> dict[str, Any]:
    """The errors over all images, as plain data; None where a region has no nodes in any image."""
    summary: dict[str, Any] = {"images": len(errors)}
    for mae, nodes in zip(MAES, NODES, strict=True):
        present = errors[errors[nodes] > 0]
        known = not present.empty
        summary[mae] = float(np.average(present[mae], weights=present[nodes])) if known else None
    summary["relative_l2"] = float(errors["relative_l2"].mean())
    summary["max_error"] = float(errors["max_error"].to_numpy().max())  # NaN if any is NaN
    return summary


def ratio(numerator: NDArray, denominator: NDArray) -> NDArray[np.float64]:
    """Their ratio, NaN where the denominator is 0."""
    empty = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=empty, where=denominator > 0)
