"""Derivatives of a field by the parts of its problem: the adjoint and the tangent equation.

At the solution u, F(u, p) = A u + φ(u) − s = 0 on the free nodes. For a scalar J(u) with the
derivative w = ∂J/∂u, the adjoint λ solves

    (A + φ'(u)) λ = w on the free nodes,    λ = 0 on the fixed ones,

a linear problem with the same operator, as A is symmetric. Then dJ/dp = −λᵀ F_p for every part p
(`linearisation`), and dJ/dc = w − A λ on the fixed nodes (Giles & Pierce 2000; Plessix 2006).

Along a change ṗ of the parts, the tangent u̇ solves (A + φ'(u)) u̇ = −F_p ṗ on the free nodes, and
u̇ = ċ on the fixed ones.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import ReadOnlyArrays, real_array
from diffkeras.physics.derivatives.linearisation import Linearisation, PullBack
from diffkeras.physics.derivatives.linearised_equations import solve_linearised
from diffkeras.physics.derivatives.quantity import Adjoint
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.problem.parts import check_names, parts_of
from diffkeras.physics.problem.problem import Problem, check_finite
from diffkeras.system.environment import blas_threads


class Derivatives(ReadOnlyArrays, Mapping[str, Any]):
    """The derivatives of a scalar J(u) with respect to the parts of a problem.

    A mapping by the names of `parts_of`: numbers, and arrays of the parts' shapes. Each is computed
    when it is read; the derivative by the production is the adjoint. Where an uptake with a cap is
    at its corner, uptake at its maximum is taken.

    Args:
        equations: of the problem.
        field: on the lattice, near the solution; its fixed nodes get their values.
        cotangent: ∂J/∂u on the lattice.
        tolerance: of λ, relative to its largest |value|.
        prove: proves the bound of the field node by node, if `adjoint_bound` is asked for.

    Attributes:
        problem: whose parts.
        adjoint: λ on the lattice, dJ/ds of the production. It can't be changed.
    """

    def __init__(
        self,
        equations: Equations,
        field: NDArray[np.floating],
        cotangent: NDArray[np.float64],
        tolerance: float,
        prove: Callable[[], NDArray[np.float64]],
    ) -> None:
        self._equations = equations
        self.problem = equations.given_problem
        self._field = equations.held(field)
        self._cotangent = cotangent
        self._prove = prove
        self.adjoint = solve_linearised(equations, self._field, cotangent, tolerance)
        self.adjoint.setflags(write=False)
        self._pull_back = PullBack(equations, self._field, self.adjoint)

    def __iter__(self) -> Iterator[str]:
        return iter(parts_of(self.problem))

    def __len__(self) -> int:
        return len(parts_of(self.problem))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self)})"

    @blas_threads()
    def __getitem__(self, name: str) -> Any:
        if name == "values":
            # fixed nodes inside have no influence, but for their own values'
            result = np.zeros(self.problem.lattice)
            np.copyto(result, self._cotangent, where=self.problem.fixed)
            nodes = self._equations.ring.nodes
            inflow = self._equations.volumes.inflow(self.adjoint, nodes)
            result[nodes] += inflow * self._equations.unit
            return result
        if name not in (parts := parts_of(self.problem)):
            raise KeyError(f"{name!r:.60}; the parts are {', '.join(parts)}")
        return self._pull_back.of(name)

    @cached_property
    @blas_threads()
    def adjoint_bound(self) -> NDArray[np.float64]:
        """At least |λ − λ*| node by node, λ* being the adjoint at the exact field.

        It is proven (`quantity`), when it is first read. As λ = dJ/ds, it also bounds the error of
        the derivative by the production.

        Raises:
            ConvergenceError: no bound was found.
        """
        adjoint = Adjoint(self._equations, self._field, self._cotangent, self.adjoint)
        return adjoint.bound(self._prove())


def tangent(
    equations: Equations,
    field: NDArray[np.floating],
    direction: Mapping[str, ArrayLike],
    tolerance: float,
) -> NDArray[np.float64]:
    """u̇ on the lattice.

    Raises:
        PhysicsError: a name that isn't a part, a change of another shape than its part, or one that
            is not finite.
        ConvergenceError: the tolerance was not met.
    """
    changes, exact = _checked(equations.given_problem, direction), equations.held(field)
    right_hand_side = -Linearisation(equations, exact).change(changes)
    return solve_linearised(equations, exact, right_hand_side, tolerance, changes.get("values"))


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
