"""The fixed values of a family's problems as sums over its parameters."""

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.families.family import Family


def rows_of_values(family: Family) -> NDArray[np.float64]:
    """Rows (p + 1, n) whose product with the parameters and 1 are the fixed values on n nodes.

    The row of a parameter is 1 on the nodes that it sets, and the last one contains what no
    parameter sets.
    """
    problem = family.problem
    rows = np.zeros((len(family.parameters) + 1, problem.values.size))
    rows[-1] = problem.values.ravel()
    for row, parameter in zip(rows, family.parameters, strict=False):
        if parameter.part == "values":
            row[parameter.where], rows[-1, parameter.where] = 1.0, 0.0
    return rows * problem.fixed.ravel()
