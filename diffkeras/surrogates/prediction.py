"""What a surrogate returns: a field with a proven bound of its error."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics import (
    BatchCertificate,
    BatchRefinement,
    Certificate,
    Refinement,
    Surroundings,
    certify,
)
from diffkeras.surrogates.given_media import Media


@dataclass(frozen=True, repr=False)
class Prediction:
    """The field that a surrogate predicts for a source image, or for a batch of them.

    Bounds are proofs, not estimates (see `diffkeras.certify`). They are computed when they are
    first read, at a few transform pairs per image, so a prediction whose bounds nobody reads costs
    no more than the network.

    Attributes:
        field: (rows, columns) or (batch, rows, columns), in the unit of the source values: float32
            from the network, or float64 if a tolerance was given.
        source_images: float64, of the same shape: the values of the fixed nodes, or x of the
            production γx.
        media: what surrounds the sources of all images, or a tuple with that of each.
        refinement: how the tolerance was met; None if no tolerance was given.
        production: whether the sources produce; otherwise they hold their values.
    """

    field: NDArray
    source_images: NDArray[np.float64]
    media: Media
    refinement: Refinement | None = None
    production: bool = False

    @property
    def rounds(self) -> int:
        """Rounds of refinement, one transform pair each; the most of all images; 0 without any."""
        return self.refinement.rounds if self.refinement else 0

    @property
    def solved_directly(self) -> bool:
        """Whether the field of any image is that of the exact solver, which was quicker.

        Nothing of the network's prediction is left in it.
        """
        return self.refinement is not None and "direct" in self.refinement.method

    @property
    def error_bound(self) -> float:
        """At least max |field − exact solution| over all nodes and images, in the field's unit."""
        if self.refinement is not None:
            return self.refinement.error_bound
        return self.certificate.prediction_bound

    @cached_property
    def node_bound(self) -> NDArray[np.float64]:
        """At least |field − exact solution| node by node, of the field's shape and unit."""
        bound, refinement = self.certificate.node_bound, self.refinement
        if isinstance(refinement, BatchRefinement):
            each = np.array([image.error_bound for image in refinement.images])
            return np.minimum(bound, each[:, None, None])
        return bound if refinement is None else np.minimum(bound, refinement.error_bound)

    @cached_property
    def certificate(self) -> Certificate:
        """The proof, with a corrected field; a `BatchCertificate` for a batch.

        Raises:
            PhysicsError: a batch without images, or a problem without a unique solution.
        """
        images, media = self.source_images, self.media
        return prove(certify, BatchCertificate, self.field, images, media, self.production)

    def __repr__(self) -> str:
        """One line: shape and type of the field, and the bound if it is known."""
        shape = "×".join(map(str, self.field.shape))
        known = "" if self.refinement is None else f", error_bound={self.error_bound:.3g}"
        direct = ", solved directly" if self.solved_directly else ""
        return f"Prediction(field={shape} {self.field.dtype}{known}, rounds={self.rounds}{direct})"


def prove(
    proof: Any,
    batch: Any,
    field: NDArray,
    images: NDArray,
    media: Media,
    production: bool,
    **options: Any,
) -> Any:
    """`certify` or `refine` predicted fields, each image in its own surroundings.

    `batch` is the class of the results of a batch.
    """

    def one(field: NDArray, images: NDArray, around: Surroundings) -> Any:
        return proof(field, **around.problem(images, production), **options)

    if isinstance(media, Surroundings):
        return one(field, images, media)
    return batch.of([one(*parts) for parts in zip(field, images, media, strict=True)])
