"""Warnings of images and media that a surrogate wasn't trained on."""

import re
from typing import Any

import numpy as np
import pytest

from diffkeras.config import Config
from diffkeras.physics import Placement, Sources, sample_sources
from diffkeras.view.network_view import outside_training
from tests.helpers.known_networks import surrogate_of
from tests.helpers.surrogate_kinds import SIDES

LATTICE = (32, 32)
TISSUE = {
    "physics.boundary": "reflecting",
    "data.tissue.cells": [3, 6],
    "data.tissue.cell_radius": [1, 2],
    "data.tissue.uptake": [0.02, 0.5],
    "data.tissue.saturation": [0.05, 0.5],
    "data.tissue.secreting_cells": [1, 2],
    "data.tissue.secretion": [0.002, 0.02],
    "model.transform": "linear",
}


@pytest.fixture(scope="module")
def config(tiny):
    return tiny.with_overrides(
        {"physics.lattice": 32, "data.radius": [2, 3], "data.sources": "1-3"}
    )


@pytest.fixture(scope="module")
def tissue(config):
    return config.with_overrides(TISSUE)


def warnings(config: Config, *images: np.ndarray, **maps: Any) -> list[str]:
    stack = np.stack(images)[..., None].astype(np.float32)
    inputs = {
        name: np.full_like(stack, config.view.ranges[name][0]) for name in config.view.varying
    }
    return list(outside_training(config.view, {**inputs, "source_images": stack, **maps}))


def discs(count: int, radius: Any, **options: Any) -> np.ndarray:
    return sample_sources(count, LATTICE, radius=radius, rng=1, **options).image()


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"data.values": "constant"},
        {"physics.sources": "production", "data.placement.overlap": True},
        {"data.placement.kind": "clustered", "data.placement.spread": 4},
        TISSUE,
    ],
)
def test_the_training_data_are_not_warned_of(config, overrides):
    chosen = config.with_overrides(overrides)
    for count in chosen.data.sources:
        for example in chosen.recipe(count).examples("train", range(8)):
            maps = {name: example.maps[name][None, ..., None] for name in chosen.view.maps}
            assert warnings(chosen, example.source_image, **maps) == []


def test_what_differs_is_warned_of(config):
    wall, ramp = np.zeros(LATTICE), np.zeros(LATTICE)
    wall[10, 3:26] = 1.0  # as many nodes as a disc
    ramp[5:20, 5:20] = np.linspace(0.3, 1, 15)  # more nodes than three discs of any radius
    few, many, none = discs(3, 2), discs(8, 2), np.zeros(LATTICE)
    larger = sample_sources(2, (48, 32), radius=2, rng=0).image()
    size = "of 13 to 29 nodes, and this image has a source"
    touch = ", or several that touch, of"
    for images, pattern in (
        ([larger], "trained on 32×32 nodes, and this image has 48×32$"),
        ([none, few, many, none], r"images of 1 to 3 source\(s\), and this one has [5-8]; "),
        ([discs(2, 2), discs(1, 1)], f"{size} of 5 nodes;"),
        ([discs(1, 4)], f"{size}{touch} 49 nodes;"),
        ([discs(1, 8)], f"{size}{touch} 197 nodes;"),
        ([wall], f"{size}{touch} 23 nodes;"),
        ([ramp], f"{size}{touch} 225 nodes;"),
    ):
        (sentence,) = warnings(config, *images)
        assert re.search(pattern, sentence)
    # sources of several images are not counted together
    assert warnings(config, *[few] * 4, none) == []


@pytest.mark.parametrize("sources", ["fixed_value", "production"])
def test_where_sides_supply_images_are_not_scaled(config, sources):
    sides = config.with_overrides({"physics.boundary": SIDES, "physics.sources": sources})
    assert warnings(sides, discs(2, 2)) == []
    (sentence,) = warnings(sides, 3 * discs(2, 2))
    assert "largest value is 1, and here it is 3; sides have a value or a flux" in sentence


def test_discs_that_touch_are_not_taken_for_a_larger_one(config):
    beside = Sources.from_lists([10, 10], [10, 17], [3, 3], [1.0, 0.5]).image(LATTICE)
    assert beside[10, 13] == 1
    assert beside[10, 14] == np.float32(0.5)
    assert warnings(config, beside) == []
    overlap = {"physics.sources": "production", "data.placement.overlap": True}
    image = discs(3, 3, placement=Placement("clustered", spread=1.0, overlap=True))
    assert warnings(config.with_overrides(overlap), np.minimum(image, 1)) == []


def test_maps_are_compared_as_the_network_sees_them(tissue):
    maps = {
        name: np.full((1, *LATTICE, 1), value, np.float32)
        for name, value in (("uptake", 0.1), ("saturation", 0.2), ("production", 0.01))
    }
    image = discs(2, 2)
    assert warnings(tissue, image, **maps) == []
    # with sources of 1/400, dividing by their value takes the maps out of the trained ranges
    names = [re.search(r"trained with (\w+)", one) for one in warnings(tissue, image / 400, **maps)]
    assert [name and name[1] for name in names] == list(maps)
    (first, *_) = warnings(tissue, image / 400, **maps)
    assert "0 to 0.5 times the image's largest value, and these maps have 40 to 40" in first
    # and with sources of 400 it brings 400 times these maps back
    larger = {name: 400 * values for name, values in maps.items()}
    assert warnings(tissue, 400 * image, **larger) == []
    assert len(warnings(tissue, image, **larger)) == len(maps)


def test_a_surrogate_says_each_thing_once(config, log):
    surrogate = surrogate_of(np.zeros((1, *LATTICE)), config)
    for image in (discs(2, 2), discs(8, 2), discs(8, 2), discs(8, 2) / 2, discs(1, 8)):
        surrogate.predict(image)
    surrogate.fields([discs(1, 8)])
    said = [record.getMessage() for record in log.records if record.levelname == "WARNING"]
    assert len(said) == len(set(said)) == 2
