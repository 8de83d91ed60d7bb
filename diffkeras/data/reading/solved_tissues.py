"""Examples of tissues that are solved as they are needed, by NumPy in tf.data's threads.

In a medium that varies from node to node, multigrid solves, which TensorFlow lacks.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.physics import ExampleRecipe
from diffkeras.tf_solver.draw_sources import LIST_TYPES, source_lists


def tissue_solver(
    recipes: Sequence[ExampleRecipe], split: str
) -> Callable[[tf.Tensor], dict[str, Any]]:
    """A function from numbers (m,) to these examples, each of the recipe k modulo their number.

    Lists of sources are as long as the longest, padded with discs of radius −1.
    """
    longest, lattice = max(recipe.count for recipe in recipes), recipes[0].lattice
    tissue = recipes[0].tissue
    assert tissue is not None
    names = ("source_image", "field", *tissue.maps)

    def draw(numbers: NDArray[np.int64]) -> list[NDArray]:
        examples = [recipes[k % len(recipes)].example(split, k) for k in numbers.tolist()]
        all_maps = [{**vars(e), **(e.maps.given if e.maps is not None else {})} for e in examples]
        maps = [np.stack([one[name] for one in all_maps])[..., None] for name in names]
        return [*source_lists([e.sources for e in examples], longest), *maps]

    def solve(numbers: tf.Tensor) -> dict[str, Any]:
        types = [*LIST_TYPES.values(), *(tf.float32 for _ in names)]
        # Without state, several calls can run at once.
        arrays = tf.numpy_function(draw, [numbers], types, stateful=False)
        lists = [tf.ensure_shape(array, (None, longest)) for array in arrays[: len(LIST_TYPES)]]
        maps = [tf.ensure_shape(array, (None, *lattice, 1)) for array in arrays[len(LIST_TYPES) :]]
        sources = dict(zip(LIST_TYPES, lists, strict=True))
        return {"sources": sources, **dict(zip(names, maps, strict=True))}

    return solve
