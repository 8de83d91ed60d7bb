"""Saturating uptake by Newton's method with sparse factorisations, assembled in the obvious way."""

from dataclasses import replace
from typing import Unpack

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg
from numpy.typing import NDArray

from diffkeras.physics import FixedValue, Robin
from diffkeras.physics.equations.finite_volumes import finite_volumes
from diffkeras.physics.problem.keywords import MediumKeywords, as_medium
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.problem.sides import both_sides
from diffkeras.physics.problem.uptake import SaturatingUptake


def solve_saturating_reference(
    source_image: NDArray | None = None,
    *,
    uptake: SaturatingUptake,
    medium: Medium | None = None,
    fixed: NDArray[np.bool_] | None = None,
    production: NDArray | None = None,
    start: NDArray | None = None,
    **parts: Unpack[MediumKeywords],
) -> NDArray[np.float64]:
    """The steady state, (rows, columns), from any start; steps are halved until F falls."""
    medium = as_medium(medium, parts)
    lattice = np.shape(production if source_image is None else source_image)
    supply, drain = _of_walls(lattice, medium)
    production = supply + (0.0 if production is None else production)
    medium = replace(medium, boundary=medium.boundaries, decay=medium.decay + drain)
    problem = Problem(
        source_image, medium=medium, fixed=fixed, production=production, uptake=uptake
    )
    free = ~problem.fixed
    volumes = finite_volumes(problem.lattice, problem.medium)
    matrix, supply = volumes.free_system(problem.values, problem.fixed)
    if problem.production is not None:
        supply = supply + problem.production[free]

    def of(values: NDArray, function: str) -> NDArray:
        field = problem.values.copy()
        field[free] = values
        return np.broadcast_to(getattr(uptake, function)(field), field.shape)[free]

    u = np.zeros(int(free.sum())) if start is None else start[free].astype(np.float64)
    if not u.size:
        return problem.values
    missed = matrix @ u + of(u, "rate") - supply
    for _ in range(500):
        jacobian = (matrix + sp.diags_array(of(u, "slope"))).tocsc()
        move = scipy.sparse.linalg.spsolve(jacobian, -missed)
        share = 1.0
        while True:
            new = u + share * move
            new_missed = matrix @ new + of(new, "rate") - supply
            if share < 1e-6 or np.linalg.norm(new_missed) <= np.linalg.norm(missed):
                break
            share /= 2
        stopped = abs(new - u).max() <= 1e-15 * abs(new).max()
        u, missed = new, new_missed
        if stopped:
            break
    field = problem.values.copy()
    field[free] = u
    return field


def _of_walls(
    lattice: tuple[int, ...], medium: Medium
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What given values, fluxes and exchanges of sides supply to each node, and drain from it."""
    supply, drain = np.zeros(lattice), np.zeros(lattice)
    for axis, entry in enumerate(medium.sides):
        diffusivity = np.broadcast_to(medium.diffusivities[axis], lattice)
        for end, side in zip((0, lattice[axis] - 1), both_sides(entry), strict=True):
            if isinstance(side, str):
                continue
            along_side = lattice[:axis] + lattice[axis + 1 :]
            for along in np.ndindex(along_side):
                numbers = [
                    float(np.broadcast_to(n, along_side)[along]) for n in vars(side).values()
                ]
                node = (*along[:axis], end, *along[axis:])
                rate = diffusivity[node] / medium.step**2
                if isinstance(side, FixedValue):
                    supply[node] += rate * numbers[0]
                elif isinstance(side, Robin):
                    alpha, outside = numbers
                    # half a step of diffusion and the exchange, in series
                    alpha /= medium.step
                    alpha = alpha * 2 * rate / (alpha + 2 * rate)
                    drain[node] += alpha
                    supply[node] += alpha * outside
                else:
                    supply[node] += numbers[0] / medium.step
    return supply, drain
