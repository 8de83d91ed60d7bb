"""Derivatives by the parameters of a family, from those by the parts of its problems.

A parameter sets a part on its nodes, so by the chain rule the derivative by it is the sum of those
by the part on these nodes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.families.parameters import Parameter
from diffkeras.physics.problem.problem import Problem


def pulled_back(
    derivatives: Mapping[str, Any], problem: Problem, parameters: tuple[Parameter, ...]
) -> NDArray[np.float64]:
    """See `Family.pull_back`; `problem` and parameters (p) are the family's."""
    images = getattr(derivatives, "images", None)
    if images is not None:
        return np.stack([pulled_back(image, problem, parameters) for image in images])
    if not isinstance(derivatives, Mapping):
        raise PhysicsError(f"derivatives are those of `vjp`, not {derivatives!r:.60}")
    of = getattr(derivatives, "problem", problem)
    if not np.array_equal(of.fixed, problem.fixed):
        raise PhysicsError(
            f"these derivatives are of another problem, on {of.lattice} nodes or with other "
            f"fixed ones than this family on {problem.lattice}: take `vjp` of a solution "
            "at one of this family's problems"
        )
    return np.array([_derivative(derivatives, parameter) for parameter in parameters])


def _derivative(derivatives: Mapping[str, Any], parameter: Parameter) -> float:
    """The derivative by one parameter."""
    if parameter.part not in derivatives:
        raise PhysicsError(
            f"these derivatives have no {parameter.part}: take `vjp` of a solution at one "
            "of this family's problems"
        )
    each = np.asarray(derivatives[parameter.part])
    if parameter.nodes is None:
        return float(each.sum())
    if not each.ndim:
        raise PhysicsError(
            f"these derivatives are of a problem whose {parameter.part} is one number for "
            f"all nodes, and {parameter.name} has nodes of its own: take `vjp` of a "
            "solution of this family's `problem_at`"
        )
    return float(each.flat[parameter.nodes].sum())
