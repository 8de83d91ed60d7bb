"""Problems with every term at once: no bound is below the error, and no tolerance is missed."""

from collections import Counter

import numpy as np
import pytest
from all_terms import LONGEST, problem_of, random_all_sides, random_maps, random_units
from plain_equations import reference

from diffkeras.errors import ConvergenceError
from diffkeras.physics import Problem, certify, solve

IMAGES = 4  # of a batch
DOUBT = 1e-13  # references that are less certain, relative to the field, are left out
HARDEST = 1e-11  # tolerances from here on must be met
LONGEST_IN_SPACE = 3


def random_batch(seed: int) -> Problem:
    """Images on one lattice, each with maps and sides of its own."""
    rng = np.random.default_rng([seed, 22])
    dimensions = 3 if rng.random() < 0.2 else 2
    longest = LONGEST_IN_SPACE if dimensions == 3 else LONGEST
    lattice = tuple(int(n) for n in rng.integers(1, longest + 1, dimensions))
    units = random_units(rng)
    images = []
    for _ in range(IMAGES):
        maps, sides = random_maps(rng, lattice, units), random_all_sides(rng, lattice, units)
        images.append(problem_of(maps, sides, units.step, capped=bool(rng.random() < 0.3)))
    return Problem.batch(images)


def check(seed: int) -> Counter[str]:
    """What came of the images of a batch."""
    rng, batch, outcomes = np.random.default_rng([seed, 23]), random_batch(seed), Counter[str]()
    references = [reference(image) for image in batch.images]
    exact = np.stack([field for field, _ in references])
    axes = tuple(range(1, exact.ndim))
    sizes = np.abs(exact).max(axis=axes)
    doubts = np.array([doubt for _, doubt in references]) + 1e-15 * sizes
    known = doubts <= DOUBT * sizes
    outcomes["no reference"] = int((~known).sum())
    slack = doubts.reshape(-1, *(1 for _ in axes))

    tolerance = float(10 ** rng.uniform(-12, -1))
    noise = 10 ** rng.uniform(-10, 0) * rng.standard_normal(exact.shape)
    wrong = (exact + noise * sizes.reshape(slack.shape)).astype(np.float64)
    start = wrong if rng.random() < 0.5 else None
    try:
        solution = solve(batch, tolerance=tolerance, initial=start)
    except ConvergenceError:
        assert tolerance < HARDEST, f"{seed}: did not converge to {tolerance:g}"
        outcomes["tolerance refused"] = IMAGES
    else:
        errors = np.abs(solution.field.astype(np.longdouble) - exact)
        largest = errors.max(axis=axes)
        assert (largest <= tolerance * sizes + doubts)[known].all(), f"{seed}: tolerance missed"
        assert (largest <= np.asarray(solution.error_bound) + doubts)[known].all(), seed
        assert (errors <= solution.node_bound + slack)[known].all(), f"{seed}: node bound"
        outcomes["solved"] = int(known.sum())

    certificate = certify(wrong, batch)
    corrected = certificate.corrected
    for name, field, bound in (
        ("given", wrong, certificate.node_bound),
        ("corrected", corrected.field, corrected.node_bound),
    ):
        errors = np.abs(field.astype(np.longdouble) - exact)
        assert (errors <= bound + slack)[known].all(), f"{seed}: bound of the {name} field"
    outcomes["certified"] = int(known.sum())
    return outcomes


def check_all(seeds: range) -> Counter[str]:
    outcomes = sum(map(check, seeds), Counter[str]())
    assert outcomes["certified"] > 0.95 * IMAGES * len(seeds)
    assert outcomes["solved"] > 0.8 * IMAGES * len(seeds)
    return outcomes


def test_problems_with_every_term():
    check_all(range(12))


@pytest.mark.slow
@pytest.mark.parametrize("start", range(1000, 3500, 250))
def test_ten_thousand_problems_with_every_term(start):
    outcomes = check_all(range(start, start + 250))
    print(*sorted(outcomes.items()), sep="\n")
