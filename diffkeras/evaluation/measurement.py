"""What is measured on test images, gathered batch by batch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from diffkeras.evaluation.errors import Scores, ratio
from diffkeras.evaluation.images import ImageBatch
from diffkeras.evaluation.methods import SURROGATE, MethodFields
from diffkeras.evaluation.proven_bounds import measure_bounds, summarise_bounds
from diffkeras.surrogates.surrogate import Surrogate

REACH = 60  # lattice steps from the nearest source that the radial profile follows
VALUE_EDGES = np.linspace(-0.1, 1.3, 121)  # of the histogram of predicted against true values


@dataclass
class CountMeasurement:
    """What was measured on the test images of one source count.

    Attributes:
        batches: method → the scores of each batch.
        milliseconds: method → time per image, of the fastest pass; of those that were timed.
        bounds: of the first images, as from `measure_bounds`.
        lengths: diffusion length of each image [length], where they vary.
    """

    batches: dict[str, list[Scores]] = field(default_factory=dict)
    milliseconds: dict[str, float] = field(default_factory=dict)
    bounds: list[dict[str, Any]] = field(default_factory=list)
    lengths: list[float] = field(default_factory=list)

    def scores(self, method: str) -> Scores:
        """The scores of a method on all images."""
        return Scores.join(self.batches[method])


class Measurement:
    """Errors of every method on the test images that were added.

    Args:
        methods: labels of the methods, in the order in which they are shown.
        counts: the source counts.
        bounded_images: images of each source count whose errors are bounded by proof.
        profiles: whether to gather `profile` and `value_counts`, which figures show.

    Attributes:
        methods: as given.
        counts: source count → what was measured on its images.
        profile: errors of the surrogate by the distance from the nearest source.
        value_counts: numbers of nodes by their true value and the surrogate's.
    """

    def __init__(
        self,
        methods: Sequence[str],
        counts: tuple[int, ...],
        bounded_images: int,
        *,
        profiles: bool = True,
    ) -> None:
        self.methods = tuple(methods)
        self.counts = {count: CountMeasurement() for count in counts}
        self.profile = RadialProfile()
        self.value_counts = np.zeros((VALUE_EDGES.size - 1, VALUE_EDGES.size - 1))
        self._bounded_images = bounded_images
        self._profiles = profiles

    def add(self, count: int, batch: ImageBatch, predictions: Iterable[MethodFields]) -> None:
        """Add a batch of images of one source count, and what each method predicts for it.

        The predictions are taken one by one: those of all methods can be too many for the memory.
        """
        found = self.counts[count]
        for method, fields, _ in predictions:
            scores = Scores.of(fields, batch.fields, batch.images)
            found.batches.setdefault(method, []).append(scores)
            if method == SURROGATE and self._profiles:
                self._add_statistics(batch, fields)
        if batch.lengths is not None:
            found.lengths += batch.lengths.tolist()

    def _add_statistics(self, batch: ImageBatch, fields: NDArray) -> None:
        self.value_counts += count_values(batch.fields, fields)
        for image, truth, prediction in zip(batch.images, batch.fields, fields, strict=True):
            self.profile.add(image, truth, prediction)

    def add_bounds(self, count: int, batch: ImageBatch, surrogate: Surrogate) -> None:
        """Bound the errors of those images of a batch that are among the first of their count."""
        bounds = self.counts[count].bounds
        wanted = self._bounded_images - len(bounds)
        if wanted > 0:
            bounds += measure_bounds(surrogate, batch.first(wanted))

    def add_times(self, count: int, images: int, predictions: Iterable[MethodFields]) -> None:
        """Add one pass of all methods over some images of one source count; the fastest counts."""
        fastest = self.counts[count].milliseconds
        for method, _, seconds in predictions:
            if seconds is None:
                continue
            fastest[method] = min(fastest.get(method, np.inf), 1e3 * seconds / images)

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
        """Method → "all" or source count → errors, and milliseconds per image, as plain data."""
        return {
            method: {
                "all": {
                    **self.scores(method).summary(),
                    "milliseconds": self._milliseconds(method),
                },
                **{
                    str(count): {
                        **found.scores(method).summary(),
                        "milliseconds": found.milliseconds.get(method),
                    }
                    for count, found in self.counts.items()
                },
            }
            for method in self.methods
        }

    def _milliseconds(self, method: str) -> float | None:
        timed = [found.milliseconds for found in self.counts.values()]
        if any(method not in times for times in timed):
            return None
        return float(np.mean([times[method] for times in timed]))

    def proven(self) -> dict[str, Any]:
        """Source count or "all" → proven bounds, as plain data; empty if none were computed."""
        if not self._bounded_images:
            return {}
        by_count = {str(n): summarise_bounds(found.bounds) for n, found in self.counts.items()}
        return {"all": summarise_bounds(self.bounds()), **by_count}


class RadialProfile:
    """Mean absolute error against the distance from the nearest source node.

    Distance 0 holds the source nodes themselves, bin d the nodes at d − ½ … d + ½ lattice steps.
    """

    def __init__(self) -> None:
        self.nodes, self.error = np.zeros(REACH + 1), np.zeros(REACH + 1)

    def add(self, image: NDArray, truth: NDArray, prediction: NDArray) -> None:
        """Add one image, all (rows, columns)."""
        distance = np.rint(scipy.ndimage.distance_transform_edt(image == 0)).astype(int)
        near = distance <= REACH
        error = abs(prediction - truth)[near].astype(np.float64)
        self.nodes += np.bincount(distance[near], minlength=REACH + 1)
        self.error += np.bincount(distance[near], error, REACH + 1)

    def mean_error(self) -> NDArray[np.float64]:
        """Mean absolute error per bin; NaN where there was no node."""
        return ratio(self.error, self.nodes)


def count_values(truth: NDArray, prediction: NDArray) -> NDArray[np.float64]:
    """Numbers of nodes by true and predicted value; the outermost bins hold those beyond them."""
    bins = VALUE_EDGES.size - 1
    scale = bins / (VALUE_EDGES[-1] - VALUE_EDGES[0])
    i, j = (
        np.clip((field.ravel() - VALUE_EDGES[0]) * scale, 0, bins - 1).astype(np.int64)
        for field in (truth, prediction)
    )
    return np.bincount(i * bins + j, minlength=bins**2).reshape(bins, bins).astype(np.float64)
