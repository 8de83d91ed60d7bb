"""Single precision, and what a tolerance promises."""

import numpy as np
import pytest

from diffkeras.physics import Medium, MichaelisMenten, sample_sources, solve
from tests.helpers.plain_equations import solve_reference
from tests.helpers.rounding import same_solutions

LATTICE = (128, 100)


@pytest.fixture(scope="module")
def image():
    rng = np.random.default_rng(0)
    return sample_sources(9, LATTICE, radius=5, rng=rng).image(LATTICE, np.float64)


@pytest.mark.parametrize("boundary", ["absorbing", "reflecting", "periodic"])
@pytest.mark.parametrize("method", ["ring", "ring-cg"])
def test_single_precision_throughout(image, boundary, method):
    options = {"boundary": boundary, "method": method}
    single = solve(image, tolerance=1e-5, **options)  # type: ignore[arg-type]
    double = solve(image, **options)  # type: ignore[arg-type]
    assert (single.field.dtype, single.stats.precision) == (np.float32, "float32")
    assert (double.field.dtype, double.stats.precision) == (np.float64, "float64")
    assert np.abs(single.field - double.field).max() < 3e-6
    assert np.array_equal(single.field[image != 0], image[image != 0].astype(np.float32))


@pytest.mark.parametrize("uptake", [None, MichaelisMenten(0.1, 0.5)])
def test_fields_that_float32_does_not_hold_are_in_double_precision(uptake):
    image = np.zeros((16, 16))
    image[5:11, 5:11], image[7:9, 7:9] = 1e-42, 1.0
    solution = solve(image, uptake=uptake, tolerance=1e-6)
    assert solution.node_bound[image == 0].max() <= 1e-6 * 1e-42


def test_double_precision_steps_in_where_single_does_not_do():
    # opposing values on neighbouring nodes, and a fast axis along which G is nearly constant
    medium = Medium(diffusivity=(1, 1e3), decay=1e-6, boundary="reflecting")
    rng = np.random.default_rng(0)
    image = rng.choice([-1.0, 1.0], (72, 72)) * (rng.random((72, 72)) < 0.4)
    solution = solve(image, medium=medium, tolerance=1e-6, method="ring-cg")
    assert solution.stats.precision == "float64"
    assert solution.stats.reached <= 1e-6
    assert np.abs(solution.field - solve_reference(image, medium=medium)).max() <= 1e-6


def test_zero_values_are_solved_without_a_division():
    fixed = np.zeros(LATTICE, dtype=bool)
    fixed[3:9, 5] = True
    solution = solve(np.zeros(LATTICE), fixed=fixed)
    assert not solution.field.any()
    assert solution.stats.reached == 0.0


def test_the_medium_of_a_float32_image_is_not_rounded():
    image = np.zeros(LATTICE, dtype=np.float32)
    image[60, 50] = 1.0
    expected = solve(image.astype(np.float64), decay=1 / 300).field
    assert same_solutions(solve(image, decay=1 / 300).field, expected, 1e-13)
    assert Medium().decay == 1 / 400
