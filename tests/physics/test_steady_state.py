"""Solved fields: properties, productions, precision, and numbers at the ends of what is allowed."""

import gc
import itertools
import weakref
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from diffkeras.errors import PhysicsError
from diffkeras.physics import (
    Medium,
    MichaelisMenten,
    Problem,
    certify,
    certify_many,
    sample_sources,
    solve,
)
from diffkeras.physics.steady.table import SOLVERS
from tests.helpers.plain_equations import assembled, solve_reference
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


def test_a_production_alone_takes_one_pair_of_transforms():
    production = np.random.default_rng(1).standard_normal((19, 26))
    for method in ("auto", "ring", "ring-cg"):
        solution = solve(production=production, method=method)
        assert solution.stats.method == "transform"
        assert (solution.stats.ring_nodes, solution.stats.iterations) == (0, 0)


@pytest.mark.parametrize("method", ["ring", "ring-cg", "newton-cg"])
def test_a_loose_tolerance_is_proven_as_a_tight_one_is(method, monkeypatch):
    """In double precision: rounding to single precision would loosen the bound by orders."""
    monkeypatch.setattr("diffkeras.physics.steady.table.enclosed", None)
    for tolerance in (1e-10, 1e-6, 1e-3):
        for problem in (Problem(DISCS), Problem(production=DISCS)):
            solution = solve(problem, method=method, tolerance=tolerance)
            assert solution.field.dtype == np.float64
            assert solution.error_bound <= tolerance * solution.field.max()


@pytest.mark.parametrize("side", [64, 128])
def test_certifying_solves_once(side, monkeypatch):
    """A field with fixed values in a uniform medium is compared with the solution."""
    monkeypatch.setattr("diffkeras.physics.steady.table.enclosed", None)
    solved, solve_ring = [], SOLVERS["ring"]
    monkeypatch.setitem(SOLVERS, "ring", lambda *given: solved.append(given) or solve_ring(*given))
    image = sample_sources(5, (side, side), rng=0).image()
    exact, rng = solve(image, tolerance=1e-12).field, np.random.default_rng(0)
    del solved[:]
    for number, size in enumerate((1e-6, 1e-3, 1.0)):
        prediction = exact + size * rng.uniform(-1, 1, exact.shape)
        certificate = certify(prediction, image)
        errors = np.abs(prediction - exact)
        assert len(solved) == number + 1
        assert errors.max() <= certificate.error_bound <= 1.001 * errors.max()
        assert (errors <= certificate.node_bound).all()
        assert certificate.corrected.stats.method == "ring"


def test_fields_of_one_problem_share_its_solution(monkeypatch):
    solved, solve_ring = [], SOLVERS["ring"]
    monkeypatch.setitem(SOLVERS, "ring", lambda *given: solved.append(given) or solve_ring(*given))
    problems = Problem(DISCS), Problem(production=np.abs(DISCS)), Problem(2 * DISCS)
    ensemble = np.random.default_rng(0).random((3, *DISCS.shape))
    for number, problem in enumerate(problems):
        certificates = certify_many(ensemble, problem)
        assert len(solved) == number + 1
        for field, certificate in zip(ensemble, certificates, strict=True):
            alone = certify(field, problem)
            solved.pop()
            np.testing.assert_array_equal(certificate.node_bound, alone.node_bound)
    certify_many(ensemble, problems)
    assert len(solved) == 2 * len(problems)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("tolerance", [1e-4, 1e-6, 1e-10])
@pytest.mark.parametrize("is_fixed", [False, True])
def test_the_error_bound_is_that_of_the_worst_node(seed, tolerance, is_fixed):
    image = sample_sources(6, (128, 128), rng=seed).image(dtype=np.float64)
    production = sample_sources(6, (128, 128), rng=seed + 5).image(dtype=np.float64) / 400
    source_image = image if is_fixed else None
    solution = solve(source_image, production=production, tolerance=tolerance)
    assert solution.node_bound.max() == solution.error_bound <= tolerance * solution.field.max()
    assert not solution.node_bound[solution.problem.fixed].any()


@pytest.mark.parametrize("method", ["ring-cg", "newton-cg"])
def test_a_field_far_below_that_without_fixed_nodes_is_as_exact(method):
    # without the fixed nodes the field would be 200 times as large
    side = 200
    image, fixed = np.zeros((side, side)), np.zeros((side, side), dtype=bool)
    fixed[3::6, 3::6] = True
    production = np.ones((side, side))
    exact = solve_reference(image, fixed=fixed, production=production, decay=0.0)
    assert solve(production=production, decay=0.0).field.max() > 200 * exact.max()
    for tolerance in (1e-10, 1e-13):  # residuals of free nodes count in the second
        options = {"tolerance": tolerance, "method": method, "decay": 0.0}
        solution = solve(image, fixed=fixed, production=production, **options)
        assert np.abs(solution.field - exact).max() <= tolerance * exact.max() * 1.5


def test_a_field_that_single_precision_doesnt_hold_is_solved():
    production, medium = np.full((3, 4), 1e29), Medium(decay=1e-10, boundary="periodic")
    solution = solve(production=production, medium=medium, tolerance=1e-3)
    assert solution.field.max() == pytest.approx(1e39)


@pytest.mark.parametrize("uptake", [None, MichaelisMenten(0.1, 0.5)])
def test_tiny_fields_beside_large_values_meet_a_tolerance_of_their_own_size(uptake):
    image = np.zeros((16, 16))
    image[5:11, 5:11], image[7:9, 7:9] = 1e-42, 1.0
    solution = solve(image, uptake=uptake, tolerance=1e-6)
    assert solution.node_bound[image == 0].max() <= 1e-6 * 1e-42


def test_double_precision_steps_in_where_single_does_not_do():
    # opposing values on neighbouring nodes, and a fast axis along which G is nearly constant
    medium = Medium(diffusivity=(1, 1e3), decay=1e-6, boundary="reflecting")
    rng = np.random.default_rng(0)
    image = rng.choice([-1.0, 1.0], (72, 72)) * (rng.random((72, 72)) < 0.4)
    solution = solve(image, medium=medium, tolerance=1e-6, method="ring-cg")
    assert solution.stats.reached <= 1e-6
    assert np.abs(solution.field - solve_reference(image, medium=medium)).max() <= 1e-6


DISCS = sample_sources(12, (64, 60), radius=3, rng=np.random.default_rng(0)).image(
    (64, 60), np.float64
)
DISCS[40, 8] = -0.5  # and a sink


@pytest.mark.parametrize("diffusivity", [1.0, np.linspace(0.5, 1, 4096).reshape(64, 64)])
def test_values_inside_sources_play_no_part(diffusivity):
    image = np.zeros((64, 64))
    image[20:30, 20:30] = 1.0
    plain = certify(np.zeros((64, 64)), image, diffusivity=diffusivity)
    image[24, 24] = 1e12
    certificate = certify(np.zeros((64, 64)), image, diffusivity=diffusivity)
    # a value of 1e12 would loosen it by orders
    assert certificate.corrected.error_bound <= 2 * plain.corrected.error_bound
    relative = [one.corrected.relative_error_bound for one in (plain, certificate)]
    assert relative[1] > relative[0] / 2  # it is no size that errors are relative to
    assert certificate.corrected.field[24, 24] == 1e12


@pytest.mark.parametrize("value", [1e31, 1e-31, -1e31])
def test_values_of_an_absurd_unit_are_refused(value):
    image = np.zeros((8, 8))
    image[3, 4] = value
    with pytest.raises(PhysicsError, match="of a fixed node is 1e"):
        solve(image)
    with pytest.raises(PhysicsError, match=r"the field holds 1e\+51"):
        certify(np.full((8, 8), 1e51), np.eye(8))
    image[3, 4], image[5, 5] = 1e-40, 1.0  # next to others it is as good as 0
    assert solve(image).field[3, 4] == 1e-40


@pytest.mark.parametrize("boundary", ["absorbing", "reflecting", "periodic"])
def test_fields_of_the_largest_production_are_certified(boundary):
    medium = Medium(decay=1e-6, boundary=boundary)
    production = np.full((8, 9), 2.0**99)  # nearly 1e30
    field = solve(production=production, medium=medium).field
    for factor in (1.0, 1.5):
        certificate = certify(factor * field, production=production, medium=medium)
        scaled = certify(factor * field / 2**99, production=production / 2**99, medium=medium)
        np.testing.assert_allclose(certificate.error_bound / 2**99, scaled.error_bound)


@pytest.mark.parametrize("decay", [1e-20, 1 / 400, 1e10])
def test_bounds_of_the_largest_predictions_do_not_overflow(decay):
    prediction = np.full(DISCS.shape, 1e50)
    for problem in (Problem(DISCS, decay=decay), Problem(production=DISCS, decay=decay)):
        certificate = certify(prediction, problem)
        assert 0.99e50 < certificate.error_bound < np.inf
        assert np.isfinite(certificate.corrected.field).all()
