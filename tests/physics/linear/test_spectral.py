"""One axis, and the lattice operator: transforms, stencil, inverse, Green's function."""

import numpy as np
import pytest

from diffkeras.physics import Medium
from diffkeras.physics.linear.axis import Axis
from diffkeras.physics.linear.finite_volumes import find_ring, finite_volumes
from diffkeras.physics.linear.spectral import SpectralOperator
from diffkeras.physics.problem.sides import BOUNDARIES as NAMES
from diffkeras.physics.problem.sides import AxisBoundary
from tests.helpers.green import green_matrix
from tests.helpers.plain_equations import matrix_of, second_difference

MIXED: list[AxisBoundary] = [("absorbing", "reflecting"), ("reflecting", "absorbing")]
BOUNDARIES: list[AxisBoundary] = [*NAMES, *MIXED]
LENGTHS = [1, 2, 3, 5, 8, 16, 17, 36, 257, 256]


def _unfolded(axis: Axis) -> Axis:
    object.__setattr__(axis, "by_product", False)
    return axis


@pytest.mark.parametrize("nodes", LENGTHS)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_the_basis_diagonalises_the_second_difference(nodes, boundary):
    axis = Axis(nodes, boundary)
    matrix = second_difference(axis).toarray()
    transformed = axis.forward(matrix, axis=0)
    expected = axis.eigenvalues()[:, None] * axis.forward(np.eye(nodes), axis=0)
    assert np.abs(transformed - expected).max() < 1e-11


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_small_eigenvalues_keep_their_digits(boundary):
    axis = _unfolded(Axis(4000, boundary))
    mode = int(axis.is_singular)  # the first that is not constant
    half_angle = np.pi / axis.period
    series = 4 * half_angle**2 * (1 - half_angle**2 / 3)  # 4 sin²(x), x small
    assert axis.eigenvalues()[mode] == pytest.approx(series, rel=1e-11)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_images_sum_to_the_green_function_of_the_axis(boundary):
    axis = Axis(9, boundary)
    inverse = np.linalg.inv(second_difference(axis).toarray() + 0.3 * np.eye(9))
    period = axis.period
    ring = second_difference(Axis(period, "periodic")).toarray() + 0.3 * np.eye(period)
    modes = np.fft.rfft(np.linalg.inv(ring)[0])
    axis.keep_modes(modes)
    table = np.fft.irfft(modes, period)
    i, k = np.indices((9, 9))
    images = sum(sign * table[offsets] for sign, offsets in axis.images(i, k))
    assert np.abs(images - inverse).max() < 1e-13


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_the_barrier_is_not_higher_than_promised(boundary):
    for nodes in (1, 2, 9):
        axis = Axis(nodes, boundary)
        if axis.is_singular:
            assert axis.barrier_height == np.inf
        else:
            barrier = np.linalg.solve(second_difference(axis).toarray(), np.ones(nodes))
            assert barrier.max() <= (1 + 1e-14) * axis.barrier_height <= 2 * barrier.max()


# a medium of two dimensions takes the first two sides
LATTICES = [(12, 17, 5), (17, 12, 4), (1, 9, 6), (9, 1, 3), (2, 2, 2), (16, 256, 3)]


@pytest.mark.parametrize("lattice", LATTICES)
def test_the_inverse_solves_the_lattice_equation(medium, lattice):
    lattice = lattice[: medium.dimensions]
    operator = SpectralOperator(lattice, medium)
    density = np.random.default_rng(0).standard_normal(lattice)
    field = operator.inverse(density)
    if operator.is_singular:
        density -= density.mean()  # what A⁻¹ can't give
    elif operator.is_deflated:
        field += density.sum() / operator.inverse_weight
    scale = max(1.0, np.abs(field).max())
    assert np.abs(operator.volumes.apply(field) - density).max() < 1e-11 * scale


def test_the_ring_is_the_fixed_nodes_with_a_free_neighbour(medium):
    fixed = np.random.default_rng(5).random((7, 9, 4)[: medium.dimensions]) < 0.7
    nodes = np.nonzero(fixed)
    near = finite_volumes(fixed.shape, medium).inflow(~fixed * 1.0, nodes) > 0
    ring = find_ring(fixed, medium.side_kinds)
    assert 0 < ring.size < nodes[0].size
    np.testing.assert_array_equal(ring.nodes, np.stack(nodes)[:, near])


@pytest.mark.parametrize("lattice", LATTICES)
def test_the_stencil_equals_the_assembled_matrix(medium, lattice):
    lattice = lattice[: medium.dimensions]
    field = np.random.default_rng(1).standard_normal(lattice)
    expected = (matrix_of(lattice, medium) @ field.ravel()).reshape(lattice)
    assert np.abs(finite_volumes(lattice, medium).apply(field) - expected).max() < 1e-11


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lines_and_transforms_agree(medium, dtype):
    lattice = (23, 30, 4)[: medium.dimensions]
    operator = SpectralOperator(lattice, medium)
    density = np.random.default_rng(2).standard_normal(lattice).astype(dtype)
    by_transforms = operator.inverse_by_transforms(density)
    field = operator.inverse(density)
    assert field.dtype == dtype
    tolerance = 50 * np.finfo(dtype).eps * np.abs(by_transforms).max()
    assert np.abs(field - by_transforms).max() < tolerance


@pytest.mark.parametrize("decay", [1e-6, 1e-10, 1e-16])
def test_lines_lose_no_digits_where_hardly_anything_decays(decay):
    operator = SpectralOperator((60, 45), Medium(decay=decay, boundary="reflecting"))
    density = np.random.default_rng(7).random((60, 45))
    by_transforms = operator.inverse_by_transforms(density)
    difference = np.abs(operator.inverse(density) - by_transforms).max()
    assert difference < 1e-13 * np.abs(by_transforms).max()


def test_spread_and_product_are_the_inverse_on_few_nodes(medium):
    lattice = (20, 31, 4)[: medium.dimensions]
    operator = SpectralOperator(lattice, medium)
    rng = np.random.default_rng(3)
    first, last = lattice[1] * 5, np.prod(lattice)
    nodes = np.unravel_index(rng.choice(np.arange(first, last), 40, replace=False), lattice)
    densities = rng.standard_normal(40)
    full = np.zeros(lattice)
    full[nodes] = densities
    expected = operator.inverse_by_transforms(full)
    scale = np.abs(expected).max()
    assert np.abs(operator.spread(nodes, densities) - expected).max() < 1e-13 * scale
    assert np.abs(operator.product(nodes, densities) - expected[nodes]).max() < 1e-13 * scale


def test_the_ring_matrix_in_single_precision(medium):
    lattice = (30, 41, 3)[: medium.dimensions]
    operator = SpectralOperator(lattice, medium)
    ring = find_ring(np.random.default_rng(4).random(lattice) < 0.1, operator.medium.side_kinds)
    green = green_matrix(operator, ring)
    lower = np.tril(operator.green_matrix(ring.nodes, np.float32))
    assert lower.dtype == np.float32
    tolerance = 10 * np.finfo(np.float32).eps * np.abs(green).max()
    assert np.abs(lower - np.tril(green)).max() < tolerance
