"""Families as data: masks, random regions, what a sampler describes, and its examples."""

import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import diffkeras as dk
from diffkeras.errors import PhysicsError
from diffkeras.physics import FamilyRecipe, FamilySampler, Medium, RandomRegions, maps_of
from diffkeras.physics.families.family.rows import rows_of_maps
from diffkeras.physics.sampling.families.masks import mask_of_text, text_of_mask
from diffkeras.physics.sampling.families.recipe import BLOCK
from tests.helpers.random_families import random_family, tissue_family

RANGES = {
    "values[vessels]": (0.5, 1.0),
    "uptake.maximum[cells_1]": (0.005, 0.05),
    "uptake.constant": (0.05, 0.5),
    "decay": (5e-4, 5e-3),
}
SAMPLER = FamilySampler(RANGES, random=RandomRegions(vessels=2, vessel_radius=2, cells=8))
MEDIUM = Medium(boundary="reflecting")


def recipe(**changes: Any) -> FamilyRecipe:
    return FamilyRecipe(replace(SAMPLER, **changes), 16, MEDIUM)


@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (64, 32)])
def test_texts_hold_masks(shape):
    mask = np.random.default_rng(0).random(shape) < 0.5
    mask[0, 0] = True
    text = text_of_mask("a", 3.0 * mask)
    np.testing.assert_array_equal(mask_of_text("a", text), mask)
    other = text.replace(f"{shape[0]}x{shape[1]}", f"{shape[0] + 8}x{shape[1]}")
    with pytest.raises(PhysicsError, match=r"'a' is damaged: .*number of nodes"):
        mask_of_text("a", other)
    with pytest.raises(PhysicsError, match="'a' is damaged"):
        mask_of_text("a", text[:-4] + "AAAA")


def test_random_regions_share_the_lattice_and_follow_the_seed():
    regions = RandomRegions(vessels=3, vessel_radius=2, cells=30, cell_radius=1.5, kinds=3)
    masks = regions.masks((24, 32))
    assert tuple(masks) == regions.names == ("vessels", "cells_1", "cells_2", "cells_3", "stroma")
    assert np.array_equal(sum(mask.astype(int) for mask in masks.values()), np.ones((24, 32)))
    assert masks["vessels"].sum() == 3 * 13  # nodes of a disc of radius 2
    again = regions.masks((24, 32))
    assert all(np.array_equal(masks[name], again[name]) for name in masks)
    assert not np.array_equal(replace(regions, seed=1).masks((24, 32))["cells_1"], masks["cells_1"])


def test_a_sampler_describes_the_family_that_python_would():
    own = tissue_family(16)
    regions = {
        p.name.partition("[")[2][:-1]: np.isin(np.arange(256), p.nodes).reshape(16, 16)
        for p in own.parameters
        if p.nodes is not None
    }
    ranges = {p.name: (p.low, p.high) for p in own.parameters}
    sampler = FamilySampler(ranges, regions=regions)
    family = sampler.family(16, MEDIUM)
    assert family.names == own.names
    point = own.draw(1, seed=3)[0]
    for name, part in dk.parts_of(own.problem_at(point)).items():
        made = np.broadcast_to(dk.parts_of(family.problem_at(point))[name], np.shape(part))
        free = ~own.problem.fixed | (name == "values")
        np.testing.assert_allclose(
            made[free] if made.ndim else made, np.asarray(part)[free] if made.ndim else part
        )
    # texts in place of masks are the same sampler
    assert FamilySampler(ranges, regions=sampler.regions) == sampler


def test_samplers_are_told_apart_by_their_masks(monkeypatch):
    nodes, parts = np.random.default_rng(0).random((40, 30)) < 0.1, {"decay[a]": (0.1, 1.0)}
    one = FamilySampler(parts, regions={"a": nodes})
    compress = zlib.compress  # another version of zlib writes other texts
    monkeypatch.setattr(zlib, "compress", lambda data, level: compress(data, 1))
    other = FamilySampler(parts, regions={"a": nodes})
    assert one.regions != other.regions
    assert one.fingerprint == other.fingerprint
    assert (one, hash(one)) == (other, hash(other))
    for changed in (nodes.T, ~nodes):
        assert FamilySampler(parts, regions={"a": changed}).fingerprint != one.fingerprint
        assert FamilySampler(parts, regions={"a": changed}) != one
    assert replace(one, beyond=0.1) != one
    assert replace(one, draws="latin_hypercube") != one


def test_numbers_of_random_regions_are_plain_whatever_their_type():
    given, plain = RandomRegions(vessels=np.int64(3)), RandomRegions(vessels=3)
    assert repr(given) == repr(plain)


def test_numbers_are_parts_of_all_problems_and_regions_win_over_the_whole():
    parts = {**RANGES, "decay": 0.02, "decay[cells_1]": (0.1, 0.2), "diffusivity[stroma]": 0.5}
    made = FamilySampler(parts, random=SAMPLER.random)
    family, masks = made.family(16, MEDIUM), RandomRegions(2, 2, 8).masks(16)
    problem = family.problem_at(family.high)
    assert set(problem.medium.decay[masks["stroma"]]) == {0.02}
    np.testing.assert_allclose(problem.medium.decay[masks["cells_1"]], 0.2)
    assert set(np.unique(problem.medium.diffusivity)) == {0.5, 1.0}
    assert np.array_equal(problem.fixed, masks["vessels"])


def test_points_depend_on_seed_split_and_number_alone():
    made = recipe()
    numbers = [0, 1, BLOCK - 1, BLOCK, 3 * BLOCK + 5]
    points = {split: [made.point(split, k) for k in numbers] for split in ("train", "test")}
    for split, drawn in points.items():
        for k, point in reversed(list(zip(numbers, drawn, strict=True))):
            np.testing.assert_array_equal(recipe().point(split, k), point)
            assert point.dtype == np.float32
    others = [replace(made, seed=1).point("train", k) for k in numbers]
    every = [*points["train"], *points["test"], *others]
    assert len({point.tobytes() for point in every}) == len(every)


@pytest.mark.parametrize("draws", ["sobol", "latin_hypercube"])
def test_points_fill_the_ranges_evenly(draws):
    made = recipe(draws=draws)
    points = np.array([made.point("train", k) for k in range(BLOCK)], float)
    family = made.family
    assert family.contains(points).all()
    share = np.log(points / family.low) / np.log(family.high / family.low)
    cells = np.floor(share.clip(0, 1 - 1e-9) * BLOCK).astype(int)
    # one point in each of 256 equal intervals, of each parameter; rounding may move a few
    for column in cells.T:
        assert np.unique(column).size > BLOCK - 8


def test_points_beyond_the_ranges():
    made = recipe(beyond=0.25)
    family = made.family
    points = np.array([made.point("test", k) for k in range(200)], float)
    assert not family.contains(points).any()
    widths = family.high / family.low
    assert (points >= family.low * widths**-0.25 * (1 - 1e-6)).all()
    assert (points <= family.high * widths**0.25 * (1 + 1e-6)).all()
    assert (points < family.low).any(axis=0).all()
    assert (points > family.high).any(axis=0).all()
    with pytest.raises(PhysicsError, match=r"beyond 1e-08 hardly widens"):
        recipe(beyond=1e-8).point("test", 0)
    linear = replace(SAMPLER, beyond=1.0, linear=["decay"])
    with pytest.raises(PhysicsError, match="beyond 1 is too much: the lower end of decay"):
        FamilyRecipe(linear, 16, MEDIUM)


def test_an_example_is_the_problem_of_its_parameters_and_its_field():
    made = recipe()
    example = made.example("validation", 2)
    assert example.sources.count == 0
    np.testing.assert_array_equal(example.source_image, example.problem.values.astype("f"))
    assert dk.certify(example.field.astype(float), example.problem).error_bound < 1e-6
    np.testing.assert_allclose(made.family.point_of(example.problem), example.parameters)
    (again,) = made.examples("validation", [2])
    np.testing.assert_array_equal(again.field, example.field)


@pytest.mark.parametrize("seed", range(12))
def test_parameters_are_read_off_problems_of_any_kind(seed):
    family = random_family(seed)
    for point in family.draw(3, seed=seed):
        problem = family.problem_at(point)
        np.testing.assert_allclose(family.point_of(problem), point, rtol=1e-12)
    number = int(np.argmax([p.part in ("decay", "diffusivity") for p in family.parameters]))
    other = dk.with_parts(problem, {"decay": 3.7 * np.max(dk.parts_of(problem)["decay"]) + 1})
    if family.parameters[number].part != "decay" or family.parameters[number].nodes is not None:
        with pytest.raises(PhysicsError, match="another decay than this family"):
            family.point_of(other)
    with pytest.raises(PhysicsError, match="this family has the lattice"):
        family.point_of(dk.Problem(np.eye(3)))


@pytest.mark.parametrize("whole", [False, True])
def test_maps_are_sums_of_the_parameters(whole):
    parts = {**RANGES, "decay[stroma]": (0.1, 0.2), "production[stroma]": 0.001}
    if whole:
        del parts["decay"]
    made = FamilyRecipe(FamilySampler(parts, random=SAMPLER.random), 16, MEDIUM)
    family = made.family
    names = made.sampler.maps
    assert names == ("decay", "uptake", "saturation", "production")
    rows = rows_of_maps(family, names)
    for point in family.draw(3, seed=0):
        problem = family.problem_at(point)
        wanted = {**maps_of(problem, names), "source_image": problem.values}
        for name, values in wanted.items():
            found = (np.append(point, 1.0) @ rows[name]).reshape(16, 16)
            np.testing.assert_allclose(found, values, rtol=1e-12, atol=1e-15, err_msg=name)
