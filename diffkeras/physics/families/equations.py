"""The equations of a family's problems, computed in less time by what they share.

Where no diffusivity varies, the operators of two problems differ by their drains only. So one of
them, A, is a sparse matrix that is made once, and another one is A + Δ with an array Δ. Uptake is
computed on the nodes that take up, often a small share.

A matrix loses digits that differences of neighbours keep (`FiniteVolumes.apply_with_sizes`), which
doesn't count at the tolerances of predictions. An entry of its diagonal, the sum of a drain (six
roundings) and couplings (two), has at most 12 roundings, of six sums; the product and the sum over
a row add seven, and the sums with Δ u, s and φ three.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.arguments import largest
from diffkeras.physics.equations.finite_volumes import EPSILON
from diffkeras.physics.equations.nonlinear import Equations
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.problem.uptake import SaturatingUptake

MOST_ROUNDINGS = 24  # of F without those of φ: the 22 above, and as in `nonlinear`
FEW = 0.5  # share of the lattice up to which nodes are picked out


class SharedOperator:
    """The operator A of one problem, for others with the same couplings.

    Attributes:
        equations: of that problem.
        matrix: A, sparse (n, n), with rows of 0 on the fixed nodes.
    """

    def __init__(self, equations: Equations) -> None:
        self.equations = equations
        self.matrix = equations.volumes.matrix(np.dtype(np.float64))
        free = equations.free.ravel()
        for diagonal, offset in zip(self.matrix.data, self.matrix.offsets, strict=True):
            diagonal *= np.roll(free, offset)  # an entry is stored in its column's place
        self._taking: tuple[NDArray[np.intp], NDArray[np.intp]] | None = None

    def taking(self, capacity: NDArray) -> NDArray[np.intp] | None:
        """The free nodes where a capacity, on the lattice, isn't 0; None if these are many.

        Near ones follow each other.
        """
        known = self._taking
        if known is None or np.count_nonzero(capacity) != np.count_nonzero(capacity.take(known[0])):
            every = np.flatnonzero(capacity)
            taking = every[self.equations.free.ravel()[every]]
            known = every, taking[np.argsort(_curve(taking, capacity.shape), kind="stable")]
            self._taking = known
        return known[1] if known[0].size <= FEW * capacity.size else None


class SharedEquations(Equations):
    """F of a problem, by the operator of another one.

    Attributes:
        nodes: those that take up; None for the whole lattice.
        law: uptake on them; None without any.
    """

    def __init__(self, problem: Problem, shared: SharedOperator) -> None:
        """`problem` differs from the other one in all but its couplings and fixed nodes."""
        super().__init__(problem, shared.equations.volumes.couplings)
        self._shared = shared
        self._change = self.volumes.drain - shared.equations.volumes.drain
        self._change *= self.free
        self.nodes: NDArray[np.intp] | None = None
        if self._uptake is not None and np.ndim(self._uptake.capacity):
            self.nodes = shared.taking(np.asarray(self._uptake.capacity))
        self.law = self._uptake if self.nodes is None else self.flat_law()

    def flat_law(self) -> SaturatingUptake | None:
        """The law whose numbers are one for each of the nodes that take up, (m,)."""
        if self._uptake is None:
            return None
        parts = {name: part for name, part in self._uptake.parts.items() if np.ndim(part)}
        for name, part in parts.items():
            parts[name] = part.ravel() if self.nodes is None else part.take(self.nodes)
        return self._uptake.similar(parts)

    def of(self, field: NDArray) -> NDArray:
        """See `Equations`; in double precision."""
        result = (self._shared.matrix @ field.ravel()).reshape(field.shape)
        result += self._change * field
        if self.problem.supply is not None:
            result -= self.problem.supply
        if self.law is not None and self.nodes is not None:
            result.reshape(-1)[self.nodes] += self.law.rate(field.take(self.nodes))
        elif self.law is not None:
            result += self.law.rate(field)
            np.copyto(result, 0.0, where=self.problem.fixed)
        return result

    def of_with_most_rounding(self, field: NDArray[np.float64]) -> tuple[NDArray, float]:
        """See `Equations`."""
        terms = largest(field) * self._most_slopes + self.problem.largest_supply
        roundings = MOST_ROUNDINGS + (self.law.rounding if self.law else 0.0)
        return self.of(field), roundings * EPSILON * terms

    @cached_property
    def _most_slopes(self) -> float:
        """At least the sum of all |terms| of F on any node, but for s, over the largest |u|."""
        own, volumes = self._shared.equations.volumes, self.volumes
        most = float(volumes.drain.max()) + 2 * float(own.drain.max()) + 2 * volumes.reach
        return most + self.law.steepest if self.law else most

    def slope(self, field: NDArray) -> NDArray | float:
        """See `Equations`."""
        if self.law is None or self.nodes is None:
            return super().slope(field)
        result = np.zeros(field.shape)
        result.reshape(-1)[self.nodes] = self.law.slope(field.take(self.nodes))
        return result


def _curve(nodes: NDArray[np.intp], lattice: tuple[int, ...]) -> NDArray[np.int64]:
    """The places of nodes on Morton's curve, which joins nodes that are near in space."""
    axes = np.unravel_index(nodes, lattice)
    places = np.zeros(len(nodes), np.int64)
    for bit in range(63 // len(axes)):
        for number, axis in enumerate(axes):
            places |= ((axis.astype(np.int64) >> bit) & 1) << (bit * len(axes) + number)
    return places
