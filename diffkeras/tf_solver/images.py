"""Source images and production of the TensorFlow solver: their checks and their scale.

A check raises an error where TensorFlow runs the graph. XLA drops it, so each one also gives a flag
for each image: fields are NaN and bounds infinite where it is False. Flags come from the bits of
the numbers, because TensorFlow's threads take subnormal numbers for 0, and XLA's maxima ignore NaN.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from diffkeras.errors import PhysicsError

LATTICE = [1, 2]  # axes of a lattice in a batch
MOST_INTEGER = 2**53  # float64 holds all integers up to here
# The least size of a float64 image that is proven: no product underflows, whatever the medium
LEAST_PROVEN = 1e-200


class _Float(NamedTuple):
    """A floating-point type: the integers with its bits, and the bits of some numbers.

    Attributes:
        integers: a type of the same size.
        normal, infinite: bits of the smallest normal number and of infinity.
        smallest: the smallest value of a source whose field is represented to full precision.
    """

    integers: tf.DType
    normal: int
    infinite: int
    smallest: float


FLOATS = {
    tf.float32: _Float(tf.int32, 0x00800000, 0x7F800000, 1e-32),
    tf.float64: _Float(tf.int64, 0x0010000000000000, 0x7FF0000000000000, 1e-290),
}


class Part(NamedTuple):
    """Values (batch, rows, columns) of source images or production, and their unit, 1 or D/h²."""

    name: str
    values: tf.Tensor
    unit: float = 1.0


def checked(tensor: tf.Tensor, condition: tf.Tensor, *message: Any) -> tf.Tensor:
    """The tensor; an InvalidArgumentError when the graph runs and the condition is false.

    XLA drops the check: nothing that is proven may rest on it alone.
    """
    # not tf.debugging.Assert, whose branches take as long to trace as all of the solver
    data = [tf.convert_to_tensor(part) for part in message]
    with tf.control_dependencies([tf.raw_ops.Assert(condition=condition, data=data)]):
        return tf.identity(tensor)


def checked_images(
    usable: tf.Tensor, values: tf.Tensor, wrong: Callable[[tf.Tensor], tf.Tensor], rule: str
) -> tf.Tensor:
    """The flags of images, (batch,); an InvalidArgumentError if one is False.

    The error names the first wrong value and where it is.

    Args:
        usable: whether no value of each image is wrong, (batch,) bool.
        values: (batch, rows, columns).
        wrong: which of the values of images are wrong, (images, rows, columns) bool.
        rule: what values must be.
    """
    all_usable = tf.reduce_all(usable)
    if tf.executing_eagerly() and all_usable:
        return usable
    # a graph looks at no image if all are usable, so that the message costs nothing
    image = first_true(~usable)
    looked_at = values[image : image + 1]
    node = first_true(tf.reshape(wrong(looked_at), [-1]))
    value = tf.concat([tf.reshape(looked_at, [-1]), tf.zeros([1], values.dtype)], 0)[node]
    columns = tf.shape(values)[2]
    place = tf.stack([image, node // columns, node % columns])
    message = (f"{rule}, not", value, "at [image row column]", place)
    return checked(usable, all_usable, *message)


def first_true(flags: tf.Tensor) -> tf.Tensor:
    """The number of the first True of (n,) flags, n if there is none; XLA has no `tf.where`."""
    return tf.argmax(tf.cast(tf.concat([flags, [True]], 0), tf.int32), output_type=tf.int32)


def real_numbers(
    values: Any, lattice: tuple[int, int], name: str = "source images"
) -> tuple[tf.Tensor, tf.DType | None]:
    """Real numbers (batch, rows, columns) as they are given, and their type if they are floats.

    Types smaller than float32 become float32, which holds all their numbers.
    """
    if np.ma.isMaskedArray(values):
        raise PhysicsError(f"{name} must not be a masked array; fill it first")
    try:
        values = tf.convert_to_tensor(values)
    except (TypeError, ValueError) as error:
        raise PhysicsError(f"{name} must be an array of real numbers: {error}") from None
    if not values.shape.is_compatible_with((None, *lattice)):
        raise PhysicsError(
            f"{name} must have shape (batch, {lattice[0]}, {lattice[1]}), not {values.shape}"
        )
    dtype = values.dtype
    if not (dtype.is_floating or dtype.is_integer or dtype.is_bool):
        raise PhysicsError(f"{name} must be real numbers, not {dtype.name}")
    if not dtype.is_floating:
        return values, None
    return plain_floats(values), dtype


def plain_floats(values: tf.Tensor) -> tf.Tensor:
    """Numbers in a type of `FLOATS`, if they are floats; all those of smaller types fit."""
    if values.dtype in FLOATS or not values.dtype.is_floating:
        return values
    return tf.cast(values, tf.float32)


def magnitudes(values: tf.Tensor) -> tf.Tensor:
    """The bits of |values|, integers in the same order; those of NaN are the largest."""
    integers = FLOATS[values.dtype].integers
    return tf.bitcast(values, integers) & integers.max


def not_zero(values: tf.Tensor) -> tf.Tensor:
    """Which values are not 0, also where TensorFlow takes them for 0."""
    return magnitudes(values) != 0 if values.dtype in FLOATS else tf.cast(values, tf.bool)


def in_precision(values: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Values in another type, of which none becomes 0, so that `powers_of_two` can refuse it."""
    rounded = tf.cast(values, dtype)
    if values.dtype != tf.float64 or dtype == tf.float64:
        return rounded
    least = tf.constant(np.finfo(dtype.as_numpy_dtype).tiny, dtype)
    return tf.where(not_zero(values) & (tf.abs(rounded) < least), least, rounded)


def exact_numbers(part: Part) -> tuple[tf.Tensor, tf.Tensor]:
    """Values in float64, and whether all those of each image are what was given, (batch, 1, 1).

    An InvalidArgumentError for numbers that are not finite or subnormal, integers that float64
    doesn't hold, and images whose largest |value| is too small for float64 to hold their proofs.
    """
    values, name = plain_floats(tf.convert_to_tensor(part.values)), part.name
    if values.dtype not in FLOATS:
        rule = f"{name} must be at most 2^53 in size, as float64 rounds larger integers"
        usable = ~tf.reduce_any(_rounded(values), LATTICE)
        usable = checked_images(usable, values, _rounded, rule)
        return tf.cast(values, tf.float64), usable[:, None, None]
    least = np.finfo(values.dtype.as_numpy_dtype).tiny
    rule = f"{name} must be finite, and not below {least:.2g} in size, which TensorFlow takes for 0"
    usable = ~tf.reduce_any(unusable(values), LATTICE)
    usable = checked_images(usable, values, unusable, rule)
    if values.dtype == tf.float64:  # a float32 that isn't 0 is large enough
        largest = tf.reduce_max(magnitudes(values), LATTICE)
        usable &= _sizes(LEAST_PROVEN, [largest], [part._replace(values=values)])[1]
    return tf.cast(values, tf.float64), usable[:, None, None]


def powers_of_two(*parts: Part, usable: tf.Tensor | bool = True) -> tf.Tensor:
    """The largest power of 2 up to each image's largest |value| in its unit, (batch, 1, 1).

    Divided by it, no value over- or underflows in the solver, and nothing is rounded. It is NaN for
    images that are not `usable`, (batch, 1, 1), hold a number that is not finite, or are so small
    that parts of their fields would underflow. Of the last two, TensorFlow raises an
    InvalidArgumentError.
    """
    dtype = parts[0].values.dtype
    integers, _, infinite, smallest = FLOATS[dtype]
    sizes = [tf.reduce_max(magnitudes(part.values), LATTICE) for part in parts]
    for size, part in zip(sizes, parts, strict=True):
        rule = f"{part.name} must be finite"
        flags = checked_images(size < infinite, part.values, _not_finite, rule)
        usable &= flags[:, None, None]
    size, large = _sizes(smallest, sizes, parts)
    usable &= large[:, None, None]
    bits = tf.bitcast(size, integers) & infinite
    power = tf.bitcast(bits, dtype)
    power = tf.where(power > 0, power, 1.0)[:, None, None]
    return tf.stop_gradient(tf.where(usable, power, np.nan))


def _sizes(
    smallest: float, largest: Sequence[tf.Tensor], parts: Sequence[Part]
) -> tuple[tf.Tensor, tf.Tensor]:
    """The largest |value| of each image in its unit, and whether it is 0 or not too small.

    Both are (batch,). `largest` are the bits of the largest |value| of each part. An
    InvalidArgumentError if a size is too small, as given or in its unit.
    """
    dtype = parts[0].values.dtype
    given = [
        (tf.bitcast(bits, dtype), part.unit) for bits, part in zip(largest, parts, strict=True)
    ]
    size = reduce(tf.maximum, [size / unit for size, unit in given])
    least = reduce(tf.maximum, [size / max(unit, 1.0) for size, unit in given])
    nothing = reduce(tf.maximum, largest) == 0
    large = nothing | ~(least < smallest)
    message = (
        "the largest |value| of a source image and its production, also divided by D/h², is below "
        f"{smallest:g}; scale the image"
    )
    return size, checked(large, tf.reduce_all(large), message)


def _not_finite(values: tf.Tensor) -> tf.Tensor:
    return magnitudes(values) >= FLOATS[values.dtype].infinite


def unusable(values: tf.Tensor) -> tf.Tensor:
    """Which numbers are not finite, or subnormal: TensorFlow's threads take these for 0."""
    bits, kind = magnitudes(values), FLOATS[values.dtype]
    return (bits >= kind.infinite) | ((bits < kind.normal) & (bits > 0))


def _rounded(values: tf.Tensor) -> tf.Tensor:
    """Which integers float64 may round."""
    if values.dtype not in (tf.int64, tf.uint64):
        return tf.zeros_like(values, tf.bool)
    largest = tf.constant(MOST_INTEGER, values.dtype)
    too_large = values > largest
    return too_large if values.dtype == tf.uint64 else too_large | (values < -largest)
