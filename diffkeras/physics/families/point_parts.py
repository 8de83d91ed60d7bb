"""From a point of a family to the parts of its problem, and back; derivatives by its parameters.

A parameter sets a part on its nodes, so by the chain rule the derivative by it is the sum of those
by the part on these nodes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.families.parameters import Parameter, nodes_with_effect
from diffkeras.physics.problem.parts import ON_LATTICE, parts_of
from diffkeras.physics.problem.problem import Problem

SAME = 1e-6  # relative difference of parts up to which a problem is one of the family


def parts_at(
    known: Mapping[str, Any], parameters: tuple[Parameter, ...], point: NDArray[np.float64]
) -> dict[str, Any]:
    """The parts that the parameters set, with their numbers at a point.

    Args:
        known: all parts of the family's problem, see `parts_of`.
        parameters: of the family, (p).
        point: (p,).

    Returns:
        By name: a number, or an array of the lattice's shape where parameters have nodes of their
        own, and always of fixed values and production.
    """
    parts: dict[str, Any] = {}
    lattice = np.shape(known["values"])
    for parameter, value in zip(parameters, point.tolist(), strict=True):
        part = parameter.part
        if parameter.nodes is None:
            parts[part] = np.full(lattice, value) if part in ON_LATTICE else value
            continue
        if part not in parts:
            parts[part] = np.array(np.broadcast_to(known[part], lattice), order="C")
        parts[part].reshape(-1)[parameter.nodes] = value
    return parts


def point_of(
    given: Problem, own: Problem, known: Mapping[str, Any], parameters: tuple[Parameter, ...]
) -> NDArray[np.float64]:
    """The point (p,) of a problem; where all nodes of a parameter are without effect, its middle.

    Args:
        given: the problem.
        own: the family's.
        known: the parts of that, see `parts_of`.
        parameters: of the family, (p).

    Raises:
        PhysicsError: the problem differs from the family's in more than the parameters.
    """
    if not isinstance(given, Problem):
        raise PhysicsError(f"parameters are those of a Problem, not of {given!r:.60}")
    if given.lattice != own.lattice:
        raise PhysicsError(f"this family has the lattice {own.lattice}, not {given.lattice}")
    parts = parts_of(given)
    if not np.array_equal(given.fixed, own.fixed):
        raise PhysicsError("the problem has other fixed nodes than this family")
    if given.medium.side_kinds != own.medium.side_kinds or parts.keys() != known.keys():
        raise PhysicsError("the problem has other sides, or another uptake, than this family")
    point = np.array([_number_in(parts, parameter, own) for parameter in parameters])
    wanted = {**known, **parts_at(known, parameters, point)}
    for name, part in parts.items():
        where = nodes_with_effect(name, own)
        one, other = (np.where(where, each, 0.0) for each in (part, wanted[name]))
        if not np.allclose(one, other, rtol=SAME, atol=0):
            raise PhysicsError(
                f"the problem has another {name} than this family where no parameter sets it; "
                f"the parameters are {', '.join(parameter.name for parameter in parameters)}"
            )
    return point


def _number_in(parts: Mapping[str, Any], parameter: Parameter, own: Problem) -> float:
    """The number of a parameter in the parts of a problem."""
    part = np.asarray(parts[parameter.part])
    with_effect = np.broadcast_to(nodes_with_effect(parameter.part, own), own.lattice)
    nodes = np.arange(with_effect.size)[parameter.where]
    nodes = nodes[with_effect.flat[nodes]]
    if not nodes.size:  # regions have all nodes of the part
        return parameter.middle
    return float(part.flat[nodes[0] if part.shape == own.lattice else 0])


def pulled_back(
    derivatives: Mapping[str, Any], problem: Problem, parameters: tuple[Parameter, ...]
) -> NDArray[np.float64]:
    """See `Family.pull_back`; `problem` and parameters (p) are the family's."""
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
