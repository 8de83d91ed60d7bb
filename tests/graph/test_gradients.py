"""Gradients of fields and bounds in a graph, against differences and other fields."""

import numpy as np
import pytest
import tensorflow as tf

from diffkeras.graph import TensorSolver
from diffkeras.physics import Medium
from diffkeras.physics.problem.sides import BOUNDARIES
from tests.helpers.graph_inputs import error, images_of, random_production


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


@pytest.mark.parametrize("boundary", ["absorbing", "reflecting"])
def test_a_bound_s_gradient_leads_to_a_smaller_one(boundary):
    images, solver = images_of((24, 31)), TensorSolver((24, 31), decay=0.02, boundary=boundary)
    noise = 0.03 * np.random.default_rng(0).standard_normal(images.shape)
    field = tf.constant(solver.solve(images).field + noise)
    with tf.GradientTape() as tape:
        tape.watch(field)
        total = tf.reduce_sum(solver.certify(field, images).node_bound)
    moved = field - 1e-3 * tape.gradient(total, field)
    assert tf.reduce_sum(solver.certify(moved, images).node_bound) < total
