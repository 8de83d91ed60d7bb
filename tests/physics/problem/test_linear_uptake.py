"""Uptake in proportion to the concentration: the same as decay."""

import numpy as np
import pytest

from diffkeras.physics import certify, solve
from tests.helpers.rounding import same_solutions

LATTICE = (12, 15)
RATE = np.where(np.indices(LATTICE).sum(0) % 3 == 0, 0.2, 0.0)


@pytest.fixture(scope="module")
def image():
    image = np.zeros(LATTICE)
    image[4:6, 5:8] = 1.0
    return image


@pytest.mark.parametrize("uptake", [0.3, RATE])
def test_it_adds_to_the_decay(image, uptake):
    field = solve(image, uptake=uptake, decay=0.01).field
    assert same_solutions(field, solve(image, decay=0.01 + np.asarray(uptake)).field)
    prediction = 1.1 * field
    bound = certify(prediction, image, uptake=uptake, decay=0.01).node_bound
    assert (abs(prediction - field) <= bound + 1e-10).all()
