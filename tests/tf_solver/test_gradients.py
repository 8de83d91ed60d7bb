"""Gradients of fields and bounds in a graph, against differences and other fields."""

import numpy as np
import pytest
import tensorflow as tf

from diffkeras.physics import Medium
from diffkeras.physics.problem.sides import BOUNDARIES
from diffkeras.tf_solver import TensorSolver
from tests.helpers.graph_inputs import (
    LATTICE,
    MEDIUM,
    error,
    images_of,
    random_production,
    tissues_of,
)


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


@pytest.mark.parametrize(
    ("saturating", "in_graph"),
    [
        (True, False),
        pytest.param(True, True, marks=pytest.mark.slow),
        pytest.param(False, True, marks=pytest.mark.slow),
    ],
)
def test_gradients_are_those_of_exact_fields(saturating, in_graph):
    images, media, exact = (
        tf.nest.map_structure(lambda values: values[:1, 8:16, 8:16], part)
        for part in tissues_of(saturating)
    )
    solver = TensorSolver((8, 8), MEDIUM)
    inputs = {"source_images": images, "production": 0 * images, **media}
    inputs = {name: tf.constant(values, tf.float64) for name, values in inputs.items()}
    weights = np.random.default_rng(0).standard_normal(exact.shape)

    def totals(**inputs):
        field = solver.solve(**inputs, tolerance=1e-9).field
        return tf.reduce_sum(weights * field, (1, 2))

    totals = tf.function(totals, autograph=False, reduce_retracing=True) if in_graph else totals
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = totals(**inputs)
    gradients = tape.gradient(value, inputs)
    changed, slopes = {name: [] for name in inputs}, {}
    for name, gradient in gradients.items():
        direction = np.random.default_rng(1).random(exact.shape)
        change = direction * (inputs[name] if name != "production" else 1e-2)
        slopes[name] = float(tf.reduce_sum(gradient * change))
        for sign in (1e-3, -1e-3):
            for other, values in inputs.items():
                changed[other].append(values + sign * change if other == name else values)
    ends = totals(**{name: tf.concat(values, 0) for name, values in changed.items()}).numpy()
    for name, (up, down) in zip(gradients, ends.reshape(-1, 2), strict=True):
        assert (up - down) / 2e-3 == pytest.approx(slopes[name], rel=2e-3, abs=1e-6), name


def test_a_bound_s_gradient_leads_to_a_smaller_one():
    images, media, exact = tissues_of(saturating=False)
    solver = TensorSolver(LATTICE, MEDIUM)
    field = tf.constant(exact + 0.03 * np.random.default_rng(0).standard_normal(exact.shape))
    with tf.GradientTape() as tape:
        tape.watch(field)
        total = tf.reduce_sum(solver.certify(field, images, **media).node_bound)
    moved = field - 1e-3 * tape.gradient(total, field)
    assert tf.reduce_sum(solver.certify(moved, images, **media).node_bound) < total
