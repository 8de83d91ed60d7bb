"""Steady-state fields in PyTorch, differentiable with respect to every part of the problem.

NumPy computes fields and derivatives in double precision on the CPU; nothing here is differentiated
by PyTorch itself. diffkeras doesn't install PyTorch.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from diffkeras.errors import PhysicsError
from diffkeras.physics.field_function import NO_SECOND, FieldFunction
from diffkeras.physics.problem.problem import Problem
from diffkeras.system.packages import needs_packages

with needs_packages("diffkeras.torch"):
    import torch


def solve(
    problem: Problem | Sequence[Problem],
    parts: Mapping[str, torch.Tensor],
    *,
    tolerance: float = 1e-10,
) -> torch.Tensor:
    """The field of a problem in which some parts are tensors.

    Args:
        problem: one, or a list of several of one lattice. What is not among the parts stays.
        parts: tensors by the names of `dk.parts_of`, such as "production" or "uptake.maximum",
            which replace the problem's own. For several problems they are the same, or have the
            batch as their first axis.
        tolerance: of the field and of its derivatives, each relative to its largest |value|.

    Returns:
        The field, with the batch as its first axis for several problems, in the parts' precision,
        but float32 at least, and on their device. Its gradients come from `Solution.vjp`; second
        derivatives raise an error. Under `torch.vmap` each entry is solved by itself, and a list of
        problems shares what is set up for them.

    Raises:
        PhysicsError: a name that isn't a part, a value that makes no problem, or a bad tolerance.
        ConvergenceError: the tolerance was not met.

    Example:
        >>> import numpy as np, torch, diffkeras as dk, diffkeras.torch
        >>> decay = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
        >>> field = dk.torch.solve(dk.Problem(np.eye(16)), {"decay": decay})
        >>> field.sum().backward()
        >>> bool(decay.grad < 0)
        True
    """
    function = FieldFunction(problem, parts, tolerance)
    tensors = [torch.as_tensor(part) for part in parts.values()]
    for name, tensor in zip(parts, tensors, strict=True):
        function.check_part(name, tensor.dtype, tuple(tensor.shape))
    field, _ = _Solve.apply(function, *tensors)
    return field


class _OneByOne(torch.autograd.Function):
    """A function of a `FieldFunction` and tensors, whose batches under `torch.vmap` are looped."""

    @classmethod
    def vmap(cls, info: Any, axes: Sequence[int | None], *inputs: Any) -> Any:
        pairs = [*zip(inputs, axes, strict=True)]
        each = [
            cls.apply(*(one if axis is None else one.select(axis, k) for one, axis in pairs))
            for k in range(info.batch_size)
        ]
        stacked = tuple(map(torch.stack, zip(*each, strict=True)))
        return stacked, (0,) * len(stacked)


class _Solve(_OneByOne):
    """The field, and the same in double precision, which the gradients need."""

    @staticmethod
    def forward(function: FieldFunction, *parts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        field = function.field(*map(_array, parts))
        dtypes = [part.dtype for part in parts if part.is_floating_point()]
        # at least float32: half precision overflows
        dtype = reduce(torch.promote_types, dtypes or [torch.get_default_dtype()], torch.float32)
        return torch.tensor(field, dtype=dtype, device=parts[0].device), torch.tensor(field)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.function, *parts = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(output[1], *parts)

    @staticmethod
    def backward(ctx: Any, cotangent: torch.Tensor, _: Any) -> Any:
        field, *parts = ctx.saved_tensors
        return None, *_PullBack.apply(ctx.function, field, cotangent, *parts)


class _PullBack(_OneByOne):
    """The gradients of the parts; a function of its own, so that second ones raise an error."""

    @staticmethod
    def forward(
        function: FieldFunction,
        field: torch.Tensor,
        cotangent: torch.Tensor,
        *parts: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        gradients = function.pull_back(_array(field), _array(cotangent), *map(_array, parts))
        return tuple(
            torch.tensor(gradient, dtype=part.dtype, device=part.device)
            for gradient, part in zip(gradients, parts, strict=True)
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Nothing is needed."""

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> Any:
        raise PhysicsError(NO_SECOND)


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()
