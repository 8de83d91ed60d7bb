"""The ring system: which densities on the sources' rims reproduce the sources' values.

Outside the sources the steady state is the field of point sources ("densities" q) on their rims:
u = A⁻¹q with q supported on the ring, because A u = 0 on every free node and a free node's
neighbours are free or on the ring. The densities follow from u = c there:

    G q = c,    G = A⁻¹ restricted to the ring, symmetric positive definite.

This is the discrete single-layer potential, an exact "capacitance matrix" method (Buzbee, Dorr,
George & Golub 1971; Proskurowski & Widlund 1976).
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from diffkeras.physics.boundaries import Axis
from diffkeras.physics.spectral import SpectralOperator


@dataclass(frozen=True)
class Ring:
    """Fixed nodes that have a free neighbour.

    Attributes:
        rows, columns: (m,) node coordinates.
    """

    rows: NDArray[np.int32]
    columns: NDArray[np.int32]

    @property
    def size(self) -> int:
        """Number m of ring nodes."""
        return self.rows.size


def find_ring(fixed: NDArray[np.bool_], axes: tuple[Axis, Axis]) -> Ring:
    """The ring of the fixed nodes of a mask (rows, columns), in row-major order."""
    free = ~fixed
    touched = np.zeros_like(fixed)
    touched[1:] |= free[:-1]
    touched[:-1] |= free[1:]
    touched[:, 1:] |= free[:, :-1]
    touched[:, :-1] |= free[:, 1:]
    if axes[0].boundary == "periodic":
        touched[0] |= free[-1]
        touched[-1] |= free[0]
    if axes[1].boundary == "periodic":
        touched[:, 0] |= free[:, -1]
        touched[:, -1] |= free[:, 0]
    rows, columns = np.nonzero(fixed & touched)
    return Ring(rows.astype(np.int32), columns.astype(np.int32))


def green_matrix(operator: SpectralOperator, to: Ring, of: Ring) -> NDArray[np.float64]:
    """G between two sets of nodes, (to.size, of.size), by the method of images."""
    table = operator.green_table
    row_images = operator.axes[0].images(to.rows[:, None], of.rows)
    column_images = operator.axes[1].images(to.columns[:, None], of.columns)
    width = np.int32(table.shape[1])
    matrix = np.zeros((to.size, of.size))
    for row_sign, row_offsets in row_images:
        starts = row_offsets * width
        for column_sign, column_offsets in column_images:
            term = table.take(starts + column_offsets)
            if row_sign * column_sign > 0:
                matrix += term
            else:
                matrix -= term
    return matrix


def solve_ring(
    operator: SpectralOperator, ring: Ring, values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Densities (m,) that give the ring its values (m,), and the constant to add to their field.

    The constant is 0 unless the operator is singular. Then the densities must sum to 0, and the
    pair solves the bordered system G q + μ1 = c, 1ᵀq = 0.
    """
    factor = scipy.linalg.cho_factor(
        green_matrix(operator, ring, ring), lower=True, overwrite_a=True, check_finite=False
    )
    if not operator.singular:
        return scipy.linalg.cho_solve(factor, values, check_finite=False), 0.0
    both = np.stack((values, np.ones_like(values)), axis=1)
    of_values, of_ones = scipy.linalg.cho_solve(factor, both, check_finite=False).T
    constant = of_values.sum() / of_ones.sum()
    return of_values - constant * of_ones, float(constant)
