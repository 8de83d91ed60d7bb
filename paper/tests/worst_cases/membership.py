"""Whether an image belongs to the distribution of a recipe, by the words of its documentation."""

import math
from itertools import combinations

import numpy as np

from diffkeras.physics import ExampleRecipe, Sources


def belongs(sources: Sources, recipe: ExampleRecipe) -> bool:
    """Discs between the outermost nodes, apart unless they may overlap, one of value 1."""
    centres = np.stack([sources.rows, sources.columns], axis=1)
    radius = float(np.max(recipe.radius))
    margin = math.ceil(radius)
    least = np.float32(recipe.values[1]) if isinstance(recipe.values, tuple) else 1e-17
    apart = all(math.dist(a, b) > 2 * radius for a, b in combinations(centres.tolist(), 2))
    return (
        len(centres) == recipe.count
        and sources.overlap == recipe.placement.overlap
        and bool((sources.radii == radius).all())
        and bool(
            (centres >= margin).all() and (centres <= np.array(recipe.lattice) - 1 - margin).all()
        )
        and sources.values.max() == 1
        and sources.values.min() >= least
        and (recipe.placement.overlap or apart)
    )
