"""A batch of problems of the TensorFlow solver, checked once."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from diffkeras.errors import PhysicsError
from diffkeras.physics.node_values import FASTEST, SLOWEST
from diffkeras.tf_solver.images import (
    Part,
    checked,
    exact_numbers,
    first_true,
    in_precision,
    not_zero,
    plain_floats,
    real_numbers,
)
from diffkeras.tf_solver.operator import TensorOperator

ROUNDED = 2.0**-20  # by what share a decay may be below the medium's: float32 rounds it


class TensorProblem(NamedTuple):
    """Source images, fixed nodes and production of a batch.

    Attributes:
        images: (batch, rows, columns), 0 on the free nodes; None if no node is fixed.
        fixed: (batch, rows, columns) bool, None without images.
        production: (batch, rows, columns), 0 on the fixed nodes; None if there is none.
        decays: γ of each image, (batch,) or (1,) float64, for all, if not the operator's.
        dtype: of the fields, for inputs of this type.
        usable: whether an image's problem is one, (batch, 1, 1) or (1, 1, 1) bool. Where it isn't,
            TensorFlow raises an error, and XLA goes on: its field is NaN, its bounds are infinite.
    """

    images: tf.Tensor | None
    fixed: tf.Tensor | None
    production: tf.Tensor | None
    decays: tf.Tensor | None
    dtype: tf.DType
    usable: tf.Tensor

    @classmethod
    def check(
        cls,
        operator: TensorOperator,
        source_images: Any,
        fixed: Any = None,
        production: Any = None,
        decays: Any = None,
        exact: bool = False,
    ) -> "TensorProblem":
        """The arguments of `TensorSolver.solve`, in the operator's precision.

        With `exact` they are float64, as which no given number is rounded, and the numbers of a
        proof: `exact_numbers` says which these are.
        """
        dtype, images, usable = None, None, tf.constant(True, shape=(1, 1, 1))
        if source_images is None and (production is None or fixed is not None):
            raise PhysicsError("give source images, which fixed nodes need, or production")
        if decays is not None:
            decays, usable = _check_decays(operator, decays)
        if production is not None:
            production, dtype = real_numbers(production, operator.lattice, "production")
        if source_images is not None:
            images, dtype = real_numbers(source_images, operator.lattice)
            images, fixed = _check_fixed(images, fixed)
            if production is not None:
                production = same_shape("production", production, images)
                production = tf.where(fixed, tf.zeros_like(production), production)
        usable &= _check_unique(operator, fixed, decays)
        if exact:
            images, usable = _exactly("source images", images, usable)
            production, usable = _exactly("production", production, usable)
        else:
            images, production = (
                None if values is None else in_precision(values, operator.dtype)
                for values in (images, production)
            )
        return cls(images, fixed, production, decays, dtype or operator.dtype, usable)


def _exactly(
    name: str, values: tf.Tensor | None, usable: tf.Tensor
) -> tuple[tf.Tensor | None, tf.Tensor]:
    if values is None:
        return None, usable
    values, exact = exact_numbers(Part(name, values))
    return values, usable & exact


def _check_fixed(images: tf.Tensor, fixed: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """The images, 0 on their free nodes, and the fixed nodes, both (batch, rows, columns).

    By default those nodes are fixed whose value is not 0.
    """
    if fixed is None:
        return images, not_zero(images)
    fixed = tf.cast(fixed, tf.bool)
    if not fixed.shape.is_compatible_with(images.shape):
        raise PhysicsError(
            f"the fixed mask has shape {fixed.shape}, the source images {images.shape}"
        )
    fixed = same_shape("the fixed mask", fixed, images)
    return tf.where(fixed, images, tf.zeros_like(images)), fixed


def _check_decays(operator: TensorOperator, decays: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Decays in float64, and whether they are usable, (batch, 1, 1).

    An InvalidArgumentError for decays that are smaller than the medium's, or that no medium has.
    """
    if not tf.is_tensor(decays):
        decays = np.asarray(decays)  # TensorFlow would round Python's numbers to float32
    given = plain_floats(tf.convert_to_tensor(decays))
    if given.shape.rank != 1:
        raise PhysicsError(f"decays must have shape (batch,) or (1,), not {given.shape}")
    decays = tf.cast(given, tf.float64)
    least, most = (share * operator.rate for share in (SLOWEST, FASTEST))
    least = max(least, operator.decay)
    usable = (decays >= (1 - ROUNDED) * least) & (decays <= (1 + ROUNDED) * most)  # NaN is neither
    if not operator.decay:
        usable |= ~not_zero(given)
    first = first_true(~usable)
    value = tf.concat([decays, [0.0]], 0)[first]
    rule = f"decays must be {least:g} to {most:g}" + ("" if operator.decay else " or 0")
    usable = checked(usable, tf.reduce_all(usable), f"{rule}, not", value, "at", first)
    return tf.abs(decays), usable[:, None, None]


def _check_unique(
    operator: TensorOperator, fixed: tf.Tensor | None, decays: tf.Tensor | None
) -> tf.Tensor:
    """Whether an image has one solution, (batch, 1, 1) or (1, 1, 1).

    An InvalidArgumentError if it can have none or many.
    """
    if not operator.deflated or operator.decay:
        return tf.constant(True, shape=(1, 1, 1))
    loses = tf.constant([False]) if fixed is None else tf.reduce_any(fixed, axis=[1, 2])
    if decays is not None:
        loses |= decays > 0
    message = (
        "no node is fixed, and with decay 0 and no absorbing boundary every constant solves "
        "the problem, or with a net production nothing does"
    )
    return checked(loses, tf.reduce_all(loses), message)[:, None, None]


def same_shape(name: str, values: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """The values, unless they are those of another number of images, which is an error."""
    if not values.shape.is_compatible_with(images.shape):
        raise PhysicsError(f"{name} has shape {values.shape}, the source images {images.shape}")
    shapes = [tf.shape(values), tf.shape(images)]
    message = f"{name} and source images have different shapes:"
    return checked(values, tf.reduce_all(shapes[0] == shapes[1]), message, *shapes)
