"""Steady-state fields in TensorFlow, differentiable with respect to every part of the problem.

NumPy computes fields and derivatives in double precision on the CPU, called from TensorFlow,
eagerly or in a graph. For a solver whose operations are TensorFlow's, which can be exported and
runs on a GPU, see `diffkeras.tf_solver`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from diffkeras.physics.derivatives.field_function import FieldFunction
from diffkeras.physics.problem.problem import Problem


def solve(problem: Problem, parts: Mapping[str, Any], *, tolerance: float = 1e-10) -> tf.Tensor:
    """The field of a problem in which some parts are tensors.

    Args:
        problem: one image or a batch (batch, rows, columns). What is not among the parts stays.
        parts: tensors or variables by the names of `dk.parts_of`, such as "production" or
            "uptake.maximum", which replace the problem's own. In a batch they are the same for all
            images, or have the batch as their first axis.
        tolerance: of the field and of its derivatives, relative to the largest |value|.

    Returns:
        The field, of the problem's shape, in the precision of the first part. Its gradients are
        those of `Solution.vjp`.

    Raises:
        PhysicsError: a name that is no part, a value that makes no problem, or a bad tolerance; in
            a graph, TensorFlow's error with the message.
        ConvergenceError: the tolerance was not met.

    Example:
        >>> import numpy as np, tensorflow as tf, diffkeras as dk, diffkeras.tensorflow
        >>> decay = tf.Variable(0.1)
        >>> with tf.GradientTape() as tape:
        ...     total = tf.reduce_sum(dk.tensorflow.solve(dk.Problem(np.eye(16)), {"decay": decay}))
        >>> bool(tape.gradient(total, decay) < 0)
        True
    """
    function = FieldFunction(problem, list(parts), tolerance)
    tensors = [tf.convert_to_tensor(part) for part in parts.values()]

    @tf.custom_gradient
    def field(*parts: tf.Tensor) -> Any:
        dtype = parts[0].dtype

        def compute(*arrays: np.ndarray) -> np.ndarray:
            return function.field(*arrays).astype(dtype.as_numpy_dtype)

        result = tf.numpy_function(compute, parts, dtype)
        result.set_shape(problem.shape)

        def gradient(cotangent: tf.Tensor) -> list[tf.Tensor]:
            def pull_back(*arrays: np.ndarray) -> list[np.ndarray]:
                gradients = function.pull_back(*arrays)
                pairs = zip(gradients, parts, strict=True)
                return [each.astype(part.dtype.as_numpy_dtype) for each, part in pairs]

            dtypes = [part.dtype for part in parts]
            gradients = tf.numpy_function(pull_back, [result, cotangent, *parts], dtypes)
            for each, part in zip(gradients, parts, strict=True):
                each.set_shape(part.shape)
            return gradients

        return result, gradient

    return field(*tensors)
