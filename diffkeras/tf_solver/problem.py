"""A batch of problems of the TensorFlow solver, checked once."""

from typing import Any, NamedTuple

import tensorflow as tf

from diffkeras.errors import PhysicsError
from diffkeras.tf_solver.images import check_images, checked
from diffkeras.tf_solver.operator import TensorOperator


class TensorProblem(NamedTuple):
    """Source images, fixed nodes and production of a batch.

    Attributes:
        images: (batch, rows, columns), read on the fixed nodes; None if no node is fixed.
        fixed: (batch, rows, columns) bool, None without images.
        production: (batch, rows, columns), 0 on the fixed nodes; None if there is none.
        decays: γ of each image, (batch,) or (1,) for all, if not the operator's.
        dtype: of the fields, for inputs of this type.
    """

    images: tf.Tensor | None
    fixed: tf.Tensor | None
    production: tf.Tensor | None
    decays: tf.Tensor | None
    dtype: tf.DType

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

        With `exact` they are float64, as which no given number is rounded. TensorFlow takes
        subnormal numbers for 0, so these are an InvalidArgumentError then.
        """
        decays = None if decays is None else tf.convert_to_tensor(decays)
        lattice, wanted = operator.lattice, tf.float64 if exact else operator.dtype
        dtype = wanted
        if production is not None:
            production, dtype = check_images(production, lattice, wanted, "production", exact)
        if source_images is None:
            if production is None or fixed is not None:
                raise PhysicsError("give source images, which fixed nodes need, or production")
            production = _check_unique(operator, production, tf.constant(False), decays)
            return cls(None, None, production, decays, dtype)
        images, dtype = check_images(source_images, lattice, wanted, exact=exact)
        fixed = _check_fixed(operator, fixed, images, decays)
        if production is not None:
            production = tf.where(
                fixed, tf.zeros_like(images), same_shape("production", production, images)
            )
        return cls(images, fixed, production, decays, dtype)


def _check_fixed(
    operator: TensorOperator, fixed: Any, images: tf.Tensor, decays: tf.Tensor | None
) -> tf.Tensor:
    """The fixed nodes, (batch, rows, columns) bool; by default those whose value is not 0."""
    if fixed is None:
        fixed = tf.not_equal(images, 0)
    else:
        fixed = tf.cast(fixed, tf.bool)
        if not fixed.shape.is_compatible_with(images.shape):
            raise PhysicsError(
                f"the fixed mask has shape {fixed.shape}, the source images {images.shape}"
            )
    return _check_unique(operator, fixed, tf.reduce_any(fixed, axis=[1, 2]), decays)


def _check_unique(
    operator: TensorOperator, tensor: tf.Tensor, some_fixed: tf.Tensor, decays: tf.Tensor | None
) -> tf.Tensor:
    """The tensor; an InvalidArgumentError if an image can have no or many solutions."""
    if not operator.deflated or operator.decay:
        return tensor
    loses = some_fixed if decays is None else some_fixed | (decays > 0)
    message = (
        "no node is fixed, and with decay 0 and no absorbing boundary every constant solves "
        "the problem, or with a net production nothing does"
    )
    return checked(tensor, tf.reduce_all(loses), message)


def same_shape(name: str, values: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """The values, unless they are those of another number of images, which is an error."""
    if not values.shape.is_compatible_with(images.shape):
        raise PhysicsError(f"{name} has shape {values.shape}, the source images {images.shape}")
    shapes = [tf.shape(values), tf.shape(images)]
    message = f"{name} and source images have different shapes:"
    return checked(values, tf.reduce_all(shapes[0] == shapes[1]), message, *shapes)
