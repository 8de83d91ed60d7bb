"""Steady-state fields in TensorFlow, differentiable with respect to every part of the problem.

NumPy computes fields and derivatives in double precision on the CPU, called from TensorFlow,
eagerly or in a graph. For a solver whose operations are TensorFlow's, which can be exported and
runs on a GPU, see `diffkeras.graph`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from diffkeras.errors import PhysicsError
from diffkeras.physics.field_function import NO_SECOND, FieldFunction
from diffkeras.physics.problem.problem import Problem
from diffkeras.system.packages import needs_packages

with needs_packages("diffkeras.tensorflow"):
    import tensorflow as tf


def solve(
    problem: Problem | Sequence[Problem], parts: Mapping[str, Any], *, tolerance: float = 1e-10
) -> tf.Tensor:
    """The field of a problem in which some parts are tensors.

    Args:
        problem: one, or a list of several of one lattice. What is not among the parts stays.
        parts: tensors or variables by the names of `dk.parts_of`, such as "production" or
            "uptake.maximum", which replace the problem's own. For several problems they are the
            same, or have the batch as their first axis.
        tolerance: of the field and of its derivatives, each relative to its largest |value|.

    Returns:
        The field, with the batch as its first axis for several problems, in the highest precision
        of the parts, but float32 at least. Its gradients come from `Solution.vjp`.

    Raises:
        PhysicsError: a name that isn't a part, a value that makes no problem, or a bad tolerance;
            in a graph, TensorFlow's error with the message.
        ConvergenceError: the tolerance was not met.

    Example:
        >>> import numpy as np, tensorflow as tf, diffkeras as dk, diffkeras.tensorflow
        >>> decay = tf.Variable(0.1)
        >>> with tf.GradientTape() as tape:
        ...     total = tf.reduce_sum(dk.tensorflow.solve(dk.Problem(np.eye(16)), {"decay": decay}))
        >>> bool(tape.gradient(total, decay) < 0)
        True
    """
    function = FieldFunction(problem, parts, tolerance)
    tensors = [tf.convert_to_tensor(part) for part in parts.values()]
    for name, tensor in zip(parts, tensors, strict=True):
        shape = tuple(tensor.shape) if tensor.shape.is_fully_defined() else None
        function.check_part(name, tensor.dtype.name, shape)

    @tf.custom_gradient
    def field(*parts: tf.Tensor) -> Any:
        # at least float32: half precision overflows
        dtype = max((tf.float32, *(part.dtype for part in parts)), key=lambda dtype: dtype.size)

        def compute(*arrays: np.ndarray) -> np.ndarray:
            return function.field(*arrays).astype(dtype.as_numpy_dtype)

        result = tf.numpy_function(compute, parts, dtype)
        result.set_shape(function.shape)

        return result, lambda cotangent: _pull_back(function, result, cotangent, *parts)

    return field(*map(_floating, tensors))


def _floating(part: tf.Tensor) -> tf.Tensor:
    """A part in a floating type that NumPy has."""
    known = part.dtype in (tf.float16, tf.float32, tf.float64)
    return part if known else tf.cast(part, tf.float32)


def _pull_back(function: FieldFunction, *tensors: tf.Tensor) -> Any:
    """The gradients of the parts, from the field, its cotangent and the parts."""

    @tf.custom_gradient
    def gradients(*tensors: tf.Tensor) -> Any:
        parts = tensors[2:]

        def compute(*arrays: np.ndarray) -> list[np.ndarray]:
            pairs = zip(function.pull_back(*arrays), parts, strict=True)
            return [each.astype(part.dtype.as_numpy_dtype) for each, part in pairs]

        # one result is no list where a tape records
        each = tf.nest.flatten(tf.numpy_function(compute, tensors, [p.dtype for p in parts]))
        for result, part in zip(each, parts, strict=True):
            result.set_shape(part.shape)

        def second(*_: tf.Tensor) -> Any:
            raise PhysicsError(NO_SECOND)

        return each, second

    return gradients(*tensors)
