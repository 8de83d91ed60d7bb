"""A batch of problems as tensors, checked once."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from diffkeras.errors import PhysicsError
from diffkeras.graph.checks import (
    FLOATS,
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
from diffkeras.physics.limits import FASTEST, SLOWEST


class ProblemTensors(NamedTuple):
    """A batch of problems on one lattice, in float64.

    Production and decay are divided by the medium's `unit`, which rounds nothing.

    Attributes:
        images: (batch, rows, columns), 0 on the free nodes.
        fixed: (batch, rows, columns) bool.
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

    images: tf.Tensor
    fixed: tf.Tensor
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
        parts = {name: values for name, values in given.items() if values is not None}
        exact = reduce(tf.logical_and, [exact_numbers(*part, proven) for part in parts.items()])
        valid = exact if proven else _have_fields(parts, medium.unit)
        if has_sources := images is not None:
            images = tf.cast(images, tf.float64)
        if production is not None:
            production = tf.cast(production, tf.float64) / medium.unit
        if not has_sources:
            images, fixed = tf.zeros_like(production), tf.zeros_like(production, tf.bool)
        decays, right = _check_decay(medium, decay, images)
        right &= _have_one_solution(medium, fixed, decays)
        valid, exact = valid[:, None, None] & right, exact[:, None, None]
        decays, has_decays = decays / medium.unit, decay is not None
        return cls(images, fixed, has_sources, production, decays, has_decays, dtype, valid, exact)

    @property
    def own_decays(self) -> tf.Tensor | None:
        """The decays of the images, (batch, 1, 1), None if all have the medium's."""
        return self.decay if self.has_decays else None


class FixedNodes:
    """The fixed nodes of a batch of problems in proofs.

    Attributes:
        free, ring: masks of the free nodes, and of the fixed nodes next to them.
        values: c on the fixed nodes, 0 elsewhere, (batch, rows, columns) float64; NaN everywhere
            where an image is not valid.
        is_valid: whether an image has a proof, (batch, 1, 1).
        any_ring: whether there is a ring, (batch, 1, 1).
        ring_size: the largest |value| on the ring, (batch, 1, 1).
    """

    def __init__(self, problem: ProblemTensors, boundaries: Sequence[str]) -> None:
        self.is_valid = problem.is_valid & problem.exact
        self.values = tf.where(self.is_valid, problem.images, np.nan)
        self.free, self.ring = ~problem.fixed, ring_mask(problem.fixed, boundaries)
        self.any_ring = tf.reduce_any(self.ring, LATTICE, keepdims=True)
        self.ring_size = largest_of_each(tf.where(self.ring, self.values, 0.0))

    def size(self, field: tf.Tensor) -> tf.Tensor:
        """The largest |value| of a field on the ring and the free nodes, (batch, 1, 1)."""
        return tf.maximum(self.ring_size, largest_of_each(tf.where(self.free, field, 0.0)))

    def change(self, initial: tf.Tensor, field: tf.Tensor) -> tf.Tensor:
        """The largest finite |initial − field|, and at most the largest |field|, (batch, 1, 1)."""
        change = tf.where(self.free & tf.math.is_finite(initial), initial - field, 0.0)
        return tf.stop_gradient(tf.minimum(largest_of_each(change), self.size(field)))

    def insert(self, field: tf.Tensor) -> tf.Tensor:
        """The field with the fixed nodes at their values; NaN where an image isn't valid."""
        return tf.where(self.is_valid, tf.where(self.free, field, self.values), np.nan)

    def extend(self, bound: tf.Tensor) -> tf.Tensor:
        """The bound of a field's error on the free nodes, as one on all, (batch, rows, columns)."""
        bound = tf.where(self.free, bound, tf.zeros([], tf.float64))
        return tf.where(self.is_valid, bound, np.inf)


def ring_mask(fixed: tf.Tensor, boundaries: Sequence[str]) -> tf.Tensor:
    """The fixed nodes with a free neighbour, of masks (batch, rows, columns) bool."""
    return tf.cast(ring_of(tf.cast(fixed, tf.float32), boundaries), tf.bool)


def largest_of_each(values: tf.Tensor) -> tf.Tensor:
    """The largest |value| of each image, (batch, 1, 1). XLA's ignores NaN."""
    return tf.reduce_max(tf.abs(values), LATTICE, keepdims=True)


def all_finite(values: tf.Tensor) -> tf.Tensor:
    """Whether all values of each image are finite, (batch, 1, 1)."""
    return tf.reduce_all(tf.math.is_finite(values), LATTICE, keepdims=True)


def same_shape(
    name: str, values: tf.Tensor, images: tf.Tensor, *, shared: bool = False
) -> tf.Tensor:
    """The values, of the shape of images or of its first axes; an error if they have another one.

    `shared`, a batch of 1 may stand for all images.
    """
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


def _have_fields(parts: Mapping[str, tf.Tensor], unit: float) -> tf.Tensor:
    """Whether each image and its production have a field in their type, (batch,).

    An InvalidArgumentError if not.
    """
    valid = reduce(tf.logical_and, [finite_numbers(*part) for part in parts.items()])
    sizes, zero, smallest = [], tf.constant(True), 0.0
    for name, values in parts.items():
        size = tf.reduce_max(tf.abs(tf.cast(values, tf.float64)), LATTICE)
        sizes.append(size if name != "production" else tf.minimum(size, size / unit))
        zero &= ~tf.reduce_any(not_zero(values), LATTICE)
        if values.dtype in FLOATS:
            smallest = max(smallest, FLOATS[values.dtype][1])
    large = zero | ~(reduce(tf.maximum, sizes) < smallest)
    message = (
        "the largest |value| of a source image and its production, also divided by D/h², is below "
        f"{smallest:g}; scale the image"
    )
    return valid & checked(large, tf.reduce_all(large), message)


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
