"""A batch of problems as tensors, checked once."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple, TypedDict

import numpy as np
import tensorflow as tf

from diffkeras.errors import PhysicsError
from diffkeras.nn.equation.transforms import ring_of
from diffkeras.physics import Medium
from diffkeras.physics.limits import FASTEST, LARGEST, SLOWEST, SMALLEST
from diffkeras.physics.problem.sides import AxisBoundary
from diffkeras.tf_solver.checks import (
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


class MediumTensors(TypedDict, total=False):
    """What differs between the media of a batch of images; `TensorSolver` describes it."""

    diffusivity: Any
    decay: Any
    uptake: Any
    saturation: Any


class ProblemTensors(NamedTuple):
    """A batch of problems on one lattice, in float64.

    Production, decay and uptake are divided by the medium's `unit`, which rounds nothing.

    Attributes:
        images: (batch, rows, columns), 0 on the free nodes; None if no node is fixed.
        fixed: (batch, rows, columns) bool, None without images.
        production: (batch, rows, columns), 0 on the fixed nodes; None if there is none.
        media: by the names of `MediumTensors`, (batch, rows, columns); or a decay of (batch, 1, 1)
            or (1, 1, 1).
        dtype: the type of the source images or production, if it is a float.
        is_valid: whether an image's problem is one, (batch, 1, 1) or (1, 1, 1) bool. Where it
            isn't, TensorFlow raises an error, and XLA goes on: its field is NaN, its bounds are
            infinite.
        exact: whether float64 has the numbers of the arguments, so that bounds are about them.
        has_maps: whether a medium is given node by node. Its shape alone doesn't say it: a lattice
            may have a single node.
    """

    images: tf.Tensor | None
    fixed: tf.Tensor | None
    production: tf.Tensor | None
    media: Mapping[str, tf.Tensor]
    dtype: tf.DType | None
    is_valid: tf.Tensor
    exact: tf.Tensor
    has_maps: bool

    @classmethod
    def from_arguments(
        cls,
        lattice: tuple[int, int],
        medium: Medium,
        source_images: Any,
        fixed: Any,
        production: Any,
        media: Mapping[str, Any],
        proven: bool,
    ) -> "ProblemTensors":
        """The arguments of `TensorSolver.solve`.

        With `proven` an InvalidArgumentError for numbers that have no proof, otherwise only for
        those that have no field.
        """
        images, fixed, production, dtype = _check_shapes(lattice, source_images, fixed, production)
        parts = {"source images": images, "production": production}
        parts = {name: values for name, values in parts.items() if values is not None}
        exact = reduce(tf.logical_and, [exact_numbers(*part, proven) for part in parts.items()])
        valid = exact if proven else _have_fields(parts, medium.unit)
        first = production if images is None else images
        tensors, right, has_maps = _check_media(lattice, medium, media, first)
        problem = cls(
            None if images is None else tf.cast(images, tf.float64),
            fixed,
            None if production is None else tf.cast(production, tf.float64) / medium.unit,
            tensors,
            dtype,
            valid[:, None, None] & right,
            exact[:, None, None],
            has_maps,
        )
        return problem if has_maps else problem._valid_where_unique(medium)

    def _valid_where_unique(self, medium: Medium) -> "ProblemTensors":
        """The problem, not valid where an image can have no or many solutions.

        Of those an InvalidArgumentError. In media that vary, there is just no bound.
        """
        if not medium.is_uniform or not medium.is_closed or medium.decay:
            return self
        loses = tf.constant(False, shape=(1, 1, 1))
        if self.fixed is not None:
            loses |= tf.reduce_any(self.fixed, LATTICE, keepdims=True)
        if "decay" in self.media:
            loses |= self.media["decay"] > 0
        message = (
            "no node is fixed, and with decay 0 and no absorbing boundary every constant solves "
            "the problem, or with a net production nothing does: fix a node, or give decay, uptake "
            "or an absorbing boundary; the first such image is number"
        )
        first = first_true(~tf.reshape(loses, [-1]))
        loses = checked(loses, tf.reduce_all(loses), message, first)
        return self._replace(is_valid=self.is_valid & loses)


class FixedNodes:
    """The fixed nodes of a batch of problems, with their values.

    Attributes:
        free, ring: masks of the free nodes, and of the fixed nodes next to them.
        values: c on the fixed nodes, 0 elsewhere, (batch, rows, columns) float64; NaN everywhere
            where an image is not valid.
        is_valid: whether an image has a proof, (batch, 1, 1).
        any_ring: whether there is a ring, (batch, 1, 1).
        ring_size: the largest |value| on the ring, (batch, 1, 1).
    """

    def __init__(self, problem: ProblemTensors, boundaries: Sequence[AxisBoundary]) -> None:
        values, fixed = problem.images, problem.fixed
        if values is None:
            values = tf.zeros_like(problem.production)
            fixed = tf.zeros_like(values, tf.bool)
        assert fixed is not None
        self.is_valid = problem.is_valid & problem.exact
        self.values = tf.where(self.is_valid, values, np.nan)
        self.free, self.ring = ~fixed, ring_mask(fixed, boundaries)
        self.any_ring = tf.reduce_any(self.ring, LATTICE, keepdims=True)
        self.ring_size = largest_of_each(tf.where(self.ring, self.values, 0.0))

    def size(self, field: tf.Tensor) -> tf.Tensor:
        """The largest |value| of a field on the ring and the free nodes, (batch, 1, 1)."""
        return tf.maximum(self.ring_size, largest_of_each(tf.where(self.free, field, 0.0)))

    def insert(self, field: tf.Tensor) -> tf.Tensor:
        """The field with the fixed nodes at their values; NaN where an image isn't valid."""
        return tf.where(self.is_valid, tf.where(self.free, field, self.values), np.nan)

    def extend(self, bound: tf.Tensor) -> tf.Tensor:
        """The bound of a field's error on the free nodes, as one on all, (batch, rows, columns)."""
        bound = tf.where(self.free, bound, tf.zeros([], tf.float64))
        return tf.where(self.is_valid, bound, np.inf)


def ring_mask(fixed: tf.Tensor, boundaries: Sequence[AxisBoundary]) -> tf.Tensor:
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
    """`images`, `fixed`, `production` and `dtype` of `ProblemTensors`, in the arguments' types."""
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


def _check_media(
    lattice: tuple[int, int], medium: Medium, media: Mapping[str, Any], images: tf.Tensor
) -> tuple[dict[str, tf.Tensor], tf.Tensor, bool]:
    """`media` of `ProblemTensors`, whether those of each image are a medium's, and `has_maps`."""
    if unknown := sorted({*media} - {*MediumTensors.__annotations__}):
        raise TypeError(f"unexpected keyword argument {unknown[0]!r}")
    arguments = {name: values for name, values in media.items() if values is not None}
    if ("uptake" in arguments) != ("saturation" in arguments):
        raise PhysicsError("give uptake and saturation together, v and K of v u/(K + u)")
    valid, tensors, has_maps = tf.constant(True, shape=(1, 1, 1)), {}, False
    for name, values in arguments.items():
        values = as_tensor(values, name, in_double=True)
        # products of two diffusivities must neither over- nor underflow
        least, most = (SMALLEST, LARGEST) if name == "diffusivity" else (0.0, np.inf)
        positive = name in ("diffusivity", "saturation")
        if name == "decay" and values.shape.rank == 1:  # one number for each image
            least, most = _limits_of_decay(medium)
            positive = bool(medium.decay)
            values = same_shape(name, values, images, shared=True)
            values, _ = real_numbers(values[:, None, None], (1, 1), name)
        else:
            others = "(batch,) or " if name == "decay" else ""
            values, _ = real_numbers(values, lattice, name, or_shape=others)
            values, has_maps = same_shape(name, values, images, shared=True), True
        right = check_range(name, values, least, most, positive=positive)
        valid &= right[:, None, None]
        unit = medium.unit if name in ("decay", "uptake") else 1.0
        tensors[name] = tf.cast(values, tf.float64) / unit
    return tensors, valid, has_maps


def _limits_of_decay(medium: Medium) -> tuple[float, float]:
    """Of a decay that replaces that of a uniform medium, and isn't 0."""
    medium.require_uniform("a decay for each image")
    rate = max(map(float, medium.diffusivities)) / medium.step / medium.step
    return max(SLOWEST * rate, float(medium.decay)), FASTEST * rate
