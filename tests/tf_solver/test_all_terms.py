"""Every term at once in graphs, compiled by XLA and not: no bound is below the error."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from all_terms import Units, problem_of, random_all_sides, random_maps
from plain_equations import reference
from random_problems import promised

from diffkeras.physics import Medium
from diffkeras.tf_solver import TensorSolution, TensorSolver

TOLERANCE = 1e-4
# lattices with a single line of nodes, odd sides and even ones; each has sides of its own
LATTICES = [(5, 6), (1, 7), (4, 3)]
UNITS = [Units(1.0, 1.0, 1.0), Units(1e-4, 0.5, 1e3), Units(1e3, 20.0, 1e-6)]


def random_batch(number: int, size: int) -> tuple[TensorSolver, dict[str, Any], Any, Any]:
    """A solver, the arguments of a batch in float32, its exact fields and their errors."""
    rng, lattice, units = np.random.default_rng([number, 24]), LATTICES[number], UNITS[number]
    sides = random_all_sides(rng, lattice, units)
    drawn = [random_maps(rng, lattice, units) for _ in range(size)]
    inputs = {
        name: np.stack([maps[name] for maps in drawn]).astype(
            bool if name == "fixed" else np.float32
        )
        for name in drawn[0]
    }
    problems = [
        problem_of({name: values[k] for name, values in inputs.items()}, sides, units.step)
        for k in range(size)
    ]
    fields, doubts = zip(*map(reference, problems), strict=True)
    solver = TensorSolver(lattice, Medium(units.rate, step=units.step, boundary=sides))
    return solver, inputs, np.stack(fields), np.array(doubts)[:, None, None]


def graph_of(function: Any, inputs: dict[str, Any], xla: bool | None) -> Any:
    """A function of (batch, rows, columns) arguments of these names, for batches of any size.

    None for `xla` runs it without a graph.
    """
    if xla is None:
        return lambda inputs: function(**inputs)
    specs = [tf.TensorSpec((None, *v.shape[1:]), v.dtype) for v in inputs.values()]
    graph = tf.function(
        lambda *values: function(**dict(zip(inputs, values, strict=True))),
        input_signature=specs,
        jit_compile=xla,
        autograph=False,
    )
    return lambda inputs: graph(*inputs.values())


def assert_bounded(field: Any, bound: Any, exact: Any, doubt: Any) -> None:
    errors = np.abs(field.astype(np.longdouble) - exact)
    usable = np.isfinite(bound)
    assert (errors <= bound.astype(np.longdouble) + doubt)[usable].all()


def check(number: int, size: int, xla: bool | None) -> tuple[int, int]:
    """Numbers of certified and of solved problems."""
    solver, inputs, exact, doubt = random_batch(number, size)
    rng = np.random.default_rng([number, 25])
    noise = 10 ** rng.uniform(-6, 0, (size, 1, 1)) * rng.standard_normal(exact.shape)
    largest = np.abs(exact).max((1, 2), keepdims=True)
    wrong = (exact + noise * largest).astype(np.float32)

    proof = graph_of(solver.certify, {"field": wrong, **inputs}, xla)({"field": wrong, **inputs})
    assert_bounded(wrong, proof.node_bound.numpy(), exact, doubt)
    corrected = proof.corrected
    assert_bounded(corrected.field.numpy(), corrected.node_bound.numpy(), exact, doubt)
    certified = int(np.isfinite(corrected.error_bound.numpy()).sum())

    arguments = {"initial": wrong, **inputs}
    solve = graph_of(partial(solver.solve, tolerance=TOLERANCE), arguments, xla)
    return certified, solved(solve, arguments, xla, exact, doubt)


def solved(solve: Any, arguments: dict[str, Any], xla: bool | None, exact: Any, doubt: Any) -> int:
    """The number of problems that are proven to meet the tolerance, which XLA doesn't check."""
    size = len(exact)
    met = 0
    for part in [slice(None)] if xla else [slice(k, k + 25) for k in range(0, size, 25)]:
        own = {name: values[part] for name, values in arguments.items()}
        try:
            solution: TensorSolution = solve(own)
        except tf.errors.InvalidArgumentError as error:
            assert promised(error) > TOLERANCE  # noqa: PT017 - not each batch is refused
            continue
        field, bound = solution.field.numpy(), solution.node_bound.numpy()
        assert_bounded(field, bound, exact[part], doubt[part])
        most = TOLERANCE * np.abs(exact[part]).max((1, 2)) * (1 + 1e-6)
        within = bound.max((1, 2)) <= most
        assert xla or within.all()
        met += int(within.sum())
    return met


def test_no_bound_is_below_the_error():
    certified, met = check(0, 25, xla=None)
    assert (certified, met) == (25, 25)


@pytest.mark.slow
@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("number", range(len(LATTICES)))
def test_no_bound_is_below_the_error_in_many_problems(number, xla):
    size = 500
    certified, met = check(number, size, xla)
    print(f"{certified} certified, {met} solved of {size}")
    assert certified > 0.95 * size
    assert met > 0.8 * size
