"""The exact solver against the sparse reference, and the properties that its fields must have."""

import gc
import pickle
import weakref
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from diffkeras.physics import Medium, sample_sources, solve
from tests.helpers.plain_equations import matrix_of, solve_reference

MIXED = ("absorbing", "reflecting")
BOUNDARIES = st.sampled_from(["absorbing", "reflecting", "periodic", MIXED, MIXED[::-1]])


def test_mirrored_and_transposed_sources_give_such_a_field(problem):
    field, medium, sides = problem.solution.field, problem.medium, problem.medium.side_kinds
    swapped = replace(medium, diffusivity=medium.diffusivities[::-1], boundary=sides[::-1])
    along, across = ((names[::-1] if isinstance(names, tuple) else names) for names in sides)
    for turn, turned in (
        (np.flipud, replace(medium, boundary=(along, sides[1]))),
        (np.fliplr, replace(medium, boundary=(sides[0], across))),
        (np.transpose, swapped),
    ):
        solution = solve(turn(problem.image), medium=turned, fixed=turn(problem.fixed))
        np.testing.assert_allclose(solution.field, turn(field), rtol=0, atol=1e-11)


def test_is_linear_in_the_values(problem):
    numbers = np.arange(problem.image.size).reshape(problem.image.shape)
    other = np.where(problem.fixed, np.sin(numbers), 0.0)
    summed = solve(2 * problem.image - other, medium=problem.medium, fixed=problem.fixed).field
    alone = solve(other, medium=problem.medium, fixed=problem.fixed).field
    np.testing.assert_allclose(summed, 2 * problem.solution.field - alone, rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    ("axis", "boundary"),
    [
        (0, "periodic"),
        (1, "periodic"),
        (0, ("periodic", "absorbing")),
        (1, ("reflecting", "periodic")),
    ],
)
def test_shifting_a_periodic_axis_shifts_the_field(axis, boundary):
    image = np.zeros((17, 24))
    image[1:5, 2:6], image[11, 20] = 1.0, 0.4
    field = solve(image, boundary=boundary).field
    shifted = solve(np.roll(image, 7, axis), boundary=boundary).field
    np.testing.assert_allclose(shifted, np.roll(field, 7, axis), rtol=0, atol=1e-12)


def test_constants_stay_constant_where_nothing_decays_or_leaves():
    image = np.zeros((20, 24))
    image[5, 7] = image[11, 3] = 0.3
    field = solve(image, decay=0.0, boundary=("reflecting", "periodic")).field
    np.testing.assert_allclose(field, 0.3, rtol=1e-12)


def test_sparse_matrix_is_symmetric_with_row_sums_of_the_decay_where_nothing_leaves(medium):
    matrix = matrix_of((8, 5, 3)[: medium.dimensions], medium)
    assert abs(matrix - matrix.T).max() == 0
    sums = np.asarray(matrix.sum(axis=1)).ravel()
    lost = sums - medium.decay
    assert lost.min() > -1e-12
    if medium.is_closed:
        np.testing.assert_allclose(lost, 0, atol=1e-12)


def test_statistics_name_the_ring():
    image = np.zeros((16, 16))
    image[4:9, 5:10] = 1.0
    assert solve(image).stats.ring_nodes == 16


@pytest.mark.slow
def test_paper_scale_equals_the_reference():
    image = sample_sources(20, (512, 512), rng=np.random.default_rng(0)).image(
        (512, 512), np.float64
    )
    np.testing.assert_allclose(
        solve(image).field, solve_reference(image, medium=Medium()), rtol=0, atol=1e-10
    )


def test_the_bound_counts_that_fixed_values_are_rounded_to_single_precision():
    image = np.full((4, 4), 0.1)  # no node is free
    found = solve(image, tolerance=1e-6)
    assert 0 < np.abs(found.field - image).max() <= found.error_bound


@pytest.mark.parametrize("tolerance", [1e-12, 1e-3])
def test_a_bound_is_that_of_the_arrays_as_they_were(tolerance):
    image, production = np.zeros((24, 30)), np.full((24, 30), 1e-3)
    image[8:12, 9:14] = 1.0
    solution = solve(image, production=production, tolerance=tolerance)
    batch = solve(np.stack([image, 2 * image]), production=production, tolerance=tolerance)
    exact = solve_reference(image, production=production)
    image *= 0
    production *= 7
    stored = pickle.loads(pickle.dumps(solution))
    for found in (solution, stored):
        # the reference itself is exact to about 1e-14
        assert abs(found.field - exact).max() <= found.error_bound + 1e-13
        assert found.error_bound < max(2 * tolerance, 1e-10) * exact.max()
    assert solution.error_bound <= batch.error_bound < 1e-9 + 10 * solution.error_bound


def test_solutions_and_their_problems_are_freed_at_once():
    """A cycle of references would keep all arrays of a loop of solutions until it is collected."""
    gc.disable()
    try:
        solution = solve(np.eye(8), decay=0.1)
        kept = [weakref.ref(part) for part in (solution, solution.problem, solution.equations)]
        del solution
        assert [part() for part in kept] == [None] * 3
    finally:
        gc.enable()
