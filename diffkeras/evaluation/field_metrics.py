"""Metrics that other papers about learned solvers report, next to our own in `errors`.

The RMSE, nRMSE, boundary RMSE, Fourier RMSE in three bands, and the error of a conserved amount are
those of PDEBench (Takamoto et al., NeurIPS 2022, appendix B) on a lattice of length 1. All are of
single images; over several, their means are reported.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from diffkeras.evaluation.errors import ratio

# the first wavenumber of the middle band, and that of the upper one, in PDEBench
MIDDLE, UPPER = 4, 12
BANDS = ("low", "middle", "high")
# column → heading of the report
METRICS = {
    "rmse": "RMSE",
    "nrmse": "nRMSE",
    "relative_max": "relative L∞",
    "boundary_rmse": "boundary RMSE",
    **{f"fourier_rmse_{band}": f"Fourier RMSE, {band}" for band in BANDS},
    "balance": "balance",
}
EXPLANATIONS = {
    "RMSE": "the root of the mean squared error over the lattice.",
    "nRMSE": "the RMSE divided by that of a field of zeros: the relative L2 error.",
    "relative L∞": "the largest error divided by the largest value of the true field.",
    "boundary RMSE": "the RMSE over the outermost nodes of the lattice.",
    "Fourier RMSE": "the root of the error's spectrum, as a mean over the wavenumbers of a band: "
    f"below {MIDDLE}, from {MIDDLE} to {UPPER - 1}, and from {UPPER} up, in periods a side.",
    "balance": "the absolute error of the mean of the field: what the total amount is off by.",
}


def field_metrics(predictions: NDArray, fields: NDArray) -> pd.DataFrame:
    """A row for each image, with the columns of `METRICS`; NaN for ratios to a field of zeros.

    Args:
        predictions: (images, rows, columns).
        fields: the exact fields, of the same shape.
    """
    truth = fields.astype(np.float64)
    error = predictions - truth
    edge = np.ones(truth.shape[1:], dtype=bool)
    edge[1:-1, 1:-1] = False
    rmse, of_truth = (np.sqrt((values**2).mean((1, 2))) for values in (error, truth))
    largest, of_largest = (np.abs(values).max((1, 2)) for values in (error, truth))
    roots = np.sqrt(radial_spectrum(error))
    parts = (roots[:, :MIDDLE], roots[:, MIDDLE:UPPER], roots[:, UPPER:])
    return pd.DataFrame(
        {
            "rmse": rmse,
            "nrmse": ratio(rmse, of_truth),
            "relative_max": ratio(largest, of_largest),
            "boundary_rmse": np.sqrt((error[:, edge] ** 2).mean(axis=1)),
            **{
                f"fourier_rmse_{band}": _mean_of_band(part)
                for band, part in zip(BANDS, parts, strict=True)
            },
            "balance": np.abs(error.mean((1, 2))),
        }
    )


def radial_spectrum(fields: NDArray) -> NDArray[np.float64]:
    """The spectra of fields: squared Fourier coefficients, added up over directions.

    Coefficients are those of `numpy.fft.fft2` divided by the number of nodes. As in PDEBench, those
    of non-negative frequencies count, each for the whole number below its distance from 0.

    Args:
        fields: (images, rows, columns).

    Returns:
        (images, wavenumbers), for wavenumbers 0, 1, … of periods a side, up to half of the shorter
        side.
    """
    rows, columns = fields.shape[1:]
    quarter = np.fft.fft2(fields)[:, : max(rows // 2, 1), : max(columns // 2, 1)]
    squares = np.abs(quarter / (rows * columns)) ** 2
    distance = np.hypot(*np.indices(squares.shape[1:])).astype(int)
    number = min(squares.shape[1:])
    kept = distance < number
    spectra = np.zeros((len(fields), number))
    np.add.at(spectra.T, distance[kept], squares[:, kept].T)
    return spectra


def summarise_field(metrics: pd.DataFrame) -> dict[str, Any]:
    """The means over images, as plain data; None where no image has a value."""
    means: Mapping[Any, float] = metrics[list(METRICS)].mean().to_dict()
    return {name: None if np.isnan(value) else float(value) for name, value in means.items()}


def _mean_of_band(part: NDArray[np.float64]) -> NDArray[np.float64]:
    """NaN for a band without wavenumbers, on small lattices."""
    return part.mean(axis=1) if part.shape[1] else np.full(len(part), np.nan)
