"""Equations that a program keeps between calls."""

import gc
import pickle
import weakref
from fractions import Fraction

import numpy as np
import pytest

import diffkeras as dk
from diffkeras.errors import PhysicsError
from diffkeras.physics import Equations
from diffkeras.physics import equations as module
from tests.helpers.rounding import same_solutions

IMAGE = np.zeros((20, 24))
IMAGE[5:8, 5:8] = 1.0
ONES = np.ones(IMAGE.shape)
DECAY = 0.01 + 0.1 * (np.arange(24) > 12) * np.ones((20, 1))


def varying() -> dk.Problem:
    return dk.Problem(IMAGE, decay=DECAY, boundary={"left": dk.Robin(0.1, 0.5)} | SIDES)


SIDES = {"right": "reflecting", "top": "reflecting", "bottom": "absorbing"}


@pytest.mark.parametrize("make", [varying, lambda: dk.Problem(IMAGE)], ids=["varying", "uniform"])
def test_calls_with_equations_give_what_calls_with_the_problem_give(make):
    problem = make()
    equations = Equations(problem)
    for tolerance in (1e-3, 1e-10):
        solution = dk.solve(equations, tolerance=tolerance)
        assert solution.problem is problem
        assert same_solutions(
            solution.field, dk.solve(problem, tolerance=tolerance).field, tolerance
        )
        derivatives = dk.solve(problem, tolerance=tolerance).vjp(ONES)
        np.testing.assert_allclose(
            solution.vjp(ONES)["decay"], derivatives["decay"], rtol=4 * tolerance + 1e-8
        )
    certificate = dk.certify(IMAGE, equations)
    np.testing.assert_allclose(
        certificate.node_bound, dk.certify(IMAGE, problem).node_bound, rtol=0.3
    )


def test_the_multigrid_cycle_is_set_up_once(monkeypatch):
    made = []
    cycle = module.BlockCycle
    monkeypatch.setattr(module, "BlockCycle", lambda volumes: made.append(1) or cycle(volumes))
    equations = Equations(varying())
    solution = dk.solve(equations)
    solution.vjp(ONES)
    dk.certify(solution.field, equations).quantity(ONES)
    assert len(made) == 1


def test_nothing_keeps_what_was_made_for_a_call():
    problems = [varying(), varying()]
    solutions = dk.solve_many(problems)
    certificates = dk.certify_many([solution.field for solution in solutions], problems)
    assert not any(each.equations or each.corrected.equations for each in certificates)
    assert not any(solution.equations for solution in solutions)
    dk.certify(dk.solve(problems[0]).field, problems[0])
    alive = weakref.ref(problems[0])
    del problems, solutions, certificates
    gc.collect()
    assert alive() is None


def test_equations_are_shared_where_they_are_the_same():
    first = Equations(varying())
    similar = Equations(dk.with_parts(varying(), {"decay": 2 * DECAY}), first)
    assert similar.ring is first.ring
    assert similar.volumes.couplings is first.volumes.couplings
    other = Equations(dk.Problem(np.roll(IMAGE, 1), diffusivity=1 + DECAY), first)
    assert other.ring is not first.ring
    assert other.volumes.couplings is not first.volumes.couplings
    uniform = Equations(dk.Problem(IMAGE))
    smaller = dk.Problem(IMAGE[:-1])
    alone = Equations(smaller, uniform)  # with the same medium, on another lattice
    assert same_solutions(dk.solve(alone).field, dk.solve(smaller).field)


@pytest.mark.parametrize("method", ["auto", "newton-cg"])
def test_the_ring_of_another_boundary_is_not_shared(method):
    image = np.zeros((16, 16))
    image[:4] = 1.0  # its ring has row 0 if the last row is next to it
    walls, around = (
        dk.Problem(image, decay=0.01, boundary=(rows, "absorbing"))
        for rows in ("reflecting", "periodic")
    )
    solution = dk.solve(Equations(around, Equations(walls)), method=method)
    error = abs(solution.field - dk.solve(around).field).max()
    assert error <= solution.error_bound < 1e-9


@pytest.mark.parametrize("sign", [-1, 1], ids=["change", "least"])
def test_slopes_within_a_radius_miss_no_corner_by_rounding(sign):
    rng, shape = np.random.default_rng(0), (1000, 1000)
    maximum, constant = 1 + rng.random((2, *shape))
    radius = rng.uniform(0.1, 0.4 if sign > 0 else 10.0, shape) * (np.arange(1000) % 8 > 0)
    field = maximum / constant - sign * radius
    field -= sign * rng.integers(0, 4, shape) * np.spacing(field)
    uptake = dk.physics.CappedUptake(maximum, constant)
    equations = Equations(dk.Problem(production=field, uptake=uptake))
    if sign < 0:
        is_missed = equations.change_of_slope(field, radius) * equations.unit < constant
    else:
        is_missed = equations.least_slope(field, radius) > 0
    assert 1000 < is_missed.sum() < is_missed.size
    end = constant * (field + sign * radius.astype(np.longdouble))
    is_missed &= sign * (end - maximum) >= -1e-18
    for numbers in np.stack([maximum, constant, field, radius], -1)[is_missed]:
        v, k, u, r = map(Fraction, numbers)
        # exactly, where the slope within the radius is k, or 0
        assert k * (u - r) >= v if sign < 0 else k * (u + r) < v


def test_slopes_are_rounded_down_in_the_operator():
    rng = np.random.default_rng(0)
    equations, slope = Equations(varying()), rng.random(IMAGE.shape)
    row_sums = equations.operator_at(slope).row_sums
    exact = np.vectorize(Fraction, otypes=[object])
    assert (exact(row_sums) <= exact(equations.volumes.row_sums) + exact(slope)).all()


def test_a_pickle_has_the_problem_only():
    equations = Equations(varying())
    dk.solve(equations)
    copied = pickle.loads(pickle.dumps(equations))
    assert set(vars(copied)) == set(vars(Equations(varying())))
    assert same_solutions(dk.solve(copied).field, dk.solve(equations).field)


def test_what_has_no_equations_is_refused():
    with pytest.raises(PhysicsError, match="decay"):
        dk.solve(Equations(varying()), decay=0.1)
    with pytest.raises(PhysicsError, match="Equations needs a Problem, not array"):
        Equations(IMAGE)
    with pytest.raises(PhysicsError, match="like must be the Equations of a problem, not Problem"):
        Equations(varying(), varying())
