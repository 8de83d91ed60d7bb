"""Random tissues: how their cells and regions are distributed."""

from dataclasses import replace

import numpy as np
import pytest

from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium, TissueSampler

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


def test_a_number_is_a_range_of_itself():
    sampler = TissueSampler(cells=0, regions=1, diffusivity=0.5)
    assert (sampler.cells, sampler.regions, sampler.diffusivity) == ((0, 0), (1, 1), (0.5, 0.5))
    maps = sampler.sample(8, rng=0).maps(8, Medium(diffusivity=4.0, decay=0.25))
    assert np.unique(maps["diffusivity"]).tolist() == [2.0]
    assert np.unique(maps["decay"]).tolist() == [0.25]


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
        ("saturation", 0.0),
        ("saturation", (0.3, 0.2)),
        ("secreting_cells", (0.5, 2)),
        ("secretion", -0.1),
        ("secretion", None),
    ],
)
def test_bad_ranges_are_named(name, value):
    with pytest.raises(PhysicsError, match=rf"^{name} "):
        TissueSampler(**{name: value})  # type: ignore[arg-type]


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
