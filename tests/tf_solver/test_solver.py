"""The TensorFlow solver against the exact one, over all boundaries; its gradients."""

import doctest
import itertools
import re

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium, Sources, ring_densities, sample_sources, solve
from diffkeras.physics.operators.axis import BOUNDARIES
from diffkeras.tf_solver import TensorSolver
from diffkeras.tf_solver import solver as tensor_solver

NEAR = 2e-6
PAIRS = list(itertools.product(BOUNDARIES, BOUNDARIES))


def some_sources(lattice: tuple[int, int], count: int) -> Sources:
    return sample_sources(count, lattice, radius=(1, 4), rng=np.random.default_rng(count))


def images_of(lattice: tuple[int, int], counts: tuple[int, ...] = (1, 3, 2)) -> NDArray:
    return np.stack([some_sources(lattice, n).image(lattice) for n in counts])


def exact(medium: Medium, images: NDArray) -> NDArray:
    return np.stack([solve(image, medium=medium).field for image in images])


@pytest.mark.parametrize("boundary", PAIRS, ids="-".join)
@pytest.mark.parametrize("lattice", [(24, 24), (25, 38)], ids=str)
def test_fields_are_exact_with_every_boundary(lattice, boundary):
    images = images_of(lattice)
    # if no axis absorbs, a decay close to 0 leaves a constant almost undetermined
    for decay in (0.2, 1e-3, 1e-7, 1e-13, 0.0):
        medium = Medium((1.0, 2.0), decay, 0.5, boundary)
        field = TensorSolver(lattice, medium, "float32").solve(tf.constant(images))
        assert field.dtype == tf.float32
        assert np.abs(field - exact(medium, images)).max() < NEAR, decay


@pytest.mark.parametrize("boundary", PAIRS, ids="-".join)
def test_restored_fields_are_exact_with_every_boundary(boundary):
    lattice = (25, 38)
    images = images_of(lattice)
    for decay in (0.2, 1e-7, 0.0):
        medium = Medium((1.0, 2.0), decay, 0.5, boundary)
        densities = [ring_densities(image, medium=medium).astype(np.float32) for image in images]
        padded = np.zeros((3, max(d.size for d in densities) + 2), np.float32)
        for row, values in zip(padded, densities, strict=True):
            row[: values.size] = values
        field = TensorSolver(lattice, medium, "float32").restore(images, padded)
        assert np.abs(field - exact(medium, images)).max() < NEAR, decay


@pytest.mark.parametrize("lattice", [(1, 1), (1, 9), (9, 1), (2, 3)], ids=str)
def test_lattices_of_few_nodes(lattice):
    image = np.zeros((1, *lattice), np.float32)
    image[0, 0, 0] = 1.0
    for boundary in BOUNDARIES:
        medium = Medium(decay=0.1, boundary=boundary)
        field = TensorSolver(lattice, medium, "float32").solve(image)
        assert np.abs(field - exact(medium, image)).max() < NEAR, boundary


def test_the_papers_lattice():
    lattice, medium = (512, 512), Medium()
    images = np.stack(
        [sample_sources(n, lattice, rng=np.random.default_rng(n)).image(lattice) for n in (1, 20)]
    )
    truth = exact(medium, images)
    solver = TensorSolver(lattice, medium, "float32")
    assert np.abs(solver.solve(images) - truth).max() < NEAR
    densities = ring_densities(images[1], medium=medium).astype(np.float32)
    assert np.abs(solver.restore(images[1:], densities[None]) - truth[1]).max() < NEAR


def test_double_precision_is_exact_to_rounding():
    images = images_of((24, 31)).astype(np.float64)
    field = TensorSolver((24, 31), Medium(), "float64").solve(images)
    assert field.dtype == tf.float64
    assert np.abs(field - exact(Medium(), images)).max() < 1e-12


@pytest.mark.parametrize("diffusivity", [1e-20, 1.0, 1e20])
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_values_of_any_size_and_sign(diffusivity, boundary):
    medium = Medium(diffusivity, 1e-9 * diffusivity, boundary=boundary)
    images = images_of((24, 24))
    truth = exact(medium, images)
    solver = TensorSolver((24, 24), medium, "float32")
    densities = np.zeros((3, 200), np.float32)
    for row, image in zip(densities, images, strict=True):
        values = ring_densities(image, medium=medium)
        row[: values.size] = values
    for factors in ([-3e5, 2e-6, 1.0], [3e38, 1e-30, -1e30]):
        scale = np.array(factors, np.float32)[:, None, None]
        assert np.abs(solver.solve(images * scale) / scale - truth).max() < 2 * NEAR
    scale = np.array([-3e5, 2e-6, 1.0], np.float32)[:, None, None]
    restored = solver.restore(images * scale, densities * scale[:, 0])
    assert np.abs(restored / scale - truth).max() < 2 * NEAR


def test_values_whose_field_would_underflow_raise():
    images = images_of((24, 24))
    solver = TensorSolver(24, precision="float32")
    for function in (solver.solve, tf.function(solver.solve)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="scale the image"):
            function(images * np.float32(1e-35))


@pytest.mark.parametrize("factor", [2.0**-40, 2.0**100])
def test_a_power_of_two_changes_no_bit(factor):
    images = images_of((24, 24))
    solver = TensorSolver((24, 24), Medium(), "float32")
    field = solver.solve(images * np.float32(factor))
    np.testing.assert_array_equal(field / np.float32(factor), solver.solve(images))


def test_nan_spoils_its_own_image_only():
    images = images_of((24, 24))
    images[1, 3, 3] = np.nan
    field = TensorSolver((24, 24)).solve(images).numpy()
    assert np.isnan(field[1][images[1] == 0]).all()
    assert np.isfinite(field[[0, 2]]).all()


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_random_problems(seed):
    """Any lattice, medium and boundary, with fixed nodes and values anywhere."""
    rng = np.random.default_rng(seed)
    for _ in range(5000 if seed else 50):
        lattice = tuple(rng.integers(1, 40, 2).tolist())
        boundary = tuple(rng.choice(BOUNDARIES, 2).tolist())
        diffusivity = 10 ** rng.uniform(-12, 12)
        decay = diffusivity * 10 ** rng.uniform(-14, 2) if rng.random() < 0.8 else 0.0
        ratio = 10 ** rng.uniform(0, 3) if rng.random() < 0.3 else 1.0
        medium = Medium((diffusivity, diffusivity * ratio), decay, boundary=boundary)
        fixed = rng.random(lattice) < 10 ** rng.uniform(-2.5, 0)
        fixed.flat[rng.integers(fixed.size)] = True
        image = np.where(fixed & (rng.random(lattice) < 0.9), rng.normal(size=lattice), 0)
        scale = 10 ** rng.uniform(-20, 20)
        solver = TensorSolver(lattice, medium)
        field = solver.solve((image * scale)[None], fixed[None])[0] / scale
        truth = solve(image, medium=medium, fixed=fixed).field
        limit = 1e-9 if ratio > 10 else 1e-5 if ratio == 1 else 3e-5
        assert np.abs(field - truth).max() < limit * max(np.abs(image).max(), 1e-9), (
            lattice,
            medium,
        )


def test_an_image_has_the_same_field_in_any_batch():
    images = images_of((24, 24), (1, 6, 2, 4))
    solver = TensorSolver((24, 24), Medium(), "float32")
    together = solver.solve(images)
    for image, field in zip(images, together, strict=True):
        assert np.abs(solver.solve(image[None])[0] - field).max() < 1e-6


def test_without_a_source_the_field_is_zero():
    images = np.zeros((2, 16, 16), np.float32)
    images[1, 8, 8] = 1.0
    field = TensorSolver((16, 16), Medium(), "float32").solve(images).numpy()
    assert not field[0].any()
    assert field[1, 7, 8] > 0
    assert not TensorSolver((16, 16), Medium()).solve(images[:1]).numpy().any()


def test_nodes_may_be_fixed_at_zero():
    image = images_of((20, 20), (2,)).astype(np.float64)
    fixed = image != 0
    fixed[0, 5] = True
    truth = solve(image[0], medium=Medium(), fixed=fixed[0]).field
    field = TensorSolver((20, 20), Medium(), "float32").solve(image, fixed)[0]
    assert np.abs(field - truth).max() < NEAR


def test_a_problem_without_a_unique_solution_raises():
    solver = TensorSolver((8, 8), Medium(decay=0.0, boundary="periodic"), "float32")
    images = np.zeros((2, 8, 8), np.float32)
    images[0, 2, 2] = 1.0
    for function in (solver.solve, tf.function(solver.solve)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="every constant solves"):
            function(images)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_gradients_with_respect_to_source_values(boundary):
    lattice, decay = (15, 18), 0.0 if boundary == "absorbing" else 1e-3
    solver = TensorSolver(lattice, Medium(decay=decay, boundary=boundary), "float64")
    rng = np.random.default_rng(0)
    image = tf.constant(images_of(lattice, (3,)).astype(np.float64))
    weights = tf.constant(rng.normal(size=image.shape))
    with tf.GradientTape() as tape:
        tape.watch(image)
        loss = tf.reduce_sum(weights * solver.solve(image))
    gradient = tape.gradient(loss, image).numpy()
    fixed = image.numpy() != 0
    assert not gradient[~fixed].any()
    # the field is linear in the values of the fixed nodes, so a difference is a derivative
    change = np.where(fixed, rng.normal(size=image.shape), 0.0)
    moved = tf.reduce_sum(weights * solver.solve(image + change, tf.constant(fixed)))
    assert float(moved - loss) == pytest.approx(float((gradient * change).sum()), rel=1e-10)


def test_integer_images_have_fields_in_the_precision_of_the_solver():
    images = np.zeros((1, 8, 8), np.int32)
    images[0, 3, 3] = 2
    for precision in ("float32", "float64"):
        field = TensorSolver(8, precision=precision).solve(images)
        assert field.dtype == tf.as_dtype(precision)
        assert np.abs(field - exact(Medium(), images)).max() < 2 * NEAR


def test_media_may_be_given_by_their_parts():
    medium = Medium((1.0, 2.0), 0.1, 0.5, "periodic")
    solver = TensorSolver(
        16, diffusivity=(1.0, 2.0), decay=0.1, step=0.5, boundary=("periodic", "periodic")
    )
    assert solver.lattice == (16, 16)
    assert solver.medium.diffusivities == medium.diffusivities
    images = images_of((16, 16), (2,))
    expected = TensorSolver((16, 16), medium).solve(images)
    np.testing.assert_array_equal(solver.solve(images), expected)


@pytest.mark.parametrize(
    ("arguments", "options", "named"),
    [
        ((16, Medium(decay=np.ones((16, 16)))), {}, "TensorSolver needs a uniform medium"),
        ((16, Medium(dimensions=3)), {}, "TensorSolver needs a medium of 2 dimensions"),
        ((16, Medium()), {"decay": 0.1}, "decay"),
        ((16, 0.1), {}, "float"),
        ((0,), {}, "0"),
        ((2.5,), {}, "2.5"),
        (((4, 5, 6),), {}, "(4, 5, 6)"),
        (("16",), {}, "'16'"),
        ((16, None, "float16"), {}, "float16"),
        ((16, None, "float32"), {"diffusivity": 1e20, "step": 1e-10, "decay": 0}, "1e+40"),
    ],
)
def test_bad_arguments(arguments, options, named):
    with pytest.raises(PhysicsError, match=re.escape(named)):
        TensorSolver(*arguments, **options)


@pytest.mark.parametrize(
    ("images", "named"),
    [
        (np.zeros((8, 8), np.float32), "(8, 8)"),
        (np.zeros((1, 8, 9), np.float32), "(1, 8, 9)"),
        (np.zeros((1, 8, 8, 1), np.float32), "(1, 8, 8, 1)"),
        (np.zeros((1, 8, 8), np.complex64), "complex64"),
        ("image", "()"),
        ([[[0.0, 1.0], [2.0]]], "array of real numbers"),
        (np.ma.masked_equal(np.zeros((1, 8, 8)), 1.0), "masked"),
    ],
)
def test_bad_source_images(images, named):
    solver = TensorSolver(8)
    for function in (solver.solve, lambda x: solver.restore(x, np.zeros((1, 4), np.float32))):
        with pytest.raises(PhysicsError, match=re.escape(named)):
            function(images)


def test_bad_masks():
    solver = TensorSolver(8, decay=0.1)
    with pytest.raises(PhysicsError, match="mask"):
        solver.solve(np.zeros((2, 8, 8), np.float32), np.zeros((1, 8, 8), bool))


def test_the_examples_in_the_docstrings():
    assert doctest.testmod(tensor_solver).failed == 0
