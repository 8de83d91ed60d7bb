"""Ring densities: all of a field that its source image doesn't tell, in a few kB.

A field outside its sources is that of point sources on their rims (`ring`), so whoever has the
source image and these densities gets the field by one pair of transforms, without a solve.
"""

from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.medium import Medium, MediumParts, as_medium
from diffkeras.physics.operators.spectral import spectral_operator
from diffkeras.physics.problem import check_problem
from diffkeras.physics.solvers.ring import find_ring, solve_ring
from diffkeras.physics.solvers.ring_cg import RingIteration
from diffkeras.physics.steady_state import CORRECTIONS, dense_is_faster


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
        **parts: diffusivity, decay, step and boundary of `Medium`, in place of `medium`.

    Returns:
        (m,) in the order of `find_ring`: row by row [concentration/time]. Where no axis absorbs,
        they give the field up to a constant, which the values on the ring tell.

    Raises:
        PhysicsError: not a two-dimensional finite image.
        ConvergenceError: the tolerance was not met.
    """
    medium = as_medium(medium, parts)
    medium.require_uniform("ring_densities")
    values, fixed = check_problem(source_image, None)
    operator = spectral_operator(values.shape, medium)
    ring = find_ring(fixed, operator.axes)
    densities, constant = np.zeros(ring.size), 0.0
    targets = values[ring.nodes]
    scale = float(np.abs(targets).max(initial=0.0))
    if scale == 0.0:
        return densities
    targets /= scale
    dense = dense_is_faster(ring.size, operator)
    iteration = None if dense else RingIteration(operator, ring, None)
    mismatch = targets
    for _ in range(1 + CORRECTIONS):
        if iteration is None:
            correction, shift = solve_ring(operator, ring, mismatch)
        else:
            correction, shift = iteration.solve(mismatch, tolerance / 4)
        densities += correction
        constant += shift
        # by the maximum principle the field is nowhere further off than on the ring
        mismatch = targets - operator.product(ring.nodes, densities) - constant
        if np.abs(mismatch).max() <= tolerance:
            return scale * densities
    raise ConvergenceError(
        f"the densities of {ring.size} ring nodes reached a residual of "
        f"{np.abs(mismatch).max():.1e} instead of {tolerance:.1e}: choose dense storage"
    )
