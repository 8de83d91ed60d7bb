import itertools

import keras
import numpy as np
import pytest
import scipy.sparse.linalg

from diffkeras import nn
from diffkeras.nn.equation.corrections import RingCorrections
from diffkeras.physics import Medium, solve
from diffkeras.physics.operators.axis import lattice_axes
from diffkeras.physics.operators.ring import find_ring, ring_matrix
from diffkeras.physics.operators.spectral import SpectralOperator

LATTICE = (20, 24)
MEDIUM = Medium(decay=0.02, boundary=("absorbing", "periodic"))
OPERATOR = nn.LatticeOperator(decay=0.02, boundaries=("absorbing", "periodic"))
EXACT = SpectralOperator(LATTICE, MEDIUM)


def sources():
    rows, columns = np.ogrid[: LATTICE[0], : LATTICE[1]]
    image = np.zeros(LATTICE)
    image[(rows - 6) ** 2 + (columns - 1) ** 2 <= 9] = 1.0
    image[(rows - 12) ** 2 + (columns - 14) ** 2 <= 9] = 0.4
    return image


IMAGE = sources()
FIELD = solve(IMAGE, medium=MEDIUM).field
FREE = IMAGE == 0
RING = find_ring(~FREE, lattice_axes(LATTICE, MEDIUM.boundaries))
GREEN = np.tril(ring_matrix(EXACT, RING))
GREEN += np.tril(GREEN, -1).T


def batch(image):
    return image[None, ..., None].astype(np.float32)


def test_the_exact_field_stays():
    corrected = RingCorrections(OPERATOR)([batch(FIELD), batch(IMAGE)])
    np.testing.assert_allclose(corrected[0, ..., 0], FIELD, atol=2e-6)


def test_a_correction_solves_the_equation_on_free_nodes():
    prediction = FIELD + 0.1 * np.random.default_rng(0).standard_normal(LATTICE)
    filled = np.where(FREE, prediction, IMAGE)
    expected = filled - EXACT.inverse(np.where(FREE, EXACT.apply(filled), 0.0))
    corrected = RingCorrections(OPERATOR)([batch(prediction), batch(IMAGE)])[0, ..., 0]
    np.testing.assert_allclose(corrected, np.where(FREE, expected, IMAGE), atol=1e-5)


def layer_with(windows):
    layer = RingCorrections(OPERATOR, len(windows))
    layer.build([(None, *LATTICE, 1), (None, *LATTICE, 1)])
    layer.set_weights(windows)
    return layer


def corrected_ring(windows, start):
    """The field on the ring after rounds from a field, before the fixed values are written."""
    field = layer_with(windows).closer_on_ring(
        batch(start)[..., 0], batch(IMAGE)[..., 0], OPERATOR.decay
    )
    return np.asarray(field)[0].astype(np.float64)[RING.nodes]


def energy(values):
    error = values - IMAGE[RING.nodes]
    return error @ np.linalg.solve(GREEN, error)


def test_no_window_makes_the_energy_larger():
    rng = np.random.default_rng(0)
    start = EXACT.inverse(np.where(FREE, 0.0, rng.standard_normal(LATTICE)))
    windows = [rng.standard_normal(28) for _ in range(4)]
    energies = [energy(corrected_ring(windows[:k], start)) for k in range(5)]
    assert all(after < before for before, after in itertools.pairwise(energies))


def test_rounds_are_conjugate_gradients_without_a_preconditioner():
    one = np.zeros(28)
    one[0] = 1.0
    for rounds in (1, 2, 3):
        values = corrected_ring([one] * rounds, np.zeros(LATTICE))
        densities, _ = scipy.sparse.linalg.cg(GREEN, IMAGE[RING.nodes], rtol=0, maxiter=rounds)
        np.testing.assert_allclose(values, GREEN @ densities, atol=1e-5)


def test_many_rounds_reach_the_exact_field():
    field = RingCorrections(OPERATOR, 20)(batch(IMAGE))
    np.testing.assert_allclose(field[0, ..., 0], FIELD, atol=1e-4)


@pytest.mark.parametrize("scale", [0.0, pytest.param(1.0, marks=pytest.mark.slow)])
def test_gradients_are_finite(scale):
    """Without sources, nothing is left to correct, and 0/0 must not spread."""
    image = scale * batch(IMAGE)
    model = nn.with_corrections(nn.u_net(2, 1), OPERATOR, rounds=2)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = model.get_weights()
    model.fit(image, image, verbose=0)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    windows = zip(before[-2:], model.get_weights()[-2:], strict=True)
    assert all(np.any(old != new) == bool(scale) for old, new in windows)
    assert np.all(np.asarray(model(image))[image > 0] == image[image > 0])
