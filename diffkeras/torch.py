"""Steady-state fields in PyTorch, differentiable with respect to every part of the problem.

NumPy computes fields and derivatives in double precision on the CPU; nothing here is differentiated
by PyTorch itself. diffkeras doesn't install PyTorch.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from diffkeras.physics.derivatives.field_function import FieldFunction
from diffkeras.physics.problem.problem import Problem


def solve(
    problem: Problem, parts: Mapping[str, torch.Tensor], *, tolerance: float = 1e-10
) -> torch.Tensor:
    """The field of a problem in which some parts are tensors.

    Args:
        problem: one image or a batch (batch, rows, columns). What is not among the parts stays.
        parts: tensors by the names of `dk.parts_of`, such as "production" or "uptake.maximum",
            which replace the problem's own. In a batch they are the same for all images, or have
            the batch as their first axis.
        tolerance: of the field and of its derivatives, relative to the largest |value|.

    Returns:
        The field, of the problem's shape, in the parts' precision and on their device. Its
        gradients are those of `Solution.vjp`; second derivatives raise an error.

    Raises:
        PhysicsError: a name that is no part, a value that makes no problem, or a bad tolerance.
        ConvergenceError: the tolerance was not met.

    Example:
        >>> import numpy as np, torch, diffkeras as dk, diffkeras.torch
        >>> decay = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
        >>> field = dk.torch.solve(dk.Problem(np.eye(16)), {"decay": decay})
        >>> field.sum().backward()
        >>> bool(decay.grad < 0)
        True
    """
    function = FieldFunction(problem, list(parts), tolerance)
    tensors = [torch.as_tensor(part) for part in parts.values()]
    return _Solve.apply(function, *tensors)


class _Solve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, function: FieldFunction, *parts: torch.Tensor) -> torch.Tensor:
        arrays = [_array(part) for part in parts]
        field = function.field(*arrays)
        ctx.function, ctx.field, ctx.arrays = function, field, arrays
        ctx.kinds = [(part.dtype, part.device) for part in parts]
        dtype = torch.get_default_dtype()
        for part in parts[:1]:
            dtype = part.dtype
        for part in parts[1:]:
            dtype = torch.promote_types(dtype, part.dtype)
        device = parts[0].device if parts else None
        return torch.as_tensor(field, dtype=dtype, device=device)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, cotangent: torch.Tensor) -> Any:
        gradients = ctx.function.pull_back(ctx.field, _array(cotangent), *ctx.arrays)
        return None, *(
            torch.as_tensor(gradient, dtype=dtype, device=device)
            for gradient, (dtype, device) in zip(gradients, ctx.kinds, strict=True)
        )


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()
