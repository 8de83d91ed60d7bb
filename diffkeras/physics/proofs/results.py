"""What a proof returns."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.solvers.statistics import SolveStatistics


class Bounds(NamedTuple):
    """What a proof finds for one image.

    Attributes:
        field: (rows, columns), at least |field − u| of the field that it was asked about.
        corrected: (rows, columns), a better field; its fixed nodes have their values.
        corrected_bound: (rows, columns), at least |corrected − u|.
        stats: how it was corrected.
        allowance: what the bounds include for the rounding of transforms; 0 for enclosures, which
            include it node by node.
    """

    field: NDArray[np.float64]
    corrected: NDArray[np.float64]
    corrected_bound: NDArray[np.float64]
    stats: SolveStatistics
    allowance: float = 0.0
