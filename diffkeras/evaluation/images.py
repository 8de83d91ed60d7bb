"""Test images: their problems, and the exact fields. TensorFlow isn't needed to draw them."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.physics import Problem, Sources, solve


def _empty() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, kw_only=True)
class ImageBatch:
    """Some test images.

    Attributes:
        problem: of the images, a batch.
        images: (images, rows, columns) float32, linear scale: fixed values, or x of the production
            γx.
        fields: (images, rows, columns), exact fields on the dataset's scale; empty before `solve`.
        maxima: (images,) what the fields were divided by; None if they were not.
        sources: the discs of each image.
        numbers: (images,) place of each image in the test split.
        lengths: (images,) diffusion lengths [length]; None if all images have one medium.
    """

    problem: Problem
    images: NDArray[np.float32]
    fields: NDArray = field(default_factory=_empty)
    maxima: NDArray[np.floating] | None = None
    sources: Sequence[Sources] = ()
    numbers: NDArray = field(default_factory=_empty)
    lengths: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def part(self, places: Sequence[int] | NDArray[np.int64]) -> "ImageBatch":
        """Some of the images, by their places in this batch."""
        return joined([self], places)

    def first(self, number: int) -> "ImageBatch":
        """The first `number` images, or all if there are fewer."""
        return self.part(range(min(number, len(self))))

    def solve(self, *, divide_by_maximum: bool) -> "ImageBatch":
        """The images with their fields in double precision, on the dataset's scale."""
        solved, maxima = solve(self.problem).field.astype(np.float64), None
        if divide_by_maximum:
            maxima = solved.max(axis=(1, 2))
            solved /= maxima[:, None, None]
        return replace(self, fields=solved, maxima=maxima)

    def scaled(self, values: NDArray) -> NDArray:
        """Fields or bounds of the images, (images, …), on the dataset's scale."""
        if self.maxima is None:
            return values
        return values / self.maxima.reshape(-1, *[1] * (values.ndim - 1))

    def fresh(self) -> "ImageBatch":
        """The same images without what solvers computed of their problems before."""
        return replace(self, problem=copy.deepcopy(self.problem))


def joined(
    batches: Sequence[ImageBatch], places: Sequence[int] | NDArray[np.int64] | None = None
) -> ImageBatch:
    """Several batches as one, in their order, or the images at some places of it."""
    problems = [problem for batch in batches for problem in batch.problem.images]
    chosen = np.arange(len(problems)) if places is None else np.asarray(places)
    values: dict[str, Any] = {"problem": Problem.batch([problems[place] for place in chosen])}
    for attribute in fields(ImageBatch):
        parts = [getattr(batch, attribute.name) for batch in batches]
        if isinstance(parts[0], np.ndarray) and len(parts[0]):
            values[attribute.name] = np.concatenate(parts)[chosen]
        elif isinstance(parts[0], Sequence) and len(parts[0]):
            every = [sources for part in parts for sources in part]
            values[attribute.name] = [every[place] for place in chosen]
    return replace(batches[0], **values)


def draw_images(
    config: Config, count: int, numbers: Sequence[int], split: str = "test"
) -> ImageBatch:
    """Images of a split of one source count, without solving anything."""
    recipe = config.recipe(count)
    drawn = [recipe.drawn(split, k) for k in numbers]
    arrays = {
        name: np.array([one[name] for one in drawn], np.float32)
        for name in ("source_image", "diffusion_length")
        if name in drawn[0]
    }
    return ImageBatch(
        problem=Problem.batch([recipe.problem_of(one) for one in drawn]),
        images=arrays["source_image"],
        sources=[one["sources"] for one in drawn],
        numbers=np.array(numbers),
        lengths=arrays.get("diffusion_length"),
    )
