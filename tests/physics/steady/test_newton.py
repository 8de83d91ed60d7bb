"""Newton's method: saturating uptake, media that vary, starts, refusals, and advice that helps."""

import math
import re
from typing import Any

import numpy as np
import pytest

import diffkeras as dk
from diffkeras.errors import ConvergenceError, PhysicsError
from diffkeras.physics import CappedUptake, Medium, MichaelisMenten, Problem, certify, solve
from diffkeras.physics.equations import Equations
from diffkeras.physics.linear import steps
from diffkeras.physics.steady import newton
from tests.helpers.plain_equations import reference, solve_reference

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
    monkeypatch.setattr(steps, "MOST_CYCLES", 1)
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
    with pytest.raises(PhysicsError, match=r"\(sides included\), and .* nothing balances that"):
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


def manufactured_error(nodes: int, boundary: str) -> float:
    """Largest error for u = cosh(x) (1 + cos(2πy)/50), D = 1 + x/2 + cos(2πy)/5, γ to match."""
    h = 1 / nodes
    x = (np.arange(nodes + 1) * h)[:, None]
    y = {"periodic": np.arange(nodes) * h, "reflecting": (np.arange(nodes) + 0.5) * h}[boundary]
    wave, slope = np.cos(2 * np.pi * y), -2 * np.pi * np.sin(2 * np.pi * y)
    diffusivity = 1 + x / 2 + wave / 5
    u = np.cosh(x) * (1 + wave / 50)
    along_x = (diffusivity * np.cosh(x) + np.sinh(x) / 2) * (1 + wave / 50)
    along_y = np.cosh(x) * (slope**2 / 250 - diffusivity * (2 * np.pi) ** 2 * wave / 50)
    decay = (along_x + along_y) / u
    assert decay.min() > 0
    fixed = np.zeros(u.shape, dtype=bool)
    fixed[[0, -1]] = True
    field = solve(
        np.where(fixed, u, 0.0),
        diffusivity=diffusivity,
        decay=decay,
        step=h,
        boundary=("absorbing", boundary),
        fixed=fixed,
        tolerance=1e-12,
    ).field
    return float(abs(field - u).max())


@pytest.mark.parametrize("boundary", ["periodic", "reflecting"])
def test_a_manufactured_solution_converges_with_second_order(boundary):
    errors = [manufactured_error(nodes, boundary) for nodes in (32, 64, 128)]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert orders == pytest.approx(2, abs=0.1)


STEPS = "diffkeras.physics.linear.steps"
DIRECT = "diffkeras.physics.linear.direct"


def noise(lattice: tuple[int, ...], contrast: float, decay: float) -> Problem:
    """Production in one node of a closed lattice whose diffusivity is noise."""
    diffusivity = contrast ** np.random.default_rng(0).uniform(-1, 0, lattice)
    medium = Medium(diffusivity, decay, boundary="reflecting")
    production = np.zeros(lattice)
    production[tuple(side // 3 for side in lattice)] = 1.0
    return Problem(production=production, medium=medium)


LARGE = [
    ((1, 2048), 1e4),
    ((16, 1024), 1e4),
    ((128, 128), 1e6),
    ((128, 128), 1e8),
    ((9, 8, 7), 1e8),
]
WEAK = [(lattice, contrast) for lattice in ((1, 512), (40, 40)) for contrast in (10.0, 1e8)]


@pytest.mark.parametrize(
    ("lattice", "contrast", "decay"), [*((*e, 1e-8) for e in LARGE), *((*e, 1e-14) for e in WEAK)]
)
def test_closed_lattices_of_large_contrast_and_weak_decay(monkeypatch, lattice, contrast, decay):
    monkeypatch.setattr(f"{DIRECT}.ruge_stuben_hierarchy", None)
    problem = noise(lattice, contrast, decay)
    solution = solve(problem)
    field, doubt = reference(problem)
    error = np.abs(solution.field - field).max()
    assert error <= solution.error_bound + doubt
    assert solution.error_bound <= 1e-10 * solution.field.max()
    certificate = certify(0.9 * solution.field, problem)
    assert certificate.error_bound <= 0.11 * solution.field.max()


def test_larger_lattices_are_left_to_algebraic_multigrid(monkeypatch):
    monkeypatch.setattr(f"{DIRECT}.MOST_DIRECT_COST", 0)
    problem = noise((40, 40), 1e6, 1e-4)
    found = solve(problem, tolerance=1e-8)
    assert np.abs(found.field - solve_reference(problem)).max() <= found.error_bound


def advised(problem: Problem, **options) -> float:
    """The tolerance or the decay that the error of a problem recommends."""
    with pytest.raises(ConvergenceError) as refusal:
        solve(problem, **options)
    found = re.search(r"(?:ask for|a decay of) (\S+) or more", str(refusal.value))
    assert found, refusal.value
    return float(found[1])


def test_the_decay_that_an_error_recommends_helps_multigrid(monkeypatch):
    monkeypatch.setattr(f"{DIRECT}.MOST_DIRECT_COST", 0)
    decay = advised(noise((1, 2048), 1e4, 1e-8))
    assert solve(noise((1, 2048), 1e4, decay)).stats.reached <= 1e-10


@pytest.mark.parametrize("lattice", [(1, 512), (40, 40)])
@pytest.mark.parametrize("contrast", [10.0, 1e8])
def test_the_decay_that_an_error_recommends_helps(lattice, contrast):
    decay = advised(noise(lattice, contrast, 1e-20))
    assert solve(noise(lattice, contrast, decay)).stats.reached <= 1e-10


def saturating(lattice: tuple[int, int], spare: float, decay: float = 0.0) -> Problem:
    """Production everywhere, and cells that can take up this share more."""
    cells = np.indices(lattice).sum(0) % 7 == 0
    uptake = MichaelisMenten((1 + spare) * cells / cells.mean(), 0.2)
    production = np.ones(lattice)
    return Problem(production=production, uptake=uptake, decay=decay, boundary="reflecting")


@pytest.mark.parametrize("lattice", [(1, 512), (40, 40)])
@pytest.mark.parametrize(("spare", "decay"), [(1e-3, 0.0), (-0.5, 1e-8)])
def test_cells_of_closed_lattices_saturate(lattice, spare, decay):
    assert solve(saturating(lattice, spare, decay)).stats.reached <= 1e-10


def test_the_tolerance_that_an_error_recommends_is_met():
    problem = saturating((40, 40), 1e-7)
    tolerance = advised(problem)
    assert solve(problem, tolerance=tolerance).stats.reached <= tolerance


def test_a_singular_matrix_is_an_error_of_convergence(monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("Factor is exactly singular")

    monkeypatch.setattr(f"{STEPS}.MOST_CYCLES", 0)
    monkeypatch.setattr("scipy.sparse.linalg.splu", fail)
    with pytest.raises(ConvergenceError, match="a decay of 1e-08 or more usually helps"):
        solve(np.eye(20), method="newton-cg")


def test_a_decay_below_rounding_is_one_error_without_warnings(recwarn):
    medium = Medium(decay=3e-16, boundary="periodic")
    with pytest.raises(ConvergenceError, match="a decay of 1e-08 or more"):
        solve(production=np.ones((21, 35)), medium=medium, method="newton-cg")
    assert not recwarn.list  # PyAMG's, of a matrix that is indefinite by rounding
