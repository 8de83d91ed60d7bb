"""The result of a surrogate: a field with a proven bound of its error."""

from dataclasses import dataclass

from numpy.typing import ArrayLike

from diffkeras.physics import ProvenField, Quantity, Solution, solve
from diffkeras.physics.arguments import check_relative_tolerance
from diffkeras.physics.proofs.proof import KnownBounds


@dataclass(frozen=True, eq=False, repr=False)
class Prediction(ProvenField):
    """The field that a surrogate predicts for a problem.

    Its certificate is computed when it is first needed: a prediction whose bounds nobody reads
    costs no more than the network.

    Attributes:
        field: (rows, columns), float32 or float64, in the unit of the source values.
        problem: which it should solve.
        kind: what the field is:

            - "prediction": the network's field;
            - "corrected field", of Newton's steps, if only this is proven to be within the
              tolerance;
            - "solved field", of the exact solver, if neither is.
    """

    kind: str = "prediction"

    @property
    def corrected(self) -> Solution:
        """The certificate's corrected field: a better one, with its own bounds."""
        return self.certificate.corrected

    def quantity(self, weights: ArrayLike) -> Quantity:
        """The sum of weights times the exact field, with a proven bound (see `Solution.quantity`).

        Its `of_field` is computed from the predicted field.
        """
        return self.certificate.quantity(weights)

    def within(self, tolerance: float) -> "Prediction":
        """A prediction whose `relative_error_bound` is at most a tolerance.

        It has the network's field where that is proven to be within the tolerance, or else the
        corrected field of the certificate, which in a uniform medium is the solution, or else the
        solution that starts from it. That meets the tolerance as `diffkeras.solve` does: in a
        uniform medium, where the rounding of the proof is more than a tolerance below about 1e-11,
        the bound is above it.

        Args:
            tolerance: the largest error, relative to the field's largest |value|.

        Raises:
            PhysicsError, ConvergenceError: as `diffkeras.solve`.
        """
        tolerance = check_relative_tolerance(tolerance)
        proof = self.certificate
        better = "corrected" if proof.corrected.stats.method == "newton-cg" else "solved"
        results = {"prediction": proof, f"{better} field": proof.corrected}
        for kind, result in results.items():
            if result.relative_error_bound <= tolerance:
                field = self.field if result is proof else result.field
                return Prediction(field, self.problem, result.proof, kind=kind)
        solution = solve(self._equations, initial=proof.corrected.field, tolerance=tolerance)
        known = KnownBounds(solution.node_bound)
        return Prediction(solution.field, self.problem, known, kind="solved field")
