"""Properties that the exact solver's fields must have, and what a solution keeps."""

import gc
import itertools
import weakref
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from diffkeras.physics import Problem, solve
from tests.helpers.plain_equations import assembled
from tests.helpers.random_problems import random_arguments

SIDES = ("periodic", *itertools.combinations_with_replacement(("absorbing", "reflecting"), 2))


def moved(arguments, move, sides):
    """The arguments of the problem whose arrays are moved, with these sides."""
    medium, arrays = arguments["medium"], ("source_image", "fixed", "production")
    parts = {name: getattr(medium, name) for name in ("diffusivity", "decay")}
    on_nodes = {name: move(part) for name, part in parts.items() if np.ndim(part) > 1}
    if move is np.transpose and isinstance(medium.diffusivity, tuple):
        on_nodes["diffusivity"] = medium.diffusivity[::-1]
    medium = replace(medium, boundary=sides, **on_nodes)
    return {**{name: move(arguments[name]) for name in arrays}, "medium": medium}


@pytest.mark.parametrize("seed", range(40))
def test_fields_are_linear_balanced_reciprocal_and_move_with_their_problem(seed):
    rng = np.random.default_rng([seed, 5])
    lattice = tuple(rng.integers(2, 8, 2 + seed % 2).tolist())
    drawn = {"terms": ("production",), "maybe": ("maps",), "moderate": True}
    given = random_arguments(rng, lattice=lattice, **drawn)
    fixed, production = given["fixed"], given["production"]
    free, sides = ~fixed, tuple(SIDES[rng.integers(4)] for _ in lattice)
    given["medium"] = replace(given["medium"], boundary=sides)

    def field_of(**changed):
        return solve(**given | changed, tolerance=1e-12).field

    def assert_close(one, other):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-10 * np.abs(one).max())

    field = field_of()
    arrays = {name: rng.random(lattice) for name in ("source_image", "production")}
    sums = {name: given[name] + 2 * array for name, array in arrays.items()}
    assert_close(field_of(**sums), field + 2 * field_of(**arrays))

    # what is produced decays, leaves or is held back
    equations, values, is_free = assembled(Problem(**given)), field.ravel(), free.ravel()
    one, other = equations.ends
    flow = equations.coupling * (values[one] - values[other])
    taken = (flow * is_free[one] - flow * is_free[other]).sum()
    decayed = (equations.row_sums * values)[is_free].sum()
    assert production[free].sum() == pytest.approx(decayed + taken, rel=1e-9, abs=1e-9)

    nodes = [tuple(node) for node in rng.choice(np.argwhere(free), 2)]
    sources = np.zeros((2, *lattice))
    sources[0][nodes[0]] = sources[1][nodes[1]] = 1.0
    first, second = (field_of(source_image=0 * s, production=s) for s in sources)
    assert first[nodes[1]] == pytest.approx(second[nodes[0]], rel=1e-9)

    assert_close(field_of(**moved(given, np.transpose, sides[::-1])), field.T)
    for axis, names in enumerate(sides):
        move, turned = partial(np.flip, axis=axis), list(sides)
        if names == "periodic":
            move = partial(np.roll, shift=2, axis=axis)
        else:
            turned[axis] = names[::-1]
        assert_close(field_of(**moved(given, move, tuple(turned))), move(field))


def test_statistics_name_the_ring():
    image = np.zeros((16, 16))
    image[4:9, 5:10] = 1.0
    assert solve(image).stats.ring_nodes == 16


def test_the_bound_counts_that_fixed_values_are_rounded_to_single_precision():
    image = np.full((4, 4), 0.1)  # no node is free
    found = solve(image, tolerance=1e-6)
    assert 0 < np.abs(found.field - image).max() <= found.error_bound


def test_solutions_and_their_problems_are_freed_at_once():
    """A cycle of references would keep all arrays of a loop of solutions until it is collected."""
    gc.disable()
    try:
        solution = solve(np.eye(8), decay=0.1)
        kept = [weakref.ref(part) for part in (solution, solution.problem, solution.equations)]
        del solution
        assert [part() for part in kept] == [None] * 3
    finally:
        gc.enable()
