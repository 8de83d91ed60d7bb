"""Errors of predicted fields: the one definition of each, per image, and their summaries.

The metrics of `nn`, which are part of a training graph, are tested against them. Everything is in
double precision on the linear scale. A region's error over many images is the mean over all its
nodes in all of them, as images have regions of different sizes. The other metrics are means over
images.

The metrics of `METRICS` are as in PDEBench (Takamoto et al., NeurIPS 2022, appendix B) on a
lattice of length 1, but for `relative_max`. PDEBench's nRMSE is `relative_l2`.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from diffkeras.view.target import REGIONS, region_mask

MAES = tuple("mae" if region == "lattice" else f"mae_{region}" for region in REGIONS)
# column → heading of the report
ERRORS = {
    "mae": "lattice MAE",
    "mae_sources": "sources",
    "mae_field": "field",
    "mae_r1": "R1",
    "mae_r2": "R2",
    "mae_r3": "R3",
    "relative_l2": "nRMSE (relative L2)",
    "max_error": "maximum error",
}
IN_WORDS = (
    "Mean absolute errors: over all nodes (lattice MAE), over the nodes of sources, over all other "
    "nodes (field), and over the other nodes whose true value is in [0.2, 1] (R1), [0.1, 0.2) (R2) "
    "or [0.05, 0.1) (R3)."
)
NODES = tuple(f"nodes_{region}" for region in REGIONS)

# the first wavenumbers of the middle band and of the upper one, in PDEBench
MIDDLE, UPPER = 4, 12
BANDS = {"low": (0, MIDDLE), "middle": (MIDDLE, UPPER), "high": (UPPER, None)}
METRICS = {
    "rmse": "RMSE",
    "relative_max": "relative L∞",
    "boundary_rmse": "boundary RMSE",
    **{f"fourier_rmse_{band}": f"Fourier RMSE, {band}" for band in BANDS},
    "balance": "balance",
}
EXPLANATIONS = {
    "RMSE": "the root of the mean squared error over the lattice. Divided by the RMSE of a field "
    "of zeros, it is the nRMSE, the relative L2 error in the table above.",
    "relative L∞": "the largest error divided by the largest value of the true field.",
    "boundary RMSE": "the RMSE over the outermost nodes of the lattice.",
    "Fourier RMSE": "the root of the error's spectrum, as a mean over the wavenumbers of a band: "
    f"below {MIDDLE}, from {MIDDLE} to {UPPER - 1}, and from {UPPER} up, in periods a side.",
    "balance": "the absolute error of the mean of the field: what the total amount is off by.",
}


def node_errors(predictions: NDArray, fields: NDArray) -> NDArray[np.float64]:
    """|prediction − field| of each node."""
    return np.abs(predictions - fields.astype(np.float64))


def image_maxima(values: NDArray) -> NDArray[np.float64]:
    """The largest |value| of each image, (images,), of (images, rows, columns); NaN for NaN."""
    return np.abs(values).max((-2, -1))


def image_errors(predictions: NDArray, fields: NDArray, source_images: NDArray) -> pd.DataFrame:
    """A row for each image, with the errors of `ERRORS` and the regions' numbers of nodes.

    The errors of a region without nodes, and the relative error of a field of zeros, are NaN.

    Args:
        predictions: (images, rows, columns), like all arguments.
        fields: the exact fields, which define the regions.
        source_images: of the same images.
    """
    error = node_errors(predictions, fields)
    columns: dict[str, NDArray] = {"max_error": image_maxima(error)}
    for region, mae, nodes in zip(REGIONS, MAES, NODES, strict=True):
        mask = region_mask(region, fields, source_images)
        columns[nodes] = mask.sum((1, 2))
        columns[mae] = _ratio(np.where(mask, error, 0.0).sum((1, 2)), columns[nodes])
    columns["relative_l2"] = _ratio(_rms(error), _rms(fields.astype(np.float64)))
    return pd.DataFrame(columns)[[*ERRORS, *NODES]]


def field_metrics(predictions: NDArray, fields: NDArray) -> pd.DataFrame:
    """A row for each image, with the columns of `METRICS`; NaN for ratios to a field of zeros."""
    truth = fields.astype(np.float64)
    error = predictions - truth
    edge = np.ones(truth.shape[1:], dtype=bool)
    edge[1:-1, 1:-1] = False
    roots = np.sqrt(radial_spectrum(error))
    bands = {band: roots[:, slice(*ends)] for band, ends in BANDS.items()}
    return pd.DataFrame(
        {
            "rmse": _rms(error),
            "relative_max": _ratio(image_maxima(error), image_maxima(truth)),
            "boundary_rmse": np.sqrt((error[:, edge] ** 2).mean(axis=1)),
            # small lattices have bands without wavenumbers
            **{f"fourier_rmse_{k}": b.mean(1) if b.size else np.nan for k, b in bands.items()},
            "balance": np.abs(error.mean((1, 2))),
        }
    )


def radial_spectrum(fields: NDArray) -> NDArray[np.float64]:
    """Squared Fourier coefficients of fields, added up over directions: (images, wavenumbers).

    Coefficients are the results of `numpy.fft.fft2` divided by the number of nodes. As in PDEBench,
    non-negative frequencies count, each for the whole number below its distance from 0.
    Wavenumbers are 0, 1, … periods a side, up to half of the shorter side.
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


def summarise(errors: pd.DataFrame) -> dict[str, Any]:
    """The errors over all images, as plain data; None where none has a value.

    Args:
        errors: rows of `image_errors`, with or without the columns of `field_metrics`.
    """
    summary: dict[str, Any] = {"images": len(errors)}
    for mae, nodes in zip(MAES, NODES, strict=True):
        present = errors[errors[nodes] > 0]
        known = not present.empty
        summary[mae] = float(np.average(present[mae], weights=present[nodes])) if known else None
    summary["relative_l2"] = float(errors["relative_l2"].mean())
    summary["max_error"] = float(errors["max_error"].to_numpy().max())  # NaN if any is NaN
    for name in METRICS:
        if name in errors:
            mean = float(errors[name].mean())
            summary[name] = None if np.isnan(mean) else mean
    return summary


def _rms(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The root of the mean square of each image."""
    return np.sqrt((values**2).mean((1, 2)))


def _ratio(numerator: NDArray, denominator: NDArray) -> NDArray[np.float64]:
    """Their ratio, NaN where the denominator is 0."""
    empty = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=empty, where=denominator > 0)
