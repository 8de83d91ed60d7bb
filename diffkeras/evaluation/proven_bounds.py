"""Proven error bounds of predictions, and of the same predictions after the correction."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from diffkeras.evaluation.errors import image_maxima, node_errors
from diffkeras.evaluation.images import ImageBatch
from diffkeras.physics import certify


def measure_bounds(predictions: NDArray, batch: ImageBatch) -> pd.DataFrame:
    """Proven bounds and true errors of predictions and of corrected fields, a row for each image.

    They are on the dataset's scale: divided by the maximum of the field where the dataset's are.
    Without fixed nodes, the corrected field is exact, so it has no error to compare, but NaN.

    Args:
        predictions: (images, rows, columns), in the unit of the source values.
        batch: the images.
    """
    certificate: Any = certify(predictions, batch.problem)
    columns: dict[str, NDArray] = {}
    for name, proven in (("prediction", certificate), ("corrected", certificate.corrected)):
        errors = node_errors(batch.scaled(proven.field), batch.fields)
        columns[f"{name}_bound"] = batch.scaled(image_maxima(proven.node_bound))
        columns[f"{name}_max_error"] = image_maxima(errors)
        columns[f"{name}_mae"] = errors.mean((1, 2))
    table = pd.DataFrame(columns)
    exact = ~batch.problem.fixed.any((1, 2))
    table.loc[exact, ["corrected_max_error", "corrected_mae"]] = np.nan
    return table


def summarise_bounds(bounds: pd.DataFrame) -> dict[str, Any]:
    """Medians and maxima over images, and means of the MAEs, as plain data."""
    columns = bounds.drop(columns="sources").dropna(axis="columns", how="all")
    return {
        "images": len(bounds),
        **{
            str(name): float(values.mean())
            if str(name).endswith("mae")
            else {"median": float(values.median()), "max": float(values.max())}
            for name, values in columns.items()
        },
    }
