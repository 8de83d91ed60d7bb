"""The maps of a family's problems as sums of the parameters, for graphs."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.families.family import Family
from diffkeras.physics.problem.maps import MAPS, maps_of


def maps_by_parameters(family: Family, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Rows whose product with the parameters and 1 are the maps of a problem, by name.

    Args:
        family: any.
        names: of `maps_of`.

    Returns:
        (p + 1, n) each, on all n nodes: those of `names`, and "source_image", the fixed values.
    """
    rows = {"source_image": family.rows_of_values()}
    for name, values in maps_of(family.problem, names).items():
        rows[name] = family.rows_of(MAPS[name], values)
    return rows
