"""What is measured on test images, gathered batch by batch."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.evaluation.errors import Scores
from diffkeras.evaluation.images import ImageBatch
from diffkeras.evaluation.methods import METHODS
from diffkeras.evaluation.profiles import VALUE_EDGES, RadialProfile, count_values
from diffkeras.evaluation.proven_bounds import measure_bounds, summarise_bounds


@dataclass
class CountMeasurement:
    """What was measured on the test images of one source count.

    Attributes:
        batches: method → the scores of each batch.
        bounds: of the first images, as from `measure_bounds`.
        lengths: diffusion length of each image [length], where they vary.
    """

    batches: dict[str, list[Scores]] = field(default_factory=lambda: {m: [] for m in METHODS})
    bounds: list[dict[str, Any]] = field(default_factory=list)
    lengths: list[float] = field(default_factory=list)

    def scores(self, method: str) -> Scores:
        """The scores of a method on all images."""
        return Scores.join(self.batches[method])


class Measurement:
    """Errors of every method on the test images that were added.

    Args:
        counts: the source counts.
        bounded_images: images of each source count whose errors are bounded by proof.

    Attributes:
        counts: source count → what was measured on its images.
        profile: errors of the surrogate by the distance from the nearest source.
        value_counts: numbers of nodes by their true value and the surrogate's.
    """

    def __init__(self, counts: tuple[int, ...], bounded_images: int) -> None:
        self.counts = {count: CountMeasurement() for count in counts}
        self.profile = RadialProfile()
        self.value_counts = np.zeros((VALUE_EDGES.size - 1, VALUE_EDGES.size - 1))
        self._bounded_images = bounded_images

    def add(self, count: int, batch: ImageBatch, predictions: dict[str, NDArray]) -> None:
        """Add a batch of images of one source count; predictions are method → fields."""
        found = self.counts[count]
        for method in METHODS:
            scores = Scores.of(predictions[method], batch.fields, batch.images)
            found.batches[method].append(scores)
        if batch.lengths is not None:
            found.lengths += batch.lengths.tolist()
        own = predictions["surrogate"]
        self.value_counts += count_values(batch.fields, own)
        for image, truth, prediction, medium in zip(
            batch.images, batch.fields, own, batch.media, strict=True
        ):
            self.profile.add(image, truth, prediction)
            if len(found.bounds) < self._bounded_images:
                found.bounds.append(measure_bounds(prediction, truth, image, medium))

    def scores(self, method: str) -> Scores:
        """The scores of a method over all source counts."""
        return Scores.join(found.scores(method) for found in self.counts.values())

    def bounds(self) -> list[dict[str, Any]]:
        """The proven bounds over all source counts."""
        return [bounds for found in self.counts.values() for bounds in found.bounds]

    def lengths(self) -> NDArray[np.float64]:
        """(images,) diffusion lengths over all source counts [length], in the order of scores."""
        return np.concatenate([found.lengths for found in self.counts.values()])

    def metrics(self) -> dict[str, Any]:
        """Method → "all" or source count → errors, as plain data."""
        return {
            method: {
                "all": self.scores(method).summary(),
                **{str(n): found.scores(method).summary() for n, found in self.counts.items()},
            }
            for method in METHODS
        }

    def proven(self) -> dict[str, Any]:
        """Source count or "all" → proven bounds, as plain data; empty if none were computed."""
        if not self._bounded_images:
            return {}
        by_count = {str(n): summarise_bounds(found.bounds) for n, found in self.counts.items()}
        return {"all": summarise_bounds(self.bounds()), **by_count}
