"""Proven error bounds of predictions: before and after the correction, and by rounds after it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics import Medium, certify, refine

TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


def measure_bounds(
    prediction: NDArray, truth: NDArray, image: NDArray, medium: Medium
) -> dict[str, Any]:
    """Proven bounds and true errors of a prediction and its corrected field, all (rows, columns).

    "history" has the bound after the correction and after each round of refinement.
    """
    certificate = certify(prediction, image, medium=medium)
    refinement = refine(prediction, image, medium=medium, tolerance=TOLERANCES[-1], method="rounds")
    error = abs(prediction - truth.astype(np.float64))
    corrected = abs(certificate.field - truth)
    return {
        "prediction_bound": certificate.prediction_bound,
        "prediction_max_error": float(error.max()),
        "corrected_bound": certificate.error_bound,
        "corrected_max_error": float(corrected.max()),
        "prediction_mae": float(error.mean()),
        "corrected_mae": float(corrected.mean()),
        "history": refinement.history,
    }


def summarise_bounds(bounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians and maxima over images, means of the MAEs, and rounds, as plain data."""
    summary: dict[str, Any] = {"images": len(bounds)}
    for name in bounds[0]:
        values = [bound[name] for bound in bounds]
        if name.endswith("mae"):
            summary[name] = float(np.mean(values))
        elif name != "history":
            summary[name] = {"median": float(np.median(values)), "max": max(values)}
    summary["rounds"] = {}
    for tolerance in TOLERANCES:
        rounds = [_rounds(bound["history"], tolerance) for bound in bounds]
        summary["rounds"][f"{tolerance:.0e}"] = {"mean": float(np.mean(rounds)), "max": max(rounds)}
    return summary


def _rounds(history: Sequence[float], tolerance: float) -> int:
    """Rounds until the bound met the tolerance."""
    met = (number for number, bound in enumerate(history) if bound <= tolerance)
    # the last bound met the smallest tolerance, if only by a margin of rounding
    return next(met, len(history) - 1)
