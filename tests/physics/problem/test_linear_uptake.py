"""Uptake in proportion to the concentration: the same as decay."""

import math

import numpy as np
import pytest

from diffkeras.errors import PhysicsError
from diffkeras.physics import certify, solve

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
    np.testing.assert_array_equal(field, solve(image, decay=0.01 + np.asarray(uptake)).field)
    prediction = 1.1 * field
    bound = certify(prediction, image, uptake=uptake, decay=0.01).node_bound
    assert (abs(prediction - field) <= bound + 1e-10).all()


def test_it_can_be_all_that_takes_away():
    production = np.full(LATTICE, 0.1)
    field = solve(production=production, uptake=RATE, decay=0.0, boundary="periodic").field
    assert (RATE * field).sum() == pytest.approx(production.sum(), rel=1e-8)


@pytest.mark.parametrize(
    ("uptake", "message"),
    [
        (-0.1, "uptake must be ≥ 0 and finite; what cells release .* not -0.1"),
        (-RATE, r"not -0.2 at node|at node \(0, 0\)"),
        (math.nan, "not nan"),
        (np.ones((3, 4)), r"the uptake has shape \(3, 4\), the source image"),
        (np.ones((2, *LATTICE)), "for different ones use Problem.batch"),
        ("much", "uptake"),
    ],
)
def test_what_is_no_uptake_is_refused(image, uptake, message):
    with pytest.raises(PhysicsError, match=message):
        solve(image, uptake=uptake)


def test_another_shape_than_the_medium_is_refused():
    with pytest.raises(PhysicsError, match=r"the uptake has shape \(12, 15\), the medium \(3, 4\)"):
        certify(np.zeros((3, 4)), np.ones((3, 4)), uptake=RATE, decay=np.ones((3, 4)))
