"""Saturating uptake: limits of its laws, steps, starts, refusals."""

import math
from typing import Any

import numpy as np
import pytest

import diffkeras as dk
from diffkeras.errors import ConvergenceError, PhysicsError
from diffkeras.physics import CappedUptake, Medium, MichaelisMenten, Problem, certify, solve
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.proofs import enclosure
from diffkeras.physics.solvers import newton
from tests.helpers.plain_equations import reference

LATTICE = (14, 18)


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(0)
    return np.where(rng.random(LATTICE) < 0.3, rng.uniform(0.05, 0.5, LATTICE), 0.0)


@pytest.fixture(scope="module")
def vessels():
    image = np.zeros(LATTICE)
    image[3:6, 4:7] = 1.0
    image[10, 13] = 0.6
    return image


@pytest.mark.parametrize("lower", [1.0, 0.05])
def test_double_precision_takes_the_steps_where_geometric_cycles_do_not_converge(
    vessels, cells, lower, monkeypatch
):
    diffusivity = np.where(np.indices(LATTICE)[0] < 7, 1.0, lower)
    problem = Problem(vessels, uptake=MichaelisMenten(cells, 0.2), diffusivity=diffusivity)
    exact, _ = reference(problem)
    monkeypatch.setattr(enclosure, "MOST_CYCLES", 1)
    solution = solve(problem)
    assert abs(solution.field - exact).max() <= solution.error_bound


@pytest.mark.parametrize(("side", "seed"), [(32, 5), (48, 14)])  # of 30, those that failed
def test_steps_take_double_precision_where_single_rounds_a_slow_decay_away(side, seed):
    rng, boundary = np.random.default_rng(seed), "periodic" if seed % 2 else "reflecting"
    production, diffusivity = rng.random((side, side)), 1 + rng.random((side, side))
    medium = Medium(diffusivity, 1e-8, boundary=boundary)
    found = solve(production=production, medium=medium, tolerance=1e-3)
    assert found.field.mean() == pytest.approx(production.mean() / 1e-8, rel=1e-3)


def test_a_near_start_saves_steps_and_no_start_costs_digits(vessels, cells):
    uptake = MichaelisMenten(cells, 0.2)
    cold = solve(vessels, uptake=uptake)
    warm = solve(vessels, uptake=uptake, initial=1.001 * cold.field)
    assert warm.stats.newton_steps < cold.stats.newton_steps
    for initial in (np.full(LATTICE, 1e30), np.full(LATTICE, -5.0), cold.field):
        again = solve(vessels, uptake=uptake, initial=initial)
        assert abs(again.field - cold.field).max() <= 2e-10


def test_a_bound_beyond_the_radius_of_its_slopes_is_not_taken():
    cells = MichaelisMenten(1.0, 0.01)  # at 0, the start, far steeper than at the solution
    problem = Problem(production=np.ones((8, 8)), uptake=cells, decay=0.1, boundary="reflecting")
    bound = newton.NewtonRun(Equations(problem))._prove(0.0, 1e-9, may_fail=False)
    assert bound is not None
    assert (bound >= solve(problem).field).all()


def test_starts_where_all_uptake_is_at_its_maximum_are_given_up(cells):
    production = np.full(LATTICE, 0.5 * cells.mean())
    options = {"uptake": CappedUptake(cells, 1.0), "decay": 0.0, "boundary": "reflecting"}
    field = solve(production=production, **options).field
    bound = certify(field + 5, production=production, **options).node_bound
    assert (bound >= 5 - 1e-6).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"maximum": -0.5}, "the uptake's maximum must be ≥ 0 and finite, not -0.5"),
        ({"maximum": math.nan}, "not nan"),
        ({"maximum": np.array([[0.1, -2.0]])}, r"not -2.0 at node|at node \(0, 1\), not -2.0"),
        ({"constant": 0.0}, "the uptake's saturation constant must be positive, .* not 0.0"),
        ({"constant": -1.0}, "positive"),
        ({"constant": np.ones((3, 3))}, "the lattice.s shape"),
        ({"maximum": "many"}, "the uptake's maximum"),
    ],
)
def test_forms_that_are_none_are_refused(values, message):
    with pytest.raises(PhysicsError, match=message):
        dk.MichaelisMenten(**{"maximum": np.ones((2, 2)), "constant": 1.0} | values)


def test_problems_that_have_no_solution_are_refused(vessels, cells):
    closed = {"decay": 0.0, "boundary": "reflecting"}
    uptake = MichaelisMenten(cells, 0.2)
    production = np.full(LATTICE, cells.mean())
    with pytest.raises(PhysicsError, match=r"there is no steady state: .* take up less than"):
        solve(production=1.01 * production, uptake=uptake, **closed)
    assert solve(production=0.9 * production, uptake=uptake, **closed).field.min() > 0
    with pytest.raises(PhysicsError, match="there is no steady state"):
        solve(production=production, uptake=CappedUptake(0.5, 0.0), **closed)
    with pytest.raises(PhysicsError, match=r"there is no steady state: .* sum to -"):
        solve(production=-production, uptake=uptake, **closed)
    with pytest.raises(PhysicsError, match=r"the uptake has shape \(2, 3\)"):
        solve(vessels, uptake=MichaelisMenten(np.ones((2, 3)), 0.2))
    with pytest.raises(PhysicsError, match="method 'ring' needs a linear problem"):
        solve(vessels, uptake=uptake, method="ring")
    with pytest.raises(PhysicsError, match=r"the initial field is a Solution, .* give its .field"):
        solve(vessels, uptake=uptake, initial=solve(vessels))
    with pytest.raises(PhysicsError, match="choose other units"):
        solve(vessels, uptake=MichaelisMenten(1e20, 1e-20))


def test_cells_that_take_up_nearly_all_they_can():
    """The advice of the error is enough, and a looser tolerance is met where a strict one is."""
    cells, production = np.where(np.indices((8, 8)).sum(axis=0) % 3, 0.0, 1.0), np.zeros((8, 8))
    production[2, 2] = production[5, 6] = cells.sum() / 2
    closed: dict[str, Any] = {"uptake": MichaelisMenten(cells, 1.0), "boundary": "reflecting"}
    for tolerance in (1e-1, 1e-3, 1e-6, 1e-10):
        found = solve(production=0.999 * production, decay=0.0, tolerance=tolerance, **closed)
        assert found.error_bound <= tolerance * found.field.max()
    with pytest.raises(ConvergenceError, match="a decay of 1e-08 or more"):
        solve(production=(1 - 1e-10) * production, decay=0.0, **closed)
    solve(production=(1 - 1e-10) * production, decay=1e-8, **closed)


def test_nodes_without_a_maximum_take_up_nothing_at_any_concentration():
    field = np.array([[-1.0, 0.0, 1.0]])
    for uptake in (CappedUptake(0.0, 0.5), CappedUptake(np.zeros((1, 3)), 0.5)):
        assert not uptake.rate(field).any()
        assert not uptake.slope(field).any()
        assert not uptake.steepest


def test_a_start_that_misses_nothing_has_a_proof():
    image, diffusivity = np.zeros((16, 16)), np.ones((16, 16))
    image[8:10, 2:4], diffusivity[:, 8:] = 1.0, 0.5
    closed: dict[str, Any] = {"decay": 0.0, "boundary": "reflecting"}
    found = solve(image, diffusivity=diffusivity, initial=np.ones((16, 16)), **closed)
    assert found.stats.newton_steps == 0
    assert np.array_equal(found.field, np.ones((16, 16)))
    assert found.error_bound < 1e-14


@pytest.mark.parametrize("seed", [25, 28, 29])  # of those that failed with inexact steps alone
def test_steps_that_jump_over_the_corner_of_capped_uptake(seed):
    maximum = np.where(np.random.default_rng(seed).random((12, 12)) < 0.1, 0.02, 0.0)
    image = np.zeros((12, 12))
    image[0], image[-1] = -1.0, 0.5
    found = solve(
        image, decay=0.0, boundary="reflecting", uptake=CappedUptake(maximum, 1e4), tolerance=1e-10
    )
    assert found.error_bound <= 1e-10
