"""Certificates in a graph: no bound is violated, none is vacuous, and gradients flow."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

import diffkeras as dk
from diffkeras.graph import TensorSolver, fields
from diffkeras.graph.proofs import rounded_up
from diffkeras.physics import Medium
from diffkeras.physics.problem.sides import BOUNDARIES
from tests.helpers.drawn_problems import exact_fields, problems_of
from tests.helpers.graph_inputs import images_of

PAIRS = list(itertools.product(BOUNDARIES, BOUNDARIES))


def predict(kind: str, field: np.ndarray) -> np.ndarray:
    """A prediction of the field, wrong in some way."""
    rows, columns = np.indices(field.shape)
    match kind:
        case "noise":
            return field + 1e-3 * np.random.default_rng(0).standard_normal(field.shape)
        case "smooth":
            return field + 1e-3 * np.sin(rows / 9 + 4) * np.cos(columns / 7 + 2)
        case "relative":
            return 1.001 * field
        case _:
            return np.zeros_like(field)


def arrays(proof: tuple) -> list[np.ndarray]:
    return [part.numpy() for part in proof]


@pytest.mark.parametrize("boundary", ["absorbing", "periodic", ("reflecting", "absorbing")])
@pytest.mark.parametrize("decay", [0.0, 0.5])
@pytest.mark.parametrize("kind", ["noise", "smooth", "relative", "zeros"])
def test_bounds_stay_near_the_true_error(boundary, decay, kind):
    medium, images = Medium(decay=decay, boundary=boundary), images_of((48, 55), (1, 4))
    exact = exact_fields(problems_of(source_image=images, medium=medium))
    predictions = np.stack([predict(kind, field) for field in exact]).astype(np.float32)
    proof = TensorSolver((48, 55), medium, "float32").certify(predictions, images)
    (field, bound, _), node_bound = arrays(proof.corrected), proof.node_bound.numpy()
    assert (np.abs(field - exact).max((1, 2)) <= bound).all()
    errors = np.abs(predictions - exact)
    assert (errors <= node_bound).all()
    # the free nodes alone say how near the corrected field has to be
    assert (node_bound.max((1, 2)) <= 1.2 * errors.max((1, 2)) + 1e-6).all()


@pytest.mark.parametrize("produces", [False, True])
def test_bounds_are_hardly_larger_than_those_of_certify(produces):
    """Of predictions with the fixed values, from wrong to as exact as float32 fields are."""
    solver, medium = TensorSolver(32, decay=1 / 400), Medium(decay=1 / 400)
    images = images_of((32, 32), (1, 5))
    given = {"production": 0.01 * images} if produces else {"source_image": images}
    problems = problems_of(**given, medium=medium)
    exact, noise = exact_fields(problems), np.random.default_rng(0).standard_normal(images.shape)
    inputs = given if produces else {"source_images": images}
    for size in (0.3, 1e-2, 1e-4, 1e-6):
        predicted = np.float32(exact + size * exact * noise * ((images == 0) | produces))
        bounds = np.array([one.error_bound for one in dk.certify_many(predicted, problems)])
        assert (solver.certify(predicted, **inputs).error_bound.numpy() <= 1.5 * bounds).all()


def test_batches_with_too_many_ring_nodes_have_bounds_without_ring_systems(monkeypatch):
    images, solver = images_of((24, 24), (1, 3)), TensorSolver(24)
    predicted, exact = 0.9 * images, exact_fields(problems_of(source_image=images))
    sharp = solver.certify(predicted, images).error_bound
    monkeypatch.setattr(fields, "MOST_PAIRS", 10)
    proof = solver.certify(predicted, images)
    assert (np.abs(predicted - exact) <= proof.node_bound).numpy().all()
    assert (proof.error_bound > 1.01 * sharp).numpy().all()


@pytest.mark.parametrize("boundary", PAIRS[::2], ids="-".join)
def test_corrected_fields_of_production_are_exact_to_float32(boundary):
    medium = Medium((1.0, 2.0), 1e-3, 0.5, boundary)
    production = np.random.default_rng(0).random((2, 25, 38)).astype(np.float32)
    exact = exact_fields(problems_of(production=production, medium=medium))
    solver = TensorSolver((25, 38), medium, "float32")
    proof = solver.certify(1.1 * exact.astype(np.float32), production=production)
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


@pytest.mark.parametrize("boundary", ["absorbing", "reflecting"])
def test_the_corrected_field_is_differentiable_as_the_exact_one(boundary):
    """It depends on the sources, and not on the prediction."""
    images = tf.constant(images_of((12, 15), (1, 1)), tf.float64)
    rng = np.random.default_rng(0)
    weights = rng.normal(size=images.shape)
    solver = TensorSolver((12, 15), Medium(decay=1e-5, boundary=boundary), "float64")
    exact = solver.solve(images).field
    prediction = exact + 0.01 * rng.normal(size=images.shape)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([prediction, images])
        total = tf.reduce_sum(weights * solver.certify(prediction, images).corrected.field)
        of_exact = tf.reduce_sum(weights * solver.solve(images).field)
    gradient, expected = tape.gradient(total, images), tape.gradient(of_exact, images)
    np.testing.assert_allclose(
        tf.where(images != 0, gradient, 0), tf.where(images != 0, expected, 0), rtol=1e-6
    )
    np.testing.assert_allclose(tape.gradient(total, prediction), np.zeros(images.shape), atol=1e-9)


def test_a_bound_includes_the_rounding_of_the_residual():
    """Of a field whose computed residual is 0; slow decay multiplies what rounding may hide."""
    solver, production = TensorSolver(4, decay=1e-6, boundary="periodic"), np.full((1, 4, 4), 1e-6)
    bound = solver.certify(np.ones((1, 4, 4)), production=production).error_bound
    assert 1e-15 < bound < 1e-13


def test_smaller_floats_and_integers_are_proven_as_given_or_not_at_all():
    solver = TensorSolver(16, decay=0.1)
    whole = np.zeros((2, 16, 16), np.int64)
    whole[:, 8, 8] = 2**53, -(2**53) - 1
    brief = tf.bitcast(np.where(whole, np.int16(1), np.int16(0)), tf.bfloat16)
    for images, number in ((whole, "2\\^53"), (brief, "finite")):
        with pytest.raises(tf.errors.InvalidArgumentError, match=number):
            solver.certify(np.zeros(whole.shape), images)
    for images in (whole[:1], np.where(whole[:1], np.float16(6e-8), np.float16(0))):
        bound = solver.certify(np.zeros((1, 16, 16)), images).error_bound
        assert images.max() <= bound < 1.1 * float(images.max())
