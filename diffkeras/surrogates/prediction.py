"""The result of a surrogate: a field with a proven bound of its error."""

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.physics import Certificate, Equations, Problem, Quantity, Solution, certify, solve
from diffkeras.physics.arguments import check_relative_tolerance
from diffkeras.physics.read_only import read_only_copy
from diffkeras.physics.real_arrays import largest
from diffkeras.physics.solution import ProvenField


@dataclass(frozen=True, eq=False, repr=False)
class Prediction(ProvenField):
    """The field that a surrogate predicts for a problem.

    It is used like a `Certificate`, which is computed when it is first needed: a prediction whose
    bounds nobody reads costs no more than the network. Bounds are proofs, not estimates (see
    `diffkeras.certify`).

    Attributes:
        field: (rows, columns), float32 or float64, in the unit of the source values.
        problem: the problem that it should solve.
        kind: what the field is: "prediction", the network's field; "corrected field", where only
            that is proven to be within the tolerance; or "solved field", by the exact solver, where
            neither is.
        proven: a bound of the field's error node by node that is known already, of its shape; None
            if that of the certificate is.
    """

    field: NDArray[np.floating]
    problem: Problem = dataclass_field(repr=False)
    kind: str = "prediction"
    proven: NDArray[np.float64] | None = dataclass_field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("field", "proven"):
            if (array := getattr(self, name)) is not None:
                object.__setattr__(self, name, read_only_copy(array))

    @property
    def error_bound(self) -> float:
        """At least max |field − exact solution| over all nodes, in the field's unit."""
        return float(self.node_bound.max())

    @property
    def node_bound(self) -> NDArray[np.float64]:
        """At least |field − exact solution| node by node, of the field's shape and unit."""
        return self.certificate.node_bound if self.proven is None else self.proven

    @cached_property
    def certificate(self) -> Certificate:
        """The proof, with a corrected field."""
        return certify(self.field, self.problem)

    @property
    def corrected(self) -> Solution:
        """A better field, with its own bounds; that of the certificate."""
        return self.certificate.corrected

    def quantity(self, weights: ArrayLike) -> Quantity:
        """The sum of weights times the exact field, with a proven bound (see `Solution.quantity`).

        Its `of_field` is that of the predicted field.
        """
        return self.certificate.quantity(weights)

    def within(self, tolerance: float) -> "Prediction":
        """A prediction whose `error_bound` is at most a tolerance.

        It has the network's field where that is proven to be within the tolerance, or else the
        corrected field of the certificate, or else the solution that starts from it. That meets the
        tolerance as `diffkeras.solve` does: in a uniform medium, where the rounding of the proof is
        more than a tolerance below about 1e-11, the bound is above it.

        Args:
            tolerance: the largest error, relative as that of `diffkeras.solve`.

        Raises:
            PhysicsError, ConvergenceError: as `diffkeras.solve`.
        """
        tolerance = check_relative_tolerance(tolerance)
        equations = Equations(self.problem)
        proof = certify(self.field, equations)
        better = proof.corrected
        for kind, field, bound in (
            ("prediction", self.field, proof.node_bound),
            ("corrected field", better.field, better.node_bound),
        ):
            error = float(bound.max())
            if error <= tolerance * _least_size(field, error, equations):
                return Prediction(field, self.problem, kind, bound)
        solution = solve(equations, initial=better.field, tolerance=tolerance)
        bound = np.full(self.field.shape, solution.error_bound)
        return Prediction(solution.field, self.problem, "solved field", bound)


def _least_size(field: NDArray, error: float, equations: Equations) -> float:
    """A lower bound of the exact field's largest |value|, to which tolerances are relative."""
    on_ring = largest(equations.values[equations.ring.nodes])
    return max(on_ring, largest(field[equations.free]) - error)
