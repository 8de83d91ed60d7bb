"""Making the barriers of a family from samples of its predictions.

The samples are divided into clusters by their inputs (k-means++, Arthur & Vassilvitskii 2007). Each
cluster, and all samples together, have two barriers, for the residuals of predictions and of fields
that the multigrid cycle has corrected once. Each is made for the least row sums and slopes of these
samples, and for a profile that their residuals have: their root mean square, plus a floor.
"""

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from diffkeras.errors import ConvergenceError
from diffkeras.physics.families.family.shared_equations import SharedEquations
from diffkeras.physics.families.reduced_basis.barrier_arrays import Barriers
from diffkeras.physics.families.reduced_basis.corrections import (
    CORRECTED,
    PREDICTED,
    CertifiedCorrections,
    finite_prediction,
    subtract_correction,
)
from diffkeras.physics.families.reduced_basis.predictor import Predictor
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.proofs.barrier import barrier_of
from diffkeras.physics.real_arrays import largest
from diffkeras.physics.solvers.linear_steps import Goal, LinearSteps

FLOOR = 0.3  # what is added to a profile, as a share of its mean
MARGIN = 0.7  # share of the least slopes: other problems may have smaller ones
MOST_CLUSTERS, IN_CLUSTER = 8, 16  # clusters at most, and samples of each on average at least
TRIED_QUANTILE = 0.1  # of predictions' bounds: larger ones are tried without a correction
USUAL_QUANTILE = 0.75  # of bounds, which are counted on
SAMPLES = 256  # at most, for whose slopes and residuals barriers are made
RATIO_SAMPLES = 64  # samples at most whose bounds are looked at


class Sample(NamedTuple):
    """A problem of the family with its predictions, which have the values of the fixed nodes.

    Attributes:
        problem: of the family.
        plain: by regression alone.
        field: by Galerkin's method, which starts from that; of a network, both are its field.
    """

    problem: Problem
    plain: NDArray[np.float64]
    field: NDArray[np.float64]

    @classmethod
    def of(cls, problem: Problem, *fields: NDArray[np.floating]) -> "Sample":
        """The sample of predictions of any values on the fixed nodes."""
        return cls(problem, *(finite_prediction(field, problem) for field in fields))


def barriers_of_basis(
    corrections: CertifiedCorrections, predictor: Predictor, points: NDArray[np.float64]
) -> Barriers | None:
    """The barriers for the predictions of a basis.

    Args:
        corrections: of the family, without barriers.
        predictor: of the basis.
        points: (m, p), of the snapshots. Samples are predicted as if they were none.
    """
    family, fit = corrections.family, predictor.fit
    numbers = np.arange(0, len(points), -(-len(points) // SAMPLES))
    points = points[numbers]
    known = fit.regression(family.scaling.inputs(points)) - fit.regression.left_out[numbers]
    samples = []
    for point, row in zip(points[:, None], predictor.scaled(known, points)[:, None], strict=True):
        problem = family.quick_problem_at(point[0])
        (plain,) = predictor.product(row[:, : fit.fast_modes + 1])
        (field,) = predictor.solved(point, [corrections.equations_of(problem)], row)
        samples.append(Sample.of(problem, plain, field))
    return barriers_of(corrections, points, samples)


def barriers_of(
    corrections: CertifiedCorrections, points: NDArray[np.float64], samples: list[Sample]
) -> Barriers | None:
    """The barriers of a family, by samples of predictions; None if there are none.

    Args:
        corrections: of the family, without barriers.
        points: (m, p), of the samples.
        samples: (m).
    """
    inputs = corrections.family.scaling.inputs(points)
    pairs: list[NDArray[np.float64]] = []
    for cluster in _clusters(inputs):
        for margin in (MARGIN,) if pairs else (0.0, MARGIN):
            pair = _pair(corrections, [samples[number] for number in cluster], margin)
            if pair is None:
                return None
            pairs.append(pair)
    tried = samples[:: -(-len(samples) // RATIO_SAMPLES)]
    fields = np.stack(pairs, axis=1).astype(np.float32)
    usual = np.zeros(corrections.equations.lattice)
    for problem, _, field in tried:
        equations = corrections.equations_of(problem)
        if isinstance(equations, SharedEquations):
            added = equations.added_row_sums + equations.slope(field)
            usual += added * equations.free / len(tried)
    barriers = Barriers(fields, usual.astype(np.float32))
    made = CertifiedCorrections(corrections.family, barriers)
    ratios = np.array([_ratios(made, sample) for sample in tried])
    plain, predicted, first, once, twice = ratios.T
    bounds = [_quantile(each, USUAL_QUANTILE) for each in (once, twice)]
    return barriers._replace(
        regression_bound=_quantile(plain, USUAL_QUANTILE),
        try_above=_quantile(predicted, TRIED_QUANTILE),
        correction_shares=1 / np.maximum(bounds, 1.0),
        first_correction=np.asarray(np.median(first)),
    )


def _quantile(values: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """One of the values: some may be infinite, so that nothing lies between them and others."""
    return np.asarray(np.quantile(values, share, method="higher"))


def _clusters(inputs: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    """The numbers of all samples, and of those of each cluster of their inputs (m, k)."""
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


def _pair(
    corrections: CertifiedCorrections, samples: list[Sample], margin: float
) -> NDArray[np.float64] | None:
    """The two barriers for some samples, (2, *lattice); None if there are none.

    They are made for a share of the samples' slopes: with 0, they serve all problems of the family
    whose diffusivity doesn't vary.
    """
    volumes = corrections.equations.volumes
    least = np.full(volumes.row_sums.shape, np.inf)
    squares = np.zeros((2, *volumes.row_sums.shape))
    for problem, _, field in samples:
        try:
            after, _, residuals = _once_corrected(corrections, problem, field)
        except ConvergenceError:
            return None
        equations = corrections.equations_of(problem)
        row_sums = equations.volumes.row_sums if margin else volumes.row_sums
        np.minimum(least, row_sums + margin * equations.slope(after), out=least)
        for total, residual in zip(squares, residuals, strict=True):
            if size := float(np.abs(residual).mean()):
                total += (residual / size) ** 2
    barriers = []
    for profile in np.sqrt(squares):
        mean = float(profile.mean())
        profile = profile / mean + FLOOR if mean > 0 else np.ones(profile.shape)
        barriers.append(barrier_of(corrections.equations, least - volumes.row_sums, profile))
    return None if any(barrier is None for barrier in barriers) else np.array(barriers)


def _once_corrected(
    corrections: CertifiedCorrections, problem: Problem, field: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float, list[NDArray[np.float64]]]:
    """The field after one cycle, how large the correction is, and both residuals."""
    equations = corrections.equations_of(problem)
    residual = equations.residual(field)
    step = LinearSteps(equations).solve(equations.slope(field), residual, Goal(error=np.inf))
    equations.release()
    after = subtract_correction(equations, field, step.solution)
    return after, step.first_estimate, [residual, equations.residual(after)]


def _ratios(
    corrections: CertifiedCorrections, sample: Sample
) -> tuple[float, float, float, float, float]:
    """Five ratios, of bounds and corrections of a sample.

    Returns:
        The bound of the prediction by regression alone over the field's size.
        The bound of the prediction by Galerkin's method over the field's size.
        The first correction over the field's size.
        The bound of the field that is corrected once over that correction.
        The bound of the field that is corrected twice over the second correction.
    """
    problem, plain, field = sample
    equations, size = corrections.equations_of(problem), largest(field) or 1.0

    def bound(kind: int, field: NDArray[np.float64], residual: NDArray[np.float64]) -> float:
        return corrections.bound(kind, equations, field, residual).highest

    once, first, (residual, after_once) = _once_corrected(corrections, problem, field)
    twice, second, (_, after_twice) = _once_corrected(corrections, problem, once)
    return (
        bound(PREDICTED, plain, equations.residual(plain)) / size,
        bound(PREDICTED, field, residual) / size,
        first / size,
        bound(CORRECTED, once, after_once) / first if first else 1.0,
        bound(CORRECTED, twice, after_twice) / second if second else 1.0,
    )
