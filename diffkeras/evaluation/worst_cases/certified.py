"""What is proven of a surrogate's errors on images that a search has found."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.evaluation.worst_cases.image_space import Candidate, ImageSpace
from diffkeras.evaluation.worst_cases.true_errors import solve_images
from diffkeras.physics import production_of, refine
from diffkeras.surrogates.surrogate import Surrogate

EXACT = 1e-12  # tolerance of the fields that bounds are checked against
REFINED = 1e-3  # tolerance of the refined fields


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
    certificate, medium = prediction.certificate, space.medium_of(candidate)
    given: Any = {"source_image": image}
    if surrogate.production:
        given = {"production": production_of(image, medium)}
    # in rounds, because solving directly would not depend on the prediction
    refined = refine(prediction.field, **given, tolerance=REFINED, medium=medium, method="rounds")
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
