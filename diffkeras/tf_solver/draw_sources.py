"""Lists of discs for a TensorFlow graph, and the source images that it draws from them."""

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.physics import Sources, check_radius
from diffkeras.physics.sources.sampling import Radius

LIST_TYPES = {"rows": tf.int32, "columns": tf.int32, "radii": tf.float32, "values": tf.float32}


def source_lists(drawn: Sequence[Sources], longest: int) -> list[NDArray]:
    """Arrays (examples, longest) for the names and types of `LIST_TYPES`, padded with radii −1."""
    shape = (len(drawn), longest)
    arrays: list[NDArray] = [np.zeros(shape, np.int32), np.zeros(shape, np.int32)]
    arrays += [np.full(shape, -1, np.float32), np.zeros(shape, np.float32)]
    for index, sources in enumerate(drawn):
        for name, array in zip(LIST_TYPES, arrays, strict=True):
            array[index, : sources.count] = getattr(sources, name)
    return arrays


def draw_sources(
    sources: dict[str, tf.Tensor], lattice: tuple[int, int], radius: Radius
) -> tf.Tensor:
    """Draw the source images of lists of discs that do not overlap, or whose values add.

    The images are identical to those of `Sources.image`, on a CPU to the bit where discs overlap.

    Args:
        sources: "rows", "columns", "radii" and "values", each (batch, n). Discs with a negative
            radius are skipped, so that lists of different lengths can be padded.
        lattice: (rows, columns).
        radius: the radius of the discs, or the range of their radii.

    Returns:
        (batch, rows, columns) float32.
    """
    # radii are stored in float32, and rounding may lift the largest one to the next integer
    reach = math.floor(float(np.float32(check_radius(radius)[1])))
    steps = tf.range(-reach, reach + 1)
    # in float64, where the squares of float32 radii are exact
    squared = tf.cast(steps[:, None] ** 2 + steps**2, tf.float64)
    radii = tf.cast(sources["radii"], tf.float64)[..., None, None]
    rows = tf.cast(sources["rows"], tf.int32)[..., None, None] + steps[:, None]
    columns = tf.cast(sources["columns"], tf.int32)[..., None, None] + steps
    inside = (squared <= radii**2) & (radii >= 0)
    inside &= (rows >= 0) & (rows < lattice[0]) & (columns >= 0) & (columns < lattice[1])
    batch = tf.shape(radii)[0]
    images = tf.range(batch)[:, None, None, None]
    shape = tf.shape(inside)
    nodes = tf.stack([tf.broadcast_to(part, shape) for part in (images, rows, columns)], axis=-1)
    values = tf.broadcast_to(tf.cast(sources["values"], tf.float32)[..., None, None], shape)
    drawn = tf.scatter_nd(nodes[inside], values[inside], tf.stack([batch, *lattice]))
    return tf.ensure_shape(drawn, (None, *lattice))
