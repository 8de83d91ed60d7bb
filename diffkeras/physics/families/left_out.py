"""Errors of snapshots that are left out of the regression, known without fitting again."""

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.arguments import largest
from diffkeras.physics.families.regression import KernelRegression
from diffkeras.physics.families.snapshots import Modes, Snapshots

HARDLY = 1.2  # how much larger the error of fewer modes may be
STEP, FOR_MODES = 5, 48  # modes that are tried at a time, on so many snapshots


def enough_modes(solved: Snapshots, basis: Modes, regression: KernelRegression) -> int:
    """The number of modes beyond which the largest errors hardly fall.

    They are those of some snapshots that are left out of the regression; their median counts.
    """
    numbers = np.arange(0, len(solved.points), -(-len(solved.points) // FOR_MODES))
    coefficients = basis.coefficients[numbers] - regression.left_out[numbers]
    remaining = solved.fields[numbers] - basis.mean
    ends = [*range(STEP, len(basis.modes), STEP), len(basis.modes)]
    errors = []
    for start, end in zip([0, *ends], ends, strict=False):
        remaining -= coefficients[:, start:end].astype(np.float32) @ basis.modes[start:end]
        errors.append(float(np.median(np.abs(remaining).max(axis=1))))
    return ends[int(np.argmax(np.array(errors) <= HARDLY * min(errors)))]


def left_out(number: int, basis: Modes, regression: KernelRegression) -> NDArray[np.float32]:
    """The prediction (n,) of a snapshot that is left out of the regression."""
    coefficients = basis.coefficients[number] - regression.left_out[number]
    return coefficients.astype(np.float32) @ basis.modes + basis.mean


def errors_left_out(
    solved: Snapshots, basis: Modes, regression: KernelRegression
) -> NDArray[np.float64]:
    """The largest relative error of each snapshot that is left out of the regression."""
    errors = np.empty(len(solved.fields))
    for number, field in enumerate(solved.fields):
        predicted = left_out(number, basis, regression)
        errors[number] = largest(predicted - field) / max(largest(field), 1e-300)
    return errors
