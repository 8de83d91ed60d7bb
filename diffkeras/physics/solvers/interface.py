"""What is asked of a solver, what it returns, and what proves that."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.equations.finite_volumes import SLACK


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
        initial: a field to start from, on the lattice; a solver may ignore it.
    """

    tolerance: float
    precision: np.dtype = np.dtype(np.float64)
    initial: NDArray[np.float64] | None = None


class Solved(NamedTuple):
    """What a solver returns.

    Attributes:
        field: as within `Equations`, right on the free nodes.
        statistics: how it was solved.
        bound: of its error on each free node, proven; None if it isn't yet.
    """

    field: NDArray[np.floating]
    statistics: SolveStatistics
    bound: NDArray[np.float64] | None = None


class Proof(Protocol):
    """What proves bounds of the error of a field, when they are asked for.

    A `Solution` holds one and gives it its field and its equations. So a proof has what it knows of
    the run that made the field and nothing else, and can go from one process to another.
    """

    def error_bound(self, field: NDArray[np.floating], equations: Equations) -> float:
        """At least the largest |field − u|."""

    def node_bound(self, field: NDArray[np.floating], equations: Equations) -> NDArray[np.float64]:
        """At least |field − u| node by node."""


class KnownBounds(NamedTuple):
    """Bounds that were proven together with their field, as enclosures are."""

    bound: NDArray[np.float64]

    def error_bound(self, field: NDArray, equations: Equations) -> float:
        """See `Proof`."""
        return float(self.bound.max())

    def node_bound(self, field: NDArray, equations: Equations) -> NDArray[np.float64]:
        """See `Proof`."""
        return self.bound


class Corrected(NamedTuple):
    """A field near another one, which its proof computes.

    Attributes:
        field: on the lattice; its fixed nodes have their values.
        statistics: how it was computed.
        bound: at least |field − u|, node by node.
    """

    field: NDArray[np.float64]
    statistics: SolveStatistics
    bound: NDArray[np.float64]

    def bound_of(self, other: NDArray[np.floating]) -> NDArray[np.float64]:
        """At least |other − u|, node by node."""
        bound = other - self.field
        np.abs(bound, out=bound)
        bound += self.bound
        bound *= SLACK
        return bound
