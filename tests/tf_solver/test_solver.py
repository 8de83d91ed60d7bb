"""The TensorFlow solver against the exact one: fixed values and production, over all boundaries."""

import doctest
import itertools
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.physics import Medium, sample_sources, solve
from diffkeras.physics.problem.sides import BOUNDARIES
from diffkeras.tf_solver import TensorSolver
from diffkeras.tf_solver import solver as tensor_solver
from tests.helpers.graph_inputs import (
    KINDS,
    error,
    images_of,
    problem_of,
    random_production,
)
from tests.helpers.rounding import same_to_rounding

NEAR = 2e-6


# each boundary on an axis with an even and one with an odd number of nodes
PAIRS = [*zip(BOUNDARIES, BOUNDARIES, strict=True), *itertools.pairwise((*BOUNDARIES, "absorbing"))]


def exact(
    medium: Medium,
    source_images: NDArray | None = None,
    production: NDArray | None = None,
    fixed: NDArray | None = None,
) -> NDArray:
    return solve(source_images, fixed=fixed, production=production, medium=medium).field


@pytest.mark.parametrize("boundary", PAIRS, ids="-".join)
def test_fields_are_exact_and_proven_with_every_boundary(boundary):
    lattice = (24, 25)
    # if no axis absorbs, a decay close to 0 leaves a constant almost undetermined
    for decay in (0.2, 1e-7, 0.0):
        medium = Medium((1.0, 2.0), decay, 0.5, boundary)
        solver = TensorSolver(lattice, medium, "float32")
        for kind in KINDS:
            if not (decay or "absorbing" in boundary or "source_images" in kind):
                continue  # there is no steady state
            problem = problem_of(kind, lattice)
            solution, truth = solver.solve(**problem), exact(medium, **problem)
            assert solution.field.dtype == tf.float32
            assert error(solution.field, truth) < NEAR, (decay, kind)
            errors = np.abs(solution.field.numpy().astype(float) - truth)
            assert (errors <= solution.node_bound.numpy() + 1e-15).all(), (decay, kind)
            if "source_images" in kind:  # production that hardly decays has large bounds
                assert (solution.error_bound.numpy() <= 1e-5 * truth.max((1, 2))).all(), decay


@pytest.mark.parametrize("lattice", [(1, 1), (1, 9), (9, 1), (2, 3)], ids=str)
def test_lattices_of_few_nodes(lattice):
    image = np.zeros((1, *lattice), np.float32)
    image[0, 0, 0] = 1.0
    production = random_production(lattice)[2:] + 1
    for boundary in BOUNDARIES:
        medium = Medium(decay=0.1, boundary=boundary)
        solver = TensorSolver(lattice, medium, "float32")
        assert error(solver.solve(image).field, exact(medium, image)) < NEAR, boundary
        field = solver.solve(production=production).field
        assert error(field, exact(medium, production=production)) < NEAR, boundary


def test_the_papers_lattice():
    lattice, medium = (512, 512), Medium()
    images = np.stack(
        [sample_sources(n, lattice, rng=np.random.default_rng(n)).image(lattice) for n in (1, 20)]
    )
    truth = exact(medium, images)
    solver = TensorSolver(lattice, medium, "float32")
    assert np.abs(solver.solve(images).field - truth).max() < NEAR
    solution = solver.solve(images, initial=0 * images, tolerance=1e-6)
    assert np.abs(solution.field - truth).max() < NEAR


def test_double_precision_is_exact_to_rounding():
    images = images_of((24, 31)).astype(np.float64)
    field = TensorSolver((24, 31), Medium(), "float64").solve(images).field
    assert field.dtype == tf.float64
    assert np.abs(field - exact(Medium(), images)).max() < 1e-12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("factor", [2.0**-40])
def test_a_power_of_two_changes_nothing(kind, factor):
    problem = problem_of(kind)
    solver = TensorSolver(24, decay=0.01, precision="float32")
    scaled = {name: np.float32(factor) * values for name, values in problem.items()}
    field = solver.solve(**scaled).field / np.float32(factor)
    assert same_to_rounding(field, solver.solve(**problem).field)


def test_subnormal_values_are_fixed():
    """TensorFlow takes them for 0, which is a value, too."""
    images = images_of((24, 24))
    images[:, 3, 3], images[:, 20, 9] = 1e-40, -1e-45
    expected = exact(Medium(), images)
    for inputs in (images, images.astype(np.float64)):
        field = TensorSolver(24, precision="float32").solve(inputs).field
        assert error(field, expected) < NEAR
    tiny, solver = images * np.float32(1e-40), TensorSolver(24, precision="float32")
    for inputs in ({"source_images": tiny}, {"production": tiny}):
        with pytest.raises(tf.errors.InvalidArgumentError, match="below 1e-32"):
            solver.solve(**inputs)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_random_problems(seed):
    """Any lattice, medium and boundary, with fixed nodes, production or both anywhere."""
    rng = np.random.default_rng(seed)
    for _ in range(1000 if seed else 15):
        lattice = tuple(rng.integers(1, 40, 2).tolist())
        boundary = tuple(rng.choice(BOUNDARIES, 2).tolist())
        diffusivity = 10 ** rng.uniform(-12, 12)
        ratio = 10 ** rng.uniform(0, 3) if rng.random() < 0.3 else 1.0
        decay = diffusivity * 10 ** rng.uniform(-14, 2)
        fixed = rng.random((1, *lattice)) < 10 ** rng.uniform(-2.5, 0)
        fixed.flat[rng.integers(fixed.size)] = True
        images = np.where(fixed, rng.normal(size=fixed.shape), 0)
        production = rng.normal(rng.choice([0, 1]), size=fixed.shape)
        # rounded here, because rounding changes the net production, which slow decay multiplies
        production = np.float32(production * diffusivity * 10 ** rng.uniform(-4, 4))
        scale = 2.0 ** rng.integers(-40, 60)
        medium = Medium((diffusivity, diffusivity * ratio), decay, boundary=boundary)
        lasting = replace(medium, decay=0.0)
        for own, given in (
            (medium, {"source_images": images, "fixed": fixed}),
            (lasting, {"source_images": images, "fixed": fixed}),
            (medium, {"source_images": images, "fixed": fixed, "production": production}),
            (medium, {"production": production}),
        ):
            scaled = {n: v if n == "fixed" else v * scale for n, v in given.items()}
            field = TensorSolver(lattice, own).solve(**scaled).field / scale
            assert error(field, exact(own, **given)) < 3 * NEAR, (lattice, own)


def test_slow_decay_keeps_the_balance_of_production_and_decay():
    """The mean of a closed lattice's field is the mean production / γ, for any γ above 0."""
    production = random_production((24, 31))
    for decay in (1e-5, 1e-9, 1e-13):
        solver = TensorSolver((24, 31), Medium(decay=decay, boundary="reflecting"), "float32")
        field = solver.solve(production=production).field.numpy().astype(np.float64)
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
    field = solver.solve(images, fixed, production).field
    truth = exact(medium, images, production, fixed)
    assert error(field, truth) < NEAR
    assert solver.solve(production=production).field.numpy().max() > 40 * truth.max()


def test_an_image_has_the_same_field_in_any_batch():
    images = images_of((24, 24), (1, 6, 2, 4))
    solver = TensorSolver((24, 24), Medium(), "float32")
    together = solver.solve(images).field
    for image, field in zip(images, together, strict=True):
        assert np.abs(solver.solve(image[None]).field[0] - field).max() < 1e-6


def test_without_a_source_the_field_is_zero():
    images = np.zeros((2, 16, 16), np.float32)
    images[1, 8, 8] = 1.0
    field = TensorSolver((16, 16), Medium(), "float32").solve(images).field.numpy()
    assert not field[0].any()
    assert field[1, 7, 8] > 0
    assert not TensorSolver((16, 16), Medium()).solve(images[:1]).field.numpy().any()


def test_production_on_fixed_nodes_is_ignored():
    images, production = images_of((24, 24)), random_production((24, 24))
    solver = TensorSolver(24)
    spoiled = np.where(images != 0, np.nan, production)
    field = solver.solve(images, production=spoiled).field
    assert same_to_rounding(field, solver.solve(images, production=production).field)
    everything = np.ones(images.shape, bool)
    solution = solver.solve(images, everything, production=spoiled)
    np.testing.assert_array_equal(solution.field, images)
    assert (solution.error_bound.numpy() < 1e-37).all()


def test_each_image_may_have_a_medium_of_its_own():
    decays = np.array([1e-3, 0.2, 0.9], np.float32)
    for boundary, kind in itertools.product(("absorbing", "reflecting"), KINDS):
        problem = problem_of(kind, (25, 38))
        solver = TensorSolver((25, 38), Medium(decay=1e-3, boundary=boundary), "float32")
        fields = solver.solve(**problem, decay=decays).field
        for k, decay in enumerate(decays):
            medium, one = Medium(decay=decay, boundary=boundary), slice(k, k + 1)
            truth = exact(medium, **{name: values[one] for name, values in problem.items()})
            assert error(fields[one], truth) < NEAR, (boundary, kind)


def test_without_fixed_nodes_a_field_is_one_transform_pair():
    solver = TensorSolver(16, decay=0.1, precision="float32")
    solve = tf.function(lambda p: solver.solve(production=p).field, autograph=False)
    graph = solve.get_concrete_function(tf.TensorSpec((None, 16, 16))).graph
    (field,) = graph.outputs  # TensorFlow computes what this needs, so no bounds
    needed = tf.compat.v1.graph_util.extract_sub_graph(graph.as_graph_def(), [field.op.name])
    types = [node.op for node in needed.node]
    assert sum("MatMul" in name for name in types) == 4  # along two axes, there and back
    assert not {"Cholesky", "Where", "ScatterNd"} & {*types}


def test_fields_have_the_type_of_the_inputs():
    production = random_production((8, 8))
    images = np.zeros(production.shape, np.int32)
    images[:, 2, 2] = 2
    for precision in ("float32", "float64"):
        solver = TensorSolver(8, decay=0.1, precision=precision)
        field = solver.solve(images).field
        assert field.dtype == tf.as_dtype(precision)
        assert error(field, exact(Medium(decay=0.1), images)) < NEAR
        assert solver.solve(production=production.astype(np.int32)).field.dtype == field.dtype
        double = production.astype(np.float64)
        assert solver.solve(production=double).field.dtype == tf.float64
        assert solver.solve(images, production=double).field.dtype == field.dtype


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_fields_of_half_precision_are_bounded_with_their_rounding(dtype):
    images = np.zeros((1, 8, 8), np.float32)
    images[0, 2, 2] = 1.0
    solution = TensorSolver(8).solve(tf.cast(images, dtype))
    assert (solution.field.dtype, solution.error_bound.dtype) == (dtype, tf.float32)
    errors = np.abs(tf.cast(solution.field, tf.float64) - exact(Medium(), images))
    assert (errors <= solution.node_bound).numpy().all()
    assert errors.max() <= solution.error_bound[0] < 1.5 * errors.max()


def test_the_examples_in_the_docstrings():
    assert doctest.testmod(tensor_solver).failed == 0
