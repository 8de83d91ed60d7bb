from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from diffkeras.physics import ExampleRecipe, Medium, Sources
from paper.tests.worst_cases.membership import belongs
from paper.worst_cases.image_space import ImageSpace
from paper.worst_cases.search import Search, search_at_random, search_from

RECIPE = ExampleRecipe(2, (48, 40), Medium(decay=0.05), 2.0)
SPACE = ImageSpace(RECIPE)
START = SPACE.sample(np.random.default_rng(7))


def far_from_the_target(candidates: Sequence[Sources]) -> NDArray[np.float64]:
    """1 where the disc of value 1 is at (11, 30), and the other next to it with the value 0.25."""
    errors = []
    for sources in candidates:
        strong = int(sources.values.argmax())
        weak = 1 - strong
        place = np.array([sources.rows, sources.columns]).T
        off = np.abs(place[strong] - [11, 30]).sum() + np.abs(place[weak] - [16, 30]).sum()
        errors.append(1 / (1 + off / 20 + abs(sources.values[weak] - 0.25)))
    return np.array(errors)


def search(evaluations: int, errors=far_from_the_target) -> Search:
    return Search(errors, evaluations)


def evolve(evaluations: int, seed: int = 0, **kwargs) -> Search:
    return search_from(START, SPACE, search(evaluations, **kwargs), np.random.default_rng(seed))


def test_it_finds_a_known_maximum_that_random_images_miss():
    found = evolve(2000)
    assert found.error > 0.95
    sources = found.worst
    strong = int(sources.values.argmax())
    assert (sources.rows[strong], sources.columns[strong]) == (11, 30)
    assert sources.values[1 - strong] == pytest.approx(0.25, abs=0.05)
    random = search_at_random(SPACE, search(2000), np.random.default_rng(0))
    assert random.error < 0.9
    assert random.tried == 2000


@pytest.mark.parametrize("evaluations", [1, 4, 57, 300])
def test_it_measures_exactly_as_many_images_as_it_may(evaluations):
    for run in (search_from, search_at_random):
        measured: list[Sources] = []

        def errors(candidates: Sequence[Sources], measured=measured) -> NDArray[np.float64]:
            measured.extend(candidates)
            return far_from_the_target(candidates)

        begun = Search(errors, evaluations)
        rng = np.random.default_rng(0)
        done = run(START, SPACE, begun, rng) if run is search_from else run(SPACE, begun, rng)
        assert len(measured) == done.tried == evaluations
        assert all(belongs(candidate, RECIPE) for candidate in measured)
        known = {SPACE.encode(candidate).tobytes() for candidate in measured}
        assert {SPACE.encode(candidate).tobytes() for candidate in done.population} <= known


def test_vectors_without_an_image_are_never_measured_nor_found():
    # four discs fit near the corners only, so most vectors have no image
    recipe = ExampleRecipe(4, (15, 15), Medium(decay=0.05), 3.0)
    space = ImageSpace(recipe)
    low, high = space.ends
    vectors = np.random.default_rng(0).uniform(low, high, (50, len(low)))
    assert sum(space.decode(vector) is None for vector in vectors) > 25
    start = space.sample(np.random.default_rng(0))

    def errors(candidates: Sequence[Sources]) -> NDArray[np.float64]:
        assert all(belongs(candidate, recipe) for candidate in candidates)
        return np.zeros(len(candidates))  # any is better than none

    done = search_from(start, space, Search(errors, 200), np.random.default_rng(0))
    assert done.error == 0
    assert all(belongs(candidate, recipe) for candidate in done.population)
