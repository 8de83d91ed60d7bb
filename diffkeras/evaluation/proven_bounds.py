"""Proven error bounds of predictions: before and after the correction, and by rounds after it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkeras.evaluation.images import ImageBatch
from diffkeras.physics import certify, refine
from diffkeras.surrogates.surrogate import Surrogate

TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


def measure_bounds(surrogate: Surrogate, batch: ImageBatch) -> list[dict[str, Any]]:
    """Proven bounds and true errors of the fields that `predict` returns, and of corrected ones.

    They are on the dataset's scale: divided by the maximum of the field where the dataset's are.
    "history" has the bound after the correction and after each round of refinement. Where sources
    produce, the corrected field is exact, so there is nothing to refine, and in tissues refinement
    has no rounds.
    """
    predicted = surrogate.predict(batch.images, **batch.told).field
    maxima = np.ones(len(batch.images)) if batch.maxima is None else batch.maxima
    found = []
    for field, truth, problem, maximum in zip(
        predicted, batch.fields, batch.problems(), maxima.astype(np.float64), strict=True
    ):
        certificate = certify(field, **problem)
        error = abs(field / maximum - truth.astype(np.float64))
        bounds = {
            "prediction_bound": certificate.prediction_bound / maximum,
            "prediction_max_error": float(error.max()),
            "prediction_mae": float(error.mean()),
            "corrected_bound": certificate.error_bound / maximum,
        }
        if not batch.production:
            corrected = abs(certificate.field - truth)
            bounds["corrected_max_error"] = float(corrected.max())
            bounds["corrected_mae"] = float(corrected.mean())
        linear = problem["medium"].is_uniform and problem.get("uptake") is None
        if not batch.production and linear:
            tolerance: Any = {"tolerance": TOLERANCES[-1], "method": "rounds"}
            bounds["history"] = refine(field, **problem, **tolerance).history
        found.append(bounds)
    return found


def summarise_bounds(bounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians and maxima over images, means of the MAEs, and any rounds, as plain data."""
    summary: dict[str, Any] = {"images": len(bounds)}
    for name in bounds[0]:
        values = [bound[name] for bound in bounds]
        if name.endswith("mae"):
            summary[name] = float(np.mean(values))
        elif name != "history":
            summary[name] = {"median": float(np.median(values)), "max": max(values)}
    if "history" not in bounds[0]:
        return summary
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
