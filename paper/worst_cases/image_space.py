"""The images that a search may visit, as vectors of numbers: those of the data's distribution."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras import Problem, Sources, sample_sources, solve_many
from diffkeras.errors import ConfigurationError, PackingError
from diffkeras.physics import ExampleRecipe

Vector = NDArray[np.float64]

# the smallest value of a disc that is uniform on (0, 1], where 2⁵³ different ones are drawn
SMALLEST_UNIFORM = 2.0**-53


class Candidate(NamedTuple):
    """An image of the distribution: its discs, and its medium's diffusion length if that varies."""

    sources: Sources
    diffusion_length: float | None = None


@dataclass(frozen=True)
class ImageSpace:
    """The images that a recipe can draw, each written as a vector.

    A vector has the rows of the n discs, then their columns, values (unless all are 1), radii (if
    they vary) and, if media vary, the logarithm of the diffusion length. Rows and columns are whole
    numbers. The values of an image are divided by the largest, so that one disc has the value 1.

    Attributes:
        recipe: what the images are drawn from.

    Raises:
        ConfigurationError: no sources; clustered sources, whose distribution has no sharp end.
        PackingError: discs that are larger than the lattice.
    """

    recipe: ExampleRecipe

    def __post_init__(self) -> None:
        if not self.recipe.count:
            raise ConfigurationError("data.sources: images without sources can't be searched")
        if self.recipe.placement.kind == "clustered":
            raise ConfigurationError(
                "data.placement.kind: a search for worst cases needs to know which images occur, "
                "and clustered sources can be anywhere; choose uniform or edge"
            )
        if (self._last_centre < self._margin).any():
            raise PackingError(
                f"discs of radius {self._radii[1]:g} don't fit on the lattice {self.recipe.lattice}"
            )

    @cached_property
    def ends(self) -> Vector:
        """(2, entries): the lower and the upper end of each entry of a vector."""
        recipe, n = self.recipe, self.recipe.count
        columns: list[Any] = [[self._margin, last] for last in self._last_centre for _ in range(n)]
        columns += n * [[self._smallest_value, 1.0]] if self._values_vary else []
        columns += n * [list(self._radii)] if self._radii_vary else []
        columns += [np.log(recipe.diffusion_length)] if recipe.diffusion_length else []
        return np.array(columns, np.float64).T

    @property
    def integrality(self) -> NDArray[np.bool_]:
        """Which entries of a vector are whole numbers."""
        return np.arange(self.ends.shape[1]) < 2 * self.recipe.count

    def encode(self, candidate: Candidate) -> Vector:
        """The vector of an image."""
        sources = candidate.sources
        parts: list[NDArray] = [sources.rows, sources.columns]
        parts += [sources.values] if self._values_vary else []
        parts += [sources.radii] if self._radii_vary else []
        if candidate.diffusion_length is not None:
            parts.append(np.log([candidate.diffusion_length]))
        return np.concatenate(parts).astype(np.float64).clip(*self.ends)

    def decode(self, vector: Vector) -> Candidate | None:
        """The image of a vector, or None if its discs don't fit.

        A disc that overlaps an earlier one, or lies where the placement permits none, is moved to
        the nearest centre that is free. Discs come in order of falling radius, as they are drawn.
        """
        n = self.recipe.count
        parts = list(vector[: len(vector) // n * n].reshape(-1, n))
        wanted = np.rint([parts.pop(0), parts.pop(0)]).T
        values = parts.pop(0) if self._values_vary else np.ones(n)
        radii = parts.pop(0) if self._radii_vary else np.full(n, self._radii[0])
        values = np.maximum(values / values.max(), self._smallest_value).astype(np.float32)
        order = np.argsort(-radii, kind="stable")
        radii = radii[order].astype(np.float32)
        centres = self._place(wanted[order], radii)
        if centres is None:
            return None
        rows, columns = centres.T.astype(np.int32).copy()
        overlap = self.recipe.placement.overlap
        sources = Sources(rows, columns, radii, values[order], self.recipe.lattice, overlap)
        return Candidate(sources, self._length(vector[-1]))

    def sample(self, rng: np.random.Generator) -> Candidate:
        """A fresh image of the distribution."""
        recipe = self.recipe
        sources = sample_sources(
            recipe.count,
            recipe.lattice,
            radius=recipe.radius,
            placement=recipe.placement,
            values=recipe.values,
            rng=rng,
        )
        lengths = recipe.diffusion_length
        return Candidate(sources, self._length(rng.uniform(*np.log(lengths)) if lengths else 0.0))

    def _length(self, logarithm: float) -> float | None:
        """A diffusion length as datasets store it; None if all images have one medium."""
        lengths = self.recipe.diffusion_length
        # rounding may lift the power beyond the ends
        return (
            None if lengths is None else float(np.float32(np.clip(math.exp(logarithm), *lengths)))
        )

    def problem(self, candidate: Candidate) -> Problem:
        """The problem of an image."""
        image = candidate.sources.image(self.recipe.lattice)
        length = candidate.diffusion_length
        lengths = {} if length is None else {"diffusion_length": length}
        return self.recipe.problem_of({"source_image": image, **lengths})

    def solve(self, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
        """The exact fields of images (images, rows, columns), on the dataset's scale."""
        solutions = solve_many(map(self.problem, candidates))
        fields = np.stack([solution.field for solution in solutions]).astype(np.float64)
        if self.recipe.divide_by_maximum:
            fields /= fields.max(axis=(1, 2), keepdims=True)
        return fields

    def _place(
        self, wanted: NDArray[np.float64], radii: NDArray[np.float32]
    ) -> NDArray[np.float64] | None:
        """Centres (n, 2) that the distribution permits, each as near as possible to the wanted."""
        centres = np.empty((0, 2))
        for centre, radius in zip(wanted, radii.astype(np.float64), strict=True):
            reach = radii[: len(centres)] + radius
            if not self._permitted(centre[None], radius, centres, reach)[0]:
                every = self._all_centres
                free = every[self._permitted(every, radius, centres, reach)]
                if not len(free):
                    return None
                centre = free[((free - centre) ** 2).sum(axis=1).argmin()]
            centres = np.vstack([centres, centre])
        return centres

    def _permitted(
        self,
        proposed: NDArray[np.float64],
        radius: float,
        placed: NDArray[np.float64],
        reach: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """Which of some centres (m, 2) the next disc may have."""
        margin = math.ceil(radius)
        last = np.array(self.recipe.lattice) - 1 - margin
        off = np.minimum(proposed - margin, last - proposed).min(axis=1)
        placement = self.recipe.placement
        permitted = off >= 0
        if placement.kind == "edge":
            permitted &= off <= placement.margin
        if not placement.overlap:
            for centre, distance in zip(placed, reach, strict=True):
                permitted &= ((proposed - centre) ** 2).sum(axis=1) > distance**2
        return permitted

    @cached_property
    def _all_centres(self) -> NDArray[np.float64]:
        """Every centre at which a smallest disc lies inside, (m, 2)."""
        places = [np.arange(self._margin, last + 1) for last in self._last_centre]
        return np.stack(np.meshgrid(*places, indexing="ij"), axis=-1).reshape(-1, 2)

    @cached_property
    def _radii(self) -> tuple[float, float]:
        low, high = np.broadcast_to(self.recipe.radius, 2).astype(float)
        return float(low), float(high)

    @property
    def _radii_vary(self) -> bool:
        return self._radii[0] < self._radii[1]

    @property
    def _values_vary(self) -> bool:
        return self.recipe.values != "constant"

    @property
    def _smallest_value(self) -> float:
        values = self.recipe.values
        return float(np.float32(values[1])) if isinstance(values, tuple) else SMALLEST_UNIFORM

    @property
    def _margin(self) -> float:
        """First row and column of the centre of a smallest disc."""
        return float(math.ceil(self._radii[0]))

    @property
    def _last_centre(self) -> Vector:
        """Its last row and column."""
        return np.array(self.recipe.lattice) - 1 - self._margin
