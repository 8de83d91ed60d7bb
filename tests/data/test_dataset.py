"""Names and identities of datasets."""

from typing import Any

import pytest

from diffkeras.config import load_config, parse_config
from diffkeras.data.dataset import DatasetConfig
from diffkeras.identity import differing_datasets

SIDES = {"top": {"value": 0.8}, "bottom": {"flux": 0.03}, "left": "reflecting"}
TISSUE = {"data.tissue": {"cells": [5, 12]}}
SECRETING = {**TISSUE, "data.tissue.secreting_cells": [1, 4]}
PRODUCTION = {"physics.sources": "production"}
DIVIDED = {**PRODUCTION, "data.divide_by_maximum": True}
OVERLAPPING = {**DIVIDED, "data.placement.overlap": True}
# what its program computes
OF_THE_PAPER = {**OVERLAPPING, "data.values": ["scaled_uniform", 0.01]}
DIFFERENT: list[dict[str, Any]] = [
    {},
    *({"physics.lattice": lattice} for lattice in (256, [512, 256])),
    {"physics.decay": 0.01},
    {"physics.diffusivity": 2},
    {"physics.step": 0.5},
    {"physics.boundary": "reflecting"},
    {"physics.boundary": SIDES},
    *(
        {"physics.boundary": {**SIDES, "top": top}}
        for top in ({"value": 0.9}, {"flux": 0.8}, {"coefficient": 0.2, "value": 0.8}, "absorbing")
    ),
    *({"data.radius": radius} for radius in (6, [4, 6])),
    {"data.seed": 1},
    {"data.values": ["scaled_uniform", 0.01]},
    *({"data.diffusion_length": [4, longest]} for longest in (40, 41)),
    PRODUCTION,
    DIVIDED,
    OVERLAPPING,
    OF_THE_PAPER,
    TISSUE,
    {"data.tissue": {"cells": [5, 13]}},
    {**TISSUE, "data.tissue.saturation": [0.1, 0.4]},
    SECRETING,
    {**SECRETING, "data.tissue.secretion": [0.01, 0.1]},
]
SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"data.sources": "7", "data.train_examples": 5, "data.train_fraction": 0.5}),
    ({}, {"data.cache": True}),
    (TISSUE, {**TISSUE, "data.tissue.secretion": [1, 2]}),  # no cell secretes
    (
        {"physics.boundary": {**SIDES, "right": "absorbing"}},
        {"physics.boundary": [[{"value": 0.8}, {"flux": 0.03}], ["no-flux", "dirichlet"]]},
    ),
]


def dataset(changes: dict[str, Any], count: int = 5) -> DatasetConfig:
    return DatasetConfig.of(count, parse_config({}).with_overrides(changes))


def test_what_changes_an_example_changes_the_name_and_nothing_else_does():
    names = [dataset(changes).name for changes in DIFFERENT]
    assert names[0] == "sources_05"
    assert all(name.startswith("sources_05-") for name in names[1:])
    assert len(set(names)) == len(names)
    for one, other in SAME:
        assert dataset(one).name == dataset(other).name


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


def test_an_identity_says_what_is_drawn():
    assert dataset(OF_THE_PAPER).name == "sources_05-production"
    identity = dataset(OVERLAPPING).identity
    assert (identity["production"], identity["placement"]["overlap"]) == (True, True)
    assert "5 discs of production" in dataset(PRODUCTION).description
    assert "5 discs of fixed value" in dataset({}).description
    lengths = dataset({"data.diffusion_length": [4, 40]}).identity
    assert lengths["diffusion_length"] == [4, 40]
    assert "decay" not in lengths
    parts = {"cells", "cell_radius", "uptake", "regions", "diffusivity"}
    assert dataset(TISSUE).identity["tissue"].keys() == parts
    assert not {"tissue", "diffusion_length"} & dataset({}).identity.keys()


def test_differences_of_identities_name_what_is_left_out():
    fixed = parse_config({})
    production = fixed.with_overrides({"physics.sources": "production"})
    here, there = (DatasetConfig.of(5, c).identity for c in (fixed, production))
    assert differing_datasets(there, here) == {"production": (True, False)}
    assert differing_datasets(here, there) == {"production": (False, True)}
    assert differing_datasets(here, here) == {}
