"""The preconditioner of rings in space: symmetric, positive definite, and near G⁻¹."""

import numpy as np
import pytest

from diffkeras.physics import Medium, sample_sources, solve
from diffkeras.physics.equations.finite_volumes import finite_volumes

LATTICE = (26, 30, 28)


@pytest.fixture(scope="module")
def image():
    return sample_sources(6, LATTICE, radius=(2, 4), rng=3).image(dtype=np.float64)


@pytest.mark.parametrize("boundary", ["absorbing", "reflecting", "periodic"])
@pytest.mark.parametrize("decay", [1 / 400, 0.0])
def test_few_iterations_solve_balls_and_surfaces(image, boundary, decay):
    sheets = np.where(np.indices(LATTICE)[1] % 9 == 0, image + 0.5, image)
    for sources, most in ((image, 20), (sheets, 45)):
        options = {"decay": decay, "boundary": boundary, "dimensions": 3}
        solution = solve(sources, method="ring-cg", **options)
        assert solution.stats.iterations <= most
        missed = finite_volumes(LATTICE, Medium(**options)).apply(solution.field)
        assert abs(missed[sources == 0]).max() < 1e-9
        np.testing.assert_array_equal(solution.field[sources != 0], sources[sources != 0])
