"""Large rings: the iteration on the ring system, its preconditioner, and the choice of method."""

import numpy as np
import pytest
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics import Medium, solve
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.equations.spectral import spectral_operator
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.sampling.discs import sample_sources
from diffkeras.physics.solvers import preconditioner, ring_systems
from diffkeras.physics.solvers.table import cheapest
from tests.helpers.plain_equations import solve_reference

LATTICE = (96, 110)


def _mask(kind: str, rng: np.random.Generator) -> NDArray[np.float64]:
    rows, columns = np.indices(LATTICE)
    match kind:
        case "discs":
            return sample_sources(14, LATTICE, radius=4, rng=rng).image(LATTICE, np.float64)
        case "single nodes":
            return np.where(rng.random(LATTICE) < 0.05, rng.random(LATTICE), 0.0)
        case _:
            return np.where(abs(np.sin(columns / 5) * 14 - rows + 40) < 1.5, 1 - rows / 200, 0.0)


@pytest.mark.parametrize("boundary", ["absorbing", "reflecting", "periodic"])
@pytest.mark.parametrize("decay", [1 / 400, 0.0])
def test_a_window_smaller_than_the_lattice(boundary, decay, monkeypatch):
    monkeypatch.setattr(preconditioner, "WINDOW_SIDE", 47)
    medium = Medium(decay=decay, boundary=boundary)  # type: ignore[arg-type]
    image = _mask("discs", np.random.default_rng(2))
    solution = solve(image, medium=medium, method="ring-cg")
    assert np.abs(solution.field - solve_reference(image, medium=medium)).max() < 1e-9


def test_a_looser_tolerance_takes_fewer_iterations():
    image = _mask("single nodes", np.random.default_rng(4))
    loose, tight = (solve(image, method="ring-cg", tolerance=t) for t in (1e-3, 1e-12))
    # without near blocks the preconditioner takes three times as many
    assert 0 < loose.stats.iterations < tight.stats.iterations < 20


def test_auto_takes_the_dense_system_for_few_nodes_and_the_iteration_for_many():
    many = _mask("single nodes", np.random.default_rng(8))
    many = np.tile(many, (3, 3))
    assert cheapest(Equations(Problem(many))) == "ring-cg"
    assert solve(many).stats.method == "ring-cg"
    assert solve(_mask("discs", np.random.default_rng(8))).stats.method == "ring"


def test_no_convergence_is_an_error_with_a_way_out(monkeypatch):
    monkeypatch.setattr(ring_systems, "MOST_ITERATIONS_A_PRECISION", 2)
    with pytest.raises(ConvergenceError, match=r"the tolerance is 1\.0e-12; ask for a"):
        solve(_mask("single nodes", np.random.default_rng(9)), method="ring-cg", tolerance=1e-12)


@pytest.mark.slow
def test_a_thousand_discs_on_2048_nodes_a_side():
    lattice = (2048, 2048)
    sources = sample_sources(1000, lattice, radius=5, rng=np.random.default_rng(0))
    image = sources.image(lattice, np.float64)
    solution = solve(image)
    assert solution.stats.method == "ring-cg"
    assert solution.stats.iterations < 15
    defect = spectral_operator(lattice, Medium()).apply(solution.field)
    # what the fixed nodes were off by before they were put in, times the four couplings
    assert np.abs(defect[image == 0]).max() < 4e-10
    assert solution.stats.reached < 1e-10
