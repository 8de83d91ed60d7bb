"""The lattice operator: stencil, inverse by lines and by transforms, Green's function."""

import itertools

import numpy as np
import pytest

from diffkeras.physics import Medium
from diffkeras.physics.equations.axis import Axis
from diffkeras.physics.equations.ring import Ring, find_ring
from diffkeras.physics.equations.spectral import SpectralOperator
from diffkeras.physics.equations.tridiagonal import TridiagonalSolver
from tests.helpers.green import green_matrix
from tests.helpers.plain_equations import matrix_of, second_difference

Lattice = tuple[int, ...]
# a medium of two dimensions takes the first two sides
LATTICES = [(12, 17, 5), (17, 12, 4), (1, 9, 6), (9, 1, 3), (2, 2, 2), (16, 256, 3)]


def _all_nodes(lattice: Lattice) -> Ring:
    return Ring(tuple(i.ravel().astype(np.int32) for i in np.indices(lattice)))


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
    assert np.abs(operator.apply(field) - density).max() < 1e-11 * scale


@pytest.mark.parametrize("lattice", LATTICES)
def test_the_stencil_equals_the_assembled_matrix(medium, lattice):
    lattice = lattice[: medium.dimensions]
    field = np.random.default_rng(1).standard_normal((2, *lattice))
    matrix = matrix_of(lattice, medium)
    expected = np.stack([(matrix @ part.ravel()).reshape(lattice) for part in field])
    assert np.abs(SpectralOperator(lattice, medium).apply(field) - expected).max() < 1e-11


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lines_and_transforms_agree(medium, dtype):
    lattice = (23, 30, 4)[: medium.dimensions]
    operator = SpectralOperator(lattice, medium)
    density = np.random.default_rng(2).standard_normal(lattice).astype(dtype)
    by_transforms = operator.inverse_by_transforms(density, None)
    field = operator.inverse(density)
    assert field.dtype == dtype
    tolerance = 50 * np.finfo(dtype).eps * np.abs(by_transforms).max()
    assert np.abs(field - by_transforms).max() < tolerance


@pytest.mark.parametrize("decay", [1e-6, 1e-10, 1e-16])
def test_lines_lose_no_digits_where_hardly_anything_decays(decay):
    operator = SpectralOperator((60, 45), Medium(decay=decay, boundary="reflecting"))
    density = np.random.default_rng(7).random((60, 45))
    by_transforms = operator.inverse_by_transforms(density, None)
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
    expected = operator.inverse_by_transforms(full, None)
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


@pytest.mark.parametrize("nodes", [1, 2, 3, 11])
@pytest.mark.parametrize("boundary", ["absorbing", "reflecting"])
@pytest.mark.parametrize("rows", [[0], [-1], [0, -1], []])
def test_lines_solve_their_tridiagonal_systems(nodes, boundary, rows):
    axis = Axis(nodes, boundary)  # type: ignore[arg-type]
    shifts = np.array([1e-6, 0.3, 5.0])
    places = np.unique(np.array(rows, dtype=np.intp) % nodes)
    sources = np.random.default_rng(5).standard_normal((places.size, 3))
    field = TridiagonalSolver(axis, shifts).solve(places, sources, np.full((nodes, 3), np.nan))
    given = np.zeros((nodes, 3))
    given[places] = sources
    for mode, shift in enumerate(shifts):
        matrix = second_difference(axis).toarray() + shift * np.eye(nodes)
        expected = np.linalg.solve(matrix, given[:, mode])
        scale = max(1.0, np.abs(expected).max())
        assert np.abs(field[:, mode] - expected).max() < 1e-9 * scale


def test_small_shifts_keep_their_digits():
    # a reflecting line passes everything on but what decays: the sum of the field is 1/μ
    axis = Axis(200, "reflecting")
    field = TridiagonalSolver(axis, np.array([1e-9])).solve(
        np.array([50]), np.ones((1, 1)), np.empty((200, 1))
    )
    assert field.sum() * 1e-9 == pytest.approx(1.0, rel=1e-5)


def test_find_ring_takes_the_fixed_nodes_with_a_free_neighbour(medium):
    lattice = (19, 14, 5)[: medium.dimensions]
    axes = SpectralOperator(lattice, medium).axes
    fixed = np.random.default_rng(6).random(lattice) < 0.8
    expected = []
    for node in np.argwhere(fixed):
        for position, step in itertools.product(range(fixed.ndim), (-1, 1)):
            near = node.copy()
            near[position] += step
            for k, axis in enumerate(axes):
                if axis.boundary == "periodic":
                    near[k] %= axis.nodes
            inside = (near >= 0).all() and (near < lattice).all()
            if inside and not fixed[tuple(near)]:
                expected.append(tuple(node.tolist()))
                break
    ring = find_ring(fixed, tuple(axis.boundary for axis in axes))
    assert list(zip(*(i.tolist() for i in ring.nodes), strict=True)) == expected


def test_modes_that_die_out_end_in_zeros_and_not_near_underflow():
    axis = Axis(3000, "absorbing")
    field = TridiagonalSolver(axis, np.array([1e-4, 5.0])).solve(
        np.array([40]), np.array([[2.0, 2.0]]), np.empty((3000, 2))
    )
    assert np.count_nonzero((field != 0) & (np.abs(field) < 1e-60)) == 0
    assert field[-1, 0] > 0  # the slow mode has not died out
    assert not field[200:, 1].any()
