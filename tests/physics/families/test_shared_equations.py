"""Equations by what a family shares: the same as those of each problem, but for rounding."""

import numpy as np

import diffkeras as dk
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.families.shared_equations import SharedEquations, SharedOperator
from tests.helpers.random_families import random_family, tissue_family


def sparse_family():
    """Few cells, of two regions, in a tissue of 24×24 nodes."""
    values, kinds = np.zeros((24, 24)), np.zeros((24, 24), int)
    values[2:5, 3:6] = 1.0
    kinds[8:12, 8:12], kinds[15:19, 4:9] = 1, 2
    problem = dk.Problem(values, uptake=dk.MichaelisMenten(0.01 * (kinds > 0), 0.2), decay=0.002)
    parameters = {"uptake.maximum[one]": (0.005, 0.05), "uptake.constant": (0.05, 0.5)}
    parameters |= {"decay": (0.001, 0.01), "values": (0.5, 1.0)}
    return dk.Family(problem, parameters, {"one": kinds == 1})


def pairs(families):
    for seed, family in enumerate(families):
        rng = np.random.default_rng(seed)
        shared = SharedOperator(Equations(family.problem_at(family.lowest_point)))
        for point in family.draw(2, seed=seed):
            problem = family.problem_at(point)
            field = rng.normal(size=problem.lattice) * 10.0 ** rng.integers(-3, 4)
            field = np.where(problem.fixed, problem.values, field)
            yield seed, shared.equations_of(problem), Equations(problem), field


def families():
    return [tissue_family(), sparse_family(), *map(random_family, range(30))]


def test_residuals_are_wrong_by_their_rounding_at_most():
    shares = set()
    for seed, shared, plain, field in pairs(families()):
        residual, most = shared.residual_and_largest_rounding(field)
        exact = plain.residual(field.astype(np.longdouble))
        assert np.abs(residual - exact).max() <= most, seed
        assert most <= 1e-12 * np.abs(field).max() * shared.most_slopes + 1e-12, seed
        assert not residual[plain.fixed].any()
        shares.add(isinstance(shared, SharedEquations))
    assert shares == {True, False}  # some families vary the diffusivity


def test_slopes_are_those_of_the_problem():
    for seed, shared, plain, field in pairs(families()):
        for one, other in (
            (shared.slope(field), plain.slope(field)),
            (shared.least_slope(field, 0.1), plain.least_slope(field, 0.1)),
        ):
            free = plain.free
            expected = np.broadcast_to(other, free.shape)[free]
            np.testing.assert_array_equal(np.broadcast_to(one, free.shape)[free], expected, seed)
        assert shared.most_slopes >= plain.most_slopes * (1 - 1e-12)
