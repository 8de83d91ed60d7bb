"""What is asked of a solver, and what it returns."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SolveStatistics:
    """How a field was solved.

    Attributes:
        method: what solved it; "transform" for a production without fixed nodes, "reduced-basis"
            for the field of a family's surrogate.
        ring_nodes: size of the ring system; 0 of "newton-cg", which has none.
        iterations: products with the ring matrix; 0 where it was factorised. Of "newton-cg",
            iterations of conjugate gradients.
        reached: the error that is compared with the tolerance, relative to the largest |value|. How
            well it is known depends on the method. Of "newton-cg" and "reduced-basis" it is proven;
            of a bare prediction of the latter it is the median error of such predictions, which
            isn't proven. Of the others it is the largest difference from the fixed nodes' values
            before they were put in: by the discrete maximum principle no node's error exceeds it,
            but for the transforms' own rounding, which `Solution.error_bound` includes. With
            production it includes an estimate of that rounding.
        precision: "float32" or "float64", in which it was computed.
        newton_steps: of "newton-cg", where uptake saturates; 0 for linear problems. Of
            "reduced-basis", those of Galerkin's method; 0 where it wasn't needed, doesn't serve the
            family or didn't converge, so that the field is the regression's, or comes from it.
    """

    method: str
    ring_nodes: int
    iterations: int = 0
    reached: float = 0.0
    precision: str = "float64"
    newton_steps: int = 0


class Options(NamedTuple):
    """What is asked of a solver.

    Attributes:
        tolerance: largest error, relative to the largest |value| of the field.
        precision: the least one of the field.
        threads: of transforms.
        initial: a field to start from, on the lattice; a solver may ignore it.
    """

    tolerance: float
    precision: np.dtype = np.dtype(np.float64)
    threads: int = 1
    initial: NDArray[np.float64] | None = None


class Solved(NamedTuple):
    """What a solver returns.

    Attributes:
        field: divided by `Equations.scale`, right on the free nodes.
        statistics: how it was solved.
        bound: of its error on each free node, proven; None if it isn't yet.
    """

    field: NDArray[np.floating]
    statistics: SolveStatistics
    bound: NDArray[np.float64] | None = None
