"""How the bounds of a solution are proven, when they are asked for."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.arguments import largest
from diffkeras.physics.blas_threads import blas_threads
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.proofs.certificate import node_bound_of
from diffkeras.physics.proofs.rounding import inverse_norm_bound, rounding_allowance

EPSILON = float(np.finfo(np.float64).eps)


class RingProof(NamedTuple):
    """Of a field in a uniform medium, by the maximum principle.

    Before it got the fixed nodes' values, the field satisfied the equation on the free nodes but
    for rounding. So its error is at most its mismatch on the ring and what rounding adds.

    Attributes:
        on_ring: (m,), its values on the ring before that.
        enough: a bound that needn't be sharpened. Rounding in single precision is large, and a
            certificate, which takes five times as long as the solution, bounds it more sharply.
    """

    on_ring: NDArray[np.floating]
    enough: float

    @blas_threads()
    def error_bound(self, field: NDArray[np.floating], problem: Problem) -> float:
        """See `solution.Proof`."""
        plain = problem.homogeneous
        nodes = plain.ring.nodes
        before = field.astype(np.float64)
        before[nodes] = self.on_ring
        mismatch = largest(before[nodes] - plain.values[nodes])
        bound = mismatch + rounding_allowance(plain, inverse_norm_bound(plain), before)
        bound = max(bound, fixed_error(field, plain)) * (1 + 4 * EPSILON)
        if bound <= self.enough:
            return bound
        return min(bound, float(self.node_bound(field, problem).max()))

    def node_bound(self, field: NDArray[np.floating], problem: Problem) -> NDArray[np.float64]:
        """See `solution.Proof`."""
        return node_bound_of(field, problem)


class EnclosureProof(NamedTuple):
    """Of a field that was enclosed when it was solved.

    Attributes:
        bound: of its error.
    """

    bound: float

    def error_bound(self, field: NDArray[np.floating], problem: Problem) -> float:
        """See `solution.Proof`."""
        return self.bound

    def node_bound(self, field: NDArray[np.floating], problem: Problem) -> NDArray[np.float64]:
        """See `solution.Proof`."""
        return np.minimum(node_bound_of(field, problem), self.bound)


def fixed_error(field: NDArray[np.floating], problem: Problem) -> float:
    """The largest |field − u| on the fixed nodes: the rounding of their values."""
    return float(np.abs(problem.values - field).max(where=problem.fixed, initial=0.0))
