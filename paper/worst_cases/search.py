"""Searches for the images with the largest error, by differential evolution and at random."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, OptimizeResult, differential_evolution

from diffkeras import Sources
from paper.worst_cases.image_space import ImageSpace, Vector

# images → the error of each, which the search maximises
Errors = Callable[[Sequence[Sources]], NDArray[np.float64]]

POPULATION = 40  # from 20 to 60 tried, this found the largest errors after 2000 images
LEAST_POPULATION = 5  # SciPy takes no fewer
GENERATIONS = 10  # at least, so that a small number of images is not one generation
JITTER = 0.1  # standard deviation around the start, as a share of each entry's range
NEAR = 0.5  # share of the first population that is drawn around the start
# found better on the reduced problem than SciPy's defaults of (0.5, 1) and 0.7
MUTATION = (0.3, 0.8)
RECOMBINATION = 0.5
RANDOM_BATCH = 64
INFEASIBLE = 1.0  # objective −1; errors are ≥ 0, so no infeasible vector is ever preferred


@dataclass
class Search:
    """The images that one search has tried.

    Attributes:
        errors: the measure of images.
        evaluations: largest number of images.
        tried: number of images so far.
        worst: the one with the largest error.
        error: its error; −1 before any was tried.
        population: the images that the search ends with.
    """

    errors: Errors
    evaluations: int
    tried: int = 0
    worst: Sources | None = None
    error: float = -1.0
    population: list[Sources] = field(default_factory=list)

    @property
    def left(self) -> int:
        """How many more images may be tried."""
        return self.evaluations - self.tried

    def measure(self, candidates: Sequence[Sources]) -> NDArray[np.float64]:
        """The errors of some images, at most as many as are left."""
        errors = self.errors(candidates)
        self.tried += len(candidates)
        best = int(errors.argmax())
        if errors[best] > self.error:
            self.worst, self.error = candidates[best], float(errors[best])
        return errors


def search_from(
    start: Sources, space: ImageSpace, search: Search, rng: np.random.Generator
) -> Search:
    """Maximise the error by differential evolution (Storn & Price 1997, SciPy's "best1bin").

    The first population is the start, images around it, and random ones. Positions are whole
    numbers. Every generation is measured as one batch. A vector without an image, and those beyond
    the number of evaluations, have the objective −1.

    Args:
        start: an image of the space.
        space: the images of the data's distribution.
        search: a new search; it is updated and returned.
        rng: the only source of randomness.
    """

    def energies(vectors: NDArray[np.float64], /) -> Any:  # one a vector, which stubs don't know
        candidates = [space.decode(vector) for vector in vectors.T]
        energies = np.full(len(candidates), INFEASIBLE)
        chosen = [i for i, candidate in enumerate(candidates) if candidate][: search.left]
        if chosen:
            energies[chosen] = -search.measure([c for i in chosen if (c := candidates[i])])
        return energies

    def stop(intermediate_result: OptimizeResult) -> None:
        if search.left <= 0:
            raise StopIteration

    result = differential_evolution(
        energies,
        Bounds(*space.ends),
        integrality=space.integrality,
        init=_first_population(start, space, search.evaluations, rng),
        strategy="best1bin",
        mutation=MUTATION,
        recombination=RECOMBINATION,
        updating="deferred",
        vectorized=True,
        polish=False,
        tol=0.0,
        maxiter=search.evaluations,
        callback=stop,
        rng=rng,
    )
    last = map(space.decode, result.population[result.population_energies < INFEASIBLE])
    search.population = [candidate for candidate in last if candidate]
    return search


def search_at_random(space: ImageSpace, search: Search, rng: np.random.Generator) -> Search:
    """Try fresh images of the distribution, as many as the search allows."""
    while search.left > 0:
        number = min(RANDOM_BATCH, search.left)
        search.measure([space.sample(rng) for _ in range(number)])
    return search


def _first_population(
    start: Sources, space: ImageSpace, evaluations: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(members, entries): the start first, then images around it, then random ones."""
    members = max(LEAST_POPULATION, min(POPULATION, evaluations // GENERATIONS))
    first = space.encode(start)
    low, high = space.ends
    near = round(NEAR * members)
    jittered = first + rng.normal(0.0, JITTER, (near, len(first))) * (high - low)
    random: list[Vector] = [space.encode(space.sample(rng)) for _ in range(members - 1 - near)]
    return np.vstack([first, jittered.clip(low, high), *random])
