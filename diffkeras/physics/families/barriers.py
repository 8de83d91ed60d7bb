"""Making the barriers of a family from samples of its predictions.

The family is divided into parts by its inputs (k-means). Each part has two barriers, for the
residuals of predictions and of fields that the multigrid cycle has corrected once. Each is made for
the least drain and slopes of the part's samples, and for a profile that the residuals of its
samples have: their root mean square, plus a floor.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import largest
from diffkeras.physics.families.certified import (
    CORRECTED,
    PREDICTED,
    Barriers,
    FamilyProofs,
    corrected,
)
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.solvers.barrier import barrier_of
from diffkeras.physics.solvers.linear_steps import Goal

FLOOR = 0.3  # of a profile, as a share of its mean
MARGIN = 0.9  # of the least slopes, as other problems may have smaller ones
MOST_PARTS, IN_PART = 8, 16  # samples
OFTEN = 0.1  # share of predictions whose bounds are small enough without a correction
NEARLY_ALWAYS = 0.75  # of those whose bounds are small enough after one that is near
TRIED = 64  # samples

Sample = Callable[[int], tuple[Problem, NDArray[np.float64]]]


def family_proofs(lowest: Problem, inputs: NDArray[np.float64], sample: Sample) -> FamilyProofs:
    """The proofs of a family.

    Args:
        lowest: its problem with the slowest decay and the least uptake.
        inputs: (m, k), of the samples.
        sample: gives the problem and the prediction of each one by its number.
    """
    plain = FamilyProofs(lowest)
    spread = np.where(inputs.std(axis=0) > 0, inputs.std(axis=0), 1.0)
    number = min(MOST_PARTS, max(1, len(inputs) // IN_PART))
    centres, parts = kmeans2(inputs / spread, number, minit="++", rng=np.random.default_rng(0))
    used = [part for part in range(number) if (parts == part).any()]
    fields = []
    for part in used:
        pair = _pair(plain, [sample(int(n)) for n in np.flatnonzero(parts == part)])
        if pair is None:
            return plain
        fields.append(pair)
    none = np.array(0.0)
    barriers = Barriers(spread, centres[used], np.stack(fields).astype(np.float32), none, none)
    made = FamilyProofs(lowest, barriers)
    tried = np.arange(0, len(inputs), -(-len(inputs) // TRIED))
    ratios = np.array([_ratios(made, *sample(int(n)), inputs[n]) for n in tried])
    attempt = np.quantile(ratios[:, 0], OFTEN)
    near = 1 / max(float(np.quantile(ratios[:, 1], NEARLY_ALWAYS)), 1.0)
    return FamilyProofs(lowest, barriers._replace(attempt=attempt, near=np.array(near)))


def _pair(
    proofs: FamilyProofs, samples: list[tuple[Problem, NDArray[np.float64]]]
) -> NDArray[np.float64] | None:
    """The two barriers for some samples, (2, *lattice); None if there are none."""
    volumes = proofs.equations.volumes
    least = np.full(volumes.drain.shape, np.inf)
    squares = np.zeros((2, *volumes.drain.shape))
    for problem, field in samples:
        try:
            after, _, residuals = _once_corrected(proofs, problem, field)
        except ConvergenceError:
            return None
        equations = proofs.equations_of(problem)
        slope = MARGIN * equations.slope(after)
        np.minimum(least, equations.volumes.drain + slope, out=least)
        for total, residual in zip(squares, residuals, strict=True):
            if size := float(np.abs(residual).mean()):
                total += (residual / size) ** 2
    barriers = []
    for profile in np.sqrt(squares):
        mean = float(profile.mean())
        profile = profile / mean + FLOOR if mean > 0 else np.ones(profile.shape)
        barriers.append(barrier_of(proofs.equations, least - volumes.drain, profile))
    return None if any(barrier is None for barrier in barriers) else np.array(barriers)


def _once_corrected(
    proofs: FamilyProofs, problem: Problem, field: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float, list[NDArray[np.float64]]]:
    """The field after one cycle, how large the correction is, and both residuals."""
    equations = proofs.equations_of(problem)
    steps, residual = proofs.steps_of(equations), equations.of(field)
    move = steps.solve(equations.slope(field), residual, Goal(near=np.inf))
    steps.release()
    after = corrected(equations, field, move.solution)
    return after, move.first_estimate, [residual, equations.of(after)]


def _ratios(
    proofs: FamilyProofs,
    problem: Problem,
    field: NDArray[np.float64],
    inputs: NDArray[np.float64],
) -> tuple[float, float]:
    """About the bound of a prediction by its size, of a corrected field by its correction."""
    equations = proofs.equations_of(problem)
    after, correction, residuals = _once_corrected(proofs, problem, field)
    bounds = []
    for kind, each in ((PREDICTED, field), (CORRECTED, after)):
        barrier = proofs.barrier(kind, inputs)
        slope = equations.slope(each)
        bounds.append(barrier.highest * barrier.bound(equations, residuals[kind], 0.0, slope))
    size = largest(field)
    return (
        bounds[PREDICTED] / size if size else np.inf,
        bounds[CORRECTED] / correction if correction else 1.0,
    )
