"""Lists of problems: as one by one, in one process or several."""

from dataclasses import replace

import numpy as np
import pytest

import diffkeras as dk
from diffkeras.errors import ConvergenceError, PhysicsError
from diffkeras.physics import steady_state
from tests.helpers.random_problems import moderate_problem
from tests.helpers.rounding import same_solutions


@pytest.fixture(scope="module")
def problems():
    """Of all terms and several lattices, among them neighbours with the same medium."""
    mixed = [moderate_problem(seed) for seed in range(8)]
    assert len({problem.lattice for problem in mixed}) > 2
    image = dk.sample_sources(4, (24, 31), radius=3, rng=1).image(dtype=np.float64)
    medium = dk.Medium(1 + image, 0.1)
    alike = [dk.Problem(value * image, medium=medium) for value in (1.0, -2.0)]
    return [*mixed, *alike, dk.Problem(image), dk.Problem(2 * image), dk.Problem(production=image)]


@pytest.mark.parametrize("processes", [None, 2])
def test_solutions_are_those_of_single_problems(problems, processes, monkeypatch):
    monkeypatch.setattr(steady_state, "MOST_NODES", 2000)  # several tasks, some of several problems
    monkeypatch.setattr(steady_state, "BYTES", 4)  # some arrays don't fit
    solutions = dk.solve_many(problems, processes=processes)
    for solution, problem in zip(solutions, problems, strict=True):
        alone = dk.solve(problem)
        assert solution.problem is problem
        assert same_solutions(solution.field, alone.field)
        assert replace(solution.stats, reached=0.0) == replace(alone.stats, reached=0.0)
        assert solution.error_bound == pytest.approx(alone.error_bound, rel=0.5, abs=1e-14)
        assert not solution.field.flags.writeable


def test_certificates_are_those_of_single_fields(problems):
    fields = [0.9 * dk.solve(problem).field for problem in problems]
    certificates = dk.certify_many(fields, problems)
    for certificate, field, problem in zip(certificates, fields, problems, strict=True):
        alone = dk.certify(field, problem)
        np.testing.assert_allclose(certificate.node_bound, alone.node_bound, rtol=1e-6, atol=1e-12)
        assert certificate.corrected.problem is problem


@pytest.mark.parametrize("processes", [1, 2])
def test_each_problem_has_a_start_of_its_own(processes):
    image, vessel = np.zeros((2, 16, 16))
    image[4:7, 4:7], vessel[2, 3] = 1.0, 1.0
    problems = [dk.Problem(vessel, uptake=dk.MichaelisMenten(k * image, 0.2)) for k in (1.0, 2.0)]
    cold = dk.solve_many(problems, processes=processes)
    initial = [cold[0].field, None]
    warm = dk.solve_many(problems, initial=initial, processes=processes)
    assert warm[0].stats.newton_steps < cold[0].stats.newton_steps
    assert warm[1].stats.newton_steps == cold[1].stats.newton_steps


PROBLEM = dk.Problem(np.eye(4))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dk.solve_many(PROBLEM), r"give Problems in a list, .* not one Problem"),
        (lambda: dk.solve_many(np.ones((2, 4, 4))), "not a list with ndarray"),
        (lambda: dk.solve_many(None), "not a list with NoneType"),
        (lambda: dk.solve_many([PROBLEM], initial=[]), "1 problems, and 0 initial fields"),
        (lambda: dk.solve_many([PROBLEM], initial=[np.ones(3)]), r"initial field has shape \(3,\)"),
        (lambda: dk.solve_many([PROBLEM] * 2, processes=2, method="magic"), "'magic' is unknown"),
        (lambda: dk.certify_many([], [PROBLEM]), "1 problems, and 0 fields"),
        (
            lambda: dk.certify_many([np.eye(4), np.eye(5)], [PROBLEM] * 2),
            r"field 1: the field has shape \(5, 5\)",
        ),
        (lambda: dk.solve([PROBLEM]), "a list of Problems; of several use solve_many"),
    ],
)
def test_what_is_no_list_of_problems_is_refused(call, message):
    with pytest.raises(PhysicsError, match=message):
        call()


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_in_one_problem_reaches_the_caller(processes):
    wall = np.full((12, 12), 1.0)
    wall[:, 6] = 1e-8
    hard = dk.Problem(np.eye(12), diffusivity=wall, decay=1e-9)
    with pytest.raises(ConvergenceError):
        dk.solve_many([PROBLEM, hard], tolerance=1e-13, processes=processes)
