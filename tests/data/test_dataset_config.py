"""Names and identities of datasets."""

import pytest

from diffkeras.config import DataConfig, PhysicsConfig, from_yaml, load_config, parse_config
from diffkeras.config.yaml_io import to_yaml
from diffkeras.data.dataset_config import DatasetConfig, differences


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
        ({"sources": "production"}, {}),
        ({"sources": "production"}, {"divide_by_maximum": True}),
        ({}, {"values": ("scaled_uniform", 0.01)}),
    ],
)
def test_what_changes_an_example_changes_the_name(physics: dict, data: dict) -> None:
    other = DatasetConfig(5, PhysicsConfig(**physics), DataConfig(**data))
    assert other.name != "sources_05"
    assert other.name.startswith("sources_05-")


def test_what_changes_no_example_changes_no_name() -> None:
    data = DataConfig(sources=(7,), train_examples=5, train_fraction=0.5, cache=True)
    assert DatasetConfig(5, PhysicsConfig(), data).name == "sources_05"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("physics.decay", 0.0),
        ("physics.boundary", {"top": {"value": 0.0}, "left": {"flux": 0.0}}),
        ("data.placement", {"kind": "edge", "margin": 0.0}),
        ("data.radius", [0.0, 2.0]),
    ],
)
def test_zeros_of_either_sign_have_one_name(key: str, value: object) -> None:
    text = to_yaml(value)
    section, _, name = key.partition(".")
    names = [
        DatasetConfig.of(2, parse_config({section: {name: from_yaml(given)}})).name
        for given in (text, text.replace("0.0", "-0.0"))
    ]
    assert names[0] == names[1] != "sources_02"


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
        ({"data.placement.kind": "edge"}, "sources_05-512x512-73d3acba"),
        (
            {
                "data.values": ["log_uniform", 0.1],
                "data.diffusion_length": [4, 40],
                "data.storage": "compact",
            },
            "sources_05-512x512-6bae1546-compact",
        ),
    ],
)
def test_names_of_earlier_datasets_stay(changes: dict, name: str) -> None:
    assert DatasetConfig.of(5, parse_config({}).with_overrides(changes)).name == name


def test_production_is_told_apart_in_name_identity_and_description() -> None:
    changes = {
        "physics.sources": "production",
        "data.divide_by_maximum": True,
        "data.placement.overlap": True,
        "data.values": ["scaled_uniform", 0.01],
    }
    keys = list(changes)
    configs = [
        parse_config({}).with_overrides({key: changes[key] for key in keys[:n]})
        for n in range(1, 1 + len(keys))
    ]
    datasets = [DatasetConfig.of(5, config) for config in configs]
    assert len({dataset.name for dataset in datasets}) == len(keys)
    *others, last = datasets
    assert all(dataset.name.startswith("sources_05-production-512x512-") for dataset in others)
    assert last.name == "sources_05-production"  # what the paper's program computes
    assert last.identity()["production"] is True
    assert last.identity()["placement"]["overlap"] is True
    assert "5 discs of production" in last.description
    assert "5 discs of fixed value" in DatasetConfig(5).description
    assert DatasetConfig(5, data=DataConfig(storage="compact")).identity().keys() == {
        *DatasetConfig(5).identity(),
        "storage",
    }


def test_differences_of_identities_name_what_is_left_out() -> None:
    fixed = parse_config({})
    production = fixed.with_overrides({"physics.sources": "production"})
    here, there = (DatasetConfig.of(5, c).identity() for c in (fixed, production))
    assert differences(there, here) == {"production": (True, False)}
    assert differences(here, there) == {"production": (False, True)}
    assert differences(here, here) == {}


def test_the_quickstart_has_the_name_in_the_documentation() -> None:
    name = DatasetConfig.of(5, load_config("quickstart")).name
    assert name == "sources_05-64x64-1d46bfaf"
