"""Random problems of every kind that is accepted, against exact fields in higher precision.

No bound lies below the error or says little, no tolerance is missed, no solve takes longer than its
time.
"""

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest

from diffkeras.errors import ConvergenceError, PhysicsError
from diffkeras.physics import FixedFlux, FixedValue, Medium, Problem, Robin, certify, solve
from diffkeras.physics.arguments import LARGEST
from diffkeras.physics.steady.table import METHODS
from tests.helpers.plain_equations import reference
from tests.helpers.random_problems import TERMS, KnownProblem, Units, known_problem, random_lattice

SECONDS = 20.0  # of CPU for one problem, whose lattice has at most 40 × 40 or 10 × 10 × 10 nodes
PROVING = ("newton-cg",)  # methods that prove their tolerance
PROVABLE = 1e-7  # a decay, as a share of D/h², with which closed lattices have proofs
WITHIN = 0.1  # errors of predictions whose bounds shall say something
LEAST = 1e-9  # such an error: where D varies by orders, rounding hides smaller ones
SHARP, DULL = 3.0, 10.0  # bounds over errors
MOST_DULL = 0.01  # share of linear media that vary
MOST_UNSOLVED = 0.02  # share of problems without a proof, from a start or not


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the main thread after some time of all threads."""

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _uses_transforms(problem: Problem) -> bool:
    return problem.is_uniform and problem.uptake is None


def _slowness(medium: Medium) -> float:
    """The share of a field that extended precision can't prove if only decay takes it away."""
    decay = np.mean(medium.decay) / medium.unit
    return 1e-17 / decay if decay and medium.is_closed else 0.0


def check(seed: int, known: KnownProblem) -> str:
    """Solve and certify one problem, and solve it from a start; what came of it."""
    rng, problem = np.random.default_rng([seed, 1]), known.problem
    tolerance = float(10 ** rng.uniform(-13, -1))
    method = str(rng.choice(METHODS)) if _uses_transforms(problem) else "auto"
    outcome = f"{method} solved"
    try:
        solution = solve(problem, method=method, tolerance=tolerance)
    except ConvergenceError:
        # proofs of such tolerances can need more digits than extended precision has
        assert not _uses_transforms(problem) or method in PROVING, "did not converge"
        provable = {2: 1e-11, 3: 3e-11}[len(problem.lattice)]
        slowness = 0.0 if problem.fixed.any() else _slowness(problem.medium)
        assert tolerance < provable + slowness
        outcome = "did not converge"
    else:
        _check_solution(known, solution, tolerance)
        if problem.uptake is None:
            assert solution.stats.reached <= tolerance, "error above the tolerance"
    outcome += _check_bounds(rng, known)
    return outcome + _check_start(rng, known)


def _check_solution(known: KnownProblem, solution: object, tolerance: float) -> None:
    fixed = known.problem.fixed
    values = known.problem.values.astype(solution.field.dtype)
    assert np.array_equal(solution.field[fixed], values[fixed])
    errors = known.errors(solution.field)
    assert (errors <= tolerance * known.size).all(), "tolerance missed"
    assert (errors <= solution.error_bound).all(), "error bound below the error"
    assert (errors <= solution.node_bound).all(), "node bound below the error"
    if known.problem.reduced.production is None:
        ends = (*known.problem.values[fixed], 0.0)  # nothing else is higher or lower
        field = solution.field.astype(np.float64)  # in single precision, ends would be rounded
        beyond = np.maximum(field - max(ends), min(ends) - field)
        assert beyond.max() <= solution.error_bound, "maximum principle"


def _check_bounds(rng: np.random.Generator, known: KnownProblem) -> str:
    problem = known.problem
    size = 10 ** rng.choice([rng.uniform(-10, 0), 6.0], p=[0.9, 0.1])
    prediction = _wrong(rng, known, size)
    try:
        certificate = certify(prediction, problem)
    except ConvergenceError:
        # where only a decay that rounding hides takes anything away
        assert not _uses_transforms(problem)
        assert not problem.fixed.any()
        assert problem.medium.is_closed
        assert np.mean(problem.medium.decay) < PROVABLE * problem.medium.unit
        return ", not certified"
    corrected = certificate.corrected
    errors = known.errors(corrected.field)
    assert (errors <= corrected.node_bound).all(), "node bound of the corrected"
    assert (errors <= corrected.error_bound).all(), "error bound of the corrected"
    errors = known.errors(prediction)
    assert (errors <= certificate.node_bound).all(), "node bound violated"
    share = float(errors.max()) / known.size
    assert share <= certificate.relative_error_bound, "relative bound below the error"
    if problem.uptake is not None:
        return ""
    free = ~problem.fixed
    error = float(errors.max(where=free, initial=0.0))
    bound = float(certificate.node_bound.max(where=free, initial=0.0))
    if size > WITHIN or not error > LEAST * known.size:
        return ""
    if _uses_transforms(problem):
        assert bound <= SHARP * error, "bound says little"
    return "" if bound <= DULL * error else ", dull"


def _wrong(rng: np.random.Generator, known: KnownProblem, size: float) -> np.ndarray:
    """A prediction with a rough, a proportional or a smooth error, on the fixed nodes, too."""
    exact = (known.exact / known.size).astype(np.float64)
    places = np.indices(exact.shape).sum(axis=0)
    errors = [rng.standard_normal(exact.shape).clip(-5, 5) / 5, exact, np.sin(places / 7)]
    return (exact + size * errors[int(rng.integers(3))]) * known.size


def _check_start(rng: np.random.Generator, known: KnownProblem) -> str:
    """Solve from a wrong field, which uniform media don't need and others profit from."""
    tolerance = float(10 ** rng.uniform(-9, -1))
    start = _wrong(rng, known, 10 ** rng.uniform(-10, 0))
    try:
        solution = solve(known.problem, initial=start, tolerance=tolerance)
    except ConvergenceError:
        assert not known.problem.fixed.any(), "did not converge from a start"
        with pytest.raises(ConvergenceError):  # nor without one
            solve(known.problem, tolerance=tolerance)
        return ", not from a start"
    _check_solution(known, solution, tolerance)
    return ""


def check_all(seeds: range, make: Callable[[int], KnownProblem | None]) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    failures: list[str] = []
    for seed in seeds:
        known = make(seed)
        if known is None:
            outcomes["no problem"] += 1
            continue
        try:
            with time_limit(SECONDS):
                outcomes[check(seed, known)] += 1
        except (AssertionError, TimeoutError, PhysicsError, RuntimeError) as failure:
            if "in single precision it must be" in str(failure) and known.size > LARGEST:
                outcomes["too large for single precision"] += 1
                continue
            failures.append(f"{seed}: {type(failure).__name__} {failure}")
    assert not failures, "\n".join(failures)
    dull = sum(number for outcome, number in outcomes.items() if "dull" in outcome)
    assert dull <= MOST_DULL * len(seeds)
    unsolved = sum(n for outcome, n in outcomes.items() if "not from a start" in outcome)
    assert unsolved <= MOST_UNSOLVED * len(seeds)
    assert sum(outcomes.values()) - outcomes["no problem"] > 0.6 * len(seeds)
    return outcomes


def all_terms(seed: int, dimensions: int) -> KnownProblem | None:
    """A small problem with maps, sides, production and uptake."""
    rng = np.random.default_rng([seed, 22])
    lattice = tuple(min(side, 6 // (dimensions - 1)) for side in random_lattice(rng, dimensions))
    units = Units.random(rng, extreme=False)
    return known_problem([seed, 0], terms=TERMS, lattice=lattice, units=units)


# kind, and the numbers of problems of two and three dimensions
KINDS = {
    "fixed": (known_problem, 80, 30),
    "producing": (partial(known_problem, terms=("production",)), 80, 30),
    "shapes": (partial(known_problem, terms=("shapes",), maybe=("production", "sides")), 60, 20),
    "walls": (partial(known_problem, terms=("sides",), maybe=("production",)), 80, 30),
    "cells": (partial(known_problem, terms=("uptake",), maybe=("production", "sides")), 80, 20),
    "all terms": (all_terms, 40, 8),
}


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_random_problems(kind, dimensions):
    make, *counts = KINDS[kind]
    check_all(range(counts[dimensions - 2]), partial(make, dimensions=dimensions))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("start", range(1000, 3000, 250))
def test_thousands_of_random_problems(start, dimensions, kind):
    make, *_ = KINDS[kind]
    outcomes = check_all(range(start, start + 250), partial(make, dimensions=dimensions))
    print(*sorted(outcomes.items()), sep="\n")


@pytest.mark.parametrize(("seed", "kind"), [(1316, "walls"), (1549, "all terms")])
def test_a_start_that_leads_nowhere_is_dropped(seed, kind):
    make, *_ = KINDS[kind]
    assert "not from a start" not in check(seed, make(seed, dimensions=2))


def test_bounds_cover_the_rounding_of_the_equations_coefficients():
    """Which extended precision of the field alone doesn't reduce."""
    make, *_ = KINDS["shapes"]
    check(2124, make(2124, dimensions=3))


@pytest.mark.parametrize("side", [FixedFlux(1.0), FixedValue(0.3), Robin(0.7, 0.3)])
@pytest.mark.parametrize("step", [0.1, 0.3])
def test_a_production_that_cancels_a_side_leaves_its_rounding(side, step):
    """Which determines the whole field."""
    boundary = (("reflecting", side), "reflecting")
    _, added = side.terms(1.0, step)
    production = np.zeros((6, 5))
    production[-1] = -added
    problem = Problem(production=production, decay=1e-6, step=step, boundary=boundary)
    exact, doubt = reference(problem)
    if problem.is_uniform:  # else no tolerance relative to such a field is proven
        solution = solve(problem)
        assert (abs(solution.field - exact) <= solution.node_bound + doubt).all()
    certificate = certify(np.zeros((6, 5)), problem)
    assert (abs(exact) <= certificate.node_bound + doubt).all()
