import itertools

import numpy as np
import pytest

from diffkeras import nn
from diffkeras.nn.equation.operator import BOUNDARIES
from diffkeras.physics import Medium
from diffkeras.physics.operators.axis import lattice_axes
from diffkeras.physics.operators.ring import find_ring
from diffkeras.physics.operators.spectral import SpectralOperator

PAIRS = list(itertools.product(BOUNDARIES, BOUNDARIES))
LATTICE = (12, 17)


def both(boundaries, decay=0.03):
    """The operator of physics and that of nn."""
    medium = Medium((1.0, 0.5), decay, 1.0, boundaries)
    return SpectralOperator(LATTICE, medium), nn.UniformOperator((1.0, 0.5), decay, boundaries)


@pytest.mark.parametrize("boundaries", PAIRS)
def test_the_operator_and_its_inverse_are_those_of_physics(boundaries):
    exact, operator = both(boundaries)
    field = np.random.default_rng(0).standard_normal((2, *LATTICE)).astype(np.float32)
    density = np.asarray(operator.apply(field, operator.decay))
    np.testing.assert_allclose(density, exact.apply(field), atol=1e-5)
    found = nn.TransformPair(operator)(density[..., None])[..., 0]
    expected = [exact.inverse(one.astype(np.float64)) for one in density]
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("boundaries", PAIRS)
def test_the_ring_is_that_of_physics(boundaries):
    rng = np.random.default_rng(1)
    fixed = rng.random((2, *LATTICE)) < 0.8
    ring = np.asarray(both(boundaries)[1].ring(fixed.astype(np.float32)))
    for mask, found in zip(fixed, ring, strict=True):
        expected = np.zeros(LATTICE)
        expected[find_ring(mask, lattice_axes(LATTICE, boundaries)).nodes] = 1
        np.testing.assert_array_equal(found, expected)


def test_a_window_is_applied_as_a_convolution():
    values = np.random.default_rng(2).standard_normal((1, *LATTICE)).astype(np.float32)
    window = np.array([[2.0, 0.5, -1.0], [0.25, 3.0, 0.1], [0.2, 0.3, 0.7]], np.float32)
    operator = nn.UniformOperator(boundaries=("periodic", "periodic"))
    found = operator.convolve(values, window)
    steps = range(-2, 3)
    expected = sum(
        window[abs(i), abs(j)] * np.roll(values, (i, j), (1, 2)) for i in steps for j in steps
    )
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_each_image_has_its_own_diffusion_length():
    operator = nn.UniformOperator(lengths=(2.0, 8.0))
    density = np.random.default_rng(3).random((3, *LATTICE, 1)).astype(np.float32)
    channel = np.array([-1.0, 0.0, 1.0], np.float32)[:, None, None, None]  # ln ℓ of 2, 4 and 8
    network_input = np.concatenate([density, channel * np.ones_like(density)], axis=-1)
    found = nn.TransformPair(operator)([density, network_input])
    for image, length in enumerate((2.0, 4.0, 8.0)):
        alone = nn.TransformPair(nn.UniformOperator(decay=1 / length**2))(
            density[image : image + 1]
        )
        np.testing.assert_allclose(found[image], alone[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"couplings": (1.0, 0.0)}, "coupling must be a finite number above 0, got 0.0"),
        ({"boundaries": ("absorbing", "open")}, "boundary must be one of .*, got 'open'"),
        ({"boundaries": ("absorbing",)}, "boundaries must be two values"),
        ({"decay": -1.0}, "decay must be a finite number above 0"),
        ({"decay": 0.0, "boundaries": ("periodic", "reflecting")}, "decay must be above 0"),
        ({"lengths": (1.0, float("inf"))}, "length must be a finite number above 0"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        nn.UniformOperator(**options)
