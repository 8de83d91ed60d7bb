"""Source images of the TensorFlow solver: their checks and their scale."""

from operator import index
from typing import Any

import numpy as np
import tensorflow as tf

from diffkeras.errors import PhysicsError

# Integer type with the bits of a floating-point type, the bits of its exponent, and the smallest
# value of a source whose field is represented to full precision
FLOATS = {
    tf.float32: (tf.int32, 0x7F800000, 1e-32),
    tf.float64: (tf.int64, 0x7FF0000000000000, 1e-290),
}


def as_lattice(lattice: Any) -> tuple[int, int]:
    """(rows, columns) of a lattice, which may be one number for a square one.

    Raises:
        PhysicsError: it is something else.
    """
    pair = (lattice, lattice) if isinstance(lattice, int) else lattice
    try:
        rows, columns = (index(side) for side in pair)
    except (TypeError, ValueError):
        rows = columns = 0
    if min(rows, columns) < 1:
        raise PhysicsError(
            f"lattice must be (rows, columns) or one number of nodes, not {repr(lattice)[:60]}"
        )
    return rows, columns


def check_images(
    source_images: Any, lattice: tuple[int, int], dtype: tf.DType
) -> tuple[tf.Tensor, tf.DType]:
    """Source images in the precision `dtype`, and the type of their fields.

    Raises:
        PhysicsError: they have another shape or type.
    """
    if np.ma.isMaskedArray(source_images):
        raise PhysicsError("source images must not be a masked array; fill it first")
    try:
        images = tf.convert_to_tensor(source_images)
    except (TypeError, ValueError) as error:
        raise PhysicsError(f"source images must be an array of real numbers: {error}") from None
    if not images.shape.is_compatible_with((None, *lattice)):
        raise PhysicsError(
            f"source images must have shape (batch, {lattice[0]}, {lattice[1]}), not {images.shape}"
        )
    if images.dtype.is_floating:
        return tf.cast(images, dtype), images.dtype
    if not (images.dtype.is_integer or images.dtype.is_bool):
        raise PhysicsError(f"source images must be real numbers, not {images.dtype.name}")
    return tf.cast(images, dtype), dtype


def powers_of_two(images: tf.Tensor) -> tf.Tensor:
    """The largest power of 2 up to each image's largest |value|, (batch, 1, 1).

    Divided by it, no value over- or underflows in the solver, and nothing is rounded.
    """
    integers, exponent, smallest = FLOATS[images.dtype]
    largest = tf.reduce_max(tf.abs(images), axis=[1, 2], keepdims=True)
    check = tf.debugging.Assert(
        ~tf.reduce_any((largest > 0) & (largest < smallest)),
        [f"the largest |value| of a source image is below {smallest:g}; scale the image"],
    )
    with tf.control_dependencies([check]):
        largest = tf.identity(largest)
    bits = tf.bitwise.bitwise_and(tf.bitcast(largest, integers), tf.constant(exponent, integers))
    power = tf.stop_gradient(tf.bitcast(bits, images.dtype))
    return tf.where(power > 0, power, tf.ones_like(power))
