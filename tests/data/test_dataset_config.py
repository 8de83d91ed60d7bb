"""Names and identities of datasets."""

import pytest

from diffkeras.config import DataConfig, PhysicsConfig, load_config, parse_config
from diffkeras.data.dataset_config import DatasetConfig


@pytest.mark.parametrize(
    ("physics", "data"),
    [
        ({"lattice": 256}, {}),
        ({"lattice": [512, 256]}, {}),
        ({"decay": 0.01}, {}),
        ({"diffusivity": 2}, {}),
        ({"step": 0.5}, {}),
        ({"boundary": "reflecting"}, {}),
        ({}, {"radius": 6}),
        ({}, {"radius": [4, 6]}),
        ({}, {"seed": 1}),
    ],
)
def test_what_changes_an_example_changes_the_name(physics: dict, data: dict) -> None:
    other = DatasetConfig(5, PhysicsConfig(**physics), DataConfig(**data))
    assert other.name != "sources_05"
    assert other.name.startswith("sources_05-")


def test_what_changes_no_example_changes_no_name() -> None:
    data = DataConfig(sources=(7,), train_examples=5, train_fraction=0.5, cache=True)
    assert DatasetConfig(5, PhysicsConfig(), data).name == "sources_05"


def test_seeds_splits_counts_and_numbers_give_different_examples() -> None:
    physics = PhysicsConfig(lattice=(16, 20))

    def image(count: int, seed: int, split: str, k: int) -> bytes:
        dataset = DatasetConfig(count, physics, DataConfig(radius=2.0, seed=seed))
        return dataset.recipe().example(split, k).source_image.tobytes()

    keys = [
        (count, seed, split, k)
        for count in (2, 3)  # of one disc there are few different images
        for seed in (0, 1)
        for split in ("train", "validation", "test")
        for k in (0, 1)
    ]
    assert len({image(*key) for key in keys}) == len(keys)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "sources_05"),
        ({"data.storage": "compact"}, "sources_05-compact"),
        ({"physics.lattice": 64}, "sources_05-64x64-1d46bfaf"),
    ],
)
def test_names_of_earlier_datasets_stay(changes: dict, name: str) -> None:
    assert DatasetConfig.of(5, parse_config({}).with_overrides(changes)).name == name


def test_the_quickstart_has_the_name_in_the_documentation() -> None:
    name = DatasetConfig.of(5, load_config("quickstart")).name
    assert name == "sources_05-64x64-1d46bfaf"
