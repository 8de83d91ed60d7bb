"""The hierarchy of multigrid as a preconditioner: it keeps what nodes are next to."""

import numpy as np
import pytest

from diffkeras.nn.equation.equations import LinearEquations, equations_of
from diffkeras.nn.equation.multigrid import DAMPING, FACTOR, cycle, hierarchy


def equations(side: int, boundary: str) -> LinearEquations:
    ones = np.ones((1, side, side), np.float32)
    return equations_of([ones, ones], 1e-3 * ones, (boundary, boundary), ones)


def iterations(side: int, boundary: str) -> int:
    """Of conjugate gradients until the residual is 1e-4 of the right-hand side."""
    own, levels = equations(side, boundary), side.bit_length() - 1
    grids = hierarchy(own, [FACTOR] * (levels - 1), levels)
    dampings = np.full((levels, 2), DAMPING, np.float32)
    residual = np.random.default_rng(0).standard_normal((1, side, side)).astype(np.float32)
    residual += np.cos(2 * np.pi * np.arange(side, dtype=np.float32) / side)
    aim, direction, before, number = 1e-4 * np.abs(residual).max(), 0.0, np.inf, 0
    while np.abs(residual).max() > aim:
        correction = np.asarray(cycle(grids, dampings, residual))
        product = (residual * correction).sum()
        direction = correction + product / before * direction
        applied = np.asarray(own.apply(direction))
        residual = residual - product / (direction * applied).sum() * applied
        before, number = product, number + 1
    return number


@pytest.mark.parametrize("side", [17, 33])
def test_odd_periodic_sides_take_few_iterations(side):
    """Without the coupling of the last block to the first one they take half as many more."""
    assert iterations(side, "periodic") <= 1.4 * iterations(side - 1, "periodic")
