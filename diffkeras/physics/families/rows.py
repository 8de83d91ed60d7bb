"""The maps of a family's problems as sums of the parameters, for graphs."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.families.family import Family
from diffkeras.physics.problem.maps import PARTS, maps_of


def maps_by_parameters(family: Family, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Rows whose product with the parameters and 1 are the maps of a problem, by name.

    Args:
        family: any.
        names: of `maps_of`.

    Returns:
        (p + 1, n) each, on all n nodes: those of `names`, and "source_image", the fixed values.
    """
    maps = maps_of(family.problem, names)
    rows = {"source_image": family.rows_of_values()}
    for name, values in maps.items():
        part = np.zeros((len(family.parameters) + 1, values.size))
        part[-1] = values.ravel()
        for row, parameter in zip(part, family.parameters, strict=False):
            if parameter.part == PARTS[name]:
                row[slice(None) if parameter.nodes is None else parameter.nodes] = 1.0
        _only_last(part, family)
        rows[name] = part
    return rows


def _only_last(part: NDArray[np.float64], family: Family) -> None:
    """Have one number set each node: that of its region, or that of the whole part, or 1."""
    regional = np.array([parameter.nodes is not None for parameter in family.parameters])
    by_region = part[:-1][regional].any(axis=0)
    part[:-1][np.ix_(~regional, by_region)] = 0.0
    part[-1] *= ~part[:-1].any(axis=0)
