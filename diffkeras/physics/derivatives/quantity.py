"""Quantities: weighted sums over a field, with proven bounds."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.derivatives.linearised_equations import solve_linearised
from diffkeras.physics.derivatives.remainder import quantity_of
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.equations.finite_volumes import SLACK

# the adjoint's; the error that it leaves is multiplied by that of the field
TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class Quantity:
    """J = Σ w u over a field u.

    Attributes:
        value: of the exact field, to within the bound: J of a computed field, corrected by the
            adjoint.
        error_bound: at least |value − J(u)|, proven, with rounding.
        of_field: J of the field that was asked about, uncorrected.
    """

    value: float
    error_bound: float
    of_field: float

    @property
    def of_field_bound(self) -> float:
        """At least |of_field − J(u)|."""
        return (abs(self.of_field - self.value) + self.error_bound) * SLACK

    @classmethod
    def of(
        cls,
        equations: Equations,
        field: NDArray[np.floating],
        node_bound: NDArray[np.float64],
        weights: NDArray[np.float64],
    ) -> "Quantity":
        """That of a field.

        Args:
            equations: which the field should solve.
            field: on the lattice; the proof takes the fixed nodes' values to the bit.
            node_bound: at least |field − u| on the free nodes, proven.
            weights: w on the lattice.
        """
        exact = equations.given_problem.with_fixed_values(field)
        try:
            adjoint = solve_linearised(equations, exact, weights, TOLERANCE)
        except ConvergenceError:  # without a correction, the bound is that of the nodes
            adjoint = np.zeros(equations.lattice)
        value, bound = quantity_of(equations, exact, node_bound, adjoint, weights)
        return cls(value, bound, 0.0).about(field, weights)

    def about(self, field: NDArray[np.floating], weights: ArrayLike) -> "Quantity":
        """The same with `of_field` of another field on the lattice."""
        return replace(self, of_field=float((np.asarray(weights, np.float64) * field).sum()))
