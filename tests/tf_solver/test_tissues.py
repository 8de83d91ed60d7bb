"""Tissues in a graph: bounds near the true errors, and tolerances that are met or refused."""

import gc
import weakref
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import diffkeras as dk
from diffkeras.errors import PhysicsError
from diffkeras.physics import sample_sources, solve
from diffkeras.physics.problem.maps import problem_of_maps
from diffkeras.tf_solver import TensorSolver
from tests.helpers.graph_inputs import LATTICE, MEDIUM, REFERENCE, tissues_of
from tests.helpers.random_problems import promised


def errors_of(solution: Any, exact: np.ndarray) -> np.ndarray:
    return np.abs(solution.field.numpy().astype(np.float64) - exact)


@pytest.fixture(scope="module")
def solver():
    """One for several tests, because it traces its graphs once."""
    return TensorSolver(LATTICE, MEDIUM)


SATURATING = pytest.mark.parametrize("saturating", [False, True])


@SATURATING
def test_bounds_stay_near_the_true_error(solver, saturating):
    images, media, exact = tissues_of(saturating)
    noise = np.random.default_rng(0).standard_normal(exact.shape)
    for field in (exact + 0.01 * noise, 0 * exact, 1.05 * exact):
        prediction = field.astype(np.float32)
        proof = solver.certify(prediction, images, **media)
        corrected, bound, _ = (part.numpy() for part in proof.corrected)
        assert (np.abs(corrected - exact).max((1, 2)) <= bound).all()
        errors, node_bound = np.abs(prediction - exact), proof.node_bound.numpy()
        assert (errors <= node_bound).all()
        most = errors.max((1, 2))
        assert (bound <= 0.5 * most).all()
        assert (node_bound.max((1, 2)) <= 1.5 * most).all()
        np.testing.assert_array_equal(proof.error_bound, node_bound.max((1, 2)))
        np.testing.assert_array_equal(corrected[images != 0], images[images != 0])


@SATURATING
def test_tolerances_are_met_or_refused(solver, saturating):
    images, media, exact = tissues_of(saturating)
    for initial in (None, 1.01 * exact, np.full_like(exact, np.nan)):
        solution = solver.solve(images, **media, initial=initial, tolerance=1e-6)
        assert solution.field.dtype == tf.float32
        assert (errors_of(solution, exact) <= solution.node_bound.numpy() + REFERENCE).all()
        assert (solution.error_bound.numpy() <= 1e-6).all()
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        solver.solve(images, **media, tolerance=1e-9)
    assert promised(caught.value) < 1e-6
    # float64 fields hold more
    solution = solver.solve(images.astype(float), **media, tolerance=1e-9)
    assert (errors_of(solution, exact) <= solution.node_bound.numpy() + 1e-9).all()


def test_a_problem_is_solved_in_its_medium_with_its_uptake():
    rng, lattice = np.random.default_rng(0), (12, 15)
    image = sample_sources(2, lattice, radius=2, rng=1).image(lattice)
    problems = [
        dk.Problem(image, diffusivity=rng.uniform(1, 9, lattice), uptake=rng.random(lattice)),
        dk.Problem(image, uptake=dk.MichaelisMenten(rng.random(lattice), 0.3), decay=0.0),
        dk.Problem(image, decay=0.01, boundary=((dk.Robin(0.2, 1.0), "absorbing"), "periodic")),
        dk.Problem(image, decay=0.01),
    ]
    for problem in problems:
        exact = solve(problem).field
        solver = TensorSolver(like=problem)
        solution = solver.solve(np.stack([image, image]), tolerance=1e-5)
        assert np.abs(solution.field[1] - exact).max() <= solution.error_bound[1] <= 1e-5
        proof = solver.certify(exact[None], image[None])
        assert proof.error_bound[0] < 1e-6
    with pytest.raises(PhysicsError, match="not both"):
        TensorSolver(lattice, like=problems[0])
    with pytest.raises(PhysicsError, match="CappedUptake"):
        TensorSolver(like=dk.Problem(image, uptake=dk.physics.CappedUptake(0.2, 0.1)))


def test_traced_graphs_go_with_their_solver_and_stay_in_functions_that_call_them():
    images = np.zeros((2, 3, 4), np.float32)
    images[:, 1, 1] = 1.0
    diffusivity = np.linspace(1, 2, 12).reshape(3, 4)

    def field(images):
        return TensorSolver((3, 4), diffusivity=diffusivity).solve(images, tolerance=1e-5).field

    graph = tf.function(field, autograph=False).get_concrete_function(tf.TensorSpec((None, 3, 4)))
    solver = TensorSolver((3, 4), diffusivity=diffusivity)
    exact = solver.solve(images, tolerance=1e-5).field
    steps = weakref.ref(solver._steps)
    del solver
    gc.collect()
    assert steps() is None
    np.testing.assert_allclose(graph(tf.constant(images)), exact, atol=2e-5)


def test_nothing_is_proven_where_nothing_is_lost():
    _, media, _ = tissues_of(saturating=False)
    closed = TensorSolver(LATTICE, replace(MEDIUM, boundary="reflecting"))
    images = np.zeros((3, *LATTICE), np.float32)
    images[1:, 3, 4] = 1.0
    inputs = {**media, "decay": np.zeros_like(media["decay"])}
    inputs["diffusivity"][2, :10] = 1e-30  # a region that hardly anything leaves or enters
    bound = closed.certify(np.ones_like(images), images, **inputs).error_bound
    np.testing.assert_array_equal(np.isfinite(bound), [False, True, False])
    solution = closed.solve(images, **inputs)  # without a tolerance there is no error
    np.testing.assert_array_equal(np.isfinite(solution.error_bound), [False, True, False])
    proof = closed.certify(np.ones_like(images), images, **media).corrected
    assert proof.error_bound[0] < 1e-37  # without a source and with a loss the field is 0
    assert (proof.field[0] == 0).numpy().all()
    everywhere = np.ones_like(images)
    proof = closed.certify(images, everywhere, **media).corrected  # every node is fixed
    np.testing.assert_array_equal(proof.field, everywhere)
    assert (proof.error_bound.numpy() == 0).all()


def test_fields_are_proven_where_cells_alone_take_up():
    _, media, _ = tissues_of(saturating=True)
    medium = replace(MEDIUM, decay=0.0, boundary="reflecting")
    media = {**media, "decay": np.zeros_like(media["decay"])}
    images = np.zeros((3, *LATTICE), np.float32)
    solution = TensorSolver(LATTICE, medium).solve(images, tolerance=1e-6, **media)
    for k, field in enumerate(solution.field.numpy()):
        own = problem_of_maps(images[k], medium, {name: v[k] for name, v in media.items()})
        exact = solve(own, tolerance=1e-9)
        assert abs(field - exact.field).max() <= solution.error_bound[k] + exact.error_bound


def test_lattices_follow_one_another_in_batches_of_one():
    """The graph of conjugate gradients must not open the sides of the lattice."""
    for lattice in ((10, 10), (10, 13), (7, 7)):
        images = np.zeros((1, *lattice), np.float32)
        images[:, 5, 5] = 1.0
        solver, decay = TensorSolver(lattice, MEDIUM), np.full_like(images, 0.5)
        assert solver.certify(images, images, decay=decay).error_bound < 2.0
