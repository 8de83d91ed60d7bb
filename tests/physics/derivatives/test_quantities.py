"""Bounds of quantities and of adjoints, against fields in extended precision."""

import warnings
from fractions import Fraction

import numpy as np
import pytest

import diffkeras as dk
from tests.helpers.plain_equations import jacobian, reference
from tests.helpers.random_problems import moderate_problem

TOLERANCES = (1e-1, 1e-2, 1e-4, 1e-6, 1e-10)


def check_bounds(seed):
    """Returns how much sharper quantities are than by the bounds of their nodes."""
    problem = moderate_problem(seed)
    parts = {name: np.longdouble(part) for name, part in dk.parts_of(problem).items()}
    field, _ = reference(problem)
    matrix = jacobian(problem, field, parts)
    rng = np.random.default_rng([seed, 2])
    weights = rng.normal(size=field.shape) * (rng.random(field.shape) < rng.choice([0.2, 1.0]))
    value, shares = (weights * field).sum(), []
    adjoint = np.linalg.solve(matrix.T, np.where(problem.fixed, 0, weights).ravel())
    adjoint = np.where(problem.fixed, 0, adjoint.reshape(field.shape))
    for tolerance in TOLERANCES:
        solution = dk.solve(problem, tolerance=tolerance)
        given = dk.certify(solution.field + tolerance * rng.normal(size=field.shape), problem)
        for source in (given, solution):
            quantity = source.quantity(weights)
            assert abs(quantity.value - value) <= quantity.error_bound, (seed, tolerance)
            assert abs(quantity.of_field - value) <= quantity.of_field_bound, (seed, tolerance)
        by_nodes = (np.abs(weights) * solution.node_bound).sum()
        if by_nodes > 1e-9 * np.abs(field).max() * np.abs(weights).sum():  # more than rounding
            shares.append(quantity.error_bound / by_nodes)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # rough fields
            derivatives = solution.vjp(weights, tolerance)
        error = np.abs(derivatives.adjoint - adjoint)
        # the reference's adjoint is solved in double precision
        assert (error <= derivatives.adjoint_bound + 1e-9 * np.abs(adjoint).max()).all(), seed
    return shares


@pytest.mark.parametrize("start", range(0, 60, 20))
def test_no_bound_is_violated(start):
    shares = [share for seed in range(start, start + 20) for share in check_bounds(seed)]
    assert np.median(shares) < 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("start", range(60, 1060, 100))
def test_no_bound_of_ten_thousand_is_violated(start):
    for seed in range(start, start + 100):
        check_bounds(seed)


def test_the_sum_over_a_field_in_single_precision_is_that_of_the_field():
    image = np.eye(8)
    solution = dk.solve(image / 3, decay=0.1, tolerance=1e-5)
    quantity = solution.quantity(image)
    assert quantity.of_field == np.sum(image * solution.field)
    assert abs(quantity.of_field - 8 / 3) <= quantity.of_field_bound


def test_the_bound_of_the_field_asked_about_is_rounded_up():
    rng = np.random.default_rng(0)
    for value, error, given in rng.lognormal(sigma=[0.01, 3.0, 0.01], size=(300, 3)).tolist():
        bound = dk.physics.Quantity(value, error, given).of_field_bound
        assert Fraction(bound) >= abs(Fraction(given) - Fraction(value)) + Fraction(error)
