"""Corrections in uniform media, by transforms, and in media that vary, by multigrid cycles."""

import itertools

import keras
import numpy as np
import pytest
import scipy.sparse.linalg

from diffkeras import nn
from diffkeras.nn.equation.corrections import MultigridCorrections, RingCorrections
from diffkeras.nn.equation.multigrid import interpolate, restrict
from diffkeras.physics import Medium, MichaelisMenten, solve
from diffkeras.physics.linear.finite_volumes import find_ring, finite_volumes
from diffkeras.physics.linear.spectral import SpectralOperator
from diffkeras.physics.problem.maps import MAPS
from diffkeras.view.scales import channel_of_map

LATTICE = (20, 27)  # odd on some level along both axes
MEDIUM = Medium(decay=0.02, boundary=("absorbing", "periodic"))
UNIFORM = nn.LatticeOperator(decay=0.02, boundaries=("absorbing", "periodic"))
VARYING = nn.LatticeOperator(maps=("diffusivity", "decay"))
EXACT = SpectralOperator(LATTICE, MEDIUM)
ROWS, COLUMNS = np.ogrid[: LATTICE[0], : LATTICE[1]]
IMAGE = np.zeros(LATTICE)
IMAGE[(ROWS - 6) ** 2 + (COLUMNS - 1) ** 2 <= 9] = 1.0
IMAGE[(ROWS - 12) ** 2 + (COLUMNS - 14) ** 2 <= 9] = 0.4
FREE = IMAGE == 0
RING = find_ring(~FREE, MEDIUM.side_kinds)
GREEN = np.tril(EXACT.green_matrix(RING.nodes))
GREEN += np.tril(GREEN, -1).T


def batch(*channels):
    return np.stack(channels, -1)[None].astype(np.float32)


@pytest.fixture(scope="module")
def field():
    return solve(IMAGE, medium=MEDIUM).field


def channels_of(maps):
    return [channel_of_map(name, values, 1.0, 1.0) for name, values in maps.items()]


def varying_problem(boundary="absorbing", seed=0):
    """A network input, and the medium and the exact field."""
    rng = np.random.default_rng(seed)
    diffusivity = np.where(np.arange(LATTICE[1]) < 12, 1.0, 0.1) * np.ones((LATTICE[0], 1))
    medium = Medium(diffusivity, 0.2 * (rng.random(LATTICE) < 0.3), boundary=boundary)
    maps = {"diffusivity": medium.diffusivity, "decay": medium.decay}
    return batch(IMAGE, *channels_of(maps)), medium, solve(IMAGE, medium=medium).field


def saturating_problem(seed):
    """A network input with all maps, and the exact field of cells that saturate and secrete."""
    x, medium, _ = varying_problem("reflecting")
    rng = np.random.default_rng(seed)
    maximum, secretion = 0.5 * (rng.random(LATTICE) < 0.3), 0.05 * (rng.random(LATTICE) < 0.1)
    uptake = MichaelisMenten(maximum, rng.uniform(0.1, 0.4, LATTICE))
    more = {"uptake": maximum, "saturation": uptake.constant, "production": secretion}
    x = np.concatenate([x, batch(*channels_of(more))], -1)
    return x, solve(IMAGE, medium=medium, uptake=uptake, production=secretion).field


def test_a_correction_solves_the_equation_on_free_nodes(field):
    prediction = field + 0.1 * np.random.default_rng(0).standard_normal(LATTICE)
    filled = np.where(FREE, prediction, IMAGE)
    expected = filled - EXACT.inverse(np.where(FREE, EXACT.volumes.apply(filled), 0.0))
    corrected = RingCorrections(UNIFORM)([batch(prediction), batch(IMAGE)])[0, ..., 0]
    np.testing.assert_allclose(corrected, np.where(FREE, expected, IMAGE), atol=1e-5)


def corrected_ring(windows, start):
    """The field on the ring after rounds from a field, before the fixed values are written."""
    layer = RingCorrections(UNIFORM, len(windows))
    layer.build([(None, *LATTICE, 1), (None, *LATTICE, 1)])
    layer.set_weights(windows)
    values = layer.closer_on_ring(batch(start)[..., 0], batch(IMAGE)[..., 0], UNIFORM.decay)
    return np.asarray(values)[0].astype(np.float64)[RING.nodes]


def test_no_window_makes_the_energy_larger():
    rng = np.random.default_rng(0)
    start = EXACT.inverse(np.where(FREE, 0.0, rng.standard_normal(LATTICE)))
    windows = [rng.standard_normal(28) for _ in range(4)]
    errors = [corrected_ring(windows[:k], start) - IMAGE[RING.nodes] for k in range(5)]
    energies = [error @ np.linalg.solve(GREEN, error) for error in errors]
    assert all(after < before for before, after in itertools.pairwise(energies))


def test_rounds_are_conjugate_gradients_without_a_preconditioner():
    one = np.eye(28)[0]
    for rounds in (1, 2, 3):
        values = corrected_ring([one] * rounds, np.zeros(LATTICE))
        densities, _ = scipy.sparse.linalg.cg(GREEN, IMAGE[RING.nodes], rtol=0, maxiter=rounds)
        np.testing.assert_allclose(values, GREEN @ densities, atol=1e-5)


def test_rounds_in_a_uniform_medium_reach_the_exact_field_and_stay(field):
    np.testing.assert_allclose(
        RingCorrections(UNIFORM, 20)(batch(IMAGE))[0, ..., 0], field, atol=1e-4
    )
    stays = RingCorrections(UNIFORM)([batch(field), batch(IMAGE)])
    np.testing.assert_allclose(stays[0, ..., 0], field, atol=2e-6)


@pytest.mark.parametrize("boundary", ["absorbing", "periodic"])
def test_rounds_in_media_that_vary_reach_the_exact_field_and_stay(boundary):
    x, _, exact = varying_problem(boundary)
    operator = nn.LatticeOperator(boundaries=(boundary, boundary), maps=("diffusivity", "decay"))
    start = np.random.default_rng(1).standard_normal(LATTICE)
    result = np.asarray(MultigridCorrections(operator, 14)([batch(start), x]))[0, ..., 0]
    np.testing.assert_allclose(result, exact, atol=1e-5)
    np.testing.assert_array_equal(result[~FREE], IMAGE[~FREE].astype(np.float32))
    stays = MultigridCorrections(operator, 2)([batch(exact), x])
    np.testing.assert_allclose(stays[0, ..., 0], exact, atol=2e-6)


def test_each_round_divides_the_error_and_no_damping_makes_the_energy_larger():
    x, medium, exact = varying_problem()
    volumes, rng = finite_volumes(LATTICE, medium), np.random.default_rng(2)
    weights = [*rng.standard_normal((4, 5, 2)), rng.uniform(0.1, 2.0, 4)]
    errors, energies = [], []
    for rounds in range(5):
        layer = MultigridCorrections(VARYING, rounds)
        errors.append(np.abs(np.asarray(layer(x))[0, ..., 0] - exact).mean())
        layer.set_weights([*weights[:rounds], weights[-1]])
        error = np.asarray(layer(x))[0, ..., 0] - exact
        energies.append((error * volumes.apply(error)).sum())
    assert all(after < before for before, after in itertools.pairwise(energies))
    assert all(after < before / 3 for before, after in itertools.pairwise(errors[1:]))


def test_restriction_is_the_transpose_of_interpolation():
    rng = np.random.default_rng(3)
    blocks, nodes = rng.standard_normal((1, 4, 6)), rng.standard_normal((1, 8, 12))
    up, down = np.asarray(interpolate(blocks)), np.asarray(restrict(nodes))
    assert (up * nodes).sum() == pytest.approx((down * blocks).sum())


def test_rounds_are_newton_steps_where_uptake_saturates():
    (one, exact), (two, other) = saturating_problem(0), saturating_problem(7)
    operator = nn.LatticeOperator(boundaries=("reflecting", "reflecting"), maps=tuple(MAPS))
    x, truth = np.concatenate([one, two]), np.stack([exact, other])

    def fields(rounds):
        return np.asarray(MultigridCorrections(operator, rounds)(x))[..., 0]

    errors = [np.abs(fields(k) - truth).mean() for k in (2, 4, 6)]
    assert all(after < before / 4 for before, after in itertools.pairwise(errors))
    # the exact field stays, and from a wild one the rounds come back
    for begin, rounds in ((truth, 2), (truth - 0.3, 12)):
        result = MultigridCorrections(operator, rounds)([begin[..., None], x])
        np.testing.assert_allclose(result[..., 0], truth, atol=2e-5)


@pytest.mark.parametrize("scale", [0.0, 1.0])
@pytest.mark.parametrize("operator", [UNIFORM, VARYING], ids=["uniform", "varying"])
def test_gradients_are_finite(operator, scale):
    """Without sources, the error is 0, and 0/0 must not spread."""
    x = varying_problem()[0] * np.array([scale, 1, 1], "float32")
    network = nn.u_net(2, 1, channels=3)
    model = nn.with_corrections(nn.padded(network, 2), operator, rounds=1)
    model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=True)  # quicker than a graph
    before = model.get_weights()
    model.fit(x, x[..., :1], verbose=0)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    if scale:
        assert np.any(before[-1] != model.get_weights()[-1])
    image = x[..., 0]
    result = np.asarray(model(x))[..., 0]
    np.testing.assert_array_equal(result[image > 0], image[image > 0])
