"""Tissues: what is drawn, and the maps of cells and regions."""

import numpy as np
import pytest

from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium, Sources, Tissue, TissueSampler

SAMPLER = TissueSampler(
    cells=(3, 9), cell_radius=(1.0, 2.0), uptake=(0.01, 1.0), regions=(2, 4), diffusivity=(0.1, 10)
)


def tissue_by_hand() -> Tissue:
    return Tissue(
        Sources.from_lists([1, 1, 9], [1, 2, 0], [1.0, 0.0, 1.5], [0.25, 0.5, 4.0]),
        np.array([0, 0, 3], np.int32),
        np.array([0, 4, 4], np.int32),
        np.array([1.0, 3.0, 0.5], np.float32),
    )


def test_maps_by_hand() -> None:
    tissue = tissue_by_hand()
    decay = tissue.decay_map((4, 5), decay=0.5)
    expected = np.full((4, 5), 0.5)
    expected[[0, 1, 1, 2], [1, 0, 1, 1]] = 0.75
    expected[1, 2] = 1.0  # both cells hold this node, and the larger uptake counts
    np.testing.assert_array_equal(decay, expected)
    diffusivity = tissue.diffusivity_map((4, 5), diffusivity=2.0)
    # the middle column is as near to the first node as to the second
    np.testing.assert_array_equal(diffusivity[0], [2, 2, 2, 6, 6])
    np.testing.assert_array_equal(diffusivity[3], [2, 1, 1, 1, 1])
    assert decay.dtype == diffusivity.dtype == np.float32


def test_maps_of_a_medium() -> None:
    tissue = tissue_by_hand()
    diffusivity, decay = tissue.maps((4, 5), Medium(diffusivity=2.0, decay=0.5))
    np.testing.assert_array_equal(diffusivity, tissue.diffusivity_map((4, 5), 2.0))
    np.testing.assert_array_equal(decay, tissue.decay_map((4, 5), 0.5))


def test_a_region_is_what_lies_nearest() -> None:
    tissue = TissueSampler(regions=7, diffusivity=(0.1, 1.0)).sample((20, 30), rng=3)
    rows, columns = np.indices((20, 30))
    distances = np.stack(
        [
            (rows - r) ** 2 + (columns - c) ** 2
            for r, c in zip(tissue.region_rows, tissue.region_columns, strict=True)
        ]
    )
    found = tissue.diffusivity_map((20, 30))
    np.testing.assert_array_equal(found, tissue.region_diffusivities[distances.argmin(axis=0)])


def test_what_is_drawn_lies_in_its_range() -> None:
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


def test_the_same_generator_gives_the_same_tissue() -> None:
    one, same, other = (SAMPLER.sample(16, rng=seed) for seed in (1, 1, 2))
    medium = Medium()
    for a, b in zip(one.maps(16, medium), same.maps(16, medium), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(one.maps(16, medium).decay, other.maps(16, medium).decay)


def test_a_number_is_a_range_of_itself() -> None:
    sampler = TissueSampler(cells=0, regions=1, diffusivity=0.5)
    assert (sampler.cells, sampler.regions, sampler.diffusivity) == ((0, 0), (1, 1), (0.5, 0.5))
    maps = sampler.sample(8, rng=0).maps(8, Medium(diffusivity=4.0, decay=0.25))
    assert np.unique(maps.diffusivity).tolist() == [2.0]
    assert np.unique(maps.decay).tolist() == [0.25]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cells", (9, 3)),
        ("cells", 1.5),
        ("cells", -1),
        ("cells", True),
        ("cell_radius", -1.0),
        ("cell_radius", float("nan")),
        ("uptake", 0.0),
        ("uptake", (-0.1, 0.5)),
        ("uptake", (0.5, 0.1)),
        ("uptake", (0.1, 0.2, 0.3)),
        ("uptake", "much"),
        ("regions", 0),
        ("diffusivity", 0.0),
        ("diffusivity", (0.1, float("inf"))),
    ],
)
def test_bad_ranges_are_named(name: str, value: object) -> None:
    with pytest.raises(PhysicsError, match=rf"^{name} "):
        TissueSampler(**{name: value})  # type: ignore[arg-type]


def test_tissues_without_a_field() -> None:
    reflecting = Medium(decay=0.0, boundary="reflecting")
    with pytest.raises(PhysicsError, match="nothing takes up"):
        TissueSampler(cells=(0, 5)).check(16, reflecting)
    TissueSampler(cells=(1, 5)).check(16, reflecting)
    TissueSampler(cells=0).check(16, Medium(decay=0.0))
    with pytest.raises(PhysicsError, match="at most 256"):
        TissueSampler(regions=257).check(16, reflecting)
    with pytest.raises(PhysicsError, match="differ by a factor"):
        TissueSampler(diffusivity=(1e-9, 1.0)).check(16, Medium())
    with pytest.raises(PhysicsError, match=r"1e\+12 D/h²"):  # where all regions are the slowest
        TissueSampler(uptake=1e6, diffusivity=(1e-6, 1.0)).check(16, Medium())
    with pytest.raises(PhysicsError, match="both axes"):
        TissueSampler().check(16, Medium(diffusivity=(1.0, 2.0)))
    with pytest.raises(PhysicsError, match="at most 64"):
        TissueSampler(regions=65).sample(8, rng=0)
