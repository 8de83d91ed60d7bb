"""How the equations of a field depend on each part of their problem.

At a solution u, F(u, p) = A(p) u + φ(u, p) − s(p) = 0 on the free nodes. A change ṗ of the parts
changes F by F_p ṗ, which `change` gives; `pull_back` is the transpose, λ ↦ −λᵀF_p. Most parts act
on each node by itself. A diffusivity acts on the faces between two nodes,

    dκ/dD_i = (κ/r_i)²/2/h²,   r = D/h²,

as κ = 2 r_i r_k/(r_i + r_k) (`equations.finite_volumes`).
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.equations.axis import both_sides
from diffkeras.physics.equations.finite_volumes import FiniteVolumes, finite_volumes
from diffkeras.physics.problem.parts import given_sides, parts_of
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.problem.sides import SIDES, GivenSide

Index = tuple[Any, ...]


class Linearisation:
    """F of one problem at its field, as a function of the parts.

    Attributes:
        problem: of one image, with its given sides.
        field: u, float64, with the values of the fixed nodes.
    """

    def __init__(self, problem: Problem, field: NDArray[np.float64]) -> None:
        self.problem = problem
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

    def pull_back(self, name: str, adjoint: NDArray[np.float64]) -> Any:
        """−λᵀF_p of a part, of its shape, for λ that is 0 on the fixed nodes."""
        part = parts_of(self.problem)[name]
        step = self.problem.medium.step
        if name == "step":
            total = sum(
                float((self._rate(axis) * self._pull_back_rate(axis, adjoint)).sum())
                for axis in range(len(self.problem.lattice))
            )
            return total * -2 / step + sum(
                -float((adjoint[index] * slope).sum()) for index, slope in self._local(name)
            )
        is_side = name.startswith("boundary.")
        result: Any = np.zeros(np.shape(part) if is_side else self.problem.lattice)
        for axis in self._axes_of(name):
            result += self._pull_back_rate(axis, adjoint) / step**2
        for index, slope in self._local(name):
            if is_side:
                result -= _sum_to(adjoint[index] * slope, result.shape)
            else:
                result[index] -= adjoint[index] * slope
        return result if np.ndim(part) else float(result.sum())

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

    @cached_property
    def volumes(self) -> FiniteVolumes:
        """A [1/time]."""
        return finite_volumes(self.problem.lattice, self.problem.homogeneous.medium)

    def _shares(self, axis: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """dκ/dr of a face's node and of the next one."""
        rate, coupling = self._rate(axis), self.volumes.couplings[axis]
        return (coupling / rate) ** 2 / 2, (coupling / np.roll(rate, -1, axis)) ** 2 / 2

    def _walls(self, axis: int) -> Iterator[Index]:
        """The nodes next to absorbing walls at the ends of an axis, whose drain contains r."""
        name = self.problem.medium.boundaries[axis]
        for end, side in zip((0, -1), both_sides(name), strict=True):
            if side == "absorbing":
                yield (slice(None),) * axis + (end,)

    def _of_rates(self, rates: list[NDArray[np.float64]]) -> FiniteVolumes:
        """The change of A by those of r along each axis."""
        drain, couplings = np.zeros(self.problem.lattice), []
        for axis, rate in enumerate(rates):
            own, other = self._shares(axis)
            couplings.append(own * rate + other * np.roll(rate, -1, axis))
            for index in self._walls(axis):
                drain[index] += rate[index]
        return FiniteVolumes(tuple(couplings), drain)

    def _pull_back_rate(self, axis: int, adjoint: NDArray[np.float64]) -> NDArray[np.float64]:
        """−λᵀF_r for r along an axis, on the lattice."""
        own, other = self._shares(axis)
        faces = adjoint - np.roll(adjoint, -1, axis)
        faces *= np.roll(self.field, -1, axis) - self.field
        own *= faces
        other *= faces
        own += np.roll(other, 1, axis)
        for index in self._walls(axis):
            own[index] -= adjoint[index] * self.field[index]
        return own


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


def _sum_to(values: NDArray, shape: tuple[int, ...]) -> Any:
    return values if values.shape == shape else values.sum()
