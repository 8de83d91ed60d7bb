"""What a surrogate returns: a field with a proven bound of its error."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics import Certificate, Problem, certify, solve
from diffkeras.surrogates.given_media import Media
from diffkeras.surrogates.surroundings import Surroundings


@dataclass(frozen=True, repr=False)
class Prediction:
    """The field that a surrogate predicts for a source image, or for a batch of them.

    Bounds are proofs, not estimates (see `diffkeras.certify`). They are computed when they are
    first read, so a prediction whose bounds nobody reads costs no more than the network.

    Attributes:
        field: (rows, columns) or (batch, rows, columns), float32 or float64, in the unit of the
            source values.
        source_images: float64, of the same shape: the values of the fixed nodes, or x of the
            production γx.
        media: the surroundings of the sources of all images, or a tuple with those of each.
        production: whether the sources produce; otherwise they hold their values.
        solved: number of images whose field is that of the exact solver, because neither the
            network's field nor the certificate's was proven to be within the tolerance.
    """

    field: NDArray
    source_images: NDArray[np.float64]
    media: Media
    production: bool = False
    solved: int = 0

    @property
    def error_bound(self) -> float:
        """At least max |field − exact solution| over all nodes and images, in the field's unit."""
        return float(self.node_bound.max())

    @cached_property
    def node_bound(self) -> NDArray[np.float64]:
        """At least |field − exact solution| node by node, of the field's shape and unit."""
        return self.certificate.node_bound

    @cached_property
    def certificate(self) -> Certificate:
        """The proof, with a corrected field; a `BatchCertificate` for a batch.

        Raises:
            PhysicsError: a batch without images, or a problem without a unique solution.
        """
        problems = self._problems()
        return certify(self.field, problems[0] if self.field.ndim == 2 else Problem.batch(problems))

    def within(self, tolerance: float) -> "Prediction":
        """A prediction whose `error_bound` is at most a tolerance.

        It has the network's field where that is proven to be within the tolerance, or else the
        corrected field of the certificate, or else the solution that starts from it.

        Args:
            tolerance: the largest error, relative as that of `diffkeras.solve`.

        Raises:
            PhysicsError, ConvergenceError: as `diffkeras.solve`.
        """
        fields = self.field.reshape(-1, *self.field.shape[-2:])
        parts = [
            _within(tolerance, field, problem)
            for field, problem in zip(fields, self._problems(), strict=True)
        ]
        if not parts:
            return self
        found, bounds, solved = (np.stack(values) for values in zip(*parts, strict=True))
        shape = self.field.shape
        prediction = Prediction(
            found.reshape(shape), self.source_images, self.media, self.production, int(solved.sum())
        )
        vars(prediction)["node_bound"] = bounds.reshape(shape)  # the cached property
        return prediction

    def _problems(self) -> list[Problem]:
        """The problem of each image."""
        images = self.source_images.reshape(-1, *self.source_images.shape[-2:])
        shared = isinstance(self.media, Surroundings)
        media: Any = (self.media,) * len(images) if shared else self.media
        return [
            around.problem(image, self.production)
            for around, image in zip(media, images, strict=True)
        ]

    def __repr__(self) -> str:
        """One line: shape and type of the field, and the bound if it is known."""
        shape = "×".join(map(str, self.field.shape))
        known = f", error_bound={self.error_bound:.3g}" if "node_bound" in vars(self) else ""
        solved = ", solved" if self.solved else ""
        return f"Prediction(field={shape} {self.field.dtype}{known}{solved})"


def _within(
    tolerance: float, field: NDArray, problem: Problem
) -> tuple[NDArray, NDArray[np.float64], bool]:
    """A field of one image, its bound node by node, and whether it was solved."""
    proof = certify(field, problem)
    corrected = proof.corrected
    for candidate, bound in ((field, proof.node_bound), (corrected.field, corrected.node_bound)):
        # no exact field is smaller
        least = float(np.abs(candidate).max()) - float(bound.max())
        if float(bound.max()) <= tolerance * least:
            return candidate, bound, False
    solution = solve(problem, initial=corrected.field, tolerance=tolerance)
    return solution.field, np.full(field.shape, solution.error_bound), True
