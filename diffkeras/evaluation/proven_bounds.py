"""Proven error bounds of predictions: before and after the correction, and by rounds after it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics import Medium, certify, refine

TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


@dataclass
class Bounds:
    """Bounds gathered over a number of images.

    Attributes:
        predicted: proven bound of each prediction's largest error.
        predicted_error: its true largest error.
        corrected: proven bound of each corrected field's largest error.
        corrected_error: its true largest error.
        predicted_mae, corrected_mae: their true mean absolute errors over the lattice.
        histories: for each image, the bound after the correction and after each round.
    """

    predicted: list[float] = field(default_factory=list)
    predicted_error: list[float] = field(default_factory=list)
    corrected: list[float] = field(default_factory=list)
    corrected_error: list[float] = field(default_factory=list)
    predicted_mae: list[float] = field(default_factory=list)
    corrected_mae: list[float] = field(default_factory=list)
    histories: list[tuple[float, ...]] = field(default_factory=list)

    def add(self, medium: Medium, prediction: NDArray, truth: NDArray, image: NDArray) -> None:
        """Certify and refine one prediction; all (rows, columns) on the linear scale."""
        certificate = certify(prediction, image, medium=medium)
        self.predicted.append(float(certificate.node_bound.max()))
        self.predicted_error.append(float(np.abs(prediction - truth).max()))
        self.corrected.append(certificate.error_bound)
        self.corrected_error.append(float(np.abs(certificate.field - truth).max()))
        self.predicted_mae.append(float(np.abs(prediction - truth).mean(dtype=np.float64)))
        self.corrected_mae.append(float(np.abs(certificate.field - truth).mean()))
        refinement = refine(
            prediction, image, medium=medium, tolerance=TOLERANCES[-1], method="rounds"
        )
        self.histories.append(refinement.history)

    @classmethod
    def join(cls, parts: Iterable["Bounds"]) -> "Bounds":
        """The bounds of several sets of images as those of one."""
        joined = cls()
        for part in parts:
            for name in vars(joined):
                getattr(joined, name).extend(getattr(part, name))
        return joined

    def rounds(self, tolerance: float) -> list[int]:
        """Rounds that each image needed until its bound met the tolerance."""
        return [
            # the last bound met the smallest tolerance, if only by a margin of rounding
            next((i for i, bound in enumerate(history) if bound <= tolerance), len(history) - 1)
            for history in self.histories
        ]

    def summary(self) -> dict[str, Any]:
        """Medians and maxima over the images, and means of the MAEs, as plain data."""
        figures = {
            name: {"median": float(np.median(values)), "max": float(np.max(values))}
            for name, values in (
                ("prediction_bound", self.predicted),
                ("prediction_max_error", self.predicted_error),
                ("corrected_bound", self.corrected),
                ("corrected_max_error", self.corrected_error),
            )
        }
        rounds = {
            f"{tolerance:.0e}": {
                "mean": float(np.mean(needed)),
                "max": int(np.max(needed)),
            }
            for tolerance in TOLERANCES
            for needed in [self.rounds(tolerance)]
        }
        maes = {
            "prediction_mae": float(np.mean(self.predicted_mae)),
            "corrected_mae": float(np.mean(self.corrected_mae)),
        }
        return {"images": len(self.predicted), **figures, **maes, "rounds": rounds}
