"""Families in a graph: bounds that hold, tolerances, and SavedModels without diffkeras' model."""

import functools

import numpy as np
import pytest
import tensorflow as tf

import diffkeras as dk
from diffkeras.errors import PhysicsError
from diffkeras.tf_solver import CertifiedFamily
from tests.helpers.random_families import tissue_family


@functools.cache
def certified():
    basis = dk.ReducedBasis.train(tissue_family(16), 30)
    return basis, CertifiedFamily(dk.nn.reduced_basis(basis), basis.family)


def exact(family, points):
    return [
        dk.solve(family.problem_at(point, extrapolate=True), tolerance=1e-9) for point in points
    ]


def check(fields, bounds, solutions):
    for field, bound, solution in zip(fields.numpy(), bounds.numpy(), solutions, strict=True):
        error = np.abs(field.reshape(solution.field.shape) - solution.field)
        assert (error <= bound.reshape(error.shape) + solution.node_bound).all()


def test_bounds_hold_in_and_out_of_the_ranges():
    basis, model = certified()
    family = basis.family
    points = np.concatenate([family.draw(3, seed=5), 1.3 * family.high[None]])
    certificate = model.certify(points)
    check(certificate.field, certificate.node_bound, exact(family, points))
    assert (certificate.error_bound.numpy() < 0.3).all()
    np.testing.assert_allclose(certificate.field[:3], basis.fields(points[:3]), atol=1e-5)


def test_a_tolerance_is_met():
    basis, model = certified()
    points = basis.family.draw(3, seed=6)
    solution = model.solve(points, 1e-4)
    check(solution.field, solution.node_bound, exact(basis.family, points))
    sizes = tf.reduce_max(solution.field, axis=(1, 2))
    assert (solution.error_bound <= 1.01e-4 * sizes).numpy().all()


@pytest.mark.slow  # traces three graphs
def test_an_export_certifies(tmp_path):
    basis, model = certified()
    model.export(tmp_path / "tissue")
    loaded = tf.saved_model.load(str(tmp_path / "tissue"))
    points = basis.family.draw(2, seed=7)
    outputs = loaded.certified(tf.constant(points))
    check(outputs["field"], outputs["node_bound"], exact(basis.family, points))
    assert loaded.serve(tf.constant(points)).shape == (2, 16, 16, 1)
    refined = loaded.refined(tf.constant(points), tf.constant(1e-3))
    assert (refined["error_bound"] <= 2e-3).numpy().all()


def test_what_a_graph_cannot_vary_is_refused():
    family = dk.Family(dk.Problem(np.eye(8)), {"step": (0.5, 2.0)})
    with pytest.raises(PhysicsError, match="in a graph, step can't vary"):
        CertifiedFamily(None, family)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([0.02], r"parameters \(.*, .*\) must have shape \(batch, 5\), not \(1,\)"),
        (np.zeros((2, 2)), r"not \(2, 2\)"),
        ([["much"] * 5], "must be real numbers, not string"),
        (None, "must be an array of real numbers"),
        (np.ma.masked_all((2, 5)), "must not be a masked array"),
    ],
)
def test_parameters_that_are_none_are_refused(parameters, message):
    model = certified()[1]
    with pytest.raises(PhysicsError, match=message):
        model.certify(parameters)
    with pytest.raises(PhysicsError, match=message):
        model.solve(parameters, 1e-3)


def test_models_of_no_family_are_refused():
    with pytest.raises(PhysicsError, match="of a Family, not of Problem"):
        CertifiedFamily(certified()[1].model, certified()[0].family.problem)
