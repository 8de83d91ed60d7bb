"""Derivatives of random problems against dense linear algebra on equations written node by node."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse.linalg

import diffkeras as dk
from diffkeras.errors import PhysicsError
from diffkeras.physics import CappedUptake, Equations
from diffkeras.physics.derivatives import linearisation
from diffkeras.physics.field_function import FieldFunction
from diffkeras.physics.linear.finite_volumes import finite_volumes
from diffkeras.physics.problem.parts import with_parts
from diffkeras_benchmark.pyamg_solver import free_system
from tests.helpers.plain_equations import jacobian, residual
from tests.helpers.random_problems import moderate_problem

NEAR = 1e-6  # of the sum of |terms|: differences of equations lose as much
STEP = 1e-8  # of differences, in extended precision


def check_derivatives(seed):
    problem = moderate_problem(seed)
    tolerance = 1e-12 if problem.is_uniform else 1e-11
    solution = dk.solve(problem, tolerance=tolerance)
    rng = np.random.default_rng([seed, 1])
    parts = {name: np.longdouble(part) for name, part in dk.parts_of(problem).items()}
    field = solution.field.astype(np.longdouble)
    assert np.abs(residual(problem, field, parts)).max() < 1e-8
    matrix = jacobian(problem, field, parts)
    weights = rng.normal(size=problem.lattice)
    adjoint = np.linalg.solve(matrix.T, weights.ravel())
    # what differences of equations lose by the rounding of a large field
    inverse, terms = np.abs(np.linalg.inv(matrix)), np.abs(matrix) @ np.abs(field).ravel()
    lost = 4 * float(np.max(inverse @ terms)) * np.finfo(np.longdouble).eps / STEP
    derivatives = solution.vjp(weights, tolerance)
    assert set(derivatives) == set(parts)
    for name, part in parts.items():
        change = rng.normal(size=part.shape)
        up, down = (
            residual(problem, field, {**parts, name: part + sign * STEP * change})
            for sign in (1, -1)
        )
        of_equations = ((up - down) / (2 * STEP)).astype(np.float64).ravel()
        scale = np.abs(adjoint * of_equations).sum()
        got = np.sum(derivatives[name] * change)
        assert abs(got + adjoint @ of_equations) <= NEAR * scale, name
        wanted = np.linalg.solve(matrix, -of_equations).reshape(problem.lattice)
        along = solution.jvp({name: change}, tolerance)
        assert np.abs(along - wanted).max() <= NEAR * np.abs(wanted).max() + lost, name


@pytest.mark.parametrize("start", range(0, 60, 20))
def test_derivatives_of_every_part(start, monkeypatch):
    monkeypatch.setattr(linearisation, "NODES_AT_A_TIME", start)  # a row or a few, as in large ones
    for seed in range(start, start + 20):
        check_derivatives(seed)


def test_values_of_a_lattice_without_free_nodes_have_derivatives():
    """Its ring is empty, and its fixed values aren't 0."""
    check_derivatives(908)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(60, 1060, 100))
def test_derivatives_of_every_part_in_a_thousand_problems(start):
    for seed in range(start, start + 100):
        check_derivatives(seed)


@pytest.mark.parametrize("seed", [16, 17, 32])  # of 40, those whose first estimates were too small
def test_adjoints_of_extreme_media_meet_their_tolerance(seed):
    rng = np.random.default_rng(seed)
    diffusivity = 10 ** rng.uniform(-6, 0, (24, 24))
    production, weights = rng.random((24, 24)), rng.normal(size=(24, 24))
    problem = dk.Problem(
        production=production, diffusivity=diffusivity, decay=1e-6, boundary="reflecting"
    )
    matrix, _ = free_system(finite_volumes((24, 24), problem.medium), problem.values, problem.fixed)
    exact = scipy.sparse.linalg.spsolve(matrix.tocsc(), weights.ravel()).reshape(24, 24)
    solution = dk.solve(problem, tolerance=1e-4)
    for tolerance in (1e-3, 1e-6):
        adjoint = solution.vjp(weights, tolerance).adjoint
        assert np.abs(adjoint - exact).max() <= tolerance * np.abs(exact).max()


def test_cotangents_may_have_any_size():
    image = np.where(np.random.default_rng(0).random((130, 130)) < 0.18, 1.0, 0.0)
    solution = dk.solve(image, tolerance=1e-4)
    assert solution.stats.method == "ring-cg"  # whose products of tiny numbers would underflow
    one, tiny = (solution.vjp(size * np.ones(image.shape), 1e-8).adjoint for size in (1, 1e-200))
    np.testing.assert_allclose(1e200 * tiny, one, rtol=0, atol=1e-7 * one.max())


def test_derivatives_can_be_pickled_and_keep_their_cotangent():
    cotangent = np.ones((8, 8))
    derivatives = dk.solve(np.eye(8)).vjp(cotangent)
    expected = derivatives["values"]
    cotangent[...] = 0.0  # the caller's
    derivatives = pickle.loads(pickle.dumps(derivatives))
    assert np.array_equal(derivatives["values"], expected)
    assert derivatives["decay"] < 0
    assert derivatives.adjoint_bound.max() < 1e-9
    assert not derivatives.adjoint.flags.writeable


def test_a_field_function_of_several_problems_has_the_derivatives_of_each():
    problems = [moderate_problem(7), dk.with_parts(moderate_problem(7), {"step": 1.5})]
    lattice = problems[0].lattice
    weights = np.random.default_rng(0).normal(size=(2, *lattice))
    shared = 0.1 + np.random.default_rng(1).random(lattice)
    parts = {"decay": shared, "step": np.array([1.0, 1.5])}
    function = FieldFunction(problems, parts, 1e-11)
    field = function.field(*parts.values())
    assert field.shape == function.shape == (2, *lattice)
    decays, steps = function.pull_back(field, weights, *parts.values())
    each = []
    for k, problem in enumerate(problems):
        problem = dk.with_parts(problem, {"decay": shared, "step": parts["step"][k]})
        alone = dk.solve(problem, tolerance=1e-11)
        np.testing.assert_allclose(field[k], alone.field, atol=1e-9)
        each.append(alone.vjp(weights[k]))
    np.testing.assert_allclose(decays, sum(one["decay"] for one in each), atol=1e-7)
    np.testing.assert_allclose(steps, [one["step"] for one in each], rtol=1e-6)


@pytest.mark.parametrize(
    ("problems", "parts", "message"),
    [
        ([dk.Problem(np.eye(4))] * 2, {"decay": np.ones(3)}, r"decay has shape \(3,\); give"),
        ([dk.Problem(np.eye(4))] * 2, {"values": np.ones(2)}, r"values has shape \(\); give"),
        (dk.Problem(np.eye(4)), {"decay": np.ones(1)}, r"decay has shape \(1,\); give a number"),
        ([dk.Problem(np.eye(4)), dk.Problem(np.eye(5))], {"decay": 1.0}, "of one lattice, not"),
        ([], {"decay": 1.0}, "at least one Problem"),
        (np.eye(4), {"decay": 1.0}, "give Problems in a list"),
    ],
)
def test_a_field_function_refuses(problems, parts, message):
    def check() -> None:
        function = FieldFunction(problems, parts, 1e-10)
        for name, part in parts.items():
            function.check_part(name, "float64", np.shape(part))

    with pytest.raises(PhysicsError, match=message):
        check()


def test_a_field_function_keeps_what_its_last_field_was_set_up_with(monkeypatch):
    # frameworks ask for the derivatives of earlier fields as well, as JAX's vmap does
    problem, ones = dk.Problem(dk.sample_sources(3, 24, rng=0).image(24)), np.ones((24, 24))
    maps = [np.random.default_rng(seed).uniform(0.5, 2, (24, 24)) for seed in (0, 1)]
    function = FieldFunction(problem, {"diffusivity": maps[0]}, 1e-10)
    expected = [dk.solve(with_parts(problem, {"diffusivity": each})).vjp(ones) for each in maps]
    first, last = (function.field(each) for each in maps)
    (of_first,) = function.pull_back(first, ones, maps[0])
    np.testing.assert_allclose(of_first, expected[0]["diffusivity"], rtol=1e-6, atol=1e-6)
    monkeypatch.setattr(Equations, "cycle", None)  # a new set-up would need it
    (of_last,) = function.pull_back(last, ones, maps[1])
    np.testing.assert_allclose(of_last, expected[1]["diffusivity"], rtol=1e-6, atol=1e-6)


def test_at_the_corner_of_capped_uptake_the_maximum_counts():
    one = np.ones((1, 1))  # u (1 + 1) = 1 by half of the uptake's slope, or at its maximum
    problem = dk.Problem(
        production=one, uptake=CappedUptake(0.5, 1.0), decay=1.0, boundary="reflecting"
    )
    with pytest.warns(UserWarning, match="corner on 1 of 1 nodes"):
        derivatives = dk.solve(problem, tolerance=1e-12).vjp(one)
    assert derivatives["uptake.maximum"] == pytest.approx(-1)
    assert derivatives["uptake.rate_constant"] == 0


def test_only_nodes_whose_uptake_bends_there_are_at_the_corner():
    # v, k and u: at the corner, beside it, without cells, and with cells that take up nothing
    maximum = np.array([[0.6, 0.6, 0.6, 0.6], [0.0, 0.0, 0.6, 0.0]])
    constant = np.array([[2.0, 2.0, 2.0, 2.0], [2.0, 2.0, 0.0, 0.0]])
    field = np.array([[0.3, 0.3 + 1e-8, 0.3 - 1e-8, -0.3], [0.3, 0.0, 0.3, 0.0]])
    corner = CappedUptake(maximum, constant).at_corner(field)
    assert np.flatnonzero(corner).tolist() == [0]
    assert not np.any(dk.MichaelisMenten(maximum, 2.0).at_corner(field))
    # below 0 by more than rounding, where no cells are but could take up
    below = np.where(field == 0.3, -1e-12, -0.1)
    jumps = CappedUptake(maximum, constant).jumps(below)
    assert np.flatnonzero(jumps).tolist() == [5]


@pytest.mark.parametrize("law", [dk.MichaelisMenten(0.0, 0.3), CappedUptake(0.0, 0.3)])
def test_where_nothing_is_taken_up_the_derivative_by_the_maximum_is_one_sided(law):
    image = np.zeros((9, 8))
    image[3, 4] = 1.0
    solution = dk.solve(dk.Problem(image, uptake=law), tolerance=1e-12)
    assert solution.stats.method == "ring"  # as without uptake
    derivatives = solution.vjp(np.ones((9, 8)))
    moved = dk.with_parts(solution.problem, {"uptake.maximum": 1e-7})
    change = (dk.solve(moved, tolerance=1e-12).field - solution.field).sum()
    assert change / 1e-7 == pytest.approx(derivatives["uptake.maximum"], rel=1e-4)
    assert not any(derivatives[name] for name in derivatives if "constant" in name)
    if isinstance(law, CappedUptake):
        with pytest.warns(UserWarning, match="the field is negative on 71 of 72 nodes .* jumps"):
            dk.solve(dk.Problem(-image, uptake=law), tolerance=1e-12).vjp(np.ones((9, 8)))


def test_a_rough_field_warns_where_uptake_saturates():
    problem = dk.Problem(np.eye(8), uptake=dk.MichaelisMenten(1.0, 0.01))
    solution = dk.solve(problem, tolerance=0.5)
    if solution.stats.reached > 0.01:
        with pytest.warns(UserWarning, match="smaller tolerance"):
            solution.vjp(np.ones((8, 8)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dk.solve(problem, tolerance=1e-6).vjp(np.ones((8, 8)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.vjp(np.ones((3, 3))), "the cotangent has shape .3, 3."),
        (lambda s: s.vjp(np.full((8, 8), np.nan)), "cotangent"),
        (lambda s: s.vjp(np.ones((8, 8)), tolerance=0), "tolerance"),
        (lambda s: s.jvp({"decai": 1.0}), "no part 'decai'; its parts are values"),
        (lambda s: s.jvp({"decay": np.ones(3)}), "the change of decay has shape .3,."),
        (lambda s: s.jvp({"decay": np.inf}), "the change of decay"),
        (lambda s: s.jvp(["decay"]), "give parts by name"),
        (lambda s: dk.with_parts(s.problem, ("decay",)), "give parts by name"),
        (lambda s: s.quantity(np.ones(8)), "the array of weights has shape"),
        (lambda s: dk.with_parts(s.problem, {"decay": -1.0}), "decay"),
        (lambda s: dk.with_parts(s.problem, {"uptake.maximum": 1.0}), "no part 'uptake.maximum'"),
        (lambda s: dk.with_parts(s.problem, {"uptake": 1.0}), "is part of the decay"),
        (lambda s: dk.with_parts(s.problem, {"decay": np.ones((4, 8, 8))}), "decay has shape"),
        (lambda s: dk.with_parts(s.problem, {"production": 1.0}), "production has shape .."),
    ],
)
def test_bad_input_is_named(call, message):
    solution = dk.solve(np.eye(8))
    with pytest.raises(PhysicsError, match=message):
        call(solution)
