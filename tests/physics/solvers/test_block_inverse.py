"""The preconditioner of rings in space: symmetric, positive definite, and near G⁻¹."""

import numpy as np
import pytest
import scipy.linalg

from diffkeras.physics import Medium, sample_sources, solve
from diffkeras.physics.equations.finite_volumes import find_ring, finite_volumes
from diffkeras.physics.equations.spectral import spectral_operator
from diffkeras.physics.solvers import preconditioner
from diffkeras.physics.solvers.block_inverse import BlockInverse
from tests.helpers.green import green_matrix

LATTICE = (26, 30, 28)


@pytest.fixture(scope="module")
def image():
    return sample_sources(6, LATTICE, radius=(2, 4), rng=3).image(dtype=np.float64)


@pytest.mark.parametrize("boundary", ["absorbing", "reflecting", "periodic"])
def test_it_is_symmetric_positive_definite_and_near_the_inverse(image, boundary):
    operator = spectral_operator(LATTICE, Medium(decay=0.01, boundary=boundary, dimensions=3))
    ring = find_ring(image != 0, operator.medium.side_kinds)
    blocks = preconditioner._blocks(ring, LATTICE, *preconditioner.SURFACES)
    assert sorted(np.concatenate(blocks)) == list(range(ring.size))
    inverse = BlockInverse(operator, ring, blocks)
    matrix = np.stack([inverse.apply(unit) for unit in np.eye(ring.size)])
    np.testing.assert_allclose(matrix, matrix.T, rtol=0, atol=1e-5 * abs(matrix).max())
    green = green_matrix(operator, ring)
    values = scipy.linalg.eigh((matrix + matrix.T) / 2, np.linalg.inv(green), eigvals_only=True)
    assert 0 < values[-1] < 3.5 * values[0]


@pytest.mark.parametrize("boundary", ["absorbing", "reflecting", "periodic"])
@pytest.mark.parametrize("decay", [1 / 400, 0.0])
def test_few_iterations_solve_balls_and_surfaces(image, boundary, decay):
    sheets = np.where(np.indices(LATTICE)[1] % 9 == 0, image + 0.5, image)
    for sources, most in ((image, 20), (sheets, 45)):
        options = {"decay": decay, "boundary": boundary, "dimensions": 3}
        solution = solve(sources, method="ring-cg", **options)
        assert solution.stats.iterations <= most
        missed = finite_volumes(LATTICE, Medium(**options)).apply(solution.field)
        assert abs(missed[sources == 0]).max() < 1e-9
        np.testing.assert_array_equal(solution.field[sources != 0], sources[sources != 0])
