"""Certificates: what their bounds rest on, and that they keep the values they are for."""

import pickle

import numpy as np
import pytest

from diffkeras.physics import solve
from diffkeras.physics.equations import Equations
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.proofs.rounding import inverse_norm_bound
from diffkeras.physics.solution import certify
from tests.helpers.plain_equations import matrix_of


def test_inverse_norm_is_bounded_by_every_barrier(medium):
    # against the true norm, the largest row sum of the inverse on the free nodes
    lattice = (12, 15, 3)[: medium.dimensions]
    fixed = np.zeros(lattice, dtype=bool)
    fixed[3:6, 4:9] = True
    fixed[10, 13] = True
    free = ~fixed.ravel()
    matrix = matrix_of(lattice, medium).toarray()[np.ix_(free, free)]
    true = np.linalg.inv(matrix).sum(axis=1).max()
    equations = Equations(Problem(np.zeros(lattice), medium=medium, fixed=fixed))
    bound = inverse_norm_bound(equations) / medium.unit
    assert true <= bound * (1 + 1e-12)
    assert bound <= 60 * true


@pytest.mark.parametrize("decay", [1e-9, 1e-7])
def test_an_empty_problem_of_a_closed_lattice_is_certified(decay):
    options = {"decay": decay, "boundary": "reflecting"}
    image = np.zeros((20, 20))
    assert solve(image, **options).error_bound == 0
    certificate = certify(image + 0.5, image, **options)
    assert certificate.error_bound == pytest.approx(0.5)


@pytest.mark.parametrize("diffusivity", [1.0, np.full((20, 20), 1.0)], ids=["uniform", "varying"])
def test_a_solved_field_keeps_the_values_that_its_bound_is_for(diffusivity):
    image = np.zeros((20, 20))
    image[5:10, 5:10] = 1.0
    solution = solve(image, diffusivity=diffusivity)
    copied = pickle.loads(pickle.dumps(solution))
    for array in (solution.field, solution.node_bound, copied.field, copied.node_bound):
        with pytest.raises(ValueError, match="read-only"):
            array[12, 12] += 0.25
    if not copied.problem.is_uniform:
        assert not copied.problem.medium.diffusivity.flags.writeable
    image[12, 12] = 7.0  # the caller's, of which the problem has a copy
    assert solution.error_bound < 1e-9
    assert solution.node_bound.max() < 1e-9


def test_a_certified_field_keeps_the_values_that_its_bound_is_for():
    field = np.zeros((8, 8))
    certificate = certify(field, np.eye(8))
    field += 5.0  # the caller's, of which the certificate has a copy
    assert certificate.field.max() == 0
    for array in (certificate.field, certificate.node_bound, certificate.corrected.node_bound):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1.0
    assert len({certificate, certificate}) == 1


@pytest.mark.parametrize("shape", [(6, 8, 1), (1, 6, 8), (1, 1, 6, 8)])
@pytest.mark.parametrize("kind", [np.float32, np.longdouble])
def test_an_axis_of_one_channel_is_removed(shape, kind):
    image = np.eye(6, 8)
    field = (0.3 * image[::-1]).astype(kind)
    alone, found = (certify(each, image) for each in (field, field.reshape(shape)))
    assert found.field.shape == (6, 8)
    np.testing.assert_array_equal(found.node_bound, alone.node_bound)
