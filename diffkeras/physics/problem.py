"""A problem: a source image, its fixed nodes and a medium, checked once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import real_array
from diffkeras.physics.medium import LARGEST, SMALLEST, Medium
from diffkeras.physics.operators.axis import Axis, lattice_axes
from diffkeras.physics.operators.ring import Ring, find_ring
from diffkeras.physics.operators.spectral import SpectralOperator, spectral_operator
from diffkeras.physics.sources.discs import Sources


@dataclass(frozen=True, eq=False)
class Problem:
    """Find u with ∇·(D∇u) − γu = 0 on the free nodes and u = `values` on the fixed ones.

    Attributes:
        medium: D, γ, h and the boundaries.
        values: (rows, columns), read on the fixed nodes only.
        fixed: (rows, columns), the fixed nodes.
    """

    medium: Medium
    values: NDArray[np.float64]
    fixed: NDArray[np.bool_]

    @classmethod
    def check(
        cls, source_image: Any, medium: Medium, fixed: NDArray[np.bool_] | None = None
    ) -> "Problem":
        """The problem of an image or `Sources`; by default its nodes with values ≠ 0 are fixed."""
        if isinstance(source_image, Sources):
            source_image = source_image.image(dtype=np.float64)
        values = real_array("the source image", source_image)
        if values.ndim != 2 or values.size == 0:
            raise PhysicsError(
                "a source image has shape (rows, columns) with at least one node, not "
                f"{values.shape}"
            )
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
        if medium.lattice not in (None, values.shape):
            raise PhysicsError(
                f"the medium has arrays of shape {medium.lattice}, the source image {values.shape}"
            )
        closed = "absorbing" not in medium.boundaries
        if closed and not np.any(medium.decay) and not mask.any():
            raise PhysicsError(
                "no node is fixed, and with decay 0 and no absorbing boundary every constant "
                "solves the problem: fix a node, or give a positive decay or an absorbing boundary"
            )
        held = values if fixed is None else values[mask]  # the other values are 0 by default
        largest = max(float(held.max(initial=0.0)), -float(held.min(initial=0.0)))
        if largest and not SMALLEST <= largest <= LARGEST:
            raise PhysicsError(
                f"the largest |value| of a fixed node is {largest:.3g}; it must be 0 or "
                f"{SMALLEST:g} to {LARGEST:g}: choose other units"
            )
        return cls(medium, values, mask)

    @property
    def lattice(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.values.shape

    @cached_property
    def axes(self) -> tuple[Axis, Axis]:
        """The lattice's axes with their boundaries."""
        return lattice_axes(self.lattice, self.medium.boundaries)

    @cached_property
    def ring(self) -> Ring:
        """The fixed nodes that have a free neighbour: no other value plays a part."""
        return find_ring(self.fixed, self.axes)

    @cached_property
    def scale(self) -> float:
        """The largest |value| on the ring, to which tolerances are relative; 0 without a ring."""
        return float(np.abs(self.values[self.ring.nodes]).max(initial=0.0))

    @cached_property
    def ring_values(self) -> NDArray[np.float64]:
        """The ring's values divided by `scale`, (m,)."""
        return self.values[self.ring.nodes] / (self.scale or 1.0)

    @cached_property
    def operator(self) -> SpectralOperator:
        """A of the normalised medium, which must be uniform."""
        return spectral_operator(self.lattice, self.medium.normalised())


def check_finite(what: str, values: NDArray[np.float64]) -> None:
    """Raise a PhysicsError that names the first value that is not finite."""
    if not np.isfinite(values).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise PhysicsError(f"{what} holds {values[bad]} at node {bad}")
