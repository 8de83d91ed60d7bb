"""Certificates and refinement by enclosures: of media that vary, and of saturating uptake.

Newton steps, of which a linear problem is one, correct the prediction, and `uptake.enclosure`
proves node by node how far the corrected field is from the solution. Steps follow until what is
left of the error is a small share of what they corrected, so that the bound says how wrong the
prediction is, and not how rough the proof.
"""

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.bounds.predicted_problem import PredictedProblem
from diffkeras.physics.bounds.results import Certificate, Refinement
from diffkeras.physics.problem import Problem
from diffkeras.physics.uptake.enclosure import SLACK
from diffkeras.physics.uptake.newton import NewtonRun


def certify_enclosed(predicted: PredictedProblem) -> Certificate:
    """See `certificate.certify`."""
    problem, prediction = predicted.problem, predicted.prediction
    if not problem.scale:
        field = _still(problem)
        bound = np.zeros(problem.lattice)
        return Certificate(field, 0.0, bound, np.abs(prediction - field) * SLACK, 0.0, 0.0)
    run = NewtonRun(problem, prediction / problem.scale)
    scaled = run.certify(prediction / problem.scale)
    field, bound = _field(run, problem), scaled * problem.scale * SLACK
    node_bound = (np.abs(prediction - field) + bound) * SLACK
    # rounding is in the bound already, and the fixed nodes hold their values
    return Certificate(field, float(bound.max()), bound, node_bound, 0.0, 0.0)


def refine_enclosed(predicted: PredictedProblem, tolerance: float) -> Refinement:
    """See `refinement.refine`."""
    problem = predicted.problem
    if not problem.scale:
        return Refinement(_still(problem), 0.0, 0, (0.0,), "newton-cg", 0.0)
    run = NewtonRun(problem, predicted.prediction / problem.scale)
    run.iterate(tolerance)
    bound = run.bound * problem.scale * SLACK
    return Refinement(_field(run, problem), bound, run.iterations, (bound,), "newton-cg", 0.0)


def _field(run: NewtonRun, problem: Problem) -> NDArray[np.float64]:
    """The run's field, times the problem's scale; its rounding is in the run's bound."""
    field = run.rounded() * problem.scale
    np.copyto(field, problem.values, where=problem.fixed)
    return field


def _still(problem: Problem) -> NDArray[np.float64]:
    """The field if nothing reaches a free node: 0 there."""
    return np.where(problem.fixed, problem.values, 0.0)
