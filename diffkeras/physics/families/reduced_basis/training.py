"""Fitting a basis and a regression to snapshots.

The errors of snapshots that are left out of the regression are known without fitting again. They
say how many modes are worth their time, and how well other points are predicted.
"""

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.families.family.family import Family
from diffkeras.physics.families.reduced_basis.fit import Fit
from diffkeras.physics.families.reduced_basis.kernel_regression import KernelRegression
from diffkeras.physics.families.reduced_basis.snapshots import Modes, Snapshots
from diffkeras.physics.real_arrays import largest
from diffkeras.system.blas_threads import blas_threads

MODES = 100  # modes at most by default
ERROR_RATIO = 1.5  # how much larger the error of fewer modes may be
MODE_STEP, MODE_SNAPSHOTS = 5, 48  # modes that are tried at a time, on so many snapshots


def fitted(family: Family, solved: Snapshots, modes: int | None = None) -> Fit:
    """The basis and the regression of a family's snapshots, without barriers.

    Args:
        family: of the snapshots.
        solved: these.
        modes: see `ReducedBasis.train`.
    """
    basis = Modes.of(solved.fields, min(modes or MODES, len(solved.points)))
    with blas_threads():
        regression = KernelRegression.fit(family.scaling.inputs(solved.points), basis.coefficients)
    few = len(basis.modes)
    if modes is None:
        few = _enough_modes(solved, basis, regression)
    left = basis.singular_values[len(basis.modes) :]
    return Fit(
        basis.mean,
        basis.modes,
        regression,
        _errors_left_out(solved, basis.first(few), regression.first(few)),
        few,
        remainder=float(np.linalg.norm(left) / np.sqrt(len(solved.points))),
    )


def _enough_modes(solved: Snapshots, basis: Modes, regression: KernelRegression) -> int:
    """The number of modes beyond which the largest errors hardly fall.

    They are those of some snapshots that are left out of the regression; their median counts.
    """
    numbers = np.arange(0, len(solved.points), -(-len(solved.points) // MODE_SNAPSHOTS))
    coefficients = basis.coefficients[numbers] - regression.left_out[numbers]
    remaining = solved.fields[numbers] - basis.mean
    ends = [*range(MODE_STEP, len(basis.modes), MODE_STEP), len(basis.modes)]
    errors = []
    for start, end in zip([0, *ends], ends, strict=False):
        remaining -= coefficients[:, start:end].astype(np.float32) @ basis.modes[start:end]
        errors.append(float(np.median(np.abs(remaining).max(axis=1))))
    return ends[int(np.argmax(np.array(errors) <= ERROR_RATIO * min(errors)))]


def _errors_left_out(
    solved: Snapshots, basis: Modes, regression: KernelRegression
) -> NDArray[np.float64]:
    """The largest relative error of each snapshot that is left out of the regression."""
    errors = np.empty(len(solved.fields))
    coefficients = (basis.coefficients - regression.left_out).astype(np.float32)
    for number, field in enumerate(solved.fields):
        predicted = coefficients[number] @ basis.modes + basis.mean
        errors[number] = largest(predicted - field) / max(largest(field), 1e-300)
    return errors
