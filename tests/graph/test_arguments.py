"""What the solver in a graph refuses, and what comes of it without checks."""

import re

import numpy as np
import pytest
import tensorflow as tf

import diffkeras as dk
from diffkeras.errors import PhysicsError
from diffkeras.graph import TensorSolver
from diffkeras.physics import Medium
from tests.helpers.graph_inputs import images_of


def test_xla_says_what_it_cannot_compile():
    images, solver = images_of((24, 24)), TensorSolver(24)
    functions = [
        lambda: solver.solve(images).field,
        lambda: solver.solve(images, initial=images, tolerance=1e-3),
        lambda: solver.certify(images, images).error_bound,
    ]
    for function in functions:
        with pytest.raises(tf.errors.InvalidArgumentError, match="XLA_cannot_compile_ring_systems"):
            tf.function(function, jit_compile=True, autograph=False)()


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


ZEROS, ONES = np.zeros((2, 8, 9)), np.ones((2, 8, 9))
OTHER_MEDIA = [
    {"decay": np.ones((8, 9))},
    {"diffusivity": np.ones((8, 9))},
    {"boundary": (("absorbing", "reflecting"), "periodic")},
    {"boundary": (dk.FixedValue(1.0), "periodic")},
]


@pytest.mark.parametrize(
    ("arguments", "options", "named"),
    [
        ((16, Medium(boundary=("absorbing",) * 3)), {}, "TensorSolver needs a medium of 2"),
        ((16, Medium()), {"decay": 0.1}, "decay"),
        ((16, 0.1), {}, "float"),
        (((4, 5, 6),), {}, "(4, 5, 6)"),
        *(
            (((8, 9),), medium, "in any other medium take diffkeras.tensorflow.solve")
            for medium in OTHER_MEDIA
        ),
    ],
)
def test_solvers_that_are_refused(arguments, options, named):
    with pytest.raises(PhysicsError, match=re.escape(named)):
        TensorSolver(*arguments, **options)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, "give source images, which fixed nodes need, or production"),
        ({"source_images": ZEROS[0]}, "source images must have shape (batch, 8, 9), not (8, 9)"),
        ({"source_images": ZEROS[:, 1:]}, "not (2, 7, 9)"),
        ({"source_images": ZEROS.astype(np.complex64)}, "real numbers, not complex64"),
        ({"source_images": [[[0.0, 1.0], [2.0]]]}, "array of real numbers"),
        ({"source_images": ZEROS, "production": ZEROS[:1]}, "(1, 8, 9)"),
        ({"source_images": ZEROS, "fixed": ZEROS[:1] != 0}, "mask"),
        ({"source_images": ONES, "fixed": True}, "the fixed mask must have shape"),
        ({"source_images": ONES, "initial": ZEROS[0], "tolerance": 0.1}, "the initial field"),
        (
            {"source_images": ONES, "decay": 0.2},
            "decay must have shape (batch,), one number for each image, not ()",
        ),
        (
            {"source_images": ONES, "decay": np.full(3, 0.2)},
            "decay has shape (3,), the source images (2, 8, 9); give one for each",
        ),
        (
            {"source_images": ONES, "decay": np.full((2, 8, 9), 0.2)},
            "not (2, 8, 9); diffkeras.tensorflow.solve takes a decay of",
        ),
    ],
)
def test_problems_that_are_refused(arguments, named):
    with pytest.raises(PhysicsError, match=re.escape(named)):
        TensorSolver((8, 9), decay=0.1).solve(**arguments)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"source_images": ONES, "decay": np.array([0.2, 0.05])}, "decay must be at least"),
        ({"source_images": ONES, "decay": np.array([0.2, np.nan])}, "decay must be finite"),
        *(
            ({"source_images": ONES, "tolerance": tolerance}, "positive and finite")
            for tolerance in (0.0, -1.0, np.nan)
        ),
    ],
)
def test_numbers_that_are_refused_when_the_graph_runs(arguments, named):
    solver = TensorSolver((8, 9), decay=0.1)
    for call in (solver.solve, tf.function(solver.solve, autograph=False)):
        with pytest.raises(tf.errors.InvalidArgumentError, match=named):
            call(**arguments)


def test_decays_and_images_must_be_equally_many_in_a_graph_or_one_for_all():
    solver = TensorSolver(8, decay=0.1)
    production = np.ones((2, 8, 8))
    expected = solver.solve(production=production, decay=np.full(2, 0.2)).field
    solve = tf.function(
        lambda decay: solver.solve(production=production, decay=decay).field,
        [tf.TensorSpec((None,), tf.float64)],
        autograph=False,
    )
    for count in (1, 2):
        np.testing.assert_allclose(solve(np.full(count, 0.2)), expected, rtol=1e-5)
    with pytest.raises(tf.errors.InvalidArgumentError, match="decay and source images have"):
        solve(np.full(3, 0.2))
