"""Making the barriers of a family from samples of its predictions.

The samples are divided into clusters by their inputs (k-means++, Arthur & Vassilvitskii 2007). Each
cluster, and all samples together, have two barriers, for the residuals of predictions and of fields
that the multigrid cycle has corrected once. Each is made for the least row sums and slopes of these
samples, and for a profile that their residuals have: their root mean square, plus a floor. Two more
of all samples are made for the slowest decay and no slopes: these serve all problems of the family
whose diffusivity doesn't vary.
"""

import warnings

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import largest
from diffkeras.physics.equations import Equations
from diffkeras.physics.families.fit import Barriers
from diffkeras.physics.families.predictor import Predictor
from diffkeras.physics.families.refinement import (
    CORRECTED,
    PREDICTED,
    Refinement,
    finite_prediction,
    subtract_correction,
)
from diffkeras.physics.families.shared_equations import SharedEquations
from diffkeras.physics.linear.steps import Goal, LinearSteps
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.proofs.barrier import barrier_of

FLOOR = 0.3  # what is added to a profile, as a share of its mean
MARGIN = 0.7  # share of the least slopes: other problems may have smaller ones
MOST_CLUSTERS, IN_CLUSTER = 8, 16  # clusters at most, and samples of each on average at least
TRIED_QUANTILE = 0.1  # of predictions' bounds: larger ones are tried without a correction
USUAL_QUANTILE = 0.75  # of bounds, which are counted on
SAMPLES = 256  # at most, for whose slopes and residuals barriers are made
RATIO_SAMPLES = 64  # samples at most whose bounds are looked at


# A problem with its predictions by regression alone, and by Galerkin's method, which starts there;
# both have the values of the fixed nodes.
Sample = tuple[Problem, NDArray[np.float64], NDArray[np.float64]]


def barriers_of_basis(
    refinement: Refinement, predictor: Predictor, points: NDArray[np.float64]
) -> tuple[Barriers | None, float]:
    """The barriers for the predictions of a basis, and in which share of them Galerkin converged.

    Samples are snapshots, at points (m, p), predicted as if they were none. The refinement gets the
    barriers.
    """
    family, fit = refinement.family, predictor.fit
    numbers = np.arange(0, len(points), -(-len(points) // SAMPLES))
    points = points[numbers]
    inputs = family.scaling.inputs(points)
    known = fit.regression(inputs) - fit.regression.left_out[numbers]
    samples: list[Sample] = []
    converged = 0
    for point, row in zip(points[:, None], predictor.scaled(known, points)[:, None], strict=True):
        problem = family.quick_problem_at(point[0])
        (plain,) = predictor.product(row[:, : fit.fast_modes + 1])
        (field,), (steps,) = predictor.solved(point, [refinement.equations_of(problem)], row)
        converged += bool(steps)
        plain, field = finite_prediction(plain, problem), finite_prediction(field, problem)
        samples.append((problem, plain, field))
    return _barriers(refinement, samples, _clusters(inputs)), converged / len(samples)


def _barriers(
    refinement: Refinement, samples: list[Sample], clusters: list[NDArray[np.intp]]
) -> Barriers | None:
    """The barriers of samples and of their clusters, as `barriers_of_basis` returns them."""
    try:
        pairs = _pairs(refinement, samples, clusters)
    except ConvergenceError:
        return None
    if not pairs:
        return None
    tried = samples[:: -(-len(samples) // RATIO_SAMPLES)]
    usual = np.zeros(refinement.equations.lattice)
    for problem, _, field in tried:
        equations = refinement.equations_of(problem)
        if isinstance(equations, SharedEquations):
            added = equations.added_row_sums + equations.slope(field)
            usual += added * equations.free / len(tried)
    barriers = Barriers(np.stack(pairs, axis=1).astype(np.float32), usual.astype(np.float32))
    refinement.set_barriers(barriers)
    ratios = np.array([_ratios(refinement, sample) for sample in tried])
    plain, predicted, first, once, twice = ratios.T
    bounds = [_quantile(each, USUAL_QUANTILE) for each in (once, twice)]
    refinement.barriers = barriers._replace(
        regression_bound=_quantile(plain, USUAL_QUANTILE),
        try_above=_quantile(predicted, TRIED_QUANTILE),
        correction_shares=1 / np.maximum(bounds, 1.0),
        first_correction=np.asarray(np.median(first)),
    )
    return refinement.barriers


def _quantile(values: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """One of the values: some may be infinite, so that nothing lies between them and others."""
    return np.asarray(np.quantile(values, share, method="higher"))


def _clusters(inputs: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    """The numbers of all samples, and of the samples in each cluster of their inputs (m, k)."""
    from scipy.cluster.vq import kmeans2  # `solve` doesn't wait for its import

    spread = np.where(inputs.std(axis=0) > 0, inputs.std(axis=0), 1.0)
    distinct, clusters = len(np.unique(inputs, axis=0)), [np.arange(len(inputs))]
    count = min(MOST_CLUSTERS, len(inputs) // IN_CLUSTER, distinct)
    if count > 1:
        rng = np.random.default_rng(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of an empty cluster
            _, labels = kmeans2(inputs / spread, count, minit="++", rng=rng)
        clusters += [np.flatnonzero(labels == number) for number in range(count)]
    return [cluster for cluster in clusters if cluster.size]


def _pairs(
    refinement: Refinement, samples: list[Sample], clusters: list[NDArray[np.intp]]
) -> list[NDArray[np.float64]]:
    """Pairs of barriers, (2, *lattice) each; those that can't be made are left out.

    The first cluster has all samples. Its pair without slopes comes first. A correction that
    doesn't converge raises a ConvergenceError.
    """
    volumes = refinement.equations.volumes
    least = np.full((len(clusters), *volumes.row_sums.shape), np.inf)
    squares = np.zeros((len(clusters), 2, *volumes.row_sums.shape))
    for number, (problem, _, field) in enumerate(samples):
        equations = refinement.equations_of(problem)
        after, _, residuals = _once_corrected(equations, field)
        row_sums = equations.volumes.row_sums + MARGIN * equations.slope(after)
        added = np.square([each / (float(np.abs(each).mean()) or 1.0) for each in residuals])
        for cluster, lowest, total in zip(clusters, least, squares, strict=True):
            if number in cluster:
                np.minimum(lowest, row_sums, out=lowest)
                total += added
    slopes = [0.0, *(least - volumes.row_sums)]
    pairs = [
        [barrier_of(refinement.equations, slope, _profile(each)) for each in total]
        for slope, total in zip(slopes, [squares[0], *squares], strict=True)
    ]
    return [np.array(pair) for pair in pairs if not any(barrier is None for barrier in pair)]


def _profile(squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """The profile of residuals, on the lattice, by the sums of their squares."""
    profile = np.sqrt(squares)
    mean = float(profile.mean())
    return profile / mean + FLOOR if mean > 0 else np.ones(profile.shape)


def _once_corrected(
    equations: Equations, field: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float, list[NDArray[np.float64]]]:
    """The field after one cycle, how large the correction is, and both residuals."""
    residual = equations.residual(field)
    step = LinearSteps(equations).solve(equations.slope(field), residual, Goal(error=np.inf))
    equations.release()
    after = subtract_correction(equations, field, step.solution)
    return after, step.first_estimate, [residual, equations.residual(after)]


def _ratios(refinement: Refinement, sample: Sample) -> tuple[float, float, float, float, float]:
    """Ratios of bounds and corrections of a sample.

    Over the field's size, the bounds of the prediction by regression alone and by Galerkin's
    method, and the first correction; over that, the bound of the corrected field. The last is the
    same of the second correction, infinite if that doesn't converge.
    """
    problem, plain, field = sample
    equations, size = refinement.equations_of(problem), largest(field) or 1.0

    def bound(kind: int, field: NDArray[np.float64], residual: NDArray[np.float64]) -> float:
        return refinement.bound(kind, equations, field, residual).highest

    once, first, (residual, after_once) = _once_corrected(equations, field)
    try:
        twice, second, (_, after_twice) = _once_corrected(equations, once)
        last = bound(CORRECTED, twice, after_twice) / second if second else 1.0
    except ConvergenceError:
        last = np.inf
    return (
        bound(PREDICTED, plain, equations.residual(plain)) / size,
        bound(PREDICTED, field, residual) / size,
        first / size,
        bound(CORRECTED, once, after_once) / first if first else 1.0,
        last,
    )
