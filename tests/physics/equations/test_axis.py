"""One axis: eigenvalues, transforms (fast ones and matrix products) and mirror images."""

import numpy as np
import pytest

from diffkeras.errors import PhysicsError
from diffkeras.physics.equations.axis import Axis
from diffkeras.physics.problem.sides import BOUNDARIES as NAMES
from diffkeras.physics.problem.sides import AxisBoundary
from tests.helpers.plain_equations import second_difference

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


def test_bad_axes_are_refused():
    with pytest.raises(PhysicsError, match="at least one node a side, not 0"):
        Axis(0, "absorbing")
