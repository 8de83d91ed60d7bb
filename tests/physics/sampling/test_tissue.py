"""Tissues: the maps of their cells and regions, and how they are distributed."""

from dataclasses import replace

import numpy as np
import pytest

from diffkeras.errors import PhysicsError
from diffkeras.physics import (
    Medium,
    MichaelisMenten,
    Sources,
    Tissue,
    TissueSampler,
    maps_of,
    problem_of_maps,
    solve,
)


def tissue_by_hand() -> Tissue:
    return Tissue(
        Sources.from_lists([1, 1, 9], [1, 2, 0], [1.0, 0.0, 1.5], [0.25, 0.5, 4.0]),
        np.array([0, 0, 3], np.int32),
        np.array([0, 4, 4], np.int32),
        np.array([1.0, 3.0, 0.5], np.float32),
    )


def test_maps_by_hand():
    tissue = tissue_by_hand()
    decay = tissue.maps((4, 5), Medium(decay=0.5))["decay"]
    expected = np.full((4, 5), 0.5)
    expected[[0, 1, 1, 2], [1, 0, 1, 1]] = 0.75
    expected[1, 2] = 1.0  # both cells hold this node, and the larger uptake counts
    np.testing.assert_array_equal(decay, expected)
    diffusivity = tissue.diffusivity_map((4, 5), diffusivity=2.0)
    # the middle column is as near to the first node as to the second
    np.testing.assert_array_equal(diffusivity[0], [2, 2, 2, 6, 6])
    np.testing.assert_array_equal(diffusivity[3], [2, 1, 1, 1, 1])
    assert decay.dtype == diffusivity.dtype == np.float32


def test_maps_of_a_medium():
    tissue = tissue_by_hand()
    medium = Medium(diffusivity=2.0, decay=0.5, step=0.5, boundary="periodic")
    maps = tissue.maps((4, 5), medium)
    assert list(maps) == ["diffusivity", "decay"]
    problem = problem_of_maps(np.eye(4, 5), medium, maps)
    assert (problem.medium.step, problem.medium.boundary) == (0.5, "periodic")
    assert problem.uptake is problem.production is None
    for found in (maps, maps_of(problem, list(maps))):
        np.testing.assert_array_equal(found["diffusivity"], tissue.diffusivity_map((4, 5), 2.0))
        assert found["decay"].min() == 0.5
        assert found["decay"].max() == 1.0


def test_maps_of_cells_that_saturate_and_secrete():
    secreting = Sources.from_lists([3, 3], [3, 4], [0.0, 1.0], [0.25, 0.5])
    tissue = replace(tissue_by_hand(), saturation=0.5, secreting=secreting)
    medium = Medium(diffusivity=2.0, decay=0.125)
    maps = tissue.maps((4, 5), medium)
    np.testing.assert_array_equal(maps["decay"], np.full((4, 5), 0.125))
    np.testing.assert_array_equal(maps["saturation"], np.full((4, 5), 0.5))
    maximum = np.zeros((4, 5))
    maximum[[0, 1, 1, 2], [1, 0, 1, 1]] = 0.25
    maximum[1, 2] = 0.5
    np.testing.assert_array_equal(maps["uptake"], maximum)
    released = np.zeros((4, 5))
    released[[3, 3, 2], [3, 4, 4]] = 0.5  # the larger one counts where both are
    np.testing.assert_array_equal(maps["production"], released)
    assert all(values.dtype == np.float32 for values in maps.values())

    image = np.zeros((4, 5))
    image[0, 0] = 1.0
    problem = problem_of_maps(image, medium, maps)
    expected = solve(
        image,
        production=released,
        uptake=MichaelisMenten(maximum, 0.5),
        medium=Medium(tissue.diffusivity_map((4, 5), 2.0), 0.125),
    )
    np.testing.assert_allclose(solve(problem).field, expected.field, rtol=1e-9)


SAMPLER = TissueSampler(
    cells=(3, 9), cell_radius=(1.0, 2.0), uptake=(0.01, 1.0), regions=(2, 4), diffusivity=(0.1, 10)
)


def test_what_is_drawn_lies_in_its_range():
    tissues = [SAMPLER.sample((12, 17), rng=k) for k in range(200)]
    counts = {tissue.cells.count for tissue in tissues}
    assert counts == set(range(3, 10))
    assert {tissue.region_rows.size for tissue in tissues} == {2, 3, 4}
    radii = np.concatenate([tissue.cells.radii for tissue in tissues])
    assert 1 <= radii.min() < 1.1 < 1.9 < radii.max() <= 2
    for values, low, high in (
        (np.concatenate([t.cells.values for t in tissues]), 0.01, 1.0),
        (np.concatenate([t.region_diffusivities for t in tissues]), 0.1, 10.0),
    ):
        share = np.log(values / low) / np.log(high / low)
        assert share.min() > -1e-6
        assert share.max() < 1 + 1e-6
        expected = (np.arange(share.size) + 0.5) / share.size
        # Kolmogorov and Smirnov's distance, exceeded by one seed in 10,000
        assert np.abs(np.sort(share) - expected).max() < 2.2 / np.sqrt(share.size)
    rows = np.concatenate([tissue.cells.rows for tissue in tissues])
    assert set(rows.tolist()) == set(range(12))


def test_the_same_generator_gives_the_same_tissue():
    one, same, other = (SAMPLER.sample(16, rng=seed) for seed in (1, 1, 2))
    medium = Medium()
    for a, b in zip(*(tissue.maps(16, medium).values() for tissue in (one, same)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(one.maps(16, medium)["decay"], other.maps(16, medium)["decay"])


REFUSED: dict[str, tuple] = {
    "cells": ((9, 3), 1.5, -1, True),
    "cell_radius": (-1.0, float("nan")),
    "uptake": (0.0, (-0.1, 0.5), (0.5, 0.1), (0.1, 0.2, 0.3), "much"),
    "regions": (0,),
    "diffusivity": (0.0, (0.1, float("inf"))),
    "saturation": (0.0, (0.3, 0.2)),
    "secreting_cells": ((0.5, 2),),
    "secretion": (-0.1, None),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_ranges_are_named(name):
    for value in REFUSED[name]:
        with pytest.raises(PhysicsError, match=rf"^{name} "):
            TissueSampler(**{name: value})
    with pytest.raises(PhysicsError, match=r"^regions .* that ascends, not"):
        TissueSampler(regions=(5, 1))


def test_tissues_without_a_field():
    reflecting = Medium(decay=0.0, boundary="reflecting")
    with pytest.raises(PhysicsError, match="nothing takes up"):
        TissueSampler(cells=(0, 5)).check(16, reflecting)
    TissueSampler(cells=(1, 5)).check(16, reflecting)
    TissueSampler(cells=0).check(16, Medium(decay=0.0))
    with pytest.raises(PhysicsError, match="at most 256"):
        TissueSampler(regions=257).check(16, reflecting)
    with pytest.raises(PhysicsError, match="differ by a factor"):
        TissueSampler(diffusivity=(1e-9, 1.0)).check(16, Medium())
    with pytest.raises(
        PhysicsError, match=r"1e\+12 times that"
    ):  # where all regions are the slowest
        TissueSampler(uptake=1e6, diffusivity=(1e-6, 1.0)).check(16, Medium())
    with pytest.raises(PhysicsError, match="both axes"):
        TissueSampler().check(16, Medium(diffusivity=(1.0, 2.0)))
    with pytest.raises(PhysicsError, match="at most 64"):
        TissueSampler(regions=65).sample(8, rng=0)
    with pytest.raises(PhysicsError, match=r"1e\+12 times that"):
        TissueSampler(uptake=1.0, saturation=1e-6, diffusivity=(1e-6, 1.0)).check(16, Medium())


def test_cells_that_saturate_or_secrete_are_drawn_after_all_others():
    more = replace(SAMPLER, saturation=(0.1, 0.4), secreting_cells=(1, 4), secretion=(0.02, 0.2))
    assert SAMPLER.maps == SAMPLER.varying_maps == ("diffusivity", "decay")
    assert more.maps == ("diffusivity", "decay", "uptake", "saturation", "production")
    assert more.varying_maps == ("diffusivity", "uptake", "saturation", "production")
    constants, counts = [], set()
    for seed in range(60):
        plain, tissue = (s.sample(16, rng=seed) for s in (SAMPLER, more))
        for name in ("rows", "columns", "radii", "values"):
            own = getattr(tissue.cells, name)
            np.testing.assert_array_equal(own, getattr(plain.cells, name))
        np.testing.assert_array_equal(tissue.region_diffusivities, plain.region_diffusivities)
        assert plain.saturation is plain.secreting is None
        assert tissue.saturation is not None
        assert tissue.secreting is not None
        constants.append(tissue.saturation)
        counts.add(tissue.secreting.count)
        released = tissue.secreting.values
        assert np.all(np.diff(released) >= 0)
        assert 0.02 * (1 - 1e-6) <= released.min() <= released.max() <= 0.2 * (1 + 1e-6)
        assert constants[-1] == np.float32(constants[-1])
    assert counts == {1, 2, 3, 4}
    assert 0.1 <= min(constants) < 0.13 < 0.3 < max(constants) <= np.float32(0.4)
    assert more.fastest_uptake == 1.0 / 0.1
    assert SAMPLER.fastest_uptake == 1.0
