"""What two simulators compute instead of the steady state, because they split each time step.

A step of PhysiCell (in BioFVM, by "LOD") diffuses along x, y and z in turn, each by an implicit
Euler step without flux at the ends; before each it sets the held voxels to their value again. Then
cells take up, by an implicit Euler step. A step of BioDynaMo diffuses by an explicit Euler step,
and then cells take up what is there, but not more. Both are written here from their descriptions,
for a cube whose outermost voxels hold 10 µM.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_banded

from benchmarks.arbiter.readings import DIFFUSIVITY, HELD, VOXEL, shell


def physicell(
    cells: NDArray[np.float64], rate: float, step: float = 0.01, steps: int = 1001
) -> NDArray[np.float64]:
    """The field [µM] after that many steps [min] of cells that take up in proportion [1/min]."""
    nodes, walls = len(cells), shell(len(cells))
    number = step * DIFFUSIVITY / VOXEL**2
    bands = np.zeros((3, nodes))
    bands[0, 1:] = bands[2, :-1] = -number
    bands[1] = 1 + 2 * number
    bands[1, [0, -1]] = 1 + number
    field = np.zeros(cells.shape)
    for _ in range(steps):
        for axis in (2, 1, 0):
            field[walls] = HELD
            lines = np.moveaxis(field, axis, 0)
            swept = solve_banded((1, 1), bands, lines.reshape(nodes, -1))
            field = np.moveaxis(swept.reshape(lines.shape), 0, axis).copy()
        field[walls] = HELD
        field /= 1 + step * rate * cells
    return field


def biodynamo(
    cells: NDArray[np.float64], taken: float, step: float = 0.01, steps: int = 1000
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The field [µM] before and after the last uptake, of cells that take up so much [µM/min]."""
    walls = shell(len(cells))
    field = np.where(walls, HELD, 0.0)
    between = field
    for _ in range(steps):
        padded = np.pad(field, 1, mode="edge")
        around = sum(np.roll(padded, shift, axis) for axis in range(3) for shift in (1, -1))
        flow = (around - 6 * padded)[1:-1, 1:-1, 1:-1]
        between = np.where(walls, HELD, field + step * DIFFUSIVITY / VOXEL**2 * flow)
        field = np.maximum(between - step * taken * cells, 0.0)
        field[walls] = HELD
    return between, field
