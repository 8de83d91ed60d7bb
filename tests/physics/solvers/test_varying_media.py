"""Media that vary: a manufactured solution, large contrasts, and advice that helps."""

import re

import numpy as np
import pytest

from diffkeras.errors import ConvergenceError
from diffkeras.physics import Medium, MichaelisMenten, Problem, certify, solve
from tests.helpers.plain_equations import reference, solve_reference


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


STEPS = "diffkeras.physics.proofs.enclosure"


def noise(lattice: tuple[int, ...], contrast: float, decay: float) -> Problem:
    """Production in one node of a closed lattice whose diffusivity is noise."""
    diffusivity = contrast ** np.random.default_rng(0).uniform(-1, 0, lattice)
    medium = Medium(diffusivity, decay, boundary="reflecting")
    production = np.zeros(lattice)
    production[tuple(side // 3 for side in lattice)] = 1.0
    return Problem(production=production, medium=medium)


@pytest.mark.parametrize(
    ("lattice", "contrast"),
    [((1, 2048), 1e4), ((16, 1024), 1e4), ((128, 128), 1e6), ((128, 128), 1e8), ((9, 8, 7), 1e8)],
)
def test_closed_lattices_of_large_contrast_are_solved_directly(monkeypatch, lattice, contrast):
    monkeypatch.setattr(f"{STEPS}.ruge_stuben_hierarchy", None)
    problem = noise(lattice, contrast, 1e-8)
    solution = solve(problem)
    field, doubt = reference(problem)
    error = np.abs(solution.field - field).max()
    assert error <= solution.error_bound + doubt
    assert solution.error_bound <= 1e-10 * solution.field.max()
    certificate = certify(0.9 * solution.field, problem)
    assert certificate.error_bound <= 0.11 * solution.field.max()


def test_larger_lattices_are_left_to_algebraic_multigrid(monkeypatch):
    monkeypatch.setattr(f"{STEPS}.MOST_DIRECT_COST", 0)
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
    monkeypatch.setattr(f"{STEPS}.MOST_DIRECT_COST", 0)
    decay = advised(noise((1, 2048), 1e4, 1e-8))
    assert solve(noise((1, 2048), 1e4, decay)).stats.reached <= 1e-10


@pytest.mark.parametrize("lattice", [(1, 512), (40, 40)])
@pytest.mark.parametrize("contrast", [10.0, 1e8])
def test_a_weak_decay_keeps_the_default_tolerance(lattice, contrast):
    problem = noise(lattice, contrast, 1e-14)
    solution = solve(problem)
    field, doubt = reference(problem)
    error = np.abs(solution.field - field).max()
    assert error <= solution.error_bound + doubt
    assert solution.error_bound <= 1e-10 * solution.field.max()


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
    monkeypatch.setattr(f"{STEPS}.splu", fail)
    with pytest.raises(ConvergenceError, match="a decay of 1e-08 or more usually helps"):
        solve(np.eye(20), method="newton-cg")


def test_a_decay_below_rounding_is_one_error_without_warnings(recwarn):
    medium = Medium(decay=3e-16, boundary="periodic")
    with pytest.raises(ConvergenceError, match="a decay of 1e-08 or more"):
        solve(production=np.ones((21, 35)), medium=medium, method="newton-cg")
    assert not recwarn.list  # PyAMG's, of a matrix that is indefinite by rounding
