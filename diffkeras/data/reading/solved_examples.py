"""Examples that are solved as they are needed, instead of being read.

NumPy draws the sources ahead of time in tf.data's threads, and the field is solved in the graph,
with a table of Green's function for each diffusion length. Where TensorFlow's solver doesn't take
the problem, NumPy solves it, too: it lacks the multigrid of media that vary from node to node, and
takes only sides that absorb, reflect or are periodic, the same at both sides of an axis.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.config import Config, Split
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.data.reading.graph_fields import produced_fields
from diffkeras.errors import ConfigurationError
from diffkeras.physics import Example, ExampleRecipe, Sources, check_radius
from diffkeras.physics.operators.axis import Axis
from diffkeras.physics.operators.ring import find_ring
from diffkeras.tf_solver.draw_sources import LIST_TYPES, draw_sources, source_lists
from diffkeras.tf_solver.solver import TensorSolver

CHUNK = 4  # Examples that are solved together; on small lattices, starting operations takes long.
LARGE = 1 << 16  # With that many nodes, examples are solved one by one, without padding.
MAX_RING_NODES = 3000  # The dense systems of more ring nodes take a GB per chunk.


def solved_split(config: Config, count: int, split: Split, numbers: range) -> tf.data.Dataset:
    """Examples of a split as `raw_dataset` gives them, solved instead of read.

    Source lists and images are equal to the stored ones, fields within 2e-6.
    """
    chunks = solved_chunks(
        config, [count], split, tf.data.Dataset.range(numbers.start, numbers.stop)
    )
    return chunks.unbatch().apply(tf.data.experimental.assert_cardinality(len(numbers)))


def solved_chunks(
    config: Config, counts: Sequence[int], split: str, numbers: tf.data.Dataset
) -> tf.data.Dataset:
    """Examples of source counts that alternate, `chunk_size` at a time.

    Example k has the source count at k modulo their number. Lists of sources are as long as the
    longest, padded with discs of radius −1.
    """
    recipes = [DatasetConfig.of(count, config).recipe() for count in counts]
    in_numpy = config.data.tissue is not None or not config.physics.medium.has_equal_sides
    for recipe in recipes:  # Raises an error if the discs don't fit, or there is no solution.
        (recipe.example if in_numpy else recipe.sources)(split, 0)
    chunks = numbers.batch(chunk_size(config))
    if in_numpy:
        return chunks.map(numpy_solver(recipes, split), num_parallel_calls=tf.data.AUTOTUNE)
    if config.physics.sources == "fixed_value":
        for count in counts:
            _check_ring_size(config, count)
    physics, radius = config.physics, config.data.radius
    lengths, medium = config.data.diffusion_length, physics.medium
    if lengths is not None:
        medium = medium.with_diffusion_length(lengths[1])
    solver = TensorSolver(physics.lattice, medium, "float32")
    produce = produced_fields(config, solver) if physics.sources == "production" else None
    longest, types = max(counts), list(LIST_TYPES.values())

    def draw(chunk: NDArray[np.int64]) -> list[NDArray]:
        chosen = [(recipes[k % len(recipes)], k) for k in chunk.tolist()]
        arrays = source_lists([recipe.sources(split, k) for recipe, k in chosen], longest)
        if lengths is not None:
            own = np.array([recipe.length_of(split, k) for recipe, k in chosen])
            decays = np.array([medium.with_diffusion_length(length).decay for length in own])
            arrays += [own.astype(np.float32), decays]
        return arrays

    def solve(chunk: tf.Tensor) -> dict[str, Any]:
        # Without state, several calls can run at once.
        media_types = [] if lengths is None else [tf.float32, tf.float64]
        arrays = tf.numpy_function(draw, [chunk], types + media_types, stateful=False)
        lists = [tf.ensure_shape(array, (None, longest)) for array in arrays[: len(types)]]
        example: dict[str, Any] = {"sources": dict(zip(LIST_TYPES, lists, strict=True))}
        decays = None
        if lengths is not None:
            own, decays = (tf.ensure_shape(array, (None,)) for array in arrays[len(types) :])
            example["diffusion_length"] = own
        images = draw_sources(example["sources"], physics.lattice, radius)
        if produce:
            fields, more = produce(images, decays)
        else:
            fields, more = solver.solve(images, decays=decays), {}
        return {**example, "source_image": images[..., None], "field": fields[..., None], **more}

    return chunks.map(solve, num_parallel_calls=tf.data.AUTOTUNE)


def chunk_size(config: Config) -> int:
    """Number of examples that are solved together."""
    rows, columns = config.physics.lattice
    return 1 if rows * columns >= LARGE else CHUNK


def _check_ring_size(config: Config, count: int) -> None:
    largest = check_radius(config.data.radius)[1]
    side = 2 * int(largest) + 3
    disc = Sources.from_lists([side // 2], [side // 2], [largest], [1.0]).image((side, side))
    axis = Axis(side, "absorbing")
    ring_nodes = count * find_ring(disc != 0, (axis, axis)).size
    if ring_nodes > MAX_RING_NODES:
        raise ConfigurationError(
            f"data.stream: {count} sources have up to {ring_nodes} nodes on their rims, more than "
            f"the {MAX_RING_NODES} that the solver for streams takes; choose fewer or smaller "
            "sources, or stream: false and `diffkeras generate`"
        )


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
        return example.maps[name] if name in example.maps else getattr(example, name)

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
