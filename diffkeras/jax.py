"""Steady-state fields in JAX, differentiable with respect to every part of the problem.

NumPy computes fields and derivatives in double precision on the CPU, called back from JAX, also
under `jit` and `vmap`. diffkeras doesn't install JAX.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from diffkeras.physics.field_function import FieldFunction
from diffkeras.physics.problem.problem import Problem
from diffkeras.system.packages import needs_packages

with needs_packages("diffkeras.jax"):
    import jax
    import jax.numpy as jnp


def solve(
    problem: Problem | Sequence[Problem], parts: Mapping[str, Any], *, tolerance: float = 1e-10
) -> jax.Array:
    """The field of a problem in which some parts are JAX arrays.

    Args:
        problem: one, or a list of several of one lattice. What is not among the parts stays.
        parts: arrays by the names of `dk.parts_of`, such as "production" or "uptake.maximum", which
            replace the problem's own. For several problems they are the same, or have the batch as
            their first axis.
        tolerance: of the field and of its derivatives, each relative to its largest |value|.

    Returns:
        The field, with the batch as its first axis for several problems, in the parts' precision,
        but float32 at least; float64 needs JAX's `jax_enable_x64`. Its gradients come from
        `Solution.vjp`, in reverse mode only.

    Raises:
        PhysicsError: a name that isn't a part, or a bad tolerance. Values that make no problem, and
            a tolerance that was not met, raise JAX's error with the message.

    Example:
        >>> import jax, numpy as np, diffkeras as dk, diffkeras.jax
        >>> problem = dk.Problem(np.eye(16))
        >>> total = lambda decay: dk.jax.solve(problem, {"decay": decay}).sum()
        >>> bool(jax.grad(total)(0.1) < 0)
        True
    """
    function = FieldFunction(problem, parts, tolerance)
    arrays = [jnp.asarray(part) for part in parts.values()]
    for name, array in zip(parts, arrays, strict=True):
        function.check_part(name, array.dtype, array.shape)
    return _differentiable(function)(*map(_floating, arrays))


def _floating(part: jax.Array) -> jax.Array:
    """A part, whole numbers in JAX's default float, as they have no gradients."""
    return part if jnp.issubdtype(part.dtype, jnp.floating) else part.astype(float)


def _differentiable(function: FieldFunction) -> Any:
    """The field as a function of JAX arrays, with its own rule in reverse mode."""

    @jax.custom_vjp
    def field(*parts: jax.Array) -> jax.Array:
        dtype = jnp.result_type(*parts, jnp.float32)
        shape = jax.ShapeDtypeStruct(function.shape, dtype)

        def compute(*arrays: Any) -> np.ndarray:
            return function.field(*map(np.asarray, arrays)).astype(dtype)

        return jax.pure_callback(compute, shape, *parts, vmap_method="sequential")

    def forward(*parts: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        result = field(*parts)
        return result, (result, *parts)

    def backward(residuals: tuple[jax.Array, ...], cotangent: jax.Array) -> tuple[jax.Array, ...]:
        result, *parts = residuals
        shapes = tuple(jax.ShapeDtypeStruct(part.shape, part.dtype) for part in parts)

        def compute(*arrays: Any) -> tuple[np.ndarray, ...]:
            gradients = function.pull_back(*map(np.asarray, arrays))
            pairs = zip(gradients, shapes, strict=True)
            return tuple(gradient.astype(shape.dtype) for gradient, shape in pairs)

        return jax.pure_callback(
            compute, shapes, result, cotangent, *parts, vmap_method="sequential"
        )

    field.defvjp(forward, backward)
    return field
