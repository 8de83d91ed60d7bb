"""The barriers of a family, and the rules by which its proofs use them; their arrays in files."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.system.array_files import check_arrays

FORMAT = 4  # version of the files of bases, and of barriers alone


class Barriers(NamedTuple):
    """The barriers of a family, j for all its problems and for clusters of them.

    `barrier_training` makes them.

    Attributes:
        fields: (2, j, *lattice) float32, those for predictions and those for corrected fields.
        usual_row_sums: on the lattice, what problems of the family usually add to the row sums of
            the one with the slowest decay, by their own and by slopes; 0 if the diffusivity varies.
        regression_bound: the upper quartile of the bounds of predictions by regression alone,
            relative to the field's size.
        try_above: the lowest decile of the bounds of predictions by Galerkin's method, or by a
            network, likewise. Where so large a bound is enough, a proof is tried without a
            correction.
        correction_shares: (2,), the size of the last correction as a share of the field's bound, at
            the upper quartile of bounds, and at most 1: of fields that are corrected once, and
            twice. Corrections aim at this share of the needed bound.
        first_correction: the median size of a first correction, relative to the field's.
    """

    fields: NDArray[np.float32]
    usual_row_sums: NDArray[np.float32]
    regression_bound: NDArray[np.float64] = np.array(np.inf)
    try_above: NDArray[np.float64] = np.array(np.inf)
    correction_shares: NDArray[np.float64] = np.zeros(2)
    first_correction: NDArray[np.float64] = np.array(np.inf)

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Any], lattice: tuple[int, ...]) -> "Barriers | None":
        """Those among the arrays of a file, by the names of the attributes; None if there are none.

        Raises:
            ValueError: one is missing, or has another shape.
        """
        if not set(cls._fields) & set(arrays):
            return None
        shapes = ((2, None, *lattice), lattice, (), (), (2,), ())
        check_arrays(arrays, dict(zip(cls._fields, shapes, strict=True)))
        return cls(*(arrays[name] for name in cls._fields))
