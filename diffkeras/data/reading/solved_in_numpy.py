"""Examples that are solved as they are needed, by NumPy in tf.data's threads.

In a medium that varies from node to node, multigrid solves, which TensorFlow lacks. Its solver also
takes only sides that absorb, reflect or are periodic, the same at both sides of an axis.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.physics import Example, ExampleRecipe
from diffkeras.tf_solver.draw_sources import LIST_TYPES, source_lists


def numpy_solver(
    recipes: Sequence[ExampleRecipe], split: str
) -> Callable[[tf.Tensor], dict[str, Any]]:
    """A function from numbers (m,) to these examples, each of the recipe k modulo their number.

    Lists of sources are as long as the longest, padded with discs of radius −1.
    """
    longest, recipe = max(recipe.count for recipe in recipes), recipes[0]
    image: tuple[int | None, ...] = (None, *recipe.lattice, 1)
    tissue = recipe.tissue
    shapes = dict.fromkeys(("source_image", "field", *(tissue.maps if tissue else ())), image)
    shapes |= {"maximum": (None,)} if recipe.divide_by_maximum else {}
    shapes |= {"diffusion_length": (None,)} if recipe.diffusion_length else {}

    def value(example: Example, name: str) -> Any:
        maps = {} if example.maps is None else example.maps.given
        return maps[name] if name in maps else getattr(example, name)

    def draw(numbers: NDArray[np.int64]) -> list[NDArray]:
        examples = [recipes[k % len(recipes)].example(split, k) for k in numbers.tolist()]
        arrays = [
            np.array([value(example, name) for example in examples], np.float32) for name in shapes
        ]
        arrays = [array[..., None] if array.ndim > 1 else array for array in arrays]
        return [*source_lists([e.sources for e in examples], longest), *arrays]

    def solve(numbers: tf.Tensor) -> dict[str, Any]:
        types = [*LIST_TYPES.values(), *(tf.float32 for _ in shapes)]
        # Without state, several calls can run at once.
        arrays = tf.numpy_function(draw, [numbers], types, stateful=False)
        wanted = [(None, longest)] * len(LIST_TYPES) + list(shapes.values())
        known = [tf.ensure_shape(*pair) for pair in zip(arrays, wanted, strict=True)]
        sources = dict(zip(LIST_TYPES, known[: len(LIST_TYPES)], strict=True))
        return {"sources": sources, **dict(zip(shapes, known[len(LIST_TYPES) :], strict=True))}

    return solve
