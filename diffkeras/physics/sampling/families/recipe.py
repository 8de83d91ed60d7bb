"""Examples of a family: parameters and their field, each a function of a few numbers.

Example k of a split has point k of a sequence that is seeded by (seed, split) and nothing else, so
every worker, restart or subset gives the same one, and splits have different points.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_whole
from diffkeras.physics.families.family.family import Family
from diffkeras.physics.families.family.ranges import in_ranges
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.problem.sources import Sources
from diffkeras.physics.sampling.examples import (
    SPLIT_KEYS,
    Example,
    check_split,
    solved_examples,
)
from diffkeras.physics.sampling.families.sampler import FamilySampler
from diffkeras.physics.steady_state import solve

BLOCK = 256  # points that are drawn together; of a Latin hypercube, each block is one
LAST_SOBOL_POINT = 2**30 - 1
MOST_DRAWS = 1000  # for a point beyond the ranges, where at least one in twelve is
NO_SOURCES = Sources.from_lists([], [], [], [])


@dataclass(frozen=True)
class FamilyRecipe:
    """Everything that the examples of a family depend on, except for split and number.

    Attributes:
        sampler: of the family.
        lattice: (rows, columns); a side is taken for both.
        medium: the uniform medium around which parts vary.
        seed: the dataset's seed.

    Raises:
        PhysicsError, PackingError: as `FamilySampler.family`.

    Example:
        >>> sampler = FamilySampler(
        ...     {"values[vessels]": 1.0, "decay": (0.001, 0.01)}, random={"cells": 0}
        ... )
        >>> example = FamilyRecipe(sampler, 32).example("train", 0)
        >>> example.parameters.shape, example.field.shape
        ((1,), (32, 32))
    """

    sampler: FamilySampler
    lattice: Any = (512, 512)
    medium: Medium = field(default_factory=Medium)
    seed: int = 0
    _drawn_from: Family = field(init=False, repr=False, compare=False)  # with wider ranges

    def __post_init__(self) -> None:
        check_whole("seed", self.seed, 0, 2**128)
        object.__setattr__(self, "lattice", self.family.problem.lattice)
        object.__setattr__(self, "_drawn_from", self.sampler.wider(self.family))

    @cached_property
    def family(self) -> Family:
        """The family."""
        return self.sampler.family(self.lattice, self.medium)

    def point(self, split: str, k: int) -> NDArray[np.float32]:
        """The parameters of example k of a split, (p,).

        They are rounded to float32 before anything is solved, so that what is stored is what was
        solved.
        """
        split_key, k = (
            SPLIT_KEYS[check_split(split)],
            check_whole("an example's number", k, 0, LAST_SOBOL_POINT),
        )
        family = self._drawn_from
        if not self.sampler.beyond:
            unit = _block(len(family.names), self.sampler.draws, self.seed, split_key, k // BLOCK)
            return _rounded(family, in_ranges(unit[k % BLOCK], family.parameters))
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(split_key, 0, k)))
        for _ in range(MOST_DRAWS):
            point = _rounded(family, in_ranges(rng.random(len(family.names)), family.parameters))
            if not self.family.contains(point):
                return point
        raise PhysicsError(
            f"beyond {self.sampler.beyond:g} hardly widens the ranges: {MOST_DRAWS} points lie "
            "within them; choose a larger one"
        )

    def problem_of(self, drawn: Mapping[str, Any]) -> Problem:
        """The problem of an example's "parameters" (p,), or the batch of (n, p)."""
        points = np.asarray(drawn["parameters"], np.float64)
        return self.family.problem_at(points, extrapolate=True)

    def drawn(self, split: str, k: int) -> dict[str, Any]:
        """What is drawn of example k of a split, by its name in a dataset."""
        return {"parameters": self.point(split, k)}

    def example(self, split: str, k: int) -> Example:
        """Example k of a split, solved."""
        drawn = self.drawn(split, k)
        problem = self.problem_of(drawn)
        solved = solve(problem).field.astype(np.float32)
        image = problem.values.astype(np.float32)
        return Example(problem, solved, NO_SOURCES, image, **drawn)

    def examples(self, split: str, numbers: Iterable[int], processes: int = 1) -> Iterator[Example]:
        """The examples of these numbers, as those of `ExampleRecipe.examples`."""
        yield from solved_examples(self, split, numbers, processes)


def _rounded(family: Family, point: NDArray[np.float64]) -> NDArray[np.float32]:
    """A point in single precision, within the ranges."""
    single = point.astype(np.float32)
    single = np.where(single > family.high, np.nextafter(single, np.float32(-np.inf)), single)
    return np.where(single < family.low, np.nextafter(single, np.float32(np.inf)), single)


@lru_cache(16)
def _block(size: int, method: str, seed: int, split_key: int, number: int) -> NDArray[np.float64]:
    """The points `number` · 256 and further of a sequence in the unit cube, (256, size)."""
    if method == "latin_hypercube":  # has no end only as one hypercube after another
        keys = np.random.SeedSequence(seed, spawn_key=(split_key, number + 1))
        return qmc.LatinHypercube(size, rng=np.random.default_rng(keys)).random(BLOCK)
    keys = np.random.SeedSequence(seed, spawn_key=(split_key,))
    sequence = qmc.Sobol(size, rng=np.random.default_rng(keys))
    if number:
        sequence.fast_forward(number * BLOCK)
    return sequence.random(BLOCK)
