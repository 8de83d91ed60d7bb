"""Batches of source images, processes and threads."""

from dataclasses import replace

import numpy as np
import pytest

from diffkeras.errors import PhysicsError
from diffkeras.physics import sample_sources, solve
from diffkeras.physics.solution import BatchSolution

LATTICE = (64, 57)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return np.stack(
        [
            sample_sources(count, LATTICE, radius=4, rng=rng).image(LATTICE, np.float64)
            for count in (1, 4, 2, 7, 3)
        ]
    )


@pytest.mark.parametrize("processes", [None, 2])
def test_a_batch_equals_its_images_one_by_one(images, processes):
    batch = solve(images, processes=processes)
    assert isinstance(batch, BatchSolution)
    singles = [solve(image) for image in images]
    # BLAS rounds differently with another number of threads
    assert np.abs(batch.field - np.stack([single.field for single in singles])).max() < 1e-14
    for image, single in zip(batch.images, singles, strict=True):
        assert replace(image.stats, reached=0.0) == replace(single.stats, reached=0.0)
    assert batch.stats.ring_nodes == max(single.stats.ring_nodes for single in singles)


def test_threads_serve_a_single_image(images):
    for method in ("ring", "ring-cg"):
        alone = solve(images[3], method=method).field  # type: ignore[arg-type]
        helped = solve(images[3], method=method, threads=2).field  # type: ignore[arg-type]
        assert np.abs(alone - helped).max() < 1e-14


@pytest.mark.parametrize("processes", [None, 2])
def test_an_image_that_float32_does_not_hold_keeps_its_bound(processes):
    small, plain = np.zeros((2, 16, 16))
    small[5:11, 5:11], small[7:9, 7:9], plain[6:10, 6:10] = 1e-42, 1.0, 1.0
    diffusivity = np.where(np.arange(16) < 8, 2.0, 1.0)[:, None] * np.ones(16)
    batch = solve(
        np.stack([plain, small, plain]),
        diffusivity=diffusivity,
        tolerance=1e-6,
        processes=processes,
    )
    exact = solve(small, diffusivity=diffusivity, tolerance=1e-12).field
    error = np.abs(batch.field[1] - exact)[small == 0].max()
    assert error <= batch.images[1].node_bound[small == 0].max()
    assert error <= 1e-6 * 1e-42


def test_an_error_in_one_image_reaches_the_caller(images):
    broken = images.copy()
    broken[3, 5, 6] = np.nan
    with pytest.raises(PhysicsError, match=r"nan at node \(5, 6\)"):
        solve(broken, processes=2)
