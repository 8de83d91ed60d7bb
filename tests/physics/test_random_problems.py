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
from random_problems import EXACT, RandomProblem, random_problem, random_walls

from diffkeras.errors import ConvergenceError, PhysicsError
from diffkeras.physics import Medium, certify, solve
from diffkeras.physics.solvers.table import METHODS

SECONDS = 20.0  # for one problem, whose lattice has at most 40 × 40 or 10 × 10 × 10 nodes
PROVING = ("newton-cg",)  # methods that prove their tolerance
PROVABLE = 1e-7  # a decay, as a share of D/h², with which closed lattices have proofs
WITHIN = 0.1  # errors of predictions whose bounds shall say something
LEAST = 1e-9  # such an error: where D varies by orders, rounding hides smaller ones
SHARP, DULL = 3.0, 10.0  # bounds over errors
MOST_DULL = 0.01  # share of media that vary


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the main thread after some time."""

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _slowness(medium: Medium) -> float:
    """The share of a field that extended precision can't prove if only decay takes it away."""
    decay = np.mean(medium.decay) / medium.unit
    return 1e-17 / decay if decay and medium.is_closed else 0.0


def check(seed: int, problem: RandomProblem) -> str:
    """Solve and certify one problem, and solve it from a start; what came of it."""
    rng = np.random.default_rng([seed, 1])
    tolerance = float(10 ** rng.uniform(-13, -1))
    method = str(rng.choice(METHODS)) if problem.is_uniform else "auto"
    medium, fixed = problem.medium, problem.fixed
    outcome = f"{method} solved"
    try:
        solution = solve(
            problem.image,
            production=problem.production,
            medium=medium,
            fixed=fixed,
            method=method,
            tolerance=tolerance,
        )
    except ConvergenceError:
        # proofs of such tolerances can need more digits than extended precision has
        assert not problem.is_uniform or method in PROVING, "did not converge"
        provable = {2: 1e-11, 3: 3e-11}[medium.dimensions]
        assert tolerance < (provable if fixed is not None else provable + _slowness(medium))
        outcome = "did not converge"
    else:
        error = problem.error(solution.field)
        assert error <= tolerance + EXACT, "tolerance missed"
        assert solution.stats.residual <= tolerance, "residual above the tolerance"
        assert error <= solution.error_bound / problem.scale + EXACT, "error bound below the error"
        if solution.stats.method == "newton-cg":  # which has proven it
            below = problem.errors(solution.field) > solution.node_bound / problem.scale + EXACT
            assert not (below & ~solution.problem.fixed).any(), "node bound below the error"
            assert solution.node_bound.max() <= solution.error_bound
    outcome += _check_bounds(rng, problem)
    return outcome + _check_start(rng, problem)


def _check_bounds(rng: np.random.Generator, problem: RandomProblem) -> str:
    medium, scale = problem.medium, problem.scale
    fixed = np.zeros(problem.exact.shape, dtype=bool) if problem.fixed is None else problem.fixed
    size = 10 ** rng.uniform(-10, 0)
    prediction = _wrong(rng, problem, size)
    try:
        certificate = certify(prediction, problem.image, **_keywords(problem))
    except ConvergenceError:
        # where only a decay that rounding hides takes anything away
        assert not problem.is_uniform
        assert problem.fixed is None
        assert medium.is_closed
        assert np.mean(medium.decay) < PROVABLE * medium.unit
        return ", not certified"
    corrected = certificate.corrected
    errors = problem.errors(corrected.field)
    assert (errors <= corrected.node_bound / scale + EXACT).all(), "node bound of the corrected"
    error = problem.error(corrected.field)
    assert error <= corrected.error_bound / scale + EXACT, "error bound of the corrected"
    errors = problem.errors(prediction)
    violated = errors > certificate.node_bound / scale + EXACT * (1 + errors)
    assert not (violated & ~fixed).any(), "node bound violated"
    error = float(errors.max(where=~fixed, initial=0.0))
    bound = float(certificate.node_bound.max(where=~fixed, initial=0.0)) / scale
    if size > WITHIN or not error > LEAST:
        return ""
    if problem.is_uniform:
        assert bound <= SHARP * error + 2 * certificate.allowance / scale, "bound says little"
    return "" if bound <= DULL * error else ", dull"


def _keywords(problem: RandomProblem) -> dict[str, object]:
    return {"production": problem.production, "fixed": problem.fixed, "medium": problem.medium}


def _wrong(rng: np.random.Generator, problem: RandomProblem, size: float) -> np.ndarray:
    """A prediction with a rough, a proportional or a smooth error, on the fixed nodes, too."""
    exact = problem.exact.astype(np.float64)
    places = np.indices(exact.shape).sum(axis=0)
    errors = [rng.standard_normal(exact.shape).clip(-5, 5) / 5, exact, np.sin(places / 7)]
    return (exact + size * errors[int(rng.integers(3))]) * problem.scale


def _check_start(rng: np.random.Generator, problem: RandomProblem) -> str:
    """Solve from a wrong field, which uniform media don't need and others profit from."""
    tolerance = float(10 ** rng.uniform(-9, -1))
    start = _wrong(rng, problem, 10 ** rng.uniform(-10, 0))
    try:
        solution = solve(problem.image, initial=start, tolerance=tolerance, **_keywords(problem))
    except ConvergenceError:
        assert problem.fixed is None, "did not converge from a start"
        assert tolerance < _slowness(problem.medium), "did not converge from a start"
        return ", not from a start"
    error = problem.error(solution.field)
    assert error <= tolerance + EXACT, "tolerance missed from a start"
    assert error <= solution.error_bound / problem.scale + EXACT, "bound from a start"
    return ""


def check_all(seeds: range, make: Callable[[int], RandomProblem | None]) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    failures: list[str] = []
    for seed in seeds:
        problem = make(seed)
        if problem is None:
            outcomes["no problem"] += 1
            continue
        try:
            with time_limit(SECONDS):
                outcomes[check(seed, problem)] += 1
        except (AssertionError, TimeoutError, PhysicsError, RuntimeError) as failure:
            failures.append(f"{seed}: {type(failure).__name__} {failure}")
    assert not failures, "\n".join(failures)
    dull = sum(number for outcome, number in outcomes.items() if "dull" in outcome)
    assert dull <= MOST_DULL * len(seeds)
    return outcomes


MAKERS = {
    "fixed": random_problem,
    "producing": partial(random_problem, produces=True),
    "walls": random_walls,
}


@pytest.mark.parametrize(("dimensions", "count"), [(2, 80), (3, 30)])
@pytest.mark.parametrize("kind", MAKERS)
def test_random_problems(kind, dimensions, count):
    outcomes = check_all(range(count), partial(MAKERS[kind], dimensions=dimensions))
    assert sum(outcomes.values()) - outcomes["no problem"] > 0.6 * count


@pytest.mark.slow
@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("dimensions", [2, 3])
def test_thousands_of_random_problems(dimensions, kind):
    outcomes = check_all(range(2000), partial(MAKERS[kind], dimensions=dimensions))
    print(*sorted(outcomes.items()), sep="\n")
