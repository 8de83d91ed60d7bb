"""PyAMG comes as near to the exact field as its tolerance says."""

import numpy as np
import pytest

from diffkeras.physics import Medium, Problem, TissueSampler, production_of, sample_sources, solve
from diffkeras_benchmark.pyamg_solver import pyamg_field

LATTICE = (20, 24)
IMAGE = sample_sources(2, LATTICE, radius=3, rng=0).image(LATTICE, np.float64)
TISSUE = TissueSampler(cells=(5, 9)).sample(LATTICE, 1).maps(LATTICE, Medium())
MEDIA = {
    "uniform": Medium(decay=0.02, step=0.5),
    "tissue": Medium(TISSUE["diffusivity"], TISSUE["decay"], boundary="reflecting"),
}


@pytest.mark.parametrize("medium", MEDIA.values(), ids=MEDIA)
def test_a_smaller_tolerance_gives_a_smaller_error(medium):
    problem = Problem(IMAGE, medium=medium)
    exact = solve(problem).field
    errors = [abs(pyamg_field(problem, tolerance) - exact).max() for tolerance in (1e-1, 1e-6)]
    assert errors[1] < 1e-4
    assert errors[1] < errors[0]


@pytest.mark.parametrize("image", [None, IMAGE], ids=["alone", "with fixed nodes"])
def test_production_is_solved(image):
    medium = Medium(diffusivity=2.0, decay=0.02, step=0.5)
    problem = Problem(image, production=production_of(IMAGE[::-1], medium), medium=medium)
    exact = solve(problem).field
    for _ in range(2):  # the second field by the hierarchy of the first
        found = pyamg_field(problem, 1e-6)
        assert abs(found - exact).max() < 1e-5 * exact.max()
