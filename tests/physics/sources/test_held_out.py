"""No image of the validation or test split occurs in training."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from diffkeras.errors import PackingError
from diffkeras.physics import ExampleRecipe, Placement, sample_sources
from diffkeras.physics.examples import SPLIT_KEYS
from diffkeras.physics.sources.held_out import few_images, split_of
from diffkeras.physics.sources.placement import PlacementKind

UNIFORM = Placement()


def images(recipe: ExampleRecipe, split: str, number: int) -> set[bytes]:
    return {recipe.sources(split, k).image(recipe.lattice).tobytes() for k in range(number)}


def assert_none_occurs_in_training(recipe: ExampleRecipe, number: int = 200) -> None:
    found = {split: images(recipe, split, number) for split in SPLIT_KEYS}
    trained = found["train"] | found["stream"]
    assert not found["test"] & trained
    assert not found["validation"] & trained
    assert not found["test"] & found["validation"]


@settings(max_examples=10, deadline=None)
@given(
    count=st.integers(1, 3),
    lattice=st.tuples(st.integers(12, 40), st.integers(12, 40)),
    radius=st.sampled_from([0.0, 1.0, 2.5, (1.0, 2.0), (2.0, 2.001)]),
    kind=st.sampled_from(["uniform", "clustered", "edge"]),
    values=st.sampled_from(["uniform", "constant", ("scaled_uniform", 0.999999)]),
    overlap=st.booleans(),
    seed=st.integers(0, 3),
)
def test_splits_share_no_image(count, lattice, radius, kind, values, overlap, seed) -> None:
    placement = Placement(kind, spread=1.5, margin=1.0, overlap=overlap)
    recipe = ExampleRecipe(
        count,
        lattice,
        radius=radius,
        seed=seed,
        placement=placement,
        values=values,
        production=overlap,
    )
    try:
        assert_none_occurs_in_training(recipe, 40)
    except PackingError:  # too many discs, or too few images
        assume(False)


def test_without_shares_splits_would_draw_the_same_images(monkeypatch) -> None:
    monkeypatch.setattr(ExampleRecipe, "has_few_images", False)
    recipe = ExampleRecipe(1, (64, 64))
    assert images(recipe, "train", 1000) & images(recipe, "test", 100)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_the_quickstart_shares_no_image(count: int) -> None:
    recipe = ExampleRecipe(count, (64, 64))
    trained = images(recipe, "train", 1000)
    assert not trained & images(recipe, "validation", 40)
    assert not trained & images(recipe, "test", 100)


def test_no_dataset_trains_on_test_images_of_another_seed() -> None:
    one, other = (ExampleRecipe(1, (24, 24), radius=2.0, seed=seed) for seed in (0, 1))
    assert not images(one, "train", 300) & images(other, "test", 300)


def test_examples_of_many_images_are_those_of_independent_draws() -> None:
    """Their bytes are those of version 1.0.0."""
    for count, lattice in ((2, (64, 64)), (5, (64, 64)), (2, (512, 512))):
        recipe = ExampleRecipe(count, lattice, seed=3)
        assert not recipe.has_few_images
        for split in SPLIT_KEYS:
            drawn = recipe.sources(split, 7)
            expected = sample_sources(count, lattice, rng=recipe.rng(split, 7))
            assert np.array_equal(drawn.rows, expected.rows)
            assert np.array_equal(drawn.values, expected.values)


def test_each_split_gets_its_share() -> None:
    rng = np.random.default_rng(0)
    drawn = [split_of(sample_sources(1, (256, 256), rng=rng), (256, 256)) for _ in range(1500)]
    for split, share in (("train", 12 / 16), ("validation", 1 / 16), ("test", 3 / 16)):
        assert drawn.count(split) / 1500 == pytest.approx(share, abs=0.03)


def test_an_image_belongs_to_one_split_however_its_discs_are_listed() -> None:
    sources = sample_sources(3, (32, 32), radius=2.2, rng=np.random.default_rng(1))
    order = [2, 0, 1]
    same = type(sources)(
        sources.rows[order],
        sources.columns[order],
        np.float32(np.nextafter(sources.radii[order], np.float32(3))),
        sources.values[order],
    )
    assert split_of(same, (32, 32)) == split_of(sources, (32, 32))


def test_too_few_images_for_three_splits() -> None:
    recipe = ExampleRecipe(1, (11, 11))  # one centre is permitted
    only = split_of(sample_sources(1, (11, 11), rng=np.random.default_rng(0)), (11, 11))
    assert recipe.sources(only, 0).count == 1
    for split in {"train", "validation", "test"} - {only}:
        with pytest.raises(PackingError, match=r"too few different images of 1 source.* 11×11"):
            recipe.sources(split, 0)


@pytest.mark.parametrize(
    ("count", "lattice", "kind", "values", "few"),
    [
        (0, 64, "uniform", "uniform", False),
        (1, 512, "uniform", "uniform", True),
        (1, 2048, "edge", ("log_uniform", 0.1), True),
        (2, 64, "uniform", "uniform", False),
        (2, 64, "uniform", "constant", True),
        (2, 64, "clustered", ("log_uniform", 0.999999), True),
        (4, 512, "uniform", "constant", False),
        (20, 512, "uniform", "uniform", False),
    ],
)
def test_which_configurations_have_few_images(
    count: int, lattice: int, kind: PlacementKind, values, few: bool
) -> None:
    placement = Placement(kind, spread=2.0, margin=3.0)
    assert few_images(count, (lattice, lattice), 5.0, placement, values) is few


def test_a_disc_takes_no_place_from_others_where_they_may_overlap() -> None:
    few = [
        few_images(6, (64, 64), 12.0, Placement(overlap=overlap), "constant")
        for overlap in (False, True)
    ]
    assert few == [True, False]
