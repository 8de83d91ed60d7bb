"""The refinement of a family's predictions: corrections, and proofs of the errors that are left.

What all problems of a family share is made once: the couplings and the multigrid cycle, as far as
no diffusivity varies, and barriers, for the residuals of predictions and of corrected ones. So the
proof of a field needs its residual only (`proofs.barrier`). Where that bound is too large, the
field is corrected with the cycle, which leaves about a tenth of the error, and proven again.
"""

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import largest
from diffkeras.physics.equations import Equations
from diffkeras.physics.families.family import Family
from diffkeras.physics.families.fit import Barriers
from diffkeras.physics.families.shared_equations import SharedEquations, SharedOperator
from diffkeras.physics.linear.block_cycles import BlockCycle
from diffkeras.physics.linear.finite_volumes import SLACK, FiniteVolumes
from diffkeras.physics.linear.steps import Goal, LinearSteps
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.proofs.barrier import Barrier, BarrierBound, BarrierChoice
from diffkeras.physics.proofs.proof import KnownBounds, Proof
from diffkeras.physics.solution import Solution
from diffkeras.physics.steady.interface import SolveStatistics
from diffkeras.physics.steady.table import corrected
from diffkeras.physics.steady_state import Solver

MOST_CORRECTIONS = 3  # before the solver takes over
AIM_REDUCTION = 0.1  # of a correction, after a bound that was too large
# of a correction, which the corrected field's bound may have where it proves the prediction
CORRECTED_BOUND_SHARE = 0.5
SLOPE_UPDATE_SHARE = 0.03  # of the field, which a correction has to be for new slopes
BOUND_SHARE = 0.95  # of a tolerance, which bounds may have: corrections change the field's size
METHOD = "reduced-basis"  # of solutions, in their statistics
PREDICTED, CORRECTED = 0, 1  # kinds of fields, each with its barriers


class Refined(NamedTuple):
    """A field after corrections."""

    field: NDArray[np.float64]  # on the lattice; the fixed nodes have their values
    # of a bound as small as needed, constant times barrier; None if there is none
    proof: BarrierBound | None = None
    iterations: int = 0  # of conjugate gradients, or of the cycle alone, where it is proven


class Refinement:
    """Corrects and proves fields of a family, by what all its problems share."""

    def __init__(self, family: Family, barriers: Barriers | None = None) -> None:
        self.family = family
        # of the slowest decay
        self.equations = Equations(family.quick_problem_at(family.lowest_point))
        self.equations_of = SharedOperator(self.equations).equations_of
        self.set_barriers(barriers)

    def set_barriers(self, barriers: Barriers | None) -> None:
        """Take these barriers from now on."""
        self.barriers, free = barriers, self.equations.free
        self._usual: BlockCycle | None = None
        if barriers is not None and barriers.usual_row_sums.any():
            usual = barriers.usual_row_sums.astype(np.float64)
            self._usual = self.equations.cycle.plus(usual * free)
        self._choices = [
            BarrierChoice([Barrier(field * free, self.equations) for field in each])
            for each in ([] if barriers is None else barriers.fields.astype(np.float64))
        ]

    def solve_from(
        self,
        equations: Equations,
        field: NDArray[np.floating],
        tolerance: float,
        steps: int = 0,
    ) -> Solution:
        """A field whose proven relative error is within a tolerance, from a predicted one.

        Where corrections aren't enough, `solve` goes on from what they made of the prediction, or
        from that itself if its residual is smaller. The prediction may have any values on the fixed
        nodes, and needn't be finite. Galerkin's `steps` led to it.
        """
        problem = equations.given_problem
        prediction = finite_prediction(field, problem)
        share = tolerance / (1 + tolerance)  # relative to the exact field's size, too
        needed = BOUND_SHARE * share * self.size(prediction)
        field, proof, iterations = self.corrected(equations, prediction, needed)
        if proof is not None:
            bound, size = proof.highest, self.size(field)
            if bound <= share * size:
                reached = bound / (size or 1.0)
                stats = SolveStatistics(METHOD, 0, iterations, reached, newton_steps=steps)
                return Solution(field, problem, KnownBounds(proof.on_nodes), stats=stats)
        start = min(
            (prediction, field), key=lambda each: float(np.linalg.norm(equations.residual(each)))
        )
        return Solver(tolerance).solve(equations, start, keep=True)

    def size(self, field: NDArray[np.floating]) -> float:
        """The largest |value| on free nodes and on the fixed ones next to them."""
        size = largest(field[self.equations.ring.nodes])
        if size >= largest(field):
            return size
        return max(size, largest(np.where(self.equations.fixed, 0.0, field)))

    def corrected(self, equations: Equations, field: NDArray[np.float64], needed: float) -> Refined:
        """A prediction with the fixed values, corrected until its proven error is `needed` or less.

        Without such a proof, `proof` is None.
        """
        if self.barriers is None:
            return Refined(field)
        size = largest(field)
        if needed >= self.barriers.try_above * size:
            residual, proof = self._proof(PREDICTED, equations, field, needed)
            if proof is not None:
                return Refined(field, proof)
        else:
            residual = equations.residual(field)
        first, further = map(float, self.barriers.correction_shares * needed)
        one_is_enough = self.barriers.first_correction * size <= first
        if one_is_enough and self._usual is not None and isinstance(equations, SharedEquations):
            unit, single = largest(residual) or 1.0, np.empty(residual.shape, np.float32)
            np.divide(residual, unit, out=single, casting="same_kind")
            step = np.multiply(self._usual(single.ravel()), unit, dtype=np.float64)
            once = subtract_correction(equations, field, step.reshape(residual.shape))
            after, proof = self._proof(CORRECTED, equations, once, needed)
            if proof is not None:
                return Refined(once, proof, 1)
            if np.linalg.norm(after) < np.linalg.norm(residual):  # usual slopes may be far off
                field, residual = once, after
        return self._by_cycles(
            equations, field, residual, needed, first if one_is_enough else further
        )

    def _by_cycles(
        self,
        equations: Equations,
        field: NDArray[np.float64],
        residual: NDArray[np.float64],
        needed: float | None = None,
        aim: float = np.inf,
    ) -> Refined:
        """The same with the problem's own cycle; by default a share of the correction is needed."""
        # the shares are 0 where most bounds are infinite, as where the diffusivity varies
        if self.barriers is None or not self.barriers.correction_shares.all():
            return Refined(field)
        steps, slope = LinearSteps(equations), equations.slope(field)
        for corrections in range(MOST_CORRECTIONS):
            try:
                step = steps.solve(slope, residual, Goal(error=aim))
            except ConvergenceError:
                break
            field = subtract_correction(equations, field, step.solution)
            needed = CORRECTED_BOUND_SHARE * step.first_estimate if needed is None else needed
            residual, proof = self._proof(CORRECTED, equations, field, needed)
            if proof is not None:
                equations.release()
                return Refined(field, proof, steps.iterations + corrections + 1)
            aim = AIM_REDUCTION * min(aim, float(self.barriers.correction_shares[1]) * needed)
            if step.first_estimate > SLOPE_UPDATE_SHARE * largest(field):
                slope = equations.slope(field)
        return Refined(field)

    def bound_of(self, problem: Problem, field: NDArray[np.float64]) -> NDArray[np.float64]:
        """At least |field − u| node by node, of a prediction as it is."""
        equations = self.equations_of(problem)
        near, proof, _ = self._by_cycles(equations, field, equations.residual(field))
        if proof is None:
            return corrected(field, equations).bound_of(field)
        bound = np.abs(field - near)
        bound += proof.on_nodes
        bound *= SLACK
        return bound

    def bound(
        self,
        kind: int,
        equations: Equations,
        field: NDArray[np.float64],
        residual: NDArray[np.float64],
        rounding: float = 0.0,
        radius: float = 0.0,
    ) -> BarrierBound:
        """The bound of the error of a field, PREDICTED or CORRECTED, by a barrier.

        It holds if it is within the radius of the slopes. The residual F of the field is known to
        within its rounding.
        """
        operator: FiniteVolumes | NDArray[np.float32]
        if isinstance(equations, SharedEquations):
            operator = equations.least_added_row_sums(field, radius)
        else:
            operator = equations.operator_at(equations.least_slope(field, radius))
        constant, barrier = self._choices[kind].bound(operator, residual, rounding)
        return BarrierBound(constant * SLACK, barrier)

    def _proof(
        self, kind: int, equations: Equations, field: NDArray[np.float64], needed: float
    ) -> tuple[NDArray[np.float64], BarrierBound | None]:
        """The residual, and a bound of at most `needed`, if a barrier proves one."""
        residual, rounding = equations.residual_and_largest_rounding(field)
        proof = self.bound(kind, equations, field, residual, rounding, needed)
        return residual, proof if proof.highest <= needed else None


@dataclass
class PredictionProof(Proof):
    """Of one prediction as it is, which is proven when a bound is first read.

    In another process it has no refinement, which is much larger than a field.
    """

    refinement: Refinement | None
    _node_bound: NDArray[np.float64] | None = dataclass_field(default=None, init=False)

    def __getstate__(self) -> dict[str, Any]:
        """Without the refinement."""
        return {**vars(self), "refinement": None}

    def node_bound(self, field: NDArray[np.floating], equations: Equations) -> NDArray[np.float64]:
        """See `Proof`."""
        if self._node_bound is None:
            if self.refinement is None:
                self._node_bound = corrected(field, equations).bound_of(field)
            else:
                prediction = field.astype(np.float64, copy=False)
                self._node_bound = self.refinement.bound_of(equations.given_problem, prediction)
        return self._node_bound


def finite_prediction(field: NDArray[np.floating], problem: Problem) -> NDArray[np.float64]:
    """A copy of a prediction with the values of the fixed nodes; 0 if it isn't finite."""
    prediction = field.astype(np.float64)
    if not np.isfinite(largest(field)):  # inputs out of the range of a logarithm, for example
        prediction[...] = 0.0
    np.copyto(prediction, problem.values, where=problem.fixed)
    return prediction


def subtract_correction(
    equations: Equations, field: NDArray[np.float64], correction: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The field minus a correction, which is 0 on the fixed nodes, in the memory of that."""
    np.subtract(field, correction, out=correction)
    if equations.is_positive:
        np.maximum(correction, 0.0, out=correction)
        np.copyto(correction, equations.values, where=equations.fixed)
    return correction
