"""Certificates and refinement in a medium that varies from node to node.

Let v be any field, ρ = s − A v on the free nodes, and B at least |v − c| on the ring. A of the free
nodes is an M-matrix with row sums ≥ 0, so the comparison principle (Varga 2000, §3.5; Ciarlet 1970)
gives |v − u| ≤ B + b for every b ≥ 0 with A b ≥ |ρ|. `solvers.comparison` checks that inequality on
every free node, and repairs b where it needs to be.

Where only the decay varies, a uniform medium is near. Let A be the operator of the whole lattice,
without fixed nodes, and Ā that of the mean decay. The correction v = û − A⁻¹r, with r = Aû − s on
the free nodes and 0 on the fixed ones, and b = A⁻¹|ρ| are approximated by a few steps of conjugate
gradients, preconditioned by Ā⁻¹, a transform pair.

Where the diffusivity varies, or Ā⁻¹ has lost too many digits, cycles of multigrid correct û on the
free nodes, with v = c on the ring, and give b.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, cg

from diffkeras.physics.arguments import largest
from diffkeras.physics.bounds.predicted_problem import PredictedProblem
from diffkeras.physics.bounds.results import Certificate, Refinement
from diffkeras.physics.operators.finite_volumes import FiniteVolumes, finite_volumes
from diffkeras.physics.operators.spectral import SpectralOperator, spectral_operator
from diffkeras.physics.problem import Problem
from diffkeras.physics.solvers.comparison import LEAST_SUPPLY, SLACK, Comparison
from diffkeras.physics.solvers.multigrid import MultigridRun

REDUCTION = 0.1  # of a residual by conjugate gradients
MOST_STEPS = 20


def certify_varying(predicted: PredictedProblem) -> Certificate:
    """See `certificate.certify`."""
    problem = predicted.problem
    found = _by_transforms(predicted) or _by_multigrid(predicted)
    field, bound, mismatch = found
    bound = np.where(problem.fixed, 0.0, bound * SLACK)
    np.copyto(field, problem.values, where=problem.fixed)
    node_bound = (np.abs(predicted.prediction - field) + bound) * SLACK
    # rounding is in the bound already
    return Certificate(field, float(bound.max()), bound, node_bound, mismatch, 0.0)


def refine_varying(predicted: PredictedProblem, tolerance: float) -> Refinement:
    """See `refinement.refine`."""
    problem, scale = predicted.problem, (predicted.problem.scale or 1.0) * SLACK
    run = _start(predicted)
    run.iterate(tolerance / SLACK)
    history = tuple(bound * scale for bound in run.history)
    field = _field(run, problem)
    np.copyto(field, problem.values, where=problem.fixed)
    return Refinement(field, history[-1], run.iterations, history, "multigrid", 0.0)


def _by_transforms(
    predicted: PredictedProblem,
) -> tuple[NDArray[np.float64], NDArray[np.float64], float] | None:
    """A corrected field, the bound of its error by node, and B; None if no uniform one is near."""
    problem = predicted.problem
    mean = _mean_operator(problem)
    if mean is None or problem.fixed.all():
        return None
    volumes = finite_volumes(problem.lattice, problem.medium.normalised())
    near = _NearlyUniform(volumes, mean)
    comparison = Comparison(volumes, problem)
    barrier = near.inverse(np.ones(problem.lattice)).clip(min=0.0)
    if comparison.take_barrier(barrier) is not None:
        return None
    held = problem.values[problem.ring.nodes]
    # no |value| of u is larger than this, and numbers far beyond only add rounding
    most = largest(held) + problem.largest_supply * float(barrier.max()) / LEAST_SUPPLY
    free, field = ~problem.fixed, predicted.prediction.clip(-2 * most, 2 * most)
    residual, response = np.zeros(problem.lattice), np.zeros(problem.lattice)
    residual[free] = comparison.of(field)[1]
    field = field + near.inverse(residual)
    response[free] = missed = comparison.missed(field)
    mismatch = float(np.abs(field[problem.ring.nodes] - held).max(initial=0.0)) * SLACK
    bound = near.inverse(response).clip(min=0.0) + mismatch
    return field, bound + comparison.missing(bound, missed), mismatch


def _mean_operator(problem: Problem) -> SpectralOperator | None:
    """The operator of the mean decay, if only the decay varies."""
    medium = problem.medium.normalised()
    parts = medium.diffusivities
    if any(np.min(part) != np.max(part) for part in parts):
        return None
    diffusivities = tuple(float(np.max(part)) for part in parts)
    uniform = replace(medium, diffusivity=diffusivities, decay=float(np.mean(medium.decay)))
    operator = spectral_operator(problem.lattice, uniform)
    return None if operator.deflated else operator


class _NearlyUniform:
    """About A⁻¹ of the whole lattice, where the operator of the mean decay is near."""

    def __init__(self, volumes: FiniteVolumes, mean: SpectralOperator) -> None:
        self._operator = _on_vectors(volumes.apply, volumes.drain.shape)
        self._near = _on_vectors(mean.inverse, volumes.drain.shape)

    def inverse(self, density: NDArray[np.float64]) -> NDArray[np.float64]:
        """About A⁻¹ of densities (rows, columns)."""
        solution, _ = cg(
            self._operator, density.ravel(), rtol=REDUCTION, maxiter=MOST_STEPS, M=self._near
        )
        return solution.reshape(density.shape)


def _on_vectors(apply: Callable[[NDArray], NDArray], lattice: tuple[int, ...]) -> LinearOperator:
    nodes = math.prod(lattice)
    return LinearOperator(
        (nodes, nodes),
        matvec=lambda vector: apply(vector.reshape(lattice)).ravel(),
        dtype=np.float64,
    )


def _by_multigrid(
    predicted: PredictedProblem,
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """The same, with the values of the fixed nodes, so B is 0."""
    run = _start(predicted)
    run.correct()
    scale = predicted.problem.scale or 1.0
    return _field(run, predicted.problem), run.node_bound() * scale, 0.0


def _start(predicted: PredictedProblem) -> MultigridRun:
    return MultigridRun(predicted.problem, predicted.prediction / (predicted.problem.scale or 1.0))


def _field(run: MultigridRun, problem: Problem) -> NDArray[np.float64]:
    return run.field.astype(np.float64) * (problem.scale or 1.0)
