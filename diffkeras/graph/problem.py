"""A batch of problems as tensors, checked once."""

from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from diffkeras.errors import PhysicsError
from diffkeras.graph.checks import (
    LATTICE,
    as_tensor,
    check_range,
    checked,
    exact_numbers,
    finite_numbers,
    first_true,
    not_zero,
    real_numbers,
)
from diffkeras.nn.equation.transforms import ring_of
from diffkeras.physics import Medium
from diffkeras.physics.arguments import FASTEST, SLOWEST


class ProblemTensors(NamedTuple):
    """A batch of problems on one lattice, in float64.

    Production and decay are divided by the medium's `unit`, which rounds nothing.

    Attributes:
        values: c of the fixed nodes, 0 on the free ones, (batch, rows, columns); all NaN where an
            image is not valid.
        fixed, ring: (batch, rows, columns) bool, the fixed nodes, and those next to free ones.
        has_sources: whether there are source images; without them no node is fixed.
        production: (batch, rows, columns), 0 on the fixed nodes; None if there is none.
        decay: γ, (batch, 1, 1) or (1, 1, 1).
        has_decays: whether images have decays of their own.
        dtype: the type of the source images or production, if it is a float.
        is_valid: whether an image's problem is one, (batch, 1, 1) or (1, 1, 1) bool. Where it
            isn't, TensorFlow raises an error, and XLA goes on: its field is NaN, its bounds are
            infinite.
        exact: whether float64 has the numbers of the arguments, so that bounds are about them.
    """

    values: tf.Tensor
    fixed: tf.Tensor
    ring: tf.Tensor
    has_sources: bool
    production: tf.Tensor | None
    decay: tf.Tensor
    has_decays: bool
    dtype: tf.DType | None
    is_valid: tf.Tensor
    exact: tf.Tensor

    @classmethod
    def from_arguments(
        cls,
        lattice: tuple[int, int],
        medium: Medium,
        source_images: Any,
        fixed: Any,
        production: Any,
        decay: Any,
        *,
        proven: bool,
    ) -> "ProblemTensors":
        """The arguments of `TensorSolver.solve`.

        With `proven` an InvalidArgumentError for numbers that have no proof, otherwise only for
        those that have no field.
        """
        images, fixed, production, dtype = _check_shapes(lattice, source_images, fixed, production)
        given = {"source images": images, "production": production}
        parts = [(name, values) for name, values in given.items() if values is not None]
        exact = reduce(tf.logical_and, [exact_numbers(*part, proven) for part in parts])
        valid = exact
        if not proven:
            valid = reduce(tf.logical_and, [finite_numbers(*part) for part in parts])
        if production is not None:
            production = tf.cast(production, tf.float64) / medium.unit
        if has_sources := images is not None:
            images = tf.cast(images, tf.float64)
        else:
            images, fixed = tf.zeros_like(production), tf.zeros_like(production, tf.bool)
        decays, right = _check_decay(medium, decay, images)
        right &= _have_one_solution(medium, fixed, decays)
        valid = valid[:, None, None] & right
        return cls(
            values=tf.where(valid, images, np.nan),
            fixed=fixed,
            ring=tf.cast(ring_of(tf.cast(fixed, tf.float32), medium.side_kinds), tf.bool),
            has_sources=has_sources,
            production=production,
            decay=decays / medium.unit,
            has_decays=decay is not None,
            dtype=dtype,
            is_valid=valid,
            exact=exact[:, None, None],
        )


def largest_of_each(values: tf.Tensor) -> tf.Tensor:
    """The largest |value| of each image, (batch, 1, 1). XLA's ignores NaN."""
    return tf.reduce_max(tf.abs(values), LATTICE, keepdims=True)


def power_of_two(sizes: tf.Tensor) -> tf.Tensor:
    """The largest power of 2 up to each size, which is float64 and not negative; 1 for 0."""
    exponent = np.float64(np.inf).view(np.int64)  # all its bits
    power = tf.bitcast(tf.bitcast(sizes, tf.int64) & exponent, tf.float64)
    return tf.stop_gradient(tf.where(power > 0, power, 1.0))


def all_finite(values: tf.Tensor) -> tf.Tensor:
    """Whether all values of each image are finite, (batch, 1, 1)."""
    return tf.reduce_all(tf.math.is_finite(values), LATTICE, keepdims=True)


def same_shape(
    name: str, values: tf.Tensor, images: tf.Tensor, *, shared: bool = False
) -> tf.Tensor:
    """Values of the shape of images or of its first axes; if `shared`, also of a batch of 1."""
    axes = values.shape.rank
    if shared and values.shape[0] == 1:
        return values
    if not values.shape.is_compatible_with(images.shape[:axes]):
        raise PhysicsError(
            f"{name} has shape {values.shape}, the source images {images.shape}; give one for each "
            "image"
        )
    given, wanted = tf.shape(values), tf.shape(images)
    is_right = tf.reduce_all(given == wanted[:axes])
    if shared:
        is_right |= given[0] == 1
    message = f"{name} and source images have different shapes; give one for each image, not"
    return checked(values, is_right, message, given, "for", wanted)


def _check_shapes(
    lattice: tuple[int, int], source_images: Any, fixed: Any, production: Any
) -> tuple[tf.Tensor | None, tf.Tensor | None, tf.Tensor | None, tf.DType | None]:
    """Images, fixed nodes, production and `dtype` of `ProblemTensors`, in the arguments' types."""
    if source_images is None and (production is None or fixed is not None):
        raise PhysicsError("give source images, which fixed nodes need, or production")
    dtype = None
    if production is not None:
        production, dtype = real_numbers(production, lattice, "production")
    if source_images is None:
        return None, None, production, dtype
    images, dtype = real_numbers(source_images, lattice, "source images")
    mask = images if fixed is None else real_numbers(fixed, lattice, "the fixed mask")[0]
    fixed = same_shape("the fixed mask", not_zero(mask), images)
    images = tf.where(fixed, images, tf.zeros_like(images))
    if production is not None:
        production = same_shape("production", production, images)
        production = tf.where(fixed, tf.zeros_like(production), production)
    return images, fixed, production, dtype


def _have_one_solution(medium: Medium, fixed: tf.Tensor, decay: tf.Tensor) -> tf.Tensor:
    """Whether the problem of each image has one, (batch, 1, 1) or (1, 1, 1).

    An InvalidArgumentError if one has none or many.
    """
    if not medium.is_closed or medium.decay:
        return tf.constant(True, shape=(1, 1, 1))
    loses = (decay > 0) | tf.reduce_any(fixed, LATTICE, keepdims=True)
    message = (
        "no node is fixed, and with decay 0 and no absorbing boundary every constant solves the "
        "problem, or with a net production nothing does: fix a node, or give decay or an absorbing "
        "boundary; the first such image is number"
    )
    return checked(loses, tf.reduce_all(loses), message, first_true(~tf.reshape(loses, [-1])))


def _check_decay(medium: Medium, decay: Any, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """γ of each image, (batch, 1, 1) or (1, 1, 1) in float64, and whether it is in range."""
    if decay is None:
        own = tf.constant(float(medium.decay), tf.float64, shape=(1, 1, 1))
        return own, tf.constant(True, shape=(1, 1, 1))
    values = as_tensor(decay, "decay", in_double=True)
    if values.shape.rank not in (None, 1):
        raise PhysicsError(
            f"decay must have shape (batch,), one number for each image, not {values.shape}; "
            "diffkeras.tensorflow.solve takes a decay of each node"
        )
    values = same_shape("decay", values, images, shared=True)
    values, _ = real_numbers(values[:, None, None], (1, 1), "decay")
    rate = max(map(float, medium.diffusivities)) / medium.step / medium.step
    least, most = max(SLOWEST * rate, float(medium.decay)), FASTEST * rate
    right = check_range("decay", values, least, most, positive=bool(medium.decay))
    return tf.cast(values, tf.float64), right[:, None, None]
