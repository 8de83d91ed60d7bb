"""The TensorFlow solver against the exact one: fixed values and production, over all boundaries."""

import doctest
import itertools
import re

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium, sample_sources, solve
from diffkeras.physics.problem.sides import BOUNDARIES
from diffkeras.tf_solver import TensorSolver
from diffkeras.tf_solver import solver as tensor_solver

NEAR = 2e-6
# each boundary on an axis with an even and one with an odd number of nodes
PAIRS = [*zip(BOUNDARIES, BOUNDARIES, strict=True), *itertools.pairwise((*BOUNDARIES, "absorbing"))]
# what a problem consists of, by the arguments of `solve`
KINDS = [("source_images",), ("production",), ("source_images", "production")]


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


def problem_of(kind: tuple[str, ...], lattice: tuple[int, int] = (24, 24)) -> dict[str, NDArray]:
    parts = {"source_images": images_of(lattice), "production": random_production(lattice)}
    return {name: parts[name] for name in kind}


def exact(
    medium: Medium,
    source_images: NDArray | None = None,
    production: NDArray | None = None,
    fixed: NDArray | None = None,
) -> NDArray:
    return solve(source_images, fixed=fixed, production=production, medium=medium).field


def error(fields: tf.Tensor, truth: NDArray) -> float:
    """The largest error, relative to the largest value of each field."""
    return (np.abs(fields - truth).max((1, 2)) / np.abs(truth).max((1, 2))).max()


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


@pytest.mark.parametrize(
    ("diffusivity", "boundary"), [*zip([1e-20, 1.0, 1e20], BOUNDARIES, strict=True)]
)
def test_values_of_any_size_and_sign(diffusivity, boundary):
    medium = Medium(diffusivity, 1e-9 * diffusivity, boundary=boundary)
    images = images_of((24, 24))
    truth = exact(medium, images)
    solver = TensorSolver((24, 24), medium, "float32")
    for factors in ([-3e5, 2e-6, 1.0], [3e38, 1e-30, -1e30]):
        scale = np.array(factors, np.float32)[:, None, None]
        assert np.abs(solver.solve(images * scale).field / scale - truth).max() < 2 * NEAR


@pytest.mark.parametrize(
    ("kind", "medium", "size"),
    [
        ("source_images", {}, 1e-35),
        ("production", {"diffusivity": 1e-15, "decay": 0.0}, 1e-35),
        ("production", {"diffusivity": 1e15, "decay": 0.0}, 1e-20),
    ],
)
def test_values_whose_field_would_underflow_raise(kind, medium, size):
    problem = {name: np.float32(size) * v for name, v in problem_of((kind,)).items()}
    solver = TensorSolver(24, **medium, precision="float32")
    with pytest.raises(tf.errors.InvalidArgumentError, match="scale the image"):
        solver.solve(**problem)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("factor", [2.0**-40])
def test_a_power_of_two_changes_no_bit(kind, factor):
    problem = problem_of(kind)
    solver = TensorSolver(24, decay=0.01, precision="float32")
    scaled = {name: np.float32(factor) * values for name, values in problem.items()}
    field = solver.solve(**scaled).field / np.float32(factor)
    np.testing.assert_array_equal(field, solver.solve(**problem).field)


@pytest.mark.parametrize("kind", KINDS)
def test_values_that_are_not_finite_raise(kind):
    problem, solver = problem_of(kind), TensorSolver(24)
    problem[kind[-1]][1][np.unravel_index(np.argmax(problem[kind[0]][1] == 0), (24, 24))] = np.inf
    name = kind[-1].replace("_", " ")
    for solve_graph in (solver.solve, tf.function(solver.solve, autograph=False)):
        with pytest.raises(tf.errors.InvalidArgumentError, match=rf"{name} must be finite.*\[1 "):
            solve_graph(**problem)


def test_without_checks_values_that_are_not_finite_spoil_their_own_image():
    """XLA drops the checks, and its maxima ignore NaN."""
    production, solver = problem_of(("production",))["production"], TensorSolver(24)
    production[:2, 3, 3] = np.nan, np.inf
    production[2] = 1e-40
    solve_graph = tf.function(solver.solve, autograph=False, jit_compile=True)
    solution = solve_graph(
        production=tf.constant(np.append(production, np.ones_like(production[:1]), 0))
    )
    assert np.isnan(solution.field[:3]).all()
    assert np.isfinite(solution.field[3]).all()
    np.testing.assert_array_equal(np.isinf(solution.error_bound), [True, True, True, False])


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


def test_fields_are_differentiable_with_respect_to_decays():
    images, production = images_of((12, 15), (1,)).astype(np.float64), np.full((1, 12, 15), 0.01)
    solver, decays = TensorSolver((12, 15), decay=0.05, precision="float64"), tf.constant([0.1])
    for inputs in ((images,), (images, None, production), (None, None, production)):

        def total(decays: tf.Tensor, inputs: tuple = inputs) -> tf.Tensor:
            return tf.reduce_sum(solver.solve(*inputs, decay=decays).field ** 2)

        with tf.GradientTape() as tape:
            tape.watch(decays)
            value = total(decays)
        slope = (total(decays + 1e-4) - total(decays - 1e-4)) / 2e-4
        np.testing.assert_allclose(tape.gradient(value, decays)[0], slope, rtol=1e-3)


def test_xla_says_what_it_cannot_compile():
    images, solver = images_of((24, 24)), TensorSolver(24)
    functions = [
        lambda: solver.solve(images).field,
        lambda: solver.solve(images, initial=images, tolerance=1e-3),
    ]
    for function in functions:
        with pytest.raises(tf.errors.InvalidArgumentError, match="XLA_cannot_compile_ring_systems"):
            tf.function(function, jit_compile=True, autograph=False)()


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_random_fixed_values(seed):
    """Any lattice, medium and boundary, with fixed nodes and values anywhere."""
    rng = np.random.default_rng(seed)
    for _ in range(1000 if seed else 25):
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
        field = solver.solve((image * scale)[None], fixed[None]).field[0] / scale
        truth = solve(image, medium=medium, fixed=fixed).field
        limit = 1e-9 if ratio > 10 else 1e-5 if ratio == 1 else 3e-5
        assert np.abs(field - truth).max() < limit * max(np.abs(image).max(), 1e-9), (
            lattice,
            medium,
        )


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_random_production(seed):
    """Any lattice, medium and boundary, with and without fixed nodes."""
    rng = np.random.default_rng(seed)
    for _ in range(1000 if seed else 12):
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
        field = solver.solve(images * scale, fixed, production=production * scale).field / scale
        assert error(field, exact(medium, images, production, fixed)) < NEAR, problem
        field = solver.solve(production=production * scale).field / scale
        assert error(field, exact(medium, production=production)) < NEAR, problem


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
    np.testing.assert_array_equal(field, solver.solve(images, production=production).field)
    everything = np.ones(images.shape, bool)
    solution = solver.solve(images, everything, production=spoiled)
    np.testing.assert_array_equal(solution.field, images)
    assert (solution.error_bound.numpy() < 1e-37).all()


def test_a_problem_without_a_unique_solution_raises():
    solver = TensorSolver(8, decay=0.0, boundary="periodic", precision="float32")
    production = np.ones((2, 8, 8), np.float32)
    images = np.zeros_like(production)
    images[0, 2, 2] = 1.0
    for inputs in ([images], [images, None, production], [None, None, production]):
        with pytest.raises(tf.errors.InvalidArgumentError, match="no node is fixed"):
            solver.solve(*inputs)
    in_graph = tf.function(solver.solve, autograph=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match="no node is fixed"):
        in_graph(images, None, production)
    # a decay of the images' own is a loss
    field = solver.solve(production=production, decay=np.array([0.5, 0.25])).field
    np.testing.assert_allclose(field[:, 3, 3], [2.0, 4.0], rtol=1e-6)


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


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_gradients_with_respect_to_source_values(boundary):
    lattice, decay = (15, 18), 0.0 if boundary == "absorbing" else 1e-3
    solver = TensorSolver(lattice, Medium(decay=decay, boundary=boundary), "float64")
    rng = np.random.default_rng(0)
    image = tf.constant(images_of(lattice, (3,)).astype(np.float64))
    weights = tf.constant(rng.normal(size=image.shape))
    with tf.GradientTape() as tape:
        tape.watch(image)
        loss = tf.reduce_sum(weights * solver.solve(image).field)
    gradient = tape.gradient(loss, image).numpy()
    fixed = image.numpy() != 0
    assert not gradient[~fixed].any()
    # the field is linear in the values of the fixed nodes, so a difference is a derivative
    change = np.where(fixed, rng.normal(size=image.shape), 0.0)
    moved = tf.reduce_sum(weights * solver.solve(image + change, tf.constant(fixed)).field)
    assert float(moved - loss) == pytest.approx(float((gradient * change).sum()), rel=1e-10)


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
            alone = tf.reduce_sum(weights * solver.solve(production=production).field)
            both = tf.reduce_sum(weights * solver.solve(images, production=production).field)
            values = tf.reduce_sum(weights * solver.solve(images).field)
        gradient = tape.gradient(alone, production)
        assert error(gradient, solver.solve(production=weights).field.numpy()) < 1e-9
        gradient = tape.gradient(both, production)
        at_zero = solver.solve(tf.zeros_like(images), fixed, production=weights).field
        assert error(gradient, at_zero.numpy()) < 1e-9
        # production doesn't change what the source values add
        gradient = tape.gradient(both, images)
        assert error(gradient, tape.gradient(values, images).numpy()) < 1e-9


def test_without_fixed_nodes_a_field_is_one_transform_pair():
    solver = TensorSolver(16, decay=0.1, precision="float32")
    solve = tf.function(lambda production: solver.solve(production=production).field)
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


@pytest.mark.parametrize(
    ("arguments", "options", "named"),
    [
        ((16, Medium(dimensions=3)), {}, "TensorSolver needs a medium of 2 dimensions"),
        ((16, Medium()), {"decay": 0.1}, "decay"),
        ((16, 0.1), {}, "float"),
        ((0,), {}, "0"),
        ((2.5,), {}, "2.5"),
        (((4, 5, 6),), {}, "(4, 5, 6)"),
        (("16",), {}, "'16'"),
        ((16, None, "float16"), {}, "float16"),
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
    with pytest.raises(PhysicsError, match=re.escape(named)):
        TensorSolver(8).solve(images)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, "production"),
        ({"fixed": np.ones((1, 8, 8), bool), "production": np.zeros((1, 8, 8))}, "source images"),
        ({"production": np.zeros((8, 8))}, "production must have shape (batch, 8, 8), not (8, 8)"),
        ({"production": "image"}, "production must"),
        ({"production": np.zeros((1, 8, 8), np.complex64)}, "complex64"),
        ({"source_images": np.zeros((2, 8, 8)), "production": np.zeros((1, 8, 8))}, "(1, 8, 8)"),
        ({"source_images": np.zeros((2, 8, 8)), "fixed": np.zeros((1, 8, 8), bool)}, "mask"),
    ],
)
def test_bad_combinations(arguments, named):
    with pytest.raises(PhysicsError, match=re.escape(named)):
        TensorSolver(8, decay=0.1).solve(**arguments)


def test_production_and_images_must_be_equally_many_in_a_graph():
    solver = TensorSolver(8, decay=0.1)
    specification = tf.TensorSpec((None, 8, 8))
    solve = tf.function(
        lambda images, production: solver.solve(images, production=production).field,
        [specification, specification],
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="different shapes"):
        solve(tf.ones((1, 8, 8)), tf.ones((2, 8, 8)))


def test_the_examples_in_the_docstrings():
    assert doctest.testmod(tensor_solver).failed == 0
