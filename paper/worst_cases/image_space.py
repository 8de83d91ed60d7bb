"""The images that a search may visit, as vectors of numbers: those of the data's distribution."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from diffkeras import Problem, Sources, sample_sources, solve_many
from diffkeras.physics import Example, ExampleRecipe

Vector = NDArray[np.float64]

# the smallest value of a disc that is uniform on (0, 1], where 2⁵³ different ones are drawn
SMALLEST_UNIFORM = 2.0**-53


@dataclass(frozen=True)
class ImageSpace:
    """The images that a recipe can draw, of discs of one radius at uniform places in one medium.

    A vector has the rows of the n discs, then their columns and values. Rows and columns are whole
    numbers. The values of an image are divided by the largest, so that one disc has the value 1.
    """

    recipe: ExampleRecipe

    @cached_property
    def ends(self) -> Vector:
        """(2, entries): the lower and the upper end of each entry of a vector."""
        n = self.recipe.count
        columns = [[self._margin, last] for last in self._last_centre for _ in range(n)]
        return np.array([*columns, *n * [[self._smallest_value, 1.0]]], np.float64).T

    @property
    def integrality(self) -> NDArray[np.bool_]:
        """Which entries of a vector are whole numbers."""
        return np.arange(self.ends.shape[1]) < 2 * self.recipe.count

    def encode(self, sources: Sources) -> Vector:
        """The vector of an image."""
        parts = [sources.rows, sources.columns, sources.values]
        return np.concatenate(parts).astype(np.float64).clip(*self.ends)

    def decode(self, vector: Vector) -> Sources | None:
        """The image of a vector, or None if its discs don't fit.

        A disc that overlaps an earlier one is moved to the nearest centre that is free.
        """
        *wanted, values = vector.reshape(3, -1)
        values = np.maximum(values / values.max(), self._smallest_value).astype(np.float32)
        centres = self._place(np.rint(wanted).T)
        if centres is None:
            return None
        rows, columns = centres.T.astype(np.int32).copy()
        radii = np.full(len(values), self._radius, np.float32)
        overlap = self.recipe.placement.overlap
        return Sources(rows, columns, radii, values, self.recipe.lattice, overlap)

    def sample(self, rng: np.random.Generator) -> Sources:
        """A fresh image of the distribution."""
        recipe = self.recipe
        return sample_sources(
            recipe.count,
            recipe.lattice,
            radius=recipe.radius,
            placement=recipe.placement,
            values=recipe.values,
            rng=rng,
        )

    def given(self, example: Example) -> Sources:
        """A test image as an image of the search."""
        overlap = self.recipe.placement.overlap
        return replace(example.sources, lattice=self.recipe.lattice, overlap=overlap)

    def problem(self, sources: Sources) -> Problem:
        """The problem of an image."""
        return self.recipe.problem_of({"source_image": sources.image(self.recipe.lattice)})

    def solve(self, images: Sequence[Sources]) -> NDArray[np.float64]:
        """The exact fields of images (images, rows, columns), on the dataset's scale."""
        solutions = solve_many(map(self.problem, images))
        fields = np.stack([solution.field for solution in solutions]).astype(np.float64)
        if self.recipe.divide_by_maximum:
            fields /= fields.max(axis=(1, 2), keepdims=True)
        return fields

    def _place(self, wanted: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Centres (n, 2) that the distribution permits, each as near as possible to the wanted."""
        centres = np.empty((0, 2))
        for centre in wanted:
            if not self._free(centre[None], centres)[0]:
                free = self._all_centres[self._free(self._all_centres, centres)]
                if not len(free):
                    return None
                centre = free[((free - centre) ** 2).sum(axis=1).argmin()]
            centres = np.vstack([centres, centre])
        return centres

    def _free(
        self, proposed: NDArray[np.float64], placed: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Which of some centres (m, 2) the next disc may have."""
        if self.recipe.placement.overlap:
            return np.ones(len(proposed), bool)
        apart = ((proposed[:, None] - placed) ** 2).sum(axis=-1)
        reach = 2 * float(np.float32(self._radius))
        return np.asarray((apart > reach**2).all(axis=1))

    @cached_property
    def _all_centres(self) -> NDArray[np.float64]:
        """Every centre at which a disc lies inside, (m, 2)."""
        places = [np.arange(self._margin, last + 1) for last in self._last_centre]
        return np.stack(np.meshgrid(*places, indexing="ij"), axis=-1).reshape(-1, 2)

    @property
    def _radius(self) -> float:
        return float(np.max(self.recipe.radius))

    @property
    def _smallest_value(self) -> float:
        values = self.recipe.values
        return float(np.float32(values[1])) if isinstance(values, tuple) else SMALLEST_UNIFORM

    @property
    def _margin(self) -> float:
        """First row and column of a centre."""
        return float(math.ceil(self._radius))

    @property
    def _last_centre(self) -> Vector:
        """Last row and column of a centre."""
        return np.array(self.recipe.lattice) - 1 - self._margin
