"""Ring densities: a field in a few kB, to be stored with its source image.

A field outside its sources is that of point sources on their rims (`solvers.ring_field`). Source
image and densities give the field by one pair of transforms, without a solve.
"""

from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.medium import Medium, MediumParts, as_medium, names_parts
from diffkeras.physics.operators.blas_threads import blas_threads
from diffkeras.physics.problem import Problem
from diffkeras.physics.solvers.cost import dense_ring, ring_iteration
from diffkeras.physics.solvers.ring import DenseRing
from diffkeras.physics.solvers.ring_cg import RingIteration
from diffkeras.physics.solvers.ring_field import CORRECTIONS, RingSystem


@names_parts
@blas_threads()
def ring_densities(
    source_image: NDArray,
    *,
    medium: Medium | None = None,
    tolerance: float = 1e-10,
    **parts: Unpack[MediumParts],
) -> NDArray[np.float64]:
    """The densities on the ring of a source image, without its field.

    Args:
        source_image: (rows, columns); a node is fixed if its value is not 0.
        medium: a uniform medium; by default `Medium()`.
        tolerance: largest error of the field that they give, relative to the largest |value|.
        **parts: diffusivity, decay (1/400 unless given), step and boundary of `Medium`, in place
            of `medium`.

    Returns:
        (m,) in the order of `operators.ring.find_ring`: row by row [concentration/time]. Where no
        axis absorbs, they give the field up to a constant, which follows from the ring's values.

    Raises:
        PhysicsError: not a finite image of the medium's dimensions.
        ConvergenceError: the tolerance was not met.
    """
    medium = as_medium(medium, parts)
    medium.require_uniform("ring_densities")
    medium.require_homogeneous("ring_densities")
    problem = Problem.check(source_image, medium)
    operator, ring, targets = problem.operator, problem.ring, problem.ring_values
    densities, constant = np.zeros(ring.size), 0.0
    if not problem.scale:
        return densities
    system: RingSystem
    if dense_ring(ring.size) < ring_iteration(ring.size, problem.values.size):
        system = DenseRing(operator, ring)
    else:
        system = RingIteration(operator, ring)
    mismatch = targets
    for _ in range(1 + CORRECTIONS):
        correction, shift = system.solve(mismatch, tolerance / 4)
        densities += correction
        constant += shift
        # by the maximum principle the field is nowhere further off than on the ring
        mismatch = targets - operator.product(ring.nodes, densities) - constant
        if np.abs(mismatch).max() <= tolerance:
            return problem.scale * problem.medium.unit * densities
    raise ConvergenceError(
        f"the densities of {ring.size} ring nodes reached a residual of "
        f"{np.abs(mismatch).max():.1e} instead of {tolerance:.1e}: choose dense storage"
    )
