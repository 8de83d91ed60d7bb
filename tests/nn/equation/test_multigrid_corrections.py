import itertools

import keras
import numpy as np
import pytest

from diffkeras import nn
from diffkeras.nn.equation.corrections import MultigridCorrections
from diffkeras.nn.equation.multigrid import interpolate, restrict
from diffkeras.physics import Medium, MichaelisMenten, solve
from diffkeras.physics.operators.finite_volumes import finite_volumes
from diffkeras.representation.network_input import MAPS, map_channels

VARYING = nn.LatticeOperator(maps=MAPS[:2])
LATTICE = (20, 27)  # odd on some level along both axes


def problem(boundary="absorbing", seed=0):
    """A network input, and the medium, the source image and the exact field."""
    rng = np.random.default_rng(seed)
    diffusivity = np.where(np.arange(LATTICE[1]) < 12, 1.0, 0.1) * np.ones((LATTICE[0], 1))
    medium = Medium(diffusivity, 0.2 * (rng.random(LATTICE) < 0.3), boundary=boundary)
    rows, columns = np.ogrid[: LATTICE[0], : LATTICE[1]]
    image = np.zeros(LATTICE)
    image[(rows - 6) ** 2 + (columns - 1) ** 2 <= 9] = 1.0
    image[(rows - 12) ** 2 + (columns - 14) ** 2 <= 9] = 0.4
    given = {"diffusivity": medium.diffusivity[..., None], "decay": medium.decay[..., None]}
    channels = [image[..., None], *map_channels(given, 1.0, 1.0)]
    x = np.concatenate(channels, -1)[None].astype(np.float32)
    return x, medium, image, solve(image, medium=medium).field


def layer_after(rounds, boundary="absorbing"):
    operator = nn.LatticeOperator(boundaries=(boundary, boundary), maps=MAPS[:2])
    return MultigridCorrections(operator, rounds)


@pytest.mark.parametrize("boundary", ["absorbing", "reflecting", "periodic"])
def test_rounds_reach_the_exact_field(boundary):
    x, _, image, exact = problem(boundary)
    start = np.random.default_rng(1).standard_normal((1, *LATTICE, 1)).astype(np.float32)
    found = np.asarray(layer_after(14, boundary)([start, x]))[0, ..., 0]
    np.testing.assert_allclose(found, exact, atol=1e-5)
    np.testing.assert_array_equal(found[image > 0], image[image > 0].astype(np.float32))


def test_each_round_makes_the_error_several_times_smaller():
    x, _, _, exact = problem()
    fields = [layer_after(k)(x)[0, ..., 0] for k in range(1, 5)]
    errors = [np.abs(field - exact).mean() for field in fields]
    assert all(after < before / 3 for before, after in itertools.pairwise(errors))


def test_the_exact_field_stays():
    x, _, _, exact = problem()
    found = layer_after(2)([exact[None, ..., None], x])
    np.testing.assert_allclose(found[0, ..., 0], exact, atol=2e-6)


def test_no_damping_makes_the_energy_larger():
    x, medium, _, exact = problem()
    volumes, rng = finite_volumes(LATTICE, medium), np.random.default_rng(2)
    weights = [*rng.standard_normal((4, 5, 2)), rng.uniform(0.1, 2.0, 4)]
    energies = []
    for rounds in range(5):
        layer = layer_after(rounds)
        layer.build(x.shape)
        layer.set_weights([*weights[:rounds], weights[-1]])
        error = np.asarray(layer(x))[0, ..., 0] - exact
        energies.append((error * volumes.apply(error)).sum())
    assert all(after < before for before, after in itertools.pairwise(energies))


def test_each_image_has_its_own_medium():
    x, other = problem()[0], problem(seed=5)[0]
    layer = layer_after(2)
    both = layer(np.concatenate([x, other]))
    for k, alone in enumerate((x, other)):
        np.testing.assert_allclose(both[k], layer(alone)[0], atol=1e-6)


def test_restriction_is_the_transpose_of_interpolation():
    rng = np.random.default_rng(3)
    blocks, nodes = rng.standard_normal((1, 4, 6)), rng.standard_normal((1, 8, 12))
    up, down = np.asarray(interpolate(blocks)), np.asarray(restrict(nodes))
    assert (up * nodes).sum() == pytest.approx((down * blocks).sum())


def saturating_problem(seed):
    """A network input with all maps, and the exact field of cells that saturate and secrete."""
    x, medium, image, _ = problem("reflecting")
    rng = np.random.default_rng(seed)
    maximum, secretion = 0.5 * (rng.random(LATTICE) < 0.3), 0.05 * (rng.random(LATTICE) < 0.1)
    uptake = MichaelisMenten(maximum, rng.uniform(0.1, 0.4, LATTICE))
    more = {"uptake": maximum, "saturation": uptake.constant, "production": secretion}
    channels = map_channels({name: v[..., None] for name, v in more.items()}, 1.0, 1.0)
    x = np.concatenate([x, np.concatenate(channels, -1)[None]], -1).astype(np.float32)
    return x, solve(image, medium=medium, uptake=uptake, production=secretion).field


def test_rounds_are_newton_steps_where_uptake_saturates():
    (one, exact), (two, other) = saturating_problem(0), saturating_problem(7)
    operator = nn.LatticeOperator(boundaries=("reflecting", "reflecting"), maps=MAPS)
    x, truth = np.concatenate([one, two]), np.stack([exact, other])

    def fields(rounds):
        return np.asarray(MultigridCorrections(operator, rounds)(x))[..., 0]

    errors = [np.abs(fields(k) - truth).mean() for k in (2, 4, 6)]
    assert all(after < before / 4 for before, after in itertools.pairwise(errors))
    np.testing.assert_allclose(fields(12), truth, atol=2e-5)
    # the exact field stays, and from a wild one the rounds come back
    for begin in (truth, truth - 0.3):
        found = MultigridCorrections(operator, 12)([begin[..., None], x])
        np.testing.assert_allclose(found[..., 0], truth, atol=2e-5)


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_gradients_are_finite(scale):
    """Without sources, nothing is left to correct, and 0/0 must not spread."""
    x, _, _, exact = problem()
    x[..., 0] *= scale
    model = nn.unrolled_cg(operator=VARYING, rounds=1, channels=3)
    model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=True)  # quicker than a graph
    before = model.get_weights()
    model.fit(x, scale * exact[None, ..., None], verbose=0)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    for old, new in zip(before, model.get_weights(), strict=True):
        assert np.any(old != new) == bool(scale)


def test_a_network_with_corrections_takes_the_maps():
    x, _, image, exact = problem()
    network = nn.padded(nn.u_net(2, 1, channels=3), 2)
    model = nn.with_corrections(network, VARYING, rounds=3)
    assert model.output_shape == (None, None, None, 1)
    found = np.asarray(model(x))[0, ..., 0]
    assert np.abs(found - exact).mean() < 0.05 * exact.mean()
    np.testing.assert_array_equal(found[image > 0], image[image > 0].astype(np.float32))
