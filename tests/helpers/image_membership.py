"""Whether an image belongs to the distribution of a recipe, by the words of its documentation."""

import math
from itertools import combinations

import numpy as np

from diffkeras.physics import ExampleRecipe, Sources
from diffkeras.physics.sampling.discs import check_radius


def belongs(sources: Sources, recipe: ExampleRecipe) -> bool:
    """Discs between the outermost nodes, apart unless they may overlap, one of value 1."""
    discs = list(zip(*map(np.ndarray.tolist, (sources.rows, sources.columns)), strict=True))
    radii, values = sources.radii.tolist(), sources.values.tolist()
    rims = [
        min(i - math.ceil(r), j - math.ceil(r), m - 1 - i - math.ceil(r), n - 1 - j - math.ceil(r))
        for (i, j), r in zip(discs, radii, strict=True)
        for m, n in [recipe.lattice]
    ]
    smallest, largest = check_radius(recipe.radius)
    return (
        len(discs) == recipe.count
        and sources.overlap == recipe.placement.overlap
        and min(rims) >= 0
        and (recipe.placement.kind != "edge" or max(rims) <= recipe.placement.margin)
        and all(np.float32(smallest) <= r <= np.float32(largest) for r in radii)
        and radii == sorted(radii, reverse=True)
        and max(values) == 1
        and min(values) >= _least_value(recipe)
        and (recipe.placement.overlap or _apart(discs, radii))
    )


def _least_value(recipe: ExampleRecipe) -> float:
    if isinstance(recipe.values, tuple):
        return float(np.float32(recipe.values[1]))
    return {"constant": 1.0, "uniform": 1e-17}[recipe.values]


def _apart(discs: list[tuple[int, int]], radii: list[float]) -> bool:
    return all(
        math.dist(a, b) > r + s
        for (a, r), (b, s) in combinations(zip(discs, radii, strict=True), 2)
    )
