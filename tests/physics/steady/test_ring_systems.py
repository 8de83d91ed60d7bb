"""Large rings: the iteration on the ring system, its preconditioners, and the choice of method."""

import numpy as np
import pytest
import scipy.linalg

from diffkeras.errors import ConvergenceError
from diffkeras.physics import Medium, Problem, sample_sources, solve
from diffkeras.physics.equations import Equations
from diffkeras.physics.linear import ring
from diffkeras.physics.linear import ring_preconditioner as preconditioner
from diffkeras.physics.linear.finite_volumes import find_ring, finite_volumes
from diffkeras.physics.linear.spectral import spectral_operator
from diffkeras.physics.steady.table import cheapest
from tests.helpers.green import green_matrix
from tests.helpers.plain_equations import solve_reference

LATTICE = (96, 110)
DISCS = sample_sources(14, LATTICE, radius=4, rng=2).image(LATTICE, np.float64)
RNG = np.random.default_rng(4)
SINGLE_NODES = np.where(RNG.random(LATTICE) < 0.05, RNG.random(LATTICE), 0.0)
SPACE = (26, 30, 28)
BALLS = sample_sources(6, SPACE, radius=(2, 4), rng=3).image(dtype=np.float64)
SHEETS = np.where(np.indices(SPACE)[1] % 9 == 0, BALLS + 0.5, BALLS)
BOUNDARIES = ["absorbing", "reflecting", "periodic"]


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("decay", [1 / 400, 0.0])
def test_a_window_smaller_than_the_lattice(boundary, decay, monkeypatch):
    monkeypatch.setattr(preconditioner, "WINDOW_SIDE", 47)
    medium = Medium(decay=decay, boundary=boundary)
    solution = solve(DISCS, medium=medium, method="ring-cg")
    assert np.abs(solution.field - solve_reference(DISCS, medium=medium)).max() < 1e-9


def test_a_looser_tolerance_takes_fewer_iterations():
    loose, tight = (solve(SINGLE_NODES, method="ring-cg", tolerance=t) for t in (1e-3, 1e-12))
    # without near blocks the preconditioner takes three times as many
    assert 0 < loose.stats.iterations < tight.stats.iterations < 20


def test_auto_takes_the_dense_system_for_few_nodes_and_the_iteration_for_many():
    assert cheapest(Equations(Problem(np.tile(SINGLE_NODES, (3, 3))))) == "ring-cg"
    assert solve(DISCS).stats.method == "ring"


def test_no_convergence_is_an_error_with_a_way_out(monkeypatch):
    monkeypatch.setattr(ring, "MOST_ITERATIONS_A_PRECISION", 2)
    with pytest.raises(ConvergenceError, match=r"the tolerance is 1\.0e-12; ask for a"):
        solve(SINGLE_NODES, method="ring-cg", tolerance=1e-12)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_blocks_in_space_nearly_give_the_inverse_symmetric_and_positive(boundary):
    operator = spectral_operator(SPACE, Medium(decay=0.01, boundary=(boundary,) * 3))
    ring = find_ring(BALLS != 0, operator.medium.side_kinds)
    blocks = preconditioner._blocks(ring, SPACE, *preconditioner.SURFACES)
    assert sorted(np.concatenate(blocks)) == list(range(ring.size))
    inverse = preconditioner.BlockInverse(operator, ring, blocks)
    matrix = np.stack([inverse.apply(unit) for unit in np.eye(ring.size, dtype=np.float32)])
    np.testing.assert_allclose(matrix, matrix.T, rtol=0, atol=1e-5 * abs(matrix).max())
    green = green_matrix(operator, ring)
    values = scipy.linalg.eigh((matrix + matrix.T) / 2, np.linalg.inv(green), eigvals_only=True)
    assert 0 < values[-1] < 3.5 * values[0]


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("decay", [1 / 400, 0.0])
@pytest.mark.parametrize(("sources", "most"), [(BALLS, 20), (SHEETS, 45)], ids=["balls", "sheets"])
def test_few_iterations_solve_balls_and_surfaces(sources, most, boundary, decay):
    medium = Medium(decay=decay, boundary=(boundary,) * 3)
    solution = solve(sources, method="ring-cg", medium=medium)
    assert solution.stats.iterations <= most
    missed = finite_volumes(SPACE, medium).apply(solution.field)
    assert abs(missed[sources == 0]).max() < 1e-9
    np.testing.assert_array_equal(solution.field[sources != 0], sources[sources != 0])


@pytest.mark.slow
def test_a_thousand_discs_on_2048_nodes_a_side():
    image = sample_sources(1000, (2048, 2048), radius=5, rng=0).image((2048, 2048), np.float64)
    solution = solve(image)
    assert solution.stats.method == "ring-cg"
    assert solution.stats.iterations < 15
    defect = finite_volumes(image.shape, Medium()).apply(solution.field)
    # what the fixed nodes were off by before they were put in, times the four couplings
    assert np.abs(defect[image == 0]).max() < 4e-10
    assert solution.stats.reached < 1e-10
