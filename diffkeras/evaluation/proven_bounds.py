"""Proven error bounds of predictions, and of the same predictions after the correction."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from diffkeras.evaluation.images import ImageBatch
from diffkeras.physics import certify


def measure_bounds(predictions: NDArray, batch: ImageBatch) -> pd.DataFrame:
    """Proven bounds and true errors of predictions and of corrected fields, a row for each image.

    They are on the dataset's scale: divided by the maximum of the field where the dataset's are.
    Without fixed nodes, the corrected field is exact, so it has no error to compare.

    Args:
        predictions: (images, rows, columns), in the unit of the source values.
        batch: the images.
    """
    maxima = np.ones(len(batch)) if batch.maxima is None else batch.maxima.astype(np.float64)
    rows = []
    for field, truth, problem, maximum in zip(
        predictions, batch.fields.astype(np.float64), batch.problem.images, maxima, strict=True
    ):
        certificate = certify(field, problem)
        error = abs(field / maximum - truth)
        row = {
            "prediction_bound": certificate.error_bound / maximum,
            "prediction_max_error": error.max(),
            "prediction_mae": error.mean(),
            "corrected_bound": certificate.corrected.error_bound / maximum,
        }
        if problem.fixed.any():
            error = abs(certificate.corrected.field / maximum - truth)
            row |= {"corrected_max_error": error.max(), "corrected_mae": error.mean()}
        rows.append(row)
    return pd.DataFrame(rows)


def summarise_bounds(bounds: pd.DataFrame) -> dict[str, Any]:
    """Medians and maxima over images, and means of the MAEs, as plain data."""
    columns = bounds.drop(columns="sources")
    return {
        "images": len(bounds),
        **{
            str(name): float(values.mean())
            if str(name).endswith("mae")
            else {"median": float(values.median()), "max": float(values.max())}
            for name, values in columns.items()
        },
    }
