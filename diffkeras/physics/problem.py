"""A problem: a source image, its fixed nodes, production, uptake and a medium, checked once."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import largest, real_array
from diffkeras.physics.medium import Medium
from diffkeras.physics.node_values import LARGEST, PLANE, SHAPES, SLOWEST, SMALLEST, SPACE
from diffkeras.physics.operators.axis import Axis, lattice_axes
from diffkeras.physics.operators.ring import Ring, find_ring
from diffkeras.physics.operators.spectral import SpectralOperator, spectral_operator
from diffkeras.physics.operators.wall_production import wall_production
from diffkeras.physics.sources.discs import Sources
from diffkeras.physics.uptake.checks import check_capacity, check_uptake
from diffkeras.physics.uptake.saturating import SaturatingUptake

LARGEST_FIELD = LARGEST / SLOWEST  # that the largest production has with the slowest decay
BALANCED = 1e-12  # a net production that is a smaller share of the sum of all |productions| is 0


@dataclass(frozen=True, eq=False)
class Problem:
    """Find u with ∇·(D∇u) − γu + s = 0 on the free nodes and u = `values` on the fixed ones.

    Attributes:
        medium: D, γ, h and the boundaries, without given values and fluxes of sides.
        values: on the lattice, (rows, columns) or (planes, rows, columns); read on the fixed nodes
            only.
        fixed: the fixed nodes, of that shape.
        production: s, of that shape [concentration/time], with that of sides (`boundaries`); 0 on
            the fixed nodes, None if it is 0 on all nodes.
        uptake: φ, where cells take up in a saturating way: −φ(u) stands on the left, too.
    """

    medium: Medium
    values: NDArray[np.float64]
    fixed: NDArray[np.bool_]
    production: NDArray[np.float64] | None = None
    uptake: SaturatingUptake | None = None

    @classmethod
    def check(
        cls,
        source_image: Any,
        medium: Medium,
        fixed: NDArray[np.bool_] | None = None,
        production: Any = None,
        uptake: SaturatingUptake | None = None,
    ) -> "Problem":
        """The problem of an image or `Sources`; by default its nodes with values ≠ 0 are fixed.

        Without an image, which a production then stands in for, no node is fixed.
        """
        if isinstance(production, Sources):
            raise PhysicsError(
                "a production is an array of rates, not Sources; multiply their image() by a rate"
            )
        if production is not None:
            production = _check_image("the production", production, medium.dimensions)
        if source_image is None:
            if production is None or fixed is not None:
                raise PhysicsError(
                    "there is no source image: give one, which holds the values of fixed nodes, "
                    "or a production without fixed nodes"
                )
            # a view of one number, as filling an array would take time
            values = np.broadcast_to(0.0, production.shape)
            mask = np.zeros(production.shape, dtype=bool)
        else:
            values, mask = _check_values(source_image, fixed, medium.dimensions)
        if medium.lattice not in (None, values.shape):
            given = "production" if source_image is None else "source image"
            raise PhysicsError(
                f"the medium has arrays of shape {medium.lattice}, the {given} {values.shape}"
            )
        production, medium = _with_walls(production, medium, values.shape)
        if production is not None:
            production = _check_production(production, mask, medium)
        if uptake is not None:
            uptake = check_uptake(uptake, mask, medium)
        if medium.is_closed and not np.any(medium.decay) and not mask.any():
            if uptake is not None:
                check_capacity(uptake, production, values.shape)
                return cls(medium, values, mask, production, uptake)
            _check_balance(production)
            raise PhysicsError(
                "no node is fixed, and with decay 0 and no absorbing boundary every constant "
                "solves the problem: fix a node, or give decay, uptake or an absorbing boundary"
            )
        return cls(medium, values, mask, production, uptake)

    def check_field(self, name: str, field: Any, beside: str) -> NDArray[np.float64]:
        """A field of this problem, of finite numbers; `beside` has its shape."""
        values = real_array(f"the {name}", field)
        if values.shape != self.lattice:
            raise PhysicsError(f"the {name} has shape {values.shape}, the {beside} {self.lattice}")
        check_finite(f"the {name}", values)
        size = largest(values)
        if size > LARGEST_FIELD:
            raise PhysicsError(
                f"the {name} holds {size:.3g}, more than {LARGEST_FIELD:g}: choose other units"
            )
        return values

    @property
    def lattice(self) -> tuple[int, ...]:
        """(rows, columns) or (planes, rows, columns)."""
        return self.values.shape

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The lattice's axes with their boundaries."""
        return lattice_axes(self.lattice, self.medium.boundaries)

    @cached_property
    def ring(self) -> Ring:
        """The fixed nodes that have a free neighbour: no other value plays a part."""
        return find_ring(self.fixed, self.axes)

    @cached_property
    def scale(self) -> float:
        """What solvers divide the field by; 0 if the field is 0.

        Without production it is the largest |value| on the ring, to which tolerances are relative.
        With production, the field's largest |value| is not known before; the scale is 1. It is also
        1 with saturating uptake, which is not linear.
        """
        if self.production is not None:
            return 1.0
        size = largest(self.values[self.ring.nodes])
        return 1.0 if size and self.uptake else size

    @cached_property
    def ring_values(self) -> NDArray[np.float64]:
        """The ring's values divided by `scale`, (m,)."""
        return self.values[self.ring.nodes] / (self.scale or 1.0)

    @cached_property
    def supply(self) -> NDArray[np.float64] | None:
        """A u on the free nodes: the production in the units of the normalised medium."""
        unit = self.medium.unit
        return self.production if self.production is None or unit == 1 else self.production / unit

    @cached_property
    def largest_supply(self) -> float:
        """The largest |value| of `supply`, 0 without production."""
        return 0.0 if self.supply is None else largest(self.supply)

    @cached_property
    def operator(self) -> SpectralOperator:
        """A of the normalised medium, which must be uniform."""
        return spectral_operator(self.lattice, self.medium.normalised())


class SparseProblem(NamedTuple):
    """A problem, kept without its lattice and apart from the arrays that it was made of.

    Attributes:
        medium, production: those of the problem.
        lattice: its shape.
        nodes: (f,), the flat numbers of the fixed nodes.
        values: (f,), their values.
    """

    medium: Medium
    lattice: tuple[int, ...]
    nodes: NDArray[np.intp]
    values: NDArray[np.float64]
    production: NDArray[np.float64] | None

    @classmethod
    def of(cls, problem: Problem) -> "SparseProblem":
        """Of a problem without saturating uptake."""
        nodes, production = np.flatnonzero(problem.fixed), problem.production
        values = problem.values.ravel()[nodes]
        copied = production if production is None else production.copy()
        return cls(problem.medium, problem.lattice, nodes, values, copied)

    def whole(self) -> Problem:
        """The problem."""
        values, fixed = np.zeros(self.lattice), np.zeros(self.lattice, dtype=bool)
        values.ravel()[self.nodes] = self.values
        fixed.ravel()[self.nodes] = True
        return Problem(self.medium, values, fixed, self.production)


def check_finite(what: str, values: NDArray[np.float64]) -> None:
    """Raise a PhysicsError that names the first value that is not finite."""
    if not np.isfinite(values).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise PhysicsError(f"{what} holds {values[bad]} at node {bad}")


def _check_image(what: str, array: Any, dimensions: int) -> NDArray[np.float64]:
    values = real_array(what, array)
    if values.ndim != dimensions or values.size == 0:
        kind = what.replace("the", "a", 1)
        where = "" if dimensions == PLANE else " in 3 dimensions"
        hint = "; for a lattice of three axes give dimensions=3" if values.ndim == SPACE else ""
        if values.ndim > SPACE:
            hint = "; a batch has shape (batch, rows, columns), without an axis of channels"
        raise PhysicsError(
            f"{kind}{where} has shape {SHAPES[dimensions]} with at least one node, not "
            f"{values.shape}{hint if dimensions == PLANE else ''}"
        )
    return values


def _check_values(
    source_image: Any, fixed: Any, dimensions: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The values of fixed nodes, and which nodes are fixed."""
    if isinstance(source_image, Sources):
        source_image = source_image.image(dtype=np.float64)
    values = _check_image("the source image", source_image, dimensions)
    check_finite("the source image", values)
    if fixed is None:
        mask = values != 0
    else:
        given = real_array("the fixed mask", fixed)
        check_finite("the fixed mask", given)
        mask = given != 0
    if mask.shape != values.shape:
        raise PhysicsError(
            f"the fixed mask has shape {mask.shape}, the source image {values.shape}"
        )
    held = values if fixed is None else values[mask]  # the other values are 0 by default
    size = largest(held)
    if size and not SMALLEST <= size <= LARGEST:
        raise PhysicsError(
            f"the largest |value| of a fixed node is {size:.3g}; it must be 0 or "
            f"{SMALLEST:g} to {LARGEST:g}: choose other units"
        )
    return values, mask


def _with_walls(
    production: NDArray[np.float64] | None, medium: Medium, lattice: tuple[int, ...]
) -> tuple[NDArray[np.float64] | None, Medium]:
    """The production with that of given values and fluxes of sides, and the medium without them."""
    walls = wall_production(medium.sides, medium.diffusivities, medium.step, lattice)
    if walls is None:
        return production, medium
    medium = replace(medium, boundary=medium.boundaries)
    if production is None:
        return walls, medium
    if production.shape == lattice:  # another shape is named later
        production = production + walls
    return production, medium


def _check_production(
    production: NDArray[np.float64], fixed: NDArray[np.bool_], medium: Medium
) -> NDArray[np.float64] | None:
    """The production on the free nodes, 0 on the others, or None if it is 0."""
    if production.shape != fixed.shape:
        raise PhysicsError(
            f"the production has shape {production.shape}, the source image {fixed.shape}"
        )
    size = largest(production)
    if not math.isfinite(size):
        check_finite("the production", production)
    if fixed.any():
        production = np.where(fixed, 0.0, production)
        size = largest(production)
    if not size:
        return None
    step = size / medium.unit
    if not SMALLEST <= step <= LARGEST:
        raise PhysicsError(
            f"the largest |production| is {size:.3g} (sides included), and about {step:.3g} in the "
            "time h²/D in which the field diffuses over one lattice step; that must be 0 or "
            f"{SMALLEST:g} to {LARGEST:g}: choose other units"
        )
    return production


def _check_balance(production: NDArray[np.float64] | None) -> None:
    """Raise an error for a net production where nothing decays, leaves or is fixed."""
    if production is None:
        return
    net = math.fsum(production.ravel().tolist())
    if abs(net) > BALANCED * float(np.abs(production).sum()):
        raise PhysicsError(
            f"there is no steady state: the productions of all nodes sum to {net:.6g} (sides "
            "included), and with decay 0, no absorbing boundary and no fixed node nothing takes "
            "that away; give decay, uptake, an absorbing boundary or a fixed node"
        )
