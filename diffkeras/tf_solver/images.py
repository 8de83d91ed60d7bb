"""Source images and production of the TensorFlow solver: their checks and their scale."""

from functools import reduce
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


def checked(tensor: tf.Tensor, condition: tf.Tensor, *message: Any) -> tf.Tensor:
    """The tensor; an InvalidArgumentError when the graph runs and the condition is false."""
    # not tf.debugging.Assert, whose branches take as long to trace as all of the solver
    data = [tf.convert_to_tensor(part) for part in message]
    with tf.control_dependencies([tf.raw_ops.Assert(condition=condition, data=data)]):
        return tf.identity(tensor)


def check_images(
    source_images: Any,
    lattice: tuple[int, int],
    dtype: tf.DType,
    name: str = "source images",
    exact: bool = False,
) -> tuple[tf.Tensor, tf.DType]:
    """Source images or production in the precision `dtype`, and the type of their fields.

    With `exact`, subnormal numbers are an InvalidArgumentError.
    """
    if np.ma.isMaskedArray(source_images):
        raise PhysicsError(f"{name} must not be a masked array; fill it first")
    try:
        images = tf.convert_to_tensor(source_images)
    except (TypeError, ValueError) as error:
        raise PhysicsError(f"{name} must be an array of real numbers: {error}") from None
    if not images.shape.is_compatible_with((None, *lattice)):
        raise PhysicsError(
            f"{name} must have shape (batch, {lattice[0]}, {lattice[1]}), not {images.shape}"
        )
    if not (images.dtype.is_floating or images.dtype.is_integer or images.dtype.is_bool):
        raise PhysicsError(f"{name} must be real numbers, not {images.dtype.name}")
    if exact:
        images = normal_numbers(images)
    return tf.cast(images, dtype), images.dtype if images.dtype.is_floating else dtype


def normal_numbers(values: tf.Tensor) -> tf.Tensor:
    """The values; an InvalidArgumentError if one is subnormal, which TensorFlow takes for 0."""
    if values.dtype not in FLOATS:
        return values
    integers, exponent, _ = FLOATS[values.dtype]
    magnitudes = tf.bitcast(values, integers) & integers.max
    subnormal = (magnitudes & exponent == 0) & (magnitudes != 0)
    message = "a value is so small that TensorFlow takes it for 0; set it to 0 or scale the image"
    return checked(values, ~tf.reduce_any(subnormal), message)


def powers_of_two(*parts: tuple[tf.Tensor, float]) -> tf.Tensor:
    """The largest power of 2 up to each image's largest |value| in its unit, (batch, 1, 1).

    Divided by it, no value over- or underflows in the solver, and nothing is rounded. The parts are
    source images and production, each with its unit: 1 or D/h².
    """
    dtype = parts[0][0].dtype
    integers, exponent, smallest = FLOATS[dtype]
    largest = [tf.reduce_max(tf.abs(part), axis=[1, 2], keepdims=True) for part, _ in parts]
    units = [unit for _, unit in parts]
    size = reduce(tf.maximum, [size / u for size, u in zip(largest, units, strict=True)])
    # production can be too small as given, or divided by its unit
    least = reduce(tf.maximum, [size / max(u, 1.0) for size, u in zip(largest, units, strict=True)])
    message = (
        "the largest |value| of a source image and its production, also divided by D/h², is below "
        f"{smallest:g}; scale the image"
    )
    size = checked(size, ~tf.reduce_any((least > 0) & (least < smallest)), message)
    bits = tf.bitwise.bitwise_and(tf.bitcast(size, integers), tf.constant(exponent, integers))
    power = tf.stop_gradient(tf.bitcast(bits, dtype))
    return tf.where(power > 0, power, tf.ones_like(power))
