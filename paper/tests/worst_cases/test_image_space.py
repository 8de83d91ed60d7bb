import math

import numpy as np
import pytest

from diffkeras.errors import ConfigurationError, PackingError
from diffkeras.physics import ExampleRecipe, Medium, Placement, Sources
from paper.worst_cases.image_space import Candidate, ImageSpace
from tests.helpers.image_membership import belongs

SLOW = Medium(decay=0.05)
RECIPES = {
    "uniform": ExampleRecipe(4, (24, 20), SLOW, 2.0),
    "one disc": ExampleRecipe(1, (16, 16), SLOW, 3.0),
    "constant values": ExampleRecipe(3, (20, 20), SLOW, 2.0, values="constant"),
    "logarithmic values": ExampleRecipe(3, (20, 20), SLOW, 2.0, values=("log_uniform", 0.1)),
    "edge": ExampleRecipe(3, (32, 32), SLOW, 2.0, placement=Placement("edge", margin=2)),
    "radii": ExampleRecipe(4, (32, 32), SLOW, (1.5, 4.5)),
    "lengths": ExampleRecipe(2, (20, 20), SLOW, 2.0, diffusion_length=(1.7, 11.3)),
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


def random_vectors(space: ImageSpace, number: int) -> np.ndarray:
    low, high = space.ends
    return np.random.default_rng(0).uniform(low, high, (number, len(low)))


def test_every_vector_is_an_image_of_the_distribution(recipe):
    space = ImageSpace(recipe)
    decoded = [space.decode(vector) for vector in random_vectors(space, 200)]
    found = [candidate for candidate in decoded if candidate]
    assert len(found) > 190
    for candidate in found:
        assert belongs(candidate.sources, recipe), candidate.sources
        if recipe.diffusion_length is None:
            assert candidate.diffusion_length is None
        else:
            shortest, longest = recipe.diffusion_length
            assert np.float32(shortest) <= candidate.diffusion_length <= np.float32(longest)


def test_vectors_reach_the_ends_of_each_range(recipe):
    space = ImageSpace(recipe)
    images = [c.sources for v in random_vectors(space, 1000) if (c := space.decode(v))]
    margin = math.ceil(np.min(recipe.radius))
    for axis, name in enumerate(("rows", "columns")):
        places = np.concatenate([getattr(image, name) for image in images])
        assert places.min() == margin
        assert places.max() == recipe.lattice[axis] - 1 - margin


def test_images_of_the_distribution_come_back_as_they_were(recipe):
    space, rng = ImageSpace(recipe), np.random.default_rng(1)
    for candidate in (space.sample(rng) for _ in range(50)):
        assert belongs(candidate.sources, recipe)
        back = space.decode(space.encode(candidate))
        assert back is not None
        for name in ("rows", "columns", "values", "radii"):
            found, expected = (getattr(one.sources, name) for one in (back, candidate))
            np.testing.assert_array_equal(found, expected)
        if recipe.diffusion_length is not None:
            assert back.diffusion_length == pytest.approx(candidate.diffusion_length, rel=1e-6)


def test_the_image_has_the_medium_of_its_diffusion_length():
    space = ImageSpace(RECIPES["lengths"])
    candidate = space.sample(np.random.default_rng(0))
    length = space.problem(candidate).medium.diffusion_length
    assert length == pytest.approx(candidate.diffusion_length)


def decode(recipe: ExampleRecipe, *centres: tuple[int, int]) -> list[tuple[int, int]] | None:
    n = len(centres)
    rows, columns = zip(*centres, strict=True)
    sources = Sources.from_lists(rows, columns, n * [2.0], n * [1.0])
    space = ImageSpace(recipe)
    found = space.decode(space.encode(Candidate(sources)))
    return found and list(zip(found.sources.rows, found.sources.columns, strict=True))


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


def test_spaces_without_a_sharp_end_and_empty_ones_are_refused():
    clustered = ExampleRecipe(2, (32, 32), SLOW, 2.0, placement=Placement("clustered"))
    with pytest.raises(ConfigurationError, match="clustered"):
        ImageSpace(clustered)
    with pytest.raises(ConfigurationError, match="without sources"):
        ImageSpace(ExampleRecipe(0, (32, 32), SLOW, 2.0))
    with pytest.raises(PackingError, match="radius 5"):
        ImageSpace(ExampleRecipe(1, (8, 32), SLOW, 5.0))
