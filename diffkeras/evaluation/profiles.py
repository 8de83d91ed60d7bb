"""Statistics over the nodes of many images: errors by distance, and by value."""

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from diffkeras.evaluation.errors import ratio

REACH = 60  # lattice steps from the nearest source that the radial profile follows
VALUE_EDGES = np.linspace(-0.1, 1.3, 121)  # of the histogram of predicted against true values


class RadialProfile:
    """Mean absolute error against the distance from the nearest source node.

    Distance 0 holds the source nodes themselves, bin d the nodes at d − ½ … d + ½ lattice steps.
    """

    def __init__(self) -> None:
        self.nodes, self.error = np.zeros(REACH + 1), np.zeros(REACH + 1)

    def add(self, image: NDArray, truth: NDArray, prediction: NDArray) -> None:
        """Add one image, all (rows, columns)."""
        distance = np.rint(scipy.ndimage.distance_transform_edt(image == 0)).astype(int)
        near = distance <= REACH
        error = abs(prediction - truth)[near].astype(np.float64)
        self.nodes += np.bincount(distance[near], minlength=REACH + 1)
        self.error += np.bincount(distance[near], error, REACH + 1)

    def mean_error(self) -> NDArray[np.float64]:
        """Mean absolute error per bin; NaN where there was no node."""
        return ratio(self.error, self.nodes)


def count_values(truth: NDArray, prediction: NDArray) -> NDArray[np.float64]:
    """Numbers of nodes by true and predicted value; the outermost bins hold those beyond them."""
    bins = VALUE_EDGES.size - 1
    scale = bins / (VALUE_EDGES[-1] - VALUE_EDGES[0])
    i, j = (
        np.clip((field.ravel() - VALUE_EDGES[0]) * scale, 0, bins - 1).astype(np.int64)
        for field in (truth, prediction)
    )
    return np.bincount(i * bins + j, minlength=bins**2).reshape(bins, bins).astype(np.float64)
