"""Names and identities of datasets."""

import pytest

from diffkeras.config import DataConfig, PhysicsConfig, load_config, parse_config
from diffkeras.data.dataset_config import DatasetConfig, differing_identities


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
def test_what_changes_an_example_changes_the_name(physics, data):
    other = DatasetConfig(5, PhysicsConfig(**physics), DataConfig(**data))
    assert other.name != "sources_05"
    assert other.name.startswith("sources_05-")


def test_what_changes_no_example_changes_no_name():
    data = DataConfig(sources=(7,), train_examples=5, train_fraction=0.5, cache=True)
    assert DatasetConfig(5, PhysicsConfig(), data).name == "sources_05"


def test_seeds_splits_counts_and_numbers_give_different_examples():
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
        ({"physics.lattice": 64}, "sources_05-64x64-1d46bfaf"),
        ({"data.placement.kind": "edge"}, "sources_05-512x512-73d3acba"),
        (
            {"data.values": ["log_uniform", 0.1], "data.diffusion_length": [4, 40]},
            "sources_05-512x512-6bae1546",
        ),
        # the physics of `tissue`
        (None, "sources_05-tissue-64x64-2422ef47"),
    ],
)
def test_names_of_earlier_datasets_stay(changes, name):
    config = load_config("tissue") if changes is None else parse_config({}).with_overrides(changes)
    assert DatasetConfig.of(5, config).name == name


def test_production_changes_name_identity_and_description():
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


def test_diffusion_lengths_are_part_of_the_identity_instead_of_the_decay():
    plain = parse_config({})
    configs = [plain.with_overrides({"data.diffusion_length": [4, end]}) for end in (40, 41)]
    own = DatasetConfig.of(2, configs[0]).identity()
    assert own["diffusion_length"] == [4, 40]
    assert "decay" not in own
    assert "diffusion_length" not in DatasetConfig.of(2, plain).identity()
    assert len({DatasetConfig.of(2, config).name for config in (plain, *configs)}) == 3


def test_tissues_are_part_of_the_identity_with_what_their_cells_do():
    plain = parse_config({})
    tissue = plain.with_overrides({"data.tissue": {"cells": [5, 12]}})
    parts = {"cells", "cell_radius", "uptake", "regions", "diffusivity"}
    assert set(DatasetConfig.of(2, tissue).identity()["tissue"]) == parts
    assert "tissue" not in DatasetConfig.of(2, plain).identity()
    unused = tissue.with_overrides({"data.tissue.secretion": [1, 2]})
    assert DatasetConfig.of(2, unused).name == DatasetConfig.of(2, tissue).name
    changes: list[dict] = [
        {},
        {"data.tissue.cells": [5, 13]},
        {"data.tissue.saturation": [0.1, 0.4]},
        {"data.tissue.secreting_cells": [1, 4]},
        {"data.tissue.secreting_cells": [1, 4], "data.tissue.secretion": [0.01, 0.1]},
    ]
    names = {DatasetConfig.of(2, tissue.with_overrides(change)).name for change in changes}
    assert len(names) == len(changes)


def test_sides_are_part_of_the_identity_in_one_spelling():
    sides = {
        "top": {"value": 0.8},
        "bottom": {"flux": 0.03},
        "left": "reflecting",
        "right": "absorbing",
    }
    pairs = [[{"value": 0.8}, {"flux": 0.03}], ["no-flux", "dirichlet"]]
    tops = ({"value": 0.9}, {"flux": 0.8}, {"coefficient": 0.2, "value": 0.8}, "absorbing")
    boundaries = [sides, pairs, "absorbing", *({**sides, "top": top} for top in tops)]
    names = [
        DatasetConfig.of(2, parse_config({"physics": {"boundary": boundary}})).name
        for boundary in boundaries
    ]
    assert names[0] == names[1]
    assert len(set(names)) == len(names) - 1


def test_differences_of_identities_name_what_is_left_out():
    fixed = parse_config({})
    production = fixed.with_overrides({"physics.sources": "production"})
    here, there = (DatasetConfig.of(5, c).identity() for c in (fixed, production))
    assert differing_identities(there, here) == {"production": (True, False)}
    assert differing_identities(here, there) == {"production": (False, True)}
    assert differing_identities(here, here) == {}
