"""No image of the validation or test split occurs in training, in any symmetry of the lattice."""

from contextlib import suppress
from dataclasses import replace
from itertools import permutations
from typing import get_args

import numpy as np
import pytest

from diffkeras.config import load_config
from diffkeras.errors import PackingError
from diffkeras.physics import ExampleRecipe, Medium, Placement, Sources, sample_sources
from diffkeras.physics.sampling.discs import PlacementKind
from diffkeras.physics.sampling.examples import SPLIT_KEYS, split_of

MODELS = ("models/default", "models/production", "models/saturating_tissue", "models/tissue")


def images(recipe: ExampleRecipe, split: str, number: int) -> list[np.ndarray]:
    return [recipe.sources(split, k).image(recipe.lattice) for k in range(number)]


def contents(images: list[np.ndarray]) -> set[bytes]:
    return {image.tobytes() for image in images}


def mirrored(images: list[np.ndarray]) -> set[bytes]:
    """Images in all symmetries of the lattice."""
    turned = [np.rot90(image, turns) for image in images for turns in range(4)]
    orbits = [member for image in turned for member in (image, image[::-1])]
    return contents([member for member in orbits if member.shape == images[0].shape])


def assert_none_occurs_in_training(recipe: ExampleRecipe, number: int, held_out: int) -> None:
    trained = contents([*images(recipe, "train", number), *images(recipe, "stream", number)])
    validation, test = (images(recipe, split, held_out) for split in ("validation", "test"))
    assert not mirrored(test) & trained
    assert not mirrored(validation) & trained
    assert not mirrored(test) & contents(validation)


def random_recipe(rng: np.random.Generator) -> ExampleRecipe:
    """Any distribution of few images, or of many."""
    rows, columns = rng.integers(12, 40, 2).tolist()
    radii = [0.0, 1.0, 2.5, (1.0, 2.0), (2.0, 2.001)]
    values = ["uniform", "constant", ("log_uniform", 0.999999), ("scaled_uniform", 0.999999)]
    kinds: tuple[PlacementKind, ...] = get_args(PlacementKind)
    production = bool(rng.integers(2))
    boundaries = ["absorbing", "reflecting", ("absorbing", "periodic")]
    return ExampleRecipe(
        int(rng.integers(1, 4)),
        (rows, rows if rng.integers(2) else columns),
        Medium(boundary=boundaries[rng.integers(3)]),
        radii[rng.integers(len(radii))],
        seed=int(rng.integers(4)),
        placement=Placement(
            kinds[rng.integers(3)],
            spread=1.5,
            margin=1.0,
            overlap=production and rng.random() < 0.5,
        ),
        values=values[rng.integers(len(values))],
        diffusion_length=(2.0, 20.0) if rng.integers(2) else None,
        production=production,
    )


def assert_splits_share_no_image(seed: int, number: int) -> None:
    rng, few = np.random.default_rng(seed), 0
    for _ in range(number):
        recipe = random_recipe(rng)
        few += recipe.has_few_images
        with suppress(PackingError):  # too many discs, or too few images
            assert_none_occurs_in_training(recipe, 20, 8)
    assert number / 4 < few < number


def test_splits_share_no_image():
    assert_splits_share_no_image(seed=0, number=30)


@pytest.mark.slow
def test_splits_of_ten_thousand_distributions_share_no_image():
    assert_splits_share_no_image(seed=1, number=10_000)


@pytest.mark.parametrize("name", ["quickstart", *MODELS])
def test_the_shipped_surrogates_are_tested_on_no_mirror_image_of_their_training(name):
    config = load_config(name)
    recipe, data = config.recipe(1), config.data
    assert recipe.has_few_images
    trained = contents(images(recipe, "train", data.train_examples))
    assert not trained & mirrored(images(recipe, "validation", data.validation_examples))
    assert not trained & mirrored(images(recipe, "test", data.test_examples))


def test_examples_of_many_images_are_those_of_independent_draws():
    """Their bytes are the same as in version 1.0.0."""
    for count, lattice in ((2, (64, 64)), (5, (64, 64)), (2, (512, 512))):
        recipe = ExampleRecipe(count, lattice, seed=3)
        assert not recipe.has_few_images
        for split in SPLIT_KEYS:
            drawn = recipe.sources(split, 7)
            expected = sample_sources(count, lattice, rng=recipe.rng(split, 7))
            assert np.array_equal(drawn.rows, expected.rows)
            assert np.array_equal(drawn.values, expected.values)


def test_each_split_gets_its_share():
    rng = np.random.default_rng(0)
    drawn = [split_of(sample_sources(1, (256, 256), rng=rng), (256, 256)) for _ in range(1500)]
    for split, share in (("train", 12 / 16), ("validation", 1 / 16), ("test", 3 / 16)):
        assert drawn.count(split) / 1500 == pytest.approx(share, abs=0.03)


def test_sums_of_overlapping_discs_belong_to_one_split_in_any_order():
    values, rng = np.float32([0.1, 1.0, 0.7]), np.random.default_rng(0)
    assert np.unique([np.cumsum(p, dtype=np.float32)[-1] for p in permutations(values)]).size > 1
    for row, column in rng.integers(8, 24, (50, 2)).astype(np.int32):
        rows, columns = np.full(3, row), np.full(3, column)
        splits = {
            split_of(
                Sources(rows, columns, np.full(3, 2.0, np.float32), np.array(own), overlap=True),
                (32, 32),
            )
            for own in permutations(values)
        }
        assert len(splits) == 1


@pytest.mark.parametrize("lattice", [(24, 24), (24, 25)])
def test_mirror_images_and_other_lists_and_units_belong_to_one_split(lattice):
    square = lattice[0] == lattice[1]
    for seed in range(100):
        sources = sample_sources(2, lattice, radius=(0.0, 3.0), rng=seed)
        across = replace(sources, rows=lattice[0] - 1 - sources.rows)
        turned = replace(across, rows=across.columns, columns=across.rows)
        along = replace(sources, columns=lattice[1] - 1 - sources.columns)
        lists = {name: array[::-1] for name, array in sources.arrays().items()}
        listed = replace(sources, **lists | {"values": 2 * lists["values"]})  # in another unit
        for same in (across, along, listed, turned if square else sources):
            assert split_of(same, lattice) == split_of(sources, lattice)


def test_too_few_images_for_three_splits():
    recipe = ExampleRecipe(1, (11, 11))  # one centre is permitted
    only = split_of(sample_sources(1, (11, 11), rng=np.random.default_rng(0)), (11, 11))
    assert recipe.sources(only, 0).count == 1
    for split in {"train", "validation", "test"} - {only}:
        with pytest.raises(PackingError, match=r"too few different images of 1 source.* 11×11"):
            recipe.sources(split, 0)


@pytest.mark.parametrize(
    ("count", "lattice", "placement", "values", "few"),
    [
        (0, 64, {}, "uniform", False),
        (1, 512, {}, "uniform", True),
        (1, 2048, {"kind": "edge"}, ("log_uniform", 0.1), True),
        (2, 64, {}, "uniform", False),
        (2, 64, {}, "constant", True),
        (2, 64, {"kind": "clustered"}, ("log_uniform", 0.999999), True),
        (4, 512, {}, "constant", False),
        (20, 512, {}, "uniform", False),
        (6, 40, {}, "constant", True),
        (6, 40, {"overlap": True}, "constant", False),
    ],
)
def test_which_configurations_have_few_images(count, lattice, placement, values, few):
    distribution = Placement(**{"spread": 2.0, "margin": 3.0, **placement})
    options = {"placement": distribution, "values": values, "production": True}
    assert ExampleRecipe(count, lattice, **options).has_few_images is few
