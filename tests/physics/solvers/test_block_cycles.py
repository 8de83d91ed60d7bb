"""The geometric cycle: solutions, symmetry, and media that it leaves to algebraic multigrid."""

import numpy as np
import pytest
import scipy.sparse.linalg

from diffkeras.physics import Medium, solve
from diffkeras.physics.operators.finite_volumes import finite_volumes
from diffkeras.physics.solvers.block_cycles import BlockCycles, _cycle, _interpolate, _restrict

LATTICE = (22, 27)
BOUNDARIES = ["absorbing", "reflecting", "periodic", ("periodic", "reflecting")]


def tissue(boundary):
    rng = np.random.default_rng(0)
    diffusivity = np.where(np.indices(LATTICE)[1] < 11, 1.0, 0.1)
    medium = Medium(diffusivity, 0.2 * (rng.random(LATTICE) < 0.3), boundary=boundary)
    return finite_volumes(LATTICE, medium), rng.random(LATTICE) < 0.95


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_the_residual_falls_to_what_was_asked(boundary):
    volumes, free = tissue(boundary)
    matrix, _ = volumes.free_system(np.zeros(LATTICE), ~free)
    side = np.random.default_rng(1).standard_normal(matrix.shape[0])
    cycles = BlockCycles(volumes, free)
    found, residual = cycles.solve(side, 1e-6)
    assert cycles.converged
    assert cycles.iterations < 15
    np.testing.assert_allclose(side - matrix @ found, residual, atol=1e-12)
    assert np.linalg.norm(residual) <= 1e-6 * np.linalg.norm(side)
    expected = scipy.sparse.linalg.spsolve(matrix.tocsc(), side)
    np.testing.assert_allclose(found, expected, atol=1e-4 * abs(expected).max())


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_the_cycle_is_symmetric_and_positive(boundary):
    volumes, free = tissue(boundary)
    levels = BlockCycles(volumes, free)._levels
    first, second = np.random.default_rng(2).standard_normal((2, *LATTICE)) * free
    through, back = np.vdot(second, _cycle(levels, first)), np.vdot(first, _cycle(levels, second))
    assert through == pytest.approx(back, rel=1e-9)
    assert np.vdot(first, _cycle(levels, first)) > 0


def test_restriction_is_the_transpose_of_interpolation():
    rng = np.random.default_rng(3)
    blocks, nodes = rng.standard_normal((4, 6)), rng.standard_normal((8, 12))
    assert np.vdot(_interpolate(blocks), nodes) == pytest.approx(np.vdot(blocks, _restrict(nodes)))


def test_media_that_vary_too_much_are_left_to_algebraic_multigrid():
    diffusivity = 10 ** np.random.default_rng(4).uniform(-3, 3, (40, 40))
    image = np.zeros((40, 40))
    image[5:9, 6:10] = 1.0
    volumes = finite_volumes((40, 40), Medium(diffusivity))
    cycles = BlockCycles(volumes, image == 0)
    cycles.solve(np.ones(int((image == 0).sum())), 1e-10)
    assert not cycles.converged
    assert solve(image, diffusivity=diffusivity, tolerance=1e-8).stats.residual <= 1e-8
