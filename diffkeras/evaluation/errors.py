"""Errors of predicted fields: per image, and over many images.

Everything is in double precision on the linear scale. A region's error over many images is the mean
over all its nodes in all of them, not a mean of means: images have regions of different sizes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.representation.regions import REGIONS, region_mask

QUANTILES = (0.5, 0.9, 0.99, 1.0)
MAES = tuple("mae" if region == "lattice" else f"mae_{region}" for region in REGIONS)
MAXIMA = tuple("max_error" if region == "lattice" else f"max_error_{region}" for region in REGIONS)
ERRORS = (*MAES, "relative_l2", "max_error")
COLUMNS = (*ERRORS, *MAXIMA[1:])  # of each image


@dataclass(frozen=True)
class Scores:
    """Errors of one method on a number of images.

    Attributes:
        absolute: (images, regions), sum of |error| over each region's nodes.
        nodes: (images, regions), number of those nodes.
        relative_l2: (images,), ‖û − u‖₂ / ‖u‖₂; NaN for a field of zeros.
        maxima: (images, regions), max |û − u| over each region; NaN for a region without nodes.
    """

    absolute: NDArray[np.float64]
    nodes: NDArray[np.int64]
    relative_l2: NDArray[np.float64]
    maxima: NDArray[np.float64]

    @classmethod
    def of(cls, predictions: NDArray, fields: NDArray, source_images: NDArray) -> "Scores":
        """Errors of predictions, all (images, rows, columns) on the linear scale."""
        truth = fields.astype(np.float64)
        error = np.abs(predictions - truth)
        axes = (1, 2)
        parts = [_in_region(error, region_mask(n, fields, source_images)) for n in REGIONS]
        absolute, nodes, maxima = (np.stack(part, axis=1) for part in zip(*parts, strict=True))
        norm = np.sqrt((truth**2).sum(axes))
        return cls(absolute, nodes, ratio(np.sqrt((error**2).sum(axes)), norm), maxima)

    @classmethod
    def join(cls, parts: Iterable["Scores"]) -> "Scores":
        """The scores of several sets of images as those of one."""
        arrays = zip(*(vars(part).values() for part in parts), strict=True)
        return cls(*map(np.concatenate, arrays))

    def mae(self) -> NDArray[np.float64]:
        """(images,), mean absolute error of each image over the lattice."""
        return self.absolute[:, 0] / self.nodes[:, 0]

    def rows(self) -> list[list[float]]:
        """One row per image, with the errors of `COLUMNS`; NaN for a region without nodes."""
        maes = ratio(self.absolute, self.nodes)
        return np.column_stack([maes, self.relative_l2, self.maxima]).tolist()

    def summary(self) -> dict[str, Any]:
        """The errors over all images, and quantiles over the images, as plain data.

        Those of `COLUMNS`, and "mean_" with a name of `MAXIMA`: the mean of the images' maxima.
        """
        sums, nodes = self.absolute.sum(axis=0).tolist(), self.nodes.sum(axis=0).tolist()
        maxima = {
            name: of_region[number > 0]  # images without nodes there have none
            for name, of_region, number in zip(MAXIMA, self.maxima.T, self.nodes.T, strict=True)
        }
        return {
            "images": len(self.maxima),
            **{
                name: total / number if number else None
                for name, total, number in zip(MAES, sums, nodes, strict=True)
            },
            "relative_l2": float(np.nanmean(self.relative_l2)),
            **{name: _over_images(np.max, values) for name, values in maxima.items()},
            **{f"mean_{name}": _over_images(np.mean, values) for name, values in maxima.items()},
            "quantiles": {
                "mae": _quantiles(self.mae()),
                "relative_l2": _quantiles(self.relative_l2),
                "max_error": _quantiles(self.maxima[:, 0]),
            },
        }


def ratio(numerator: NDArray, denominator: NDArray) -> NDArray[np.float64]:
    """Their ratio, NaN where the denominator is 0."""
    empty = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=empty, where=denominator > 0)


def _in_region(error: NDArray[np.float64], mask: NDArray[np.bool_]) -> tuple[NDArray, ...]:
    """Of each image's nodes in a mask: their sum of errors, number and largest error."""
    inside, nodes = np.where(mask, error, 0.0), mask.sum((1, 2))
    return inside.sum((1, 2)), nodes, np.where(nodes > 0, inside.max((1, 2)), np.nan)


def _over_images(statistic: Any, values: NDArray[np.float64]) -> float | None:
    return float(statistic(values)) if values.size else None


def _quantiles(values: NDArray[np.float64]) -> dict[str, float]:
    # "inverted_cdf" gives errors of actual images, never a value between two
    found = np.nanquantile(values, QUANTILES, method="inverted_cdf")
    return {f"{q * 100:g}%": float(v) for q, v in zip(QUANTILES, found, strict=True)}
