"""Errors of predicted fields: a table with a row for each image, and its summary.

Everything is in double precision on the linear scale. A region's error over many images is the mean
over all its nodes in all of them, not a mean of means: images have regions of different sizes.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from diffkeras.representation.regions import REGIONS, region_mask

QUANTILES = (0.5, 0.9, 0.99, 1.0)
MAES = tuple("mae" if region == "lattice" else f"mae_{region}" for region in REGIONS)
MAXIMA = tuple("max_error" if region == "lattice" else f"max_error_{region}" for region in REGIONS)
ERRORS = (*MAES, "relative_l2", "max_error")
COLUMNS = (*ERRORS, *MAXIMA[1:])  # of each image
NODES = tuple(f"nodes_{region}" for region in REGIONS)


def image_errors(predictions: NDArray, fields: NDArray, source_images: NDArray) -> pd.DataFrame:
    """A row for each image, with the errors of `COLUMNS` and the regions' numbers of nodes.

    The errors of a region without nodes, and the relative error of a field of zeros, are NaN.

    Args:
        predictions: (images, rows, columns), like all arguments.
        fields: the exact fields, which define the regions.
        source_images: of the same images.
    """
    truth = fields.astype(np.float64)
    error = np.abs(predictions - truth)
    columns: dict[str, NDArray] = {}
    for region, mae, largest, nodes in zip(REGIONS, MAES, MAXIMA, NODES, strict=True):
        mask = region_mask(region, fields, source_images)
        inside, number = np.where(mask, error, 0.0), mask.sum((1, 2))
        columns[nodes] = number
        columns[mae] = ratio(inside.sum((1, 2)), number)
        columns[largest] = np.where(number > 0, inside.max((1, 2)), np.nan)
    norms = [np.sqrt((values**2).sum((1, 2))) for values in (error, truth)]
    columns["relative_l2"] = ratio(*norms)
    return pd.DataFrame(columns)[[*COLUMNS, *NODES]]


def summarise(errors: pd.DataFrame) -> dict[str, Any]:
    """The errors over all images, and quantiles over the images, as plain data.

    Those of `COLUMNS`, and "mean_" with a name of `MAXIMA`: the mean of the images' maxima. None
    where a region has no nodes in any image.
    """
    summary: dict[str, Any] = {"images": len(errors)}
    for mae, largest, nodes in zip(MAES, MAXIMA, NODES, strict=True):
        present = errors[errors[nodes] > 0]
        if present.empty:
            summary |= dict.fromkeys((mae, largest, f"mean_{largest}"))
            continue
        maxima = present[largest].to_numpy()  # NumPy's mean and maximum of a NaN are NaN
        summary[mae] = float(np.average(present[mae], weights=present[nodes]))
        summary |= {largest: float(maxima.max()), f"mean_{largest}": float(maxima.mean())}
    summary["relative_l2"] = float(errors["relative_l2"].mean())
    summary["quantiles"] = {
        name: _quantiles(errors[name]) for name in ("mae", "relative_l2", "max_error")
    }
    return summary


def ratio(numerator: NDArray, denominator: NDArray) -> NDArray[np.float64]:
    """Their ratio, NaN where the denominator is 0."""
    empty = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=empty, where=denominator > 0)


def _quantiles(values: "pd.Series[float]") -> dict[str, float]:
    # "inverted_cdf" gives errors of actual images, never a value between two
    levels = np.nanquantile(values.to_numpy(), QUANTILES, method="inverted_cdf")
    return {f"{q * 100:g}%": float(v) for q, v in zip(QUANTILES, levels, strict=True)}
