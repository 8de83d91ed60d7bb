"""Proven error bounds of predictions: before and after the correction, and by rounds after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics import Medium, certify, refine

TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


@dataclass(frozen=True)
class Bounds:
    """Proven bounds and true errors of one prediction and of its corrected field.

    Attributes:
        prediction_bound, corrected_bound: proven bound of the largest error.
        prediction_max_error, corrected_max_error: true largest error.
        prediction_mae, corrected_mae: true mean absolute error over the lattice.
        history: the bound after the correction and after each round of refinement.
    """

    prediction_bound: float
    prediction_max_error: float
    corrected_bound: float
    corrected_max_error: float
    prediction_mae: float
    corrected_mae: float
    history: tuple[float, ...]

    @classmethod
    def of(cls, prediction: NDArray, truth: NDArray, image: NDArray, medium: Medium) -> "Bounds":
        """Certify and refine a prediction; all (rows, columns) on the linear scale."""
        certificate = certify(prediction, image, medium=medium)
        refinement = refine(
            prediction, image, medium=medium, tolerance=TOLERANCES[-1], method="rounds"
        )
        error = abs(prediction - truth.astype(np.float64))
        corrected = abs(certificate.field - truth)
        return cls(
            certificate.prediction_bound,
            float(error.max()),
            certificate.error_bound,
            float(corrected.max()),
            float(error.mean()),
            float(corrected.mean()),
            refinement.history,
        )

    def rounds(self, tolerance: float) -> int:
        """Rounds until the bound met the tolerance."""
        met = (i for i, bound in enumerate(self.history) if bound <= tolerance)
        # the last bound met the smallest tolerance, if only by a margin of rounding
        return next(met, len(self.history) - 1)


def summarise_bounds(bounds: Sequence[Bounds]) -> dict[str, Any]:
    """Medians and maxima over images, means of the MAEs, and rounds, as plain data."""
    summary: dict[str, Any] = {"images": len(bounds)}
    for name in (
        "prediction_bound",
        "prediction_max_error",
        "corrected_bound",
        "corrected_max_error",
    ):
        values = [getattr(bound, name) for bound in bounds]
        summary[name] = {"median": float(np.median(values)), "max": max(values)}
    for name in ("prediction_mae", "corrected_mae"):
        summary[name] = float(np.mean([getattr(bound, name) for bound in bounds]))
    needed = {t: [bound.rounds(t) for bound in bounds] for t in TOLERANCES}
    summary["rounds"] = {
        f"{t:.0e}": {"mean": float(np.mean(rounds)), "max": max(rounds)}
        for t, rounds in needed.items()
    }
    return summary
