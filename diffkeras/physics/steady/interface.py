"""What is asked of a solver, and what it returns."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.linear.finite_volumes import SLACK


@dataclass(frozen=True)
class SolveStatistics:
    """How a field was solved.

    Attributes:
        method: what solved it; "transform" for a production without fixed nodes, "reduced-basis"
            for the field of a family's surrogate.
        ring_nodes: size of the ring system; 0 for "newton-cg".
        iterations: of conjugate gradients; 0 where the ring system was factorised.
        reached: the error that is compared with the tolerance, relative to the largest |value|. It
            is proven for "newton-cg" and "reduced-basis"; for predictions of the latter without a
            tolerance it is their median error. For the others it is the largest mismatch on the
            fixed nodes before they got their values, which no error exceeds but for the rounding of
            transforms: that is in `Solution.error_bound`, and with production estimated here.
        newton_steps: of "newton-cg" where uptake saturates; 0 for linear problems. For
            "reduced-basis" steps of Galerkin's method; 0 where the field is the regression's.
    """

    method: str
    ring_nodes: int
    iterations: int = 0
    reached: float = 0.0
    newton_steps: int = 0


class Options(NamedTuple):
    """What is asked of a solver, which may ignore the field to start from."""

    tolerance: float  # relative to the largest |value| of the field
    initial: NDArray[np.float64] | None = None


class Solved(NamedTuple):
    """What a solver returns."""

    field: NDArray[np.floating]  # as within `Equations`, right on the free nodes
    statistics: SolveStatistics
    bound: NDArray[np.float64] | None = None  # of the error on each free node, if it is proven


class Corrected(NamedTuple):
    """A field near another one, which its proof computes."""

    field: NDArray[np.float64]  # on the lattice; its fixed nodes have their values
    statistics: SolveStatistics
    bound: NDArray[np.float64]  # at least |field − u|, node by node

    def bound_of(self, other: NDArray[np.floating]) -> NDArray[np.float64]:
        """At least |other − u|, node by node."""
        bound = other - self.field
        np.abs(bound, out=bound)
        bound += self.bound
        bound *= SLACK
        return bound
