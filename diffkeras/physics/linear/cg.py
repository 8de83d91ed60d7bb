"""Preconditioned conjugate gradients (Hestenes & Stiefel 1952)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import get_blas_funcs

Function = Callable[[NDArray], NDArray]


class LinearStep(NamedTuple):
    """What conjugate gradients end with."""

    solution: NDArray  # about A⁻¹b
    # largest |value| of the last correction, about the error before it, and of the first one, about
    # the largest |A⁻¹b|; 0 if no estimate was asked for
    estimate: float = 0.0
    first_estimate: float = 0.0
    iterations: int = 0  # products with A
    is_met: bool = True  # whether a goal was reached


@np.errstate(over="ignore", invalid="ignore")  # an overflow ends it, without meeting the goal
def conjugate_gradients(
    apply: Function,
    precondition: Function,
    right_hand_side: NDArray,
    is_met: Callable[[NDArray, NDArray], bool],
    most: int,
    is_near: Callable[[NDArray, NDArray, float], bool] | None = None,
) -> LinearStep:
    """Solve A x = b (n,) in b's precision, from x = 0, by preconditioned iterations.

    They end when a goal is reached, after the most products with A, or where rounding spoils them.
    Both `apply` and `precondition`, r ↦ about A⁻¹r, are symmetric positive definite. `is_met` is a
    goal for solution and residual; `is_near` another one for these and the largest |value| of the
    next correction, which estimates the error. The correction is then added to the solution: it
    costs no product, and leaves a smooth residual.
    """
    residual, direction = right_hand_side.copy(), None
    solution, energy = np.zeros_like(right_hand_side), 1.0
    (axpy,) = get_blas_funcs(("axpy",), (residual,))  # in place, where NumPy would take a copy
    estimate = first_estimate = 0.0
    iterations = 0
    while True:
        if is_met(solution, residual):
            return LinearStep(solution, estimate, first_estimate, iterations)
        if iterations == most:
            break
        corrected = precondition(residual)
        if is_near is not None:
            estimate = max(float(corrected.max()), -float(corrected.min()))
            first_estimate = first_estimate or estimate
            # a preconditioner that gives 0 is singular, and says nothing of the error
            if estimate > 0 and is_near(solution, residual, estimate):
                solution += corrected
                return LinearStep(solution, estimate, first_estimate, iterations)
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
    return LinearStep(solution, estimate, first_estimate, iterations, is_met=False)
