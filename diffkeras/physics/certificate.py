"""Certificates: proven bounds of how far any field is from the exact one.

None of this is an estimate, and the effect of rounding is included.
"""

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.physics.derivatives.quantity import Quantity
from diffkeras.physics.equations.equations import Equations, problem_and_equations
from diffkeras.physics.equations.finite_volumes import SLACK
from diffkeras.physics.problem.keywords import ProblemKeywords, show_keywords
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.read_only import read_only_copy
from diffkeras.physics.real_arrays import real_values
from diffkeras.physics.solution import ProvenField, Solution
from diffkeras.physics.solvers.correction import KnownBounds, corrected
from diffkeras.system.environment import blas_threads


@dataclass(frozen=True, eq=False, repr=False)
class Certificate(ProvenField):
    """Proven bounds of a field's error, u being the exact solution of the lattice equation.

    Attributes:
        field: (rows, columns) float64, a copy of the field that was certified.
        problem: which it should solve.
        error_bound: at least max |field − u|, the largest of `node_bound`.
        node_bound: (rows, columns), at least |field − u| node by node.
        corrected: the field that the proof computes, with its own bounds; often, but not always,
            closer to u than `field`.
    """

    field: NDArray[np.float64]
    problem: Problem = dataclass_field(repr=False)
    error_bound: float
    node_bound: NDArray[np.float64]
    corrected: Solution

    def __post_init__(self) -> None:
        self.node_bound.setflags(write=False)

    def quantity(self, weights: ArrayLike) -> Quantity:
        """The sum of weights times the exact field, with a proven bound (see `Solution.quantity`).

        Its `of_field` is that of the certified field.
        """
        return self.corrected.quantity(weights).about(self.field, weights)


@show_keywords
@blas_threads()
def certify(
    field: ArrayLike,
    problem: "Problem | Equations | ArrayLike | None" = None,
    **keywords: Unpack[ProblemKeywords],
) -> Certificate:
    """Prove how far a field is from the exact one, and correct it.

    The exact field is that of coefficients rounded to double precision: couplings and decays where
    the medium varies or uptake saturates, and what given values and fluxes of sides add to the
    production. With coefficients of more digits it may differ by about 1e-16 of the largest value.
    The bounds are about the lattice's solution, not about its distance from the continuum's.

    Args:
        field: on the lattice, any finite numbers of any precision, however wrong. More axes of
            length 1, such as a channel, are removed.
        problem: the `Problem` that it should solve, its `Equations`, or its source image, as for
            `solve`.
        **keywords: those of `Problem`, as for `solve`.

    Raises:
        PhysicsError: a field that is not finite or of another shape than the problem, or no problem
            (see `Problem`).
        ConvergenceError: no bound was found, where diffusivity varies by many orders.

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> image = np.zeros((64, 64))
        >>> image[30:34, 30:34] = 1.0
        >>> certificate = dk.certify(np.zeros((64, 64)), image)
        >>> true_error = abs(certificate.field - dk.solve(image).field).max()
        >>> bool(true_error <= certificate.error_bound)
        True
        >>> certificate.corrected.error_bound < certificate.error_bound
        True
    """
    problem, equations = problem_and_equations(problem, keywords)
    return proven(field, equations or Equations(problem), keep=True)


def proven(field: Any, equations: Equations, *, keep: bool) -> Certificate:
    """What `certify` proves of a field that should solve equations, which are kept or not."""
    problem = equations.given_problem
    rounded = read_only_copy(problem.check_field("field", field))
    near, rounding = corrected(rounded, equations), _rounding(field, rounded)
    node_bound = near.bound_of(rounded)
    if np.any(rounding):
        node_bound = (node_bound + rounding) * SLACK
    proof, kept = KnownBounds(near.bound), equations if keep else None
    solution = Solution(near.field, problem, near.statistics, proof, kept)
    return Certificate(rounded, problem, float(node_bound.max()), node_bound, solution)


def _rounding(field: Any, rounded: NDArray[np.float64]) -> NDArray[np.float64] | float:
    """At least |field − rounded|, for fields in extended precision; 0 for others."""
    values = real_values("the field", field)
    if values.dtype.kind != "f" or values.dtype.itemsize <= rounded.itemsize:
        return 0.0
    rounding = np.abs(values.reshape(rounded.shape) - rounded).astype(np.float64)
    # rounded up, with the sum that it is added in
    return np.nextafter(rounding, np.inf) * (rounding != 0) * SLACK
