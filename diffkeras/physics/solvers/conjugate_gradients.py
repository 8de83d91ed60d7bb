"""Conjugate gradients (Hestenes & Stiefel 1952) with any matrix, preconditioner and goal."""

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Precondition = Callable[[NDArray], NDArray]


@np.errstate(over="ignore", invalid="ignore")  # an overflow ends it, without meeting the goal
def conjugate_gradients(
    matrix: sp.sparray,
    precondition: Precondition,
    right_hand_side: NDArray,
    is_met: Callable[[NDArray], bool],
    most: int,
) -> tuple[NDArray, NDArray, int]:
    """About A⁻¹b in b's precision, its residual b − A x, and the number of iterations.

    They end when the residual meets the goal, at their largest number, or where rounding spoils
    them; the callers ask again which it was.
    """
    residual, direction = right_hand_side.copy(), np.zeros_like(right_hand_side)
    solution, energy = np.zeros_like(right_hand_side), 1.0
    iterations = 0
    while iterations < most and not is_met(residual):
        corrected = precondition(residual)
        energy, last = float(np.vdot(residual, corrected)), energy
        direction *= energy / last
        direction += corrected
        product = matrix @ direction
        curvature = float(np.vdot(direction, product))
        if not (energy > 0 and curvature > 0):  # rounding, or an overflow
            break
        solution += (energy / curvature) * direction
        product *= energy / curvature
        residual -= product
        iterations += 1
    return solution, residual, iterations


def norm(values: NDArray) -> float:
    """The Euclidean norm."""
    return float(np.sqrt(np.vdot(values, values)))
