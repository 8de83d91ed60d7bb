"""Production in the TensorFlow solver: without fixed nodes and with them, over all boundaries."""

import itertools
import re

import numpy as np
import pytest
import scipy.sparse.linalg
import tensorflow as tf
from numpy.typing import NDArray
from sparse_operator import sparse_operator

from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium, sample_sources
from diffkeras.physics.operators.axis import BOUNDARIES
from diffkeras.tf_solver import OwnMedia, TensorSolver
from diffkeras.tf_solver.production import divide_by_maximum, fields_of_production

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


def exact(medium: Medium, production: NDArray, images: NDArray, fixed: NDArray) -> NDArray:
    """Sparse direct solutions of Au = s on the free nodes, u = image on the fixed ones."""
    matrix = sparse_operator(production.shape[1:], medium)
    fields = []
    for source, image, mask in zip(production, images, fixed, strict=True):
        field, free = np.where(mask, image, 0.0).ravel(), ~mask.ravel()
        right = source.ravel() - matrix @ field
        system = matrix[free][:, free].tocsc()
        field[free] = scipy.sparse.linalg.spsolve(system, right[free])
        fields.append(field.reshape(mask.shape))
    return np.stack(fields)


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
        assert error(field, exact(medium, production, images, images != 0)) < NEAR, decay
        if decay > 1e-5 or "absorbing" in boundary:
            field = solver.solve(production=production)
            nothing = np.zeros_like(images)
            assert error(field, exact(medium, production, nothing, nothing != 0)) < NEAR, decay


@pytest.mark.parametrize("lattice", [(1, 1), (1, 9), (2, 3)], ids=str)
def test_lattices_of_few_nodes(lattice):
    production = random_production(lattice)[2:] + 1
    nothing = np.zeros_like(production)
    for boundary in BOUNDARIES:
        medium = Medium(decay=0.1, boundary=boundary)
        field = TensorSolver(lattice, medium, "float32").solve(production=production)
        assert error(field, exact(medium, production, nothing, nothing != 0)) < NEAR, boundary


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


def test_each_image_may_have_a_medium_of_its_own():
    lattice = (25, 38)
    production, images = random_production(lattice), images_of(lattice)
    nothing = np.zeros_like(images)
    decays = np.array([1e-3, 0.2, 0.9], np.float32)
    for boundary in ("absorbing", "reflecting"):
        solver = TensorSolver(lattice, Medium(decay=1e-3, boundary=boundary), "float32")
        free = solver.solve(production=production, media=OwnMedia(decays))
        own = OwnMedia(decays, solver.tables(decays))
        mixed = solver.solve(images, production=production, media=own)
        for k, decay in enumerate(decays):
            medium, one = Medium(decay=decay, boundary=boundary), slice(k, k + 1)
            truth = exact(medium, production[one], nothing[one], nothing[one] != 0)
            assert error(free[one], truth) < NEAR
            truth = exact(medium, production[one], images[one], images[one] != 0)
            assert error(mixed[one], truth) < NEAR
        with pytest.raises(PhysicsError, match="tables"):
            solver.solve(images, media=OwnMedia(decays))


def test_fields_of_production_approach_the_values_of_wide_sources():
    image = np.zeros((2, 64, 64), np.float32)
    image[0, 8:-8, 8:-8] = 1.0  # 24 diffusion lengths wide
    image[1] = image[0] / 2
    solver = TensorSolver(64, decay=0.25)
    field = fields_of_production(solver, tf.constant(image)).numpy()
    np.testing.assert_allclose(field[:, 32, 32], [1.0, 0.5], rtol=1e-4)


def test_fields_of_production_take_the_decay_of_each_image():
    images = tf.constant(images_of((24, 31)))
    slowest = TensorSolver((24, 31), decay=1 / 400, precision="float32")
    decays = np.array([1 / 400, 1 / 100, 1 / 25])
    fields = fields_of_production(slowest, images, decays)
    for k, decay in enumerate(decays):
        alone = fields_of_production(TensorSolver((24, 31), decay=decay), images[k : k + 1])
        np.testing.assert_allclose(fields[k : k + 1], alone, atol=NEAR)


def test_a_field_divided_by_its_maximum_is_at_most_1():
    fields = np.array([[[1.0, 4.0], [2.0, 0.0]], [[0.5, 0.25], [0.0, 0.0]]])
    divided, maxima = divide_by_maximum(tf.constant(fields))
    assert maxima.numpy().tolist() == [4.0, 0.5]
    np.testing.assert_array_equal(divided, [[[0.25, 1.0], [0.5, 0.0]], [[1.0, 0.5], [0.0, 0.0]]])


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
    field = solver.solve(production=production, media=OwnMedia(np.array([0.5, 0.25])))
    np.testing.assert_allclose(field[:, 3, 3], [2.0, 4.0], rtol=1e-6)
