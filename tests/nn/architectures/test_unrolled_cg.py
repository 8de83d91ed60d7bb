import numpy as np
import pytest

from diffkeras import nn
from diffkeras.physics import Medium, solve

MEDIUM = Medium(decay=0.05)


@pytest.mark.parametrize("lattice", [(13, 18), (20, 15)])
def test_each_round_brings_any_lattice_closer_to_the_exact_field(lattice):
    image = np.zeros(lattice)
    image[3:8, 2:7], image[9:12, 9:13] = 1.0, 0.5
    exact = solve(image, medium=MEDIUM).field
    operator = nn.UniformOperator(decay=0.05)
    errors = []
    for rounds in (1, 2, 4, 8):
        model = nn.unrolled_cg(operator=operator, rounds=rounds)
        field = np.asarray(model(image[None, ..., None].astype("f")))[0, ..., 0]
        errors.append(np.abs(field - exact).mean())
    zeros = np.abs(image - exact).mean()
    assert np.all(np.diff([zeros, *errors]) < 0)
    assert errors[-1] < 1e-3


def test_a_second_channel_is_not_a_source():
    operator = nn.UniformOperator(lengths=(2.0, 8.0))
    model = nn.unrolled_cg(operator=operator, rounds=2, channels=2)
    network_input = np.ones((1, 8, 9, 2), "float32")
    network_input[..., 0] = 0
    assert np.all(np.asarray(model(network_input)) == 0)
