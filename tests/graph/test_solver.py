"""The TensorFlow solver against the exact one: fixed values and production, over all boundaries."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.graph import TensorSolver
from diffkeras.physics import Medium, sample_sources
from diffkeras.physics.problem.sides import BOUNDARIES
from tests.helpers.drawn_problems import exact_fields, problems_of
from tests.helpers.graph_inputs import KINDS, error, problem_of, random_production

NEAR = 2e-6


# each boundary on an axis with an even and one with an odd number of nodes
PAIRS = [*zip(BOUNDARIES, BOUNDARIES, strict=True), *itertools.pairwise((*BOUNDARIES, "absorbing"))]


def exact(medium: Medium, source_images=None, production=None, fixed=None) -> NDArray:
    given = {"source_image": source_images, "fixed": fixed, "production": production}
    return exact_fields(problems_of(**given, medium=medium))


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


def test_fields_have_the_type_of_the_inputs():
    production = random_production((8, 8))
    images = np.zeros(production.shape, np.int32)
    images[:, 2, 2] = 2
    for precision in (tf.float32, tf.float64):
        solver = TensorSolver(8, decay=0.1, precision=precision.name)
        assert solver.solve(images).field.dtype == precision
        assert error(solver.solve(images).field, exact(Medium(decay=0.1), images)) < NEAR
        assert solver.solve(production=production.astype(np.int32)).field.dtype == precision
        double = production.astype(np.float64)
        assert solver.solve(production=double).field.dtype == tf.float64
        assert solver.solve(images, production=double).field.dtype == precision


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_fields_of_half_precision_are_bounded_with_their_rounding(dtype):
    images = np.zeros((1, 8, 8), np.float32)
    images[0, 2, 2] = 1.0
    solution = TensorSolver(8).solve(tf.cast(images, dtype))
    assert (solution.field.dtype, solution.error_bound.dtype) == (dtype, tf.float32)
    errors = np.abs(tf.cast(solution.field, tf.float64) - exact(Medium(), images))
    assert (errors <= solution.node_bound).numpy().all()
    assert errors.max() <= solution.error_bound[0] < 1.5 * errors.max()
