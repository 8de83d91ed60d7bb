"""Errors of predicted fields: per image, and over many images.

Everything is in double precision on the linear scale. A region's error over many images is the mean
over all its nodes in all of them, not a mean of means: images have regions of different sizes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.representation.regions import REGIONS, region_mask

QUANTILES = (0.5, 0.9, 0.99, 1.0)


@dataclass
class Scores:
    """Errors of one method on a number of images.

    Attributes:
        absolute: region → (images,), sum of |error| over the region's nodes in each image.
        nodes: region → (images,), number of those nodes.
        relative_l2: (images,), ‖û − u‖₂ / ‖u‖₂.
        maximum: (images,), max |û − u| over the lattice.
    """

    absolute: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    nodes: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    relative_l2: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    maximum: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    @classmethod
    def of(cls, predictions: NDArray, fields: NDArray, source_images: NDArray) -> "Scores":
        """Errors of predictions, all (images, rows, columns) on the linear scale."""
        truth = fields.astype(np.float64)
        error = np.abs(predictions - truth)
        axes = (1, 2)
        masks = {name: region_mask(name, fields, source_images) for name in REGIONS}
        norm = np.sqrt((truth**2).sum(axes))
        return cls(
            absolute={name: np.where(mask, error, 0.0).sum(axes) for name, mask in masks.items()},
            nodes={name: mask.sum(axes) for name, mask in masks.items()},
            # a field of zeros has no relative error
            relative_l2=np.divide(
                np.sqrt((error**2).sum(axes)), norm, out=np.full_like(norm, np.nan), where=norm > 0
            ),
            maximum=error.max(axes),
        )

    @classmethod
    def join(cls, parts: Iterable["Scores"]) -> "Scores":
        """The scores of several sets of images as those of one."""
        parts = list(parts)
        return cls(
            absolute={r: np.concatenate([p.absolute[r] for p in parts]) for r in REGIONS},
            nodes={r: np.concatenate([p.nodes[r] for p in parts]) for r in REGIONS},
            relative_l2=np.concatenate([p.relative_l2 for p in parts]),
            maximum=np.concatenate([p.maximum for p in parts]),
        )

    def mae(self, region: str = "lattice") -> NDArray[np.float64]:
        """(images,), mean absolute error over a region in each image; NaN where it is empty."""
        nodes = self.nodes[region]
        empty = np.full(nodes.shape, np.nan)
        return np.divide(self.absolute[region], nodes, out=empty, where=nodes > 0)

    def summary(self) -> dict[str, Any]:
        """MAE per region, mean relative L2 and maximum error, and quantiles over the images."""
        regions = {
            _mae_name(name): float(self.absolute[name].sum() / max(self.nodes[name].sum(), 1))
            if self.nodes[name].sum()
            else None
            for name in REGIONS
        }
        return {
            "images": int(self.maximum.size),
            **regions,
            "relative_l2": float(np.nanmean(self.relative_l2)),
            "max_error": float(self.maximum.max()),
            "quantiles": {
                "mae": _quantiles(self.mae()),
                "relative_l2": _quantiles(self.relative_l2),
                "max_error": _quantiles(self.maximum),
            },
        }

    @staticmethod
    def columns() -> list[str]:
        """Names of the columns of `rows`."""
        return [*(_mae_name(name) for name in REGIONS), "relative_l2", "max_error"]

    def rows(self) -> list[list[float]]:
        """One row per image: MAE per region, relative L2 error, maximum error."""
        columns = [*(self.mae(name) for name in REGIONS), self.relative_l2, self.maximum]
        return np.stack(columns, axis=1).tolist()


def _mae_name(region: str) -> str:
    return "mae" if region == "lattice" else f"mae_{region}"


def _quantiles(values: NDArray[np.float64]) -> dict[str, float]:
    # "inverted_cdf" gives errors of actual images, never a value between two
    found = np.nanquantile(values, QUANTILES, method="inverted_cdf")
    return {f"{q * 100:g}%": float(v) for q, v in zip(QUANTILES, found, strict=True)}
