"""Certificates in media that vary, against the sparse reference."""

import numpy as np
import pytest

from diffkeras.physics import Medium, certify, solve

LATTICE = (28, 33)


def tissue(lattice: tuple[int, int], seed: int = 0, boundary: object = "reflecting") -> Medium:
    """Cells that take up in a layered tissue."""
    rng = np.random.default_rng(seed)
    rows = np.indices(lattice)[0]
    return Medium(
        diffusivity=np.where(rows < lattice[0] // 2, 1.0, 0.1),
        decay=np.where(rng.random(lattice) < 0.2, 0.5, 1e-3),
        boundary=boundary,
    )


@pytest.fixture(scope="module")
def medium():
    return tissue(LATTICE)


@pytest.fixture(scope="module")
def image():
    image = np.zeros(LATTICE)
    image[5:9, 6:10] = 3.0
    image[20:23, 20:24] = 1.5
    return image


@pytest.fixture(scope="module")
def exact(image, medium):
    return solve(image, medium=medium, tolerance=1e-12).field


def test_bounds_say_something(image, medium, exact):
    prediction = exact + 0.01 * np.random.default_rng(0).normal(size=LATTICE)
    certificate = certify(prediction, image, medium=medium)
    error = abs(prediction - exact)
    assert certificate.error_bound < 1.5 * error.max()
    assert certificate.corrected.error_bound < 0.02
    assert abs(certificate.corrected.field - exact).max() < 0.1 * error.max()
    # it falls off with the error, which the largest bound would not
    far = np.s_[25:, :4]
    local = exact.copy()
    local[5:9, 10:12] += 0.5
    bounds = certify(local, image, medium=medium).node_bound
    assert bounds[far].max() < 0.1 * bounds.max()


def test_where_the_medium_is_uniform_the_bounds_of_both_ways_are_alike(image):
    decay = 0.01
    exact = solve(image, decay=decay).field
    prediction = 1.01 * exact
    varying_bound = certify(prediction, image, decay=np.full(LATTICE, decay)).error_bound
    uniform_bound = certify(prediction, image, decay=decay).error_bound
    assert abs(prediction - exact).max() <= min(varying_bound, uniform_bound)
    assert varying_bound < 1.1 * uniform_bound


def test_nothing_fixed_above_0_is_known_exactly(medium):
    image, fixed = np.zeros(LATTICE), np.zeros(LATTICE, bool)
    fixed[3, 4] = True
    certificate = certify(np.ones(LATTICE), image, fixed=fixed, medium=medium)
    assert certificate.corrected.error_bound == 0.0
    assert not certificate.corrected.field.any()
