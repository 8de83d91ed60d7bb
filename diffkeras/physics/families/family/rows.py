"""The parts of a family's problems as sums over its parameters.

A part on n nodes is the product of the parameters and 1 with rows (p + 1, n): each parameter's row
is 1 on the nodes that it sets, and the last one has what no parameter sets.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.families.family.family import Family
from diffkeras.physics.problem.maps import MAPS, maps_of


def rows_of_values(family: Family) -> NDArray[np.float64]:
    """Rows (p + 1, n) whose product with parameters and 1 are the fixed values on n nodes."""
    problem = family.problem
    return _rows_of(family, "values", problem.values) * problem.fixed.ravel()


def rows_of_maps(family: Family, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Rows whose product with the parameters and 1 are the maps of a problem, by name.

    Args:
        family: of the problems.
        names: of `maps_of`.

    Returns:
        (p + 1, n) each, on all n nodes: those of `names`, and "source_image", the fixed values.
    """
    rows = {"source_image": rows_of_values(family)}
    for name, values in maps_of(family.problem, names).items():
        rows[name] = _rows_of(family, MAPS[name], values)
    return rows


def _rows_of(family: Family, part: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rows of a part with these values in the family's problem, on the lattice."""
    rows = np.zeros((len(family.parameters) + 1, values.size))
    rows[-1] = values.ravel()
    for row, parameter in zip(rows, family.parameters, strict=False):
        if parameter.part == part:
            row[parameter.where], rows[-1, parameter.where] = 1.0, 0.0
    return rows
