"""Numbers of source images, production and media: their checks.

A check raises an error where TensorFlow runs the graph. XLA drops it, so each one also gives a flag
for each image: fields are NaN and bounds infinite where it is False. Flags come from the bits of
the numbers, because TensorFlow's threads take subnormal numbers for 0, and XLA's maxima ignore NaN.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import MOST_WHOLE

LATTICE = [1, 2]  # axes of a lattice in a batch
ROUNDED = 2.0**-20  # values in float32 may exceed limits by this share
# float64 images of smaller values have no proof: products could underflow in some medium
LEAST_PROVEN = 1e-200
FLOATS = {tf.float32: tf.int32, tf.float64: tf.int64}  # and the integers of the same size


def checked(tensor: tf.Tensor, condition: tf.Tensor, *message: Any) -> tf.Tensor:
    """The tensor; an InvalidArgumentError when the graph runs and the condition is false.

    XLA drops the check: nothing that is proven may rest on it alone.
    """
    # not tf.debugging.Assert, whose branches take as long to trace as all of the solver
    data = [tf.convert_to_tensor(part) for part in message]
    with tf.control_dependencies([tf.raw_ops.Assert(condition=condition, data=data)]):
        return tf.identity(tensor)


def first_true(flags: tf.Tensor) -> tf.Tensor:
    """The number of the first True of (n,) flags, n if there is none; XLA has no `tf.where`."""
    return tf.argmax(tf.cast(tf.concat([flags, [True]], 0), tf.int32), output_type=tf.int32)


def as_tensor(values: Any, name: str, *, in_double: bool = False) -> tf.Tensor:
    """Values as a tensor; TensorFlow rounds Python's numbers to float32, but with `in_double`."""
    try:
        given = np.asarray(values) if in_double and not tf.is_tensor(values) else values
        return tf.convert_to_tensor(given)
    except (TypeError, ValueError) as error:
        raise PhysicsError(f"{name} must be an array of real numbers: {error}") from None


def real_numbers(
    values: Any, lattice: tuple[int, ...], name: str
) -> tuple[tf.Tensor, tf.DType | None]:
    """Real numbers (batch, *lattice) as they are, and their type if they are floats.

    Types smaller than float32 become float32, which holds all their numbers.
    """
    values = as_tensor(values, name)
    if not values.shape.is_compatible_with((None, *lattice)):
        shape = f"(batch, {', '.join(map(str, lattice))})"
        raise PhysicsError(f"{name} must have shape {shape}, not {values.shape}")
    dtype = values.dtype
    if not (dtype.is_floating or dtype.is_integer or dtype.is_bool):
        raise PhysicsError(f"{name} must be real numbers, not {dtype.name}")
    if values.shape[1:] != lattice:  # XLA takes sides that are ensured for dynamic ones
        values = tf.ensure_shape(values, (None, *lattice))
    if not dtype.is_floating:
        return values, None
    return values if dtype in FLOATS else tf.cast(values, tf.float32), dtype


def not_zero(values: tf.Tensor) -> tf.Tensor:
    """Which values are not 0, also where TensorFlow takes them for 0."""
    return _magnitudes(values) != 0 if values.dtype in FLOATS else tf.cast(values, tf.bool)


def finite_numbers(name: str, values: tf.Tensor) -> tf.Tensor:
    """Whether all values of each image are finite, (batch,); an InvalidArgumentError if not."""
    wrong = _not_finite if values.dtype in FLOATS else _none
    return _right_images(values, wrong, f"{name} must be finite")


def exact_numbers(name: str, values: tf.Tensor, raises: bool = True) -> tf.Tensor:
    """Whether float64 has the values of each image, for proofs, (batch,).

    With `raises` an InvalidArgumentError for numbers that are not finite or subnormal, integers
    that float64 rounds, and images whose largest |value| is too small for proofs in float64.
    """
    if values.dtype in FLOATS:
        least, wrong = np.finfo(values.dtype.as_numpy_dtype).tiny, _unusable
        rule = f"must be finite, and not below {least:.2g} in size, which TensorFlow takes for 0"
    else:
        wrong, rule = _rounded, "must be at most 2^53 in size, as float64 rounds larger integers"
    valid = _right_images(values, wrong, f"{name} {rule}", raises)
    if values.dtype != tf.float64:  # a float32 that isn't 0 is large enough
        return valid
    bits = tf.reduce_max(_magnitudes(values), LATTICE)
    large = (bits == 0) | ~(tf.bitcast(bits, tf.float64) < LEAST_PROVEN)
    rule = f"the largest |value| of {name} is below {LEAST_PROVEN:g}; scale the image"
    return valid & (checked(large, tf.reduce_all(large), rule) if raises else large)


def check_range(
    name: str,
    values: tf.Tensor,
    least: float = 0.0,
    most: float = np.inf,
    *,
    positive: bool = False,
) -> tf.Tensor:
    """Whether all values of each image are exact, and within the limits or 0, (batch,).

    `positive` ones must not be 0. An InvalidArgumentError if not.
    """

    def wrong(values: tf.Tensor) -> tf.Tensor:
        values = tf.cast(values, tf.float64)
        low = (values < (1 - ROUNDED) * least) & (values != 0)
        low |= (values <= 0) & positive
        return low | ~(values <= (1 + ROUNDED) * most)

    sign = "positive" if positive else "not negative"
    limits = ("" if positive else "0 or ") + f"at least {least:g}" if least else sign
    limits += f" and at most {most:g}" if most < np.inf else ""
    exact = exact_numbers(name, values)
    return exact & _right_images(values, wrong, f"{name} must be {limits}")


def _right_images(
    values: tf.Tensor, wrong: Callable[[tf.Tensor], tf.Tensor], rule: str, raises: bool = True
) -> tf.Tensor:
    """Whether no value of each image is wrong, (batch,); `rule` is what values must be.

    With `raises`, an InvalidArgumentError names the first wrong value and where it is.
    """
    valid = ~tf.reduce_any(wrong(values), LATTICE)
    all_valid = tf.reduce_all(valid)
    if not raises or (tf.executing_eagerly() and all_valid):
        return valid
    # a graph looks at no image if all are valid, so that the message costs nothing
    image = first_true(~valid)
    looked_at = values[image : image + 1]
    node = first_true(tf.reshape(wrong(looked_at), [-1]))
    value = tf.concat([tf.reshape(looked_at, [-1]), tf.zeros([1], values.dtype)], 0)[node]
    columns = tf.shape(values)[2]
    place = tf.stack([image, node // columns, node % columns])
    return checked(valid, all_valid, f"{rule}, not", value, "at [image row column]", place)


def _magnitudes(values: tf.Tensor) -> tf.Tensor:
    """The bits of |values|, integers in the same order; of NaN, the largest."""
    integers = FLOATS[values.dtype]
    return tf.bitcast(values, integers) & integers.max


def _bits(number: float, dtype: tf.DType) -> int:
    """The bits of a positive number, as an integer."""
    return int(np.asarray(number, dtype.as_numpy_dtype).view(FLOATS[dtype].as_numpy_dtype))


def _none(values: tf.Tensor) -> tf.Tensor:
    return tf.zeros_like(values, tf.bool)


def _not_finite(values: tf.Tensor) -> tf.Tensor:
    return _magnitudes(values) >= _bits(np.inf, values.dtype)


def _unusable(values: tf.Tensor) -> tf.Tensor:
    """Which numbers are not finite, or subnormal: TensorFlow's threads take these for 0."""
    bits, normal = _magnitudes(values), np.finfo(values.dtype.as_numpy_dtype).tiny
    return _not_finite(values) | ((bits < _bits(normal, values.dtype)) & (bits > 0))


def _rounded(values: tf.Tensor) -> tf.Tensor:
    """Which integers float64 may round."""
    if values.dtype not in (tf.int64, tf.uint64):
        return _none(values)
    most = tf.constant(MOST_WHOLE, values.dtype)
    too_large = values > most
    return too_large if values.dtype == tf.uint64 else too_large | (values < -most)
