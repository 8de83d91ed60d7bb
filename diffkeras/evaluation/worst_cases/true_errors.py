"""The largest errors of a surrogate on images that no dataset has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.evaluation.worst_cases.image_space import Candidate, ImageSpace
from diffkeras.physics import production_of, solve
from diffkeras.surrogates.surrogate import Surrogate


@dataclass(frozen=True)
class SolvedImages:
    """Images with their exact fields.

    Attributes:
        images: (images, rows, columns) float32.
        fields: of the same shape, float64, in the unit of the source values.
        uncertainty: (images,) what `fields` may differ from the exact solution at most.
        maxima: (images,) what a dataset divides the fields by; 1 where it doesn't.
        lengths: (images,) diffusion lengths [length]; None if all images have one medium.
    """

    images: NDArray[np.float32]
    fields: NDArray[np.float64]
    uncertainty: NDArray[np.float64]
    maxima: NDArray[np.float64]
    lengths: NDArray[np.float32] | None

    @property
    def dataset_fields(self) -> NDArray[np.float64]:
        """The fields as a dataset has them."""
        return self.fields / self.maxima[:, None, None]


def solve_images(
    space: ImageSpace, candidates: Sequence[Candidate], *, tolerance: float = 1e-10
) -> SolvedImages:
    """Draw and solve one or more images; the tolerance is that of `solve`."""
    recipe = space.recipe
    images = np.stack([candidate.sources.image(recipe.lattice) for candidate in candidates])
    solutions = []
    for image, candidate in zip(images, candidates, strict=True):
        medium = space.medium_of(candidate)
        given: Any = {"source_image": image}
        if recipe.production:
            given = {"production": production_of(image, medium)}
        solutions.append(solve(**given, medium=medium, tolerance=tolerance))
    fields = np.stack([solution.field for solution in solutions])
    largest = fields.max(axis=(1, 2))
    residuals = np.array([solution.stats.residual for solution in solutions])
    lengths = None
    if recipe.diffusion_length is not None:
        lengths = np.array([candidate.diffusion_length for candidate in candidates], np.float32)
    maxima = largest if recipe.divide_by_maximum else np.ones(len(images))
    return SolvedImages(images, fields, residuals * largest, maxima, lengths)


def largest_errors(
    surrogate: Surrogate, images: NDArray, fields: NDArray, lengths: NDArray | None
) -> NDArray[np.float64]:
    """(images,) max |prediction − field| over the nodes, on the scale of the dataset's fields.

    Raises:
        RunError: predictions that are not finite.
    """
    predictions = surrogate.network_fields(images, diffusion_length=lengths)
    return np.abs(predictions - fields.astype(np.float64)).max(axis=(1, 2))


def candidate_errors(
    surrogate: Surrogate, space: ImageSpace, candidates: Sequence[Candidate]
) -> NDArray[np.float64]:
    """(candidates,) the largest error on each image, against the exact solver."""
    solved = solve_images(space, candidates)
    return largest_errors(surrogate, solved.images, solved.dataset_fields, solved.lengths)
