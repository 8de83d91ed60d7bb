"""The superposition baseline: each disc solved as if it were alone, and the fields added.

Steady-state diffusion is linear, but holding discs at values is not additive: a neighbour's field
lifts a disc above its value, and the disc would really absorb the excess. The sum is therefore
exact for one disc and too high for several, the more so the closer they are. It costs one transform
pair and no system between discs.
"""

from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.blas_threads import blas_threads
from diffkeras.physics.medium import Medium, MediumParts, as_medium
from diffkeras.physics.operators.ring import find_ring
from diffkeras.physics.operators.spectral import spectral_operator
from diffkeras.physics.solvers.ring import DenseRing
from diffkeras.physics.sources.discs import Sources


@blas_threads()
def superpose(
    sources: Sources,
    lattice: tuple[int, int],
    *,
    medium: Medium | None = None,
    **parts: Unpack[MediumParts],
) -> NDArray[np.float64]:
    """Sum of the discs' single-disc steady states, with each disc's own value on its nodes.

    Args:
        sources: n discs that don't overlap.
        lattice: (rows, columns).
        medium: a uniform medium with a positive decay or an absorbing boundary; by default
            `Medium()`.
        **parts: diffusivity, decay, step and boundary of `Medium`, in place of `medium`.

    Returns:
        (rows, columns), float64.

    Raises:
        PhysicsError: decay 0 without an absorbing boundary: each disc alone would fill the lattice
            with its value.
    """
    medium = as_medium(medium, parts)
    medium.require_uniform("superpose")
    operator = spectral_operator(lattice, medium)
    if operator.singular:
        raise PhysicsError(
            f"decay 0 with boundaries {medium.boundaries}: the fields of single sources don't "
            "decay, so their sum means nothing; give a positive decay or an absorbing boundary"
        )
    labels = sources.labels(lattice)
    image = sources.image(lattice, np.float64)
    density, constant = np.zeros(lattice), 0.0
    for label in range(1, sources.count + 1):
        disc = find_ring(labels == label, operator.axes)
        strengths, shift = DenseRing(operator, disc).solve(image[disc.nodes])
        density[disc.nodes] = strengths
        constant += shift
    return np.where(labels > 0, image, operator.inverse(density) + constant)
