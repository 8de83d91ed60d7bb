"""Certificates in a graph: no bound is violated, none is vacuous, and gradients flow."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium, solve
from diffkeras.physics.problem.sides import BOUNDARIES
from diffkeras.tf_solver import TensorSolver
from diffkeras.tf_solver.results import rounded_up
from tests.helpers.graph_inputs import images_of
from tests.helpers.predictions import predict

PAIRS = list(itertools.product(BOUNDARIES, BOUNDARIES))


def arrays(proof: tuple) -> list[np.ndarray]:
    return [part.numpy() for part in proof]


@pytest.mark.parametrize("boundary", ["absorbing", "periodic", ("reflecting", "absorbing")])
@pytest.mark.parametrize("decay", [0.0, 0.5])
@pytest.mark.parametrize("kind", ["noise", "smooth", "relative", "zeros"])
def test_bounds_stay_near_the_true_error(boundary, decay, kind):
    medium, images = Medium(decay=decay, boundary=boundary), images_of((48, 55), (1, 4))
    exact = solve(images, medium=medium).field
    predictions = np.stack([predict(kind, field) for field in exact]).astype(np.float32)
    proof = TensorSolver((48, 55), medium, "float32").certify(predictions, images)
    (field, bound, _), node_bound = arrays(proof.corrected), proof.node_bound.numpy()
    # between the ring and the nodes next to it, errors fall the more the faster the decay
    factor, rounding = 4 if decay == 0.5 else 2.5, 1e-6
    true = np.abs(field - exact).max((1, 2))
    assert (true <= bound).all()
    assert (bound <= factor * true + rounding).all()
    errors = np.abs(predictions - exact)
    assert (errors <= node_bound).all()
    assert (node_bound.max((1, 2)) <= errors.max((1, 2)) + 2 * bound + rounding).all()


@pytest.mark.parametrize("boundary", PAIRS[::2], ids="-".join)
def test_corrected_fields_of_production_are_exact_to_float32(boundary):
    medium = Medium((1.0, 2.0), 1e-3, 0.5, boundary)
    production = np.random.default_rng(0).random((2, 25, 38)).astype(np.float32)
    exact = solve(production=production, medium=medium).field
    proof = TensorSolver((25, 38), medium, "float32").certify(
        1.1 * exact.astype(np.float32), production=production
    )
    field, bound, _ = arrays(proof.corrected)
    assert (np.abs(field - exact).max((1, 2)) <= bound).all()
    assert (bound < 1e-7 * exact.max((1, 2))).all()


def test_bounds_are_rounded_up():
    exact = 10.0 ** np.random.default_rng(0).uniform(-44, 38, 10_000)
    lifted = rounded_up(exact, tf.float32)
    assert (lifted.numpy().astype(np.float64) >= exact).all()
    normal = exact > 1e-37
    assert (lifted.numpy()[normal] <= exact[normal] * (1 + 3e-7)).all()
    assert np.isinf(rounded_up(tf.constant([1e39], tf.float64), tf.float32))
    assert rounded_up(tf.zeros(1, tf.float64), tf.float32) == 0
    assert rounded_up(tf.constant([0.1], tf.float64), tf.float64) > 0.1


def test_the_corrected_field_and_its_bound_are_differentiable():
    """The field is linear in the prediction, and so its change along a line is its gradient's."""
    images = images_of((12, 15), (1, 1)).astype(np.float64)
    rng = np.random.default_rng(0)
    weights = rng.normal(size=images.shape)
    for boundary in ("absorbing", "reflecting"):
        medium = Medium(decay=1e-5, boundary=boundary)
        solver = TensorSolver((12, 15), medium, "float64")
        prediction = solver.solve(images).field + 0.01 * rng.normal(size=images.shape)
        along = tf.constant(1e-6 * rng.normal(size=images.shape))

        def weighted(predicted, inputs, solver=solver):
            return tf.reduce_sum(weights * solver.certify(predicted, inputs).corrected.field)

        inputs = tf.constant(images)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([prediction, inputs])
            total = weighted(prediction, inputs)
            bounds = tf.reduce_sum(solver.certify(prediction, inputs).corrected.error_bound)
        gradient = tape.gradient(total, prediction)
        assert np.abs(gradient).max() > 0.1
        change = weighted(prediction + along, inputs) - weighted(prediction - along, inputs)
        np.testing.assert_allclose(
            2 * tf.reduce_sum(gradient * along), change, rtol=1e-4, atol=1e-12
        )
        if boundary == "absorbing":  # the values also choose the constant of a deflated operator
            fixed = images != 0
            gradient = tape.gradient(total, inputs).numpy()
            np.testing.assert_allclose(gradient[fixed], weights[fixed], rtol=1e-9)
        step = 1e-4 * tape.gradient(bounds, prediction)
        lower = tf.reduce_sum(solver.certify(prediction - step, inputs).corrected.error_bound)
        assert float(lower) < float(bounds)


def test_half_precision_gets_float32_results():
    images = images_of((16, 16), (1, 4))
    proof = TensorSolver(16, decay=0.1).certify(images.astype(np.float16), images)
    assert {part.dtype for part in tf.nest.flatten(proof)} == {tf.float32}


def test_smaller_floats_and_integers_are_proven_as_given_or_not_at_all():
    solver = TensorSolver(16, decay=0.1)
    whole = np.zeros((2, 16, 16), np.int64)
    whole[:, 8, 8] = 2**53, -(2**53) - 1
    brief = tf.bitcast(np.where(whole, np.int16(1), np.int16(0)), tf.bfloat16)
    for images, number in ((whole, "2\\^53"), (brief, "finite")):
        with pytest.raises(tf.errors.InvalidArgumentError, match=number):
            solver.certify(np.zeros(whole.shape), images)
    for images in (whole[:1], np.where(whole[:1], np.float16(6e-8), np.float16(0))):
        bound = solver.certify(np.zeros((1, 16, 16)), images).corrected.error_bound
        assert images.max() <= bound < 1.1 * float(images.max())


def test_values_beside_the_fixed_nodes_play_no_part():
    images, production = images_of((16, 16), (1, 4)), images_of((16, 16), (3, 2))
    fixed, solver = images != 0, TensorSolver(16, decay=0.1)
    expected = solver.certify(images, images, fixed, production)
    for value in (np.nan, 1e-40, 3e38):
        other = np.where(fixed, images, np.float32(value))
        spoiled = np.where(fixed, np.float32(value), production)
        result = solver.certify(images, other, fixed, spoiled)
        for a, b in zip(tf.nest.flatten(result), tf.nest.flatten(expected), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("own", "wrong"), [(0.1, 0.01), (0.0, 1e-40)])
def test_decays_slower_than_the_solver_s_own_raise_and_prove_nothing(own, wrong):
    images, solver = images_of((16, 16), (1, 4)), TensorSolver(16, decay=own)
    decays = tf.constant([own, wrong], tf.float64)
    with pytest.raises(tf.errors.InvalidArgumentError, match="decay must be"):
        solver.certify(images, images, decay=decays)
    certify = tf.function(solver.certify, jit_compile=True, autograph=False)
    bounds = certify(tf.constant(images), tf.constant(images), decay=decays).error_bound
    np.testing.assert_array_equal(np.isfinite(bounds), [True, False])


def test_predictions_of_another_shape_raise():
    solver, images = TensorSolver(16, decay=0.1), images_of((16, 16), (1, 4))
    for prediction in (np.zeros((16, 16)), np.zeros((3, 16, 16)), np.zeros((2, 16, 15)), "field"):
        with pytest.raises(PhysicsError, match="the field"):
            solver.certify(prediction, images)
