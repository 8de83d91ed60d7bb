"""The equations of a medium that varies from node to node, by finite volumes.

Where D and γ are fields, the steady state of ∇·(D∇u) − γu = 0 is discretised by finite volumes:
across the face between two neighbours flows κ (u_i − u_k), with the harmonic mean of their
diffusivities

    κ = 2 D_i D_k / (D_i + D_k) / h²,

which is the exact flux between two half cells in series (Patankar 1980, §4.2-3). At an absorbing
wall the ghost node has the wall node's own D; through a reflecting wall nothing flows; on a
periodic axis the last node and the first are neighbours. Constant D and γ give the equations of
`spectral`.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.medium import Medium


@dataclass(frozen=True)
class FiniteVolumes:
    """The equations A u = b of the f free nodes, row by row, all divided by `unit`.

    Attributes:
        matrix: A, (f, f).
        right_hand_side: b, (f,).
        drain: (f,), A's row sums, of decay, absorbing walls and fixed neighbours: they are known
            better than from A, whose diagonal was rounded.
        unit: a power of 2 [1/time], by which the largest D/h² comes close to 1.
    """

    matrix: sp.csr_array
    right_hand_side: NDArray[np.float64]
    drain: NDArray[np.float64]
    unit: float


def finite_volume_system(
    values: NDArray[np.float64], fixed: NDArray[np.bool_], medium: Medium
) -> FiniteVolumes:
    """The equations of the free nodes.

    Raises:
        PhysicsError: a medium of another shape than the values, or no unique solution.
    """
    lattice = values.shape
    if medium.lattice not in (None, lattice):
        raise PhysicsError(
            f"the medium has arrays of shape {medium.lattice}, the source image {lattice}"
        )
    step, boundaries = medium.step, medium.boundaries
    diffusivities = [np.broadcast_to(part, lattice) for part in medium.diffusivities]
    decays = np.broadcast_to(medium.decay, lattice)
    if not fixed.any() and not decays.any() and "absorbing" not in boundaries:
        raise PhysicsError(
            "no node is fixed, and with decay 0 and no absorbing boundary every constant solves "
            "the problem: fix a node, or give a positive decay or an absorbing boundary"
        )

    # in units in which neither D/h² nor γ over- or underflows
    rate = max(float(field.max()) for field in diffusivities)
    unit = _power_of_two(rate) / _power_of_two(step) ** 2
    diffusivities = [field / _power_of_two(rate) for field in diffusivities]
    decays, step = decays / unit, step / _power_of_two(step)
    if not np.isfinite(decays).all():
        raise PhysicsError(
            f"decay {decays.max() * unit:g} and diffusivity {rate:g} differ too much for a lattice "
            f"step of {step:g}; choose other units"
        )

    numbers = np.arange(values.size).reshape(lattice)
    drain = decays.copy()
    starts, ends, couplings = [], [], []
    for axis, (field, name) in enumerate(zip(diffusivities, boundaries, strict=True)):
        here, after = (numbers.take(range(k, lattice[axis] - 1 + k), axis) for k in (0, 1))
        if name == "periodic" and lattice[axis] > 1:
            last, first = numbers.take([-1], axis), numbers.take([0], axis)
            here, after = np.append(here, last, axis), np.append(after, first, axis)
        one, other = field.ravel()[here], field.ravel()[after]
        # the smaller one over the sum: D₁D₂ would overflow or underflow for extreme media
        low, high = np.minimum(one, other), np.maximum(one, other)
        coupling = 2 * low / (1 + low / high) / step**2
        starts += [here.ravel(), after.ravel()]
        ends += [after.ravel(), here.ravel()]
        couplings += [coupling.ravel()] * 2
        if name == "absorbing":
            for edge in (0, -1):
                wall = np.moveaxis(drain, axis, 0)
                wall[edge] += np.moveaxis(field, axis, 0)[edge] / step**2
    start, end = np.concatenate(starts), np.concatenate(ends)
    coupling = np.concatenate(couplings)
    diagonal = drain + np.bincount(start, coupling, values.size).reshape(lattice)

    free = ~fixed.ravel()
    place = np.cumsum(free) - 1
    inner = free[start] & free[end]
    rim = free[start] & ~free[end]
    count = int(free.sum())
    off_diagonal = sp.coo_array(
        (-coupling[inner], (place[start[inner]], place[end[inner]])), shape=(count, count)
    )
    matrix = (off_diagonal + sp.diags_array(diagonal.ravel()[free])).tocsr()
    inflow = coupling[rim] * values.ravel()[end[rim]]
    right_hand_side = np.bincount(place[start[rim]], inflow, count).astype(np.float64)
    drain_of_free = drain.ravel()[free] + np.bincount(place[start[rim]], coupling[rim], count)
    return FiniteVolumes(matrix, right_hand_side, drain_of_free, unit)


def _power_of_two(value: float) -> float:
    return math.ldexp(1.0, math.frexp(value)[1] - 1)
