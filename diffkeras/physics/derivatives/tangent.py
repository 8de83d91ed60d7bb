"""The derivative of a field along a change of its problem's parts, by the tangent equation.

With a change ṗ of the parts, u̇ solves (A + φ'(u)) u̇ = −F_p ṗ on the free nodes, and u̇ = ċ on the
fixed ones (`linearisation`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.derivatives.linearisation import Linearisation
from diffkeras.physics.derivatives.linearised_equations import solve_linearised
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.problem.arrays import check_finite
from diffkeras.physics.problem.parts import check_names, parts_of
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.real_arrays import real_array


def tangent(
    equations: Equations,
    field: NDArray[np.float64],
    direction: Mapping[str, ArrayLike],
    tolerance: float,
) -> NDArray[np.float64]:
    """u̇ on the lattice, of one image.

    Raises:
        PhysicsError: a name that is no part, a change of another shape than its part, or one that
            is not finite.
        ConvergenceError: the tolerance was not met.
    """
    changes = _checked(equations.given_problem, direction)
    right_hand_side = -Linearisation(equations, field).change(changes)
    return solve_linearised(equations, field, right_hand_side, tolerance, changes.get("values"))


def _checked(problem: Problem, direction: Mapping[str, ArrayLike]) -> dict[str, Any]:
    check_names(direction, problem)
    parts, changes = parts_of(problem), {}
    for name, change in direction.items():
        values = real_array(f"the change of {name}", change)
        if values.shape not in ((), np.shape(parts[name])):
            raise PhysicsError(
                f"the change of {name} has shape {values.shape}, and the part "
                f"{np.shape(parts[name]) or 'is a number'}"
            )
        check_finite(f"the change of {name}", values)
        changes[name] = np.broadcast_to(values, np.shape(parts[name]))
    return changes
