import keras
import numpy as np
import pytest

from diffkeras import nn
from diffkeras.physics import Medium
from diffkeras.physics.operators.spectral import SpectralOperator


@pytest.mark.parametrize(("lattice", "pad"), [((16, 20), False), ((15, 18), True)])
@pytest.mark.parametrize("boundary", ["absorbing", "periodic"])
def test_any_weights_give_a_solution_with_the_fixed_values(lattice, pad, boundary):
    keras.utils.set_random_seed(0)
    operator = nn.UniformOperator(decay=0.02, boundaries=(boundary, "reflecting"))
    model = nn.ring_density_network(4, 2, operator=operator, pad=pad)
    image = np.zeros((1, *lattice, 1), "float32")
    image[0, 3:8, 0:4], image[0, 9:12, 9:14] = 1.0, 0.5
    field = np.asarray(model(image))[0, ..., 0].astype(np.float64)
    fixed = image[0, ..., 0] > 0
    np.testing.assert_array_equal(field[fixed], image[0, ..., 0][fixed])
    # next to a source, the value that is held there is not that of the densities
    medium = Medium(decay=0.02, boundary=(boundary, "reflecting"))
    near = fixed.copy()
    for axis in (0, 1):
        near |= np.roll(fixed, 1, axis) | np.roll(fixed, -1, axis)
    free = ~near
    residual = SpectralOperator(lattice, medium).apply(field)[free]
    assert np.abs(field[free]).max() > 0.01
    assert np.abs(residual).max() < 1e-5 * np.abs(field).max()


def test_densities_lie_on_the_ring():
    operator = nn.UniformOperator()
    model = nn.ring_density_network(2, 1, operator=operator)
    inner = keras.Model(model.input, model.get_layer("ring_densities").output)
    image = np.zeros((1, 12, 12, 1), "float32")
    image[0, 2:7, 3:8] = 1.0
    densities = np.asarray(inner(image))[0, ..., 0]
    rim = image[0, ..., 0].copy()
    rim[3:6, 4:7] = 0
    assert np.all((densities != 0) == (rim > 0))
