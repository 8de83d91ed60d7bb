import math

import numpy as np
import pytest

from diffkeras.physics import ExampleRecipe, Medium, Placement, Sources
from paper.tests.worst_cases.membership import belongs
from paper.worst_cases.image_space import ImageSpace

SLOW = Medium(decay=0.05)
RECIPES = {
    "uniform": ExampleRecipe(4, (24, 20), SLOW, 2.0),
    "logarithmic values": ExampleRecipe(3, (20, 20), SLOW, 2.0, values=("log_uniform", 0.1)),
    "overlap": ExampleRecipe(
        5,
        (16, 16),
        SLOW,
        3.0,
        placement=Placement(overlap=True),
        values=("scaled_uniform", 0.01),
        production=True,
    ),
}


@pytest.fixture(params=RECIPES)
def recipe(request):
    return RECIPES[request.param]


def test_every_vector_is_an_image_of_the_distribution(recipe):
    """And vectors reach the ends of each range."""
    space = ImageSpace(recipe)
    low, high = space.ends
    vectors = np.random.default_rng(0).uniform(low, high, (1000, len(low)))
    found = [sources for vector in vectors if (sources := space.decode(vector))]
    assert len(found) > 950
    assert all(belongs(sources, recipe) for sources in found)
    margin = math.ceil(np.max(recipe.radius))
    for axis, name in enumerate(("rows", "columns")):
        places = np.concatenate([getattr(sources, name) for sources in found])
        assert (places.min(), places.max()) == (margin, recipe.lattice[axis] - 1 - margin)


def test_images_of_the_distribution_come_back_as_they_were(recipe):
    space, rng = ImageSpace(recipe), np.random.default_rng(1)
    for sources in (space.sample(rng) for _ in range(50)):
        assert belongs(sources, recipe)
        back = space.decode(space.encode(sources))
        assert back is not None
        for name in ("rows", "columns", "values", "radii"):
            np.testing.assert_array_equal(getattr(back, name), getattr(sources, name))


def decode(recipe: ExampleRecipe, *centres: tuple[int, int]) -> list[tuple[int, int]]:
    rows, columns = zip(*centres, strict=True)
    sources = Sources.from_lists(rows, columns, len(rows) * [2.0], len(rows) * [1.0])
    space = ImageSpace(recipe)
    found = space.decode(space.encode(sources))
    assert found is not None
    return list(zip(found.rows, found.columns, strict=True))


def test_a_disc_that_overlaps_moves_to_the_nearest_free_centre():
    two = ExampleRecipe(2, (16, 16), SLOW, 2.0)
    assert decode(two, (8, 8), (8, 13)) == [(8, 8), (8, 13)]
    # discs are apart from a squared distance of 17 on, and (7, 12) is the first of two
    assert decode(two, (8, 8), (8, 10)) == [(8, 8), (7, 12)]
    assert decode(two, (8, 8), (8, 12)) == [(8, 8), (7, 12)]
    may_overlap = ExampleRecipe(
        2, (16, 16), SLOW, 2.0, placement=Placement(overlap=True), production=True
    )
    assert decode(may_overlap, (8, 8), (8, 10)) == [(8, 8), (8, 10)]
