"""Streams: examples that are solved as they are needed, without end and without a disk.

Sample k of a stream is a function of (data seed, k) alone. Its source count is the k-th of the
configuration's counts, which take turns; its sources are those of example k of the split "stream"
of that count's recipe. NumPy draws them ahead of time in tf.data's threads, and the field is solved
in the graph. Where the medium varies, each example needs a table of Green's function of its own,
which NumPy makes as well: TensorFlow lacks the fast transforms.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.config import Config, Split
from diffkeras.data.reading.data_shares import WHOLE, Part
from diffkeras.errors import ConfigurationError
from diffkeras.physics import ExampleRecipe, Sources, check_radius
from diffkeras.physics.operators.axis import Axis
from diffkeras.physics.operators.ring import find_ring
from diffkeras.tf_solver.draw_sources import draw_sources
from diffkeras.tf_solver.solver import OwnMedia, TensorSolver
from tfds_builders import DiffusionFieldsConfig

CHUNK = 4  # examples solved at once on small lattices, where starting operations takes the time
LARGE = 1 << 16  # nodes from which on they are solved one by one, none padded to another's size
MOST_RING_NODES = 3000  # whose dense systems take a GB a chunk; only NumPy iterates on larger ones
ENDLESS = 1 << 62

NAMES = ("rows", "columns", "radii", "values")
TYPES = (tf.int32, tf.int32, tf.float32, tf.float32)


def stream_examples(
    config: Config,
    *,
    start: int = 0,
    sources: Sequence[int] | None = None,
    number: Callable[[tf.Tensor], tf.Tensor] = lambda j: j,
) -> tf.data.Dataset:
    """The samples of a stream from one on, without end, a few at a time.

    Chunks are cut at the same samples wherever it starts, so that rounding is the same too.

    Args:
        config: physics, radii and seed.
        start: the first one taken.
        sources: source counts that take turns, by default the configuration's.
        number: of the j-th sample taken, an ascending function; by default all are.

    Returns:
        A dataset of {"source_image": (k, H, W, 1), "field": (k, H, W, 1), "sources": {…}}, float32;
        k ≤ `CHUNK`. Lists of sources are as long as the longest, padded with discs of radius −1.
        Where the diffusion length varies, "diffusion_length" (k,) as well.

    Raises:
        ConfigurationError: more sources than the solver for streams takes.
        PackingError: so many or so large discs don't fit.
    """
    counts = tuple(sources or config.data.sources)
    recipes = [DiffusionFieldsConfig.of_config(count, config).recipe() for count in counts]
    for count, recipe in zip(counts, recipes, strict=True):
        _check_size(config, count)
        recipe.sources("stream", 0)  # discs that don't fit are refused here, in one line

    chunk = _chunk(config)
    before = start % chunk
    numbers = tf.data.Dataset.range(start - before, ENDLESS).map(number)
    chunks = _solved(config, recipes, "stream", numbers)
    return chunks.unbatch().skip(before).batch(chunk) if before else chunks


def solved_split(config: Config, count: int, split: Split, part: Part = WHOLE) -> tf.data.Dataset:
    """A part of a split's examples as `raw_dataset` gives them, solved instead of read.

    Source lists and images are those of the stored ones, fields within 2e-6.

    Raises:
        ConfigurationError: more sources than the solver for streams takes.
        PackingError: so many or so large discs don't fit.
    """
    _check_size(config, count)
    recipe = DiffusionFieldsConfig.of_config(count, config).recipe()
    recipe.sources(split, 0)
    own = part.of(int(getattr(config.data, f"{split}_examples")))
    numbers = tf.data.Dataset.range(own.start, own.stop)
    solved = _solved(config, [recipe], split, numbers)
    return solved.unbatch().apply(tf.data.experimental.assert_cardinality(len(own)))


def _solved(
    config: Config, recipes: Sequence[ExampleRecipe], split: str, numbers: tf.data.Dataset
) -> tf.data.Dataset:
    """Chunks of examples of recipes that take turns, with all that `raw_dataset` gives.

    Lists of sources are as long as the longest, padded with discs of radius −1.
    """
    physics, radius = config.physics, config.data.radius
    most = max(recipe.count for recipe in recipes)
    lengths, medium, types = config.data.diffusion_length, physics.medium, [*TYPES]
    if lengths is not None:
        medium = medium.with_diffusion_length(lengths[1])
        types += [tf.float32] * 3
    solver = TensorSolver(physics.lattice, medium, "float32")

    def draw(numbers: NDArray[np.int64]) -> list[NDArray]:
        chosen = [(recipes[k % len(recipes)], k) for k in numbers.tolist()]
        drawn = [recipe.sources(split, k) for recipe, k in chosen]
        arrays: list[NDArray] = [np.zeros((len(drawn), most), np.int32) for _ in range(2)]
        arrays += [np.full((len(drawn), most), fill, np.float32) for fill in (-1.0, 0.0)]
        for row, sources in enumerate(drawn):
            for name, array in zip(NAMES, arrays, strict=True):
                array[row, : sources.count] = getattr(sources, name)
        if lengths is not None:
            own = np.array([recipe.length_of(split, k) for recipe, k in chosen])
            decays = np.array([medium.with_diffusion_length(length).decay for length in own])
            arrays += [own.astype(np.float32), decays.astype(np.float32), solver.tables(decays)]
        return arrays

    def drawn_of(numbers: tf.Tensor) -> dict[str, Any]:
        # without state: so the calls of several chunks run at once and are pruned like any other
        arrays = tf.numpy_function(draw, [numbers], types, stateful=False)
        drawn: dict[str, Any] = {
            "sources": {
                name: tf.ensure_shape(array, (None, most))
                for name, array in zip(NAMES, arrays[:4], strict=True)
            }
        }
        if lengths is not None:
            drawn["diffusion_length"] = tf.ensure_shape(arrays[4], (None,))
            decays, tables = arrays[5:]
            drawn["media"] = OwnMedia(
                tf.ensure_shape(decays, (None,)), tf.ensure_shape(tables, (None, None, None))
            )
        return drawn

    def solve(drawn: dict[str, Any]) -> dict[str, Any]:
        images = draw_sources(drawn["sources"], physics.lattice, radius)
        fields = solver.solve(images, media=drawn.pop("media", None))
        return {**drawn, "source_image": images[..., None], "field": fields[..., None]}

    chunks = numbers.batch(_chunk(config))
    drawn = chunks.map(drawn_of, num_parallel_calls=tf.data.AUTOTUNE)
    return drawn.map(solve, num_parallel_calls=tf.data.AUTOTUNE)


def _chunk(config: Config) -> int:
    rows, columns = config.physics.lattice
    return 1 if rows * columns >= LARGE else CHUNK


def _check_size(config: Config, count: int) -> None:
    largest = check_radius(config.data.radius)[1]
    side = 2 * int(largest) + 3
    disc = Sources.from_lists([side // 2], [side // 2], [largest], [1.0]).image((side, side))
    axis = Axis(side, "absorbing")
    ring_nodes = count * find_ring(disc != 0, (axis, axis)).size
    if ring_nodes > MOST_RING_NODES:
        raise ConfigurationError(
            f"data.stream: {count} sources have up to {ring_nodes} nodes on their rims, more than "
            f"the {MOST_RING_NODES} that the solver for streams takes; choose fewer or smaller "
            "sources, or stream: false and `diffkeras generate`"
        )
