"""The exact solver: one call from a source image to the steady-state field."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.medium import BoundarySpec, Medium
from diffkeras.physics.ring import find_ring, solve_ring
from diffkeras.physics.spectral import spectral_operator


@dataclass(frozen=True)
class SolveStatistics:
    """How a field was solved.

    Attributes:
        method: what solved it.
        ring_nodes: size of the ring system.
    """

    method: str
    ring_nodes: int


@dataclass(frozen=True)
class Solution:
    """A solved field with its statistics.

    Attributes:
        field: (rows, columns), float64; equal to the source image on the fixed nodes.
        stats: how it was solved.
    """

    field: NDArray[np.float64]
    stats: SolveStatistics


def solve(
    source_image: NDArray,
    *,
    diffusivity: float | tuple[float, float] = 1.0,
    decay: float = 1 / 400,
    step: float = 1.0,
    boundary: BoundarySpec = "absorbing",
    fixed: NDArray[np.bool_] | None = None,
) -> Solution:
    """The steady state of D∇²u − γu = 0 on the free nodes, u = source image on the fixed ones.

    Equal to `scipy.sparse.linalg.spsolve` on the five-point equations of the free nodes to
    rounding, but made of a Green's function table, a dense system on the sources' rims and one pair
    of fast transforms (`ring`, `spectral`).

    Args:
        source_image: (rows, columns), the values of the fixed nodes.
        diffusivity: D > 0 [length²/time]; a pair where it differs along the two axes.
        decay: γ ≥ 0 [1/time].
        step: lattice step h > 0 [length].
        boundary: absorbing, reflecting or periodic; a pair where it differs between the axes.
        fixed: (rows, columns), which nodes are fixed; by default those whose value is not 0.

    Raises:
        PhysicsError: not a two-dimensional finite image, a medium out of its range, or a problem
            without a unique solution.

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> image = np.zeros((64, 64))
        >>> image[30:34, 30:34] = 1.0
        >>> field = dk.solve(image).field
        >>> bool(field[29, 32] < 1.0)
        True
    """
    return solve_in(Medium(diffusivity, decay, step, boundary), source_image, fixed=fixed)


def solve_in(
    medium: Medium, source_image: NDArray, *, fixed: NDArray[np.bool_] | None = None
) -> Solution:
    """`solve` for a medium that is at hand."""
    values, fixed = check_problem(source_image, fixed)
    operator = spectral_operator(values.shape, medium)
    if operator.singular and not fixed.any():
        raise PhysicsError(
            "no node is fixed, and with decay 0 and no absorbing boundary every constant solves the "
            "problem: fix a node, or give a positive decay or an absorbing boundary"
        )
    ring = find_ring(fixed, operator.axes)
    stats = SolveStatistics(method="ring", ring_nodes=ring.size)
    if ring.size == 0:
        return Solution(np.where(fixed, values, 0.0), stats)
    nodes = (ring.rows, ring.columns)
    density = np.zeros(values.shape)
    density[nodes], constant = solve_ring(operator, ring, values[nodes])
    field = operator.inverse(density)
    if constant:
        field += constant
    np.copyto(field, values, where=fixed)
    return Solution(field, stats)


def check_problem(
    source_image: NDArray, fixed: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The source image in float64 and the fixed mask, or the reason why they are none.

    Raises:
        PhysicsError: see `solve`.
    """
    values = np.asarray(source_image, dtype=np.float64)
    if values.ndim != 2 or values.size == 0:
        raise PhysicsError(
            f"a source image has shape (rows, columns) with at least one node, not {values.shape}"
        )
    if not np.isfinite(values).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise PhysicsError(f"the source image holds {values[bad]} at node {bad}")
    if fixed is None:
        return values, values != 0
    fixed = np.asarray(fixed, dtype=bool)
    if fixed.shape != values.shape:
        raise PhysicsError(
            f"the fixed mask has shape {fixed.shape}, the source image {values.shape}"
        )
    return values, fixed
