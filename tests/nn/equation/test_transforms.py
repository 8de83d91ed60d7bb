import itertools

import numpy as np
import pytest

from diffkeras.nn.equation.equations import BOUNDARIES, LatticeOperator, equations_of
from diffkeras.nn.equation.transforms import convolve, inverse
from diffkeras.physics import Medium
from diffkeras.physics.linear.spectral import SpectralOperator

PAIRS = list(itertools.product(BOUNDARIES, BOUNDARIES))
LATTICE = (12, 17)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 2e-5), (np.float64, 1e-13)])
@pytest.mark.parametrize("boundaries", PAIRS)
def test_the_operator_and_its_inverse_are_those_of_physics(boundaries, dtype, tolerance):
    for lattice in (LATTICE, (1, 2), (3, 1)):
        exact = SpectralOperator(lattice, Medium(decay=0.03, boundary=boundaries))
        field = np.random.default_rng(0).standard_normal((2, *lattice)).astype(dtype)
        ones = np.ones_like(field)
        density = np.asarray(equations_of([ones, ones], 0.03, boundaries, ones).apply(field))
        assert density.dtype == dtype
        np.testing.assert_allclose(density, [*map(exact.volumes.apply, field)], atol=tolerance)
        expected = [exact.inverse(one.astype(np.float64)) for one in density]
        result = np.asarray(inverse(density, 0.03, boundaries))
        assert result.dtype == dtype
        np.testing.assert_allclose(result, expected, atol=10 * tolerance)


def test_a_window_is_applied_as_a_convolution():
    values = np.random.default_rng(2).standard_normal((1, *LATTICE)).astype(np.float32)
    window = np.array([[2.0, 0.5, -1.0], [0.25, 3.0, 0.1], [0.2, 0.3, 0.7]], np.float32)
    steps = range(-2, 3)
    expected = sum(
        window[abs(i), abs(j)] * np.roll(values, (i, j), (1, 2)) for i in steps for j in steps
    )
    result = convolve(values, window, ("periodic", "periodic"))
    np.testing.assert_allclose(result, expected, atol=1e-4)


def test_each_image_has_its_own_diffusion_length():
    operator = LatticeOperator(lengths=(2.0, 8.0))
    channel = np.array([-1.0, 0.0, 1.0], np.float32)[:, None, None, None]  # ln ℓ of 2, 4 and 8
    network_input = np.ones((3, *LATTICE, 2), np.float32) * channel
    decays = np.ravel(operator.uniform_decay(network_input))
    np.testing.assert_allclose(decays, [1 / 4, 1 / 16, 1 / 64], rtol=1e-6)
    drains = operator.equations(network_input).row_sums
    np.testing.assert_allclose(drains[:, 5, 5], decays, rtol=1e-6)
