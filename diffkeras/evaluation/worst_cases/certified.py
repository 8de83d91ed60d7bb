"""A surrogate's errors on images that no dataset has: the true ones, and what is proven of them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from diffkeras.evaluation.worst_cases.image_space import Candidate, ImageSpace
from diffkeras.physics import refine, solve
from diffkeras.surrogates.surrogate import Surrogate

EXACT = 1e-12  # tolerance of the fields that bounds are checked against
REFINED = 1e-3  # tolerance of the refined fields


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
    solutions = [
        solve(**space.problem(candidate, image), tolerance=tolerance)
        for image, candidate in zip(images, candidates, strict=True)
    ]
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


@dataclass(frozen=True)
class CertifiedErrors:
    """Proven bounds and true errors, on the scale of the dataset's fields.

    The prediction is what `Surrogate.predict` returns. Where a dataset's fields are divided by
    their maximum, these errors are divided by it, too.

    Attributes:
        images: number of images.
        error_of_prediction, bound_of_prediction: largest true error of the predictions, and the
            largest proven bound.
        error_of_corrected, bound_of_corrected: of the corrected fields.
        error_of_refined, bound_of_refined: of the fields refined to a tolerance of `REFINED`.
        rounds: the most rounds of refinement.
        violations: number of images of which a true error exceeds its bound on any node.
    """

    images: int
    error_of_prediction: float
    bound_of_prediction: float
    error_of_corrected: float
    bound_of_corrected: float
    error_of_refined: float
    bound_of_refined: float
    rounds: int
    violations: int


def certify_candidates(
    surrogate: Surrogate, space: ImageSpace, candidates: Sequence[Candidate]
) -> CertifiedErrors:
    """Bound the errors on one or more images, and compare the bounds with the true errors.

    True errors are against the exact solver, and the bounds get its own uncertainty added before
    they are compared.
    """
    found = [_certify(surrogate, space, candidate) for candidate in candidates]
    largest = {f.name: max(getattr(one, f.name) for one in found) for f in fields(CertifiedErrors)}
    sums = {name: sum(getattr(one, name) for one in found) for name in ("images", "violations")}
    return CertifiedErrors(**{**largest, **sums})


def _certify(surrogate: Surrogate, space: ImageSpace, candidate: Candidate) -> CertifiedErrors:
    solved = solve_images(space, [candidate], tolerance=EXACT)
    image, exact, length = solved.images[0], solved.fields[0], candidate.diffusion_length
    uncertainty, maximum = float(solved.uncertainty[0]), float(solved.maxima[0])
    prediction = surrogate.predict(image, diffusion_length=length)
    certificate, problem = prediction.certificate, space.problem(candidate, image)
    # in rounds, because solving directly would not depend on the prediction
    refined = refine(prediction.field, **problem, tolerance=REFINED, method="rounds")
    kinds: dict[str, tuple[NDArray, NDArray | float]] = {
        "prediction": (prediction.field, certificate.node_bound),
        "corrected": (certificate.field, certificate.field_bound),
        "refined": (refined.field, refined.error_bound),
    }
    errors, bounds, violated = {}, {}, False
    for name, (field, bound) in kinds.items():
        error = np.abs(field - exact)
        violated |= bool((error > bound + uncertainty).any())
        errors[f"error_of_{name}"] = float(error.max()) / maximum
        bounds[f"bound_of_{name}"] = float(np.max(bound)) / maximum
    return CertifiedErrors(
        images=1, **errors, **bounds, rounds=refined.rounds, violations=int(violated)
    )
