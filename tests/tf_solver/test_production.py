"""Production in the TensorFlow solver: without fixed nodes and with them, over all boundaries."""

import itertools
import re

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium, sample_sources, solve
from diffkeras.physics.operators.axis import BOUNDARIES
from diffkeras.tf_solver import TensorSolver

NEAR = 2e-6
PAIRS = list(itertools.product(BOUNDARIES, BOUNDARIES))


def images_of(lattice: tuple[int, int], counts: tuple[int, ...] = (1, 3, 2)) -> NDArray:
    drawn = [sample_sources(n, lattice, radius=(1, 4), rng=n) for n in counts]
    return np.stack([sources.image(lattice) for sources in drawn])


def random_production(lattice: tuple[int, int], batch: int = 3) -> NDArray[np.float32]:
    """Of any sign on a fifth of the nodes; the first image's has sum 0, the last's one sign."""
    rng = np.random.default_rng(3)
    values = rng.integers(-8, 9, (batch, *lattice)) * (rng.random((batch, *lattice)) < 0.2)
    values[0, 0, 0] -= values[0].sum()
    values[-1] = np.abs(values[-1])
    return values.astype(np.float32)


def exact(
    medium: Medium, production: NDArray, images: NDArray | None = None, fixed: NDArray | None = None
) -> NDArray:
    return solve(images, fixed=fixed, production=production, medium=medium).field


def error(fields: tf.Tensor, truth: NDArray) -> float:
    """The largest error, relative to the largest value of each field."""
    return (np.abs(fields - truth).max((1, 2)) / np.abs(truth).max((1, 2))).max()


@pytest.mark.parametrize("boundary", PAIRS, ids="-".join)
@pytest.mark.parametrize("lattice", [(24, 24), (25, 38)], ids=str)
def test_fields_are_exact_with_every_boundary(lattice, boundary):
    production, images = random_production(lattice), images_of(lattice)
    for decay in (0.2, 1e-3, 1e-7, 1e-13, 0.0):
        medium = Medium((1.0, 2.0), decay, 0.5, boundary)
        solver = TensorSolver(lattice, medium, "float32")
        field = solver.solve(images, production=production)
        assert error(field, exact(medium, production, images)) < NEAR, decay
        if decay or "absorbing" in boundary:
            field = solver.solve(production=production)
            assert error(field, exact(medium, production)) < NEAR, decay


@pytest.mark.parametrize("lattice", [(1, 1), (1, 9), (2, 3)], ids=str)
def test_lattices_of_few_nodes(lattice):
    production = random_production(lattice)[2:] + 1
    for boundary in BOUNDARIES:
        medium = Medium(decay=0.1, boundary=boundary)
        field = TensorSolver(lattice, medium, "float32").solve(production=production)
        assert error(field, exact(medium, production)) < NEAR, boundary


def test_slow_decay_keeps_the_balance_of_production_and_decay():
    """The mean of a closed lattice's field is the mean production / γ, for any γ above 0."""
    production = random_production((24, 31))
    for decay in (1e-5, 1e-9, 1e-13):
        solver = TensorSolver((24, 31), Medium(decay=decay, boundary="reflecting"), "float32")
        field = solver.solve(production=production).numpy().astype(np.float64)
        loss = decay * field.sum((1, 2))
        np.testing.assert_allclose(loss[1:], production[1:].sum((1, 2)), rtol=1e-5)
        # without a net production the field doesn't depend on slow decay
        assert np.abs(field[0]).max() < 1e3


def test_many_fixed_nodes_leave_a_field_far_smaller_than_that_of_the_production():
    lattice, medium = (128, 128), Medium(decay=0.0)
    fixed = np.zeros((1, *lattice), bool)
    fixed[:, 4::8, 4::8] = True
    images, production = np.zeros(fixed.shape, np.float32), np.ones(fixed.shape, np.float32)
    solver = TensorSolver(lattice, medium, "float32")
    field = solver.solve(images, fixed, production=production)
    truth = exact(medium, production, images, fixed)
    assert error(field, truth) < NEAR
    assert solver.solve(production=production).numpy().max() > 40 * truth.max()


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_random_problems(seed):
    """Any lattice, medium and boundary, with and without fixed nodes."""
    rng = np.random.default_rng(seed)
    for _ in range(1000 if seed else 20):
        lattice = tuple(rng.integers(1, 40, 2).tolist())
        boundary = tuple(rng.choice(BOUNDARIES, 2).tolist())
        diffusivity = 10 ** rng.uniform(-12, 12)
        ratio = 10 ** rng.uniform(0, 3) if rng.random() < 0.3 else 1.0
        decay = diffusivity * 10 ** rng.uniform(-14, 2)
        medium = Medium((diffusivity, diffusivity * ratio), decay, boundary=boundary)
        fixed = rng.random((1, *lattice)) < 10 ** rng.uniform(-2.5, 0)
        images = np.where(fixed, rng.normal(size=fixed.shape), 0)
        production = rng.normal(rng.choice([0, 1]), size=fixed.shape)
        # rounded here, because rounding changes the net production, which slow decay multiplies
        production = np.float32(production * diffusivity * 10 ** rng.uniform(-4, 4))
        scale = 2.0 ** rng.integers(-40, 60)
        solver = TensorSolver(lattice, medium)
        problem = (lattice, medium)
        field = solver.solve(images * scale, fixed, production=production * scale) / scale
        assert error(field, exact(medium, production, images, fixed)) < NEAR, problem
        field = solver.solve(production=production * scale) / scale
        assert error(field, exact(medium, production)) < NEAR, problem


def test_production_on_fixed_nodes_is_ignored():
    images, production = images_of((24, 24)), random_production((24, 24))
    solver = TensorSolver(24)
    spoiled = np.where(images != 0, np.nan, production)
    field = solver.solve(images, production=spoiled)
    np.testing.assert_array_equal(field, solver.solve(images, production=production))
    everything = np.ones(images.shape, bool)
    np.testing.assert_array_equal(solver.solve(images, everything, production=spoiled), images)


def test_nan_spoils_its_own_image_only():
    images, production = images_of((24, 24)), random_production((24, 24))
    production[1][images[1] == 0] = np.nan
    solver = TensorSolver(24)
    for field in (solver.solve(production=production), solver.solve(images, production=production)):
        assert np.isnan(field.numpy()[1][images[1] == 0]).all()
        assert np.isfinite(field.numpy()[[0, 2]]).all()


@pytest.mark.parametrize("factor", [2.0**-40, 2.0**100])
def test_a_power_of_two_changes_no_bit(factor):
    images, production = images_of((24, 24)), random_production((24, 24))
    factor = np.float32(factor)
    solver = TensorSolver(24, decay=0.01, precision="float32")
    field = solver.solve(production=factor * production) / factor
    np.testing.assert_array_equal(field, solver.solve(production=production))
    field = solver.solve(factor * images, production=factor * production) / factor
    np.testing.assert_array_equal(field, solver.solve(images, production=production))


def test_production_whose_field_would_underflow_raises():
    production = random_production((24, 24))
    for diffusivity, size in ((1.0, 1e-35), (1e-15, 1e-35), (1e15, 1e-20)):
        solver = TensorSolver(24, diffusivity=diffusivity, decay=0.0, precision="float32")
        with pytest.raises(tf.errors.InvalidArgumentError, match="scale the image"):
            solver.solve(production=production * np.float32(size))


def test_production_of_any_size_is_comparable_with_the_diffusivity():
    images, production = images_of((24, 24)), random_production((24, 24))
    production *= 1e-3
    for size in (1e-18, 1e18):
        size = np.float32(size)
        medium = Medium(size, 1e-3 * size)
        field = TensorSolver(24, medium, "float32").solve(images, production=size * production)
        truth = exact(Medium(decay=1e-3), production, images)
        assert error(field, truth) < NEAR


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_gradients_are_fields_of_the_weights(boundary):
    """Green's function is symmetric, so d Σwu / ds is the field that production w has."""
    lattice = (15, 18)
    production = tf.constant(random_production(lattice), tf.float64)
    images = tf.constant(images_of(lattice), tf.float64)
    weights = tf.constant(np.random.default_rng(1).normal(size=images.shape))
    fixed = images != 0
    for decay in (1e-4, 0.1):
        solver = TensorSolver(lattice, Medium(decay=decay, boundary=boundary), "float64")
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([production, images])
            alone = tf.reduce_sum(weights * solver.solve(production=production))
            both = tf.reduce_sum(weights * solver.solve(images, production=production))
            values = tf.reduce_sum(weights * solver.solve(images))
        gradient = tape.gradient(alone, production)
        assert error(gradient, solver.solve(production=weights).numpy()) < 1e-9
        gradient = tape.gradient(both, production)
        at_zero = solver.solve(tf.zeros_like(images), fixed, production=weights)
        assert error(gradient, at_zero.numpy()) < 1e-9
        # production doesn't change what the source values add
        gradient = tape.gradient(both, images)
        assert error(gradient, tape.gradient(values, images).numpy()) < 1e-9


def test_without_fixed_nodes_the_graph_is_one_transform_pair():
    solver = TensorSolver(16, decay=0.1, precision="float32")
    solve = tf.function(lambda production: solver.solve(production=production))
    graph = solve.get_concrete_function(tf.TensorSpec((None, 16, 16))).graph
    types = [operation.type for operation in graph.get_operations()]
    assert sum("MatMul" in name for name in types) == 4  # along two axes, there and back
    assert not {"Cholesky", "Where", "ScatterNd"} & {*types}


def test_xla_compiles_production():
    production = random_production((16, 16))
    solver = TensorSolver(16, decay=0.1, precision="float32")
    solve = tf.function(lambda s: solver.solve(production=s), jit_compile=True)
    assert error(solve(production), solver.solve(production=production).numpy()) < NEAR


def test_fields_have_the_type_of_what_is_given():
    production = random_production((8, 8))
    images = np.zeros(production.shape, np.int32)
    images[:, 2, 2] = 1
    solver = TensorSolver(8, decay=0.1, precision="float32")
    double = production.astype(np.float64)
    assert solver.solve(production=double).dtype == tf.float64
    assert solver.solve(production=production.astype(np.int32)).dtype == tf.float32
    assert solver.solve(images, production=double).dtype == tf.float32


def test_each_image_may_have_a_medium_of_its_own():
    lattice = (25, 38)
    production, images = random_production(lattice), images_of(lattice)
    decays = np.array([1e-3, 0.2, 0.9], np.float32)
    for boundary in ("absorbing", "reflecting"):
        solver = TensorSolver(lattice, Medium(decay=1e-3, boundary=boundary), "float32")
        free = solver.solve(production=production, decays=decays)
        mixed = solver.solve(images, production=production, decays=decays)
        for k, decay in enumerate(decays):
            medium, one = Medium(decay=decay, boundary=boundary), slice(k, k + 1)
            truth = exact(medium, production[one])
            assert error(free[one], truth) < NEAR
            truth = exact(medium, production[one], images[one])
            assert error(mixed[one], truth) < NEAR


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, "production"),
        ({"fixed": np.ones((1, 8, 8), bool), "production": np.zeros((1, 8, 8))}, "source images"),
        ({"production": np.zeros((8, 8))}, "production must have shape (batch, 8, 8), not (8, 8)"),
        ({"production": "image"}, "production must"),
        ({"production": np.zeros((1, 8, 8), np.complex64)}, "complex64"),
        ({"source_images": np.zeros((2, 8, 8)), "production": np.zeros((1, 8, 8))}, "(1, 8, 8)"),
    ],
)
def test_bad_production(arguments, named):
    with pytest.raises(PhysicsError, match=re.escape(named)):
        TensorSolver(8, decay=0.1).solve(**arguments)


def test_production_and_images_must_be_equally_many_in_a_graph():
    solver = TensorSolver(8, decay=0.1)
    specification = tf.TensorSpec((None, 8, 8))
    solve = tf.function(
        lambda images, production: solver.solve(images, production=production),
        [specification, specification],
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="different shapes"):
        solve(tf.ones((1, 8, 8)), tf.ones((2, 8, 8)))


def test_without_a_loss_there_is_no_steady_state():
    solver = TensorSolver(8, decay=0.0, boundary="reflecting", precision="float32")
    production = np.ones((2, 8, 8), np.float32)
    images = np.zeros_like(production)
    images[0, 2, 2] = 1.0
    for arguments in ({}, {"source_images": images}):
        with pytest.raises(tf.errors.InvalidArgumentError, match="no node is fixed"):
            tf.function(solver.solve)(production=production, **arguments)
    # a decay of the images' own is a loss
    field = solver.solve(production=production, decays=np.array([0.5, 0.25]))
    np.testing.assert_allclose(field[:, 3, 3], [2.0, 4.0], rtol=1e-6)
