"""Random problems in graphs, compiled by XLA and not: bounds hold, and fields are right."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from diffkeras.tf_solver import CertifiedField, TensorSolver
from tests.helpers.graph_batches import DRAWN, MEDIA, REFERENCE, graph_batch, medium_of
from tests.helpers.graph_checks import check_batch, check_proofs
from tests.helpers.random_problems import known_problem


@pytest.mark.parametrize(
    ("kind", "number", "size", "dtype", "ways"),
    [
        ("fixed", 0, 12, np.float32, [False]),
        ("masked", 21, 40, np.float64, [None]),
        # XLA compiles for seconds, and with a mask compiles all that it does without
        ("masked", 9, 12, np.float32, [False, True]),
        ("produced", 11, 12, np.float32, [False, True]),  # NaN and subnormal production
        ("maps", 13, 20, np.float32, [False]),
        ("cells", 2, 25, np.float32, [None]),
    ],
)
def test_no_bound_is_violated(kind, number, size, dtype, ways):
    met, refused = check_batch(kind, number, size, dtype, ways)
    print(f"{met} solved, {refused} refused at first")
    assert met > size / 4
    assert refused > 0


@pytest.fixture(scope="module")
def new_processes():
    """TensorFlow frees nothing that XLA has compiled: up to 600 MB a batch."""
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(1, context, max_tasks_per_child=4) as pool:
        yield pool


@pytest.mark.slow
@pytest.mark.parametrize("number", range(24))  # each lattice, and each medium on four of them
@pytest.mark.parametrize(
    ("kind", "dtype"),
    [*((kind, np.float32) for kind in DRAWN), ("masked", np.float64), ("cells", np.float64)],
)
def test_no_bound_is_violated_in_ten_thousand_problems(kind, dtype, number, new_processes):
    size = 140
    # a minute for XLA where media vary: on each lattice with one medium
    is_compiled = kind not in ("maps", "cells") or number % 4 == number // 4 % 4
    ways = [False, True] if is_compiled else [False]
    met, refused = new_processes.submit(check_batch, kind, number, size, dtype, ways).result()
    print(f"{met} solved, {refused} refused at first")
    medium = medium_of(kind, number)
    unsolvable = medium.is_closed and not np.any(medium.decay) and kind == "produced"
    assert met > size / 4 or unsolvable


@pytest.mark.parametrize("seeds", [(0, 7, 10), pytest.param(range(100), marks=pytest.mark.slow)])
def test_solutions_in_fixed_media_are_proven(seeds):
    """Media that vary or have sides of any kind, also axes of their own, as one problem each."""
    proven = 0
    for seed in seeds:
        known = known_problem(seed, terms=("sides",), maybe=("production",))
        if known is None or (known.problem.is_uniform and known.problem.medium.has_equal_sides):
            continue
        problem = known.problem
        inputs = [problem.values, problem.fixed, problem.production]
        inputs = [part if part is None else part[None] for part in inputs]
        solution = TensorSolver(problem.lattice, problem.medium).solve(*inputs)
        slack = REFERENCE * known.sizes[0]
        assert (known.errors(solution.field.numpy()) <= solution.node_bound.numpy() + slack).all()
        proven += float(solution.error_bound[0]) <= 1e-6 * known.sizes[0]
    assert proven > len(seeds) / 4


def layer_of(layer: keras.layers.Layer, predicted: tf.Tensor, source_images: tf.Tensor) -> Any:
    return layer(predicted[..., None], source_images[..., None])


# tracing and compiling by XLA takes most of the time
@pytest.mark.parametrize(
    "xla", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["graph", "xla"]
)
def test_layers_prove_nothing_wrong(xla):
    for kind, sources in (("fixed", "fixed_value"), ("released", "production")):
        batch = graph_batch(kind, (7, 9), MEDIA[0], 25, 3)
        layer = CertifiedField((7, 9), MEDIA[0], sources, "float32")
        assert check_proofs(partial(layer_of, layer), batch, xla).sum() > 5
