"""Statistics over the nodes of many images: errors by distance, and by value."""

from dataclasses import dataclass, field

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

REACH = 60  # lattice steps from the nearest source that the radial profile follows
BINS = 120  # of the histogram of predicted against true values, a side


@dataclass
class RadialProfile:
    """Mean absolute error against the distance from the nearest source node.

    Distance 0 holds the source nodes themselves, bin d the nodes at d − ½ … d + ½ lattice steps.
    """

    nodes: NDArray[np.float64] = field(default_factory=lambda: np.zeros(REACH + 1))
    error: NDArray[np.float64] = field(default_factory=lambda: np.zeros(REACH + 1))

    def add(self, image: NDArray, truth: NDArray, prediction: NDArray) -> None:
        """Add one image, all (rows, columns)."""
        distance = np.rint(scipy.ndimage.distance_transform_edt(image == 0)).astype(int)
        near = distance <= REACH
        error = abs(prediction - truth)[near].astype(np.float64)
        self.nodes += np.bincount(distance[near], minlength=REACH + 1)
        self.error += np.bincount(distance[near], error, REACH + 1)

    def mean_error(self) -> NDArray[np.float64]:
        """Mean absolute error per bin; NaN where there was no node."""
        empty = np.full(self.nodes.shape, np.nan)
        return np.divide(self.error, self.nodes, out=empty, where=self.nodes > 0)


@dataclass
class JointHistogram:
    """Numbers of nodes by true and predicted value."""

    edges: NDArray[np.float64] = field(default_factory=lambda: np.linspace(-0.1, 1.3, BINS + 1))
    counts: NDArray[np.float64] = field(default_factory=lambda: np.zeros((BINS, BINS)))

    def add(self, truth: NDArray, prediction: NDArray) -> None:
        """Add images of any shape; values beyond the edges count in the outermost bins."""
        low, high = self.edges[0], np.nextafter(self.edges[-1], 0)
        scale = BINS / (self.edges[-1] - low)
        i, j = (
            ((np.clip(v.ravel(), low, high) - low) * scale).astype(np.int64)
            for v in (truth, prediction)
        )
        self.counts += np.bincount(i * BINS + j, minlength=BINS**2).reshape(BINS, BINS)
