"""The equations of a family's problems, computed in less time by what they share.

Where no diffusivity varies, the operators of two problems differ by their row sums only. So one of
them, A, is a sparse matrix that is made once, and another one is A + Δ with an array Δ. Uptake is
computed on the nodes that take up, often a small share.

A matrix loses digits that differences of neighbours keep (`FiniteVolumes.apply_with_sizes`), which
doesn't count at the tolerances of predictions. In place of a difference, an entry of its diagonal
has up to six sums, of a row sum and couplings, and the sum with Δ u is one more.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.equations import Equations, least_slope, same_diffusivity
from diffkeras.physics.linear.block_cycles import BlockCycle
from diffkeras.physics.linear.finite_volumes import EPSILON
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.problem.uptake import SaturatingUptake

MATRIX = 6 - 1 + 1  # roundings of F's terms beyond those of `EQUATION`, see above
FEW = 0.5  # share of the lattice up to which nodes are picked out


class SharedOperator:
    """The operator A of one problem, for others with the same couplings."""

    def __init__(self, equations: Equations) -> None:
        self.equations = equations
        # sparse (n, n), with rows of 0 on the fixed nodes
        self.matrix = equations.volumes.matrix(np.dtype(np.float64))
        free = equations.free.ravel()
        for diagonal, offset in zip(self.matrix.data, self.matrix.offsets, strict=True):
            diagonal *= np.roll(free, offset)  # an entry is stored in its column's place
        self.largest_row_sum = float(equations.volumes.row_sums.max())
        # their memory is for the next ones; threads get different ones
        self.unused_cycles: list[BlockCycle] = []
        self._uptake_nodes: tuple[NDArray[np.intp], NDArray[np.intp]] | None = None

    def equations_of(self, problem: Problem) -> Equations:
        """The equations of a problem with the same fixed nodes; unshared if diffusivity differs."""
        if same_diffusivity(problem.reduced.medium, self.equations.problem.medium):
            return SharedEquations(problem, self)
        return Equations(problem, self.equations)

    def uptake_nodes(self, capacity: NDArray) -> NDArray[np.intp] | None:
        """The free nodes where a capacity, on the lattice, isn't 0; None if these are many."""
        known = self._uptake_nodes
        if known is None or np.count_nonzero(capacity) != np.count_nonzero(capacity.take(known[0])):
            every = np.flatnonzero(capacity)
            known = every, every[self.equations.free.ravel()[every]]
            self._uptake_nodes = known
        return known[1] if known[0].size <= FEW * capacity.size else None


class SharedEquations(Equations):
    """F of a problem, by the operator of another one with the same couplings."""

    def __init__(self, problem: Problem, shared: SharedOperator) -> None:
        """`problem` has the lattice, the fixed nodes and the couplings of the other one."""
        super().__init__(problem, shared.equations)
        self._shared = shared

    def cycle_at(self, slope: NDArray | float) -> BlockCycle:
        """See `Equations`: the other problem's cycle with other row sums, for these slopes."""
        kept = self._cycle_of_slope  # read once, as another thread may replace it
        if kept is not None:
            last, cycle = kept
            if last is slope or not (np.any(last) or np.any(slope)):
                return cycle
        self.release()
        added = self.volumes.row_sums - self._shared.equations.volumes.row_sums
        added += slope
        added *= self.free
        try:
            spare = self._shared.unused_cycles.pop()
        except IndexError:  # another thread may have taken the last one
            spare = None
        cycle = self._shared.equations.cycle.plus(added, spare)
        self._cycle_of_slope = slope, cycle
        return cycle

    def release(self) -> None:
        """Give the memory of the last cycle, which isn't used any more, to the next problem's."""
        if self._cycle_of_slope is not None:
            self._shared.unused_cycles.append(self._cycle_of_slope[1])
            self._cycle_of_slope = None

    @cached_property
    def added_row_sums(self) -> NDArray[np.float64] | float:
        """What is added to the row sums of the other problem on the free nodes."""
        shared = self._shared.equations
        decays = [each.problem.medium.decay for each in (self, shared)]
        if not any(map(np.ndim, decays)):  # what the sides add is the same
            return float(decays[0] / self.unit - decays[1] / self.unit)
        return self.volumes.row_sums - shared.volumes.row_sums

    @cached_property
    def _few(self) -> tuple[NDArray[np.intp], SaturatingUptake] | None:
        """The nodes that take up, and uptake there; None if that is computed on the lattice."""
        if self._uptake is None or not np.ndim(self._uptake.capacity):
            return None
        nodes = self._shared.uptake_nodes(np.asarray(self._uptake.capacity))
        law = None if nodes is None else self.uptake_at(nodes)
        return None if nodes is None or law is None else (nodes, law)

    def uptake_at(self, nodes: NDArray[np.intp]) -> SaturatingUptake | None:
        """Uptake on nodes by their numbers (m,), its own (m,) each or one; None without any."""
        if self._uptake is None:
            return None
        parts = {name: part for name, part in self._uptake.parts.items() if np.ndim(part)}
        return self._uptake.with_unchecked_parts(
            {name: part.take(nodes) for name, part in parts.items()}
        )

    def residual(self, field: NDArray) -> NDArray:
        """See `Equations`."""
        if field.dtype != np.float64:  # which the matrix has
            return super().residual(field)
        result = (self._shared.matrix @ field.ravel()).reshape(field.shape)
        result += self.added_row_sums * field
        if self.production is not None:
            result -= self.production
        if self._few is not None:
            nodes, law = self._few
            result.reshape(-1)[nodes] += law.rate(field.take(nodes))
        elif self._uptake is not None:
            result += self._uptake.rate(field)
        np.copyto(result, 0.0, where=self.fixed)
        return result

    @property
    def roundings(self) -> float:
        """Unit roundoffs of F."""
        return super().roundings + MATRIX

    @cached_property
    def most_slopes(self) -> float:
        """At least the sum of all |terms| of F on any node, but for s, over the largest |u|."""
        # of A, and of Δ by both row sums
        reach = self._shared.equations.volumes.reach
        most = self._largest_row_sums + self._shared.largest_row_sum + 2 * reach
        law = self._few[1] if self._few else self._uptake
        return most + law.steepest if law else most

    @property
    def _largest_row_sums(self) -> float:
        """At least the row sums of both problems on any node together."""
        return 2 * self._shared.largest_row_sum + float(np.max(np.abs(self.added_row_sums)))

    def least_added_row_sums(
        self, field: NDArray[np.float64], radius: float
    ) -> NDArray[np.float32]:
        """At most `added_row_sums` plus the slopes of φ between u − radius and u + radius, by node.

        Where the sum is rounded to single precision, that is relative.
        """
        result = np.empty(self.lattice, np.float32)
        change = self.added_row_sums - 4 * EPSILON * self._largest_row_sums
        if self._few is None:
            np.add(change, super().least_slope(field, radius), out=result, casting="same_kind")
            return result
        nodes, law = self._few
        result[...] = change
        change = change.take(nodes) if isinstance(change, np.ndarray) else change
        result.reshape(-1)[nodes] = change + least_slope(law, field.take(nodes), radius)
        return result

    def slope(self, field: NDArray) -> NDArray | float:
        """See `Equations`."""
        if self._few is None:
            return super().slope(field)
        (nodes, law), result = self._few, np.zeros(self.lattice)
        result.reshape(-1)[nodes] = law.slope(field.take(nodes))
        return result
