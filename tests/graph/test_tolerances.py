"""Tolerances in uniform media: they are met and proven, or refused with what can be promised."""

import numpy as np
import tensorflow as tf

from diffkeras.graph import TensorSolver
from tests.helpers.drawn_problems import exact_fields, problems_of
from tests.helpers.graph_inputs import images_of


def test_images_that_meet_the_tolerance_are_only_corrected():
    images, solver = images_of((32, 32), (1, 1, 2)), TensorSolver(32, precision="float32")
    exact = exact_fields(problems_of(source_image=images)).astype(np.float32)
    start = np.stack([exact[0], 0 * exact[1], 1.0001 * exact[2]])
    corrected = solver.solve(images, initial=start, tolerance=3.0).field
    solution = solver.solve(images, initial=start, tolerance=1e-3)
    for k, stays in enumerate((True, False, True)):
        assert np.allclose(solution.field[k], corrected[k], rtol=0, atol=1e-6) == stays
    # each image may have its own
    own = solver.solve(images, initial=start, tolerance=np.array([1e-3, 1.1, 1e-6]))
    for k, stays in enumerate((True, True, False)):
        assert np.allclose(own.field[k], corrected[k], rtol=0, atol=1e-6) == stays


def test_gradients_flow_through_rounds():
    """A field within a tolerance is the exact one, whatever it starts from."""
    images, solver = images_of((16, 16), (2,)), TensorSolver(16, decay=0.05, precision="float64")
    inputs, gradients = tf.constant(images, tf.float64), []
    for options in ({}, {"initial": tf.zeros_like(inputs), "tolerance": 1e-6}):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            total = tf.reduce_sum(solver.solve(inputs, **options).field)
        gradients.append(tf.boolean_mask(tape.gradient(total, inputs), images != 0))
    np.testing.assert_allclose(*gradients, rtol=1e-3, atol=1e-3)
