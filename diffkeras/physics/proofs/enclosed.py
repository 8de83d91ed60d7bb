"""Proofs by enclosures: in media that vary, and with saturating uptake.

Newton steps, of which a linear problem is one, correct the field, and `enclosure` proves
node by node how far the corrected field is from the solution. Steps follow until what is left of
the error is a small share of what they corrected, so that the bound says how wrong the field is,
and not how rough the proof.
"""

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.proofs.enclosure import SLACK
from diffkeras.physics.proofs.results import Bounds
from diffkeras.physics.solution import SolveStatistics
from diffkeras.physics.solvers.newton import NewtonRun

METHOD = "newton-cg"


def certify_enclosed(problem: Problem, field: NDArray[np.float64]) -> Bounds:
    """The corrected field of a given one, and the bounds of both."""
    if not problem.scale:  # nothing reaches a free node: 0 there
        exact = np.where(problem.fixed, problem.values, 0.0)
        stats = SolveStatistics(METHOD, problem.ring.size)
        return Bounds(np.abs(field - exact) * SLACK, exact, np.zeros(problem.lattice), stats)
    run = NewtonRun(problem, field / problem.scale)
    bound = run.certify(field / problem.scale) * problem.scale * SLACK
    # the rounding of this product is in the bound already
    corrected = run.rounded() * problem.scale
    np.copyto(corrected, problem.values, where=problem.fixed)
    stats = SolveStatistics(
        METHOD,
        problem.ring.size,
        run.iterations,
        float(bound.max()) / problem.scale,
        newton_steps=run.steps if problem.uptake else 0,
    )
    return Bounds((np.abs(field - corrected) + bound) * SLACK, corrected, bound, stats)
