"""How the equations of a field depend on each part of their problem.

At a solution u, F(u, p) = A(p) u + φ(u, p) − s(p) = 0 on the free nodes. A change ṗ of the parts
changes F by F_p ṗ (`Linearisation.change`), and the transpose is λ ↦ −λᵀF_p (`PullBack`). Most
parts act on each node by itself. A diffusivity acts on the faces between two nodes,

    dκ/dD_i = (κ/r_i)²/2/h²,   r = D/h²,

as κ = 2 r_i r_k/(r_i + r_k) (`linear.finite_volumes`).
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.equations import Equations
from diffkeras.physics.linear.finite_volumes import FiniteVolumes, Index
from diffkeras.physics.problem.given_sides import GivenSide
from diffkeras.physics.problem.parts import given_sides, parts_of
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.problem.sides import SIDES, both_sides

NODES_AT_A_TIME = 1 << 14


class Linearisation:
    """F of one problem, with its given sides, at its field as a function of the parts."""

    def __init__(self, equations: Equations, field: NDArray[np.float64]) -> None:
        self.problem = equations.given_problem
        self.equations = equations
        self.field = field

    def change(self, direction: Mapping[str, Any]) -> NDArray[np.float64]:
        """F_p ṗ on the lattice [concentration/time], for ṗ by name; "values" don't act on F."""
        medium, lattice = self.problem.medium, self.problem.lattice
        total = np.zeros(lattice)
        rates = [np.zeros(lattice) for _ in lattice]
        for name, value in direction.items():
            if name == "step":
                for axis, rate in enumerate(rates):
                    rate -= self._rate(axis) * (2 / medium.step * value)
            for axis in self._axes_of(name):
                rates[axis] += np.asarray(value) / medium.step**2
            for index, slope in self._local(name):
                total[index] += slope * _along(value, index, self.problem)
        if any(rate.any() for rate in rates):
            total += self._of_rates(rates).apply(self.field)
        return total

    def _axes_of(self, name: str) -> tuple[int, ...]:
        """The axes along which a part is the diffusivity."""
        if name == "diffusivity":
            return tuple(range(len(self.problem.lattice)))
        return (int(name.rpartition(".")[2]),) if name.startswith("diffusivity.") else ()

    def _local(self, name: str) -> Iterator[tuple[Index, Any]]:
        """Where a part acts on nodes by itself, and dF/dp there."""
        if name == "production":
            yield (), -1.0
        elif name == "decay":
            yield (), self.field
        elif name.startswith("uptake."):
            assert self.problem.uptake is not None
            yield (), self.problem.uptake.partial(name.partition(".")[2], self.field)
        axes = self._axes_of(name)
        for side, given in given_sides(self.problem).items():
            axis, index = _place_of(side, self.problem)
            part = ""
            if name == "step" or axis in axes:
                part = name.partition(".")[0]
            elif name.startswith(f"boundary.{side}."):
                part = name.rpartition(".")[2]
            if part:
                yield index, self._slope_of_side(given, axis, index, part)

    def _slope_of_side(self, side: GivenSide, axis: int, index: Index, part: str) -> NDArray:
        medium = self.problem.medium
        diffusivity = np.broadcast_to(medium.diffusivities[axis], self.problem.lattice)[index]
        decay, production = side.slopes(diffusivity, medium.step)[part]
        return decay * self.field[index] - production

    def _rate(self, axis: int) -> NDArray[np.float64]:
        """D/h² along an axis, on the lattice."""
        medium = self.problem.medium
        rate = np.asarray(medium.diffusivities[axis]) / medium.step**2
        return np.broadcast_to(rate, self.problem.lattice)

    def _walls(self, axis: int) -> Iterator[Index]:
        """The nodes next to absorbing walls at the ends of an axis, whose row sum contains r."""
        name = self.problem.medium.side_kinds[axis]
        for end, side in zip((0, -1), both_sides(name), strict=True):
            if side == "absorbing":
                yield (slice(None),) * axis + (end,)

    def _of_rates(self, rates: list[NDArray[np.float64]]) -> FiniteVolumes:
        """The change of A by the changes of r along each axis."""
        row_sums, couplings = np.zeros(self.problem.lattice), []
        for axis, rate in enumerate(rates):
            share = rate * (self.equations.unit / self._rate(axis)) ** 2
            share += np.roll(share, -1, axis)
            share *= self.equations.volumes.couplings[axis] ** 2 / 2
            couplings.append(share)
            for index in self._walls(axis):
                row_sums[index] += rate[index]
        return FiniteVolumes(tuple(couplings), row_sums)


class PullBack(Linearisation):
    """−λᵀF_p of each part, for one λ, which is 0 on the fixed nodes."""

    def __init__(
        self, equations: Equations, field: NDArray[np.float64], adjoint: NDArray[np.float64]
    ) -> None:
        super().__init__(equations, field)
        self.adjoint = adjoint
        # by the axes of each diffusivity
        self._by_diffusivity: dict[tuple[int, ...], NDArray[np.float64]] = {}
        self._energies: dict[tuple[int, ...], float] = {}

    def of(self, name: str) -> Any:
        """−λᵀF_p, of the part's shape."""
        part = parts_of(self.problem)[name]
        if name == "step":
            energy = sum(map(self._energy, self._groups))
            return self._sum_of_local(name) - 2 / part * energy
        axes = self._axes_of(name)
        if not np.ndim(part):
            # κ is proportional to the diffusivities along its axis
            return (self._energy(axes) / part if axes else 0.0) + self._sum_of_local(name)
        if name.startswith("boundary."):
            ((index, slope),) = self._local(name)
            return -self.adjoint[index] * slope
        if name == "production":
            return self.adjoint
        result: NDArray | None = self._of_diffusivity(axes).copy() if axes else None
        for index, slope in self._local(name):
            if result is None:  # the first one is on all nodes
                result = np.negative(product := self.adjoint * slope, out=product)
            else:
                result[index] -= self.adjoint[index] * slope
        return result

    def _sum_of_local(self, name: str) -> float:
        return -sum(
            float(np.vdot(self.adjoint[index], np.broadcast_to(slope, self.adjoint[index].shape)))
            for index, slope in self._local(name)
        )

    @property
    def _groups(self) -> list[tuple[int, ...]]:
        """The axes that have one diffusivity."""
        axes = range(len(self.problem.lattice))
        each_has_its_own = isinstance(self.problem.medium.diffusivity, tuple)
        return [(axis,) for axis in axes] if each_has_its_own else [tuple(axes)]

    def _energy(self, axes: tuple[int, ...]) -> float:
        """−λᵀ A u of the faces and absorbing walls along axes of one diffusivity."""
        if axes not in self._energies:
            if np.ndim(self.problem.medium.diffusivities[axes[0]]):
                # κ and what is lost at walls are homogeneous functions of D
                diffusivity = self.problem.medium.diffusivities[axes[0]]
                self._energies[axes] = float(np.vdot(self._of_diffusivity(axes), diffusivity))
            else:
                self._energies[axes] = -sum(map(self._energy_along, axes))
        return self._energies[axes]

    def _energy_along(self, axis: int) -> float:
        """The same with the opposite sign, along an axis whose diffusivity is a number."""
        medium = self.problem.medium
        total = sum(float(adjoint @ field) for _, adjoint, field in self._differences(axis))
        if medium.side_kinds[axis] == "periodic":
            total += float(self._around(axis).sum())
        for index in self._walls(axis):
            total += float((self.adjoint[index] * self.field[index]).sum())
        return float(medium.diffusivities[axis]) / medium.step**2 * total

    def _around(self, axis: int) -> NDArray[np.float64]:
        """(λ_i − λ_k)(u_i − u_k) of the last nodes i and the first ones k of a periodic axis."""
        first, last = ((slice(None),) * axis + (end,) for end in (0, -1))
        result = self.adjoint[last] - self.adjoint[first]
        result *= self.field[last] - self.field[first]
        return result

    def _differences(self, axis: int) -> Iterator[tuple[int, NDArray, NDArray]]:
        """λ_i − λ_k and u_i − u_k of nodes i and the next ones k along an axis.

        Nodes are in row-major order: some, which stay in the cache, from a node's number on. The
        difference of λ is 0 where no next one is.
        """
        lattice = self.problem.lattice
        row, stride = math.prod(lattice[1:]), math.prod(lattice[axis + 1 :])
        adjoint, field = self.adjoint.ravel(), self.field.ravel()
        most = max(1, NODES_AT_A_TIME // row) * row
        for start in range(0, field.size, most):
            nodes = slice(start, min(start + most, field.size - stride))
            nexts = slice(start + stride, nodes.stop + stride)
            of_adjoint = np.zeros(min(most, field.size - start))
            count = nodes.stop - start
            np.subtract(adjoint[nodes], adjoint[nexts], out=of_adjoint[:count])
            if axis:
                of_adjoint.reshape(-1, lattice[axis], stride)[:, -1] = 0.0
            yield start, of_adjoint[:count], field[nodes] - field[nexts]

    def _of_diffusivity(self, axes: tuple[int, ...]) -> NDArray[np.float64]:
        """−λᵀF_D for a D on the lattice along some axes, without given sides."""
        if axes not in self._by_diffusivity:
            medium, result = self.problem.medium, np.zeros(self.problem.lattice)
            for axis in axes:
                self._add_faces(axis, result)
            diffusivity = medium.diffusivities[axes[0]]
            result /= diffusivity
            result /= diffusivity
            result *= -((self.equations.unit * medium.step) ** 2) / 2
            for axis in axes:
                for index in self._walls(axis):
                    result[index] -= self.adjoint[index] * self.field[index] / medium.step**2
            self._by_diffusivity[axes] = result
        return self._by_diffusivity[axes]

    def _add_faces(self, axis: int, result: NDArray[np.float64]) -> None:
        """Add κ² (λ_i − λ_k)(u_i − u_k) of each face along an axis to both of its nodes."""
        coupling = self.equations.volumes.couplings[axis]
        if self.problem.medium.side_kinds[axis] == "periodic":
            first, last = ((slice(None),) * axis + (end,) for end in (0, -1))
            faces = self._around(axis) * coupling[last] ** 2
            result[last] += faces
            result[first] += faces
        stride = math.prod(self.problem.lattice[axis + 1 :])
        couplings, total = coupling.ravel(), result.ravel()
        for start, faces, others in self._differences(axis):
            stop = start + faces.size
            faces *= others
            faces *= couplings[start:stop]
            faces *= couplings[start:stop]
            total[start:stop] += faces
            total[start + stride : stop + stride] += faces


def _place_of(side: str, problem: Problem) -> tuple[int, Index]:
    """The axis of a side, and the index of the nodes next to it."""
    dimensions = len(problem.lattice)
    for axis, names in enumerate(SIDES[-dimensions:]):
        if side in names:
            return axis, (slice(None),) * axis + ((0, -1)[names.index(side)],)
    raise AssertionError(side)


def _along(value: Any, index: Index, problem: Problem) -> Any:
    """A part's direction on the nodes of an index, which a side's part has already."""
    return value[index] if np.shape(value) == problem.lattice else value
