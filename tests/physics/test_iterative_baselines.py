"""Iterations on the lattice equation come as near to the exact field as their tolerance says."""

from collections.abc import Callable

import numpy as np
import pytest

from diffkeras.physics import Medium, TissueSampler, production_of, sample_sources, solve
from diffkeras.physics.iterative_baselines import pyamg_field, transform_cg_field

LATTICE = (20, 24)
IMAGE = sample_sources(2, LATTICE, radius=3, rng=0).image(LATTICE, np.float64)
TISSUE = TissueSampler(cells=(5, 9)).sample(LATTICE, 1).maps(LATTICE, Medium())
MEDIA = {
    "uniform": Medium(decay=0.02, step=0.5),
    "tissue": Medium(TISSUE["diffusivity"], TISSUE["decay"], boundary="reflecting"),
}


@pytest.mark.parametrize("medium", MEDIA.values(), ids=MEDIA)
@pytest.mark.parametrize("method", [pyamg_field, transform_cg_field])
def test_a_smaller_tolerance_gives_a_smaller_error(
    method: Callable[..., np.ndarray], medium: Medium
) -> None:
    exact = solve(IMAGE, medium=medium).field
    errors = [abs(method(IMAGE, t, medium=medium) - exact).max() for t in (1e-1, 1e-6)]
    assert errors[1] < 1e-4
    assert errors[1] < errors[0]


@pytest.mark.parametrize("image", [None, IMAGE], ids=["alone", "with fixed nodes"])
def test_production_is_solved(image: np.ndarray | None) -> None:
    medium = Medium(diffusivity=2.0, decay=0.02, step=0.5)
    production = production_of(IMAGE[::-1], medium)
    exact = solve(image, production=production, medium=medium).field
    for _ in range(2):  # the second field by the hierarchy of the first
        found = pyamg_field(image, 1e-6, medium=medium, production=production)
        assert abs(found - exact).max() < 1e-5 * exact.max()
