"""Preconditioned conjugate gradients (Hestenes & Stiefel 1952), for all systems of the solvers."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import get_blas_funcs

Function = Callable[[NDArray], NDArray]


class Iterate(NamedTuple):
    """What conjugate gradients end with.

    Attributes:
        solution: about A⁻¹b.
        residual: b − A x of the solution before the last correction.
        iterations: products with A.
        is_met: whether a goal was reached.
        estimate: the largest |value| of the last correction, about that of the error before it.
        first_estimate: that of the first one: about the largest |A⁻¹b|.
    """

    solution: NDArray
    residual: NDArray
    iterations: int
    is_met: bool
    estimate: float
    first_estimate: float


@np.errstate(over="ignore", invalid="ignore")  # an overflow ends it, without meeting the goal
def conjugate_gradients(
    apply: Function,
    precondition: Function,
    right_hand_side: NDArray,
    is_met: Callable[[NDArray, NDArray], bool],
    most: int,
    is_near: Callable[[NDArray, NDArray, float], bool] | None = None,
) -> Iterate:
    """Solve A x = b for vectors b in their precision, from x = 0.

    The iterations end when a goal is reached, at their largest number, or where rounding spoils
    them.

    Args:
        apply: x ↦ A x, symmetric positive definite on the vectors that occur.
        precondition: r ↦ about A⁻¹r, symmetric positive definite.
        right_hand_side: b, (n,).
        is_met: a goal for solution and residual.
        most: products with A.
        is_near: a goal for solution, residual and the largest |value| of the correction M r that
            follows, an estimate of the solution's error. This correction is added to the solution
            then: it costs no product any more, and leaves a smooth residual.
    """
    residual, direction = right_hand_side.copy(), None
    solution, energy = np.zeros_like(right_hand_side), 1.0
    (axpy,) = get_blas_funcs(("axpy",), (residual,))  # in place, where NumPy would take a copy
    estimate = first_estimate = 0.0
    iterations = 0
    while True:
        if is_met(solution, residual):
            return Iterate(solution, residual, iterations, True, estimate, first_estimate)
        if iterations == most:
            break
        corrected = precondition(residual)
        if is_near is not None:
            estimate = max(float(corrected.max()), -float(corrected.min()))
            first_estimate = first_estimate or estimate
            if is_near(solution, residual, estimate):
                solution += corrected
                return Iterate(solution, residual, iterations, True, estimate, first_estimate)
        energy, last = float(np.vdot(residual, corrected)), energy
        if direction is None:
            direction = corrected
        else:
            direction *= energy / last
            direction += corrected
        del corrected
        product = apply(direction)
        curvature = float(np.vdot(direction, product))
        if not (energy > 0 and curvature > 0):  # rounding, or an overflow
            break
        axpy(direction, solution, a=energy / curvature)
        axpy(product, residual, a=-energy / curvature)
        iterations += 1
    return Iterate(solution, residual, iterations, False, estimate, first_estimate)
