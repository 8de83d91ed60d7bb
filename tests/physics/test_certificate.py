"""Certificates: the proven bounds hold for any prediction, and they are sharp."""

import pickle

import numpy as np
import pytest

from diffkeras.physics import Medium, sample_sources, solve
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.solution import certify
from diffkeras.physics.solvers.correction import inverse_norm_bound
from tests.helpers.plain_equations import matrix_of
from tests.helpers.predictions import predict


@pytest.mark.parametrize("boundary", ["absorbing", ("reflecting", "periodic")])
@pytest.mark.parametrize("decay", [0.0, 1 / 400])
@pytest.mark.parametrize("kind", ["noise", "smooth", "relative", "zeros", "float32"])
def test_bounds_stay_within_one_and_a_half_of_the_true_error(boundary, decay, kind):
    medium = Medium(decay=decay, boundary=boundary)
    image = sample_sources(5, (96, 110), radius=(0, 5), rng=1).image((96, 110), np.float64)
    exact = solve(image, medium=medium).field
    prediction = predict(kind, exact)
    certificate = certify(prediction, image, medium=medium)
    assert abs(certificate.corrected.field - exact).max() <= certificate.corrected.error_bound
    true = abs(prediction - exact).max()
    assert true <= certificate.error_bound <= 1.5 * true


def test_far_from_wrong_sources_the_node_bound_falls_off_with_the_diffusion_length():
    image = np.zeros((40, 200))
    image[18:22, 18:22], image[18:22, 178:182] = 1.0, 0.5
    exact = solve(image, medium=Medium(decay=1 / 25)).field
    prediction = exact.copy()
    prediction[:, :40] *= 1.01
    certificate = certify(prediction, image, decay=1 / 25)
    assert certificate.node_bound[20, 23] > 5e-3
    # 80 steps are 16 diffusion lengths: what is left is the share of the error that isn't corrected
    assert certificate.node_bound[20, 100] < 1e-5


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
