"""Certificates and refinement of problems with saturating uptake.

A step of Newton's method corrects the prediction, and `uptake.enclosure` proves node by node how
far the corrected field is from the solution. Where that can't be proven yet, for example because
cells near their maximum take up hardly more when there is more, further steps are taken before.
"""

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.bounds.predicted_problem import PredictedProblem
from diffkeras.physics.bounds.results import Certificate, Refinement
from diffkeras.physics.problem import Problem
from diffkeras.physics.solvers.comparison import SLACK
from diffkeras.physics.uptake.newton import NewtonRun


def certify_saturating(predicted: PredictedProblem) -> Certificate:
    """See `certificate.certify`."""
    problem, prediction = predicted.problem, predicted.prediction
    if not problem.scale:
        field = _still(problem)
        bound = np.zeros(problem.lattice)
        return Certificate(field, 0.0, bound, np.abs(prediction - field), 0.0, 0.0)
    run = NewtonRun(problem, prediction)
    run.correct()
    bound = run.enclose()  # which may correct the field further
    field = run.rounded()
    np.copyto(field, problem.values, where=problem.fixed)
    node_bound = (np.abs(prediction - field) + bound) * SLACK
    # rounding is in the bound already, and the fixed nodes hold their values
    return Certificate(field, float(bound.max()), bound, node_bound, 0.0, 0.0)


def refine_saturating(predicted: PredictedProblem, tolerance: float) -> Refinement:
    """See `refinement.refine`."""
    problem = predicted.problem
    if not problem.scale:
        return Refinement(_still(problem), 0.0, 0, (0.0,), "newton-cg", 0.0)
    run = NewtonRun(problem, predicted.prediction)
    run.iterate(tolerance)
    field = run.rounded()
    np.copyto(field, problem.values, where=problem.fixed)
    return Refinement(field, run.bound, run.steps, (run.bound,), "newton-cg", 0.0)


def _still(problem: Problem) -> NDArray[np.float64]:
    """The field if nothing reaches a free node: 0 there."""
    return np.where(problem.fixed, problem.values, 0.0)
