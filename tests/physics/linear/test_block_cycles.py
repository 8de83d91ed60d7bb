"""The geometric cycle: solutions, symmetry, and media that it leaves to algebraic multigrid."""

import numpy as np
import pytest
import scipy.sparse.linalg

from diffkeras.physics import Medium
from diffkeras.physics.linear.block_cycles import SINGLE, BlockCycle
from diffkeras.physics.linear.cg import conjugate_gradients
from diffkeras.physics.linear.finite_volumes import finite_volumes
from diffkeras_benchmark.pyamg_solver import free_system
from tests.helpers.rounding import same_to_rounding

LATTICE = (22, 27)
BOUNDARIES = ["absorbing", "reflecting", "periodic", ("periodic", "reflecting")]


def tissue(boundary):
    rng = np.random.default_rng(0)
    diffusivity = np.where(np.indices(LATTICE)[1] < 11, 1.0, 0.1)
    medium = Medium(diffusivity, 0.2 * (rng.random(LATTICE) < 0.3), boundary=boundary)
    free = rng.random(LATTICE) < 0.95
    free[8:14, 16:22] = False  # blocks without a free node
    return finite_volumes(LATTICE, medium), free, rng.random(LATTICE) * free


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_with_it_conjugate_gradients_solve_the_equations_of_the_free_nodes(boundary):
    volumes, free, row_sums = tissue(boundary)
    whole = BlockCycle(volumes.on(free))
    matrix, _ = free_system(volumes, np.zeros(LATTICE), ~free)
    inner = free.ravel()
    for more in (np.zeros(LATTICE), row_sums):
        cycle = whole.plus(more)
        expected = matrix + np.diag(more[free])
        np.testing.assert_allclose(cycle.matrix.toarray()[inner][:, inner], expected, rtol=1e-6)
        assert not cycle.matrix.toarray()[~inner].any()
        side = np.random.default_rng(1).standard_normal(LATTICE) * free
        least = 1e-6 * np.linalg.norm(side)
        found = conjugate_gradients(
            scipy.sparse.csr_array(cycle.matrix, dtype=float).dot,
            cycle,
            side.ravel(),
            lambda _, residual: np.linalg.norm(residual) <= least,  # noqa: B023
            20,
        )
        assert found.is_met
        assert found.iterations < 10
        assert np.linalg.norm(side[free] - expected @ found.solution[inner]) <= 1.01 * least
        solution = np.linalg.solve(expected, side[free])
        np.testing.assert_allclose(found.solution[inner], solution, atol=1e-4 * abs(solution).max())
        assert not found.solution[~inner].any()


def test_a_preconditioner_that_gives_nothing_estimates_no_error():
    side = np.ones(3)  # as for a coarse matrix that is singular
    found = conjugate_gradients(np.copy, np.zeros_like, side, lambda *_: False, 5, lambda *_: True)
    assert not found.is_met


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_the_cycle_is_symmetric_and_positive(boundary):
    volumes, free, row_sums = tissue(boundary)
    cycle = BlockCycle(volumes.on(free)).plus(row_sums)
    first, second = (np.random.default_rng(2).standard_normal((2, *LATTICE)) * free).reshape(2, -1)
    through, back = np.vdot(second, cycle(first)), np.vdot(first, cycle(second))
    assert through == pytest.approx(back, abs=1e-5 * np.vdot(first, cycle(first)))
    assert np.vdot(first, cycle(first)) > 0


def test_a_spare_cycle_becomes_the_same_as_a_new_one():
    volumes, free, row_sums = tissue("reflecting")
    whole = BlockCycle(volumes.on(free))
    residual = np.random.default_rng(5).standard_normal(LATTICE) * free
    spare = whole.plus(3 * row_sums)
    before = whole(residual.ravel())
    cycle = whole.plus(row_sums, spare)
    assert cycle is spare
    assert same_to_rounding(
        cycle(residual.ravel()).astype(SINGLE), whole.plus(row_sums)(residual.ravel())
    )
    assert same_to_rounding(whole(residual.ravel()).astype(SINGLE), before)
