"""The maps of cells and regions."""

from dataclasses import replace

import numpy as np

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
        np.testing.assert_array_equal(found["decay"], tissue.decay_map((4, 5), 0.5))


def test_a_region_is_what_lies_nearest():
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
